//! Input that was made to do harm, through the binary: each gets its sentence and exit code 1, in less than a second of
//! CPU time, and in less memory than twice its size and 20 MB.
#![cfg(unix)]

mod mnist;
mod program;
mod scratch;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use flate2::{Compression, Crc, write::DeflateEncoder, write::GzEncoder, write::ZlibEncoder};
use mnist_fast::model_file::{self, Model};
use mnist_fast::network::Network;
use program::{folder, program};
use scratch::{Scratch, gzip, idx, images};

/// What a hostile file is offered as.
#[derive(Clone, Copy, PartialEq)]
enum As {
    /// `predict FILE --index 0`
    Model,
    /// `predict model FILE`
    Picture,
    /// The training images of a folder.
    Raw,
    /// The same, gzipped: with a cache folder and without.
    Packed,
}

use As::{Model as M, Packed as G, Picture as P, Raw as R};

/// An 8-byte length, a header and some data.
fn tensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

/// A model of one weight and one bias, with this metadata.
fn with_metadata(metadata: &str) -> Vec<u8> {
    let header = format!(
        r#"{{"__metadata__":{metadata},"0.weight":{{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}},"0.bias":{{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}}}"#
    );
    tensors(&header, &[0; 8])
}

/// `count` zeros, compressed.
fn zeros<W: Write>(mut encoder: W, count: usize) -> W {
    let piece = [0; 1 << 16];
    for start in (0..count).step_by(piece.len()) {
        encoder.write_all(&piece[..piece.len().min(count - start)]).unwrap();
    }
    encoder
}

/// `start`, then zeros, gzipped.
fn bomb(start: &[u8], count: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(start).unwrap();
    zeros(encoder, count).finish().unwrap()
}

fn chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(kind);
    crc.update(data);
    [&(data.len() as u32).to_be_bytes(), kind, data, &crc.sum().to_be_bytes()].concat()
}

/// A PNG file of this size, bits and colour type, whose pixels are zeros as far as they go.
fn png(width: u32, height: u32, bits: u8, colour: u8, more: &[u8], bytes: usize) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[bits, colour, 0, 0, 0]].concat();
    let data = zeros(ZlibEncoder::new(Vec::new(), Compression::fast()), bytes).finish().unwrap();
    let start = [b"\x89PNG\r\n\x1a\n", &chunk(b"IHDR", &header)[..], more].concat();
    [start, chunk(b"IDAT", &data), chunk(b"IEND", b"")].concat()
}

/// A zip archive of members: name, method, packed bytes and what they are said to unpack to.
fn npz(members: &[(&str, u8, &[u8], u32)]) -> Vec<u8> {
    let (mut file, mut directory) = (vec![], vec![]);
    for (name, method, packed, len) in members {
        let mut crc = Crc::new();
        crc.update(packed);
        let numbers = [crc.sum(), packed.len() as u32, *len].map(u32::to_le_bytes).concat();
        let name_len = (name.len() as u32).to_le_bytes();
        let common = [&[20, 0, 0, 0, *method, 0, 0, 0, 0, 0], &numbers[..], &name_len].concat();
        let offset = (file.len() as u32).to_le_bytes();
        file.extend([b"PK\x03\x04", &common[..], name.as_bytes(), packed].concat());
        directory.extend([b"PK\x01\x02\x14\0", &common[..], &[0; 10], &offset, name.as_bytes()].concat());
    }
    let count = (members.len() as u16).to_le_bytes();
    let places = [directory.len() as u32, file.len() as u32].map(u32::to_le_bytes).concat();
    [&file[..], &directory, b"PK\x05\x06\0\0\0\0", &count, &count, &places, &[0, 0]].concat()
}

/// Every hostile file: its name, what it is offered as, its bytes, and what its sentence says. One at a time, to keep this process small.
fn cases(mut visit: impl FnMut(&str, As, Vec<u8>, &str)) {
    let small = images(6, 3, 2);
    let packed = gzip(&small);
    let model = with_metadata("{}");
    let bad_crc = [&packed[..packed.len() - 8], b"abcd", &packed[packed.len() - 4..]].concat();
    let of = |from: &str, to: &str| {
        let header = String::from_utf8(model[8..model.len() - 8].to_vec()).unwrap();
        assert!(header.contains(from), "{from}");
        tensors(&header.replace(from, to), &[0; 8])
    };
    let cut = |bytes: Vec<u8>, by: usize| bytes[..bytes.len() - by].to_vec();
    visit("empty", M, vec![], "is empty");
    visit("short", M, b"1234567".to_vec(), "has 7 bytes");
    visit("long-header", M, tensors("{}", b"")[..1].repeat(100), "promise a header of");
    visit("zip", M, [b"PK\x03\x04", &[0u8; 40][..]].concat(), "is a zip archive");
    let zeros_to =
        |count| zeros(DeflateEncoder::new(Vec::new(), Compression::best()), count).finish().unwrap();
    visit(
        "npz-bomb",
        M,
        npz(&[("arr_0.npy", 8, &zeros_to(100 << 20), 100 << 20)]),
        "far more than the weights",
    );
    visit("npz-lie", M, npz(&[("arr_0.npy", 8, &zeros_to(15 << 20), 1000)]), "does not begin as an npy file");
    visit("npz-more", M, npz(&[("arr_0.npy", 8, &zeros_to(100 << 20), 0)]), "does not end where it should");
    let crumb = b"\x93NUMPY\x01\x007\0{'descr':'<f4','fortran_order':False,'shape':(0,)}     ";
    let names: Vec<String> = (0..10_000).map(|i| format!("a{i}.npy")).collect();
    let crumbs: Vec<_> = names.iter().map(|name| (&**name, 0, &crumb[..], crumb.len() as u32)).collect();
    visit("npz-crumbs", M, npz(&crumbs[..4096]), "where arr_0 comes next");
    visit("npz-many", M, npz(&crumbs), "10000 members");
    visit("npz-comment", M, [npz(&[]), vec![b'{'; 65_535]].concat(), "is a zip archive");
    let name = "n".repeat(65_000);
    visit("npz-names", M, npz(&[(&*name, 0, &b""[..], 0); 30]), "with a directory of 1951380 bytes");
    visit("npz-signatures", M, b"PK\x05\x06".repeat(1 << 18), "is a zip archive");
    visit("not-json", M, tensors("{\"a\":", b""), "is not JSON");
    visit("deep", M, tensors(&format!("{{\"a\":{}", "[".repeat(60_000)), b""), "is not JSON");
    visit(
        "objects",
        M,
        tensors(&format!("{{\"a\":[{}0]}}", "{\"\":0},".repeat(149_000)), b""),
        "149001 objects",
    );
    visit("values", M, tensors(&format!("{{\"a\":[{}0]}}", "0,".repeat(520_000)), b""), "520001 values");
    visit(
        "objects-in-training",
        M,
        with_metadata(&format!(r#"{{"training":"{{\"a\":[{}0]}}"}}"#, r#"{\"\":0},"#.repeat(100_000))),
        "the training configuration",
    );
    visit("twice", M, tensors(r#"{"a":{},"a":{}}"#, b""), "a key twice");
    visit("overflow", M, of("[1,1]", "[4611686018427387904,4]"), "does not fill exactly");
    visit("negative", M, of("[1,1]", "[-1,-1]"), "describes the tensor");
    visit("no-number", M, of("[1,1]", "[1e400,1]"), "is not JSON");
    visit("beyond", M, of("[4,8]", "[4,4000000000]"), "does not fill exactly");
    visit("overlap", M, of("[4,8]", "[0,4]"), "overlap");
    visit("cut-model", M, cut(model.clone(), 1), "is cut short");
    visit("trailing-model", M, [&model[..], b"x"].concat(), "after its last tensor");
    visit("nan", M, [cut(model.clone(), 8), f32::NAN.to_le_bytes().repeat(2)].concat(), "has NaN at 0.");
    visit(
        "infinite",
        M,
        [cut(model.clone(), 4), f32::INFINITY.to_le_bytes().to_vec()].concat(),
        "has inf at 0.bias[0]",
    );
    visit("picture-as-model", M, b"P5 1 1 255\nx".to_vec(), "is a picture");
    visit("png-cut", P, png(64, 64, 8, 6, b"", 9000), "cannot be read");
    visit("png-bomb", P, cut(png(8192, 4096, 8, 6, b"", 32769 * 4096), 40), "cannot be read");
    visit("png-lie", P, png(8192, 4096, 16, 6, b"", 1000), "cannot be read");
    visit("png-strip", P, png(1 << 25, 1, 1, 0, b"", 1000), "65536 a side");
    visit("png-huge", P, png((1 << 31) - 1, (1 << 31) - 1, 8, 0, b"", 9), "33554432 in all");
    visit("png-zero", P, png(0, 1, 8, 0, b"", 9), "save it again");
    visit("png-no-palette", P, png(4, 1, 8, 3, b"", 5), "save it again");
    visit(
        "png-text-bomb",
        P,
        png(4, 1, 8, 0, &chunk(b"zTXt", &[b"k\0\0", &bomb(b"", 50 << 20)[..]].concat()), 5),
        "is blank",
    );
    visit("pnm-huge", P, b"P5 18446744073709551615 18446744073709551615 255\n".to_vec(), "33554432 in all");
    visit("pnm-lie", P, b"P6 5000 5000 255\nx".to_vec(), "has 1 byte of pixels");
    visit("pnm-strip", P, [&b"P4 33554432 1\n"[..], &[0; 1 << 10]].concat(), "65536 a side");
    visit("pnm-comment", P, [&b"P5 "[..], &b"#\n".repeat(1 << 19)].concat(), "its width");
    visit("pnm-digits", P, [&b"P5 "[..], &[b'9'; 1 << 20]].concat(), "its width");
    visit("pnm-late", P, [&b"P1 1000 1000\n"[..], &[b'1'; 999_999], b"2"].concat(), "sample 999999");
    visit("nothing", P, vec![], "is empty");
    visit("text", P, b"hello".to_vec(), "neither a PNG nor");
    visit("idx-lie", P, idx(8, &[4_000_000_000, 28, 28], &[0; 784]), "promises 3136000000016");
    visit("idx-size", P, images(2, 3, 2), "784 pixels");
    visit(
        "gz-picture-bomb",
        P,
        bomb(b"P5 5000 5000 255\n", 25_000_000),
        "unpacks to more than 8388608 bytes",
    );
    visit(
        "gz-idx-bomb",
        P,
        bomb(&idx(8, &[100_000, 28, 28], b""), 78_400_000),
        "far more than images pack to",
    );
    visit("gz-idx-more", P, bomb(&idx(8, &[2, 28, 28], b""), 1 << 20), "unpacks to more than the 1584");
    visit("gz-twice", P, gzip(&packed), "gzipped twice");
    visit("gz-cut", P, cut(packed.clone(), 3), "cut short");
    visit("gz-crc", P, bad_crc.clone(), "checksum");
    visit("gz-rubbish", P, [&packed[..], b"rubbish"].concat(), "do not belong there");
    visit("raw-lie", R, idx(8, &[u32::MAX, 1, 1], b"x"), "promises 4294967311");
    visit("raw-overflow", R, idx(8, &[u32::MAX; 255], b"x"), "64 bits");
    visit("raw-rank", R, idx(8, &[1; 255], b"x"), "1 x 1 x 1 x 1 x 1 x 1 x 1 x 1 x ...");
    visit("raw-gz", R, packed.clone(), "gzip data under a raw name");
    visit(
        "packed-bomb",
        G,
        bomb(&idx(8, &[100_000, 28, 28], b""), 78_400_000),
        "far more than images pack to",
    );
    visit("packed-more", G, bomb(&small, 1 << 20), "unpacks to more than the 52 bytes");
    visit("packed-lie", G, gzip(&idx(8, &[u32::MAX, 1000, 1000], b"x")), "promises 4294967295000016");
    visit("packed-count", G, gzip(&images(7, 3, 2)), "do not belong together");
    visit("packed-empties", G, gzip(b"").repeat(2000), "more than 1000 pieces");
    visit("packed-crumbs", G, [gzip(&small[..9]), gzip(b"x").repeat(2000)].concat(), "pieces of gzip data");
    visit("packed-crc", G, bad_crc, "checksum");
    visit("packed-cut", G, cut(packed.clone(), 9), "cut short");
    visit("packed-twice", G, gzip(&packed), "gzipped twice");
    visit("packed-zeros", G, [&packed[..], &[0; 512]].concat(), "do not belong there");
    visit("packed-name", G, [b"\x1f\x8b\x08\x08\0\0\0\0\0\0", &[b'n'; 1 << 20][..]].concat(), "gzip");
    visit("packed-raw", G, small, "is not gzipped");
}

/// What a run took.
struct Cost {
    status: ExitStatus,
    stderr: String,
    /// The most memory it had at a time, in bytes.
    memory: libc::c_long,
    cpu_seconds: f64,
}

/// Runs the binary to its end and asks the system what that cost.
#[allow(clippy::zombie_processes, reason = "wait4 below waits for it")]
fn cost(arguments: &[&str], cache: Option<&Path>) -> Cost {
    let mut command = program(arguments);
    match cache {
        Some(cache) => command.env("XDG_CACHE_HOME", cache),
        None => command.env_remove("XDG_CACHE_HOME").env_remove("HOME"),
    };
    // A new program is counted the most memory that the one which started it has had; Linux forgets that when asked.
    if cfg!(target_os = "linux") {
        fs::write("/proc/self/clear_refs", "5").unwrap();
    }
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    let (mut status, mut usage) = (0, std::mem::MaybeUninit::<libc::rusage>::zeroed());
    // SAFETY: the child is ours and not waited for yet, and both results have room.
    let waited = unsafe { libc::wait4(child.id() as libc::pid_t, &mut status, 0, usage.as_mut_ptr()) };
    assert_eq!(waited, child.id() as libc::pid_t);
    // SAFETY: all zeros are a valid `rusage`, and `wait4` has filled it.
    let usage = unsafe { usage.assume_init() };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
    Cost {
        status: ExitStatus::from_raw(status),
        stderr,
        memory: usage.ru_maxrss * 1024,
        cpu_seconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
    }
}

/// What is wrong with a run on a file of `size` bytes that must say `part`.
fn judge(cost: &Cost, code: i32, size: u64, part: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if cost.status.code() != Some(code) {
        wrong.push(format!("ended with {}", cost.status));
    }
    let sentence = cost.stderr.strip_suffix('\n').unwrap_or("");
    if !sentence.starts_with("error: ")
        || !sentence.contains(part)
        || sentence.contains('\n')
        || sentence.len() > 600
    {
        wrong.push(format!("said {:?}", cost.stderr));
    }
    if cfg!(target_os = "linux") && cost.memory > 2 * size as libc::c_long + 20_000_000 {
        wrong.push(format!("took {} bytes for {size}", cost.memory));
    }
    if cost.cpu_seconds > 1.0 {
        wrong.push(format!("took {} s", cost.cpu_seconds));
    }
    wrong
}

fn save_model(scratch: &Scratch) -> PathBuf {
    let path = scratch.path("model.safetensors");
    let network = Network::glorot_uniform(&[784, 10], 1).unwrap();
    model_file::save(&path, &Model { network, class_names: None, training: None }).unwrap();
    path
}

#[test]
fn every_hostile_file_gets_its_sentence_cheaply() {
    let scratch = Scratch::with_dataset();
    let model = save_model(&scratch).display().to_string();
    let data = folder(&scratch);
    let cache = scratch.path("cache");
    let (mut count, mut wrong) = (0, Vec::new());
    cases(|name, offered, bytes, part| {
        let images = scratch.path("data").join("train-images-idx3-ubyte");
        let file = match offered {
            M | P => scratch.path(name),
            R => images.clone(),
            G => images.with_extension("gz"),
        };
        let _ = fs::remove_file(&images);
        fs::write(&file, &bytes).unwrap();
        let (path, size) = (file.display().to_string(), bytes.len() as u64);
        drop(bytes);
        let caches = if offered == G { vec![Some(&*cache), None] } else { vec![Some(&*cache)] };
        for cache in caches {
            let cost = match offered {
                M => cost(&["predict", &path, "--index", "0"], cache),
                P => cost(&["predict", &model, &path], cache),
                R | G => cost(&["train", "--data", &data, "--quiet"], cache),
            };
            let code = if name == "picture-as-model" { 2 } else { 1 };
            count += 1;
            wrong.extend(judge(&cost, code, size, part).into_iter().map(|what| format!("{name}: {what}")));
        }
        fs::remove_file(&file).unwrap();
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 70, "{count}");
}

/// The one parameter that is no number is the last of ten million.
#[test]
fn a_large_model_is_looked_at_before_memory_is_filled() {
    let scratch = Scratch::new();
    let (k, path) = (10_000, scratch.path("late"));
    let weights = 4 * 784 * k;
    let header = format!(
        r#"{{"0.weight":{{"dtype":"F32","shape":[{k},784],"data_offsets":[0,{weights}]}},"0.bias":{{"dtype":"F32","shape":[{k}],"data_offsets":[{weights},{}]}}}}"#,
        weights + 4 * k
    );
    let start = tensors(&header, b"");
    let file = File::create(&path).unwrap();
    let len = (start.len() + weights + 4 * k) as u64;
    file.write_all_at(&start, 0).unwrap();
    file.write_all_at(&f32::NAN.to_le_bytes(), len - 4).unwrap();
    // Its length alone is what counts: 20 MB are all that it may take.
    let cost = cost(&["predict", &path.display().to_string(), "--index", "0"], None);
    let wrong = judge(&cost, 1, 0, "has NaN at 0.bias[9999]");
    assert!(wrong.is_empty(), "{wrong:?}");
}
