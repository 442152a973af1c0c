//! What `train` prints: text for people, JSON lines for programs, or the result alone.

use std::path::Path;

use mnist_fast::dataset::Dataset;
use mnist_fast::history::{Epoch, best_kept, verdict};
use mnist_fast::metrics::Metrics;
use mnist_fast::network::Network;
use mnist_fast::train::Examples;
use mnist_fast_kernels::{Isa, Kernels};
use serde_json::Value;

use super::info;
use crate::output::{JsonLine, thousands, warning};

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Text,
    Json,
    Quiet,
}

/// What a run came to.
pub(crate) struct End<'a> {
    pub(crate) test: Option<Metrics>,
    /// What its losses have beside the cross-entropy.
    pub(crate) trained: Option<String>,
    pub(crate) sha256: &'a str,
    pub(crate) seconds: f64,
    /// Where the model was saved.
    pub(crate) saved: Option<&'a Path>,
    /// What is kept of the run, in words.
    pub(crate) kept: Option<String>,
    /// A line for each other file.
    pub(crate) wrote: Vec<String>,
    /// The model whose weights were to come out, and did.
    pub(crate) same: Option<&'a Path>,
}

/// Turns events into lines.
pub(crate) struct Report {
    style: Style,
    epochs: usize,
    classes: usize,
    /// The classes that were chosen, where not all are trained on.
    pub(crate) only: Option<String>,
    /// The epoch whose weights are the result, where these are the best ones.
    pub(crate) result: Option<usize>,
    /// Training and validation loss per epoch, for the closing words.
    losses: Vec<(f64, f64)>,
    /// The last training accuracy against that of guessing.
    learned: bool,
}

impl Report {
    pub(crate) fn new(style: Style, epochs: usize, classes: usize) -> Self {
        Report { style, epochs, classes, only: None, result: None, losses: vec![], learned: true }
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
        test: Option<Examples<'_>>,
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
        let [validation, test] = [validation, test].map(|part| part.map_or(0, |part| part.len()));
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
                    .with("classes", self.classes)
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
                        "{}: {} training, {} validation and {} test images of {} x {}, {} classes{}",
                        data.name,
                        thousands(train.len()),
                        thousands(validation),
                        thousands(test),
                        data.rows,
                        data.cols,
                        self.classes,
                        self.only.as_ref().map_or(String::new(), |only| format!(": {only}"))
                    ),
                    format!("network: {}, {} parameters", sizes.join("-"), thousands(network.parameters())),
                ]
            }
        }
    }

    /// After an epoch.
    pub(crate) fn epoch(&mut self, e: &Epoch) -> Vec<String> {
        let validation = e.validation.map(|v| (v.loss(), v.accuracy()));
        if let Some((loss, _)) = validation {
            self.losses.push((e.metrics.loss(), loss));
        }
        self.learned = e.metrics.accuracy() > 1.5 / self.classes as f64;
        match self.style {
            Style::Quiet => vec![],
            Style::Json => vec![epoch_line(e)],
            Style::Text => {
                let width = self.epochs.to_string().len();
                let mut line = format!(
                    "Epoch {:>width$}/{} - {:.3}s, training {} images/s - loss: {:.4} - accuracy: {:.4}",
                    e.epoch,
                    self.epochs,
                    e.seconds,
                    thousands(e.images_per_second() as usize),
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

    /// Where a resumed run goes on: the epoch, and how many of its steps are done.
    pub(crate) fn resumed(&self, (epoch, step, steps): (usize, usize, usize)) -> Vec<String> {
        match self.style {
            Style::Quiet => vec![],
            Style::Json => {
                vec![JsonLine::new().with("event", "resume").with("epoch", epoch).with("step", step).finish()]
            }
            Style::Text if epoch > self.epochs => vec!["resumed: all epochs are done".into()],
            Style::Text if (epoch, step) == (1, 0) => vec!["resumed: nothing is done yet".into()],
            Style::Text if step == 0 => vec![format!("resumed after epoch {}/{}", epoch - 1, self.epochs)],
            Style::Text => {
                vec![format!("resumed after step {step} of {steps} of epoch {epoch}/{}", self.epochs)]
            }
        }
    }

    /// What all epochs together say, in words.
    pub(crate) fn verdict(&self) -> Option<String> {
        match self.learned {
            true if self.result.is_some() => best_kept(&self.losses, self.epochs),
            true => verdict(&self.losses),
            false => Some("the network has hardly learned anything: try another --lr".into()),
        }
    }

    /// After the last epoch.
    pub(crate) fn end(&self, end: End<'_>) -> Vec<String> {
        let End { test, trained, sha256, seconds, saved, kept, wrote, same } = end;
        let interval = test.map(|test| test.accuracy_ci95());
        if self.style == Style::Json {
            let line = JsonLine::new()
                .with("event", "end")
                .with("test_loss", test.map(|test| test.loss()))
                .with("test_accuracy", test.map(|test| test.accuracy()))
                .with("test_accuracy_ci95", interval.map(|(low, high)| vec![low, high]))
                .with("weights_sha256", sha256)
                .with("seconds", seconds);
            let line = self.result.into_iter().fold(line, |line, epoch| line.with("epoch", epoch));
            let same = same.map(|path| path.to_string_lossy());
            return vec![
                same.into_iter().fold(line, |line, path| line.with("same_weights_as", path)).finish(),
            ];
        }
        let mut lines = vec![];
        if let (Some(test), Some((low, high))) = (test, interval) {
            lines.push(format!(
                "test accuracy {:.2} % (95 % interval {:.2} to {:.2}), test loss {:.4}{}",
                100.0 * test.accuracy(),
                100.0 * low,
                100.0 * high,
                test.loss(),
                trained.map_or(String::new(), |how| format!(", as trained, {how}"))
            ));
        }
        if self.style == Style::Text {
            lines.extend(self.verdict());
            if saved.is_none() && kept.is_none() {
                lines.push("the model was not kept; --save model.safetensors keeps it".into());
            }
            lines.extend(saved.map(|path| format!("saved {}", path.display())));
            lines.extend(kept);
            lines.extend(wrote);
        }
        lines.extend(same.map(|path| format!("the weights are those of {}, to the bit", path.display())));
        lines.push(format!("weights sha256 {sha256}"));
        lines
    }
}

/// The names of an epoch's figures, in the order in which they are written.
pub(crate) const FIGURES: [&str; 8] = [
    "epoch",
    "loss",
    "accuracy",
    "val_loss",
    "val_accuracy",
    "seconds",
    "train_seconds",
    "images_per_second",
];

/// An epoch's figures, in the order of [`FIGURES`]; null, where there is none or it is no finite number.
pub(crate) fn figures(e: &Epoch) -> [Value; 8] {
    let validation = e.validation;
    [
        e.epoch.into(),
        e.metrics.loss().into(),
        e.metrics.accuracy().into(),
        validation.map(|v| v.loss()).into(),
        validation.map(|v| v.accuracy()).into(),
        e.seconds.into(),
        e.train_seconds.into(),
        e.images_per_second().into(),
    ]
}

/// An epoch's line of JSON.
pub(crate) fn epoch_line(e: &Epoch) -> String {
    let line = JsonLine::new().with("event", "epoch");
    FIGURES.into_iter().zip(figures(e)).fold(line, |line, (name, value)| line.with(name, value)).finish()
}
