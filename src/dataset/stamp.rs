//! Remembers that a file was verified, so that a warm start does not hash it again.
//!
//! A stamp is one line in a file of its own: `mnist-fast-stamp 1 LENGTH MTIME SHA256`, the time in nanoseconds. It
//! vouches for a file as long as length and time of modification are the stamped ones.

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::map;
use crate::atomic::AtomicFile;
use crate::hash::Sha256Hex;

/// First word and version of a stamp.
const MARK: &str = "mnist-fast-stamp 1";

/// A stamp is a line; what is longer is none.
const MAX_BYTES: u64 = 256;

/// Whether `file` has the hash `expected`, or without one, the hash of the stamp at `stamp`.
///
/// The stamp answers if it fits the file; otherwise the file is hashed, and stamped if it is right.
///
/// # Errors
/// Where the file cannot be read.
pub fn verify(mut file: &File, stamp: &Path, expected: Option<&str>) -> io::Result<bool> {
    let metadata = file.metadata()?;
    // A stamp is about 110 bytes; one that cannot be read or is something else does not vouch for anything.
    let line = map::open_regular(stamp)
        .ok()
        .and_then(|(file, _)| io::read_to_string(file.take(MAX_BYTES)).ok())
        .unwrap_or_default();
    let stamped = line.strip_prefix(MARK).and_then(|rest| rest.split_whitespace().nth(2));
    let Some(expected) = expected.or(stamped) else { return Ok(false) };
    if line == line_for(&metadata, expected) {
        return Ok(true);
    }

    file.rewind()?;
    let mut hasher = Sha256Hex::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => break,
            read => hasher.update(&piece[..read]),
        }
    }
    let right = hasher.finish() == expected;
    if right {
        write(stamp, &metadata, expected);
    }
    Ok(right)
}

/// Stamps the file with this metadata as having this hash.
///
/// A stamp that cannot be written costs the next start one hashing and nothing else, so failures are passed over.
pub(super) fn write(stamp: &Path, metadata: &Metadata, sha256: &str) {
    if let Ok(mut file) = AtomicFile::create(stamp)
        && file.write_all(line_for(metadata, sha256).as_bytes()).is_ok()
    {
        let _ = file.commit();
    }
}

/// Where the stamp of the cached file `target` is.
pub(super) fn path_for(target: &Path) -> PathBuf {
    let mut path = OsString::from(target);
    path.push(".stamp");
    path.into()
}

fn line_for(metadata: &Metadata, sha256: &str) -> String {
    // A system without times of modification gets a stamp that goes by length alone.
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let nanoseconds = modified.map_or(0, |time| time.as_nanos());
    format!("{MARK} {} {nanoseconds} {sha256}\n", metadata.len())
}
