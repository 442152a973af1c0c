//! What each fuzz target does with its bytes, and what must hold whatever they are. The fuzz targets and the test that
//! replays the committed corpus both call these.

use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use flate2::read::MultiGzDecoder;
use mnist_fast::args::{Args, Opt};
use mnist_fast::checkpoint::{Checkpoint, Folder, PRODUCER, Run, StateTensor};
use mnist_fast::dataset::gz::{self, Failure, Unpacked};
use mnist_fast::dataset::{classes, stamp};
use mnist_fast::hash::{Sha256Hex, sha256_hex};
use mnist_fast::idx::Header;
use mnist_fast::input::{self, Input};
use mnist_fast::npz::zip;
use mnist_fast::picture::{self, prepare};
use mnist_fast::{Error, model_file};
use mnist_fast_kernels::{Isa, Kernels, MatRef, StridedMut, Workspace};

/// An error is one sentence that names its file.
fn assert_sentence(error: &Error, name: &str) {
    let text = error.to_string();
    assert!(text.contains(name), "{text}");
    assert!(!text.contains('\n') && !text.ends_with('.') && text.len() < 2000, "{text}");
}

/// IDX headers: a length is promised only where every size is known and their product fits.
pub(crate) fn idx(data: &[u8]) {
    match Header::parse(data) {
        Ok(header) => {
            let elements: u128 = header.dims.iter().map(|dim| u128::from(*dim)).fold(1, u128::saturating_mul);
            let bytes = elements.saturating_mul(header.element.size().into()) + header.data_offset() as u128;
            assert_eq!(u128::from(header.file_len()), bytes);
            if let Err(defect) = header.check_len(data.len() as u64) {
                assert_sentence(&defect.in_file("x.idx"), "x.idx");
            }
            assert!(header.shape().len() < 200);
        }
        Err(defect) => assert_sentence(&defect.in_file("x.idx"), "x.idx"),
    }
}

/// Gzipped IDX files: what unpacks is one whole IDX file, the bytes that flate2 gives, and not far more than went in.
pub(crate) fn gz(data: &[u8]) {
    let (mut out, len) = (Vec::new(), data.len() as u64);
    match gz::unpack(&mut &data[..], len, "x.gz", &mut out) {
        Ok(_) => {
            let header = Header::parse(&out).unwrap();
            header.check_len(out.len() as u64).unwrap();
            assert!(out.len() <= (16 << 20).max(50 * data.len()));
            let mut other = Vec::new();
            MultiGzDecoder::new(data).read_to_end(&mut other).unwrap();
            assert!(out == other);
            // In pieces of another size.
            let (mut again, mut piece) = (Vec::new(), [0; 1000]);
            let mut unpacked = Unpacked::new(data, len, "x.gz");
            while let read @ 1.. = unpacked.fill(&mut piece).unwrap() {
                again.extend_from_slice(&piece[..read]);
            }
            assert!(out == again);
        }
        Err(Failure::Packed(error)) => assert_sentence(&error, "x.gz"),
        Err(Failure::Write(error)) => panic!("a vector was full: {error}"),
    }
}

/// Lists of class names: what is taken is shown as it is, a line each, and read again it is the same.
pub(crate) fn classes(data: &[u8]) {
    match classes::parse(data) {
        Ok(names) => {
            assert!((2..=256).contains(&names.len()));
            assert!(names.iter().all(|name| !name.is_empty() && name.trim() == name));
            assert!(names.iter().all(|name| !name.contains(char::is_control)));
            assert_eq!(classes::parse(names.join("\r\n").as_bytes()).as_ref(), Ok(&names));
        }
        Err(what) => assert!(!what.contains('\n') && (8..100).contains(&what.len()), "{what}"),
    }
}

/// Stamps, in which `L`, `M` and `H` after a 1 stand for the file's length, its time of modification and its hash: none vouches
/// for another hash than the one it has, and a file that has the right one needs none.
pub(crate) fn stamp(data: &[u8]) {
    let (path, at) = (temporary("stamped"), temporary("stamped.stamp"));
    fs::write(&path, "what is stamped").unwrap();
    let file = fs::File::open(&path).unwrap();
    let hash = sha256_hex(b"what is stamped");
    let modified = file.metadata().unwrap().modified().unwrap().duration_since(UNIX_EPOCH).unwrap();
    let line = |hash: &str| format!("mnist-fast-stamp 1 15 {} {hash}\n", modified.as_nanos());
    let text = match data.split_first() {
        Some((1, text)) => {
            let words =
                [(b'L', "15".to_owned()), (b'M', modified.as_nanos().to_string()), (b'H', hash.clone())];
            let word =
                |byte: &u8| words.iter().find(|(sign, _)| sign == byte).map(|(_, word)| word.as_bytes());
            text.iter().flat_map(|byte| word(byte).unwrap_or(std::slice::from_ref(byte))).copied().collect()
        }
        _ => data.get(1..).unwrap_or(&[]).to_vec(),
    };
    let put = || fs::write(&at, &text).unwrap();
    let other = sha256_hex(b"something else");
    put();
    assert_eq!(stamp::verify(&file, &at, Some(&other)).unwrap(), text == line(&other).as_bytes());
    put();
    let vouched = stamp::verify(&file, &at, None).unwrap();
    let word = String::from_utf8_lossy(&text).split_whitespace().nth(4).unwrap_or_default().to_owned();
    assert!(!vouched || word == hash || text == line(&word).as_bytes());
    put();
    assert!(stamp::verify(&file, &at, Some(&hash)).unwrap());
    assert_eq!(fs::read_to_string(&at).unwrap(), line(&hash), "it is stamped now");
    let _ = fs::remove_file(path);
    let _ = fs::remove_file(at);
}

/// Model files: what loads is finite and can be saved again.
pub(crate) fn model(data: &[u8]) {
    let path = temporary("model.safetensors");
    fs::write(&path, data).unwrap();
    let loaded = model_file::load(&path);
    match loaded {
        Ok(model) => {
            for layer in model.network.layers() {
                let rows = (0..layer.inputs()).map(|input| layer.weight_row(input)).chain([layer.biases()]);
                rows.for_each(|row| assert!(row.iter().all(|x| x.is_finite())));
            }
            assert!(model.class_names.is_none_or(|names| names.len() == model.network.classes()));
        }
        Err(error) => assert_sentence(&error, "model.safetensors"),
    }
    let _ = fs::remove_file(path);
}

/// Checkpoints: a whole file after a 0, else a header and, after a NUL, the data, to which length and hash are added: what they
/// vouch for is where a fuzzer would not come. What loads can be kept, and comes back the same.
pub(crate) fn checkpoint(data: &[u8]) {
    let path = temporary("checkpoints");
    let _ = fs::remove_dir_all(&path);
    fs::create_dir(&path).unwrap();
    let name = "checkpoint-0000000001.safetensors";
    let bytes = match data.split_first() {
        Some((0, file)) => file.to_vec(),
        _ => {
            let mut parts = data.get(1..).unwrap_or(&[]).splitn(2, |byte| *byte == 0);
            let [header, values] = [parts.next().unwrap_or(&[]), parts.next().unwrap_or(&[])];
            let mut bytes = [&(header.len() as u64).to_le_bytes(), header, values].concat();
            let mut hash = Sha256Hex::new();
            hash.update(&bytes);
            bytes.extend(hash.finish().as_bytes());
            bytes
        }
    };
    fs::write(path.join(name), bytes).unwrap();
    let mut folder = Folder::open(&path).unwrap();
    match folder.newest() {
        Ok(found) => {
            let Checkpoint { run, epoch, done, seconds, history, network, state, best } =
                *found.unwrap().checkpoint;
            assert!(epoch > 0 && history.len() == epoch - 1 && seconds >= 0.0);
            let (hash, best_hash) = (network.sha256(), best.as_ref().map(|best| (best.0, best.1.sha256())));
            // Whoever writes a checkpoint is its producer.
            let run = Run { producer: PRODUCER.into(), ..run };
            let texts = format!("{run:?} {done:?} {history:?}");
            // Numbers that are none are for the trainer to refuse: their bits stay.
            let bits = |state: &[StateTensor]| -> Vec<_> {
                let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                state.iter().map(|t| (t.name.clone(), t.shape.clone(), bits(&t.values))).collect()
            };
            let state_bits = bits(&state);
            let same = Checkpoint { run, epoch, done, seconds, history, network, state, best };
            folder.keep(2, &same).unwrap();
            let again = *folder.newest().unwrap().unwrap().checkpoint;
            assert_eq!((again.epoch, again.seconds.to_bits()), (epoch, seconds.to_bits()));
            assert_eq!(format!("{:?} {:?} {:?}", again.run, again.done, again.history), texts);
            assert_eq!(again.network.sha256(), hash);
            assert_eq!(again.best.map(|best| (best.0, best.1.sha256())), best_hash);
            assert_eq!(bits(&again.state), state_bits);
        }
        Err(error) => assert_sentence(&error, name),
    }
    drop(folder);
    let _ = fs::remove_dir_all(path);
}

/// Models of Keras: a whole archive after a 0, or the bytes of the first array alone, which checksums would keep a fuzzer out
/// of. What loads is finite, and saved again it is the same.
pub(crate) fn npz(data: &[u8]) {
    let (path, again) = (temporary("weights.npz"), temporary("again.npz"));
    let bytes = match data.split_first() {
        Some((0, archive)) => archive.to_vec(),
        _ => {
            let mut zip = zip::Writer::new(vec![]);
            zip.add("arr_0.npy", data.get(1..).unwrap_or(&[])).unwrap();
            let mut biases =
                b"\x93NUMPY\x01\x007\0{'descr':'<f4','fortran_order':False,'shape':(3,)}     ".to_vec();
            biases.extend([1.0f32; 3].iter().flat_map(|x| x.to_le_bytes()));
            zip.add("arr_1.npy", &biases).unwrap();
            zip.finish(b"").unwrap()
        }
    };
    fs::write(&path, bytes).unwrap();
    match model_file::load(&path) {
        Ok(model) => {
            model_file::save(&again, &model).unwrap();
            assert_eq!(model_file::load(&again).unwrap().network.sha256(), model.network.sha256());
            let _ = fs::remove_file(again);
        }
        Err(error) => assert_sentence(&error, "weights.npz"),
    }
    let _ = fs::remove_file(path);
}

/// Pictures: what is decoded has the size that it says, and can be prepared.
pub(crate) fn picture(data: &[u8]) {
    match picture::decode(data, "x.png") {
        Ok(picture) => {
            let pixels = picture.pixels().len();
            assert_eq!(pixels, picture.width() * picture.height());
            assert!(pixels <= picture::PIXELS_MAX);
            if pixels <= 1 << 16 {
                let prepared = prepare::prepare(&picture, 28);
                assert!(prepared.is_none_or(|p| p.pixels.len() == 784 && p.aspect > 0.0));
            }
        }
        Err(error) => assert_sentence(&error, "x.png"),
    }
}

/// What `predict` reads: of an IDX file, every element that its header promises can be read, and not one more.
pub(crate) fn input(data: &[u8]) {
    match input::read(data, "x") {
        Ok(Input::Picture(bytes)) => assert!(bytes.len() <= (8 << 20).max(2 * data.len()) + (64 << 10)),
        Ok(Input::Idx(mut elements)) => {
            let mut left = elements.header.file_len() as usize - elements.header.data_offset();
            let mut piece = vec![0; 4096];
            while left > 0 {
                let len = left.min(piece.len());
                elements.read(&mut piece[..len]).unwrap();
                left -= len;
            }
            assert!(elements.read(&mut piece[..1]).is_err());
        }
        Err(error) => assert_sentence(&error, "x"),
    }
}

const OPTIONS: &[Opt] = &[
    Opt { name: "--json", value: "", help: "" },
    Opt { name: "--threads", value: "N", help: "" },
    Opt { name: "--lr", value: "X", help: "" },
    Opt { name: "--data", value: "DIR", help: "" },
];

/// Command lines, a NUL between two words: nothing panics, and what is left over is neither an option nor too much.
pub(crate) fn args(data: &[u8]) {
    let words = data.split(|byte| *byte == 0).map(word).collect();
    let mut args = Args::new("train", OPTIONS, words);
    let _ = args.switch("--json");
    let values = args.value::<usize>("--threads", "a number").err();
    let values = values.or(args.value::<f64>("--lr", "a number").err());
    let values = values.or(args.path("--data").err());
    if let Some(error) = values {
        assert!(error.to_string().contains("--"), "{error}");
    }
    match args.finish(2) {
        Ok(rest) => {
            assert!(rest.len() <= 2);
            assert!(
                rest.iter()
                    .all(|word| word.to_string_lossy().len() < 2 || !word.to_string_lossy().starts_with('-'))
            );
        }
        Err(error) => assert!(error.to_string().len() >= 10),
    }
}

#[cfg(unix)]
fn word(bytes: &[u8]) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes.to_vec())
}

#[cfg(not(unix))]
fn word(bytes: &[u8]) -> OsString {
    String::from_utf8_lossy(bytes).into_owned().into()
}

/// Matrix products of any shapes, strides, offsets and scalars, on every exact ISA of this machine: views that are
/// granted stay inside their slices, C has the documented chain's bits, and its gaps are untouched.
pub(crate) fn gemm(data: &[u8]) {
    let mut bytes = data.iter().copied();
    let mut next = || bytes.next().unwrap_or(0);
    let (m, n, k) = (usize::from(next()) % 80, usize::from(next()) % 80, usize::from(next()) % 40);
    let scalars = [1.0, 0.0, -1.0, 0.5, -0.0, f32::NAN, f32::INFINITY, 3.0];
    let (alpha, beta) = (scalars[usize::from(next()) % 8], scalars[usize::from(next()) % 8]);
    let mut layout = || {
        let row = isize::from(i16::from_le_bytes([next(), next()]));
        let column = isize::from(i16::from_le_bytes([next(), next()]));
        (usize::from(u16::from_le_bytes([next(), next()])), row, column)
    };
    let (a_at, b_at, c_at) = (layout(), layout(), layout());
    // Small whole numbers and what is odd, in an order that the last byte shifts.
    let odd = [f32::NAN, f32::INFINITY, f32::MIN_POSITIVE / 4.0, -0.0, 1e30];
    let (salt, odds) = (usize::from(next()), usize::from(next()));
    let value = |i: usize| match i.wrapping_mul(2_654_435_761).wrapping_add(salt) % 4096 {
        x if odds > 0 && x % 97 < odds % 5 => odd[x % 5],
        x => (x % 17) as f32 * 0.25 - 2.0,
    };
    let source: Vec<f32> = (0..8192).map(value).collect();
    let before: Vec<f32> = (0..8192).map(|i| value(i + 7)).collect();

    let view = |at: (usize, isize, isize), rows, columns| {
        MatRef::with_strides(&source, at.0, rows, columns, at.1, at.2).ok()
    };
    let (Some(a), Some(b)) = (view(a_at, m, k), view(b_at, k, n)) else { return };
    let place = |at: (usize, isize, isize), i: usize, j: usize| {
        (at.0 as isize + i as isize * at.1 + j as isize * at.2) as usize
    };
    let mut expected = before.clone();
    if StridedMut::new(&mut expected, c_at.0, m, n, c_at.1, c_at.2).is_err() {
        return;
    }
    for i in 0..m {
        for j in 0..n {
            let c = &mut expected[place(c_at, i, j)];
            let mut sum = if beta == 0.0 { 0.0 } else { beta * *c };
            for x in 0..if alpha == 0.0 { 0 } else { k } {
                #[allow(
                    clippy::disallowed_methods,
                    reason = "the definition, which a kernel is held against"
                )]
                let fma = f32::mul_add;
                sum = fma(alpha * source[place(a_at, i, x)], source[place(b_at, x, j)], sum);
            }
            *c = sum;
        }
    }
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_exact() && isa.is_available()) {
        let kernels = Kernels::new(isa).unwrap();
        let mut found = before.clone();
        let c = StridedMut::new(&mut found, c_at.0, m, n, c_at.1, c_at.2).unwrap();
        kernels.gemm_strided(alpha, a, b, beta, c, &mut Workspace::new()).unwrap();
        for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let same = found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan();
            assert!(same, "{isa}: {m} x {n} x {k}, C[{i}] is {found}, expected {expected}");
        }
    }
}

/// A file of this process, in memory where the system has such a folder.
fn temporary(name: &str) -> PathBuf {
    let folder = PathBuf::from("/dev/shm");
    let folder = if folder.is_dir() { folder } else { std::env::temp_dir() };
    let thread = format!("{:?}", std::thread::current().id());
    let thread: String = thread.chars().filter(char::is_ascii_digit).collect();
    folder.join(format!("mnist-fast-fuzz-{}-{thread}-{name}", std::process::id()))
}
