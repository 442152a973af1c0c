//! What the peers in Rust share: their options, MNIST's files, each epoch's order, the lines they print.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use std::path::{Path, PathBuf};
use std::{env, fs, process};

/// Images a step.
pub const BATCH: usize = 64;
/// Pixels of an image.
pub const PIXELS: usize = 784;
/// The first images of the training file: those for validation.
pub const VALIDATION: usize = 10_000;
/// Of RMSprop: its learning rate, the decay of its mean square, what is added to that.
pub const RATE: f64 = 1e-3;
/// See [`RATE`].
pub const RHO: f64 = 0.9;
/// See [`RATE`].
pub const EPSILON: f64 = 1e-7;

/// `--data DIR --epochs N --seed N`.
pub struct Options {
    data: PathBuf,
    pub epochs: usize,
    pub seed: u64,
}

impl Options {
    /// Reads the command line; says what is wrong with it and exits otherwise.
    pub fn parse() -> Self {
        let mut options = Self { data: PathBuf::new(), epochs: 6, seed: 0 };
        let mut arguments = env::args().skip(1);
        while let Some(name) = arguments.next() {
            let value = arguments.next().unwrap_or_else(|| stop(&format!("{name} needs a value")));
            let number = || value.parse().unwrap_or_else(|_| stop(&format!("{name} {value} is no number")));
            match name.as_str() {
                "--data" => options.data = value.into(),
                "--epochs" => options.epochs = number() as usize,
                "--seed" => options.seed = number(),
                _ => stop(&format!("{name} is no option; there are --data, --epochs and --seed")),
            }
        }
        options
    }

    /// The 60,000 training images as pixels / 255, and their labels.
    pub fn read(&self) -> (Vec<f32>, Vec<u8>) {
        let images = idx(&self.data.join("train-images-idx3-ubyte"), 16);
        let labels = idx(&self.data.join("train-labels-idx1-ubyte"), 8);
        if images.len() != 60_000 * PIXELS || labels.len() != 60_000 {
            stop("these files are not MNIST's 60,000 training images");
        }
        (images.iter().map(|&byte| f32::from(byte) / 255.0).collect(), labels)
    }
}

/// An IDX file without its header.
fn idx(path: &Path, header: usize) -> Vec<u8> {
    let bytes = fs::read(path).unwrap_or_else(|error| stop(&format!("{}: {error}", path.display())));
    if bytes.len() < header {
        stop(&format!("{} is too short for an IDX file", path.display()));
    }
    bytes[header..].to_vec()
}

fn stop(why: &str) -> ! {
    eprintln!("error: {why}");
    process::exit(1)
}

/// The order of the training images, another one each epoch.
pub struct Order {
    images: Vec<usize>,
    random: StdRng,
}

impl Order {
    /// Positions in the training file, without the images for validation.
    pub fn new(seed: u64) -> Self {
        Self { images: (VALIDATION..60_000).collect(), random: StdRng::seed_from_u64(seed) }
    }

    /// The next epoch's.
    pub fn shuffled(&mut self) -> &[usize] {
        self.images.shuffle(&mut self.random);
        &self.images
    }

    /// A layer's initial weights by Glorot's uniform law.
    pub fn glorot(&mut self, inputs: usize, outputs: usize) -> Vec<f32> {
        let limit = (6.0 / (inputs + outputs) as f32).sqrt();
        (0..inputs * outputs).map(|_| self.random.random_range(-limit..limit)).collect()
    }
}

/// Says which version of the peer this is and what its GEMM was built to use.
pub fn print_start(version: Option<&str>, avx512: bool) {
    let isa = if avx512 { "GEMM may use AVX-512" } else { "GEMM built without AVX-512" };
    println!(r#"{{"version":"{}","isa":"{isa}"}}"#, version.unwrap_or("unknown"));
}

/// One epoch's line, with loss and accuracy in training and in validation; its seconds include both.
pub fn print_epoch(epoch: usize, seconds: f64, training: [f32; 2], validation: [f32; 2]) {
    let [loss, accuracy] = training;
    let [val_loss, val_accuracy] = validation;
    print!(r#"{{"epoch":{epoch},"seconds":{seconds:.6},"loss":{loss:.5},"accuracy":{accuracy:.5},"#);
    println!(r#""val_loss":{val_loss:.5},"val_accuracy":{val_accuracy:.5}}}"#);
}
