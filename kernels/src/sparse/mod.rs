//! SpMM: `C = start + S D` for a sparse S in CSR form and a dense D, with the fused ends of the dense product.
//!
//! ```text
//! loop 1  panels of n       up to 64 columns: accumulators stay in registers
//! loop 2  groups of rows    each row has a cursor into its nonzeros
//! loop 3  blocks of k       as many rows of D as fit into L1 beside the rest
//! loop 4  rows of S         the microkernel, `rows.rs`: one row of S, one panel of C
//! ```
//!
//! A term with a zero factor is left out, which changes no bit of a chain but the sign of a zero (N2 of the numerics
//! contract); the others come in increasing k, so the result is the dense product's. The gradient of weights is the same
//! product with X^T compressed by its rows.

pub(crate) mod rows;

use crate::Csr;
use crate::gemm::tile::{TileFinish, TileStart};
use crate::gemm::{Finish, Start};
use crate::generic::dense::tile_update;
use crate::generic::simd::LANES;
use crate::table::{Spmm, SpmmUpdate};
use rows::{Rows, RowsFn, UpdateRows, UpdateRowsFn};

/// Rows of S that share a walk through D.
const GROUP: usize = 128;

/// Bytes of D that a block of k may take: most of an L1 of 32 KB.
const BLOCK_BYTES: usize = 26 * 1024;

/// The row kernels of one ISA, the widest first.
pub(crate) struct RowKernels {
    pub(crate) widths: &'static [RowWidth],
}

/// Row kernels of one width.
pub(crate) struct RowWidth {
    /// Vectors of 16 columns.
    pub(crate) vectors: usize,
    pub(crate) full: RowPair,
    /// With a masked last vector.
    pub(crate) masked: RowPair,
}

/// A kernel that stores, and one that ends with an optimizer.
pub(crate) struct RowPair {
    pub(crate) rows: RowsFn,
    pub(crate) updates: UpdateRowsFn,
}

/// One panel of C's columns.
struct Panel<'a> {
    start: usize,
    /// Columns in the last vector.
    tail: usize,
    vectors: usize,
    kernels: &'a RowPair,
}

impl RowKernels {
    /// C's columns in panels, each as wide as a kernel or its tail.
    fn panels(&self, columns: usize) -> impl Iterator<Item = Panel<'_>> {
        let mut start = 0;
        core::iter::from_fn(move || {
            let left = columns - start;
            let narrowest = &self.widths[self.widths.len() - 1];
            let width = self.widths.iter().find(|w| (w.vectors - 1) * LANES < left).unwrap_or(narrowest);
            let here = left.min(width.vectors * LANES);
            let tail = here.wrapping_sub((width.vectors - 1) * LANES);
            let kernels = if tail == LANES { &width.full } else { &width.masked };
            let panel = Panel { start, tail, vectors: width.vectors, kernels };
            start += here;
            (here > 0).then_some(panel)
        })
    }
}

/// Runs a product with the kernels of an ISA.
///
/// # Safety
/// The CPU has the ISA's features. Shapes agree, and the rows of D (and of a mask) are contiguous.
pub(crate) unsafe fn run(kernels: &RowKernels, call: Spmm<'_>) {
    let Spmm { s, d, start, finish, mut c } = call;
    let (m, n) = c.shape();
    let (c_row_stride, base) = (c.leading_dimension(), c.as_mut_ptr());
    let mut cursors = [0u32; GROUP];
    for panel in kernels.panels(n) {
        let j = panel.start;
        let block = (BLOCK_BYTES / (panel.vectors * LANES * size_of::<f32>())).max(1);
        let blocks = d.rows().div_ceil(block).max(1);
        for i in (0..m).step_by(GROUP) {
            let rows = m.min(i + GROUP) - i;
            let cursors = &mut cursors[..rows];
            cursors.copy_from_slice(&s.starts()[i..i + rows]);
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
                    cursors,
                    ends: &s.ends()[i..i + rows],
                    indices: s.indices().as_ptr(),
                    values: s.values().as_ptr(),
                    limit: d.rows().min((b + 1) * block),
                    d: d.as_ptr().wrapping_add(j),
                    d_row_stride: d.row_stride(),
                    c: base.wrapping_add(i * c_row_stride + j),
                    c_row_stride,
                    tail: panel.tail,
                };
                // SAFETY: these rows and the panel's columns are inside of C and, by the CSR's invariant, of D; the caller
                // vouches for the ISA.
                unsafe { (panel.kernels.rows)(work, start, finish) };
            }
        }
    }
}

/// Runs an update with the kernels of an ISA: the gradient `S D` moves the weights, row by row.
///
/// # Safety
/// As for [`run`]; the optimizer's state has the shape of the weights.
pub(crate) unsafe fn run_update(kernels: &RowKernels, call: SpmmUpdate<'_>) {
    let SpmmUpdate { s, d, rule, mut deferred, mut w } = call;
    let update = tile_update(rule);
    let (w_row_stride, base) = (w.leading_dimension(), w.as_mut_ptr());
    for panel in kernels.panels(w.columns()) {
        let work = UpdateRows {
            starts: s.starts(),
            ends: s.ends(),
            indices: s.indices().as_ptr(),
            values: s.values().as_ptr(),
            d: d.as_ptr().wrapping_add(panel.start),
            d_row_stride: d.row_stride(),
            w: base.wrapping_add(panel.start),
            w_row_stride,
            tail: panel.tail,
            deferred: deferred.as_deref(),
        };
        // SAFETY: as in `run`.
        unsafe { (panel.kernels.updates)(work, update.from(0, panel.start)) };
    }
    if let Some(deferred) = &mut deferred {
        settle(s, deferred);
    }
}

/// What each row of state still owes after an update: one step more where the row was empty, nothing where it was not.
pub(crate) fn settle(s: Csr<'_>, deferred: &mut [u32]) {
    for (owed, (start, end)) in deferred.iter_mut().zip(s.starts().iter().zip(s.ends())) {
        *owed = if start == end { owed.saturating_add(1) } else { 0 };
    }
}
