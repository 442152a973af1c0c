//! One training step in two phases.
//!
//! ```text
//! images   every thread its images:        gather, forward, softmax and loss, deltas back to layer 1
//! weights  every thread its weight rows:   gradient of a few rows, update of those rows, while in cache
//! ```
//!
//! Threads split outputs, never sums: each gradient element is one chain over the whole batch in order, so
//! the bits do not depend on the number of threads.

use std::ops::Range;

use mnist_fast_kernels::{Activation, Kernels, MatMut, MatRef, Workspace};

use super::{Examples, LayerState, Optimizer, Trainer, Worker, share};
use crate::metrics::Metrics;
use crate::network::{Network, stride};
use crate::shared::SharedBuffer;

/// Rows of weights whose gradient is held at a time: with 128 columns 24 KB, which stays in L1 or L2 until the
/// update reads it.
const GRADIENT_ROWS: usize = 48;

/// Room for the gradient of some rows, per layer.
pub(super) fn gradient_buffers(network: &Network) -> Vec<SharedBuffer<f32>> {
    let layers = network.layers().iter();
    layers.map(|layer| SharedBuffer::new(GRADIENT_ROWS.min(layer.inputs()) * layer.stride())).collect()
}

/// Everything that is computed per image of a batch: one row per image in each buffer.
pub(super) struct Activations {
    /// The input: unit floats.
    pub(super) x: Rows,
    /// Each layer's output; the last one's are the logits.
    pub(super) outputs: Vec<Rows>,
    /// The gradient of the loss by each layer's pre-activations.
    deltas: Vec<Rows>,
    pub(super) labels: SharedBuffer<u32>,
    pub(super) losses: SharedBuffer<f32>,
    pub(super) predictions: SharedBuffer<u32>,
}

/// A matrix with one row per image.
pub(super) struct Rows {
    buffer: SharedBuffer<f32>,
    columns: usize,
}

impl Rows {
    fn new(rows: usize, columns: usize) -> Self {
        Rows { buffer: SharedBuffer::new(rows * stride(columns)), columns }
    }

    fn range(&self, rows: &Range<usize>) -> Range<usize> {
        rows.start * stride(self.columns)..rows.end * stride(self.columns)
    }

    /// Some rows, to read.
    fn read(&self, rows: &Range<usize>) -> MatRef<'_> {
        let data = self.buffer.part(self.range(rows));
        MatRef::with_leading_dimension(data, rows.len(), self.columns, stride(self.columns))
            .expect("a buffer of whole rows")
    }

    /// Some rows, to write.
    ///
    /// # Safety
    /// No other reference to them lives as long as the result does.
    unsafe fn write(&self, rows: &Range<usize>) -> MatMut<'_> {
        // SAFETY: as the caller vouches.
        let data = unsafe { self.buffer.write(self.range(rows)) };
        MatMut::with_leading_dimension(data, rows.len(), self.columns, stride(self.columns))
            .expect("a buffer of whole rows")
    }
}

impl Activations {
    /// Room for `rows` images.
    pub(super) fn new(network: &Network, rows: usize) -> Self {
        let per_layer = || network.layers().iter().map(|layer| Rows::new(rows, layer.outputs())).collect();
        Activations {
            x: Rows::new(rows, network.inputs()),
            outputs: per_layer(),
            deltas: per_layer(),
            labels: SharedBuffer::new(rows),
            losses: SharedBuffer::new(rows),
            predictions: SharedBuffer::new(rows),
        }
    }

    /// Puts pixels and labels into `rows`, the image of row r being `image(r)`.
    ///
    /// # Safety
    /// No other reference to these rows lives.
    pub(super) unsafe fn gather(
        &self,
        kernels: Kernels,
        rows: &Range<usize>,
        examples: Examples<'_>,
        image: impl Fn(usize) -> usize,
    ) {
        // SAFETY: as the caller vouches.
        let (mut x, labels) = unsafe { (self.x.write(rows), self.labels.write(rows.clone())) };
        for (r, (row, label)) in rows.clone().zip(labels).enumerate() {
            let i = image(row);
            *label = u32::from(examples.labels[i]);
            let to = x.row_mut(r).expect("one row per image");
            kernels.unit_from_u8(examples.image(i), to).expect("the network has one input per pixel");
        }
    }

    /// Runs the network on `rows`, up to the logits.
    ///
    /// # Safety
    /// No other reference to these rows of the outputs lives.
    pub(super) unsafe fn forward(
        &self,
        kernels: Kernels,
        network: &Network,
        rows: &Range<usize>,
        workspace: &mut Workspace<'_>,
    ) {
        let mut x = self.x.read(rows);
        for (layer, output) in network.layers().iter().zip(&self.outputs) {
            // SAFETY: as the caller vouches; each layer reads the one before, which is another buffer.
            let y = unsafe { output.write(rows) };
            kernels
                .dense_forward(x, layer.weights(), layer.biases(), layer.activation(), y, workspace)
                .expect("buffers of the network's shapes");
            x = output.read(rows);
        }
    }

    /// Losses and predictions of `rows`, and, for a batch of `batch` images, the logits' gradient.
    ///
    /// # Safety
    /// No other reference to these rows of losses, predictions and deltas lives.
    pub(super) unsafe fn loss(&self, kernels: Kernels, rows: &Range<usize>, batch: Option<usize>) {
        let last = self.outputs.len() - 1;
        // SAFETY: as the caller vouches.
        let (delta, losses, predictions) = unsafe {
            (
                batch.map(|_| self.deltas[last].write(rows)),
                self.losses.write(rows.clone()),
                self.predictions.write(rows.clone()),
            )
        };
        let (logits, labels) = (self.outputs[last].read(rows), self.labels.part(rows.clone()));
        kernels
            .softmax_cross_entropy(logits, labels, batch.unwrap_or(1), delta, losses, predictions)
            .expect("labels were checked when the dataset was opened");
    }

    /// The deltas of `rows`, from the layer before the last back to the first.
    ///
    /// # Safety
    /// No other reference to these rows of the deltas lives.
    unsafe fn backward(
        &self,
        kernels: Kernels,
        network: &Network,
        rows: &Range<usize>,
        workspace: &mut Workspace<'_>,
    ) {
        for l in (1..self.deltas.len()).rev() {
            // The input of layer l is the output of the one below, whose mask this is.
            let below = &network.layers()[l - 1];
            let output = self.outputs[l - 1].read(rows);
            let active = (below.activation() == Activation::Relu).then_some(output);
            // SAFETY: as the caller vouches; delta l is another buffer.
            let dx = unsafe { self.deltas[l - 1].write(rows) };
            kernels
                .dense_input_gradient(
                    self.deltas[l].read(rows),
                    network.layers()[l].weights(),
                    active,
                    dx,
                    workspace,
                )
                .expect("buffers of the network's shapes");
        }
    }
}

impl Trainer {
    /// One step on the examples at `images`; returns their sums, from before the update.
    pub(super) fn step(&mut self, examples: Examples<'_>, images: &[u32]) -> Metrics {
        let Trainer { kernels, team, settings, network, state, batch, workers, .. } = self;
        let (kernels, network, state, batch) = (*kernels, &*network, &*state, &*batch);
        let (size, threads) = (images.len(), team.threads());
        let worker = |t: usize| workers[t].lock().expect("a worker's panic ends the run");

        team.run(|t| {
            let rows = share(size, threads, t);
            let workspace = &mut worker(t).workspace;
            // SAFETY: in this phase a thread touches its own rows of the batch's buffers only; the
            // weights are only read.
            unsafe {
                batch.gather(kernels, &rows, examples, |row| images[row] as usize);
                batch.forward(kernels, network, &rows, workspace);
                batch.loss(kernels, &rows, Some(size));
                batch.backward(kernels, network, &rows, workspace);
            }
        });

        let labels = batch.labels.part(0..size).iter().copied();
        let metrics = Metrics::of(batch.losses.part(0..size), batch.predictions.part(0..size), labels);

        team.run(|t| {
            let mut worker = worker(t);
            for l in 0..network.layers().len() {
                let update =
                    Update { kernels, optimizer: &settings.optimizer, network, state, batch, size, l };
                // SAFETY: in this phase a thread touches its own rows of weights and their state only (and the
                // biases where they are its turn); the batch's buffers are only read.
                unsafe {
                    update.weights(share(network.layers()[l].inputs(), threads, t), &mut worker);
                    if l % threads == t {
                        update.biases(&mut worker);
                    }
                }
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
    size: usize,
    l: usize,
}

impl Update<'_> {
    /// Gradient and update of some rows of weights.
    ///
    /// # Safety
    /// No other reference to these rows of weights and their state lives.
    unsafe fn weights(&self, rows: Range<usize>, worker: &mut Worker) {
        let layer = &self.network.layers()[self.l];
        let (images, stride) = (0..self.size, layer.stride());
        let input = if self.l == 0 { &self.batch.x } else { &self.batch.outputs[self.l - 1] };
        let (input, delta) = (input.read(&images), self.batch.deltas[self.l].read(&images));
        let gradient = worker.gradients[self.l].all_mut();
        for start in rows.clone().step_by(GRADIENT_ROWS) {
            let rows = start..rows.end.min(start + GRADIENT_ROWS);
            let gradient = &mut gradient[..rows.len() * stride];
            let dw = MatMut::with_leading_dimension(gradient, rows.len(), layer.outputs(), stride);
            input
                .column_range(rows.clone())
                .and_then(|x| self.kernels.dense_weight_gradient(x, delta, dw?, &mut worker.workspace))
                .expect("buffers of the network's shapes");
            let elements = rows.start * stride..rows.end * stride;
            // SAFETY: as the caller vouches.
            unsafe { self.apply(&layer.weights, |state| &state.weights, elements, gradient) };
        }
    }

    /// Gradient and update of the biases.
    ///
    /// # Safety
    /// No other reference to the biases and their state lives.
    unsafe fn biases(&self, worker: &mut Worker) {
        let layer = &self.network.layers()[self.l];
        let gradient = &mut worker.gradients[self.l].all_mut()[..layer.outputs()];
        let delta = self.batch.deltas[self.l].read(&(0..self.size));
        self.kernels.dense_bias_gradient(delta, gradient).expect("one bias per column of the delta");
        // SAFETY: as the caller vouches.
        unsafe { self.apply(&layer.biases, |state| &state.biases, 0..layer.outputs(), gradient) };
    }

    /// # Safety
    /// No other reference to these parameters and their state lives.
    unsafe fn apply(
        &self,
        parameters: &SharedBuffer<f32>,
        state: impl Fn(&LayerState) -> &SharedBuffer<f32>,
        elements: Range<usize>,
        gradient: &[f32],
    ) {
        // SAFETY: as the caller vouches.
        let w = unsafe { parameters.write(elements.clone()) };
        match self.optimizer {
            Optimizer::Sgd(rule) => self.kernels.sgd(rule, w, gradient),
            Optimizer::RmsProp(rule) => {
                // SAFETY: as the caller vouches.
                let v = unsafe { state(&self.state[self.l]).write(elements) };
                self.kernels.rmsprop(rule, w, v, gradient)
            }
        }
        .expect("state and gradient are laid out as the parameters are");
    }
}
