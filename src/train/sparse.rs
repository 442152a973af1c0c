//! Leaving out zeros: most pixels of a digit are 0, and so is about half of what a ReLU gives. A product need not touch what they
//! would multiply, and its bits stay the same.
//!
//! Forward, the kernels skip a ReLU's zeros where the floats lie. The other products want what they skip turned over: the first layer
//! and the gradient of weights take the input by columns, and the input gradient takes the weights by columns. Those copies are
//! here, filled by all threads in shares.

use std::ops::Range;

use mnist_fast_kernels::{ByteRows, Kernels, MatRef};

use super::Examples;
use crate::network::{Layer, Network};
use crate::shared::{SharedBuffer, SharedMatrix, stride_of};

/// Outputs from which on a layer after the first skips its input's zeros: with fewer, vectors are mostly empty.
const ENOUGH_OUTPUTS: usize = 64;

/// Deltas of a batch, 32 KB of them, that the gradient of weights finds in L1 whichever images it skips. Where they come from
/// further away, a dense product is faster than one that leaves out half of its terms (128 outputs: 4 % slower with 64 images, 6 %
/// faster with 256, 14 % with 1024).
const NEAR_DELTAS: usize = 8192;

/// Whether layer `l` skips the zeros that a ReLU below it made, in batches of `batch` images.
pub fn skips(network: &Network, l: usize, batch: usize) -> bool {
    let (below, outputs) =
        (l.checked_sub(1).map(|below| &network.layers()[below]), network.layers()[l].outputs());
    below.is_some_and(Layer::is_relu)
        && outputs >= ENOUGH_OUTPUTS
        && outputs.saturating_mul(batch) <= NEAR_DELTAS
}

/// What is turned over for a batch.
pub(super) struct Turned {
    /// For each group of threads: inputs x batch, rows `stride` bytes apart.
    pixels: Vec<SharedBuffer<u8>>,
    stride: usize,
    /// For layers that skip zeros.
    layers: Vec<Option<TurnedLayer>>,
}

/// A layer that skips zeros.
pub(super) struct TurnedLayer {
    /// Inputs x batch.
    pub(super) input: SharedMatrix,
    /// For each thread: outputs x inputs. A copy that all wrote a part of would be sent from core to core in every step.
    pub(super) weights: Vec<SharedMatrix>,
}

impl Turned {
    pub(super) fn new(network: &Network, batch: usize, groups: usize, threads: usize) -> Self {
        let stride = Kernels::room(batch);
        let layer = |(l, layer): (usize, &Layer)| {
            skips(network, l, batch).then(|| TurnedLayer {
                input: SharedMatrix::new(layer.inputs(), batch),
                weights: (0..threads).map(|_| SharedMatrix::new(layer.outputs(), layer.inputs())).collect(),
            })
        };
        Turned {
            pixels: (0..groups).map(|_| SharedBuffer::new(network.inputs() * stride)).collect(),
            stride,
            layers: network.layers().iter().enumerate().map(layer).collect(),
        }
    }

    /// Bytes that [`Turned::new`] takes at most for `threads`; `None` where they cannot be counted.
    pub(super) fn memory_needed(network: &Network, batch: usize, threads: usize) -> Option<usize> {
        let width = |columns: usize| stride_of(columns)?.checked_mul(4);
        let mut bytes =
            network.inputs().checked_mul(batch.checked_next_multiple_of(16)?)?.checked_mul(threads)?;
        for (_, layer) in network.layers().iter().enumerate().filter(|(l, _)| skips(network, *l, batch)) {
            let input = layer.inputs().checked_mul(width(batch)?)?;
            let weights = layer.outputs().checked_mul(width(layer.inputs())?)?.checked_mul(threads)?;
            bytes = bytes.checked_add(input)?.checked_add(weights)?;
        }
        Some(bytes)
    }

    /// Layer `l`, if it skips zeros.
    pub(super) fn layer(&self, l: usize) -> Option<&TurnedLayer> {
        self.layers[l].as_ref()
    }

    /// Some pixels of a batch of `images`, a row each, as a group turned them over.
    pub(super) fn pixels(&self, group: usize, pixels: Range<usize>, images: usize) -> ByteRows<'_> {
        let part = self.pixels[group].part(pixels.start * self.stride..pixels.end * self.stride);
        ByteRows::new(part, pixels.len(), images, self.stride).expect("room for a whole batch")
    }

    /// All `inputs` pixels of some images of the batch, a row each, as a group turned them over.
    pub(super) fn images(&self, group: usize, inputs: usize, images: Range<usize>) -> ByteRows<'_> {
        let part = self.pixels[group].part(images.start..inputs * self.stride);
        ByteRows::new(part, inputs, images.len(), self.stride).expect("room for a whole batch")
    }

    /// Turns over some pixels of the images `from`, for a group.
    ///
    /// # Safety
    /// No other reference to the group's rows of these pixels lives.
    pub(super) unsafe fn turn_pixels(
        &self,
        kernels: Kernels,
        group: usize,
        from: ByteRows<'_>,
        pixels: Range<usize>,
    ) {
        let part = pixels.start * self.stride..pixels.end * self.stride;
        // SAFETY: as the caller vouches.
        let to = unsafe { self.pixels[group].write(part) };
        kernels.transpose_u8(from, pixels, to, self.stride).expect("room for a whole batch");
    }
}

impl TurnedLayer {
    /// Turns over some columns of the layer's input, of a whole batch.
    ///
    /// # Safety
    /// No other reference to these rows of the copy lives.
    pub(super) unsafe fn turn_input(&self, kernels: Kernels, x: MatRef<'_>, rows: Range<usize>) {
        // SAFETY: as the caller vouches.
        let to = unsafe { self.input.write(rows, 0..x.rows()) };
        kernels.transpose(x, to).expect("room for a whole batch");
    }

    /// Turns over the layer's weights for thread `t`.
    ///
    /// # Safety
    /// No other reference to that thread's copy lives, and nobody writes the weights.
    pub(super) unsafe fn turn_weights(&self, kernels: Kernels, layer: &Layer, t: usize) -> MatRef<'_> {
        let (outputs, inputs) = (layer.outputs(), layer.inputs());
        // SAFETY: as the caller vouches.
        let to = unsafe { self.weights[t].write(0..outputs, 0..inputs) };
        kernels.transpose(layer.weights(), to).expect("the copy has the layer's shape");
        self.weights[t].read(0..outputs, 0..inputs)
    }
}

/// The images of a batch, where they lie in the dataset.
pub(super) fn batch_of<'a>(examples: Examples<'a>, images: &'a [u32]) -> ByteRows<'a> {
    ByteRows::select(examples.images, examples.image_len(), images).expect("images of the dataset")
}
