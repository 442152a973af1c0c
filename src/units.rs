//! Numbers as people read them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A number with thousands separated: `118,282`.
pub fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size: `1 byte`, `28881 bytes`.
pub fn bytes(n: u64) -> String {
    if n == 1 { "1 byte".into() } else { format!("{n} bytes") }
}

/// A large number in few characters: `320k`, `1.5M`.
pub fn short(x: f64) -> String {
    let (scaled, unit) = match x.abs() {
        a if a >= 1e9 => (x / 1e9, "G"),
        a if a >= 1e6 => (x / 1e6, "M"),
        a if a >= 1e3 => (x / 1e3, "k"),
        _ => (x, ""),
    };
    format!("{}{unit}", crate::markup::number(scaled))
}

/// A time that somebody waited: `3.82 s`, `12 min 5 s`, `3 h 20 min`.
pub fn waited(seconds: f64) -> String {
    let whole = seconds as u64;
    match whole {
        0..60 => format!("{seconds:.2} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole / 60 % 60),
    }
}

/// A point in time: `2026-11-22 18:36 UTC`. None before 1970.
pub fn utc(time: SystemTime) -> Option<String> {
    let seconds = time.duration_since(UNIX_EPOCH).ok().as_ref().map(Duration::as_secs)?;
    let (days, minutes) = (seconds / 86_400, seconds / 60 % 1440);
    // Years that begin with March end with the leap day (Howard Hinnant, "chrono-compatible low-level date algorithms").
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day + 2) / 153;
    let day = day - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year + 400 * era + u64::from(month <= 2);
    Some(format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", minutes / 60, minutes % 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        for (n, text) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (118_282, "118,282"), (1_234_567, "1,234,567")]
        {
            assert_eq!(thousands(n), text);
        }
    }

    #[test]
    fn one_byte_is_no_bytes() {
        assert_eq!([0, 1, 2].map(bytes), ["0 bytes", "1 byte", "2 bytes"]);
    }

    #[test]
    fn large_numbers_are_short() {
        for (x, text) in [(0.0, "0"), (950.0, "950"), (320_000.0, "320k"), (1.5e6, "1.5M"), (2e9, "2G")] {
            assert_eq!(short(x), text);
        }
    }

    #[test]
    fn times_have_two_parts() {
        for (x, text) in
            [(3.816, "3.82 s"), (60.0, "1 min 0 s"), (725.9, "12 min 5 s"), (12_034.0, "3 h 20 min")]
        {
            assert_eq!(waited(x), text);
        }
    }

    /// Against `date -u -d @SECONDS`.
    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (951_868_799, "2000-02-29 23:59 UTC"),
            (951_868_800, "2000-03-01 00:00 UTC"),
            (1_767_225_599, "2025-12-31 23:59 UTC"),
            (1_795_372_560, "2026-11-22 18:36 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
        ] {
            assert_eq!(utc(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap(), text);
        }
        assert_eq!(utc(UNIX_EPOCH - Duration::from_secs(1)), None);
    }
}
