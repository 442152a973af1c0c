//! `train --log`: each epoch's figures, appended to a file as soon as they are known.
//!
//! Other files appear whole or not at all. This one grows line by line, so that there is something to watch, and something
//! left of a run that dies.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use mnist_fast::Result;
use mnist_fast::history::Epoch;
use mnist_fast::target::Target;
use serde_json::Value;

use super::report::{FIGURES, epoch_line, figures};

const TARGET: Target = Target { what: "a log", example: "log.csv" };

/// How a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// A line of names, then a line of values for each epoch, empty where there is none.
    Csv,
    /// The lines that `--json` prints of epochs.
    Jsonl,
}

impl Format {
    /// How every version's logs begin, and what else has such lines.
    fn begin(self) -> &'static str {
        match self {
            Format::Csv => "epoch,",
            Format::Jsonl => "{\"event\":",
        }
    }
}

/// A log.
pub(crate) struct Log {
    path: PathBuf,
    format: Format,
    file: Option<File>,
    /// How long the file is with its last whole line.
    len: u64,
}

impl Log {
    /// A log of this name, whose end says how it is written; `None` for another end.
    pub(crate) fn new(path: PathBuf) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        let format = match extension.as_str() {
            "csv" => Format::Csv,
            "jsonl" => Format::Jsonl,
            _ => return None,
        };
        Some(Log { path, format, file: None, len: 0 })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Checks that the file can be written, and leaves it as it is.
    pub(crate) fn check(&self) -> Result<()> {
        match fs::metadata(&self.path) {
            // Unlike a file that is replaced, this one must be writable itself, and its folder need not be.
            Ok(metadata) if metadata.is_file() => {
                let opened = OpenOptions::new().append(true).open(&self.path);
                opened.map_err(|error| TARGET.refused(&self.path, error))?;
                TARGET.check_kind(&self.path, |head| head.starts_with(self.format.begin().as_bytes()))
            }
            _ => TARGET.check(&self.path),
        }
    }

    /// Begins the file; what was in it before is gone.
    pub(crate) fn start(&mut self) -> Result<()> {
        let file = File::create(&self.path).map_err(|error| TARGET.refused(&self.path, error))?;
        let head = FIGURES.join(",");
        self.file = Some(file);
        if self.format == Format::Csv { self.line(&head) } else { Ok(()) }
    }

    /// Appends an epoch.
    pub(crate) fn epoch(&mut self, epoch: &Epoch) -> Result<()> {
        self.line(&match self.format {
            Format::Jsonl => epoch_line(epoch),
            Format::Csv => figures(epoch).map(cell).join(","),
        })
    }

    /// In one piece, and nothing is kept back: whoever reads along sees whole lines.
    fn line(&mut self, line: &str) -> Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        if let Err(error) = file.write_all(format!("{line}\n").as_bytes()) {
            // Without half a line, if that can be had; it failed already.
            let _ = file.set_len(self.len);
            return Err(TARGET.refused(&self.path, error));
        }
        self.len += line.len() as u64 + 1;
        Ok(())
    }
}

/// The digits that `--json` prints, from which the same number can be read.
fn cell(value: Value) -> String {
    if value.is_null() { String::new() } else { value.to_string() }
}
