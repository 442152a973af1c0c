//! How a training goes, epoch by epoch, and when it is to end: `train --early-stop`.

use std::sync::Arc;

use mnist_fast::Result;
use mnist_fast::history::{self, Epoch};
use mnist_fast::network::Network;

use crate::args::{Args, Opt, at_least_one};

pub(crate) const EARLY_STOP: Opt = Opt {
    name: "--early-stop",
    value: "N",
    help: "end after N epochs in a row without a lower validation loss, and keep\n\
           the weights of the epoch where it was lowest",
};

/// Reads `--early-stop`.
pub(crate) fn parse_early_stop(args: &mut Args) -> Result<Option<usize>> {
    args.parse(EARLY_STOP.name, "a whole number of epochs, 1 or more", at_least_one)
}

/// The epochs so far, and the network as it was after the best of them.
///
/// Early stopping is Keras' `EarlyStopping(monitor="val_loss", patience=N, restore_best_weights=True)`: only a lower loss is
/// better, and the best weights are those of the result whether training ended early or not. What it decides is a
/// function of the history, which checkpoints hold: a run that is resumed ends where it would have ended.
pub(crate) struct Course {
    pub(crate) history: Vec<Epoch>,
    /// Whether to keep the network of the best epoch.
    pub(crate) keeps_best: bool,
    /// The epoch after which validation loss was lowest.
    pub(crate) best: Option<(usize, Arc<Network>)>,
    /// So many epochs without a lower validation loss end the training.
    pub(crate) patience: Option<usize>,
}

impl Course {
    /// Before the first epoch; without patience, all epochs are trained, and the best network is not kept.
    pub(crate) fn new(patience: Option<usize>) -> Self {
        Course { history: vec![], keeps_best: patience.is_some(), best: None, patience }
    }

    /// Adds an epoch, after which the network is `network`; says whether it is the best one so far.
    pub(crate) fn add(&mut self, epoch: Epoch, network: &Network) -> bool {
        self.history.push(epoch);
        let losses = self.history.iter().filter_map(|epoch| Some(epoch.validation?.loss()));
        let is_best = epoch.validation.is_some() && history::best(losses) == Some(self.history.len() - 1);
        if is_best && self.keeps_best {
            self.best = Some((epoch.epoch, Arc::new(network.clone())));
        }
        is_best
    }

    /// Whether there were enough epochs without a better one.
    pub(crate) fn is_over(&self) -> bool {
        let since = self.best.as_ref().map_or(0, |(best, _)| self.history.len() - best);
        self.patience.is_some_and(|patience| since >= patience)
    }
}

#[cfg(test)]
mod tests {
    use mnist_fast::metrics::Metrics;
    use serde_json::Value;

    use super::*;

    fn course(patience: Option<usize>, losses: &[f64]) -> Course {
        let network = Network::zeros(&[2, 2]).unwrap();
        let mut course = Course { keeps_best: true, ..Course::new(patience) };
        for (epoch, loss) in (1..).zip(losses) {
            let validation = Metrics { loss_sum: *loss, correct: 1, count: 1 };
            let epoch = Epoch {
                epoch,
                metrics: validation,
                validation: Some(validation),
                seconds: 1.0,
                train_seconds: 1.0,
            };
            course.add(epoch, &network);
        }
        course
    }

    #[test]
    fn patience_is_the_epochs_in_a_row_without_a_lower_loss() {
        for (losses, ends_with) in [
            (&[][..], [false; 3]),
            (&[0.5], [false; 3]),
            (&[0.5, 0.4, 0.3], [false; 3]),
            (&[0.5, 0.5], [true, false, false]),
            (&[0.5, 0.4, 0.6], [true, false, false]),
            (&[0.5, 0.4, 0.6, 0.41], [true, true, false]),
            (&[0.5, 0.4, 0.6, 0.41, 0.39], [false; 3]),
            (&[0.5, 0.4, 0.6, 0.41, 0.4], [true; 3]),
        ] {
            let found = [1, 2, 3].map(|patience| course(Some(patience), losses).is_over());
            assert_eq!(found, ends_with, "{losses:?}");
            assert!(!course(None, losses).is_over());
        }
        assert_eq!(course(None, &[0.5, 0.4, 0.6, 0.4]).best.unwrap().0, 2);
    }

    #[test]
    fn it_ends_and_keeps_what_keras_ends_and_keeps() {
        let all: Value =
            serde_json::from_str(include_str!("../../tests/fixtures/keras_formulas.json")).unwrap();
        let cases = all["early_stopping"].as_array().unwrap();
        assert!(cases.len() > 10);
        for case in cases {
            let losses: Vec<f64> =
                case["losses"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
            let patience = case["patience"].as_u64().map(|n| n as usize);
            let over = (1..losses.len()).find(|epochs| course(patience, &losses[..*epochs]).is_over());
            let epochs = over.unwrap_or(losses.len());
            let (best, _) = course(patience, &losses[..epochs]).best.unwrap();
            assert_eq!(case["epochs"], epochs, "{case}");
            assert_eq!(case["best"], best, "{case}");
        }
    }

    #[test]
    fn without_validation_there_is_no_best_epoch() {
        let network = Network::zeros(&[2, 2]).unwrap();
        let epoch =
            Epoch { epoch: 1, metrics: Metrics::zero(), validation: None, seconds: 1.0, train_seconds: 1.0 };
        let mut course = Course::new(Some(1));
        assert!(!course.add(epoch, &network) && course.best.is_none() && !course.is_over());
    }
}
