//! Datasets that open: names, folders, the cache and what it remembers.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use mnist_fast::dataset::known::{self, Sums};
use mnist_fast::dataset::{CacheDir, Options, open_with};

use crate::scratch::{Scratch, assert_says, files_under, gzip, idx, images, labels};

/// The unpacked files in the cache, without stamps.
fn unpacked(scratch: &Scratch) -> Vec<PathBuf> {
    let folder = scratch.path("cache").join("unpacked");
    let files = files_under(&folder).into_iter().filter(|name| !name.ends_with(".stamp"));
    files.map(|name| folder.join(name)).collect()
}

/// A folder whose train images have to be unpacked.
fn with_packed_images() -> Scratch {
    let scratch = Scratch::with_dataset();
    scratch.remove("train-images-idx3-ubyte");
    scratch.put("train-images-idx3-ubyte.gz", &gzip(&images(6, 3, 2)));
    scratch
}

#[test]
fn raw_folder() {
    let scratch = Scratch::with_dataset();
    let dataset = scratch.open();
    assert_eq!((dataset.rows, dataset.cols, dataset.classes), (3, 2, 10));
    assert_eq!((dataset.train.len(), dataset.train.image_len()), (6, 6));
    assert_eq!(dataset.train.images(), &images(6, 3, 2)[16..]);
    assert_eq!(dataset.train.labels(), [0, 1, 2, 9, 4, 5]);
    let test = dataset.test.unwrap();
    assert_eq!((test.images(), test.labels()), (&images(4, 3, 2)[16..], &[3, 2, 1, 0][..]));
    assert_eq!(dataset.class_names, None);
    assert_eq!(dataset.notices, [""; 0]);
    assert!(!scratch.path("cache").exists(), "raw files need no cache");
}

#[test]
fn without_test_files() {
    let scratch = Scratch::with_dataset();
    scratch.remove("t10k-images-idx3-ubyte");
    scratch.remove("t10k-labels-idx1-ubyte");
    assert!(scratch.open().test.is_none());
}

#[test]
fn names_with_dots() {
    let scratch = Scratch::new();
    scratch.put("train-images.idx3-ubyte", &images(2, 3, 2));
    scratch.put("train-labels.idx1-ubyte.gz", &gzip(&labels(&[7, 8])));
    assert_eq!(scratch.open().train.labels(), [7, 8]);
}

/// As one archive in circulation unpacks: a folder under the one name, the file under the other.
#[test]
fn a_file_is_preferred_to_a_folder_of_the_other_name() {
    let scratch = Scratch::with_dataset();
    scratch.remove("train-images-idx3-ubyte");
    fs::create_dir(scratch.path("data").join("train-images-idx3-ubyte")).unwrap();
    scratch.put("train-images.idx3-ubyte", &images(6, 3, 2));
    assert_eq!(scratch.open().train.len(), 6);
}

#[test]
fn raw_wins_over_gz() {
    let scratch = Scratch::with_dataset();
    scratch.put("train-labels-idx1-ubyte.gz", b"never looked at");
    assert_eq!(scratch.open().train.labels(), [0, 1, 2, 9, 4, 5]);
}

#[test]
fn gz_of_several_members() {
    let scratch = with_packed_images();
    let bytes = images(6, 3, 2);
    let members = [&gzip(&bytes[..7])[..], &gzip(&[]), &gzip(&bytes[7..20]), &gzip(&bytes[20..])].concat();
    scratch.put("train-images-idx3-ubyte.gz", &members);
    assert_eq!(scratch.open().train.images(), &bytes[16..]);
}

/// Longer than the pieces in which files are unpacked and hashed.
#[test]
fn gz_of_many_pieces() {
    let scratch = with_packed_images();
    let bytes = images(6, 250, 251);
    scratch.put("train-images-idx3-ubyte.gz", &gzip(&bytes));
    scratch.put("t10k-images-idx3-ubyte", &images(4, 250, 251));
    assert!(scratch.open().train.images() == &bytes[16..]);
    assert!(scratch.open().train.images() == &bytes[16..]);
}

#[test]
fn images_of_one_row() {
    let scratch = Scratch::new();
    scratch.put("train-images-idx3-ubyte", &idx(8, &[2, 5], &[1; 10]));
    scratch.put("train-labels-idx1-ubyte", &labels(&[0, 1]));
    let dataset = scratch.open();
    assert_eq!((dataset.rows, dataset.cols, dataset.train.image_len()), (1, 5, 5));
}

#[test]
fn class_counts_and_names() {
    let scratch = Scratch::with_dataset();
    let wide = Options { num_classes: Some(26), ..scratch.options() };
    assert_eq!(open_with(&wide).unwrap().classes, 26);

    let names: Vec<String> = (0..12).map(|i| format!("class {i}")).collect();
    scratch.put("classes.txt", format!("\u{FEFF}{}\r\n\r\n", names.join("\r\n")).as_bytes());
    let dataset = scratch.open();
    assert_eq!((dataset.classes, dataset.class_names), (12, Some(names)));
    let agreeing = Options { num_classes: Some(12), ..scratch.options() };
    assert_eq!(open_with(&agreeing).unwrap().classes, 12);
}

#[test]
fn unpacked_once() {
    let scratch = with_packed_images();
    let first = scratch.open();
    assert_eq!(first.notices.len(), 1);
    assert_says(&first.notices[0], &["unpacked the dataset into", "cache"]);
    let [file] = &unpacked(&scratch)[..] else { panic!("{:?}", unpacked(&scratch)) };
    let modified = fs::metadata(file).unwrap().modified().unwrap();
    assert_eq!(fs::read(file).unwrap(), images(6, 3, 2));

    let second = scratch.open();
    assert_eq!(second.notices, [""; 0]);
    assert_eq!(second.train.images(), first.train.images());
    assert_eq!(fs::metadata(file).unwrap().modified().unwrap(), modified);
}

#[test]
fn a_changed_gz_is_unpacked_again() {
    let scratch = with_packed_images();
    scratch.open();
    let packed = scratch.put("train-images-idx3-ubyte.gz", &gzip(&idx(8, &[6, 3, 2], &[77; 36])));
    let later = SystemTime::now() + Duration::from_secs(5);
    File::options().write(true).open(packed).unwrap().set_modified(later).unwrap();
    assert_eq!(scratch.open().train.images(), [77; 36]);
}

/// While length and time are the stamped ones, the hash is not computed: a change that keeps both goes unseen.
#[test]
fn stamp_is_honoured() {
    let scratch = with_packed_images();
    scratch.open();
    let file = &unpacked(&scratch)[0];
    let modified = fs::metadata(file).unwrap().modified().unwrap();
    fs::write(file, idx(8, &[6, 3, 2], &[9; 36])).unwrap();
    File::options().write(true).open(file).unwrap().set_modified(modified).unwrap();
    assert_eq!(scratch.open().train.images(), [9; 36]);
}

#[test]
fn damage_in_the_cache_is_repaired() {
    type Damage = fn(&PathBuf);
    let damages: [(&str, Damage); 6] = [
        ("other bytes", |file| fs::write(file, idx(8, &[6, 3, 2], &[9; 36])).unwrap()),
        ("cut short", |file| fs::write(file, &images(6, 3, 2)[..30]).unwrap()),
        ("empty", |file| fs::write(file, []).unwrap()),
        ("removed", |file| fs::remove_file(file).unwrap()),
        ("stamp removed", |file| fs::remove_file(format!("{}.stamp", file.display())).unwrap()),
        ("stamp overwritten", |file| fs::write(format!("{}.stamp", file.display()), b"\xff").unwrap()),
    ];
    for (damage, inflict) in damages {
        let scratch = with_packed_images();
        scratch.open();
        let file = &unpacked(&scratch)[0];
        // A coarse clock could give the damaged file the stamped time.
        std::thread::sleep(Duration::from_millis(20));
        inflict(file);
        assert_eq!(scratch.open().train.images(), &images(6, 3, 2)[16..], "{damage}");
        assert_eq!(fs::read(file).unwrap(), images(6, 3, 2), "{damage}");
        assert_eq!(scratch.open().notices, [""; 0], "{damage}");
    }
}

/// A copied or restored cache has other times: it is hashed once and stamped anew, not unpacked.
#[test]
fn a_touched_file_is_hashed_and_stamped_again() {
    let scratch = with_packed_images();
    scratch.open();
    let file = &unpacked(&scratch)[0];
    let stamp = format!("{}.stamp", file.display());
    let before = fs::read_to_string(&stamp).unwrap();
    File::options().write(true).open(file).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(scratch.open().notices, [""; 0]);
    assert_ne!(fs::read_to_string(&stamp).unwrap(), before);
}

#[test]
fn many_threads_unpack_at_once() {
    let scratch = with_packed_images();
    let bytes = images(6, 250, 251);
    scratch.put("train-images-idx3-ubyte.gz", &gzip(&bytes));
    scratch.put("t10k-images-idx3-ubyte", &images(4, 250, 251));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(scratch.open().train.images() == &bytes[16..]));
        }
    });
    assert_eq!(files_under(&scratch.path("cache")).len(), 2, "the file and its stamp");
    assert_eq!(scratch.open().notices, [""; 0]);
}

#[test]
fn many_processes_unpack_at_once() {
    let scratch = with_packed_images();
    let this_program = std::env::current_exe().unwrap();
    let mut others: Vec<_> = (0..3)
        .map(|_| {
            Command::new(&this_program)
                .args(["--exact", "dataset::one_of_many_processes", "--ignored"])
                .env("MNIST_FAST_TEST_SCRATCH", scratch.path(""))
                .stdout(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for other in &mut others {
        assert!(other.wait().unwrap().success());
    }
    assert_eq!(files_under(&scratch.path("cache")).len(), 2, "the file and its stamp");
    assert_eq!(scratch.open().notices, [""; 0]);
}

#[test]
#[ignore = "run by many_processes_unpack_at_once"]
fn one_of_many_processes() {
    let Some(root) = std::env::var_os("MNIST_FAST_TEST_SCRATCH").map(PathBuf::from) else { return };
    let data = root.join("data").display().to_string();
    let options = Options { cache: CacheDir::at(root.join("cache")), ..Options::new(data) };
    assert_eq!(open_with(&options).unwrap().train.images(), &images(6, 3, 2)[16..]);
}

#[test]
fn temporary_files_of_dead_runs_are_removed_when_old() {
    let scratch = with_packed_images();
    let folder = scratch.path("cache").join("unpacked");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(".young.1.0.tmp"), b"").unwrap();
    let old = File::create(folder.join(".old.1.0.tmp")).unwrap();
    old.set_modified(SystemTime::now() - Duration::from_secs(7200)).unwrap();
    scratch.open();
    let left = files_under(&folder);
    assert!(left.contains(&".young.1.0.tmp".into()) && !left.contains(&".old.1.0.tmp".into()), "{left:?}");
}

#[test]
fn without_a_cache_folder_it_stays_in_memory() {
    let scratch = with_packed_images();
    scratch.remove("train-labels-idx1-ubyte");
    scratch.put("train-labels-idx1-ubyte.gz", &gzip(&labels(&[9; 6])));
    // A file where the folder should be cannot be written into by anybody, root included.
    let blocked = scratch.put("blocked", b"");
    for (cache, why) in
        [(CacheDir::none(), "XDG_CACHE_HOME"), (CacheDir::at(blocked), "blocked cannot be written")]
    {
        let dataset = open_with(&Options { cache, ..scratch.options() }).unwrap();
        assert_eq!(dataset.train.images(), &images(6, 3, 2)[16..]);
        assert_eq!(dataset.train.labels(), [9; 6]);
        assert_eq!(dataset.notices.len(), 1, "{:?}", dataset.notices);
        assert_says(&dataset.notices[0], &[why, "in memory"]);
    }
}

#[test]
fn an_absent_known_dataset_says_how_to_get_it() {
    let scratch = Scratch::new();
    for known in
        known::KNOWN.iter().filter(|known| known.name != "mnist" || cfg!(not(feature = "bundled-mnist")))
    {
        let options = Options { data: known.name.into(), ..scratch.options() };
        let message = open_with(&options).unwrap_err().to_string();
        // All of EMNIST is in one archive, and so in one folder.
        let place = if known.name.starts_with("emnist-") { "emnist" } else { known.name };
        let cached = scratch.path("cache").join(place).display().to_string();
        assert_says(
            &message,
            &["is not on this machine", &cached, "shared", known.address, "curl", known.files[0]],
        );
        match known.sums {
            Sums::Sha256(all) => assert_says(&message, &[&["sha256sum --check"], &all[..]].concat()),
            Sums::Md5(all) => assert_says(&message, &[&["md5sum --check"], &all[..]].concat()),
            Sums::Archive(sum) => {
                let unzip = format!("\nunzip -j gzip.zip '*/{}-*-ubyte.gz'", known.name);
                assert_says(&message, &["sha256sum --check", sum, "  gzip.zip\nEND", &unzip]);
            }
        }
        if let Some(package) = known.debian_package {
            assert_says(&message, &[&format!("(or Debian's package {package}):")]);
        }

        let nowhere = Options { cache: CacheDir::none(), ..options };
        let message = open_with(&nowhere).unwrap_err().to_string();
        assert_says(&message, &["is not in", "give --data ./", known.name]);
    }
}

/// KMNIST's unpacked hashes are not known, so any data of the right form passes, with a word about it.
#[test]
fn a_known_dataset_is_found_in_the_cache_and_in_the_shared_folder() {
    for (place, suffix) in [("cache", ""), ("cache", ".gz"), ("shared", ""), ("shared", ".gz")] {
        let scratch = Scratch::with_dataset();
        let folder = scratch.path(place).join("kmnist");
        fs::create_dir_all(&folder).unwrap();
        for name in files_under(&scratch.path("data")) {
            let bytes = fs::read(scratch.path("data").join(&name)).unwrap();
            let bytes = if suffix.is_empty() { bytes } else { gzip(&bytes) };
            fs::write(folder.join(name + suffix), bytes).unwrap();
        }
        for _ in 0..2 {
            let dataset = open_with(&Options { data: "kmnist".into(), ..scratch.options() }).unwrap();
            assert_eq!(dataset.train.len(), 6, "{place} {suffix}");
            assert_eq!(dataset.class_names.unwrap()[1], "ki");
            let notice = ["does not know the SHA-256", "its .gz files are not here as they were published"];
            assert_says(dataset.notices.last().unwrap(), &notice);
        }
    }
}

/// Four files under these names in a folder: 3 training and 2 test images of 2 x 3, the labels as given.
fn put_files(folder: &Path, names: [&str; 4], train: &[u8], test: &[u8]) {
    fs::create_dir_all(folder).unwrap();
    let parts = [&images(3, 2, 3)[..], train, &images(2, 2, 3), test];
    for (name, bytes) in names.into_iter().zip(parts) {
        fs::write(folder.join(format!("{name}.gz")), gzip(bytes)).unwrap();
    }
}

fn files_of(name: &str) -> [&'static str; 4] {
    known::find(name).unwrap().files
}

/// QMNIST's labels: eight numbers an image, of which the first is the class.
fn records(classes: &[i32]) -> Vec<u8> {
    let record = |class: &i32| [*class, 4, -1, 300, 70_000, 0, 0, 0].into_iter().flat_map(i32::to_be_bytes);
    idx(0x0C, &[classes.len() as u32, 8], &classes.iter().flat_map(record).collect::<Vec<u8>>())
}

#[test]
fn qmnist_has_the_class_in_the_first_of_eight_columns() {
    for place in ["cache/qmnist", "shared/qmnist", "data"] {
        let scratch = Scratch::new();
        put_files(&scratch.path(place), files_of("qmnist"), &records(&[9, 0, 3]), &records(&[1, 2]));
        let options = match place {
            // A folder with the published names is known by them.
            "data" => scratch.options(),
            _ => Options { data: "qmnist".into(), ..scratch.options() },
        };
        let data = open_with(&options).unwrap();
        assert_eq!((data.train.labels(), data.classes), (&[9, 0, 3][..], 10), "{place}");
        assert_eq!(data.test.unwrap().labels(), [1, 2]);
        assert_eq!(data.train.images(), &images(3, 2, 3)[16..]);
        assert_eq!(data.class_names, None);
    }
    let refused = |labels: &[u8], parts: &[&str]| {
        let scratch = Scratch::new();
        put_files(&scratch.path("data"), files_of("qmnist"), labels, &records(&[1, 2]));
        scratch.refused(parts);
    };
    refused(&records(&[9, 0, 10]), &["holds label 10 at index 2", "0 to 9", "--num-classes 11"]);
    refused(&records(&[9, -1, 3]), &["holds label -1 at index 1", "from 0 to 255 at most"]);
    refused(&records(&[9, 0, 70_000]), &["holds label 70000 at index 2", "from 0 to 255 at most"]);
    refused(&idx(0x0C, &[3, 0], &[]), &["3 x 0 i32", "count x columns i32"]);
    refused(&idx(0x0B, &[3, 1], &[0; 6]), &["3 x 1 i16", "where labels"]);
    refused(&records(&[9, 0]), &["3 images", "2 labels"]);
}

/// Images of 2 rows and 3 columns in the file are of 3 rows and 2 columns; labels of letters run from 1.
#[test]
fn emnist_stands_on_its_side() {
    let upright = |image: u8| [0, 3, 1, 4, 2, 5].map(|i| i + 6 * image);
    for place in ["cache/emnist-letters", "cache/emnist", "shared/emnist", "data"] {
        let scratch = Scratch::new();
        put_files(&scratch.path(place), files_of("emnist-letters"), &labels(&[26, 1, 2]), &labels(&[3, 4]));
        let options = match place {
            "data" => scratch.options(),
            _ => Options { data: "emnist-letters".into(), ..scratch.options() },
        };
        for cache in [options.cache.clone(), CacheDir::none()] {
            if place.starts_with("cache") && cache.path().is_none() {
                continue;
            }
            let data = open_with(&Options { cache, ..options.clone() }).unwrap();
            assert_eq!((data.rows, data.cols, data.classes), (3, 2, 26), "{place}");
            assert_eq!(data.train.images(), [upright(0), upright(1), upright(2)].concat());
            assert_eq!(
                (data.train.labels(), data.test.as_ref().unwrap().labels()),
                (&[25, 0, 1][..], &[2, 3][..])
            );
            assert_eq!(data.class_names.unwrap()[25], "Z");
        }
    }
    let scratch = Scratch::new();
    let letters =
        |labels: &[u8]| put_files(&scratch.path("data"), files_of("emnist-letters"), labels, labels);
    letters(&labels(&[1, 0, 2]));
    scratch.refused(&["holds label 0 at index 1", "26 classes, 1 to 26"]);
    letters(&labels(&[1, 27, 2]));
    scratch.refused(&["holds label 27 at index 1", "26 classes, 1 to 26"]);
    put_files(&scratch.path("data"), files_of("emnist-digits"), &labels(&[1, 2, 3]), &labels(&[1, 2]));
    scratch.refused(&["holds the files of emnist-digits and of emnist-letters", "a folder of its own"]);
}

/// Digits of EMNIST are counted from 0, and by usual names a folder's files are as they are.
#[test]
fn only_what_needs_it_is_changed() {
    let scratch = Scratch::new();
    put_files(&scratch.path("data"), files_of("emnist-digits"), &labels(&[9, 0, 1]), &labels(&[3, 4]));
    let data = scratch.open();
    assert_eq!((data.train.labels(), data.classes, data.rows), (&[9, 0, 1][..], 10, 3));
    put_files(&scratch.path("data"), files_of("mnist"), &records(&[9, 0, 5]), &labels(&[3, 4]));
    let data = scratch.open();
    assert_eq!((data.train.labels(), data.rows), (&[9, 0, 5][..], 2));
    assert_eq!(data.train.images(), &images(3, 2, 3)[16..]);
}

#[test]
fn a_known_dataset_with_other_bytes_is_refused() {
    for suffix in ["", ".gz"] {
        let scratch = Scratch::new();
        let folder = scratch.path("shared").join("fashion-mnist");
        fs::create_dir_all(&folder).unwrap();
        let bytes = images(6, 3, 2);
        let bytes = if suffix.is_empty() { bytes } else { gzip(&bytes) };
        fs::write(folder.join(format!("train-images-idx3-ubyte{suffix}")), bytes).unwrap();
        let options = Options { data: "fashion-mnist".into(), ..scratch.options() };
        let message = open_with(&options).unwrap_err().to_string();
        assert_says(&message, &["train-images-idx3-ubyte", "SHA-256", "get"]);
        assert_eq!(files_under(&scratch.path("cache")), [""; 0]);
    }
}

#[cfg(feature = "bundled-mnist")]
#[test]
fn bundled_mnist() {
    let scratch = Scratch::new();
    let options = Options { data: "mnist".into(), ..scratch.options() };
    let first = open_with(&options).unwrap();
    let test = first.test.as_ref().unwrap();
    assert_eq!((first.train.len(), test.len(), first.rows, first.cols), (60_000, 10_000, 28, 28));
    assert_eq!(first.train.labels()[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    assert_eq!(test.labels()[0], 7);
    assert_eq!(first.notices.len(), 1);
    assert_eq!(open_with(&options).unwrap().notices, [""; 0]);

    // Damage: the bytes of another file of the same length.
    let path = scratch.path("cache").join("mnist").join("t10k-labels-idx1-ubyte");
    fs::write(&path, labels(&[0; 10_000])).unwrap();
    assert_eq!(open_with(&options).unwrap().test.unwrap().labels(), test.labels());

    // A lost stamp costs a hash, not an unpacking.
    fs::remove_file(format!("{}.stamp", path.display())).unwrap();
    assert_eq!(open_with(&options).unwrap().notices, [""; 0]);
}
