//! Dense to CSR: the nonzeros of a row, or of a column, one after another.

use super::convert::unit;
use super::simd::{LANES, Simd};

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
