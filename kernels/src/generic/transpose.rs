//! Bytes turned over: 16 by 16 at a time.

use super::simd::{LANES, Simd};
use crate::table::TransposeBytes;

/// Some columns of a matrix of bytes as rows of another, whose rows have room for a multiple of 16.
#[inline(always)]
pub(crate) fn transpose_u8<S: Simd>(s: S, call: TransposeBytes<'_>) {
    let TransposeBytes { from, columns, to, stride } = call;
    let (rows, _) = from.shape();
    for j in (0..columns.len()).step_by(LANES) {
        let here = columns.start + j..columns.end.min(columns.start + j + LANES);
        for i in (0..rows).step_by(LANES) {
            let mut block = [[0; LANES]; LANES];
            for (r, to) in block.iter_mut().enumerate().take(rows - i) {
                let row = from.row(i + r).unwrap_or(&[]);
                match row[here.start..].first_chunk::<LANES>() {
                    Some(whole) if here.len() == LANES => *to = *whole,
                    _ => to[..here.len()].copy_from_slice(&row[here.clone()]),
                }
            }
            let block = s.transpose_u8(block);
            for (r, from) in block.iter().enumerate().take(here.len()) {
                to[(j + r) * stride + i..][..LANES].copy_from_slice(from);
            }
        }
    }
}
