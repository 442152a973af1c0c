//! SHA-256 as lowercase hexadecimal digits, of bytes at hand or of bytes that pass by.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The SHA-256 of `bytes`, as 64 lowercase hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    let mut hasher = Sha256Hex::new();
    hasher.update(bytes);
    hasher.finish()
}

/// SHA-256 of bytes given piece by piece.
#[derive(Clone, Debug, Default)]
pub struct Sha256Hex(Sha256);

impl Sha256Hex {
    /// The hash of no bytes yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `bytes` after those given before.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of everything given, as 64 lowercase hexadecimal digits.
    pub fn finish(self) -> String {
        let mut hex = String::with_capacity(64);
        for byte in self.0.finalize() {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        hex
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The two examples of FIPS 180-2, appendix B.
    #[test]
    fn standard_examples() {
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let mut pieces = Sha256Hex::new();
        pieces.update(b"abcdbcdecdefdefgefghfghighij");
        pieces.update(b"");
        pieces.update(b"hijkijkljklmklmnlmnomnopnopq");
        assert_eq!(pieces.finish(), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    }
}
