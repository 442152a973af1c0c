//! PNM, the plainest picture format: a header in ASCII, then samples as text (P1 to P3) or as bytes (P4 to P6).

use super::{Decoded, Picture, luma, pixels, zeros};
use crate::units;

/// The six kinds: what a sample is and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// Samples of a pixel: 1, or 3 for colour.
    samples: usize,
    /// One bit a pixel, 1 for black.
    bits: bool,
    /// In words rather than bytes.
    text: bool,
}

/// The kind of PNM file that begins with `bytes`, if it is one.
pub(super) fn kind(bytes: &[u8]) -> Option<Kind> {
    let (&[b'P', digit @ b'1'..=b'6', after], _) = bytes.split_first_chunk()? else { return None };
    let digit = digit - b'0';
    (after.is_ascii_whitespace() || after == b'#').then_some(Kind {
        samples: if digit.is_multiple_of(3) { 3 } else { 1 },
        bits: digit % 3 == 1,
        text: digit <= 3,
    })
}

/// The picture in `bytes`; of several in a row, the first.
pub(super) fn decode(bytes: &[u8], kind: Kind) -> Decoded<Picture> {
    let mut words = Words { rest: &bytes[2..] };
    let (width, height) = (words.number("its width")?, words.number("its height")?);
    let max = if kind.bits { 1 } else { words.number("its largest value")? };
    if !(1..=65535).contains(&max) {
        return Err(format!("has the largest value {max}, where 1 to 65535 was expected; save it again"));
    }
    let count = pixels(width, height)?;
    let width = width as usize;
    let cut_short = |found: usize, expected: usize, what: &str| {
        let found = units::bytes(found as u64);
        format!("has {found} of {what} where its header promises {expected}; it was cut short, save it again")
    };

    let grey = if kind.text {
        // Each sample takes a byte at least, so that a short file is refused before its pixels are allocated.
        if words.rest.len() < count * kind.samples {
            return Err(cut_short(words.rest.len(), count * kind.samples, "samples"));
        }
        let mut samples = zeros(count * kind.samples)?;
        for (i, sample) in samples.iter_mut().enumerate() {
            let value = if kind.bits { words.bit() } else { words.number("a sample") }
                .map_err(|error| format!("{error} (sample {i})"))?;
            *sample = scaled(value, max, kind.bits)?;
        }
        samples
    } else {
        // One white-space byte ends the header.
        let data = words.rest.get(1..).unwrap_or(&[]);
        let per_row = match (kind.bits, max > 255) {
            (true, _) => width.div_ceil(8),
            (false, wide) => width * kind.samples * if wide { 2 } else { 1 },
        };
        let expected = per_row * (count / width);
        let data = data.get(..expected).ok_or_else(|| cut_short(data.len(), expected, "pixels"))?;
        if kind.bits {
            let white = |row: &[u8], x: usize| row[x / 8] & (0x80 >> (x % 8)) == 0;
            data.chunks_exact(per_row)
                .flat_map(|row| (0..width).map(move |x| if white(row, x) { 255 } else { 0 }))
                .collect()
        } else if max > 255 {
            let values = data.as_chunks().0.iter().map(|&pair| u64::from(u16::from_be_bytes(pair)));
            values.map(|value| scaled(value, max, false)).collect::<Decoded<Vec<u8>>>()?
        } else {
            data.iter().map(|&byte| scaled(byte.into(), max, false)).collect::<Decoded<Vec<u8>>>()?
        }
    };
    let grey = match kind.samples {
        3 => grey.as_chunks().0.iter().map(|&[r, g, b]| luma(r, g, b)).collect(),
        _ => grey,
    };
    Ok(Picture::new(grey, width))
}

/// A sample as one of 256 greys, rounded; a bit of 1 is black.
fn scaled(value: u64, max: u64, bits: bool) -> Decoded<u8> {
    if value > max {
        return Err(format!(
            "has the sample {value}, where its header promises at most {max}; save it again"
        ));
    }
    let grey = ((value * 255 + max / 2) / max) as u8;
    Ok(if bits { 255 - grey } else { grey })
}

/// The numbers of a header or of samples as text, between white space and comments.
struct Words<'a> {
    rest: &'a [u8],
}

impl Words<'_> {
    /// Skips white space, and comments from `#` to the end of their line.
    fn skip(&mut self) {
        while let Some((&first, rest)) = self.rest.split_first() {
            if first == b'#' {
                let line = rest.iter().position(|&byte| byte == b'\n' || byte == b'\r').unwrap_or(rest.len());
                self.rest = &rest[line..];
            } else if first.is_ascii_whitespace() {
                self.rest = rest;
            } else {
                break;
            }
        }
    }

    /// The next number, which is `what`.
    fn number(&mut self, what: &str) -> Decoded<u64> {
        self.skip();
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(digits);
        let text = str::from_utf8(digits).unwrap_or("");
        self.rest = rest;
        text.parse().map_err(|_| format!("is a PNM file that has no whole number for {what}; save it again"))
    }

    /// The next bit; no white space need stand between bits.
    fn bit(&mut self) -> Decoded<u64> {
        self.skip();
        match self.rest.split_first() {
            Some((b @ (b'0' | b'1'), rest)) => {
                self.rest = rest;
                Ok(u64::from(b - b'0'))
            }
            _ => Err("is a PNM file of bits that has something else than 0 and 1; save it again".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Decoded<(usize, Vec<u8>)> {
        let picture = decode(bytes, kind(bytes).ok_or("no PNM")?)?;
        Ok((picture.width(), picture.pixels().to_vec()))
    }

    #[test]
    fn all_six_kinds() {
        let grey = (2, vec![255, 0, 0, 255]);
        assert_eq!(read(b"P1 2 2 0 1 1 0").unwrap(), grey);
        assert_eq!(read(b"P1\n# bits without blanks\n2 2\n0110").unwrap(), grey);
        assert_eq!(read(b"P4 2 2\n\x40\x80").unwrap(), grey);
        assert_eq!(read(b"P2 2 2 15 15 0 0 15 and no sample any more").unwrap(), grey);
        assert_eq!(read(b"P5 2 2 255\n\xff\0\0\xff").unwrap(), grey);
        assert_eq!(
            read(b"P5#c\n2#d\n 2\t65535\n\xff\xff\0\0\0\x7f\xff\x80").unwrap(),
            (2, vec![255, 0, 0, 255])
        );
        assert_eq!(read(b"P3 1 2 255 255 0 0  0 255 0\n").unwrap(), (1, vec![76, 150]));
        assert_eq!(read(b"P6 1 2 255 \xff\0\0\0\xff\0 and the next picture").unwrap(), (1, vec![76, 150]));
        assert_eq!(read(b"P6 1 1 256 \x01\0\x01\0\x01\0").unwrap(), (1, vec![255]));
        // Nine bits take two bytes.
        assert_eq!(read(b"P4 9 1 \xff\x7f").unwrap().1, [0, 0, 0, 0, 0, 0, 0, 0, 255]);
    }

    #[test]
    fn damaged_files_are_refused() {
        for (bytes, part) in [
            (&b"P5"[..], "no PNM"),
            (b"P7 ", "no PNM"),
            (b"P50 2 2 255 abcd", "no PNM"),
            (b"P5 ", "its width"),
            (b"P5 # only a comment", "its width"),
            (b"P5 -2 2 255\n....", "its width"),
            (b"P5 99999999999999999999999 2 255\n", "its width"),
            (b"P5 4294967295 4294967295 255\n", "make it smaller"),
            (b"P5 18446744073709551615 2 255\n", "make it smaller"),
            (b"P5 0 2 255\n", "at least one"),
            (b"P5 2 2 0\nabcd", "1 to 65535"),
            (b"P5 2 2 65536\nabcd", "1 to 65535"),
            (b"P5 2 2 255\nabc", "has 3 bytes of pixels where its header promises 4"),
            (b"P5 2 2 255", "has 0 bytes"),
            (b"P4 9 2 \xff\xff\xff", "has 3 bytes of pixels where its header promises 4"),
            (b"P5 2 2 9\n\x09\x09\x09\x0a", "the sample 10"),
            (b"P2 2 2 9 1 2 3", "a sample; save it again (sample 3)"),
            (b"P2 2 2 9 12", "has 3 bytes of samples where its header promises 4"),
            (b"P2 2 2 9 1 2 3 x", "whole number for a sample; save it again (sample 3)"),
            (b"P2 2 2 9 1 2 3 10", "the sample 10"),
            (b"P1 2 2 0120", "something else than 0 and 1"),
            (b"P2 8000 4000 255 1", "promises 32000000"),
        ] {
            let error = read(bytes).unwrap_err();
            assert!(error.contains(part), "{part}: {error}");
        }
    }
}
