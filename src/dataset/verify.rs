//! Whether a dataset's files are the published ones, byte for byte: every byte is hashed, no stamp is believed.

use std::path::Path;

use super::file::IdxFile;
use super::folder::FILES;
use super::known::{self, KNOWN, Known};
use super::store::Store;
use super::{Options, open_files, require_folder};
use crate::error::Result;
use crate::hash::sha256_hex;

/// The hashes of a dataset's files.
#[derive(Clone, Debug)]
pub struct Fingerprints {
    /// Train images and labels, then test images and labels where there are any.
    pub files: Vec<Fingerprint>,
    /// Sentences for standard error, as [`super::Dataset::notices`].
    pub notices: Vec<String>,
}

/// The hash of one file.
#[derive(Clone, Debug)]
pub struct Fingerprint {
    /// Which file it is, by its published name.
    pub role: &'static str,
    /// Where it was read.
    pub path: String,
    /// SHA-256 of the unpacked bytes.
    pub sha256: String,
    /// What that says about it.
    pub origin: Origin,
}

/// What a file's hash says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is this known dataset's file of the same name.
    Published(&'static str),
    /// It is not what it was opened as: that file has this hash.
    Differs(&'static str),
    /// There is no published hash to compare with.
    Unknown,
}

/// Opens the files of a dataset and hashes all of their bytes.
///
/// A known name's files are compared with what was published under that name, a folder's with every known dataset.
pub fn fingerprints(options: &Options) -> Result<Fingerprints> {
    let known = known::find(&options.data);
    if known.is_none() {
        require_folder(Path::new(&options.data), &options.data)?;
    }
    let mut store = Store::new(&options.cache, options.access);
    let files = open_files(options, &mut store)?;
    let test = files.test.map(|(images, labels)| [images, labels]);
    let all = [files.train.0, files.train.1].into_iter().chain(test.into_iter().flatten());
    let kind = match known {
        Some(known) => Some(known),
        None => known::in_folder(Path::new(&options.data))?,
    };
    let roles = kind.map_or(FILES, |kind| kind.files);
    let files = all.zip(roles).enumerate();
    let files = files.map(|(index, (file, role))| fingerprint(index, role, &file, known)).collect();
    Ok(Fingerprints { files, notices: store.notices() })
}

/// A hash that tells this data from other data, wherever it is: SHA-256 over the hexadecimal SHA-256 of each unpacked file, in the
/// order of [`Fingerprints::files`]. A known dataset was verified when it was opened; any other is hashed now.
pub fn identity(options: &Options) -> Result<String> {
    let hashes = match known::find(&options.data).and_then(|known| known.sha256) {
        Some(published) => published.concat(),
        None => fingerprints(options)?.files.iter().map(|file| file.sha256.as_str()).collect(),
    };
    Ok(sha256_hex(hashes.as_bytes()))
}

fn fingerprint(index: usize, role: &'static str, file: &IdxFile, known: Option<&Known>) -> Fingerprint {
    let sha256 = sha256_hex(file.bytes());
    let published = |known: &Known| known.sha256.map(|all| all[index]);
    let origin = match known {
        Some(known) => match published(known) {
            Some(expected) if expected == sha256 => Origin::Published(known.name),
            Some(expected) => Origin::Differs(expected),
            None => Origin::Unknown,
        },
        None => match KNOWN.iter().find(|known| published(known) == Some(&sha256)) {
            Some(known) => Origin::Published(known.name),
            None => Origin::Unknown,
        },
    };
    Fingerprint { role, path: file.name.clone(), sha256, origin }
}
