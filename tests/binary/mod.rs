//! The program, run as its users run it, and a small model for it.
#![allow(dead_code, reason = "shared by test files that each use another part of it")]

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

use crate::mnist;

/// The binary, with a cache of its own for the tests.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mnist-fast"));
    command.args(arguments).env("XDG_CACHE_HOME", mnist::cache()).env("HOME", mnist::cache());
    command.env("LOCALAPPDATA", mnist::cache());
    command
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Standard output and standard error of a run that must succeed.
#[track_caller]
pub(crate) fn both(arguments: &[&str]) -> (String, String) {
    let output = program(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

/// Standard output of a run that must succeed.
#[track_caller]
pub(crate) fn succeeds(arguments: &[&str]) -> String {
    both(arguments).0
}

/// The JSON lines of a run that must succeed.
#[track_caller]
pub(crate) fn json(arguments: &[&str]) -> Vec<Value> {
    succeeds(arguments).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The error of a run that must fail with `code`, in one sentence, printing nothing else.
#[track_caller]
pub(crate) fn fails(code: i32, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = program(arguments).output().unwrap();
    let stderr = text(&stderr);
    assert_eq!(status.code(), Some(code), "{arguments:?}: {stderr}");
    assert_eq!(text(&stdout), "", "{arguments:?}");
    let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{arguments:?}: {stderr}");
    errors[0].to_owned()
}

/// A model of three epochs on MNIST, trained once, and the JSON lines of its training.
pub(crate) fn model() -> &'static (String, Vec<Value>) {
    static MODEL: OnceLock<(String, Vec<Value>)> = OnceLock::new();
    MODEL.get_or_init(|| {
        // Runs at the same time write the same bytes, each whole or not at all.
        let name = concat!("model-of-", env!("CARGO_CRATE_NAME"), ".safetensors");
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name).display().to_string();
        let lines = json(&["train", "--epochs", "3", "--json", "--save", &path]);
        (path, lines)
    })
}
