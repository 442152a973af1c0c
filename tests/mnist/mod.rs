//! The bundled MNIST, unpacked once into the build's own folder.
#![allow(dead_code)]

use std::path::PathBuf;

use mnist_fast::dataset::{CacheDir, Dataset, Options, open_with};
use mnist_fast::train::Examples;

/// Where tests keep unpacked files.
pub(crate) fn cache() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cache")
}

pub(crate) fn mnist() -> Dataset {
    open_with(&Options { cache: CacheDir::at(cache()), ..Options::new("mnist") }).unwrap()
}

/// All 60,000 training images.
pub(crate) fn train(data: &Dataset) -> Examples<'_> {
    Examples { images: data.train.images(), labels: data.train.labels() }
}

/// The 10,000 test images.
pub(crate) fn test(data: &Dataset) -> Examples<'_> {
    let test = data.test.as_ref().unwrap();
    Examples { images: test.images(), labels: test.labels() }
}
