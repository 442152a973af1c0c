//! A fused multiply-add that needs no hardware and no libm.

/// `a * b + c`, rounded once: equal to `f32::mul_add` in every bit, NaN payloads aside.
///
/// The product of two f32 is exact in f64. Adding `c` in f64 rounded *to odd* keeps enough of what is lost
/// for the second rounding, to f32, to come out as if it were the only one (Boldo and Melquiond, "Emulation of
/// a FMA and correctly rounded sums: proved algorithms using rounding to odd", 2008).
#[inline]
pub fn fma(a: f32, b: f32, c: f32) -> f32 {
    let product = a as f64 * b as f64;
    let c = c as f64;
    let sum = product + c;
    if !sum.is_finite() {
        return sum as f32;
    }
    // Knuth's two-sum: sum + error is exactly product + c.
    let of_c = sum - product;
    let error = (product - (sum - of_c)) + (c - of_c);
    (if error == 0.0 { sum } else { round_to_odd(sum, error) }) as f32
}

/// Of the two neighbours that enclose `sum + error`, the one with an odd last bit.
#[inline]
fn round_to_odd(sum: f64, error: f64) -> f64 {
    let bits = sum.to_bits();
    if bits & 1 == 1 {
        return sum;
    }
    let away_from_zero = (error > 0.0) == (sum > 0.0);
    f64::from_bits(if away_from_zero { bits + 1 } else { bits - 1 })
}
