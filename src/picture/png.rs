//! PNG of any kind: 1 to 16 bits, grey, colour, palette, with transparency laid over white, interlaced or not.

use std::io::Cursor;

use png::{ColorType, Decoder, Limits, Reader, Transformations};

use super::{Decoded, Picture, luma, over_white, pixels, zeros};

/// How a PNG file begins.
pub(super) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// What chunks beside the pixels may take.
const CHUNKS_MAX: usize = 8 << 20;

/// Rows of more bytes than this in all are read once to find out whether they are there, before memory is filled.
const TRUSTED: usize = 4 << 20;

pub(super) fn decode(bytes: &[u8]) -> Decoded<Picture> {
    let mut reader = open(bytes)?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    let row = reader.output_line_size(reader.info().width).unwrap_or(usize::MAX);
    if row.saturating_mul(height) > TRUSTED {
        while reader.next_row().map_err(damaged)?.is_some() {}
        reader = open(bytes)?;
    }
    let colour = reader.output_color_type().0;
    if colour == ColorType::Indexed {
        return Err("is a PNG file whose palette is missing; save it again".into());
    }
    let mut pixels = zeros(width * height)?;
    if reader.info().interlaced {
        let mut buffer = zeros(width * height * colour.samples())?;
        reader.next_frame(&mut buffer).map_err(damaged)?;
        grey(colour, &buffer, &mut pixels);
    } else {
        for line in pixels.chunks_exact_mut(width) {
            let row =
                reader.next_row().map_err(damaged)?.ok_or("is a PNG file that lacks rows; save it again")?;
            grey(colour, row.data(), line);
        }
        // Checks the end of the data, as reading all at once does.
        reader.next_row().map_err(damaged)?;
    }
    Ok(Picture::new(pixels, width))
}

/// Reads all that stands before the pixels.
fn open(bytes: &[u8]) -> Decoded<Reader<Cursor<&[u8]>>> {
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: CHUNKS_MAX });
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    // Eight bits a sample; palettes become colours, a transparent colour becomes alpha.
    decoder.set_transformations(Transformations::normalize_to_color8());
    let header = decoder.read_header_info().map_err(damaged)?;
    let width = header.width;
    pixels(width.into(), header.height.into())?;
    // The decoder's own limit is for chunks and rows; this one row may be longer.
    decoder.set_limits(Limits { bytes: CHUNKS_MAX + 16 * width as usize });
    decoder.read_info().map_err(damaged)
}

fn damaged(error: png::DecodingError) -> String {
    format!("is a PNG file that cannot be read ({}); save it again", one_line(&error.to_string()))
}

/// The greys of `samples`.
fn grey(colour: ColorType, samples: &[u8], greys: &mut [u8]) {
    let greys = greys.iter_mut();
    match colour {
        ColorType::Grayscale | ColorType::Indexed => {
            greys.zip(samples).for_each(|(grey, &v)| *grey = v);
        }
        ColorType::GrayscaleAlpha => {
            greys.zip(samples.as_chunks().0).for_each(|(grey, &[v, a])| *grey = over_white(v, a));
        }
        ColorType::Rgb => {
            greys.zip(samples.as_chunks().0).for_each(|(grey, &[r, g, b])| *grey = luma(r, g, b));
        }
        ColorType::Rgba => greys
            .zip(samples.as_chunks().0)
            .for_each(|(grey, &[r, g, b, a])| *grey = over_white(luma(r, g, b), a)),
    }
}

/// An error's text for the middle of a sentence.
fn one_line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.trim_end_matches('.').chars().take(120).collect()
}
