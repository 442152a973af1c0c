//! What training reported, epoch by epoch, and what that says in words.

use crate::metrics::Metrics;

/// One epoch's figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// From 1.
    pub epoch: usize,
    /// Of training, while the weights move.
    pub metrics: Metrics,
    /// Of the validation images, where there are any.
    pub validation: Option<Metrics>,
    /// Validation included.
    pub seconds: f64,
    /// Shuffle, gather and conversion included, validation not.
    pub train_seconds: f64,
}

impl Epoch {
    /// Training images by the time that training took.
    pub fn images_per_second(&self) -> f64 {
        self.metrics.count as f64 / self.train_seconds
    }
}

/// The first epoch, counted from 0, after which validation loss was lowest.
pub fn best(validation_losses: impl IntoIterator<Item = f64>) -> Option<usize> {
    let losses = validation_losses.into_iter().enumerate();
    losses.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(epoch, _)| epoch)
}

/// In words: where validation loss was lowest, and whether training went on too long. Of training and validation loss
/// per epoch.
pub fn verdict(losses: &[(f64, f64)]) -> Option<String> {
    let best = best(losses.iter().map(|epoch| epoch.1))?;
    let (last, lowest) = (losses.len() - 1, losses[best].1);
    let head = format!("validation loss was lowest after epoch {} ({lowest:.4})", best + 1);
    if best == last {
        return Some(format!("{head}, the last one: more epochs may help"));
    }
    let now = losses[last].1;
    let still_falls = losses[last].0 < losses[best].0;
    Some(if now > 1.05 * lowest && still_falls {
        format!(
            "{head} and is {now:.4} now, while training loss went on falling: the network overfits; \
             --epochs {} would have stopped there",
            best + 1
        )
    } else {
        format!("{head} and is {now:.4} now: no overfitting to speak of")
    })
}

/// The same where the weights of that epoch are the result, out of up to `epochs`.
pub fn best_kept(losses: &[(f64, f64)], epochs: usize) -> Option<String> {
    let best = best(losses.iter().map(|epoch| epoch.1))?;
    let (number, lowest, last) = (best + 1, losses[best].1, losses.len());
    let head =
        format!("validation loss was lowest after epoch {number} ({lowest:.4}), whose weights these are");
    Some(match last - number {
        0 => format!("{head}: more epochs may help"),
        later if last == epochs => format!("{head}; {later} more of all {epochs} brought no lower one"),
        later => format!("{head}; stopped after epoch {last}, {later} without a lower one"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_names_the_best_epoch_and_overfitting() {
        assert_eq!(verdict(&[]), None);
        let says = |losses: &[(f64, f64)], part: &str| {
            let text = verdict(losses).unwrap();
            assert!(text.contains(part), "{text}");
        };
        says(&[(0.3, 0.2), (0.1, 0.1)], "epoch 2 (0.1000), the last one");
        says(&[(0.3, 0.2), (0.1, 0.1), (0.01, 0.2)], "epoch 2 (0.1000) and is 0.2000 now, while");
        says(&[(0.3, 0.2), (0.1, 0.1), (0.01, 0.2)], "--epochs 2");
        says(&[(0.3, 0.2), (0.1, 0.1), (0.09, 0.101)], "no overfitting");
    }

    #[test]
    fn the_best_epochs_weights_are_named() {
        let losses = [(0.3, 0.2), (0.1, 0.1), (0.01, 0.2)];
        let head = "validation loss was lowest after epoch 2 (0.1000), whose weights these are";
        let says = |losses: &[(f64, f64)], epochs, rest: &str| {
            assert_eq!(best_kept(losses, epochs), Some(format!("{head}{rest}")));
        };
        assert_eq!(best_kept(&[], 3), None);
        says(&losses[..2], 2, ": more epochs may help");
        says(&losses, 3, "; 1 more of all 3 brought no lower one");
        says(&losses, 9, "; stopped after epoch 3, 1 without a lower one");
    }

    #[test]
    fn of_equal_losses_the_first_is_the_best() {
        assert_eq!((best([]), best([0.3, 0.1, 0.1])), (None, Some(1)));
    }
}
