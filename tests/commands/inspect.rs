//! `inspect`, through the binary.

use std::fs::{self, File};
use std::path::Path;

use crate::mnist;
use crate::program::{fails, first_line_of, folder, json, program, run, small_mnist, succeeds, text};
use crate::scratch::{Scratch, files_under, gzip, images};
use mnist_fast::dataset::known::KNOWN;
use mnist_fast::train::Examples;
use serde_json::{Value, json};

/// The labels of the first nine training images as numpy prints them, integers and one-hot.
const LABELS_OF_MNIST: &str = "\
[5 0 4 1 9 2 1 3 1]

[[0. 0. 0. 0. 0. 1. 0. 0. 0. 0.]
 [1. 0. 0. 0. 0. 0. 0. 0. 0. 0.]
 [0. 0. 0. 0. 1. 0. 0. 0. 0. 0.]
 [0. 1. 0. 0. 0. 0. 0. 0. 0. 0.]
 [0. 0. 0. 0. 0. 0. 0. 0. 0. 1.]
 [0. 0. 1. 0. 0. 0. 0. 0. 0. 0.]
 [0. 1. 0. 0. 0. 0. 0. 0. 0. 0.]
 [0. 0. 0. 1. 0. 0. 0. 0. 0. 0.]
 [0. 1. 0. 0. 0. 0. 0. 0. 0. 0.]]
";

/// The first training image where there is no colour.
const FIRST_OF_MNIST: &str = "
#0: 5


            ....--=.-++-
       .+*#%%@@@@@*+**+:
       .*%#@@@==*#
         ..*@+.
           .=@*-:.
             :*%@#=.
               .:@@%:
            .-+#%@@#.
        .:+#@@@%*=:
    .=+%@@@@#=:.
    -+++=--.

";

#[test]
fn the_overview_of_mnist() {
    let (plain, out) = (succeeds(&["inspect"]), succeeds(&["inspect", "--stats"]));
    for line in [
        "mnist: handwritten digits, CC BY-SA 3.0",
        "training file  (60000, 28, 28)  (60000,)     0-255  0.1307  0.3081    19.12 %",
        "train          (50000, 28, 28)  (50000,)     0-255  0.1306  0.3080    19.11 %",
        "validation     (10000, 28, 28)  (10000,)     0-255  0.1311  0.3087    19.16 %",
        "test           (10000, 28, 28)  (10000,)     0-255  0.1325  0.3105    19.28 %",
        "class      train validation       test",
        "0          4,922      1,001        980",
        "9          4,971        978      1,009",
        "#0: 5                         #1: 0",
        "#2: 4",
    ] {
        assert!(out.lines().any(|found| found == line), "{line:?} is not in:\n{out}");
    }
    // Without statistics it says the same of everything else.
    let cut = |line: &str| {
        if line.contains(", 28)") { line[..line.find(",)").unwrap() + 2].to_owned() } else { line.to_owned() }
    };
    let rest: Vec<String> = out.lines().filter(|line| !line.contains("mean")).map(cut).collect();
    assert_eq!(plain.lines().filter(|line| !line.contains("images, u8")).collect::<Vec<_>>(), rest);
    assert!(!out.contains("\x1b"), "no colours in a pipe");
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
}

/// Sums and shares against plain loops over the pixels.
#[test]
fn json_has_the_statistics_of_each_set() {
    let lines = json(&succeeds(&["inspect", "--stats", "--json", "--validation", "12345"]));
    let [found] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((&found["dataset"], &found["classes"]), (&json!("mnist"), &json!(10)));
    assert_eq!((&found["class_names"], &found["licence"]), (&Value::Null, &json!("CC BY-SA 3.0")));
    let data = mnist::mnist();
    let (train, test) = (mnist::train(&data), mnist::test(&data));
    for (name, set) in [
        ("training_file", train),
        ("train", train.range(12_345..60_000)),
        ("validation", train.range(0..12_345)),
        ("test", test),
    ] {
        let found = &found[name];
        let n = set.images.len() as f64;
        let sum =
            |f: fn(f64) -> f64| set.images.iter().map(|pixel| f(f64::from(*pixel) / 255.0)).sum::<f64>();
        let mean = sum(|x| x) / n;
        for (member, expected) in [
            ("mean", mean),
            ("std", (sum(|x| x * x) / n - mean * mean).sqrt()),
            ("density", sum(|x| f64::from(u8::from(x > 0.0))) / n),
            ("min", 0.0),
            ("max", 255.0),
        ] {
            let found = found[member].as_f64().unwrap();
            assert!((found - expected).abs() < 1e-9, "{name} {member}: {found}, expected {expected}");
        }
        assert_eq!(found["shape"], json!([set.len(), 28, 28]));
        let count = |class: u8| set.labels.iter().filter(|label| **label == class).count();
        assert_eq!(found["class_counts"], json!((0..10).map(count).collect::<Vec<_>>()), "{name}");
    }
    // They are not there unless asked for: they take a look at every pixel.
    let plain = json(&succeeds(&["inspect", "--json"])).remove(0);
    assert_eq!((&plain["train"]["shape"], plain["train"].get("mean")), (&json!([50_000, 28, 28]), None));
}

#[test]
fn a_folder_is_split_as_train_splits_it() {
    let data = Scratch::with_dataset();
    let folder = folder(&data);
    let shapes = |options: &[&str]| {
        let output = run(&[&["inspect", "--data", &folder, "--json"], options].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        let found = json(&text(&output.stdout)).remove(0);
        let shape = |name: &str| found[name]["shape"][0].as_u64();
        ([shape("train"), shape("validation"), shape("test")], text(&output.stderr))
    };
    let (found, stderr) = shapes(&[]);
    assert_eq!(found, [Some(5), Some(1), Some(4)]);
    assert!(stderr.contains("the last 1 are for validation"), "{stderr}");
    assert_eq!(shapes(&["--validation", "2"]), ([Some(4), Some(2), Some(4)], String::new()));
    assert_eq!(shapes(&["--validation-split=0.5"]), ([Some(3), Some(3), Some(4)], String::new()));
    data.remove("t10k-images-idx3-ubyte");
    data.remove("t10k-labels-idx1-ubyte");
    assert_eq!(shapes(&["--validation", "0"]), ([Some(6), None, None], String::new()));
    let out = succeeds(&["inspect", "--data", &folder, "--validation", "0", "--stats"]);
    assert!(out.contains("\ntrain          (6, 3, 2)        (6,)          0-35"), "{out}");
    assert!(!out.contains("\nvalidation ") && !out.contains("\ntest "), "{out}");
    let error = fails(1, &["inspect", "--data", &folder, "--validation", "6"]);
    assert!(error.contains("none left to train on"), "{error}");
}

#[test]
fn labels_as_the_tutorial_prints_them() {
    assert_eq!(succeeds(&["inspect", "--labels", "9"]), LABELS_OF_MNIST);
    // As many columns as the dataset has classes, whichever labels are shown: no 9 among these two.
    assert!(succeeds(&["inspect", "--labels", "2"]).ends_with(" [1. 0. 0. 0. 0. 0. 0. 0. 0. 0.]]\n"));
    // Those of the file, whatever is for validation.
    assert_eq!(succeeds(&["inspect", "--labels", "9", "--validation", "5"]), LABELS_OF_MNIST);
    let line = json(&succeeds(&["inspect", "--labels", "5", "--json"])).remove(0);
    assert_eq!((&line["labels"], &line["train"]), (&json!([5, 0, 4, 1, 9]), &Value::Null));
    let error = fails(1, &["inspect", "--labels", "60001"]);
    assert!(error.contains("60000 labels"), "{error}");
}

#[test]
fn labels_are_those_of_the_split_that_is_asked_for() {
    let data = mnist::mnist();
    let (train, test) = (mnist::train(&data), mnist::test(&data));
    for (split, labels) in [
        ("test", &test.labels[..7]),
        ("train", &train.labels[10_000..10_007]),
        ("validation", &train.labels[..7]),
    ] {
        let options = ["inspect", "--split", split, "--labels", "7"];
        let line = json(&succeeds(&[&options[..], &["--json"]].concat())).remove(0);
        assert_eq!((&line["labels"], &line["images"]), (&json!(labels), &Value::Null), "{split}");
        let words: Vec<String> = labels.iter().map(u8::to_string).collect();
        assert!(succeeds(&options).starts_with(&format!("[{}]\n\n[[", words.join(" "))), "{split}");
        // Images come along where they are asked for, from the same part.
        let both = json(&succeeds(&[&options[..], &["--images", "2", "--json"]].concat())).remove(0);
        assert_eq!((&both["labels"], &both["images"][1]["label"]), (&json!(labels), &json!(labels[1])));
    }
    let error = fails(1, &["inspect", "--split", "test", "--labels", "10001"]);
    assert!(error.contains("the test set of mnist has 10000 labels"), "{error}");
}

#[test]
fn an_image_in_ascii() {
    let expected = FIRST_OF_MNIST.strip_prefix('\n').unwrap();
    assert_eq!(succeeds(&["inspect", "--images", "1"]), expected);
    assert_eq!(succeeds(&["inspect", "--index", "0"]), expected);
    // Two parts of the answer, in one order.
    let both = succeeds(&["inspect", "--images", "1", "--labels", "9"]);
    assert_eq!(both, format!("{LABELS_OF_MNIST}\n{expected}"));
}

#[test]
fn images_are_chosen_by_index_class_and_split() {
    let chosen = |options: &[&str]| {
        let line = json(&succeeds(&[&["inspect", "--json"], options].concat())).remove(0);
        let Value::Array(images) = line["images"].clone() else { panic!("{line}") };
        images
    };
    let data = mnist::mnist();
    let is = |image: &Value, index: usize, one: Examples<'_>| {
        assert_eq!((&image["index"], &image["label"]), (&json!(index), &json!(one.labels[0])));
        assert!(image["pixels"] == json!(one.images), "pixels of {index}");
    };
    let (train, test) = (mnist::train(&data), mnist::test(&data));
    let found = chosen(&["--index", "7,59999"]);
    assert_eq!(found.len(), 2);
    is(&found[0], 7, train.range(7..8));
    is(&found[1], 59_999, train.range(59_999..60_000));
    assert_eq!(found[1]["index_in_file"], 59_999);
    // Counted from the start of the set, as the tutorial's X_train, X_valid and X_test are.
    let first = &chosen(&["--split", "train", "--images", "1"])[0];
    is(first, 0, train.range(10_000..10_001));
    assert_eq!(first["index_in_file"], 10_000);
    let says =
        |options: &[&str]| succeeds(&[&["inspect"], options].concat()).contains("of the training file");
    assert!(says(&["--split", "train", "--index", "3"]) && !says(&["--index", "3"]));
    assert!(!says(&["--split", "validation", "--index", "3"]) && !says(&["--split", "test", "--index", "3"]));
    is(&chosen(&["--split", "train", "--validation", "5", "--index", "2"])[0], 2, train.range(7..8));
    is(&chosen(&["--split", "validation", "--index", "9999"])[0], 9_999, train.range(9_999..10_000));
    is(&chosen(&["--split", "test", "--index", "17"])[0], 17, test.range(17..18));
    let sevens = chosen(&["--class", "7"]);
    assert_eq!(sevens.len(), 10);
    let indices: Vec<_> = sevens.iter().map(|image| image["index"].as_u64().unwrap() as usize).collect();
    let all: Vec<_> = (0..60_000).filter(|index| train.labels[*index] == 7).take(10).collect();
    assert_eq!(indices, all);
    assert_eq!(chosen(&["--class", "7", "--split", "test"])[0]["index"], 0);
    // Fewer than are shown without being asked for.
    let small = small_mnist(10, 0);
    assert_eq!(chosen(&["--data", &folder(&small), "--class", "1", "--validation", "0"]).len(), 3);
}

#[test]
fn classes_go_by_name_and_captions_name_them() {
    let data = small_mnist(6, 0);
    data.put("classes.txt", b"zero\none\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n");
    let folder = folder(&data);
    let inspect =
        |options: &[&str]| succeeds(&[&["inspect", "--data", &folder, "--validation=0"], options].concat());
    assert!(inspect(&["--class", "Nine"]).starts_with("#4: nine\n"));
    assert!(inspect(&["--class", "9"]).starts_with("#4: nine\n"));
    assert!(
        inspect(&[]).contains("\nclass        train\n0 zero           1\n1 one            1\n"),
        "{}",
        inspect(&[])
    );
    let error = fails(1, &["inspect", "--data", &folder, "--class", "fife"]);
    assert!(error.contains("--class fife") && error.ends_with("did you mean five?"), "{error}");
}

#[test]
fn a_contact_sheet_holds_the_right_pixels() {
    let scratch = Scratch::new();
    let path = scratch.path("sheet.png");
    let (name, data) = (path.to_str().unwrap(), mnist::mnist());
    let train = mnist::train(&data);
    for (options, of, zoom, across, count) in [
        (&[][..], 0, 3, 10, 100),
        (&["--images", "3"], 0, 8, 3, 3),
        (&["--class", "7", "--images", "12"], 7, 3, 10, 12),
    ] {
        let out = succeeds(&[&["inspect", "--png", name], options].concat());
        assert_eq!(out, format!("saved {count} images as {name}\n"));
        let mut reader =
            png::Decoder::new(std::io::BufReader::new(File::open(&path).unwrap())).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Grayscale, png::BitDepth::Eight));
        let cell = 28 * zoom + 1;
        let down = (count as usize).div_ceil(across);
        let (width, height) = (across * cell + 1, down * cell + 1);
        assert_eq!((info.width as usize, info.height as usize), (width, height), "{options:?}");

        let fits = |index: &usize| of == 0 || train.labels[*index] == of;
        for (i, index) in (0..60_000).filter(fits).take(count as usize).enumerate() {
            let (top, left) = (i / across * cell + 1, i % across * cell + 1);
            for y in 0..28 * zoom {
                for x in 0..28 * zoom {
                    let expected = train.images[index * 784 + y / zoom * 28 + x / zoom];
                    assert_eq!(
                        pixels[(top + y) * width + left + x],
                        expected,
                        "{options:?}, image {i}, {y}, {x}"
                    );
                }
            }
        }
    }
    assert_eq!(files_under(&scratch.path("")), ["sheet.png"]);
    let line = json(&succeeds(&["inspect", "--png", name, "--json"])).remove(0);
    assert_eq!((&line["png"], &line["images"]), (&json!(name), &json!(100)));
}

/// With a terminal of 61 columns for standard output, and these variables.
#[cfg(unix)]
fn on_a_terminal(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    use std::io::Read;
    use std::os::fd::FromRawFd;
    use std::process::Stdio;

    let (mut ours, mut theirs) = (0, 0);
    // A pointer that may write, which only some systems ask for.
    let size: *mut _ = &mut libc::winsize { ws_row: 50, ws_col: 61, ws_xpixel: 0, ws_ypixel: 0 };
    let none = std::ptr::null_mut();
    // SAFETY: openpty writes two descriptors and reads the size, all of which live until after the call; no name and
    // no settings are asked for.
    assert_eq!(unsafe { libc::openpty(&mut ours, &mut theirs, none, none.cast(), size) }, 0);
    // SAFETY: both descriptors are new and belong to nobody else.
    let (mut ours, theirs) = unsafe { (File::from_raw_fd(ours), File::from_raw_fd(theirs)) };
    let mut command = program(arguments);
    for name in ["NO_COLOR", "COLORTERM", "LC_ALL", "LC_CTYPE", "WT_SESSION"] {
        command.env_remove(name);
    }
    command.env("TERM", "xterm-256color").env("LANG", "C.UTF-8").envs(variables.iter().copied());
    let mut child = command.stdout(Stdio::from(theirs)).stderr(Stdio::null()).spawn().unwrap();
    // The command holds the other end as well, and a reader sees no end of file before all of them are closed.
    drop(command);
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    // On Linux the end of a terminal is an error.
    while let Ok(read @ 1..) = ours.read(&mut piece) {
        bytes.extend_from_slice(&piece[..read]);
    }
    assert!(child.wait().unwrap().success());
    // The terminal makes two characters of a line's end.
    text(&bytes).replace("\r\n", "\n")
}

#[cfg(unix)]
#[test]
fn a_terminal_gets_what_it_can_show() {
    let two = ["inspect", "--images", "2"];
    let draw = |variables: &[(&str, &str)]| on_a_terminal(&two, variables);
    let ascii = succeeds(&two);
    assert_eq!(draw(&[("NO_COLOR", "1")]), ascii);
    assert_eq!(draw(&[("TERM", "dumb"), ("COLORTERM", "truecolor")]), ascii);
    assert_eq!(draw(&[("LANG", "C")]), ascii);
    for (variables, black, white) in [
        (&[("COLORTERM", "truecolor")][..], "\x1b[38;2;0;0;0;48;2;0;0;0m▀", "2;253;253;253"),
        (&[], "\x1b[38;5;16;48;5;16m▀", "5;231"),
    ] {
        let out = draw(variables);
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines.len(), 15, "{out}");
        assert_eq!(lines[0], "#0: 5                         #1: 0");
        // Two blank rows of 28 pixels: the colour is named once for each.
        let blank = format!("{black}{}\x1b[0m", "▀".repeat(27));
        assert_eq!(lines[1], format!("{blank}  {blank}"));
        assert!(lines[1..].iter().all(|line| line.matches('▀').count() == 56), "{out}");
        assert!(lines[1..].iter().all(|line| line.ends_with("\x1b[0m")), "{out}");
        assert!(out.contains(white), "{out}");
    }
    // 61 columns are room for two images and not for a third.
    let out = on_a_terminal(&["inspect", "--images", "3"], &[]);
    assert_eq!(out.lines().count(), 15 + 1 + 15, "{out}");
}

#[test]
fn the_list_says_what_is_where() {
    let scratch = Scratch::new();
    let cache = scratch.path("mnist-fast");
    let list = |options: &[&str]| {
        let arguments = [&["inspect", "--list"], options].concat();
        let output = program(&arguments).env("XDG_CACHE_HOME", scratch.path("")).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        text(&output.stdout)
    };
    let out = list(&[]);
    assert_eq!(out.lines().count(), 2 * KNOWN.len(), "{out}");
    for known in &KNOWN {
        let head = format!("{:<16} {}, {}", known.name, known.title, known.licence);
        assert!(out.lines().any(|line| line == head), "{head} is not in\n{out}");
    }
    if cfg!(feature = "bundled-mnist") {
        assert!(out.lines().nth(1).unwrap().ends_with(" in this program"), "{out}");
    }
    if Path::new("/usr/share/datasets/kmnist").exists() {
        println!("skipped: kmnist is installed here");
        return;
    }
    let place = KNOWN.iter().position(|known| known.name == "kmnist").unwrap();
    let kmnist = |out: &str| out.lines().nth(2 * place + 1).unwrap().trim_start().to_owned();
    assert_eq!(kmnist(&out), "not here: mnist-fast inspect --data kmnist says how to get it");
    fs::create_dir_all(cache.join("kmnist")).unwrap();
    fs::write(cache.join("kmnist/train-images-idx3-ubyte.gz"), gzip(&images(2, 3, 2))).unwrap();
    let incomplete = kmnist(&list(&[]));
    assert!(incomplete.contains("kmnist, but without train-labels-idx1-ubyte: "), "{incomplete}");
    for name in ["train-labels-idx1-ubyte", "t10k-images.idx3-ubyte", "t10k-labels-idx1-ubyte.gz"] {
        fs::write(cache.join("kmnist").join(name), "").unwrap();
    }
    assert_eq!(kmnist(&list(&[])), format!("in {}", cache.join("kmnist").display()));

    let lines = json(&list(&["--json"]));
    let line = &lines[place];
    assert_eq!(lines.len(), KNOWN.len());
    assert_eq!((&line["dataset"], &line["here"]), (&json!("kmnist"), &json!(true)));
    assert_eq!(line["folders"], json!([cache.join("kmnist")]));
    assert_eq!(line["class_names"][1], "ki");
    assert_eq!(lines[0]["bundled"], cfg!(feature = "bundled-mnist"));
    assert_eq!(lines[1]["debian_package"], "dataset-fashion-mnist");
}

#[test]
fn verify_hashes_every_byte() {
    let out = succeeds(&["inspect", "--verify"]);
    let mnist = KNOWN.iter().find(|known| known.name == "mnist").unwrap();
    for sha256 in mnist.sha256.unwrap() {
        assert!(out.contains(&format!("  sha256 {sha256}\n  as published: mnist\n")), "{out}");
    }

    // A folder whose files are MNIST's, but for one bit of the last one.
    let data = Scratch::new();
    let place = mnist::cache().join("mnist-fast/mnist");
    let files: Vec<_> = files_under(&place).into_iter().filter(|name| name.ends_with("-ubyte")).collect();
    assert_eq!(files.len(), 4, "{files:?}");
    for name in &files {
        data.put(name, &fs::read(place.join(name)).unwrap());
    }
    let folder = folder(&data);
    let verify = |options: &[&str]| run(&[&["inspect", "--verify", "--data", &folder], options].concat());
    let output = verify(&["--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let lines = json(&text(&output.stdout));
    assert_eq!(lines.len(), 4);
    for (line, sha256) in lines.iter().zip(mnist.sha256.unwrap()) {
        assert_eq!((&line["sha256"], &line["as_published_in"]), (&json!(sha256), &json!("mnist")));
    }
    let mut pixels = fs::read(place.join("train-images-idx3-ubyte")).unwrap();
    *pixels.last_mut().unwrap() ^= 1;
    data.put("train-images-idx3-ubyte", &pixels);
    let output = verify(&[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("error: 1 of 4 files in "), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).matches("as published: mnist").count(), 3);
}

/// A file in the cache that was changed behind the stamp's back: length and time are what they were.
#[cfg(feature = "bundled-mnist")]
#[test]
fn verify_finds_what_a_stamp_hides() {
    let scratch = Scratch::new();
    let in_cache =
        |arguments: &[&str]| program(arguments).env("XDG_CACHE_HOME", scratch.path("")).output().unwrap();
    assert!(in_cache(&["inspect", "--labels", "1"]).status.success());
    let path = scratch.path("mnist-fast/mnist/t10k-labels-idx1-ubyte");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 6;
    fs::write(&path, &bytes).unwrap();
    File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();

    let output = in_cache(&["inspect", "--verify"]);
    assert_eq!(output.status.code(), Some(1));
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(stdout.matches("as published: mnist").count(), 3, "{stdout}");
    assert!(stdout.contains("differs: published is ff7bcfd4"), "{stdout}");
    let folder = scratch.path("mnist-fast/mnist").display().to_string();
    assert!(
        stderr.contains(&format!("t10k-labels-idx1-ubyte.gz is not as published; delete {folder}, and")),
        "{stderr}"
    );
    fs::remove_dir_all(folder).unwrap();
    assert!(in_cache(&["inspect", "--verify"]).status.success());
}

/// Fashion-MNIST where Debian's package puts it.
#[test]
fn fashion_mnist_of_debian() {
    if !Path::new("/usr/share/datasets/fashion-mnist").exists() {
        println!("skipped: Debian's package dataset-fashion-mnist is not installed");
        let error = fails(1, &["inspect", "--data", "fashion-mnist"]);
        assert!(error.contains("(or Debian's package dataset-fashion-mnist)"), "{error}");
        return;
    }
    let out = succeeds(&["inspect", "--data", "fashion-mnist", "--labels", "9"]);
    assert!(out.starts_with("[9 0 0 3 0 2 7 2 5]\n\n[[0. 0. 0. 0. 0. 0. 0. 0. 0. 1.]\n"), "{out}");
    assert_eq!(
        succeeds(&["inspect", "--data", "fashion-mnist", "--verify"]).matches("as published").count(),
        4
    );
    let out = succeeds(&["inspect", "--data", "fashion-mnist", "--stats"]);
    for line in [
        "train          (50000, 28, 28)  (50000,)     0-255  0.2860  0.3528    49.83 %",
        "9 Ankle boot       5,000      1,000      1,000",
        "#0: Ankle boot                #1: T-shirt/top",
    ] {
        assert!(out.lines().any(|found| found == line), "{line:?} is not in:\n{out}");
    }
    let line = json(&succeeds(&["inspect", "--list", "--json"])).remove(1);
    assert_eq!((&line["dataset"], &line["here"]), (&json!("fashion-mnist"), &json!(true)));
    let out = succeeds(&["inspect", "--data", "fashion-mnist", "--class", "ankle boot", "--images", "2"]);
    assert!(out.starts_with("#0: Ankle boot                #11: Ankle boot\n"), "{out}");
}

/// What stands in the README below these commands is how their output begins.
#[test]
fn the_readme_shows_real_output() {
    let readme = include_str!("../../README.md").replace("\r\n", "\n");
    let mut commands = vec![("inspect --images 2", 12)];
    if Path::new("/usr/share/datasets/fashion-mnist").exists() {
        commands.extend([
            ("inspect --data fashion-mnist --stats", 11),
            ("inspect --data fashion-mnist --labels 9", 5),
        ]);
    } else {
        println!("skipped: Debian's package dataset-fashion-mnist is not installed");
    }
    for (command, lines) in commands {
        let out = succeeds(&command.split(' ').collect::<Vec<_>>());
        let head = out.lines().take(lines).collect::<Vec<_>>().join("\n");
        assert!(readme.contains(&format!("$ mnist-fast {command}\n{head}\n")), "{command}\n{head}");
    }
}

#[test]
fn errors_say_what_to_do() {
    for (code, arguments, parts) in [
        (2, &["--clas", "3"][..], &["unknown option --clas", "did you mean --class?"][..]),
        (2, &["--list", "--verify"], &["exclude each other"]),
        (2, &["--list", "--images", "3"], &["--list shows no images", "leave those"]),
        (2, &["--verify", "--stats"], &["--verify shows no images", "leave those"]),
        (2, &["--verify", "--labels=2"], &["--verify shows no images", "leave those"]),
        (2, &["--index", "1", "--images", "2"], &["--index", "leave out --images"]),
        (2, &["--index", "1", "--class", "2"], &["--index", "leave out"]),
        (2, &["--index", "1,x"], &["--index 1,x", "such as 0,8,15"]),
        (2, &["--images", "0"], &["--images 0", "1 or more"]),
        (2, &["--labels", "-1"], &["--labels -1", "1 or more"]),
        (2, &["--split", "tset"], &["--split tset", "train, validation or test"]),
        (2, &["--png"], &["--png needs a value"]),
        (2, &["mnist"], &["unexpected argument mnist"]),
        (2, &["--list=yes"], &["--list takes no value"]),
        (1, &["--index", "3,60000"], &["--index 60000", "the images 0 to 59999"]),
        (1, &["--split=test", "--index", "10000"], &["the test set", "0 to 9999"]),
        (1, &["--images", "60001"], &["60000 images, fewer than 60001", "--images"]),
        (1, &["--class", "3", "--images", "6132"], &["6131 images of class 3"]),
        (1, &["--class", "10"], &["--class 10", "a number from 0 to 9"]),
        (1, &["--split=validation", "--validation=0", "--images=1"], &["no validation images", "--split"]),
        (1, &["--data", "fashion"], &["neither a known dataset"]),
        (1, &["--data", "minst"], &["did you mean mnist?"]),
        (1, &["--png", "no/such/folder/a.png"], &["a contact sheet", "no/such/folder does not exist"]),
        (1, &["--verify", "--data", "minst"], &["did you mean mnist?"]),
    ] {
        let error = fails(code, &[&["inspect"], arguments].concat());
        for part in parts {
            assert!(error.contains(part), "{arguments:?}: {error}");
        }
    }
    let small = small_mnist(4, 0);
    let error = fails(1, &["inspect", "--data", &folder(&small), "--split", "test"]);
    assert!(error.contains("has no test images"), "{error}");
    let error = fails(1, &["inspect", "--data", &folder(&small), "--class", "8"]);
    assert!(error.contains("0 images of class 8"), "{error}");
    if !Path::new("/usr/share/datasets/kmnist").exists() {
        for option in ["--verify", "--json"] {
            let stderr = text(&run(&["inspect", "--data", "kmnist", option]).stderr);
            assert!(stderr.starts_with("error: kmnist is not on this machine: "), "{stderr}");
            assert!(stderr.contains("\ncurl ") && stderr.contains("\nsha256sum --check "), "{stderr}");
        }
    }
}

#[test]
fn a_closed_pipe_is_quiet() {
    // The first start says that it unpacks.
    drop(mnist::mnist());
    assert_eq!(first_line_of(&["inspect", "--images", "2000"]), "#0: 5                         #1: 0\n");
    assert_eq!(first_line_of(&["inspect", "--labels", "2000"]).len(), 75);
    assert!(first_line_of(&["inspect", "--images", "500", "--json"]).starts_with("{\"dataset\":\"mnist\","));
    assert!(first_line_of(&["inspect", "--list"]).starts_with("mnist "));
}
