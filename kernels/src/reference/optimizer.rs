//! Optimizer steps: this text is their definition.

use super::{fma, sqrt::sqrt};
use crate::table::{RmsPropF32, SgdF32, Step, TINY_STATE};

/// `v = rho v + (1 - rho) g^2; w = w - lr g / sqrt(v + epsilon)`, with v below 2^-100 set to +0.
pub(super) fn rmsprop(rule: RmsPropF32, step: Step<'_>, v: &mut [f32]) {
    for ((w, v), g) in step.w.iter_mut().zip(v).zip(step.gradient) {
        let state = fma(rule.rho, *v, rule.one_minus_rho * (g * g));
        *v = if state < TINY_STATE { 0.0 } else { state };
        *w -= rule.learning_rate * g / sqrt(*v + rule.epsilon);
    }
}

/// `w = w - lr g`, rounded once.
pub(super) fn sgd(rule: SgdF32, step: Step<'_>) {
    for (w, g) in step.w.iter_mut().zip(step.gradient) {
        *w = fma(-rule.learning_rate, *g, *w);
    }
}
