//! The step of any rule on a block of weights whose gradients lie in memory; `reference/update.rs` defines it.

use super::optimizer::{AdamVectors, MomentumVectors, RmsPropExtraVectors, RmsPropVectors, SgdVectors};
use super::simd::{LANES, Simd};
use crate::table::{OptimizerF32, RuleF32, UpdateCall};
use crate::view::{MatMut, MatRef};

/// An optimizer's step on one vector, with `N` states.
trait Steps<S: Simd, const N: usize> {
    /// The new weights and states.
    fn step(&self, s: S, w: S::F, states: [S::F; N], g: S::F) -> (S::F, [S::F; N]);
}

impl<S: Simd> Steps<S, 0> for SgdVectors<S> {
    #[inline(always)]
    fn step(&self, s: S, w: S::F, []: [S::F; 0], g: S::F) -> (S::F, [S::F; 0]) {
        (SgdVectors::step(self, s, w, g), [])
    }
}

impl<S: Simd> Steps<S, 1> for MomentumVectors<S> {
    #[inline(always)]
    fn step(&self, s: S, w: S::F, [m]: [S::F; 1], g: S::F) -> (S::F, [S::F; 1]) {
        let (w, m) = MomentumVectors::step(self, s, w, m, g);
        (w, [m])
    }
}

impl<S: Simd> Steps<S, 1> for RmsPropVectors<S> {
    #[inline(always)]
    fn step(&self, s: S, w: S::F, [v]: [S::F; 1], g: S::F) -> (S::F, [S::F; 1]) {
        let (w, v) = RmsPropVectors::step(self, s, w, v, g);
        (w, [v])
    }
}

/// RMSprop with momentum.
struct Moved<S: Simd>(RmsPropExtraVectors<S>);

impl<S: Simd> Steps<S, 2> for Moved<S> {
    #[inline(always)]
    fn step(&self, s: S, w: S::F, [v, m]: [S::F; 2], g: S::F) -> (S::F, [S::F; 2]) {
        let v = self.0.square(s, v, g);
        let m = self.0.movement(s, m, self.0.increment(s, v, g));
        (s.sub(w, m), [v, m])
    }
}

/// RMSprop, centred.
struct Centered<S: Simd>(RmsPropExtraVectors<S>);

impl<S: Simd> Steps<S, 2> for Centered<S> {
    #[inline(always)]
    fn step(&self, s: S, w: S::F, [v, mean]: [S::F; 2], g: S::F) -> (S::F, [S::F; 2]) {
        let (v, mean) = (self.0.square(s, v, g), self.0.mean(s, mean, g));
        (s.sub(w, self.0.increment(s, self.0.variance(s, v, mean), g)), [v, mean])
    }
}

/// RMSprop, centred and with momentum.
struct MovedCentered<S: Simd>(RmsPropExtraVectors<S>);

impl<S: Simd> Steps<S, 3> for MovedCentered<S> {
    #[inline(always)]
    fn step(&self, s: S, w: S::F, [v, m, mean]: [S::F; 3], g: S::F) -> (S::F, [S::F; 3]) {
        let (v, mean) = (self.0.square(s, v, g), self.0.mean(s, mean, g));
        let m = self.0.movement(s, m, self.0.increment(s, self.0.variance(s, v, mean), g));
        (s.sub(w, m), [v, m, mean])
    }
}

impl<S: Simd> Steps<S, 2> for AdamVectors<S> {
    #[inline(always)]
    fn step(&self, s: S, w: S::F, [m, v]: [S::F; 2], g: S::F) -> (S::F, [S::F; 2]) {
        let (w, m, v) = AdamVectors::step(self, s, w, m, v, g);
        (w, [m, v])
    }
}

/// What a rule does before its optimizer.
struct Before<S: Simd> {
    penalized: bool,
    two_l2: S::F,
    scaled: bool,
    scale: S::F,
    highest: S::F,
    lowest: S::F,
    decays: bool,
    minus_decay: S::F,
}

impl<S: Simd> Before<S> {
    #[inline(always)]
    fn new(s: S, rule: &RuleF32) -> Self {
        Before {
            penalized: rule.two_l2 != 0.0,
            two_l2: s.splat(rule.two_l2),
            scaled: rule.scale != 1.0,
            scale: s.splat(rule.scale),
            highest: s.splat(rule.clip),
            lowest: s.splat(-rule.clip),
            decays: rule.decay != 0.0,
            minus_decay: s.splat(-rule.decay),
        }
    }

    /// The gradient that the optimizer sees; NaN passes.
    #[inline(always)]
    fn gradient(&self, s: S, w: S::F, mut g: S::F) -> S::F {
        if self.penalized {
            g = s.fma(self.two_l2, w, g);
        }
        if self.scaled {
            g = s.mul(self.scale, g);
        }
        g = s.select(s.gt(g, self.highest), self.highest, g);
        s.select(s.lt(g, self.lowest), self.lowest, g)
    }

    #[inline(always)]
    fn weight(&self, s: S, w: S::F) -> S::F {
        if self.decays { s.fma(self.minus_decay, w, w) } else { w }
    }
}

/// One step on a block.
#[inline(always)]
pub(crate) fn update<S: Simd>(s: S, call: UpdateCall<'_>) {
    let UpdateCall { rule, w, states: [x, y, z], gradient: g } = call;
    let before = Before::new(s, rule);
    match rule.optimizer {
        OptimizerF32::Sgd(r) => steps(s, &before, &SgdVectors::new(s, r), w, [], g),
        OptimizerF32::Momentum(r) => steps(s, &before, &MomentumVectors::new(s, r), w, [x], g),
        OptimizerF32::RmsProp(r) => steps(s, &before, &RmsPropVectors::new(s, r), w, [x], g),
        OptimizerF32::RmsPropExtra(r) => {
            let extra = RmsPropExtraVectors::new(s, r);
            match (r.momentum > 0.0, r.centered) {
                (true, true) => steps(s, &before, &MovedCentered(extra), w, [x, y, z], g),
                (false, true) => steps(s, &before, &Centered(extra), w, [x, y], g),
                (_, false) => steps(s, &before, &Moved(extra), w, [x, y], g),
            }
        }
        OptimizerF32::Adam(r) => steps(s, &before, &AdamVectors::new(s, r), w, [x, y], g),
    }
}

/// The step of one optimizer on each vector of the block.
#[inline(always)]
fn steps<S: Simd, R: Steps<S, N>, const N: usize>(
    s: S,
    before: &Before<S>,
    rule: &R,
    mut w: MatMut<'_>,
    mut states: [Option<MatMut<'_>>; N],
    gradient: MatRef<'_>,
) {
    for i in 0..w.rows() {
        let (Some(w), Some(g)) = (w.row_mut(i), gradient.row(i)) else { continue };
        let mut rows = states.each_mut().map(|x| x.as_mut().and_then(|x| x.row_mut(i)).unwrap_or_default());
        for (v, (w, g)) in w.chunks_mut(LANES).zip(g.chunks(LANES)).enumerate() {
            let at = v * LANES..v * LANES + w.len();
            let mut old = [s.splat(0.0); N];
            for (old, row) in old.iter_mut().zip(&rows) {
                *old = s.load(&row[at.clone()]);
            }
            let x = s.load(w);
            let g = before.gradient(s, x, s.load(g));
            let (moved, new) = rule.step(s, before.weight(s, x), old, g);
            s.store(w, moved);
            for (new, row) in new.into_iter().zip(&mut rows) {
                s.store(&mut row[at.clone()], new);
            }
        }
    }
}
