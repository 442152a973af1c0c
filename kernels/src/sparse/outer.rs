//! The SpMM microkernel for S by columns, an outer product: S comes as S^T, so that one of its rows says which rows of C a row of
//! D goes to.
//!
//! ```text
//!   column k of S:    image 3    image 17   image 40 ...    where any of P columns side by side is not zero
//!                        v          v
//!   C[3][..], C[17][..], ...  +=  s[i][k] D[k][..] + ... + s[i][k + P - 1] D[k + P - 1][..]
//! ```
//!
//! Pixels side by side are inked in much the same images. So P rows of D wait in registers, and a row of C that any of them
//! concerns is loaded once, takes P multiply-adds a vector in increasing k, and is stored again: the chain of the row kernel with
//! some zero terms left in, as the dense product has them all. C's 64 rows stay in L1, and D is read once, in order.
//!
//! The row kernel (`rows.rs`) keeps C in registers and reads D wherever a row's nonzeros are, block by block of k. Each block of
//! each row ends a loop at a place that no branch predictor foresees, and starts a chain that one multiply-add at a time can
//! lengthen: of MNIST's first layer, 64 images and 64 columns on Sapphire Rapids, it makes 20 us, 2.7 times what its
//! multiply-adds take. Four rows of D at once take 13 us, two 15, one 21.

use super::terms::{Bytes, Dense, Searched, take_first};
use crate::gemm::tile::{load, store};
use crate::generic::simd::Simd;

/// Up to 64 rows of C, a bitmap's, one panel.
#[derive(Clone, Copy)]
pub(crate) struct Outer {
    /// S^T: its rows are columns of S.
    pub(crate) transposed: Bytes,
    /// How many it has.
    pub(crate) depth: usize,
    /// The first row of C, and how many: 64, or those that are left of S's.
    pub(crate) first: usize,
    pub(crate) rows: usize,
    pub(crate) d: Dense,
    pub(crate) bias: *const f32,
    pub(crate) relu: bool,
    /// That first row.
    pub(crate) c: *mut f32,
    pub(crate) c_row_stride: usize,
    /// Columns in the last vector, 1..=16; only a masked kernel looks at it.
    pub(crate) tail: usize,
}

/// A kernel of one ISA with its width built in.
pub(crate) type OuterFn = unsafe fn(Outer);

/// Computes the rows, `NV` vectors each, the last one masked to `tail` columns if `MASKED`, `P` columns of S at a time.
///
/// # Safety
/// S^T has the rows and columns, D as many rows; everything that the pointers and strides reach can be read, and C written.
#[inline(always)]
pub(crate) unsafe fn outer<S: Simd, const P: usize, const NV: usize, const MASKED: bool>(s: S, t: Outer) {
    // SAFETY: all accesses are to rows of matrices that the caller vouches for, by masks at their ends.
    unsafe {
        let (mask, zero) = (s.first(t.tail), s.splat(0.0));
        let mut bias = [zero; NV];
        for (v, x) in bias.iter_mut().enumerate() {
            *x = load::<S, NV, MASKED>(s, t.bias, v, mask);
        }
        for i in 0..t.rows {
            for (v, x) in bias.iter().enumerate() {
                store::<S, NV, MASKED>(s, t.c.add(i * t.c_row_stride), v, mask, *x);
            }
        }
        let whole = t.depth - t.depth % P;
        columns::<S, P, NV, MASKED>(s, &t, (0, whole), mask);
        columns::<S, 1, NV, MASKED>(s, &t, (whole, t.depth), mask);
        if t.relu {
            for i in 0..t.rows {
                let c = t.c.add(i * t.c_row_stride);
                for v in 0..NV {
                    let x = load::<S, NV, MASKED>(s, c, v, mask);
                    store::<S, NV, MASKED>(s, c, v, mask, s.max(zero, x));
                }
            }
        }
    }
}

/// Adds the columns `from..to` of S, `P` at a time, which divides their number.
///
/// # Safety
/// As for [`outer`].
#[inline(always)]
unsafe fn columns<S: Simd, const P: usize, const NV: usize, const MASKED: bool>(
    s: S,
    t: &Outer,
    (from, to): (usize, usize),
    mask: S::M,
) {
    // SAFETY: as the caller vouches; a set bit stands for a row of C.
    unsafe {
        let zero = s.splat(0.0);
        let mut next = if from < to { union::<S, P>(s, t, from) } else { 0 };
        for k in (from..to).step_by(P) {
            // Known one round ahead: what stands behind the end of a loop over bits waits for it.
            let mut bits = next;
            if k + P < to {
                next = union::<S, P>(s, t, k + P);
            }
            if bits == 0 {
                continue;
            }
            let mut d = [[zero; NV]; P];
            let mut bytes = [core::ptr::null(); P];
            for p in 0..P {
                let row = t.d.ptr.offset((k + p) as isize * t.d.row_stride);
                for (v, x) in d[p].iter_mut().enumerate() {
                    *x = load::<S, NV, MASKED>(s, row, v, mask);
                }
                bytes[p] = t.transposed.row(k + p).add(t.first);
            }
            while bits != 0 {
                let i = take_first(&mut bits);
                let mut x = [zero; P];
                for p in 0..P {
                    x[p] = s.splat(Bytes::value(bytes[p].add(i)));
                }
                let c = t.c.add(i * t.c_row_stride);
                let mut acc = [zero; NV];
                for (v, y) in acc.iter_mut().enumerate() {
                    *y = load::<S, NV, MASKED>(s, c, v, mask);
                }
                for p in 0..P {
                    for (y, d) in acc.iter_mut().zip(&d[p]) {
                        *y = s.fma(x[p], *d, *y);
                    }
                }
                for (v, y) in acc.iter().enumerate() {
                    store::<S, NV, MASKED>(s, c, v, mask, *y);
                }
            }
        }
    }
}

/// The rows of C that any of `P` columns of S concerns.
///
/// # Safety
/// As for [`outer`]; S has the columns `k..k + P`.
#[inline(always)]
unsafe fn union<S: Simd, const P: usize>(s: S, t: &Outer, k: usize) -> u64 {
    let mut bits = 0;
    for p in 0..P {
        // SAFETY: as the caller vouches.
        bits |= unsafe { t.transposed.bitmap(s, t.transposed.row(k + p), t.first) };
    }
    bits
}
