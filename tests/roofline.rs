//! `roofline` through the binary: its tables and lines, and that watching training changes nothing of it.

mod mnist;
mod program;
mod scratch;

use std::time::Instant;

use mnist_fast::network::Network;
use mnist_fast::team::Team;
use mnist_fast::train::{Optimizer, Phase, Settings, Trainer};
use mnist_fast_kernels::{Isa, Kernels, RmsProp};
use program::{fails, folder, json, small_mnist, succeeds};
use serde_json::Value;

fn strings<'a>(lines: &'a [Value], event: &str, member: &str) -> Vec<&'a str> {
    let of_event = lines.iter().filter(|line| line["event"] == event);
    of_event.map(|line| line[member].as_str().expect(member)).collect()
}

fn positive(line: &Value, member: &str) -> f64 {
    let number = line[member].as_f64().unwrap_or_else(|| panic!("{member} in {line}"));
    assert!(number > 0.0 && number.is_finite(), "{member} in {line}");
    number
}

/// Sparse on two threads, dense on one: phases, peaks, and the weights that `train` makes.
#[test]
fn json_has_peaks_phases_and_the_weights_of_train() {
    let data = small_mnist(400, 10);
    let folder = folder(&data);
    let common = ["--data", &folder, "--validation", "100", "--hidden", "64,64"];
    let trained = succeeds(&[&["train", "--epochs", "2", "--quiet", "--threads", "1"], &common[..]].concat());
    let others_end = ["layer_1_update", "others_update", "waiting", "between", "validation"];
    for (sparse, threads, start) in [
        ("auto", 2, &["layer_1_forward", "others_forward", "loss", "deltas", "transpose_pixels"][..]),
        ("never", 1, &["gather", "layer_1_forward", "others_forward", "loss", "deltas"]),
    ] {
        let count = threads.to_string();
        let own = ["roofline", "--json", "--epochs", "1", "--sparse", sparse, "--threads", &count];
        let output = succeeds(&[&own[..], &common].concat());
        assert!(!output.contains(": ") || !output.contains("\": "), "not compact: {output}");
        let lines = json(&output);
        let (first, last) = (&lines[0], &lines[lines.len() - 1]);

        assert_eq!((&first["event"], &first["sparse"]), (&"start".into(), &(sparse == "auto").into()));
        assert_eq!((&first["train_images"], &first["steps"]), (&300.into(), &5.into()));
        assert_eq!(first["threads"], threads);
        let density = positive(first, "pixels_not_zero");
        assert!((0.1..0.3).contains(&density), "{density}");
        let active = first["relu_outputs_not_zero"].as_array().unwrap();
        assert_eq!(active.len(), 2);
        assert!(active.iter().all(|part| (0.05..0.95).contains(&part.as_f64().unwrap())), "{active:?}");

        let peaks: Vec<&Value> = lines.iter().filter(|line| line["event"] == "peak").collect();
        for of in [1, threads] {
            let of: Vec<_> = peaks.iter().filter(|peak| peak["threads"] == of).collect();
            let best = of.iter().find(|peak| peak["isa"] == Isa::best().name());
            assert_eq!(best.is_some(), Isa::best().is_exact(), "{of:?}");
            best.iter().for_each(|best| assert!(positive(best, "gflops") > 0.01));
            let levels: Vec<&&&Value> = of.iter().filter(|peak| peak["what"] == "memory").collect();
            assert!(levels.len() >= 2, "{levels:?}");
            assert_eq!(
                (&levels[0]["level"], &levels[levels.len() - 1]["level"]),
                (&"L1".into(), &"DRAM".into())
            );
            for level in levels {
                positive(level, "read_gb_per_second");
                positive(level, "update_gb_per_second");
            }
        }

        let phases: Vec<&Value> = lines.iter().filter(|line| line["event"] == "phase").collect();
        assert_eq!(strings(&lines, "phase", "phase"), [start, &others_end].concat());
        let shares: f64 = phases.iter().map(|phase| positive(phase, "share")).sum();
        assert!((shares - 1.0).abs() < 1e-9, "{shares}");
        let mut seconds = 0.0;
        for phase in phases {
            let mean = positive(phase, "microseconds");
            seconds += 5.0 * mean / 1e6;
            assert!(positive(phase, "microseconds_longest") >= mean * (1.0 - 1e-9), "{phase}");
            positive(phase, "microseconds_thread_0");
            let modelled = !["loss", "waiting", "between"].contains(&phase["phase"].as_str().unwrap());
            // Nothing is known of what another crate's products can do.
            if Isa::best().is_exact() {
                assert_eq!(phase["limit"].is_string(), modelled, "{phase}");
            }
            if phase["limit"].is_string() {
                let of = positive(phase, "limit_microseconds") / mean;
                assert!((positive(phase, "of_limit") / of - 1.0).abs() < 1e-9, "{phase}");
            }
            let products =
                modelled && !["gather", "transpose_pixels"].contains(&phase["phase"].as_str().unwrap());
            if products {
                assert!(positive(phase, "useful_gflops") < positive(phase, "effective_gflops"), "{phase}");
            } else {
                assert!(phase["useful_gflops"].is_null(), "{phase}");
            }
        }
        // Each thread's phases are all of its time.
        let epoch = positive(last, "epoch_seconds");
        assert!((seconds / epoch - 1.0).abs() < 0.05, "{seconds} in phases, {epoch} in all");
        assert!(strings(&lines, "phase", "phase").contains(&last["next"].as_str().unwrap()), "{last}");
        // One epoch before the timed one: the two of train, whose phases nobody timed.
        let hash = last["weights_sha256"].as_str().unwrap();
        assert!(trained.contains(hash), "{hash} is not in {trained}");
    }
}

#[test]
fn people_read_tables_and_one_sentence() {
    let data = small_mnist(100, 10);
    let folder = folder(&data);
    let arguments = ["--data", &folder, "--hidden", "none", "--validation", "0", "--epochs", "1"];
    let output = succeeds(&[&["roofline", "--threads", "1"], &arguments[..]].concat());
    for part in ["784-10", "L1", "DRAM", "GB/s", "layer 1 forward", "update of layer 1", "reached"] {
        assert!(output.contains(part), "{part} is not in {output}");
    }
    // One thread has no others to compare with, and there is nothing to validate.
    for part in ["thread 0", "2 threads", "validation\n", "NaN", "inf"] {
        assert!(!output.contains(part), "{part} is in {output}");
    }
    let last = output.lines().last().unwrap();
    assert!(last.starts_with("what limits the run next: "), "{last}");
    let head = output.lines().find(|line| line.starts_with("us a step")).unwrap();
    for row in output.lines().filter(|line| line.starts_with("layer 1") || line.starts_with("update of")) {
        assert_eq!(row.chars().count(), head.chars().count(), "{output}");
    }
}

#[test]
fn wrong_usage_is_refused() {
    for (arguments, part) in [
        (&["roofine"][..], "did you mean roofline?"),
        (&["roofline", "--jsn"], "did you mean --json?"),
        (&["roofline", "--epochs", "0"], "1 or more"),
        (&["roofline", "--threads", "0"], "1 or more"),
        (&["roofline", "--sparse", "maybe"], "auto, always or never"),
        (&["roofline", "--isa", "sse9"], "scalar, portable, avx2, avx512 or neon"),
        (&["roofline", "--hidden", "12,0"], "widths such as"),
        (&["roofline", "--json=1"], "takes no value"),
        (&["roofline", "model.safetensors"], "unexpected argument model.safetensors"),
    ] {
        let error = fails(2, arguments);
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
    for (arguments, part) in [
        (&["roofline", "--data", "./no-such-folder"][..], "does not exist"),
        (&["roofline", "--hidden", "4000000000"], "GB of memory"),
    ] {
        let error = fails(1, arguments);
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
    let help = succeeds(&["roofline", "--help"]);
    assert!(help.contains("--epochs N") && help.lines().all(|line| line.chars().count() <= 100), "{help}");
}

#[test]
fn clocks_change_no_bit_and_miss_no_time() {
    let data = mnist::mnist();
    let (train, validation) = (mnist::train(&data).range(0..200), mnist::test(&data).range(0..100));
    for (threads, sparse) in [(1, true), (2, false), (3, true)] {
        let settings = Settings {
            batch_size: 64,
            optimizer: Optimizer::RmsProp(RmsProp::default()),
            seed: 1,
            shuffle: true,
            sparse,
        };
        let trainer = || {
            let network = Network::glorot_uniform(&[784, 32, 64, 10], 1).unwrap();
            Trainer::new(Kernels::best(), Team::new(threads).unwrap(), network, settings).unwrap()
        };
        let (mut off, mut on) = (trainer(), trainer());
        on.time_phases();
        let start = Instant::now();
        let run = |trainer: &mut Trainer| {
            let first = trainer.train_epoch(train, 1).unwrap();
            (first, trainer.evaluate(validation), trainer.train_epoch(train, 2).unwrap())
        };
        let (with, elapsed) = (run(&mut on), start.elapsed());
        assert_eq!(with, run(&mut off), "{threads} threads, sparse {sparse}");
        assert_eq!(on.network().sha256(), off.network().sha256(), "{threads} threads, sparse {sparse}");
        assert!(off.phase_times().is_empty());
        let times = on.phase_times();
        assert_eq!(times.len(), threads);
        for times in &times {
            let sum: std::time::Duration = times.iter().sum();
            assert!(
                sum <= elapsed && sum.as_secs_f64() > 0.8 * elapsed.as_secs_f64(),
                "{sum:?}, {elapsed:?}"
            );
        }
        let somebody = |phase: Phase| times.iter().any(|times| !times[phase as usize].is_zero());
        for phase in Phase::ALL {
            let expected = match phase {
                Phase::Gather => !sparse,
                Phase::TurnPixels => sparse,
                _ => true,
            };
            assert_eq!(somebody(phase), expected, "{phase:?}, {threads} threads, sparse {sparse}");
        }
    }
}
