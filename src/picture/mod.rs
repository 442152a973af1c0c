//! The user's own pictures: read from PNG or PNM, and prepared as the digits of MNIST were.
//!
//! ```text
//! bytes -> png.rs | pnm.rs -> Picture -> ink.rs   paper, ink and specks told apart -> prepare.rs -> network's pixels
//!                             (grey)     resize.rs  scaled with antialiasing        /
//! ```
//!
//! Whatever the bytes are, the result is a picture or a sentence: sizes are compared with limits before anything is
//! allocated for them.

mod ink;
mod png;
mod pnm;
pub mod prepare;
mod resize;
pub mod unlike;

use std::io::Read;
use std::path::Path;

use crate::dataset::map;
use crate::error::{Error, Result};
use crate::memory;

/// The most pixels of a picture: twice those of a large photograph.
pub const PIXELS_MAX: usize = 1 << 25;

/// The longest side: a strip of more pixels would not be made smaller before it is searched for ink.
pub const SIDE_MAX: u64 = 1 << 16;

/// The most bytes of a file that is read whole: more than [`PIXELS_MAX`] in any form take.
pub const BYTES_MAX: u64 = 1 << 30;

/// A grey picture, 0 for black and 255 for white, row after row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pixels: Vec<u8>,
    width: usize,
    height: usize,
}

impl Picture {
    /// A picture of `width` pixels in a row.
    ///
    /// # Panics
    ///
    /// If `pixels` are not a whole number of rows, at least one.
    pub fn new(pixels: Vec<u8>, width: usize) -> Self {
        assert!(width > 0 && !pixels.is_empty() && pixels.len().is_multiple_of(width), "rows of {width}");
        let height = pixels.len() / width;
        Picture { pixels, width, height }
    }

    /// The pixels, row after row.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }
}

/// Whether bytes that begin like these are meant as a picture, of whatever format.
pub fn looks_like_a_picture(bytes: &[u8]) -> bool {
    bytes.starts_with(png::SIGNATURE) || pnm::kind(bytes).is_some() || foreign(bytes).is_some()
}

/// The picture in `bytes`, a whole PNG or PNM file called `name`.
///
/// # Errors
/// Where the bytes are another format, damaged, or more than [`PIXELS_MAX`] pixels.
pub fn decode(bytes: &[u8], name: &str) -> Result<Picture> {
    let wrong = |what: String| Error::failed(format!("{name} {what}"));
    if bytes.is_empty() {
        return Err(wrong("is empty, where a picture was expected; save it again".into()));
    }
    if bytes.starts_with(png::SIGNATURE) {
        return png::decode(bytes).map_err(wrong);
    }
    if let Some(kind) = pnm::kind(bytes) {
        return pnm::decode(bytes, kind).map_err(wrong);
    }
    Err(wrong(match foreign(bytes) {
        Some(format) => format!(
            "is a {format} file, where PNG or PNM was expected; convert it, with ImageMagick for example: \
             magick picture digit.png"
        ),
        None => "is neither a PNG nor a PNM picture nor an IDX file; check which file it is".into(),
    }))
}

/// The name of a picture format that is not read here.
fn foreign(bytes: &[u8]) -> Option<&'static str> {
    let webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    let heic = bytes.get(4..8) == Some(b"ftyp");
    let known: [(&[u8], _); 7] = [
        (b"\xff\xd8\xff", "JPEG"),
        (b"GIF8", "GIF"),
        (b"BM", "BMP"),
        (b"II*\0", "TIFF"),
        (b"MM\0*", "TIFF"),
        (b"<svg", "SVG"),
        (b"%PDF", "PDF"),
    ];
    let known = known.into_iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, name)| name);
    known.or(webp.then_some("WebP")).or(heic.then_some("HEIC"))
}

/// The bytes of the file at `path`, at most [`BYTES_MAX`].
///
/// # Errors
/// Where it is no regular file, cannot be read, or is larger.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    let (file, metadata) = map::open_regular(path)?;
    if metadata.len() > BYTES_MAX {
        return Err(too_many_bytes(&path.display().to_string()));
    }
    read(file, &path.display().to_string())
}

/// What `from` gives until its end, at most [`BYTES_MAX`] bytes; errors call it `name`.
///
/// # Errors
/// Where reading fails, or there is more.
pub fn read(from: impl Read, name: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::failed(format!("{name} cannot be read: {error}")))?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(too_many_bytes(name));
    }
    Ok(bytes)
}

fn too_many_bytes(name: &str) -> Error {
    Error::failed(format!("{name} is larger than {} MiB; give a smaller file", BYTES_MAX >> 20))
}

/// What is wrong with a picture, to stand behind its name.
type Decoded<T> = std::result::Result<T, String>;

/// Pixels of a picture of this size, if it has some and not too many.
fn pixels(width: u64, height: u64) -> Decoded<usize> {
    match width.checked_mul(height).and_then(|n| usize::try_from(n).ok()) {
        Some(0) => {
            Err(format!("has {width} x {height} pixels, where at least one was expected; save it again"))
        }
        Some(n) if n <= PIXELS_MAX && width.max(height) <= SIDE_MAX => Ok(n),
        _ => Err(format!(
            "has {width} x {height} pixels, where at most {PIXELS_MAX} in all and {SIDE_MAX} a side are read; make it \
             smaller"
        )),
    }
}

/// Zeros, if the system has that much memory.
fn zeros(len: usize) -> Decoded<Vec<u8>> {
    memory::require(Some(len), "it")
        .map_err(|_| "is too large for this machine's memory; make it smaller")?;
    Ok(vec![0; len])
}

/// The grey of a colour, as television defined it (Rec. 601), rounded.
fn luma(red: u8, green: u8, blue: u8) -> u8 {
    ((299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue) + 500) / 1000) as u8
}

/// A grey that covers white paper by `alpha` / 255, rounded.
fn over_white(grey: u8, alpha: u8) -> u8 {
    let (grey, alpha) = (u32::from(grey), u32::from(alpha));
    ((grey * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greys() {
        assert_eq!((luma(255, 255, 255), luma(0, 0, 0), luma(7, 7, 7)), (255, 0, 7));
        assert_eq!((luma(255, 0, 0), luma(0, 255, 0), luma(0, 0, 255)), (76, 150, 29));
        assert_eq!((over_white(9, 255), over_white(9, 0), over_white(0, 128)), (9, 255, 127));
    }

    #[test]
    fn other_formats_are_named() {
        for (bytes, part) in [
            (&b"\xff\xd8\xff\xe0...."[..], "a JPEG file"),
            (b"RIFF1234WEBPVP8 ", "a WebP file"),
            (b"\0\0\0\x18ftypheic", "a HEIC file"),
            (b"P7\nWIDTH 3", "neither a PNG nor"),
            (b"hello", "neither a PNG nor"),
            (b"\x89PNG", "neither a PNG nor"),
            (b"", "is empty"),
        ] {
            let error = decode(bytes, "x").unwrap_err().to_string();
            assert!(error.starts_with("x ") && error.contains(part), "{error}");
        }
    }

    #[test]
    fn sizes_are_compared_before_anything_is_allocated() {
        assert_eq!(pixels(8192, 4096), Ok(PIXELS_MAX));
        assert_eq!(pixels(1, SIDE_MAX), Ok(1 << 16));
        assert!(pixels(SIDE_MAX + 1, 1).unwrap_err().contains("65536 a side"));
        assert!(pixels(8192, 4097).unwrap_err().contains("make it smaller"));
        assert!(pixels(u64::MAX, 2).unwrap_err().contains("make it smaller"));
        assert!(pixels(0, 5).unwrap_err().contains("at least one"));
    }

    #[test]
    fn what_never_ends_is_not_read_to_its_end() {
        assert_eq!(read(&b"abc"[..], "x").unwrap(), b"abc");
        assert!(too_many_bytes("x").to_string().contains("1024 MiB"));
    }
}
