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

/// Copies a matrix whose columns are contiguous to one whose rows are, with +0 in the columns that only `to` has. What is no
/// whole square goes one by one.
#[inline(always)]
pub(crate) fn pack_columns<S: Simd>(s: S, from: MatRef<'_>, mut to: MatMut<'_>) {
    let (rows, columns) = from.shape();
    assert!(from.row_stride() == 1 || rows <= 1, "columns are contiguous");
    assert!(rows <= to.rows() && columns <= to.columns());
    let (square_rows, square_columns) = (rows / S::SQUARE * S::SQUARE, columns / S::SQUARE * S::SQUARE);
    let (width, source, source_stride) = (to.columns(), from.as_ptr(), from.column_stride());
    let (target, target_stride) = (to.as_mut_ptr(), to.leading_dimension());
    for j0 in (0..square_columns).step_by(LANES) {
        for k in (0..square_rows).step_by(S::SQUARE) {
            for j in (j0..square_columns.min(j0 + LANES)).step_by(S::SQUARE) {
                // SAFETY: squares inside of both matrices.
                unsafe {
                    let from = source.offset(j as isize * source_stride).add(k);
                    s.transpose(from, source_stride, target.add(k * target_stride + j), target_stride);
                }
            }
        }
    }
    for k in 0..rows {
        let first = if k < square_rows { square_columns } else { 0 };
        for j in first..width {
            let x = if j < columns { from.at(k, j) } else { 0.0 };
            // SAFETY: inside of `to`.
            unsafe { *target.add(k * target_stride + j) = x };
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
