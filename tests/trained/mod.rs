//! A small model for the tests, trained once.

use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::Value;

use crate::program::{json, succeeds};

/// The JSON lines of a run that must succeed.
#[track_caller]
pub(crate) fn events(arguments: &[&str]) -> Vec<Value> {
    json(&succeeds(arguments))
}

/// A model of three epochs on MNIST, trained once, and the JSON lines of its training.
pub(crate) fn model() -> &'static (String, Vec<Value>) {
    static MODEL: OnceLock<(String, Vec<Value>)> = OnceLock::new();
    MODEL.get_or_init(|| {
        // Runs at the same time write the same bytes, each whole or not at all.
        let name = concat!("model-of-", env!("CARGO_CRATE_NAME"), ".safetensors");
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name).display().to_string();
        let training = events(&["train", "--epochs", "3", "--json", "--save", &path]);
        (path, training)
    })
}
