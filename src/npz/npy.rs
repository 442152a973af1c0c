//! The npy format: a short header that is a Python dictionary, then one array.
//!
//! ```text
//! 93 'NUMPY' | version: 2 bytes | length of the header: u16 (version 1) or u32, little endian | header | elements
//! {'descr': '<f4', 'fortran_order': False, 'shape': (784, 128), }      padded with spaces, then a line feed
//! ```
//!
//! Only little-endian f32 is read: f64 would have to be rounded, and weights are what was saved or nothing. The order of
//! the elements may be either: numpy keeps a transposed array, as PyTorch's weights are for Keras, in Fortran order.

use crate::model_file::safetensors::short;

const MAGIC: [u8; 6] = *b"\x93NUMPY";

/// Magic, version and the longest length of a header.
pub(super) const START_MAX: usize = 12;

/// numpy itself reads no longer header.
const HEADER_MAX: usize = 10_000;

/// What an npy header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The sizes, outermost first.
    pub shape: Vec<usize>,
    /// Whether the first index varies fastest, not the last.
    pub fortran_order: bool,
}

impl Header {
    /// How many bytes the elements take, if that can be counted.
    pub fn data_len(&self) -> Option<u64> {
        self.shape.iter().try_fold(4u64, |len, size| len.checked_mul(*size as u64))
    }
}

/// From the first bytes of an array's file, up to [`START_MAX`]: where the header begins and ends.
pub(super) fn header_range(start: &[u8]) -> Result<std::ops::Range<usize>, String> {
    let Some(rest) = start.strip_prefix(&MAGIC) else {
        return Err("does not begin as an npy file does".into());
    };
    let (begin, len) = match *rest {
        [1, 0, a, b, ..] => (10, u32::from(u16::from_le_bytes([a, b]))),
        [2 | 3, 0, a, b, c, d, ..] => (12, u32::from_le_bytes([a, b, c, d])),
        [major, minor, ..] if !matches!((major, minor), (1..=3, 0)) => {
            return Err(format!("is an npy file of version {major}.{minor}, where 1.0 to 3.0 are read"));
        }
        _ => return Err("ends within its npy header".into()),
    };
    match len as usize {
        len if len <= HEADER_MAX => Ok(begin..begin + len),
        len => Err(format!("has an npy header of {len} bytes, where at most {HEADER_MAX} were expected")),
    }
}

/// Parses the dictionary.
pub(super) fn parse(header: &[u8]) -> Result<Header, String> {
    let text = str::from_utf8(header).map_err(|_| "has an npy header that is not UTF-8".to_owned())?;
    let described = Dictionary { rest: text }.parse();
    let (descr, fortran_order, shape) = described
        .ok_or_else(|| format!("has the npy header {}, which is not as numpy writes it", short(&text)))?;
    match descr {
        "<f4" => Ok(Header { shape, fortran_order }),
        _ => Err(format!(
            "holds elements of type {}, where little-endian f32 (<f4) was expected; save it with .astype(\"<f4\")",
            short(&descr)
        )),
    }
}

/// A header's text that is still to be read.
struct Dictionary<'a> {
    rest: &'a str,
}

impl<'a> Dictionary<'a> {
    /// Element type, order and shape, where these and nothing else are there, in any order.
    fn parse(mut self) -> Option<(&'a str, bool, Vec<usize>)> {
        let (mut descr, mut order, mut shape) = (None, None, None);
        self.sign("{")?;
        while self.sign("}").is_none() {
            let key = self.string()?;
            self.sign(":")?;
            match key {
                "descr" if descr.is_none() => descr = Some(self.type_name()?),
                "fortran_order" if order.is_none() => order = Some(self.truth()?),
                "shape" if shape.is_none() => shape = Some(self.sizes()?),
                _ => return None,
            }
            if self.sign(",").is_none() {
                self.sign("}")?;
                break;
            }
        }
        self.rest.trim().is_empty().then_some((descr?, order?, shape?))
    }

    fn sign(&mut self, sign: &str) -> Option<()> {
        self.rest = self.rest.trim_start().strip_prefix(sign)?;
        Some(())
    }

    fn string(&mut self) -> Option<&'a str> {
        let rest = self.rest.trim_start();
        let quote = rest.chars().next().filter(|c| ['\'', '"'].contains(c))?;
        let (text, rest) = rest[1..].split_once(quote)?;
        self.rest = rest;
        (!text.contains('\\')).then_some(text)
    }

    /// The name of a type; of a record's fields the whole list, which is none that is read.
    fn type_name(&mut self) -> Option<&'a str> {
        let rest = self.rest.trim_start();
        if !rest.starts_with('[') {
            return self.string();
        }
        let mut depth = 0usize;
        let end = rest.find(|c| {
            match c {
                '[' => depth += 1,
                ']' => depth -= 1,
                _ => {}
            }
            depth == 0
        })?;
        self.rest = &rest[end + 1..];
        Some(&rest[..=end])
    }

    fn truth(&mut self) -> Option<bool> {
        match self.sign("True") {
            Some(()) => Some(true),
            None => self.sign("False").map(|()| false),
        }
    }

    /// `(784, 128)`, `(10,)` or `()`.
    fn sizes(&mut self) -> Option<Vec<usize>> {
        let mut sizes = vec![];
        self.sign("(")?;
        while self.sign(")").is_none() {
            let rest = self.rest.trim_start();
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            sizes.push(rest[..end].parse().ok()?);
            // Python 2 wrote long numbers so.
            self.rest = rest[end..].strip_prefix('L').unwrap_or(&rest[end..]);
            if self.sign(",").is_none() {
                self.sign(")")?;
                break;
            }
        }
        Some(sizes)
    }
}

/// The header of an array of little-endian f32 of this shape in C order, whole: what numpy writes.
pub(super) fn header(shape: &[usize]) -> Vec<u8> {
    let sizes = match shape {
        [size] => format!("{size},"),
        _ => shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", "),
    };
    let mut text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({sizes}), }}");
    let before = MAGIC.len() + 4;
    // The elements begin at a multiple of 64 bytes.
    let padding = (before + text.len() + 1).next_multiple_of(64) - (before + text.len() + 1);
    text += &" ".repeat(padding);
    text.push('\n');
    let len = u16::try_from(text.len()).expect("a shape of few sizes");
    [&MAGIC[..], &[1, 0], &len.to_le_bytes(), text.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Header, String> {
        parse(text.as_bytes())
    }

    #[test]
    fn headers_as_numpy_and_others_write_them() {
        let matrix = Header { shape: vec![784, 128], fortran_order: false };
        for text in [
            "{'descr': '<f4', 'fortran_order': False, 'shape': (784, 128), }  \n",
            "{\"shape\":(784,128),\"fortran_order\":False,\"descr\":\"<f4\"}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (784L, 128L)}",
        ] {
            assert_eq!(parsed(text), Ok(matrix.clone()), "{text}");
        }
        for (text, shape) in [("(10,)", vec![10]), ("()", vec![]), ("( 2 , 3 , )", vec![2, 3])] {
            let text = format!("{{'descr': '<f4', 'fortran_order': True, 'shape': {text}}}");
            assert_eq!(parsed(&text), Ok(Header { shape, fortran_order: true }), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for shape in [&[784, 128][..], &[10], &[], &[1, 2, 3]] {
            let bytes = header(shape);
            assert_eq!(bytes.len() % 64, 0);
            let range = header_range(&bytes[..START_MAX]).unwrap();
            assert_eq!(range.end, bytes.len());
            assert_eq!(parse(&bytes[range]), Ok(Header { shape: shape.to_vec(), fortran_order: false }));
        }
    }

    #[test]
    fn other_headers_are_refused() {
        for text in [
            "",
            "{",
            "{}",
            "{'descr': '<f4', 'fortran_order': False}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1)} x",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1), 'more': 1}",
            "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
            "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
            "{'descr': '<f4', 'fortran_order': False, 'shape': [1]}",
            "{'descr': '<\\x664', 'fortran_order': False, 'shape': (1,)}",
            "{'descr': [('a', '<f4', 'fortran_order': False, 'shape': (1,)}",
        ] {
            assert!(parsed(text).is_err_and(|error| error.contains("not as numpy writes it")), "{text}");
        }
        for descr in ["'>f4'", "'<f8'", "'|O'", "'<i4'", "[('a', '<f4'), ('b', '<f4', [1])]"] {
            let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (1,)}}");
            assert!(parsed(&text).is_err_and(|error| error.contains("<f4")), "{text}");
        }
    }

    #[test]
    fn starts_that_are_no_npy_file() {
        let start = |bytes: &[u8]| header_range(&[&MAGIC[..], bytes].concat());
        assert_eq!(start(&[1, 0, 118, 0, b'{', b'\'']), Ok(10..128));
        assert_eq!(start(&[2, 0, 16, 39, 0, 0]), Ok(12..10_012));
        for (bytes, part) in [
            (&[1][..], "ends within"),
            (&[1, 0, 5], "ends within"),
            (&[3, 0, 5, 0, 0], "ends within"),
            (&[4, 0, 5, 0, 0, 0], "version 4.0"),
            (&[1, 1, 5, 0, 0, 0], "version 1.1"),
            (&[2, 0, 17, 39, 0, 0], "10001 bytes"),
        ] {
            assert!(start(bytes).is_err_and(|error| error.contains(part)), "{bytes:?}");
        }
        assert!(header_range(b"\x80\x04numpy").is_err());
    }
}
