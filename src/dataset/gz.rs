//! Unpacks gzip, piece by piece: an IDX file never further than its own header promises, and nothing far beyond what
//! images pack to, so that a few kilobytes fill neither memory nor disk.

use std::io::{self, BufRead, Read, Write};

use flate2::bufread::GzDecoder;

use crate::error::Error;
use crate::hash::Sha256Hex;
use crate::idx::{Defect, HEADER_MAX, Header};

/// Images pack to a tenth or so; what unpacks to more than this many times its size was made to fill the disk.
const RATIO_MAX: u64 = 50;

/// Up to this many bytes the ratio does not matter: little test sets are often blank.
const SMALL: u64 = 16 << 20;

/// Why nothing came out.
#[derive(Debug)]
pub enum Failure {
    /// The packed file is at fault: the run ends.
    Packed(Error),
    /// The place to unpack to is at fault: another place may do.
    Write(io::Error),
}

/// Whether bytes that begin like these are gzipped.
pub fn is_gzip(start: &[u8]) -> bool {
    start.starts_with(b"\x1F\x8B")
}

/// Unpacks `packed`, of `packed_len` bytes, into `out` and returns the SHA-256 of what came out.
///
/// The IDX header at the start of the stream tells how long the rest may be, so that a few kilobytes that unpack to
/// terabytes are stopped at the first byte too many. Reading to the end of the stream also checks its CRC.
///
/// # Errors
/// Where `packed` is damaged or no IDX file, or `out` fails.
pub fn unpack(
    packed: &mut dyn BufRead,
    packed_len: u64,
    name: &str,
    out: &mut dyn Write,
) -> Result<String, Failure> {
    check_magic(packed, name).map_err(Failure::Packed)?;
    let mut members = Members::new(packed, packed_len);

    let mut piece = vec![0; 64 * 1024];
    let mut filled = members.fill(&mut piece[..HEADER_MAX]).map_err(|trouble| trouble.in_file(name))?;
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

/// What gzip data unpacks to, read as from a file; its errors are whole sentences.
pub struct Unpacked<R> {
    members: Members<R>,
    name: String,
}

impl<R: BufRead> Unpacked<R> {
    /// Of the file `name`, whose `packed_len` bytes `packed` has.
    pub fn new(packed: R, packed_len: u64, name: &str) -> Self {
        Unpacked { members: Members::new(packed, packed_len), name: name.to_owned() }
    }

    /// As many of the next bytes as `piece` holds; fewer at the end only.
    ///
    /// # Errors
    /// Where the gzip data is damaged or unpacks to too much.
    pub fn fill(&mut self, piece: &mut [u8]) -> Result<usize, Error> {
        self.members.fill(piece).map_err(|trouble| trouble.sentence(&self.name))
    }
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        self.members.read(piece).map_err(|trouble| io::Error::other(trouble.sentence(&self.name)))
    }
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
/// flate2's `MultiGzDecoder` does the same but does not tell a damaged member from bytes that never were one, and is
/// kept busy for minutes by a file of empty members.
struct Members<R> {
    /// `None` once the last member has ended.
    decoder: Option<GzDecoder<R>>,
    /// Whole members that have been read.
    ended: u64,
    /// Bytes that came out.
    total: u64,
    /// How many may.
    most: u64,
}

impl<R: BufRead> Members<R> {
    fn new(packed: R, packed_len: u64) -> Self {
        let most = packed_len.saturating_mul(RATIO_MAX).max(SMALL);
        Members { decoder: Some(GzDecoder::new(packed)), ended: 0, total: 0, most }
    }

    fn read(&mut self, piece: &mut [u8]) -> Result<usize, Trouble> {
        while let Some(decoder) = &mut self.decoder {
            // To be asked before reading, which forgets it.
            if self.ended > 0 && decoder.header().is_none() {
                return Err(Trouble::Rubbish);
            }
            let read = decoder.read(piece)?;
            self.total += read as u64;
            if self.total > self.most {
                return Err(Trouble::Bomb(self.most));
            }
            if read > 0 || piece.is_empty() {
                return Ok(read);
            }
            self.ended += 1;
            // Each member costs as much as some kilobytes; programs that write many put 64 KiB into each.
            if self.ended > 1000 + self.total / 1024 {
                return Err(Trouble::Members(self.ended));
            }
            let rest = self.decoder.take().map(GzDecoder::into_inner);
            if let Some(mut rest) = rest
                && !rest.fill_buf()?.is_empty()
            {
                self.decoder = Some(GzDecoder::new(rest));
            }
        }
        Ok(0)
    }

    /// As many bytes as `piece` holds, or all that are left.
    fn fill(&mut self, piece: &mut [u8]) -> Result<usize, Trouble> {
        let mut filled = 0;
        while filled < piece.len() {
            match self.read(&mut piece[filled..])? {
                0 => break,
                read => filled += read,
            }
        }
        Ok(filled)
    }
}

/// Why a member cannot be read.
enum Trouble {
    /// What follows the last member is not another one.
    Rubbish,
    /// There are too many members with hardly any data.
    Members(u64),
    /// More than this many bytes come out.
    Bomb(u64),
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
        Failure::Packed(self.sentence(name))
    }

    fn sentence(&self, name: &str) -> Error {
        Error::failed(match self {
            Trouble::Rubbish => {
                format!("{name} has bytes after its gzip data that do not belong there; get the file again")
            }
            Trouble::Members(count) => format!(
                "{name} is made of more than {} pieces of gzip data with hardly anything in them; get the file again",
                count - 1
            ),
            Trouble::Bomb(most) => format!(
                "{name} unpacks to more than {most} bytes, which is far more than images pack to; get the file again, \
                 or unpack it with gunzip if it is right"
            ),
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
        })
    }
}
