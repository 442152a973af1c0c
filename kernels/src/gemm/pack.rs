//! Packing: copies a block of A or B into scratch memory in the order in which tiles read it.

use crate::generic::simd::{LANES, Simd};
use crate::view::{MatMut, MatRef};

/// Copies a matrix to one without gaps: row i starts at `i * columns`.
pub(crate) fn pack_rows(from: MatRef<'_>, to: &mut [f32]) {
    for (i, row) in to.chunks_exact_mut(from.columns().max(1)).take(from.rows()).enumerate() {
        match from.row(i) {
            Some(from) => row.copy_from_slice(from),
            None => {
                for (j, x) in row.iter_mut().enumerate() {
                    *x = from.at(i, j);
                }
            }
        }
    }
}

/// Copies a matrix whose columns are contiguous to one whose rows are: 16 by 16 elements at a time.
#[inline(always)]
pub(crate) fn pack_columns<S: Simd>(s: S, from: MatRef<'_>, mut to: MatMut<'_>) {
    let (rows, columns) = from.shape();
    let source = from.transposed();
    for j0 in (0..columns).step_by(LANES) {
        for k0 in (0..rows).step_by(LANES) {
            let mut block = [s.splat(0.0); LANES];
            for (j, x) in block.iter_mut().enumerate().take(columns - j0) {
                *x = s.load(&source.row(j0 + j).unwrap_or(&[])[k0..]);
            }
            for (k, x) in s.transpose(block).into_iter().enumerate().take(rows - k0) {
                if let Some(row) = to.row_mut(k0 + k) {
                    s.store(&mut row[j0..columns.min(j0 + LANES)], x);
                }
            }
        }
    }
}

/// Copies `alpha * A`, each element rounded once, to rows of contiguous elements.
pub(crate) fn pack_scaled(alpha: f32, a: MatRef<'_>, to: &mut [f32]) {
    for (i, row) in to.chunks_exact_mut(a.columns().max(1)).take(a.rows()).enumerate() {
        for (k, x) in row.iter_mut().enumerate() {
            *x = alpha * a.at(i, k);
        }
    }
}
