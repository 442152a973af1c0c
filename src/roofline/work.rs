//! What each phase of a step has to do at least: multiply-adds, and bytes.
//!
//! Zeros are counted, not assumed: the pixels of every batch of an epoch, and the ReLUs' outputs of the trained network on images
//! from all over the training set. A multiply-add is useful where its pixel or activation (on the way back: its delta) is not
//! zero; effective counts are those of dense matrices. The optimizer's square roots and divisions are in neither, nor are softmax's
//! exponentials.
//!
//! Bytes are of two kinds. *Loads* are what the loops over nonzeros read for each: a row of a matrix that stands in L1 meanwhile.
//! *Moved* is every operand once a step, by each thread that needs it, from the smallest cache that has room for all that the
//! phase touches. Caches hold less than that, and what another core wrote comes from further away, so these are lower bounds.

use mnist_fast_kernels::{Kernels, MatMut, MatRef, Workspace};

use crate::network::{Layer, Network};
use crate::random;
use crate::train::{Examples, Phase, Settings, skips};

/// Images that the ReLUs' zeros are counted on.
const SAMPLE: usize = 256;
/// Images that validation takes through the network at a time.
const BLOCK: f64 = 64.0;
const FLOAT: f64 = 4.0;

/// What was counted.
#[derive(Clone, Debug)]
pub struct Counts {
    /// Of an epoch.
    pub steps: usize,
    /// Images of a batch, but for the last.
    pub batch: usize,
    /// Of an epoch.
    pub images: usize,
    /// Images to validate.
    pub validation: usize,
    /// Pixels that are not 0 of an average image to train on, and to validate.
    pub pixels: [f64; 2],
    /// Pixels that are not 0 in every image of an average batch: rows of the first layer that a step touches.
    pub live: f64,
    /// Outputs of each hidden layer that are not 0, for an average image.
    pub active: Vec<f64>,
}

/// What a phase has to do in an average step, at least.
#[derive(Clone, Copy, Debug, Default)]
pub struct Work {
    /// Operations with a pixel, activation or delta that is not 0, two a multiply-add, over all threads.
    pub useful: f64,
    /// The same as if matrices were dense.
    pub effective: f64,
    /// Those that are done.
    pub done: f64,
    /// Bytes that one thread's loops over nonzeros read from L1.
    pub loads: f64,
    /// Bytes of one thread's operands, each once.
    pub moved: f64,
    /// Bytes that must fit into a cache for it to be where they come from.
    pub set: f64,
    /// Whether most of what is moved is read and written, not only read.
    pub updates: bool,
}

fn nonzero(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte != 0).count()
}

impl Counts {
    /// Counts in the data, in the batches of the first epoch, and in what `network` makes of some images.
    pub fn new(
        kernels: Kernels,
        network: &Network,
        settings: &Settings,
        train: Examples<'_>,
        validation: Option<Examples<'_>>,
    ) -> Self {
        let mut order: Vec<u32> = (0..train.len() as u32).collect();
        if settings.shuffle {
            random::permutation(settings.seed, 1, &mut order);
        }
        let mut live = 0;
        for batch in order.chunks(settings.batch_size) {
            let mut lit = vec![false; network.inputs()];
            for image in batch {
                let pixels = train.range(*image as usize..*image as usize + 1).images;
                lit.iter_mut().zip(pixels).for_each(|(lit, pixel)| *lit |= *pixel != 0);
            }
            live += lit.iter().filter(|lit| **lit).count();
        }
        let steps = order.len().div_ceil(settings.batch_size);
        let per_image = |e: Examples<'_>| nonzero(e.images) as f64 / e.len().max(1) as f64;
        Counts {
            steps,
            batch: settings.batch_size,
            images: train.len(),
            validation: validation.map_or(0, |v| v.len()),
            pixels: [per_image(train), validation.map_or(0.0, per_image)],
            live: live as f64 / steps as f64,
            active: active(kernels, network, train),
        }
    }

    /// The work of `phase` in an average step; nothing where it is not modelled.
    pub fn work(&self, phase: Phase, network: &Network, sparse: bool, threads: usize) -> Option<Work> {
        let images = self.images as f64 / self.steps as f64;
        let (layers, first, threads) = (network.layers(), &network.layers()[0], threads as f64);
        let size = |layer: &Layer| (layer.inputs() as f64, layer.outputs() as f64);
        let (inputs, outputs) = size(first);
        let own = images / threads;
        let others = || layers.iter().enumerate().skip(1);
        let pixel_work = |images: f64, pixels: f64| {
            let (useful, effective) = (2.0 * images * pixels * outputs, 2.0 * images * inputs * outputs);
            let done = if sparse { useful } else { effective };
            let loads = if sparse { useful / 2.0 * FLOAT / threads } else { 0.0 };
            Work { useful, effective, done, loads, ..Work::default() }
        };
        // Of layer l's product with matrices of `images` rows, `nonzero` elements a row; `sparsely` leaves out the others.
        let product = |l: usize, images: f64, nonzero: f64, of: f64, by: f64, sparsely: bool| {
            let (useful, effective) = (2.0 * images * nonzero * by, 2.0 * images * of * by);
            let sparsely = sparsely && sparse && skips(network, l, self.batch);
            let done = if sparsely { useful } else { effective };
            let loads = if sparsely { useful / 2.0 * FLOAT / threads } else { 0.0 };
            Work { useful, effective, done, loads, ..Work::default() }
        };
        let moving = |work: Work, moved: f64, updates: bool| Work { moved, set: moved, updates, ..work };
        let work = match phase {
            Phase::Gather => moving(Work::default(), images * inputs * (1.0 + FLOAT), false),
            Phase::FirstForward if sparse => {
                let moved = (self.live + images) * outputs / threads * FLOAT + images * inputs;
                moving(pixel_work(images, self.pixels[0]), moved, false)
            }
            Phase::FirstForward => {
                let moved = (images * inputs + (inputs + images) * outputs / threads) * FLOAT;
                moving(pixel_work(images, self.pixels[0]), moved, false)
            }
            Phase::OthersForward => others().fold(Work::default(), |sum, (l, layer)| {
                let (i, o) = size(layer);
                let moved = (i * o + own * (i + o)) * FLOAT;
                sum.plus(moving(product(l, images, self.active[l - 1], i, o, true), moved, false))
            }),
            Phase::Deltas => others().fold(Work::default(), |sum, (l, layer)| {
                let (i, o) = size(layer);
                let nonzero = if layer.is_relu() { self.active[l] } else { o };
                let moved = (i * o + own * (2.0 * i + o)) * FLOAT;
                sum.plus(moving(product(l, images, nonzero, o, i, layer.is_relu()), moved, false))
            }),
            Phase::TurnPixels => moving(Work::default(), 2.0 * images * inputs / threads, false),
            Phase::FirstUpdate if sparse => {
                // Weights and means of squares are read and written, where any image of the batch has ink.
                let rows = self.live / threads * outputs * 4.0 * FLOAT;
                let moved = rows + images * (outputs * FLOAT + inputs / threads);
                let set = moved - rows / 2.0;
                Work { set, ..moving(pixel_work(images, self.pixels[0]), moved, true) }
            }
            Phase::FirstUpdate => {
                let weights = inputs * outputs / threads * 4.0;
                let moved = (weights + images * (inputs + outputs / threads)) * FLOAT;
                let set = moved - weights / 2.0 * FLOAT;
                Work { set, ..moving(pixel_work(images, self.pixels[0]), moved, true) }
            }
            Phase::OthersUpdate => others().fold(Work::default(), |sum, (l, layer)| {
                let (i, o) = size(layer);
                // The copies by columns are written for the next step.
                let copies = if sparse && skips(network, l, self.batch) {
                    (i * o + images * i) / threads
                } else {
                    0.0
                };
                let weights = i * o / threads * 4.0;
                let moved = (weights + copies + images * (i / threads + o)) * FLOAT;
                let set = moved - weights / 2.0 * FLOAT;
                let work = moving(product(l, images, self.active[l - 1], i, o, true), moved, true);
                sum.plus(Work { set, ..work })
            }),
            Phase::Validation => {
                let images = self.validation as f64 / self.steps as f64;
                let weights: f64 = layers.iter().map(|layer| size(layer).0 * size(layer).1 * FLOAT).sum();
                let blocks = images / threads / BLOCK;
                let moved = blocks * weights + images / threads * inputs;
                let sum = others().fold(pixel_work(images, self.pixels[1]), |sum, (l, layer)| {
                    let (i, o) = size(layer);
                    sum.plus(product(l, images, self.active[l - 1], i, o, true))
                });
                Work { moved, set: weights + BLOCK * inputs, ..sum }
            }
            Phase::Loss | Phase::Waiting | Phase::Between => return None,
        };
        Some(work)
    }
}

impl Work {
    /// Both, one after the other; the larger one decides from which cache they come.
    fn plus(self, other: Work) -> Work {
        Work {
            useful: self.useful + other.useful,
            effective: self.effective + other.effective,
            done: self.done + other.done,
            loads: self.loads + other.loads,
            moved: self.moved + other.moved,
            set: self.set.max(other.set),
            updates: self.updates || other.updates,
        }
    }
}

/// Outputs of each hidden layer that are not 0, for an average image of a sample.
fn active(kernels: Kernels, network: &Network, examples: Examples<'_>) -> Vec<f64> {
    let hidden = &network.layers()[..network.layers().len() - 1];
    let mut counts = vec![0; hidden.len()];
    let mut workspace = Workspace::new();
    let step = examples.len().div_ceil(SAMPLE).max(1);
    let sample = (0..examples.len()).step_by(step);
    let images = sample.len();
    for image in sample {
        let mut x = vec![0.0; network.inputs()];
        kernels.unit_from_u8(examples.range(image..image + 1).images, &mut x).expect("one input a pixel");
        for (layer, count) in hidden.iter().zip(&mut counts) {
            let mut y = vec![0.0; layer.outputs()];
            let (from, to) = (MatRef::new(&x, 1, x.len()), MatMut::new(&mut y, 1, layer.outputs()));
            let (from, to) = (from.expect("a row"), to.expect("a row"));
            layer.forward(kernels, from, to, &mut workspace).expect("matrices of the network's shapes");
            *count += y.iter().filter(|y| **y != 0.0).count();
            x = y;
        }
    }
    counts.into_iter().map(|count| count as f64 / images as f64).collect()
}

#[cfg(test)]
mod tests {
    use mnist_fast_kernels::{Isa, Sgd};

    use super::*;
    use crate::train::Optimizer;

    /// Of images of two pixels.
    fn counts(images: &[u8], batch_size: usize, network: &Network) -> Counts {
        let labels = vec![0; images.len() / 2];
        let settings = Settings {
            batch_size,
            optimizer: Optimizer::Sgd(Sgd::default()),
            seed: 1,
            shuffle: false,
            sparse: true,
        };
        let examples = Examples { images, labels: &labels };
        let kernels = Kernels::new(Isa::Scalar).unwrap();
        Counts::new(kernels, network, &settings, examples, Some(examples.range(0..1)))
    }

    fn network() -> Network {
        let mut network = Network::zeros(&[2, 3, 2]).unwrap();
        // The first output is on where there is any ink, the second never, the third where the second pixel is lit.
        network.layers_mut()[0].set(&[1.0, -1.0, 0.0, 1.0, -1.0, 1.0], &[0.0; 3]).unwrap();
        network
    }

    #[test]
    fn zeros_are_counted_in_pixels_batches_and_outputs() {
        let found = counts(&[0, 9, 9, 0, 0, 0, 9, 9], 2, &network());
        assert_eq!((found.steps, found.images, found.validation), (2, 4, 1));
        assert_eq!(found.pixels, [1.0, 1.0]);
        assert_eq!(found.live, 2.0);
        assert_eq!(found.active, [(2.0 + 1.0 + 0.0 + 2.0) / 4.0]);
        // A last batch of one image.
        let found = counts(&[0, 9, 9, 0, 0, 9], 2, &network());
        assert_eq!((found.steps, found.live), (2, 1.5));
    }

    #[test]
    fn work_is_that_of_the_matrices_and_of_what_is_not_zero() {
        let network = network();
        let counts = counts(&[0, 9, 9, 0, 0, 0, 9, 9], 2, &network);
        let work = |phase, sparse| counts.work(phase, &network, sparse, 1).unwrap();
        for sparse in [true, false] {
            for phase in [Phase::FirstForward, Phase::FirstUpdate] {
                let work = work(phase, sparse);
                assert_eq!(
                    (work.useful, work.effective),
                    (2.0 * 2.0 * 3.0, 2.0 * 2.0 * 2.0 * 3.0),
                    "{phase:?}"
                );
                assert_eq!(work.done, if sparse { work.useful } else { work.effective });
                assert_eq!(work.loads, if sparse { 2.0 * 3.0 * 4.0 } else { 0.0 });
            }
            // A layer of two outputs does not skip zeros.
            let others = work(Phase::OthersForward, sparse);
            assert_eq!((others.useful, others.effective), (2.0 * 2.0 * 1.25 * 2.0, 2.0 * 2.0 * 3.0 * 2.0));
            assert_eq!(others.done, others.effective);
            // Logits' deltas are never zero.
            let deltas = work(Phase::Deltas, sparse);
            assert_eq!((deltas.useful, deltas.effective), (24.0, 24.0));
        }
        // Half an image is validated a step.
        assert_eq!(work(Phase::Validation, true).effective, 2.0 * 0.5 * (2.0 * 3.0 + 3.0 * 2.0));
        let update = work(Phase::FirstUpdate, true);
        assert_eq!(update.moved, 2.0 * 3.0 * 16.0 + 2.0 * (3.0 * 4.0 + 2.0));
        assert!(update.updates && update.set < update.moved);
        assert!(counts.work(Phase::Waiting, &network, true, 1).is_none());
        assert!(counts.work(Phase::Loss, &network, true, 1).is_none());
    }
}
