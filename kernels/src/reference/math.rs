//! exp and ln as one fixed sequence of IEEE operations each: this text is their definition.

use super::fma;
use crate::constants::*;

/// e^x. See [`crate::Kernels::exp`].
pub(super) fn exp(x: f32) -> f32 {
    if x > EXP_OVERFLOW {
        return f32::INFINITY;
    }
    if x < EXP_UNDERFLOW {
        return 0.0;
    }
    let shifted = fma(x, LOG2_E, ROUND_TO_INTEGER);
    let n = shifted - ROUND_TO_INTEGER;
    let r = fma(n, -LN2_HIGH, x);
    let r = fma(n, -LN2_LOW, r);
    let p = EXP[1..].iter().fold(EXP[0], |p, c| fma(p, r, *c));
    let y = fma(p, r * r, r) + 1.0;
    let n = (shifted.to_bits() as i32).wrapping_sub(ROUND_TO_INTEGER.to_bits() as i32);
    let half = n >> 1;
    y * power_of_two(half) * power_of_two(n.wrapping_sub(half))
}

fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) << 23) as u32)
}

/// ln x. See [`crate::Kernels::ln`].
pub(super) fn ln(x: f32) -> f32 {
    if x.is_nan() || x == f32::INFINITY {
        return x;
    }
    if x < 0.0 {
        return f32::NAN;
    }
    if x == 0.0 {
        return f32::NEG_INFINITY;
    }
    let denormal = x < f32::MIN_POSITIVE;
    let bits = if denormal { x * TWO_POW_23 } else { x }.to_bits();
    let m = f32::from_bits((bits & 0x007f_ffff) | 0x3f00_0000);
    let mut e = (bits >> 23) as f32 - 126.0;
    if denormal {
        e -= 23.0;
    }
    let f = if m < SQRT_HALF {
        e -= 1.0;
        (m + m) - 1.0
    } else {
        m - 1.0
    };
    let z = f * f;
    let p = LN[1..].iter().fold(LN[0], |p, c| fma(p, f, *c));
    let y = (p * f) * z;
    let y = fma(e, LN2_LOW, y);
    let y = fma(-0.5, z, y);
    fma(e, LN2_HIGH, f + y)
}

/// [`exp`] in place.
pub(super) fn exp_slice(x: &mut [f32]) {
    for x in x {
        *x = exp(*x);
    }
}

/// [`ln`] in place.
pub(super) fn ln_slice(x: &mut [f32]) {
    for x in x {
        *x = ln(*x);
    }
}
