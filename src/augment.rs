//! Random distortions of the images of a batch, made by the team ahead of the step.
//!
//! Which distortion is a function of seed, epoch and the image's index among the examples: threads, the order of the images and the
//! batch size do not matter. The step then finds the distorted bytes where it would have found those of the dataset.

use std::sync::Mutex;

use mnist_fast_kernels::{Distortion, DistortionRange, Kernels, prefetch, split};

use crate::error::{Error, Result};
use crate::memory;
use crate::random;
use crate::shared::SharedBuffer;
use crate::team::Team;
use crate::train::Examples;

/// How many of its images ahead a thread fetches from memory.
const AHEAD: usize = 2;

/// The random distortions of a run with this seed, for images of `shape` (rows, columns).
///
/// # Errors
/// Where the range or the images are out of the bounds of the kernels, or a shift would leave nothing in sight.
pub fn distortion(range: DistortionRange, seed: u64, shape: (usize, usize)) -> Result<Distortion> {
    let (rows, columns) = shape;
    let smaller = rows.min(columns);
    if range.shift >= smaller as f64 {
        return Err(Error::failed(format!(
            "a shift by {} pixels would move images of {rows} x {columns} out of sight; give less than {smaller}",
            range.shift
        )));
    }
    let longest = Kernels::LONGEST_WARPED;
    if rows.max(columns) > longest {
        return Err(Error::failed(format!(
            "images of {rows} x {columns} cannot be distorted, but those of at most {longest} x {longest} can; train without \
             augmentation"
        )));
    }
    Distortion::new(range, random::augment_key(seed)).ok_or_else(|| {
        Error::failed(format!(
            "no images can be distorted by {range:?}; give a rotation from 0 to 180 degrees, a scale from 0 to 0.5, a shear from 0 \
             to 1 and a shift of 0 or more"
        ))
    })
}

/// A batch of distorted images.
pub(crate) struct Augmented {
    distortion: Distortion,
    shape: (usize, usize),
    images: SharedBuffer<u8>,
    labels: Vec<u8>,
    /// 0, 1, 2, ...: every image is in its place.
    places: Vec<u32>,
    /// For each thread, what its distortions work with.
    rooms: Vec<Mutex<Vec<u16>>>,
}

impl Augmented {
    /// Room for batches of `batch` images of `shape`, and for `threads`.
    ///
    /// # Errors
    /// As for [`distortion`], and where it does not fit into memory.
    pub(crate) fn new(
        range: DistortionRange,
        seed: u64,
        shape: (usize, usize),
        batch: usize,
        threads: usize,
    ) -> Result<Self> {
        let distortion = distortion(range, seed, shape)?;
        let pixels = shape.0 * shape.1;
        memory::require(batch.checked_mul(pixels), "training on distorted images")?;
        let room = || Mutex::new(vec![0; Kernels::warp_room(shape.0, shape.1)]);
        Ok(Augmented {
            distortion,
            shape,
            images: SharedBuffer::new(batch * pixels),
            labels: vec![0; batch],
            places: (0..batch as u32).collect(),
            rooms: (0..threads).map(|_| room()).collect(),
        })
    }

    /// Takes copies of the examples at `images`, as `epoch` sees them: every thread of the team distorts its share, and says so to
    /// `begin` and `end`.
    pub(crate) fn fill(
        &mut self,
        (kernels, team): (Kernels, &mut Team),
        examples: Examples<'_>,
        (images, epoch): (&[u32], u32),
        (begin, end): (impl Fn(usize) + Sync, impl Fn(usize) + Sync),
    ) {
        for (label, image) in self.labels.iter_mut().zip(images) {
            *label = examples.labels[*image as usize];
        }
        let (this, len, threads) = (&*self, self.shape.0 * self.shape.1, team.threads());
        team.run(|t| {
            begin(t);
            let mut room = this.rooms[t].lock().expect("a worker's panic ends the run");
            let own = split(images.len(), 1, threads, t);
            for (place, image) in own.clone().zip(&images[own]) {
                if let Some(soon) = images.get(place + AHEAD) {
                    prefetch(examples.image(*soon as usize));
                }
                let (map, from) =
                    (this.distortion.warp([*image, epoch], this.shape), examples.image(*image as usize));
                // SAFETY: every place is one thread's alone, and nobody reads it yet.
                let to = unsafe { this.images.write(place * len..(place + 1) * len) };
                kernels.warp_u8(&map, this.shape, from, to, &mut room).expect("images of this shape");
            }
            end(t);
        });
    }

    /// The first `n` images, and their places: 0, 1, 2, ...
    pub(crate) fn batch(&self, n: usize) -> (Examples<'_>, &[u32]) {
        let images = self.images.part(0..n * self.shape.0 * self.shape.1);
        (Examples { images, labels: &self.labels[..n] }, &self.places[..n])
    }
}
