//! The file of JSON lines.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file that appears whole or not at all.
pub struct JsonFile {
    /// Its final name.
    pub target: PathBuf,
    temporary: PathBuf,
    file: fs::File,
}

impl JsonFile {
    /// Before the first measurement, so that a wrong name costs no minute.
    pub fn create(target: &Path) -> io::Result<JsonFile> {
        if target.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let mut temporary = target.as_os_str().to_owned();
        temporary.push(".tmp");
        let temporary = PathBuf::from(temporary);
        let file = fs::File::create(&temporary)?;
        Ok(JsonFile { target: target.to_path_buf(), temporary, file })
    }

    /// Writes all of it and gives it its name.
    pub fn finish(mut self, lines: &str) -> io::Result<()> {
        self.file.write_all(lines.as_bytes())?;
        self.file.sync_all()?;
        fs::rename(&self.temporary, &self.target)
    }
}
