//! A square root that needs no libm.

/// The f32 nearest to the square root of `x`: what the IEEE instruction gives. -0 and NaN pass, a negative
/// gives NaN.
#[cfg(feature = "std")]
pub(super) fn sqrt(x: f32) -> f32 {
    x.sqrt()
}

#[cfg(not(feature = "std"))]
pub(super) use by_digits as sqrt;

/// Digit by digit: x = m 2^e with e even and an integer m of 47 or 48 bits, so that the largest r with r^2 <= m has
/// 24 bits, the precision of f32. The remainder decides the rounding; r + 1/2 is never the exact root.
#[cfg(any(test, not(feature = "std")))]
pub(super) fn by_digits(x: f32) -> f32 {
    if x.is_nan() || x == 0.0 || x == f32::INFINITY {
        return x;
    }
    if x < 0.0 {
        return f32::NAN;
    }
    let (bits, scale) =
        if x < f32::MIN_POSITIVE { ((x * 16_777_216.0).to_bits(), 24) } else { (x.to_bits(), 0) };
    // x = mantissa * 2^exponent, mantissa of 24 bits.
    let mantissa = u64::from(bits & 0x007f_ffff | 0x0080_0000);
    let exponent = (bits >> 23) as i32 - 150 - scale;
    // 47 or 48 bits over an even exponent: the root has 24 bits.
    let shift = 23 + ((exponent - 23) & 1);
    let (m, half_exponent) = (mantissa << shift, (exponent - shift) / 2);
    let mut root = 0u64;
    for digit in (0..24).rev() {
        let next = root | 1 << digit;
        if next * next <= m {
            root = next;
        }
    }
    // Nearest: the remainder beyond root^2 + root is more than half a unit.
    if m - root * root > root {
        root += 1;
    }
    root as f32 * f32::from_bits(((half_exponent + 127) as u32) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_give_the_ieee_root() {
        let special =
            [0.0, -0.0, 1.0, 2.0, 3.0, 4.0, 1e-45, f32::MIN_POSITIVE, f32::MAX, f32::INFINITY, 0.25];
        let strided = (0..0x7f80_0000u32).step_by(997).map(f32::from_bits);
        for x in special.into_iter().chain(strided) {
            assert_eq!(by_digits(x).to_bits(), x.sqrt().to_bits(), "{x:e}");
        }
        assert!(by_digits(-1.0).is_nan() && by_digits(f32::NAN).is_nan());
    }
}
