//! What `train` prints: text for people, JSON lines for programs, or the result alone.

use std::path::Path;

use mnist_fast::dataset::Dataset;
use mnist_fast::metrics::Metrics;
use mnist_fast::network::Network;
use mnist_fast::train::Examples;
use mnist_fast_kernels::{Isa, Kernels};

use super::info;
use crate::output::{JsonLine, thousands, warning};

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Text,
    Json,
    Quiet,
}

/// One epoch's figures.
pub(crate) struct Epoch {
    /// From 1.
    pub(crate) epoch: usize,
    pub(crate) metrics: Metrics,
    pub(crate) validation: Option<Metrics>,
    /// Validation included.
    pub(crate) seconds: f64,
    /// Shuffle, gather and conversion included, validation not.
    pub(crate) train_seconds: f64,
}

/// Turns events into lines.
pub(crate) struct Report {
    style: Style,
    epochs: usize,
    classes: usize,
    /// Training and validation loss per epoch, for the closing words.
    losses: Vec<(f64, f64)>,
    /// The last training accuracy against that of guessing.
    learned: bool,
}

impl Report {
    pub(crate) fn new(style: Style, epochs: usize, classes: usize) -> Self {
        Report { style, epochs, classes, losses: vec![], learned: true }
    }

    /// Before the first epoch.
    #[allow(clippy::too_many_arguments)] // all that there is to say
    pub(crate) fn start(
        &self,
        kernels: &Kernels,
        threads: usize,
        data: &Dataset,
        train: Examples<'_>,
        validation: Option<Examples<'_>>,
        network: &Network,
        config: JsonLine,
    ) -> Vec<String> {
        if cfg!(debug_assertions) {
            warning("this is a debug build; cargo run --release is faster");
        }
        if kernels.isa() == Isa::Portable {
            warning(format_args!(
                "portable kernels are correct to rounding but outside the exact bits: {}",
                info::portable()
            ));
        }
        let (validation, test) =
            (validation.map_or(0, |v| v.len()), data.test.as_ref().map_or(0, |t| t.len()));
        match self.style {
            Style::Quiet => vec![],
            Style::Json => vec![
                JsonLine::new()
                    .with("event", "start")
                    .with("version", env!("CARGO_PKG_VERSION"))
                    .with("profile", info::profile())
                    .with("isa", kernels.isa().name())
                    .with("threads", threads)
                    .with("dataset", data.name.as_str())
                    .with("train_images", train.len())
                    .with("validation_images", validation)
                    .with("test_images", test)
                    .with("classes", data.classes)
                    .with("parameters", network.parameters())
                    .with_object("config", config)
                    .finish(),
            ],
            Style::Text => {
                let sizes: Vec<String> = [network.inputs()]
                    .into_iter()
                    .chain(network.layers().iter().map(|layer| layer.outputs()))
                    .map(|n| n.to_string())
                    .collect();
                vec![
                    format!(
                        "mnist-fast {}, {}, {} kernels, {threads} thread{}",
                        env!("CARGO_PKG_VERSION"),
                        info::profile(),
                        kernels.isa(),
                        if threads == 1 { "" } else { "s" }
                    ),
                    format!(
                        "{}: {} training, {} validation and {} test images of {} x {}, {} classes",
                        data.name,
                        thousands(train.len()),
                        thousands(validation),
                        thousands(test),
                        data.rows,
                        data.cols,
                        data.classes
                    ),
                    format!("network: {}, {} parameters", sizes.join("-"), thousands(network.parameters())),
                ]
            }
        }
    }

    /// After an epoch.
    pub(crate) fn epoch(&mut self, e: Epoch) -> Vec<String> {
        let validation = e.validation.map(|v| (v.loss(), v.accuracy()));
        if let Some((loss, _)) = validation {
            self.losses.push((e.metrics.loss(), loss));
        }
        self.learned = e.metrics.accuracy() > 1.5 / self.classes as f64;
        let images_per_second = e.metrics.count as f64 / e.train_seconds;
        match self.style {
            Style::Quiet => vec![],
            Style::Json => vec![
                JsonLine::new()
                    .with("event", "epoch")
                    .with("epoch", e.epoch)
                    .with("loss", e.metrics.loss())
                    .with("accuracy", e.metrics.accuracy())
                    .with("val_loss", validation.map(|v| v.0))
                    .with("val_accuracy", validation.map(|v| v.1))
                    .with("seconds", e.seconds)
                    .with("train_seconds", e.train_seconds)
                    .with("images_per_second", images_per_second)
                    .finish(),
            ],
            Style::Text => {
                let width = self.epochs.to_string().len();
                let mut line = format!(
                    "Epoch {:>width$}/{} - {:.3}s, training {} images/s - loss: {:.4} - accuracy: {:.4}",
                    e.epoch,
                    self.epochs,
                    e.seconds,
                    thousands(images_per_second as usize),
                    e.metrics.loss(),
                    e.metrics.accuracy()
                );
                if let Some((loss, accuracy)) = validation {
                    line += &format!(" - val_loss: {loss:.4} - val_accuracy: {accuracy:.4}");
                }
                vec![line]
            }
        }
    }

    /// After the last epoch.
    pub(crate) fn end(
        &self,
        test: Option<Metrics>,
        sha256: &str,
        seconds: f64,
        saved: Option<&Path>,
    ) -> Vec<String> {
        let interval = test.map(|test| test.accuracy_ci95());
        if self.style == Style::Json {
            let end = JsonLine::new()
                .with("event", "end")
                .with("test_loss", test.map(|test| test.loss()))
                .with("test_accuracy", test.map(|test| test.accuracy()))
                .with("test_accuracy_ci95", interval.map(|(low, high)| vec![low, high]))
                .with("weights_sha256", sha256)
                .with("seconds", seconds);
            return vec![end.finish()];
        }
        let mut lines = vec![];
        if let (Some(test), Some((low, high))) = (test, interval) {
            lines.push(format!(
                "test accuracy {:.2} % (95 % interval {:.2} to {:.2}), test loss {:.4}",
                100.0 * test.accuracy(),
                100.0 * low,
                100.0 * high,
                test.loss()
            ));
        }
        if self.style == Style::Text {
            match self.learned {
                true => lines.extend(verdict(&self.losses)),
                false => lines.push("the network has hardly learned anything: try another --lr".into()),
            }
            lines.push(match saved {
                Some(path) => format!("saved {}", path.display()),
                None => "the model was not kept; --save model.safetensors keeps it".into(),
            });
        }
        lines.push(format!("weights sha256 {sha256}"));
        lines
    }
}

/// In words: where validation loss was lowest, and whether training went on too long.
fn verdict(losses: &[(f64, f64)]) -> Option<String> {
    let best = (0..losses.len()).min_by(|a, b| losses[*a].1.total_cmp(&losses[*b].1))?;
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
}
