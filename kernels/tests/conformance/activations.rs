//! Activations and their gradients: every exact ISA gives the reference's bits; gradients are close to f64.

use crate::common::{Differences, Random, all_isas, canonical, exact_isas, reference};
use mnist_fast_kernels::{Error, Kernels};

type InPlace = fn(Kernels, &mut [f32]);
type Gradient = fn(Kernels, &[f32], &mut [f32]) -> Result<(), Error>;

const IN_PLACE: [(&str, InPlace); 4] = [
    ("relu", Kernels::relu),
    ("leaky relu", |k, x| k.leaky_relu(0.3, x)),
    ("sigmoid", Kernels::sigmoid),
    ("tanh", Kernels::tanh),
];

const GRADIENTS: [(&str, Gradient); 4] = [
    ("relu", Kernels::relu_gradient),
    ("leaky relu", |k, h, delta| k.leaky_relu_gradient(0.3, h, delta)),
    ("sigmoid", Kernels::sigmoid_gradient),
    ("tanh", Kernels::tanh_gradient),
];

/// Numbers of every magnitude, the wild ones among them.
fn inputs(n: usize) -> Vec<f32> {
    let mut random = Random::new(n as u64);
    let wild = random.wild(n);
    let draw = |x: f32| match random.below(3) {
        0 => x,
        1 => f32::from_bits(random.bits() as u32),
        _ => random.unit(),
    };
    wild.into_iter().map(draw).collect()
}

#[test]
fn activations_have_the_references_bits() {
    let mut differences = Differences::new();
    for n in (0..100).chain([5000]) {
        let x = inputs(n);
        for (name, f) in IN_PLACE {
            let mut expected = x.clone();
            f(reference(), &mut expected);
            for kernels in exact_isas() {
                let mut found = x.clone();
                f(kernels, &mut found);
                differences.compare(|| format!("{} {name} of {n}", kernels.isa()), &expected, &found);
            }
        }
    }
    differences.finish();
}

#[test]
fn gradients_have_the_references_bits() {
    let mut differences = Differences::new();
    for n in (0..100).chain([5000]) {
        let (h, delta) = (inputs(n), inputs(n + 1));
        for (name, f) in GRADIENTS {
            let mut expected = delta[1..].to_vec();
            f(reference(), &h, &mut expected).unwrap();
            for kernels in exact_isas() {
                let mut found = delta[1..].to_vec();
                f(kernels, &h, &mut found).unwrap();
                let what = || format!("{} gradient of {name} of {n}", kernels.isa());
                differences.compare(what, &expected, &found);
                assert!(f(kernels, &h, &mut [0.0; 7]).is_err() || n == 7);
            }
        }
    }
    differences.finish();
}

#[test]
fn special_values() {
    let x = [f32::NEG_INFINITY, f32::INFINITY, f32::NAN, -0.0, 0.0, -1e-40, 1e-40, -1e4, 1e4];
    let nan = f32::NAN;
    let expected = [
        [0.0, f32::INFINITY, nan, 0.0, 0.0, 0.0, 1e-40, 0.0, 1e4],
        [f32::NEG_INFINITY, f32::INFINITY, nan, 0.0, 0.0, 0.3 * -1e-40, 1e-40, 0.3 * -1e4, 1e4],
        [0.0, 1.0, nan, 0.5, 0.5, 0.5, 0.5, 0.0, 1.0],
        [-1.0, 1.0, nan, 0.0, 0.0, -1e-40, 1e-40, -1.0, 1.0],
    ];
    for kernels in all_isas() {
        for ((name, f), expected) in IN_PLACE.into_iter().zip(expected) {
            let mut found = x;
            f(kernels, &mut found);
            assert_eq!(found.map(canonical), expected.map(canonical), "{name} on {}", kernels.isa());
        }
    }
}

#[test]
fn gradients_are_close_to_f64() {
    let h: Vec<f32> = Random::new(8).vec(1000);
    let delta = Random::new(9).vec(1000);
    let exact: [fn(f64) -> f64; 4] = [
        |h| if h > 0.0 { 1.0 } else { 0.0 },
        |h| if h > 0.0 { 1.0 } else { f64::from(0.3f32) },
        |h| h * (1.0 - h),
        |h| 1.0 - h * h,
    ];
    for kernels in all_isas() {
        for ((name, f), exact) in GRADIENTS.into_iter().zip(exact) {
            let mut found = delta.clone();
            f(kernels, &h, &mut found).unwrap();
            for ((h, delta), found) in h.iter().zip(&delta).zip(found) {
                let exact = f64::from(*delta) * exact(f64::from(*h));
                assert!((f64::from(found) - exact).abs() < 2e-7, "{name} at {h} on {}", kernels.isa());
            }
        }
    }
}
