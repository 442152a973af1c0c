//! The end of a step: gradients and the optimizer's step on the parameters, in one pass.

use std::ops::Range;

use mnist_fast_kernels::{Kernels, MatMut, MatRef, Sparse, Workspace};

use super::LayerState;
use crate::network::Layer;
use crate::optimizer::Rule;

/// A part of a layer's weights to move.
pub(super) struct Update<'a> {
    pub(super) kernels: Kernels,
    pub(super) rule: &'a Rule,
    /// The gradient by the layer's pre-activations: images x the part's columns.
    pub(super) delta: MatRef<'a>,
    pub(super) weights: MatMut<'a>,
    /// The optimizer's state for them; without columns for SGD.
    pub(super) state: MatMut<'a>,
}

impl Update<'_> {
    fn is_empty(&self) -> bool {
        self.weights.rows() == 0 || self.weights.columns() == 0
    }

    /// The gradient is that of an input `x`: images x the part's rows.
    pub(super) fn dense(self, x: MatRef<'_>, workspace: &mut Workspace<'_>) {
        if self.is_empty() {
            return;
        }
        let Update { kernels, delta, weights, state, .. } = self;
        match self.rule {
            Rule::Sgd(rule) => kernels.dense_weight_update_sgd(rule, x, delta, weights, workspace),
            Rule::RmsProp(rule) => {
                kernels.dense_weight_update_rmsprop(rule, x, delta, weights, state, workspace)
            }
        }
        .expect("matrices of the network's shapes");
    }

    /// The same, leaving out the zeros of an input that is turned over: the part's rows x images.
    /// `deferred` is as in [`Kernels::dense_weight_update_rmsprop_sparse`].
    pub(super) fn sparse<'s>(self, transposed: impl Into<Sparse<'s>>, deferred: Option<&mut [u32]>) {
        if self.is_empty() {
            return;
        }
        let Update { kernels, delta, weights, state, .. } = self;
        match self.rule {
            Rule::Sgd(rule) => kernels.dense_weight_update_sgd_sparse(rule, transposed, delta, weights),
            Rule::RmsProp(rule) => {
                kernels.dense_weight_update_rmsprop_sparse(rule, transposed, delta, weights, state, deferred)
            }
        }
        .expect("matrices of the network's shapes");
    }
}

/// Gradient and update of a layer's biases; `gradient` is room for them.
///
/// # Safety
/// No other reference to these biases and their state lives.
pub(super) unsafe fn update_biases(
    kernels: Kernels,
    rule: &Rule,
    (layer, state): (&Layer, &LayerState),
    delta: MatRef<'_>,
    columns: Range<usize>,
    gradient: &mut [f32],
) {
    let gradient = &mut gradient[..columns.len()];
    kernels.dense_bias_gradient(delta, gradient).expect("one bias per column of the delta");
    // SAFETY: as the caller vouches.
    let w = unsafe { layer.biases.write(columns.clone()) };
    match rule {
        Rule::Sgd(rule) => kernels.sgd(rule, w, gradient),
        Rule::RmsProp(rule) => {
            // SAFETY: as the caller vouches.
            let v = unsafe { state.biases.write(columns) };
            kernels.rmsprop(rule, w, v, gradient)
        }
    }
    .expect("as many states and gradients as biases");
}
