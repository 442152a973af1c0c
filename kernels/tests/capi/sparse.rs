//! Sparse input from C: the bits of the safe methods on the same matrices, in each form.

use std::ptr::{null, null_mut};

use mnist_fast_kernels::capi::*;
use mnist_fast_kernels::{Activation, ByteRows, Csr, Epsilon, Kernels, MatMut, MatRef, RmsProp, Sparse};

use crate::common::{Random, all_isas};
use crate::rules::{rules, start, states_of};
use crate::support::{Matrix, Spoil, check, handle, same};

const ROWS: usize = 13;
const COLUMNS: usize = 37;
const N: usize = 18;

/// A matrix in every form: rows of bytes, most of which are 0, and what they stand for.
struct Forms {
    bytes: Vec<u8>,
    chosen: Vec<u32>,
    floats: Matrix,
    row_starts: Vec<u32>,
    indices: Vec<u32>,
    values: Vec<f32>,
}

const NOTHING: MnfSparse = MnfSparse {
    form: -1,
    rows: ROWS,
    columns: COLUMNS,
    elements: null(),
    ld: 0,
    indices: null(),
    starts: null(),
    ends: null(),
    length: 0,
};

impl Forms {
    fn new(random: &mut Random) -> Self {
        let bytes: Vec<u8> = (0..ROWS * COLUMNS)
            // Column 5 is empty, and so is row 3.
            .map(|i| {
                if i % COLUMNS == 5 || i / COLUMNS == 3 || random.below(4) > 0 {
                    0
                } else {
                    random.below(256) as u8
                }
            })
            .collect();
        let chosen: Vec<u32> = (0..ROWS).map(|_| random.below(ROWS) as u32).collect();
        let mut floats = Matrix::new(random, ROWS, COLUMNS, 2);
        let (mut row_starts, mut indices, mut values) = (vec![0], vec![], vec![]);
        for (i, row) in bytes.chunks(COLUMNS).enumerate() {
            for (j, byte) in row.iter().enumerate() {
                let value = f32::from(*byte) / 255.0;
                floats.data[i * floats.ld + j] = value;
                if value != 0.0 {
                    indices.push(j as u32);
                    values.push(value);
                }
            }
            row_starts.push(indices.len() as u32);
        }
        Forms { bytes, chosen, floats, row_starts, indices, values }
    }

    /// C's view and Rust's of each form.
    fn all(&self) -> [(MnfSparse, Sparse<'_>); 4] {
        let (starts, indices, values) = (&self.row_starts, &self.indices, &self.values);
        let csr = MnfSparse {
            form: MnfSparseForm::Csr as i32,
            elements: values.as_ptr().cast(),
            indices: indices.as_ptr(),
            starts: starts.as_ptr(),
            ends: starts[1..].as_ptr(),
            length: values.len(),
            ..NOTHING
        };
        let bytes = MnfSparse {
            form: MnfSparseForm::Bytes as i32,
            elements: self.bytes.as_ptr().cast(),
            ld: COLUMNS,
            ..NOTHING
        };
        let chosen = MnfSparse { indices: self.chosen.as_ptr(), length: ROWS, ..bytes };
        let floats = MnfSparse {
            form: MnfSparseForm::Floats as i32,
            elements: self.floats.r().cast(),
            ld: self.floats.ld,
            ..NOTHING
        };
        [
            (csr, Csr::new(COLUMNS, starts, indices, values).unwrap().into()),
            (bytes, ByteRows::new(&self.bytes, ROWS, COLUMNS, COLUMNS).unwrap().into()),
            (chosen, ByteRows::select(&self.bytes, COLUMNS, &self.chosen).unwrap().into()),
            (floats, self.floats.view().into()),
        ]
    }
}

/// Bytes as X^T; other forms are refused.
#[test]
fn forward_of_transposed_bytes_has_the_bits_of_the_safe_method() {
    let mut random = Random::new(11);
    for kernels in all_isas() {
        let k = handle(kernels);
        let forms = Forms::new(&mut random);
        let w = Matrix::new(&mut random, ROWS, N, 1);
        let bias = random.vec(N);
        for (s, safe) in forms.all() {
            let at = &raw const s;
            let from = Matrix::new(&mut random, COLUMNS, N, 2);
            let (mut expected, mut found) = (from.clone(), from.clone());
            let (to, ld) = (found.w(), found.ld);
            let call = |s: Spoil, activation: i32| {
                let (w_at, bias, y) = (s.r(2, w.r()), s.r(3, bias.as_ptr()), s.w(4, to));
                // SAFETY: the matrices are as large as the sizes say.
                unsafe {
                    mnf_dense_forward_transposed(
                        s.r(0, k),
                        s.r(1, at),
                        N,
                        w_at,
                        w.ld,
                        bias,
                        activation,
                        y,
                        ld,
                    )
                }
            };
            let Sparse::Bytes(safe) = safe else {
                assert_eq!(call(Spoil::Nothing, 0), MnfStatus::Enumeration);
                continue;
            };
            kernels
                .dense_forward_transposed(safe, w.view(), &bias, Activation::Relu, expected.view_mut())
                .unwrap();
            check("dense_forward_transposed", 5, &[], &[], |s| call(s, MnfActivation::Relu as i32));
            same(
                &format!("forward, transposed, form {} on {}", s.form, kernels.isa()),
                &expected.data,
                &found.data,
            );
            assert_ne!(found.data, from.data);
            assert_eq!(call(Spoil::Nothing, 7), MnfStatus::Enumeration);
        }
    }
}

#[test]
fn sparse_products_have_the_bits_of_the_safe_methods() {
    let mut random = Random::new(10);
    for kernels in all_isas() {
        let k = handle(kernels);
        let forms = Forms::new(&mut random);
        let b = Matrix::new(&mut random, COLUMNS, N, 1);
        let active = Matrix::new(&mut random, ROWS, N, 3);
        let bias = random.vec(N);
        for (s, safe) in forms.all() {
            let at = &raw const s;
            let from = Matrix::new(&mut random, ROWS, N, 2);
            // Runs both, and compares.
            let run = |what: &str,
                       pointers: usize,
                       optional: &[usize],
                       method: &dyn Fn(MatMut<'_>),
                       c: &dyn Fn(Spoil, *mut f32, usize) -> MnfStatus| {
                let (mut expected, mut found) = (from.clone(), from.clone());
                method(expected.view_mut());
                let (to, to_ld) = (found.w(), found.ld);
                check(what, pointers, optional, &[], |s| c(s, to, to_ld));
                same(&format!("{what}, form {} on {}", s.form, kernels.isa()), &expected.data, &found.data);
                assert_ne!(found.data, from.data, "{what}: nothing was done");
            };
            run("spmm", 4, &[], &|to| kernels.spmm(safe, b.view(), 0.0, to).unwrap(), &|s, to, ld| {
                // SAFETY: the matrices are as large as the sizes say.
                unsafe { mnf_spmm(s.r(0, k), s.r(1, at), N, s.r(2, b.r()), b.ld, 0.0, s.w(3, to), ld) }
            });
            for (number, activation) in
                [(MnfActivation::Linear, Activation::Linear), (MnfActivation::Relu, Activation::Relu)]
            {
                run(
                    "dense_forward_sparse",
                    5,
                    &[],
                    &|to| kernels.dense_forward_sparse(safe, b.view(), &bias, activation, to).unwrap(),
                    // SAFETY: the matrices are as large as the sizes say.
                    &|s, to, ld| unsafe {
                        let (w, bias, y) = (s.r(2, b.r()), s.r(3, bias.as_ptr()), s.w(4, to));
                        mnf_dense_forward_sparse(
                            s.r(0, k),
                            s.r(1, at),
                            N,
                            w,
                            b.ld,
                            bias,
                            number as i32,
                            y,
                            ld,
                        )
                    },
                );
            }
            run(
                "dense_input_gradient_sparse",
                5,
                &[3],
                &|to| kernels.dense_input_gradient_sparse(safe, b.view(), Some(active.view()), to).unwrap(),
                // SAFETY: the matrices are as large as the sizes say.
                &|s, to, ld| unsafe {
                    let (w, active_at, dx) = (s.r(2, b.r()), s.r(3, active.r()), s.w(4, to));
                    mnf_dense_input_gradient_sparse(
                        s.r(0, k),
                        s.r(1, at),
                        N,
                        w,
                        b.ld,
                        active_at,
                        active.ld,
                        dx,
                        ld,
                    )
                },
            );
            run(
                "dense_weight_gradient_sparse",
                4,
                &[],
                &|to| kernels.dense_weight_gradient_sparse(safe, b.view(), to).unwrap(),
                // SAFETY: the matrices are as large as the sizes say.
                &|s, to, ld| unsafe {
                    let (delta, dw) = (s.r(2, b.r()), s.w(3, to));
                    mnf_dense_weight_gradient_sparse(s.r(0, k), s.r(1, at), N, delta, b.ld, dw, ld)
                },
            );
        }
    }
}

/// spmm takes up from what C holds: twice as the spoilt calls must not have begun.
#[test]
fn spmm_with_a_beta_has_the_bits_of_the_safe_method() {
    let mut random = Random::new(11);
    for kernels in all_isas() {
        let forms = Forms::new(&mut random);
        let b = Matrix::new(&mut random, COLUMNS, N, 1);
        for (s, safe) in forms.all() {
            let mut expected = Matrix::new(&mut random, ROWS, N, 2);
            let mut found = expected.clone();
            kernels.spmm(safe, b.view(), -0.5, expected.view_mut()).unwrap();
            let to_ld = found.ld;
            // SAFETY: the matrices are as large as the sizes say.
            let status = unsafe { mnf_spmm(handle(kernels), &s, N, b.r(), b.ld, -0.5, found.w(), to_ld) };
            assert_eq!(status, MnfStatus::Ok);
            same("spmm", &expected.data, &found.data);
        }
    }
}

#[test]
fn sparse_updates_have_the_bits_of_the_safe_method() {
    let mut random = Random::new(12);
    for kernels in all_isas() {
        let k = handle(kernels);
        let forms = Forms::new(&mut random);
        let delta = Matrix::new(&mut random, COLUMNS, N, 1);
        for ((rule, safe_rule), deferring) in
            rules().into_iter().flat_map(|rule| [(rule, false), (rule, true)])
        {
            for (s, safe) in forms.all() {
                let count = safe_rule.optimizer.states();
                let from = start(&mut random, ROWS, N);
                let (mut expected, mut found) = (from.clone(), from.clone());
                let (mut owed, mut owed_found) = ([2; ROWS], [2; ROWS]);
                let [w, states @ ..] = &mut expected;
                let mut states: Vec<_> = states[..count].iter_mut().map(Matrix::view_mut).collect();
                let deferred = deferring.then_some(&mut owed[..]);
                kernels
                    .dense_weight_update_sparse(
                        &safe_rule,
                        safe,
                        delta.view(),
                        w.view_mut(),
                        &mut states,
                        deferred,
                    )
                    .unwrap();
                let [w, states @ ..] = &mut found;
                let (to, to_ld, states) = (w.w(), w.ld, states_of(&mut states[..count]));
                let (rule_at, at) = (&raw const rule, &raw const s);
                let deferred = if deferring { owed_found.as_mut_ptr() } else { null_mut() };
                // SAFETY: the matrices are as large as the sizes say.
                check(&format!("{rule:?}"), 5, &[], &[], |s| unsafe {
                    let (delta_at, w) = (s.r(3, delta.r()), s.w(4, to));
                    mnf_dense_weight_update_sparse(
                        s.r(0, k),
                        s.r(1, rule_at),
                        s.r(2, at),
                        N,
                        delta_at,
                        delta.ld,
                        w,
                        to_ld,
                        states.as_ptr(),
                        deferred,
                    )
                });
                let what = format!("{rule:?}, form {}, on {}", s.form, kernels.isa());
                for (expected, found) in expected.iter().zip(&found) {
                    same(&what, &expected.data, &found.data);
                }
                assert_eq!(owed, owed_found, "{what}");
            }
        }
    }
}

#[test]
fn settling_has_the_bits_of_the_safe_method() {
    let mut random = Random::new(13);
    let safe = RmsProp { learning_rate: 0.1, rho: 0.7, epsilon: 0.02, epsilon_at: Epsilon::InsideRoot };
    let mut rule = rules().iter().find(|(c, _)| c.optimizer == MnfOptimizer::Rmsprop as i32).unwrap().0;
    (rule.learning_rate, rule.rho, rule.epsilon) = (0.1, 0.7, 0.02);
    for kernels in all_isas() {
        let k = handle(kernels);
        let mut expected = start(&mut random, ROWS, N)[1].clone();
        let mut found = expected.clone();
        let mut owed: [[u32; ROWS]; 2] = [0; 2].map(|_| std::array::from_fn(|i| i as u32 % 4));
        kernels.rmsprop_settle(&safe, expected.view_mut(), &mut owed[0]).unwrap();
        let (v, v_ld, deferred, at) = (found.w(), found.ld, owed[1].as_mut_ptr(), &raw const rule);
        // SAFETY: the matrices are as large as the sizes say.
        check("rmsprop_settle", 4, &[], &[], |s| unsafe {
            mnf_rmsprop_settle(s.r(0, k), s.r(1, at), ROWS, N, s.w(2, v), v_ld, s.w(3, deferred))
        });
        same("rmsprop_settle", &expected.data, &found.data);
        assert_eq!(owed, [[0; ROWS]; 2]);
        let other = MnfRule { optimizer: MnfOptimizer::Adam as i32, ..rule };
        // SAFETY: a refused call touches nothing.
        let status = unsafe { mnf_rmsprop_settle(k, &other, ROWS, N, v, v_ld, deferred) };
        assert_eq!(status, MnfStatus::Enumeration);
    }
}

#[test]
fn compression_and_transposes_have_the_bits_of_the_safe_methods() {
    let mut random = Random::new(14);
    for kernels in all_isas() {
        let k = handle(kernels);
        let forms = Forms::new(&mut random);
        let n = forms.bytes.len();
        let floats: Vec<f32> = forms.bytes.iter().map(|byte| f32::from(*byte)).collect();
        for bytes in [false, true] {
            let (mut indices, mut values) = ([vec![0; n], vec![7; n]], [vec![0.0; n], vec![7.0; n]]);
            let count = if bytes {
                kernels.compress_u8(&forms.bytes, &mut indices[0], &mut values[0])
            } else {
                kernels.compress(&floats, &mut indices[0], &mut values[0])
            }
            .unwrap();
            let (to, values_to, mut found) = (indices[1].as_mut_ptr(), values[1].as_mut_ptr(), 0);
            let at = &raw mut found;
            let bytes_at = if bytes { &[1][..] } else { &[] };
            // SAFETY: n elements each.
            check("compress", 5, &[], bytes_at, |s| unsafe {
                let (to, values_to, at) = (s.w(2, to), s.w(3, values_to), s.w(4, at));
                if bytes {
                    mnf_compress_u8(s.r(0, k), n, s.r(1, forms.bytes.as_ptr()), to, values_to, at)
                } else {
                    mnf_compress(s.r(0, k), n, s.r(1, floats.as_ptr()), to, values_to, at)
                }
            });
            assert_eq!((count, &indices[0][..count]), (found, &indices[1][..count]));
            same("compress", &values[0][..count], &values[1][..count]);
            assert!(count > 0 && count < n);
        }

        let from = &forms.floats;
        let mut expected = Matrix::new(&mut random, COLUMNS, ROWS, 3);
        let mut found = expected.clone();
        kernels.transpose(from.view(), expected.view_mut()).unwrap();
        let (to, to_ld) = (found.w(), found.ld);
        // SAFETY: the matrices are as large as the sizes say.
        check("transpose", 3, &[], &[], |s| unsafe {
            mnf_transpose(s.r(0, k), ROWS, COLUMNS, s.r(1, from.r()), from.ld, s.w(2, to), to_ld)
        });
        same("transpose", &expected.data, &found.data);

        for (s, safe) in forms.all() {
            let (first, columns, ld) = (4, 20, mnf_room(ROWS) + 3);
            let (mut to, mut found) = (vec![1u8; columns * ld], vec![1u8; columns * ld]);
            let (at, to_at) = (&raw const s, found.as_mut_ptr());
            let Sparse::Bytes(safe) = safe else {
                // SAFETY: a refused call touches nothing.
                let status = unsafe { mnf_transpose_u8(k, at, first, columns, to_at, ld) };
                assert_eq!(status, MnfStatus::Enumeration);
                continue;
            };
            kernels.transpose_u8(safe, first..first + columns, &mut to, ld).unwrap();
            // SAFETY: as many bytes as the sizes say.
            unsafe {
                check("transpose_u8", 3, &[], &[2], |s| {
                    mnf_transpose_u8(s.r(0, k), s.r(1, at), first, columns, s.w(2, to_at), ld)
                });
                let rows = |x: &[u8]| x.chunks(ld).flat_map(|row| row[..ROWS].to_vec()).collect::<Vec<_>>();
                assert_eq!(rows(&to), rows(&found));
                let wrong = |first, columns, ld| mnf_transpose_u8(k, at, first, columns, to_at, ld);
                assert_eq!(wrong(20, COLUMNS - 19, ld), MnfStatus::Value);
                assert_eq!(wrong(usize::MAX, 1, ld), MnfStatus::Value);
                assert_eq!(wrong(4, 20, mnf_room(ROWS) - 1), MnfStatus::Stride);
                assert_eq!(wrong(4, 20, usize::MAX / 8), MnfStatus::Size);
            }
        }
        assert_eq!([mnf_room(0), mnf_room(1), mnf_room(16)], [0, 16, 16]);
        assert_eq!(mnf_room(usize::MAX), Kernels::room(usize::MAX));
    }
}

/// What is wrong inside of a sparse matrix is found before anything is read by it, or written.
#[test]
fn wrong_sparse_matrices_are_refused() {
    let (k, random) = (mnf_kernels_best(), &mut Random::new(15));
    let forms = Forms::new(random);
    let [(csr, _), (bytes, _), (chosen, _), (floats, _)] = forms.all();
    let b = MatRef::new(&[0.0; COLUMNS], COLUMNS, 1).unwrap().as_ptr();
    let mut to = [7.0f32; ROWS];
    let c = to.as_mut_ptr();
    let refused = |what: &str, s: MnfSparse, status: MnfStatus| {
        // SAFETY: a refused call touches nothing.
        assert_eq!(unsafe { mnf_spmm(k, &s, 1, b, 1, 0.0, c, 1) }, status, "{what}");
    };
    for form in [-1, 3, i32::MAX] {
        refused("no form", MnfSparse { form, ..csr }, MnfStatus::Enumeration);
    }
    refused("too few values", MnfSparse { length: csr.length - 1, ..csr }, MnfStatus::Sparse);
    refused("a column outside", MnfSparse { columns: 20, ..csr }, MnfStatus::Sparse);
    let backwards: Vec<u32> = forms.indices.iter().rev().copied().collect();
    refused("decreasing columns", MnfSparse { indices: backwards.as_ptr(), ..csr }, MnfStatus::Sparse);
    refused(
        "rows that end early",
        MnfSparse { starts: csr.ends, ends: csr.starts, ..csr },
        MnfStatus::Sparse,
    );
    for (what, s) in [
        ("values", MnfSparse { elements: null(), ..csr }),
        ("indices", MnfSparse { indices: null(), ..csr }),
        ("starts", MnfSparse { starts: null(), ..csr }),
        ("ends", MnfSparse { ends: null(), ..csr }),
        ("bytes", MnfSparse { elements: null(), ..bytes }),
        ("chosen bytes", MnfSparse { elements: null(), ..chosen }),
        ("floats", MnfSparse { elements: null(), ..floats }),
    ] {
        refused(what, s, MnfStatus::NullPointer);
    }
    refused(
        "values between floats",
        MnfSparse { elements: csr.elements.wrapping_byte_add(1), ..csr },
        MnfStatus::Alignment,
    );
    refused("short rows", MnfSparse { ld: COLUMNS - 1, ..bytes }, MnfStatus::Stride);
    refused("chosen rows with gaps", MnfSparse { ld: COLUMNS + 1, ..chosen }, MnfStatus::Stride);
    refused("a chosen row outside", MnfSparse { length: 1, ..chosen }, MnfStatus::Sparse);
    refused("short rows of floats", MnfSparse { ld: COLUMNS - 1, ..floats }, MnfStatus::Stride);
    refused("too many values", MnfSparse { length: usize::MAX, ..csr }, MnfStatus::Size);
    refused("too many rows", MnfSparse { rows: usize::MAX, ..csr }, MnfStatus::Size);
    refused("too many bytes", MnfSparse { rows: usize::MAX, ..bytes }, MnfStatus::Size);
    refused("too many rows to choose from", MnfSparse { length: usize::MAX, ..chosen }, MnfStatus::Size);
    assert_eq!(to, [7.0; ROWS]);
}
