//! Random distortions of training images: the same bits on every exact ISA, number of threads, sparse or dense, at once or in pieces.

use crate::mnist;
use crate::program::{fails, folder, json, small_mnist, succeeds};
use crate::scratch;
use mnist_fast::augment::distortion;
use mnist_fast::metrics::Metrics;
use mnist_fast::network::Network;
use mnist_fast::team::Team;
use mnist_fast::train::{Examples, Optimizer, Partial, Settings, StateTensor, Trainer};
use mnist_fast_kernels::{DistortionRange, Isa, Kernels, RmsProp};

const RANGE: DistortionRange = DistortionRange { rotation: 12.0, scale: 0.1, shear: 0.15, shift: 2.0 };
const SIZES: [usize; 4] = [784, 70, 24, 10];

fn settings(seed: u64, sparse: bool) -> Settings {
    let optimizer = Optimizer::RmsProp(RmsProp::default());
    Settings { batch_size: 50, optimizer, seed, shuffle: true, sparse }
}

fn trainer(isa: Isa, threads: usize, network: Network, settings: Settings) -> Option<Trainer> {
    match Kernels::new(isa) {
        Ok(kernels) => Some(Trainer::new(kernels, Team::new(threads).unwrap(), network, settings).unwrap()),
        Err(error) => {
            println!("skipped: {error}");
            None
        }
    }
}

/// The hash of the weights and the last epoch's sums after two epochs, whose last batches are short.
fn run(
    isa: Isa,
    threads: usize,
    settings: Settings,
    range: Option<DistortionRange>,
    examples: Examples<'_>,
) -> Option<(String, Metrics)> {
    let network = Network::glorot_uniform(&SIZES, settings.seed).unwrap();
    let mut trainer = trainer(isa, threads, network, settings)?;
    if let Some(range) = range {
        trainer = trainer.with_augmentation(range, (28, 28)).unwrap();
    }
    trainer.train_epoch(examples, 1).unwrap();
    let metrics = trainer.train_epoch(examples, 2).unwrap();
    Some((trainer.network().sha256(), metrics))
}

#[test]
fn every_isa_and_number_of_threads_gives_the_same_bits() {
    let data = mnist::mnist();
    let examples = mnist::train(&data).range(0..130);
    let expected = run(Isa::Scalar, 1, settings(42, false), Some(RANGE), examples).unwrap();
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_exact()) {
        for threads in [1, 2, 3] {
            for sparse in [false, true] {
                let Some(found) = run(isa, threads, settings(42, sparse), Some(RANGE), examples) else {
                    continue;
                };
                assert_eq!(found, expected, "{isa}, {threads} threads, sparse {sparse}");
            }
        }
    }
}

#[test]
fn nothing_is_distorted_by_zeros_and_something_by_each_amount() {
    let data = mnist::mnist();
    let examples = mnist::train(&data).range(0..130);
    let still = DistortionRange::default();
    let hash = |range, seed| run(Isa::best(), 2, settings(seed, true), range, examples).unwrap().0;
    assert_eq!(hash(Some(still), 42), hash(None, 42));
    let mut seen = vec![hash(None, 42)];
    for range in [
        DistortionRange { rotation: 10.0, ..still },
        DistortionRange { scale: 0.1, ..still },
        DistortionRange { shear: 0.1, ..still },
        DistortionRange { shift: 1.0, ..still },
    ] {
        let found = hash(Some(range), 42);
        assert!(!seen.contains(&found), "{range:?}");
        seen.push(found);
    }
}

/// An epoch of steps that move nothing tells the loss on its distorted images.
#[test]
fn each_epoch_and_seed_has_other_distortions_and_evaluation_has_none() {
    let data = mnist::mnist();
    let examples = mnist::train(&data).range(0..50);
    let still = RmsProp { learning_rate: 0.0, ..RmsProp::default() };
    let loss = |seed, epoch, shuffle, range| {
        let settings = Settings { optimizer: Optimizer::RmsProp(still), shuffle, ..settings(seed, true) };
        let network = Network::glorot_uniform(&SIZES, 1).unwrap();
        let mut trainer = trainer(Isa::best(), 1, network, settings).unwrap();
        let plain = trainer.evaluate(examples).loss();
        trainer = trainer.with_augmentation(range, (28, 28)).unwrap();
        let loss = trainer.train_epoch(examples, epoch).unwrap().loss();
        assert_eq!(trainer.evaluate(examples).loss(), plain);
        loss
    };
    let losses = [loss(1, 1, false, RANGE), loss(1, 2, false, RANGE), loss(2, 1, false, RANGE)];
    assert!(losses[0] != losses[1] && losses[0] != losses[2] && losses[1] != losses[2], "{losses:?}");
    // An image's distortion goes with the image, wherever it comes in the epoch: the sums differ by rounding alone.
    let shuffled = loss(1, 1, true, RANGE);
    assert!((shuffled - losses[0]).abs() < 1e-9 * losses[0], "{shuffled} {}", losses[0]);
}

/// What a step sees is what `Kernels::warp_u8` makes of each image.
#[test]
fn a_batch_is_its_distorted_images() {
    let data = mnist::mnist();
    let examples = mnist::train(&data).range(0..50);
    let distortion = distortion(RANGE, 42, (28, 28)).unwrap();
    let mut room = vec![0; Kernels::warp_room(28, 28)];
    let mut images = vec![0; examples.images.len()];
    for (i, (from, to)) in examples.images.chunks(784).zip(images.chunks_mut(784)).enumerate() {
        let map = distortion.warp([i as u32, 2], (28, 28));
        Kernels::best().warp_u8(&map, (28, 28), from, to, &mut room).unwrap();
    }
    let train = |examples, range: Option<DistortionRange>| {
        let network = Network::glorot_uniform(&SIZES, 1).unwrap();
        let mut trainer = trainer(Isa::best(), 2, network, settings(42, true)).unwrap();
        if let Some(range) = range {
            trainer = trainer.with_augmentation(range, (28, 28)).unwrap();
        }
        trainer.train_epoch(examples, 2).unwrap();
        trainer.network().sha256()
    };
    let by_hand = train(Examples { images: &images, ..examples }, None);
    assert_eq!(train(examples, Some(RANGE)), by_hand);
}

#[test]
fn training_in_pieces_has_the_bits_of_training_at_once() {
    let data = mnist::mnist();
    let examples = mnist::train(&data).range(0..130);
    let expected = run(Isa::best(), 1, settings(42, true), Some(RANGE), examples).unwrap();
    let mut network = Network::glorot_uniform(&SIZES, 42).unwrap();
    let mut state: Option<Vec<StateTensor>> = None;
    for piece in 0..6 {
        let (epoch, step) = (1 + piece / 3, piece % 3);
        let mut trainer = trainer(Isa::best(), 1 + piece % 2, network, settings(42, piece % 2 == 0)).unwrap();
        trainer = trainer.with_augmentation(RANGE, (28, 28)).unwrap();
        if let Some(state) = &state {
            trainer.set_state(state, piece as u64).unwrap();
        }
        let done = Partial { steps: step, ..Partial::default() };
        trainer.train_steps(examples, epoch, done, |_| true).unwrap();
        (network, state) = (trainer.network().clone(), Some(trainer.state()));
    }
    assert_eq!(network.sha256(), expected.0);
}

#[test]
fn impossible_distortions_are_refused() {
    let refused = |range, shape| {
        let network = Network::glorot_uniform(&SIZES, 1).unwrap();
        let trainer = trainer(Isa::best(), 1, network, settings(1, true)).unwrap();
        trainer.with_augmentation(range, shape).err().unwrap().to_string()
    };
    let error = refused(RANGE, (28, 27));
    assert!(error.contains("28 x 27") && error.contains("784 inputs"), "{error}");
    let error = refused(DistortionRange { shift: 28.0, ..RANGE }, (28, 28));
    assert!(error.contains("out of sight") && error.contains("less than 28"), "{error}");
    for bad in [f64::NAN, -1.0, 181.0] {
        let error = refused(DistortionRange { rotation: bad, ..RANGE }, (28, 28));
        assert!(error.contains("from 0 to 180"), "{error}");
    }
    let error = distortion(RANGE, 1, (2000, 2)).err().unwrap().to_string();
    assert!(error.contains("out of sight") || error.contains("1024"), "{error}");
    let error = distortion(DistortionRange { shift: 0.0, ..RANGE }, 1, (2000, 2)).err().unwrap().to_string();
    assert!(error.contains("2000 x 2") && error.contains("1024"), "{error}");
}

fn hash(output: &str) -> String {
    json(output).last().unwrap()["weights_sha256"].as_str().unwrap().to_owned()
}

#[test]
fn a_run_says_how_it_distorts_and_goes_on_likewise() {
    let scratch = small_mnist(290, 60);
    let (data, kept) = (folder(&scratch), scratch.path("kept").display().to_string());
    let own =
        ["train", "--data", &data, "--validation", "30", "--batch-size", "50", "--hidden", "70", "--json"];
    let augment = ["--augment", "affine", "--augment-rotate", "20", "--augment-shift=1.5"];
    let output = succeeds(&[&own[..], &augment, &["--epochs", "3"]].concat());
    let config = &json(&output)[0]["config"];
    let found = ["", "_rotate", "_scale", "_shear", "_shift"]
        .map(|name| config[format!("augment{name}")].to_string());
    assert_eq!(found, ["\"affine\"", "20.0", "0.1", "0.15", "1.5"]);
    let plain = succeeds(&[&own[..], &["--epochs", "3", "--augment", "none"]].concat());
    assert_ne!(hash(&plain), hash(&output));
    assert!(json(&plain)[0]["config"].get("augment").is_none());

    let begun =
        [&own[..], &augment, &["--epochs", "3", "--checkpoint", &kept, "--checkpoint-every", "4steps"]]
            .concat();
    assert_eq!(hash(&succeeds(&begun)), hash(&output));
    let resumed = ["train", "--resume", &kept, "--json"];
    assert_eq!(hash(&succeeds(&resumed)), hash(&output));
    // A checkpoint from the middle: the newest one, of the end, is taken away.
    let newest = std::fs::read_dir(&kept).unwrap().map(|entry| entry.unwrap().path());
    let newest =
        newest.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("checkpoint-")).max();
    std::fs::remove_file(newest.unwrap()).unwrap();
    let resumed = succeeds(&[&resumed[..], &["--threads", "1", "--sparse", "never"]].concat());
    assert!(json(&resumed)[1]["event"] == "resume" && hash(&resumed) == hash(&output), "{resumed}");
    let error = fails(1, &["train", "--resume", &kept, "--augment-rotate", "21"]);
    assert!(error.contains("--augment-rotate") && error.contains("augment rotate 20"), "{error}");
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let refused = |code, arguments: &[&str], parts: &[&str]| {
        let error = fails(code, arguments);
        assert!(parts.iter().all(|part| error.contains(part)), "{arguments:?}: {error}");
    };
    for command in ["train", "inspect"] {
        refused(2, &[command, "--augment", "elastic"], &["affine or none"]);
        refused(2, &[command, "--augment-scale", "0.1"], &["--augment-scale needs --augment affine"]);
        refused(2, &[command, "--augment", "none", "--augment-shift", "1"], &["--augment-shift needs"]);
        let bad = [
            ("rotate", ["-1", "180.5"]),
            ("scale", ["0.51", "-0.1"]),
            ("shear", ["1.1", "inf"]),
            ("shift", ["NaN", "2000"]),
        ];
        for (name, values) in bad {
            for value in values {
                let option = format!("--augment-{name}={value}");
                refused(
                    2,
                    &[command, "--augment", "affine", &option],
                    &[&format!("--augment-{name} {value}: expected")],
                );
            }
        }
        refused(1, &[command, "--augment", "affine", "--augment-shift", "28"], &["28 x 28", "less than 28"]);
    }
    refused(2, &["inspect", "--augment", "affine", "--split", "test"], &["training images only"]);
    refused(2, &["inspect", "--seed", "1"], &["--augment"]);
}

#[test]
fn explain_says_how_images_are_distorted() {
    let text = succeeds(&["train", "--explain", "--augment", "affine", "--augment-rotate", "7"]);
    assert!(text.contains("Augmentation: affine") && text.contains("7 degrees"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
    assert!(!succeeds(&["train", "--explain"]).contains("Augmentation"));
}

/// Index and epoch are those of training.
#[test]
fn inspect_shows_what_training_sees() {
    let output = succeeds(&["inspect", "--augment", "affine", "--seed", "5", "--index", "0,7", "--json"]);
    let lines = json(&output);
    let images = lines[0]["images"].as_array().unwrap();
    assert_eq!(images.len(), 10);
    let data = mnist::mnist();
    let distortion = distortion(RANGE, 5, (28, 28)).unwrap();
    let (mut to, mut room) = (vec![0; 784], vec![0; Kernels::warp_room(28, 28)]);
    for (i, image) in images.iter().enumerate() {
        let (index, epoch) = ([0, 7][i / 5], i % 5);
        // The first 10,000 are for validation.
        let from = mnist::train(&data).range(10_000 + index..10_001 + index);
        assert_eq!(image["index"], index);
        assert_eq!(image["label"], from.labels[0]);
        if epoch == 0 {
            to.copy_from_slice(from.images);
            assert!(image.get("epoch").is_none());
        } else {
            let map = distortion.warp([index as u32, epoch as u32], (28, 28));
            Kernels::best().warp_u8(&map, (28, 28), from.images, &mut to, &mut room).unwrap();
            assert_eq!(image["epoch"], epoch);
        }
        assert_eq!(image["pixels"], serde_json::json!(to), "{i}");
    }
    let text = succeeds(&["inspect", "--augment", "affine", "--images", "1"]);
    assert!(text.starts_with("#0 of the training set is image 10,000 of the training file\n"), "{text}");
    assert!(text.contains("#0: ") && text.contains("#0, epoch 4"), "{text}");
    let scratch = scratch::Scratch::new();
    let png = scratch.path("sheet.png").display().to_string();
    let text = succeeds(&["inspect", "--augment", "affine", "--png", &png]);
    assert!(text.contains("saved 10 images, each with 9 distortions, as"), "{text}");
    assert!(std::fs::read(&png).unwrap().starts_with(b"\x89PNG"));
}
