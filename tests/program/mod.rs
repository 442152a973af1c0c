//! The binary, run as its users run it, with a cache of its own for the tests.

#![allow(dead_code, reason = "shared by test files that each use another part of it")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::mnist;
use crate::scratch::{Scratch, idx, labels};

/// The binary, which looks at no cache but the tests' own.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mnist-fast"));
    command.args(arguments).env("XDG_CACHE_HOME", mnist::cache()).env("HOME", mnist::cache());
    command.env("LOCALAPPDATA", mnist::cache());
    command
}

pub(crate) fn run(arguments: &[&str]) -> Output {
    program(arguments).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Standard output of a run that must succeed.
#[track_caller]
pub(crate) fn succeeds(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// The last line of standard error of a run that must fail with `code`, in one sentence, printing nothing else.
#[track_caller]
pub(crate) fn fails(code: i32, arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "", "{arguments:?}");
    let stderr = text(&output.stderr);
    let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{arguments:?}: {stderr}");
    errors[0].to_owned()
}

pub(crate) fn json(output: &str) -> Vec<Value> {
    output.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// Reads one line of a run's output and closes the pipe; the run must end well and say nothing of it.
#[track_caller]
pub(crate) fn first_line_of(arguments: &[&str]) -> String {
    let mut child = program(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::with_capacity(1, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {:?}", output.status);
    assert_eq!(text(&output.stderr), "", "{arguments:?}");
    line
}

/// A folder with the first `train` and `test` images of MNIST.
pub(crate) fn small_mnist(train: usize, test: usize) -> Scratch {
    let (scratch, data) = (Scratch::new(), mnist::mnist());
    let parts = [("train", mnist::train(&data), train), ("t10k", mnist::test(&data), test)];
    for (name, examples, count) in parts.into_iter().filter(|part| part.2 > 0) {
        let part = examples.range(0..count);
        let dims = [count as u32, 28, 28];
        scratch.put(&format!("{name}-images-idx3-ubyte"), &idx(8, &dims, part.images));
        scratch.put(&format!("{name}-labels-idx1-ubyte"), &labels(part.labels));
    }
    scratch
}

pub(crate) fn folder(scratch: &Scratch) -> String {
    scratch.path("data").display().to_string()
}
