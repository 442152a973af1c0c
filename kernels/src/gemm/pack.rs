//! Packing: copies a block of A or B into scratch memory in the order in which tiles read it.

use crate::generic::simd::{LANES, Simd};
use crate::view::{MatMut, MatRef};

/// Copies a matrix of any strides to rows that start at multiples of `stride`, with +0 between them.
pub(crate) fn pack_strided(from: MatRef<'_>, stride: usize, to: &mut [f32]) {
    let columns = from.columns();
    for (i, row) in to.chunks_exact_mut(stride.max(1)).take(from.rows()).enumerate() {
        for (j, x) in row.iter_mut().enumerate() {
            *x = if j < columns { from.at(i, j) } else { 0.0 };
        }
    }
}

/// Copies a matrix with contiguous rows to rows that start at multiples of `stride`, in whole vectors: after a row's end there
/// are zeros, or the next row.
#[inline(always)]
pub(crate) fn pack_rows<S: Simd>(s: S, from: MatRef<'_>, stride: usize, to: &mut [f32]) {
    let (rows, columns) = from.shape();
    if rows == 0 {
        return;
    }
    assert!(from.column_stride() == 1 || columns <= 1, "rows are contiguous");
    assert!(columns <= stride && (rows - 1) * stride + columns.next_multiple_of(LANES) <= to.len());
    let whole = columns / LANES * LANES;
    let mask = s.first(columns - whole);
    let (mut from, row_stride, mut to) = (from.as_ptr(), from.row_stride(), to.as_mut_ptr());
    for _ in 0..rows {
        // SAFETY: vectors inside of a row that can be read, the last one by the mask of what there is; the assertion
        // holds them inside of `to`. The pointers leave only after the last row, unused.
        unsafe {
            for j in (0..whole).step_by(LANES) {
                s.store_ptr(to.add(j), s.load_ptr(from.add(j)));
            }
            if whole < columns {
                s.store_ptr(to.add(whole), s.load_mask(from.add(whole), mask));
            }
        }
        (from, to) = (from.wrapping_offset(row_stride), to.wrapping_add(stride));
    }
}

/// Copies a matrix whose columns are contiguous to one whose rows are, with +0 in the columns that only `to` has: square by
/// square, the last ones over parts of others.
#[inline(always)]
pub(crate) fn pack_columns<S: Simd>(s: S, from: MatRef<'_>, mut to: MatMut<'_>) {
    let (rows, columns) = from.shape();
    assert!(from.row_stride() == 1 || rows <= 1, "columns are contiguous");
    assert!(rows <= to.rows() && columns <= to.columns());
    if rows < S::SQUARE || columns < S::SQUARE {
        for i in 0..rows {
            for (j, x) in to.row_mut(i).unwrap_or(&mut []).iter_mut().enumerate() {
                *x = if j < columns { from.at(i, j) } else { 0.0 };
            }
        }
        return;
    }
    if columns < to.columns() {
        for i in 0..rows {
            to.row_mut(i).unwrap_or(&mut [])[columns..].fill(0.0);
        }
    }
    let (source, source_stride) = (from.as_ptr(), from.column_stride());
    let (target, target_stride) = (to.as_mut_ptr(), to.leading_dimension());
    let (last_row, last_column) = (rows - S::SQUARE, columns - S::SQUARE);
    for j0 in (0..columns).step_by(LANES) {
        for i in (0..rows).step_by(S::SQUARE).map(|i| i.min(last_row)) {
            for j in (j0..columns.min(j0 + LANES)).step_by(S::SQUARE).map(|j| j.min(last_column)) {
                // SAFETY: squares inside of both matrices.
                unsafe {
                    let from = source.offset(j as isize * source_stride).add(i);
                    s.transpose(from, source_stride, target.add(i * target_stride + j), target_stride);
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
