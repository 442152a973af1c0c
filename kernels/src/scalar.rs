//! Functions of f64 for the numbers that are computed once a step: the same bits everywhere, and no libm (N13).

/// `x` to the power `n`, by squaring and multiplying: at most 126 products, each rounded once.
pub(crate) fn power(x: f64, n: u64) -> f64 {
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

/// The sine and the cosine of `x`, from -pi to pi: series at a quarter of it, below 0.8, and twice the angle twice. Within 4e-15.
pub(crate) fn sin_cos(x: f64) -> (f64, f64) {
    let quarter = 0.25 * x;
    let square = quarter * quarter;
    // 1 - x^2 / (a (a + 1)) (1 - x^2 / ((a + 2) (a + 3)) (...)), from the last of eight on.
    let series = |first: f64| {
        let mut sum = 1.0;
        for n in (0..8).rev() {
            let a = first + 2.0 * f64::from(n);
            sum = 1.0 - square / (a * (a + 1.0)) * sum;
        }
        sum
    };
    let (mut sin, mut cos) = (quarter * series(2.0), series(1.0));
    for _ in 0..2 {
        (sin, cos) = (2.0 * sin * cos, 1.0 - 2.0 * sin * sin);
    }
    (sin, cos)
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
        let pi = core::f64::consts::PI;
        for x in (-1000..=1000).map(|i| f64::from(i) / 1000.0 * pi) {
            let (mut term, mut sums) = (1.0, [0.0; 2]);
            for n in 0..60 {
                sums[n % 2] += if n / 2 % 2 == 0 { term } else { -term };
                term *= x / (n as f64 + 1.0);
            }
            let (sin, cos) = sin_cos(x);
            assert!((sin - sums[1]).abs() < 4e-15 && (cos - sums[0]).abs() < 4e-15, "{x}: {sin} {cos}");
        }
        assert_eq!(sin_cos(0.0), (0.0, 1.0));
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
