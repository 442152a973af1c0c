//! The SpMM microkernel: one row of S times a panel of D, over every row of a group.
//!
//! ```text
//!   row i of S:   column 3   column 17   column 40 ...     its nonzeros in this block of k
//!                    |           |
//!                 D[3][..]    D[17][..]                    NV vectors each, read where they lie
//!                    v           v
//!   C[i][..]  <-  acc 0 .. NV - 1                          one fused multiply-add a vector and nonzero
//! ```
//!
//! Each accumulator lane is one element of C: the chain of the dense tile without its zero terms. Four vectors are enough
//! chains to hide the latency of one multiply-add a cycle; the loop's exit, which no branch predictor foresees, is what
//! short rows pay for.

use crate::gemm::tile::{TileFinish, TileStart, TileUpdate, load, store};
use crate::generic::optimizer::{AdamVectors, MomentumVectors, RmsPropVectors, SgdVectors};
use crate::generic::simd::Simd;

/// Some rows of S, one block of k, one panel of C.
pub(crate) struct Rows<'a> {
    /// Where each row goes on in `indices` and `values`; where it stopped, afterwards.
    pub(crate) cursors: &'a mut [u32],
    pub(crate) ends: &'a [u32],
    pub(crate) indices: *const u32,
    pub(crate) values: *const f32,
    /// The first row of D past the block.
    pub(crate) limit: usize,
    pub(crate) d: *const f32,
    pub(crate) d_row_stride: isize,
    pub(crate) c: *mut f32,
    pub(crate) c_row_stride: usize,
    /// Columns in the last vector, 1..=16; only a masked kernel looks at it.
    pub(crate) tail: usize,
}

/// All rows of S, whose products with a panel of D are gradients of weights.
pub(crate) struct UpdateRows<'a> {
    pub(crate) starts: &'a [u32],
    pub(crate) ends: &'a [u32],
    pub(crate) indices: *const u32,
    pub(crate) values: *const f32,
    pub(crate) d: *const f32,
    pub(crate) d_row_stride: isize,
    pub(crate) w: *mut f32,
    pub(crate) w_row_stride: usize,
    pub(crate) tail: usize,
    /// Steps with a gradient of zero that each row of RMSprop's state still owes: then empty rows are left out.
    pub(crate) deferred: Option<&'a [u32]>,
}

/// A kernel of one ISA with its width built in.
pub(crate) type RowsFn = unsafe fn(Rows<'_>, TileStart, TileFinish);
/// The same, ending with an optimizer.
pub(crate) type UpdateRowsFn = unsafe fn(UpdateRows<'_>, TileUpdate);

/// Computes the rows, `NV` vectors each, the last one masked to `tail` columns if `MASKED`.
///
/// # Safety
/// The cursors and ends are inside of the indices and values, the indices inside of D; everything that the pointers and
/// strides reach can be read, and C written.
#[inline(always)]
pub(crate) unsafe fn rows<S: Simd, const NV: usize, const MASKED: bool>(
    s: S,
    t: Rows<'_>,
    start: TileStart,
    finish: TileFinish,
) {
    // SAFETY: all accesses are to rows of matrices that the caller vouches for, by masks at their ends.
    unsafe {
        let mask = s.first(t.tail);
        let zero = s.splat(0.0);
        for (i, (cursor, end)) in t.cursors.iter_mut().zip(t.ends).enumerate() {
            let c = t.c.add(i * t.c_row_stride);
            let mut acc = [zero; NV];
            match start {
                TileStart::Zero => {}
                TileStart::Bias(bias) => {
                    for (v, x) in acc.iter_mut().enumerate() {
                        *x = load::<S, NV, MASKED>(s, bias, v, mask);
                    }
                }
                TileStart::Resume => {
                    for (v, x) in acc.iter_mut().enumerate() {
                        *x = load::<S, NV, MASKED>(s, c, v, mask);
                    }
                }
                TileStart::Scaled(beta) => {
                    for (v, x) in acc.iter_mut().enumerate() {
                        *x = s.mul(s.splat(beta), load::<S, NV, MASKED>(s, c, v, mask));
                    }
                }
            }
            let mut at = *cursor as usize;
            while at < *end as usize {
                let k = *t.indices.add(at) as usize;
                if k >= t.limit {
                    break;
                }
                let x = s.splat(*t.values.add(at));
                let row = t.d.offset(k as isize * t.d_row_stride);
                for (v, y) in acc.iter_mut().enumerate() {
                    *y = s.fma(x, load::<S, NV, MASKED>(s, row, v, mask), *y);
                }
                at += 1;
            }
            *cursor = at as u32;
            match finish {
                TileFinish::Store => {}
                TileFinish::Relu => {
                    for x in &mut acc {
                        *x = s.max(zero, *x);
                    }
                }
                TileFinish::WherePositive(h, row_stride) => {
                    for (v, x) in acc.iter_mut().enumerate() {
                        let h = load::<S, NV, MASKED>(s, h.add(i * row_stride), v, mask);
                        *x = s.select(s.gt(h, zero), *x, zero);
                    }
                }
            }
            for (v, x) in acc.iter().enumerate() {
                store::<S, NV, MASKED>(s, c, v, mask, *x);
            }
        }
    }
}

/// Computes each row's gradients and moves its weights.
///
/// # Safety
/// As for [`rows`]; the optimizer's state can be read and written.
#[inline(always)]
pub(crate) unsafe fn update_rows<S: Simd, const NV: usize, const MASKED: bool>(
    s: S,
    t: UpdateRows<'_>,
    update: TileUpdate,
) {
    // SAFETY: as in `rows`.
    unsafe {
        let mask = s.first(t.tail);
        match update {
            TileUpdate::Sgd(rule) => {
                let rule = SgdVectors::new(s, rule);
                for i in 0..t.starts.len() {
                    // A gradient of zero moves nothing.
                    if t.starts[i] == t.ends[i] {
                        continue;
                    }
                    let (w, g) = (t.w.add(i * t.w_row_stride), gradient::<S, NV, MASKED>(s, &t, i, mask));
                    for (v, g) in g.into_iter().enumerate() {
                        let moved = rule.step(s, load::<S, NV, MASKED>(s, w, v, mask), g);
                        store::<S, NV, MASKED>(s, w, v, mask, moved);
                    }
                }
            }
            TileUpdate::RmsProp(rule, state) => {
                let rule = RmsPropVectors::new(s, rule);
                for i in 0..t.starts.len() {
                    if t.deferred.is_some() && t.starts[i] == t.ends[i] {
                        continue;
                    }
                    let (w, state) = (t.w.add(i * t.w_row_stride), state.row(i));
                    let g = gradient::<S, NV, MASKED>(s, &t, i, mask);
                    let mut old = [s.splat(0.0); NV];
                    for (v, x) in old.iter_mut().enumerate() {
                        *x = load::<S, NV, MASKED>(s, state, v, mask);
                    }
                    for _ in 0..t.deferred.map_or(0, |deferred| deferred[i]) {
                        for x in &mut old {
                            *x = rule.decay(s, *x);
                        }
                    }
                    for v in 0..NV {
                        let (moved, x) = rule.step(s, load::<S, NV, MASKED>(s, w, v, mask), old[v], g[v]);
                        store::<S, NV, MASKED>(s, w, v, mask, moved);
                        store::<S, NV, MASKED>(s, state, v, mask, x);
                    }
                }
            }
            TileUpdate::Momentum(rule, state) => {
                let rule = MomentumVectors::new(s, rule);
                for i in 0..t.starts.len() {
                    let (w, state) = (t.w.add(i * t.w_row_stride), state.row(i));
                    for (v, g) in gradient::<S, NV, MASKED>(s, &t, i, mask).into_iter().enumerate() {
                        let old = load::<S, NV, MASKED>(s, w, v, mask);
                        let (moved, x) = rule.step(s, old, load::<S, NV, MASKED>(s, state, v, mask), g);
                        store::<S, NV, MASKED>(s, w, v, mask, moved);
                        store::<S, NV, MASKED>(s, state, v, mask, x);
                    }
                }
            }
            TileUpdate::Adam(rule, mean, square) => {
                let rule = AdamVectors::new(s, rule);
                for i in 0..t.starts.len() {
                    let (w, mean, square) = (t.w.add(i * t.w_row_stride), mean.row(i), square.row(i));
                    for (v, g) in gradient::<S, NV, MASKED>(s, &t, i, mask).into_iter().enumerate() {
                        let old = load::<S, NV, MASKED>(s, w, v, mask);
                        let (old_mean, old_square) = (
                            load::<S, NV, MASKED>(s, mean, v, mask),
                            load::<S, NV, MASKED>(s, square, v, mask),
                        );
                        let (moved, x, y) = rule.step(s, old, old_mean, old_square, g);
                        store::<S, NV, MASKED>(s, w, v, mask, moved);
                        store::<S, NV, MASKED>(s, mean, v, mask, x);
                        store::<S, NV, MASKED>(s, square, v, mask, y);
                    }
                }
            }
        }
    }
}

/// The product of row `i`, from +0.
///
/// # Safety
/// As for [`rows`].
#[inline(always)]
unsafe fn gradient<S: Simd, const NV: usize, const MASKED: bool>(
    s: S,
    t: &UpdateRows<'_>,
    i: usize,
    mask: S::M,
) -> [S::F; NV] {
    let mut acc = [s.splat(0.0); NV];
    for at in t.starts[i] as usize..t.ends[i] as usize {
        // SAFETY: as the caller vouches.
        unsafe {
            let x = s.splat(*t.values.add(at));
            let row = t.d.offset(*t.indices.add(at) as isize * t.d_row_stride);
            for (v, y) in acc.iter_mut().enumerate() {
                *y = s.fma(x, load::<S, NV, MASKED>(s, row, v, mask), *y);
            }
        }
    }
    acc
}
