//! The C interface, called from Rust: the bits of the safe methods, and a status for every wrong call.
//!
//! Every function is called with each of its pointers null and misaligned in turn before it is called in earnest; functions
//! that work in place would show it if a refused call had written.

use std::mem::align_of;
use std::ptr::{null, null_mut};

use mnist_fast_kernels::capi::*;
use mnist_fast_kernels::{
    Activation, Adam, AdamW, Epsilon, Error, Isa, Kernels, LabelSmoothing, MatMut, MatRef, Momentum, RmsProp,
    Sgd, Workspace,
};

#[path = "../common/mod.rs"]
mod common;
mod images;
mod rules;
mod sparse;
mod support;
mod twins;

use common::{Random, all_isas};
use support::{Matrix, Scratch, Spoil, check, handle, same, text};

const BATCH: usize = 21;
const INPUTS: usize = 33;
const OUTPUTS: usize = 18;

#[test]
fn products_have_the_bits_of_the_safe_methods() {
    let mut random = Random::new(1);
    let (ws, mut workspace) = (Scratch::new(), Workspace::new());
    for kernels in all_isas() {
        let (k, isa) = (handle(kernels), kernels.isa());
        // Row-major, column-major, backwards, and with A broadcast.
        let (m, d, n) = (BATCH as isize, INPUTS as isize, OUTPUTS as isize);
        let strides = [
            ((d, 1), (n, 1), (n + 3, 1)),
            ((1, m + 1), (1, d + 2), (1, m + 3)),
            ((-d, -1), (n, -1), (-(n + 1), -1)),
            ((0, 1), (n, 0), (2 * n, 2)),
        ];
        for ((a_row, a_column), (b_row, b_column), (c_row, c_column)) in strides {
            let (a, b, c) = (random.vec(2048), random.vec(2048), random.vec(2048));
            // Element (0, 0) in the middle, so that strides can be negative.
            let (a, b) = (a[1024..].as_ptr(), b[1024..].as_ptr());
            let (mut expected, mut found) = (c.clone(), c);
            // SAFETY: the matrices reach less than 1024 elements either way.
            unsafe {
                let to = expected.as_mut_ptr().add(1024);
                let (m, d, n) = (BATCH, INPUTS, OUTPUTS);
                kernels
                    .sgemm(
                        m,
                        d,
                        n,
                        0.5,
                        a,
                        a_row,
                        a_column,
                        b,
                        b_row,
                        b_column,
                        -2.0,
                        to,
                        c_row,
                        c_column,
                        &mut workspace,
                    )
                    .unwrap();
                let to = found.as_mut_ptr().add(1024);
                check("sgemm", 5, &[], &[], |s| {
                    mnf_sgemm(
                        s.r(0, k),
                        m,
                        d,
                        n,
                        0.5,
                        s.r(1, a),
                        a_row,
                        a_column,
                        s.r(2, b),
                        b_row,
                        b_column,
                        -2.0,
                        s.w(3, to),
                        c_row,
                        c_column,
                        s.w(4, ws.0),
                    )
                });
            }
            same(&format!("{isa}, C strides {c_row}, {c_column}"), &expected, &found);
        }
    }
}

#[test]
fn dense_layers_have_the_bits_of_the_safe_methods() {
    let mut random = Random::new(2);
    let (ws, mut workspace) = (Scratch::new(), Workspace::new());
    for kernels in all_isas() {
        let k = handle(kernels);
        let x = Matrix::new(&mut random, BATCH, INPUTS, 1);
        let w = Matrix::new(&mut random, INPUTS, OUTPUTS, 2);
        let delta = Matrix::new(&mut random, BATCH, OUTPUTS, 3);
        let v = Matrix { data: w.data.iter().map(|w| w * w).collect(), ..w.clone() };
        let bias = random.vec(OUTPUTS);
        for (number, activation) in
            [(MnfActivation::Linear, Activation::Linear), (MnfActivation::Relu, Activation::Relu)]
        {
            let mut expected = Matrix::new(&mut random, BATCH, OUTPUTS, 4);
            let mut found = expected.clone();
            kernels
                .dense_forward(x.view(), w.view(), &bias, activation, expected.view_mut(), &mut workspace)
                .unwrap();
            let (y, y_ld) = (found.w(), found.ld);
            // SAFETY: the matrices are as large as the sizes say.
            check("dense_forward", 6, &[], &[], |s| unsafe {
                mnf_dense_forward(
                    s.r(0, k),
                    BATCH,
                    INPUTS,
                    OUTPUTS,
                    s.r(1, x.r()),
                    x.ld,
                    s.r(2, w.r()),
                    w.ld,
                    s.r(3, bias.as_ptr()),
                    number as i32,
                    s.w(4, y),
                    y_ld,
                    s.w(5, ws.0),
                )
            });
            same("dense_forward", &expected.data, &found.data);
        }

        let mut expected = Matrix::new(&mut random, BATCH, INPUTS, 4);
        let (mut found, mut unmasked) = (expected.clone(), expected.clone());
        kernels
            .dense_input_gradient(delta.view(), w.view(), Some(x.view()), expected.view_mut(), &mut workspace)
            .unwrap();
        let (dx, dx_ld) = (found.w(), found.ld);
        // SAFETY: the matrices are as large as the sizes say.
        let call = |s: Spoil, dx: *mut f32| unsafe {
            mnf_dense_input_gradient(
                s.r(0, k),
                BATCH,
                INPUTS,
                OUTPUTS,
                s.r(1, delta.r()),
                delta.ld,
                s.r(2, w.r()),
                w.ld,
                s.r(3, x.r()),
                x.ld,
                s.w(4, dx),
                dx_ld,
                s.w(5, ws.0),
            )
        };
        check("dense_input_gradient", 6, &[3], &[], |s| call(s, dx));
        same("dense_input_gradient", &expected.data, &found.data);
        kernels
            .dense_input_gradient(delta.view(), w.view(), None, expected.view_mut(), &mut workspace)
            .unwrap();
        assert_eq!(call(Spoil::Null(3), unmasked.w()), MnfStatus::Ok);
        same("dense_input_gradient without a mask", &expected.data, &unmasked.data);

        let mut expected = Matrix::new(&mut random, INPUTS, OUTPUTS, 4);
        let mut found = expected.clone();
        kernels.dense_weight_gradient(x.view(), delta.view(), expected.view_mut(), &mut workspace).unwrap();
        let (dw, dw_ld) = (found.w(), found.ld);
        // SAFETY: the matrices are as large as the sizes say.
        check("dense_weight_gradient", 5, &[], &[], |s| unsafe {
            mnf_dense_weight_gradient(
                s.r(0, k),
                BATCH,
                INPUTS,
                OUTPUTS,
                s.r(1, x.r()),
                x.ld,
                s.r(2, delta.r()),
                delta.ld,
                s.w(3, dw),
                dw_ld,
                s.w(4, ws.0),
            )
        });
        same("dense_weight_gradient", &expected.data, &found.data);

        let (mut expected, mut found) = (w.clone(), w.clone());
        let rule = Sgd { learning_rate: 0.125 };
        kernels
            .dense_weight_update_sgd(&rule, x.view(), delta.view(), expected.view_mut(), &mut workspace)
            .unwrap();
        let (to, to_ld) = (found.w(), found.ld);
        // SAFETY: the matrices are as large as the sizes say.
        check("dense_weight_update_sgd", 5, &[], &[], |s| unsafe {
            mnf_dense_weight_update_sgd(
                s.r(0, k),
                0.125,
                BATCH,
                INPUTS,
                OUTPUTS,
                s.r(1, x.r()),
                x.ld,
                s.r(2, delta.r()),
                delta.ld,
                s.w(3, to),
                to_ld,
                s.w(4, ws.0),
            )
        });
        same("dense_weight_update_sgd", &expected.data, &found.data);

        for (outside, epsilon_at) in [(0, Epsilon::InsideRoot), (1, Epsilon::OutsideRoot)] {
            let (mut expected, mut found) = (w.clone(), w.clone());
            let (mut expected_v, mut found_v) = (v.clone(), v.clone());
            let rule = RmsProp { learning_rate: 0.01, rho: 0.8, epsilon: 0.02, epsilon_at };
            let (x_view, state) = (x.view(), expected_v.view_mut());
            let to = expected.view_mut();
            kernels
                .dense_weight_update_rmsprop(&rule, x_view, delta.view(), to, state, &mut workspace)
                .unwrap();
            let (to, to_ld, state, state_ld) = (found.w(), found.ld, found_v.w(), found_v.ld);
            // SAFETY: the matrices are as large as the sizes say.
            check("dense_weight_update_rmsprop", 6, &[], &[], |s| unsafe {
                mnf_dense_weight_update_rmsprop(
                    s.r(0, k),
                    0.01,
                    0.8,
                    0.02,
                    outside,
                    BATCH,
                    INPUTS,
                    OUTPUTS,
                    s.r(1, x.r()),
                    x.ld,
                    s.r(2, delta.r()),
                    delta.ld,
                    s.w(3, to),
                    to_ld,
                    s.w(4, state),
                    state_ld,
                    s.w(5, ws.0),
                )
            });
            same("dense_weight_update_rmsprop", &expected.data, &found.data);
            same("dense_weight_update_rmsprop's state", &expected_v.data, &found_v.data);
        }

        let (mut expected, mut found) = (random.vec(OUTPUTS), random.vec(OUTPUTS));
        kernels.dense_bias_gradient(delta.view(), &mut expected).unwrap();
        let to = found.as_mut_ptr();
        // SAFETY: the matrices are as large as the sizes say.
        check("dense_bias_gradient", 3, &[], &[], |s| unsafe {
            mnf_dense_bias_gradient(s.r(0, k), BATCH, OUTPUTS, s.r(1, delta.r()), delta.ld, s.w(2, to))
        });
        same("dense_bias_gradient", &expected, &found);
    }
}

#[test]
fn weight_updates_with_moments_have_the_bits_of_the_safe_methods() {
    let mut random = Random::new(7);
    let (ws, mut workspace) = (Scratch::new(), Workspace::new());
    let adam = Adam { learning_rate: 0.1, beta_1: 0.7, beta_2: 0.8, epsilon: 0.02 };
    let adamw = AdamW { adam, weight_decay: 0.3 };
    let (batch, inputs, outputs) = (BATCH, INPUTS, OUTPUTS);
    for kernels in all_isas() {
        let k = handle(kernels);
        let (x, delta) =
            (Matrix::new(&mut random, BATCH, INPUTS, 1), Matrix::new(&mut random, BATCH, OUTPUTS, 3));
        let w = Matrix::new(&mut random, INPUTS, OUTPUTS, 2);
        let m = Matrix::new(&mut random, INPUTS, OUTPUTS, 4);
        let mut v = Matrix::new(&mut random, INPUTS, OUTPUTS, 5);
        v.data.iter_mut().for_each(|v| *v *= *v);
        let (xs, x_ld, deltas, d_ld) = (x.r(), x.ld, delta.r(), delta.ld);
        for name in ["momentum", "Nesterov's momentum", "adam", "adamw"] {
            let mut expected = [w.clone(), m.clone(), v.clone()];
            let mut found = expected.clone();
            let [to_w, to_m, to_v] = expected.each_mut().map(Matrix::view_mut);
            let (x, delta, ws_) = (x.view(), delta.view(), &mut workspace);
            let rule = Momentum { learning_rate: 0.1, momentum: 0.7, nesterov: name != "momentum" };
            match name {
                "adam" => kernels.dense_weight_update_adam(&adam, 3, x, delta, to_w, to_m, to_v, ws_),
                "adamw" => kernels.dense_weight_update_adamw(&adamw, 3, x, delta, to_w, to_m, to_v, ws_),
                _ => kernels.dense_weight_update_momentum(&rule, x, delta, to_w, to_m, ws_),
            }
            .unwrap();
            let [(to_w, w_ld), (to_m, m_ld), (to_v, v_ld)] = found.each_mut().map(|x| (x.w(), x.ld));
            let pointers = if name.starts_with("adam") { 7 } else { 6 };
            // SAFETY: the matrices are as large as the sizes say.
            check(name, pointers, &[], &[], |s| unsafe {
                let (k, ws, x, delta) = (s.r(0, k), s.w(1, ws.0), s.r(2, xs), s.r(3, deltas));
                let (w, m, v) = (s.w(4, to_w), s.w(5, to_m), s.w(6, to_v));
                match name {
                    "adam" => mnf_dense_weight_update_adam(
                        k, 0.1, 0.7, 0.8, 0.02, 3, batch, inputs, outputs, x, x_ld, delta, d_ld, w, w_ld, m,
                        m_ld, v, v_ld, ws,
                    ),
                    "adamw" => mnf_dense_weight_update_adamw(
                        k, 0.1, 0.7, 0.8, 0.02, 0.3, 3, batch, inputs, outputs, x, x_ld, delta, d_ld, w,
                        w_ld, m, m_ld, v, v_ld, ws,
                    ),
                    _ => {
                        let nesterov = i32::from(rule.nesterov);
                        mnf_dense_weight_update_momentum(
                            k, 0.1, 0.7, nesterov, batch, inputs, outputs, x, x_ld, delta, d_ld, w, w_ld, m,
                            m_ld, ws,
                        )
                    }
                }
            });
            for (what, (expected, found)) in ["W", "M", "V"].iter().zip(expected.iter().zip(&found)) {
                same(&format!("{what} of {name} on {}", kernels.isa()), &expected.data, &found.data);
            }
            let changed = |i: usize, from: &Matrix| found[i].data != from.data;
            assert_eq!([changed(0, &w), changed(1, &m), changed(2, &v)], [true, true, pointers == 7]);
        }
    }
}

/// A packed matrix of C's, freed at the end.
struct Packed(*mut MnfPacked);

impl Packed {
    fn new(
        k: *const MnfKernels,
        (rows, columns): (usize, usize),
        b: &[f32],
        strides: (isize, isize),
    ) -> Self {
        let mut packed = null_mut();
        // SAFETY: callers give as many elements as shape and strides say.
        let status = unsafe { mnf_pack_b(k, rows, columns, b.as_ptr(), strides.0, strides.1, &mut packed) };
        assert_eq!(status, MnfStatus::Ok);
        Packed(packed)
    }
}

impl Drop for Packed {
    fn drop(&mut self) {
        // SAFETY: made above, freed once.
        unsafe { mnf_packed_free(self.0) }
    }
}

#[test]
fn packed_matrices_have_the_bits_of_the_safe_methods() {
    let mut random = Random::new(8);
    let (ws, mut workspace) = (Scratch::new(), Workspace::new());
    let (m, d, n) = (BATCH, INPUTS, OUTPUTS);
    for kernels in all_isas() {
        let k = handle(kernels);
        let a = Matrix::new(&mut random, m, d, 1);
        let (bias, data) = (random.vec(n), random.vec(d * n));
        // Row-major, column-major, and backwards from the last element.
        for (first, rs, cs) in [(0, n as isize, 1), (0, 1, d as isize), (d * n - 1, -(n as isize), -1)] {
            let b = MatRef::with_strides(&data, first, d, n, rs, cs).unwrap();
            let safe = kernels.pack_b_owned(b).unwrap();
            let (mut made, from) = (null_mut(), b.as_ptr());
            let at = &raw mut made;
            // SAFETY: d n elements; `made` can be written, and nothing else uses it meanwhile.
            check("pack_b", 3, &[], &[], |s| unsafe {
                let status = mnf_pack_b(s.r(0, k), d, n, s.r(1, from), rs, cs, s.w(2, at));
                assert_eq!(status == MnfStatus::Ok, !(*at).is_null(), "a refused call has written");
                status
            });
            let to = Packed(made);
            let b = to.0;

            let mut expected = Matrix::new(&mut random, m, n, 2);
            let mut found = expected.clone();
            kernels.gemm_packed(0.5, a.view(), &safe, 0.0, expected.view_mut(), &mut workspace).unwrap();
            let (c, c_ld, lda) = (found.w(), found.ld, a.ld as isize);
            // SAFETY: the matrices are as large as the sizes say.
            check("sgemm_packed", 5, &[], &[], |s| unsafe {
                let (k, a, b, c, ws) = (s.r(0, k), s.r(1, a.r()), s.r(2, b), s.w(3, c), s.w(4, ws.0));
                mnf_sgemm_packed(k, m, d, n, 0.5, a, lda, 1, b, 0.0, c, c_ld, ws)
            });
            same("sgemm_packed", &expected.data, &found.data);

            // A column by column, and a C that is read.
            let view = MatRef::with_strides(&a.data, 0, m, d, 1, m as isize).unwrap();
            kernels.gemm_packed(-0.7, view, &safe, 3.0, expected.view_mut(), &mut workspace).unwrap();
            let c = found.w();
            // SAFETY: the matrices are as large as the sizes say.
            let status =
                unsafe { mnf_sgemm_packed(k, m, d, n, -0.7, a.r(), 1, m as isize, b, 3.0, c, c_ld, ws.0) };
            assert_eq!(status, MnfStatus::Ok);
            same("sgemm_packed of a transposed A", &expected.data, &found.data);

            for (number, activation) in
                [(MnfActivation::Linear, Activation::Linear), (MnfActivation::Relu, Activation::Relu)]
            {
                let mut expected = Matrix::new(&mut random, m, n, 4);
                let mut found = expected.clone();
                let to = expected.view_mut();
                kernels.dense_forward_packed(a.view(), &safe, &bias, activation, to, &mut workspace).unwrap();
                let (y, y_ld, bias) = (found.w(), found.ld, bias.as_ptr());
                // SAFETY: the matrices are as large as the sizes say.
                check("dense_forward_packed", 6, &[], &[], |s| unsafe {
                    let (k, x, w, bias) = (s.r(0, k), s.r(1, a.r()), s.r(2, b), s.r(3, bias));
                    let (y, ws, number) = (s.w(4, y), s.w(5, ws.0), number as i32);
                    mnf_dense_forward_packed(k, m, d, n, x, a.ld, w, bias, number, y, y_ld, ws)
                });
                same("dense_forward_packed", &expected.data, &found.data);
            }
        }
    }
}

#[test]
fn packed_matrices_of_other_shapes_or_kernels_are_refused() {
    let ws = Scratch::new();
    let (x, mut to) = ([1.0f32; 64], [7.0f32; 64]);
    let (a, c) = (x.as_ptr(), to.as_mut_ptr());
    for kernels in all_isas() {
        let k = handle(kernels);
        let packed = Packed::new(k, (3, 4), &x, (4, 1));
        // SAFETY: the matrices are at least as large as the sizes say; a refused call touches nothing.
        unsafe {
            let product =
                |k, d, n, c_ld| mnf_sgemm_packed(k, 2, d, n, 1.0, a, 3, 1, packed.0, 1.0, c, c_ld, ws.0);
            let dense = |k, d, n, activation| {
                mnf_dense_forward_packed(k, 2, d, n, a, 4, packed.0, a, activation, c, 5, ws.0)
            };
            for (d, n) in [(4, 4), (2, 4), (3, 3), (3, 5), (4, 3)] {
                assert_eq!(product(k, d, n, 5), MnfStatus::Packed, "{d} x {n}");
                assert_eq!(dense(k, d, n, 0), MnfStatus::Packed, "{d} x {n}");
            }
            for other in all_isas().into_iter().filter(|other| other.isa() != kernels.isa()) {
                assert_eq!(product(handle(other), 3, 4, 4), MnfStatus::Packed);
                assert_eq!(dense(handle(other), 3, 4, 0), MnfStatus::Packed);
            }
            assert_eq!((product(k, 3, 4, 3), dense(k, 3, 4, 2)), (MnfStatus::Stride, MnfStatus::Enumeration));
        }
    }
    same("what no call may write", &[7.0; 64], &to);
}

#[test]
fn packing_what_no_memory_holds_is_refused() {
    let (k, x, mut packed) = (mnf_kernels_best(), [1.0f32; 4], null_mut());
    let (b, most, square) = (x.as_ptr(), isize::MAX as usize / 4, 1 << (usize::BITS / 2));
    // SAFETY: all elements of a matrix with strides of 0 are at one place.
    let mut pack = |rows, columns, rs, cs| unsafe { mnf_pack_b(k, rows, columns, b, rs, cs, &mut packed) };
    for (rows, columns) in [(usize::MAX, 1), (1, most + 1), (most, 2), (square, square), (1, most)] {
        assert_eq!(pack(rows, columns, 0, 0), MnfStatus::Size, "{rows} x {columns}");
    }
    assert_eq!(pack(2, 2, isize::MAX, 1), MnfStatus::Size);
    // It can be counted, but there is no such memory; more than any address space where pointers have 64 bits.
    // (A column is packed as 16.)
    assert_eq!(pack(most / 32, 1, 0, 0), MnfStatus::Memory);
    assert!(packed.is_null());
    // SAFETY: a matrix without elements; null may be freed.
    unsafe {
        assert_eq!(mnf_pack_b(k, 0, 3, null(), 3, 1, &mut packed), MnfStatus::Ok);
        mnf_packed_free(packed);
        mnf_packed_free(null_mut());
    }
}

#[test]
fn elementwise_functions_have_the_bits_of_the_safe_methods() {
    type InPlace = unsafe extern "C" fn(*const MnfKernels, usize, *mut f32) -> MnfStatus;
    type Through = unsafe extern "C" fn(*const MnfKernels, usize, *const f32, *mut f32) -> MnfStatus;
    type SafeInPlace = fn(Kernels, &mut [f32]);
    type SafeThrough = fn(Kernels, &[f32], &mut [f32]) -> Result<(), Error>;
    let functions: [(&str, InPlace, SafeInPlace); 5] = [
        ("relu", mnf_relu, Kernels::relu),
        ("sigmoid", mnf_sigmoid, Kernels::sigmoid),
        ("tanh", mnf_tanh, Kernels::tanh),
        ("exp", mnf_exp, Kernels::exp),
        ("ln", mnf_ln, Kernels::ln),
    ];
    let gradients: [(&str, Through, SafeThrough); 3] = [
        ("relu_gradient", mnf_relu_gradient, Kernels::relu_gradient),
        ("sigmoid_gradient", mnf_sigmoid_gradient, Kernels::sigmoid_gradient),
        ("tanh_gradient", mnf_tanh_gradient, Kernels::tanh_gradient),
    ];
    let mut random = Random::new(3);
    let n = 37;
    for kernels in all_isas() {
        let k = handle(kernels);
        let (x, h) = (random.vec(n), random.vec(n));
        let (mut expected, mut found);
        for (name, c, safe) in functions {
            (expected, found) = (x.clone(), x.clone());
            safe(kernels, &mut expected);
            let to = found.as_mut_ptr();
            // SAFETY: n elements.
            check(name, 2, &[], &[], |s| unsafe { c(s.r(0, k), n, s.w(1, to)) });
            same(name, &expected, &found);
        }
        for (name, c, safe) in gradients {
            (expected, found) = (x.clone(), x.clone());
            safe(kernels, &h, &mut expected).unwrap();
            let to = found.as_mut_ptr();
            // SAFETY: n elements each.
            check(name, 3, &[], &[], |s| unsafe { c(s.r(0, k), n, s.r(1, h.as_ptr()), s.w(2, to)) });
            same(name, &expected, &found);
        }
        (expected, found) = (x.clone(), x.clone());
        kernels.leaky_relu(0.3, &mut expected);
        let to = found.as_mut_ptr();
        // SAFETY: n elements.
        check("leaky_relu", 2, &[], &[], |s| unsafe { mnf_leaky_relu(s.r(0, k), 0.3, n, s.w(1, to)) });
        same("leaky_relu", &expected, &found);
        (expected, found) = (x.clone(), x.clone());
        kernels.leaky_relu_gradient(0.3, &h, &mut expected).unwrap();
        let to = found.as_mut_ptr();
        // SAFETY: n elements each.
        check("leaky_relu_gradient", 3, &[], &[], |s| unsafe {
            mnf_leaky_relu_gradient(s.r(0, k), 0.3, n, s.r(1, h.as_ptr()), s.w(2, to))
        });
        same("leaky_relu_gradient", &expected, &found);

        let bytes: Vec<u8> = (0..n).map(|_| random.below(256) as u8).collect();
        (expected, found) = (vec![0.0; n], vec![1.0; n]);
        kernels.unit_from_u8(&bytes, &mut expected).unwrap();
        let to = found.as_mut_ptr();
        // SAFETY: n elements each.
        check("unit_from_u8", 3, &[], &[1], |s| unsafe {
            mnf_unit_from_u8(s.r(0, k), n, s.r(1, bytes.as_ptr()), s.w(2, to))
        });
        same("unit_from_u8", &expected, &found);
        kernels.scale_u8(&bytes, 0.3, -0.7, &mut expected).unwrap();
        let to = found.as_mut_ptr();
        // SAFETY: n elements each.
        check("scale_u8", 3, &[], &[1], |s| unsafe {
            mnf_scale_u8(s.r(0, k), n, s.r(1, bytes.as_ptr()), 0.3, -0.7, s.w(2, to))
        });
        same("scale_u8", &expected, &found);
    }
}

#[test]
fn rows_have_the_bits_of_the_safe_methods() {
    type Map = unsafe extern "C" fn(
        *const MnfKernels,
        usize,
        usize,
        *const f32,
        usize,
        *mut f32,
        usize,
    ) -> MnfStatus;
    type Reduce =
        unsafe extern "C" fn(*const MnfKernels, usize, usize, *const f32, usize, *mut f32) -> MnfStatus;
    type SafeMap = fn(Kernels, MatRef<'_>, MatMut<'_>) -> Result<(), Error>;
    type SafeReduce = fn(Kernels, MatRef<'_>, &mut [f32]) -> Result<(), Error>;
    let maps: [(&str, Map, SafeMap); 2] =
        [("softmax", mnf_softmax, Kernels::softmax), ("log_softmax", mnf_log_softmax, Kernels::log_softmax)];
    let reductions: [(&str, Reduce, SafeReduce); 4] = [
        ("row_sum", mnf_row_sum, Kernels::row_sum),
        ("row_max", mnf_row_max, Kernels::row_max),
        ("row_sum_of_squares", mnf_row_sum_of_squares, Kernels::row_sum_of_squares),
        ("row_norm2", mnf_row_norm2, Kernels::row_norm2),
    ];
    let mut random = Random::new(4);
    for kernels in all_isas() {
        let k = handle(kernels);
        let x = Matrix::new(&mut random, BATCH, OUTPUTS, 1);
        for (name, c, safe) in maps {
            let mut expected = Matrix::new(&mut random, BATCH, OUTPUTS, 2);
            let mut found = expected.clone();
            safe(kernels, x.view(), expected.view_mut()).unwrap();
            let (to, to_ld) = (found.w(), found.ld);
            // SAFETY: the matrices are as large as the sizes say.
            check(name, 3, &[], &[], |s| unsafe {
                c(s.r(0, k), BATCH, OUTPUTS, s.r(1, x.r()), x.ld, s.w(2, to), to_ld)
            });
            same(name, &expected.data, &found.data);
        }
        for (name, c, safe) in reductions {
            let (mut expected, mut found) = (vec![0.0; BATCH], vec![1.0; BATCH]);
            safe(kernels, x.view(), &mut expected).unwrap();
            let to = found.as_mut_ptr();
            // SAFETY: the matrices are as large as the sizes say.
            check(name, 3, &[], &[], |s| unsafe {
                c(s.r(0, k), BATCH, OUTPUTS, s.r(1, x.r()), x.ld, s.w(2, to))
            });
            same(name, &expected, &found);
        }
        let (mut expected, mut found) = ([0; BATCH], [1; BATCH]);
        kernels.argmax(x.view(), &mut expected).unwrap();
        let to = found.as_mut_ptr();
        // SAFETY: the matrices are as large as the sizes say.
        check("argmax", 3, &[], &[], |s| unsafe {
            mnf_argmax(s.r(0, k), BATCH, OUTPUTS, s.r(1, x.r()), x.ld, s.w(2, to))
        });
        assert_eq!(expected, found, "argmax");
    }
}

#[test]
fn cross_entropies_have_the_bits_of_the_safe_methods() {
    let mut random = Random::new(5);
    for kernels in all_isas() {
        let k = handle(kernels);
        let logits = Matrix::new(&mut random, BATCH, OUTPUTS, 1);
        let labels: Vec<u32> = (0..BATCH).map(|_| random.below(OUTPUTS) as u32).collect();
        let targets = Matrix::new(&mut random, BATCH, OUTPUTS, 2);
        let smoothing = LabelSmoothing::new(0.3).unwrap();
        for form in ["labels", "smoothed", "soft"] {
            let mut expected = Matrix::new(&mut random, BATCH, OUTPUTS, 3);
            let mut found = expected.clone();
            let (mut losses, mut classes) = ([[0.0; BATCH], [1.0; BATCH]], [[0; BATCH], [1; BATCH]]);
            let view = Some(expected.view_mut());
            let (to, ld, loss, class) =
                (found.w(), found.ld, losses[1].as_mut_ptr(), classes[1].as_mut_ptr());
            let ([losses_to, _], [classes_to, _]) = (&mut losses, &mut classes);
            let (x, hard) = (logits.view(), &labels[..]);
            match form {
                "soft" => {
                    kernels.softmax_cross_entropy_soft(x, targets.view(), 64, view, losses_to, classes_to)
                }
                "smoothed" => {
                    let labels = (hard, smoothing);
                    kernels.softmax_cross_entropy_smoothed(x, labels, 64, view, losses_to, classes_to)
                }
                _ => kernels.softmax_cross_entropy(x, hard, 64, view, losses_to, classes_to),
            }
            .unwrap();
            // SAFETY: the matrices are as large as the sizes say.
            check(form, 6, &[3], &[], |s| unsafe {
                let (kernels, logits, logits_ld) = (s.r(0, k), s.r(1, logits.r()), logits.ld);
                let (to, loss, class) = (s.w(3, to), s.w(4, loss), s.w(5, class));
                let (labels, targets_ld) = (s.r(2, labels.as_ptr()), targets.ld);
                match form {
                    "soft" => {
                        let from = s.r(2, targets.r());
                        mnf_softmax_cross_entropy_soft(
                            kernels, BATCH, OUTPUTS, logits, logits_ld, from, targets_ld, 64, to, ld, loss,
                            class,
                        )
                    }
                    "smoothed" => mnf_softmax_cross_entropy_smoothed(
                        kernels, BATCH, OUTPUTS, logits, logits_ld, labels, 0.3, 64, to, ld, loss, class,
                    ),
                    _ => mnf_softmax_cross_entropy(
                        kernels, BATCH, OUTPUTS, logits, logits_ld, labels, 64, to, ld, loss, class,
                    ),
                }
            });
            same("the gradient", &expected.data, &found.data);
            same("the losses", &losses[0], &losses[1]);
            assert_eq!(classes[0], classes[1], "the predictions");
        }

        let (mut on, mut off) = (0.0, 0.0);
        let (on_to, off_to) = (&raw mut on, &raw mut off);
        // SAFETY: both can be written.
        check("smoothed_targets", 2, &[], &[], |s| unsafe {
            mnf_smoothed_targets(0.3, OUTPUTS, s.w(0, on_to), s.w(1, off_to))
        });
        assert_eq!((on, off), smoothing.targets(OUTPUTS));

        let (n, logits, targets) = (BATCH, &logits.data[..BATCH], &targets.data[..BATCH]);
        let (mut gradients, mut losses) = ([[0.0; BATCH], [1.0; BATCH]], [[0.0; BATCH], [1.0; BATCH]]);
        kernels.binary_cross_entropy(logits, targets, 64, Some(&mut gradients[0]), &mut losses[0]).unwrap();
        let (to, loss) = (gradients[1].as_mut_ptr(), losses[1].as_mut_ptr());
        // SAFETY: n elements each.
        check("binary_cross_entropy", 5, &[3], &[], |s| unsafe {
            let (logits, targets) = (s.r(1, logits.as_ptr()), s.r(2, targets.as_ptr()));
            mnf_binary_cross_entropy(s.r(0, k), n, logits, targets, 64, s.w(3, to), s.w(4, loss))
        });
        same("the gradient", &gradients[0], &gradients[1]);
        same("the losses", &losses[0], &losses[1]);
    }
}

/// An optimizer's step by the safe method on weights and two states, and by C's function on those at the pointers.
type Both<'a> = &'a dyn Fn(&mut [&mut [f32]; 3], [*mut f32; 3]);

#[test]
fn optimizers_have_the_bits_of_the_safe_methods() {
    let mut random = Random::new(6);
    let n = 37;
    for kernels in all_isas() {
        let k = handle(kernels);
        let (w, g, m) = (random.vec(n), random.vec(n), random.vec(n));
        let v: Vec<f32> = m.iter().map(|m| m * m).collect();
        let run = |name: &str, both: Both<'_>| {
            let (mut expected, mut found) =
                ([w.clone(), m.clone(), v.clone()], [w.clone(), m.clone(), v.clone()]);
            let [to_w, to_m, to_v] = &mut found;
            let pointers = [to_w.as_mut_ptr(), to_m.as_mut_ptr(), to_v.as_mut_ptr()];
            let [expected_w, expected_m, expected_v] = &mut expected;
            both(&mut [expected_w, expected_m, expected_v], pointers);
            for (expected, found) in expected.iter().zip(&found) {
                same(name, expected, found);
            }
        };
        run("sgd", &|[w, _, _], [to_w, ..]| {
            kernels.sgd(&Sgd { learning_rate: 0.1 }, w, &g).unwrap();
            // SAFETY: n elements each.
            check("sgd", 3, &[], &[], |s| unsafe {
                mnf_sgd(s.r(0, k), 0.1, n, s.w(1, to_w), s.r(2, g.as_ptr()))
            });
        });
        for nesterov in [false, true] {
            run("momentum", &|[w, m, _], [to_w, to_m, _]| {
                kernels
                    .momentum(&Momentum { learning_rate: 0.1, momentum: 0.7, nesterov }, w, m, &g)
                    .unwrap();
                // SAFETY: n elements each.
                check("momentum", 4, &[], &[], |s| unsafe {
                    let (to_w, to_m, g) = (s.w(1, to_w), s.w(2, to_m), s.r(3, g.as_ptr()));
                    mnf_momentum(s.r(0, k), 0.1, 0.7, i32::from(nesterov), n, to_w, to_m, g)
                });
            });
        }
        for (outside, epsilon_at) in [(0, Epsilon::InsideRoot), (1, Epsilon::OutsideRoot)] {
            run("rmsprop", &|[w, _, v], [to_w, _, to_v]| {
                let rule = RmsProp { learning_rate: 0.1, rho: 0.7, epsilon: 0.02, epsilon_at };
                kernels.rmsprop(&rule, w, v, &g).unwrap();
                // SAFETY: n elements each.
                check("rmsprop", 4, &[], &[], |s| unsafe {
                    let (to_w, to_v, g) = (s.w(1, to_w), s.w(2, to_v), s.r(3, g.as_ptr()));
                    mnf_rmsprop(s.r(0, k), 0.1, 0.7, 0.02, outside, n, to_w, to_v, g)
                });
            });
        }
        let adam = Adam { learning_rate: 0.1, beta_1: 0.7, beta_2: 0.8, epsilon: 0.02 };
        run("adam", &|[w, m, v], [to_w, to_m, to_v]| {
            kernels.adam(&adam, 3, w, m, v, &g).unwrap();
            // SAFETY: n elements each.
            check("adam", 5, &[], &[], |s| unsafe {
                let (to_w, to_m, to_v, g) = (s.w(1, to_w), s.w(2, to_m), s.w(3, to_v), s.r(4, g.as_ptr()));
                mnf_adam(s.r(0, k), 0.1, 0.7, 0.8, 0.02, 3, n, to_w, to_m, to_v, g)
            });
        });
        run("adamw", &|[w, m, v], [to_w, to_m, to_v]| {
            kernels.adamw(&AdamW { adam, weight_decay: 0.3 }, 3, w, m, v, &g).unwrap();
            // SAFETY: n elements each.
            check("adamw", 5, &[], &[], |s| unsafe {
                let (to_w, to_m, to_v, g) = (s.w(1, to_w), s.w(2, to_m), s.w(3, to_v), s.r(4, g.as_ptr()));
                mnf_adamw(s.r(0, k), 0.1, 0.7, 0.8, 0.02, 0.3, 3, n, to_w, to_m, to_v, g)
            });
        });
    }
}

#[test]
fn impossible_sizes_and_strides_are_refused() {
    let (k, ws) = (mnf_kernels_best(), Scratch::new());
    let (x, mut to) = ([1.0f32; 64], [7.0f32; 64]);
    let (x, y, most) = (x.as_ptr(), to.as_mut_ptr(), isize::MAX as usize / 4);
    // SAFETY: a refused call touches nothing.
    unsafe {
        let gemm = |m, d, n, a: (isize, isize), c: (isize, isize)| {
            mnf_sgemm(k, m, d, n, 1.0, x, a.0, a.1, x, 1, 1, 0.0, y, c.0, c.1, ws.0)
        };
        for (m, d, n) in [(usize::MAX, 2, 2), (2, usize::MAX, 2), (2, 2, usize::MAX), (most + 1, 2, 2)] {
            assert_eq!(gemm(m, d, n, (1, 1), (2, 1)), MnfStatus::Size, "{m}, {d}, {n}");
        }
        assert_eq!(gemm(2, 2, 2, (isize::MIN, 1), (2, 1)), MnfStatus::Size);
        assert_eq!(gemm(2, 2, 2, (1, isize::MAX), (2, 1)), MnfStatus::Size);
        assert_eq!(gemm(2, 2, 2, (2, 1), (isize::MAX, 1)), MnfStatus::Size);
        for c in [(0, 1), (1, 0), (0, 0), (1, 1), (-1, 1), (2, 2)] {
            assert_eq!(gemm(3, 2, 3, (2, 1), c), MnfStatus::Stride, "strides {c:?} of C");
        }
        let ld = |x_ld, y_ld| mnf_softmax(k, 2, 3, x, x_ld, y, y_ld);
        assert_eq!((ld(2, 3), ld(3, 2)), (MnfStatus::Stride, MnfStatus::Stride));
        assert_eq!((ld(usize::MAX, 3), ld(3, usize::MAX)), (MnfStatus::Size, MnfStatus::Size));
        assert_eq!(mnf_softmax(k, usize::MAX, 3, x, 3, y, 3), MnfStatus::Size);
        assert_eq!(mnf_relu(k, most + 1, y), MnfStatus::Size);
        assert_eq!(mnf_unit_from_u8(k, most + 1, x.cast(), y), MnfStatus::Size);
        assert_eq!(mnf_unit_from_u8(k, usize::MAX, x.cast(), y), MnfStatus::Size);
        assert_eq!(mnf_sgd(k, 0.1, usize::MAX, y, x), MnfStatus::Size);
        assert_eq!(mnf_row_sum(k, usize::MAX, 0, x, 0, y), MnfStatus::Size);
        assert_eq!(mnf_dense_bias_gradient(k, usize::MAX, usize::MAX, x, usize::MAX, y), MnfStatus::Size);
    }
    same("what no call may write", &[7.0; 64], &to);
}

#[test]
fn a_stride_along_one_element_means_nothing() {
    let (k, ws) = (mnf_kernels_best(), Scratch::new());
    for stride in [0, 1, -5, isize::MIN, isize::MAX] {
        let (a, b, mut c) = ([2.0f32], [3.0f32], [0.0f32]);
        let (a, b, to) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
        // SAFETY: one element each.
        let status = unsafe {
            mnf_sgemm(k, 1, 1, 1, 1.0, a, stride, stride, b, stride, stride, 0.0, to, stride, stride, ws.0)
        };
        assert_eq!((status, c), (MnfStatus::Ok, [6.0]), "stride {stride}");
    }
}

#[test]
fn nothing_may_be_at_a_null_pointer() {
    let (k, ws) = (mnf_kernels_best(), Scratch::new());
    let (r, w) = (null::<f32>(), null_mut::<f32>());
    let mut c = [1.0f32, 2.0];
    // SAFETY: no element is touched but those of `c`.
    unsafe {
        assert_eq!(
            mnf_sgemm(k, 0, 3, 2, 1.0, r, 3, 1, [0.0; 6].as_ptr(), 2, 1, 0.0, w, 2, 1, ws.0),
            MnfStatus::Ok
        );
        // k = 0: C = beta C.
        let to = c.as_mut_ptr();
        assert_eq!(mnf_sgemm(k, 1, 0, 2, 1.0, r, 0, 1, r, 2, 1, 3.0, to, 2, 1, ws.0), MnfStatus::Ok);
        assert_eq!(mnf_relu(k, 0, w), MnfStatus::Ok);
        assert_eq!(mnf_softmax(k, 0, 3, r, 3, w, 3), MnfStatus::Ok);
        assert_eq!(mnf_adam(k, 0.1, 0.9, 0.9, 0.1, 0, 0, w, w, w, r), MnfStatus::Ok);
        assert_eq!(mnf_unit_from_u8(k, 0, null(), w), MnfStatus::Ok);
        // But not the kernels.
        assert_eq!(mnf_relu(null(), 0, w), MnfStatus::NullPointer);
        mnf_workspace_free(null_mut());
    }
    assert_eq!(c, [3.0, 6.0]);
}

#[test]
fn wrong_labels_batches_and_numbers_are_refused() {
    let (k, ws) = (mnf_kernels_best(), Scratch::new());
    let (x, mut loss, mut class, mut y) = ([0.0f32; 4], [7.0f32; 2], [7; 2], [7.0f32; 4]);
    let (x, loss_to, class_to, to) = (x.as_ptr(), loss.as_mut_ptr(), class.as_mut_ptr(), y.as_mut_ptr());
    // SAFETY: the matrices are as large as the sizes say.
    unsafe {
        let hard = |labels: [u32; 2], batch| {
            mnf_softmax_cross_entropy(k, 2, 2, x, 2, labels.as_ptr(), batch, to, 2, loss_to, class_to)
        };
        assert_eq!((hard([1, 2], 2), hard([0, 1], 0)), (MnfStatus::Label, MnfStatus::Batch));
        let soft = mnf_softmax_cross_entropy_soft(k, 2, 2, x, 2, x, 2, 0, to, 2, loss_to, class_to);
        assert_eq!(soft, MnfStatus::Batch);
        let smoothed = |labels: [u32; 2], rate, batch| {
            let labels = labels.as_ptr();
            mnf_softmax_cross_entropy_smoothed(k, 2, 2, x, 2, labels, rate, batch, to, 2, loss_to, class_to)
        };
        assert_eq!(
            (smoothed([0, 2], 0.1, 2), smoothed([0, 1], 0.1, 0)),
            (MnfStatus::Label, MnfStatus::Batch)
        );
        for rate in [-0.1, 1.1, f64::NAN] {
            assert_eq!(smoothed([0, 1], rate, 2), MnfStatus::Value);
            assert_eq!(mnf_smoothed_targets(rate, 2, to, to), MnfStatus::Value);
        }
        assert_eq!(mnf_smoothed_targets(0.1, 0, to, to), MnfStatus::Value);
        assert_eq!(mnf_binary_cross_entropy(k, 2, x, x, 0, to, loss_to), MnfStatus::Batch);
        for activation in [-1, 2, i32::MAX] {
            let status = mnf_dense_forward(k, 2, 2, 2, x, 2, x, 2, x, activation, to, 2, ws.0);
            assert_eq!(status, MnfStatus::Enumeration);
        }
        let mut handle = null();
        for isa in [-1, 5, i32::MIN] {
            assert_eq!(mnf_kernels_for_isa(isa, &mut handle), MnfStatus::Enumeration);
            assert!(mnf_isa_name(isa).is_null() && !mnf_isa_is_available(isa) && !mnf_isa_is_exact(isa));
        }
        let neither = if cfg!(target_arch = "x86_64") { MnfIsa::Neon } else { MnfIsa::Avx2 };
        assert_eq!(mnf_kernels_for_isa(neither as i32, &mut handle), MnfStatus::UnavailableIsa);
        assert!(handle.is_null());
        assert_eq!(mnf_kernels_for_isa(0, null_mut()), MnfStatus::NullPointer);
        assert_eq!(mnf_kernels_isa(null()), -1);
    }
    assert_eq!((loss, class, y), ([7.0; 2], [7; 2], [7.0; 4]));
}

#[test]
fn names_and_messages() {
    for isa in Isa::ALL {
        let number = MnfIsa::from(isa) as i32;
        assert_eq!(text(mnf_isa_name(number)), isa.name());
        assert_eq!(mnf_isa_is_available(number), isa.is_available());
        assert_eq!(mnf_isa_is_exact(number), isa.is_exact());
    }
    assert_eq!(text(mnf_version()), env!("CARGO_PKG_VERSION"));
    // SAFETY: a handle.
    assert_eq!(unsafe { mnf_kernels_isa(mnf_kernels_best()) }, MnfIsa::from(Isa::best()) as i32);
    // SAFETY: a handle.
    let exact = unsafe { mnf_kernels_isa(mnf_kernels_best_exact()) };
    assert_eq!(exact, MnfIsa::from(Isa::best_exact()) as i32);
    let messages: Vec<_> = (0..=13).map(|status| text(mnf_status_message(status))).collect();
    for (i, message) in messages.iter().enumerate() {
        assert!(!messages[..i].contains(message) && *message != "unknown status", "status {i}: {message}");
    }
    assert_eq!(messages[MnfStatus::NullPointer as usize], "a pointer is null");
    assert_eq!(
        (text(mnf_status_message(-1)), text(mnf_status_message(14))),
        ("unknown status", "unknown status")
    );
    // A C caller holds statuses in an int32_t.
    assert_eq!((size_of::<MnfStatus>(), align_of::<MnfStatus>()), (4, 4));
}
