//! Sparse input: most pixels of a digit are 0, and a product need not touch what they would multiply.
//!
//! A batch is compressed twice: by images for the forward pass, and by pixels for the gradient of layer 1. Threads share
//! the work, each writing its own rows of one matrix, which is why every row has room for all of its elements.

use std::ops::Range;

use mnist_fast_kernels::{Csr, Kernels};

use super::Examples;
use crate::shared::SharedBuffer;

/// Examples that are looked at to measure density.
const SAMPLE: usize = 1000;

/// The share of pixels that are not 0, by a sample from all over the set.
pub fn density(examples: Examples<'_>) -> f64 {
    let step = examples.len().div_ceil(SAMPLE).max(1);
    let (mut pixels, mut nonzero) = (0, 0);
    for i in (0..examples.len()).step_by(step) {
        let image = examples.image(i);
        pixels += image.len();
        nonzero += image.iter().filter(|pixel| **pixel != 0).count();
    }
    nonzero as f64 / pixels.max(1) as f64
}

/// Rows of nonzeros, with room for every element of each row.
pub(super) struct CompressedRows {
    /// Elements of a row.
    columns: usize,
    room: usize,
    starts: Vec<u32>,
    ends: SharedBuffer<u32>,
    indices: SharedBuffer<u32>,
    values: SharedBuffer<f32>,
}

impl CompressedRows {
    /// Whether positions in such a matrix fit its indices.
    pub(super) fn fits(rows: usize, columns: usize) -> bool {
        rows.checked_mul(Kernels::room(columns)).is_some_and(|len| u32::try_from(len).is_ok())
    }

    /// Room for `rows` rows of `columns` elements; see [`CompressedRows::fits`].
    pub(super) fn new(rows: usize, columns: usize) -> Self {
        let room = Kernels::room(columns);
        CompressedRows {
            columns,
            room,
            starts: (0..rows).map(|row| (row * room) as u32).collect(),
            ends: SharedBuffer::new(rows),
            indices: SharedBuffer::new(rows * room),
            values: SharedBuffer::new(rows * room),
        }
    }

    /// The first `rows` rows, which have been filled with nonzeros of the first `columns` elements.
    pub(super) fn view(&self, rows: usize, columns: usize) -> Csr<'_> {
        let ends = self.ends.part(0..rows);
        // SAFETY: the kernels that filled these rows left increasing positions below `columns` between a row's start and
        // its end, which is inside of its room.
        unsafe {
            Csr::new_unchecked(columns, &self.starts[..rows], ends, self.indices.all(), self.values.all())
        }
    }

    /// Compresses the images at `images` to the rows from `row` on.
    ///
    /// # Safety
    /// No other reference to these rows lives.
    pub(super) unsafe fn fill(
        &self,
        kernels: Kernels,
        examples: Examples<'_>,
        images: impl Iterator<Item = usize>,
        row: usize,
    ) {
        for (row, image) in (row..).zip(images) {
            let part = row * self.room..row * self.room + self.columns;
            // SAFETY: as the caller vouches.
            let (indices, values, end) = unsafe {
                (self.indices.write(part.clone()), self.values.write(part), self.ends.write(row..row + 1))
            };
            let count = kernels.compress_u8(examples.image(image), indices, values);
            end[0] = self.starts[row] + count.expect("the network has one input per pixel") as u32;
        }
    }

    /// Compresses the pixels in `pixels`, a row each, of the images at `images`.
    ///
    /// # Safety
    /// No other reference to these rows lives.
    pub(super) unsafe fn fill_transposed(
        &self,
        kernels: Kernels,
        examples: Examples<'_>,
        images: &[u32],
        pixels: Range<usize>,
    ) {
        let part = pixels.start * self.room..pixels.end * self.room;
        // SAFETY: as the caller vouches.
        let (indices, values, ends) = unsafe {
            (self.indices.write(part.clone()), self.values.write(part), self.ends.write(pixels.clone()))
        };
        let len = examples.image_len();
        kernels
            .compress_columns_u8(
                examples.images,
                len,
                images,
                pixels.clone(),
                self.room,
                indices,
                values,
                ends,
            )
            .expect("images of the dataset, and room for a batch of them");
        // The kernel counts.
        ends.iter_mut().zip(&self.starts[pixels]).for_each(|(end, start)| *end += start);
    }
}

/// A batch's input in both forms.
pub(super) struct SparseInput {
    /// Batch x inputs.
    pub(super) x: CompressedRows,
    /// Inputs x batch.
    pub(super) transposed: CompressedRows,
}

impl SparseInput {
    /// Room for batches of `batch` images of `inputs` pixels, or nothing where positions would not fit.
    pub(super) fn new(batch: usize, inputs: usize) -> Option<Self> {
        let fits = CompressedRows::fits(batch, inputs) && CompressedRows::fits(inputs, batch);
        fits.then(|| SparseInput {
            x: CompressedRows::new(batch, inputs),
            transposed: CompressedRows::new(inputs, batch),
        })
    }
}
