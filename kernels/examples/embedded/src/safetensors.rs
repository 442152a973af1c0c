//! Reads tensors of a model file at compile time: a file of another layout does not compile.
//!
//! ```text
//! n: u64, little endian | n bytes of JSON | data
//! {...,"0.weight":{"dtype":"F32","shape":[16,784],"data_offsets":[0,50176]},...}
//! ```
//!
//! Not a reader of JSON: it looks for a tensor's entry exactly as `mnist-fast` writes it, without spaces, dtype and
//! shape first. Inside of a JSON string, quotes follow a backslash, so that no metadata can look like an entry.

/// The `N` floats of the tensor whose entry in the header begins with `entry`: its name, dtype and shape.
pub(crate) const fn floats<const N: usize>(file: &[u8], entry: &str) -> [f32; N] {
    let data = match file.first_chunk() {
        Some(length) => 8 + u64::from_le_bytes(*length) as usize,
        None => panic!("the model file is shorter than 8 bytes"),
    };
    let (header, data) = file.split_at(data);
    let at = skip(header, find(header, entry.as_bytes()), b",\"data_offsets\":[");
    let (begin, at) = number(header, at);
    let (end, _) = number(header, skip(header, at, b","));
    assert!(end - begin == 4 * N, "a tensor's entry does not fit its shape");
    let (_, mut bytes) = data.split_at(begin);
    let mut floats = [0.0; N];
    let mut i = 0;
    while i < N {
        (floats[i], bytes) = match bytes.split_first_chunk() {
            Some((float, rest)) => (f32::from_le_bytes(*float), rest),
            None => panic!("the model file is cut short"),
        };
        assert!(floats[i].is_finite(), "a weight is not finite");
        i += 1;
    }
    floats
}

/// Where the first `needle` in `text` ends.
const fn find(text: &[u8], needle: &[u8]) -> usize {
    let mut at = 0;
    while at < text.len() {
        if starts_with(text, at, needle) {
            return at + needle.len();
        }
        at += 1;
    }
    panic!("the model file has no tensor of this name, dtype and shape")
}

/// Where `expected`, which must stand at `at`, ends.
const fn skip(text: &[u8], at: usize, expected: &[u8]) -> usize {
    assert!(starts_with(text, at, expected), "a tensor's entry has another form than mnist-fast gives it");
    at + expected.len()
}

const fn starts_with(text: &[u8], at: usize, needle: &[u8]) -> bool {
    let mut i = 0;
    while i < needle.len() {
        if at + i >= text.len() || text[at + i] != needle[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// The decimal number at `at`, and where it ends.
const fn number(text: &[u8], mut at: usize) -> (usize, usize) {
    let (start, mut value) = (at, 0);
    while text[at].is_ascii_digit() {
        value = value * 10 + (text[at] - b'0') as usize;
        at += 1;
    }
    assert!(at > start, "an offset of a tensor is no number");
    (value, at)
}
