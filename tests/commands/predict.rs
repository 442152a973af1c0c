//! `predict` through the binary.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::mnist;
use crate::program::{fails, first_line_of, program, run, succeeds, text};
use crate::scratch::{self, Scratch, gzip, idx};
use crate::trained::{events, model};
use serde_json::Value;

/// The 200 digit images that `tests/digits/make_digits.py` drew, by distortion.
fn digits() -> BTreeMap<String, Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/digits");
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
    {
        let mut files: Vec<PathBuf> =
            fs::read_dir(&entry).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        all.insert(entry.file_name().unwrap().to_str().unwrap().to_owned(), files);
    }
    all
}

/// Standard output and standard error of a run that must succeed.
fn both(arguments: &[&str]) -> (String, String) {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

/// The probabilities in a line of JSON.
fn probabilities(line: &Value) -> Vec<f64> {
    line["probabilities"].as_array().unwrap().iter().map(|p| p.as_f64().unwrap()).collect()
}

/// A test image as a PGM file of `inverted` or plain pixels.
fn pgm(image: &[u8], inverted: bool) -> Vec<u8> {
    let pixels = image.iter().map(|pixel| if inverted { 255 - pixel } else { *pixel });
    b"P5 28 28 255\n".iter().copied().chain(pixels).collect()
}

#[test]
fn an_image_of_the_data_is_printed_as_in_the_tutorial() {
    let out = succeeds(&["predict", &model().0, "--index", "0"]);
    let lines: Vec<&str> = out.lines().collect();
    // Fourteen lines of drawing, two rows of pixels each.
    assert_eq!(lines.len(), 14 + 11, "{out}");
    assert!(lines[7].contains('@') && lines[..14].iter().all(|line| line.chars().count() == 28), "{out}");
    assert_eq!(lines[14], "truth: 7  [0 0 0 0 0 0 0 1 0 0]");
    let line = events(&["predict", &model().0, "--index", "0", "--json"]).remove(0);
    for (digit, (text, exact)) in lines[15..].iter().zip(probabilities(&line)).enumerate() {
        let probability = text.strip_prefix(&format!("digit: {digit}  probability: ")).expect(text);
        // The shortest text that is this f32.
        assert_eq!(probability.parse::<f32>().unwrap(), exact as f32, "{text}");
        let shape: Vec<char> = probability.chars().filter(|c| !c.is_ascii_digit()).collect();
        assert!([&['.'][..], &['.', 'e', '-'], &['e', '-']].contains(&&shape[..]), "{text}");
    }
    assert_eq!((&line["prediction"], &line["truth"], &line["index"]), (&7.into(), &7.into(), &0.into()));
    let all = probabilities(&line);
    assert!(all[7] > 0.999 && (all.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{all:?}");
    // The first image that is trained on is number 10,000 of the file; the first that was held out is number 0.
    let data = mnist::mnist();
    let labels = mnist::train(&data).labels;
    for (split, index) in [("train", 10_000), ("validation", 0)] {
        let line = events(&["predict", &model().0, "--split", split, "--index", "0", "--json"]).remove(0);
        assert_eq!((&line["truth"], &line["split"]), (&labels[index].into(), &split.into()));
    }
}

/// What the user's own digits are worth: at least 80 % of all and 60 % of each distortion.
#[test]
fn drawn_digits_are_recognised() {
    let (mut right, mut count) = (0, 0);
    for (distortion, files) in digits() {
        assert_eq!(files.len(), 40, "{distortion}");
        let mut arguments = vec!["predict", &model().0, "--json"];
        arguments.extend(files.iter().map(|file| file.to_str().unwrap()));
        let lines = events(&arguments);
        assert_eq!(lines.len(), 40);
        let truth = |file: &PathBuf| file.file_name().unwrap().to_str().unwrap()[..1].parse::<u64>().unwrap();
        let hits = files.iter().zip(&lines).filter(|(file, line)| line["prediction"] == truth(file)).count();
        println!("{distortion:<9} {hits} of 40");
        assert!(hits >= 24, "{distortion}: {hits} of 40");
        let dark = lines.iter().filter(|line| line["inverted"] == true).count();
        assert_eq!(dark, if distortion == "inverted" { 0 } else { 40 }, "{distortion}");
        (right, count) = (right + hits, count + files.len());
    }
    println!("all       {right} of {count}");
    assert_eq!(count, 200);
    assert!(right >= 160, "{right} of 200");
}

/// Digits of MNIST that were made into pictures are prepared to what they were, nearly.
#[test]
fn prepared_digits_of_mnist_stay_what_they_are() {
    let data = mnist::mnist();
    let test = mnist::test(&data).range(0..300);
    let scratch = Scratch::new();
    let mut accuracy = vec![];
    for (name, inverted, as_is) in [("plain", false, true), ("light", false, false), ("dark", true, false)] {
        let files: Vec<String> = (0..300)
            .map(|i| {
                let file = pgm(&test.images[i * 784..][..784], inverted);
                scratch.put(&format!("{name}-{i:03}.pgm"), &file).display().to_string()
            })
            .collect();
        let mut arguments = vec!["predict", &model().0, "--json"];
        arguments.extend(as_is.then_some("--as-is"));
        arguments.extend(files.iter().map(String::as_str));
        let lines = events(&arguments);
        let hits =
            lines.iter().zip(test.labels).filter(|(line, label)| line["prediction"] == **label).count();
        let doubtful =
            lines.iter().filter(|line| line["unlike_training_data"] != Value::Array(vec![])).count();
        assert!(doubtful < 15, "{name}: {doubtful} of 300");
        let inverted = if as_is { Value::Null } else { inverted.into() };
        assert!(lines.iter().all(|line| line["inverted"] == inverted));
        accuracy.push(hits);
    }
    println!("right of 300: {accuracy:?}");
    assert!(accuracy[0] > 285 && accuracy[1..].iter().all(|hits| hits + 6 >= accuracy[0]), "{accuracy:?}");
    // As they are, they are the images of the data.
    let index = events(&["predict", &model().0, "--index", "5", "--json"]).remove(0);
    let path = scratch.path("data").join("plain-005.pgm").display().to_string();
    let picture = events(&["predict", &model().0, "--as-is", &path, "--json"]).remove(0);
    assert_eq!(picture["probabilities"], index["probabilities"]);
}

#[test]
fn a_whole_idx_file_at_once() {
    let data = mnist::mnist();
    let test = mnist::test(&data).range(0..200);
    let scratch = Scratch::new();
    let bytes = idx(8, &[200, 28, 28], test.images);
    let raw = scratch.put("images-idx3-ubyte", &bytes).display().to_string();
    let packed = scratch.put("images.gz", &gzip(&bytes)).display().to_string();
    let lines = events(&["predict", &model().0, &raw, "--json"]);
    assert_eq!(lines.len(), 200);
    let hits = lines.iter().zip(test.labels).filter(|(line, label)| line["prediction"] == **label).count();
    assert!(hits > 185, "{hits}");
    for index in [0, 63, 64, 199] {
        let one = events(&["predict", &model().0, "--index", &index.to_string(), "--json"]).remove(0);
        assert_eq!((&lines[index]["index"], &lines[index]["file"]), (&index.into(), &raw.as_str().into()));
        assert_eq!(lines[index]["probabilities"], one["probabilities"], "{index}");
    }
    for more in [["--threads", "3"], ["--sparse", "never"]] {
        assert_eq!(
            events(&[&["predict", &model().0, &raw, "--json"], &more[..]].concat()),
            lines,
            "{more:?}"
        );
    }
    let unpacked = events(&["predict", &model().0, &packed, "--json"]);
    assert!(unpacked.iter().zip(&lines).all(|(a, b)| a["probabilities"] == b["probabilities"]));
    let out = succeeds(&["predict", &model().0, &raw]);
    assert_eq!(out.lines().count(), 200);
    assert!(out.starts_with(&format!("{raw}#0: 7 ")), "{out}");
    let rows = scratch.put("rows", &idx(8, &[200, 784], test.images)).display().to_string();
    assert_eq!(events(&["predict", &model().0, &rows, "--json"]).len(), 200);
}

/// More images than are predicted at once: the second part goes on counting.
#[test]
fn a_long_idx_file_is_predicted_in_parts() {
    let (data, scratch) = (mnist::mnist(), Scratch::new());
    let test = mnist::test(&data);
    let images = [test.images, test.range(0..70).images].concat();
    let path = scratch.put("images", &idx(8, &[10_070, 28, 28], &images)).display().to_string();
    let out = succeeds(&["predict", &model().0, &path]);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 10_070);
    for i in 0..70 {
        let again = lines[i].replace(&format!("#{i}: "), &format!("#{}: ", 10_000 + i));
        assert_eq!(lines[10_000 + i], again);
    }
}

#[test]
fn a_picture_is_drawn_as_the_network_sees_it() {
    let seven =
        digits()["size"].iter().find(|file| file.ends_with("7-serif.png")).unwrap().display().to_string();
    let (out, stderr) = both(&["predict", &model().0, &seven]);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 16, "{out}");
    assert_eq!(lines[0], "what the network sees of 33 x 38 pixels, inverted:");
    assert!(lines[1..15].iter().all(|line| line.len() == 28), "{out}");
    assert!(lines[1..5].iter().all(|line| line.trim().is_empty()) && lines[5].contains('@'), "{out}");
    let words: Vec<&str> = lines[15].strip_prefix(&seven).unwrap().split([' ', ',']).collect();
    assert_eq!((words[0], words[1], words.len()), (":", "7", 9), "{out}");
    assert_eq!(stderr.matches("warning: ").count(), stderr.matches("debug build").count(), "{stderr}");

    // The same from standard input.
    let bytes = fs::read(&seven).unwrap();
    let mut child =
        program(&["predict", &model().0, "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&bytes).unwrap();
    let piped = text(&child.wait_with_output().unwrap().stdout);
    assert_eq!(piped.replace("standard input", &seven), out);
}

#[test]
fn pictures_unlike_the_training_data_are_told_apart() {
    let scratch = Scratch::new();
    // Too wide, and too much ink.
    for (name, inside, part) in
        [("dash", (10..90, 48..56), "times as wide as it is high"), ("block", (30..70, 30..70), "much ink")]
    {
        let (xs, ys): (std::ops::Range<usize>, std::ops::Range<usize>) = inside;
        let ink = |i: usize| if xs.contains(&(i % 100)) && ys.contains(&(i / 100)) { 0 } else { 255 };
        let file: Vec<u8> = b"P5 100 100 255\n".iter().copied().chain((0..10_000).map(ink)).collect();
        let path = scratch.put(&format!("{name}.pgm"), &file).display().to_string();
        let (out, stderr) = both(&["predict", &model().0, &path]);
        assert!(stderr.contains("warning: ") && stderr.contains(part), "{name}: {stderr}");
        assert!(stderr.contains("unlike the training data") && !out.contains("warning"), "{name}: {out}");
        let (out, stderr) = both(&["predict", &model().0, &path, "--json"]);
        let line: Value = serde_json::from_str(&out).unwrap();
        assert!(line["unlike_training_data"].to_string().contains(part) && !stderr.contains(part), "{out}");
    }
}

#[test]
fn one_bad_file_does_not_hide_the_others() {
    let scratch = Scratch::new();
    let good = digits()["size"][0].display().to_string();
    let blank = scratch.put("blank.pgm", b"P2 2 2 9 5 5 5 5").display().to_string();
    let jpeg = scratch.put("photo.jpg", b"\xff\xd8\xff\xe0 and so on").display().to_string();
    let output = run(&["predict", &model().0, &blank, &good, &jpeg, "no-such-file.png"]);
    let (out, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1));
    assert!(out.lines().count() == 1 && out.starts_with(&good), "{out}");
    for part in
        ["blank.pgm is blank", "photo.jpg is a JPEG file", "no-such-file.png does not exist", "3 of 4 files"]
    {
        assert!(stderr.contains(&part.to_string()), "{part}: {stderr}");
    }
}

#[test]
fn networks_of_other_sizes() {
    let scratch = Scratch::new();
    let model_of = |name: &str, rows: u32, cols: u32| {
        scratch.put("train-images-idx3-ubyte", &scratch::images(6, rows, cols));
        scratch.put("train-labels-idx1-ubyte", &scratch::labels(&[0, 1, 0, 1, 0, 1]));
        let (folder, path) =
            (scratch.path("data").display().to_string(), scratch.path(name).display().to_string());
        let train = ["train", "--data", &folder, "--num-classes", "2", "--epochs", "1", "--save", &path];
        succeeds(&train);
        path
    };
    let (square, oblong) = (model_of("square", 14, 14), model_of("oblong", 3, 5));
    let digit = digits()["size"][0].display().to_string();
    let line = events(&["predict", &square, &digit, "--json"]).remove(0);
    assert_eq!(probabilities(&line).len(), 2);
    assert!(succeeds(&["predict", &square, &digit]).lines().nth(3).unwrap().len() == 14);
    let error = fails(1, &["predict", &oblong, &digit]);
    assert!(error.contains("15 inputs") && error.contains("--as-is"), "{error}");
    let small = scratch.put("small.pgm", b"P2 5 3 9 1 2 3 4 5 6 7 8 9 8 7 6 5 4 3").display().to_string();
    assert_eq!(events(&["predict", &oblong, "--as-is", &small, "--json"]).len(), 1);
    assert!(fails(1, &["predict", &oblong, "--as-is", &digit]).contains("leave --as-is out"));
}

#[test]
fn wrong_usage_and_what_cannot_be_done() {
    let path = &model().0;
    let scratch = Scratch::new();
    let digit = digits()["size"][0].display().to_string();
    let labels = scratch.put("labels", &scratch::labels(&[1, 2])).display().to_string();
    let floats = scratch.put("floats", &idx(0x0d, &[1, 28, 28], &[0; 4 * 784])).display().to_string();
    let cut = scratch.put("cut", &idx(8, &[3, 28, 28], &[0; 784])).display().to_string();
    let small = scratch.put("small", &scratch::images(2, 3, 5)).display().to_string();
    let words = scratch.put("notes.txt", b"seven").display().to_string();
    let empty = scratch.put("empty.png", b"").display().to_string();
    let packed = scratch.put("cut.gz", &gzip(&[7; 1000])[..20]).display().to_string();
    let folder = scratch.path("data").display().to_string();
    for (code, arguments, part) in [
        (
            2,
            &["predict"][..],
            "predict needs a model file; make one with: mnist-fast train --save model.safetensors",
        ),
        (2, &["predict", "--index", "0"], "make one with: mnist-fast train --save"),
        (
            2,
            &["predict", &digit],
            "is a picture, where a model was expected: mnist-fast predict model.safetensors FILE",
        ),
        (2, &["predict", path], "nothing to predict: give --index N"),
        (2, &["predict", path, "--index", "0", &digit], "exclude each other"),
        (2, &["predict", path, "--index", "0", "--as-is"], "--as-is goes with picture files"),
        (2, &["predict", path, &digit, "--split", "train"], "go with --index"),
        (2, &["predict", path, "-", "-"], "more than once"),
        (2, &["predict", "-", &digit], "model comes first"),
        (2, &["predict", path, "--index", "x"], "whole number, 0 for the first"),
        (2, &["predict", path, "--indx", "1"], "did you mean --index?"),
        (2, &["predcit"], "did you mean predict?"),
        (1, &["predict", path, "--index", "10000"], "give a number from 0 to 9999"),
        (1, &["predict", "no-such-file", "--index", "0"], "no-such-file"),
        (1, &["predict", path, &folder], "is a folder"),
        (1, &["predict", path, &labels], "2 u8, where images of 784 pixels"),
        (1, &["predict", path, &floats], "f32, where images"),
        (1, &["predict", path, &small], "2 x 3 x 5 u8, where images"),
        (1, &["predict", path, &cut], "cut short"),
        (1, &["predict", path, &words], "neither a PNG nor a PNM picture nor an IDX file"),
        (1, &["predict", path, &empty], "is empty"),
        (1, &["predict", path, &packed], "ends in the middle of its gzip data"),
    ] {
        let error = fails(code, arguments);
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
    let help = succeeds(&["predict", "--help"]);
    assert!(help.contains("Usage: mnist-fast predict") && help.contains("--index N"), "{help}");
    assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    assert!(succeeds(&["--help"]).contains("\n  predict "));
}

#[test]
fn a_closed_pipe_is_quiet() {
    let data = mnist::mnist();
    let scratch = Scratch::new();
    let test = mnist::test(&data);
    let path = scratch.put("images", &idx(8, &[10_000, 28, 28], test.images)).display().to_string();
    let line = first_line_of(&["predict", &model().0, &path]);
    assert!(line.contains("#0: 7 "), "{line}");
}
