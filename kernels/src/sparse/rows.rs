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

use super::GROUP;
use super::late::{Late, Parts};
use super::pairs;
use super::terms::{Aside, Dense, Terms};
use crate::gemm::tile::{TileFinish, TileStart, TileUpdate, load, store};
use crate::generic::optimizer::{AdamVectors, MomentumVectors, RmsPropVectors, SgdVectors};
use crate::generic::simd::{LANES, Simd};
use crate::view::{MatMut, MatRef};

/// Some rows of S, one block of k, one panel of C.
#[derive(Clone, Copy)]
pub(crate) struct Rows<T> {
    pub(crate) terms: T,
    /// At most [`GROUP`].
    pub(crate) rows: usize,
    /// The block's first k, and the first one past it.
    pub(crate) block: (usize, usize),
    pub(crate) d: Dense,
    pub(crate) c: *mut f32,
    pub(crate) c_row_stride: usize,
    /// Columns in the last vector, 1..=16; only a masked kernel looks at it.
    pub(crate) tail: usize,
}

/// All rows of S, whose products with a panel of D are gradients of weights.
#[derive(Clone, Copy)]
pub(crate) struct UpdateRows<T> {
    pub(crate) terms: T,
    pub(crate) rows: usize,
    /// All of k.
    pub(crate) depth: usize,
    pub(crate) d: Dense,
    pub(crate) w: *mut f32,
    pub(crate) w_row_stride: usize,
    pub(crate) tail: usize,
    /// Steps with a gradient of zero that each row of RMSprop's state owes, so that empty rows are left out; or null.
    pub(crate) deferred: *mut u32,
    /// Whether this is the last panel, which brings `deferred` up to date.
    pub(crate) is_last: bool,
}

/// A kernel of one ISA with its width built in.
pub(crate) type RowsFn<T> = unsafe fn(Rows<T>, TileStart, TileFinish);
/// The same, ending with an optimizer.
pub(crate) type UpdateRowsFn<T> = unsafe fn(UpdateRows<T>, TileUpdate);

/// Computes the rows, `NV` vectors each, the last one masked to `tail` columns if `MASKED`.
///
/// # Safety
/// The terms are inside of their matrix and of D; everything that the pointers and strides reach can be read, and C
/// written.
#[inline(always)]
pub(crate) unsafe fn rows<S: Simd, T: Terms, const NV: usize, const MASKED: bool>(
    s: S,
    t: Rows<T>,
    start: TileStart,
    finish: TileFinish,
) {
    // SAFETY: all accesses are to rows of matrices that the caller vouches for, by masks at their ends.
    unsafe {
        let mask = s.first(t.tail);
        let zero = s.splat(0.0);
        let mut looks = [T::Look::default(); GROUP];
        for (i, look) in looks.iter_mut().enumerate().take(t.rows) {
            *look = t.terms.look(s, i, t.block);
        }
        for (i, look) in looks.into_iter().enumerate().take(t.rows) {
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
            let mut acc = t.terms.add::<S, (), NV, MASKED>(s, i, t.block, look, t.d, mask, acc, &mut ());
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
pub(crate) unsafe fn update_rows<S: Simd, T: Terms, const NV: usize, const MASKED: bool>(
    s: S,
    t: UpdateRows<T>,
    update: TileUpdate,
) {
    // SAFETY: as in `rows`.
    unsafe {
        let (mask, zero) = (s.first(t.tail), s.splat(0.0));
        let mut next = T::Look::default();
        if t.rows > 0 {
            next = t.terms.look(s, 0, (0, t.depth));
        }
        match update {
            TileUpdate::Sgd(rule) => {
                let rule = SgdVectors::new(s, rule);
                for i in 0..t.rows {
                    let look = next_look(s, &t, i, &mut next);
                    // A gradient of zero moves nothing.
                    if t.terms.is_empty(s, i, t.depth, look) {
                        continue;
                    }
                    let (w, g) =
                        (t.w.add(i * t.w_row_stride), gradient::<S, T, NV, MASKED>(s, &t, i, look, mask));
                    for (v, g) in g.into_iter().enumerate() {
                        let moved = rule.step(s, load::<S, NV, MASKED>(s, w, v, mask), g);
                        store::<S, NV, MASKED>(s, w, v, mask, moved);
                    }
                }
            }
            TileUpdate::RmsProp(rule, state) if pairs::pay::<S, T, NV>() => {
                pairs::rmsprop::<S, T, NV, MASKED>(s, &t, rule, state)
            }
            TileUpdate::RmsProp(rule, state) => {
                let mut late = Late::<S, _, 1, NV, MASKED>::new(s, RmsPropVectors::new(s, rule), mask);
                for i in 0..t.rows {
                    let look = next_look(s, &t, i, &mut next);
                    let Some(owed) = due(s, &t, i, look) else { continue };
                    let (w, state) = (t.w.add(i * t.w_row_stride), state.row(i));
                    let g = gradient_beside::<S, T, _, NV, MASKED>(s, &t, i, look, mask, &mut late);
                    late.rest(s);
                    let parts = rmsprop_begin::<S, NV, MASKED>(s, late.rule(), state, owed, g, mask);
                    late.owe(s, [(w, parts)]);
                }
                late.rest(s);
            }
            TileUpdate::Momentum(rule, state) => {
                let rule = MomentumVectors::new(s, rule);
                for i in 0..t.rows {
                    let look = next_look(s, &t, i, &mut next);
                    let (w, state) = (t.w.add(i * t.w_row_stride), state.row(i));
                    for (v, g) in gradient::<S, T, NV, MASKED>(s, &t, i, look, mask).into_iter().enumerate() {
                        let old = load::<S, NV, MASKED>(s, w, v, mask);
                        let (moved, x) = rule.step(s, old, load::<S, NV, MASKED>(s, state, v, mask), g);
                        store::<S, NV, MASKED>(s, w, v, mask, moved);
                        store::<S, NV, MASKED>(s, state, v, mask, x);
                    }
                }
            }
            TileUpdate::Adam(rule, mean, square) => {
                let mut late = Late::<S, _, 1, NV, MASKED>::new(s, AdamVectors::new(s, rule), mask);
                for i in 0..t.rows {
                    let look = next_look(s, &t, i, &mut next);
                    let (w, mean, square) = (t.w.add(i * t.w_row_stride), mean.row(i), square.row(i));
                    let g = gradient_beside::<S, T, _, NV, MASKED>(s, &t, i, look, mask, &mut late);
                    late.rest(s);
                    let mut parts = [(zero, zero); NV];
                    for v in 0..NV {
                        let old = (
                            load::<S, NV, MASKED>(s, mean, v, mask),
                            load::<S, NV, MASKED>(s, square, v, mask),
                        );
                        let (x, y, part) = late.rule().begin(s, old, g[v]);
                        store::<S, NV, MASKED>(s, mean, v, mask, x);
                        store::<S, NV, MASKED>(s, square, v, mask, y);
                        parts[v] = part;
                    }
                    late.owe(s, [(w, parts)]);
                }
                late.rest(s);
            }
            TileUpdate::Any(any, (first, column)) => {
                let columns = if MASKED { (NV - 1) * LANES + t.tail } else { NV * LANES };
                let mut row = [[0.0; LANES]; NV];
                for i in 0..t.rows {
                    let look = next_look(s, &t, i, &mut next);
                    let Some(owed) = due(s, &t, i, look) else { continue };
                    if owed > 0 {
                        (*any).decay(owed, first + i, column..column + columns);
                    }
                    let g = gradient::<S, T, NV, MASKED>(s, &t, i, look, mask);
                    for (to, g) in row.iter_mut().zip(g) {
                        s.store(to, g);
                    }
                    let w = MatMut::from_raw_parts(t.w.add(i * t.w_row_stride), 1, columns, columns);
                    let g = MatRef::from_raw_parts(row.as_ptr().cast(), 1, columns, columns as isize, 1);
                    (*any).block((first + i, column), w, g);
                }
            }
        }
    }
}

/// The first part of RMSprop's step on a row with the gradient `g`, whose state owes some decay; returns what the weights move by.
///
/// # Safety
/// The state can be read and written.
#[inline(always)]
pub(super) unsafe fn rmsprop_begin<S: Simd, const NV: usize, const MASKED: bool>(
    s: S,
    rule: &RmsPropVectors<S>,
    state: *mut f32,
    owed: u32,
    g: [S::F; NV],
    mask: S::M,
) -> Parts<S, NV> {
    let zero = s.splat(0.0);
    let (mut old, mut parts) = ([zero; NV], [(zero, zero); NV]);
    // SAFETY: as the caller vouches, by the mask at the row's end.
    unsafe {
        for (v, x) in old.iter_mut().enumerate() {
            *x = load::<S, NV, MASKED>(s, state, v, mask);
        }
        for _ in 0..owed {
            for x in &mut old {
                *x = rule.decay(s, *x);
            }
        }
        for v in 0..NV {
            let (x, part) = rule.begin(s, old[v], g[v]);
            store::<S, NV, MASKED>(s, state, v, mask, x);
            parts[v] = part;
        }
    }
    parts
}

/// The steps with a gradient of zero that row `i`'s state owes, to be made good now; or nothing where this is one more of them.
///
/// # Safety
/// As for [`rows`].
#[inline(always)]
pub(super) unsafe fn due<S: Simd, T: Terms>(s: S, t: &UpdateRows<T>, i: usize, look: T::Look) -> Option<u32> {
    if t.deferred.is_null() {
        return Some(0);
    }
    // SAFETY: as the caller vouches.
    unsafe {
        let owed = &mut *t.deferred.add(i);
        if t.terms.is_empty(s, i, t.depth, look) {
            *owed = owed.saturating_add(u32::from(t.is_last));
            return None;
        }
        Some(if t.is_last { core::mem::take(owed) } else { *owed })
    }
}

/// The look at row `i`, and one at the row after it.
///
/// # Safety
/// As for [`rows`].
#[inline(always)]
unsafe fn next_look<S: Simd, T: Terms>(s: S, t: &UpdateRows<T>, i: usize, next: &mut T::Look) -> T::Look {
    let look = *next;
    if i + 1 < t.rows {
        // SAFETY: as the caller vouches.
        *next = unsafe { t.terms.look(s, i + 1, (0, t.depth)) };
    }
    look
}

/// The product of row `i`, from +0.
///
/// # Safety
/// As for [`rows`].
#[inline(always)]
unsafe fn gradient<S: Simd, T: Terms, const NV: usize, const MASKED: bool>(
    s: S,
    t: &UpdateRows<T>,
    i: usize,
    look: T::Look,
    mask: S::M,
) -> [S::F; NV] {
    // SAFETY: as the caller vouches.
    unsafe { gradient_beside::<S, T, (), NV, MASKED>(s, t, i, look, mask, &mut ()) }
}

/// The same, with `aside` between its terms.
///
/// # Safety
/// As for [`rows`] and [`Aside::some`].
#[inline(always)]
pub(super) unsafe fn gradient_beside<S: Simd, T: Terms, A: Aside<S>, const NV: usize, const MASKED: bool>(
    s: S,
    t: &UpdateRows<T>,
    i: usize,
    look: T::Look,
    mask: S::M,
    aside: &mut A,
) -> [S::F; NV] {
    // SAFETY: as the caller vouches.
    unsafe { t.terms.add::<S, A, NV, MASKED>(s, i, (0, t.depth), look, t.d, mask, [s.splat(0.0); NV], aside) }
}
