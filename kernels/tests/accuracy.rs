//! How close exp, ln, sigmoid, tanh and the reference's fused multiply-add are to the truth. f64 is the oracle.
#![allow(clippy::disallowed_methods)] // the oracle may use libm

mod common;

use common::thinning::one_in;
use common::{Random, all_isas, canonical, exact_isas, reference};
use mnist_fast_kernels::{Kernels, MatMut, MatRef, Workspace};

/// The distance to the exact value in units of the last place of the f32 nearest to it.
fn ulps(found: f32, exact: f64) -> f64 {
    let nearest = exact as f32;
    let ulp = if nearest.is_finite() {
        let magnitude = nearest.abs().max(f32::MIN_POSITIVE);
        f64::from(f32::from_bits(magnitude.to_bits() + 1)) - f64::from(magnitude)
    } else {
        f64::from(f32::MAX) - f64::from(f32::MAX.next_down())
    };
    (f64::from(found) - exact).abs() / ulp
}

/// How far a sweep goes from one float's bits to the next where it is not exhaustive: odd, so that all low bits occur.
fn stride() -> usize {
    4093 * one_in()
}

/// Calls `check(x, f(x))` for every `stride`-th bit pattern of f32.
fn sweep(stride: usize, f: impl Fn(&mut [f32]), mut check: impl FnMut(f32, f32)) {
    let mut next: u64 = 0;
    while next <= u64::from(u32::MAX) {
        let x: Vec<f32> = (0..4096)
            .map(|i| next + i * stride as u64)
            .take_while(|bits| *bits <= u64::from(u32::MAX))
            .map(|bits| f32::from_bits(bits as u32))
            .collect();
        next += x.len() as u64 * stride as u64;
        let mut y = x.clone();
        f(&mut y);
        x.into_iter().zip(y).for_each(|(x, y)| check(x, y));
    }
}

fn check_exp(kernels: Kernels, stride: usize) {
    let mut worst = (0.0, 0.0);
    sweep(
        stride,
        |x| kernels.exp(x),
        |x, y| {
            let exact = f64::from(x).exp();
            if x.is_nan() {
                assert!(y.is_nan(), "exp({x:e}) = {y:e}");
            } else if exact < f64::from(f32::MIN_POSITIVE) * (1.0 - 1e-7) {
                assert_eq!(y.to_bits(), 0, "exp({x:e}) = {y:e}, not +0");
            } else if exact as f32 == f32::INFINITY {
                assert_eq!(y, f32::INFINITY, "exp({x:e})");
            } else {
                assert!(y >= f32::MIN_POSITIVE && y.is_finite(), "exp({x:e}) = {y:e}");
                let error = ulps(y, exact);
                worst = if error > worst.0 { (error, x) } else { worst };
            }
        },
    );
    println!("{}: exp within {:.3} ULP, worst at {:e}", kernels.isa(), worst.0, worst.1);
    assert!(worst.0 <= 1.02, "{} ULP at {:e}", worst.0, worst.1);
}

fn check_ln(kernels: Kernels, stride: usize) {
    let mut worst = (0.0, 0.0);
    sweep(
        stride,
        |x| kernels.ln(x),
        |x, y| {
            if x.is_nan() || x < 0.0 {
                assert!(y.is_nan(), "ln({x:e}) = {y:e}");
            } else if x == 0.0 || x == f32::INFINITY {
                assert_eq!(y, x.ln(), "ln({x:e})");
            } else {
                let error = ulps(y, f64::from(x).ln());
                worst = if error > worst.0 { (error, x) } else { worst };
            }
        },
    );
    println!("{}: ln within {:.3} ULP, worst at {:e}", kernels.isa(), worst.0, worst.1);
    assert!(worst.0 <= 0.83, "{} ULP at {:e}", worst.0, worst.1);
}

/// Sigmoid, of which results below 2^-126 are +0.
fn check_sigmoid(kernels: Kernels, stride: usize) {
    let mut worst = (0.0, 0.0);
    sweep(
        stride,
        |x| kernels.sigmoid(x),
        |x, y| {
            let exact = 1.0 / (1.0 + f64::from(-x).exp());
            if x.is_nan() {
                assert!(y.is_nan(), "sigmoid({x:e}) = {y:e}");
            } else if exact < f64::from(f32::MIN_POSITIVE) * (1.0 - 1e-7) {
                assert_eq!(y.to_bits(), 0, "sigmoid({x:e}) = {y:e}, not +0");
            } else {
                assert!((0.0..=1.0).contains(&y), "sigmoid({x:e}) = {y:e}");
                let error = ulps(y, exact);
                worst = if error > worst.0 { (error, x) } else { worst };
            }
        },
    );
    println!("{}: sigmoid within {:.3} ULP, worst at {:e}", kernels.isa(), worst.0, worst.1);
    assert!(worst.0 <= 2.41, "{} ULP at {:e}", worst.0, worst.1);
}

/// tanh, never above 1 in magnitude.
fn check_tanh(kernels: Kernels, stride: usize) {
    let mut worst = (0.0, 0.0);
    sweep(
        stride,
        |x| kernels.tanh(x),
        |x, y| {
            if x.is_nan() {
                assert!(y.is_nan(), "tanh({x:e}) = {y:e}");
            } else {
                assert!((-1.0..=1.0).contains(&y), "tanh({x:e}) = {y:e}");
                let error = ulps(y, f64::from(x).tanh());
                worst = if error > worst.0 { (error, x) } else { worst };
            }
        },
    );
    println!("{}: tanh within {:.3} ULP, worst at {:e}", kernels.isa(), worst.0, worst.1);
    assert!(worst.0 <= 1.46, "{} ULP at {:e}", worst.0, worst.1);
}

#[test]
fn sigmoid_and_tanh_at_floats_everywhere() {
    for kernels in all_isas() {
        check_sigmoid(kernels, stride());
        check_tanh(kernels, stride());
    }
}

/// As for exp and ln: minutes.
#[test]
#[ignore = "exhaustive: 2^32 floats per ISA, minutes in release"]
fn sigmoid_and_tanh_at_every_float() {
    for kernels in exact_isas() {
        check_sigmoid(kernels, 1);
        check_tanh(kernels, 1);
    }
}

#[test]
fn exp_and_ln_at_floats_everywhere() {
    for kernels in all_isas() {
        check_exp(kernels, stride());
        check_ln(kernels, stride());
    }
}

/// `cargo test --release -- --ignored`: 2^32 values per ISA, minutes.
#[test]
#[ignore = "exhaustive: 2^32 floats per ISA, minutes in release"]
fn exp_and_ln_at_every_float() {
    for kernels in exact_isas() {
        check_exp(kernels, 1);
        check_ln(kernels, 1);
    }
}

fn check_references_bits(kernels: Kernels, stride: usize) {
    for f in [Kernels::exp as fn(Kernels, &mut [f32]), Kernels::ln, Kernels::sigmoid, Kernels::tanh] {
        let mut expected = [0.0];
        sweep(
            stride,
            |x| f(kernels, x),
            |x, y| {
                expected[0] = x;
                f(reference(), &mut expected);
                assert_eq!(canonical(expected[0]), canonical(y), "{x:e} on {}", kernels.isa());
            },
        );
    }
}

#[test]
fn elementary_functions_have_the_references_bits_at_floats_everywhere() {
    for kernels in exact_isas() {
        check_references_bits(kernels, stride());
    }
}

/// The reference and the SIMD ISAs agree at every float, not only in ULP.
#[test]
#[ignore = "exhaustive: 2^32 floats per ISA, minutes in release"]
fn elementary_functions_have_the_references_bits_at_every_float() {
    for kernels in exact_isas() {
        check_references_bits(kernels, 1);
    }
}

#[test]
fn softmax_and_loss_are_close_to_f64() {
    for kernels in all_isas() {
        let mut random = Random::new(9);
        for columns in [1, 2, 10, 33] {
            let x: Vec<f32> = random.vec(columns).iter().map(|x| x * 20.0).collect();
            let row = MatRef::new(&x, 1, columns).unwrap();
            let (mut p, mut loss, mut class) = (vec![0.0; columns], [0.0], [0]);
            kernels.softmax(row, MatMut::new(&mut p, 1, columns).unwrap()).unwrap();
            let label = random.below(columns);
            kernels.softmax_cross_entropy(row, &[label as u32], 1, None, &mut loss, &mut class).unwrap();
            let max = x.iter().copied().fold(f64::MIN, |a, b| a.max(f64::from(b)));
            let sum: f64 = x.iter().map(|x| (f64::from(*x) - max).exp()).sum();
            for (x, p) in x.iter().zip(&p) {
                let below = max - f64::from(*x);
                let exact = (-below).exp() / sum;
                // exp, the sum and the division, and x - max itself, which is rounded before exp sees it.
                let bound = (4e-7 + below * f64::from(f32::EPSILON)) * exact;
                assert!((f64::from(*p) - exact).abs() <= bound, "{p:e} for {exact:e}");
            }
            let exact = sum.ln() + max - f64::from(x[label]);
            assert!(
                (f64::from(loss[0]) - exact).abs() <= 4e-7 * exact.abs() + 2e-7,
                "{} for {exact}",
                loss[0]
            );
        }
    }
}

/// A chain of k roundings errs by at most k eps times the sum of magnitudes (Higham, 3.1).
#[test]
fn gemm_is_close_to_f64() {
    let mut ws = Workspace::new();
    for kernels in all_isas() {
        for (m, n, k) in [(64, 128, 784), (64, 10, 128), (128, 10, 64), (3, 5, 7), (33, 17, 500)] {
            let mut random = Random::new(k as u64);
            let (a, b) = (random.vec(m * k), random.vec(k * n));
            let mut c = vec![0.0; m * n];
            let (av, bv) = (MatRef::new(&a, m, k).unwrap(), MatRef::new(&b, k, n).unwrap());
            kernels.gemm(1.0, av, bv, 0.0, MatMut::new(&mut c, m, n).unwrap(), &mut ws).unwrap();
            for i in 0..m {
                for j in 0..n {
                    let terms = (0..k).map(|p| f64::from(a[i * k + p]) * f64::from(b[p * n + j]));
                    let (exact, magnitude) = terms.fold((0.0, 0.0), |(s, t), x| (s + x, t + x.abs()));
                    let bound = 2.0 * k as f64 * f64::from(f32::EPSILON) * magnitude;
                    assert!(
                        (f64::from(c[i * n + j]) - exact).abs() <= bound,
                        "{} {m}x{n}x{k}",
                        kernels.isa()
                    );
                }
            }
        }
    }
}

fn check_fma(a: f32, b: f32, c: f32) {
    let (expected, found) = (a.mul_add(b, c), mnist_fast_kernels::reference::fma(a, b, c));
    let same = expected.to_bits() == found.to_bits() || expected.is_nan() && found.is_nan();
    assert!(same, "fma({a:e}, {b:e}, {c:e}) = {found:e}, expected {expected:e}");
}

#[test]
fn the_references_fma_is_mul_add() {
    let special = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        f32::MIN_POSITIVE,
        1e-45,
        -1e-45,
        f32::MAX,
        f32::MIN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        f32::EPSILON,
        1.0 + f32::EPSILON,
        1.0 - f32::EPSILON / 2.0,
    ];
    for a in special {
        for b in special {
            for c in special {
                check_fma(a, b, c);
            }
        }
    }
    let mut random = Random::new(1);
    for _ in 0..1_000_000 / one_in() {
        // Any bits at all, and then numbers whose product and addend are near each other, down to denormals.
        let [a, b, c] = [0; 3].map(|_| f32::from_bits(random.bits() as u32));
        check_fma(a, b, c);
        let scale = f32::from_bits((random.below(250) as u32 + 1) << 23);
        let (a, b) = (random.unit(), random.unit() * scale);
        check_fma(a, b, random.unit() * scale);
        check_fma(a, b, -a * b);
        check_fma(a, b, (-a * b) * (1.0 + f32::EPSILON));
    }
}
