//! The dense layer: forward, input gradient, weight gradient, bias gradient.

use super::{fma, optimizer, relu::relu_of, update};
use crate::table::{
    DenseForward, DenseInputGradient, DenseWeightGradient, DenseWeightUpdate, Step, UpdateRule,
};
use crate::view::MatRef;

/// `y[i][j]` starts at `bias[j]` and takes `x[i][k] w[k][j]` in increasing k.
pub(super) fn forward(call: DenseForward<'_>) {
    let DenseForward { x, w, bias, relu, mut y, .. } = call;
    for i in 0..y.rows() {
        let Some(row) = y.row_mut(i) else { continue };
        for (j, y) in row.iter_mut().enumerate() {
            let mut sum = bias[j];
            for k in 0..x.columns() {
                sum = fma(x.at(i, k), w.at(k, j), sum);
            }
            *y = if relu { relu_of(sum) } else { sum };
        }
    }
}

/// `dx[i][k]` starts at +0 and takes `delta[i][j] w[k][j]` in increasing j.
pub(super) fn input_gradient(call: DenseInputGradient<'_>) {
    let DenseInputGradient { delta, w, active, mut dx, .. } = call;
    for i in 0..dx.rows() {
        let Some(row) = dx.row_mut(i) else { continue };
        for (k, dx) in row.iter_mut().enumerate() {
            let mut sum = 0.0;
            for j in 0..delta.columns() {
                sum = fma(delta.at(i, j), w.at(k, j), sum);
            }
            let keep = active.is_none_or(|h| h.at(i, k) > 0.0);
            *dx = if keep { sum } else { 0.0 };
        }
    }
}

/// `dw[k][j]` starts at +0 and takes `x[i][k] delta[i][j]` in increasing i.
pub(super) fn weight_gradient(call: DenseWeightGradient<'_>) {
    let DenseWeightGradient { x, delta, mut dw, .. } = call;
    for k in 0..dw.rows() {
        let Some(row) = dw.row_mut(k) else { continue };
        for (j, dw) in row.iter_mut().enumerate() {
            *dw = weight_gradient_of(x, delta, k, j);
        }
    }
}

fn weight_gradient_of(x: MatRef<'_>, delta: MatRef<'_>, k: usize, j: usize) -> f32 {
    let mut sum = 0.0;
    for i in 0..x.rows() {
        sum = fma(x.at(i, k), delta.at(i, j), sum);
    }
    sum
}

/// The optimizer's step with the gradient of each weight.
pub(super) fn weight_update(call: DenseWeightUpdate<'_>) {
    let DenseWeightUpdate { x, delta, mut rule, mut w, .. } = call;
    for k in 0..w.rows() {
        let Some(row) = w.row_mut(k) else { continue };
        for (j, w) in row.iter_mut().enumerate() {
            let gradient = &[weight_gradient_of(x, delta, k, j)];
            let step = Step { w: core::slice::from_mut(w), gradient };
            match &mut rule {
                UpdateRule::Sgd(rule) => optimizer::sgd(*rule, step),
                UpdateRule::RmsProp(rule, v) => {
                    if let Some(v) = v.row_mut(k) {
                        optimizer::rmsprop(*rule, step, &mut v[j..=j]);
                    }
                }
                UpdateRule::Momentum(rule, m) => {
                    if let Some(m) = m.row_mut(k) {
                        optimizer::momentum(*rule, step, &mut m[j..=j]);
                    }
                }
                UpdateRule::Adam(rule, m, v) => {
                    if let (Some(m), Some(v)) = (m.row_mut(k), v.row_mut(k)) {
                        optimizer::adam(*rule, step, &mut m[j..=j], &mut v[j..=j]);
                    }
                }
                UpdateRule::Any(any) => update::element(any, (k, j), w, gradient[0]),
            }
        }
    }
}

/// `db[j]` is the plain sum of `delta[i][j]` in increasing i, from +0.
pub(super) fn bias_gradient(delta: MatRef<'_>, gradient: &mut [f32]) {
    for (j, db) in gradient.iter_mut().enumerate() {
        let mut sum = 0.0;
        for i in 0..delta.rows() {
            sum += delta.at(i, j);
        }
        *db = sum;
    }
}
