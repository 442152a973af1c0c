//! Folders that vanish after a test, and the files to put into them.

#![allow(dead_code, unreachable_pub, reason = "shared by test files that each use another part of it")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use mnist_fast::dataset::{Access, CacheDir, Dataset, Options, open_with};

/// A new folder with `data/` and `cache/` in it, removed when dropped.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("mnist-fast-test-{}-{count}", std::process::id()));
        // Left by a killed run whose process had our id.
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("data")).unwrap();
        Scratch(root)
    }

    /// With a good dataset of 6 training and 4 test images, raw.
    pub fn with_dataset() -> Self {
        let scratch = Self::new();
        scratch.put("train-images-idx3-ubyte", &images(6, 3, 2));
        scratch.put("train-labels-idx1-ubyte", &labels(&[0, 1, 2, 9, 4, 5]));
        scratch.put("t10k-images-idx3-ubyte", &images(4, 3, 2));
        scratch.put("t10k-labels-idx1-ubyte", &labels(&[3, 2, 1, 0]));
        scratch
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path("data").join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path("data").join(name)).unwrap();
    }

    /// Options for the folder `data`, which look at nothing outside this folder.
    pub fn options(&self) -> Options {
        Options {
            data: self.path("data").display().to_string(),
            num_classes: None,
            cache: CacheDir::at(self.path("cache")),
            shared: self.path("shared"),
            access: Access::Map,
        }
    }

    pub fn open(&self) -> Dataset {
        open_with(&self.options()).unwrap()
    }

    /// The error of opening the folder, which must be one line that has all of `parts` in it.
    #[track_caller]
    pub fn refused(&self, parts: &[&str]) {
        assert_says(&open_with(&self.options()).unwrap_err().to_string(), parts);
        let leftovers = files_under(&self.path("cache"));
        assert!(leftovers.iter().all(|file| !file.ends_with(".tmp")), "{leftovers:?}");
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[track_caller]
pub fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
    assert!(!message.lines().next().unwrap_or("").ends_with('.'), "{message}");
}

/// An IDX file of any type and sizes.
pub fn idx(code: u8, dims: &[u32], data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, code, u8::try_from(dims.len()).unwrap()];
    bytes.extend(dims.iter().flat_map(|dim| dim.to_be_bytes()));
    bytes.extend(data);
    bytes
}

/// An image file whose pixels count up.
pub fn images(count: u32, rows: u32, cols: u32) -> Vec<u8> {
    let pixels: Vec<u8> = (0..count * rows * cols).map(|i| i as u8).collect();
    idx(8, &[count, rows, cols], &pixels)
}

pub fn labels(labels: &[u8]) -> Vec<u8> {
    idx(8, &[labels.len() as u32], labels)
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The names of all files under `folder`, without their paths, sorted.
pub fn files_under(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            names.extend(files_under(&entry.path()));
        } else {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    names
}
