//! What `predict` is given: a picture, or the images of an IDX file, each perhaps gzipped.
//!
//! An IDX file is checked to its last byte before its first image is handed out, and is then read in parts, so that a
//! file of any length takes no more memory than its parts.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use crate::dataset::gz::{self, Failure, Unpacked};
use crate::dataset::map;
use crate::error::{Error, Result};
use crate::idx::{HEADER_MAX, Header};
use crate::picture;

/// A gzipped picture may unpack to this many bytes, or to twice its size; a larger one is unpacked by its owner.
const PICTURE_MAX: usize = 8 << 20;

/// What a file holds.
pub enum Input {
    /// The whole bytes of what should be a picture.
    Picture(Vec<u8>),
    /// An IDX file whose header and length agree.
    Idx(Elements),
}

/// The elements of an IDX file, to be read in parts.
pub struct Elements {
    /// What the file says about itself.
    pub header: Header,
    name: String,
    from: Box<dyn Read>,
}

impl Elements {
    /// Fills `part` with the next elements.
    ///
    /// # Errors
    /// Where reading fails, or the file has become shorter.
    pub fn read(&mut self, part: &mut [u8]) -> Result<()> {
        let failed = |error| Error::failed(format!("{} cannot be read: {error}", self.name));
        self.from.read_exact(part).map_err(failed)
    }
}

/// Opens the file at `path`.
///
/// # Errors
/// Where it is no regular file, cannot be read, is damaged, or larger than pictures are read.
pub fn open(path: &Path) -> Result<Input> {
    let (file, metadata) = map::open_regular(path)?;
    of(file, metadata.len(), &path.display().to_string())
}

/// Reads standard input, or whatever has a beginning alone, to its end.
///
/// # Errors
/// As [`open`].
pub fn read(from: impl Read, name: &str) -> Result<Input> {
    let bytes = picture::read(from, name)?;
    let len = bytes.len() as u64;
    of(io::Cursor::new(bytes), len, name)
}

fn of(mut from: impl Read + Seek + 'static, len: u64, name: &str) -> Result<Input> {
    let failed = |error| Error::failed(format!("{name} cannot be read: {error}"));
    let mut head = Vec::with_capacity(HEADER_MAX);
    from.by_ref().take(HEADER_MAX as u64).read_to_end(&mut head).map_err(failed)?;
    if gz::is_gzip(&head) {
        return packed(from, len, name);
    }
    if !head.starts_with(b"\0\0") {
        from.rewind().map_err(failed)?;
        return picture::read(from, name).map(Input::Picture);
    }
    let header = Header::parse(&head).map_err(|defect| defect.in_file(name))?;
    header.check_len(len).map_err(|defect| defect.in_file(name))?;
    from.seek(SeekFrom::Start(header.data_offset() as u64)).map_err(failed)?;
    Ok(Input::Idx(Elements { header, name: name.to_owned(), from: Box::new(from) }))
}

fn packed(mut from: impl Read + Seek + 'static, len: u64, name: &str) -> Result<Input> {
    let failed = |error| Error::failed(format!("{name} cannot be read: {error}"));
    from.rewind().map_err(failed)?;
    let mut unpacked = Unpacked::new(buffered(&mut from), len, name);
    let mut head = vec![0; HEADER_MAX];
    let filled = unpacked.fill(&mut head)?;
    head.truncate(filled);
    if !head.starts_with(b"\0\0") && !gz::is_gzip(&head) {
        let most = PICTURE_MAX.max(usize::try_from(len).unwrap_or(usize::MAX).saturating_mul(2));
        let mut bytes = head;
        let mut piece = vec![0; 64 * 1024];
        loop {
            match unpacked.fill(&mut piece)? {
                0 => return Ok(Input::Picture(bytes)),
                read => bytes.extend_from_slice(&piece[..read]),
            }
            if bytes.len() > most {
                return Err(Error::failed(format!(
                    "{name} unpacks to more than {most} bytes; unpack it with gunzip, and give the picture itself"
                )));
            }
        }
    }
    drop(unpacked);
    from.rewind().map_err(failed)?;
    gz::unpack(&mut buffered(&mut from), len, name, &mut io::sink()).map_err(|failure| match failure {
        Failure::Packed(error) => error,
        Failure::Write(error) => failed(error),
    })?;
    let header = Header::parse(&head).map_err(|defect| defect.in_file(name))?;
    from.rewind().map_err(failed)?;
    let mut from = Unpacked::new(buffered(from), len, name);
    from.fill(&mut head[..header.data_offset()])?;
    Ok(Input::Idx(Elements { header, name: name.to_owned(), from: Box::new(from) }))
}

fn buffered<R: Read>(from: R) -> BufReader<R> {
    BufReader::with_capacity(64 * 1024, from)
}
