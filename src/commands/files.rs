//! No output is written over another one, nor over what the run reads. Files are told apart by what they are, not by what
//! they are called: a link, or a second name of the same file, leads to the same file.

use std::fs;
use std::path::{Path, PathBuf};

use mnist_fast::dataset::Dataset;
use mnist_fast::{Error, Result};

/// A file, and the option that names it.
pub(crate) type Named<'a> = (&'a str, &'a Path);

/// Which file a path leads to.
#[derive(PartialEq)]
enum Identity {
    /// One that is there: its device and its number on it.
    #[cfg_attr(not(unix), allow(dead_code))]
    Numbers(u64, u64),
    /// One that is not there yet, or where files have no numbers: its place, as far as that can be told.
    Place(PathBuf),
}

/// Those of the options that were given.
pub(crate) fn given<'a>(all: &[(&'a str, Option<&'a Path>)]) -> Vec<Named<'a>> {
    all.iter().filter_map(|(name, path)| Some((*name, (*path)?))).collect()
}

/// Refuses outputs of which two are the same file, or one is among the `others`.
pub(crate) fn require_apart(outputs: &[Named<'_>], others: &[Named<'_>]) -> Result<()> {
    let all: Vec<_> = outputs.iter().chain(others).collect();
    for (i, (name, path)) in outputs.iter().enumerate() {
        let found = identity(path);
        if let Some((other, same)) = all[i + 1..].iter().find(|(_, other)| identity(other) == found) {
            return Err(Error::usage(format!(
                "{name} {} and {other} {} are the same file; give each its own",
                path.display(),
                same.display()
            )));
        }
    }
    Ok(())
}

/// Refuses outputs that would replace a file of the data, in its folder or in the cache.
pub(crate) fn require_not_data(outputs: &[Named<'_>], data: &Dataset) -> Result<()> {
    for (name, path) in outputs {
        let found = identity(path);
        if let Some(file) = data.files.iter().find(|file| identity(file) == found) {
            return Err(Error::usage(format!(
                "{name} {} would overwrite the data, of which {} is a file; give another name",
                path.display(),
                file.display()
            )));
        }
    }
    Ok(())
}

fn identity(path: &Path) -> Identity {
    #[cfg(unix)]
    if let Ok(metadata) = fs::metadata(path) {
        use std::os::unix::fs::MetadataExt;
        return Identity::Numbers(metadata.dev(), metadata.ino());
    }
    Identity::Place(place(path))
}

/// Where a file is or would be, as far as that can be told.
fn place(path: &Path) -> PathBuf {
    fn folder(path: &Path) -> &Path {
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }
    if let Ok(place) = fs::canonicalize(path) {
        return place;
    }
    // What is not there yet is in a folder that is; a link to it is written through.
    let path = fs::read_link(path).map_or(path.to_owned(), |link| folder(path).join(link));
    match (fs::canonicalize(folder(&path)), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path,
    }
}
