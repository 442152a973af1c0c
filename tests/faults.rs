//! Disks that are full or read-only, a home that is missing, starts that come at once or die half-way: through the binary, with
//! file systems of the tests' own. Where the system lets nobody mount, a test says that it is skipped.
#![cfg(target_os = "linux")]

mod mnist;
mod program;
mod scratch;
mod seccomp;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use mnist_fast::model_file::{self, Model};
use mnist_fast::network::Network;
use program::{folder, program, small_mnist, text};
use scratch::{Scratch, files_under};
use seccomp::{RENAMES, Then, when};

const BINARY: &str = env!("CARGO_BIN_EXE_mnist-fast");

/// How to get a place for mounts of one's own, as root or as somebody who may become root in a name space.
fn unshare() -> Option<&'static [&'static str]> {
    static FOUND: OnceLock<Option<&'static [&'static str]>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let ways: [&[&str]; 2] = [&["--mount"], &["--map-root-user", "--mount"]];
        ways.into_iter().find(|way| {
            let probe = "mount -t tmpfs -o size=64k none /tmp";
            let tried = Command::new("unshare").args(*way).args(["sh", "-c", probe]).output();
            tried.is_ok_and(|output| output.status.success())
        })
    })
}

/// A shell script that may mount; `$bin` is the program, `$@` the arguments. Nothing, and a word about it, where that does not work.
fn with_mounts(cache: &Path, script: &str, arguments: &[&str]) -> Option<Output> {
    let Some(way) = unshare() else {
        println!("skipped: nothing can be mounted here");
        return None;
    };
    let mut command = Command::new("unshare");
    command.args(way).args(["sh", "-euc", script, "sh"]).args(arguments);
    Some(command.env("bin", BINARY).env("XDG_CACHE_HOME", cache).output().unwrap())
}

#[track_caller]
fn one_error(output: &Output, parts: &[&str]) {
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert!(errors.len() == 1 && parts.iter().all(|part| errors[0].contains(part)), "{parts:?}: {stderr}");
}

/// What was said of the cache: one sentence at most.
#[track_caller]
fn of_the_cache(output: &Output) -> String {
    let stderr = text(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let said: Vec<&str> = stderr.lines().filter(|line| line.contains("unpacked")).collect();
    assert!(said.len() <= 1, "{stderr}");
    said.concat()
}

#[test]
fn a_disk_without_room_for_a_file() {
    let data = small_mnist(60, 0);
    let (folder, disk) = (folder(&data), data.path("disk"));
    fs::create_dir(&disk).unwrap();
    let disk = disk.display().to_string();
    // What was there stays, and nothing else does.
    let script = r#"disk=$1; shift; mount -t tmpfs -o size=16k none "$disk"; printf old >"$disk/old"
        "$bin" "$@" || code=$?; ls -A "$disk"; exit "${code:-0}""#;
    let train = ["train", "--data", &folder, "--epochs", "1", "--quiet"];
    for (option, name) in [("--save", "m.safetensors"), ("--report", "r.html"), ("--checkpoint", "run")] {
        let target = format!("{disk}/{name}");
        let arguments = [&[&disk[..]][..], &train, &[option, &target]].concat();
        let Some(output) = with_mounts(&mnist::cache(), script, &arguments) else { return };
        one_error(&output, &[&target, "No space left on device"]);
        let left = text(&output.stdout);
        let left: Vec<&str> = left.lines().filter(|line| !line.contains(' ')).collect();
        assert!(left == ["old"] || option == "--checkpoint" && left == ["old", "run"], "{left:?}");
    }
}

/// The disk fills up while a run trains: it ends with its result and an error, and goes on from what fitted.
#[test]
fn a_disk_that_fills_up_while_training() {
    let data = small_mnist(290, 60);
    let (folder, disk) = (folder(&data), data.path("disk"));
    fs::create_dir(&disk).unwrap();
    let disk = disk.display().to_string();
    let train = ["train", "--data", &folder, "--epochs", "4", "--hidden", "70", "--quiet"];
    let whole = program::succeeds(&train);
    let hash = whole.lines().find(|line| line.starts_with("weights sha256")).unwrap();
    // The first checkpoint has two copies of the network, the later ones three.
    let script = r#"disk=$1; shift; mount -t tmpfs -o size=700k none "$disk"
        "$bin" "$@" --checkpoint "$disk/run" || echo "first: $?"
        ls -A "$disk/run"
        mount -o remount,size=10m "$disk"; "$bin" train --resume "$disk/run" --quiet"#;
    let arguments = [&[&disk[..]][..], &train].concat();
    let Some(output) = with_mounts(&mnist::cache(), script, &arguments) else { return };
    let (out, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}{stderr}");
    assert_eq!(out.matches(hash).count(), 2, "{out}{stderr}");
    assert!(out.contains("first: 1") && out.contains("checkpoint-0000000000.safetensors"), "{out}{stderr}");
    assert!(!out.contains(".tmp"), "{out}");
    let told =
        |start: &str| stderr.lines().any(|line| line.starts_with(start) && line.contains("No space left"));
    assert!(told("warning: the checkpoint ") && told("error: the checkpoint "), "{stderr}");
}

#[test]
fn a_cache_that_holds_nothing_or_a_part_says_so_once() {
    let scratch = Scratch::new();
    let cache = scratch.path("cache");
    fs::create_dir(&cache).unwrap();
    let script = r#"size=$1; shift; mount -t tmpfs -o size="$size" none "$XDG_CACHE_HOME"; "$bin" "$@"
        find "$XDG_CACHE_HOME" -name "*.tmp""#;
    // Room for nothing; for the labels, but not for 47 MB; for those, but not for 7.8 MB more.
    for (size, part) in [
        ("4k", "No space left on device (os error 28)): the dataset is unpacked in memory"),
        (
            "20m",
            "No space left on device (os error 28)): what the cache does not hold of the dataset is unpacked in memory",
        ),
        (
            "47m",
            "No space left on device (os error 28)): what the cache does not hold of the dataset is unpacked in memory",
        ),
        ("80m", "unpacked the dataset into"),
    ] {
        let Some(output) = with_mounts(&cache, script, &[size, "inspect", "--labels", "2"]) else { return };
        let said = of_the_cache(&output);
        assert!(said.contains(part) && said.contains(&cache.display().to_string()), "{size}: {said}");
        assert!(
            text(&output.stdout).starts_with("[5 0]") && !text(&output.stdout).contains(".tmp"),
            "{size}"
        );
    }
}

#[test]
fn read_only_folders() {
    let data = small_mnist(60, 0);
    let (folder, disk) = (folder(&data), data.path("disk"));
    fs::create_dir(&disk).unwrap();
    fs::create_dir(disk.join("run")).unwrap();
    let disk = disk.display().to_string();
    let script =
        r#"disk=$1; shift; mount --bind "$disk" "$disk"; mount -o remount,ro,bind "$disk"; exec "$bin" "$@""#;
    let train = ["train", "--data", &folder, "--epochs", "1", "--quiet"];
    for (option, name) in [
        ("--save", "m.safetensors"),
        ("--report", "r.html"),
        ("--plot", "p.svg"),
        ("--log", "l.csv"),
        ("--checkpoint", "new"),
        ("--checkpoint", "run"),
        ("--resume", "run"),
    ] {
        let target = format!("{disk}/{name}");
        let arguments = [&[&disk[..]][..], &train, &[option, &target]].concat();
        let Some(output) = with_mounts(&mnist::cache(), script, &arguments) else { return };
        one_error(&output, &[&target, "Read-only file system"]);
        // Before any training.
        assert_eq!(text(&output.stdout), "");
    }
    let target = format!("{disk}/s.png");
    let arguments = [&disk[..], "inspect", "--data", &folder, "--png", &target];
    let Some(output) = with_mounts(&mnist::cache(), script, &arguments) else { return };
    one_error(&output, &[&target, "Read-only file system"]);
}

#[test]
fn a_read_only_cache_is_used_as_far_as_it_goes() {
    let scratch = Scratch::new();
    let cache = scratch.path("cache");
    fs::create_dir(&cache).unwrap();
    let script = r#"mount --bind "$XDG_CACHE_HOME" "$XDG_CACHE_HOME"
        mount -o remount,ro,bind "$XDG_CACHE_HOME"; exec "$bin" "$@""#;
    let inspect = ["inspect", "--labels", "2"];
    let Some(output) = with_mounts(&cache, script, &inspect) else { return };
    let said = of_the_cache(&output);
    assert!(
        said.contains("Read-only file system") && said.contains("in memory, for this run only"),
        "{said}"
    );
    // Filled, it is as good as any.
    let filled = program(&inspect).env("XDG_CACHE_HOME", &cache).output().unwrap();
    assert!(of_the_cache(&filled).contains("unpacked the dataset into"));
    let again = with_mounts(&cache, script, &inspect).unwrap();
    assert_eq!((of_the_cache(&again).as_str(), text(&again.stderr).as_str()), ("", ""));
    // A part of it is missing.
    fs::remove_file(cache.join("mnist-fast/mnist/t10k-labels-idx1-ubyte")).unwrap();
    let said = of_the_cache(&with_mounts(&cache, script, &inspect).unwrap());
    assert!(said.contains("what the cache does not hold of the dataset is unpacked in memory"), "{said}");
}

#[test]
fn without_a_home_the_data_stays_in_memory() {
    let mut command = program(&["inspect", "--labels", "2"]);
    let output = command.env_remove("HOME").env_remove("XDG_CACHE_HOME").output().unwrap();
    let said = of_the_cache(&output);
    assert!(said.contains("there is no cache folder (set XDG_CACHE_HOME or HOME)"), "{said}");
    assert!(said.contains("in memory, for this run only") && text(&output.stdout).starts_with("[5 0]"));
}

#[test]
fn many_first_starts_at_once() {
    let scratch = Scratch::new();
    let cache = scratch.path("cache");
    let start = |_| {
        let mut command = program(&["inspect", "--labels", "2"]);
        command.env("XDG_CACHE_HOME", &cache).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    for child in (0..4).map(start).collect::<Vec<_>>() {
        let output = child.wait_with_output().unwrap();
        of_the_cache(&output);
        assert!(text(&output.stdout).starts_with("[5 0]"));
    }
    assert_eq!(files_under(&cache).len(), 8, "four files and their stamps: {:?}", files_under(&cache));
    let after = program(&["inspect", "--verify"]).env("XDG_CACHE_HOME", &cache).output().unwrap();
    assert!(after.status.success() && text(&after.stderr).is_empty(), "{after:?}");
}

#[test]
fn a_start_that_dies_at_the_rename_leaves_no_half_file() {
    let scratch = Scratch::new();
    let cache = scratch.path("cache");
    let mut command = program(&["inspect", "--labels", "2"]);
    let output = when(command.env("XDG_CACHE_HOME", &cache), RENAMES, Then::Die).output().unwrap();
    assert_eq!(seccomp::died(&output.status), Some(true));
    let left = files_under(&cache);
    assert!(left.len() == 1 && left[0].ends_with(".tmp"), "{left:?}");
    let output = program(&["inspect", "--verify"]).env("XDG_CACHE_HOME", &cache).output().unwrap();
    assert!(of_the_cache(&output).contains("unpacked the dataset into"));
}

#[test]
fn a_save_that_dies_or_fails_at_the_rename_leaves_the_model_before() {
    let scratch = small_mnist(60, 20);
    let data = folder(&scratch);
    let path = scratch.path("new").join("m.safetensors");
    fs::create_dir(scratch.path("new")).unwrap();
    let network = Network::glorot_uniform(&[784, 10], 1).unwrap();
    model_file::save(&path, &Model { network, class_names: None, training: None }).unwrap();
    let before = fs::read(&path).unwrap();
    let target = path.display().to_string();
    let arguments = ["train", "--data", &data, "--epochs", "1", "--save", &target];
    let output = when(&mut program(&arguments), RENAMES, Then::Die).output().unwrap();
    assert_eq!(seccomp::died(&output.status), Some(true));
    assert!(fs::read(&path).unwrap() == before);
    assert_eq!(files_under(&scratch.path("new")).len(), 2, "the model and what was being written");

    let output = when(&mut program(&arguments), RENAMES, Then::Fail(libc::EIO)).output().unwrap();
    one_error(&output, &[&target, "Input/output error"]);
    assert!(fs::read(&path).unwrap() == before);
    assert_eq!(files_under(&scratch.path("new")).len(), 2, "nothing more");
    program::succeeds(&arguments);
    assert!(fs::read(&path).unwrap() != before);
}
