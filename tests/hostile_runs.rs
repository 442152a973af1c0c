//! What can go wrong around a run, through the binary: files that change, full disks, odd names, numbers that explode.
#![cfg(unix)]

mod mnist;
mod program;
mod scratch;

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use mnist_fast::model_file::{self, Model};
use mnist_fast::network::Network;
use program::{fails, folder, program, small_mnist, text};
use scratch::{Scratch, idx, images, labels};

fn save_model(scratch: &Scratch) -> PathBuf {
    let path = scratch.path("model.safetensors");
    let network = Network::glorot_uniform(&[784, 10], 1).unwrap();
    model_file::save(&path, &Model { network, class_names: None, training: None }).unwrap();
    path
}

/// A training whose images lose all pages but the first after its first epoch.
fn truncated_while_training(more: &[&str]) -> (ExitStatus, String) {
    let data = small_mnist(400, 0);
    let folder = folder(&data);
    let arguments = ["train", "--data", &folder, "--hidden", "16", "--epochs", "200", "--threads", "2"];
    let mut command = program(&[&arguments[..], more].concat());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("Epoch ")));
    let images = data.path("data").join("train-images-idx3-ubyte");
    File::options().write(true).open(images).unwrap().set_len(1000).unwrap();
    // Read on, lest the pipe is full.
    lines.for_each(drop);
    let output = child.wait_with_output().unwrap();
    (output.status, text(&output.stderr))
}

#[test]
fn a_file_that_is_truncated_while_it_is_mapped_ends_the_run_with_a_sentence() {
    let (status, stderr) = truncated_while_training(&[]);
    assert_eq!(status.code(), Some(1), "{status}: {stderr}");
    let sentences: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    let [sentence] = sentences[..] else { panic!("{stderr}") };
    for part in ["train-images-idx3-ubyte was cut short", "renaming", "--no-mmap"] {
        assert!(sentence.contains(part), "{stderr}");
    }
}

#[test]
fn without_mapping_a_truncated_file_does_no_harm() {
    let (status, stderr) = truncated_while_training(&["--no-mmap"]);
    assert!(status.success() && !stderr.contains("error"), "{status}: {stderr}");
}

/// A SIGBUS that is not about mapped data ends the program as it would without a handler.
#[test]
fn another_fault_is_not_explained_away() {
    let data = small_mnist(400, 0);
    let folder = folder(&data);
    let arguments = ["train", "--data", &folder, "--hidden", "16", "--epochs", "100000"];
    let mut child = program(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("Epoch ")));
    // The standard library's own handler, which was there before, takes one; the default action the next.
    for _ in 0..2 {
        // SAFETY: the child is ours and has not been waited for.
        assert_eq!(unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGBUS) }, 0);
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    lines.for_each(drop);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), Some(libc::SIGBUS), "{}", output.status);
    assert!(!text(&output.stderr).contains("cut short"));
}

#[test]
fn the_data_is_the_same_without_mapping() {
    let data = small_mnist(60, 20);
    let folder = folder(&data);
    let model = data.path("m.safetensors").display().to_string();
    let train = |more: &[&str]| {
        let arguments = ["train", "--data", &folder, "--epochs", "1", "--quiet", "--save", &model];
        program::succeeds(&[&arguments[..], more].concat())
    };
    assert_eq!(train(&[]), train(&["--no-mmap"]));
    for command in [
        &["eval", &model, "--data", &folder][..],
        &["predict", &model, "--data", &folder, "--index", "3"],
        &["inspect", "--data", &folder, "--stats"],
    ] {
        assert_eq!(program::succeeds(command), program::succeeds(&[command, &["--no-mmap"]].concat()));
    }
}

/// A full disk, as `ulimit -f` makes one: in the target's folder and in the cache.
#[test]
fn no_room_for_files_is_an_error_and_leaves_nothing_behind() {
    let data = small_mnist(60, 0);
    let binary = env!("CARGO_BIN_EXE_mnist-fast");
    let target = data.path("new");
    fs::create_dir(&target).unwrap();
    let shell = |command: String| {
        std::process::Command::new("sh")
            .args(["-c", &format!("ulimit -f 8; exec {binary} {command}")])
            .env("XDG_CACHE_HOME", data.path("cache"))
            .output()
            .unwrap()
    };
    let (folder, new) = (folder(&data), target.display());
    let train = format!("train --data {folder} --epochs 1 --quiet");
    for command in [
        format!("{train} --save {new}/m.safetensors"),
        format!("{train} --report {new}/r.html"),
        format!("inspect --data {folder} --images 60 --png {new}/s.png"),
    ] {
        let output = shell(command.clone());
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{command}: {} {stderr}", output.status);
        assert_eq!(stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{stderr}");
        assert!(stderr.contains(&new.to_string()), "{stderr}");
        assert_eq!(scratch::files_under(&target), [] as [String; 0], "{command}");
    }
    // The cache only: the data stays in memory, and the run says so.
    let output = shell("inspect --labels 3".into());
    assert!(output.status.success() && text(&output.stderr).contains("unpacked in memory"), "{output:?}");
    assert_eq!(scratch::files_under(&data.path("cache")), [] as [String; 0]);
}

#[test]
fn odd_names_and_links_that_lead_nowhere() {
    let scratch = Scratch::with_dataset();
    let model = save_model(&scratch).display().to_string();
    let odd = scratch.path("new\nline\x1b[31m").display().to_string();
    fs::write(&odd, b"x").unwrap();
    let absent = format!("{odd}/none");
    for arguments in
        [&["predict", &model, &odd][..], &["predict", &model, &absent], &["train", "--data", &absent]]
    {
        let output = program(arguments).output().unwrap();
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr.contains(r"new\nline\u{1b}[31m") && stderr.lines().count() == 1, "{stderr:?}");
    }
    let not_utf8 = scratch.path("").join(std::ffi::OsStr::from_bytes(b"\xff"));
    fs::rename(scratch.path("data"), &not_utf8).unwrap();
    let output = program(&["train", "--quiet", "--data"]).arg(&not_utf8).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("expected a name in UTF-8"), "{output:?}");
    fs::rename(&not_utf8, scratch.path("data")).unwrap();

    for name in ["train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "classes.txt"] {
        let path = scratch.path("data").join(name);
        let before = fs::read(&path).ok();
        let _ = fs::remove_file(&path);
        symlink("nowhere", &path).unwrap();
        let error = fails(1, &["inspect", "--data", &folder(&scratch)]);
        assert!(error.contains(name) && error.contains("is a link to a file that does not exist"), "{error}");
        fs::remove_file(&path).unwrap();
        if let Some(bytes) = before {
            fs::write(&path, bytes).unwrap();
        }
    }
    let link = scratch.path("link").display().to_string();
    symlink("nowhere", &link).unwrap();
    assert!(fails(1, &["predict", &link, "--index", "0"]).contains("is a link to"));
    assert!(fails(1, &["predict", &model, "/dev/zero"]).contains("is a device"));
}

#[test]
fn numbers_that_go_wrong() {
    let scratch = Scratch::new();
    scratch.put("train-images-idx3-ubyte", &images(50, 4, 4));
    scratch.put("train-labels-idx1-ubyte", &labels(&[0, 1, 2, 3, 4].repeat(10)));
    let data = folder(&scratch);
    let all = |more: &[&str]| -> Vec<String> {
        ["train", "--data", &data, "--num-classes", "5"].iter().chain(more).map(|s| s.to_string()).collect()
    };
    let refused = |code, more: &[&str]| {
        let arguments = all(more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = program(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{more:?}: {}", text(&output.stderr));
        text(&output.stderr).lines().find(|line| line.starts_with("error: ")).unwrap().to_owned()
    };
    let explodes = |more: &[&str]| refused(1, &[more, &["--lr", "1e30", "--quiet"]].concat());
    assert!(
        explodes(&["--batch-size", "8"])
            .contains("in epoch 1, step 2, at learning rate 1e30; try a smaller --lr")
    );
    assert!(explodes(&[]).contains("after epoch 1, step 1, at learning rate 1e30; try a smaller --lr"));
    // What is to blame is named.
    let sgd = &["--optimizer", "sgd", "--epochs", "999", "--batch-size", "8", "--quiet"][..];
    for (more, part) in [
        (&["--l2", "1e5"][..], "try a smaller --l2 or --lr"),
        (&["--weight-decay", "1e5"], "try a smaller --weight-decay or --lr"),
    ] {
        let error = refused(1, &[sgd, more].concat());
        assert!(error.contains(part), "{error}");
    }
    let init = scratch.path("large.safetensors");
    let mut network = Network::zeros(&[16, 5]).unwrap();
    network.layers_mut()[0].set(&[3e38; 80], &[0.0; 5]).unwrap();
    model_file::save(&init, &Model { network, class_names: None, training: None }).unwrap();
    let error = refused(1, &["--init", init.to_str().unwrap(), "--quiet"]);
    assert!(error.contains("in epoch 1, step 1,") && error.contains("give another --init"), "{error}");
    for lr in ["nan", "inf", "-inf", "1e39", "-1", "0x1", ""] {
        assert!(refused(2, &["--lr", lr]).contains("--lr"), "{lr}");
    }
    for (option, value) in [
        ("--threads", "0"),
        ("--threads", "1025"),
        ("--threads", "18446744073709551616"),
        ("--batch-size", "0"),
        ("--epochs", "0"),
        ("--epochs", "-1"),
        ("--hidden", "0"),
        ("--hidden", "8,,8"),
        ("--hidden", "18446744073709551616"),
        ("--seed", "18446744073709551616"),
        ("--validation", "1e3"),
        ("--validation-split", "nan"),
        ("--validation-split", "1"),
    ] {
        let error = refused(2, &[option, value]);
        assert!(error.contains(&format!("{option} {value}: expected")), "{error}");
    }
    for hidden in ["18446744073709551615", "4294967296,4294967296", "9999999999,3"] {
        assert!(refused(1, &["--hidden", hidden]).contains("memory"), "{hidden}");
    }
    assert!(refused(1, &["--validation", "18446744073709551615"]).contains("none left to train on"));
    for more in [
        &["--batch-size", "18446744073709551615"][..],
        &["--seed", "18446744073709551615"],
        &["--lr", "1e-40"],
        &["--l2", "1e18"],
        &["--lr", "0"],
        &["--hidden", "10000"],
        &["--threads", "1024", "--batch-size", "3"],
    ] {
        let arguments = all(&[more, &["--epochs", "1", "--quiet"]].concat());
        program::succeeds(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    }
    // Nothing varies, and one image alone.
    scratch.put("train-images-idx3-ubyte", &idx(8, &[50, 4, 4], &[0; 800]));
    scratch.put("train-labels-idx1-ubyte", &labels(&[3; 50]));
    let run = |more: &[&str]| {
        let arguments = all(more);
        program::succeeds(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert!(!run(&["--epochs", "2"]).contains("NaN"));
    scratch.put("train-images-idx3-ubyte", &images(1, 4, 4));
    scratch.put("train-labels-idx1-ubyte", &labels(&[1]));
    assert!(!run(&["--epochs", "2"]).contains("NaN"));
}
