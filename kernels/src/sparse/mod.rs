//! SpMM: `C = start + S D` for a sparse S and a dense D, with the fused ends of the dense product. S comes compressed by
//! rows, or as bytes or floats whose zeros are left out (`terms.rs`).
//!
//! ```text
//! loop 1  panels of n       up to 64 columns: accumulators stay in registers
//! loop 2  groups of rows    so that a compressed row's position in its list has a place
//! loop 3  blocks of k       as many rows of D as fit into L1
//! loop 4  rows of S         the microkernel, `rows.rs`: one row of S, one panel of C
//! ```
//!
//! A term with a zero factor is left out, which changes no bit of a chain but the sign of a zero (N2 of the numerics
//! contract); the others come in increasing k, so the result is the dense product's. The gradient of weights is the same
//! product with X^T.
//!
//! Where S comes by columns, as bytes, another kernel (`outer.rs`) goes through the rows of D just once.

mod late;
pub(crate) mod outer;
mod pairs;
pub(crate) mod rows;
pub(crate) mod terms;

use crate::gemm::tile::{TileFinish, TileStart};
use crate::gemm::{Finish, Start};
use crate::generic::dense::tile_update;
use crate::generic::simd::LANES;
use crate::sparse_input::Sparse;
use crate::table::{Spmm, SpmmUpdate, TransposedForward};
use outer::{Outer, OuterFn};
use rows::{Rows, RowsFn, UpdateRows, UpdateRowsFn};
use terms::{Bytes, Dense, Floats, Listed, SIGHT, Terms, WORD};

/// Rows of S that share a walk through D.
pub(crate) const GROUP: usize = 128;

/// Bytes of an L1, and of what its ways are apart.
const L1_BYTES: usize = 32 * 1024;
const L1_WAY: usize = 4 * 1024;

/// Rows of D in a block of k: as many as an L1 holds of a panel, in whole words of a bitmap. Where rows are a power of two
/// apart, a panel narrower than a row only meets some of the sets.
fn block_rows(columns: usize, row_stride: isize) -> usize {
    let (panel, row) = (columns * size_of::<f32>(), row_stride.unsigned_abs().wrapping_mul(size_of::<f32>()));
    // The largest power of two that divides the distance, and no more than a way.
    let period = if row == 0 { L1_WAY } else { 1 << row.trailing_zeros().min(L1_WAY.trailing_zeros()) };
    let usable = L1_BYTES * panel.min(period) / period;
    (usable / (panel * WORD)).clamp(1, SIGHT / WORD) * WORD
}

/// The row kernels of one ISA, for each form of S.
pub(crate) struct RowKernels {
    pub(crate) listed: Widths<Listed>,
    pub(crate) bytes: Widths<Bytes>,
    pub(crate) floats: Widths<Floats>,
}

impl RowKernels {
    /// Columns of the widest kernel.
    pub(crate) const fn columns(&self) -> usize {
        self.bytes[0].vectors * LANES
    }
}

/// The widest first.
pub(crate) type Widths<T> = &'static [Width<RowPair<T>>];

/// Kernels of one width.
pub(crate) struct Width<K> {
    /// Vectors of 16 columns.
    pub(crate) vectors: usize,
    pub(crate) full: K,
    /// With a masked last vector.
    pub(crate) masked: K,
}

/// A kernel that stores, and one that ends with an optimizer.
pub(crate) struct RowPair<T> {
    pub(crate) rows: RowsFn<T>,
    pub(crate) updates: UpdateRowsFn<T>,
}

/// Kernels of one width for S by columns.
pub(crate) type OuterWidth = Width<OuterFn>;

/// One panel of C's columns.
struct Panel<K: 'static> {
    start: usize,
    /// Columns in the last vector.
    tail: usize,
    vectors: usize,
    is_last: bool,
    kernels: &'static K,
}

/// C's columns in panels, each as wide as a kernel or its tail.
fn panels<K>(widths: &'static [Width<K>], columns: usize) -> impl Iterator<Item = Panel<K>> {
    let mut start = 0;
    core::iter::from_fn(move || {
        let left = columns - start;
        let narrowest = &widths[widths.len() - 1];
        let width = widths.iter().find(|w| (w.vectors - 1) * LANES < left).unwrap_or(narrowest);
        let here = left.min(width.vectors * LANES);
        let tail = here.wrapping_sub((width.vectors - 1) * LANES);
        let kernels = if tail == LANES { &width.full } else { &width.masked };
        let panel = Panel { start, tail, vectors: width.vectors, is_last: here == left, kernels };
        start += here;
        (here > 0).then_some(panel)
    })
}

/// Runs a product with the kernels of an ISA.
///
/// # Safety
/// The CPU has the ISA's features. Shapes agree, and the rows of D (and of a mask) are contiguous.
pub(crate) unsafe fn run(kernels: &RowKernels, call: Spmm<'_>) {
    let mut cursors = [0u32; GROUP];
    // SAFETY: the forms below are those of a checked matrix; a group's rows have their cursors.
    unsafe {
        match call.s {
            Sparse::Csr(s) => run_form(kernels.listed, call, |i| listed(s, i, cursors.as_mut_ptr())),
            Sparse::Bytes(s) => run_form(kernels.bytes, call, |i| bytes(s, i)),
            Sparse::Floats(s) => run_form(kernels.floats, call, |i| floats(s, i)),
        }
    }
}

fn listed(s: crate::Csr<'_>, row: usize, cursors: *mut u32) -> Listed {
    Listed {
        starts: s.starts()[row..].as_ptr(),
        ends: s.ends()[row..].as_ptr(),
        indices: s.indices().as_ptr(),
        values: s.values().as_ptr(),
        cursors,
    }
}

fn bytes(s: crate::ByteRows<'_>, row: usize) -> Bytes {
    let (core::ops::Range { start: ptr, end }, stride, columns) =
        (s.bytes().as_ptr_range(), s.stride(), s.columns());
    match s.selection() {
        Some(rows) => Bytes { ptr, end, stride, columns, rows: rows[row..].as_ptr() },
        None => Bytes { ptr: ptr.wrapping_add(row * stride), end, stride, columns, rows: core::ptr::null() },
    }
}

fn floats(s: crate::MatRef<'_>, row: usize) -> Floats {
    // Without columns there need not be memory where rows would start.
    let stride = if s.columns() == 0 { 0 } else { s.row_stride() };
    let ptr = s.as_ptr().wrapping_offset(row as isize * stride);
    Floats { ptr, stride, columns: s.columns() }
}

/// [`run`] for one form of S; `form` gives its terms from a row on.
///
/// # Safety
/// As for [`run`], and the terms are those of S.
unsafe fn run_form<T: Terms>(widths: Widths<T>, call: Spmm<'_>, mut form: impl FnMut(usize) -> T) {
    let Spmm { d, start, finish, mut c, .. } = call;
    let (m, n) = c.shape();
    let (c_row_stride, base) = (c.leading_dimension(), c.as_mut_ptr());
    for panel in panels(widths, n) {
        let j = panel.start;
        let block = block_rows(panel.vectors * LANES, d.row_stride());
        let blocks = d.rows().div_ceil(block).max(1);
        for i in (0..m).step_by(GROUP) {
            let terms = form(i);
            for b in 0..blocks {
                let start = match start {
                    _ if b > 0 => TileStart::Resume,
                    Start::Bias(bias) => TileStart::Bias(bias[j..].as_ptr()),
                    Start::Beta(0.0) => TileStart::Zero,
                    Start::Beta(1.0) => TileStart::Resume,
                    Start::Beta(beta) => TileStart::Scaled(beta),
                };
                let finish = match finish {
                    _ if b + 1 < blocks => TileFinish::Store,
                    Finish::Store => TileFinish::Store,
                    Finish::Relu => TileFinish::Relu,
                    Finish::WherePositive(h) => {
                        let at = h.as_ptr().wrapping_offset(i as isize * h.row_stride()).wrapping_add(j);
                        TileFinish::WherePositive(at, h.row_stride() as usize)
                    }
                    Finish::Update(_) => unreachable!("an update is a call of its own"),
                };
                let work = Rows {
                    terms,
                    rows: m.min(i + GROUP) - i,
                    block: (b * block, d.rows().min((b + 1) * block)),
                    d: Dense { ptr: d.as_ptr().wrapping_add(j), row_stride: d.row_stride() },
                    c: base.wrapping_add(i * c_row_stride + j),
                    c_row_stride,
                    tail: panel.tail,
                };
                // SAFETY: these rows and the panel's columns are inside of C and, by the form's invariant, of D; the caller
                // vouches for the ISA.
                unsafe { (panel.kernels.rows)(work, start, finish) };
            }
        }
    }
}

/// Runs a layer forward whose input comes by columns, with the kernels of an ISA.
///
/// # Safety
/// As for [`run`].
pub(crate) unsafe fn run_outer(widths: &'static [OuterWidth], call: TransposedForward<'_>) {
    let TransposedForward { x_transposed, w, bias, relu, mut y } = call;
    let (m, n) = y.shape();
    let (c_row_stride, base) = (y.leading_dimension(), y.as_mut_ptr());
    for first in (0..m).step_by(WORD) {
        for panel in panels(widths, n) {
            let work = Outer {
                transposed: bytes(x_transposed, 0),
                depth: w.rows(),
                first,
                rows: WORD.min(m - first),
                d: Dense { ptr: w.as_ptr().wrapping_add(panel.start), row_stride: w.row_stride() },
                bias: bias[panel.start..].as_ptr(),
                relu,
                c: base.wrapping_add(first * c_row_stride + panel.start),
                c_row_stride,
                tail: panel.tail,
            };
            // SAFETY: these rows and the panel's columns are inside of Y and W; the caller vouches for the ISA.
            unsafe { (panel.kernels)(work) };
        }
    }
}

/// Runs an update with the kernels of an ISA: the gradient `S D` moves the weights, row by row.
///
/// # Safety
/// As for [`run`]; the optimizer's state has the shape of the weights.
pub(crate) unsafe fn run_update(kernels: &RowKernels, call: SpmmUpdate<'_>) {
    // SAFETY: as in `run`; there is one block, so that no cursor is needed.
    unsafe {
        match call.s {
            Sparse::Csr(s) => run_update_form(kernels.listed, call, listed(s, 0, core::ptr::null_mut())),
            Sparse::Bytes(s) => run_update_form(kernels.bytes, call, bytes(s, 0)),
            Sparse::Floats(s) => run_update_form(kernels.floats, call, floats(s, 0)),
        }
    }
}

/// [`run_update`] for one form of S.
///
/// # Safety
/// As for [`run_update`], and the terms are those of S.
unsafe fn run_update_form<T: Terms>(widths: Widths<T>, call: SpmmUpdate<'_>, terms: T) {
    let SpmmUpdate { d, mut rule, deferred, mut w, .. } = call;
    let update = tile_update(&mut rule);
    let (rows, w_row_stride, base) = (w.rows(), w.leading_dimension(), w.as_mut_ptr());
    let deferred = deferred.map_or(core::ptr::null_mut(), |deferred| deferred.as_mut_ptr());
    for panel in panels(widths, w.columns()) {
        let work = UpdateRows {
            terms,
            rows,
            depth: d.rows(),
            d: Dense { ptr: d.as_ptr().wrapping_add(panel.start), row_stride: d.row_stride() },
            w: base.wrapping_add(panel.start),
            w_row_stride,
            tail: panel.tail,
            deferred,
            is_last: panel.is_last,
        };
        // SAFETY: as in `run_form`; there is a number in `deferred` for each row.
        unsafe { (panel.kernels.updates)(work, update.from(0, panel.start)) };
    }
}
