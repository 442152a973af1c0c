//! One test per defect of a dataset: each is refused with one sentence that says what, where and what to do.

use std::fs;
use std::io::Write;

use mnist_fast::dataset::{CacheDir, Options, open_with};
use mnist_fast::error::Kind;

use crate::scratch::{Scratch, assert_says, gzip, idx, images, labels};

const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";
const TRAIN_LABELS: &str = "train-labels-idx1-ubyte";

/// A good dataset whose train images are replaced by `bytes`, raw.
#[track_caller]
fn raw(bytes: &[u8], parts: &[&str]) {
    let scratch = Scratch::with_dataset();
    scratch.put(TRAIN_IMAGES, bytes);
    scratch.refused(&[&[TRAIN_IMAGES], parts].concat());
}

/// A good dataset whose train images are replaced by `bytes` with the name of a .gz file.
#[track_caller]
fn packed(bytes: &[u8], parts: &[&str]) {
    let scratch = Scratch::with_dataset();
    scratch.remove(TRAIN_IMAGES);
    scratch.put("train-images-idx3-ubyte.gz", bytes);
    scratch.refused(&[&["train-images-idx3-ubyte.gz"], parts].concat());

    // Without a cache folder the answer is the same.
    let in_memory = Options { cache: CacheDir::none(), ..scratch.options() };
    assert_says(&open_with(&in_memory).unwrap_err().to_string(), parts);
}

#[test]
fn empty_file() {
    raw(&[], &["is empty", "get it again"]);
}

#[test]
fn header_cut_short() {
    raw(&images(6, 3, 2)[..13], &["has 13 bytes", "header of 16 bytes"]);
}

#[test]
fn file_cut_short() {
    raw(&images(6, 3, 2)[..51], &["has 51 bytes where its header promises 52", "get it again"]);
}

#[test]
fn trailing_bytes() {
    raw(&[&images(6, 3, 2)[..], b"\r\n"].concat(), &["has 54 bytes", "promises 52, 2 too many"]);
}

#[test]
fn gzip_under_a_raw_name() {
    raw(&gzip(&images(6, 3, 2)), &["is gzip data under a raw name", "idx3-ubyte.gz", "gunzip"]);
}

#[test]
fn html_under_a_raw_name() {
    raw(b"<!DOCTYPE html><html>404</html>", &["begins with '<'", "web page"]);
}

#[test]
fn not_idx() {
    raw(b"\x89PNG\r\n\x1a\n", &["is not an IDX file", "89 50 4E 47"]);
}

#[test]
fn unknown_element_type() {
    raw(&idx(0x0A, &[6, 3, 2], &[0; 36]), &["element type is 0A"]);
}

#[test]
fn no_dimensions() {
    raw(&idx(8, &[], &[0]), &["0 dimensions", "1 to 255"]);
}

#[test]
fn header_product_overflows() {
    raw(&idx(8, &[u32::MAX; 3], &[0; 36]), &["4294967295 x 4294967295 x 4294967295", "64 bits"]);
}

#[test]
fn header_promises_three_tebibytes() {
    // 3 TiB and a few bytes: refused by its length, before anything is allocated.
    let promise = ["has 52 bytes where its header promises 3298534883344"];
    raw(&idx(8, &[3 << 20, 1 << 10, 1 << 10], &[0; 36]), &promise);
    packed(&gzip(&idx(8, &[3 << 20, 1 << 10, 1 << 10], &[0; 36])), &promise);
}

#[test]
fn other_element_type() {
    raw(&idx(0x0D, &[6, 3, 2], &[0; 144]), &["holds 6 x 3 x 2 f32", "count x rows x columns u8"]);
}

#[test]
fn other_number_of_dimensions() {
    raw(&idx(8, &[6, 3, 2, 1], &[0; 36]), &["holds 6 x 3 x 2 x 1 u8", "count x rows x columns u8"]);
}

#[test]
fn labels_given_as_images() {
    raw(&labels(&[0; 6]), &["holds 6 u8", "a file of labels", "check which file is which"]);
}

#[test]
fn images_given_as_labels() {
    let scratch = Scratch::with_dataset();
    scratch.put(TRAIN_LABELS, &images(6, 3, 2));
    scratch.refused(&[TRAIN_LABELS, "holds 6 x 3 x 2 u8", "a file of images", "which file is which"]);
}

#[test]
fn labels_of_several_numbers() {
    let scratch = Scratch::with_dataset();
    scratch.put(TRAIN_LABELS, &idx(0x0C, &[6, 8, 2], &[0; 384]));
    scratch.refused(&[TRAIN_LABELS, "holds 6 x 8 x 2 i32", "count u8"]);
}

#[test]
fn no_images() {
    raw(&images(0, 28, 28), &["holds 0 x 28 x 28 u8", "no pixels"]);
}

#[test]
fn images_without_pixels() {
    raw(&images(6, 0, 28), &["holds 6 x 0 x 28 u8", "no pixels"]);
}

#[test]
fn counts_differ() {
    let scratch = Scratch::with_dataset();
    scratch.put(TRAIN_LABELS, &labels(&[0; 5]));
    scratch.refused(&[TRAIN_IMAGES, "6 images", TRAIN_LABELS, "5 labels", "do not belong together"]);
}

#[test]
fn label_out_of_range() {
    let scratch = Scratch::with_dataset();
    scratch.put(TRAIN_LABELS, &labels(&[0, 1, 10, 3, 26, 5]));
    scratch.refused(&[TRAIN_LABELS, "label 10 at index 2", "10 classes, 0 to 9", "--num-classes 27"]);

    let enough = Options { num_classes: Some(27), ..scratch.options() };
    assert_eq!(open_with(&enough).unwrap().classes, 27);
}

#[test]
fn label_without_a_name() {
    let scratch = Scratch::with_dataset();
    let names = scratch.put("classes.txt", b"a\nb\nc\n");
    scratch.refused(&[
        "label 9 at index 3",
        "3 classes",
        "at least 10 classes",
        &names.display().to_string(),
    ]);
}

#[test]
fn split_sizes_differ() {
    let scratch = Scratch::with_dataset();
    scratch.put("t10k-images-idx3-ubyte", &images(4, 2, 3));
    scratch.refused(&["images of 3 x 2", "t10k-images-idx3-ubyte of 2 x 3"]);
}

#[test]
fn half_a_test_split() {
    let scratch = Scratch::with_dataset();
    scratch.remove("t10k-labels-idx1-ubyte");
    scratch.refused(&["holds no t10k-labels-idx1-ubyte", "beside", "t10k-images-idx3-ubyte"]);
}

#[test]
fn missing_train_labels() {
    let scratch = Scratch::with_dataset();
    scratch.remove(TRAIN_LABELS);
    scratch.refused(&["holds no train-labels-idx1-ubyte"]);
}

#[test]
fn folder_without_idx_files() {
    Scratch::new().refused(&["holds no train-images-idx3-ubyte", ".gz", "give the folder"]);
}

#[test]
fn folder_in_place_of_a_file() {
    let scratch = Scratch::with_dataset();
    scratch.remove(TRAIN_IMAGES);
    fs::create_dir(scratch.path("data").join(TRAIN_IMAGES)).unwrap();
    scratch.refused(&[TRAIN_IMAGES, "is a folder", "regular file"]);
}

#[cfg(unix)]
#[test]
fn fifo_in_place_of_a_file() {
    for name in [TRAIN_IMAGES, "train-images-idx3-ubyte.gz"] {
        let scratch = Scratch::with_dataset();
        scratch.remove(TRAIN_IMAGES);
        let made = std::process::Command::new("mkfifo").arg(scratch.path("data").join(name)).status();
        if !made.is_ok_and(|status| status.success()) {
            println!("skipped: mkfifo cannot be run here");
            return;
        }
        scratch.refused(&[name, "is a FIFO", "regular file"]);
    }
}

#[cfg(unix)]
#[test]
fn unreadable_file() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::with_dataset();
    let path = scratch.path("data").join(TRAIN_IMAGES);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&path).is_ok() {
        println!("skipped: this user reads every file");
        return;
    }
    scratch.refused(&[TRAIN_IMAGES, "permission denied", "read permission"]);
}

#[test]
fn missing_folder() {
    let scratch = Scratch::new();
    let options = Options { data: scratch.path("absent").display().to_string(), ..scratch.options() };
    assert_says(&open_with(&options).unwrap_err().to_string(), &["absent does not exist", "check the path"]);
}

#[test]
fn file_in_place_of_the_folder() {
    let scratch = Scratch::with_dataset();
    let data = scratch.path("data").join(TRAIN_IMAGES).display().to_string();
    let options = Options { data, ..scratch.options() };
    assert_says(&open_with(&options).unwrap_err().to_string(), &["is a file", "give the folder"]);
}

#[test]
fn unknown_name() {
    let scratch = Scratch::new();
    for (data, last) in [("fashion_mnist", "; did you mean fashion-mnist?"), ("nonesuch", "./nonesuch")] {
        let options = Options { data: data.into(), ..scratch.options() };
        let message = open_with(&options).unwrap_err().to_string();
        assert_says(&message, &[data, "neither", "(mnist, fashion-mnist, kmnist, qmnist, "]);
        assert!(message.ends_with(last), "{message}");
    }
}

#[test]
fn num_classes_out_of_range() {
    let scratch = Scratch::with_dataset();
    for num_classes in [0, 1, 257] {
        let options = Options { num_classes: Some(num_classes), ..scratch.options() };
        let error = open_with(&options).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert_says(&error.to_string(), &["--num-classes", "2 to 256"]);
    }
}

#[test]
fn num_classes_against_names() {
    let scratch = Scratch::with_dataset();
    scratch.put("classes.txt", b"a\nb\n");
    let options = Options { num_classes: Some(10), ..scratch.options() };
    let error = open_with(&options).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert_says(&error.to_string(), &["--num-classes 10 disagrees", "classes.txt", "2 classes"]);
}

#[test]
fn bad_class_names() {
    for (bytes, part) in [
        (&b""[..], "names 0 classes"),
        (b"one\n", "names 1 classes"),
        (b"a\n\nb\n", "no printable name in line 2"),
        (b"a\nb\x1b[31m\n", "no printable name in line 2"),
        (b"a\n\xff\n", "is not UTF-8"),
        (&[b'x'; 70_000], "longer than 65536 bytes"),
        (&b"x\n".repeat(257), "names 257 classes"),
    ] {
        let scratch = Scratch::with_dataset();
        scratch.put("class-names.txt", bytes);
        scratch.refused(&["class-names.txt", part, "one class name a line"]);
    }
}

#[test]
fn two_files_of_class_names() {
    let scratch = Scratch::with_dataset();
    scratch.put("classes.txt", b"a\nb\n");
    scratch.put("class-names.txt", b"a\nb\n");
    scratch.refused(&["both classes.txt and class-names.txt", "remove one"]);
}

#[test]
fn empty_gz() {
    packed(&[], &["is empty"]);
    packed(&gzip(&[]), &["the data inside", "is empty"]);
}

#[test]
fn html_saved_as_gz() {
    packed(b"<html><body>403 Forbidden</body></html>", &["begins with '<'", "web page"]);
}

#[test]
fn raw_idx_named_gz() {
    packed(&images(6, 3, 2), &["is not gzipped", "raw IDX file", "remove .gz"]);
}

#[test]
fn something_else_named_gz() {
    packed(b"PK\x03\x04", &["is not gzip data", "begins with 50", "1F 8B"]);
    packed(b"\x1fPK", &["gzip data", "get the file again"]);
}

#[test]
fn gzipped_twice() {
    packed(&gzip(&gzip(&images(6, 3, 2))), &["gzipped twice", "gunzip"]);
}

#[test]
fn truncated_gz() {
    let whole = gzip(&images(600, 28, 28));
    // In the gzip header, in the data, in the CRC, and one byte before the end.
    for len in [1, 5, whole.len() / 2, whole.len() - 6, whole.len() - 1] {
        packed(&whole[..len], &["ends in the middle of its gzip data", "get it again"]);
    }
}

#[test]
fn gz_with_a_bad_crc() {
    let mut bytes = gzip(&images(6, 3, 2));
    let crc = bytes.len() - 8;
    bytes[crc] ^= 1;
    packed(&bytes, &["damaged gzip data", "checksum", "get the file again"]);
}

#[test]
fn gz_with_damaged_data() {
    let mut bytes = gzip(&images(600, 28, 28));
    let middle = bytes.len() / 2;
    bytes[middle..middle + 40].fill(0xFF);
    packed(&bytes, &["get the file again"]);
}

#[test]
fn bytes_after_gz() {
    for rubbish in [&b"rubbish"[..], b"\0", b"\x1f", b"\x1f\x8b\x08"] {
        let bytes = [&gzip(&images(6, 3, 2))[..], rubbish].concat();
        packed(&bytes, &["bytes after its gzip data", "get the file again"]);
    }
}

#[test]
fn gz_that_unpacks_to_too_little() {
    packed(&gzip(&images(6, 3, 2)[..40]), &["the data inside", "has 40 bytes", "promises 52"]);
}

/// 64 MiB of zeros behind a header that promises 36 pixels: stopped within the first piece.
#[test]
fn bomb() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&images(6, 3, 2)).unwrap();
    for _ in 0..64 {
        encoder.write_all(&[0; 1 << 20]).unwrap();
    }
    packed(&encoder.finish().unwrap(), &["unpacks to more than the 52 bytes", "promises"]);
}
