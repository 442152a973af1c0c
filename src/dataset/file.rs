//! One IDX file, checked from its first byte to its length.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use super::map::{self, Access, Bytes};
use crate::error::Result;
use crate::idx::{Element, HEADER_MAX, Header};
use crate::memory;

/// An IDX file whose header and length agree.
pub(super) struct IdxFile {
    /// What errors call it: the path the user knows it by, not that of a cached copy.
    pub(super) name: String,
    pub(super) header: Header,
    bytes: Bytes,
}

impl IdxFile {
    /// Opens the raw IDX file at `path`.
    pub(super) fn open(path: &Path, access: Access) -> Result<Self> {
        let (file, metadata) = map::open_regular(path)?;
        Self::map(&file, metadata.len(), path.display().to_string(), access)
    }

    /// Maps or reads `file`, of `len` bytes; nothing is allocated or mapped unless the header fits `len`.
    pub(super) fn map(mut file: &File, len: u64, name: String, access: Access) -> Result<Self> {
        let failed = |error| map::cannot_read(Path::new(&name), &error);
        file.rewind().map_err(failed)?;
        let mut head = Vec::with_capacity(HEADER_MAX);
        file.take(HEADER_MAX as u64).read_to_end(&mut head).map_err(failed)?;
        let header = Header::parse(&head).map_err(|defect| defect.in_file(&name))?;
        header.check_len(len).map_err(|defect| defect.in_file(&name))?;
        let bytes = map::bytes_of(file, len, &name, access).map_err(failed)?;
        Ok(IdxFile { name, header, bytes })
    }

    /// Takes over the bytes of a whole file that [`super::gz`] has just unpacked and checked.
    pub(super) fn from_memory(bytes: Vec<u8>, name: String) -> Result<Self> {
        let header = Header::parse(&bytes).map_err(|defect| defect.in_file(&name))?;
        header.check_len(bytes.len() as u64).map_err(|defect| defect.in_file(&name))?;
        Ok(IdxFile { name, header, bytes: Bytes::Owned(bytes) })
    }

    /// The same with each of its images transposed, in memory; what is no file of images is returned as it is.
    pub(super) fn transposed(self) -> Result<Self> {
        let &[_, rows, cols] = &self.header.dims[..] else { return Ok(self) };
        if self.header.element != Element::U8 || self.data().is_empty() {
            return Ok(self);
        }
        memory::require_or(Some(self.bytes.len()), "a copy of its images, upright,", "free some memory")?;
        let (rows, cols) = (rows as usize, cols as usize);
        let mut header = self.header.clone();
        header.dims.swap(1, 2);
        let mut bytes = self.bytes.to_vec();
        let copies = bytes[header.data_offset()..].chunks_exact_mut(rows * cols);
        for (copy, image) in copies.zip(self.data().chunks_exact(rows * cols)) {
            for (i, pixel) in copy.iter_mut().enumerate() {
                *pixel = image[i % rows * cols + i / rows];
            }
        }
        Ok(IdxFile { name: self.name, header, bytes: Bytes::Owned(bytes) })
    }

    /// The elements, as the file stores them.
    pub(super) fn data(&self) -> &[u8] {
        &self.bytes[self.header.data_offset()..]
    }

    /// The whole file, header included.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
