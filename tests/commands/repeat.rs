//! A run is repeated to the same bits by the command line that it prints and by the model file that it saves.

use std::fs;
use std::path::Path;

use crate::program::{fails, folder, json, run, small_mnist, succeeds, text};
use mnist_fast::model_file::{self, Model};
use mnist_fast::network::Network;
use serde_json::Value;

/// The options beside the data, each set with everything on that fits together.
const SETS: [&str; 6] = [
    "--epochs 1",
    "--epochs 3 --batch-size 40 --hidden none --optimizer sgd --lr 0.1 --no-shuffle --seed 7",
    "--epochs 2 --hidden 20,12 --activation tanh,relu --dropout 0.2,0.1 --label-smoothing 0.1 --schedule cosine --warmup 3steps",
    "--epochs 4 --hidden 16 --loss categorical --early-stop 1 --schedule step --lr-drop-every 1 --lr-factor 0.3",
    "--epochs 2 --hidden 16 --classes 3,8 --loss binary --schedule one-cycle --validation-split 0.25",
    "--epochs 1 --hidden 16 --dropout 0.5 --validation 0 --augment affine --augment-rotate 7.5",
];

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// What a run ends with but for the time, and for the model that it was to be like.
fn end(arguments: &[&str]) -> Value {
    let mut end = json(&succeeds(&[arguments, &["--json"]].concat())).pop().unwrap();
    end.as_object_mut().unwrap().retain(|name, _| name != "seconds" && name != "same_weights_as");
    end
}

fn command(arguments: &[&str]) -> String {
    let printed = succeeds(&[arguments, &["--print-command"]].concat());
    printed.strip_suffix('\n').unwrap().to_owned()
}

#[test]
fn the_printed_command_and_the_saved_model_repeat_the_run() {
    let scratch = small_mnist(260, 60);
    let data = folder(&scratch);
    for (i, set) in SETS.iter().enumerate() {
        let model = scratch.path(&format!("{i}.safetensors")).display().to_string();
        let own = [&["train", "--data", &data][..], &words(set)].concat();
        let expected = end(&[&own[..], &["--save", &model]].concat());
        let printed = command(&own);
        let repeated = words(&printed);
        assert_eq!(repeated[0], "mnist-fast");
        assert_eq!(end(&repeated[1..]), expected, "{printed}");
        // It is whole: printed again it is the same, and in the model file too.
        assert_eq!(command(&repeated[1..]), printed);
        assert_eq!(command(&["train", "--like", &model]), printed);
        for option in [
            "--data",
            "--hidden",
            "--loss",
            "--optimizer",
            "--lr",
            "--schedule",
            "--batch-size",
            "--epochs",
            "--seed",
        ] {
            assert_eq!(repeated.iter().filter(|word| **word == option).count(), 1, "{option} in {printed}");
        }
        let like = ["train", "--like", &model, "--threads", "1", "--sparse", "never"];
        assert_eq!(end(&like), expected, "{set}");
        let says = format!("the weights are those of {model}, to the bit\nweights sha256");
        // Also where an option is given again, and by the result alone.
        for more in [&[][..], &["--seed", if *set == SETS[1] { "07" } else { "42" }], &["--quiet"]] {
            let words = succeeds(&[&like, more].concat());
            assert!(words.contains(&says), "{more:?}: {words}");
        }
        let mut same = json(&succeeds(&[&like[..], &["--json"]].concat())).pop().unwrap();
        assert_eq!(same.as_object_mut().unwrap().remove("same_weights_as"), Some(model.clone().into()));
    }
}

#[test]
fn other_options_replace_what_the_model_says() {
    let scratch = small_mnist(260, 60);
    let data = folder(&scratch);
    let model = scratch.path("m.safetensors").display().to_string();
    let set = words(
        "--epochs 2 --hidden 16 --dropout 0.2 --schedule cosine --lr-final 1e-5 --optimizer sgd --lr 0.1",
    );
    let own = [&["train", "--data", &data][..], &set].concat();
    succeeds(&[&own[..], &["--save", &model]].concat());
    for (more, expected) in [
        (
            "--epochs 3",
            "--epochs 3 --hidden 16 --dropout 0.2 --schedule cosine --lr-final 1e-5 --optimizer sgd --lr 0.1",
        ),
        (
            "--hidden none",
            "--epochs 2 --hidden none --schedule cosine --lr-final 1e-5 --optimizer sgd --lr 0.1",
        ),
        ("--schedule constant", "--epochs 2 --hidden 16 --dropout 0.2 --optimizer sgd --lr 0.1"),
        ("--optimizer rmsprop", "--epochs 2 --hidden 16 --dropout 0.2 --schedule cosine --lr-final 1e-5"),
        (
            "--validation 9 --no-shuffle",
            "--epochs 2 --hidden 16 --dropout 0.2 --schedule cosine --lr-final 1e-5 --optimizer sgd --lr 0.1 --validation 9 --no-shuffle",
        ),
    ] {
        let like = [&["train", "--like", &model][..], &words(more)].concat();
        assert_eq!(
            command(&like),
            command(&[&["train", "--data", &data][..], &words(expected)].concat()),
            "{more}"
        );
        let out = succeeds(&like);
        assert!(!out.contains("to the bit"), "another run is not compared: {out}");
    }
    // A run like it may keep checkpoints, and goes on from them as what it is.
    let kept = scratch.path("run").display().to_string();
    let expected = end(&own);
    assert_eq!(end(&["train", "--like", &model, "--checkpoint", &kept]), expected);
    assert_eq!(end(&["train", "--resume", &kept]), expected);
    let best = scratch.path("run/best.safetensors").display().to_string();
    assert_eq!(end(&["train", "--like", &best]), expected, "the run of its best model");
}

#[test]
fn a_run_that_comes_to_other_weights_says_so() {
    let scratch = small_mnist(260, 60);
    let data = folder(&scratch);
    let model = scratch.path("m.safetensors").display().to_string();
    let own = ["train", "--data", &data, "--epochs", "1", "--hidden", "8"];
    succeeds(&[&own[..], &["--save", &model]].concat());
    let labels = scratch.path("data/train-labels-idx1-ubyte");
    let mut bytes = fs::read(&labels).unwrap();
    bytes[8] = (bytes[8] + 1) % 10; // the first label
    fs::write(&labels, bytes).unwrap();
    let output = run(&["train", "--like", &model]);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("the weights are not those of") && error.contains("data or --init file"),
        "{error}"
    );
    assert!(text(&output.stdout).contains("weights sha256"), "the result is told all the same");
}

/// That the file to start from is another now is told before the training, unless another one is asked for.
#[test]
fn a_file_to_start_from_that_was_changed_is_told_at_once() {
    let scratch = small_mnist(120, 20);
    let data = folder(&scratch);
    let [init, model] = ["init", "m"].map(|name| scratch.path(name).display().to_string());
    let save = |seed| {
        let network = Network::glorot_uniform(&[784, 8, 10], seed).unwrap();
        model_file::save(Path::new(&init), &Model { network, class_names: None, training: None }).unwrap();
    };
    save(1);
    let own = ["train", "--data", &data, "--epochs", "1", "--init", &init, "--save", &model];
    succeeds(&own);
    assert!(succeeds(&["train", "--like", &model]).contains("to the bit"));
    save(2);
    for more in [&[][..], &["--epochs", "2"]] {
        let output = run(&[&["train", "--like", &model][..], more].concat());
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains("holds other weights now") && output.stdout.is_empty(), "{error}");
    }
    assert!(!succeeds(&["train", "--like", &model, "--init", &init]).contains("to the bit"));
}

#[test]
fn what_cannot_be_repeated_is_one_sentence() {
    let scratch = small_mnist(120, 20);
    let data = folder(&scratch);
    let plain = scratch.path("plain.safetensors").display().to_string();
    let network = Network::glorot_uniform(&[784, 10], 1).unwrap();
    model_file::save(Path::new(&plain), &Model { network, class_names: None, training: None }).unwrap();
    let run = scratch.path("run").display().to_string();
    let model = scratch.path("m.safetensors").display().to_string();
    let own =
        ["train", "--data", &data, "--epochs", "1", "--hidden", "8", "--checkpoint", &run, "--save", &model];
    succeeds(&own);
    for (code, arguments, part) in [
        (1, &["--like", &plain][..], "does not say with which options"),
        (1, &["--like", "absent.safetensors"], "absent.safetensors"),
        (2, &["--like", &model, "--resume", &run], "--like and --resume exclude each other"),
        (2, &["--print-command", "--json"], "--print-command prints a command line"),
        (2, &["--print-command", "--explain"], "--quiet and --explain out"),
        (2, &["--like", &model, "--lr-final", "0"], "--lr-final is for --schedule"),
    ] {
        let error = fails(code, &[&["train"], arguments].concat());
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
}

#[test]
fn an_error_over_what_was_not_given_says_where_it_comes_from() {
    let scratch = small_mnist(120, 20);
    let data = folder(&scratch);
    let path = |name: &str| scratch.path(name).display().to_string();
    let (first, second, run) = (path("first.safetensors"), path("second.safetensors"), path("run"));
    let own = ["train", "--data", &data, "--epochs", "1", "--hidden", "8", "--save"];
    succeeds(&[&own[..], &[&first]].concat());
    succeeds(&["train", "--data", &data, "--epochs", "1", "--init", &first, "--save", &second]);
    succeeds(&["train", "--data", &data, "--epochs", "1", "--hidden", "8", "--checkpoint", &run]);
    fs::remove_file(&first).unwrap();
    for (code, arguments, part) in [
        (
            2,
            &["--recipe", "best", "--early-stop", "3"][..],
            " (--validation 0 comes from --recipe best)".to_owned(),
        ),
        (1, &["--like", &second], format!(" (--init {first} comes from --like {second})")),
    ] {
        let error = fails(code, &[&["train"], arguments].concat());
        assert!(error.trim_end().ends_with(&part), "{arguments:?}: {error}");
    }
    // What is given is not told again.
    let error = fails(1, &["train", "--like", &second, "--init", &first]);
    assert!(!error.contains("comes from"), "{error}");
    fs::remove_dir_all(scratch.path("data")).unwrap();
    let error = fails(1, &["train", "--resume", &run]);
    assert!(error.contains(&format!(" (--data {data} comes from --resume {run})")), "{error}");
}

#[test]
fn the_report_has_the_command() {
    let scratch = small_mnist(120, 20);
    let data = folder(&scratch);
    let page = scratch.path("r.html").display().to_string();
    let own = ["train", "--data", &data, "--epochs", "1", "--hidden", "8"];
    succeeds(&[&own[..], &["--report", &page]].concat());
    let (html, printed) = (fs::read_to_string(&page).unwrap(), command(&own));
    // Each option in an element of its own.
    let text = html.replace("<span class=\"option\">", "").replace("</span>", "");
    assert!(text.contains(&printed), "{printed}");
}
