//! Round numbers for an axis.

/// Round numbers from `low` to `high`: multiples of 1, 2 or 5 times a power of ten, `about` so many at most and of that
/// step at least. None, where that is no range of finite numbers.
pub fn ticks(low: f64, high: f64, about: usize, least_step: f64) -> Vec<f64> {
    let span = high - low;
    if !(span.is_finite() && span > 0.0) {
        return if low.is_finite() && low == high { vec![low] } else { vec![] };
    }
    let step = round_up(span / about.max(1) as f64).max(least_step);
    let first = (low / step).ceil();
    // A little slack, so that 1.0 ends an axis of tenths.
    let count = ((high / step + 1e-6).floor() - first).max(-1.0) as usize;
    (0..=count).map(|i| (first + i as f64) * step).filter(|x| *x <= high + 1e-6 * step).collect()
}

/// The end of an axis from 0 that holds `x`, which is above 0: the next round number in about so many steps.
pub fn ceiling(x: f64, steps: usize) -> f64 {
    let step = round_up(x / steps as f64);
    (x / step - 1e-9).ceil() * step
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `x`, which is above 0.
pub fn round_up(x: f64) -> f64 {
    // Of its digits, because products of ten lose their last ones.
    let power = |exponent: i32| format!("1e{exponent}").parse().unwrap_or(f64::INFINITY);
    let exponent = (-320..308).find(|exponent| power(*exponent) >= x * (1.0 - 1e-9)).unwrap_or(308);
    let below: f64 = power(exponent - 1);
    let steps = [2.0 * below, 5.0 * below];
    steps.into_iter().find(|step| *step >= x * (1.0 - 1e-9)).unwrap_or(power(exponent))
}

/// A tick's text: with the decimals that its neighbours need.
pub fn label(x: f64, step: f64) -> String {
    if x == 0.0 && step < 1e-5 {
        return "0".into();
    }
    if x.abs() >= 1e6 || step < 1e-5 {
        let text = format!("{x:.2e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", digits.trim_end_matches('0').trim_end_matches('.'));
    }
    let mut decimals = 0;
    let mut scaled = step;
    while decimals < 6 && (scaled - scaled.round()).abs() > 1e-6 * scaled {
        scaled *= 10.0;
        decimals += 1;
    }
    format!("{x:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_cover_the_axis() {
        let texts = |low, high, about, least: f64| -> Vec<String> {
            let ticks = ticks(low, high, about, least);
            let step = if ticks.len() > 1 { ticks[1] - ticks[0] } else { 1.0 };
            ticks.into_iter().map(|tick| label(tick, step)).collect()
        };
        assert_eq!(texts(0.0, 0.5, 5, 0.0), ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5"]);
        assert_eq!(texts(0.9, 1.0, 5, 0.0), ["0.90", "0.92", "0.94", "0.96", "0.98", "1.00"]);
        assert_eq!(texts(1.0, 21.0, 8, 1.0), ["5", "10", "15", "20"]);
        assert_eq!(texts(1.0, 3.0, 8, 1.0), ["1", "2", "3"]);
        assert_eq!(texts(1.0, 1.0, 8, 1.0), ["1"]);
        assert_eq!(texts(0.0, 3e38, 3, 0.0), ["0", "1e38", "2e38", "3e38"]);
        assert_eq!(texts(0.0, 2.5e6, 5, 0.0), ["0", "500000", "1e6", "1.5e6", "2e6", "2.5e6"]);
        assert_eq!(texts(0.0, 4e-9, 2, 0.0), ["0", "2e-9", "4e-9"]);
        assert_eq!(texts(0.0, f64::INFINITY, 3, 0.0), Vec::<String>::new());
        assert_eq!(texts(f64::NAN, 1.0, 3, 0.0), Vec::<String>::new());
    }
}
