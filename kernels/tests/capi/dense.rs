//! Dense layers, and the updates of their weights.

use mnist_fast_kernels::capi::*;
use mnist_fast_kernels::{Activation, Adam, AdamW, Epsilon, Momentum, RmsProp, Sgd, Workspace};

use crate::common::{Random, all_isas};
use crate::support::{Matrix, Scratch, Spoil, check, handle, same};
use crate::{BATCH, INPUTS, OUTPUTS};

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
