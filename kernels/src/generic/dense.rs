//! The dense layer: products that start and end as the layer needs, and the sum of the bias gradient.

use super::simd::{LANES, Simd};
use crate::gemm::tile::{State, TileUpdate};
use crate::gemm::{Finish, Product, Right, Start};
use crate::table::{DenseForward, DenseInputGradient, DenseWeightGradient, UpdateRule};
use crate::view::{MatMut, MatRef};
use crate::workspace::Blocks;

/// `Y = act(X W + bias)`: each chain starts at the bias, the activation is applied in registers.
pub(crate) fn forward(call: DenseForward<'_>) -> Product<'_> {
    Product {
        alpha: 1.0,
        a: call.x,
        b: Right::View(call.w),
        start: Start::Bias(call.bias),
        finish: if call.relu { Finish::Relu } else { Finish::Store },
        c: call.y,
        scratch: call.scratch,
    }
}

/// `dX = delta W^T`, masked in registers.
pub(crate) fn input_gradient(call: DenseInputGradient<'_>) -> Product<'_> {
    Product {
        alpha: 1.0,
        a: call.delta,
        b: Right::View(call.w.transposed()),
        start: Start::Beta(0.0),
        finish: call.active.map_or(Finish::Store, Finish::WherePositive),
        c: call.dx,
        scratch: call.scratch,
    }
}

/// `dW = X^T delta`.
pub(crate) fn weight_gradient(call: DenseWeightGradient<'_>) -> Product<'_> {
    Product {
        alpha: 1.0,
        a: call.x.transposed(),
        b: Right::View(call.delta),
        start: Start::Beta(0.0),
        finish: Finish::Store,
        c: call.dw,
        scratch: call.scratch,
    }
}

/// [`weight_gradient`] with the optimizer's step in registers: the gradient is never stored. `update` is the call's rule.
pub(crate) fn weight_update<'a>(
    (x, delta): (MatRef<'a>, MatRef<'a>),
    w: MatMut<'a>,
    scratch: Blocks<'a>,
    update: TileUpdate,
) -> Product<'a> {
    Product {
        alpha: 1.0,
        a: x.transposed(),
        b: Right::View(delta),
        start: Start::Beta(0.0),
        finish: Finish::Update(update),
        c: w,
        scratch,
    }
}

/// An optimizer and its state as the microkernels take them, for as long as `rule` is where it is.
pub(crate) fn tile_update(rule: &mut UpdateRule<'_>) -> TileUpdate {
    match rule {
        UpdateRule::Sgd(rule) => TileUpdate::Sgd(*rule),
        UpdateRule::RmsProp(rule, v) => TileUpdate::RmsProp(*rule, State::of(v)),
        UpdateRule::Momentum(rule, m) => TileUpdate::Momentum(*rule, State::of(m)),
        UpdateRule::Adam(rule, m, v) => TileUpdate::Adam(*rule, State::of(m), State::of(v)),
        UpdateRule::Any(any) => TileUpdate::Any(core::ptr::from_mut(any).cast(), (0, 0)),
    }
}

/// The sum over the rows of `delta`, in their order, from +0; its rows are contiguous.
#[inline(always)]
pub(crate) fn bias_gradient<S: Simd>(s: S, delta: MatRef<'_>, gradient: &mut [f32]) {
    for (v, to) in gradient.chunks_mut(LANES).enumerate() {
        let columns = v * LANES..v * LANES + to.len();
        let mut sum = s.splat(0.0);
        for i in 0..delta.rows() {
            let row = delta.row(i).unwrap_or(&[]);
            sum = s.add(sum, s.load(&row[columns.start..columns.end]));
        }
        s.store(to, sum);
    }
}
