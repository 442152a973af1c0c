//! What is computed per image, one row each: the passes forward and backward over some rows.

use std::ops::Range;

use mnist_fast_kernels::{ByteRows, Kernels, LabelSmoothing, MatRef, Workspace};

use super::Examples;
use super::dropout::{Dropped, Moment};
use super::first::Panel;
use super::loss::{Call, Target};
use super::sparse::{Turned, skips};
use crate::loss::Loss;
use crate::network::{Layer, Network};
use crate::shared::{SharedBuffer, SharedMatrix};

/// Room for a batch, or for a block to evaluate.
pub(super) struct Activations {
    /// Each layer's output; the last one's are the logits.
    pub(super) outputs: Vec<SharedMatrix>,
    /// The gradient of the loss by each layer's pre-activations.
    pub(super) deltas: Vec<SharedMatrix>,
    pub(super) labels: SharedBuffer<u32>,
    pub(super) losses: SharedBuffer<f32>,
    pub(super) predictions: SharedBuffer<u32>,
    pub(super) target: Target,
    pub(super) smoothing: LabelSmoothing,
    /// Dropout after each hidden layer that has any; empty where none has, as in evaluation.
    pub(super) dropped: Vec<Option<Dropped>>,
    /// Where in training this batch is, which dropout depends on.
    pub(super) moment: Moment,
}

/// What a layer reads.
pub(super) enum Input<'a> {
    Dense(MatRef<'a>),
    /// Its zeros are left out.
    Sparse(MatRef<'a>),
    /// Pixels, turned over; zeros are left out.
    Turned(ByteRows<'a>),
}

/// Some rows of a matrix, all columns, to read.
pub(super) fn rows_of<'a>(matrix: &'a SharedMatrix, rows: &Range<usize>) -> MatRef<'a> {
    matrix.read(rows.clone(), 0..matrix.columns())
}

/// Puts the pixels of the examples at `images` into the first rows of `x`, as unit floats.
pub(super) fn gather(
    kernels: Kernels,
    x: &mut SharedMatrix,
    examples: Examples<'_>,
    images: impl Iterator<Item = usize>,
) {
    for (row, image) in images.enumerate() {
        kernels
            .unit_from_u8(examples.image(image), x.row_mut(row))
            .expect("the network has one input per pixel");
    }
}

impl Activations {
    /// Room for `rows` images.
    pub(super) fn new(network: &Network, rows: usize) -> Self {
        let per_layer =
            || network.layers().iter().map(|layer| SharedMatrix::new(rows, layer.outputs())).collect();
        Activations {
            outputs: per_layer(),
            deltas: per_layer(),
            labels: SharedBuffer::new(rows),
            losses: SharedBuffer::new(rows),
            predictions: SharedBuffer::new(rows),
            target: Target::new(Loss::default_for(network.outputs()), rows, network.outputs()),
            smoothing: LabelSmoothing::default(),
            dropped: vec![],
            moment: [0, 0],
        }
    }

    /// Runs a panel of the first layer on `rows` of its input (which has those rows only).
    ///
    /// # Safety
    /// No other reference to these rows of the panel's columns of the output lives.
    pub(super) unsafe fn forward_panel(
        &self,
        kernels: Kernels,
        layer: &Layer,
        panel: &Panel,
        x: Input<'_>,
        rows: &Range<usize>,
        workspace: &mut Workspace<'_>,
    ) {
        let own = (panel.weights(), panel.columns.clone());
        // SAFETY: as the caller vouches.
        unsafe { self.forward_columns(kernels, (0, layer), own, x, rows, workspace) };
    }

    /// Runs layer `l` on `rows` of its input (which has those rows only).
    ///
    /// # Safety
    /// No other reference to these rows of the output lives.
    pub(super) unsafe fn forward_layer(
        &self,
        kernels: Kernels,
        network: &Network,
        l: usize,
        x: Input<'_>,
        rows: &Range<usize>,
        workspace: &mut Workspace<'_>,
    ) {
        let layer = &network.layers()[l];
        let all = (layer.weights(), 0..layer.outputs());
        // SAFETY: as the caller vouches.
        unsafe { self.forward_columns(kernels, (l, layer), all, x, rows, workspace) };
    }

    /// # Safety
    /// No other reference to these rows of these columns of the output lives.
    unsafe fn forward_columns(
        &self,
        kernels: Kernels,
        (l, layer): (usize, &Layer),
        (weights, columns): (MatRef<'_>, Range<usize>),
        x: Input<'_>,
        rows: &Range<usize>,
        workspace: &mut Workspace<'_>,
    ) {
        let (biases, activation) = (layer.biases.part(columns.clone()), layer.activation());
        // SAFETY: as the caller vouches.
        let mut y = unsafe { self.outputs[l].write(rows.clone(), columns) };
        let (fused, to) = (activation.fused(), y.reborrow());
        match x {
            Input::Dense(x) => kernels.dense_forward(x, weights, biases, fused, to, workspace),
            Input::Sparse(x) => kernels.dense_forward_sparse(x, weights, biases, fused, to),
            Input::Turned(x) => kernels.dense_forward_transposed(x, weights, biases, fused, to),
        }
        .expect("matrices of the network's shapes");
        activation.finish(kernels, y);
    }

    /// Dropout after layer `l`, if it has any.
    fn dropped(&self, l: usize) -> Option<&Dropped> {
        self.dropped.get(l)?.as_ref()
    }

    /// Runs the layers after the first on `rows`, leaving out zeros where that pays if `sparse`. Where there is dropout the
    /// first layer's outputs are dropped here too, whole rows at a time.
    ///
    /// # Safety
    /// No other reference to these rows of any outputs lives.
    pub(super) unsafe fn forward(
        &self,
        kernels: Kernels,
        network: &Network,
        rows: &Range<usize>,
        sparse: bool,
        workspace: &mut Workspace<'_>,
    ) {
        for l in 1..network.layers().len() {
            if let Some(dropped) = self.dropped(l - 1) {
                // SAFETY: as the caller vouches; nobody reads them yet.
                unsafe { dropped.forward(kernels, &self.outputs[l - 1], rows, self.moment) };
            }
            let x = rows_of(&self.outputs[l - 1], rows);
            // SAFETY: as the caller vouches; the layer reads another matrix than it writes.
            unsafe {
                let leaves_out = sparse && skips(network, l, self.outputs[l].rows());
                let x = if leaves_out { Input::Sparse(x) } else { Input::Dense(x) };
                self.forward_layer(kernels, network, l, x, rows, workspace);
            }
        }
    }

    /// Losses and predictions of `rows`, and, for a batch of `batch` images, the logits' gradient.
    ///
    /// # Safety
    /// No other reference to these rows of losses, predictions, the target and the last deltas lives.
    pub(super) unsafe fn loss(&self, kernels: Kernels, rows: &Range<usize>, batch: Option<usize>) {
        let last = self.outputs.len() - 1;
        let classes = self.outputs[last].columns();
        // SAFETY: as the caller vouches.
        let (delta, losses, predictions) = unsafe {
            (
                batch.map(|_| self.deltas[last].write(rows.clone(), 0..classes)),
                self.losses.write(rows.clone()),
                self.predictions.write(rows.clone()),
            )
        };
        let (logits, labels) = (rows_of(&self.outputs[last], rows), self.labels.part(rows.clone()));
        let (batch, smoothing) = (batch.unwrap_or(1), self.smoothing);
        let call = Call { logits, labels, smoothing, batch, gradient: delta, losses, predictions };
        // SAFETY: as the caller vouches.
        unsafe { self.target.loss(kernels, rows, call) };
    }

    /// The deltas of `rows`, from the layer before the last back to the first, by thread `t`.
    ///
    /// # Safety
    /// No other reference to these rows of the deltas lives, nobody writes weights, and no other thread has the number `t`.
    pub(super) unsafe fn backward(
        &self,
        kernels: Kernels,
        network: &Network,
        (t, rows): (usize, &Range<usize>),
        sparse: Option<&Turned>,
        workspace: &mut Workspace<'_>,
    ) {
        for l in (1..self.deltas.len()).rev() {
            // The input of layer l is the output of the one below, whose mask this is.
            let below = &network.layers()[l - 1];
            let active = below.is_relu().then(|| rows_of(&self.outputs[l - 1], rows));
            let delta = rows_of(&self.deltas[l], rows);
            // SAFETY: as the caller vouches; delta l is another matrix.
            let mut dx = unsafe { self.deltas[l - 1].write(rows.clone(), 0..below.outputs()) };
            // The deltas of a layer with a ReLU are as sparse as its outputs.
            let turned = sparse.and_then(|turned| turned.layer(l)).filter(|_| network.layers()[l].is_relu());
            match turned {
                Some(turned) => {
                    // SAFETY: the copy is this thread's, and nobody writes weights in this phase.
                    let weights = unsafe { turned.turn_weights(kernels, &network.layers()[l], t) };
                    kernels.dense_input_gradient_sparse(delta, weights, active, dx.reborrow())
                }
                None => {
                    let weights = network.layers()[l].weights();
                    kernels.dense_input_gradient(delta, weights, active, dx.reborrow(), workspace)
                }
            }
            .expect("matrices of the network's shapes");
            let outputs = &self.outputs[l - 1];
            let h = match self.dropped(l - 1) {
                None => rows_of(outputs, rows),
                Some(dropped) => {
                    dropped.apply(kernels, dx.reborrow(), rows, self.moment);
                    dropped.outputs(outputs, rows)
                }
            };
            below.activation().gradient(kernels, h, dx);
        }
    }
}
