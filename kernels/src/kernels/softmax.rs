//! Softmax and its logarithm, cross-entropy, argmax: row by row.

use super::{Kernels, check_len, check_rows_are_contiguous, check_shape};
use crate::Error;
use crate::table::{BinaryCrossEntropy, CrossEntropy, SoftCrossEntropy};
use crate::view::{MatMut, MatRef};

fn check_batch(batch: usize, rows: usize) -> Result<(), Error> {
    if batch > 0 { Ok(()) } else { Err(Error::Length { what: "batch", expected: rows.max(1), found: 0 }) }
}

/// A cross-entropy by labels whose arguments fit each other.
pub(super) fn checked<'a>(
    logits: MatRef<'a>,
    labels: &'a [u32],
    batch: usize,
    gradient: Option<MatMut<'a>>,
    losses: &'a mut [f32],
    predictions: &'a mut [u32],
) -> Result<CrossEntropy<'a>, Error> {
    let (rows, classes) = logits.shape();
    check_batch(batch, rows)?;
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
    Ok(CrossEntropy { logits, labels, batch: batch as f32, gradient, losses, predictions })
}

impl Kernels {
    /// Softmax of each row: `y = e^(x - max) / sum`. X and Y have the same shape. The exponentials are [`Kernels::exp`]'s, the
    /// sum is in the 16 lanes of [`Kernels::row_sum`]. (Blanchard, Higham and Higham, "Accurately computing the log-sum-exp and
    /// softmax functions", 2021, is about the shift by the maximum.)
    ///
    /// The relative error stays below `4e-7 + (max - x) 2^-23`, tested up to 33 columns, where the result is not
    /// denormal; where `max - x` is above 87.33655 it is +0. A row that holds NaN or +inf, or only -inf, gives NaN throughout; -inf beside a
    /// number gives +0.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Stride`] where the rows of X are not contiguous.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatMut, MatRef};
    ///
    /// let mut p = [f32::NAN; 4];
    /// let logits = MatRef::new(&[1.0, 1.0, 0.0, 1000.0], 2, 2)?;
    /// Kernels::best().softmax(logits, MatMut::new(&mut p, 2, 2)?)?;
    /// assert_eq!(p, [0.5, 0.5, 0.0, 1.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn softmax(self, x: MatRef<'_>, y: MatMut<'_>) -> Result<(), Error> {
        check_shape("Y", y.shape(), x.shape())?;
        check_rows_are_contiguous("X", x)?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.softmax)(x, y) };
        Ok(())
    }

    /// The logarithm of each row's softmax: `y = (x - max) - ln(sum e^(x - max))`, in nats. X and Y have the same
    /// shape.
    ///
    /// Small probabilities keep their digits, and none becomes ln 0: the error stays below `2^-22 (1 + |y|)`, tested up
    /// to 1000 columns. -inf gives -inf; a row that holds NaN or +inf, or only -inf, gives NaN throughout.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Stride`] where the rows of X are not contiguous.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatMut, MatRef};
    ///
    /// let mut y = [0.0; 2];
    /// let x = MatRef::new(&[0.0, 1000.0], 1, 2)?;
    /// Kernels::best().log_softmax(x, MatMut::new(&mut y, 1, 2)?)?;
    /// assert_eq!(y, [-1000.0, 0.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn log_softmax(self, x: MatRef<'_>, y: MatMut<'_>) -> Result<(), Error> {
        check_shape("Y", y.shape(), x.shape())?;
        check_rows_are_contiguous("X", x)?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.log_softmax)(x, y) };
        Ok(())
    }

    /// Softmax and categorical cross-entropy of each row of logits, with their gradient in the same pass: Keras'
    /// `SparseCategoricalCrossentropy(from_logits=True)`, PyTorch's `CrossEntropyLoss`.
    ///
    /// Per row: `losses = ln(sum e^(x - max)) + (max - x[label])` in nats, `predictions` = the first column of the maximum
    /// ([`NO_CLASS`](crate::NO_CLASS) where the row holds a NaN), and, if it is given,
    /// `gradient = (softmax(x) - [column = label]) / batch`: the gradient of the batch's mean loss. `batch` is the
    /// size of the whole batch, also where the rows are only a part of it. `gradient` has the shape of the logits; `labels`,
    /// `losses` and `predictions` have an element for each row.
    ///
    /// The loss errs by at most `4e-7` of itself and `2e-7`, tested up to 33 columns; it is finite wherever `max -
    /// x[label]` is, because it is no ln of a rounded probability. A row that holds NaN or +inf, or only -inf, gives
    /// a NaN loss and gradient; a label whose logit is -inf beside a number gives a loss of +inf.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Length`] (also for an empty batch), [`Error::Label`]; [`Error::Stride`] where the rows
    /// of the logits are not contiguous.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatMut, MatRef};
    ///
    /// let logits = MatRef::new(&[0.0, 0.0, 0.0, 1000.0], 2, 2)?;
    /// let (mut delta, mut losses, mut classes) = ([0.0; 4], [0.0f32; 2], [0; 2]);
    /// let gradient = Some(MatMut::new(&mut delta, 2, 2)?);
    /// Kernels::best().softmax_cross_entropy(logits, &[1, 0], 2, gradient, &mut losses, &mut classes)?;
    /// assert!((losses[0] - 0.6931472).abs() < 1e-6); // ln 2
    /// assert_eq!((losses[1], classes), (1000.0, [0, 1]));
    /// assert_eq!(delta, [0.25, -0.25, -0.5, 0.5]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn softmax_cross_entropy(
        self,
        logits: MatRef<'_>,
        labels: &[u32],
        batch: usize,
        gradient: Option<MatMut<'_>>,
        losses: &mut [f32],
        predictions: &mut [u32],
    ) -> Result<(), Error> {
        let call = checked(logits, labels, batch, gradient, losses, predictions)?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.softmax_cross_entropy)(call) };
        Ok(())
    }

    /// [`Kernels::softmax_cross_entropy`] with a distribution over the classes for each row instead of a label: one-hot
    /// rows (which give the same bits as their labels), smoothed ones (Szegedy and others, "Rethinking the Inception
    /// architecture for computer vision", 2016), or mixtures. Keras' `CategoricalCrossentropy(from_logits=True)`.
    ///
    /// Per row: `losses = sum t (ln(sum e^(x - max)) + (max - x))` in nats over the columns whose target `t` is not
    /// zero (so that a logit of -inf costs nothing there), `predictions` = the first column of the logits' maximum
    /// ([`NO_CLASS`](crate::NO_CLASS) where the row holds a NaN), and, if it is given, `gradient = (softmax(x) - t) /
    /// batch`. It is the loss' gradient where the targets of a row sum to 1, which is not checked (as in TensorFlow).
    /// `targets` and `gradient` have the shape of the logits; `batch` is the size of the whole batch. A row of logits
    /// that holds NaN or +inf, or only -inf, gives a NaN loss and gradient; a NaN target makes its row's loss and its
    /// element's gradient NaN.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Length`] (also for an empty batch); [`Error::Stride`] where the rows of the logits or
    /// the targets are not contiguous.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatMut, MatRef};
    ///
    /// let logits = MatRef::new(&[0.0, 0.0], 1, 2)?;
    /// let smoothed = MatRef::new(&[0.75, 0.25], 1, 2)?;
    /// let (mut delta, mut loss, mut class) = ([0.0; 2], [0.0f32], [0]);
    /// let gradient = Some(MatMut::new(&mut delta, 1, 2)?);
    /// Kernels::best().softmax_cross_entropy_soft(logits, smoothed, 1, gradient, &mut loss, &mut class)?;
    /// assert!((loss[0] - 0.6931472).abs() < 1e-6); // ln 2
    /// assert_eq!(delta, [-0.25, 0.25]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn softmax_cross_entropy_soft(
        self,
        logits: MatRef<'_>,
        targets: MatRef<'_>,
        batch: usize,
        gradient: Option<MatMut<'_>>,
        losses: &mut [f32],
        predictions: &mut [u32],
    ) -> Result<(), Error> {
        let rows = logits.rows();
        check_batch(batch, rows)?;
        check_shape("targets", targets.shape(), logits.shape())?;
        check_rows_are_contiguous("logits", logits)?;
        check_rows_are_contiguous("targets", targets)?;
        check_len("losses", losses.len(), rows)?;
        check_len("predictions", predictions.len(), rows)?;
        if let Some(gradient) = &gradient {
            check_shape("gradient", gradient.shape(), logits.shape())?;
        }
        let call = SoftCrossEntropy { logits, targets, batch: batch as f32, gradient, losses, predictions };
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.soft_cross_entropy)(call) };
        Ok(())
    }

    /// Binary cross-entropy of one logit z a sample, for a network that ends in a logistic function, with its gradient
    /// in the same pass. `targets` are 0 or 1, or, smoothed, between.
    ///
    /// Per sample: `losses = max(z, 0) - z t + ln(1 + e^-|z|)` in nats, where neither the exponential overflows nor the
    /// logarithm loses the digits of a small e (1 + e is corrected by what its rounding lost, as in GNU GSL's `log1p`):
    /// within 3 ULP for targets of 0 and 1. If it is given, `gradient = (sigmoid(z) - t) / batch`, the gradient of the
    /// batch's mean loss, with the bits of [`Kernels::sigmoid`]. `batch` is the size of the whole batch, also where the
    /// slices are only a part of it. NaN passes; an infinite logit gives a loss of NaN or +inf.
    ///
    /// # Errors
    /// [`Error::Length`] (also for an empty batch).
    ///
    /// ```
    /// let (mut delta, mut losses) = ([0.0; 2], [0.0f32; 2]);
    /// let kernels = mnist_fast_kernels::Kernels::best();
    /// kernels.binary_cross_entropy(&[0.0, 100.0], &[1.0, 0.0], 2, Some(&mut delta), &mut losses)?;
    /// assert!((losses[0] - 0.6931472).abs() < 1e-6); // ln 2
    /// assert_eq!((losses[1], delta), (100.0, [-0.25, 0.5]));
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn binary_cross_entropy(
        self,
        logits: &[f32],
        targets: &[f32],
        batch: usize,
        gradient: Option<&mut [f32]>,
        losses: &mut [f32],
    ) -> Result<(), Error> {
        let rows = logits.len();
        check_batch(batch, rows)?;
        check_len("targets", targets.len(), rows)?;
        check_len("losses", losses.len(), rows)?;
        if let Some(gradient) = &gradient {
            check_len("gradient", gradient.len(), rows)?;
        }
        let call = BinaryCrossEntropy { logits, targets, batch: batch as f32, gradient, losses };
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.binary_cross_entropy)(call) };
        Ok(())
    }

    /// The first column that holds each row's maximum; [`NO_CLASS`](crate::NO_CLASS) for a row that is empty or holds a
    /// NaN. `to` has an element for each row. Exact; zeros of both signs are equal, and a row of -inf gives column 0.
    ///
    /// # Errors
    /// [`Error::Length`]; [`Error::Stride`] where the rows of X are not contiguous.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatRef, NO_CLASS};
    ///
    /// let mut classes = [0; 2];
    /// let x = MatRef::new(&[0.0, 7.0, 7.0, 1.0, f32::NAN, 0.0], 2, 3)?;
    /// Kernels::best().argmax(x, &mut classes)?;
    /// assert_eq!(classes, [1, NO_CLASS]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn argmax(self, x: MatRef<'_>, to: &mut [u32]) -> Result<(), Error> {
        check_len("to", to.len(), x.rows())?;
        check_rows_are_contiguous("X", x)?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.argmax)(x, to) };
        Ok(())
    }
}
