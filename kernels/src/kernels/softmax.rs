//! Softmax, cross-entropy, argmax: row by row.

use super::{Kernels, check_len, check_rows_are_contiguous, check_shape};
use crate::Error;
use crate::table::CrossEntropy;
use crate::view::{MatMut, MatRef};

impl Kernels {
    /// Softmax of each row: `y = e^(x - max) / sum`. X and Y have the same shape.
    ///
    /// A row that holds NaN or +inf, or only -inf, gives NaN throughout.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Stride`] where the rows of X are not contiguous.
    pub fn softmax(self, x: MatRef<'_>, y: MatMut<'_>) -> Result<(), Error> {
        check_shape("Y", y.shape(), x.shape())?;
        check_rows_are_contiguous("X", x)?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.softmax)(x, y) };
        Ok(())
    }

    /// Softmax and categorical cross-entropy of each row of logits, with their gradient in the same pass.
    ///
    /// Per row: `losses = ln(sum e^(x - max)) + (max - x[label])` in nats, `predictions` = the first column of the maximum
    /// ([`NO_CLASS`](crate::NO_CLASS) where the row holds a NaN), and, if it is given,
    /// `gradient = (softmax(x) - [column = label]) / batch`: the gradient of the batch's mean loss. `batch` is the
    /// size of the whole batch, also where the rows are only a part of it.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Length`] (also for an empty batch), [`Error::Label`]; [`Error::Stride`] where the rows
    /// of the logits are not contiguous.
    pub fn softmax_cross_entropy(
        self,
        logits: MatRef<'_>,
        labels: &[u32],
        batch: usize,
        gradient: Option<MatMut<'_>>,
        losses: &mut [f32],
        predictions: &mut [u32],
    ) -> Result<(), Error> {
        let (rows, classes) = logits.shape();
        if batch == 0 {
            return Err(Error::Length { what: "batch", expected: rows.max(1), found: 0 });
        }
        check_rows_are_contiguous("logits", logits)?;
        check_len("labels", labels.len(), rows)?;
        check_len("losses", losses.len(), rows)?;
        check_len("predictions", predictions.len(), rows)?;
        if let Some(gradient) = &gradient {
            check_shape("gradient", gradient.shape(), logits.shape())?;
        }
        if let Some(index) = labels.iter().position(|label| *label as usize >= classes) {
            return Err(Error::Label { index, label: labels[index], classes });
        }
        let call = CrossEntropy { logits, labels, batch: batch as f32, gradient, losses, predictions };
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.softmax_cross_entropy)(call) };
        Ok(())
    }

    /// The first column that holds each row's maximum; [`NO_CLASS`](crate::NO_CLASS) for a row that is empty or holds a NaN.
    ///
    /// # Errors
    /// [`Error::Length`]; [`Error::Stride`] where the rows of X are not contiguous.
    pub fn argmax(self, x: MatRef<'_>, to: &mut [u32]) -> Result<(), Error> {
        check_len("to", to.len(), x.rows())?;
        check_rows_are_contiguous("X", x)?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.argmax)(x, to) };
        Ok(())
    }
}
