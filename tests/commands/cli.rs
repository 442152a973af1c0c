//! The program as its users meet it: through the binary.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Output, Stdio};

use crate::program::{fails, folder, json, program, run, small_mnist, succeeds, text};
use crate::scratch::{self, Scratch, images, labels};
use mnist_fast_kernels::{Isa, Kernels};
use serde_json::Value;

#[test]
fn a_default_epoch_prints_what_the_tutorial_prints() {
    let out = succeeds(&["train", "--epochs", "1"]);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 8, "{out}");
    assert!(lines[0].starts_with("mnist-fast ") && lines[0].contains("kernels"), "{out}");
    assert_eq!(
        lines[1],
        "mnist: 50,000 training, 10,000 validation and 10,000 test images of 28 x 28, 10 classes"
    );
    assert_eq!(lines[2], "network: 784-128-128-10, 118,282 parameters");
    assert!(lines[3].starts_with("Epoch 1/1 - ") && lines[3].contains(" images/s - loss: 0."), "{out}");
    assert!(lines[3].contains("val_accuracy: 0.9"), "{out}");
    assert!(lines[4].starts_with("test accuracy 9") && lines[4].contains("95 % interval"), "{out}");
    assert!(lines[5].starts_with("validation loss was lowest after epoch 1"), "{out}");
    assert!(lines[6].contains("--save"), "{out}");
    assert!(lines[7].starts_with("weights sha256 ") && lines[7].len() == 15 + 64, "{out}");
}

/// One full epoch of the default training, seed 42: the bits of this release.
#[test]
fn the_golden_epoch() {
    let golden = include_str!("../golden/epoch1-seed42.sha256").trim();
    for isa in [Isa::Avx2, Isa::Avx512, Isa::Neon] {
        if !isa.is_available() {
            println!("skipped: no {isa} on this CPU");
            continue;
        }
        for threads in ["1", "2"] {
            let out =
                succeeds(&["train", "--epochs", "1", "--json", "--isa", isa.name(), "--threads", threads]);
            assert_eq!(json(&out)[2]["weights_sha256"], golden, "{isa}, {threads} threads");
        }
    }
}

#[test]
fn json_lines_have_the_promised_members_in_order() {
    let data = small_mnist(1_100, 100);
    let out =
        succeeds(&["train", "--data", &folder(&data), "--validation", "100", "--epochs", "2", "--json"]);
    let events = json(&out);
    assert_eq!(events.len(), 4);
    let members = |i: usize| -> Vec<String> {
        // serde_json sorts members; the text has them in the order written.
        let Value::Object(object) = &events[i] else { panic!("{out}") };
        let line = out.lines().nth(i).unwrap();
        let mut names: Vec<String> = object.keys().cloned().collect();
        names.sort_by_key(|name| line.find(&format!("\"{name}\":")));
        names
    };
    assert_eq!(events[0]["event"], "start");
    for name in ["version", "isa", "threads", "dataset", "parameters", "config"] {
        assert!(!events[0][name].is_null(), "{name} is missing: {out}");
    }
    assert_eq!((&events[0]["train_images"], &events[0]["test_images"]), (&1000.into(), &100.into()));
    assert_eq!(
        members(1),
        [
            "event",
            "epoch",
            "loss",
            "accuracy",
            "val_loss",
            "val_accuracy",
            "seconds",
            "train_seconds",
            "images_per_second"
        ]
    );
    assert_eq!((&events[1]["epoch"], &events[2]["epoch"]), (&1.into(), &2.into()));
    assert!(events[1]["seconds"].as_f64() >= events[1]["train_seconds"].as_f64());
    let rate =
        events[1]["images_per_second"].as_f64().unwrap() * events[1]["train_seconds"].as_f64().unwrap();
    assert!((rate - 1000.0).abs() < 1e-6);
    assert_eq!(
        members(3),
        ["event", "test_loss", "test_accuracy", "test_accuracy_ci95", "weights_sha256", "seconds"]
    );
    let interval = &events[3]["test_accuracy_ci95"];
    assert!(interval[0].as_f64() < events[3]["test_accuracy"].as_f64());
    assert!(interval[1].as_f64() > events[3]["test_accuracy"].as_f64());
}

#[test]
fn without_validation_or_test_images_their_values_are_null() {
    let data = small_mnist(200, 0);
    let out = succeeds(&["train", "--data", &folder(&data), "--validation", "0", "--epochs", "1", "--json"]);
    let events = json(&out);
    assert_eq!(events[0]["train_images"], 200);
    assert!(events[1]["val_loss"].is_null() && events[1]["val_accuracy"].is_null());
    assert!(events[2]["test_accuracy"].is_null() && events[2]["test_accuracy_ci95"].is_null());
    let text = succeeds(&["train", "--data", &folder(&data), "--validation", "0", "--epochs", "1"]);
    assert!(!text.contains("val_loss") && !text.contains("test accuracy"), "{text}");
}

#[test]
fn a_small_folder_validates_on_its_last_sixth_and_says_so() {
    let data = small_mnist(600, 60);
    let output = run(&["train", "--data", &folder(&data), "--epochs", "1", "--json"]);
    assert!(text(&output.stderr).contains("the last 100 are for validation"), "{}", text(&output.stderr));
    let events = json(&text(&output.stdout));
    assert_eq!((&events[0]["train_images"], &events[0]["validation_images"]), (&500.into(), &100.into()));
    // Keras' split of the same fraction is the same images.
    let other =
        ["train", "--data", &folder(&data), "--epochs", "1", "--json", "--validation-split", "0.1666"];
    let keras = json(&succeeds(&other));
    assert_eq!(
        (&keras[0]["train_images"], &keras[2]["weights_sha256"]),
        (&500.into(), &events[2]["weights_sha256"])
    );
    let first = ["train", "--data", &folder(&data), "--epochs", "1", "--json", "--validation", "100"];
    assert_ne!(json(&succeeds(&first))[2]["weights_sha256"], events[2]["weights_sha256"]);
}

#[test]
fn the_same_bits_for_every_isa_and_thread_count() {
    let data = small_mnist(1_040, 100);
    let folder = folder(&data);
    let mut seen = None;
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_exact()) {
        if !isa.is_available() {
            println!("skipped: no {isa} on this CPU");
            continue;
        }
        for threads in ["1", "2", "3"] {
            let out = succeeds(&[
                "train",
                "--data",
                &folder,
                "--validation",
                "0",
                "--epochs",
                "2",
                "--json",
                "--hidden",
                "20,12",
                "--isa",
                isa.name(),
                "--threads",
                threads,
            ]);
            let events = json(&out);
            let result = (
                events[3]["weights_sha256"].clone(),
                events[3]["test_loss"].clone(),
                events[1]["loss"].clone(),
            );
            assert_eq!(*seen.get_or_insert(result.clone()), result, "{isa}, {threads} threads");
        }
    }
}

#[test]
fn quiet_prints_the_result_only() {
    let data = small_mnist(200, 50);
    let out = succeeds(&["train", "--data", &folder(&data), "--epochs", "1", "--quiet"]);
    let lines: Vec<&str> = out.lines().collect();
    assert!(
        lines.len() == 2 && lines[0].starts_with("test accuracy") && lines[1].starts_with("weights sha256"),
        "{out}"
    );
}

#[test]
fn a_saved_model_goes_on_where_it_was() {
    let data = small_mnist(300, 50);
    let (folder, first, second) =
        (folder(&data), data.path("first.safetensors"), data.path("second.safetensors"));
    let common =
        ["train", "--data", &folder, "--hidden", "16", "--epochs", "1", "--validation", "0", "--json"];
    let with = |more: &[&str]| json(&succeeds(&[&common[..], more].concat()));
    let saved = with(&["--save", first.to_str().unwrap()]);
    // With a learning rate of 0 the weights stay: the hash of what was loaded is the hash of what was saved.
    let kept = with(&["--init", first.to_str().unwrap(), "--lr", "0", "--save", second.to_str().unwrap()]);
    assert_eq!(saved[2]["weights_sha256"], kept[2]["weights_sha256"]);
    let summary = succeeds(&["summary", second.to_str().unwrap()]);
    assert!(summary.contains("(None, 16)") && summary.contains("Total params: 12,730"), "{summary}");
    // Without --hidden the file's architecture; with another one an error.
    let init = ["train", "--data", &folder, "--epochs", "1", "--init", first.to_str().unwrap()];
    assert!(succeeds(&init).contains("784-16-10"));
    assert!(fails(1, &[&init[..], &["--hidden", "17"]].concat()).contains("leave --hidden out"));
}

#[test]
fn the_target_of_save_is_checked_before_training() {
    let error = fails(1, &["train", "--save", "no-such-folder/model.safetensors"]);
    assert!(error.contains("no-such-folder"), "{error}");
}

#[test]
fn wrong_usage_is_one_sentence_and_exit_code_2() {
    for (arguments, part) in [
        (&["trian"][..], "did you mean train?"),
        (&["--verison"], "unknown option --verison"),
        (&["train", "--epoch", "3"], "did you mean --epochs?"),
        (&["train", "--optimiser", "sgd"], "did you mean --optimizer?"),
        (&["train", "--explain", "--json"], "leave --json and --quiet out"),
        (&["train", "--explain", "--save", "never"], "trains nothing and writes no file; leave --save out"),
        (&["train", "--explain", "--log", "never.csv"], "leave --log out"),
        (&["train", "--explain", "--checkpoint", "never"], "leave --checkpoint out"),
        (&["train", "--num-classes", "5"], "too few for mnist, whose labels go up to 9; leave it out"),
        (&["train", "--epochs", "1000000001"], "at most 1000000000"),
        (&["train", "--batch-size", "18446744073709551616"], "1 or more; numbers must be below 2^64"),
        (&["train", "--hidden", "8,99999999999999999999"], "or none; numbers must be below 2^64"),
        (&["train", "--validation", "18446744073709551616"], "numbers must be below 2^64"),
        (&["train", "--seed", "18446744073709551616"], "a whole number below 2^64"),
        (&["inspect", "--index", "0,18446744073709551616"], "numbers must be below 2^64"),
        (&["train", "--epochs"], "--epochs needs a value"),
        (&["train", "--epochs", "0"], "1 or more"),
        (&["train", "--epochs=0"], "1 or more"),
        (&["train", "--epochs", "2", "--epochs", "3"], "more than once"),
        (&["train", "--batch-size", "0"], "1 or more"),
        (&["train", "--threads", "0"], "1 or more"),
        (&["train", "--lr", "nan"], "finite"),
        (&["train", "--lr", "-1"], "finite number, 0 or more"),
        (&["train", "--lr", "1e39"], "at most 3.4e38"),
        (&["train", "--seed", "-1"], "whole number"),
        (&["train", "--hidden", "0"], "128,128, or none"),
        (&["train", "--hidden", "128,,10"], "128,128, or none"),
        (&["train", "--optimizer", "adagrad"], "rmsprop, sgd, adam or adamw"),
        (&["train", "--activation", "gelu"], "expected relu, leaky-relu"),
        (&["train", "--activation", "tanh,relu,tanh"], "3 values for 2 hidden layers"),
        (&["summary", "--hidden", "none", "--activation", "tanh"], "of which there are none"),
        (&["train", "--isa", "sse9"], "scalar, portable, avx2, avx512 or neon"),
        (&["train", "--sparse", "maybe"], "auto, always or never"),
        (&["train", "--num-classes", "1"], "from 2 to 256"),
        (&["train", "--validation", "x"], "whole number of images"),
        (&["train", "--validation-split", "1"], "below 1"),
        (&["train", "--validation", "5", "--validation-split", "0.1"], "exclude each other"),
        (&["train", "--json", "--quiet"], "exclude each other"),
        (&["train", "--json=yes"], "takes no value"),
        (&["train", "--save", "--json"], "--save needs a value"),
        (&["train", "--data", ""], "--data needs a value"),
        (&["train", "stray"], "unexpected argument stray"),
        (&["summary", "--inputs", "0"], "1 or more"),
        (&[], "no command given"),
        (&["summary", "a", "b"], "unexpected argument b"),
        (&["info", "--all"], "unknown option --all"),
    ] {
        let error = fails(2, arguments);
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
}

#[test]
fn work_that_cannot_be_done_is_one_sentence_and_exit_code_1() {
    let data = small_mnist(200, 50);
    let folder = folder(&data);
    for (arguments, part) in [
        (&["train", "--data", "./no-such-folder"][..], "does not exist"),
        (&["train", "--data", &folder, "--validation", "200"], "train on; give a smaller --validation"),
        (&["train", "--data", &folder, "--validation-split", "0.99999"], "a smaller --validation-split"),
        (&["train", "--init", "no-such-file"], "no-such-file"),
        (&["train", "--data", &folder, "--hidden", "4000000000"], "GB of memory"),
        (&["summary", "--hidden", "99999999999"], "GB of memory"),
        (&["summary", "--hidden", "9999999999999999999"], "can be addressed"),
        (&["summary", "no-such-file"], "no-such-file"),
    ] {
        let error = fails(1, arguments);
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
    let output = run(&["train", "--data", &folder, "--optimizer", "sgd", "--lr", "1e30"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("epoch 1, step "), "{}", text(&output.stderr));
}

#[test]
fn odd_sizes_work() {
    let scratch = Scratch::new();
    scratch.put("train-images-idx3-ubyte", &images(1, 3, 5));
    scratch.put("train-labels-idx1-ubyte", &labels(&[1]));
    let folder = folder(&scratch);
    for more in [
        &["--batch-size", "1000"][..],
        &["--threads", "7", "--batch-size", "3"],
        &["--hidden", "none", "--num-classes", "2"],
        &["--hidden", "1,1,1,1"],
        &["--lr", "0"],
        &["--seed", "18446744073709551615"],
    ] {
        succeeds(&[&["train", "--data", &folder, "--epochs", "2"][..], more].concat());
    }
}

#[test]
fn a_closed_pipe_is_quiet_and_a_model_is_saved_all_the_same() {
    let data = small_mnist(2_000, 50);
    let (folder, model) = (folder(&data), data.path("model.safetensors"));
    for save in [false, true] {
        let mut arguments = vec!["train", "--data", &folder, "--epochs", "30", "--hidden", "16"];
        if save {
            arguments.extend(["--save", model.to_str().unwrap()]);
        }
        let mut child = program(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("mnist-fast"), "{line}");
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{:?}", output.status);
        let stderr = text(&output.stderr);
        assert!(!stderr.contains("error") && !stderr.contains("panic"), "{stderr}");
        assert_eq!(model.exists(), save);
    }
}

/// Four processes that find an empty cache at once.
#[test]
fn first_starts_at_the_same_time_all_succeed() {
    let scratch = Scratch::new();
    let start = || {
        program(&["train", "--epochs", "1", "--hidden", "none", "--quiet"])
            .env("XDG_CACHE_HOME", scratch.path("cache"))
            .env("HOME", scratch.path("cache"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = (0..4).map(|_| start()).collect();
    let outputs: Vec<Output> = children.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    for output in &outputs {
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(output.stdout, outputs[0].stdout);
    }
    let leftovers = scratch::files_under(&scratch.path("cache"));
    assert!(leftovers.iter().all(|file| !file.ends_with(".tmp")), "{leftovers:?}");
}

#[test]
fn without_a_cache_folder_it_works_and_says_so() {
    let output = program(&["train", "--epochs", "1", "--hidden", "none", "--quiet"])
        .env_remove("XDG_CACHE_HOME")
        .env_remove("HOME")
        .env_remove("LOCALAPPDATA")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("cache"), "{}", text(&output.stderr));
}

#[test]
fn help_lists_every_option_and_the_summary_is_the_tutorials() {
    let overview = succeeds(&["--help"]);
    for command in ["train", "eval", "predict", "inspect", "summary", "export", "roofline", "info"] {
        assert!(overview.contains(&format!("\n  {command} ")), "{overview}");
        for help in [succeeds(&[command, "--help"]), succeeds(&["help", command]), succeeds(&[command, "-h"])]
        {
            assert!(help.contains(&format!("Usage: mnist-fast {command}")), "{help}");
            assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
        }
    }
    assert!(succeeds(&["--version"]).starts_with("mnist-fast 0."));
    let summary = succeeds(&["summary"]);
    for row in ["100480", "16512", "1290", "Total params: 118,282", "Non-trainable params: 0"] {
        assert!(summary.contains(row), "{summary}");
    }
    assert!(succeeds(&["summary", "--hidden", "none"]).contains("Total params: 7,850"));
    let drawn = succeeds(&["summary", "--diagram"]);
    assert!(
        drawn.starts_with(&summary) && drawn.contains("dense_2: each with each, W3 128 x 10 + b3 10"),
        "{drawn}"
    );
    let info = succeeds(&["info"]);
    for row in ["version", "threads", "ISA", "caches", "licence", &Isa::best().to_string()] {
        assert!(info.contains(row), "{info}");
    }
    let row = |name: &str| info.lines().find(|line| line.starts_with(name)).expect(name);
    let kernels = Kernels::best();
    let tiles: Vec<_> =
        kernels.gemm_tiles().map(|tile| format!("{} x {}", tile.rows, tile.columns)).collect();
    let tiles = if tiles.is_empty() { "none of its own".into() } else { tiles.join(", ") };
    assert_eq!(row("GEMM tiles"), format!("GEMM tiles  {tiles}"));
    let blocks = kernels.gemm_blocks().map_or("none of its own".into(), |blocks| {
        let of_a = blocks.rows * blocks.depth * 4 / 1024;
        format!("{} x {}, {} deep (of A {of_a}K", blocks.rows, blocks.columns, blocks.depth)
    });
    assert!(row("GEMM blocks").starts_with(&format!("GEMM blocks {blocks}")), "{info}");
}

#[test]
fn data_errors_reach_the_user() {
    let data = small_mnist(20, 20);
    let gzip_under_a_raw_name = scratch::gzip(&images(20, 28, 28));
    data.put("train-images-idx3-ubyte", &gzip_under_a_raw_name);
    let error = fails(1, &["train", "--data", &folder(&data)]);
    assert!(error.contains("train-images-idx3-ubyte") && error.contains("gzip"), "{error}");
    assert!(Path::new(&folder(&data)).exists());
}
