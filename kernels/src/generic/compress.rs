//! Dense to CSR: the nonzeros of a row, or of a column, one after another.

use core::ops::Range;

use super::convert::unit;
use super::simd::{LANES, Simd};
use crate::table::CompressColumns;

/// 0, 1, 2, ... as the bits of floats, to be loaded.
const IOTA: [f32; LANES] = {
    let mut iota = [0.0; LANES];
    let mut i = 0;
    while i < LANES {
        iota[i] = f32::from_bits(i as u32);
        i += 1;
    }
    iota
};

/// The nonzeros of `bytes` as unit floats; returns how many. Both outputs are as long as `bytes`.
#[inline(always)]
pub(crate) fn compress_u8<S: Simd>(s: S, bytes: &[u8], indices: &mut [u32], values: &mut [f32]) -> usize {
    let (whole, rest) = bytes.as_chunks::<LANES>();
    let mut count = 0;
    for (chunk, bytes) in whole.iter().enumerate() {
        let x = unit(s, s.widen_u8(bytes));
        count += append(s, x, chunk * LANES, &mut indices[count..], &mut values[count..]);
    }
    if !rest.is_empty() {
        let mut bytes = [0; LANES];
        bytes[..rest.len()].copy_from_slice(rest);
        let x = unit(s, s.widen_u8(&bytes));
        count += append_last(s, x, whole.len() * LANES, &mut indices[count..], &mut values[count..]);
    }
    count
}

/// The nonzeros of `x`; returns how many. Both outputs are as long as `x`. NaN is not zero.
#[inline(always)]
pub(crate) fn compress<S: Simd>(s: S, x: &[f32], indices: &mut [u32], values: &mut [f32]) -> usize {
    let (whole, rest) = x.as_chunks::<LANES>();
    let mut count = 0;
    for (chunk, x) in whole.iter().enumerate() {
        count += append(s, s.load(x), chunk * LANES, &mut indices[count..], &mut values[count..]);
    }
    if !rest.is_empty() {
        count +=
            append_last(s, s.load(rest), whole.len() * LANES, &mut indices[count..], &mut values[count..]);
    }
    count
}

/// The columns of a matrix of bytes, whose rows are spread over memory: 16 by 16 elements are turned at a time.
#[inline(always)]
pub(crate) fn compress_columns_u8<S: Simd>(s: S, call: CompressColumns<'_>) {
    let CompressColumns { bytes, row_len, rows, columns, room, indices, values, counts } = call;
    for j in (0..columns.len()).step_by(LANES) {
        let here = LANES.min(columns.len() - j);
        let mut found = [0usize; LANES];
        for (group, rows) in rows.chunks(LANES).enumerate() {
            let mut block = [s.splat(0.0); LANES];
            let mut any = 0;
            for (x, row) in block.iter_mut().zip(rows) {
                let bytes = &bytes[*row as usize * row_len..][..row_len];
                let bytes = some(bytes, columns.start + j..columns.start + j + here);
                any |= u128::from_ne_bytes(bytes);
                *x = unit(s, s.widen_u8(&bytes));
            }
            if any == 0 {
                continue;
            }
            for (r, x) in s.transpose(block).into_iter().enumerate().take(here) {
                let at = (j + r) * room + found[r];
                found[r] += append(s, x, group * LANES, &mut indices[at..], &mut values[at..]);
            }
        }
        for (to, found) in counts[j..].iter_mut().zip(found) {
            *to = found as u32;
        }
    }
}

/// Some bytes of a row, 16 at most, and zeros after them.
#[inline(always)]
fn some(row: &[u8], range: Range<usize>) -> [u8; LANES] {
    match row[range.start..].first_chunk::<LANES>() {
        Some(whole) if range.len() == LANES => *whole,
        _ => {
            let mut bytes = [0; LANES];
            bytes[..range.len()].copy_from_slice(&row[range]);
            bytes
        }
    }
}

/// Appends the nonzero lanes of `x`, the first of which is element `base`; there is room for 16.
#[inline(always)]
fn append<S: Simd>(s: S, x: S::F, base: usize, indices: &mut [u32], values: &mut [f32]) -> usize {
    let index = s.add_i(s.bits(s.load(&IOTA)), s.splat_i(base as i32));
    let (values, indices) = (&mut values[..LANES], &mut indices[..LANES]);
    // SAFETY: there is room for 16 of each.
    unsafe { s.compress_ptr(x, index, values.as_mut_ptr(), indices.as_mut_ptr()) }
}

/// The same where there may be less room, through memory of its own.
#[inline(always)]
fn append_last<S: Simd>(s: S, x: S::F, base: usize, indices: &mut [u32], values: &mut [f32]) -> usize {
    let (mut own_indices, mut own_values) = ([0; LANES], [0.0; LANES]);
    let count = append(s, x, base, &mut own_indices, &mut own_values);
    indices[..count].copy_from_slice(&own_indices[..count]);
    values[..count].copy_from_slice(&own_values[..count]);
    count
}
