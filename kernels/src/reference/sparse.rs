//! Sparse products, updates and compression as plain loops.

use super::fma;
use super::optimizer;
use super::relu::relu_of;
use super::update;
use crate::Sparse;
use crate::any_update::AnyUpdate;
use crate::gemm::{Finish, Start};
use crate::table::{
    OptimizerF32, RmsPropF32, RuleF32, Spmm, SpmmUpdate, Step, TransposeBytes, TransposedForward, UpdateRule,
};
use crate::view::{MatMut, MatRef};

/// Element `(i, k)`; in CSR form zero where it is not stored.
fn element(s: Sparse<'_>, i: usize, k: usize) -> f32 {
    match s {
        Sparse::Csr(x) => {
            let (indices, values) = x.row(i).unwrap_or((&[], &[]));
            indices.iter().position(|index| *index as usize == k).map_or(0.0, |at| values[at])
        }
        Sparse::Bytes(x) => x.row(i).map_or(0.0, |row| f32::from(row[k]) / 255.0),
        Sparse::Floats(x) => x.at(i, k),
    }
}

/// `sum` and the terms `s[i][k] d[k][j]` in increasing k, where `s[i][k]` is not zero.
fn chain(s: Sparse<'_>, d: MatRef<'_>, i: usize, j: usize, sum: f32) -> f32 {
    if let Sparse::Csr(x) = s {
        let (indices, values) = x.row(i).unwrap_or((&[], &[]));
        return indices.iter().zip(values).fold(sum, |sum, (k, x)| fma(*x, d.at(*k as usize, j), sum));
    }
    (0..d.rows()).fold(sum, |sum, k| {
        let x = element(s, i, k);
        if x == 0.0 { sum } else { fma(x, d.at(k, j), sum) }
    })
}

/// `c[i][j]` takes `s[i][k] d[k][j]` in increasing k, for the k where S is not zero.
pub(super) fn spmm(call: Spmm<'_>) {
    let Spmm { s, d, start, finish, mut c } = call;
    for i in 0..c.rows() {
        let Some(row) = c.row_mut(i) else { continue };
        for (j, c) in row.iter_mut().enumerate() {
            let sum = match start {
                Start::Bias(bias) => bias[j],
                Start::Beta(0.0) => 0.0,
                Start::Beta(beta) => beta * *c,
            };
            let sum = chain(s, d, i, j, sum);
            *c = match finish {
                Finish::Store => sum,
                Finish::Relu => relu_of(sum),
                Finish::WherePositive(h) if h.at(i, j) > 0.0 => sum,
                Finish::WherePositive(_) => 0.0,
                Finish::Update(_) => unreachable!("an update is a call of its own"),
            };
        }
    }
}

/// `y[i][j]` starts at the bias and takes `x[i][k] w[k][j]` in increasing k; X is turned over.
pub(super) fn dense_forward_transposed(call: TransposedForward<'_>) {
    let TransposedForward { x_transposed, w, bias, relu, mut y } = call;
    for i in 0..y.rows() {
        let Some(row) = y.row_mut(i) else { continue };
        for (j, y) in row.iter_mut().enumerate() {
            let sum = (0..w.rows()).fold(bias[j], |sum, k| {
                let x = element(x_transposed.into(), k, i);
                if x == 0.0 { sum } else { fma(x, w.at(k, j), sum) }
            });
            *y = if relu { relu_of(sum) } else { sum };
        }
    }
}

/// The optimizer's step with the gradient of each weight; a row without nonzeros may owe its state a step.
pub(super) fn spmm_update(call: SpmmUpdate<'_>) {
    let SpmmUpdate { s, d, mut rule, mut deferred, mut w } = call;
    for i in 0..w.rows() {
        let is_empty = (0..d.rows()).all(|k| element(s, i, k) == 0.0);
        if is_empty && matches!(rule, UpdateRule::Sgd(_)) {
            continue;
        }
        if let Some(deferred) = &mut deferred {
            if is_empty {
                deferred[i] = deferred[i].saturating_add(1);
                continue;
            }
            let owed = core::mem::take(&mut deferred[i]);
            decay_row(&mut rule, owed, i);
        }
        let Some(row) = w.row_mut(i) else { continue };
        for (j, w) in row.iter_mut().enumerate() {
            let gradient = &[chain(s, d, i, j, 0.0)];
            let step = Step { w: core::slice::from_mut(w), gradient };
            match &mut rule {
                UpdateRule::Sgd(rule) => optimizer::sgd(*rule, step),
                UpdateRule::RmsProp(rule, v) => {
                    if let Some(v) = v.row_mut(i) {
                        optimizer::rmsprop(*rule, step, &mut v[j..=j]);
                    }
                }
                UpdateRule::Momentum(rule, m) => {
                    if let Some(m) = m.row_mut(i) {
                        optimizer::momentum(*rule, step, &mut m[j..=j]);
                    }
                }
                UpdateRule::Adam(rule, m, v) => {
                    if let (Some(m), Some(v)) = (m.row_mut(i), v.row_mut(i)) {
                        optimizer::adam(*rule, step, &mut m[j..=j], &mut v[j..=j]);
                    }
                }
                UpdateRule::Any(any) => update::element(any, (i, j), w, gradient[0]),
            }
        }
    }
}

/// Steps whose gradient is zero, on a row of the state of an RMSprop that may defer them.
fn decay_row(rule: &mut UpdateRule<'_>, times: u32, i: usize) {
    let (rule, v) = match rule {
        UpdateRule::RmsProp(rule, v) => (*rule, Some(v)),
        UpdateRule::Any(AnyUpdate {
            rule: RuleF32 { optimizer: OptimizerF32::RmsProp(rule), .. },
            states,
            ..
        }) => (*rule, states[0].as_mut()),
        _ => return,
    };
    if let Some(v) = v.and_then(|v| v.row_mut(i)) {
        rmsprop_decay(rule, times, v);
    }
}

/// Steps whose gradient is zero, on the state alone.
pub(super) fn rmsprop_decay(rule: RmsPropF32, times: u32, v: &mut [f32]) {
    for v in v {
        for _ in 0..times {
            let mut w = 0.0;
            let step = Step { w: core::slice::from_mut(&mut w), gradient: &[0.0] };
            optimizer::rmsprop(rule, step, core::slice::from_mut(v));
        }
    }
}

/// The elements that are not zero, and where they stand.
pub(super) fn compress(x: &[f32], indices: &mut [u32], values: &mut [f32]) -> usize {
    let mut count = 0;
    for (i, x) in x.iter().enumerate().filter(|(_, x)| **x != 0.0) {
        (indices[count], values[count]) = (i as u32, *x);
        count += 1;
    }
    count
}

/// The bytes that are not zero, as unit floats.
pub(super) fn compress_u8(bytes: &[u8], indices: &mut [u32], values: &mut [f32]) -> usize {
    let mut count = 0;
    for (i, byte) in bytes.iter().enumerate().filter(|(_, byte)| **byte != 0) {
        (indices[count], values[count]) = (i as u32, f32::from(*byte) / 255.0);
        count += 1;
    }
    count
}

/// Byte by byte.
pub(super) fn transpose_u8(call: TransposeBytes<'_>) {
    let TransposeBytes { from, columns, to, stride } = call;
    for (j, column) in columns.enumerate() {
        for i in 0..from.shape().0 {
            to[j * stride + i] = from.row(i).map_or(0, |row| row[column]);
        }
    }
}

/// Element by element.
pub(super) fn transpose(from: MatRef<'_>, mut to: MatMut<'_>) {
    for i in 0..to.rows() {
        if let Some(row) = to.row_mut(i) {
            row.iter_mut().enumerate().for_each(|(j, x)| *x = from.at(i, j));
        }
    }
}
