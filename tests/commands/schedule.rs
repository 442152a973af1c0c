//! Learning rate schedules train the same bits everywhere and in however many pieces, and do what they say.

use crate::mnist;
use crate::program::{fails, folder, json, small_mnist, succeeds};
use mnist_fast::network::Network;
use mnist_fast::schedule::{Schedule, Shape};
use mnist_fast::team::Team;
use mnist_fast::train::{Examples, Optimizer, Partial, Settings, StateTensor, Trainer};
use mnist_fast_kernels::{Isa, Kernels, LabelSmoothing, RmsProp, Sgd};
use serde_json::Value;

const SIZES: [usize; 4] = [784, 70, 24, 10];
const EPOCHS: usize = 3;
/// Of 50 images each, the last of 30.
const STEPS: u64 = 7;

fn schedules() -> [Schedule; 4] {
    let steps = STEPS * EPOCHS as u64;
    [
        Schedule { shape: Shape::Constant, warmup: 5 },
        Schedule { shape: Shape::Step { every: 4, factor: 0.5 }, warmup: 3 },
        Schedule { shape: Shape::Cosine { steps, last: 1e-5 }, warmup: 3 },
        Schedule { shape: Shape::OneCycle { steps, rise: 6.3, first: 1e-4, last: 1e-8 }, warmup: 0 },
    ]
}

/// With everything on that changes what a step does.
fn trainer(isa: Isa, threads: usize, sparse: bool, network: Network, schedule: Schedule) -> Option<Trainer> {
    let Ok(kernels) = Kernels::new(isa) else {
        println!("skipped: {isa}");
        return None;
    };
    let optimizer = Optimizer::RmsProp(RmsProp { learning_rate: 0.003, ..RmsProp::default() });
    let settings = Settings { batch_size: 50, optimizer, seed: 42, shuffle: true, sparse };
    let trainer = Trainer::new(kernels, Team::new(threads).unwrap(), network, settings).unwrap();
    let trainer = trainer.with_label_smoothing(LabelSmoothing::new(0.1).unwrap());
    Some(trainer.with_schedule(schedule).with_dropout(&[0.2, 0.1]).unwrap())
}

fn run(isa: Isa, threads: usize, sparse: bool, schedule: Schedule, examples: Examples<'_>) -> Option<String> {
    let network = Network::glorot_uniform(&SIZES, 42).unwrap();
    let mut trainer = trainer(isa, threads, sparse, network, schedule)?;
    for epoch in 1..=EPOCHS {
        trainer.train_epoch(examples, epoch).unwrap();
    }
    Some(trainer.network().sha256())
}

#[test]
fn every_schedule_has_the_same_bits_everywhere() {
    let data = mnist::mnist();
    let examples = mnist::train(&data).range(0..330);
    let mut hashes = vec![];
    for schedule in [Schedule::default()].into_iter().chain(schedules()) {
        let expected = run(Isa::Scalar, 1, false, schedule, examples).unwrap();
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_exact() && *isa != Isa::Scalar) {
            for (threads, sparse) in [(1, true), (2, false), (3, true)] {
                if let Some(found) = run(isa, threads, sparse, schedule, examples) {
                    assert_eq!(expected, found, "{schedule:?} on {isa}, {threads} threads, sparse {sparse}");
                }
            }
        }
        hashes.push(expected);
    }
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), 5, "every schedule trains another network");
}

/// Each piece by another trainer, that knows nothing but the weights, the optimizer's state and how far the run is.
#[test]
fn training_in_pieces_has_the_bits_of_training_at_once() {
    let data = mnist::mnist();
    let examples = mnist::train(&data).range(0..330);
    for schedule in schedules() {
        let expected = run(Isa::best(), 1, true, schedule, examples).unwrap();
        let mut network = Network::glorot_uniform(&SIZES, 42).unwrap();
        let mut state: Option<Vec<StateTensor>> = None;
        let (mut done, mut epoch) = (Partial::default(), 1);
        for piece in 1usize.. {
            let isa = if piece.is_multiple_of(3) { Isa::Scalar } else { Isa::best() };
            let mut trainer =
                trainer(isa, 1 + piece % 3, piece.is_multiple_of(2), network, schedule).unwrap();
            if let Some(state) = &state {
                trainer.set_state(state, (epoch as u64 - 1) * STEPS + done.steps as u64).unwrap();
            }
            let until = done.steps + piece % 4;
            done = trainer.train_steps(examples, epoch, done, |steps| steps >= until).unwrap();
            (network, state) = (trainer.network().clone(), Some(trainer.state()));
            match (done.steps as u64, epoch) {
                (STEPS, EPOCHS) => break,
                (STEPS, _) => (epoch, done) = (epoch + 1, Partial::default()),
                _ => {}
            }
        }
        assert_eq!(expected, network.sha256(), "{schedule:?}");
    }
}

/// Two epochs at a rate and one at half of it are two trainings, one after the other.
#[test]
fn a_rate_that_drops_is_another_training_that_goes_on() {
    let data = mnist::mnist();
    let examples = mnist::train(&data).range(0..330);
    let trainer = |network: Network, learning_rate: f64| {
        let optimizer = Optimizer::Sgd(Sgd { learning_rate });
        let settings = Settings { batch_size: 50, optimizer, seed: 42, shuffle: true, sparse: true };
        Trainer::new(Kernels::best(), Team::new(2).unwrap(), network, settings).unwrap()
    };
    let start = Network::glorot_uniform(&SIZES, 42).unwrap();
    let stairs = Schedule { shape: Shape::Step { every: 2 * STEPS, factor: 0.5 }, warmup: 0 };
    let mut scheduled = trainer(start.clone(), 0.2).with_schedule(stairs);
    let mut first = trainer(start, 0.2);
    for epoch in [1, 2] {
        scheduled.train_epoch(examples, epoch).unwrap();
        first.train_epoch(examples, epoch).unwrap();
        assert_eq!(scheduled.learning_rate(), 0.2);
    }
    let mut second = trainer(first.network().clone(), 0.1);
    scheduled.train_epoch(examples, 3).unwrap();
    second.train_epoch(examples, 3).unwrap();
    assert_eq!(scheduled.learning_rate(), 0.1);
    assert_eq!(scheduled.network().sha256(), second.network().sha256());
}

/// A short training by the binary: 2 epochs of 4 steps.
fn train(data: &str, more: &[&str]) -> Vec<Value> {
    let own = [
        "train",
        "--data",
        data,
        "--validation",
        "20",
        "--batch-size",
        "50",
        "--hidden",
        "12",
        "--epochs",
        "2",
    ];
    json(&succeeds(&[&own[..], &["--json"], more].concat()))
}

const COSINE: [&str; 6] = ["--schedule", "cosine", "--warmup", "3steps", "--lr-final", "1e-5"];

#[test]
fn the_binary_trains_by_schedules_and_resumes_them() {
    let scratch = small_mnist(220, 20);
    let data = folder(&scratch);
    let mut hashes = vec![];
    for (options, settings) in [
        (&[][..], r#"["constant",null,null,null,null,null]"#),
        (&["--warmup", "3steps"], r#"["constant","3steps",null,null,null,null]"#),
        (&["--schedule", "step", "--lr-drop-every", "1"], r#"["step",null,"1epochs",0.1,null,null]"#),
        (&COSINE, r#"["cosine","3steps",null,null,null,0.00001]"#),
        (&["--schedule", "one-cycle"], r#"["one-cycle","30%",null,null,0.00004,4e-9]"#),
    ] {
        let events = train(&data, options);
        let names = ["schedule", "warmup", "lr_drop_every", "lr_factor", "lr_first", "lr_final"];
        let found: Vec<Value> = names.iter().map(|name| events[0]["config"][*name].clone()).collect();
        assert_eq!(Value::from(found), serde_json::from_str::<Value>(settings).unwrap(), "{options:?}");
        let hash = events.last().unwrap()["weights_sha256"].as_str().unwrap().to_owned();
        let run = scratch.path(&format!("run{}", hashes.len())).display().to_string();
        let kept = [options, &["--checkpoint", &run, "--checkpoint-every", "1step"]].concat();
        assert_eq!(train(&data, &kept).last().unwrap()["weights_sha256"], *hash);
        // From the last but one step.
        let newest = scratch.path(&format!("run{}/checkpoint-0000000008.safetensors", hashes.len()));
        std::fs::remove_file(newest).unwrap();
        let resumed = json(&succeeds(&["train", "--resume", &run, "--json", "--threads", "1"]));
        assert_eq!(resumed.last().unwrap()["weights_sha256"], *hash, "{options:?}");
        hashes.push(hash);
    }
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), 5);
    let run = scratch.path("run3").display().to_string();
    let error = fails(1, &["train", "--resume", &run, "--lr-final", "1e-6"]);
    assert!(error.contains("--lr-final") && error.contains("lr final"), "{error}");
}

#[test]
fn what_cannot_be_scheduled_is_one_sentence() {
    let scratch = small_mnist(220, 20);
    let data = folder(&scratch);
    for (more, part) in [
        (&["--schedule", "cosin"][..], "constant, step, cosine or one-cycle"),
        (&["--schedule", "step"], "add --lr-drop-every N"),
        (&["--lr-drop-every", "2"], "--lr-drop-every is for --schedule step"),
        (&["--lr-factor", "0.5", "--schedule", "cosine"], "--lr-factor is for --schedule step"),
        (&["--lr-first", "0.5", "--schedule", "cosine"], "--lr-first is for --schedule one-cycle"),
        (&["--lr-final", "0"], "--lr-final is for --schedule cosine or one-cycle"),
        (&["--warmup", "0"], "1 or more"),
        (&["--warmup", "100%"], "or a share of the run, as in 5%"),
        (&["--warmup", "21"], "--warmup of 84 steps leaves --schedule constant none of the run's 84"),
        (&["--warmup", "999steps", "--schedule", "step", "--lr-drop-every", "1"], "--schedule step none"),
        (&["--schedule", "cosine", "--warmup", "21"], "none of the run's 84; make it shorter"),
        (&["--schedule", "one-cycle", "--warmup", "84steps"], "--warmup of 84 steps leaves"),
        (&["--schedule", "one-cycle", "--lr-first", "nan"], "a finite number"),
    ] {
        let error = fails(
            2,
            &[&["train", "--data", &data, "--validation", "20", "--batch-size", "50"], more].concat(),
        );
        assert!(error.contains(part), "{more:?}: {error}");
    }
    let text = succeeds(&[&["train", "--data", &data, "--explain"], &COSINE[..]].concat());
    assert!(text.contains("1e-5 + (0.001 - 1e-5) (1 + cos(pi (t - 3)"), "{text}");
}
