//! Grey pictures as PNG.

use crate::error::{Error, Result};

/// A grey picture of 8 bits a pixel, row after row, as the bytes of a PNG file.
pub fn encode_grey(pixels: &[u8], width: usize, height: usize) -> Result<Vec<u8>> {
    let failed = |what: &dyn std::fmt::Display| {
        Error::failed(format!(
            "a picture of {width} x {height} pixels cannot be a PNG ({what}); take fewer images"
        ))
    };
    let side = |n: usize| u32::try_from(n).map_err(|error| failed(&error));
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side(width)?, side(height)?);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(pixels)?;
        writer.finish()
    });
    written.map_err(|error| failed(&error))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let pixels: Vec<u8> = (0..=255).chain(0..14).collect();
        let bytes = encode_grey(&pixels, 27, 10).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut found = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut found).unwrap();
        assert_eq!((info.width, info.height), (27, 10));
        assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Grayscale, png::BitDepth::Eight));
        assert!(found == pixels);
        assert!(encode_grey(&[], 0, 10).unwrap_err().to_string().contains("0 x 10 pixels"));
    }
}
