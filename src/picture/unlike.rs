//! Whether a picture is unlike what the network was trained on: what a network says of such a picture means little,
//! however sure it sounds.

use super::prepare::Prepared;

/// The network is unsure below this probability.
const SURE: f32 = 0.7;

/// Of 60,000 training digits of MNIST, 99.9 % have a mean of their pixels, 1 for full ink, between these.
const INK: std::ops::RangeInclusive<f64> = 0.033..=0.305;

/// Of 60,000 training digits of MNIST, 99.9 % are at most this much wider than high.
const WIDEST: f64 = 1.67;

/// In words, why a picture is unlike the training data; nothing where it is not. `top` is the probability of the most
/// probable class; ink and proportions are only known to matter where the training data are the `digits` of MNIST.
pub fn unlike(prepared: &Prepared, digits: bool, top: f32) -> Vec<String> {
    let mut reasons = Vec::new();
    let sum: u64 = prepared.pixels.iter().map(|pixel| u64::from(*pixel)).sum();
    let ink = sum as f64 / (255 * prepared.pixels.len()) as f64;
    if digits && !INK.contains(&ink) {
        let (what, than) = if ink < *INK.start() { ("little", "below") } else { ("much", "above") };
        reasons.push(format!(
            "it has {what} ink, {:.1} % of the picture, where the training data are hardly ever {than} {:.1} %",
            100.0 * ink,
            100.0 * if ink < *INK.start() { INK.start() } else { INK.end() }
        ));
    }
    if digits && prepared.aspect > WIDEST {
        reasons.push(format!(
            "it is {:.1} times as wide as it is high, where digits are hardly ever above {WIDEST}: is it one digit?",
            prepared.aspect
        ));
    }
    if top < SURE {
        reasons.push(format!("no class is more probable than {top:.2}"));
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_by_itself() {
        let with = |ink: u8, aspect, digits, top| {
            let prepared = Prepared { pixels: vec![ink; 4], inverted: false, aspect };
            unlike(&prepared, digits, top)
        };
        assert_eq!(with(30, 0.8, true, 0.99), [""; 0]);
        assert!(with(5, 0.8, true, 0.99)[0].contains("little ink, 2.0 %"));
        assert!(with(100, 0.8, true, 0.99)[0].contains("much ink, 39.2 %"));
        assert!(with(30, 2.5, true, 0.99)[0].contains("2.5 times as wide"));
        assert_eq!(with(30, 0.8, true, 0.69), ["no class is more probable than 0.69"]);
        assert_eq!(with(0, 9.0, true, 0.1).len(), 3);
        assert_eq!(with(0, 9.0, false, 0.9).len(), 0);
    }
}
