//! `export`, and models of other programs in every command that takes one, through the binary.

use std::fs;

use crate::program::{fails, folder, json, run, small_mnist, succeeds, text};
use crate::scratch::{Scratch, assert_says};

/// A folder with `model.safetensors` (tanh, two epochs on a few images) in it and that data.
fn trained() -> (Scratch, String, String) {
    let scratch = small_mnist(400, 100);
    let (data, path) = (folder(&scratch), scratch.path("model.safetensors").display().to_string());
    let options = ["--hidden", "12,8", "--activation", "tanh", "--epochs", "2", "--quiet", "--save", &path];
    succeeds(&[&["train", "--data", &data], &options[..]].concat());
    (scratch, data, path)
}

fn hash(output: &str) -> &str {
    output.lines().last().unwrap().strip_prefix("weights sha256 ").unwrap()
}

#[test]
fn there_and_back() {
    let (scratch, data, model) = trained();
    let path = |name: &str| scratch.path(name).display().to_string();
    let (npz, back, saved) = (path("weights.npz"), path("back.safetensors"), path("saved.npz"));
    let first = succeeds(&["export", &model, &npz]);
    assert_says(&first, &["wrote ", "weights.npz; in Keras: model.set_weights(list(np.load("]);
    let second = succeeds(&["export", &npz, &back]);
    assert_says(&second, &["nn.Linear(784, 12), nn.Tanh(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 10))"]);
    assert_eq!(hash(&first), hash(&second));
    // All that the file says of the model survives as well.
    assert!(fs::read(&model).unwrap() == fs::read(&back).unwrap());

    // Every command reads one as the other.
    for command in [
        &["eval", "MODEL", "--data", &data][..],
        &["eval", "MODEL", "--json", "--split", "validation"],
        &["predict", "MODEL", "--index", "3"],
        &["summary", "MODEL"],
        &["train", "--data", &data, "--init", "MODEL", "--epochs", "1", "--quiet"],
    ] {
        let with = |model: &str| {
            let words: Vec<&str> =
                command.iter().map(|word| if *word == "MODEL" { model } else { word }).collect();
            let output = run(&words);
            assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
            (text(&output.stdout).replace(model, "MODEL"), text(&output.stderr))
        };
        assert_eq!(with(&model), with(&npz), "{command:?}");
    }

    // `--save` writes the same file.
    succeeds(&["train", "--data", &data, "--init", &npz, "--epochs", "1", "--quiet", "--save", &saved]);
    assert_says(&succeeds(&["summary", &saved]), &["hidden layers: tanh"]);
}

/// The tensors alone, as PyTorch writes them: two layers, 784-4-10.
fn of_pytorch(scratch: &Scratch) -> String {
    let header = r#"{"1.weight":{"dtype":"F32","shape":[4,784],"data_offsets":[0,12544]},"1.bias":{"dtype":"F32","shape":[4],"data_offsets":[12544,12560]},"3.weight":{"dtype":"F32","shape":[10,4],"data_offsets":[12560,12720]},"3.bias":{"dtype":"F32","shape":[10],"data_offsets":[12720,12760]}}"#;
    let weights = (0..3190).flat_map(|i: i32| ((i * 7919 % 199 - 99) as f32 / 100.0).to_le_bytes());
    let start = [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
    let path = scratch.path("theirs.safetensors");
    fs::write(&path, start.into_iter().chain(weights).collect::<Vec<u8>>()).unwrap();
    path.display().to_string()
}

#[test]
fn activations_that_a_file_does_not_say() {
    let scratch = small_mnist(40, 20);
    let (theirs, data) = (of_pytorch(&scratch), folder(&scratch));
    let path = |name: &str| scratch.path(name).display().to_string();
    let (relu, tanh) = (path("relu.npz"), path("tanh.npz"));
    let note = "theirs.safetensors does not say its activations, so they are taken for ReLU";

    let output = run(&["export", &theirs, &relu]);
    assert_says(&text(&output.stderr), &[note, "--activation tanh"]);
    let output = run(&["export", &theirs, &tanh, "--activation", "tanh"]);
    assert_eq!((output.status.code(), &*text(&output.stderr)), (Some(0), ""));
    let loss_of =
        |model: &str| json(&succeeds(&["eval", model, "--data", &data, "--json"]))[0]["loss"].to_string();
    assert_eq!(loss_of(&theirs), loss_of(&relu));
    assert_ne!(loss_of(&tanh), loss_of(&relu));

    // The other commands tell as well; `train` takes its own option.
    for command in [
        &["eval", &theirs, "--data", &data][..],
        &["predict", &theirs, "--index", "0"],
        &["summary", &theirs],
    ] {
        assert_says(&text(&run(command).stderr), &[note]);
    }
    let train = |more: &[&str]| {
        let common = ["train", "--data", &data, "--epochs", "1", "--quiet", "--init"];
        let output = run(&[&common[..], more].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        (hash(&text(&output.stdout)).to_owned(), text(&output.stderr).contains(note))
    };
    let (assumed, asked) = (train(&[&theirs]), train(&[&theirs, "--activation", "tanh"]));
    assert_eq!((assumed.1, asked.1), (true, false));
    assert_eq!((assumed.0, asked.0), (train(&[&relu]).0, train(&[&tanh]).0));
    assert_ne!(train(&[&relu]), train(&[&tanh]));

    let message = fails(1, &["export", &tanh, &relu, "--activation", "relu"]);
    assert_says(&message, &["has the activation tanh, but --activation asks for relu; leave"]);
    let message = fails(2, &["export", &theirs, &relu, "--activation", "relu,tanh"]);
    assert_says(&message, &["--activation has 2 values for 1 hidden layers"]);
}

#[test]
fn what_cannot_be_exported() {
    let scratch = Scratch::new();
    let theirs = of_pytorch(&scratch);
    let npz = scratch.path("weights.npz").display().to_string();
    assert_says(&fails(2, &["export"]), &["export needs a model file"]);
    assert_says(&fails(2, &["export", &theirs]), &["needs the file to write as well"]);
    assert_says(
        &fails(2, &["export", &theirs, "weights.h5"]),
        &["weights.h5 does not end in .safetensors", ".npz"],
    );
    assert_says(&fails(2, &["export", &theirs, &npz, "more"]), &["unexpected argument more"]);
    assert_says(&fails(1, &["export", &npz, &npz]), &["weights.npz does not exist"]);
    let nowhere = scratch.path("no/weights.npz").display().to_string();
    assert_says(&fails(1, &["export", &theirs, &nowhere]), &["the folder", "does not exist"]);
    assert!(!scratch.path("weights.npz").exists());
}
