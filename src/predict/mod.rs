//! Inference: images through a trained network, one at a time or many on several threads, and what comes out: logits,
//! probabilities, classes, losses.
//!
//! ```text
//! Predictor::one    an image, soon         every layer leaves out zeros; nothing waits for another thread
//! Predictor::all    many images, quickly   a contiguous share for each thread, in blocks whose activations stay in L2
//! ```
//!
//! A [`Predictor`] is made once; after that no call allocates, unless it has more images than any before. Each image takes
//! the same chains as in training, so that its bits do not depend on what it comes with, on threads, or on whether zeros
//! are left out.
//!
//! ```
//! use mnist_fast::network::Network;
//! use mnist_fast::predict::{Predictor, Settings};
//!
//! # fn main() -> mnist_fast::Result<()> {
//! # let folder = std::env::temp_dir().join(format!("mnist-fast-predict-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder).unwrap();
//! # let path = folder.join("model.safetensors");
//! # let network = Network::glorot_uniform(&[784, 16, 10], 1)?;
//! # mnist_fast::model_file::save(&path, &mnist_fast::model_file::Model { network, class_names: None, training: None })?;
//! // What `mnist-fast train --save model.safetensors` wrote, or the weights of a PyTorch nn.Sequential.
//! let model = mnist_fast::model_file::load(&path)?;
//! let mut predictor = Predictor::new(model.network, Settings::default())?;
//!
//! let image = [0; 784]; // bytes, light on black as in MNIST
//! let probabilities = predictor.one(&image)?;
//! assert!((probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-5);
//!
//! let images = [0; 3 * 784]; // one after the other
//! let predicted = predictor.all(&images)?;
//! assert_eq!(predicted.classes.len(), 3);
//! assert_eq!(predicted.probabilities.len(), 3 * 10);
//! # std::fs::remove_dir_all(&folder).unwrap();
//! # Ok(())
//! # }
//! ```

mod evaluate;
mod results;
mod room;

use std::borrow::Cow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use mnist_fast_kernels::{Kernels, MatRef, prefetch, split};

use crate::density;
use crate::error::{Error, Result};
use crate::memory;
use crate::network::Network;
use crate::team::Team;
use crate::units::bytes;
pub use evaluate::{Evaluation, Objective};
use results::Results;
use room::{Prepared, Room, Way};

/// Images that a thread takes through the network at a time: their activations stay in its L2.
const BLOCK: usize = 64;

/// Images that are looked at to measure density: enough to tell digits from clothes, in a few microseconds.
const SAMPLE: usize = 64;

/// How to run a network.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The kernels, which decide the instruction set.
    pub kernels: Kernels,
    /// Threads that share many images, the calling one included.
    pub threads: usize,
    /// Whether to leave out zeros: the same bits, faster where there are enough of them. `None` looks at the images.
    pub sparse: Option<bool>,
}

impl Default for Settings {
    /// The fastest kernels that this CPU runs, one thread, zeros left out where that pays.
    fn default() -> Self {
        Settings { kernels: Kernels::best(), threads: 1, sparse: None }
    }
}

/// A network made ready: its weights as the kernels want them, and each thread's room for images on their way through.
pub struct Predictor<'a> {
    prepared: Prepared<'a>,
    sparse: Option<bool>,
    team: Team,
    rooms: Vec<Mutex<Room>>,
    results: Results,
}

/// What a network says of images.
#[derive(Clone, Copy, Debug)]
pub struct Predicted<'a> {
    /// Images x outputs: the last layer's output.
    pub logits: MatRef<'a>,
    /// Images x classes: the softmax of the logits; of a single one, the logistic function of `-z` and of `z`.
    pub probabilities: &'a [f32],
    /// The most probable class of each image; of equal ones the first.
    pub classes: &'a [u32],
}

/// A borrowed network to run.
impl<'a> From<&'a Network> for Cow<'a, Network> {
    fn from(network: &'a Network) -> Self {
        Cow::Borrowed(network)
    }
}

/// A network to run that the predictor keeps.
impl From<Network> for Cow<'_, Network> {
    fn from(network: Network) -> Self {
        Cow::Owned(network)
    }
}

impl<'a> Predictor<'a> {
    /// Prepares to run `network`: a `&Network`, or a [`Network`] to keep.
    ///
    /// # Errors
    /// Where what it needs beside the network does not fit into memory, or threads cannot be started.
    pub fn new(network: impl Into<Cow<'a, Network>>, settings: Settings) -> Result<Self> {
        let Settings { kernels, threads, sparse } = settings;
        let network = network.into();
        let threads = threads.max(1);
        let bytes = Prepared::memory_needed(&network)
            .and_then(|prepared| Room::memory_needed(&network)?.checked_mul(threads)?.checked_add(prepared));
        memory::require(bytes, "running this network")?;
        let team = Team::new(threads)
            .map_err(|error| Error::failed(format!("cannot start {threads} threads: {error}; try fewer")))?;
        let rooms = (0..threads).map(|_| Mutex::new(Room::new(&network))).collect();
        let results = Results::new(&network, BLOCK);
        Ok(Predictor { prepared: Prepared::new(kernels, network)?, sparse, team, rooms, results })
    }

    /// The network that it runs.
    pub fn network(&self) -> &Network {
        &self.prepared.network
    }

    /// The probabilities of the classes for one image, one byte an input: as soon as possible, on the calling thread.
    ///
    /// # Errors
    /// Where the image is not of the network's size, or an output is no number, because the weights are too large.
    pub fn one(&mut self, image: &[u8]) -> Result<&[f32]> {
        let inputs = self.network().inputs();
        if image.len() != inputs {
            return Err(Error::failed(format!(
                "an image of {inputs} pixels was expected, but {} given",
                bytes(image.len() as u64)
            )));
        }
        let way = if self.sparse == Some(false) { Way::Dense } else { Way::Single };
        let room = self.rooms[0].get_mut().expect("a worker's panic ends the run");
        // SAFETY: nobody else is there: `self` is borrowed to be written.
        let to = unsafe { self.results.write(0..1) };
        let logits = room.forward(&self.prepared, way, image, to.logits);
        self.prepared.probabilities(logits, to.probabilities);
        if has_nan(to.probabilities) {
            return Err(not_numbers(0));
        }
        Ok(self.results.probabilities(1))
    }

    /// What the network says of images that lie one after the other, one byte an input. The threads share them.
    ///
    /// # Errors
    /// Where the bytes are no whole number of images; where an output is no number, because the weights are too large; or
    /// where there is no memory for so many results.
    pub fn all(&mut self, images: &[u8]) -> Result<Predicted<'_>> {
        self.run(images, None)?;
        self.results.predicted(images.len() / self.network().inputs())
    }

    /// Fills the results, losses too where there are labels, of which one per image is below the number of classes.
    fn run(&mut self, images: &[u8], labels: Option<&[u8]>) -> Result<()> {
        let inputs = self.network().inputs();
        let count = images.len() / inputs;
        if images.len() != count * inputs {
            return Err(Error::failed(format!(
                "whole images of {inputs} pixels were expected, but {} given",
                bytes(images.len() as u64)
            )));
        }
        self.results.reserve(count)?;
        let sparse = self.sparse.unwrap_or_else(|| density::is_sparse(images, inputs, SAMPLE));
        let way = if sparse { Way::Sparse } else { Way::Dense };
        let Predictor { prepared, team, rooms, results, .. } = self;
        // A few images are done before another thread has woken up.
        let threads = if count <= BLOCK { 1 } else { team.threads() };
        let bad = AtomicUsize::new(usize::MAX);
        let share = |t: usize| {
            let mut room = rooms[t].lock().expect("a worker's panic ends the run");
            let own = split(count, 1, threads, t);
            for start in own.clone().step_by(BLOCK) {
                let range = start..own.end.min(start + BLOCK);
                let next = range.end..own.end.min(range.end + BLOCK);
                prefetch(&images[next.start * inputs..next.end * inputs]);
                let block = &images[range.start * inputs..range.end * inputs];
                // SAFETY: the thread's own images, and so is what is said of them.
                let to = unsafe { results.write(range.clone()) };
                let logits = room.forward(prepared, way, block, to.logits);
                prepared.probabilities(logits, to.probabilities);
                prepared.classes(logits, to.probabilities, to.classes);
                if let Some(labels) = labels {
                    room.losses(prepared, logits, &labels[range.clone()], to.losses);
                }
                if has_nan(to.probabilities) {
                    let row = to.probabilities.iter().position(|p| p.is_nan()).unwrap_or(0);
                    bad.fetch_min(range.start + row / prepared.network.classes(), Relaxed);
                }
            }
        };
        match threads {
            1 => share(0),
            _ => team.run(share),
        }
        match bad.into_inner() {
            usize::MAX => Ok(()),
            image => Err(not_numbers(image)),
        }
    }
}

/// Whether a number is none; looks at all of them, which is faster than stopping.
fn has_nan(numbers: &[f32]) -> bool {
    numbers.iter().fold(false, |found, x| found | x.is_nan())
}

fn not_numbers(image: usize) -> Error {
    Error::failed(format!(
        "the network's outputs for image {image} are not numbers: its weights are too large; train it again"
    ))
}
