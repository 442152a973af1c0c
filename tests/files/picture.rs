//! Pictures through the public API: every kind of PNG and PNM, and files made to do harm.

use mnist_fast::picture::prepare::prepare;
use mnist_fast::picture::{Picture, decode};
use png::{BitDepth, ColorType, Encoder};

/// A PNG file of these pixels; an empty palette or transparency is none.
fn png(
    (width, height): (u32, u32),
    (color, depth): (ColorType, BitDepth),
    data: &[u8],
    (palette, transparency): (&[u8], &[u8]),
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if !palette.is_empty() {
        encoder.set_palette(palette);
    }
    if !transparency.is_empty() {
        encoder.set_trns(transparency);
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(data).unwrap();
    writer.finish().unwrap();
    bytes
}

const NONE: (&[u8], &[u8]) = (&[], &[]);

fn grey(width: u32, height: u32, data: &[u8]) -> Vec<u8> {
    png((width, height), (ColorType::Grayscale, BitDepth::Eight), data, NONE)
}

#[track_caller]
fn reads(bytes: &[u8], width: usize, pixels: &[u8]) {
    assert_eq!(decode(bytes, "x").unwrap(), Picture::new(pixels.to_vec(), width));
}

#[track_caller]
fn refuses(bytes: &[u8], part: &str) {
    let error = decode(bytes, "x").unwrap_err().to_string();
    assert!(error.starts_with("x ") && error.contains(part) && !error.contains('\n'), "{part}: {error}");
}

#[test]
fn png_of_every_kind() {
    use BitDepth::{Eight, Four, One, Sixteen, Two};
    use ColorType::{Grayscale, GrayscaleAlpha, Indexed, Rgb, Rgba};
    reads(&grey(2, 2, &[0, 100, 200, 255]), 2, &[0, 100, 200, 255]);
    // Fewer bits: 3 pixels a row, padded to a byte.
    reads(&png((3, 2), (Grayscale, One), &[0b1010_0000, 0b0100_0000], NONE), 3, &[255, 0, 255, 0, 255, 0]);
    reads(&png((3, 1), (Grayscale, Two), &[0b0001_1000], NONE), 3, &[0, 85, 170]);
    reads(&png((3, 1), (Grayscale, Four), &[0x1f, 0x80], NONE), 3, &[17, 255, 136]);
    reads(&png((2, 1), (Grayscale, Sixteen), &[0xab, 0xcd, 0, 0xff], NONE), 2, &[0xab, 0]);
    reads(&png((2, 1), (Rgb, Eight), &[255, 0, 0, 9, 9, 9], NONE), 2, &[76, 9]);
    reads(&png((1, 1), (Rgb, Sixteen), &[0, 0, 255, 255, 0, 0], NONE), 1, &[150]);
    // Transparency shows white paper.
    reads(&png((3, 1), (GrayscaleAlpha, Eight), &[0, 255, 0, 0, 0, 51], NONE), 3, &[0, 255, 204]);
    reads(&png((2, 1), (Rgba, Eight), &[9, 9, 9, 255, 0, 0, 0, 0], NONE), 2, &[9, 255]);
    reads(&png((1, 1), (Rgba, Sixteen), &[0, 0, 0, 0, 0, 0, 0x7f, 0xff], NONE), 1, &[128]);
    // Palettes, one with a transparent colour.
    let colours = [0u8, 0, 0, 255, 255, 255, 255, 0, 0];
    reads(&png((4, 1), (Indexed, Two), &[0b0001_1000], (&colours, &[])), 4, &[0, 255, 76, 0]);
    reads(&png((2, 1), (Indexed, Eight), &[2, 1], (&colours, &[])), 2, &[76, 255]);
    reads(&png((3, 1), (Indexed, Eight), &[0, 1, 2], (&colours, &[0, 255])), 3, &[255, 255, 76]);
    reads(&png((2, 1), (Grayscale, Eight), &[7, 8], (&[], &[0, 7])), 2, &[255, 8]);
}

/// Adam7, which the encoder does not write: the pixels 0, 10, 20, ... 240 in five rows, as Pillow reads the file too.
#[test]
fn interlaced_png() {
    let bytes = include_bytes!("../digits/interlaced.png");
    reads(bytes, 5, &(0..25).map(|i| 10 * i).collect::<Vec<u8>>());
}

#[test]
fn damaged_png_is_refused() {
    let pixels: Vec<u8> = (0..=255).cycle().take(40 * 30).collect();
    let whole = grey(40, 30, &pixels);
    reads(&whole, 40, &pixels);
    // The last chunk, IEND, of 12 bytes says nothing; all before it is needed.
    for len in 8..whole.len() - 12 {
        refuses(&whole[..len], "");
    }
    refuses(&whole[..20], "cannot be read");
    let mut bad_checksum = whole.clone();
    bad_checksum[30] ^= 1;
    refuses(&bad_checksum, "save it again");
}

#[test]
fn sizes_that_lie_are_refused_at_once() {
    let header = |width: u32, height: u32| {
        let mut bytes = grey(1, 1, &[0]);
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        let checksum = crc32(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
        bytes
    };
    refuses(&header(100_000, 100_000), "at most 33554432");
    refuses(&header(u32::MAX, u32::MAX), "make it smaller");
    refuses(&header(0, 1), "save it again");
    // As many pixels as are allowed, but not there.
    refuses(&header(1 << 16, 1 << 9), "cannot be read");
    refuses(&header(1 << 9, 1 << 16), "cannot be read");
    refuses(&header(1 << 25, 1), "65536 a side");
    refuses(&header(1, 1 << 25), "65536 a side");
    refuses(b"P5 100000 100000 255\n", "at most 33554432");
    refuses(b"P5 4294967297 4294967297 255\n", "at most 33554432");
}

/// The checksum of PNG chunks.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// Whatever the bytes, there is a picture that can be prepared, or an error of one line.
#[test]
fn damaged_bytes_never_panic() {
    let ink: Vec<u8> = (0..24 * 24).map(|i| if i % 24 / 4 == 2 { 0 } else { 250 }).collect();
    let colours: Vec<u8> = (0..30).collect();
    let seeds = [
        grey(24, 24, &ink),
        png((24, 24), (ColorType::Indexed, BitDepth::Eight), &[3; 576], (&colours, &[])),
        include_bytes!("../digits/interlaced.png").to_vec(),
        [&b"P5 24 24 255\n"[..], &ink].concat(),
        [&b"P4\n# c\n24 24\n"[..], &ink[..72]].concat(),
        b"P3 2 2 9 1 2 3 4 5 6 7 8 9 1 2 3\n".to_vec(),
        b"P1 3 3 010101010".to_vec(),
    ];
    let mut state = 20_261_122u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as usize) % below
    };
    let (mut read, mut refused) = (0, 0);
    for round in 0..6_000 {
        let mut bytes = seeds[round % seeds.len()].clone();
        for _ in 0..1 + random(4) {
            let place = random(bytes.len());
            match random(4) {
                0 => bytes.truncate(place.max(1)),
                1 => bytes.insert(place, random(256) as u8),
                _ => bytes[place] = random(256) as u8,
            }
        }
        if round % 2 == 0 && bytes.len() > 33 && bytes.starts_with(b"\x89PNG") {
            // A header that is changed on purpose has the right checksum.
            let checksum = crc32(&bytes[12..29]);
            bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
        }
        match decode(&bytes, "x") {
            Ok(picture) => {
                prepare(&picture, 28);
                read += 1;
            }
            Err(error) => {
                assert!(!error.to_string().contains('\n'), "{error}");
                refused += 1;
            }
        }
    }
    assert!(read > 200 && refused > 200, "{read} read, {refused} refused");
}
