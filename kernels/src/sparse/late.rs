//! Movements `a / (sqrt(x) + epsilon)` of a row of weights, or of two (`pairs.rs`), that end one row late, between the next row's
//! products.
//!
//! ```text
//!   row i:      g = products          state, a, x
//!   row i + 1:  4 terms, w[0] -= a[0] / sqrt(x[0]), 4 terms, w[1] -= a[1] / sqrt(x[1]), ... then its own state, a, x
//! ```
//!
//! Roots and quotients keep the divider busy for about as long as the products keep the multipliers: a vector of 16 takes 22 cycles on
//! Sapphire Rapids. All of a row's at once, behind its products, the two take turns: the core looks some 500 instructions ahead, and
//! a row is 300. One vector after every fourth term gives the divider work all the time. Alone, and with 128 columns of MNIST's first
//! layer, an update takes 43 us instead of 53 (64 columns: 29 instead of 35); after every term 52, after every second 45.

use super::terms::Aside;
use crate::gemm::tile::{load, store};
use crate::generic::optimizer::Quotient;
use crate::generic::simd::Simd;

/// What up to `ROWS` rows of weights still have to move by.
pub(crate) struct Late<S: Simd, Q, const ROWS: usize, const NV: usize, const MASKED: bool> {
    rule: Q,
    mask: S::M,
    w: [*mut f32; ROWS],
    parts: [Parts<S, NV>; ROWS],
    /// The next vector to move, counted through the rows; `ROWS * NV` where nothing is owed.
    at: usize,
}

/// Numerators and radicands of a row.
pub(crate) type Parts<S, const NV: usize> = [(<S as Simd>::F, <S as Simd>::F); NV];

impl<S: Simd, Q: Quotient<S>, const ROWS: usize, const NV: usize, const MASKED: bool>
    Late<S, Q, ROWS, NV, MASKED>
{
    /// Nothing is owed yet. `mask` is the last vector's if `MASKED`.
    #[inline(always)]
    pub(crate) fn new(s: S, rule: Q, mask: S::M) -> Self {
        let parts = [[(s.splat(0.0), s.splat(0.0)); NV]; ROWS];
        Late { rule, mask, w: [core::ptr::null_mut(); ROWS], parts, at: ROWS * NV }
    }

    #[inline(always)]
    pub(crate) fn rule(&self) -> &Q {
        &self.rule
    }

    /// These rows of weights owe these numerators and radicands; those before owe nothing any more. Where nothing is done
    /// between terms, they are paid at once.
    ///
    /// # Safety
    /// The weights can be read and written until the last call of [`Late::rest`].
    #[inline(always)]
    pub(crate) unsafe fn owe<const COUNT: usize>(&mut self, s: S, rows: [(*mut f32, Parts<S, NV>); COUNT]) {
        debug_assert_eq!(self.at, ROWS * NV);
        self.at = (ROWS - COUNT) * NV;
        for (r, (w, parts)) in rows.into_iter().enumerate() {
            (self.w[ROWS - COUNT + r], self.parts[ROWS - COUNT + r]) = (w, parts);
        }
        if Self::EVERY == 0 {
            // SAFETY: as the caller vouches.
            unsafe { self.rest(s) };
        }
    }

    /// Moves what was not moved yet.
    ///
    /// # Safety
    /// As for [`Late::owe`].
    #[inline(always)]
    pub(crate) unsafe fn rest(&mut self, s: S) {
        while self.at < ROWS * NV {
            // SAFETY: as the caller vouches.
            unsafe { self.some(s) };
        }
    }
}

impl<S: Simd, Q: Quotient<S>, const ROWS: usize, const NV: usize, const MASKED: bool> Aside<S>
    for Late<S, Q, ROWS, NV, MASKED>
{
    const EVERY: usize = match (S::REGISTERS > 8, ROWS) {
        (false, _) => 0,
        (true, 1) => 4,
        (true, _) => 3,
    };

    #[inline(always)]
    unsafe fn some(&mut self, s: S) {
        if self.at < ROWS * NV {
            let (r, v) = (self.at / NV, self.at % NV);
            let (a, x) = self.parts[r][v];
            // SAFETY: as whoever called `owe` vouches.
            unsafe {
                let w = load::<S, NV, MASKED>(s, self.w[r], v, self.mask);
                store::<S, NV, MASKED>(s, self.w[r], v, self.mask, self.rule.moved(s, w, a, x));
            }
            self.at += 1;
        }
    }
}
