//! Functions of f64 for the numbers that are computed once a step: the same bits everywhere, and no libm (DESIGN N13).

use std::f64::consts::PI;

/// `x` to the power `n`, by squaring and multiplying.
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

/// cos(pi x) for x from 0 to 1, within 4e-16; exact at 0, 1/2 and 1.
///
/// x is brought to at most a quarter of a turn's half without rounding (both differences are exact), and the Taylor series of
/// cosine or sine is summed by Horner's rule: one written sequence of products and sums.
pub(crate) fn cos_pi(x: f64) -> f64 {
    if x <= 0.25 {
        cosine(PI * x)
    } else if x < 0.75 {
        sine(PI * (0.5 - x))
    } else {
        -cosine(PI * (1.0 - x))
    }
}

/// From 0 to pi/4; the first term left out is below 3e-18.
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

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // the oracle may use libm
mod tests {
    use super::*;

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
        for x in [0.0, 0.1, 0.5, 0.97, 1.0] {
            let mut product = 1.0;
            for n in 0..500 {
                assert!((power(x, n) - product).abs() <= product * 1e-13, "{x}^{n}");
                product *= x;
            }
        }
        assert_eq!((power(0.0, 0), power(0.5, 10)), (1.0, 1.0 / 1024.0));
    }
}
