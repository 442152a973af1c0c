//! A network on labelled images.

use super::Predictor;
use crate::error::{Error, Result};
use crate::metrics::Metrics;
use crate::train::Examples;

/// What a network says of labelled examples.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// Loss and accuracy, with the bits that training reports.
    pub metrics: Metrics,
    /// Each example's cross-entropy, in nats.
    pub losses: Vec<f32>,
    /// Each example's most probable class.
    pub classes: Vec<u32>,
    /// The probability of that class.
    pub probabilities: Vec<f32>,
}

impl Predictor<'_> {
    /// Runs the network on all `examples`.
    ///
    /// # Errors
    /// As for [`Predictor::all`]; where there is not one image per label, or a label is none of the network's classes.
    pub fn evaluate(&mut self, examples: Examples<'_>) -> Result<Evaluation> {
        let (inputs, classes) = (self.network().inputs(), self.network().classes());
        let Examples { images, labels } = examples;
        if labels.len().checked_mul(inputs) != Some(images.len()) {
            return Err(Error::failed(format!(
                "{} bytes and {} labels are not images of {inputs} pixels with a label each",
                images.len(),
                labels.len()
            )));
        }
        if let Some(i) = labels.iter().position(|label| usize::from(*label) >= classes) {
            return Err(Error::failed(format!(
                "label {i} is {}, but the network has {classes} classes, from 0",
                labels[i]
            )));
        }
        self.run(images, Some(labels))?;
        let found = self.results.predicted(labels.len())?;
        let losses = self.results.losses(labels.len());
        let rows = found.probabilities.chunks_exact(classes);
        Ok(Evaluation {
            metrics: Metrics::of(losses, found.classes, labels.iter().map(|label| u32::from(*label))),
            losses: losses.to_vec(),
            classes: found.classes.to_vec(),
            probabilities: rows.zip(found.classes).map(|(row, class)| row[*class as usize]).collect(),
        })
    }
}
