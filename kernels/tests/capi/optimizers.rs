//! Steps of the optimizers on a vector of parameters.

use mnist_fast_kernels::capi::*;
use mnist_fast_kernels::{Adam, AdamW, Epsilon, Momentum, RmsProp, Sgd};

use crate::common::{Random, all_isas};
use crate::support::{check, handle, same};

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
