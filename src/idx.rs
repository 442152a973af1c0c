//! The IDX format: a short header, then one array.
//!
//! ```text
//! byte 0..2   zero
//! byte 2      element type: 08 u8, 09 i8, 0B i16, 0C i32, 0D f32, 0E f64
//! byte 3      number of dimensions, 1 to 255
//! then        one u32, big-endian, per dimension
//! then        the elements, row-major, big-endian
//! ```
//!
//! Nothing here reads a file: a header is parsed from bytes at hand and compared with the length of the whole, so that
//! a lying header is refused before anything is allocated or mapped.

use std::cmp::Ordering;

use crate::error::Error;
use crate::units::bytes;

/// The longest header there is: 4 bytes and 255 dimensions.
pub const HEADER_MAX: usize = 4 + 4 * 255;

/// The type of an array's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// Code `08`.
    U8,
    /// Code `09`.
    I8,
    /// Code `0B`.
    I16,
    /// Code `0C`.
    I32,
    /// Code `0D`.
    F32,
    /// Code `0E`.
    F64,
}

impl Element {
    /// The type a header's code stands for.
    pub fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0x08 => Element::U8,
            0x09 => Element::I8,
            0x0B => Element::I16,
            0x0C => Element::I32,
            0x0D => Element::F32,
            0x0E => Element::F64,
            _ => return None,
        })
    }

    /// Bytes per element.
    pub fn size(self) -> u64 {
        match self {
            Element::U8 | Element::I8 => 1,
            Element::I16 => 2,
            Element::I32 | Element::F32 => 4,
            Element::F64 => 8,
        }
    }

    /// The type's name as Rust writes it.
    pub fn name(self) -> &'static str {
        match self {
            Element::U8 => "u8",
            Element::I8 => "i8",
            Element::I16 => "i16",
            Element::I32 => "i32",
            Element::F32 => "f32",
            Element::F64 => "f64",
        }
    }
}

/// What an IDX file says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The type of the elements.
    pub element: Element,
    /// The sizes, outermost first; at least one.
    pub dims: Vec<u32>,
    /// The whole file's length, header included; known to fit, so that no later sum can overflow.
    file_len: u64,
}

impl Header {
    /// Parses the header at the start of `bytes`: a whole file, or at least its first [`HEADER_MAX`] bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, Defect> {
        let (code, rank) = match *bytes {
            [] => return Err(Defect::Empty),
            [0x1F, 0x8B, ..] => return Err(Defect::Gzip),
            [b'<', ..] => return Err(Defect::Html),
            [0, 0, code, rank, ..] => (code, rank),
            [a, b, c, d, ..] => return Err(Defect::Magic([a, b, c, d])),
            _ => return Err(Defect::HeaderCutShort { expected: 4, found: bytes.len() }),
        };
        let element = Element::from_code(code).ok_or(Defect::UnknownType(code))?;
        if rank == 0 {
            return Err(Defect::NoDimensions);
        }
        let header_len = 4 + 4 * usize::from(rank);
        let sizes = bytes
            .get(4..header_len)
            .ok_or(Defect::HeaderCutShort { expected: header_len, found: bytes.len() })?;
        let (sizes, _) = sizes.as_chunks::<4>();
        let dims: Vec<u32> = sizes.iter().map(|&size| u32::from_be_bytes(size)).collect();

        // A zero anywhere makes the array empty, however large the other sizes are.
        let data_len = if dims.contains(&0) {
            Some(0)
        } else {
            dims.iter().try_fold(element.size(), |product, &dim| product.checked_mul(dim.into()))
        };
        match data_len.and_then(|data_len| data_len.checked_add(header_len as u64)) {
            Some(file_len) => Ok(Header { element, dims, file_len }),
            None => Err(Defect::Overflow(dims)),
        }
    }

    /// Where the elements begin.
    pub fn data_offset(&self) -> usize {
        4 + 4 * self.dims.len()
    }

    /// How long the whole file has to be, in bytes.
    pub fn file_len(&self) -> u64 {
        self.file_len
    }

    /// Compares the length the header promises with the one the file has.
    pub fn check_len(&self, found: u64) -> Result<(), Defect> {
        let expected = self.file_len;
        match found.cmp(&expected) {
            Ordering::Less => Err(Defect::Truncated { expected, found }),
            Ordering::Equal => Ok(()),
            Ordering::Greater => Err(Defect::Trailing { expected, found }),
        }
    }

    /// The shape for a person: `60000 x 28 x 28 u8`.
    pub fn shape(&self) -> String {
        format!("{} {}", product_sign(&self.dims), self.element.name())
    }
}

/// What can be wrong with an IDX file's header or length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Defect {
    /// There are no bytes.
    Empty,
    /// The bytes are still gzipped.
    Gzip,
    /// The bytes are a web page, as servers send in place of a file they do not have.
    Html,
    /// The file ends inside the header.
    HeaderCutShort {
        /// Bytes the header takes.
        expected: usize,
        /// Bytes there are.
        found: usize,
    },
    /// The first four bytes are not those of an IDX file.
    Magic([u8; 4]),
    /// The element type is none of the six.
    UnknownType(u8),
    /// The array has no dimension.
    NoDimensions,
    /// The sizes multiply to more bytes than 64 bits count.
    Overflow(Vec<u32>),
    /// The file is shorter than the header promises.
    Truncated {
        /// Bytes the header promises.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// The file is longer than the header promises.
    Trailing {
        /// Bytes the header promises.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
}

impl Defect {
    /// The sentence for the file called `name`.
    pub fn in_file(&self, name: &str) -> Error {
        Error::failed(match self {
            Defect::Empty => {
                format!("{name} is empty, where an IDX file was expected; get it again")
            }
            Defect::Gzip => {
                format!(
                    "{name} is gzip data under a raw name; rename it to {name}.gz or unpack it with gunzip"
                )
            }
            Defect::Html => format!(
                "{name} begins with '<': it is a web page that a server sent in place of the file; get the file from \
                 another address"
            ),
            Defect::HeaderCutShort { expected, found } => format!(
                "{name} has {}, fewer than its IDX header of {expected} bytes; its download was cut short, get it again",
                bytes(*found as u64)
            ),
            Defect::Magic([a, b, c, d]) => format!(
                "{name} is not an IDX file: it begins with {a:02X} {b:02X} {c:02X} {d:02X}, an IDX file with 00 00; \
                 check which file it is"
            ),
            Defect::UnknownType(code) => format!(
                "{name} is not an IDX file this program knows: its element type is {code:02X}, known are 08, 09, 0B, \
                 0C, 0D and 0E; check which file it is"
            ),
            Defect::NoDimensions => format!(
                "{name} has an IDX header with 0 dimensions, expected 1 to 255; check which file it is"
            ),
            Defect::Overflow(dims) => format!(
                "{name} has an IDX header that promises {} elements, more bytes than 64 bits can count; the header is \
                 damaged, get the file again",
                product_sign(dims)
            ),
            Defect::Truncated { expected, found } => format!(
                "{name} has {} where its header promises {expected}; its download was cut short, get it again",
                bytes(*found)
            ),
            Defect::Trailing { expected, found } => format!(
                "{name} has {} where its header promises {expected}, {} too many; get the file again",
                bytes(*found),
                found - expected
            ),
        })
    }
}

/// `60000 x 28 x 28`, cut after eight sizes: a damaged header can hold 255 of them.
fn product_sign(dims: &[u32]) -> String {
    let shown = dims.iter().take(8).map(u32::to_string).collect::<Vec<_>>().join(" x ");
    if dims.len() > 8 { format!("{shown} x ... ({} dimensions)", dims.len()) } else { shown }
}
