//! Optimizer steps: this text is their definition.

use super::{fma, sqrt::sqrt};
use crate::table::{AdamF32, MomentumF32, RmsPropF32, SgdF32, Step, TINY_STATE};

/// State below 2^-100 in magnitude is +0; NaN passes.
pub(super) fn without_tiny(state: f32) -> f32 {
    if state.abs() < TINY_STATE { 0.0 } else { state }
}

/// `v = rho v + (1 - rho) g^2; w = w - lr g / sqrt(v + epsilon)`, or `/ (sqrt(v) + epsilon)`: of the two epsilons one
/// is zero, and adding it changes nothing.
pub(super) fn rmsprop(rule: RmsPropF32, step: Step<'_>, v: &mut [f32]) {
    for ((w, v), g) in step.w.iter_mut().zip(v).zip(step.gradient) {
        let state = fma(rule.rho, *v, rule.one_minus_rho * (g * g));
        *v = if state < TINY_STATE { 0.0 } else { state };
        *w -= rule.learning_rate * g / (sqrt(*v + rule.epsilon_inside) + rule.epsilon_outside);
    }
}

/// `w = w - lr g`, rounded once.
pub(super) fn sgd(rule: SgdF32, step: Step<'_>) {
    for (w, g) in step.w.iter_mut().zip(step.gradient) {
        *w = fma(-rule.learning_rate, *g, *w);
    }
}

/// `m = momentum m - lr g; w = w + m`, with Nesterov's look ahead `w = w + (momentum m - lr g)` of the new m.
pub(super) fn momentum(rule: MomentumF32, step: Step<'_>, m: &mut [f32]) {
    for ((w, m), g) in step.w.iter_mut().zip(m).zip(step.gradient) {
        let downhill = -rule.learning_rate * g;
        *m = without_tiny(fma(rule.momentum, *m, downhill));
        *w += if rule.nesterov { fma(rule.momentum, *m, downhill) } else { *m };
    }
}

/// `w = w - decay w; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; w = w - step m / (sqrt(v) + epsilon)`.
pub(super) fn adam(rule: AdamF32, step: Step<'_>, m: &mut [f32], v: &mut [f32]) {
    for (((w, m), v), g) in step.w.iter_mut().zip(m).zip(v).zip(step.gradient) {
        if rule.decay != 0.0 {
            *w = fma(-rule.decay, *w, *w);
        }
        *m = without_tiny(fma(rule.beta_1, *m, rule.one_minus_beta_1 * g));
        *v = without_tiny(fma(rule.beta_2, *v, rule.one_minus_beta_2 * (g * g)));
        *w -= rule.step_size * *m / (sqrt(*v) + rule.epsilon);
    }
}
