//! Checked views of matrices: [`MatRef`] to read, [`MatMut`] to write, [`StridedMut`] to write with any strides.
//!
//! A view is checked once, when it is made: afterwards every `(row, column)` inside its shape is an
//! element that it may use. It owns those elements and not the gaps between them, so the parts of one matrix, also
//! ranges of its columns, can be written by several threads at once. All lengths and strides count elements, not bytes.

mod mat_mut;
mod mat_ref;
mod strided_mut;

use core::ops::Range;

use crate::Error;

pub use mat_mut::MatMut;
pub use mat_ref::MatRef;
pub use strided_mut::StridedMut;

pub(crate) fn check_range(range: &Range<usize>, len: usize) -> Result<(), Error> {
    if range.start <= range.end && range.end <= len {
        Ok(())
    } else {
        Err(Error::Range { start: range.start, end: range.end, len })
    }
}

/// Whether every element of a matrix that is not empty is inside of a slice of `len`.
fn is_inside(
    len: usize,
    offset: usize,
    (rows, columns): (usize, usize),
    (row_stride, column_stride): (isize, isize),
) -> bool {
    // Indices are linear in row and column, so the extreme ones are at the corners.
    let corners = || {
        let last_row = (rows as i128 - 1).checked_mul(row_stride as i128)?;
        let last_column = (columns as i128 - 1).checked_mul(column_stride as i128)?;
        let lowest = (offset as i128).checked_add(last_row.min(0))?.checked_add(last_column.min(0))?;
        let highest = (offset as i128).checked_add(last_row.max(0))?.checked_add(last_column.max(0))?;
        Some((lowest, highest))
    };
    corners().is_some_and(|(lowest, highest)| lowest >= 0 && highest < len as i128)
}
