//! A folder of the user's that holds the four IDX files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::file::IdxFile;
use super::map;
use super::published::Layout;
use super::store::{Packed, Store, place_for};
use crate::error::{Error, Result};

/// The four files under their published names: train images, train labels, test images, test labels.
pub(super) const FILES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// The opened files: images and labels of each split.
pub(super) struct Files {
    pub(super) train: (IdxFile, IdxFile),
    pub(super) test: Option<(IdxFile, IdxFile)>,
}

impl Files {
    /// The same with images that stand row after row.
    pub(super) fn upright(self, layout: Layout) -> Result<Self> {
        if !layout.transposed {
            return Ok(self);
        }
        let upright = |(images, labels): (IdxFile, IdxFile)| Ok((images.transposed()?, labels));
        Ok(Files { train: upright(self.train)?, test: self.test.map(upright).transpose()? })
    }
}

/// Opens the files in `folder` that have these names; those of the test split may be absent, both together.
pub(super) fn open(folder: &Path, names: [&str; 4], store: &mut Store) -> Result<Files> {
    let [train_images, train_labels, test_images, test_labels] = names;
    let Some(train) = open_pair(folder, train_images, train_labels, store)? else {
        return Err(Error::failed(format!(
            "{} holds no {train_images} (raw or .gz, with - or . before idx3); give the folder with the IDX files",
            folder.display()
        )));
    };
    Ok(Files { train, test: open_pair(folder, test_images, test_labels, store)? })
}

fn open_pair(
    folder: &Path,
    images: &str,
    labels: &str,
    store: &mut Store,
) -> Result<Option<(IdxFile, IdxFile)>> {
    let (here, missing) = match (open_file(folder, images, store)?, open_file(folder, labels, store)?) {
        (Some(images), Some(labels)) => return Ok(Some((images, labels))),
        (None, None) => return Ok(None),
        (Some(here), None) => (here, labels),
        (None, Some(here)) => (here, images),
    };
    Err(Error::failed(format!(
        "{} holds no {missing} (raw or .gz), which has to stand beside {}; put it there",
        folder.display(),
        here.name
    )))
}

fn open_file(folder: &Path, name: &str, store: &mut Store) -> Result<Option<IdxFile>> {
    if let Some(raw) = find_raw(folder, name)? {
        return store.raw(&raw).map(Some);
    }
    let Some(packed) = find_packed(folder, name)? else { return Ok(None) };
    let place = place_for(&packed, name)?;
    store.unpacked(&Packed::File(&packed), &place, None).map(Some)
}

/// The raw file called `name` in `folder`, if there is one.
pub(super) fn find_raw(folder: &Path, name: &str) -> Result<Option<PathBuf>> {
    find(folder, name, "")
}

/// The gzipped file called `name` in `folder`, if there is one.
pub(super) fn find_packed(folder: &Path, name: &str) -> Result<Option<PathBuf>> {
    find(folder, name, ".gz")
}

/// Looks for `train-images-idx3-ubyte`, then for `train-images.idx3-ubyte`, as some programs unpack it.
///
/// A regular file is preferred to whatever else has one of the names: an archive found in the wild holds a folder
/// `train-images-idx3-ubyte` beside the file `train-images.idx3-ubyte`. The other thing is returned only if there is
/// no file, for an error that says what it is.
fn find(folder: &Path, name: &str, suffix: &str) -> Result<Option<PathBuf>> {
    let mut other = None;
    for name in [name.to_owned(), name.replace("-idx", ".idx")] {
        let path = folder.join(name + suffix);
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => return Ok(Some(path)),
            Ok(_) => other = other.or(Some(path)),
            // Absent is one thing, a link that leads nowhere another.
            Err(error) if map::is_link(&path) => return Err(map::cannot_read(&path, &error)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => return Err(map::cannot_read(&path, &error)),
        }
    }
    Ok(other)
}
