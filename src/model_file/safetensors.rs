//! The safetensors container: a header that says where each tensor lies, then the tensors' bytes.
//!
//! ```text
//! n: u64, little endian | n bytes of JSON, padded with spaces so that the data is aligned | data
//! {"__metadata__":{"key":"text"},"name":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},...}
//! ```
//!
//! Reading is strict: nothing is allocated before the header and the file's length agree, and the tensors must cover
//! the data exactly. Written on serde_json, because the `safetensors` crate would bring 11 more crates.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::dataset::map;
use crate::error::{Error, Result};
use crate::units::bytes;

/// Networks of a thousand layers need less; what is longer was not meant as a header.
pub const HEADER_MAX: u64 = 1 << 20;

/// Objects and values of a header: those of four thousand layers. A parsed object takes a hundred times its text.
const OBJECTS_MAX: usize = 8192;
const VALUES_MAX: usize = 65_536;

const METADATA: &str = "__metadata__";

/// What the header says about one tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// The type of its elements, as the format names it: `F32`, `F64`, ...
    pub dtype: String,
    /// Its size in each dimension; the last varies fastest.
    pub shape: Vec<usize>,
    begin: u64,
    end: u64,
}

impl Tensor {
    /// Where in the file's data it begins.
    pub fn begin(&self) -> u64 {
        self.begin
    }
}

/// A safetensors file whose header has been found to fit its length.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    file: File,
    data_start: u64,
    metadata: BTreeMap<String, String>,
    tensors: BTreeMap<String, Tensor>,
}

impl Reader {
    /// Opens the file and checks its header.
    ///
    /// # Errors
    /// Where the file cannot be read, or breaks the format in any way.
    pub fn open(path: &Path) -> Result<Self> {
        let (mut file, metadata) = map::open_regular(path)?;
        let wrong = |what: String| Error::failed(format!("{} {what}; save or copy it again", path.display()));
        let failed = |error: io::Error| map::cannot_read(path, &error);

        let len = metadata.len();
        let mut first = [0; 8];
        let Some(rest) = len.checked_sub(first.len() as u64) else {
            return Err(wrong(match len {
                0 => "is empty, where a safetensors file was expected".into(),
                _ => format!(
                    "has {}, where a safetensors file begins with 8 that count its header",
                    bytes(len)
                ),
            }));
        };
        file.read_exact(&mut first).map_err(failed)?;
        let header_len = u64::from_le_bytes(first);
        let most = HEADER_MAX.min(rest);
        if header_len > most {
            return Err(wrong(format!(
                "is not a whole safetensors file: its first 8 bytes promise a header of {}, where at most {most} were \
                 expected",
                bytes(header_len)
            )));
        }
        let mut header = vec![0; header_len as usize];
        file.read_exact(&mut header).map_err(failed)?;
        let (metadata, tensors) = parse(&header, rest - header_len).map_err(wrong)?;
        Ok(Reader { path: path.to_owned(), file, data_start: len - rest + header_len, metadata, tensors })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The strings the file carries beside its tensors.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The tensors by name.
    pub fn tensors(&self) -> &BTreeMap<String, Tensor> {
        &self.tensors
    }

    /// The bytes of one of this file's tensors: little endian, row-major.
    ///
    /// # Errors
    /// Where reading fails, or the file has become shorter since it was opened.
    pub fn read(&self, tensor: &Tensor) -> Result<Vec<u8>> {
        self.try_read(tensor).map_err(|error| map::cannot_read(&self.path, &error))
    }

    /// Hands the bytes of a tensor to `take` in pieces of whole 64 KiB, the last one perhaps shorter.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn pieces(&self, tensor: &Tensor, mut take: impl FnMut(&[u8])) -> Result<()> {
        let failed = |error| map::cannot_read(&self.path, &error);
        let mut file = &self.file;
        file.seek(SeekFrom::Start(self.data_start + tensor.begin)).map_err(failed)?;
        let mut piece = vec![0; 64 * 1024];
        let mut left = tensor.end - tensor.begin;
        while left > 0 {
            let len = left.min(piece.len() as u64) as usize;
            file.read_exact(&mut piece[..len]).map_err(failed)?;
            take(&piece[..len]);
            left -= len as u64;
        }
        Ok(())
    }

    fn try_read(&self, tensor: &Tensor) -> io::Result<Vec<u8>> {
        let len = usize::try_from(tensor.end - tensor.begin).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len).map_err(|_| io::ErrorKind::OutOfMemory)?;
        bytes.resize(len, 0);
        let mut file = &self.file;
        file.seek(SeekFrom::Start(self.data_start + tensor.begin))?;
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

/// A value, or what is wrong with the file.
pub(super) type Checked<T> = std::result::Result<T, String>;

type Header = (BTreeMap<String, String>, BTreeMap<String, Tensor>);

/// The metadata and tensors of `header`, which `data_len` bytes of data follow; or what is wrong with it.
fn parse(header: &[u8], data_len: u64) -> Checked<Header> {
    let text = str::from_utf8(header).map_err(|error| {
        format!("has a header that is not UTF-8 from its byte {} on", error.valid_up_to())
    })?;
    if !text.starts_with('{') {
        return Err("has a header that does not begin with {, where a JSON object was expected".into());
    }
    let signs = Signs::of(text);
    if !signs.are_few() {
        return Err(format!(
            "has a header of {} objects and {} values, where at most {OBJECTS_MAX} and {VALUES_MAX} were expected",
            signs.braces,
            signs.commas + 1
        ));
    }
    let mut header: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| format!("has a header that is not JSON ({error})"))?;
    // serde_json keeps the last of equal keys.
    if signs.colons != header.values().map(|value| 1 + keys(value)).sum::<usize>() {
        return Err("has a header that gives a key twice".into());
    }

    let metadata = match header.remove(METADATA) {
        None => BTreeMap::new(),
        Some(Value::Object(pairs)) => pairs
            .into_iter()
            .map(|(key, value)| match value {
                Value::String(text) => Ok((key, text)),
                _ => Err(format!("has metadata {} that is not a string", short(&key))),
            })
            .collect::<Checked<_>>()?,
        Some(_) => return Err(format!("has a {METADATA} that is not a JSON object")),
    };
    let tensors = header
        .into_iter()
        .map(|(name, entry)| match tensor(&entry) {
            Some(tensor) => Ok((name, tensor)),
            None => Err(format!(
                "describes the tensor {} otherwise than by its dtype, shape and two data_offsets",
                short(&name)
            )),
        })
        .collect::<Checked<_>>()?;
    check_offsets(&tensors, data_len)?;
    Ok((metadata, tensors))
}

/// How often the signs that give JSON its form stand in a text, outside strings.
pub(super) struct Signs {
    /// As many as objects.
    braces: usize,
    /// At most one less than values, within each array or object.
    commas: usize,
    /// As many as keys: a colon follows each and stands nowhere else.
    colons: usize,
}

impl Signs {
    pub(super) fn of(text: &str) -> Self {
        let mut signs = Signs { braces: 0, commas: 0, colons: 0 };
        let (mut in_string, mut escaped) = (false, false);
        for byte in text.bytes() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = !in_string,
                _ if in_string => {}
                b'{' => signs.braces += 1,
                b',' => signs.commas += 1,
                b':' => signs.colons += 1,
                _ => {}
            }
        }
        signs
    }

    /// Whether the text can be parsed without filling memory.
    pub(super) fn are_few(&self) -> bool {
        self.braces <= OBJECTS_MAX && self.commas < VALUES_MAX
    }
}

/// How many keys `value` has, in all depths.
fn keys(value: &Value) -> usize {
    match value {
        Value::Object(pairs) => pairs.values().map(|value| 1 + keys(value)).sum(),
        Value::Array(values) => values.iter().map(keys).sum(),
        _ => 0,
    }
}

fn tensor(entry: &Value) -> Option<Tensor> {
    let entry = entry.as_object().filter(|entry| entry.len() == 3)?;
    let numbers = |key| entry.get(key)?.as_array()?.iter().map(Value::as_u64).collect::<Option<Vec<u64>>>();
    let [begin, end] = numbers("data_offsets")?[..] else { return None };
    let shape = numbers("shape")?.into_iter().map(|n| usize::try_from(n).ok()).collect::<Option<_>>()?;
    Some(Tensor { dtype: entry.get("dtype")?.as_str()?.to_owned(), shape, begin, end })
}

/// Bytes per element.
fn element_size(dtype: &str) -> Option<u64> {
    match dtype {
        "F64" | "I64" | "U64" => Some(8),
        "F32" | "I32" | "U32" => Some(4),
        "F16" | "BF16" | "I16" | "U16" => Some(2),
        "I8" | "U8" | "BOOL" => Some(1),
        _ => None,
    }
}

/// The tensors must have the bytes their shapes need, and cover the data without overlaps or holes.
fn check_offsets(tensors: &BTreeMap<String, Tensor>, data_len: u64) -> Checked<()> {
    for (name, tensor) in tensors {
        let Tensor { dtype, shape, begin, end } = tensor;
        let name = short(name);
        let Some(size) = element_size(dtype) else {
            return Err(format!("has the tensor {name} of the unknown type {}", short(dtype)));
        };
        let bytes = shape.iter().try_fold(size, |bytes, &n| bytes.checked_mul(n as u64));
        if bytes.is_none() || bytes != end.checked_sub(*begin) {
            return Err(format!(
                "gives the tensor {name} the bytes {begin}..{end}, which {dtype} {} does not fill exactly",
                short(shape)
            ));
        }
        if *end > data_len {
            return Err(format!(
                "is cut short: its tensor {name} ends at byte {end} of the data, of which there are {data_len}"
            ));
        }
    }
    let mut in_order: Vec<_> = tensors.iter().collect();
    in_order.sort_by_key(|(_, tensor)| (tensor.begin, tensor.end));
    let mut covered = 0;
    for (name, Tensor { begin, end, .. }) in in_order {
        if *begin < covered {
            return Err(format!("has the tensor {} overlap another", short(name)));
        }
        if *begin > covered {
            return Err(format!("has bytes {covered}..{begin} of its data in no tensor"));
        }
        covered = *end;
    }
    if covered < data_len {
        return Err(format!("has {} after its last tensor", bytes(data_len - covered)));
    }
    Ok(())
}

/// What stands in a file, for an error message: texts quoted and escaped, and not too long.
pub(crate) fn short(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// Everything before the data of `tensors` (name, dtype and shape), which must follow in this order. The same
/// arguments give the same bytes.
///
/// # Panics
/// Where a dtype is none of the format's.
pub fn header(metadata: &BTreeMap<&str, String>, tensors: &[(String, &str, Vec<usize>)]) -> Vec<u8> {
    let json = |value: &str| Value::from(value).to_string();
    let pairs: Vec<_> = metadata.iter().map(|(key, text)| format!("{}:{}", json(key), json(text))).collect();
    let mut text = format!("{{\"{METADATA}\":{{{}}}", pairs.join(","));
    let mut begin = 0;
    for (name, dtype, shape) in tensors {
        let elements = shape.iter().product::<usize>() as u64;
        let end = begin + elements * element_size(dtype).expect("a dtype of the format");
        let shape: Vec<_> = shape.iter().map(usize::to_string).collect();
        text += &format!(
            ",{}:{{\"dtype\":\"{dtype}\",\"shape\":[{}],\"data_offsets\":[{begin},{end}]}}",
            json(name),
            shape.join(",")
        );
        begin = end;
    }
    text.push('}');
    text += &" ".repeat(text.len().next_multiple_of(8) - text.len());
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}
