//! exp and ln: the operation sequences that `reference/math.rs` defines, on vectors.

use super::simd::{LANES, Simd};
use crate::constants::*;

/// e^x; see [`crate::Kernels::exp`] for accuracy and special values.
#[inline(always)]
pub(crate) fn exp<S: Simd>(s: S, x: S::F) -> S::F {
    let magic = s.splat(ROUND_TO_INTEGER);
    let shifted = s.fma(x, s.splat(LOG2_E), magic);
    let n = s.sub(shifted, magic);
    let r = s.fma(n, s.splat(-LN2_HIGH), x);
    let r = s.fma(n, s.splat(-LN2_LOW), r);
    let mut p = s.splat(EXP[0]);
    for c in &EXP[1..] {
        p = s.fma(p, r, s.splat(*c));
    }
    let y = s.add(s.fma(p, s.mul(r, r), r), s.splat(1.0));
    // 2^n in two steps, because neither 2^128 nor 2^-127 is a normal number.
    let n = s.sub_i(s.bits(shifted), s.bits(magic));
    let half = s.shr::<1>(n);
    let y = s.mul(s.mul(y, power_of_two(s, half)), power_of_two(s, s.sub_i(n, half)));
    let y = s.select(s.gt(x, s.splat(EXP_OVERFLOW)), s.splat(f32::INFINITY), y);
    s.select(s.lt(x, s.splat(EXP_UNDERFLOW)), s.splat(0.0), y)
}

/// The magnitude: the bits without their sign.
#[inline(always)]
pub(crate) fn abs<S: Simd>(s: S, x: S::F) -> S::F {
    s.float(s.and_i(s.bits(x), s.splat_i(i32::MAX)))
}

/// 2^n for -126 <= n <= 127.
#[inline(always)]
fn power_of_two<S: Simd>(s: S, n: S::I) -> S::F {
    s.float(s.shl::<23>(s.add_i(n, s.splat_i(127))))
}

/// ln x; see [`crate::Kernels::ln`] for accuracy and special values.
#[inline(always)]
pub(crate) fn ln<S: Simd>(s: S, x: S::F) -> S::F {
    let (zero, one) = (s.splat(0.0), s.splat(1.0));
    let denormal = s.lt(x, s.splat(f32::MIN_POSITIVE));
    let scaled = s.select(denormal, s.mul(x, s.splat(TWO_POW_23)), x);
    let bits = s.bits(scaled);
    // x = m 2^e with m in [0.5, 1), then in [sqrt(0.5), sqrt(2)).
    let m = s.float(s.or_i(s.and_i(bits, s.splat_i(0x007f_ffff)), s.splat_i(0x3f00_0000)));
    let e = s.to_float(s.sub_i(s.shr::<23>(bits), s.splat_i(126)));
    let e = s.sub(e, s.select(denormal, s.splat(23.0), zero));
    let low = s.lt(m, s.splat(SQRT_HALF));
    let e = s.sub(e, s.select(low, one, zero));
    let f = s.sub(s.select(low, s.add(m, m), m), one);
    let z = s.mul(f, f);
    let mut p = s.splat(LN[0]);
    for c in &LN[1..] {
        p = s.fma(p, f, s.splat(*c));
    }
    let y = s.mul(s.mul(p, f), z);
    let y = s.fma(e, s.splat(LN2_LOW), y);
    let y = s.fma(s.splat(-0.5), z, y);
    let y = s.fma(e, s.splat(LN2_HIGH), s.add(f, y));
    let y = s.select(s.gt(x, s.splat(f32::MAX)), x, y);
    // What is not above zero: a negative gives NaN, a zero -inf, a NaN itself.
    let rest = s.select(s.lt(x, zero), s.splat(f32::NAN), s.div(s.splat(-1.0), s.mul(x, x)));
    s.select(s.gt(x, zero), y, rest)
}

/// [`exp`] in place.
#[inline(always)]
pub(crate) fn exp_slice<S: Simd>(s: S, x: &mut [f32]) {
    for chunk in x.chunks_mut(LANES) {
        let y = exp(s, s.load(chunk));
        s.store(chunk, y);
    }
}

/// [`ln`] in place.
#[inline(always)]
pub(crate) fn ln_slice<S: Simd>(s: S, x: &mut [f32]) {
    for chunk in x.chunks_mut(LANES) {
        let y = ln(s, s.load(chunk));
        s.store(chunk, y);
    }
}
