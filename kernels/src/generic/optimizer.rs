//! Optimizer steps, elementwise; `reference/optimizer.rs` defines them.

use super::simd::{LANES, Simd};
use crate::table::{RmsPropF32, SgdF32, Step, TINY_STATE};

/// `v = rho v + (1 - rho) g g; w -= lr g / sqrt(v + eps)`.
#[inline(always)]
pub(crate) fn rmsprop<S: Simd>(s: S, rule: RmsPropF32, step: Step<'_>, v: &mut [f32]) {
    let (lr, rho) = (s.splat(rule.learning_rate), s.splat(rule.rho));
    let (fresh, epsilon) = (s.splat(rule.one_minus_rho), s.splat(rule.epsilon));
    let (tiny, zero) = (s.splat(TINY_STATE), s.splat(0.0));
    let chunks = step.w.chunks_mut(LANES).zip(v.chunks_mut(LANES)).zip(step.gradient.chunks(LANES));
    for ((w, v), g) in chunks {
        let g = s.load(g);
        let state = s.fma(rho, s.load(v), s.mul(fresh, s.mul(g, g)));
        let state = s.select(s.lt(state, tiny), zero, state);
        s.store(v, state);
        let moved = s.div(s.mul(lr, g), s.sqrt(s.add(state, epsilon)));
        let w_new = s.sub(s.load(w), moved);
        s.store(w, w_new);
    }
}

/// `w -= lr g`, rounded once.
#[inline(always)]
pub(crate) fn sgd<S: Simd>(s: S, rule: SgdF32, step: Step<'_>) {
    let minus_lr = s.splat(-rule.learning_rate);
    for (w, g) in step.w.chunks_mut(LANES).zip(step.gradient.chunks(LANES)) {
        let w_new = s.fma(minus_lr, s.load(g), s.load(w));
        s.store(w, w_new);
    }
}
