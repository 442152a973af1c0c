//! The end of a step: a layer's gradient and the optimizer's step on its parameters, in one pass.

use std::ops::Range;

use mnist_fast_kernels::{Kernels, Sparse};

use super::activations::Activations;
use super::{LayerState, Optimizer, Worker};
use crate::network::Network;

/// The update of one layer.
pub(super) struct Update<'a> {
    pub(super) kernels: Kernels,
    pub(super) optimizer: &'a Optimizer,
    pub(super) network: &'a Network,
    pub(super) state: &'a [LayerState],
    pub(super) batch: &'a Activations,
    pub(super) l: usize,
}

impl Update<'_> {
    /// Gradient and update of some rows and columns of weights.
    ///
    /// # Safety
    /// No other reference to these weights and their state lives.
    pub(super) unsafe fn weights(
        &self,
        images: &Range<usize>,
        rows: Range<usize>,
        columns: Range<usize>,
        worker: &mut Worker,
    ) {
        if rows.is_empty() || columns.is_empty() {
            return;
        }
        let layer = &self.network.layers()[self.l];
        let input = if self.l == 0 { &worker.x } else { &self.batch.outputs[self.l - 1] };
        let x = input.read(images.clone(), rows.clone());
        let delta = self.batch.deltas[self.l].read(images.clone(), columns.clone());
        // SAFETY: as the caller vouches.
        let w = unsafe { layer.weights.write(rows.clone(), columns.clone()) };
        match self.optimizer {
            Optimizer::Sgd(rule) => {
                self.kernels.dense_weight_update_sgd(rule, x, delta, w, &mut worker.workspace)
            }
            Optimizer::RmsProp(rule) => {
                // SAFETY: as the caller vouches.
                let v = unsafe { self.state[self.l].weights.write(rows, columns) };
                self.kernels.dense_weight_update_rmsprop(rule, x, delta, w, v, &mut worker.workspace)
            }
        }
        .expect("matrices of the network's shapes");
    }

    /// Gradient and update of some rows and columns of weights, leaving out the zeros of these rows' input, which is turned over.
    /// `deferred` is as in [`Kernels::dense_weight_update_rmsprop_sparse`].
    ///
    /// # Safety
    /// No other reference to these weights and their state lives.
    pub(super) unsafe fn sparse_weights<'a>(
        &self,
        images: &Range<usize>,
        transposed: impl Into<Sparse<'a>>,
        rows: Range<usize>,
        columns: Range<usize>,
        deferred: Option<&mut [u32]>,
    ) {
        if rows.is_empty() || columns.is_empty() {
            return;
        }
        let transposed = transposed.into();
        let delta = self.batch.deltas[self.l].read(images.clone(), columns.clone());
        // SAFETY: as the caller vouches.
        let w = unsafe { self.network.layers()[self.l].weights.write(rows.clone(), columns.clone()) };
        match self.optimizer {
            Optimizer::Sgd(rule) => self.kernels.dense_weight_update_sgd_sparse(rule, transposed, delta, w),
            Optimizer::RmsProp(rule) => {
                // SAFETY: as the caller vouches.
                let v = unsafe { self.state[self.l].weights.write(rows, columns) };
                self.kernels.dense_weight_update_rmsprop_sparse(rule, transposed, delta, w, v, deferred)
            }
        }
        .expect("matrices of the network's shapes");
    }

    /// Makes good what [`Update::sparse_weights`] deferred.
    ///
    /// # Safety
    /// No other reference to the state of these rows lives.
    pub(super) unsafe fn settle(&self, rows: Range<usize>, worker: &mut Worker) {
        if let Optimizer::RmsProp(rule) = self.optimizer {
            let columns = 0..self.network.layers()[self.l].outputs();
            // SAFETY: as the caller vouches.
            let v = unsafe { self.state[self.l].weights.write(rows.clone(), columns) };
            self.kernels.rmsprop_settle(rule, v, &mut worker.deferred[rows]).expect("one count per row");
        }
    }

    /// Gradient and update of some biases.
    ///
    /// # Safety
    /// No other reference to these biases and their state lives.
    pub(super) unsafe fn biases(&self, images: &Range<usize>, columns: Range<usize>, worker: &mut Worker) {
        let gradient = &mut worker.gradient[..columns.len()];
        let delta = self.batch.deltas[self.l].read(images.clone(), columns.clone());
        self.kernels.dense_bias_gradient(delta, gradient).expect("one bias per column of the delta");
        // SAFETY: as the caller vouches.
        let w = unsafe { self.network.layers()[self.l].biases.write(columns.clone()) };
        match self.optimizer {
            Optimizer::Sgd(rule) => self.kernels.sgd(rule, w, gradient),
            Optimizer::RmsProp(rule) => {
                // SAFETY: as the caller vouches.
                let v = unsafe { self.state[self.l].biases.write(columns) };
                self.kernels.rmsprop(rule, w, v, gradient)
            }
        }
        .expect("as many states and gradients as biases");
    }
}
