//! npz files: arrays by name, as `numpy.savez` and `numpy.savez_compressed` write them.
//!
//! A zip archive with an npy file for each array. Reading is strict, and nothing is allocated by what the file says of
//! itself: arrays are handed out in pieces. Written here because the crates for it would bring a dozen more.

pub mod npy;
pub mod zip;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use crate::error::{Error, Result};
use crate::model_file::safetensors::short;
use crate::units::bytes;
use npy::{Header, START_MAX};
use zip::{Archive, Member};

const SUFFIX: &str = ".npy";

/// What a file says of one of its arrays.
#[derive(Debug)]
pub struct Array {
    /// Its shape and the order of its elements.
    pub header: Header,
    member: Member,
    /// Where in the member its elements begin.
    offset: usize,
}

/// An npz file whose arrays are all little-endian f32, of the lengths that their shapes need.
#[derive(Debug)]
pub struct Reader {
    archive: Archive,
    arrays: BTreeMap<String, Array>,
}

impl Reader {
    /// Opens the file and checks its directory and every array's header.
    ///
    /// # Errors
    /// Where the file cannot be read, breaks the format in any way, or holds anything else.
    pub fn open(path: &Path) -> Result<Self> {
        let archive = Archive::open(path)?;
        let mut arrays = BTreeMap::new();
        for member in archive.members() {
            let Some(name) = member.name.strip_suffix(SUFFIX) else { return Err(other(&archive, member)) };
            if arrays.insert(name.to_owned(), array(&archive, member)?).is_some() {
                let name = short(&name);
                return Err(Error::failed(format!(
                    "{} holds the array {name} twice; save or copy it again",
                    path.display()
                )));
            }
        }
        Ok(Reader { archive, arrays })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        self.archive.path()
    }

    /// The arrays by name.
    pub fn arrays(&self) -> &BTreeMap<String, Array> {
        &self.arrays
    }

    /// The comment on the whole file: nothing, as numpy writes it.
    pub fn comment(&self) -> &[u8] {
        self.archive.comment()
    }

    /// Hands the elements of one of this file's arrays to `take`, in the order in which they are stored.
    ///
    /// # Errors
    /// Where reading fails or the data is damaged: then some elements may already have been handed out.
    pub fn elements(&self, array: &Array, mut take: impl FnMut(f32)) -> Result<()> {
        let mut unpacked = self.archive.unpack(&array.member)?;
        let mut piece = vec![0; 64 * 1024];
        unpacked.fill(&mut piece[..array.offset])?;
        loop {
            // A whole number of elements, as all of the array is.
            let filled = unpacked.fill(&mut piece)?;
            piece[..filled].as_chunks().0.iter().for_each(|bytes| take(f32::from_le_bytes(*bytes)));
            if filled < piece.len() {
                return Ok(());
            }
        }
    }
}

fn array(archive: &Archive, member: &Member) -> Result<Array> {
    let wrong = |what: String| {
        let fix = if what.contains("; ") { "" } else { "; save or copy it again" };
        Error::failed(format!("{}: {} {what}{fix}", archive.path().display(), short(&member.name)))
    };
    let mut unpacked = archive.unpack(member)?;
    let mut start = [0; START_MAX];
    let filled = unpacked.fill(&mut start)?;
    let range = npy::header_range(&start[..filled]).map_err(wrong)?;
    let mut text = vec![0; range.len()];
    // The shorter start may have some of the header in it.
    let early = (filled - range.start.min(filled)).min(range.len());
    text[..early].copy_from_slice(&start[range.start..range.start + early]);
    let late = unpacked.fill(&mut text[early..])?;
    if early + late < range.len() {
        return Err(wrong("ends within its npy header".into()));
    }
    let header = npy::parse(&text).map_err(wrong)?;
    let len = header.data_len().and_then(|len| len.checked_add(range.end as u64));
    if len != Some(member.len) {
        return Err(wrong(format!(
            "has {}, which an array of shape {} does not fill exactly",
            bytes(member.len),
            short(&header.shape)
        )));
    }
    Ok(Array { header, member: member.clone(), offset: range.end })
}

/// The error for a member that is no array: archives of other programs are told apart.
fn other(archive: &Archive, member: &Member) -> Error {
    let any = |end: &str| archive.members().iter().any(|member| member.name.ends_with(end));
    let path = archive.path().display();
    Error::failed(if any("data.pkl") {
        format!(
            "{path} is a zip archive of torch.save, whose pickled objects are never loaded; save the weights with \
             safetensors.torch.save_file(model.state_dict(), \"model.safetensors\")"
        )
    } else if any("model.weights.h5") {
        format!(
            "{path} is a whole Keras model, of which this program reads the weights alone; save them with \
             np.savez(\"weights.npz\", *model.get_weights())"
        )
    } else {
        format!(
            "{path} is a zip archive with {} in it, where arrays alone (.npy) were expected; save the weights with \
             np.savez(\"weights.npz\", *model.get_weights())",
            short(&member.name)
        )
    })
}

/// Writes an npz file of f32 arrays, as `numpy.savez` does: not compressed, which would gain 7 % of weights.
#[derive(Debug)]
pub struct Writer<W> {
    zip: zip::Writer<W>,
}

impl<W: Write> Writer<W> {
    /// A file to be written to `out`.
    pub fn new(out: W) -> Self {
        Writer { zip: zip::Writer::new(out) }
    }

    /// Adds the array `name` of this shape, in C order.
    ///
    /// # Errors
    /// Where writing fails, or the file becomes larger than 4 GB.
    pub fn add(
        &mut self,
        name: &str,
        shape: &[usize],
        elements: impl Iterator<Item = f32>,
    ) -> io::Result<()> {
        let mut bytes = npy::header(shape);
        bytes.extend(elements.flat_map(f32::to_le_bytes));
        self.zip.add(&format!("{name}{SUFFIX}"), &bytes)
    }

    /// Ends the file with this comment, which numpy does not look at.
    ///
    /// # Errors
    /// Where writing fails, or the comment is longer than 65,535 bytes.
    pub fn finish(self, comment: &[u8]) -> io::Result<W> {
        self.zip.finish(comment)
    }
}
