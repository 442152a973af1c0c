//! RMSprop's update two rows at a time, where rows of S side by side have their nonzeros in much the same columns, as X^T of images
//! has: a pixel and the one right of it.
//!
//! ```text
//!   rows i, i + 1:   for every sample in which either pixel is inked   D's row is loaded once, for both rows' chains
//! ```
//!
//! A row of 64 columns is four chains of multiply-adds, which keep half of the multipliers busy; two rows are eight. The term of a pixel
//! that is zero where the other is not changes nothing, as in the dense product. And there are half as many loops that end where
//! nobody foresees it. On Sapphire Rapids the gradient of MNIST's first layer, 64 columns, takes 8.7 us instead of 13.1; with roots
//! and quotients, which take turns with the multiply-adds for the same port, 21.3 instead of 24.2. Wider rows have chains enough.

use super::late::Late;
use super::rows::{UpdateRows, due, gradient_beside, rmsprop_begin};
use super::terms::Terms;
use crate::gemm::tile::State;
use crate::generic::optimizer::RmsPropVectors;
use crate::generic::simd::Simd;
use crate::table::RmsPropF32;

/// Whether the chains of two rows find registers, and use them better than one row's.
pub(super) const fn pay<S: Simd, T: Terms, const NV: usize>() -> bool {
    T::ALIKE && NV <= 4 && S::REGISTERS > 8
}

/// Computes the rows' gradients and moves their weights.
///
/// # Safety
/// As for [`super::rows::update_rows`].
#[inline(always)]
pub(super) unsafe fn rmsprop<S: Simd, T: Terms, const NV: usize, const MASKED: bool>(
    s: S,
    t: &UpdateRows<T>,
    rule: RmsPropF32,
    state: State,
) {
    // SAFETY: as the caller vouches.
    unsafe {
        let mask = s.first(t.tail);
        let mut late = Late::<S, _, 2, NV, MASKED>::new(s, RmsPropVectors::new(s, rule), mask);
        let mut ahead = [look(s, t, 0), look(s, t, 1)];
        let mut i = 0;
        while i < t.rows {
            let looks = ahead;
            let both = i + 1 < t.rows
                && !t.terms.is_empty(s, i, t.depth, looks[0])
                && !t.terms.is_empty(s, i + 1, t.depth, looks[1]);
            let w = t.w.add(i * t.w_row_stride);
            if both {
                ahead = [look(s, t, i + 2), look(s, t, i + 3)];
                // Rows that are not empty are due.
                let owed = [due(s, t, i, looks[0]).unwrap_or(0), due(s, t, i + 1, looks[1]).unwrap_or(0)];
                let [g, h] = t.terms.add_two::<S, _, NV, MASKED>(s, i, t.depth, looks, t.d, mask, &mut late);
                late.rest(s);
                let first = rmsprop_begin::<S, NV, MASKED>(s, late.rule(), state.row(i), owed[0], g, mask);
                let second =
                    rmsprop_begin::<S, NV, MASKED>(s, late.rule(), state.row(i + 1), owed[1], h, mask);
                late.owe(s, [(w, first), (w.add(t.w_row_stride), second)]);
                i += 2;
            } else {
                ahead = [looks[1], look(s, t, i + 2)];
                if let Some(owed) = due(s, t, i, looks[0]) {
                    let g = gradient_beside::<S, T, _, NV, MASKED>(s, t, i, looks[0], mask, &mut late);
                    late.rest(s);
                    let parts = rmsprop_begin::<S, NV, MASKED>(s, late.rule(), state.row(i), owed, g, mask);
                    late.owe(s, [(w, parts)]);
                }
                i += 1;
            }
        }
        late.rest(s);
    }
}

/// The look at row `i`, if there is one.
///
/// # Safety
/// As for [`super::rows::update_rows`].
#[inline(always)]
unsafe fn look<S: Simd, T: Terms>(s: S, t: &UpdateRows<T>, i: usize) -> T::Look {
    // SAFETY: as the caller vouches.
    if i < t.rows { unsafe { t.terms.look(s, i, (0, t.depth)) } } else { T::Look::default() }
}
