//! The other forms of a product give the bits of the plain one: C with any strides, B packed beforehand.

use crate::common::layout::GUARD;
use crate::common::thinning::Thinning;
use crate::common::{Differences, Random, all_isas, exact_isas, reference};
use mnist_fast_kernels::{Activation, Error, Isa, Kernels, MatMut, MatRef, PackedB, StridedMut, Workspace};

/// Shapes around tiles, masks, panels and blocks (128 columns, depth 2048, 48 rows).
const SHAPES: [(usize, usize, usize); 18] = [
    (1, 128, 784),
    (2, 130, 33),
    (3, 129, 20),
    (1, 10, 128),
    (64, 10, 128),
    (64, 128, 784),
    (7, 16, 5),
    (13, 17, 40),
    (65, 48, 70),
    (200, 300, 30),
    (5, 300, 100),
    (49, 257, 20),
    (25, 33, 2049),
    (4, 5, 0),
    (0, 5, 3),
    (5, 0, 3),
    (70, 1, 9),
    (2, 70, 2100),
];

/// The ISAs to test, and for small products the reference too: it is slow, and slower still under emulation.
fn subjects(terms: usize) -> Vec<Kernels> {
    let small = (terms < 50_000).then(reference);
    exact_isas().into_iter().chain(small).collect()
}

/// `alpha A B + beta C` by the reference, row-major.
fn plain(
    alpha: f32,
    (a, b): (MatRef<'_>, MatRef<'_>),
    beta: f32,
    c: &[f32],
    ws: &mut Workspace<'_>,
) -> Vec<f32> {
    let mut c = c.to_vec();
    let to = MatMut::new(&mut c, a.rows(), b.columns()).unwrap();
    reference().gemm(alpha, a, b, beta, to, ws).unwrap();
    c
}

/// Row-major, column-major, gaps, both directions: `(offset, row stride, column stride)`.
fn layouts(m: usize, n: usize) -> Vec<(usize, isize, isize)> {
    let (mi, ni) = (m as isize, n as isize);
    let last = |count: usize, step: isize| count.saturating_sub(1) * step as usize;
    vec![
        (1, ni + 3, 1),
        (0, 1, mi),
        (2, 1, mi + 5),
        (0, 2 * ni.max(1), 2),
        (0, 3, 3 * mi.max(1) + 1),
        (last(m, ni + 2), -(ni + 2), 1),
        (last(n, 1), ni, -1),
        (last(m, 1) + last(n, mi.max(1)), -1, -mi.max(1)),
        (last(n, mi + 1), 1, -(mi + 1)),
    ]
}

#[test]
fn strided_results_have_the_bits_of_plain_ones() {
    let (mut ws, mut differences, mut thinning) = (Workspace::new(), Differences::new(), Thinning::new());
    for (m, n, k) in SHAPES {
        let mut random = Random::new((m + 3 * n + 7 * k) as u64);
        let (a, b) = (random.vec(m * k), random.vec(k * n));
        let (a, b) = (MatRef::new(&a, m, k).unwrap(), MatRef::new(&b, k, n).unwrap());
        for (alpha, beta) in [(1.0, 0.0), (1.0, 1.0), (-0.7, 0.3)] {
            let old = random.vec(m * n);
            let mut layouts = layouts(m, n);
            layouts.retain(|_| thinning.takes(m * n * k));
            if layouts.is_empty() {
                continue;
            }
            let sums = plain(alpha, (a, b), beta, &old, &mut ws);
            for (offset, rs, cs) in layouts {
                let place =
                    |at: usize| (offset as isize + (at / n) as isize * rs + (at % n) as isize * cs) as usize;
                let len = (0..m * n).map(place).max().unwrap_or(0) + 8;
                let (mut c, mut expected) = (vec![GUARD; len], vec![GUARD; len]);
                for (at, (old, sum)) in old.iter().zip(&sums).enumerate() {
                    // With beta = 0 the old values are not read.
                    c[place(at)] = if beta == 0.0 { f32::NAN } else { *old };
                    expected[place(at)] = *sum;
                }
                for kernels in subjects(m * n * k) {
                    let mut found = c.clone();
                    let to = StridedMut::new(&mut found, offset, m, n, rs, cs).unwrap();
                    kernels.gemm_strided(alpha, a, b, beta, to, &mut ws).unwrap();
                    let isa = kernels.isa();
                    let what = || format!("{isa} {m}x{n}x{k}, strides {rs} and {cs}, {alpha} and {beta}");
                    differences.compare(what, &expected, &found);
                }
            }
        }
    }
    differences.finish();
}

#[test]
fn strides_that_bring_elements_together_are_refused() {
    let mut data = [0.0; 100];
    let mut view = |rows, columns, rs, cs| StridedMut::new(&mut data, 50, rows, columns, rs, cs).map(|_| ());
    for (rs, cs) in [(0, 1), (1, 0), (0, 0), (1, 1), (2, 1), (-2, 1), (2, -1), (1, 3), (isize::MIN, 0)] {
        let refused = view(4, 3, rs, cs);
        assert!(matches!(refused, Err(Error::Stride { .. })), "4 x 3 by {rs} and {cs}: {refused:?}");
    }
    assert!(view(1, 3, 0, 1).is_ok() && view(4, 1, 1, 0).is_ok() && view(1, 1, 0, 0).is_ok());
    assert!(view(0, 3, 0, 0).is_ok(), "nothing to write");
    for (rs, cs) in [(isize::MIN, 1), (isize::MAX, 1), (100, 1), (-26, 1), (1, -26), (3, isize::MAX / 2)] {
        let refused = view(3, 3, rs, cs);
        assert!(matches!(refused, Err(Error::OutOfBounds { .. })), "3 x 3 by {rs} and {cs}: {refused:?}");
    }
    assert!(view(3, 3, 20, -20).is_err() && view(3, 3, 16, 1).is_ok() && view(3, 3, -16, 1).is_ok());
}

#[test]
fn products_with_a_packed_matrix_have_the_bits_of_plain_ones() {
    let (mut ws, mut differences, mut thinning) = (Workspace::new(), Differences::new(), Thinning::new());
    for (m, n, k) in SHAPES {
        let mut random = Random::new((m + 5 * n + 3 * k) as u64);
        let (a, b, old) = (random.vec(m * k), random.vec(k * n), random.vec(m * n));
        let bias = random.vec(n);
        let a = MatRef::new(&a, m, k).unwrap();
        for transposed in [false, true] {
            if !thinning.takes(m * n * k) {
                continue;
            }
            let (rs, cs) = if transposed { (1, k as isize) } else { (n as isize, 1) };
            let b = MatRef::with_strides(&b, 0, k, n, rs, cs).unwrap();
            for kernels in subjects(m * n * k) {
                let mut buffer = vec![GUARD; PackedB::len(k, n).unwrap() + 5];
                let packed = [kernels.pack_b_owned(b).unwrap(), kernels.pack_b(b, &mut buffer[1..]).unwrap()];
                let isa = kernels.isa();
                for (packed, (alpha, beta)) in packed.iter().zip([(1.0, 0.0), (-0.7, 0.3)]) {
                    let mut c = if beta == 0.0 { vec![f32::NAN; m * n] } else { old.clone() };
                    let to = MatMut::new(&mut c, m, n).unwrap();
                    kernels.gemm_packed(alpha, a, packed, beta, to, &mut ws).unwrap();
                    let expected = plain(alpha, (a, b), beta, &old, &mut ws);
                    let what = || format!("{isa} {m}x{n}x{k} packed, {alpha} and {beta}");
                    differences.compare(what, &expected, &c);
                }
                for activation in [Activation::Linear, Activation::Relu] {
                    let mut y = [vec![f32::NAN; m * n], vec![f32::NAN; m * n]];
                    let [one, two] = &mut y;
                    let to = MatMut::new(one, m, n).unwrap();
                    reference().dense_forward(a, b, &bias, activation, to, &mut ws).unwrap();
                    let to = MatMut::new(two, m, n).unwrap();
                    kernels.dense_forward_packed(a, &packed[0], &bias, activation, to, &mut ws).unwrap();
                    let what = || format!("{isa} dense {m}x{n}x{k} packed, {activation:?}");
                    differences.compare(what, &y[0], &y[1]);
                }
            }
        }
    }
    differences.finish();
}

/// Columns of A so far apart that some ISAs copy them first.
#[test]
fn far_columns_of_a_change_no_bits() {
    let (m, n, k, far) = (100, 70, 70, 4096);
    let (mut ws, mut differences, mut random) = (Workspace::new(), Differences::new(), Random::new(16));
    let (near, b, old) = (random.vec(m * k), random.vec(k * n), random.vec(m * n));
    let mut spread = vec![f32::NAN; k * far];
    for (at, x) in near.iter().enumerate() {
        spread[at % k * far + at / k] = *x;
    }
    let (near, b) = (MatRef::new(&near, m, k).unwrap(), MatRef::new(&b, k, n).unwrap());
    let a = MatRef::with_strides(&spread, 0, m, k, 1, far as isize).unwrap();
    for (alpha, beta) in [(1.0, 0.0), (1.0, 1.0), (-0.7, 0.3)] {
        let expected = plain(alpha, (near, b), beta, &old, &mut ws);
        for kernels in exact_isas() {
            let mut c = old.clone();
            kernels.gemm(alpha, a, b, beta, MatMut::new(&mut c, m, n).unwrap(), &mut ws).unwrap();
            differences.compare(|| format!("{} {alpha} and {beta}", kernels.isa()), &expected, &c);
        }
    }
    differences.finish();
}

/// Operands without elements, or with one along a side, may claim any stride and any length of the other side.
#[test]
fn strides_and_sizes_that_mean_nothing_are_not_computed_with() {
    let (mut ws, m) = (Workspace::new(), 300);
    let left = [1.0; 300];
    for (kernels, n) in all_isas().into_iter().flat_map(|kernels| [(kernels, 1), (kernels, 20)]) {
        let (right, old) = (vec![2.0; n], vec![1.0; m * n]);
        for (k, down, across) in [(0, isize::MAX, isize::MAX), (0, isize::MAX, 1), (1, 1, isize::MIN)] {
            let a = MatRef::with_strides(&left, 0, m, k, down, across).unwrap();
            let b = MatRef::with_strides(&right, 0, k, n, isize::MIN, 1).unwrap();
            let packed = kernels.pack_b_owned(b).unwrap();
            for (alpha, expected) in [(1.0, 3.0 + 2.0 * k as f32), (0.0, 3.0), (2.0, 3.0 + 4.0 * k as f32)] {
                let [mut c, mut d] = [old.clone(), old.clone()];
                kernels.gemm(alpha, a, b, 3.0, MatMut::new(&mut c, m, n).unwrap(), &mut ws).unwrap();
                let to = MatMut::new(&mut d, m, n).unwrap();
                kernels.gemm_packed(alpha, a, &packed, 3.0, to, &mut ws).unwrap();
                let what = format!("{} {m}x{n}x{k}, alpha {alpha}", kernels.isa());
                assert_eq!((&c, &d), (&vec![expected; m * n], &vec![expected; m * n]), "{what}");
            }
        }
        let wide = MatRef::new(&[], 0, isize::MAX as usize).unwrap();
        assert_eq!(kernels.pack_b_owned(wide).unwrap().shape(), (0, isize::MAX as usize));
    }
}

#[test]
fn packed_matrices_are_checked() {
    let mut ws = Workspace::new();
    let b = MatRef::with_strides(&[1.0], 0, 3, 20, 0, 0).unwrap();
    for kernels in all_isas() {
        let mut short = vec![0.0; PackedB::len(3, 20).unwrap() - 1];
        assert!(matches!(kernels.pack_b(b, &mut short), Err(Error::Length { .. })));
        let packed = kernels.pack_b_owned(b).unwrap();
        assert_eq!((packed.shape(), packed.isa()), ((3, 20), kernels.isa()));
        let mut c = [GUARD; 40];
        let mut run = |kernels: Kernels, k: usize, n: usize| {
            let a = MatRef::with_strides(&[1.0], 0, 2, k, 0, 0).unwrap();
            let to = MatMut::new(&mut c[..2 * n], 2, n).unwrap();
            kernels.gemm_packed(1.0, a, &packed, 0.0, to, &mut ws)
        };
        assert!(matches!(run(kernels, 4, 20), Err(Error::Shape { what: "B", .. })));
        assert!(matches!(run(kernels, 3, 19), Err(Error::Shape { what: "C", .. })));
        for other in all_isas().into_iter().filter(|other| other.isa() != kernels.isa()) {
            assert_eq!(run(other, 3, 20), Err(Error::PackedFor(kernels.isa())));
        }
        assert!(run(kernels, 3, 20).is_ok());
        assert!(c.iter().all(|x| *x == 3.0));
    }
    let endless = MatRef::with_strides(&[1.0], 0, usize::MAX / 2, 4, 0, 0).unwrap();
    assert!(matches!(Kernels::new(Isa::Scalar).unwrap().pack_b_owned(endless), Err(Error::Length { .. })));
}
