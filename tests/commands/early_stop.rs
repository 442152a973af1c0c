//! Early stopping ends where validation loss says so, keeps the best weights, and does the same in a run that is resumed.

use std::fs;
use std::path::Path;

use crate::program::{fails, folder, json, small_mnist, succeeds};
use crate::scratch::files_under;
use serde_json::Value;

const EPOCHS: usize = 30;

/// A small training that overfits soon: 30 epochs of 4 steps, the last of 20 images.
fn train_for(epochs: usize, data: &str, more: &[&str]) -> Vec<Value> {
    let epochs = epochs.to_string();
    let own = [
        "train",
        "--data",
        data,
        "--validation",
        "100",
        "--batch-size",
        "50",
        "--hidden",
        "40",
        "--lr",
        "0.02",
    ];
    json(&succeeds(&[&own[..], &["--epochs", &epochs, "--json"], more].concat()))
}

fn train(data: &str, more: &[&str]) -> Vec<Value> {
    train_for(EPOCHS, data, more)
}

fn val_losses(events: &[Value]) -> Vec<f64> {
    let epochs = events.iter().filter(|event| event["event"] == "epoch");
    epochs.map(|epoch| epoch["val_loss"].as_f64().unwrap()).collect()
}

/// The last line but for the time.
fn end(events: &[Value]) -> Value {
    let mut end = events.last().unwrap().clone();
    assert_eq!(end["event"], "end");
    end.as_object_mut().unwrap().remove("seconds");
    end
}

#[test]
fn training_ends_after_its_patience_with_the_best_weights() {
    let scratch = small_mnist(270, 60);
    let data = folder(&scratch);
    let whole = train(&data, &[]);
    let losses = val_losses(&whole);
    assert!(losses.len() == EPOCHS && end(&whole).get("epoch").is_none());
    let mut stopped_early = 0;
    for patience in [1, 2, 3, EPOCHS] {
        let mut expected = EPOCHS;
        let mut best = 1;
        for epoch in 1..=EPOCHS {
            if losses[epoch - 1] < losses[best - 1] {
                best = epoch;
            }
            if epoch - best == patience {
                expected = epoch;
                break;
            }
        }
        stopped_early += usize::from(expected < EPOCHS);
        let model = scratch.path("m.safetensors").display().to_string();
        let found = train(&data, &["--early-stop", &patience.to_string(), "--save", &model]);
        assert_eq!(found[0]["config"]["early_stop"], patience);
        assert_eq!(val_losses(&found), losses[..expected], "patience {patience}");
        assert_eq!(end(&found)["epoch"], best, "patience {patience}");
        // The weights, and what the test images say of them, are those of a training that ends there.
        let shorter = end(&train_for(best, &data, &[]));
        for name in ["weights_sha256", "test_loss", "test_accuracy"] {
            assert_eq!(end(&found)[name], shorter[name], "patience {patience}: {name}");
        }
        let saved = mnist_fast::model_file::load(Path::new(&model)).unwrap();
        assert_eq!(saved.network.sha256(), shorter["weights_sha256"].as_str().unwrap());
        assert_eq!(saved.training.unwrap()["epoch"], best);
    }
    assert!(stopped_early >= 2, "{losses:?}");
}

/// From each of its checkpoints, also from one after its end.
#[test]
fn a_resumed_run_ends_where_it_would_have_ended() {
    let scratch = small_mnist(270, 60);
    let data = folder(&scratch);
    let patience = ["--early-stop", "2"];
    let expected = end(&train(&data, &patience));
    for every in ["1steps", "3steps", "2epochs"] {
        let run = scratch.path(every).display().to_string();
        let kept = [&patience[..], &["--checkpoint", &run, "--checkpoint-every", every]].concat();
        assert_eq!(end(&train(&data, &kept)), expected, "{every}");
        let resumed =
            || json(&succeeds(&["train", "--resume", &run, "--json", "--threads", "1", "--sparse", "never"]));
        let at_its_end = resumed();
        assert_eq!(end(&at_its_end), expected, "{every}, from its end");
        let mut names = files_under(Path::new(&run));
        names.retain(|name| name.starts_with("checkpoint-"));
        names.sort();
        assert_eq!(names.len(), 2);
        fs::remove_file(Path::new(&run).join(&names[1])).unwrap();
        let before = resumed();
        assert_eq!(end(&before), expected, "{every}, from before its end");
        let names = files_under(Path::new(&run));
        assert!(names.iter().any(|name| name == "best.safetensors"), "{names:?}");
    }
    let run = scratch.path("1steps").display().to_string();
    let error = fails(1, &["train", "--resume", &run, "--early-stop", "3"]);
    assert!(error.contains("--early-stop") && error.contains("early stop 2"), "{error}");
}

#[test]
fn what_it_cannot_do_is_one_sentence() {
    let scratch = small_mnist(120, 20);
    let data = folder(&scratch);
    for (more, part) in [
        (&["--early-stop", "0"][..], "1 or more"),
        (&["--early-stop", "2", "--validation", "0"], "hold images out with --validation N"),
    ] {
        let error = fails(2, &[&["train", "--data", &data], more].concat());
        assert!(error.contains(part), "{more:?}: {error}");
    }
    let text = succeeds(&["train", "--data", &data, "--epochs", "2", "--hidden", "4", "--early-stop", "5"]);
    assert!(text.contains("whose weights these are"), "{text}");
}
