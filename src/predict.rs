//! Inference: images through a trained network, a block at a time, and what comes out: logits, probabilities, losses.
//!
//! Each image takes the same chains as in training, so that its logits are the same bits, whatever the block.

use mnist_fast_kernels::{Kernels, MatMut, MatRef, Workspace};

use crate::error::{Error, Result};
use crate::memory;
use crate::metrics::Metrics;
use crate::network::{Layer, Network};
use crate::train::Examples;

/// Images that go through the network at a time: their activations stay in the L2 cache.
pub const BLOCK: usize = 64;

/// A network and the room for a block of images on their way through it.
pub struct Predictor<'a> {
    kernels: Kernels,
    network: &'a Network,
    workspace: Workspace<'static>,
    /// A layer's input and its output take turns.
    rooms: [Vec<f32>; 2],
    probabilities: Vec<f32>,
    classes: Vec<u32>,
}

/// What the network says of a block of images.
#[derive(Clone, Copy, Debug)]
pub struct Predicted<'a> {
    /// Images x classes: the last layer's output.
    pub logits: MatRef<'a>,
    /// Images x classes: the softmax of the logits.
    pub probabilities: &'a [f32],
    /// The most probable class of each image; of equal ones the first.
    pub classes: &'a [u32],
}

impl<'a> Predictor<'a> {
    /// Prepares to run `network`.
    ///
    /// # Errors
    /// Where a block of images does not fit into memory beside it.
    pub fn new(kernels: Kernels, network: &'a Network) -> Result<Self> {
        let widest = network.layers().iter().map(Layer::outputs).max().unwrap_or(0).max(network.inputs());
        let bytes = widest.checked_mul(BLOCK * 4 * 3);
        memory::require(bytes, "a block of images in this network")?;
        Ok(Predictor {
            kernels,
            network,
            workspace: Workspace::new(),
            rooms: [vec![0.0; BLOCK * widest], vec![0.0; BLOCK * widest]],
            probabilities: vec![0.0; BLOCK * network.classes()],
            classes: vec![0; BLOCK],
        })
    }

    /// Runs up to [`BLOCK`] images: their pixels, one image after the other, one byte an input.
    ///
    /// # Errors
    /// Where the bytes are no whole number of images, or too many; or where an output is no number, because the
    /// weights are too large.
    pub fn block(&mut self, images: &[u8]) -> Result<Predicted<'_>> {
        let inputs = self.network.inputs();
        let count = images.len() / inputs;
        if count > BLOCK || images.len() != count * inputs {
            return Err(Error::failed(format!(
                "{} bytes are not up to {BLOCK} images of {inputs} pixels",
                images.len()
            )));
        }
        let unexpected = |error: mnist_fast_kernels::Error| Error::failed(error.to_string());
        let kernels = self.kernels;
        let [from, to] = &mut self.rooms;
        kernels.unit_from_u8(images, &mut from[..images.len()]).map_err(unexpected)?;
        let (mut from, mut to) = (from, to);
        for layer in self.network.layers() {
            let x =
                MatRef::new(&from[..count * layer.inputs()], count, layer.inputs()).map_err(unexpected)?;
            let y = MatMut::new(&mut to[..count * layer.outputs()], count, layer.outputs());
            let (y, workspace) = (y.map_err(unexpected)?, &mut self.workspace);
            kernels
                .dense_forward(x, layer.weights(), layer.biases(), layer.activation(), y, workspace)
                .map_err(unexpected)?;
            std::mem::swap(&mut from, &mut to);
        }
        let classes = self.network.classes();
        let logits = MatRef::new(&from[..count * classes], count, classes).map_err(unexpected)?;
        let probabilities = &mut self.probabilities[..count * classes];
        let to = MatMut::new(probabilities, count, classes).map_err(unexpected)?;
        kernels.softmax(logits, to).map_err(unexpected)?;
        if probabilities.iter().any(|p| p.is_nan()) {
            return Err(Error::failed(
                "the network's outputs for an image are not numbers: its weights are too large; train it again",
            ));
        }
        let found = &mut self.classes[..count];
        kernels.argmax(logits, found).map_err(unexpected)?;
        Ok(Predicted { logits, probabilities, classes: found })
    }
}

/// What a network says of labelled examples.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// Loss and accuracy, with the bits that training reports.
    pub metrics: Metrics,
    /// Each example's cross-entropy, in nats.
    pub losses: Vec<f32>,
    /// Each example's most probable class.
    pub classes: Vec<u32>,
    /// The probability of that class.
    pub probabilities: Vec<f32>,
}

/// Runs the network on all `examples`, which are of its size and whose labels are its classes.
///
/// # Errors
/// As for [`Predictor::block`].
pub fn evaluate(kernels: Kernels, network: &Network, examples: Examples<'_>) -> Result<Evaluation> {
    let (inputs, classes) = (network.inputs(), network.classes());
    let mut predictor = Predictor::new(kernels, network)?;
    let mut all = Evaluation {
        metrics: Metrics::zero(),
        losses: Vec::with_capacity(examples.len()),
        classes: Vec::with_capacity(examples.len()),
        probabilities: Vec::with_capacity(examples.len()),
    };
    for (images, labels) in examples.images.chunks(BLOCK * inputs).zip(examples.labels.chunks(BLOCK)) {
        let labels: Vec<u32> = labels.iter().map(|label| u32::from(*label)).collect();
        let (mut losses, mut found) = (vec![0.0; labels.len()], vec![0; labels.len()]);
        let block = predictor.block(images)?;
        kernels
            .softmax_cross_entropy(block.logits, &labels, 1, None, &mut losses, &mut found)
            .map_err(|error| Error::failed(error.to_string()))?;
        let rows = block.probabilities.chunks_exact(classes);
        all.probabilities.extend(rows.zip(&found).map(|(row, class)| row[*class as usize]));
        all.losses.extend(losses);
        all.classes.extend(found);
    }
    let labels = examples.labels.iter().map(|label| u32::from(*label));
    all.metrics = Metrics::of(&all.losses, &all.classes, labels);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A network of zeros but for the biases of its last layer.
    fn network(biases: &[f32]) -> Network {
        let mut network = Network::zeros(&[4, 3, biases.len()]).unwrap();
        let weights = vec![0.0; 3 * biases.len()];
        network.layers_mut()[1].set(&weights, biases).unwrap();
        network
    }

    #[test]
    fn blocks_of_any_size_up_to_the_limit() {
        let network = network(&[0.0, 1.0, 1.0]);
        let mut predictor = Predictor::new(Kernels::best(), &network).unwrap();
        for count in [0, 1, 5, BLOCK] {
            let found = predictor.block(&vec![7; 4 * count]).unwrap();
            assert_eq!(found.classes, vec![1; count], "of equal ones the first");
            assert_eq!(found.probabilities.len(), 3 * count);
        }
        for bytes in [3, 4 * BLOCK + 1, 4 * BLOCK + 4] {
            assert!(predictor.block(&vec![0; bytes]).is_err(), "{bytes}");
        }
    }

    #[test]
    fn outputs_that_are_no_numbers_are_an_error() {
        let mut network = network(&[0.0, 0.0]);
        network.layers_mut()[0].set(&[3e38; 12], &[0.0; 3]).unwrap();
        network.layers_mut()[1].set(&[3e38, -3e38, 3e38, 3e38, -3e38, 3e38], &[0.0; 2]).unwrap();
        let error = Predictor::new(Kernels::best(), &network).unwrap().block(&[255; 4]).unwrap_err();
        assert!(error.to_string().contains("not numbers"), "{error}");
    }

    #[test]
    fn losses_probabilities_and_counts_agree() {
        let network = network(&[0.0, 2.0]);
        let labels: Vec<u8> = (0..150).map(|i| u8::from(i % 3 == 0)).collect();
        let images = vec![0; 4 * 150];
        let examples = Examples { images: &images, labels: &labels };
        let found = evaluate(Kernels::best(), &network, examples).unwrap();
        assert_eq!((found.metrics.correct, found.metrics.count, found.losses.len()), (50, 150, 150));
        // ln(1 + e^-2) and 2 more.
        for (loss, label) in found.losses.iter().zip(&labels) {
            let expected = if *label == 1 { 0.126_928 } else { 2.126_928 };
            assert!((loss - expected).abs() < 1e-5, "{loss}");
        }
        assert!(found.probabilities.iter().all(|p| (p - 0.880_797).abs() < 1e-5));
    }
}
