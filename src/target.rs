//! The files that a run is to write: checked before the work starts, with one sentence for what can be wrong.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, is_separator};

use crate::atomic::AtomicFile;
use crate::dataset::map;
use crate::error::{Error, Result};

/// A kind of file that is written, for its errors.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// With its article: `a model`.
    pub what: &'static str,
    /// A good name for one: `model.safetensors`.
    pub example: &'static str,
}

/// So many bytes tell what a file is.
const HEAD: usize = 64;

impl Target {
    /// The error for a file that cannot be written as `path`.
    pub fn refused(&self, path: &Path, why: impl std::fmt::Display) -> Error {
        Error::failed(format!("{} cannot be saved as {}: {why}", self.what, path.display()))
    }

    /// Checks that `path` can be written, as far as this can be known beforehand. Leaves nothing behind.
    ///
    /// # Errors
    /// Where `path` names no file, its folder does not exist or cannot be written to, or something other than a file
    /// is already there.
    pub fn check(&self, path: &Path) -> Result<()> {
        self.create(path).map(drop)
    }

    /// As [`Self::check`], for a file that nobody expects to lose: one that is there already must be empty, or begin as
    /// `ours` says that such a file does.
    ///
    /// # Errors
    /// As [`Self::check`], and where what is there is something else.
    pub fn check_over(&self, path: &Path, ours: impl Fn(&[u8]) -> bool) -> Result<()> {
        self.check(path)?;
        self.check_kind(path, ours)
    }

    /// Refuses to replace a file that is not empty and does not begin as `ours` says.
    ///
    /// # Errors
    /// Where there is such a file.
    pub fn check_kind(&self, path: &Path, ours: impl Fn(&[u8]) -> bool) -> Result<()> {
        let mut head = Vec::with_capacity(HEAD);
        let found = match File::open(path) {
            Ok(file) => file.take(HEAD as u64).read_to_end(&mut head),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => Err(error),
        };
        // What cannot be read is nothing that was written here before.
        if found.is_ok() && (head.is_empty() || ours(&head)) {
            return Ok(());
        }
        Err(self.refused(
            path,
            format_args!("the file that is there is not {}; give another name, or remove it", self.what),
        ))
    }

    /// Writes a whole file of these bytes.
    ///
    /// # Errors
    /// As [`Self::check`], and where the disk is full or fails; then what was there before is still there.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let mut file = self.create(path)?;
        let written = file.write_all(bytes).and_then(|()| file.commit().map(drop));
        written.map_err(|error| self.refused(path, error))
    }

    /// Starts the file, which takes its name when it is committed.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn create(&self, path: &Path) -> Result<AtomicFile> {
        let refused = |why: String| Err(self.refused(path, why));
        let ends_as_folder =
            path.as_os_str().as_encoded_bytes().last().is_some_and(|b| is_separator(char::from(*b)));
        if path.file_name().is_none() || ends_as_folder {
            return refused(format!("that is not the name of a file; add one, such as {}", self.example));
        }
        // What else may be wrong with the target is wrong with its folder too.
        if let Ok(metadata) = fs::metadata(path)
            && !metadata.is_file()
        {
            return refused(format!("it is {}; give another name", map::kind_of(&metadata)));
        }
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match fs::metadata(folder) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(metadata) => {
                let kind = map::kind_of(&metadata);
                return refused(format!("{} is {kind}, not a folder; give another path", folder.display()));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return refused(format!("the folder {} does not exist; create it first", folder.display()));
            }
            Err(error) => return refused(error.to_string()),
        }
        AtomicFile::create(path).or_else(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => {
                refused(format!("you may not write to the folder {}; give another path", folder.display()))
            }
            _ => refused(error.to_string()),
        })
    }
}
