//! Bytes to floats: unit floats, or any scale and shift.

use super::simd::{LANES, Simd};

/// The f32 nearest to byte / 255: a product with the rounded reciprocal, and one correction by the
/// exact remainder, which is a fused multiply-add.
#[inline(always)]
pub(crate) fn unit_from_u8<S: Simd>(s: S, bytes: &[u8], to: &mut [f32]) {
    let (whole, rest) = bytes.as_chunks::<LANES>();
    let (to_whole, to_rest) = to.split_at_mut(whole.len() * LANES);
    for (bytes, to) in whole.iter().zip(to_whole.chunks_exact_mut(LANES)) {
        s.store(to, unit(s, s.widen_u8(bytes)));
    }
    if !rest.is_empty() {
        let mut bytes = [0; LANES];
        bytes[..rest.len()].copy_from_slice(rest);
        s.store(&mut to_rest[..rest.len()], unit(s, s.widen_u8(&bytes)));
    }
}

/// `byte scale + shift`, one fused multiply-add.
#[inline(always)]
pub(crate) fn scale_u8<S: Simd>(s: S, bytes: &[u8], scale: f32, shift: f32, to: &mut [f32]) {
    let (scale, shift) = (s.splat(scale), s.splat(shift));
    let (whole, rest) = bytes.as_chunks::<LANES>();
    let (to_whole, to_rest) = to.split_at_mut(whole.len() * LANES);
    for (bytes, to) in whole.iter().zip(to_whole.chunks_exact_mut(LANES)) {
        s.store(to, s.fma(s.widen_u8(bytes), scale, shift));
    }
    if !rest.is_empty() {
        let mut bytes = [0; LANES];
        bytes[..rest.len()].copy_from_slice(rest);
        s.store(&mut to_rest[..rest.len()], s.fma(s.widen_u8(&bytes), scale, shift));
    }
}

/// A byte as a float, by 255.
#[inline(always)]
pub(crate) fn unit<S: Simd>(s: S, x: S::F) -> S::F {
    if !S::FUSED {
        return s.div(x, s.splat(255.0));
    }
    let reciprocal = s.splat(1.0 / 255.0);
    let q = s.mul(x, reciprocal);
    let remainder = s.fma(q, s.splat(-255.0), x);
    s.fma(remainder, reciprocal, q)
}
