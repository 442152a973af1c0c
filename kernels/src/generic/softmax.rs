//! Softmax of rows and its logarithm, alone or fused with cross-entropy and its gradient, and argmax.
//!
//! Sums and maxima along a row use 16 virtual lanes, lane i taking columns i, i+16, ... (N3). Every
//! matrix here has contiguous rows.

use super::math::{exp, ln};
use super::simd::{LANES, Simd};
use crate::table::{CrossEntropy, NO_CLASS};
use crate::view::{MatMut, MatRef};

/// The largest element; NaN or not where the row holds one. An empty row gives -inf.
#[inline(always)]
pub(super) fn row_max<S: Simd>(s: S, row: &[f32]) -> f32 {
    let absent = s.splat(f32::NEG_INFINITY);
    let mut max = absent;
    for x in row.chunks(LANES) {
        let present = s.select(s.first(x.len()), s.load(x), absent);
        max = s.max(max, present);
    }
    s.fold_max(max)
}

/// Writes `e^(x - max)` to `to` and returns the sum.
#[inline(always)]
pub(super) fn exp_row<S: Simd>(s: S, row: &[f32], max: f32, to: &mut [f32]) -> f32 {
    let max = s.splat(max);
    let mut sum = s.splat(0.0);
    for (x, to) in row.chunks(LANES).zip(to.chunks_mut(LANES)) {
        let e = exp(s, s.sub(s.load(x), max));
        s.store(to, e);
        sum = s.add(sum, s.select(s.first(x.len()), e, s.splat(0.0)));
    }
    s.fold_add(sum)
}

/// `Y = softmax(X)`, row by row.
#[inline(always)]
pub(crate) fn softmax<S: Simd>(s: S, x: MatRef<'_>, mut y: MatMut<'_>) {
    for i in 0..x.rows() {
        let (Some(row), Some(to)) = (x.row(i), y.row_mut(i)) else { continue };
        let sum = exp_row(s, row, row_max(s, row), to);
        let sum = s.splat(sum);
        for p in to.chunks_mut(LANES) {
            let q = s.div(s.load(p), sum);
            s.store(p, q);
        }
    }
}

/// Softmax, loss, prediction and gradient in one pass over each row.
#[inline(always)]
pub(crate) fn softmax_cross_entropy<S: Simd>(s: S, mut call: CrossEntropy<'_>) {
    let batch = s.splat(call.batch);
    // 16 rows at a time: their logarithms are one vector.
    for first in (0..call.logits.rows()).step_by(LANES) {
        let rows = LANES.min(call.logits.rows() - first);
        let mut sums = [1.0f32; LANES];
        let mut below_max = [0.0f32; LANES];
        for k in 0..rows {
            let i = first + k;
            let Some(row) = call.logits.row(i) else { continue };
            let label = call.labels[i] as usize;
            let max = row_max(s, row);
            below_max[k] = max - row[label];
            let to = call.gradient.as_mut().and_then(|g| g.row_mut(i));
            if row.len() <= LANES && is_finite(s, row) {
                call.predictions[i] = first_of_finite(s, row, max);
                sums[k] = one_vector(s, row, max, to.map(|to| (to, label, batch)));
                continue;
            }
            call.predictions[i] = first_of(row, max);
            sums[k] = match to {
                None => exp_sum(s, row, max),
                Some(to) => {
                    let sum = exp_row(s, row, max, to);
                    gradient_row(s, to, sum, label, batch);
                    sum
                }
            };
        }
        let losses = s.add(ln(s, s.load(&sums)), s.load(&below_max));
        s.store(&mut call.losses[first..first + rows], losses);
    }
}

/// `(e / sum - [column == label]) / batch` in place.
#[inline(always)]
fn gradient_row<S: Simd>(s: S, row: &mut [f32], sum: f32, label: usize, batch: S::F) {
    let divisor = s.splat(sum);
    for p in row.chunks_mut(LANES) {
        let q = s.div(s.load(p), divisor);
        s.store(p, q);
    }
    row[label] -= 1.0;
    for p in row.chunks_mut(LANES) {
        let q = s.div(s.load(p), batch);
        s.store(p, q);
    }
}

/// [`exp_sum`], or [`exp_row`] and [`gradient_row`], of a row of one vector. Nothing is read back that was just written in other
/// pieces, and there is no branch to foresee: the core works on several rows at a time.
#[inline(always)]
fn one_vector<S: Simd>(s: S, row: &[f32], max: f32, to: Option<(&mut [f32], usize, S::F)>) -> f32 {
    let e = exp(s, s.sub(s.load(row), s.splat(max)));
    let sum = s.fold_add(s.select(s.first(row.len()), e, s.splat(0.0)));
    if let Some((to, label, batch)) = to {
        let q = s.sub(s.div(e, s.splat(sum)), s.load(&ONE[LANES - label..]));
        s.store(to, s.div(q, batch));
    }
    sum
}

/// From element 16 - j on: a 1 in lane j, zeros before and after it.
static ONE: [f32; 2 * LANES + 1] = {
    let mut one = [0.0; 2 * LANES + 1];
    one[LANES] = 1.0;
    one
};

/// Whether a row of one vector holds neither infinities nor NaN.
#[inline(always)]
fn is_finite<S: Simd>(s: S, row: &[f32]) -> bool {
    let x = s.load(row);
    s.nonzero(s.sub(x, x)) == 0
}

/// [`first_of`] for a row of one vector, all of it finite.
#[inline(always)]
fn first_of_finite<S: Simd>(s: S, row: &[f32], max: f32) -> u32 {
    // Lanes past the row's end are +0, which may be the maximum too, but not before one in the row.
    let below = s.lt(s.load(row), s.splat(max));
    s.nonzero(s.select(below, s.splat(0.0), s.splat(1.0))).trailing_zeros()
}

/// [`exp_row`] without its output.
#[inline(always)]
pub(super) fn exp_sum<S: Simd>(s: S, row: &[f32], max: f32) -> f32 {
    let max = s.splat(max);
    let mut sum = s.splat(0.0);
    for x in row.chunks(LANES) {
        let e = exp(s, s.sub(s.load(x), max));
        sum = s.add(sum, s.select(s.first(x.len()), e, s.splat(0.0)));
    }
    s.fold_add(sum)
}

/// `Y = log_softmax(X)`, row by row.
#[inline(always)]
pub(crate) fn log_softmax<S: Simd>(s: S, x: MatRef<'_>, mut y: MatMut<'_>) {
    // 16 rows at a time: their logarithms are one vector.
    for first in (0..x.rows()).step_by(LANES) {
        let rows = LANES.min(x.rows() - first);
        let (mut maxima, mut sums) = ([0.0f32; LANES], [1.0f32; LANES]);
        for k in 0..rows {
            let Some(row) = x.row(first + k) else { continue };
            maxima[k] = row_max(s, row);
            sums[k] = exp_sum(s, row, maxima[k]);
        }
        let mut ln_sums = [0.0f32; LANES];
        s.store(&mut ln_sums, ln(s, s.load(&sums)));
        for k in 0..rows {
            let (Some(row), Some(to)) = (x.row(first + k), y.row_mut(first + k)) else { continue };
            let (max, ln_sum) = (s.splat(maxima[k]), s.splat(ln_sums[k]));
            for (x, y) in row.chunks(LANES).zip(to.chunks_mut(LANES)) {
                s.store(y, s.sub(s.sub(s.load(x), max), ln_sum));
            }
        }
    }
}

/// The first column that holds the maximum; [`NO_CLASS`] where the row holds a NaN.
#[inline(always)]
pub(super) fn first_of(row: &[f32], max: f32) -> u32 {
    let mut first = NO_CLASS;
    for (j, x) in row.iter().enumerate().rev() {
        if x.is_nan() {
            return NO_CLASS;
        }
        if *x == max {
            first = j as u32;
        }
    }
    first
}

/// The first column of each row's maximum.
#[inline(always)]
pub(crate) fn argmax<S: Simd>(s: S, x: MatRef<'_>, to: &mut [u32]) {
    for (i, class) in to.iter_mut().enumerate() {
        let Some(row) = x.row(i) else { continue };
        *class = first_of(row, row_max(s, row));
    }
}
