//! What a run reads is not overwritten by what it writes, by whatever name; nor is what was hardly meant.

mod mnist;
mod program;
mod scratch;

use std::fs;
use std::path::{Path, PathBuf};

use mnist_fast::dataset::{CacheDir, Options, open_with};
use mnist_fast::model_file::{self, Model};
use mnist_fast::network::Network;
use program::{fails, folder, succeeds};
use scratch::{Scratch, files_under, images, labels};

/// Every file of a folder with its bytes.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let names = files_under(folder).into_iter();
    names.map(|name| (name.clone(), fs::read(folder.join(name)).unwrap())).collect()
}

/// A dataset whose files look like what may be overwritten: the labels begin as a model does, the class names as a page.
fn lookalikes() -> Scratch {
    let scratch = Scratch::new();
    for name in ["train", "t10k"] {
        scratch.put(&format!("{name}-images-idx3-ubyte"), &images(6, 3, 2));
        scratch.put(&format!("{name}-labels-idx1-ubyte"), &labels(&[b'{', 0, 1, 2, 3, 4]));
    }
    let mut names: Vec<String> = (0..124).map(|i| format!("class {i}")).collect();
    names[0] = "<b>".into();
    scratch.put("classes.txt", names.join("\n").as_bytes());
    scratch
}

/// Other names of a file, ending with `end`.
#[cfg(unix)]
fn aliases(scratch: &Scratch, file: &Path, end: &str) -> [PathBuf; 2] {
    let aliases = ["link", "second"].map(|name| scratch.path(&format!("{name}{end}")));
    std::os::unix::fs::symlink(file, &aliases[0]).unwrap();
    fs::hard_link(file, &aliases[1]).unwrap();
    aliases
}

#[cfg(unix)]
#[test]
fn the_data_is_not_overwritten_whatever_it_is_called() {
    let scratch = lookalikes();
    let data = folder(&scratch);
    let before = contents(&scratch.path("data"));
    for (command, option, name, end) in [
        ("train", "--save", "train-labels-idx1-ubyte", ""),
        ("train", "--save", "t10k-labels-idx1-ubyte", ".safetensors"),
        ("train", "--report", "classes.txt", ".html"),
        ("train", "--plot", "classes.txt", ".svg"),
    ] {
        let file = scratch.path("data").join(name);
        let aliases = aliases(&scratch, &file, end);
        let direct = [file.clone()].into_iter().filter(|_| end.is_empty());
        for path in direct.chain(aliases.iter().cloned()) {
            let path = path.display().to_string();
            let error = fails(2, &[command, "--data", &data, option, &path]);
            let expected =
                format!("{option} {path} would overwrite the data, of which {} is a file", file.display());
            assert!(error.contains(&expected) && error.contains("give another name"), "{error}");
        }
        aliases.iter().for_each(|alias| fs::remove_file(alias).unwrap());
    }
    // A log is written in place, so that links matter most: this is what its own lines look like.
    scratch.put(
        "class-names.txt",
        fs::read_to_string(scratch.path("data").join("classes.txt"))
            .unwrap()
            .replacen("<b>", "epoch,", 1)
            .as_bytes(),
    );
    scratch.remove("classes.txt");
    let before_log = contents(&scratch.path("data"));
    for alias in aliases(&scratch, &scratch.path("data").join("class-names.txt"), ".csv") {
        let error = fails(2, &["train", "--data", &data, "--log", alias.to_str().unwrap()]);
        assert!(error.contains("would overwrite the data"), "{error}");
    }
    assert!(before_log == contents(&scratch.path("data")));
    assert!(before.len() == before_log.len());
}

#[test]
fn files_in_the_cache_are_data_too() {
    let scratch = lookalikes();
    scratch.remove("train-labels-idx1-ubyte");
    scratch.put("train-labels-idx1-ubyte.gz", &scratch::gzip(&labels(&[b'{', 0, 1, 2, 3, 4])));
    let dataset = scratch.open();
    let unpacked =
        dataset.files.iter().filter(|file| file.starts_with(scratch.path("cache"))).collect::<Vec<_>>();
    assert_eq!(unpacked.len(), 1);
    let all = [
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte.gz",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
        "classes.txt",
    ];
    for name in all {
        assert!(dataset.files.contains(&scratch.path("data").join(name)), "{name}: {:?}", dataset.files);
    }
    assert_eq!(dataset.files.len(), all.len() + 1);
    // Also when nothing is unpacked.
    assert_eq!(scratch.open().files, dataset.files);
    // Through the program, whose cache is another.
    let cache = CacheDir::at(mnist::cache().join("mnist-fast"));
    let dataset = open_with(&Options { cache, ..scratch.options() }).unwrap();
    let path = dataset.files.iter().find(|file| file.starts_with(mnist::cache()));
    let path = path.unwrap().display().to_string();
    assert!(
        fails(2, &["train", "--data", &folder(&scratch), "--save", &path])
            .contains("would overwrite the data")
    );
}

#[test]
fn outputs_keep_apart_from_each_other_and_from_the_model() {
    let scratch = program::small_mnist(60, 20);
    let data = folder(&scratch);
    let path = |name: &str| scratch.path(name).display().to_string();
    let network = Network::glorot_uniform(&[784, 10], 1).unwrap();
    let model = path("m.safetensors");
    model_file::save(Path::new(&model), &Model { network, class_names: None, training: None }).unwrap();
    let page = path("m.html");
    fs::copy(&model, &page).unwrap();
    let before = fs::read(&model).unwrap();
    for arguments in [
        &["--init", &model, "--save", &model][..],
        &["--init", &page, "--report", &page],
        &["--report", &page, "--save", &page],
    ] {
        let error = fails(2, &[&["train", "--data", &data, "--epochs", "1"], arguments].concat());
        assert!(error.contains("are the same file; give each its own"), "{error}");
    }
    assert!(fails(2, &["eval", &page, "--data", &data, "--report", &page]).contains("the model"));
    assert!(before == fs::read(&model).unwrap() && before == fs::read(&page).unwrap());
    // Another model may be replaced.
    let other = path("other.safetensors");
    fs::copy(&model, &other).unwrap();
    succeeds(&["train", "--data", &data, "--epochs", "1", "--init", &model, "--save", &other]);
    assert!(before != fs::read(&other).unwrap());
}

#[test]
fn what_is_there_is_replaced_by_its_like_alone() {
    let scratch = program::small_mnist(60, 20);
    let data = folder(&scratch);
    let train = ["train", "--data", &data, "--epochs", "1", "--hidden", "none"];
    let inspect = ["inspect", "--data", &data, "--images", "4"];
    for (command, option, name, what) in [
        (&train[..], "--save", "thesis.txt", "a model"),
        (&train, "--report", "thesis.html", "a report"),
        (&train, "--plot", "thesis.svg", "a plot"),
        (&train, "--log", "thesis.csv", "a log"),
        (&train, "--log", "thesis.jsonl", "a log"),
        (&inspect, "--png", "thesis.png", "a contact sheet"),
    ] {
        let path = scratch.path(name).display().to_string();
        let arguments = [command, &[option, &path]].concat();
        fs::write(&path, "Ten years of work").unwrap();
        let error = fails(1, &arguments);
        let expected = format!(
            "{what} cannot be saved as {path}: the file that is there is not {what}; give another name, or"
        );
        assert!(error.contains(&expected), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "Ten years of work");
        // An empty file is a place that somebody made, and what was written once is written again.
        fs::write(&path, "").unwrap();
        succeeds(&arguments);
        succeeds(&arguments);
        assert!(fs::metadata(&path).unwrap().len() > 30, "{name}");
    }
}
