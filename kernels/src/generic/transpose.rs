//! Bytes turned over: blocks of 32 rows by 16 columns, from where the rows lie to where the columns go.

use super::simd::{LANES, Simd};
use crate::table::TransposeBytes;

/// Rows of a block.
pub(crate) const BLOCK_ROWS: usize = 2 * LANES;

/// Some columns of a matrix of bytes as rows of another, whose rows have room for a multiple of 16.
#[inline(always)]
pub(crate) fn transpose_u8<S: Simd>(s: S, call: TransposeBytes<'_>) {
    let TransposeBytes { from, columns, to, stride } = call;
    let (rows, _) = from.shape();
    for i in (0..rows).step_by(BLOCK_ROWS) {
        let mut block = [&[][..]; BLOCK_ROWS];
        for (r, row) in block.iter_mut().enumerate() {
            *row = from.row(i + r).and_then(|row| row.get(columns.clone())).unwrap_or(&[]);
        }
        let here = rows.min(i + BLOCK_ROWS) - i;
        // Columns in blocks that need no copy.
        let whole = if here == BLOCK_ROWS { columns.len() / LANES * LANES } else { 0 };
        let starts = block.map(<[u8]>::as_ptr);
        for j in (0..whole).step_by(LANES) {
            let at = &mut to[j * stride + i..][..(LANES - 1) * stride + BLOCK_ROWS];
            // SAFETY: all rows have 16 columns from `j` on, and `at` holds 16 rows of 32 bytes.
            unsafe { s.transpose_u8(&starts, j, at.as_mut_ptr(), stride) };
        }
        for j in (whole..columns.len()).step_by(LANES) {
            let width = LANES.min(columns.len() - j);
            let (mut edge, mut turned) = ([[0; LANES]; BLOCK_ROWS], [[0; BLOCK_ROWS]; LANES]);
            for (row, edge) in block.iter().zip(&mut edge).take(here) {
                edge[..width].copy_from_slice(&row[j..j + width]);
            }
            let starts = edge.each_ref().map(|row| row.as_ptr());
            // SAFETY: 32 rows of 16 bytes, and 16 of 32.
            unsafe { s.transpose_u8(&starts, 0, turned.as_flattened_mut().as_mut_ptr(), BLOCK_ROWS) };
            for (c, column) in turned.iter().enumerate().take(width) {
                let room = here.next_multiple_of(LANES);
                to[(j + c) * stride + i..][..room].copy_from_slice(&column[..room]);
            }
        }
    }
}
