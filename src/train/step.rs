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
//! they wait once more, between the update and layer 1. Gradients that are clipped by the norm of them all are stored, summed and
//! applied in phases of their own.
//!
//! Threads split outputs, never sums: each gradient element is one chain over the whole batch in order, so
//! the bits do not depend on the number of threads. Nor do they depend on leaving out the terms of pixels that are 0.

use std::ops::Range;
use std::sync::{Mutex, MutexGuard};

use mnist_fast_kernels::{Kernels, Rule, prefetch, split};

use super::activations::{Activations, Input, gather, rows_of};
use super::first::FirstLayer;
use super::sparse::{Turned, batch_of};
use super::{Examples, Trainer, Worker};
use crate::metrics::Metrics;
use crate::network::Network;
use crate::optimizer::norms::{Gradients, Sums};
use crate::optimizer::states::LayerState;
use crate::optimizer::update::{Update, bias_gradient, move_stored, update_biases};
use crate::phases::{Phase, Phases};
use crate::team::Team;

/// Rows of layer 1 are shared out in whole vectors of the kernels, which are cache lines too.
const VECTOR: usize = 16;

/// Into how many pieces the dense update of layer 1 is cut, to fetch some of the next batch's images between them.
const PIECES: usize = 16;
/// Deltas of a batch up to which a piece costs little: the kernels do not copy them.
const NARROW: usize = 1 << 15;

/// The update of a step whose gradients are known: the rule that moves the weights, and how many images its batch has.
pub(super) struct Owed {
    pub(super) rule: Rule,
    pub(super) images: usize,
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
    penalty: Option<&'a Sums>,
    stored: Option<&'a Gradients>,
    examples: Examples<'a>,
}

impl Trainer {
    /// One step on the examples at `images`, after the update that the one before `owed`, while those at `next` are fetched from
    /// memory; returns the sums of the former. This step's update is owed now. [`Trainer::begin`] was called once.
    pub(super) fn step(
        &mut self,
        owed: Option<Owed>,
        examples: Examples<'_>,
        images: &[u32],
        next: &[u32],
    ) -> Metrics {
        let owed = match owed {
            Some(owed) if self.first.is_private() && self.gradients.is_none() => Some(owed),
            Some(owed) => {
                self.update(owed, examples, images);
                None
            }
            None => {
                let (shared, team) = self.shared(examples);
                // SAFETY: nothing else goes on.
                team.run(|t| unsafe { shared.turn(t, images) });
                None
            }
        };
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
        let mut metrics = Metrics::of(losses, predictions, batch.labels.part(all).iter().copied());
        if let Some(sums) = &self.penalty {
            metrics.loss_sum += self.regularization.l2 * sums.total() * images.len() as f64;
        }
        metrics
    }

    /// Moves the weights by what a step owes, while the images at `next`, which the next step is to take, are made ready.
    pub(super) fn update(&mut self, owed: Owed, examples: Examples<'_>, next: &[u32]) {
        let (shared, team) = self.shared(examples);
        team.run(|t| {
            shared.phases.begin(t);
            // SAFETY: nothing else goes on.
            unsafe { shared.update(t, &owed, next) };
        });
        if let Some(stored) = shared.stored {
            // SAFETY: gradients are only read now; a thread sums its own rows.
            team.run(|t| unsafe { stored.sum(shared.kernels, (t, shared.threads)) });
            let rule = stored.rule(&owed.rule);
            // SAFETY: nothing else goes on.
            team.run(|t| unsafe { shared.move_by(t, &rule, stored) });
        }
        shared.phases.mark(0, Phase::Waiting);
    }

    fn shared<'a>(&'a mut self, examples: Examples<'a>) -> (Shared<'a>, &'a mut Team) {
        let Trainer {
            kernels,
            team,
            network,
            first,
            state,
            batch,
            workers,
            sparse,
            phases,
            penalty,
            gradients,
            ..
        } = self;
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
            penalty: penalty.as_ref(),
            stored: gradients.as_ref(),
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

    /// Turns over thread `t`'s share of the pixels of a batch, if zeros are left out.
    ///
    /// # Safety
    /// No other reference to its rows of these pixels lives.
    unsafe fn turn(&self, t: usize, images: &[u32]) {
        let Some(turned) = self.sparse else { return };
        let (_, members, member) = self.first.place(t);
        let pixels = split(self.network.inputs(), VECTOR, members, member);
        let batch = batch_of(self.examples, images);
        // SAFETY: as the caller vouches.
        unsafe { turned.turn_pixels(self.kernels, self.first.group(t), batch, pixels) };
        self.phases.mark(t, Phase::TurnPixels);
    }

    /// Layer 1 forward, on thread `t`'s panels.
    ///
    /// # Safety
    /// No other reference to its rows of its columns of the first output lives; nobody writes its panels, and its group has turned
    /// over the batch's pixels.
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
            let x = match self.sparse {
                Some(turned) => {
                    Input::Turned(turned.images(self.first.group(t), network.inputs(), rows.clone()))
                }
                None => Input::Dense(rows_of(x, &rows)),
            };
            // SAFETY: as the caller vouches.
            unsafe { batch.forward_panel(kernels, layer, panel, x, &rows, workspace) };
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
        let Worker { workspace, gradient, .. } = &mut *self.worker(t);
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
            if let Some(sums) = self.penalty {
                for (l, layer) in network.layers().iter().enumerate() {
                    let (rows, columns) = (split(layer.inputs(), 1, threads, t), layer.outputs());
                    if l == 0 {
                        let copy = |row: usize, to: &mut [f32]| self.first.copy_row(row, to);
                        sums.copied_rows(kernels, rows, columns, gradient, copy);
                    } else {
                        sums.rows(kernels, l, rows.clone(), layer.weights.read(rows, 0..columns));
                    }
                }
            }
        }
        phases.mark(t, Phase::Deltas);
    }

    /// Gradients and the optimizer's step, on thread `t`'s weights; then its share of the batch at `next` is turned over.
    ///
    /// # Safety
    /// No other reference to its rows of its panels, its rows of the other layers' weights, the state of either, its biases, and
    /// the copies turned over for it lives; nobody writes the batch's deltas, nor those columns of its outputs that are a
    /// layer's inputs to these rows.
    unsafe fn update(&self, t: usize, owed: &Owed, next: &[u32]) {
        let Shared { kernels, network, batch, phases, sparse, state, first, stored, .. } = *self;
        let Owed { rule, images } = owed;
        let all = 0..*images;
        let Worker { workspace, x, gradient, .. } = &mut *self.worker(t);
        let (panels, members, member) = first.place(t);
        let group = first.group(t);
        let pixels = split(network.inputs(), VECTOR, members, member);
        // SAFETY: as the caller vouches.
        unsafe {
            for panel in panels {
                let update = |rows: Range<usize>| Update {
                    kernels,
                    rule,
                    delta: batch.deltas[0].read(all.clone(), panel.columns.clone()),
                    weights: panel.weights.write(rows.clone(), 0..panel.columns.len()),
                    states: panel.states.write(&rows, &(0..panel.columns.len())),
                    gradient: stored.map(|to| to.weights(0).write(rows, panel.columns.clone())),
                };
                if let Some(turned) = sparse {
                    let deferred = panel.deferred.write(pixels.clone());
                    let x = turned.pixels(group, pixels.clone(), all.len());
                    update(pixels.clone()).sparse(x, Some(deferred));
                } else if !panel.columns.is_empty() {
                    // A third of the step: time to fetch the next images a few at a time. (Of a wide layer it is a small part.)
                    let pieces = if panel.columns.len() * all.len() <= NARROW { PIECES } else { 1 };
                    for piece in 0..pieces {
                        self.fetch(&next[split(next.len(), 1, pieces, piece)]);
                        let rows = split(pixels.len(), 1, pieces, piece);
                        update(rows.clone()).dense(x.read(all.clone(), rows), workspace);
                    }
                }
            }
            phases.mark(t, Phase::FirstUpdate);
            self.turn(t, next);
            for (l, layer) in network.layers().iter().enumerate() {
                let columns = first.biases(l, t, layer.outputs());
                let delta = |columns| batch.deltas[l].read(all.clone(), columns);
                if !columns.is_empty() {
                    let gradient = bias_gradient(kernels, delta(columns.clone()), gradient);
                    match stored {
                        Some(to) => to.set_biases(l, columns, gradient),
                        None => update_biases(kernels, rule, (layer, &state[l]), columns, gradient),
                    }
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
                    states: state[l].weights.write(&rows, &(0..layer.outputs())),
                    gradient: stored.map(|to| to.weights(l).write(rows.clone(), 0..layer.outputs())),
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

    /// The rule's step by gradients that were stored, on the weights that [`Shared::update`] moves.
    ///
    /// # Safety
    /// No other reference to them and their states lives; nobody writes the gradients.
    unsafe fn move_by(&self, t: usize, rule: &Rule, stored: &Gradients) {
        let Shared { kernels, network, state, first, .. } = *self;
        let (panels, members, member) = first.place(t);
        let pixels = split(network.inputs(), VECTOR, members, member);
        // SAFETY: as the caller vouches.
        unsafe {
            for panel in panels {
                let (columns, g) = (0..panel.columns.len(), stored.weights(0));
                let w = panel.weights.write(pixels.clone(), columns.clone());
                let states = panel.states.write(&pixels, &columns);
                move_stored(kernels, rule, w, states, g.read(pixels.clone(), panel.columns.clone()));
            }
            for (l, layer) in network.layers().iter().enumerate() {
                let columns = first.biases(l, t, layer.outputs());
                if !columns.is_empty() {
                    let gradient = &stored.biases(l)[columns.clone()];
                    update_biases(kernels, rule, (layer, &state[l]), columns, gradient);
                }
                if l > 0 {
                    let (rows, columns) = (first.rows(l, t, layer.inputs()), 0..layer.outputs());
                    let w = layer.weights.write(rows.clone(), columns.clone());
                    let states = state[l].weights.write(&rows, &columns);
                    move_stored(kernels, rule, w, states, stored.weights(l).read(rows, columns));
                }
            }
        }
    }
}
