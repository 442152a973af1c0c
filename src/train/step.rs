//! One training step in two phases, or in three where the input is dense.
//!
//! ```text
//! layer 1  every thread its columns:  forward                                           (dense input only)
//! images   every thread its images:   the (other) layers forward, softmax and loss, deltas back to layer 1
//! update   every thread its weights:  gradient and optimizer in one pass, by rows; layer 1 by columns if dense
//! ```
//!
//! Layer 1 is most of the weights. Dense, it is split by columns: its weights and their optimizer state are only ever
//! touched by the thread that owns them, and stay in that core's cache. Sparse, a core would do as many short loops over
//! half as many columns, with the other core's half of each row for a neighbour (an epoch of 0.110 s, where rows take 0.092).
//!
//! Threads split outputs, never sums: each gradient element is one chain over the whole batch in order, so
//! the bits do not depend on the number of threads. Nor do they depend on leaving out the terms of pixels that are 0.

use mnist_fast_kernels::{prefetch, split};

use super::activations::{gather, rows_of};
use super::sparse::batch_of;
use super::update::Update;
use super::{Examples, Trainer, Worker};
use crate::metrics::Metrics;

/// Columns and pixels are shared out in whole vectors of the kernels, which are cache lines too.
const VECTOR: usize = 16;

/// Into how many pieces the dense update of layer 1 is cut, to fetch some of the next batch's images between them.
const PIECES: usize = 16;

impl Trainer {
    /// One step on the examples at `images`, while those at `next` are fetched from memory; returns the sums of the
    /// former, from before the update. [`Trainer::turn_weights`] was called once.
    pub(super) fn step(&mut self, examples: Examples<'_>, images: &[u32], next: &[u32]) -> Metrics {
        let Trainer { kernels, team, settings, network, state, batch, workers, sparse, .. } = self;
        for (label, image) in batch.labels.all_mut().iter_mut().zip(images) {
            *label = u32::from(examples.labels[*image as usize]);
        }
        let (kernels, network, state, batch, sparse) =
            (*kernels, &*network, &*state, &*batch, sparse.as_ref());
        let (all, threads) = (0..images.len(), team.threads());
        let first = &network.layers()[0];
        let worker = |t: usize| workers[t].lock().expect("a worker's panic ends the run");
        let fetch = |images: &[u32]| images.iter().for_each(|i| prefetch(examples.image(*i as usize)));

        if sparse.is_none() {
            team.run(|t| {
                let columns = split(first.outputs(), VECTOR, threads, t);
                if columns.is_empty() {
                    return;
                }
                let Worker { workspace, x, .. } = &mut *worker(t);
                gather(kernels, x, examples, images.iter().map(|image| *image as usize));
                let part = (&all, columns);
                // SAFETY: in this phase a thread writes its own columns of the first output only.
                unsafe { batch.forward_layer(kernels, network, 0, rows_of(x, &all), part, workspace) };
            });
        }

        team.run(|t| {
            let rows = split(all.len(), 1, threads, t);
            let workspace = &mut worker(t).workspace;
            let own_next = &next[split(next.len(), 1, threads, t)];
            let (soon, later) = own_next.split_at(own_next.len() / 2);
            // SAFETY: in this phase a thread writes its own rows of the batch's matrices only, and nobody writes the
            // weights or, with dense input, the first output.
            unsafe {
                if sparse.is_some() {
                    let part = (&rows, 0..first.outputs());
                    let own = batch_of(examples, &images[rows.clone()]);
                    batch.forward_layer_sparse(kernels, network, 0, own, part);
                    fetch(soon);
                }
                batch.forward(kernels, network, &rows, sparse.is_some(), workspace);
                batch.loss(kernels, &rows, Some(all.len()));
                if sparse.is_some() {
                    fetch(later);
                }
                batch.backward(kernels, network, &rows, sparse, workspace);
            }
        });

        let (losses, predictions) = (batch.losses.part(all.clone()), batch.predictions.part(all.clone()));
        let metrics = Metrics::of(losses, predictions, batch.labels.part(all.clone()).iter().copied());

        team.run(|t| {
            let worker = &mut *worker(t);
            for (l, layer) in network.layers().iter().enumerate() {
                let update = Update { kernels, optimizer: &settings.optimizer, network, state, batch, l };
                let (rows, columns, biases) = if l == 0 && sparse.is_none() {
                    let columns = split(layer.outputs(), VECTOR, threads, t);
                    (0..layer.inputs(), columns.clone(), columns)
                } else {
                    let biases = if l % threads == t { 0..layer.outputs() } else { 0..0 };
                    let multiple = if l == 0 { VECTOR } else { 1 };
                    (split(layer.inputs(), multiple, threads, t), 0..layer.outputs(), biases)
                };
                let turned = sparse.and_then(|turned| turned.layer(l));
                // SAFETY: in this phase a thread writes its own part of the weights, biases, their state and their turned copies only;
                // the batch's matrices are only read.
                unsafe {
                    if let Some(turned) = sparse.filter(|_| l == 0) {
                        turned.turn_pixels(kernels, batch_of(examples, images), rows.clone());
                        let pixels = turned.pixels(rows.clone(), all.len());
                        let deferred = &mut worker.deferred[rows.clone()];
                        update.sparse_weights(&all, pixels, rows, columns, Some(deferred));
                    } else if let Some(turned) = turned {
                        turned.turn_input(
                            kernels,
                            batch.outputs[l - 1].read(all.clone(), rows.clone()),
                            rows.clone(),
                        );
                        let x = turned.input.read(rows.clone(), all.clone());
                        update.sparse_weights(&all, x, rows.clone(), columns, None);
                        turned.turn_weights(kernels, layer, rows);
                    } else if l == 0 {
                        // A third of the step: time to fetch the next images a few at a time.
                        for piece in 0..PIECES {
                            if !columns.is_empty() {
                                fetch(&next[split(next.len(), 1, PIECES, piece)]);
                            }
                            let rows = split(rows.len(), 1, PIECES, piece);
                            update.weights(&all, rows, columns.clone(), worker);
                        }
                    } else {
                        update.weights(&all, rows, columns, worker);
                    }
                    update.biases(&all, biases, worker);
                }
            }
        });
        metrics
    }

    /// Turns over the weights of layers that skip zeros; each step does so after their update.
    pub(super) fn turn_weights(&mut self) {
        let Trainer { kernels, network, sparse, .. } = self;
        let Some(turned) = sparse else { return };
        for (l, layer) in network.layers().iter().enumerate() {
            if let Some(turned) = turned.layer(l) {
                // SAFETY: nobody else is here.
                unsafe { turned.turn_weights(*kernels, layer, 0..layer.inputs()) };
            }
        }
    }

    /// Brings the optimizer's state up to date, where steps deferred some of it.
    pub(super) fn settle(&mut self) {
        let Trainer { kernels, team, settings, network, state, batch, workers, sparse, .. } = self;
        if sparse.is_none() {
            return;
        }
        let (network, state, batch, threads) = (&*network, &*state, &*batch, team.threads());
        let update =
            Update { kernels: *kernels, optimizer: &settings.optimizer, network, state, batch, l: 0 };
        team.run(|t| {
            let rows = split(network.inputs(), VECTOR, threads, t);
            let worker = &mut *workers[t].lock().expect("a worker's panic ends the run");
            // SAFETY: a thread writes its own rows of the state only, and nobody reads any.
            unsafe { update.settle(rows, worker) };
        });
    }
}
