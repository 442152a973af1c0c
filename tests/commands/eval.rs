//! `eval` through the binary.

use std::collections::BTreeSet;
use std::path::Path;

use mnist_fast::model_file::{self, Model};
use mnist_fast_kernels::Isa;
use serde_json::Value;

use crate::mnist;
use crate::program::{fails, first_line_of, folder, small_mnist, succeeds};
use crate::scratch::{self, Scratch, labels};
use crate::trained::{events, model};

fn numbers(row: &Value) -> Vec<u64> {
    row.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect()
}

#[test]
fn it_repeats_what_training_reported_to_the_last_bit() {
    let (path, training) = model();
    let (epoch, end) = (&training[3], &training[4]);
    let eval = |more: &[&str]| events(&[&["eval", path, "--json"], more].concat()).remove(0);
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_exact() && *isa != Isa::Scalar) {
        if !isa.is_available() {
            println!("skipped: no {isa} on this CPU");
            continue;
        }
        let found = eval(&["--isa", isa.name()]);
        assert_eq!((&found["loss"], &found["accuracy"]), (&end["test_loss"], &end["test_accuracy"]), "{isa}");
        assert_eq!(found["accuracy_ci95"], end["test_accuracy_ci95"]);
    }
    for more in [&["--threads", "1"][..], &["--threads", "3", "--sparse", "never"], &["--sparse", "always"]] {
        assert_eq!(eval(more), eval(&[]), "{more:?}");
    }
    let found = eval(&["--split", "validation"]);
    assert_eq!((&found["loss"], &found["accuracy"]), (&epoch["val_loss"], &epoch["val_accuracy"]));
    assert_eq!((&found["images"], &found["split"]), (&10_000.into(), &"validation".into()));
    assert_eq!(eval(&["--split", "train"])["images"], 50_000);
}

/// Models of PyTorch and Keras do not say which classes they tell apart.
#[test]
fn a_model_that_does_not_say_its_classes_is_told_them() {
    let scratch = small_mnist(400, 120);
    let data = folder(&scratch);
    let path = |name: &str| scratch.path(name).display().to_string();
    let (ours, theirs, ten) = (path("ours.safetensors"), path("theirs.safetensors"), path("ten.safetensors"));
    let train = ["train", "--data", &data, "--epochs", "1", "--hidden", "8"];
    for (options, theirs) in [
        (&["--classes", "8,3", "--loss", "binary"][..], &theirs),
        (&["--classes", "8,3"], &theirs),
        (&[], &ten),
    ] {
        succeeds(&[&train[..], options, &["--save", &ours]].concat());
        let model = model_file::load(Path::new(&ours)).unwrap();
        let plain = Model { network: model.network, class_names: None, training: None };
        model_file::save(Path::new(theirs), &plain).unwrap();
        if theirs == &ten {
            continue;
        }
        let eval = |model: &str, more: &[&str]| {
            let mut found = events(&[&["eval", model, "--data", &data, "--json"], more].concat()).remove(0);
            found.as_object_mut().unwrap().remove("model");
            found
        };
        assert_eq!(eval(theirs, &["--classes", "8,3"]), eval(&ours, &[]), "{options:?}");
        assert_eq!(eval(&ours, &["--classes", "8, 3"]), eval(&ours, &[]));
        assert_ne!(eval(theirs, &["--classes", "3,8"])["accuracy"], eval(&ours, &[])["accuracy"]);
        let predict = |model: &str, more: &[&str]| {
            succeeds(&[&["predict", model, "--data", &data, "--index", "0"], more].concat())
        };
        assert_eq!(predict(theirs, &["--classes", "8,3"]), predict(&ours, &[]));
    }
    for (code, model, more, parts) in [
        (1, &theirs, &[][..], &["2 classes", "10 classes", "by --classes which of these"][..]),
        (1, &theirs, &["--data", &data, "--classes", "1,2,3"], &["tells 2 classes apart", "names 3"]),
        (1, &ten, &["--data", &data, "--classes", "1,2"], &["tells 10 classes apart", "names 2"]),
        (2, &theirs, &["--data", &data, "--classes", "1"], &["two or more"]),
        (2, &theirs, &["--data", &data, "--classes", "1,11"], &["there is no class", "0 to 9"]),
    ] {
        let error = fails(code, &[&["eval", &model[..]], more].concat());
        assert!(parts.iter().all(|part| error.contains(part)), "{more:?}: {error}");
    }
    succeeds(&[&train[..], &["--classes", "8,3", "--save", &ours]].concat());
    let error = fails(1, &["eval", &ours, "--data", &data, "--classes", "3,8"]);
    assert!(error.contains("was trained on the classes 8,3, not on --classes 3,8"), "{error}");
}

#[test]
fn the_confusion_matrix_agrees_with_everything_else() {
    let path = &model().0;
    let found = events(&["eval", path, "--json"]).remove(0);
    let matrix: Vec<Vec<u64>> = found["confusion"].as_array().unwrap().iter().map(numbers).collect();
    let sum: u64 = matrix.iter().flatten().sum();
    let hits: u64 = (0..10).map(|class| matrix[class][class]).sum();
    assert_eq!((sum, matrix.len()), (10_000, 10));
    assert_eq!(found["accuracy"].as_f64().unwrap(), hits as f64 / 1e4);
    assert!(hits > 9_500 && hits < 10_000, "{hits}");

    let data = mnist::mnist();
    let test = mnist::test(&data);
    for (class, row) in matrix.iter().enumerate() {
        let figures = &found["classes"][class];
        let images = test.labels.iter().filter(|label| usize::from(**label) == class).count() as u64;
        assert_eq!((figures["images"].as_u64(), row.iter().sum::<u64>()), (Some(images), images));
        let taken: u64 = matrix.iter().map(|row| row[class]).sum();
        let hits = row[class] as f64;
        let (precision, recall) = (hits / taken as f64, hits / images as f64);
        let close = |name: &str, value: f64| {
            assert!((figures[name].as_f64().unwrap() - value).abs() < 1e-12, "{class} {name}");
        };
        close("precision", precision);
        close("recall", recall);
        close("f1", 2.0 * precision * recall / (precision + recall));
    }

    // The same numbers as CSV and as text.
    let csv = succeeds(&["eval", path, "--csv"]);
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("truth,0,1,2,3,4,5,6,7,8,9"));
    for (class, row) in matrix.iter().enumerate() {
        let row: Vec<String> = row.iter().map(u64::to_string).collect();
        assert_eq!(lines.next(), Some(format!("{class},{}", row.join(",")).as_str()));
    }
    assert_eq!(lines.next(), None);
    let out = succeeds(&["eval", path]);
    let table: Vec<&str> = out.lines().skip_while(|line| !line.starts_with("confusion matrix")).collect();
    for (class, row) in matrix.iter().enumerate() {
        let cells: Vec<String> = table[2 + class].split_whitespace().map(|s| s.replace('.', "0")).collect();
        let expected: Vec<String> = [class as u64].iter().chain(row).map(u64::to_string).collect();
        assert_eq!(cells, expected);
    }
    assert!(!out.contains('\x1b'), "colours in a file");
    assert!(out.starts_with("mnist, test: 10,000 images\naccuracy 9"), "{out}");
}

#[test]
fn the_worst_mistakes_are_mistakes_and_the_worst_comes_first() {
    let path = &model().0;
    let found = events(&["eval", path, "--json", "--mistakes", "10000"]).remove(0);
    let mistakes = found["mistakes"].as_array().unwrap();
    let wrong = 10_000 - (found["accuracy"].as_f64().unwrap() * 1e4).round() as usize;
    assert_eq!(mistakes.len(), wrong);
    let data = mnist::mnist();
    let test = mnist::test(&data);
    let mut seen = BTreeSet::new();
    for pair in mistakes.windows(2) {
        assert!(pair[0]["loss"].as_f64() >= pair[1]["loss"].as_f64());
    }
    for mistake in mistakes {
        let index = mistake["index"].as_u64().unwrap() as usize;
        assert_eq!(mistake["truth"], test.labels[index]);
        assert_ne!(mistake["truth"], mistake["prediction"]);
        assert!(seen.insert(index));
    }
    // `predict` says the same of that image.
    let (first, index) = (&mistakes[0], mistakes[0]["index"].to_string());
    let line = events(&["predict", path, "--index", &index, "--json"]).remove(0);
    assert_eq!((&line["prediction"], &line["truth"]), (&first["prediction"], &first["truth"]));
    let class = first["prediction"].as_u64().unwrap() as usize;
    assert_eq!(line["probabilities"][class], first["probability"]);

    let out = succeeds(&["eval", path, "--mistakes", "3"]);
    for mistake in &mistakes[..3] {
        let caption = format!("#{}: {} as {} ", mistake["index"], mistake["truth"], mistake["prediction"]);
        assert!(out.contains(&caption), "{caption}: {out}");
    }
    assert!(!out.contains(&format!("#{}: ", mistakes[3]["index"])));
    assert!(!succeeds(&["eval", path, "--mistakes", "0"]).contains("worst"));
}

#[test]
fn the_last_images_were_held_out_where_training_said_so() {
    let data = small_mnist(600, 60);
    let (data_folder, model) = (folder(&data), data.path("m.safetensors"));
    let model = model.to_str().unwrap();
    let training = events(&[
        "train",
        "--data",
        &data_folder,
        "--epochs",
        "1",
        "--hidden",
        "16",
        "--json",
        "--save",
        model,
    ]);
    // Without --data: the folder that the model was trained on.
    let found = events(&["eval", model, "--split", "validation", "--json"]).remove(0);
    assert_eq!((&found["loss"], &found["images"]), (&training[1]["val_loss"], &100.into()));
    assert_eq!(found["dataset"], data_folder.as_str());
    assert_eq!(events(&["eval", model, "--split", "train", "--json"])[0]["images"], 500);
    // On other data nothing can be said to have been held out beyond its size.
    let other = small_mnist(50, 0);
    let other = folder(&other);
    assert_eq!(events(&["eval", model, "--data", &other, "--split", "train", "--json"])[0]["images"], 50);
    assert!(
        fails(1, &["eval", model, "--data", &other, "--split", "validation"])
            .contains("--split test or train")
    );
    assert!(fails(1, &["eval", model, "--data", &other]).contains("no test images"));
}

#[test]
fn classes_have_their_names() {
    let data = small_mnist(200, 60);
    data.put("classes.txt", b"zero\none\ntwo, or so\nthree\nfour\nfive\nsix\nse\"ven\neight\nnine\n");
    let (data_folder, model) = (folder(&data), data.path("m.safetensors"));
    let model = model.to_str().unwrap();
    succeeds(&["train", "--data", &data_folder, "--epochs", "1", "--hidden", "none", "--save", model]);
    let csv = succeeds(&["eval", model, "--csv"]);
    assert!(csv.starts_with("truth,zero,one,\"two, or so\",three,"), "{csv}");
    assert!(csv.contains("\n\"se\"\"ven\","), "{csv}");
    let out = succeeds(&["eval", model]);
    assert!(out.contains("\n2 two, or so  ") && out.contains(" as "), "{out}");
    assert_eq!(events(&["eval", model, "--json"])[0]["classes"][2]["name"], "two, or so");
    let line = succeeds(&["predict", model, "--index", "0"]);
    assert!(
        line.contains("\ntruth: 7 se\"ven  [0 0 0 0 0 0 0 1 0 0]\nclass: 0 zero  probability: "),
        "{line}"
    );
}

#[test]
fn many_classes_are_left_to_the_csv() {
    let scratch = Scratch::new();
    let classes: Vec<u8> = (0..40).collect();
    scratch.put("train-images-idx3-ubyte", &scratch::images(40, 3, 2));
    scratch.put("train-labels-idx1-ubyte", &labels(&classes));
    let (data_folder, model) = (folder(&scratch), scratch.path("m.safetensors"));
    let model = model.to_str().unwrap();
    let train = ["train", "--data", &data_folder, "--num-classes", "40", "--epochs", "1", "--save", model];
    succeeds(&train);
    // The model says how many classes the folder has.
    let out = succeeds(&["eval", model, "--split", "train"]);
    assert!(out.contains("40 rows and columns: --csv gives it"), "{out}");
    assert_eq!(succeeds(&["eval", model, "--split", "train", "--csv"]).lines().count(), 41);
}

#[test]
fn wrong_usage_and_what_cannot_be_done() {
    let path = &model().0;
    let data = small_mnist(20, 20);
    data.put("classes.txt", b"a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\n");
    let data_folder = folder(&data);
    let picture = data.put("seven.png", b"\x89PNG\r\n\x1a\nand so on").display().to_string();
    for (code, arguments, part) in [
        (2, &["eval"][..], "make one with: mnist-fast train --save model.safetensors"),
        (2, &["eval", path, "--csv", "--json"], "exclude each other"),
        (2, &["eval", path, "--split", "tset"], "test, train or validation"),
        (2, &["eval", path, "--mistake", "3"], "did you mean --mistakes?"),
        (2, &["eval", path, "--mistakes", "-1"], "whole number"),
        (2, &["eval", path, "--threads", "0"], "1 or more"),
        (2, &["eval", path, "--sparse", "sometimes"], "auto, always or never"),
        (2, &["eval", path, "other"], "unexpected argument other"),
        (2, &["eval", &picture], "is a picture"),
        (2, &["evla", path], "did you mean eval?"),
        (1, &["eval", "no-such-file"], "no-such-file"),
        (1, &["eval", &data_folder], "is a folder"),
        (1, &["eval", path, "--data", "./no-such-folder"], "does not exist"),
        (1, &["eval", path, "--data", &data_folder], "784 inputs to 10 classes"),
        (1, &["eval", path, "--data", &data_folder], "28 x 28 and 11 classes"),
    ] {
        let error = fails(code, arguments);
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
    let help = succeeds(&["eval", "--help"]);
    assert!(help.contains("Usage: mnist-fast eval") && help.contains("--mistakes N"), "{help}");
    assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    assert!(succeeds(&["--help"]).contains("\n  eval "));
}

#[test]
fn a_closed_pipe_is_quiet() {
    assert_eq!(first_line_of(&["eval", &model().0]), "mnist, test: 10,000 images\n");
}
