//! Dropout of the outputs of hidden layers in a batch, as in Keras: an output becomes 0 with the layer's rate, else it is
//! divided by what is left of 1; evaluation uses them as they are.
//!
//! Which ones is a function of seed, epoch, step, layer, the image's place in the batch and the column: threads and the
//! way images are shared out do not matter, and going back the same elements are found again without a stored mask.

use std::ops::Range;

use mnist_fast_kernels::{Dropout, Kernels, MatMut, MatRef};

use super::activations::rows_of;
use crate::activation::Activation;
use crate::random;
use crate::shared::SharedMatrix;

/// Dropout after one layer.
pub(super) struct Dropped {
    rule: Dropout,
    /// The layer's outputs as they were, where the activation's gradient wants them.
    whole: Option<SharedMatrix>,
}

/// The step of an epoch, and the epoch.
pub(super) type Moment = [u32; 2];

impl Dropped {
    /// After layer `layer` of `width` outputs, for batches of `rows`; nothing for a rate of 0. The rate is below 1.
    pub(super) fn new(
        rate: f64,
        (seed, layer): (u64, usize),
        activation: Activation,
        (rows, width): (usize, usize),
    ) -> Option<Self> {
        let rule = Dropout::new(rate, random::dropout_key(seed, layer as u64)).filter(|_| rate > 0.0)?;
        let whole = (!activation.gradient_is_by_sign()).then(|| SharedMatrix::new(rows, width));
        Some(Dropped { rule, whole })
    }

    /// Drops some of the layer's outputs in `rows`, which `outputs` has.
    ///
    /// # Safety
    /// No other reference to these rows of `outputs` and of this room lives.
    pub(super) unsafe fn forward(
        &self,
        kernels: Kernels,
        outputs: &SharedMatrix,
        rows: &Range<usize>,
        moment: Moment,
    ) {
        let columns = 0..outputs.columns();
        // SAFETY: as the caller vouches.
        let mut y = unsafe { outputs.write(rows.clone(), columns.clone()) };
        if let Some(whole) = &self.whole {
            // SAFETY: as the caller vouches.
            let mut copy = unsafe { whole.write(rows.clone(), columns) };
            for i in 0..y.rows() {
                let (to, from) = (copy.row_mut(i).expect("as many rows"), y.row_mut(i).expect("its own row"));
                to.copy_from_slice(from);
            }
        }
        self.apply(kernels, y, rows, moment);
    }

    /// Takes `delta` of `rows` back through what was dropped: from what the next layer saw to what this one gave.
    pub(super) fn apply(&self, kernels: Kernels, mut delta: MatMut<'_>, rows: &Range<usize>, moment: Moment) {
        let [step, epoch] = moment;
        for (i, row) in rows.clone().enumerate() {
            let delta = delta.row_mut(i).expect("a row for each image");
            kernels.dropout(&self.rule, [row as u32, step, epoch], delta);
        }
    }

    /// What the activation's gradient is to look at.
    pub(super) fn outputs<'a>(&'a self, dropped: &'a SharedMatrix, rows: &Range<usize>) -> MatRef<'a> {
        rows_of(self.whole.as_ref().unwrap_or(dropped), rows)
    }
}
