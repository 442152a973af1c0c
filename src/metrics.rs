//! Loss, accuracy, and how far an accuracy can be trusted.

/// Sums over examples. Losses are added in the examples' order, in f64, so that the mean is reproducible.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metrics {
    /// The sum of the examples' losses, in nats.
    pub loss_sum: f64,
    /// How many were classified correctly.
    pub correct: usize,
    /// How many examples.
    pub count: usize,
}

impl Metrics {
    /// Of no examples.
    pub fn zero() -> Self {
        Metrics { loss_sum: 0.0, correct: 0, count: 0 }
    }

    /// Of examples in order: their losses, the classes found and the true ones.
    pub fn of(losses: &[f32], predictions: &[u32], labels: impl Iterator<Item = u32>) -> Self {
        Metrics {
            loss_sum: losses.iter().fold(0.0, |sum, loss| sum + f64::from(*loss)),
            correct: predictions.iter().zip(labels).filter(|(found, label)| **found == *label).count(),
            count: losses.len(),
        }
    }

    /// Appends examples that come after these.
    pub fn add(&mut self, next: &Metrics) {
        self.loss_sum += next.loss_sum;
        self.correct += next.correct;
        self.count += next.count;
    }

    /// The mean loss.
    pub fn loss(&self) -> f64 {
        self.loss_sum / self.count as f64
    }

    /// The share classified correctly.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.count as f64
    }

    /// The 95 % interval of the accuracy (Wilson, "Probable Inference, the Law of Succession, and Statistical
    /// Inference", 1927).
    pub fn accuracy_ci95(&self) -> (f64, f64) {
        const Z: f64 = 1.959_963_984_540_054;
        let (n, p) = (self.count as f64, self.accuracy());
        let scale = 1.0 / (1.0 + Z * Z / n);
        let centre = p + Z * Z / (2.0 * n);
        let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        ((scale * (centre - half)).max(0.0), (scale * (centre + half)).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_counts() {
        let mut metrics = Metrics::of(&[0.5, 1.5], &[3, 4], [3, 5].into_iter());
        metrics.add(&Metrics::of(&[4.0], &[1], [1].into_iter()));
        assert_eq!((metrics.loss(), metrics.correct, metrics.count), (2.0, 2, 3));
    }

    /// Against the textbook formula evaluated in Python.
    #[test]
    fn wilson_intervals() {
        for (correct, count, low, high) in
            [(9780, 10_000, 0.974_936, 0.980_697), (0, 10, 0.0, 0.277_533), (10, 10, 0.722_467, 1.0)]
        {
            let (l, h) = Metrics { loss_sum: 0.0, correct, count }.accuracy_ci95();
            assert!((l - low).abs() < 1e-6 && (h - high).abs() < 1e-6, "{correct}/{count}: {l} {h}");
        }
    }
}
