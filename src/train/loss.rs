//! Losses, predictions and the logits' gradient of some rows.

use std::ops::Range;

use mnist_fast_kernels::{Kernels, LabelSmoothing, MatMut, MatRef, NO_CLASS};

use super::activations::rows_of;
use crate::loss::Loss;
use crate::shared::{SharedBuffer, SharedMatrix};

/// What a loss wants beside logits and integer labels, each a row for an image.
pub(super) enum Target {
    /// Nothing.
    Labels,
    /// One-hot vectors.
    OneHot(SharedMatrix),
    /// One after another what lies in the matrices a cache line apart.
    Binary(Binary),
}

/// Room for one logit an image.
pub(super) struct Binary {
    logits: SharedBuffer<f32>,
    probabilities: SharedBuffer<f32>,
    targets: SharedBuffer<f32>,
    gradient: SharedBuffer<f32>,
}

/// Some rows of what there is and what is wanted.
pub(super) struct Call<'a> {
    pub(super) logits: MatRef<'a>,
    pub(super) labels: &'a [u32],
    pub(super) smoothing: LabelSmoothing,
    /// The size of the whole batch.
    pub(super) batch: usize,
    pub(super) gradient: Option<MatMut<'a>>,
    pub(super) losses: &'a mut [f32],
    pub(super) predictions: &'a mut [u32],
}

impl Target {
    /// Room for `rows` images of a network with `outputs`.
    pub(super) fn new(loss: Loss, rows: usize, outputs: usize) -> Self {
        match loss {
            Loss::SparseCategorical => Target::Labels,
            Loss::Categorical => Target::OneHot(SharedMatrix::new(rows, outputs)),
            Loss::Binary => {
                let [logits, probabilities, targets, gradient] = [(); 4].map(|()| SharedBuffer::new(rows));
                Target::Binary(Binary { logits, probabilities, targets, gradient })
            }
        }
    }

    /// Computes `call`, which is about `rows`.
    ///
    /// # Safety
    /// No other reference to these rows of this room lives.
    pub(super) unsafe fn loss(&self, kernels: Kernels, rows: &Range<usize>, call: Call<'_>) {
        match self {
            Target::Labels => {
                let Call { logits, labels, smoothing, batch, gradient, losses, predictions } = call;
                if smoothing.rate() == 0.0 {
                    kernels.softmax_cross_entropy(logits, labels, batch, gradient, losses, predictions)
                } else {
                    let labels = (labels, smoothing);
                    kernels.softmax_cross_entropy_smoothed(
                        logits,
                        labels,
                        batch,
                        gradient,
                        losses,
                        predictions,
                    )
                }
            }
            Target::OneHot(room) => {
                let Call { logits, labels, smoothing, batch, gradient, losses, predictions } = call;
                let (on, off) = smoothing.targets(logits.columns());
                // SAFETY: as the caller vouches.
                let mut targets = unsafe { room.write(rows.clone(), 0..room.columns()) };
                for (i, label) in labels.iter().enumerate() {
                    let row = targets.row_mut(i).expect("a row for each label");
                    row.fill(off);
                    row[*label as usize] = on;
                }
                let targets = rows_of(room, rows);
                kernels.softmax_cross_entropy_soft(logits, targets, batch, gradient, losses, predictions)
            }
            // SAFETY: as the caller vouches.
            Target::Binary(room) => unsafe { room.loss(kernels, rows, call) },
        }
        .expect("labels were checked when the dataset was opened");
    }
}

impl Binary {
    /// As [`Target::loss`]: the second class is predicted where its probability is above one half, as in Keras.
    ///
    /// # Safety
    /// As for [`Target::loss`].
    unsafe fn loss(
        &self,
        kernels: Kernels,
        rows: &Range<usize>,
        call: Call<'_>,
    ) -> Result<(), mnist_fast_kernels::Error> {
        // SAFETY: as the caller vouches.
        let [logits, probabilities, targets, gradient] = unsafe {
            [&self.logits, &self.probabilities, &self.targets, &self.gradient]
                .map(|buffer| buffer.write(rows.clone()))
        };
        let (on, off) = call.smoothing.targets(2);
        for (i, label) in call.labels.iter().enumerate() {
            logits[i] = call.logits.row(i).expect("a logit for each label")[0];
            targets[i] = if *label == 1 { on } else { off };
        }
        probabilities.copy_from_slice(logits);
        kernels.sigmoid(probabilities);
        for (class, p) in call.predictions.iter_mut().zip(&*probabilities) {
            *class = if p.is_nan() { NO_CLASS } else { u32::from(*p > 0.5) };
        }
        let Some(mut to) = call.gradient else {
            return kernels.binary_cross_entropy(logits, targets, call.batch, None, call.losses);
        };
        kernels.binary_cross_entropy(logits, targets, call.batch, Some(gradient), call.losses)?;
        for (i, gradient) in gradient.iter().enumerate() {
            to.row_mut(i).expect("a gradient for each label")[0] = *gradient;
        }
        Ok(())
    }
}
