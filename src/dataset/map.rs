//! The bytes of a file: mapped where that works, read where it does not.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek};
use std::ops::Deref;
use std::path::Path;

use memmap2::{Mmap, MmapOptions};

use crate::error::{Error, Result};

/// Bytes that stay where they are for as long as this lives.
pub(super) enum Bytes {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Mapped(map) => map,
            Bytes::Owned(bytes) => bytes,
        }
    }
}

/// The `len` bytes of `file`, whose length the caller has just compared with what its header promises.
///
/// If another process truncates the file while it is mapped, touching the lost pages ends this process with SIGBUS.
/// Reading would not have that flaw but costs a copy of every image at every start; whoever truncates a dataset
/// under a running training has to expect the training to stop.
pub(super) fn bytes_of(file: &File, len: u64) -> io::Result<Bytes> {
    let len = usize::try_from(len).map_err(|_| io::ErrorKind::OutOfMemory)?;
    if len > 0 {
        // SAFETY: the mapping is private and read-only, so nothing is written through it, and it is not longer than
        // the file. What remains is that another process may write to the file while it is mapped, which no program
        // can rule out. Nothing we do depends on these bytes keeping their values: the header was parsed from a copy,
        // labels (which become indices) are copied out before they are checked, and every value of a pixel is valid.
        // The mapping stays inside `Dataset` and is only lent out as pixels.
        if let Ok(map) = unsafe { MmapOptions::new().len(len).map_copy_read_only(file) } {
            return Ok(Bytes::Mapped(map));
        }
    }
    read(file, len).map(Bytes::Owned)
}

/// What mapping falls back to: some file systems cannot map, and memory for mappings can run out.
fn read(mut file: &File, len: usize) -> io::Result<Vec<u8>> {
    file.rewind()?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| io::ErrorKind::OutOfMemory)?;
    file.take(len as u64).read_to_end(&mut bytes)?;
    if bytes.len() < len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

/// Opens a regular file for reading; anything else is refused with a sentence that says what it is.
///
/// The kind is looked at before opening, because opening a FIFO waits for a writer that may never come.
pub(crate) fn open_regular(path: &Path) -> Result<(File, Metadata)> {
    let metadata = fs::metadata(path).map_err(|error| cannot_read(path, &error))?;
    require_regular(path, &metadata)?;
    let file = File::open(path).map_err(|error| cannot_read(path, &error))?;
    // Asked again of what was really opened: a name can be given to another file in between.
    let metadata = file.metadata().map_err(|error| cannot_read(path, &error))?;
    require_regular(path, &metadata)?;
    Ok((file, metadata))
}

fn require_regular(path: &Path, metadata: &Metadata) -> Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    Err(Error::failed(format!(
        "{} is {}, where a regular file was expected; put the file itself there",
        path.display(),
        kind_of(metadata)
    )))
}

/// What a path that is no regular file names, with its article.
pub(crate) fn kind_of(metadata: &Metadata) -> &'static str {
    let kind = metadata.file_type();
    if kind.is_dir() {
        return "a folder";
    }
    if kind.is_file() {
        return "a file";
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return "a FIFO";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    "a special file"
}

/// The sentence for a file that cannot be read.
pub(crate) fn cannot_read(path: &Path, error: &io::Error) -> Error {
    let path = path.display();
    Error::failed(match error.kind() {
        io::ErrorKind::NotFound => format!("{path} does not exist; check the path"),
        io::ErrorKind::PermissionDenied => {
            format!("{path} cannot be read: permission denied; give yourself read permission on it")
        }
        _ => format!("{path} cannot be read: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_gives_what_mapping_gives() {
        let (file, metadata) =
            open_regular(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))).unwrap();
        let mapped = bytes_of(&file, metadata.len()).unwrap();
        assert!(matches!(mapped, Bytes::Mapped(_)));
        for _ in 0..2 {
            assert_eq!(read(&file, mapped.len()).unwrap(), *mapped);
        }
        assert_eq!(read(&file, mapped.len() + 1).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(bytes_of(&file, 0).unwrap().is_empty());
    }
}
