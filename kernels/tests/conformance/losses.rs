//! Log-softmax and the losses with soft and binary labels: every exact ISA gives the reference's bits; all are close
//! to f64.
#![allow(clippy::disallowed_methods)] // the oracle may use libm

use crate::common::layout::GUARD;
use crate::common::thinning::{Thinning, one_in};
use crate::common::{Differences, Random, all_isas, canonical, exact_isas, reference};
use mnist_fast_kernels::{Error, Kernels, LabelSmoothing, MatMut, MatRef};

fn log_softmax(kernels: Kernels, x: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    // Rows two elements apart, to see that nothing is written between them.
    let mut y = vec![GUARD; rows * (columns + 2)];
    let to = MatMut::with_leading_dimension(&mut y, rows, columns, columns + 2).unwrap();
    kernels.log_softmax(MatRef::new(x, rows, columns).unwrap(), to).unwrap();
    y
}

/// Gradient, losses with and without a gradient, predictions.
fn soft(
    kernels: Kernels,
    x: &[f32],
    targets: &[f32],
    rows: usize,
    columns: usize,
) -> ([Vec<f32>; 3], Vec<u32>) {
    let (x, t) = (MatRef::new(x, rows, columns).unwrap(), MatRef::new(targets, rows, columns).unwrap());
    let mut gradient = vec![GUARD; rows * columns];
    let (mut losses, mut alone) = (vec![GUARD; rows], vec![GUARD; rows]);
    let (mut classes, mut classes_alone) = (vec![0; rows], vec![0; rows]);
    let to = MatMut::new(&mut gradient, rows, columns).unwrap();
    kernels.softmax_cross_entropy_soft(x, t, 3 * rows, Some(to), &mut losses, &mut classes).unwrap();
    kernels.softmax_cross_entropy_soft(x, t, 1, None, &mut alone, &mut classes_alone).unwrap();
    assert_eq!(classes, classes_alone);
    ([gradient, losses, alone], classes)
}

#[test]
fn rows_have_the_references_bits() {
    let (mut differences, mut thinning) = (Differences::new(), Thinning::new());
    for columns in 1..70 {
        for rows in [1, 2, 15, 16, 17, 33] {
            for wild in [false, true] {
                if !thinning.takes_small() {
                    continue;
                }
                let n = rows * columns;
                let mut random = Random::new((columns * 100 + rows) as u64);
                let x = if wild { random.wild(n) } else { random.vec(n) };
                let targets: Vec<f32> = match wild {
                    true => random.wild(n),
                    false => random.vec(n).iter().map(|t| t.max(0.0)).collect(),
                };
                let expected = log_softmax(reference(), &x, rows, columns);
                let (floats, classes) = soft(reference(), &x, &targets, rows, columns);
                for kernels in exact_isas() {
                    let what = || format!("{} {rows}x{columns}, wild: {wild}", kernels.isa());
                    differences.compare(what, &expected, &log_softmax(kernels, &x, rows, columns));
                    let found = soft(kernels, &x, &targets, rows, columns);
                    for (expected, found) in floats.iter().zip(found.0) {
                        differences.compare(what, expected, &found);
                    }
                    assert_eq!(classes, found.1, "{}", what());
                }
            }
        }
    }
    differences.finish();
}

/// One-hot targets give the bits of integer labels, wild logits or not.
#[test]
fn one_hot_targets_are_labels() {
    for kernels in exact_isas().into_iter().chain([reference()]) {
        for (rows, columns) in [(1, 1), (3, 2), (17, 10), (40, 33)] {
            for wild in [false, true] {
                let mut random = Random::new((rows + columns) as u64);
                let n = rows * columns;
                let x = if wild { random.wild(n) } else { random.vec(n) };
                let labels: Vec<u32> = (0..rows).map(|_| random.below(columns) as u32).collect();
                let mut targets = vec![0.0; n];
                for (row, label) in targets.chunks_exact_mut(columns).zip(&labels) {
                    row[*label as usize] = 1.0;
                }
                let (found, classes) = soft(kernels, &x, &targets, rows, columns);
                let (mut gradient, mut losses, mut predictions) =
                    (vec![GUARD; n], vec![GUARD; rows], vec![0; rows]);
                let to = MatMut::new(&mut gradient, rows, columns).unwrap();
                let logits = MatRef::new(&x, rows, columns).unwrap();
                kernels
                    .softmax_cross_entropy(logits, &labels, 3 * rows, Some(to), &mut losses, &mut predictions)
                    .unwrap();
                let bits = |x: &[f32]| x.iter().map(|x| canonical(*x)).collect::<Vec<_>>();
                assert_eq!(bits(&found[0]), bits(&gradient), "{} {rows}x{columns}", kernels.isa());
                assert_eq!(bits(&found[1]), bits(&losses), "{} {rows}x{columns}", kernels.isa());
                assert_eq!(classes, predictions);
            }
        }
    }
}

/// Smoothed labels give the bits of the rows that they stand for, also of a rate that smooths nothing.
#[test]
fn smoothed_labels_are_soft_targets() {
    for kernels in exact_isas().into_iter().chain([reference()]) {
        for (rows, columns) in [(1, 1), (3, 2), (17, 10), (16, 16), (5, 17), (40, 33), (2, 64)] {
            for rate in [0.0, 0.1, 0.3, 1.0] {
                for wild in [false, true] {
                    let mut random = Random::new((rows + columns) as u64);
                    let n = rows * columns;
                    let x = if wild { random.wild(n) } else { random.vec(n) };
                    let labels: Vec<u32> = (0..rows).map(|_| random.below(columns) as u32).collect();
                    let smoothing = LabelSmoothing::new(rate).unwrap();
                    let (on, off) = smoothing.targets(columns);
                    let mut targets = vec![off; n];
                    for (row, label) in targets.chunks_exact_mut(columns).zip(&labels) {
                        row[*label as usize] = on;
                    }
                    let (expected, classes) = soft(reference(), &x, &targets, rows, columns);
                    let mut found = [vec![GUARD; n], vec![GUARD; rows], vec![GUARD; rows]];
                    let mut predictions = [vec![0; rows], vec![0; rows]];
                    let logits = MatRef::new(&x, rows, columns).unwrap();
                    let [gradient, losses, alone] = &mut found;
                    let to = MatMut::new(gradient, rows, columns).unwrap();
                    let labels = (&labels[..], smoothing);
                    let [first, second] = &mut predictions;
                    kernels
                        .softmax_cross_entropy_smoothed(logits, labels, 3 * rows, Some(to), losses, first)
                        .unwrap();
                    kernels.softmax_cross_entropy_smoothed(logits, labels, 1, None, alone, second).unwrap();
                    let what = format!("{} {rows}x{columns}, rate {rate}, wild: {wild}", kernels.isa());
                    let bits = |x: &[f32]| x.iter().map(|x| canonical(*x)).collect::<Vec<_>>();
                    for (expected, found) in expected.iter().zip(&found) {
                        assert_eq!(bits(expected), bits(found), "{what}");
                    }
                    assert_eq!(predictions, [classes.clone(), classes], "{what}");
                }
            }
        }
    }
}

/// Keras' formula: `y (1 - s) + s / n`.
#[test]
fn smoothing_shares_the_label_out() {
    for rate in [0.0, 0.05, 0.1, 1.0 / 3.0, 1.0] {
        for classes in [2, 3, 10, 1000] {
            let (on, off) = LabelSmoothing::new(rate).unwrap().targets(classes);
            let n = classes as f64;
            assert!((f64::from(off) - rate / n).abs() <= rate / n * 6e-8, "{rate}, {classes}: {off}");
            let exact = 1.0 - rate + rate / n;
            assert!((f64::from(on) - exact).abs() <= exact * 6e-8, "{rate}, {classes}: {on}");
        }
    }
    assert_eq!(LabelSmoothing::default().targets(10), (1.0, 0.0));
    assert!([-0.1, 1.1, f64::NAN].into_iter().all(|rate| LabelSmoothing::new(rate).is_none()));
}

#[test]
fn log_softmax_and_soft_loss_are_close_to_f64() {
    for kernels in all_isas() {
        let mut random = Random::new(6);
        for columns in [1, 2, 10, 33, 1000] {
            let x: Vec<f32> = random.vec(columns).iter().map(|x| x * 20.0).collect();
            let t: Vec<f32> = random.vec(columns).iter().map(|x| x.abs()).collect();
            let total: f32 = t.iter().sum();
            let t: Vec<f32> = t.iter().map(|t| t / total).collect();
            let max = x.iter().copied().fold(f64::MIN, |a, b| a.max(f64::from(b)));
            let ln_sum = x.iter().map(|x| (f64::from(*x) - max).exp()).sum::<f64>().ln();
            let exact: Vec<f64> = x.iter().map(|x| f64::from(*x) - max - ln_sum).collect();
            let mut y = vec![0.0; columns];
            let row = MatRef::new(&x, 1, columns).unwrap();
            kernels.log_softmax(row, MatMut::new(&mut y, 1, columns).unwrap()).unwrap();
            for (y, exact) in y.iter().zip(&exact) {
                let bound = 2.0 * f64::from(f32::EPSILON) * (1.0 + exact.abs());
                let error = (f64::from(*y) - exact).abs();
                assert!(error <= bound, "{} ln p of {columns}: {error:e} > {bound:e}", kernels.isa());
            }
            let loss: f64 = exact.iter().zip(&t).map(|(y, t)| -y * f64::from(*t)).sum();
            let ([gradient, ..], _) = soft(kernels, &x, &t, 1, columns);
            let ([_, found, _], _) = soft(kernels, &x, &t, 1, columns);
            assert!((f64::from(found[0]) - loss).abs() <= 2e-6 * loss.max(1.0), "{}", kernels.isa());
            for ((d, y), t) in gradient.iter().zip(&exact).zip(&t) {
                assert!((f64::from(*d) - (y.exp() - f64::from(*t)) / 3.0).abs() < 1e-6, "{}", kernels.isa());
            }
        }
    }
}

/// Gradient, losses with and without a gradient.
fn binary(kernels: Kernels, z: &[f32], t: &[f32]) -> [Vec<f32>; 3] {
    let mut found = [(); 3].map(|()| vec![GUARD; z.len()]);
    let [gradient, losses, alone] = &mut found;
    kernels.binary_cross_entropy(z, t, 7, Some(gradient), losses).unwrap();
    kernels.binary_cross_entropy(z, t, 1, None, alone).unwrap();
    found
}

#[test]
fn binary_cross_entropy_has_the_references_bits() {
    let mut differences = Differences::new();
    for n in (0..100).chain([3000]) {
        let mut random = Random::new(n as u64);
        let z = random.wild(n);
        let any: Vec<f32> = (0..n).map(|_| f32::from_bits(random.bits() as u32)).collect();
        let hard: Vec<f32> = (0..n).map(|_| random.below(2) as f32).collect();
        let soft: Vec<f32> = random.vec(n).iter().map(|t| t.abs()).collect();
        for (z, t) in [(&z, &hard), (&z, &soft), (&any, &hard), (&any, &z)] {
            let expected = binary(reference(), z, t);
            for kernels in exact_isas() {
                for (expected, found) in expected.iter().zip(binary(kernels, z, t)) {
                    differences.compare(|| format!("{} of {n}", kernels.isa()), expected, &found);
                }
            }
        }
    }
    differences.finish();
}

/// Also where the loss is tiny: confident and right.
#[test]
fn binary_cross_entropy_is_close_to_f64() {
    let z: Vec<f32> = (0..200_000).step_by(one_in()).map(|i| (i as f32 - 100_000.0) / 1160.0).collect();
    for kernels in all_isas() {
        for target in [0.0, 1.0] {
            let [gradient, losses, _] = binary(kernels, &z, &vec![target; z.len()]);
            let mut worst = 0.0f64;
            for ((z, loss), d) in z.iter().zip(losses).zip(gradient) {
                let against = if target == 0.0 { f64::from(*z) } else { -f64::from(*z) };
                let exact = against.max(0.0) + (-against.abs()).exp().ln_1p();
                let nearest = exact as f32;
                let ulp = f64::from(nearest.next_up()) - f64::from(nearest);
                worst = worst.max((f64::from(loss) - exact).abs() / ulp);
                let p = 1.0 / (1.0 + (-f64::from(*z)).exp());
                let error = (f64::from(d) - (p - f64::from(target)) / 7.0).abs();
                assert!(error < 4e-8, "{} gradient at {z}: {d}, off by {error:e}", kernels.isa());
            }
            println!("{}: binary cross-entropy for {target} within {worst:.3} ULP", kernels.isa());
            assert!(worst <= 3.0, "{} ULP", worst);
        }
    }
}

#[test]
fn wrong_shapes_are_refused() {
    let kernels = reference();
    let data = [0.0; 12];
    let x = MatRef::new(&data, 3, 4).unwrap();
    let wrong = MatRef::new(&data, 4, 3).unwrap();
    let columns = MatRef::with_strides(&data, 0, 3, 4, 1, 3).unwrap();
    let (mut y, mut losses, mut classes) = ([0.0; 12], [0.0; 3], [0; 3]);
    fn to(y: &mut [f32]) -> MatMut<'_> {
        MatMut::new(y, 3, 4).unwrap()
    }
    assert!(kernels.log_softmax(wrong, to(&mut y)).is_err());
    assert!(kernels.log_softmax(columns, to(&mut y)).is_err());
    assert!(kernels.softmax_cross_entropy_soft(x, wrong, 3, None, &mut losses, &mut classes).is_err());
    assert!(kernels.softmax_cross_entropy_soft(x, columns, 3, None, &mut losses, &mut classes).is_err());
    assert!(kernels.softmax_cross_entropy_soft(x, x, 0, None, &mut losses, &mut classes).is_err());
    assert!(kernels.softmax_cross_entropy_soft(x, x, 3, None, &mut losses[..2], &mut classes).is_err());
    let smoothing = LabelSmoothing::new(0.1).unwrap();
    let mut smoothed = |x, labels: &[u32], batch| {
        kernels.softmax_cross_entropy_smoothed(x, (labels, smoothing), batch, None, &mut losses, &mut classes)
    };
    assert!(smoothed(columns, &[0; 3], 3).is_err());
    assert!(smoothed(x, &[0; 2], 3).is_err());
    assert!(smoothed(x, &[0; 3], 0).is_err());
    assert_eq!(smoothed(x, &[0, 3, 4], 3), Err(Error::Label { index: 2, label: 4, classes: 4 }));
    assert!(kernels.binary_cross_entropy(&data, &data[1..], 3, None, &mut y).is_err());
    assert!(kernels.binary_cross_entropy(&data, &data, 0, None, &mut y).is_err());
    assert!(kernels.binary_cross_entropy(&data, &data, 3, Some(&mut losses), &mut y).is_err());
    assert!(kernels.binary_cross_entropy(&data, &data, 3, None, &mut losses).is_err());
}
