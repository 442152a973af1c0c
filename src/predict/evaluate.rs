//! A network on labelled images.

use mnist_fast_kernels::{Kernels, LabelSmoothing, MatRef};

use super::Predictor;
use crate::error::{Error, Result};
use crate::metrics::Metrics;
use crate::optimizer::norms::Sums;
use crate::train::Examples;

/// What the loss of a training has beside the cross-entropy by the labels as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Objective {
    /// How labels are smoothed.
    pub smoothing: LabelSmoothing,
    /// The factor of the sum of squares of all weights, biases left out.
    pub l2: f64,
}

/// What a network says of labelled examples.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// Loss and accuracy, with the bits that training reports.
    pub metrics: Metrics,
    /// What their loss has in it.
    pub objective: Objective,
    /// Each example's cross-entropy by its label, in nats.
    pub losses: Vec<f32>,
    /// Each example's most probable class.
    pub classes: Vec<u32>,
    /// The probability of that class.
    pub probabilities: Vec<f32>,
}

impl Objective {
    /// In words; nothing where the loss is the cross-entropy.
    pub fn describe(&self) -> Option<String> {
        let rate = self.smoothing.rate();
        let smoothing = (rate > 0.0).then(|| format!("labels smoothed by {rate}"));
        let penalty = (self.l2 > 0.0).then(|| format!("a penalty of {} times the squared weights", self.l2));
        let parts: Vec<String> = smoothing.into_iter().chain(penalty).collect();
        (!parts.is_empty()).then(|| format!("with {}", parts.join(" and ")))
    }
}

impl Evaluation {
    /// The mean of the examples' cross-entropies.
    pub fn cross_entropy(&self) -> f64 {
        Metrics::of(&self.losses, &[], std::iter::empty()).loss()
    }
}

impl Predictor<'_> {
    /// Runs the network on all `examples`; their loss is the cross-entropy.
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
            objective: Objective::default(),
            losses: losses.to_vec(),
            classes: found.classes.to_vec(),
            probabilities: rows.zip(found.classes).map(|(row, class)| row[*class as usize]).collect(),
        })
    }

    /// The same, but their loss is that of a training with this objective: what it reports of these examples, and what Keras'
    /// `evaluate` says of a model that is compiled with it.
    ///
    /// # Errors
    /// As for [`Predictor::evaluate`].
    pub fn evaluate_as(&mut self, examples: Examples<'_>, objective: Objective) -> Result<Evaluation> {
        let mut evaluation = Evaluation { objective, ..self.evaluate(examples)? };
        let (kernels, network, count) = (self.prepared.kernels, self.network(), examples.len());
        if objective.smoothing.rate() > 0.0 {
            let logits = self.results.predicted(count)?.logits;
            let losses = smoothed(kernels, logits, examples.labels, objective.smoothing);
            evaluation.metrics.loss_sum = Metrics::of(&losses, &[], std::iter::empty()).loss_sum;
        }
        if objective.l2 > 0.0 {
            let squares = Sums::new(network).of_network(kernels, network);
            evaluation.metrics.loss_sum += objective.l2 * squares * count as f64;
        }
        Ok(evaluation)
    }
}

/// Each example's cross-entropy by its smoothed label.
fn smoothed(kernels: Kernels, logits: MatRef<'_>, labels: &[u8], smoothing: LabelSmoothing) -> Vec<f32> {
    let mut losses = vec![0.0; labels.len()];
    if logits.columns() == 1 {
        let (on, off) = smoothing.targets(2);
        let targets: Vec<f32> = labels.iter().map(|label| if *label == 1 { on } else { off }).collect();
        let logits: Vec<f32> = (0..labels.len()).filter_map(|i| logits.get(i, 0)).collect();
        kernels.binary_cross_entropy(&logits, &targets, 1, None, &mut losses)
    } else {
        let labels: Vec<u32> = labels.iter().map(|label| u32::from(*label)).collect();
        let mut predictions = vec![0; labels.len()];
        let labels = (&labels[..], smoothing);
        kernels.softmax_cross_entropy_smoothed(logits, labels, 1, None, &mut losses, &mut predictions)
    }
    .expect("a logit and a label for each loss");
    losses
}
