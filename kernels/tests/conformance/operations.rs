//! Every operation on every exact ISA gives the reference's bits.

use crate::common::layout::GUARD;
use crate::common::thinning::Thinning;
use crate::common::{Differences, Random, exact_isas, reference};
use mnist_fast_kernels::{Activation, Kernels, MatMut, MatRef, RmsProp, Sgd, Workspace};

/// Sizes around every tile edge: all small ones, then beside multiples of 16 up to the widest tile and past it.
fn sizes() -> Vec<usize> {
    let mut sizes: Vec<usize> = (0..=33).collect();
    sizes.extend([47, 48, 49, 63, 64, 65, 127, 128, 129, 130]);
    sizes
}

/// A C of `m x n` in a buffer of guards, its rows `ld` apart.
fn guarded(m: usize, n: usize, ld: usize, fill: impl FnMut() -> f32) -> Vec<f32> {
    let mut buffer = vec![GUARD; m * ld + 40];
    let mut fill = fill;
    for i in 0..m {
        for x in &mut buffer[i * ld..i * ld + n] {
            *x = fill();
        }
    }
    buffer
}

/// Runs one GEMM; `which` transposes the operands' memory: A in bit 0, B in bit 1.
#[allow(clippy::too_many_arguments)]
fn gemm(
    kernels: Kernels,
    (m, n, k): (usize, usize, usize),
    which: usize,
    offset: usize,
    alpha: f32,
    beta: f32,
    seed: u64,
    ws: &mut Workspace<'_>,
) -> Vec<f32> {
    let mut random = Random::new(seed);
    let (a, b) = (random.vec(m * k + offset), random.vec(k * n + offset));
    let view = |data, rows: usize, columns: usize, transposed: bool| {
        let (rs, cs) = if transposed { (1, rows as isize) } else { (columns as isize, 1) };
        MatRef::with_strides(data, offset, rows, columns, rs, cs).unwrap()
    };
    let ld = n + offset;
    let mut c = guarded(m, n, ld, || if beta == 0.0 { f32::NAN } else { random.unit() });
    kernels
        .gemm(
            alpha,
            view(&a, m, k, which & 1 != 0),
            view(&b, k, n, which & 2 != 0),
            beta,
            MatMut::with_leading_dimension(&mut c, m, n, ld).unwrap(),
            ws,
        )
        .unwrap();
    c
}

#[test]
fn gemm_over_a_grid_of_small_sizes() {
    let (mut ws, mut differences, mut thinning) = (Workspace::new(), Differences::new(), Thinning::new());
    for kernels in exact_isas() {
        for m in (0..=13).chain([31, 32, 33]) {
            for n in sizes() {
                for k in [0, 1, 2, 3, 7, 10, 17] {
                    if !thinning.takes(m * n * k) {
                        continue;
                    }
                    let which = (m + n + k) % 4;
                    let (offset, seed) = ((m + 3 * k) % 5, (m * 1000 + n * 10 + k) as u64);
                    let [expected, found] = [reference(), kernels]
                        .map(|kernels| gemm(kernels, (m, n, k), which, offset, 1.0, 0.0, seed, &mut ws));
                    let what = || format!("{} gemm {m}x{n}x{k} layout {which}", kernels.isa());
                    differences.compare(what, &expected, &found);
                }
            }
        }
    }
    differences.finish();
}

#[test]
fn gemm_over_layouts_alpha_and_beta() {
    let (mut ws, mut differences, mut thinning) = (Workspace::new(), Differences::new(), Thinning::new());
    for kernels in exact_isas() {
        for which in 0..4 {
            for alpha in [1.0, 0.0, -0.7, f32::NAN] {
                for beta in [0.0, 1.0, -1.3] {
                    // 600 rows of few columns: more than are turned over at a time.
                    for (m, n, k) in
                        [(7, 19, 5), (64, 10, 128), (13, 130, 40), (1, 33, 300), (2, 3, 0), (600, 3, 5)]
                    {
                        if !thinning.takes(m * n * k) {
                            continue;
                        }
                        let [expected, found] = [reference(), kernels]
                            .map(|kernels| gemm(kernels, (m, n, k), which, 3, alpha, beta, 7, &mut ws));
                        let what = || {
                            format!("{} {m}x{n}x{k} layout {which} alpha {alpha} beta {beta}", kernels.isa())
                        };
                        differences.compare(what, &expected, &found);
                    }
                }
            }
        }
    }
    differences.finish();
}

/// Sizes on both sides of every blocking boundary (depth 2048, 128 columns, 48 rows), with B in place and, where its
/// rows are far apart or its columns contiguous, packed.
#[test]
fn gemm_across_blocks() {
    let (mut ws, mut differences, mut thinning) = (Workspace::new(), Differences::new(), Thinning::new());
    for kernels in exact_isas() {
        for (m, n, k) in [
            (3, 20, 2047),
            (3, 20, 2048),
            (3, 20, 2049),
            (5, 17, 4100),
            (2, 129, 9),
            (49, 16, 3),
            (97, 530, 20),
            (110, 129, 2050),
        ] {
            for (which, alpha) in [(0, 1.0), (1, 1.0), (2, 1.0), (3, -0.5)] {
                if !thinning.takes(m * n * k) {
                    continue;
                }
                let [expected, found] = [reference(), kernels]
                    .map(|kernels| gemm(kernels, (m, n, k), which, 0, alpha, 0.5, 11, &mut ws));
                let what = || format!("{} gemm {m}x{n}x{k} layout {which}", kernels.isa());
                differences.compare(what, &expected, &found);
            }
        }
    }
    differences.finish();
}

/// Negative, zero and general strides of the inputs.
#[test]
fn gemm_with_any_input_strides() {
    let (mut ws, mut differences) = (Workspace::new(), Differences::new());
    let data = Random::new(5).vec(5000);
    let (m, n, k) = (9, 37, 21);
    for kernels in exact_isas() {
        for (rs, cs) in [(-40, -1), (3, 64), (0, 1), (1, 0), (0, 0), (-2, 50), (101, -2)] {
            let view = |rows, columns| MatRef::with_strides(&data, 2500, rows, columns, rs, cs).unwrap();
            let [expected, found] = [reference(), kernels].map(|kernels| {
                let mut c = vec![GUARD; m * n];
                let to = MatMut::new(&mut c, m, n).unwrap();
                kernels.gemm(1.0, view(m, k), view(k, n), 0.0, to, &mut ws).unwrap();
                c
            });
            differences.compare(|| format!("{} strides {rs}, {cs}", kernels.isa()), &expected, &found);
        }
    }
    differences.finish();
}

/// Zero strides make k as deep as one likes; views that reach outside of their slice are refused, also where their
/// extent overflows.
#[test]
fn extreme_views_are_refused_and_empty_ones_work() {
    let data = [1.0];
    let extremes = [usize::MAX, usize::MAX / 2, 1 << 62, 2];
    let strides = [isize::MAX, isize::MIN, isize::MIN + 1, -1, 1 << 62];
    for rows in extremes {
        for columns in extremes {
            for (rs, cs) in strides.into_iter().flat_map(|rs| strides.map(|cs| (rs, cs))) {
                let view = MatRef::with_strides(&data, 0, rows, columns, rs, cs);
                assert!(view.is_err(), "{rows}x{columns} with strides {rs}, {cs}");
            }
        }
    }
    let everywhere = MatRef::with_strides(&data, 0, usize::MAX, usize::MAX, 0, 0).unwrap();
    assert_eq!(everywhere.get(usize::MAX - 1, 7), Some(1.0));
    for kernels in exact_isas().into_iter().chain([reference()]) {
        for (m, n) in [(0, 3), (3, 0), (0, 0)] {
            let (a, b) = (MatRef::new(&[], m, 0).unwrap(), MatRef::new(&[], 0, n).unwrap());
            let c = MatMut::new(&mut [], m, n).unwrap();
            kernels.gemm(2.0, a, b, 3.0, c, &mut Workspace::new()).unwrap();
        }
    }
}

/// The pointer interface: any strides of C as well, with gaps that stay as they were.
#[test]
fn sgemm_with_any_strides_of_c() {
    let (mut ws, mut differences, mut thinning) = (Workspace::new(), Differences::new(), Thinning::new());
    for (m, n, k) in [(5, 7, 9), (70, 66, 20), (65, 1, 3), (1, 65, 3), (4, 4, 0), (0, 3, 2), (130, 10, 64)] {
        let mut random = Random::new((m * n + k) as u64);
        let (a, b) = (random.vec(m * k), random.vec(k * n));
        let (mi, ni) = (m as isize, n as isize);
        // (row stride, column stride, where element (0, 0) is), in a buffer with room for all of them
        for (rs, cs, start) in [
            (ni, 1, 0),
            (ni + 3, 1, 5),
            (1, mi, 0),
            (2, 2 * mi + 1, 1),
            (3 * ni, 3, 2),
            (-ni, 1, (mi - 1).max(0) * ni),
            (-1, -mi, (mi - 1).max(0) + (ni - 1).max(0) * mi),
        ] {
            for (alpha, beta) in [(1.0, 0.0), (-0.5, 1.0), (2.0, 0.3)] {
                if !thinning.takes(m * n * k) {
                    continue;
                }
                let c: Vec<f32> = random.vec(3 * m * n + 200 + 4 * (m + n));
                let mut results = vec![];
                for kernels in exact_isas().into_iter().chain([reference()]) {
                    let mut found = c.clone();
                    // SAFETY: the buffer has room for the strides above; A and B are as long as their shapes.
                    unsafe {
                        let to = found.as_mut_ptr().offset(start);
                        let (ka, kb) = (k as isize, ni);
                        kernels
                            .sgemm(
                                m,
                                k,
                                n,
                                alpha,
                                a.as_ptr(),
                                ka,
                                1,
                                b.as_ptr(),
                                kb,
                                1,
                                beta,
                                to,
                                rs,
                                cs,
                                &mut ws,
                            )
                            .unwrap();
                    }
                    results.push((kernels.isa(), found));
                }
                let (av, bv) = (MatRef::new(&a, m, k).unwrap(), MatRef::new(&b, k, n).unwrap());
                let mut plain = vec![0.0; m * n];
                let place = |i: usize, j: usize| (start + i as isize * rs + j as isize * cs) as usize;
                for (at, x) in plain.iter_mut().enumerate() {
                    *x = c[place(at / n, at % n)];
                }
                reference()
                    .gemm(alpha, av, bv, beta, MatMut::new(&mut plain, m, n).unwrap(), &mut ws)
                    .unwrap();
                let mut expected = c.clone();
                for (at, x) in plain.iter().enumerate() {
                    expected[place(at / n, at % n)] = *x;
                }
                for (isa, found) in results {
                    differences.compare(
                        || format!("{isa} sgemm {m}x{n}x{k} strides {rs}, {cs}"),
                        &expected,
                        &found,
                    );
                }
            }
        }
    }
    differences.finish();
    let mut c = [0.0; 4];
    // SAFETY: refused before anything is touched.
    let refused = unsafe {
        let p = c.as_mut_ptr();
        reference().sgemm(2, 0, 2, 1.0, p, 1, 1, p, 1, 1, 0.0, p, 0, 1, &mut ws)
    };
    assert!(refused.is_err());
}

#[test]
fn splits_cover_everything_once() {
    for len in 0..70 {
        for multiple in [1, 6, 16] {
            for parts in 1..9 {
                let mut next = 0;
                for part in 0..parts {
                    let range = mnist_fast_kernels::split(len, multiple, parts, part);
                    assert_eq!(range.start, next);
                    assert!(range.end == len || range.end.is_multiple_of(multiple));
                    next = range.end;
                }
                assert_eq!(next, len);
            }
        }
    }
}

#[test]
fn gemm_with_nan_and_infinity() {
    let (mut ws, mut differences) = (Workspace::new(), Differences::new());
    for kernels in exact_isas() {
        for seed in 0..20 {
            let mut random = Random::new(seed);
            let (m, n, k) = (1 + random.below(20), 1 + random.below(40), random.below(30));
            let (a, b) = (random.wild(m * k), random.wild(k * n));
            let [expected, found] = [reference(), kernels].map(|kernels| {
                let mut c = vec![0.0; m * n];
                let (a, b) = (MatRef::new(&a, m, k).unwrap(), MatRef::new(&b, k, n).unwrap());
                kernels.gemm(1.0, a, b, 0.0, MatMut::new(&mut c, m, n).unwrap(), &mut ws).unwrap();
                c
            });
            differences.compare(|| format!("{} gemm {m}x{n}x{k}", kernels.isa()), &expected, &found);
        }
    }
    differences.finish();
}

/// The three products of a dense layer, with their fused ends, at the network's real shapes and at odd ones.
#[test]
fn dense_layer() {
    let (mut ws, mut differences, mut thinning) = (Workspace::new(), Differences::new(), Thinning::new());
    let shapes =
        [(64, 784, 128), (64, 128, 128), (64, 128, 10), (16, 784, 128), (32, 128, 10), (5, 7, 3), (1, 1, 1)]
            .into_iter()
            .chain((0..40).map(|i| (i % 9, (i * 7) % 50, (i * 11) % 45)));
    for (batch, inputs, outputs) in shapes {
        let mut random = Random::new((batch + inputs + outputs) as u64);
        let (x, w) = (random.vec(batch * inputs), random.vec(inputs * outputs));
        let (bias, delta) = (random.vec(outputs), random.vec(batch * outputs));
        let x = MatRef::new(&x, batch, inputs).unwrap();
        let w = MatRef::new(&w, inputs, outputs).unwrap();
        let delta = MatRef::new(&delta, batch, outputs).unwrap();
        for activation in [Activation::Relu, Activation::Linear] {
            for masked in [true, false] {
                if !thinning.takes(batch * inputs * outputs) {
                    continue;
                }
                let mut run = |kernels: Kernels| {
                    let mut y = vec![GUARD; batch * outputs];
                    let to = MatMut::new(&mut y, batch, outputs).unwrap();
                    kernels.dense_forward(x, w, &bias, activation, to, &mut ws).unwrap();
                    let mut dx = vec![GUARD; batch * inputs];
                    let to = MatMut::new(&mut dx, batch, inputs).unwrap();
                    kernels.dense_input_gradient(delta, w, masked.then_some(x), to, &mut ws).unwrap();
                    let mut dw = vec![GUARD; inputs * outputs];
                    let to = MatMut::new(&mut dw, inputs, outputs).unwrap();
                    kernels.dense_weight_gradient(x, delta, to, &mut ws).unwrap();
                    let mut db = vec![GUARD; outputs];
                    kernels.dense_bias_gradient(delta, &mut db).unwrap();
                    [y, dx, dw, db]
                };
                let expected = run(reference());
                for kernels in exact_isas() {
                    let found = run(kernels);
                    for (name, (e, f)) in ["y", "dx", "dw", "db"].into_iter().zip(expected.iter().zip(&found))
                    {
                        let what = || format!("{} {name} of {batch}x{inputs}x{outputs}", kernels.isa());
                        differences.compare(what, e, f);
                    }
                }
            }
        }
    }
    differences.finish();
}

/// However the outputs are split into ranges, the bits are those of one call.
#[test]
fn ranges_of_outputs_give_the_same_bits() {
    let mut ws = Workspace::new();
    let (m, n, k) = (37, 50, 61);
    let mut random = Random::new(3);
    let (a, b) = (random.vec(m * k), random.vec(k * n));
    let (a, b) = (MatRef::new(&a, m, k).unwrap(), MatRef::new(&b, k, n).unwrap());
    for kernels in exact_isas() {
        let mut whole = vec![0.0; m * n];
        kernels.gemm(1.0, a, b, 0.0, MatMut::new(&mut whole, m, n).unwrap(), &mut ws).unwrap();
        for parts in [2, 3, 5] {
            let mut split = vec![0.0; m * n];
            for p in 0..parts {
                let (rows, columns) =
                    (p * m / parts..(p + 1) * m / parts, p * n / parts..(p + 1) * n / parts);
                for q in 0..parts {
                    let columns =
                        if parts == 2 { columns.clone() } else { q * n / parts..(q + 1) * n / parts };
                    let rows = if parts == 2 { q * m / parts..(q + 1) * m / parts } else { rows.clone() };
                    let c = MatMut::new(&mut split, m, n).unwrap();
                    let c = c.row_range(rows.clone()).unwrap().column_range(columns.clone()).unwrap();
                    let (a, b) = (a.row_range(rows).unwrap(), b.column_range(columns).unwrap());
                    kernels.gemm(1.0, a, b, 0.0, c, &mut ws).unwrap();
                }
            }
            assert_eq!(whole, split, "{} in {parts} parts", kernels.isa());
        }
    }
}

fn slices(differences: &mut Differences, name: &str, wild: bool, run: impl Fn(Kernels, &mut [f32])) {
    for n in 0..100 {
        let mut random = Random::new(n as u64);
        let x = if wild { random.wild(n) } else { random.vec(n) };
        let mut expected = x.clone();
        run(reference(), &mut expected);
        for kernels in exact_isas() {
            let mut found = x.clone();
            run(kernels, &mut found);
            differences.compare(|| format!("{} {name} of {n}", kernels.isa()), &expected, &found);
        }
    }
}

#[test]
fn elementwise() {
    let mut differences = Differences::new();
    slices(&mut differences, "relu", true, |k, x| k.relu(x));
    slices(&mut differences, "exp", true, |k, x| k.exp(x));
    slices(&mut differences, "ln", true, |k, x| k.ln(x));
    slices(&mut differences, "u8", false, |k, x| {
        let bytes: Vec<u8> = (0..x.len()).map(|i| (i * 37 + x.len()) as u8).collect();
        k.unit_from_u8(&bytes, x).unwrap();
    });
    slices(&mut differences, "sgd", true, |k, w| {
        let g = Random::new(w.len() as u64 + 1).wild(w.len());
        k.sgd(&Sgd::default(), w, &g).unwrap();
    });
    for (wild, steps) in [(false, 3), (true, 1)] {
        slices(&mut differences, "rmsprop", wild, |k, w| {
            let mut random = Random::new(w.len() as u64 + 2);
            let mut v: Vec<f32> = random.vec(w.len()).iter().map(|x| x * x).collect();
            for _ in 0..steps {
                let g = if wild { random.wild(w.len()) } else { random.vec(w.len()) };
                k.rmsprop(&RmsProp::default(), w, &mut v, &g).unwrap();
            }
            // The state has to agree as well: give it back in the weights' place.
            for (w, v) in w.iter_mut().zip(v).filter(|(_, v)| v.to_bits() & 1 == 1) {
                *w = v;
            }
        });
    }
    differences.finish();
}

#[test]
fn optimizer_state_decays_to_zero_without_denormals() {
    for kernels in exact_isas().into_iter().chain([reference()]) {
        let tiny = f32::from_bits((127 - 100) << 23); // 2^-100
        let (mut w, mut v) = (vec![1.0f32; 20], vec![1.0f32; 20]);
        for _ in 0..2000 {
            kernels.rmsprop(&RmsProp::default(), &mut w, &mut v, &[0.0; 20]).unwrap();
            assert!(v.iter().all(|v| *v == 0.0 || *v >= tiny), "{}", kernels.isa());
        }
        assert_eq!((w, v), (vec![1.0; 20], vec![0.0; 20]));
    }
}

#[test]
fn softmax_argmax_and_cross_entropy() {
    let (mut differences, mut thinning) = (Differences::new(), Thinning::new());
    for columns in 1..70 {
        for rows in [1, 2, 15, 16, 17, 33] {
            for wild in [false, true] {
                if !thinning.takes_small() {
                    continue;
                }
                let mut random = Random::new((columns * 100 + rows) as u64);
                let x = if wild { random.wild(rows * columns) } else { random.vec(rows * columns) };
                let labels: Vec<u32> = (0..rows).map(|_| random.below(columns) as u32).collect();
                let run = |kernels: Kernels| {
                    let x = MatRef::new(&x, rows, columns).unwrap();
                    let mut p = vec![GUARD; rows * columns];
                    kernels.softmax(x, MatMut::new(&mut p, rows, columns).unwrap()).unwrap();
                    let mut gradient = vec![GUARD; rows * columns];
                    let (mut losses, mut classes) = (vec![GUARD; rows], vec![0; rows]);
                    let to = MatMut::new(&mut gradient, rows, columns).unwrap();
                    kernels
                        .softmax_cross_entropy(x, &labels, 3 * rows, Some(to), &mut losses, &mut classes)
                        .unwrap();
                    let mut alone = (vec![GUARD; rows], vec![0; rows]);
                    kernels.softmax_cross_entropy(x, &labels, 1, None, &mut alone.0, &mut alone.1).unwrap();
                    let mut argmax = vec![0; rows];
                    kernels.argmax(x, &mut argmax).unwrap();
                    assert_eq!((&argmax, &argmax), (&classes, &alone.1));
                    (p, gradient, losses, alone.0, argmax)
                };
                let expected = run(reference());
                for kernels in exact_isas() {
                    let found = run(kernels);
                    let what = || format!("{} softmax {rows}x{columns}", kernels.isa());
                    differences.compare(what, &expected.0, &found.0);
                    differences.compare(what, &expected.1, &found.1);
                    differences.compare(what, &expected.2, &found.2);
                    differences.compare(what, &expected.3, &found.3);
                    assert_eq!(expected.4, found.4, "argmax of {rows}x{columns} on {}", kernels.isa());
                }
            }
        }
    }
    differences.finish();
}

#[test]
fn all_256_bytes_are_the_nearest_unit_floats() {
    let bytes: Vec<u8> = (0..=255).collect();
    for kernels in exact_isas().into_iter().chain([reference()]) {
        let mut found = [GUARD; 256];
        kernels.unit_from_u8(&bytes, &mut found).unwrap();
        for (byte, x) in bytes.iter().zip(found) {
            assert_eq!(x.to_bits(), (*byte as f32 / 255.0).to_bits(), "{byte} on {}", kernels.isa());
        }
    }
}
