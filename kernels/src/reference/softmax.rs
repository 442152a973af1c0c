//! Softmax and its logarithm, softmax with cross-entropy, argmax.

use super::{lanes, math};
use crate::table::{CrossEntropy, NO_CLASS};
use crate::view::{MatMut, MatRef};

/// `y = e^(x - max) / sum`, row by row.
pub(super) fn softmax(x: MatRef<'_>, mut y: MatMut<'_>) {
    for i in 0..x.rows() {
        if let (Some(row), Some(to)) = (x.row(i), y.row_mut(i)) {
            softmax_row(row, to);
        }
    }
}

fn softmax_row(row: &[f32], to: &mut [f32]) {
    let max = lanes::max(row);
    let sum = lanes::sum_of(row, |x| math::exp(x - max));
    for (x, p) in row.iter().zip(to) {
        *p = math::exp(x - max) / sum;
    }
}

/// Loss `ln(sum) + (max - x[label])`, gradient `(p - [j == label]) / batch`.
pub(super) fn softmax_cross_entropy(mut call: CrossEntropy<'_>) {
    for i in 0..call.logits.rows() {
        let Some(row) = call.logits.row(i) else { continue };
        let label = call.labels[i] as usize;
        let max = lanes::max(row);
        let sum = lanes::sum_of(row, |x| math::exp(x - max));
        call.losses[i] = math::ln(sum) + (max - row[label]);
        call.predictions[i] = argmax_of(row);
        if let Some(to) = call.gradient.as_mut().and_then(|g| g.row_mut(i)) {
            for (j, (x, d)) in row.iter().zip(to).enumerate() {
                let p = math::exp(x - max) / sum;
                *d = (if j == label { p - 1.0 } else { p }) / call.batch;
            }
        }
    }
}

/// `y = (x - max) - ln(sum)`, row by row.
pub(super) fn log_softmax(x: MatRef<'_>, mut y: MatMut<'_>) {
    for i in 0..x.rows() {
        let (Some(row), Some(to)) = (x.row(i), y.row_mut(i)) else { continue };
        let max = lanes::max(row);
        let ln_sum = math::ln(lanes::sum_of(row, |x| math::exp(x - max)));
        for (x, y) in row.iter().zip(to) {
            *y = (x - max) - ln_sum;
        }
    }
}

/// The first column of each row's maximum.
pub(super) fn argmax(x: MatRef<'_>, to: &mut [u32]) {
    for (i, class) in to.iter_mut().enumerate() {
        *class = x.row(i).map_or(NO_CLASS, argmax_of);
    }
}

pub(super) fn argmax_of(row: &[f32]) -> u32 {
    if row.iter().any(|x| x.is_nan()) {
        return NO_CLASS;
    }
    let mut best = 0;
    for (j, x) in row.iter().enumerate() {
        if *x > row[best] {
            best = j;
        }
    }
    if row.is_empty() { NO_CLASS } else { best as u32 }
}
