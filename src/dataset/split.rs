//! One part of a dataset: images and as many labels, checked against each other.

use std::fmt;

use super::classes::Classes;
use super::file::IdxFile;
use crate::error::{Error, Result};
use crate::idx::Element;

/// Images and their labels.
pub struct Split {
    images: IdxFile,
    /// A copy, where the images are mapped: labels index arrays, so they must still be what was checked.
    labels: Vec<u8>,
    rows: usize,
    cols: usize,
}

impl Split {
    /// Pairs the two files if they are what their names say and belong together.
    pub(super) fn new(images: IdxFile, labels: IdxFile, classes: &Classes) -> Result<Self> {
        let (rows, cols) = image_size(&images)?;
        require_labels(&labels)?;
        let (count, label_count) = (images.header.dims[0], labels.header.dims[0]);
        if count != label_count {
            return Err(Error::failed(format!(
                "{} holds {count} images but {} holds {label_count} labels; the two files do not belong together",
                images.name, labels.name
            )));
        }
        let first = i64::from(classes.first_label);
        let class = |label: i64| u8::try_from(label - first).ok().filter(|c| usize::from(*c) < classes.count);
        if let Some((index, label)) = values(&labels).enumerate().find(|(_, label)| class(*label).is_none()) {
            let worst = if label < first { label } else { values(&labels).max().unwrap_or(label) };
            return Err(Error::failed(format!(
                "{} holds label {label} at index {index}, but the dataset has {} classes, {first} to {}; {}",
                labels.name,
                classes.count,
                first + classes.count as i64 - 1,
                classes.fix(worst)
            )));
        }
        let labels = values(&labels).filter_map(class).collect();
        Ok(Split { images, labels, rows, cols })
    }

    /// All pixels, image after image, row after row: [`len`](Self::len) times [`image_len`](Self::image_len) bytes.
    pub fn images(&self) -> &[u8] {
        self.images.data()
    }

    /// One label per image, each smaller than the number of classes.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// How many images there are.
    #[expect(clippy::len_without_is_empty, reason = "a split without images is refused")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Pixels per image.
    pub fn image_len(&self) -> usize {
        self.rows * self.cols
    }

    /// Rows per image.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns per image.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// What errors call the image file.
    pub(super) fn images_name(&self) -> &str {
        &self.images.name
    }
}

impl fmt::Debug for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Split({} images of {} x {})", self.len(), self.rows, self.cols)
    }
}

/// Rows and columns of the images; an image file with one size per image holds rows.
fn image_size(images: &IdxFile) -> Result<(usize, usize)> {
    let (name, header) = (&images.name, &images.header);
    let (count, rows, cols) = match (header.element, &header.dims[..]) {
        (Element::U8, &[count, rows, cols]) => (count, rows, cols),
        (Element::U8, &[count, cols]) => (count, 1, cols),
        (Element::U8, &[_]) => {
            return Err(Error::failed(format!(
                "{name} holds {}, which is a file of labels, where images (count x rows x columns u8) were expected; \
                 check which file is which",
                header.shape()
            )));
        }
        _ => {
            return Err(Error::failed(format!(
                "{name} holds {}, where images (count x rows x columns u8) were expected; check which file it is",
                header.shape()
            )));
        }
    };
    if count == 0 || rows == 0 || cols == 0 {
        return Err(Error::failed(format!(
            "{name} holds {}, which has no pixels to train on; check which file it is",
            header.shape()
        )));
    }
    // Both fit: the file is as long as their product and is in memory.
    Ok((rows as usize, cols as usize))
}

/// Labels are bytes, or records of 32-bit integers that begin with the class, as QMNIST's.
fn require_labels(labels: &IdxFile) -> Result<()> {
    let header = &labels.header;
    let found = match (header.element, &header.dims[..]) {
        (Element::U8 | Element::I32, [_]) => return Ok(()),
        (Element::I32, [_, columns]) if *columns > 0 => return Ok(()),
        (Element::U8, [_, _, _]) => ", which is a file of images,",
        _ => ",",
    };
    Err(Error::failed(format!(
        "{} holds {}{found} where labels (count u8, or count x columns i32) were expected; check which file is which",
        labels.name,
        header.shape()
    )))
}

/// The labels of a file that has passed the check above.
fn values(labels: &IdxFile) -> impl Iterator<Item = i64> {
    let size = labels.header.element.size() as usize;
    let columns = labels.header.dims.get(1).map_or(1, |columns| *columns as usize);
    labels.data().chunks_exact(size * columns).map(move |record| match record[..size] {
        [a, b, c, d] => i64::from(i32::from_be_bytes([a, b, c, d])),
        _ => i64::from(record[0]),
    })
}
