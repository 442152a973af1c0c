//! The bytes of a file: mapped where that works and is wanted, read where not.
//!
//! # Why a mapping is sound here
//!
//! A mapped file can change while it is mapped, whatever this program does. Rust's rule that bytes behind a `&[u8]` do not
//! change is then kept by nobody; these measures see to it that nothing depends on it:
//!
//! * The mapping is private and read-only: nothing is written through it, and nothing of ours is shared with others.
//! * It never leaves the dataset but as pixels, and every value of a byte is a valid pixel. A pixel becomes a number to
//!   compute with, or a place among 256, and is never a length or a pointer. The sparse kernels ask which pixels are not
//!   zero, but the positions that they visit for it are inside of the image whatever the answer, and a pixel that is zero
//!   when it is read again only adds a product with zero. So a file that is overwritten gives other numbers, and no more.
//! * What decides about memory is copied first: the header is parsed from a buffer that was read, lengths come from that
//!   copy, and labels, which become indices, are copied out before they are checked.
//! * It is not longer than the file was. If the file gets shorter afterwards, the system raises SIGBUS where a lost page
//!   is touched: [`super::fault`] turns that into a sentence and exit code 1. No code goes on after it. Within the last
//!   page that is left, the bytes read as zeros, which are pixels.
//!
//! `--no-mmap` ([`Access::Read`]) leaves all of this out for a copy at the start. Other systems than Unix do not raise the
//! signal: Windows refuses to truncate a mapped file.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek};
use std::ops::Deref;
use std::path::Path;

use memmap2::{Mmap, MmapOptions};

use crate::error::{Error, Result};

/// How the bytes of files are got at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Mapped where that works: a start costs no read and no copy.
    Map,
    /// Read into memory at the start: what happens to the file later does not matter.
    Read,
}

/// Bytes that stay where they are for as long as this lives.
pub(super) enum Bytes {
    Mapped(Mapped),
    Owned(Vec<u8>),
}

/// Fields are dropped in order: the addresses are guarded as long as they are mapped.
pub(super) struct Mapped {
    #[cfg(unix)]
    _guard: super::fault::Guard,
    map: Mmap,
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Mapped(mapped) => &mapped.map,
            Bytes::Owned(bytes) => bytes,
        }
    }
}

/// The `len` bytes of `file`, whose length the caller has just compared with what its header promises. `name` is what a
/// sentence calls it, should its pages be lost.
pub(super) fn bytes_of(file: &File, len: u64, name: &str, access: Access) -> io::Result<Bytes> {
    let len = usize::try_from(len).map_err(|_| io::ErrorKind::OutOfMemory)?;
    if len > 0
        && access == Access::Map
        && let Some(mapped) = mapped(file, len, name)
    {
        return Ok(Bytes::Mapped(mapped));
    }
    read(file, len).map(Bytes::Owned)
}

fn mapped(file: &File, len: usize, name: &str) -> Option<Mapped> {
    // SAFETY: private, read-only and not longer than the file; why changes of the file do no harm is told above.
    let map = unsafe { MmapOptions::new().len(len).map_copy_read_only(file) }.ok()?;
    #[cfg(unix)]
    {
        let start = map.as_ptr() as usize;
        let guard = super::fault::guard(start..start + len, name)?;
        Some(Mapped { _guard: guard, map })
    }
    #[cfg(not(unix))]
    {
        let _ = name;
        Some(Mapped { map })
    }
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

/// Whether there is a link called `path`, wherever it leads.
pub(crate) fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink())
}

/// The sentence for a file that cannot be read.
pub(crate) fn cannot_read(path: &Path, error: &io::Error) -> Error {
    let is_link = is_link(path);
    let path = path.display();
    Error::failed(match error.kind() {
        io::ErrorKind::NotFound if is_link => {
            format!("{path} is a link to a file that does not exist; mend the link or give the file itself")
        }
        io::ErrorKind::NotFound if path.to_string().is_empty() => {
            "a file's name is empty; give one".to_owned()
        }
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
        let bytes = |len, access| bytes_of(&file, len, "Cargo.toml", access).unwrap();
        let mapped = bytes(metadata.len(), Access::Map);
        assert!(matches!(mapped, Bytes::Mapped(_)));
        for _ in 0..2 {
            assert_eq!(read(&file, mapped.len()).unwrap(), *mapped);
        }
        assert_eq!(read(&file, mapped.len() + 1).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(bytes(0, Access::Map).is_empty());
        let owned = bytes(metadata.len(), Access::Read);
        assert!(matches!(owned, Bytes::Owned(_)) && *owned == *mapped);
    }
}
