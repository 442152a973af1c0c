//! One training step in three phases.
//!
//! ```text
//! layer 1  every thread its columns:  gather the batch, forward
//! images   every thread its images:   the other layers forward, softmax and loss, deltas back to layer 1
//! update   every thread its weights:  gradient and optimizer in one pass; layer 1 by columns, the others by rows
//! ```
//!
//! Layer 1 is most of the weights. Split by columns, its weights and their optimizer state are only ever touched by
//! the thread that owns them, and stay in that core's cache; the price is that every thread gathers the batch for
//! itself.
//!
//! Threads split outputs, never sums: each gradient element is one chain over the whole batch in order, so
//! the bits do not depend on the number of threads.

use std::ops::Range;

use mnist_fast_kernels::{Kernels, prefetch, split};

use super::activations::{Activations, gather, rows_of};
use super::{Examples, LayerState, Optimizer, Trainer, Worker};
use crate::metrics::Metrics;
use crate::network::Network;

/// Columns are shared out in whole vectors of the kernels, which are cache lines too.
const VECTOR: usize = 16;

/// Into how many pieces the update of layer 1 is cut, to fetch some of the next batch's images between them.
const PIECES: usize = 16;

impl Trainer {
    /// One step on the examples at `images`, while those at `next` are fetched from memory; returns the sums of the
    /// former, from before the update.
    pub(super) fn step(&mut self, examples: Examples<'_>, images: &[u32], next: &[u32]) -> Metrics {
        let Trainer { kernels, team, settings, network, state, batch, workers, .. } = self;
        for (label, image) in batch.labels.all_mut().iter_mut().zip(images) {
            *label = u32::from(examples.labels[*image as usize]);
        }
        let (kernels, network, state, batch) = (*kernels, &*network, &*state, &*batch);
        let (all, threads) = (0..images.len(), team.threads());
        let first = &network.layers()[0];
        let worker = |t: usize| workers[t].lock().expect("a worker's panic ends the run");

        team.run(|t| {
            let columns = split(first.outputs(), VECTOR, threads, t);
            if columns.is_empty() {
                return;
            }
            let Worker { workspace, x, .. } = &mut *worker(t);
            gather(kernels, x, examples, images.iter().map(|image| *image as usize));
            // SAFETY: in this phase a thread writes its own columns of the first output only.
            unsafe { batch.forward_layer(kernels, network, 0, rows_of(x, &all), (&all, columns), workspace) };
        });

        team.run(|t| {
            let rows = split(all.len(), 1, threads, t);
            let workspace = &mut worker(t).workspace;
            // SAFETY: in this phase a thread writes its own rows of the batch's matrices only, and nobody writes the
            // first output or the weights.
            unsafe {
                batch.forward(kernels, network, &rows, workspace);
                batch.loss(kernels, &rows, Some(all.len()));
                batch.backward(kernels, network, &rows, workspace);
            }
        });

        let (losses, predictions) = (batch.losses.part(all.clone()), batch.predictions.part(all.clone()));
        let metrics = Metrics::of(losses, predictions, batch.labels.part(all.clone()).iter().copied());

        team.run(|t| {
            let worker = &mut *worker(t);
            for (l, layer) in network.layers().iter().enumerate() {
                let update = Update { kernels, optimizer: &settings.optimizer, network, state, batch, l };
                let (rows, columns, biases) = if l == 0 {
                    let columns = split(layer.outputs(), VECTOR, threads, t);
                    (0..layer.inputs(), columns.clone(), columns)
                } else {
                    let biases = if l % threads == t { 0..layer.outputs() } else { 0..0 };
                    (split(layer.inputs(), 1, threads, t), 0..layer.outputs(), biases)
                };
                // Layer 1 takes a third of the step: time to fetch the next images a few at a time.
                let pieces = if l == 0 { PIECES } else { 1 };
                for piece in 0..pieces {
                    if l == 0 && !columns.is_empty() {
                        let soon = &next[split(next.len(), 1, pieces, piece)];
                        soon.iter().for_each(|image| prefetch(examples.image(*image as usize)));
                    }
                    let part = split(rows.len(), 1, pieces, piece);
                    let rows = rows.start + part.start..rows.start + part.end;
                    // SAFETY: in this phase a thread writes its own part of the weights and their state only; the
                    // batch's matrices are only read.
                    unsafe { update.weights(&all, rows, columns.clone(), worker) };
                }
                // SAFETY: the same for the biases.
                unsafe { update.biases(&all, biases, worker) };
            }
        });
        metrics
    }
}

/// The update of one layer.
struct Update<'a> {
    kernels: Kernels,
    optimizer: &'a Optimizer,
    network: &'a Network,
    state: &'a [LayerState],
    batch: &'a Activations,
    l: usize,
}

impl Update<'_> {
    /// Gradient and update of some rows and columns of weights.
    ///
    /// # Safety
    /// No other reference to these weights and their state lives.
    unsafe fn weights(
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

    /// Gradient and update of some biases.
    ///
    /// # Safety
    /// No other reference to these biases and their state lives.
    unsafe fn biases(&self, images: &Range<usize>, columns: Range<usize>, worker: &mut Worker) {
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
