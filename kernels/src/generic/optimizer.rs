//! Optimizer steps, elementwise; `reference/optimizer.rs` defines them. A step on one vector serves both the passes
//! here and the end of a GEMM tile.

use super::simd::{LANES, Simd};
use crate::table::{RmsPropF32, SgdF32, Step, TINY_STATE};

/// RMSprop's numbers in vectors.
pub(crate) struct RmsPropVectors<S: Simd> {
    learning_rate: S::F,
    rho: S::F,
    one_minus_rho: S::F,
    epsilon: S::F,
    tiny: S::F,
}

impl<S: Simd> RmsPropVectors<S> {
    #[inline(always)]
    pub(crate) fn new(s: S, rule: RmsPropF32) -> Self {
        RmsPropVectors {
            learning_rate: s.splat(rule.learning_rate),
            rho: s.splat(rule.rho),
            one_minus_rho: s.splat(rule.one_minus_rho),
            epsilon: s.splat(rule.epsilon),
            tiny: s.splat(TINY_STATE),
        }
    }

    /// `v = rho v + (1 - rho) g g; w -= lr g / sqrt(v + eps)`: the new w and v.
    #[inline(always)]
    pub(crate) fn step(&self, s: S, w: S::F, v: S::F, g: S::F) -> (S::F, S::F) {
        let v = s.fma(self.rho, v, s.mul(self.one_minus_rho, s.mul(g, g)));
        let v = s.select(s.lt(v, self.tiny), s.splat(0.0), v);
        let moved = s.div(s.mul(self.learning_rate, g), s.sqrt(s.add(v, self.epsilon)));
        (s.sub(w, moved), v)
    }
}

/// SGD's numbers in vectors.
pub(crate) struct SgdVectors<S: Simd> {
    minus_learning_rate: S::F,
}

impl<S: Simd> SgdVectors<S> {
    #[inline(always)]
    pub(crate) fn new(s: S, rule: SgdF32) -> Self {
        SgdVectors { minus_learning_rate: s.splat(-rule.learning_rate) }
    }

    /// `w -= lr g`, rounded once: the new w.
    #[inline(always)]
    pub(crate) fn step(&self, s: S, w: S::F, g: S::F) -> S::F {
        s.fma(self.minus_learning_rate, g, w)
    }
}

/// One step of RMSprop on slices of equal length.
#[inline(always)]
pub(crate) fn rmsprop<S: Simd>(s: S, rule: RmsPropF32, step: Step<'_>, v: &mut [f32]) {
    let rule = RmsPropVectors::new(s, rule);
    let chunks = step.w.chunks_mut(LANES).zip(v.chunks_mut(LANES)).zip(step.gradient.chunks(LANES));
    for ((w, v), g) in chunks {
        let (new_w, new_v) = rule.step(s, s.load(w), s.load(v), s.load(g));
        s.store(w, new_w);
        s.store(v, new_v);
    }
}

/// One step of gradient descent on slices of equal length.
#[inline(always)]
pub(crate) fn sgd<S: Simd>(s: S, rule: SgdF32, step: Step<'_>) {
    let rule = SgdVectors::new(s, rule);
    for (w, g) in step.w.chunks_mut(LANES).zip(step.gradient.chunks(LANES)) {
        let new_w = rule.step(s, s.load(w), s.load(g));
        s.store(w, new_w);
    }
}
