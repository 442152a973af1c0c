//! Numbers that f32 kernels compute with, as options give them: what f32 would make another one of is refused, and so is what its
//! rounding would turn into a limit that the option excludes.

/// What to expect of [`not_negative`].
pub(crate) const NOT_NEGATIVE: &str =
    "a finite number, 0 or more and at most 3.4e38, and not so small that f32 makes it 0";
/// What to expect of [`above_zero`].
pub(crate) const ABOVE_ZERO: &str =
    "a number above 0 and at most 3.4e38, and not so small that f32 makes it 0";
/// What to expect of [`below_one`].
pub(crate) const BELOW_ONE: &str =
    "a number from 0 to below 1, and not so near to either that f32 makes it that";

/// A finite number that f32 has as well, and not as 0 unless it is.
fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|x: &f64| (*x as f32).is_finite() && (*x == 0.0 || *x as f32 != 0.0))
}

pub(crate) fn not_negative(text: &str) -> Option<f64> {
    number(text).filter(|x| *x >= 0.0)
}

pub(crate) fn above_zero(text: &str) -> Option<f64> {
    number(text).filter(|x| *x > 0.0)
}

pub(crate) fn below_one(text: &str) -> Option<f64> {
    not_negative(text).filter(|x| (*x as f32) < 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f32_has_what_is_taken() {
        for (text, [any, positive, share]) in [
            ("0", [true, false, true]),
            ("-0", [true, false, true]),
            ("1e-45", [true; 3]),
            ("1e-46", [false; 3]),
            ("0.99999994", [true; 3]),
            ("0.99999999", [true, true, false]),
            ("1", [true, true, false]),
            ("3.4e38", [true, true, false]),
            ("3.5e38", [false; 3]),
            ("-1e-46", [false; 3]),
            ("-1", [false; 3]),
            ("nan", [false; 3]),
            ("inf", [false; 3]),
            ("", [false; 3]),
        ] {
            let found = [not_negative(text), above_zero(text), below_one(text)].map(|x| x.is_some());
            assert_eq!(found, [any, positive, share], "{text}");
        }
    }
}
