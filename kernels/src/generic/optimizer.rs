//! Optimizer steps, elementwise; `reference/optimizer.rs` defines them. A step on one vector serves both the passes
//! here and the end of a GEMM tile.

use super::math::abs;
use super::simd::{LANES, Simd};
use crate::table::{AdamF32, MomentumF32, RmsPropExtraF32, RmsPropF32, SgdF32, Step, TINY_STATE};

/// An optimizer that moves weights by a quotient over a root, which may come later than its state.
pub(crate) trait Quotient<S: Simd> {
    /// The weights `w` after a step that has come to the numerator `a` and the radicand `x`.
    fn moved(&self, s: S, w: S::F, a: S::F, x: S::F) -> S::F;
}

/// RMSprop's numbers in vectors.
pub(crate) struct RmsPropVectors<S: Simd> {
    learning_rate: S::F,
    rho: S::F,
    one_minus_rho: S::F,
    epsilon_inside: S::F,
    epsilon_outside: S::F,
    tiny: S::F,
}

impl<S: Simd> RmsPropVectors<S> {
    #[inline(always)]
    pub(crate) fn new(s: S, rule: RmsPropF32) -> Self {
        RmsPropVectors {
            learning_rate: s.splat(rule.learning_rate),
            rho: s.splat(rule.rho),
            one_minus_rho: s.splat(rule.one_minus_rho),
            epsilon_inside: s.splat(rule.epsilon_inside),
            epsilon_outside: s.splat(rule.epsilon_outside),
            tiny: s.splat(TINY_STATE),
        }
    }

    /// `v = rho v + (1 - rho) g g; w -= lr g / (sqrt(v + inside) + outside)`: the new w and v.
    #[inline(always)]
    pub(crate) fn step(&self, s: S, w: S::F, v: S::F, g: S::F) -> (S::F, S::F) {
        let (v, (a, x)) = self.begin(s, v, g);
        (self.moved(s, w, a, x), v)
    }

    /// The step's first part: the new v, and what the weights then move by.
    #[inline(always)]
    pub(crate) fn begin(&self, s: S, v: S::F, g: S::F) -> (S::F, (S::F, S::F)) {
        let v = s.fma(self.rho, v, s.mul(self.one_minus_rho, s.mul(g, g)));
        let v = s.select(s.lt(v, self.tiny), s.splat(0.0), v);
        (v, (s.mul(self.learning_rate, g), s.add(v, self.epsilon_inside)))
    }

    /// The new v of a step whose gradient is zero: [`RmsPropVectors::step`]'s bits.
    #[inline(always)]
    pub(crate) fn decay(&self, s: S, v: S::F) -> S::F {
        let v = s.mul(self.rho, v);
        s.select(s.lt(v, self.tiny), s.splat(0.0), v)
    }
}

impl<S: Simd> Quotient<S> for RmsPropVectors<S> {
    #[inline(always)]
    fn moved(&self, s: S, w: S::F, a: S::F, x: S::F) -> S::F {
        s.sub(w, s.div(a, s.add(s.sqrt(x), self.epsilon_outside)))
    }
}

/// The parts of RMSprop's step with momentum or centred.
pub(crate) struct RmsPropExtraVectors<S: Simd> {
    rmsprop: RmsPropVectors<S>,
    momentum: S::F,
}

impl<S: Simd> RmsPropExtraVectors<S> {
    #[inline(always)]
    pub(crate) fn new(s: S, rule: RmsPropExtraF32) -> Self {
        RmsPropExtraVectors {
            rmsprop: RmsPropVectors::new(s, rule.rmsprop),
            momentum: s.splat(rule.momentum),
        }
    }

    /// `rho v + (1 - rho) g g`.
    #[inline(always)]
    pub(crate) fn square(&self, s: S, v: S::F, g: S::F) -> S::F {
        self.mean(s, v, s.mul(g, g))
    }

    /// `rho mean + (1 - rho) x`.
    #[inline(always)]
    pub(crate) fn mean(&self, s: S, mean: S::F, x: S::F) -> S::F {
        without_tiny(s, s.fma(self.rmsprop.rho, mean, s.mul(self.rmsprop.one_minus_rho, x)))
    }

    /// `v - mean mean`, but not below 0.
    #[inline(always)]
    pub(crate) fn variance(&self, s: S, v: S::F, mean: S::F) -> S::F {
        let d = s.fma(s.sub(s.splat(0.0), mean), mean, v);
        s.select(s.lt(d, s.splat(0.0)), s.splat(0.0), d)
    }

    /// `lr g / (sqrt(d + inside) + outside)`.
    #[inline(always)]
    pub(crate) fn increment(&self, s: S, d: S::F, g: S::F) -> S::F {
        let RmsPropVectors { learning_rate, epsilon_inside, epsilon_outside, .. } = self.rmsprop;
        let root = s.add(s.sqrt(s.add(d, epsilon_inside)), epsilon_outside);
        s.div(s.mul(learning_rate, g), root)
    }

    /// `momentum m + increment`.
    #[inline(always)]
    pub(crate) fn movement(&self, s: S, m: S::F, increment: S::F) -> S::F {
        without_tiny(s, s.fma(self.momentum, m, increment))
    }
}

/// `times` steps of RMSprop's state whose gradients are zero.
#[inline(always)]
pub(crate) fn rmsprop_decay<S: Simd>(s: S, rule: RmsPropF32, times: u32, v: &mut [f32]) {
    let rule = RmsPropVectors::new(s, rule);
    for v in v.chunks_mut(LANES) {
        let (mut x, mut left) = (s.load(v), times);
        // Zero stays zero: most of what is owed for long is state that never was anything else, or came to it long ago.
        while left > 0 && s.nonzero(x) != 0 {
            let now = left.min(DECAYS);
            for _ in 0..now {
                x = rule.decay(s, x);
            }
            left -= now;
        }
        s.store(v, x);
    }
}

/// Steps of decay between two looks at whether there is anything left.
const DECAYS: u32 = 32;

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

/// The numbers of gradient descent with momentum in vectors.
pub(crate) struct MomentumVectors<S: Simd> {
    minus_learning_rate: S::F,
    momentum: S::F,
    nesterov: bool,
}

impl<S: Simd> MomentumVectors<S> {
    #[inline(always)]
    pub(crate) fn new(s: S, rule: MomentumF32) -> Self {
        MomentumVectors {
            minus_learning_rate: s.splat(-rule.learning_rate),
            momentum: s.splat(rule.momentum),
            nesterov: rule.nesterov,
        }
    }

    /// `m = momentum m - lr g; w += m`, or with Nesterov `w += momentum m - lr g`: the new w and m.
    #[inline(always)]
    pub(crate) fn step(&self, s: S, w: S::F, m: S::F, g: S::F) -> (S::F, S::F) {
        let downhill = s.mul(self.minus_learning_rate, g);
        let m = without_tiny(s, s.fma(self.momentum, m, downhill));
        let moved = if self.nesterov { s.fma(self.momentum, m, downhill) } else { m };
        (s.add(w, moved), m)
    }
}

/// Adam's and AdamW's numbers in vectors.
pub(crate) struct AdamVectors<S: Simd> {
    step_size: S::F,
    beta_1: S::F,
    one_minus_beta_1: S::F,
    beta_2: S::F,
    one_minus_beta_2: S::F,
    epsilon: S::F,
    minus_decay: S::F,
    decays: bool,
}

impl<S: Simd> AdamVectors<S> {
    #[inline(always)]
    pub(crate) fn new(s: S, rule: AdamF32) -> Self {
        AdamVectors {
            step_size: s.splat(rule.step_size),
            beta_1: s.splat(rule.beta_1),
            one_minus_beta_1: s.splat(rule.one_minus_beta_1),
            beta_2: s.splat(rule.beta_2),
            one_minus_beta_2: s.splat(rule.one_minus_beta_2),
            epsilon: s.splat(rule.epsilon),
            minus_decay: s.splat(-rule.decay),
            decays: rule.decay != 0.0,
        }
    }

    /// `m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g g; w = w - decay w - step m / (sqrt(v) + epsilon)`: the new w, m, v.
    #[inline(always)]
    pub(crate) fn step(&self, s: S, w: S::F, m: S::F, v: S::F, g: S::F) -> (S::F, S::F, S::F) {
        let (m, v, (a, x)) = self.begin(s, (m, v), g);
        (self.moved(s, w, a, x), m, v)
    }

    /// The step's first part: the new m and v, and what the weights then move by.
    #[inline(always)]
    #[allow(clippy::type_complexity)] // a name would say less
    pub(crate) fn begin(&self, s: S, (m, v): (S::F, S::F), g: S::F) -> (S::F, S::F, (S::F, S::F)) {
        let m = without_tiny(s, s.fma(self.beta_1, m, s.mul(self.one_minus_beta_1, g)));
        let v = without_tiny(s, s.fma(self.beta_2, v, s.mul(self.one_minus_beta_2, s.mul(g, g))));
        (m, v, (s.mul(self.step_size, m), v))
    }
}

impl<S: Simd> Quotient<S> for AdamVectors<S> {
    #[inline(always)]
    fn moved(&self, s: S, w: S::F, a: S::F, x: S::F) -> S::F {
        let kept = if self.decays { s.fma(self.minus_decay, w, w) } else { w };
        s.sub(kept, s.div(a, s.add(s.sqrt(x), self.epsilon)))
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

/// State below 2^-100 in magnitude is +0; NaN passes.
#[inline(always)]
fn without_tiny<S: Simd>(s: S, state: S::F) -> S::F {
    s.select(s.lt(abs(s, state), s.splat(TINY_STATE)), s.splat(0.0), state)
}

/// One step of gradient descent with momentum on slices of equal length.
#[inline(always)]
pub(crate) fn momentum<S: Simd>(s: S, rule: MomentumF32, step: Step<'_>, m: &mut [f32]) {
    let rule = MomentumVectors::new(s, rule);
    let chunks = step.w.chunks_mut(LANES).zip(m.chunks_mut(LANES)).zip(step.gradient.chunks(LANES));
    for ((w, m), g) in chunks {
        let (new_w, new_m) = rule.step(s, s.load(w), s.load(m), s.load(g));
        s.store(w, new_w);
        s.store(m, new_m);
    }
}

/// One step of Adam or AdamW on slices of equal length.
#[inline(always)]
pub(crate) fn adam<S: Simd>(s: S, rule: AdamF32, step: Step<'_>, m: &mut [f32], v: &mut [f32]) {
    let rule = AdamVectors::new(s, rule);
    let state = m.chunks_mut(LANES).zip(v.chunks_mut(LANES));
    for ((w, g), (m, v)) in step.w.chunks_mut(LANES).zip(step.gradient.chunks(LANES)).zip(state) {
        let (new_w, new_m, new_v) = rule.step(s, s.load(w), s.load(m), s.load(v), s.load(g));
        s.store(w, new_w);
        s.store(m, new_m);
        s.store(v, new_v);
    }
}
