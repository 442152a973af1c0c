//! Softmax and cross-entropy, fused, where every class has a share in a row's target: by a matrix of distributions, or by
//! integer labels that are smoothed.

use super::math::ln;
use super::simd::{LANES, Simd};
use super::softmax::{exp_row, exp_sum, first_of, row_max};
use crate::table::{CrossEntropy, SmoothedF32, SoftCrossEntropy};
use crate::view::{MatMut, MatRef};

/// The distribution that one row should have.
trait Target: Copy {
    /// Its columns from `first` on, +0 in the lanes from `n` on.
    fn load<S: Simd>(self, s: S, first: usize, n: usize) -> S::F;
}

impl Target for &[f32] {
    #[inline(always)]
    fn load<S: Simd>(self, s: S, first: usize, n: usize) -> S::F {
        s.load(&self[first..first + n])
    }
}

/// A label, and what its column and the others get.
#[derive(Clone, Copy)]
struct Smoothed(usize, SmoothedF32);

impl Target for Smoothed {
    #[inline(always)]
    fn load<S: Simd>(self, s: S, first: usize, n: usize) -> S::F {
        let Smoothed(label, SmoothedF32 { on, off }) = self;
        let others = s.select(s.first(n), s.splat(off), s.splat(0.0));
        match label.checked_sub(first) {
            Some(lane) if lane < LANES => {
                s.select(s.first(lane), others, s.select(s.first(lane + 1), s.splat(on), others))
            }
            _ => others,
        }
    }
}

/// Where the targets of all rows come from.
trait Targets: Copy {
    type Row: Target;
    fn row(self, i: usize) -> Option<Self::Row>;
}

impl<'a> Targets for MatRef<'a> {
    type Row = &'a [f32];

    #[inline(always)]
    fn row(self, i: usize) -> Option<&'a [f32]> {
        MatRef::row(&self, i)
    }
}

impl Targets for (&[u32], SmoothedF32) {
    type Row = Smoothed;

    #[inline(always)]
    fn row(self, i: usize) -> Option<Smoothed> {
        Some(Smoothed(*self.0.get(i)? as usize, self.1))
    }
}

/// All of a call but its targets.
struct Rows<'a> {
    logits: MatRef<'a>,
    batch: f32,
    gradient: Option<MatMut<'a>>,
    losses: &'a mut [f32],
    predictions: &'a mut [u32],
}

/// By a distribution over the classes for each row.
#[inline(always)]
pub(crate) fn soft_cross_entropy<S: Simd>(s: S, call: SoftCrossEntropy<'_>) {
    let SoftCrossEntropy { logits, targets, batch, gradient, losses, predictions } = call;
    cross_entropy(s, Rows { logits, batch, gradient, losses, predictions }, targets);
}

/// By smoothed labels; the distributions are never stored.
#[inline(always)]
pub(crate) fn smoothed_cross_entropy<S: Simd>(s: S, call: CrossEntropy<'_>, smoothed: SmoothedF32) {
    let CrossEntropy { logits, labels, batch, gradient, losses, predictions } = call;
    cross_entropy(s, Rows { logits, batch, gradient, losses, predictions }, (labels, smoothed));
}

#[inline(always)]
fn cross_entropy<S: Simd>(s: S, mut call: Rows<'_>, targets: impl Targets) {
    let batch = s.splat(call.batch);
    // 16 rows at a time: their logarithms are one vector.
    for first in (0..call.logits.rows()).step_by(LANES) {
        let rows = LANES.min(call.logits.rows() - first);
        let (mut maxima, mut sums) = ([0.0f32; LANES], [1.0f32; LANES]);
        for k in 0..rows {
            let i = first + k;
            let (Some(row), Some(target)) = (call.logits.row(i), targets.row(i)) else { continue };
            let max = row_max(s, row);
            maxima[k] = max;
            call.predictions[i] = first_of(row, max);
            sums[k] = match call.gradient.as_mut().and_then(|g| g.row_mut(i)) {
                None => exp_sum(s, row, max),
                Some(to) => {
                    let sum = exp_row(s, row, max, to);
                    gradient_row(s, to, sum, target, batch);
                    sum
                }
            };
        }
        let mut ln_sums = [0.0f32; LANES];
        s.store(&mut ln_sums, ln(s, s.load(&sums)));
        for k in 0..rows {
            let i = first + k;
            let (Some(row), Some(target)) = (call.logits.row(i), targets.row(i)) else { continue };
            call.losses[i] = loss(s, row, target, maxima[k], ln_sums[k]);
        }
    }
}

/// The sum of `t (ln(sum) + (max - x))` where t is not zero.
#[inline(always)]
fn loss<S: Simd>(s: S, row: &[f32], target: impl Target, max: f32, ln_sum: f32) -> f32 {
    let (max, ln_sum, zero) = (s.splat(max), s.splat(ln_sum), s.splat(0.0));
    let mut sum = zero;
    for (c, x) in row.chunks(LANES).enumerate() {
        let (t, x) = (target.load(s, c * LANES, x.len()), s.load(x));
        let term = s.mul(t, s.add(ln_sum, s.sub(max, x)));
        // Neither above nor below zero: a zero, which takes no part, or a NaN.
        let term = s.select(s.gt(t, zero), term, s.select(s.lt(t, zero), term, t));
        sum = s.add(sum, term);
    }
    s.fold_add(sum)
}

/// `(e / sum - t) / batch` in place.
#[inline(always)]
fn gradient_row<S: Simd>(s: S, row: &mut [f32], sum: f32, target: impl Target, batch: S::F) {
    let divisor = s.splat(sum);
    for (c, p) in row.chunks_mut(LANES).enumerate() {
        let t = target.load(s, c * LANES, p.len());
        let q = s.sub(s.div(s.load(p), divisor), t);
        s.store(p, s.div(q, batch));
    }
}
