//! One training step in three phases.
//!
//! ```text
//! layer 1  every thread its panels:   forward
//! images   every thread its images:   the other layers forward, softmax and loss, deltas back to layer 1
//! update   every thread its weights:  gradient and optimizer in one pass; layer 1 by panels, the others by rows
//! ```
//!
//! Layer 1 is most of the weights: `first.rs` says why each thread keeps its own columns of them.
//!
//! Threads split outputs, never sums: each gradient element is one chain over the whole batch in order, so
//! the bits do not depend on the number of threads. Nor do they depend on leaving out the terms of pixels that are 0.

use mnist_fast_kernels::{prefetch, split};

use super::activations::{gather, rows_of};
use super::phases::Phase;
use super::sparse::batch_of;
use super::update::{Update, update_biases};
use super::{Examples, Trainer, Worker};
use crate::metrics::Metrics;
use crate::optimizer::Rule;

/// Rows of layer 1 are shared out in whole vectors of the kernels, which are cache lines too.
const VECTOR: usize = 16;

/// Into how many pieces the dense update of layer 1 is cut, to fetch some of the next batch's images between them.
const PIECES: usize = 16;

impl Trainer {
    /// One step by `rule` on the examples at `images`, while those at `next` are fetched from memory; returns the sums of the
    /// former, from before the update. [`Trainer::begin`] was called once.
    pub(super) fn step(
        &mut self,
        rule: &Rule,
        examples: Examples<'_>,
        images: &[u32],
        next: &[u32],
    ) -> Metrics {
        let Trainer { kernels, team, network, first, state, batch, workers, sparse, phases, .. } = self;
        for (label, image) in batch.labels.all_mut().iter_mut().zip(images) {
            *label = u32::from(examples.labels[*image as usize]);
        }
        let (kernels, network, first, state, batch, sparse, phases) =
            (*kernels, &*network, &*first, &*state, &*batch, sparse.as_ref(), &*phases);
        let (all, threads) = (0..images.len(), team.threads());
        let layers = network.layers();
        let worker = |t: usize| workers[t].lock().expect("a worker's panic ends the run");
        let fetch = |images: &[u32]| images.iter().for_each(|i| prefetch(examples.image(*i as usize)));

        team.run(|t| {
            phases.begin(t);
            let (panels, members, member) = first.place(t);
            let rows = split(all.len(), 1, members, member);
            let Worker { workspace, x, .. } = &mut *worker(t);
            if sparse.is_none() {
                gather(kernels, x, examples, images.iter().map(|image| *image as usize));
                phases.mark(t, Phase::Gather);
            }
            for panel in panels {
                // SAFETY: in this phase a thread writes its rows of its panels of the first output only.
                unsafe {
                    if sparse.is_some() {
                        let own = batch_of(examples, &images[rows.clone()]);
                        batch.forward_panel_sparse(kernels, &layers[0], panel, own, &rows);
                    } else {
                        batch.forward_panel(kernels, &layers[0], panel, rows_of(x, &rows), &rows, workspace);
                    }
                }
            }
            phases.mark(t, Phase::FirstForward);
        });
        phases.mark(0, Phase::Waiting);

        team.run(|t| {
            phases.begin(t);
            let rows = split(all.len(), 1, threads, t);
            let workspace = &mut worker(t).workspace;
            // Whom an image comes to first fetches it from memory, the others then from the cache that they share.
            let (soon, later) = {
                let own = &next[split(next.len(), 1, threads, t)];
                own.split_at(own.len() / 2)
            };
            // SAFETY: in this phase a thread reads and writes its own rows of the batch's matrices only, and nobody writes
            // the weights.
            unsafe {
                if sparse.is_some() {
                    fetch(soon);
                }
                batch.forward(kernels, network, &rows, sparse.is_some(), workspace);
                phases.mark(t, Phase::OthersForward);
                batch.loss(kernels, &rows, Some(all.len()));
                phases.mark(t, Phase::Loss);
                if sparse.is_some() {
                    fetch(later);
                }
                batch.backward(kernels, network, (t, &rows), sparse, workspace);
            }
            phases.mark(t, Phase::Deltas);
        });
        phases.mark(0, Phase::Waiting);

        let (losses, predictions) = (batch.losses.part(all.clone()), batch.predictions.part(all.clone()));
        let metrics = Metrics::of(losses, predictions, batch.labels.part(all.clone()).iter().copied());

        team.run(|t| {
            phases.begin(t);
            let Worker { workspace, x, gradient, .. } = &mut *worker(t);
            // SAFETY: in this phase a thread writes its own rows of its panels, its own rows of the other layers' weights and state,
            // the biases whose turn it is, and the copies turned over for it; the batch's matrices are only read.
            unsafe {
                let (panels, members, member) = first.place(t);
                let group = first.group(t);
                let pixels = split(network.inputs(), VECTOR, members, member);
                if let Some(turned) = sparse {
                    turned.turn_pixels(kernels, group, batch_of(examples, images), pixels.clone());
                    phases.mark(t, Phase::TurnPixels);
                }
                for panel in panels {
                    let update = |rows: std::ops::Range<usize>| Update {
                        kernels,
                        rule,
                        delta: batch.deltas[0].read(all.clone(), panel.columns.clone()),
                        weights: panel.weights.write(rows.clone(), 0..panel.weights.columns()),
                        state: panel.state.write(rows, 0..panel.state.columns()),
                    };
                    if let Some(turned) = sparse {
                        let deferred = panel.deferred.write(pixels.clone());
                        let x = turned.pixels(group, pixels.clone(), all.len());
                        update(pixels.clone()).sparse(x, Some(deferred));
                    } else if !panel.columns.is_empty() {
                        // A third of the step: time to fetch the next images a few at a time.
                        for piece in 0..PIECES {
                            fetch(&next[split(next.len(), 1, PIECES, piece)]);
                            let rows = split(pixels.len(), 1, PIECES, piece);
                            update(rows.clone()).dense(x.read(all.clone(), rows), workspace);
                        }
                    }
                }
                phases.mark(t, Phase::FirstUpdate);
                for (l, layer) in layers.iter().enumerate() {
                    let delta = batch.deltas[l].read(all.clone(), 0..layer.outputs());
                    if l % threads == t {
                        let columns = 0..layer.outputs();
                        update_biases(kernels, rule, (layer, &state[l]), delta, columns, gradient);
                    }
                    if l == 0 {
                        continue;
                    }
                    let rows = split(layer.inputs(), 1, threads, t);
                    let update = Update {
                        kernels,
                        rule,
                        delta,
                        weights: layer.weights.write(rows.clone(), 0..layer.outputs()),
                        state: state[l].weights.write(rows.clone(), 0..state[l].weights.columns()),
                    };
                    let x = batch.outputs[l - 1].read(all.clone(), rows.clone());
                    match sparse.and_then(|turned| turned.layer(l)) {
                        Some(turned) => {
                            turned.turn_input(kernels, x, rows.clone());
                            update.sparse(turned.input.read(rows, all.clone()), None);
                        }
                        None => update.dense(x, workspace),
                    }
                }
            }
            phases.mark(t, Phase::OthersUpdate);
        });
        phases.mark(0, Phase::Waiting);
        metrics
    }

    /// Before the first step of an epoch: takes the first layer's weights over into panels.
    pub(super) fn begin(&mut self) {
        let Trainer { network, first, .. } = self;
        first.load(&network.layers()[0]);
    }

    /// After the last step: the network has its weights again, and no state is deferred.
    pub(super) fn settle(&mut self) {
        let Trainer { kernels, settings, network, first, .. } = self;
        first.settle(*kernels, &settings.optimizer);
        first.store(&mut network.layers_mut()[0]);
    }
}
