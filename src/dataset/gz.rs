//! Unpacks a gzipped IDX file, piece by piece and never further than its own header promises.

use std::io::{self, BufRead, Read, Write};

use flate2::bufread::GzDecoder;

use crate::error::Error;
use crate::hash::Sha256Hex;
use crate::idx::{Defect, HEADER_MAX, Header};

/// Why nothing came out.
pub(super) enum Failure {
    /// The packed file is at fault: the run ends.
    Packed(Error),
    /// The place to unpack to is at fault: another place may do.
    Write(io::Error),
}

/// Unpacks `packed` into `out` and returns the SHA-256 of what came out.
///
/// The IDX header at the start of the stream tells how long the rest may be, so that a few kilobytes that unpack to
/// terabytes are stopped at the first byte too many. Reading to the end of the stream also checks its CRC.
pub(super) fn unpack(packed: &mut dyn BufRead, name: &str, out: &mut dyn Write) -> Result<String, Failure> {
    check_magic(packed, name).map_err(Failure::Packed)?;
    let mut members = Members::new(packed);

    let mut piece = vec![0; 64 * 1024];
    let mut filled = 0;
    while filled < HEADER_MAX {
        match members.read(&mut piece[filled..HEADER_MAX]).map_err(|trouble| trouble.in_file(name))? {
            0 => break,
            read => filled += read,
        }
    }
    let refuse = |defect: Defect| {
        Failure::Packed(match defect {
            Defect::Gzip => Error::failed(format!("{name} is gzipped twice; unpack it once with gunzip")),
            _ => defect.in_file(&format!("the data inside {name}")),
        })
    };
    let header = Header::parse(&piece[..filled]).map_err(refuse)?;

    let mut hasher = Sha256Hex::new();
    let mut total = 0;
    while filled > 0 {
        total += filled as u64;
        if total > header.file_len() {
            return Err(Failure::Packed(Error::failed(format!(
                "{name} unpacks to more than the {} bytes its IDX header promises; get the file again",
                header.file_len()
            ))));
        }
        hasher.update(&piece[..filled]);
        out.write_all(&piece[..filled]).map_err(Failure::Write)?;
        filled = members.read(&mut piece).map_err(|trouble| trouble.in_file(name))?;
    }
    header.check_len(total).map_err(refuse)?;
    Ok(hasher.finish())
}

/// Tells gzip from what is often found under its name.
fn check_magic(packed: &mut dyn BufRead, name: &str) -> Result<(), Error> {
    let start =
        packed.fill_buf().map_err(|error| Error::failed(format!("{name} cannot be read: {error}")))?;
    match *start {
        [] => Err(Defect::Empty.in_file(name)),
        [b'<', ..] => Err(Defect::Html.in_file(name)),
        [0, 0, ..] => Err(Error::failed(format!(
            "{name} is not gzipped, it looks like a raw IDX file; remove .gz from its name"
        ))),
        [0x1F, 0x8B, ..] | [0x1F] => Ok(()),
        [first, ..] => Err(Error::failed(format!(
            "{name} is not gzip data: it begins with {first:02X}, gzip with 1F 8B; get the file again"
        ))),
    }
}

/// The members of a gzip file one after the other: `cat a.gz b.gz` is a valid file.
///
/// flate2's `MultiGzDecoder` does the same but does not tell a damaged member from bytes that never were one.
struct Members<'a> {
    /// `None` once the last member has ended.
    decoder: Option<GzDecoder<&'a mut dyn BufRead>>,
    /// Whether a whole member has been read before this one.
    later: bool,
}

impl<'a> Members<'a> {
    fn new(packed: &'a mut dyn BufRead) -> Self {
        Members { decoder: Some(GzDecoder::new(packed)), later: false }
    }

    fn read(&mut self, piece: &mut [u8]) -> Result<usize, Trouble> {
        while let Some(decoder) = &mut self.decoder {
            // To be asked before reading, which forgets it.
            if self.later && decoder.header().is_none() {
                return Err(Trouble::Rubbish);
            }
            let read = decoder.read(piece)?;
            if read > 0 {
                return Ok(read);
            }
            let rest = self.decoder.take().map(GzDecoder::into_inner);
            if let Some(rest) = rest
                && !rest.fill_buf()?.is_empty()
            {
                self.decoder = Some(GzDecoder::new(rest));
                self.later = true;
            }
        }
        Ok(0)
    }
}

/// Why a member cannot be read.
enum Trouble {
    /// What follows the last member is not another one.
    Rubbish,
    /// flate2's errors and the file's own.
    Io(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Trouble::Io(error)
    }
}

impl Trouble {
    /// The failure of the file called `name`.
    fn in_file(&self, name: &str) -> Failure {
        Failure::Packed(Error::failed(match self {
            Trouble::Rubbish => {
                format!("{name} has bytes after its gzip data that do not belong there; get the file again")
            }
            Trouble::Io(error) => match error.kind() {
                io::ErrorKind::UnexpectedEof => {
                    format!(
                        "{name} ends in the middle of its gzip data; its download was cut short, get it again"
                    )
                }
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                    format!("{name} holds damaged gzip data ({error}); get the file again")
                }
                _ => format!("{name} cannot be read: {error}"),
            },
        }))
    }
}
