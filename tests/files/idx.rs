//! The IDX header parser: every type, every number of dimensions, every defect.

use mnist_fast::idx::{Defect, Element, HEADER_MAX, Header};

use crate::scratch::{self, idx};

#[test]
fn every_element_type() {
    for (code, element, size) in [
        (0x08, Element::U8, 1),
        (0x09, Element::I8, 1),
        (0x0B, Element::I16, 2),
        (0x0C, Element::I32, 4),
        (0x0D, Element::F32, 4),
        (0x0E, Element::F64, 8),
    ] {
        let header = Header::parse(&idx(code, &[5, 7], &[])).unwrap();
        assert_eq!((header.element, header.element.size()), (element, size));
        assert_eq!(header.file_len(), 12 + 35 * size);
    }
    for code in (0..=255).filter(|code| !matches!(code, 0x08 | 0x09 | 0x0B..=0x0E)) {
        assert_eq!(Header::parse(&idx(code, &[1], &[0])), Err(Defect::UnknownType(code)));
    }
}

#[test]
fn every_number_of_dimensions() {
    for rank in 1..=255_u8 {
        let dims = vec![1; rank.into()];
        let bytes = idx(8, &dims, &[42]);
        let header = Header::parse(&bytes).unwrap();
        assert_eq!(header.dims, dims);
        assert_eq!(bytes[header.data_offset()..], [42]);
        assert_eq!(header.check_len(bytes.len() as u64), Ok(()));
    }
    assert_eq!(Header::parse(&idx(8, &[1; 255], &[])).unwrap().data_offset(), HEADER_MAX);
    assert_eq!(Header::parse(&idx(8, &[], &[1])), Err(Defect::NoDimensions));
}

#[test]
fn sizes_are_big_endian() {
    let header = Header::parse(&[0, 0, 8, 3, 0, 0, 0xEA, 0x60, 0, 0, 0, 28, 0, 0, 0, 29]).unwrap();
    assert_eq!(header.dims, [60000, 28, 29]);
    assert_eq!(header.shape(), "60000 x 28 x 29 u8");
}

#[test]
fn every_prefix_of_a_header_is_cut_short() {
    let bytes = idx(8, &[2, 3, 4], &[]);
    assert_eq!(Header::parse(&[]), Err(Defect::Empty));
    for found in 1..bytes.len() {
        let expected = if found < 4 { 4 } else { 16 };
        assert_eq!(Header::parse(&bytes[..found]), Err(Defect::HeaderCutShort { expected, found }));
    }
}

#[test]
fn lengths_must_match_exactly() {
    let header = Header::parse(&idx(0x0B, &[3, 5], &[])).unwrap();
    assert_eq!(header.check_len(42), Ok(()));
    assert_eq!(header.check_len(41), Err(Defect::Truncated { expected: 42, found: 41 }));
    assert_eq!(header.check_len(43), Err(Defect::Trailing { expected: 42, found: 43 }));
    assert_eq!(header.check_len(0), Err(Defect::Truncated { expected: 42, found: 0 }));
}

/// Products that leave 64 bits at the last size, at the element's size, and only when the header is added.
#[test]
fn products_that_overflow() {
    const MAX: u32 = u32::MAX;
    assert_eq!(Header::parse(&idx(8, &[MAX, MAX, MAX], &[])), Err(Defect::Overflow(vec![MAX; 3])));
    assert_eq!(Header::parse(&idx(0x0E, &[MAX, MAX], &[])), Err(Defect::Overflow(vec![MAX; 2])));
    // 641 * 6700417 = 2^32 + 1, and (2^32 + 1) * (2^32 - 1) = 2^64 - 1.
    let exact = [641, 6_700_417, MAX];
    assert_eq!(Header::parse(&idx(8, &exact, &[])), Err(Defect::Overflow(exact.to_vec())));
    // Without the header it fits.
    let header = Header::parse(&idx(8, &[MAX, MAX], &[])).unwrap();
    assert_eq!(header.file_len(), u64::from(MAX) * u64::from(MAX) + 12);
}

#[test]
fn a_zero_size_makes_the_array_empty() {
    for dims in [&[0][..], &[0, 28, 28], &[u32::MAX, u32::MAX, u32::MAX, 0]] {
        let header = Header::parse(&idx(0x0E, dims, &[])).unwrap();
        assert_eq!(header.file_len(), header.data_offset() as u64);
    }
}

#[test]
fn look_alikes_are_told_apart() {
    for (bytes, defect) in [
        (&b"\x1f\x8b\x08\x00rest"[..], Defect::Gzip),
        (b"\x1f\x8b", Defect::Gzip),
        (b"<!DOCTYPE html>", Defect::Html),
        (b"<", Defect::Html),
        (b"\x89PNG\r\n", Defect::Magic(*b"\x89PNG")),
        (b"\x03\x08\x00\x00", Defect::Magic([3, 8, 0, 0])),
        (b"\x00\x01\x08\x03", Defect::Magic([0, 1, 8, 3])),
    ] {
        assert_eq!(Header::parse(bytes), Err(defect));
    }
}

/// Nothing is indexed without a check: every short input gets an answer.
#[test]
fn no_input_panics() {
    for a in [0, 1, 8, 0x1F, b'<', 255] {
        for b in [0, 1, 3, 8, 0x8B, 255] {
            for len in 0..40 {
                let _ = Header::parse(&[0, 0, a, b].into_iter().cycle().take(len).collect::<Vec<u8>>());
                let _ = Header::parse(&[a, b, 8, 255].into_iter().cycle().take(len).collect::<Vec<u8>>());
            }
        }
    }
}

#[test]
fn sentences_name_the_file_and_the_numbers() {
    for (defect, parts) in [
        (Defect::Empty, &["F is empty"][..]),
        (Defect::Gzip, &["F is gzip data under a raw name; rename it to F.gz or unpack it with gunzip"]),
        (Defect::Html, &["F begins with '<'", "web page"]),
        (Defect::HeaderCutShort { expected: 16, found: 9 }, &["F has 9 bytes", "16 bytes"]),
        (Defect::Magic([0x89, b'P', b'N', b'G']), &["F is not an IDX file", "89 50 4E 47", "00 00"]),
        (Defect::UnknownType(0x0A), &["F", "element type is 0A", "08, 09, 0B"]),
        (Defect::NoDimensions, &["F", "0 dimensions", "1 to 255"]),
        (Defect::Overflow(vec![u32::MAX; 9]), &["F", "4294967295 x", "(9 dimensions)", "64 bits"]),
        (Defect::Truncated { expected: 100, found: 99 }, &["F has 99 bytes where its header promises 100"]),
        (Defect::Trailing { expected: 100, found: 103 }, &["F has 103 bytes", "promises 100", "3 too many"]),
    ] {
        scratch::assert_says(&defect.in_file("F").to_string(), parts);
    }
}
