//! One training step in two phases, each shared out among the team's threads.
//!
//! ```text
//! weights  every thread its weights:  the update that the step before owes: gradient and optimizer in one pass,
//!                                     layer 1 by panels, the others by rows; then this step's layer 1 forward, by panels
//! images   every thread its images:   the other layers forward, softmax and loss, deltas back to layer 1
//! ```
//!
//! Layer 1 is most of the weights: `first.rs` says why each thread keeps its own columns of them. A thread that has just moved its
//! panels needs nobody else to run them forward, so the team waits for each other twice a step. Where threads share panels,
//! they wait once more, between the update and layer 1.
//!
//! Threads split outputs, never sums: each gradient element is one chain over the whole batch in order, so
//! the bits do not depend on the number of threads. Nor do they depend on leaving out the terms of pixels that are 0.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard};

use mnist_fast_kernels::{Kernels, prefetch, split};

use super::activations::{Activations, gather, rows_of};
use super::first::FirstLayer;
use super::phases::{Phase, Phases};
use super::sparse::{Turned, batch_of};
use super::update::{Update, update_biases};
use super::{Examples, LayerState, Trainer, Worker};
use crate::metrics::Metrics;
use crate::network::Network;
use crate::optimizer::Rule;
use crate::team::Team;

/// Rows of layer 1 are shared out in whole vectors of the kernels, which are cache lines too.
const VECTOR: usize = 16;

/// Into how many pieces the dense update of layer 1 is cut, to fetch some of the next batch's images between them.
const PIECES: usize = 16;

/// The update of a step whose gradients are known: the batch, and the rule that moves the weights.
pub(super) struct Owed<'a> {
    pub(super) rule: Rule,
    pub(super) examples: Examples<'a>,
    pub(super) images: &'a [u32],
}

/// What the threads of a step share.
struct Shared<'a> {
    kernels: Kernels,
    threads: usize,
    network: &'a Network,
    first: &'a FirstLayer,
    state: &'a [LayerState],
    batch: &'a Activations,
    workers: &'a [Mutex<Worker>],
    sparse: Option<&'a Turned>,
    phases: &'a Phases,
    examples: Examples<'a>,
}

impl Trainer {
    /// One step on the examples at `images`, after the update that the one before `owed`, while those at `next` are fetched from
    /// memory; returns the sums of the former. This step's update is owed now. [`Trainer::begin`] was called once.
    pub(super) fn step(
        &mut self,
        owed: Option<Owed<'_>>,
        examples: Examples<'_>,
        images: &[u32],
        next: &[u32],
    ) -> Metrics {
        let owed = owed.and_then(|owed| match self.first.is_private() {
            true => Some(owed),
            false => {
                self.update(owed, examples, images);
                None
            }
        });
        for (label, image) in self.batch.labels.all_mut().iter_mut().zip(images) {
            *label = u32::from(examples.labels[*image as usize]);
        }
        let (shared, team) = self.shared(examples);
        team.run(|t| {
            shared.phases.begin(t);
            // SAFETY: nobody but thread t comes near its panels, its rows of the other layers' weights and its columns of the
            // first output in this phase, and of the batch's other matrices everybody reads only.
            unsafe {
                if let Some(owed) = &owed {
                    shared.update(t, owed, images);
                }
                shared.forward_first(t, images);
            }
        });
        shared.phases.mark(0, Phase::Waiting);
        team.run(|t| {
            shared.phases.begin(t);
            // SAFETY: in this phase a thread writes its own rows of the batch's matrices only, and nobody writes weights.
            unsafe { shared.images(t, images.len(), next) };
        });
        shared.phases.mark(0, Phase::Waiting);

        let (batch, all) = (&self.batch, 0..images.len());
        let (losses, predictions) = (batch.losses.part(all.clone()), batch.predictions.part(all.clone()));
        Metrics::of(losses, predictions, batch.labels.part(all).iter().copied())
    }

    /// Moves the weights by what a step owes, while the images at `next` are fetched from memory.
    pub(super) fn update(&mut self, owed: Owed<'_>, examples: Examples<'_>, next: &[u32]) {
        let (shared, team) = self.shared(examples);
        team.run(|t| {
            shared.phases.begin(t);
            // SAFETY: nothing else goes on.
            unsafe { shared.update(t, &owed, next) };
        });
        shared.phases.mark(0, Phase::Waiting);
    }

    fn shared<'a>(&'a mut self, examples: Examples<'a>) -> (Shared<'a>, &'a mut Team) {
        let Trainer { kernels, team, network, first, state, batch, workers, sparse, phases, .. } = self;
        let sparse = sparse.as_ref();
        let threads = team.threads();
        let shared = Shared {
            kernels: *kernels,
            threads,
            network,
            first,
            state,
            batch,
            workers,
            sparse,
            phases,
            examples,
        };
        (shared, team)
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

impl Shared<'_> {
    fn worker(&self, t: usize) -> MutexGuard<'_, Worker> {
        self.workers[t].lock().expect("a worker's panic ends the run")
    }

    fn fetch(&self, images: &[u32]) {
        images.iter().for_each(|i| prefetch(self.examples.image(*i as usize)));
    }

    /// Layer 1 forward, on thread `t`'s panels.
    ///
    /// # Safety
    /// No other reference to its rows of its columns of the first output lives, and nobody writes its panels.
    unsafe fn forward_first(&self, t: usize, images: &[u32]) {
        let Shared { kernels, network, batch, examples, phases, .. } = *self;
        let layer = &network.layers()[0];
        let (panels, members, member) = self.first.place(t);
        let rows = split(images.len(), 1, members, member);
        let Worker { workspace, x, .. } = &mut *self.worker(t);
        if self.sparse.is_none() {
            gather(kernels, x, examples, images.iter().map(|image| *image as usize));
            phases.mark(t, Phase::Gather);
        }
        for panel in panels {
            // SAFETY: as the caller vouches.
            unsafe {
                if self.sparse.is_some() {
                    let own = batch_of(examples, &images[rows.clone()]);
                    batch.forward_panel_sparse(kernels, layer, panel, own, &rows);
                } else {
                    batch.forward_panel(kernels, layer, panel, rows_of(x, &rows), &rows, workspace);
                }
            }
        }
        phases.mark(t, Phase::FirstForward);
    }

    /// What is done image by image, on thread `t`'s part of the batch's `count`.
    ///
    /// # Safety
    /// No other reference to these rows of the batch's matrices lives, but for the first output's; nobody writes that or weights.
    unsafe fn images(&self, t: usize, count: usize, next: &[u32]) {
        let Shared { kernels, threads, network, batch, phases, sparse, .. } = *self;
        let rows = split(count, 1, threads, t);
        let workspace = &mut self.worker(t).workspace;
        // Whom an image comes to first fetches it from memory, the others then from the cache that they share.
        let (soon, later) = {
            let own = &next[split(next.len(), 1, threads, t)];
            own.split_at(own.len() / 2)
        };
        // SAFETY: as the caller vouches.
        unsafe {
            if sparse.is_some() {
                self.fetch(soon);
            }
            batch.forward(kernels, network, &rows, sparse.is_some(), workspace);
            phases.mark(t, Phase::OthersForward);
            batch.loss(kernels, &rows, Some(count));
            phases.mark(t, Phase::Loss);
            if sparse.is_some() {
                self.fetch(later);
            }
            batch.backward(kernels, network, (t, &rows), sparse, workspace);
        }
        phases.mark(t, Phase::Deltas);
    }

    /// Gradients and the optimizer's step, on thread `t`'s weights.
    ///
    /// # Safety
    /// No other reference to its rows of its panels, its rows of the other layers' weights, the state of either, its biases, and
    /// the copies turned over for it lives; nobody writes the batch's deltas, nor those columns of its outputs that are a
    /// layer's inputs to these rows.
    unsafe fn update(&self, t: usize, owed: &Owed<'_>, next: &[u32]) {
        let Shared { kernels, network, batch, phases, sparse, state, first, .. } = *self;
        let Owed { rule, images, .. } = owed;
        let all = 0..images.len();
        let Worker { workspace, x, gradient, .. } = &mut *self.worker(t);
        let (panels, members, member) = first.place(t);
        let group = first.group(t);
        let pixels = split(network.inputs(), VECTOR, members, member);
        // SAFETY: as the caller vouches.
        unsafe {
            if let Some(turned) = sparse {
                turned.turn_pixels(kernels, group, batch_of(owed.examples, images), pixels.clone());
                phases.mark(t, Phase::TurnPixels);
            }
            for panel in panels {
                let update = |rows: Range<usize>| Update {
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
                        self.fetch(&next[split(next.len(), 1, PIECES, piece)]);
                        let rows = split(pixels.len(), 1, PIECES, piece);
                        update(rows.clone()).dense(x.read(all.clone(), rows), workspace);
                    }
                }
            }
            phases.mark(t, Phase::FirstUpdate);
            for (l, layer) in network.layers().iter().enumerate() {
                let columns = first.biases(l, t, layer.outputs());
                let delta = |columns| batch.deltas[l].read(all.clone(), columns);
                if !columns.is_empty() {
                    update_biases(
                        kernels,
                        rule,
                        (layer, &state[l]),
                        delta(columns.clone()),
                        columns,
                        gradient,
                    );
                }
                if l == 0 {
                    continue;
                }
                let rows = first.rows(l, t, layer.inputs());
                let update = Update {
                    kernels,
                    rule,
                    delta: delta(0..layer.outputs()),
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
    }
}
