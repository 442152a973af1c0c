//! What comes out, in buffers that are kept from call to call and written by all threads in disjoint parts.

use std::ops::Range;

use mnist_fast_kernels::MatRef;

use super::Predicted;
use crate::error::{Error, Result};
use crate::memory;
use crate::network::Network;
use crate::shared::SharedBuffer;

/// One row or number per image.
pub(super) struct Results {
    images: usize,
    /// Of a row of logits.
    outputs: usize,
    /// Of a row of probabilities.
    width: usize,
    logits: SharedBuffer<f32>,
    probabilities: SharedBuffer<f32>,
    classes: SharedBuffer<u32>,
    losses: SharedBuffer<f32>,
}

/// The results of some images, to be written.
pub(super) struct Part<'a> {
    pub(super) logits: &'a mut [f32],
    pub(super) probabilities: &'a mut [f32],
    pub(super) classes: &'a mut [u32],
    pub(super) losses: &'a mut [f32],
}

impl Results {
    /// Room for `images`.
    pub(super) fn new(network: &Network, images: usize) -> Self {
        Results::of_widths(network.outputs(), network.classes(), images)
    }

    fn of_widths(outputs: usize, width: usize, images: usize) -> Self {
        Results {
            images,
            outputs,
            width,
            logits: SharedBuffer::new(images * outputs),
            probabilities: SharedBuffer::new(images * width),
            classes: SharedBuffer::new(images),
            losses: SharedBuffer::new(images),
        }
    }

    /// Makes room for `images`, if there were never so many.
    pub(super) fn reserve(&mut self, images: usize) -> Result<()> {
        if images > self.images {
            let numbers = self.outputs.checked_add(self.width).and_then(|numbers| numbers.checked_add(2));
            let bytes = numbers.and_then(|numbers| numbers.checked_mul(4)?.checked_mul(images));
            memory::require(bytes, &format!("what a network says of {images} images"))?;
            *self = Results::of_widths(self.outputs, self.width, images);
        }
        Ok(())
    }

    /// The results of the images in `range`.
    ///
    /// # Safety
    /// No other reference to these images' results lives as long as this one.
    pub(super) unsafe fn write(&self, range: Range<usize>) -> Part<'_> {
        let rows = |width: usize| range.start * width..range.end * width;
        // SAFETY: as the caller vouches.
        unsafe {
            Part {
                logits: self.logits.write(rows(self.outputs)),
                probabilities: self.probabilities.write(rows(self.width)),
                classes: self.classes.write(range.clone()),
                losses: self.losses.write(range.clone()),
            }
        }
    }

    /// What was written of the first `images`.
    pub(super) fn predicted(&self, images: usize) -> Result<Predicted<'_>> {
        let logits = MatRef::new(self.logits.part(0..images * self.outputs), images, self.outputs)
            .map_err(|error| Error::failed(error.to_string()))?;
        let classes = self.classes.part(0..images);
        Ok(Predicted { logits, probabilities: self.probabilities(images), classes })
    }

    /// The probabilities of the first `images`.
    pub(super) fn probabilities(&self, images: usize) -> &[f32] {
        self.probabilities.part(0..images * self.width)
    }

    /// The losses of the first `images`.
    pub(super) fn losses(&self, images: usize) -> &[f32] {
        self.losses.part(0..images)
    }
}
