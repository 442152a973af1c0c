//! Models as npz: what numpy and Keras write is read, what is written is what numpy writes, and every defect is refused
//! with one sentence.

use std::fs;
use std::io::Write;

use crate::scratch::{Scratch, assert_says};
use flate2::{Compression, Crc, write::DeflateEncoder};
use mnist_fast::activation::Activation;
use mnist_fast::model_file::{self, Format, Model};
use mnist_fast::network::Network;
use serde_json::json;

/// An npy file with this header, padded as numpy does, and these elements.
fn npy_with(header: &str, elements: &[u8]) -> Vec<u8> {
    let len = (10 + header.len() + 1).next_multiple_of(64) - 10;
    let text = format!("{header:<width$}\n", width = len - 1);
    [b"\x93NUMPY\x01\0", &(len as u16).to_le_bytes()[..], text.as_bytes(), elements].concat()
}

fn npy(descr: &str, fortran_order: &str, shape: &str, elements: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran_order}, 'shape': {shape}, }}");
    npy_with(&header, elements)
}

fn floats(values: impl IntoIterator<Item = f32>) -> Vec<u8> {
    values.into_iter().flat_map(f32::to_le_bytes).collect()
}

/// A member of an archive: everything that its headers say.
#[derive(Clone)]
struct Member {
    name: String,
    method: u16,
    flags: u16,
    crc: u32,
    len: u32,
    packed: Vec<u8>,
}

fn stored(name: &str, bytes: &[u8]) -> Member {
    let mut crc = Crc::new();
    crc.update(bytes);
    let (len, packed) = (bytes.len() as u32, bytes.to_vec());
    Member { name: name.into(), method: 0, flags: 0, crc: crc.sum(), len, packed }
}

fn deflated(name: &str, bytes: &[u8]) -> Member {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    Member { method: 8, packed: encoder.finish().unwrap(), ..stored(name, bytes) }
}

/// The archive of these members, written as the format's description has it.
fn zip(members: &[Member], comment: &[u8]) -> Vec<u8> {
    let (mut file, mut directory) = (vec![], vec![]);
    for member in members {
        let numbers = |fields: &[&[u8]]| fields.concat();
        let common = numbers(&[
            &20u16.to_le_bytes(),
            &member.flags.to_le_bytes(),
            &member.method.to_le_bytes(),
            &[0; 4],
            &member.crc.to_le_bytes(),
            &(member.packed.len() as u32).to_le_bytes(),
            &member.len.to_le_bytes(),
            &(member.name.len() as u16).to_le_bytes(),
        ]);
        let offset = file.len() as u32;
        // An extra field of four bytes in each, as zip64 and time stamps are.
        file.extend([b"PK\x03\x04", &common[..], &[4, 0], member.name.as_bytes(), &[0; 4]].concat());
        file.extend(&member.packed);
        directory.extend([b"PK\x01\x02\x14\0", &common[..], &[4, 0], &[0; 10]].concat());
        directory.extend(offset.to_le_bytes());
        directory.extend([member.name.as_bytes(), &[0; 4]].concat());
    }
    let count = (members.len() as u16).to_le_bytes();
    let (size, start) = (directory.len() as u32, file.len() as u32);
    file.extend(directory);
    file.extend(
        [b"PK\x05\x06\0\0\0\0", &count[..], &count, &size.to_le_bytes(), &start.to_le_bytes()].concat(),
    );
    file.extend([&(comment.len() as u16).to_le_bytes(), comment].concat());
    file
}

/// The arrays of a 2-3-2 network: 1, 2, ... 17.
fn arrays() -> Vec<(String, Vec<u8>)> {
    let part = |first: i32, count: i32| floats((first..first + count).map(|i| i as f32));
    let arrays = [("(2, 3)", 1, 6), ("(3,)", 7, 3), ("(3, 2)", 10, 6), ("(2,)", 16, 2)];
    let npy = |(shape, first, count): (&str, i32, i32)| npy("<f4", "False", shape, &part(first, count));
    arrays.into_iter().enumerate().map(|(i, array)| (format!("arr_{i}.npy"), npy(array))).collect()
}

fn members() -> Vec<Member> {
    arrays().iter().map(|(name, bytes)| stored(name, bytes)).collect()
}

#[track_caller]
fn load(bytes: &[u8]) -> model_file::Loaded {
    let scratch = Scratch::new();
    model_file::open(&scratch.put("weights.npz", bytes)).unwrap_or_else(|error| panic!("{error}"))
}

/// A file of these bytes is refused with one line that names it and says all of `parts`.
#[track_caller]
fn refused(bytes: &[u8], parts: &[&str]) {
    let scratch = Scratch::new();
    let Err(error) = model_file::load(&scratch.put("weights.npz", bytes)) else {
        panic!("should have been refused: {parts:?}")
    };
    let message = error.to_string();
    assert_says(&message, &[&["weights.npz"], parts].concat());
    assert!(message.lines().count() == 1 && message.len() < 500, "{message}");
}

/// The archive with one of its arrays replaced is refused.
#[track_caller]
fn refused_array(i: usize, bytes: &[u8], parts: &[&str]) {
    let mut members = members();
    members[i] = stored(&members[i].name, bytes);
    refused(&zip(&members, b""), parts);
}

/// The archive with one of its members changed is refused.
#[track_caller]
fn refused_member(change: impl Fn(&mut Member), parts: &[&str]) {
    let mut members = members();
    change(&mut members[2]);
    refused(&zip(&members, b""), parts);
}

fn check(network: &Network) {
    let [first, second] = network.layers() else { panic!("two layers") };
    assert_eq!((first.weight_row(0), first.weight_row(1)), (&[1.0, 2.0, 3.0][..], &[4.0, 5.0, 6.0][..]));
    assert_eq!((first.biases(), second.biases()), (&[7.0, 8.0, 9.0][..], &[16.0, 17.0][..]));
    assert_eq!((second.weight_row(0), second.weight_row(2)), (&[10.0, 11.0][..], &[14.0, 15.0][..]));
}

// ---- what works

#[test]
fn stored_and_deflated_members_in_any_order() {
    for comment in [&b""[..], b"made by hand", b"PK\x05\x06 is not the end"] {
        let loaded = load(&zip(&members(), comment));
        check(&loaded.model.network);
        assert!(!loaded.says_activations);
        assert!(loaded.model.class_names.is_none() && loaded.model.training.is_none());
    }
    let mut members: Vec<Member> = arrays().iter().map(|(name, bytes)| deflated(name, bytes)).collect();
    members.reverse();
    check(&load(&zip(&members, b"")).model.network);
}

/// As numpy stores the transpose of PyTorch's weights.
#[test]
fn fortran_order() {
    let mut members = members();
    let columns = floats([1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    members[0] = stored("arr_0.npy", &npy("<f4", "True", "(2, 3)", &columns));
    check(&load(&zip(&members, b"")).model.network);
}

#[test]
fn large_arrays_are_read_in_pieces() {
    let saved = Network::glorot_uniform(&[784, 128, 10], 3).unwrap();
    let scratch = Scratch::new();
    let path = scratch.path("weights.npz");
    model_file::save(&path, &Model { network: saved.clone(), class_names: None, training: None }).unwrap();
    let archive = mnist_fast::npz::zip::Archive::open(&path).unwrap();
    let members = archive.members().iter().map(|member| {
        let mut bytes = vec![0; member.len as usize];
        assert_eq!(archive.unpack(member).unwrap().fill(&mut bytes).unwrap(), bytes.len());
        deflated(&member.name, &bytes)
    });
    let loaded = load(&zip(&members.collect::<Vec<_>>(), b""));
    assert_eq!(loaded.model.network.sha256(), saved.sha256());
}

#[test]
fn round_trip_with_what_the_file_says() {
    let scratch = Scratch::new();
    let (npz, again) = (scratch.path("a.npz"), scratch.path("b.NPZ"));
    let activations = [Activation::Tanh, Activation::LeakyRelu(0.01)];
    let network = Network::glorot_uniform(&[3, 17, 4, 10], 42).unwrap();
    let saved = Model {
        network: network.with_activations(&activations).unwrap(),
        class_names: Some((0..10).map(|i| format!("\"class\" {i} Stra\u{df}e")).collect()),
        training: Some(json!({"seed": 42})),
    };
    model_file::save(&npz, &saved).unwrap();
    let loaded = model_file::open(&npz).unwrap();
    assert!(loaded.says_activations);
    let model = loaded.model;
    assert_eq!(model.network.sha256(), saved.network.sha256());
    assert_eq!(model.network.activations(), activations);
    assert_eq!((&model.class_names, &model.training), (&saved.class_names, &saved.training));
    model_file::save(&again, &model).unwrap();
    assert_eq!(fs::read(&npz).unwrap(), fs::read(&again).unwrap());
}

/// Every byte of a small file, against the format's description and numpy's way to write headers.
#[test]
fn layout() {
    let scratch = Scratch::new();
    let path = scratch.path("weights.npz");
    let mut network = Network::zeros(&[2, 3]).unwrap();
    network.layers_mut()[0].set(&[1.0, 2.0, 3.0, 4.0, 5.0, -0.0], &[7.0, 8.0, 9.0]).unwrap();
    let sha256 = network.sha256();
    model_file::save(&path, &Model { network, class_names: None, training: None }).unwrap();
    let weights = npy("<f4", "False", "(2, 3)", &floats([1.0, 2.0, 3.0, 4.0, 5.0, 0.0]));
    let members = [
        stored("arr_0.npy", &weights),
        stored("arr_1.npy", &npy("<f4", "False", "(3,)", &floats([7.0, 8.0, 9.0]))),
    ];
    let comment = format!(
        r#"{{"activation":"relu","architecture":"2-3","mnist_fast_format":"1","normalization":"pixels / 255","producer":"mnist-fast {}","weights_sha256":"{sha256}"}}"#,
        env!("CARGO_PKG_VERSION")
    );
    // Ours without the extra fields, and with a date: the first that there is.
    let mut expected = vec![];
    let other = zip(&members, comment.as_bytes());
    let archive = |bytes: &[u8], at: usize, len: usize| bytes[at..at + len].to_vec();
    let found = fs::read(&path).unwrap();
    for (member, at) in [(&members[0], 0), (&members[1], 30 + 9 + 4 + members[0].packed.len())] {
        let mut header = archive(&other, at, 30 + 9);
        header[12..14].copy_from_slice(&[0x21, 0]);
        header[28] = 0;
        expected.extend(header);
        expected.extend(&member.packed);
    }
    assert_eq!(found[..expected.len()], expected);
    assert_eq!(found[expected.len()..][..6], *b"PK\x01\x02\x14\0");
    let end = 22 + comment.len();
    let directory = (2 * (46 + 9)) as u32;
    assert_eq!(found.len(), expected.len() + directory as usize + end);
    let start = (expected.len() as u32).to_le_bytes();
    let end = &found[found.len() - end..];
    assert_eq!(end[..12], *b"PK\x05\x06\0\0\0\0\x02\0\x02\0");
    assert_eq!(end[12..20], [directory.to_le_bytes(), start].concat());
    assert_eq!(&end[22..], comment.as_bytes());
}

#[test]
fn the_name_tells_what_is_written() {
    for (name, format) in [
        ("a.npz", Some(Format::Npz)),
        ("a.NPZ", Some(Format::Npz)),
        ("a.safetensors", Some(Format::Safetensors)),
        ("npz", None),
        ("a.npz.bin", None),
    ] {
        assert_eq!(Format::of(name.as_ref()), format, "{name}");
    }
}

/// What could not be loaded again is not written.
#[test]
fn texts_that_are_too_long_for_a_comment() {
    let scratch = Scratch::new();
    let path = scratch.path("weights.npz");
    let network = Network::zeros(&[2, 3]).unwrap();
    let model = Model { network, class_names: None, training: Some(json!({"long": "x".repeat(65_535)})) };
    let message = model_file::save(&path, &model).unwrap_err().to_string();
    assert_says(&message, &["weights.npz", "too long for an npz file", "safetensors"]);
    assert!(!path.exists());
}

// ---- the archive

#[test]
fn cut_anywhere() {
    let bytes = zip(&members(), b"a comment");
    for len in 4..bytes.len() {
        refused(&bytes[..len], &["zip archive"]);
    }
    refused(&bytes[..40], &["has lost its end", "save or copy it again"]);
    // Too short, or damaged, to be known by its first bytes: its name tells what it was to be.
    for rest in [&bytes[..3], &[], &[&b"XK"[..], &bytes[2..]].concat()] {
        refused(rest, &["does not begin as the zip archive that an npz file is"]);
    }
}

#[test]
fn bytes_before_or_after() {
    let bytes = zip(&members(), b"");
    refused(&[&bytes[..], b"x"].concat(), &["has lost its end"]);
    refused(&[&b"PK\x03\x04"[..], &bytes].concat(), &["whose directory is said to be the bytes"]);
}

#[test]
fn a_bad_checksum_or_damaged_data() {
    refused_member(|member| member.crc ^= 1, &["\"arr_2.npy\"", "checksum (CRC-32)"]);
    refused_member(|member| *member.packed.last_mut().unwrap() ^= 1, &["\"arr_2.npy\"", "checksum"]);
    let change = |member: &mut Member, change: fn(&mut Vec<u8>)| {
        *member = deflated(&member.name, &arrays()[2].1);
        change(&mut member.packed);
    };
    refused_member(|member| change(member, |packed| packed[0] = 0xff), &["is not what was deflated"]);
    refused_member(|member| change(member, |packed| packed.truncate(20)), &["arr_2.npy", "ends too early"]);
    refused_member(
        |member| change(member, |packed| packed.push(0)),
        &["arr_2.npy", "does not end where it should"],
    );
    // Its end mark is lost, or some of it.
    refused_member(|member| change(member, |packed| packed.truncate(packed.len() - 1)), &["\"arr_2.npy\""]);
}

#[test]
fn lengths_that_lie() {
    refused_member(|member| member.len += 4, &["\"arr_2.npy\" is packed by method 0"]);
    let longer = |by: i64| {
        move |member: &mut Member| {
            *member = deflated(&member.name, &arrays()[2].1);
            member.len = (i64::from(member.len) + by) as u32;
        }
    };
    refused_member(longer(4), &["arr_2.npy", "does not fill exactly"]);
    refused_member(longer(-4), &["arr_2.npy", "does not fill exactly"]);
    // A directory that gives two members the same bytes.
    let mut bytes = zip(&members(), b"");
    let at = bytes.len() - 22 - (46 + 9 + 4) + 42;
    bytes[at..at + 4].copy_from_slice(&0u32.to_le_bytes());
    refused(&bytes, &["contradicts itself about \"arr_"]);
    bytes[at..at + 4].copy_from_slice(&0xffff_0000u32.to_le_bytes());
    refused(&bytes, &["contradicts itself about \"arr_3.npy\""]);
    bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    refused(&bytes, &["64-bit sizes"]);
}

#[test]
fn headers_that_disagree() {
    let bytes = zip(&members(), b"");
    for at in [0, 8, 26, 30] {
        let mut bytes = bytes.clone();
        let at = at + 30 + 9 + 4 + members()[0].packed.len();
        bytes[at] ^= 1;
        refused(&bytes, &["contradicts itself about \"arr_1.npy\""]);
    }
    let end = bytes.len() - 22;
    for (at, part) in
        [(4, "several parts"), (8, "several parts"), (12, "said to be the bytes"), (16, "said to be")]
    {
        let mut bytes = bytes.clone();
        bytes[end + at] ^= 1;
        refused(&bytes, &[part]);
    }
    let mut fewer = bytes.clone();
    (fewer[end + 8], fewer[end + 10]) = (3, 3);
    refused(&fewer, &["bytes in its directory that belong to no member"]);
    (fewer[end + 8], fewer[end + 10]) = (5, 5);
    refused(&fewer, &["whose directory is damaged"]);
    let mut more = bytes;
    more[end + 8..end + 12].fill(0xff);
    refused(&more, &["64-bit sizes"]);
    more[end + 8..end + 12].copy_from_slice(&[0xfe, 0xff, 0xfe, 0xff]);
    refused(&more, &["65534 members, where at most 4096"]);
}

#[test]
fn members_of_other_kinds() {
    refused_member(|member| member.flags = 1, &["\"arr_2.npy\" is encrypted"]);
    refused_member(|member| member.method = 14, &["method 14"]);
    let mut twice = members();
    twice[3].name = "arr_2.npy".into();
    refused(&zip(&twice, b""), &["\"arr_2\" twice"]);
    refused(&zip(&[], b""), &["has no arrays", "model.get_weights()"]);
    refused(&zip(&[stored("archive/data.pkl", b"x")], b""), &["torch.save", "save_file(model.state_dict()"]);
    let keras = [stored("metadata.json", b"{}"), stored("model.weights.h5", b"x")];
    refused(&zip(&keras, b""), &["a whole Keras model", "model.get_weights()"]);
    refused(&zip(&[stored("a\x1b[2J.txt", b"x")], b""), &["a\\u{1b}[2J.txt", ".npy"]);
    refused(b"\x89HDF\r\n\x1a\n\0\0\0\0", &["HDF5", "np.savez"]);
}

// ---- the arrays

#[test]
fn other_elements_than_little_endian_f32() {
    for (descr, size) in [("<f8", 8), (">f4", 4), ("<f2", 2), ("|u1", 1), ("|O", 8), ("<c8", 8)] {
        let bytes = npy(descr, "False", "(3, 2)", &vec![0; 6 * size]);
        refused_array(2, &bytes, &["arr_2.npy", descr, "little-endian f32", ".astype(\"<f4\")"]);
    }
}

#[test]
fn headers_that_are_none() {
    let good = &arrays()[2].1;
    refused_array(2, b"", &["arr_2.npy", "does not begin as an npy file does"]);
    refused_array(2, &good[..9], &["ends within its npy header"]);
    refused_array(2, &good[..100], &["ends within its npy header"]);
    refused_array(2, &npy_with("{'descr': '<f4'}", b""), &["is not as numpy writes it"]);
    refused_array(2, &npy_with(&"(".repeat(9000), b""), &["is not as numpy writes it"]);
    let mut version = good.clone();
    version[6] = 9;
    refused_array(2, &version, &["version 9.0"]);
    let long = [&good[..6], &[2, 0, 0, 0, 0, 0x40], &good[10..]].concat();
    refused_array(2, &long, &["1073741824 bytes, where at most 10000"]);
}

#[test]
fn shapes_that_do_not_fill_their_bytes() {
    for shape in ["(3, 3)", "(4294967296, 4294967296)", "(18446744073709551615, 2)", "()"] {
        let bytes = npy("<f4", "False", shape, &[0; 24]);
        refused_array(2, &bytes, &["arr_2.npy", "does not fill exactly"]);
    }
}

#[test]
fn arrays_that_make_no_network() {
    let zeros = |shape: &str, count: usize| npy("<f4", "False", shape, &vec![0; 4 * count]);
    refused_array(0, &zeros("(6,)", 6), &["arr_0 of shape [6]", "[inputs, outputs]"]);
    refused_array(0, &zeros("(0, 3)", 0), &["arr_0 of shape [0, 3]", "no size of 0"]);
    refused_array(1, &zeros("(2,)", 2), &["arr_1 of shape [2]", "one for each output of arr_0"]);
    refused_array(1, &zeros("(3, 1)", 3), &["arr_1 of shape [3, 1]", "[3], one for each"]);
    refused_array(2, &zeros("(2, 2)", 4), &["arr_2 of shape [2, 2]", "each of 3 outputs before it"]);
    refused(&zip(&members()[..3], b""), &["has arr_2 but lacks arr_3"]);
    let mut members = members();
    members[2].name = "kernel.npy".into();
    refused(&zip(&members, b""), &["the array \"kernel\"", "arr_2 comes next", "model.get_weights()"]);
}

#[test]
fn parameters_that_are_not_finite() {
    for (order, place) in [("False", "arr_2[1, 0]"), ("True", "arr_2[2, 0]")] {
        let mut values = [0.0; 6];
        values[2] = f32::NAN;
        let bytes = npy("<f4", order, "(3, 2)", &floats(values));
        refused_array(2, &bytes, &["has NaN at ", place, "finite"]);
    }
    let bytes = npy("<f4", "False", "(2,)", &floats([0.0, f32::INFINITY]));
    refused_array(3, &bytes, &["has inf at arr_3[1]"]);
}

/// A comment that begins as ours is ours: what it says must be of this network.
#[test]
fn comments_that_contradict_the_arrays() {
    for (comment, part) in [
        ("{", "no JSON object of texts"),
        ("{\"a\":1}", "no JSON object of texts"),
        (r#"{"architecture":"2-4-2"}"#, "those of 2-3-2"),
        (r#"{"activation":"gelu"}"#, "the activation \"gelu\""),
        (r#"{"class_names":"[1]"}"#, "the class names"),
    ] {
        refused(&zip(&members(), comment.as_bytes()), &[part]);
    }
    assert!(load(&zip(&members(), br#"{"activation":"tanh"}"#)).says_activations);
}
