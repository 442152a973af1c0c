//! Functions of f64 for numbers that are computed once a step, such as learning rates and angles.
//!
//! Each is one written sequence of products, quotients, sums and differences: the same bits on every machine, which no libm promises.

use core::f64::consts::PI;

/// `x` to the power `n`, by squaring and multiplying: at most 126 products, each rounded once.
///
/// ```
/// assert_eq!(mnist_fast_kernels::scalar::power(0.5, 10), 1.0 / 1024.0);
/// ```
pub fn power(x: f64, n: u64) -> f64 {
    let (mut result, mut square, mut left) = (1.0, x, n);
    while left > 0 {
        if left & 1 == 1 {
            result *= square;
        }
        square *= square;
        left >>= 1;
    }
    result
}

/// The sine and the cosine of `x`, from -pi to pi, within 4e-16.
///
/// ```
/// assert_eq!(mnist_fast_kernels::scalar::sin_cos(0.0), (0.0, 1.0));
/// ```
pub fn sin_cos(x: f64) -> (f64, f64) {
    let (angle, negative) = if x < 0.0 { (-x, true) } else { (x, false) };
    let (sin, cos) = if angle <= 0.25 * PI {
        (sine(angle), cosine(angle))
    } else if angle < 0.75 * PI {
        (cosine(0.5 * PI - angle), sine(0.5 * PI - angle))
    } else {
        (sine(PI - angle), -cosine(PI - angle))
    };
    (if negative { -sin } else { sin }, cos)
}

/// cos(pi x) for x from 0 to 1, within 4e-16; exact at 0, 1/2 and 1.
///
/// x is brought to at most a quarter of a turn's half without rounding: both differences are exact.
///
/// ```
/// assert_eq!([0.0, 0.5, 1.0].map(mnist_fast_kernels::scalar::cos_pi), [1.0, 0.0, -1.0]);
/// ```
pub fn cos_pi(x: f64) -> f64 {
    if x <= 0.25 {
        cosine(PI * x)
    } else if x < 0.75 {
        sine(PI * (0.5 - x))
    } else {
        -cosine(PI * (1.0 - x))
    }
}

/// From -pi/4 to pi/4, by its Taylor series in Horner's form; the first term left out is below 3e-18.
fn cosine(y: f64) -> f64 {
    let factors = [240.0, 182.0, 132.0, 90.0, 56.0, 30.0, 12.0, 2.0];
    1.0 - alternating(y * y, &factors)
}

/// From -pi/4 to pi/4; the first term left out is below 1e-19.
fn sine(y: f64) -> f64 {
    let factors = [272.0, 210.0, 156.0, 110.0, 72.0, 42.0, 20.0, 6.0];
    y - y * alternating(y * y, &factors)
}

/// `z/f1 (1 - z/f2 (1 - ...))`, whose factors are given from the innermost on.
fn alternating(z: f64, factors: &[f64]) -> f64 {
    factors.iter().fold(0.0, |inner, factor| z / factor * (1.0 - inner))
}

/// The f64 nearest to the square root of `x`.
#[cfg(feature = "std")]
pub(crate) fn sqrt(x: f64) -> f64 {
    x.sqrt()
}

#[cfg(not(feature = "std"))]
pub(crate) use by_integers as sqrt;

/// As in `reference/sqrt.rs`: x = wide 2^e with e even and an integer of 125 or 126 bits, whose root has 63; a
/// last bit that says whether there is a remainder makes the rounding to f64 the right one.
#[cfg(any(test, not(feature = "std")))]
pub(crate) fn by_integers(x: f64) -> f64 {
    if x == 0.0 || x.is_nan() || x == f64::INFINITY {
        return x;
    }
    if x < 0.0 {
        return f64::NAN;
    }
    let bits = x.to_bits();
    let (exponent, fraction) = ((bits >> 52) as i32, bits & 0xf_ffff_ffff_ffff);
    let (mantissa, power) =
        if exponent == 0 { (fraction, -1074) } else { (fraction | 0x10_0000_0000_0000, exponent - 1075) };
    let shift = mantissa.leading_zeros() as i32 + 62;
    let shift = shift - (power - shift).rem_euclid(2);
    let wide = u128::from(mantissa) << shift;
    let root = wide.isqrt();
    let sticky = u64::from(root * root != wide);
    (root as u64 | sticky) as f64 * f64::from_bits((((power - shift) / 2 + 1023) as u64) << 52)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // the oracle may use libm
mod tests {
    use super::*;

    #[test]
    fn integers_give_the_ieee_root() {
        let special = [0.0, 1.0, 2.0, 3.0, 0.25, 0.001, 5e-324, f64::MIN_POSITIVE, f64::MAX, f64::INFINITY];
        let strided = (0..0x7ff0_0000_0000_0000u64).step_by(92_233_720_368_547).map(f64::from_bits);
        for x in special.into_iter().chain(strided) {
            assert_eq!(by_integers(x).to_bits(), x.sqrt().to_bits(), "{x:e}");
        }
        assert!(by_integers(-1.0).is_nan() && by_integers(f64::NAN).is_nan());
    }

    /// By the series at the whole angle, longer than needed.
    #[test]
    fn sine_and_cosine_are_their_series() {
        for x in (-1000..=1000).map(|i| f64::from(i) / 1000.0 * PI) {
            let (mut term, mut sums) = (1.0, [0.0; 2]);
            for n in 0..60 {
                sums[n % 2] += if n / 2 % 2 == 0 { term } else { -term };
                term *= x / (n as f64 + 1.0);
            }
            let (sin, cos) = sin_cos(x);
            assert!((sin - sums[1]).abs() < 2e-15 && (cos - sums[0]).abs() < 2e-15, "{x}: {sin} {cos}");
        }
        assert_eq!(sin_cos(0.0), (0.0, 1.0));
    }

    #[test]
    fn sine_and_cosine_are_those_of_libm() {
        for x in (-100_000..=100_000).map(|i| f64::from(i) / 100_000.0 * PI) {
            let (sin, cos) = sin_cos(x);
            assert!((sin - x.sin()).abs() < 4e-16 && (cos - x.cos()).abs() < 4e-16, "{x}: {sin} {cos}");
        }
    }

    #[test]
    fn cosines_of_known_angles() {
        assert_eq!([0.0, 0.5, 1.0].map(cos_pi), [1.0, 0.0, -1.0]);
        let third = cos_pi(1.0 / 3.0);
        assert!((third - 0.5).abs() < 2e-16, "{third}");
        let golden = (1.0 + 5.0f64.sqrt()) / 4.0;
        for (x, exact) in [
            (0.25, 0.5f64.sqrt()),
            (1.0 / 6.0, 0.75f64.sqrt()),
            (0.2, golden),
            (0.4, golden - 0.5),
            (2.0 / 3.0, -0.5),
            (0.75, -(0.5f64.sqrt())),
            (0.8, -golden),
        ] {
            assert!((cos_pi(x) - exact).abs() < 4e-16, "cos({x} pi) = {}, not {exact}", cos_pi(x));
        }
    }

    #[test]
    fn cosines_are_those_of_libm_and_fall() {
        const N: u32 = 100_000;
        let mut last = 1.0;
        for i in 0..=N {
            let x = f64::from(i) / f64::from(N);
            let y = cos_pi(x);
            assert!((y - (PI * x).cos()).abs() < 4e-16, "cos({x} pi) = {y}");
            assert!(y < last || i == 0, "cos({x} pi) = {y} after {last}");
            last = y;
        }
    }

    /// Of x and 1 - x where both are exact.
    #[test]
    fn cosines_are_symmetric_to_the_bit() {
        for i in 0..=4096 {
            let x = f64::from(i) / 4096.0;
            assert_eq!(cos_pi(1.0 - x), -cos_pi(x), "{x}");
        }
    }

    #[test]
    fn powers_are_products() {
        for x in [0.0, 0.5, 0.9, 0.999, 1.0] {
            let mut product = 1.0;
            for n in 0..5000 {
                let error = (power(x, n) - product).abs();
                assert!(error <= product * 1e-12, "{x}^{n}");
                product *= x;
            }
        }
        assert_eq!((power(0.0, 0), power(0.5, 10), power(0.999, u64::MAX)), (1.0, 1.0 / 1024.0, 0.0));
    }
}
