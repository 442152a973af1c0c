//! Rules of C: the bits of the safe methods with the same rule.

use std::ptr::{null, null_mut};

use mnist_fast_kernels::capi::*;
use mnist_fast_kernels::{
    Adam, Epsilon, Momentum, Optimizer, RmsProp, RmsPropMomentum, Rule, Sgd, Workspace,
};

use crate::common::{Random, all_isas};
use crate::support::{Matrix, Scratch, check, handle, same};

const BATCH: usize = 21;
const INPUTS: usize = 33;
const OUTPUTS: usize = 18;

fn init(optimizer: MnfOptimizer) -> MnfRule {
    let mut rule = MnfRule { optimizer: -1, ..ZEROS };
    // SAFETY: the rule can be written.
    assert_eq!(unsafe { mnf_rule_init(optimizer as i32, &mut rule) }, MnfStatus::Ok);
    assert_eq!(rule.optimizer, optimizer as i32);
    rule
}

const ZEROS: MnfRule = MnfRule {
    optimizer: 0,
    nesterov: 0,
    centered: 0,
    epsilon_outside_root: 0,
    iteration: 0,
    learning_rate: 0.0,
    momentum: 0.0,
    rho: 0.0,
    beta_1: 0.0,
    beta_2: 0.0,
    epsilon: 0.0,
    l2: 0.0,
    gradient_scale: 0.0,
    clip_value: 0.0,
    weight_decay: 0.0,
};

/// Rules of C, and the same ones of Rust: each optimizer with its defaults, with other numbers, and with all that comes before.
pub(crate) fn rules() -> Vec<(MnfRule, Rule)> {
    let mut rules = vec![
        (init(MnfOptimizer::Sgd), Rule::new(Optimizer::Sgd(Sgd::default()))),
        (init(MnfOptimizer::Momentum), Rule::new(Optimizer::Momentum(Momentum::default()))),
        (init(MnfOptimizer::Rmsprop), Rule::new(Optimizer::RmsProp(RmsProp::default()))),
        (init(MnfOptimizer::Adam), Rule::new(Optimizer::Adam(Adam::default(), 0))),
    ];
    let sgd = MnfRule { learning_rate: 0.3, ..init(MnfOptimizer::Sgd) };
    rules.push((sgd, Rule::new(Optimizer::Sgd(Sgd { learning_rate: 0.3 }))));
    let momentum = MnfRule { learning_rate: 0.3, momentum: 0.7, nesterov: 1, ..init(MnfOptimizer::Momentum) };
    let same = Momentum { learning_rate: 0.3, momentum: 0.7, nesterov: true };
    rules.push((momentum, Rule::new(Optimizer::Momentum(same))));
    for (momentum, centered, outside) in [(0.0, 1, 0), (0.6, 0, 1), (0.6, 1, 0)] {
        let rule = MnfRule {
            learning_rate: 0.01,
            rho: 0.8,
            epsilon: 0.02,
            epsilon_outside_root: outside,
            momentum,
            centered,
            ..init(MnfOptimizer::Rmsprop)
        };
        let epsilon_at = if outside == 0 { Epsilon::InsideRoot } else { Epsilon::OutsideRoot };
        let rmsprop = RmsProp { learning_rate: 0.01, rho: 0.8, epsilon: 0.02, epsilon_at };
        let same = RmsPropMomentum { rmsprop, momentum, centered: centered != 0 };
        rules.push((rule, Rule::new(Optimizer::RmsPropMomentum(same))));
    }
    let adam = MnfRule {
        learning_rate: 0.1,
        beta_1: 0.7,
        beta_2: 0.8,
        epsilon: 0.02,
        iteration: 3,
        ..init(MnfOptimizer::Adam)
    };
    let same = Adam { learning_rate: 0.1, beta_1: 0.7, beta_2: 0.8, epsilon: 0.02 };
    rules.push((adam, Rule::new(Optimizer::Adam(same, 3))));
    let more = rules.clone().into_iter().map(|(c, rust)| {
        let (l2, gradient_scale, clip_value, weight_decay) = (0.01, 0.4, 0.3, 0.1);
        (
            MnfRule { l2, gradient_scale, clip_value, weight_decay, ..c },
            Rule { l2, gradient_scale, clip_value, weight_decay, ..rust },
        )
    });
    rules.extend(more.collect::<Vec<_>>());
    rules
}

/// W and three states with gaps, of which a rule takes the first ones.
pub(crate) fn start(random: &mut Random, rows: usize, columns: usize) -> [Matrix; 4] {
    [1, 2, 3, 4].map(|gap| {
        let mut matrix = Matrix::new(random, rows, columns, gap);
        matrix.data.iter_mut().for_each(|x| *x = x.abs());
        matrix
    })
}

pub(crate) fn states_of(matrices: &mut [Matrix]) -> Vec<MnfMatrix> {
    matrices.iter_mut().map(|x| MnfMatrix { elements: x.w(), ld: x.ld }).collect()
}

#[test]
fn updates_by_a_rule_have_the_bits_of_the_safe_methods() {
    let mut random = Random::new(9);
    let (ws, mut workspace) = (Scratch::new(), Workspace::new());
    for kernels in all_isas() {
        let k = handle(kernels);
        let x = Matrix::new(&mut random, BATCH, INPUTS, 1);
        let delta = Matrix::new(&mut random, BATCH, OUTPUTS, 3);
        let g = Matrix::new(&mut random, INPUTS, OUTPUTS, 2);
        for (rule, safe) in rules() {
            let count = safe.optimizer.states();
            // SAFETY: a rule.
            assert_eq!(unsafe { mnf_rule_states(&rule) }, count as i32);
            let from = start(&mut random, INPUTS, OUTPUTS);
            for fused in [false, true] {
                let mut expected = from.clone();
                let mut found = from.clone();
                let [w, states @ ..] = &mut expected;
                let mut states: Vec<_> = states[..count].iter_mut().map(Matrix::view_mut).collect();
                let done = if fused {
                    let (x, delta, ws) = (x.view(), delta.view(), &mut workspace);
                    kernels.dense_weight_update(&safe, x, delta, w.view_mut(), &mut states, ws)
                } else {
                    kernels.update(&safe, w.view_mut(), &mut states, g.view())
                };
                done.unwrap();
                let [w, states @ ..] = &mut found;
                let (to, to_ld, states) = (w.w(), w.ld, states_of(&mut states[..count]));
                let at = &raw const rule;
                let what = format!("{rule:?} on {}, fused: {fused}", kernels.isa());
                if fused {
                    // SAFETY: the matrices are as large as the sizes say.
                    check(&what, 6, &[], &[], |s| unsafe {
                        mnf_dense_weight_update(
                            s.r(0, k),
                            s.r(1, at),
                            BATCH,
                            INPUTS,
                            OUTPUTS,
                            s.r(2, x.r()),
                            x.ld,
                            s.r(3, delta.r()),
                            delta.ld,
                            s.w(4, to),
                            to_ld,
                            states.as_ptr(),
                            s.w(5, ws.0),
                        )
                    });
                } else {
                    // SAFETY: the matrices are as large as the sizes say.
                    check(&what, 4, &[], &[], |s| unsafe {
                        mnf_update(
                            s.r(0, k),
                            s.r(1, at),
                            INPUTS,
                            OUTPUTS,
                            s.w(2, to),
                            to_ld,
                            states.as_ptr(),
                            s.r(3, g.r()),
                            g.ld,
                        )
                    });
                }
                for (expected, found) in expected.iter().zip(&found) {
                    same(&what, &expected.data, &found.data);
                }
                assert_ne!(found[0].data, from[0].data, "{what}: nothing was done");
            }
        }
    }
}

/// The test above spoils no pointer to states: a rule without states does not look at it.
#[test]
fn wrong_rules_and_states_are_refused() {
    let (k, ws) = (mnf_kernels_best(), Scratch::new());
    let (x, mut w, mut m) = ([1.0f32; 4], [7.0f32; 4], [7.0f32; 4]);
    let (x, to) = (x.as_ptr(), w.as_mut_ptr());
    let state = MnfMatrix { elements: m.as_mut_ptr(), ld: 2 };
    // SAFETY: a refused call touches nothing.
    unsafe {
        let run = |rule: &MnfRule, states: *const MnfMatrix| {
            let update = mnf_update(k, rule, 2, 2, to, 2, states, x, 2);
            let fused = mnf_dense_weight_update(k, rule, 2, 2, 2, x, 2, x, 2, to, 2, states, ws.0);
            assert_eq!(update, fused);
            update
        };
        let rule = init(MnfOptimizer::Momentum);
        assert_eq!(run(&rule, null()), MnfStatus::NullPointer);
        assert_eq!(run(&rule, (&raw const state).wrapping_byte_add(1)), MnfStatus::Alignment);
        assert_eq!(run(&rule, &MnfMatrix { elements: null_mut(), ..state }), MnfStatus::NullPointer);
        assert_eq!(run(&rule, &MnfMatrix { ld: 1, ..state }), MnfStatus::Stride);
        assert_eq!(run(&rule, &MnfMatrix { ld: usize::MAX, ..state }), MnfStatus::Size);
        for optimizer in [-1, 4, i32::MAX] {
            let mut rule = MnfRule { optimizer, ..rule };
            assert_eq!(run(&rule, &state), MnfStatus::Enumeration);
            assert_eq!(mnf_rule_states(&rule), -1);
            let before = rule;
            assert_eq!(mnf_rule_init(optimizer, &mut rule), MnfStatus::Enumeration);
            assert_eq!(rule, before);
        }
        assert_eq!(mnf_rule_init(0, null_mut()), MnfStatus::NullPointer);
        assert_eq!(mnf_rule_states(null()), -1);
    }
    assert_eq!((w, m), ([7.0; 4], [7.0; 4]));
}
