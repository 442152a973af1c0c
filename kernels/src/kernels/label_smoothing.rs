//! Label smoothing: cross-entropy against integer labels that leave the other classes a share.

use super::Kernels;
use super::softmax::checked;
use crate::Error;
use crate::table::SmoothedF32;
use crate::view::{MatMut, MatRef};

/// How much of each label all classes share.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LabelSmoothing {
    rate: f64,
}

impl LabelSmoothing {
    /// A rate s from 0 (labels as they are) to 1; nothing for another one.
    ///
    /// ```
    /// use mnist_fast_kernels::LabelSmoothing;
    ///
    /// assert!(LabelSmoothing::new(0.1).is_some());
    /// assert!(LabelSmoothing::new(1.1).is_none());
    /// ```
    pub fn new(rate: f64) -> Option<Self> {
        (0.0..=1.0).contains(&rate).then_some(LabelSmoothing { rate })
    }

    /// The share.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// What a row of `classes` columns should be where the label is, `1 - s + s / classes`, and elsewhere, `s / classes`,
    /// each rounded once to f32: Keras' `y (1 - s) + s / classes`. (Keras' binary cross-entropy smooths as for 2 classes.)
    ///
    /// ```
    /// let smoothing = mnist_fast_kernels::LabelSmoothing::new(0.5).expect("a share");
    /// assert_eq!(smoothing.targets(4), (0.625, 0.125));
    /// assert_eq!(smoothing.targets(2), (0.75, 0.25));
    /// ```
    pub fn targets(&self, classes: usize) -> (f32, f32) {
        let share = self.rate / classes as f64;
        (((1.0 - self.rate) + share) as f32, share as f32)
    }
}

impl Kernels {
    /// [`Kernels::softmax_cross_entropy`] with smoothed labels (Szegedy and others, "Rethinking the Inception architecture for
    /// computer vision", 2016): the bits of [`Kernels::softmax_cross_entropy_soft`] with rows of
    /// [`LabelSmoothing::targets`], which are never stored. Keras' `CategoricalCrossentropy(from_logits=True,
    /// label_smoothing=s)` of one-hot rows; PyTorch's `CrossEntropyLoss(label_smoothing=s)` is the same function.
    ///
    /// NaN and infinities are as there: where the rate is above 0 a logit of -inf beside a number gives a loss of +inf.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Length`] (also for an empty batch), [`Error::Label`]; [`Error::Stride`] where the rows
    /// of the logits are not contiguous.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, LabelSmoothing, MatMut, MatRef};
    ///
    /// let logits = MatRef::new(&[0.0, 0.0], 1, 2)?;
    /// let smoothing = LabelSmoothing::new(0.5).expect("a share");
    /// let (mut delta, mut loss, mut class) = ([0.0; 2], [0.0f32], [0]);
    /// let gradient = Some(MatMut::new(&mut delta, 1, 2)?);
    /// let labels = (&[0][..], smoothing);
    /// Kernels::best().softmax_cross_entropy_smoothed(logits, labels, 1, gradient, &mut loss, &mut class)?;
    /// assert!((loss[0] - 0.6931472).abs() < 1e-6); // ln 2
    /// assert_eq!(delta, [-0.25, 0.25]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn softmax_cross_entropy_smoothed(
        self,
        logits: MatRef<'_>,
        (labels, smoothing): (&[u32], LabelSmoothing),
        batch: usize,
        gradient: Option<MatMut<'_>>,
        losses: &mut [f32],
        predictions: &mut [u32],
    ) -> Result<(), Error> {
        let call = checked(logits, labels, batch, gradient, losses, predictions)?;
        let (on, off) = smoothing.targets(logits.columns());
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.smoothed_cross_entropy)(call, SmoothedF32 { on, off }) };
        Ok(())
    }
}
