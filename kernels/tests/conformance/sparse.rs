//! Sparse products and updates give the bits of the dense ones; compression gives the reference's.

use crate::common::layout::GUARD;
use crate::common::thinning::Thinning;
use crate::common::{Differences, Random, all_isas, exact_isas, reference};
use mnist_fast_kernels::{
    Activation, Adam, AdamW, ByteRows, Csr, Epsilon, Error, Kernels, MatMut, MatRef, Momentum, RmsProp, Sgd,
    Sparse, Workspace,
};

/// A CSR matrix that owns its memory.
struct Owned {
    columns: usize,
    starts: Vec<u32>,
    indices: Vec<u32>,
    values: Vec<f32>,
}

impl Owned {
    /// Compresses `rows` rows of `columns` elements by the kernels.
    fn of(kernels: Kernels, x: &[f32], rows: usize, columns: usize) -> Owned {
        let (mut starts, mut indices, mut values) = (vec![0], vec![], vec![]);
        let (mut row_indices, mut row_values) = (vec![0; columns], vec![0.0; columns]);
        for i in 0..rows {
            let row = &x[i * columns..(i + 1) * columns];
            let count = kernels.compress(row, &mut row_indices, &mut row_values).unwrap();
            indices.extend(&row_indices[..count]);
            values.extend(&row_values[..count]);
            starts.push(indices.len() as u32);
        }
        Owned { columns, starts, indices, values }
    }

    fn view(&self) -> Csr<'_> {
        Csr::new(self.columns, &self.starts, &self.indices, &self.values).unwrap()
    }
}

/// Elements of which `density` of 16 are not zero.
fn sparse(random: &mut Random, len: usize, density: usize) -> Vec<f32> {
    (0..len).map(|_| if random.below(16) < density { random.unit() } else { 0.0 }).collect()
}

/// One of 16 is not 0, and each is byte / 255.
fn pixels(random: &mut Random, len: usize) -> Vec<f32> {
    let byte = |x: f32| if x == 0.0 { 0 } else { 1 + (x.abs() * 250.0) as u8 };
    sparse(random, len, 1).into_iter().map(|x| f32::from(byte(x)) / 255.0).collect()
}

fn transposed(x: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..rows * columns).map(|at| x[at % rows * columns + at / rows]).collect()
}

/// Around vectors, panels (64 columns), blocks of k (104 rows at the widest) and groups of rows (128).
const SHAPES: [(usize, usize, usize); 12] = [
    (16, 128, 200),
    (64, 10, 128),
    (130, 64, 20),
    (3, 63, 130),
    (129, 65, 65),
    (1, 1, 1),
    (5, 17, 900),
    (2, 200, 31),
    (0, 5, 3),
    (5, 0, 3),
    (5, 3, 0),
    (257, 33, 2),
];

#[test]
fn products_have_the_dense_ones_bits() {
    let (mut ws, mut differences, mut thinning) = (Workspace::new(), Differences::new(), Thinning::new());
    for (m, n, k) in SHAPES {
        for density in [0, 3, 8, 16] {
            if !thinning.takes(m * n * k) {
                continue;
            }
            let mut random = Random::new((m + 3 * n + 7 * k + density) as u64);
            let s = sparse(&mut random, m * k, density);
            let (d, bias, old) = (random.vec(k * n), random.vec(n), random.vec(m * n));
            let (dense, d) = (MatRef::new(&s, m, k).unwrap(), MatRef::new(&d, k, n).unwrap());
            let mask = MatRef::new(&old, m, n).unwrap();
            for kernels in exact_isas() {
                let owned = Owned::of(kernels, &s, m, k);
                for s in [Sparse::from(owned.view()), dense.into()] {
                    // What is not to be read is NaN.
                    let unread = vec![f32::NAN; m * n];
                    let mut compare = |name: &str, c: &[f32], run: &mut dyn FnMut(bool, MatMut<'_>)| {
                        let [mut expected, mut found] = [c.to_vec(), c.to_vec()];
                        run(false, MatMut::new(&mut expected, m, n).unwrap());
                        run(true, MatMut::new(&mut found, m, n).unwrap());
                        let what = || format!("{} {name} {m}x{n}x{k}, {density} of 16", kernels.isa());
                        differences.compare(what, &expected, &found);
                    };
                    for beta in [0.0, 1.0, -0.3] {
                        let c = if beta == 0.0 { &unread } else { &old };
                        compare("spmm", c, &mut |sparse, c| match sparse {
                            true => kernels.spmm(s, d, beta, c).unwrap(),
                            false => reference().gemm(1.0, dense, d, beta, c, &mut ws).unwrap(),
                        });
                    }
                    for activation in [Activation::Linear, Activation::Relu] {
                        compare("forward", &unread, &mut |sparse, y| match sparse {
                            true => kernels.dense_forward_sparse(s, d, &bias, activation, y).unwrap(),
                            false => {
                                reference().dense_forward(dense, d, &bias, activation, y, &mut ws).unwrap()
                            }
                        });
                    }
                    for active in [None, Some(mask)] {
                        compare("input gradient", &unread, &mut |sparse, dx| match sparse {
                            true => kernels.dense_input_gradient_sparse(s, d, active, dx).unwrap(),
                            false => reference()
                                .dense_input_gradient(dense, d.transposed(), active, dx, &mut ws)
                                .unwrap(),
                        });
                    }
                    compare("weight gradient", &unread, &mut |sparse, dw| match sparse {
                        true => kernels.dense_weight_gradient_sparse(s, d, dw).unwrap(),
                        false => {
                            reference().dense_weight_gradient(dense.transposed(), d, dw, &mut ws).unwrap();
                        }
                    });
                }
            }
        }
    }
    differences.finish();
}

#[derive(Clone, Copy, Debug)]
enum Rule {
    Sgd(Sgd),
    RmsProp(RmsProp),
    Momentum(Momentum),
    Adam(Adam),
    AdamW(AdamW),
}

/// Five steps on batches whose inputs are zero here and there: sparse, dense, and sparse with deferred decay.
#[test]
fn updates_have_the_dense_ones_bits() {
    let (mut ws, mut differences, mut thinning) = (Workspace::new(), Differences::new(), Thinning::new());
    let rmsprop = RmsProp::default();
    let rules = [
        Rule::Sgd(Sgd::default()),
        Rule::RmsProp(rmsprop),
        Rule::RmsProp(RmsProp { epsilon_at: Epsilon::OutsideRoot, ..rmsprop }),
        Rule::RmsProp(RmsProp { epsilon: 0.0, ..rmsprop }),
        Rule::RmsProp(RmsProp { rho: f64::INFINITY, ..rmsprop }),
        Rule::RmsProp(RmsProp { learning_rate: f64::NAN, ..rmsprop }),
        Rule::Momentum(Momentum::default()),
        Rule::Adam(Adam::default()),
        Rule::AdamW(AdamW::default()),
    ];
    for (batch, outputs, inputs) in
        [(64, 128, 60), (16, 10, 33), (70, 65, 1), (130, 65, 9), (1, 17, 50), (3, 5, 0)]
    {
        let mut random = Random::new((batch + outputs) as u64);
        let steps: Vec<_> =
            (0..5).map(|_| (pixels(&mut random, batch * inputs), random.vec(batch * outputs))).collect();
        let start =
            [random.vec(inputs * outputs), random.vec(inputs * outputs), vec![1e-29; inputs * outputs]];
        for rule in rules {
            if !thinning.takes(batch * outputs * inputs) {
                continue;
            }
            let run = |kernels: Kernels, way: usize, ws: &mut Workspace<'_>| {
                let [mut w, mut m, mut v] = start.clone();
                let mut deferred = vec![0; inputs];
                for (iteration, (x, delta)) in steps.iter().enumerate() {
                    let iteration = iteration as u64;
                    let delta = MatRef::new(delta, batch, outputs).unwrap();
                    let xt = transposed(x, batch, inputs);
                    let owned = Owned::of(kernels, &xt, inputs, batch);
                    let floats = MatRef::new(&xt, inputs, batch).unwrap();
                    let x = MatRef::new(x, batch, inputs).unwrap();
                    let bytes: Vec<u8> = xt.iter().map(|x| (x * 255.0).round() as u8).collect();
                    let xt: Sparse<'_> = match way {
                        4 => ByteRows::new(&bytes, inputs, batch, batch).unwrap().into(),
                        3 => floats.into(),
                        _ => owned.view().into(),
                    };
                    let view = |data| MatMut::new(data, inputs, outputs).unwrap();
                    let (w, m, v) = (view(&mut w), view(&mut m), view(&mut v));
                    match (rule, way) {
                        (Rule::Sgd(rule), 0) => kernels.dense_weight_update_sgd(&rule, x, delta, w, ws),
                        (Rule::Sgd(rule), _) => kernels.dense_weight_update_sgd_sparse(&rule, xt, delta, w),
                        (Rule::RmsProp(rule), 0) => {
                            kernels.dense_weight_update_rmsprop(&rule, x, delta, w, v, ws)
                        }
                        (Rule::RmsProp(rule), way) => {
                            let deferred = (way > 1).then_some(&mut deferred[..]);
                            kernels.dense_weight_update_rmsprop_sparse(&rule, xt, delta, w, v, deferred)
                        }
                        (Rule::Momentum(rule), 0) => {
                            kernels.dense_weight_update_momentum(&rule, x, delta, w, m, ws)
                        }
                        (Rule::Momentum(rule), _) => {
                            kernels.dense_weight_update_momentum_sparse(&rule, xt, delta, w, m)
                        }
                        (Rule::Adam(rule), 0) => {
                            kernels.dense_weight_update_adam(&rule, iteration, x, delta, w, m, v, ws)
                        }
                        (Rule::Adam(rule), _) => {
                            kernels.dense_weight_update_adam_sparse(&rule, iteration, xt, delta, w, m, v)
                        }
                        (Rule::AdamW(rule), 0) => {
                            kernels.dense_weight_update_adamw(&rule, iteration, x, delta, w, m, v, ws)
                        }
                        (Rule::AdamW(rule), _) => {
                            kernels.dense_weight_update_adamw_sparse(&rule, iteration, xt, delta, w, m, v)
                        }
                    }
                    .unwrap();
                }
                if let Rule::RmsProp(rule) = rule {
                    let v = MatMut::new(&mut v, inputs, outputs).unwrap();
                    kernels.rmsprop_settle(&rule, v, &mut deferred).unwrap();
                    assert!(deferred.iter().all(|owed| *owed == 0));
                }
                [w, m, v]
            };
            let expected = run(reference(), 0, &mut ws);
            for kernels in exact_isas() {
                for way in 1..5 {
                    let found = run(kernels, way, &mut ws);
                    let what =
                        || format!("{} {rule:?} of {batch}x{inputs}x{outputs}, way {way}", kernels.isa());
                    for (expected, found) in expected.iter().zip(&found) {
                        differences.compare(what, expected, found);
                    }
                }
            }
        }
    }
    differences.finish();
}

/// Gradient descent leaves out rows without input whatever the rate: 0 times infinity moves none of them, with any kernels.
#[test]
fn gradient_descent_does_not_touch_rows_without_input() {
    let s = Csr::new(2, &[0, 1, 1], &[1], &[1.0]).unwrap(); // the second row is empty
    let delta = [1.0; 2];
    let delta = MatRef::new(&delta, 2, 1).unwrap();
    for learning_rate in [f64::INFINITY, f64::NAN, -1.0] {
        for kernels in all_isas() {
            let mut w = [1.0, -0.0];
            let to = MatMut::new(&mut w, 2, 1).unwrap();
            kernels.dense_weight_update_sgd_sparse(&Sgd { learning_rate }, s, delta, to).unwrap();
            assert!(w[0] != 1.0, "{}", kernels.isa());
            assert_eq!(w[1].to_bits(), (-0.0f32).to_bits(), "{} at {learning_rate}", kernels.isa());
        }
    }
}

#[test]
fn compression_gives_the_references_nonzeros() {
    let mut random = Random::new(9);
    for kernels in exact_isas() {
        for len in (0..70).chain([784]) {
            for density in [0, 2, 8, 16] {
                let mut x = sparse(&mut random, len, density);
                if len > 3 && density > 0 {
                    (x[0], x[1], x[2]) = (f32::NAN, -0.0, f32::MIN_POSITIVE / 4.0);
                }
                let bytes: Vec<u8> = x.iter().map(|x| (x.abs() * 255.0) as u8).collect();
                let run = |kernels: Kernels, as_bytes: bool| {
                    let (mut indices, mut values) = (vec![7; len + 3], vec![GUARD; len + 3]);
                    let (i, v) = (&mut indices[..len], &mut values[..len]);
                    let count = match as_bytes {
                        true => kernels.compress_u8(&bytes, i, v).unwrap(),
                        false => kernels.compress(&x, i, v).unwrap(),
                    };
                    assert_eq!((&indices[len..], &values[len..]), (&[7; 3][..], &[GUARD; 3][..]));
                    indices.truncate(count);
                    values.truncate(count);
                    (indices, values.into_iter().map(f32::to_bits).collect::<Vec<_>>())
                };
                for as_bytes in [false, true] {
                    assert_eq!(
                        run(reference(), as_bytes),
                        run(kernels, as_bytes),
                        "{} of {len}",
                        kernels.isa()
                    );
                }
            }
        }
    }
}

#[test]
fn transposed_bytes_are_exact() {
    let mut random = Random::new(11);
    let (row_len, images) = (53, 40);
    let bytes: Vec<u8> = (0..row_len * images).map(|_| random.below(256) as u8).collect();
    for kernels in exact_isas() {
        for batch in [0, 1, 15, 16, 17, 40] {
            let rows: Vec<u32> = (0..batch).map(|_| random.below(images) as u32).collect();
            let from = ByteRows::select(&bytes, row_len, &rows).unwrap();
            for columns in [0..53, 0..16, 5..6, 17..53, 37..53, 53..53] {
                let stride = Kernels::room(batch) + 16;
                let mut to = vec![7; stride * columns.len() + 3];
                let len = to.len() - 3;
                kernels.transpose_u8(from, columns.clone(), &mut to[..len], stride).unwrap();
                assert_eq!(&to[len..], &[7; 3]);
                for (j, column) in columns.enumerate() {
                    let found = &to[j * stride..j * stride + batch];
                    let expected: Vec<u8> =
                        rows.iter().map(|row| bytes[*row as usize * row_len + column]).collect();
                    assert_eq!(found, expected, "{} column {column} of {batch} rows", kernels.isa());
                    assert_eq!(&to[(j + 1) * stride - 16..(j + 1) * stride], &[7; 16]);
                }
            }
        }
    }
}

/// Bytes give the products of the floats that they stand for, whichever rows they are, and wherever a row ends.
#[test]
fn bytes_have_the_bits_of_their_floats() {
    let mut differences = Differences::new();
    for (m, n, k) in SHAPES {
        let mut random = Random::new((m + n + k) as u64);
        let stored = 5;
        let bytes: Vec<u8> =
            (0..stored * k).map(|_| if random.below(4) > 0 { 0 } else { random.below(256) as u8 }).collect();
        let rows: Vec<u32> = (0..m).map(|_| random.below(stored) as u32).collect();
        let (d, bias) = (random.vec(k * n), random.vec(n));
        let d = MatRef::new(&d, k, n).unwrap();
        // The same rows one after another, with a gap.
        let packed: Vec<u8> = rows
            .iter()
            .flat_map(|row| [&bytes[*row as usize * k..(*row as usize + 1) * k], &[9; 3]].concat())
            .collect();
        let floats: Vec<f32> =
            (0..m * k).map(|at| f32::from(bytes[rows[at / k] as usize * k + at % k]) / 255.0).collect();
        let floats = MatRef::new(&floats, m, k).unwrap();
        for kernels in exact_isas() {
            let run = |kernels: Kernels, x: Sparse<'_>| {
                let mut y = vec![GUARD; m * n];
                let to = MatMut::new(&mut y, m, n).unwrap();
                kernels.dense_forward_sparse(x, d, &bias, Activation::Relu, to).unwrap();
                y
            };
            let expected = run(reference(), floats.into());
            let forms = [
                ByteRows::select(&bytes, k, &rows).unwrap().into(),
                ByteRows::new(&packed, m, k, k + 3).unwrap().into(),
                floats.into(),
            ];
            for (form, x) in forms.into_iter().enumerate().filter(|(form, _)| k > 0 || *form > 0) {
                let what = || format!("{} {m}x{n}x{k}, form {form}", kernels.isa());
                differences.compare(what, &expected, &run(kernels, x));
            }
            // The same turned over: with a gap after each row, and as rows of a larger matrix, in another order there.
            let gap = 3;
            let turned: Vec<u8> = (0..k)
                .flat_map(|j| (0..m + gap).map(move |i| (i, j)))
                .map(|(i, j)| if i < m { packed[i * (k + 3) + j] } else { 9 })
                .collect();
            let order: Vec<u32> = (0..k as u32).rev().collect();
            let reversed: Vec<u8> =
                (0..k).rev().flat_map(|j| &turned[j * (m + gap)..][..m]).copied().collect();
            let forms = [
                ByteRows::new(&turned, k, m, m + gap).unwrap(),
                ByteRows::select(&reversed, m, if m > 0 { &order } else { &[] }).unwrap(),
            ];
            for (form, x) in forms.into_iter().enumerate().filter(|(form, _)| m > 0 || *form == 0) {
                let mut y = vec![GUARD; m * n];
                let to = MatMut::new(&mut y, m, n).unwrap();
                kernels.dense_forward_transposed(x, d, &bias, Activation::Relu, to).unwrap();
                let what = || format!("{} {m}x{n}x{k}, turned over, form {form}", kernels.isa());
                differences.compare(what, &expected, &y);
            }
        }
    }
    differences.finish();
}

#[test]
fn transposes_are_exact() {
    for kernels in exact_isas() {
        for (m, n) in [(1, 1), (16, 16), (17, 33), (128, 128), (10, 128), (0, 3), (3, 0)] {
            let from = Random::new(1).vec(m * n);
            let mut to = vec![GUARD; m * n + 1];
            let view = MatMut::new(&mut to[..m * n], n, m).unwrap();
            kernels.transpose(MatRef::new(&from, m, n).unwrap(), view).unwrap();
            assert_eq!(to[..m * n], transposed(&from, m, n));
            assert_eq!(to[m * n], GUARD);
        }
    }
}

/// A matrix without elements may claim any stride, and any length of its other side: nothing is computed from those.
#[test]
fn matrices_without_elements_may_have_any_stride() {
    const FAR: usize = isize::MAX as usize;
    let (m, rule) = (300, RmsProp::default());
    let bytes = ByteRows::new(&[], m, 0, usize::MAX).unwrap();
    assert_eq!((bytes.row(1), bytes.row(m)), (Some(&[][..]), None));
    let floats = MatRef::with_leading_dimension(&[], m, 0, FAR).unwrap();
    let (d, byte) = (MatRef::new(&[], 0, 1).unwrap(), [7]);
    let none = MatRef::with_leading_dimension(&[], 0, FAR, FAR).unwrap();
    let tall = ByteRows::new(&byte, usize::MAX, 1, 0).unwrap();
    let (one, mut y) = (MatRef::with_leading_dimension(&[3.0], 1, 1, FAR).unwrap(), [0.0]);
    for kernels in all_isas() {
        for x in [Sparse::from(bytes), floats.into()] {
            let [mut c, mut w, mut v] = [const { [1.0; 300] }; 3];
            let mut deferred = [0; 300];
            kernels.spmm(x, d, 2.0, MatMut::new(&mut c, m, 1).unwrap()).unwrap();
            assert_eq!(c, [2.0; 300]);
            for deferred in [Some(&mut deferred[..]), None] {
                let (w, v) = (MatMut::new(&mut w, m, 1).unwrap(), MatMut::new(&mut v, m, 1).unwrap());
                kernels.dense_weight_update_rmsprop_sparse(&rule, x, d, w, v, deferred).unwrap();
            }
            assert_eq!((w, deferred), ([1.0; 300], [1; 300]));
        }
        let s = Csr::new(1, &[0, 1], &[0], &[2.0]).unwrap();
        kernels.spmm(s, one, 0.0, MatMut::new(&mut y, 1, 1).unwrap()).unwrap();
        assert_eq!(y, [6.0]);
        let empty = || MatMut::with_leading_dimension(&mut [], 0, FAR, FAR).unwrap();
        kernels.spmm(Csr::new(0, &[0], &[], &[]).unwrap(), none, 0.0, empty()).unwrap();
        let no_rows = ByteRows::new(&[], 0, 0, 0).unwrap();
        kernels.dense_weight_update_rmsprop_sparse(&rule, no_rows, none, empty(), empty(), None).unwrap();
        let strided = MatRef::with_strides(&[], 0, 0, 5, 0, 2).unwrap();
        kernels.transpose(strided, MatMut::new(&mut [], 5, 0).unwrap()).unwrap();
        let narrow = MatRef::new(&[], 0, FAR).unwrap();
        kernels.transpose(narrow, MatMut::new(&mut [], FAR, 0).unwrap()).unwrap();
        assert!(matches!(kernels.transpose_u8(tall, 0..1, &mut [0; 64], 0), Err(Error::Length { .. })));
        assert!(matches!(kernels.transpose_u8(tall, 0..1, &mut [0; 64], 16), Err(Error::Length { .. })));
    }
}

#[test]
fn bad_matrices_and_shapes_are_refused() {
    let good = ([0, 2, 2], [0, 3], [1.0, 2.0]);
    assert!(Csr::new(4, &good.0, &good.1, &good.2).is_ok());
    assert_eq!(Csr::new(3, &good.0, &good.1, &good.2).unwrap_err(), Error::Csr { row: 0 });
    assert!(Csr::new(4, &[], &[], &[]).is_err());
    assert!(Csr::new(4, &[0], &[], &[]).is_ok_and(|x| x.shape() == (0, 4)));
    for (starts, indices, values) in [
        (&[0, 3][..], &[0, 1][..], &[1.0, 1.0][..]),
        (&[0, 2], &[0, 1], &[1.0]),
        (&[2, 0], &[0, 1], &[1.0, 1.0]),
        (&[0, 2], &[1, 0], &[1.0, 1.0]),
        (&[0, 2], &[1, 1], &[1.0, 1.0]),
        (&[0, 1], &[u32::MAX], &[1.0]),
    ] {
        assert_eq!(Csr::new(4, starts, indices, values).unwrap_err(), Error::Csr { row: 0 });
    }
    let s = Csr::new(4, &good.0, &good.1, &good.2).unwrap();
    let kernels = reference();
    let mut c = [GUARD; 6];
    let data = [0.0; 40];
    let mut run = |rows, columns, rs, cs, c_rows, c_columns| {
        let b = MatRef::with_strides(&data, 0, rows, columns, rs, cs).unwrap();
        kernels.spmm(s, b, 0.0, MatMut::new(&mut c[..c_rows * c_columns], c_rows, c_columns).unwrap())
    };
    assert!(matches!(run(3, 3, 3, 1, 2, 3), Err(Error::Shape { what: "B", .. })));
    assert!(matches!(run(4, 3, 3, 1, 1, 3), Err(Error::Shape { what: "C", .. })));
    assert!(matches!(run(4, 3, 1, 4, 2, 3), Err(Error::Stride { what: "B" })));
    assert!(run(4, 3, 3, 1, 2, 3).is_ok());
    let (mut i, mut v) = ([0; 3], [0.0; 3]);
    assert!(matches!(kernels.compress(&[0.0; 4], &mut i, &mut v), Err(Error::Length { .. })));
    let three = [1, 2, 3];
    assert!(ByteRows::new(&three, 2, 1, 2).is_ok() && ByteRows::new(&three, 2, 2, 2).is_err());
    assert!(
        ByteRows::new(&three, usize::MAX, 2, usize::MAX).is_err() && ByteRows::new(&three, 0, 9, 9).is_ok()
    );
    assert!(ByteRows::select(&three, 2, &[0]).is_ok() && ByteRows::select(&three, 2, &[1]).is_err());
    let from = ByteRows::new(&three, 3, 1, 1).unwrap();
    assert!(kernels.transpose_u8(from, 0..1, &mut [0; 16], 16).is_ok());
    assert!(matches!(kernels.transpose_u8(from, 0..2, &mut [0; 16], 16), Err(Error::Range { .. })));
    assert!(matches!(kernels.transpose_u8(from, 0..1, &mut [0; 16], 3), Err(Error::Length { .. })));
    assert!(matches!(kernels.transpose_u8(from, 0..1, &mut [0; 15], 16), Err(Error::Length { .. })));
    let turned = MatRef::new(&data[..6], 3, 2).unwrap().transposed();
    let (d, to) = (MatRef::new(&data[..9], 3, 3).unwrap(), MatMut::new(&mut c, 2, 3).unwrap());
    assert!(matches!(kernels.spmm(turned, d, 0.0, to), Err(Error::Stride { .. })));
}
