//! Softmax with cross-entropy where every class has a share in a row's target.

use super::softmax::argmax_of;
use super::{lanes, math};
use crate::table::{CrossEntropy, SmoothedF32, SoftCrossEntropy};

/// By a distribution over the classes for each row.
pub(super) fn soft_cross_entropy(mut call: SoftCrossEntropy<'_>) {
    for i in 0..call.logits.rows() {
        let (Some(row), Some(targets)) = (call.logits.row(i), call.targets.row(i)) else { continue };
        let gradient = call.gradient.as_mut().and_then(|g| g.row_mut(i));
        call.losses[i] = loss_and_gradient(row, |j| targets[j], call.batch, gradient);
        call.predictions[i] = argmax_of(row);
    }
}

/// By smoothed labels.
pub(super) fn smoothed_cross_entropy(mut call: CrossEntropy<'_>, smoothed: SmoothedF32) {
    for i in 0..call.logits.rows() {
        let Some(row) = call.logits.row(i) else { continue };
        let label = call.labels[i] as usize;
        let target = |j| if j == label { smoothed.on } else { smoothed.off };
        let gradient = call.gradient.as_mut().and_then(|g| g.row_mut(i));
        call.losses[i] = loss_and_gradient(row, target, call.batch, gradient);
        call.predictions[i] = argmax_of(row);
    }
}

/// Loss: the sum of `t (ln(sum) + (max - x))` over the columns whose target t is not zero; gradient `(p - t) / batch`.
fn loss_and_gradient(
    row: &[f32],
    target: impl Fn(usize) -> f32,
    batch: f32,
    gradient: Option<&mut [f32]>,
) -> f32 {
    let max = lanes::max(row);
    let sum = lanes::sum_of(row, |x| math::exp(x - max));
    for (j, (x, d)) in row.iter().zip(gradient.into_iter().flatten()).enumerate() {
        *d = (math::exp(x - max) / sum - target(j)) / batch;
    }
    let ln_sum = math::ln(sum);
    let term = |(j, x): (usize, &f32)| match target(j) {
        0.0 => 0.0,
        t => t * (ln_sum + (max - x)),
    };
    lanes::sum(row.iter().enumerate().map(term))
}
