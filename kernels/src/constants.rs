//! The numbers of exp, ln and tanh, which the reference and the SIMD bodies share: they are the contract.
//!
//! Range reduction and polynomials are those of Moshier's Cephes library (`expf.c`, `logf.c`, `tanhf.c`), evaluated with
//! fused multiply-adds.
#![expect(clippy::excessive_precision, reason = "Cephes' decimals, and an exact one")]

/// 1.5 * 2^23: adding it rounds to an integer, to nearest even, and leaves that integer in the low bits.
pub(crate) const ROUND_TO_INTEGER: f32 = 12_582_912.0;
/// log2(e).
pub(crate) const LOG2_E: f32 = core::f32::consts::LOG2_E;
/// ln 2 to 10 bits: its product with an exponent is exact.
pub(crate) const LN2_HIGH: f32 = 0.693_359_375;
/// ln 2 - [`LN2_HIGH`].
pub(crate) const LN2_LOW: f32 = -2.121_944_4e-4;
/// (e^r - 1 - r) / r^2 on |r| <= ln(2) / 2, the highest power first.
pub(crate) const EXP: [f32; 6] =
    [1.987_569_1e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 5.000_000_1e-1];
/// Above this e^x is +inf: ln(f32::MAX), rounded down.
pub(crate) const EXP_OVERFLOW: f32 = 88.722_83;
/// Below this e^x is +0: the smallest x with e^x >= 2^-126, the smallest normal number.
pub(crate) const EXP_UNDERFLOW: f32 = -87.336_54;
/// 2^23.
pub(crate) const TWO_POW_23: f32 = 8_388_608.0;
/// sqrt(0.5).
pub(crate) const SQRT_HALF: f32 = core::f32::consts::FRAC_1_SQRT_2;
/// (ln(1 + f) - f + f^2 / 2) / f^3 on [sqrt(0.5) - 1, sqrt(2) - 1], the highest power first.
pub(crate) const LN: [f32; 9] = [
    7.037_683_6e-2,
    -1.151_461e-1,
    1.167_699_9e-1,
    -1.242_014_1e-1,
    1.424_932_3e-1,
    -1.666_805_7e-1,
    2.000_071_5e-1,
    -2.499_999_4e-1,
    3.333_333_1e-1,
];
/// Below this in magnitude tanh is a polynomial, above it a quotient of exponentials.
pub(crate) const TANH_SMALL: f32 = 0.625;
/// (tanh x - x) / x^3 in powers of x^2 on |x| < [`TANH_SMALL`], the highest power first.
pub(crate) const TANH: [f32; 5] =
    [-5.704_988_7e-3, 2.063_908_88e-2, -5.373_971_56e-2, 1.333_144_22e-1, -3.333_328_2e-1];
