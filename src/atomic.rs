//! Files that appear whole or not at all.
//!
//! The bytes go to a temporary file beside the target; only [`AtomicFile::commit`] gives it the target's name. A
//! reader sees the old file or the new one, never a part, and a crash leaves at most a temporary file behind.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Temporary files older than this belong to no living writer: a writer touches its file many times a second.
const ABANDONED: Duration = Duration::from_secs(3600);

/// A file being written that takes its name only when it is whole.
#[derive(Debug)]
pub struct AtomicFile {
    file: File,
    temporary: Temporary,
    target: PathBuf,
}

impl AtomicFile {
    /// Starts a file that will replace `target`, in the same folder, because a rename cannot cross file systems.
    pub fn create(target: &Path) -> io::Result<Self> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
        loop {
            let count = COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = target.with_file_name(format!(".{name}.{}.{count}.tmp", process::id()));
            match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
                Ok(file) => {
                    let temporary = Temporary { path, renamed: false };
                    return Ok(AtomicFile { file, temporary, target: target.to_owned() });
                }
                // Left by a dead process that had our id: the next count is free.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes the bytes durable, then the name; returns the file, still open for reading and writing.
    pub fn commit(mut self) -> io::Result<File> {
        self.file.sync_all()?;
        fs::rename(&self.temporary.path, &self.target)?;
        self.temporary.renamed = true;
        sync_folder(&self.target)?;
        Ok(self.file)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Removes the temporary file unless it has been given its final name.
#[derive(Debug)]
struct Temporary {
    path: PathBuf,
    renamed: bool,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // Nothing can be done about a failure here, and whatever led here is already an error.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes the temporary files that killed processes left in `folder`, as far as it can.
pub fn remove_abandoned(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let age = entry.metadata().and_then(|m| m.modified()).ok().and_then(|t| t.elapsed().ok());
        if name.starts_with('.') && name.ends_with(".tmp") && age.is_some_and(|age| age > ABANDONED) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A rename, or a new folder, is durable only once the folder that holds the name is.
#[cfg(unix)]
pub(crate) fn sync_folder(target: &Path) -> io::Result<()> {
    let folder = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match File::open(folder) {
        Ok(folder) => folder.sync_all(),
        // A folder may be written and not read; then the system decides when the name is on disk.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(error),
    }
}

/// Folders cannot be opened as files here; the system orders renames itself.
#[cfg(not(unix))]
pub(crate) fn sync_folder(_target: &Path) -> io::Result<()> {
    Ok(())
}
