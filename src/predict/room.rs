//! The way of some images through the network, on one thread.

use std::borrow::Cow;

use mnist_fast_kernels::{ByteRows, Kernels, MatMut, MatRef, PackedB, Workspace};

use super::BLOCK;
use crate::error::{Error, Result};
use crate::network::{Layer, Network};
use crate::shared::SharedBuffer;

/// Outputs from which on a layer after the first skips its input's zeros in a block: with fewer, vectors are mostly empty.
const ENOUGH_OUTPUTS: usize = 64;

/// Images from which on turning their pixels over pays.
const ENOUGH_IMAGES: usize = 16;
/// Bytes from one pixel of a block's images to the next.
const TURNED_ROW: usize = Kernels::room(BLOCK);

/// How images go through the network; each way gives the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Zeros take part.
    Dense,
    /// Zeros are left out where there are enough outputs.
    Sparse,
    /// As soon as possible for one image.
    Single,
}

/// A network with its weights as the kernels want them, shared by all threads.
pub(super) struct Prepared<'a> {
    pub(super) kernels: Kernels,
    pub(super) network: Cow<'a, Network>,
    /// The weights of the layers after the first, for dense products.
    packed: Vec<PackedB<'static>>,
}

/// Distance between the rows of an activation, each on a cache line of its own.
fn stride(columns: usize) -> usize {
    Kernels::room(columns)
}

/// The activation in a buffer, of so many rows and columns.
fn rows_of(buffer: &SharedBuffer<f32>, (rows, columns): (usize, usize)) -> MatRef<'_> {
    MatRef::with_leading_dimension(buffer.all(), rows, columns, stride(columns)).expect("room for a block")
}

/// The widest output of a hidden layer.
fn widest(network: &Network) -> usize {
    let layers = network.layers();
    layers[..layers.len() - 1].iter().map(Layer::outputs).max().unwrap_or(0)
}

impl<'a> Prepared<'a> {
    pub(super) fn new(kernels: Kernels, network: Cow<'a, Network>) -> Result<Self> {
        let packed = network.layers()[1..].iter().map(|layer| kernels.pack_b_owned(layer.weights()));
        let packed = packed.collect::<std::result::Result<_, _>>();
        let packed = packed.map_err(|error| Error::failed(error.to_string()))?;
        Ok(Prepared { kernels, network, packed })
    }

    /// Bytes that [`Prepared::new`] takes; `None` where they cannot be counted.
    pub(super) fn memory_needed(network: &Network) -> Option<usize> {
        network.layers()[1..].iter().try_fold(0usize, |sum, layer| {
            PackedB::len(layer.inputs(), layer.outputs())?.checked_mul(4)?.checked_add(sum)
        })
    }

    /// Whether there is one logit for two classes.
    fn is_logistic(&self) -> bool {
        self.network.outputs() == 1
    }

    pub(super) fn probabilities(&self, logits: MatRef<'_>, probabilities: &mut [f32]) {
        let (rows, columns) = logits.shape();
        if self.is_logistic() {
            // 1 / (1 + e^z) keeps the digits that 1 - p would lose.
            for (i, pair) in probabilities.chunks_exact_mut(2).enumerate() {
                let z = logit(logits, i);
                pair.copy_from_slice(&[-z, z]);
            }
            return self.kernels.sigmoid(probabilities);
        }
        let to = MatMut::new(probabilities, rows, columns).expect("a probability per logit");
        self.kernels.softmax(logits, to).expect("matrices of one shape");
    }

    pub(super) fn classes(&self, logits: MatRef<'_>, probabilities: &[f32], classes: &mut [u32]) {
        if self.is_logistic() {
            // The second class where its probability is above one half, as in Keras.
            let pairs = probabilities.chunks_exact(2);
            return classes.iter_mut().zip(pairs).for_each(|(class, pair)| *class = u32::from(pair[1] > 0.5));
        }
        self.kernels.argmax(logits, classes).expect("a class per image");
    }
}

/// The only logit of image `i`.
fn logit(logits: MatRef<'_>, i: usize) -> f32 {
    logits.get(i, 0).expect("a logit per image")
}

/// One thread's memory for a block of images on their way.
pub(super) struct Room {
    workspace: Workspace<'static>,
    /// The images as unit floats, where zeros take part.
    x: SharedBuffer<f32>,
    /// The images turned over, a row for each pixel, where zeros are left out.
    turned: SharedBuffer<u8>,
    /// The outputs of hidden layers: one is read while the other is written.
    hidden: [SharedBuffer<f32>; 2],
    labels: Vec<u32>,
    found: Vec<u32>,
    /// Of a network with one output: its logits and what they should say.
    logits: Vec<f32>,
    targets: Vec<f32>,
}

impl Room {
    pub(super) fn new(network: &Network) -> Self {
        let hidden = || SharedBuffer::new(BLOCK * stride(widest(network)));
        let logistic = if network.outputs() == 1 { BLOCK } else { 0 };
        Room {
            workspace: Workspace::new(),
            x: SharedBuffer::new(BLOCK * stride(network.inputs())),
            turned: SharedBuffer::new(TURNED_ROW * network.inputs()),
            hidden: [hidden(), hidden()],
            labels: vec![0; BLOCK],
            found: vec![0; BLOCK],
            logits: vec![0.0; logistic],
            targets: vec![0.0; logistic],
        }
    }

    /// Bytes that [`Room::new`] takes; `None` where they cannot be counted.
    pub(super) fn memory_needed(network: &Network) -> Option<usize> {
        let hidden = stride(widest(network)).checked_mul(2)?;
        let turned = network.inputs().checked_mul(TURNED_ROW)?;
        let floats = stride(network.inputs()).checked_add(hidden)?.checked_add(4)?.checked_mul(BLOCK * 4)?;
        floats.checked_add(turned)
    }

    /// Runs up to [`BLOCK`] images; their logits, which were written to `logits`.
    pub(super) fn forward<'l>(
        &mut self,
        prepared: &Prepared<'_>,
        way: Way,
        images: &[u8],
        logits: &'l mut [f32],
    ) -> MatRef<'l> {
        let Prepared { kernels, network, packed } = prepared;
        let (inputs, outputs, layers) = (network.inputs(), network.outputs(), network.layers());
        let count = images.len() / inputs;
        let Room { workspace, x, turned, hidden: [from, to], .. } = self;
        let (mut from, mut to) = (from, to);
        for (l, layer) in layers.iter().enumerate() {
            let (outputs, biases, activation) = (layer.outputs(), layer.biases(), layer.activation());
            let input = (count, layer.inputs());
            let y = if l + 1 == layers.len() {
                MatMut::new(&mut *logits, count, outputs)
            } else {
                MatMut::with_leading_dimension(to.all_mut(), count, outputs, stride(outputs))
            };
            let mut y = y.expect("room for a block");
            let done = match (l, way) {
                (0, Way::Dense) => {
                    let rows = x.all_mut().chunks_exact_mut(stride(inputs));
                    for (image, row) in images.chunks_exact(inputs).zip(rows) {
                        kernels.unit_from_u8(image, &mut row[..inputs]).expect("an image's pixels");
                    }
                    kernels.dense_forward(
                        rows_of(x, input),
                        layer.weights(),
                        biases,
                        activation.fused(),
                        y.reborrow(),
                        workspace,
                    )
                }
                (0, Way::Sparse) if count >= ENOUGH_IMAGES => {
                    let x = ByteRows::new(images, count, inputs, inputs).expect("whole images");
                    let turned = turned.all_mut();
                    kernels.transpose_u8(x, 0..inputs, turned, TURNED_ROW).expect("room for a block");
                    let x = ByteRows::new(turned, inputs, count, TURNED_ROW).expect("as many as there are");
                    let (weights, activation) = (layer.weights(), activation.fused());
                    kernels.dense_forward_transposed(x, weights, biases, activation, y.reborrow())
                }
                (0, _) => {
                    let x = ByteRows::new(images, count, inputs, inputs).expect("whole images");
                    kernels.dense_forward_sparse(x, layer.weights(), biases, activation.fused(), y.reborrow())
                }
                _ if leaves_out_zeros(layers, l, way) => kernels.dense_forward_sparse(
                    rows_of(from, input),
                    layer.weights(),
                    biases,
                    activation.fused(),
                    y.reborrow(),
                ),
                _ => kernels.dense_forward_packed(
                    rows_of(from, input),
                    &packed[l - 1],
                    biases,
                    activation.fused(),
                    y.reborrow(),
                    workspace,
                ),
            };
            done.expect("matrices of the network's shapes");
            activation.finish(*kernels, y);
            std::mem::swap(&mut from, &mut to);
        }
        MatRef::new(logits, count, outputs).expect("a row of logits per image")
    }

    /// The cross-entropy of each image.
    pub(super) fn losses(
        &mut self,
        prepared: &Prepared<'_>,
        logits: MatRef<'_>,
        labels: &[u8],
        losses: &mut [f32],
    ) {
        if prepared.is_logistic() {
            let (own, targets) = (&mut self.logits[..labels.len()], &mut self.targets[..labels.len()]);
            own.iter_mut().enumerate().for_each(|(i, to)| *to = logit(logits, i));
            targets.iter_mut().zip(labels).for_each(|(to, label)| *to = f32::from(*label));
            let done = prepared.kernels.binary_cross_entropy(own, targets, 1, None, losses);
            return done.expect("a target per logit");
        }
        let (own, found) = (&mut self.labels[..labels.len()], &mut self.found[..labels.len()]);
        own.iter_mut().zip(labels).for_each(|(to, label)| *to = u32::from(*label));
        prepared
            .kernels
            .softmax_cross_entropy(logits, own, 1, None, losses, found)
            .expect("labels were checked");
    }
}

/// Whether layer `l`, not the first, skips the zeros that a ReLU below it made.
fn leaves_out_zeros(layers: &[Layer], l: usize, way: Way) -> bool {
    let enough = match way {
        Way::Dense => return false,
        Way::Sparse => ENOUGH_OUTPUTS,
        // Of one image few vectors are busy in a dense product either.
        Way::Single => 1,
    };
    layers[l - 1].is_relu() && layers[l].outputs() >= enough
}
