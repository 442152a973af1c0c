//! Softmax, its logarithm, and the cross-entropies.

use super::arguments::{
    self, check_pointer, matrix, matrix_mut, optional_matrix_mut, optional_slice_mut, slice, slice_mut,
};
use super::{MnfKernels, MnfStatus, guarded};
use crate::LabelSmoothing;

/// Softmax of each row: `y = e^(x - max) / sum`. X and Y are rows x columns. A row that holds NaN or +inf, or only -inf,
/// gives NaN throughout.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_softmax(
    kernels: *const MnfKernels,
    rows: usize,
    columns: usize,
    x: *const f32,
    x_ld: usize,
    y: *mut f32,
    y_ld: usize,
) -> MnfStatus {
    guarded(|| {
        // SAFETY: as the caller vouches.
        let (kernels, x, y) = unsafe {
            (
                arguments::kernels(kernels)?,
                matrix(x, rows, columns, x_ld)?,
                matrix_mut(y, rows, columns, y_ld)?,
            )
        };
        Ok(kernels.softmax(x, y)?)
    })
}

/// The logarithm of each row's softmax: `y = (x - max) - ln(sum e^(x - max))`, in nats. X and Y are rows x columns. -inf
/// gives -inf; a row that holds NaN or +inf, or only -inf, gives NaN throughout.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_log_softmax(
    kernels: *const MnfKernels,
    rows: usize,
    columns: usize,
    x: *const f32,
    x_ld: usize,
    y: *mut f32,
    y_ld: usize,
) -> MnfStatus {
    guarded(|| {
        // SAFETY: as the caller vouches.
        let (kernels, x, y) = unsafe {
            (
                arguments::kernels(kernels)?,
                matrix(x, rows, columns, x_ld)?,
                matrix_mut(y, rows, columns, y_ld)?,
            )
        };
        Ok(kernels.log_softmax(x, y)?)
    })
}

/// Softmax and categorical cross-entropy of each row of logits, rows x classes, with their gradient in the same pass.
///
/// `labels`, `losses` and `predictions` have `rows` elements. Per row: `losses = ln(sum e^(x - max)) + (max - x[label])` in
/// nats; `predictions` = the first column of the maximum, or `MNF_NO_CLASS` where the row holds a NaN; and, unless
/// `gradient` (rows x classes) is NULL, `gradient = (softmax(x) - [column = label]) / batch`: the gradient of the batch's
/// mean loss. `batch` is the size of the whole batch, also where the rows are only a part of it.
///
/// Errors: `MNF_STATUS_BATCH` where it is 0, `MNF_STATUS_LABEL` where a label is not below `classes`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_softmax_cross_entropy(
    kernels: *const MnfKernels,
    rows: usize,
    classes: usize,
    logits: *const f32,
    logits_ld: usize,
    labels: *const u32,
    batch: usize,
    gradient: *mut f32,
    gradient_ld: usize,
    losses: *mut f32,
    predictions: *mut u32,
) -> MnfStatus {
    guarded(|| {
        // SAFETY: as the caller vouches.
        unsafe {
            let logits = matrix(logits, rows, classes, logits_ld)?;
            let gradient = optional_matrix_mut(gradient, rows, classes, gradient_ld)?;
            let (labels, losses) = (slice(labels, rows)?, slice_mut(losses, rows)?);
            let predictions = slice_mut(predictions, rows)?;
            let kernels = arguments::kernels(kernels)?;
            Ok(kernels.softmax_cross_entropy(logits, labels, batch, gradient, losses, predictions)?)
        }
    })
}

/// `mnf_softmax_cross_entropy` with smoothed labels: each of the classes has a share of `smoothing / classes` in each label, and
/// the label itself `1 - smoothing` more, as in Keras and PyTorch. The bits of `mnf_softmax_cross_entropy_soft` with rows of
/// `mnf_smoothed_targets`, which are never stored.
///
/// Errors: `MNF_STATUS_VALUE` where `smoothing` is not from 0 (labels as they are) to 1; `MNF_STATUS_BATCH` where the batch is 0,
/// `MNF_STATUS_LABEL` where a label is not below `classes`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_softmax_cross_entropy_smoothed(
    kernels: *const MnfKernels,
    rows: usize,
    classes: usize,
    logits: *const f32,
    logits_ld: usize,
    labels: *const u32,
    smoothing: f64,
    batch: usize,
    gradient: *mut f32,
    gradient_ld: usize,
    losses: *mut f32,
    predictions: *mut u32,
) -> MnfStatus {
    guarded(|| {
        let smoothing = LabelSmoothing::new(smoothing).ok_or(MnfStatus::Value)?;
        // SAFETY: as the caller vouches.
        unsafe {
            let logits = matrix(logits, rows, classes, logits_ld)?;
            let gradient = optional_matrix_mut(gradient, rows, classes, gradient_ld)?;
            let (labels, losses) = ((slice(labels, rows)?, smoothing), slice_mut(losses, rows)?);
            let predictions = slice_mut(predictions, rows)?;
            let kernels = arguments::kernels(kernels)?;
            Ok(kernels.softmax_cross_entropy_smoothed(
                logits,
                labels,
                batch,
                gradient,
                losses,
                predictions,
            )?)
        }
    })
}

/// Sets `*on` and `*off` to what a row of `classes` smoothed targets holds at the label, `1 - smoothing + smoothing / classes`, and
/// elsewhere, `smoothing / classes`, each rounded once.
///
/// Errors: `MNF_STATUS_VALUE` where `smoothing` is not from 0 to 1, or `classes` is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_smoothed_targets(
    smoothing: f64,
    classes: usize,
    on: *mut f32,
    off: *mut f32,
) -> MnfStatus {
    guarded(|| {
        check_pointer(on)?;
        check_pointer(off)?;
        let smoothing = LabelSmoothing::new(smoothing).filter(|_| classes > 0).ok_or(MnfStatus::Value)?;
        let targets = smoothing.targets(classes);
        // SAFETY: neither null nor misaligned; the rest as the caller vouches.
        unsafe {
            on.write(targets.0);
            off.write(targets.1);
        }
        Ok(())
    })
}

/// `mnf_softmax_cross_entropy` with a distribution over the classes for each row instead of a label: `targets`, rows x
/// classes, is one-hot (the same bits as its labels), smoothed, or a mixture.
///
/// Per row: `losses = sum t (ln(sum e^(x - max)) + (max - x))` over the columns whose target t is not 0, and, unless
/// `gradient` is NULL, `gradient = (softmax(x) - t) / batch`, which is the loss' gradient where the targets of a row sum
/// to 1; that is not checked.
///
/// Errors: `MNF_STATUS_BATCH` where it is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_softmax_cross_entropy_soft(
    kernels: *const MnfKernels,
    rows: usize,
    classes: usize,
    logits: *const f32,
    logits_ld: usize,
    targets: *const f32,
    targets_ld: usize,
    batch: usize,
    gradient: *mut f32,
    gradient_ld: usize,
    losses: *mut f32,
    predictions: *mut u32,
) -> MnfStatus {
    guarded(|| {
        // SAFETY: as the caller vouches.
        unsafe {
            let logits = matrix(logits, rows, classes, logits_ld)?;
            let targets = matrix(targets, rows, classes, targets_ld)?;
            let gradient = optional_matrix_mut(gradient, rows, classes, gradient_ld)?;
            let (losses, predictions) = (slice_mut(losses, rows)?, slice_mut(predictions, rows)?);
            let kernels = arguments::kernels(kernels)?;
            Ok(kernels.softmax_cross_entropy_soft(logits, targets, batch, gradient, losses, predictions)?)
        }
    })
}

/// Binary cross-entropy of one logit z a sample, with its gradient in the same pass; `n` samples, whose targets t are 0 or
/// 1, or, smoothed, between.
///
/// Per sample: `losses = max(z, 0) - z t + ln(1 + e^-|z|)` in nats, and, unless `gradient` is NULL, `gradient =
/// (sigmoid(z) - t) / batch`: the gradient of the batch's mean loss. `batch` is the size of the whole batch, also where
/// the samples are only a part of it.
///
/// Errors: `MNF_STATUS_BATCH` where it is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_binary_cross_entropy(
    kernels: *const MnfKernels,
    n: usize,
    logits: *const f32,
    targets: *const f32,
    batch: usize,
    gradient: *mut f32,
    losses: *mut f32,
) -> MnfStatus {
    guarded(|| {
        // SAFETY: as the caller vouches.
        unsafe {
            let (logits, targets) = (slice(logits, n)?, slice(targets, n)?);
            let (gradient, losses) = (optional_slice_mut(gradient, n)?, slice_mut(losses, n)?);
            let kernels = arguments::kernels(kernels)?;
            Ok(kernels.binary_cross_entropy(logits, targets, batch, gradient, losses)?)
        }
    })
}
