//! How many classes a dataset has, and what they are called.
//!
//! A folder may name its classes in `classes.txt` or `class-names.txt`: UTF-8, one name a line, the first for label 0.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::known::Known;
use super::map;
use crate::error::{Error, Result};

/// Labels are bytes, so there are at most this many classes.
const MAX: usize = 256;

/// Classes where nobody says how many; every known dataset has as many.
const DEFAULT: usize = 10;

/// A name is a few words; what is longer than this all together is not a list of names.
const MAX_BYTES: u64 = 64 * 1024;

/// The classes of a dataset.
pub(super) struct Classes {
    pub(super) count: usize,
    pub(super) names: Option<Vec<String>>,
    /// The label of the first class in the files; where they are opened classes are numbered from 0.
    pub(super) first_label: u8,
    /// What to do about a label beyond the last class, given how many classes there would have to be.
    pub(super) source: Source,
}

/// Who says how many classes there are.
pub(super) enum Source {
    /// The default, or `--num-classes`.
    Option,
    /// The names in this file.
    File(PathBuf),
    /// The table of known datasets.
    Known,
}

/// Class names and where they come from.
pub(super) struct Named {
    pub(super) names: Vec<String>,
    pub(super) source: Source,
}

impl Classes {
    /// As many as there are names, else as `--num-classes` says, else 10; names and option must not disagree, and the
    /// option must have room for the labels of a dataset that is known.
    pub(super) fn new(
        named: Option<Named>,
        num_classes: Option<usize>,
        first_label: u8,
        known: Option<&Known>,
    ) -> Result<Self> {
        if let Some(count) = num_classes
            && !(2..=MAX).contains(&count)
        {
            return Err(Error::usage(format!(
                "--num-classes {count} is out of range: labels are bytes, so give a number from 2 to {MAX}"
            )));
        }
        if let (None, Some(known), Some(count @ ..DEFAULT)) = (&named, known, num_classes) {
            return Err(Error::usage(format!(
                "--num-classes {count} is too few for {0}, whose labels go up to {1}; leave it out, or train on some of \
                 them with --classes",
                known.name,
                DEFAULT - 1
            )));
        }
        let Some(Named { names, source }) = named else {
            let source = if known.is_some() { Source::Known } else { Source::Option };
            return Ok(Classes { count: num_classes.unwrap_or(DEFAULT), names: None, first_label, source });
        };
        if let Some(count) = num_classes.filter(|&count| count != names.len()) {
            let who = match &source {
                Source::File(path) => path.display().to_string(),
                Source::Known | Source::Option => known.map_or("the dataset", |known| known.name).to_owned(),
            };
            return Err(Error::usage(format!(
                "--num-classes {count} disagrees with {who}, which names {} classes; leave the option out",
                names.len()
            )));
        }
        Ok(Classes { count: names.len(), names: Some(names), first_label, source })
    }

    /// What to do about the label `label`, which is beyond the last class or before the first.
    pub(super) fn fix(&self, label: i64) -> String {
        let first = i64::from(self.first_label);
        let needed = label - first + 1;
        match &self.source {
            Source::Option | Source::File(_) if !(first..first + MAX as i64).contains(&label) => {
                format!("number the classes from {first} to {} at most", first + MAX as i64 - 1)
            }
            Source::Option => format!("if the dataset has more classes, give --num-classes {needed} or more"),
            Source::File(path) => format!("name at least {needed} classes in {}", path.display()),
            Source::Known => {
                "the file is damaged: delete it where it is kept, in the cache folder for example".into()
            }
        }
    }
}

/// The names that `folder` gives its classes, if it does.
pub(super) fn read(folder: &Path) -> Result<Option<Named>> {
    let present = |name: &&str| folder.join(name).exists() || map::is_link(&folder.join(name));
    let files: Vec<&str> = ["classes.txt", "class-names.txt"].into_iter().filter(present).collect();
    match files[..] {
        [] => Ok(None),
        [name] => read_file(folder.join(name)).map(Some),
        _ => Err(Error::failed(format!(
            "{} holds both classes.txt and class-names.txt; remove one of them",
            folder.display()
        ))),
    }
}

fn read_file(path: PathBuf) -> Result<Named> {
    let wrong = |what: &str| {
        Error::failed(format!("{} {what}; write one class name a line, as UTF-8 text", path.display()))
    };
    let (file, _) = map::open_regular(&path)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| map::cannot_read(&path, &error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(wrong(&format!("is longer than {MAX_BYTES} bytes")));
    }
    let names = parse(&bytes).map_err(|what| wrong(&what))?;
    Ok(Named { names, source: Source::File(path) })
}

/// The names in a file of these bytes; or what is wrong with it.
///
/// # Errors
/// Where it is no list of 2 to 256 printable names.
pub fn parse(bytes: &[u8]) -> std::result::Result<Vec<String>, String> {
    let text = str::from_utf8(bytes).map_err(|_| "is not UTF-8")?;
    // Windows editors begin UTF-8 files with a byte order mark.
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);

    let names: Vec<String> = text.trim_end().lines().map(|line| line.trim().to_owned()).collect();
    if let Some(line) = names.iter().position(|name| name.is_empty() || name.contains(char::is_control)) {
        return Err(format!("has no printable name in line {}", line + 1));
    }
    if !(2..=MAX).contains(&names.len()) {
        return Err(format!("names {} classes, expected 2 to {MAX}", names.len()));
    }
    Ok(names)
}
