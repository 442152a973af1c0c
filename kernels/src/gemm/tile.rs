//! The GEMM microkernel: one register tile of C, written once for every ISA.
//!
//! ```text
//!               NV vectors of 16 columns
//!             +--------+--------+
//!   row k of B|   b0   |   b1   |        loaded once per k
//!             +--------+--------+
//!   a[0][k] ->| acc 00 | acc 01 |        a[r][k] broadcast from memory,
//!   a[1][k] ->| acc 10 | acc 11 |        so A needs no layout of its own
//!     MR rows |  ...   |  ...   |
//!             +--------+--------+
//! ```
//!
//! Each accumulator lane is one element of C and takes one fused multiply-add per k, in increasing k: one
//! chain of roundings whatever the tile's shape (N1 of the numerics contract). What a tile starts
//! from and how it ends (bias, ReLU, mask) happens in registers.

use crate::generic::simd::{LANES, Simd};

/// One tile's work. Strides count elements.
pub(crate) struct Tile {
    pub(crate) depth: usize,
    pub(crate) a: *const f32,
    pub(crate) a_row_stride: isize,
    pub(crate) a_column_stride: isize,
    /// Rows of B are contiguous.
    pub(crate) b: *const f32,
    pub(crate) b_row_stride: isize,
    pub(crate) c: *mut f32,
    pub(crate) c_row_stride: usize,
    /// Columns in the last vector, 1..=16; only a masked tile looks at it.
    pub(crate) tail: usize,
    pub(crate) start: TileStart,
    pub(crate) finish: TileFinish,
}

/// What the chain of each element starts from.
#[derive(Clone, Copy)]
pub(crate) enum TileStart {
    /// +0; C is not read.
    Zero,
    /// The element of its column in this row of biases; C is not read.
    Bias(*const f32),
    /// C itself.
    Resume,
    /// `beta * c`, rounded once.
    Scaled(f32),
}

/// What happens to an element after its last term.
#[derive(Clone, Copy)]
pub(crate) enum TileFinish {
    /// Nothing.
    Store,
    /// `if x < 0 { +0 } else { x }`.
    Relu,
    /// Kept where the element of this matrix (a pointer and its row stride) is above 0, else +0.
    WherePositive(*const f32, usize),
}

/// A tile of one ISA with its size built in.
pub(crate) type TileFn = unsafe fn(&Tile);

/// Computes one tile of `MR` rows and `NV` vectors, the last vector masked to `tail` columns if `MASKED`.
///
/// # Safety
/// Everything that the tile's pointers, strides and sizes reach can be read, and C written; nothing
/// else is touched.
#[inline(always)]
pub(crate) unsafe fn tile<S: Simd, const MR: usize, const NV: usize, const MASKED: bool>(s: S, t: &Tile) {
    // SAFETY: all accesses are to rows 0..MR and vectors 0..NV (the last one by its mask) of matrices
    // that the caller vouches for.
    unsafe {
        let mask = s.first(t.tail);
        let mut acc = [[s.splat(0.0); NV]; MR];
        match t.start {
            TileStart::Zero => {}
            TileStart::Bias(bias) => {
                for v in 0..NV {
                    let b = load::<S, NV, MASKED>(s, bias, v, mask);
                    for row in &mut acc {
                        row[v] = b;
                    }
                }
            }
            TileStart::Resume => {
                for (r, row) in acc.iter_mut().enumerate() {
                    for (v, x) in row.iter_mut().enumerate() {
                        *x = load::<S, NV, MASKED>(s, t.c.add(r * t.c_row_stride), v, mask);
                    }
                }
            }
            TileStart::Scaled(beta) => {
                let beta = s.splat(beta);
                for (r, row) in acc.iter_mut().enumerate() {
                    for (v, x) in row.iter_mut().enumerate() {
                        *x = s.mul(beta, load::<S, NV, MASKED>(s, t.c.add(r * t.c_row_stride), v, mask));
                    }
                }
            }
        }

        let (mut a, mut b) = (t.a, t.b);
        for _ in 0..t.depth {
            let mut row_of_b = [s.splat(0.0); NV];
            for (v, x) in row_of_b.iter_mut().enumerate() {
                *x = load::<S, NV, MASKED>(s, b, v, mask);
            }
            for (r, row) in acc.iter_mut().enumerate() {
                let x = s.splat(*a.offset(r as isize * t.a_row_stride));
                for (v, y) in row.iter_mut().enumerate() {
                    *y = s.fma(x, row_of_b[v], *y);
                }
            }
            a = a.wrapping_offset(t.a_column_stride);
            b = b.wrapping_offset(t.b_row_stride);
        }

        let zero = s.splat(0.0);
        match t.finish {
            TileFinish::Store => {}
            TileFinish::Relu => {
                for row in &mut acc {
                    for x in row {
                        *x = s.max(zero, *x);
                    }
                }
            }
            TileFinish::WherePositive(h, row_stride) => {
                for (r, row) in acc.iter_mut().enumerate() {
                    for (v, x) in row.iter_mut().enumerate() {
                        let h = load::<S, NV, MASKED>(s, h.add(r * row_stride), v, mask);
                        *x = s.select(s.gt(h, zero), *x, zero);
                    }
                }
            }
        }
        for (r, row) in acc.iter().enumerate() {
            for (v, x) in row.iter().enumerate() {
                let c = t.c.add(r * t.c_row_stride + v * LANES);
                if MASKED && v == NV - 1 {
                    s.store_mask(c, mask, *x);
                } else {
                    s.store_ptr(c, *x);
                }
            }
        }
    }
}

/// Vector `v` of a row, masked where it is the last of a masked tile.
///
/// # Safety
/// The elements that it selects can be read.
#[inline(always)]
unsafe fn load<S: Simd, const NV: usize, const MASKED: bool>(
    s: S,
    row: *const f32,
    v: usize,
    mask: S::M,
) -> S::F {
    // SAFETY: as the caller vouches.
    unsafe {
        if MASKED && v == NV - 1 {
            s.load_mask(row.add(v * LANES), mask)
        } else {
            s.load_ptr(row.add(v * LANES))
        }
    }
}
