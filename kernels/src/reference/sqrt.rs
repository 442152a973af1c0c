//! A square root that needs no libm.

/// The f32 nearest to the square root of `x`: what the IEEE instruction gives. -0 and NaN pass, a negative
/// gives NaN.
#[cfg(feature = "std")]
pub(super) fn sqrt(x: f32) -> f32 {
    x.sqrt()
}

#[cfg(not(feature = "std"))]
pub(super) use by_integers as sqrt;

/// x = wide 2^e with e even and an integer of 61 or 62 bits, whose root has 31: more than the 24 that f32 keeps. A
/// last bit that says whether there is a remainder makes the rounding to f32 the right one.
#[cfg(any(test, not(feature = "std")))]
pub(super) fn by_integers(x: f32) -> f32 {
    if x == 0.0 || x.is_nan() || x == f32::INFINITY {
        return x;
    }
    if x < 0.0 {
        return f32::NAN;
    }
    let bits = x.to_bits();
    let (exponent, fraction) = ((bits >> 23) as i32, bits & 0x7f_ffff);
    let (mantissa, power) =
        if exponent == 0 { (fraction, -149) } else { (fraction | 0x80_0000, exponent - 150) };
    let shift = mantissa.leading_zeros() as i32 + 30;
    let shift = shift - (power - shift).rem_euclid(2);
    let wide = u64::from(mantissa) << shift;
    let root = wide.isqrt();
    let sticky = u64::from(root * root != wide);
    (root | sticky) as f32 * f32::from_bits((((power - shift) / 2 + 127) as u32) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_give_the_ieee_root() {
        let special =
            [0.0, -0.0, 1.0, 2.0, 3.0, 4.0, 1e-45, f32::MIN_POSITIVE, f32::MAX, f32::INFINITY, 0.25];
        let strided = (0..0x7f80_0000u32).step_by(997).map(f32::from_bits);
        for x in special.into_iter().chain(strided) {
            assert_eq!(by_integers(x).to_bits(), x.sqrt().to_bits(), "{x:e}");
        }
        assert!(by_integers(-1.0).is_nan() && by_integers(f32::NAN).is_nan());
    }
}
