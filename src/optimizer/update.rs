//! The end of a step: gradients and the rule's step on the parameters, in one pass; or gradients alone, where all of them must be
//! known first.

use std::ops::Range;

use mnist_fast_kernels::{Kernels, MatMut, MatRef, Rule, Sgd, Sparse, Workspace};

use super::states::{LayerState, View};
use crate::network::Layer;

/// A part of a layer's weights to move.
pub(crate) struct Update<'a> {
    pub(crate) kernels: Kernels,
    pub(crate) rule: &'a Rule,
    /// The gradient by the layer's pre-activations: images x the part's columns.
    pub(crate) delta: MatRef<'a>,
    pub(crate) weights: MatMut<'a>,
    /// The optimizer's states for them.
    pub(crate) states: View<'a>,
    /// Room for their gradient, with the penalty's, if they are not to be moved yet.
    pub(crate) gradient: Option<MatMut<'a>>,
}

impl Update<'_> {
    fn is_empty(&self) -> bool {
        self.weights.rows() == 0 || self.weights.columns() == 0
    }

    /// The gradient is that of an input `x`: images x the part's rows.
    pub(crate) fn dense(self, x: MatRef<'_>, workspace: &mut Workspace<'_>) {
        if self.is_empty() {
            return;
        }
        let Update { kernels, rule, delta, weights, mut states, gradient } = self;
        match gradient {
            None => kernels.dense_weight_update(rule, x, delta, weights, states.all(), workspace),
            Some(mut to) => kernels
                .dense_weight_gradient(x, delta, to.reborrow(), workspace)
                .map(|()| penalize(kernels, rule, weights.as_ref(), to)),
        }
        .expect("matrices of the network's shapes");
    }

    /// The same, leaving out the zeros of an input that is turned over: the part's rows x images.
    /// `deferred` is as in [`Kernels::dense_weight_update_sparse`].
    pub(crate) fn sparse<'s>(self, transposed: impl Into<Sparse<'s>>, deferred: Option<&mut [u32]>) {
        if self.is_empty() {
            return;
        }
        let Update { kernels, rule, delta, weights, mut states, gradient } = self;
        match gradient {
            None => {
                let states = states.all();
                kernels.dense_weight_update_sparse(rule, transposed, delta, weights, states, deferred)
            }
            Some(mut to) => kernels
                .dense_weight_gradient_sparse(transposed, delta, to.reborrow())
                .map(|()| penalize(kernels, rule, weights.as_ref(), to)),
        }
        .expect("matrices of the network's shapes");
    }
}

/// Moves a part of a layer's weights by a gradient that was stored.
pub(crate) fn move_stored(kernels: Kernels, rule: &Rule, w: MatMut<'_>, mut states: View<'_>, g: MatRef<'_>) {
    kernels.update(rule, w, states.all(), g).expect("matrices of the network's shapes");
}

/// Adds the penalty's gradient, `2 l2 w`: a step of gradient descent, but of the gradient.
fn penalize(kernels: Kernels, rule: &Rule, weights: MatRef<'_>, mut gradient: MatMut<'_>) {
    if rule.l2 == 0.0 {
        return;
    }
    let add = Sgd { learning_rate: -2.0 * rule.l2 };
    for i in 0..weights.rows() {
        let (g, w) = (gradient.row_mut(i).expect("one shape"), weights.row(i).expect("contiguous rows"));
        kernels.sgd(&add, g, w).expect("one shape");
    }
}

/// The gradient of some of a layer's biases.
pub(crate) fn bias_gradient<'a>(kernels: Kernels, delta: MatRef<'_>, room: &'a mut [f32]) -> &'a [f32] {
    let gradient = &mut room[..delta.columns()];
    kernels.dense_bias_gradient(delta, gradient).expect("one bias per column of the delta");
    gradient
}

/// Moves some of a layer's biases, which no penalty is on.
///
/// # Safety
/// No other reference to these biases and their states lives.
pub(crate) unsafe fn update_biases(
    kernels: Kernels,
    rule: &Rule,
    (layer, state): (&Layer, &LayerState),
    columns: Range<usize>,
    gradient: &[f32],
) {
    // SAFETY: as the caller vouches.
    let (w, mut states) =
        unsafe { (layer.biases.write(columns.clone()), state.biases.write(&(0..1), &columns)) };
    let row = MatRef::new(gradient, 1, gradient.len()).expect("a row");
    let w = MatMut::new(w, 1, gradient.len()).expect("a row");
    kernels.update(&Rule { l2: 0.0, ..*rule }, w, states.all(), row).expect("as many states as biases");
}
