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
//! from and how it ends (bias, ReLU, mask, optimizer) happens in registers.
//!
//! A k takes as few instructions as multiply-adds allow, so that the CPU is ahead of them when a tile ends, and starts the next
//! one meanwhile. So rows are not taken one after another: the compiler would then step one pointer from row to row, and on AVX2
//! six additions that wait for each other take as long as the twelve multiply-adds (64^3: 106 GFLOP/s for 112).
//! A [`strip`] does so for k = 10 too: no call between its tiles.
//!
//! Two functions share the loop over k, because an optimizer's end is too long to be unrolled: its loop over the
//! accumulators puts them into memory, and in one function with the others it did so to all of them, in the loop over k
//! too (measured: 2.5 times slower).

use crate::any_update::AnyUpdate;
use crate::generic::optimizer::{AdamVectors, MomentumVectors, RmsPropVectors, SgdVectors};
use crate::generic::simd::{LANES, Simd};
use crate::table::{AdamF32, MomentumF32, RmsPropF32, SgdF32};
use crate::view::{MatMut, MatRef};

/// One tile's work. Strides count elements.
#[derive(Clone, Copy)]
pub(crate) struct Tile {
    pub(crate) depth: usize,
    pub(crate) a: *const f32,
    pub(crate) a_row_stride: isize,
    pub(crate) a_column_stride: isize,
    /// Rows of B are contiguous.
    pub(crate) b: *const f32,
    pub(crate) b_row_stride: isize,
    /// From one vector of such a row to the next: 16, but more where each is in a panel of its own.
    pub(crate) b_vector_stride: usize,
    /// B's last vector can be read as a whole too: it is packed.
    pub(crate) b_whole: bool,
    pub(crate) c: *mut f32,
    pub(crate) c_row_stride: usize,
    /// Columns in the last vector, 1..=16; only a masked tile looks at it.
    pub(crate) tail: usize,
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

/// An optimizer's state for the weights in C: a matrix of C's shape that nobody else uses.
#[derive(Clone, Copy)]
pub(crate) struct State {
    ptr: *mut f32,
    row_stride: usize,
}

impl State {
    pub(crate) fn of(state: &mut MatMut<'_>) -> Self {
        State { ptr: state.as_mut_ptr(), row_stride: state.leading_dimension() }
    }

    /// The part of the state from element `(i, j)` on.
    fn from(self, i: usize, j: usize) -> Self {
        State { ptr: self.ptr.wrapping_add(i * self.row_stride + j), ..self }
    }

    /// # Safety
    /// The state has a row `r`.
    #[inline(always)]
    pub(crate) unsafe fn row(self, r: usize) -> *mut f32 {
        // SAFETY: as the caller vouches.
        unsafe { self.ptr.add(r * self.row_stride) }
    }
}

/// Which optimizer takes the sums as gradients of the weights in C, with its state.
#[derive(Clone, Copy)]
pub(crate) enum TileUpdate {
    Sgd(SgdF32),
    RmsProp(RmsPropF32, State),
    Momentum(MomentumF32, State),
    /// With the mean of gradients and the mean of their squares.
    Adam(AdamF32, State, State),
    /// Any rule, which nobody else holds while the product is made, and where in the weights the tile is.
    Any(*mut AnyUpdate<'static>, (usize, usize)),
}

impl TileUpdate {
    /// The same for the tile of C whose first element is `(i, j)`.
    pub(crate) fn from(self, i: usize, j: usize) -> Self {
        match self {
            TileUpdate::Sgd(rule) => TileUpdate::Sgd(rule),
            TileUpdate::RmsProp(rule, v) => TileUpdate::RmsProp(rule, v.from(i, j)),
            TileUpdate::Momentum(rule, m) => TileUpdate::Momentum(rule, m.from(i, j)),
            TileUpdate::Adam(rule, m, v) => TileUpdate::Adam(rule, m.from(i, j), v.from(i, j)),
            TileUpdate::Any(any, at) => TileUpdate::Any(any, (at.0 + i, at.1 + j)),
        }
    }
}

/// A tile of one ISA with its size built in.
pub(crate) type TileFn = unsafe fn(&Tile, TileStart, TileFinish);
/// As many tiles side by side as the number says, their panels of B as far apart as the next one says.
pub(crate) type StripFn = unsafe fn(&Tile, usize, usize, TileStart, TileFinish);
/// A tile that ends with an optimizer.
pub(crate) type UpdateFn = unsafe fn(&Tile, TileUpdate);

/// Computes one tile of `MR` rows and `NV` vectors, the last vector masked to `tail` columns if `MASKED`.
///
/// # Safety
/// Everything that the tile's pointers, strides and sizes reach can be read, and C written; nothing
/// else is touched.
#[inline(always)]
pub(crate) unsafe fn tile<S: Simd, const MR: usize, const NV: usize, const MASKED: bool>(
    s: S,
    t: &Tile,
    start: TileStart,
    finish: TileFinish,
) {
    // SAFETY: all accesses are to rows 0..MR and vectors 0..NV (the last one by its mask) of matrices
    // that the caller vouches for.
    unsafe {
        let mask = s.first(t.tail);
        let mut acc = [[s.splat(0.0); NV]; MR];
        match start {
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
        let mut acc = multiply::<S, MR, NV, MASKED>(s, t, acc);
        let zero = s.splat(0.0);
        match finish {
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
                store::<S, NV, MASKED>(s, t.c.add(r * t.c_row_stride), v, mask, *x);
            }
        }
    }
}

/// Computes `panels` tiles side by side, one for each panel of B from the first one's on.
///
/// # Safety
/// As for [`tile`], of each of them.
#[inline(always)]
pub(crate) unsafe fn strip<S: Simd, const MR: usize, const NV: usize>(
    s: S,
    first: &Tile,
    panels: usize,
    b_panel_stride: usize,
    mut start: TileStart,
    mut finish: TileFinish,
) {
    let mut t = *first;
    for _ in 0..panels {
        // SAFETY: a tile that the caller vouches for; the pointers leave their matrices only after the last one, unused.
        unsafe { tile::<S, MR, NV, false>(s, &t, start, finish) };
        t.b = t.b.wrapping_add(b_panel_stride);
        t.c = t.c.wrapping_add(NV * LANES);
        if let TileStart::Bias(bias) = &mut start {
            *bias = bias.wrapping_add(NV * LANES);
        }
        if let TileFinish::WherePositive(h, _) = &mut finish {
            *h = h.wrapping_add(NV * LANES);
        }
    }
}

/// Computes one tile from +0, and moves the weights in C by what comes out.
///
/// # Safety
/// As for [`tile`]; the optimizer's state can be read and written.
#[inline(always)]
pub(crate) unsafe fn update_tile<S: Simd, const MR: usize, const NV: usize, const MASKED: bool>(
    s: S,
    t: &Tile,
    update: TileUpdate,
) {
    // SAFETY: as in `tile`.
    unsafe {
        let mask = s.first(t.tail);
        let gradients = multiply::<S, MR, NV, MASKED>(s, t, [[s.splat(0.0); NV]; MR]);
        match update {
            TileUpdate::Sgd(rule) => {
                let rule = SgdVectors::new(s, rule);
                for (r, row) in gradients.iter().enumerate() {
                    let w = t.c.add(r * t.c_row_stride);
                    for (v, g) in row.iter().enumerate() {
                        let moved = rule.step(s, load::<S, NV, MASKED>(s, w, v, mask), *g);
                        store::<S, NV, MASKED>(s, w, v, mask, moved);
                    }
                }
            }
            TileUpdate::RmsProp(rule, state) => {
                let rule = RmsPropVectors::new(s, rule);
                for (r, row) in gradients.iter().enumerate() {
                    let (w, state) = (t.c.add(r * t.c_row_stride), state.row(r));
                    for (v, g) in row.iter().enumerate() {
                        let old = load::<S, NV, MASKED>(s, w, v, mask);
                        let (moved, x) = rule.step(s, old, load::<S, NV, MASKED>(s, state, v, mask), *g);
                        store::<S, NV, MASKED>(s, w, v, mask, moved);
                        store::<S, NV, MASKED>(s, state, v, mask, x);
                    }
                }
            }
            TileUpdate::Momentum(rule, state) => {
                let rule = MomentumVectors::new(s, rule);
                for (r, row) in gradients.iter().enumerate() {
                    let (w, state) = (t.c.add(r * t.c_row_stride), state.row(r));
                    for (v, g) in row.iter().enumerate() {
                        let old = load::<S, NV, MASKED>(s, w, v, mask);
                        let (moved, x) = rule.step(s, old, load::<S, NV, MASKED>(s, state, v, mask), *g);
                        store::<S, NV, MASKED>(s, w, v, mask, moved);
                        store::<S, NV, MASKED>(s, state, v, mask, x);
                    }
                }
            }
            TileUpdate::Adam(rule, mean, square) => {
                let rule = AdamVectors::new(s, rule);
                for (r, row) in gradients.iter().enumerate() {
                    let (w, mean, square) = (t.c.add(r * t.c_row_stride), mean.row(r), square.row(r));
                    for (v, g) in row.iter().enumerate() {
                        let old = load::<S, NV, MASKED>(s, w, v, mask);
                        let (old_mean, old_square) = (
                            load::<S, NV, MASKED>(s, mean, v, mask),
                            load::<S, NV, MASKED>(s, square, v, mask),
                        );
                        let (moved, x, y) = rule.step(s, old, old_mean, old_square, *g);
                        store::<S, NV, MASKED>(s, w, v, mask, moved);
                        store::<S, NV, MASKED>(s, mean, v, mask, x);
                        store::<S, NV, MASKED>(s, square, v, mask, y);
                    }
                }
            }
            TileUpdate::Any(any, at) => {
                let columns = if MASKED { (NV - 1) * LANES + t.tail } else { NV * LANES };
                let mut block = [[[0.0; LANES]; NV]; MR];
                for (to, row) in block.iter_mut().zip(gradients) {
                    for (to, g) in to.iter_mut().zip(row) {
                        s.store(to, g);
                    }
                }
                let w = MatMut::from_raw_parts(t.c, MR, columns, t.c_row_stride);
                let stride = (NV * LANES) as isize;
                let gradient = MatRef::from_raw_parts(block.as_ptr().cast(), MR, columns, stride, 1);
                (*any).block(at, w, gradient);
            }
        }
    }
}

/// The sums over k, by the loop that suits how B lies.
///
/// # Safety
/// As for [`tile`].
#[inline(always)]
unsafe fn multiply<S: Simd, const MR: usize, const NV: usize, const MASKED: bool>(
    s: S,
    t: &Tile,
    acc: [[S::F; NV]; MR],
) -> [[S::F; NV]; MR] {
    // SAFETY: as the caller vouches.
    unsafe {
        if MASKED && !t.b_whole {
            multiply_by::<S, MR, NV, true>(s, t, acc, LANES)
        } else if NV == 1 || !MASKED && t.b_vector_stride == LANES {
            multiply_by::<S, MR, NV, false>(s, t, acc, LANES)
        } else {
            multiply_by::<S, MR, NV, false>(s, t, acc, t.b_vector_stride)
        }
    }
}

/// The loop over k.
///
/// # Safety
/// As for [`tile`].
#[inline(always)]
unsafe fn multiply_by<S: Simd, const MR: usize, const NV: usize, const MASKED: bool>(
    s: S,
    t: &Tile,
    mut acc: [[S::F; NV]; MR],
    b_vector_stride: usize,
) -> [[S::F; NV]; MR] {
    // SAFETY: as the caller vouches; the pointers leave their matrices only after the last k, unused.
    unsafe {
        let mask = s.first(t.tail);
        let (mut a, mut b) = (t.a, t.b);
        for _ in 0..t.depth {
            let mut row_of_b = [s.splat(0.0); NV];
            for (v, x) in row_of_b.iter_mut().enumerate() {
                let at = b.add(v * b_vector_stride);
                *x = if MASKED && v == NV - 1 { s.load_mask(at, mask) } else { s.load_ptr(at) };
            }
            for i in 0..MR {
                // 0 3 1 4 2 5, for six: see the header.
                let r = i % 2 * MR.div_ceil(2) + i / 2;
                let x = s.splat(*a.offset(r as isize * t.a_row_stride));
                for (b, y) in row_of_b.iter().zip(&mut acc[r]) {
                    *y = s.fma(x, *b, *y);
                }
            }
            a = a.wrapping_offset(t.a_column_stride);
            b = b.wrapping_offset(t.b_row_stride);
        }
        acc
    }
}

/// Vector `v` of a row, masked where it is the last of a masked tile.
///
/// # Safety
/// The elements that it selects can be read.
#[inline(always)]
pub(crate) unsafe fn load<S: Simd, const NV: usize, const MASKED: bool>(
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

/// Stores vector `v` of a row, masked where it is the last of a masked tile.
///
/// # Safety
/// The elements that it selects can be written.
#[inline(always)]
pub(crate) unsafe fn store<S: Simd, const NV: usize, const MASKED: bool>(
    s: S,
    row: *mut f32,
    v: usize,
    mask: S::M,
    x: S::F,
) {
    // SAFETY: as the caller vouches.
    unsafe {
        if MASKED && v == NV - 1 {
            s.store_mask(row.add(v * LANES), mask, x)
        } else {
            s.store_ptr(row.add(v * LANES), x)
        }
    }
}
