//! PNG of any kind: 1 to 16 bits, grey, colour, palette, with transparency laid over white, interlaced or not.

use std::io::Cursor;

use png::{ColorType, Decoder, Limits, Transformations};

use super::{Decoded, Picture, luma, over_white, pixels, zeros};

/// How a PNG file begins.
pub(super) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// What chunks beside the pixels may take.
const CHUNKS_MAX: usize = 8 << 20;

pub(super) fn decode(bytes: &[u8]) -> Decoded<Picture> {
    let damaged = |error: png::DecodingError| {
        format!("is a PNG file that cannot be read ({}); save it again", one_line(&error.to_string()))
    };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: CHUNKS_MAX });
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    // Eight bits a sample; palettes become colours, a transparent colour becomes alpha.
    decoder.set_transformations(Transformations::normalize_to_color8());
    let header = decoder.read_header_info().map_err(damaged)?;
    let (width, height) = (header.width, header.height);
    let count = pixels(width.into(), height.into())?;

    // The decoder's own limit is for chunks and rows; this one row may be longer.
    decoder.set_limits(Limits { bytes: CHUNKS_MAX + 16 * width as usize });
    let mut reader = decoder.read_info().map_err(damaged)?;
    let samples = reader.output_color_type().0.samples();
    let mut buffer = zeros(count * samples)?;
    reader.next_frame(&mut buffer).map_err(damaged)?;

    let grey: Vec<u8> = match reader.output_color_type().0 {
        ColorType::Grayscale => buffer,
        ColorType::GrayscaleAlpha => buffer.as_chunks().0.iter().map(|&[v, a]| over_white(v, a)).collect(),
        ColorType::Rgb => buffer.as_chunks().0.iter().map(|&[r, g, b]| luma(r, g, b)).collect(),
        ColorType::Rgba => {
            buffer.as_chunks().0.iter().map(|&[r, g, b, a]| over_white(luma(r, g, b), a)).collect()
        }
        ColorType::Indexed => return Err("is a PNG file whose palette is missing; save it again".into()),
    };
    Ok(Picture::new(grey, width as usize))
}

/// An error's text for the middle of a sentence.
fn one_line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.trim_end_matches('.').chars().take(120).collect()
}
