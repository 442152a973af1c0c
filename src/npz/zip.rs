//! The zip container, as far as npz files need it: members stored or deflated, listed by a directory at the end.
//!
//! ```text
//! local header, data | ... | directory: an entry per member | end record: where the directory is, a comment
//! ```
//!
//! Reading is strict: the directory ends where the end record begins, members lie one after the other before it, each
//! local header agrees with its entry, and data that is read to its end has the promised length and CRC-32. So no byte is
//! unpacked twice, and what comes out is bounded by the file's length. Archives beyond 4 GB (zip64) are refused.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take, Write};
use std::path::{Path, PathBuf};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use crate::dataset::map;
use crate::error::{Error, Result};

/// The signature of a member's own header, with which archives begin.
pub const LOCAL: [u8; 4] = *b"PK\x03\x04";
const ENTRY: [u8; 4] = *b"PK\x01\x02";
/// The signature of the end record, with which an archive without members begins.
pub const END: [u8; 4] = *b"PK\x05\x06";

const LOCAL_LEN: usize = 30;
const ENTRY_LEN: usize = 46;
const END_LEN: usize = 22;

/// The longest comment that the end record can carry.
pub const COMMENT_MAX: usize = u16::MAX as usize;

/// Members: two for each of two thousand layers.
const MEMBERS_MAX: usize = 4096;

/// Weights hardly pack at all; what unpacks to more than this many times the file was made to fill memory.
const RATIO_MAX: u64 = 50;

/// Up to this many bytes the ratio does not matter: a small network may be all zeros.
const SMALL: u64 = 16 << 20;

/// What a size or place is where a zip64 record tells the true one.
const IN_ZIP64: u32 = u32::MAX;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// A member of an archive.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name, with its folders.
    pub name: String,
    /// How many bytes it unpacks to.
    pub len: u64,
    method: u16,
    crc: u32,
    /// Where its local header begins.
    header: u64,
    /// Where its data begins.
    data: u64,
    /// How many bytes that is.
    packed: u64,
}

/// An archive whose directory has been found to fit its file.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    file: File,
    members: Vec<Member>,
    comment: Vec<u8>,
}

impl Archive {
    /// Opens the file and checks everything but the members' data.
    ///
    /// # Errors
    /// Where the file cannot be read, or is not such an archive in any way.
    pub fn open(path: &Path) -> Result<Self> {
        let (file, metadata) = map::open_regular(path)?;
        let mut archive = Archive { path: path.to_owned(), file, members: vec![], comment: vec![] };
        archive.read_directory(metadata.len()).map_err(|trouble| trouble.sentence(path))?;
        Ok(archive)
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The members, in the order of their data.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The comment on the whole archive.
    pub fn comment(&self) -> &[u8] {
        &self.comment
    }

    /// What one of this archive's members unpacks to, to be read once.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn unpack<'a>(&'a self, member: &'a Member) -> Result<Unpacked<'a>> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(member.data)).map_err(|error| map::cannot_read(&self.path, &error))?;
        let packed = BufReader::with_capacity(64 * 1024, file.take(member.packed));
        let source = match member.method {
            DEFLATED => Source::Deflated(DeflateDecoder::new(packed)),
            _ => Source::Stored(packed),
        };
        Ok(Unpacked { path: &self.path, member, source, crc: Crc::new(), left: member.len })
    }

    fn read_directory(&mut self, len: u64) -> std::result::Result<(), Trouble> {
        let tail_len = len.min((END_LEN + COMMENT_MAX) as u64);
        let tail = self.read_at(len - tail_len, tail_len as usize)?;
        let end = end_record(&tail).ok_or_else(|| {
            Trouble::Wrong("is a zip archive that has lost its end: it was cut short".into())
        })?;
        let record = Fields(&tail[end..]);
        let end = len - tail_len + end as u64;
        let (disks, count) = (record.u16(4) | record.u16(6), record.u16(10));
        let (size, start) = (record.u32(12), record.u32(16));
        if disks != 0 || record.u16(8) != count {
            return Err(Trouble::Wrong("is one of several parts of a zip archive".into()));
        }
        if count == u16::MAX || size == IN_ZIP64 || start == IN_ZIP64 {
            return Err(Trouble::Large);
        }
        let count = usize::from(count);
        if count > MEMBERS_MAX {
            return Err(Trouble::Wrong(format!(
                "is a zip archive of {count} members, where at most {MEMBERS_MAX} were expected"
            )));
        }
        if u64::from(start) + u64::from(size) != end {
            return Err(Trouble::Wrong(format!(
                "is a zip archive whose directory is said to be the bytes {start}..{}, but it ends at {end}",
                u64::from(start) + u64::from(size)
            )));
        }
        self.comment = record.0[END_LEN..].to_vec();
        // Names and comments are 64 KiB at most each, and most files have none of that length.
        if u64::from(size) > 1 << 20 {
            return Err(Trouble::Wrong(format!(
                "is a zip archive with a directory of {size} bytes, where at most {} were expected",
                1 << 20
            )));
        }
        let directory = self.read_at(start.into(), size as usize)?;
        self.members = entries(&directory, count)?;
        self.place_members(start.into())?;
        let total = self.members.iter().fold(0u64, |total, member| total.saturating_add(member.len));
        let most = len.saturating_mul(RATIO_MAX).max(SMALL);
        if total > most {
            return Err(Trouble::Wrong(format!(
                "is a zip archive that unpacks to {total} bytes, which is far more than the weights of a network pack to"
            )));
        }
        Ok(())
    }

    /// Reads each local header, which must say what the directory says, and sees to it that no two members share a byte.
    fn place_members(&mut self, end: u64) -> std::result::Result<(), Trouble> {
        let mut members = std::mem::take(&mut self.members);
        members.sort_by_key(|member| member.header);
        let mut free = 0;
        for member in &mut members {
            let differs = || {
                Trouble::Wrong(format!("is a zip archive that contradicts itself about {:?}", member.name))
            };
            if member.header < free || end - free < LOCAL_LEN as u64 || member.header > end - LOCAL_LEN as u64
            {
                return Err(differs());
            }
            let header = self.read_at(member.header, LOCAL_LEN)?;
            let header = Fields(&header);
            let name_len = usize::from(header.u16(26));
            if header.0[..4] != LOCAL || header.u16(8) != member.method || name_len != member.name.len() {
                return Err(differs());
            }
            let rest = name_len as u64 + u64::from(header.u16(28));
            let data = member.header + LOCAL_LEN as u64 + rest;
            if data + member.packed > end {
                return Err(differs());
            }
            if self.read_at(member.header + LOCAL_LEN as u64, name_len)? != member.name.as_bytes() {
                return Err(differs());
            }
            member.data = data;
            free = data + member.packed;
        }
        self.members = members;
        Ok(())
    }

    fn read_at(&self, start: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = vec![0; len];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

/// Where in the file's last bytes the end record begins: the last one whose comment ends with the file.
fn end_record(tail: &[u8]) -> Option<usize> {
    let last = tail.len().checked_sub(END_LEN)?;
    (0..=last).rev().find(|start| {
        let record = Fields(&tail[*start..]);
        record.0.starts_with(&END) && usize::from(record.u16(20)) == record.0.len() - END_LEN
    })
}

/// The `count` entries of a directory, which must be all of it.
fn entries(mut directory: &[u8], count: usize) -> std::result::Result<Vec<Member>, Trouble> {
    let wrong = |what: &str| Trouble::Wrong(format!("is a zip archive {what}"));
    let mut members: Vec<Member> = Vec::with_capacity(count);
    for _ in 0..count {
        let entry = Fields(directory);
        if directory.len() < ENTRY_LEN || !directory.starts_with(&ENTRY) {
            return Err(wrong("whose directory is damaged"));
        }
        let (flags, method) = (entry.u16(8), entry.u16(10));
        let (packed, len, header) = (entry.u32(20), entry.u32(24), entry.u32(42));
        let name_end = ENTRY_LEN + usize::from(entry.u16(28));
        let entry_end = name_end + usize::from(entry.u16(30)) + usize::from(entry.u16(32));
        let (Some(name), Some(rest)) = (directory.get(ENTRY_LEN..name_end), directory.get(entry_end..))
        else {
            return Err(wrong("whose directory is damaged"));
        };
        let Ok(name) = str::from_utf8(name) else { return Err(wrong("with a name that is not UTF-8")) };
        if [packed, len, header].contains(&IN_ZIP64) {
            return Err(Trouble::Large);
        }
        if flags & 1 != 0 {
            return Err(Trouble::Wrong(format!("is a zip archive whose member {name:?} is encrypted")));
        }
        if ![STORED, DEFLATED].contains(&method) || method == STORED && packed != len {
            return Err(Trouble::Wrong(format!(
                "is a zip archive whose member {name:?} is packed by method {method}, where stored (0) and deflated (8) \
                 are read"
            )));
        }
        members.push(Member {
            name: name.to_owned(),
            len: len.into(),
            method,
            crc: entry.u32(16),
            header: header.into(),
            data: 0,
            packed: packed.into(),
        });
        directory = rest;
    }
    if !directory.is_empty() {
        return Err(wrong("with bytes in its directory that belong to no member"));
    }
    Ok(members)
}

/// Little-endian numbers at fixed places of a record that is known to be long enough.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.0[at], self.0[at + 1]])
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from(self.u16(at)) | u32::from(self.u16(at + 2)) << 16
    }
}

/// Why an archive cannot be read.
enum Trouble {
    Io(io::Error),
    /// There are numbers beyond 32 bits.
    Large,
    Wrong(String),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Trouble::Io(error)
    }
}

impl Trouble {
    fn sentence(&self, path: &Path) -> Error {
        match self {
            Trouble::Io(error) => map::cannot_read(path, error),
            Trouble::Large => Error::failed(format!(
                "{} is a zip archive with 64-bit sizes, which are not read; save the weights as safetensors",
                path.display()
            )),
            Trouble::Wrong(what) => {
                Error::failed(format!("{} {what}; save or copy it again", path.display()))
            }
        }
    }
}

enum Source<'a> {
    Stored(BufReader<Take<&'a File>>),
    Deflated(DeflateDecoder<BufReader<Take<&'a File>>>),
}

/// A member's bytes, read from the first to the last.
pub struct Unpacked<'a> {
    path: &'a Path,
    member: &'a Member,
    source: Source<'a>,
    crc: Crc,
    /// Bytes that are still to come.
    left: u64,
}

impl Unpacked<'_> {
    /// The next bytes, as many as `piece` holds; fewer at the member's end only, where all of it is then known to be right.
    ///
    /// # Errors
    /// Where the file cannot be read, or the data is damaged.
    pub fn fill(&mut self, piece: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < piece.len() && self.left > 0 {
            let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(piece.len() - filled);
            match self.read(&mut piece[filled..filled + most])? {
                0 => return Err(self.damaged("ends too early")),
                read => filled += read,
            }
        }
        if self.left == 0 {
            self.check_end()?;
        }
        Ok(filled)
    }

    fn read(&mut self, piece: &mut [u8]) -> Result<usize> {
        let read = match &mut self.source {
            Source::Stored(source) => source.read(piece),
            Source::Deflated(source) => source.read(piece),
        };
        match read {
            Ok(read) => {
                self.crc.update(&piece[..read]);
                self.left -= read as u64;
                Ok(read)
            }
            Err(error) => Err(match error.kind() {
                io::ErrorKind::UnexpectedEof => self.damaged("ends too early"),
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                    self.damaged("is not what was deflated")
                }
                _ => map::cannot_read(self.path, &error),
            }),
        }
    }

    fn check_end(&mut self) -> Result<()> {
        // A deflated member goes on to its end mark; a stored one has no more bytes than it unpacks to.
        if let Source::Deflated(source) = &mut self.source {
            let after = source.read(&mut [0]);
            if !matches!(after, Ok(0)) || source.total_in() != self.member.packed {
                return Err(self.damaged("does not end where it should"));
            }
        }
        match self.crc.sum() == self.member.crc {
            true => Ok(()),
            false => Err(self.damaged("has another checksum (CRC-32) than it should have")),
        }
    }

    fn damaged(&self, what: &str) -> Error {
        Error::failed(format!(
            "{} is damaged: the data of {:?} {what}; save or copy it again",
            self.path.display(),
            self.member.name
        ))
    }
}

/// Writes an archive of stored members. The same members give the same bytes: they are all dated 1 January 1980.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    /// Bytes written so far.
    at: u64,
    directory: Vec<u8>,
    count: u16,
}

impl<W: Write> Writer<W> {
    /// An archive to be written to `out`.
    pub fn new(out: W) -> Self {
        Writer { out, at: 0, directory: vec![], count: 0 }
    }

    /// Adds a member of these bytes.
    ///
    /// # Errors
    /// Where writing fails, or the archive becomes larger than 4 GB.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let too_large = || io::Error::other("it takes more than 4 GB; save it as safetensors");
        let mut crc = Crc::new();
        crc.update(bytes);
        let number = |n: u64| u32::try_from(n).ok().filter(|n| *n < IN_ZIP64).ok_or_else(too_large);
        let (len, header) = (number(bytes.len() as u64)?, number(self.at)?);
        let name_len = u16::try_from(name.len()).map_err(|_| too_large())?;
        self.count = self.count.checked_add(1).filter(|count| *count < u16::MAX).ok_or_else(too_large)?;

        // What both headers have: version 2.0, no flags, stored, midnight, the first day there is, and the sizes.
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        common.extend([crc.sum(), len, len].into_iter().flat_map(u32::to_le_bytes));
        common.extend(name_len.to_le_bytes());
        common.extend([0, 0]);

        let local = [&LOCAL[..], &common, name.as_bytes()].concat();
        self.out.write_all(&local)?;
        self.out.write_all(bytes)?;
        self.at += (local.len() + bytes.len()) as u64;

        self.directory.extend(ENTRY);
        // Made by version 2.0 of no particular system.
        self.directory.extend([20, 0]);
        self.directory.extend(common);
        // No comment, the first disk, no attributes.
        self.directory.extend([0; 10]);
        self.directory.extend(header.to_le_bytes());
        self.directory.extend(name.as_bytes());
        Ok(())
    }

    /// Writes the directory and the end record with this comment, and returns what was written to.
    ///
    /// # Errors
    /// Where writing fails, the archive becomes larger than 4 GB, or the comment is longer than [`COMMENT_MAX`].
    pub fn finish(mut self, comment: &[u8]) -> io::Result<W> {
        let beyond = |_| io::Error::other("it takes more than 4 GB; save it as safetensors");
        let start = u32::try_from(self.at).map_err(beyond)?;
        let size = u32::try_from(self.directory.len()).map_err(beyond)?;
        let comment_len = u16::try_from(comment.len())
            .map_err(|_| io::Error::other("its comment is longer than an archive's can be"))?;
        self.out.write_all(&self.directory)?;
        let mut end = END.to_vec();
        end.extend([0; 4]);
        end.extend([self.count, self.count].into_iter().flat_map(u16::to_le_bytes));
        end.extend([size, start].into_iter().flat_map(u32::to_le_bytes));
        end.extend(comment_len.to_le_bytes());
        end.extend(comment);
        self.out.write_all(&end)?;
        Ok(self.out)
    }
}
