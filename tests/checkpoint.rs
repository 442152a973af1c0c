//! Runs that are killed, stopped and resumed end as if nothing had happened; what cannot go on says why.

mod mnist;
mod program;
mod scratch;
#[cfg(target_os = "linux")]
mod seccomp;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use mnist_fast::activation::Activation;
use mnist_fast::checkpoint::{Checkpoint, Folder};
use mnist_fast::dataset::Dataset;
use mnist_fast::hash::sha256_hex;
use mnist_fast::history::Epoch;
use mnist_fast::model_file::{self, Model, safetensors};
use mnist_fast::network::Network;
use mnist_fast::team::Team;
use mnist_fast::train::{Examples, Optimizer, Partial, Settings, Trainer};
use mnist_fast_kernels::{Isa, Kernels, RmsProp};
use program::{fails, folder, json, program, run, small_mnist, succeeds, text};
use scratch::{Scratch, files_under};
use serde_json::Value;

/// A small training: 4 epochs of 6 steps, the last of 10 images.
struct Small {
    scratch: Scratch,
    data: String,
}

const EPOCHS: usize = 4;
const STEPS: usize = 6;

impl Small {
    fn new() -> Self {
        let scratch = small_mnist(290, 60);
        Small { data: folder(&scratch), scratch }
    }

    fn path(&self, name: &str) -> String {
        self.scratch.path(name).display().to_string()
    }

    fn options<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let own =
            ["train", "--data", &self.data, "--validation", "30", "--batch-size", "50", "--hidden", "70"];
        [&own[..], &["--lr", "0.01", "--epochs", "4", "--json"], more].concat()
    }

    /// What the run ends with, when nothing happens to it.
    fn end(&self) -> Value {
        end(&succeeds(&self.options(&[])))
    }

    /// The folder of a run that is at its end.
    fn finished(&self, name: &str) -> String {
        let folder = self.path(name);
        succeeds(&self.options(&["--checkpoint", &folder]));
        folder
    }
}

/// The last line but for the time.
fn end(out: &str) -> Value {
    let mut end = json(out).pop().unwrap();
    assert_eq!(end["event"], "end", "{out}");
    end.as_object_mut().unwrap().remove("seconds");
    end
}

fn resumed(folder: &str) -> Value {
    end(&succeeds(&["train", "--resume", folder, "--json"]))
}

fn newest(folder: &str) -> Checkpoint {
    *Folder::open(Path::new(folder)).unwrap().newest().unwrap().unwrap().checkpoint
}

fn checkpoints(folder: &str) -> Vec<PathBuf> {
    let names = files_under(Path::new(folder)).into_iter().filter(|name| name.starts_with("checkpoint-"));
    names.map(|name| Path::new(folder).join(name)).collect()
}

/// The hash of the best model's weights, and its epoch.
fn best_of(folder: &str) -> (String, Value) {
    let model = model_file::load(&Path::new(folder).join("best.safetensors")).unwrap();
    (model.network.sha256(), model.training.unwrap()["epoch"].clone())
}

/// A copy of a run's folder.
fn copy(from: &str, to: String) -> String {
    fs::create_dir(&to).unwrap();
    for name in files_under(Path::new(from)) {
        fs::copy(Path::new(from).join(&name), Path::new(&to).join(&name)).unwrap();
    }
    to
}

/// The small training up to a number of steps of all, by the library on one thread, as a checkpoint of the run in `like`.
fn after(steps: usize, data: &Dataset, like: &str) -> Checkpoint {
    let all = Examples { images: data.train.images(), labels: data.train.labels() };
    let (validation, train) = (all.range(0..30), all.range(30..290));
    let optimizer = Optimizer::RmsProp(RmsProp { learning_rate: 0.01, ..RmsProp::default() });
    let settings =
        Settings { batch_size: 50, optimizer, seed: 42, shuffle: true, sparse: steps.is_multiple_of(2) };
    let network = Network::glorot_uniform(&[784, 70, 10], 42).unwrap();
    let mut trainer = Trainer::new(Kernels::best(), Team::new(1).unwrap(), network, settings).unwrap();
    let (mut history, mut best) = (vec![], None);
    for epoch in 1..=steps / STEPS {
        let metrics = trainer.train_epoch(train, epoch).unwrap();
        let validation = Some(trainer.evaluate(validation));
        history.push(Epoch { epoch, metrics, validation, seconds: 2.0, train_seconds: 1.0 });
        let at = mnist_fast::history::best(history.iter().map(|epoch| epoch.validation.unwrap().loss()));
        if at == Some(epoch - 1) {
            best = Some((epoch, Arc::new(trainer.network().clone())));
        }
    }
    let (epoch, rest) = (steps / STEPS + 1, steps % STEPS);
    let done = match rest {
        0 => Partial::default(),
        _ => trainer.train_steps(train, epoch, Partial::default(), |steps| steps == rest).unwrap(),
    };
    let (network, state) = (Arc::new(trainer.network().clone()), trainer.state());
    Checkpoint { run: newest(like).run, epoch, done, seconds: 0.5, history, network, state, best }
}

fn keep(folder: &str, number: usize, checkpoint: &Checkpoint) {
    Folder::create(Path::new(folder)).unwrap().keep(number as u64, checkpoint).unwrap();
}

#[test]
fn a_run_goes_on_to_the_same_bits_from_every_step() {
    let small = Small::new();
    let data = small.scratch.open();
    let log = small.path("whole.csv");
    let whole = end(&succeeds(&small.options(&["--log", &log])));
    let figures = |path: &str| -> Vec<String> {
        let lines = fs::read_to_string(path).unwrap();
        lines.lines().map(|line| line.split(',').take(5).collect::<Vec<_>>().join(",")).collect()
    };
    let finished = small.finished("finished");
    let best = best_of(&finished);
    assert_eq!(checkpoints(&finished).len(), 2);
    assert_eq!(resumed(&finished), whole, "a finished run tells its end again");
    let other = if Isa::Avx2.is_available() { Isa::Avx2 } else { Isa::Scalar };
    for steps in [0, 1, 5, 6, 9, 12, 18, 23, 24] {
        let folder = small.path(&format!("after-{steps}"));
        keep(&folder, steps, &after(steps, &data, &finished));
        let isa = if steps == 23 { Isa::Scalar } else { other };
        let threads = if steps.is_multiple_of(3) { "1" } else { "2" };
        let sparse = if steps.is_multiple_of(4) { "never" } else { "always" };
        let log = small.path("resumed.csv");
        let kernels = ["--threads", threads, "--isa", isa.name(), "--sparse", sparse];
        let options = ["train", "--resume", &folder, "--json", "--log", &log];
        let out = succeeds(&[&options[..], &kernels].concat());
        assert_eq!(end(&out), whole, "from step {steps}");
        let place = &json(&out)[1];
        assert_eq!(
            (&place["event"], &place["epoch"], &place["step"]),
            (&"resume".into(), &(steps / STEPS + 1).into(), &(steps % STEPS).into())
        );
        assert_eq!(json(&out).len(), 3 + EPOCHS - steps / STEPS, "{out}");
        assert_eq!(figures(&log), figures(&small.path("whole.csv")), "from step {steps}");
        let at_the_end = newest(&folder);
        assert_eq!((at_the_end.epoch, at_the_end.history.len()), (EPOCHS + 1, EPOCHS));
        assert_eq!(best_of(&folder), best, "from step {steps}");
    }
}

/// A model from later in the run than the checkpoint is better than what comes first again.
#[test]
fn the_best_model_is_not_overwritten_by_a_worse_one() {
    let small = Small::new();
    let finished = small.finished("finished");
    let best = Path::new(&finished).join("best.safetensors");
    let mut model = model_file::load(&best).unwrap();
    let (epoch, network) = newest(&finished).best.unwrap();
    assert!(epoch > 1, "the test needs a run that gets better");
    assert_eq!(model.training.as_ref().unwrap()["epoch"], epoch);
    assert_eq!(model.network.sha256(), network.sha256());
    // Another file of the same model: it shows whether it was written again.
    model.class_names = Some((0..10).map(|i| format!("class {i}")).collect());
    let data = small.scratch.open();
    let folder = small.path("before");
    keep(&folder, STEPS, &after(STEPS, &data, &finished));
    let there = Path::new(&folder).join("best.safetensors");
    model_file::save(&there, &model).unwrap();
    resumed(&folder);
    assert!(model_file::load(&there).unwrap().class_names.is_some(), "written again");
    // One of another run, or none, is no reason to keep the best one back.
    for other in [true, false] {
        let folder = small.path(&format!("other-{other}"));
        keep(&folder, EPOCHS * STEPS, &newest(&finished));
        let there = Path::new(&folder).join("best.safetensors");
        if other {
            model.training.as_mut().unwrap()["lr"] = 0.5.into();
            model_file::save(&there, &model).unwrap();
        }
        resumed(&folder);
        assert_eq!(fs::read(&there).unwrap(), fs::read(&best).unwrap());
    }
}

/// Delays from a seed.
struct Delays(u64);

impl Delays {
    fn below(&mut self, longest: Duration) -> Duration {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        longest.mul_f64((self.0 >> 11) as f64 / (1u64 << 53) as f64)
    }
}

fn start(arguments: &[&str]) -> Child {
    let mut command = program(arguments);
    // A shell without job control has its background jobs ignore Ctrl-C, and so these tests and what they start.
    #[cfg(unix)]
    // SAFETY: between fork and exec only `signal` is called, which may be there.
    unsafe {
        std::os::unix::process::CommandExt::pre_exec(&mut command, || {
            libc::signal(libc::SIGINT, libc::SIG_DFL);
            Ok(())
        });
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The options that go on with the run in a folder, whatever was done before it was killed.
fn options_for<'a>(small: &'a Small, folder: &'a str) -> Vec<&'a str> {
    let how = if Path::new(folder).exists() { "--resume" } else { "--checkpoint" };
    small.options(&[how, folder, "--checkpoint-every", "5steps"])
}

/// `tests/kill_and_resume` does this more often.
#[test]
fn killed_at_any_instant_a_run_ends_with_the_same_bits() {
    let small = Small::new();
    let whole = small.end();
    let timed = Instant::now();
    succeeds(&small.options(&["--checkpoint", &small.path("timed"), "--checkpoint-every", "5steps"]));
    let longest = timed.elapsed();
    let rounds = std::env::var("MNIST_FAST_KILLS").map_or(20, |kills| kills.parse().unwrap()) / 2;
    let mut delays = Delays(rounds);
    for round in 0..rounds {
        let folder = small.path(&format!("killed-{round}"));
        // The second time in what is left.
        for _ in 0..2 {
            let mut child = start(&options_for(&small, &folder));
            sleep(delays.below(longest));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert_eq!(end(&succeeds(&options_for(&small, &folder))), whole, "round {round}");
        let left = files_under(Path::new(&folder));
        assert!(left.iter().all(|name| !name.ends_with(".tmp")), "{left:?}");
        assert_eq!(checkpoints(&folder).len(), 2, "{left:?}");
    }
}

#[test]
fn a_crash_between_writing_and_renaming_leaves_the_checkpoint_before() {
    let small = Small::new();
    let finished = small.finished("finished");
    let whole = resumed(&finished);
    let data = small.scratch.open();
    let folder = small.path("crashed");
    keep(&folder, 9, &after(9, &data, &finished));
    let bytes = fs::read(&checkpoints(&folder)[0]).unwrap();
    for (name, len) in [("checkpoint-0000000012.safetensors", 1000), ("best.safetensors", bytes.len())] {
        fs::write(Path::new(&folder).join(format!(".{name}.4711.0.tmp")), &bytes[..len]).unwrap();
    }
    fs::write(Path::new(&folder).join(".other.tmp"), "not ours").unwrap();
    assert_eq!(resumed(&folder), whole);
    let left = files_under(Path::new(&folder));
    assert_eq!(left.iter().filter(|name| name.ends_with(".tmp")).collect::<Vec<_>>(), [".other.tmp"]);
}

/// The same as it happens: the system ends the process at its first rename, when all bytes are written.
#[cfg(target_os = "linux")]
#[test]
fn a_process_that_dies_at_the_rename_leaves_the_checkpoint_before() {
    use seccomp::{RENAMES, Then, when};
    let small = Small::new();
    let finished = small.finished("finished");
    let (whole, best) = (resumed(&finished), best_of(&finished));
    let data = small.scratch.open();
    // In an epoch and at its end, where the best model is written first.
    for (steps, every) in [(9, "1steps"), (9, "1epoch"), (5, "1epoch")] {
        let folder = small.path(&format!("crashed-{steps}-{every}"));
        keep(&folder, steps, &after(steps, &data, &finished));
        for _ in 0..2 {
            let mut command = program(&["train", "--resume", &folder, "--json", "--checkpoint-every", every]);
            let output = when(&mut command, RENAMES, Then::Die).output().unwrap();
            assert_eq!(seccomp::died(&output.status), Some(true), "{output:?}");
            let unfinished = |name: &String| name.ends_with(".tmp");
            assert_eq!(files_under(Path::new(&folder)).iter().filter(|name| unfinished(name)).count(), 1);
            assert_eq!(newest(&folder).done.steps, steps % STEPS);
        }
        assert_eq!(resumed(&folder), whole, "{steps} {every}");
        assert_eq!(best_of(&folder), best);
        assert!(!files_under(Path::new(&folder)).iter().any(|name| name.ends_with(".tmp")));
    }
    // A run that dies so before its first checkpoint is whole starts from step 0.
    let folder = small.path("never");
    let output = when(&mut program(&small.options(&["--checkpoint", &folder])), RENAMES, Then::Die).output();
    assert_eq!(seccomp::died(&output.unwrap().status), Some(true));
    assert_eq!(end(&succeeds(&small.options(&["--resume", &folder]))), whole);
}

/// Two checkpoints are kept, and a third one goes when the run does, though nothing is left of it to do.
#[cfg(target_os = "linux")]
#[test]
fn a_process_that_dies_before_it_removes_the_oldest_leaves_no_third_checkpoint() {
    use seccomp::{Then, UNLINKS, when};
    let small = Small::new();
    let finished = small.finished("finished");
    let whole = resumed(&finished);
    let data = small.scratch.open();
    let (folder, older) = (small.path("killed"), small.path("older"));
    keep(&folder, 18, &after(18, &data, &finished));
    keep(&older, 17, &after(17, &data, &finished));
    let oldest = &checkpoints(&older)[0];
    fs::copy(oldest, Path::new(&folder).join(oldest.file_name().unwrap())).unwrap();
    // At the end of the run, its only checkpoint from here on.
    let mut command = program(&["train", "--resume", &folder, "--json"]);
    let output = when(&mut command, UNLINKS, Then::Die).output().unwrap();
    assert_eq!(seccomp::died(&output.status), Some(true), "{output:?}");
    let [oldest, before, last] = &checkpoints(&folder)[..] else { panic!("{:?}", checkpoints(&folder)) };
    let left = copy(&folder, small.path("damaged"));
    assert_eq!(resumed(&folder), whole);
    assert_eq!(checkpoints(&folder), [before.clone(), last.clone()]);
    // The one before the last is of use if it is whole.
    let there = |path: &Path| Path::new(&left).join(path.file_name().unwrap());
    fs::write(there(before), "damaged").unwrap();
    assert_eq!(resumed(&left), whole);
    assert_eq!(checkpoints(&left), [there(oldest), there(last)]);
}

/// Checkpoints are written beside the training: what fails there is told, at once and at the end.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_fails_is_told_and_the_checkpoint_before_stays() {
    use seccomp::{FSYNCS, RENAMES, Then, when};
    let small = Small::new();
    let finished = small.finished("finished");
    let whole = resumed(&finished);
    let data = small.scratch.open();
    for (calls, name) in [(FSYNCS, "fsync"), (RENAMES, "rename")] {
        let folder = small.path(name);
        let before = after(9, &data, &finished);
        keep(&folder, 9, &before);
        // The best model so far is in the folder, as it is after an epoch.
        let mut training: Value = serde_json::from_str(&before.run.config).unwrap();
        training["epoch"] = 1.into();
        let network = Network::clone(&before.best.as_ref().unwrap().1);
        let model = Model { network, class_names: None, training: Some(training) };
        model_file::save(&Path::new(&folder).join("best.safetensors"), &model).unwrap();
        let mut command = program(&["train", "--resume", &folder, "--json"]);
        let output = when(&mut command, calls, Then::Fail(libc::EIO)).output().unwrap();
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        // The training itself went well.
        assert_eq!(end(&text(&output.stdout)), whole);
        let told = |start: &str, what: &str| {
            stderr.lines().filter(|line| line.starts_with(start) && line.contains(what)).count()
        };
        // After each of the three epochs that were left; and a better model as well.
        assert_eq!(told("warning: the checkpoint ", "Input/output error"), 3, "{stderr}");
        assert!(told("warning: the model was not saved", "Input/output error") > 0, "{stderr}");
        assert_eq!(told("error: the checkpoint ", "Input/output error"), 1, "{stderr}");
        assert!(!files_under(Path::new(&folder)).iter().any(|name| name.ends_with(".tmp")));
        assert_eq!((newest(&folder).epoch, newest(&folder).done.steps), (2, 3));
        assert_eq!(resumed(&folder), whole);
    }
}

#[test]
fn a_damaged_checkpoint_is_told_from_a_whole_one() {
    let small = Small::new();
    let finished = small.finished("finished");
    let whole = resumed(&finished);
    let good = fs::read(checkpoints(&finished).pop().unwrap()).unwrap();
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let metadata = std::collections::BTreeMap::from([("mnist_fast_checkpoint", "3".to_owned())]);
    for (i, (bytes, part)) in [
        (good[..good.len() - 1].to_vec(), "cut short"),
        (good[..100].to_vec(), "whole safetensors"),
        (vec![], "is empty"),
        (flipped(good.len() / 2), "damaged"),
        (flipped(good.len() - 1), "damaged"),
        ([&good[..], b"more"].concat(), "bytes"),
        (safetensors::header(&metadata, &[]), "format \"3\", where this version reads formats 1 and 2; use"),
        (safetensors::header(&Default::default(), &[]), "is no checkpoint"),
        ([&8u64.to_le_bytes()[..], b"[[[[[[[["].concat(), "begin with {"),
        (u64::MAX.to_le_bytes().to_vec(), "header"),
        (fs::read(Path::new(&finished).join("best.safetensors")).unwrap(), "is no checkpoint"),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = copy(&finished, small.path(&format!("damaged-{i}")));
        let files = checkpoints(&folder);
        fs::write(&files[1], &bytes).unwrap();
        let output = run(&["train", "--resume", &folder, "--json"]);
        let stderr = text(&output.stderr);
        assert!(output.status.success(), "{part}: {stderr}");
        assert!(stderr.contains("warning: ") && stderr.contains(part), "{part}: {stderr}");
        assert!(stderr.contains(&files[0].display().to_string()), "{stderr}");
        assert_eq!(end(&text(&output.stdout)), whole, "{part}");
        newest(&folder);
        // Where no other one is there, nothing begins anew behind the user's back.
        fs::remove_file(&files[0]).unwrap();
        fs::write(&files[1], &bytes).unwrap();
        let error = fails(1, &["train", "--resume", &folder, "--json"]);
        assert!(error.contains("no checkpoint in") && error.contains(part), "{error}");
    }
}

/// A best network that is the last one is in the file once, and in the former format twice.
#[test]
fn a_best_network_that_is_the_last_one_is_stored_once() {
    let small = Small::new();
    let finished = small.finished("finished");
    let whole = resumed(&finished);
    let data = small.scratch.open();
    // After the first epoch, which is the best one so far whatever it was.
    let once = after(STEPS, &data, &finished);
    let (epoch, best) = once.best.clone().unwrap();
    assert_eq!((epoch, best.sha256()), (1, once.network.sha256()));
    let once = Checkpoint { network: Arc::clone(&best), ..once };
    let twice = Checkpoint { best: Some((1, Arc::new(Network::clone(&best)))), ..once.clone() };
    let mut sizes = vec![];
    for (name, checkpoint, format) in [("once", &once, "2"), ("twice", &twice, "2"), ("former", &twice, "1")]
    {
        let folder = small.path(name);
        keep(&folder, STEPS, checkpoint);
        let file = checkpoints(&folder).pop().unwrap();
        let mut bytes = fs::read(&file).unwrap();
        sizes.push(bytes.len());
        let before = bytes.len() - 64;
        let key = b"\"mnist_fast_checkpoint\":\"";
        let at = bytes.windows(key.len()).position(|part| part == key).unwrap() + key.len();
        bytes[at] = format.as_bytes()[0];
        let hash = sha256_hex(&bytes[..before]);
        bytes[before..].copy_from_slice(hash.as_bytes());
        fs::write(&file, bytes).unwrap();
        let found = newest(&folder);
        assert_eq!(found.best.map(|(epoch, network)| (epoch, network.sha256())), Some((1, best.sha256())));
        assert_eq!(resumed(&folder), whole, "{name}");
    }
    assert!(sizes[0] + 4 * best.parameters() < sizes[1], "{sizes:?}");
    // Left out where the weights have moved since, it would be another one.
    let folder = small.path("moved");
    keep(&folder, STEPS + 1, &Checkpoint { done: Partial { steps: 1, ..once.done }, ..once });
    let error = fails(1, &["train", "--resume", &folder]);
    assert!(error.contains("best network that does not fit"), "{error}");
}

/// With the right hash: nobody but an attacker makes these.
#[test]
fn checkpoints_of_impossible_runs_are_refused() {
    let small = Small::new();
    let finished = small.finished("finished");
    let good = newest(&finished);
    let refused = |name: &str, part: &str, change: &dyn Fn(&mut Checkpoint)| {
        let mut checkpoint = good.clone();
        change(&mut checkpoint);
        let folder = small.path(name);
        keep(&folder, 7, &checkpoint);
        let output = run(&["train", "--resume", &folder, "--json"]);
        let stderr = text(&output.stderr);
        assert!(output.status.code().is_some_and(|code| code == 1 || code == 2), "{name}: {stderr}");
        let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(
            errors.len() == 1 && errors[0].contains(part) && !stderr.contains("panic"),
            "{name}: {stderr}"
        );
    };
    let option = |name: &str, value: &str| (name.to_owned(), Some(value.to_owned()));
    refused("nan", "rmsprop.0.weight", &|c| c.state[0].values[3] = f32::NAN);
    refused("no-state", "optimizer's state", &|c| c.state.clear());
    refused("steps", "more steps", &|c| (c.epoch, c.done.steps) = (5, 3));
    refused("history", "history", &|c| c.epoch = 7);
    refused("sums", "impossible", &|c| c.done.sums.loss_sum = f64::NAN);
    refused("seconds", "impossible", &|c| c.seconds = -1.0);
    refused("best", "best network", &|c| c.best.as_mut().unwrap().0 = 9);
    refused("other-best", "best network", &|c| {
        c.best.as_mut().unwrap().1 = Network::zeros(&[784, 71, 10]).unwrap().into();
    });
    refused("network", "783 inputs", &|c| {
        (c.network, c.best) = (Network::zeros(&[783, 10]).unwrap().into(), None);
    });
    refused("save", "options", &|c| c.run.options.push(option("--save", "anywhere.safetensors")));
    refused("unknown", "options", &|c| c.run.options.push(option("--nothing", "1")));
    refused("twice", "more than once", &|c| c.run.options.push(option("--epochs", "3")));
    refused("value", "--epochs x", &|c| {
        c.run.options.retain(|(name, _)| name != "--epochs");
        c.run.options.push(option("--epochs", "x"));
    });
    refused("config", "configuration", &|c| c.run.config = "[".repeat(10_000));
    refused("default", "setting swirl 0.5", &|c| {
        c.run.config = c.run.config.replacen('{', "{\"swirl\":0.5,", 1);
    });
    refused("every", "options", &|c| c.run.every = "0".into());
    refused("portable", "portable", &|c| c.run.exact = false);
    refused("data", "other data", &|c| c.run.data_sha256.clear());
}

/// The best network of a checkpoint is one of the run's activations, whatever those are.
#[test]
fn the_best_network_of_a_resumed_run_has_its_activations() {
    let small = Small::new();
    let run = small.path("run");
    let own = ["--activation", "tanh", "--early-stop", "9"];
    let whole = end(&succeeds(&small.options(&[&own[..], &["--checkpoint", &run]].concat())));
    let best = best_of(&run);
    let file = Path::new(&run).join("best.safetensors");
    let activations = || model_file::load(&file).unwrap().network.activations();
    assert_eq!(activations(), [Activation::Tanh]);
    fs::remove_file(&file).unwrap();
    assert_eq!(resumed(&run), whole);
    assert_eq!((best_of(&run), activations()), (best, vec![Activation::Tanh]));
}

/// What a run started from is in its checkpoint: the file may go, but given again it must hold the same weights.
#[test]
fn a_file_to_start_from_that_was_changed_is_told_at_once() {
    let small = Small::new();
    let (init, run) = (small.path("init.safetensors"), small.path("run"));
    let save = |seed| {
        let network = Network::glorot_uniform(&[784, 70, 10], seed).unwrap();
        model_file::save(Path::new(&init), &Model { network, class_names: None, training: None }).unwrap();
    };
    save(1);
    let own = ["train", "--data", &small.data, "--validation", "30", "--init", &init, "--epochs", "2"];
    succeeds(&[&own[..], &["--checkpoint", &run]].concat());
    let whole = resumed(&run);
    assert_eq!(end(&succeeds(&["train", "--resume", &run, "--init", &init, "--json"])), whole);
    save(2);
    let output = program(&["train", "--resume", &run, "--init", &init, "--json"]).output().unwrap();
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("holds other weights than when the run in"), "{error}");
    assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
    assert_eq!(resumed(&run), whole);
    fs::remove_file(&init).unwrap();
    assert_eq!(resumed(&run), whole);
}

#[test]
fn options_may_be_repeated_and_others_are_refused_by_name() {
    let small = Small::new();
    let finished = small.finished("finished");
    let whole = resumed(&finished);
    let again =
        small.options(&["--resume", &finished, "--seed", "42", "--num-classes", "10", "--threads", "1"]);
    assert_eq!(end(&succeeds(&again)), whole);
    assert_eq!(end(&succeeds(&["train", "--resume", &finished, "--json", "--lr", "1e-2"])), whole);
    for (given, names) in [
        (&["--epochs", "5"][..], &["--epochs differs", "epochs 4"][..]),
        (&["--lr", "0.02", "--hidden", "70", "--seed", "1"], &["--lr, --seed", "lr 0.01", "seed 42"]),
        (&["--hidden", "70,70"], &["--hidden", "[70]"]),
        (&["--no-shuffle"], &["--no-shuffle", "shuffle true"]),
        (&["--optimizer", "sgd"], &["--optimizer", "rmsprop"]),
        (&["--validation", "31"], &["--validation", "validation 30"]),
        (&["--validation-split", "0.2"], &["--validation-split", "validation 30"]),
        (&["--num-classes", "11"], &["--num-classes", "num classes 10"]),
        (&["--init", "x.safetensors"], &["--init"]),
        (&["--isa", "portable"], &["--isa scalar"]),
        (&["--data", "mnist"], &["other data", "--data mnist"]),
    ] {
        let error = fails(1, &[&["train", "--resume", &finished, "--json"], given].concat());
        assert!(names.iter().all(|name| error.contains(name)), "{given:?}: {error}");
        assert!(!error.contains("--hidden, ") && !error.contains(", --hidden"), "{error}");
    }
    // The same data elsewhere is the same data; what has changed is not.
    let moved = copy(&small.data, small.path("moved"));
    assert_eq!(end(&succeeds(&["train", "--resume", &finished, "--json", "--data", &moved])), whole);
    let labels = Path::new(&moved).join("train-labels-idx1-ubyte");
    let mut bytes = fs::read(&labels).unwrap();
    bytes[20] = (bytes[20] + 1) % 10;
    fs::write(&labels, bytes).unwrap();
    fails(1, &["train", "--resume", &finished, "--json", "--data", &moved]);

    let best = format!("{finished}/best.safetensors");
    for (code, arguments, part) in [
        (1, &["--checkpoint", finished.as_str()][..], "already holds a run; go on with it by --resume"),
        (1, &["--resume", "no-such-folder"], "there is no such folder"),
        (1, &["--resume", &best], "not a folder"),
        (1, &["--checkpoint", "no-such-folder/in-it"], "create that first"),
        (2, &["--checkpoint", "a", "--resume", "b"], "exclude each other"),
        (2, &["--checkpoint-every", "2"], "add --checkpoint DIR"),
        (2, &["--checkpoint", "a", "--checkpoint-every", "0steps"], "100steps"),
        (2, &["--resume", &finished, "--save", &best], "another name"),
        (2, &["--resume", &finished, "--epochs", "0"], "1 or more"),
        (2, &["--resume", &finished, "--epoch", "3"], "did you mean --epochs?"),
    ] {
        let error = fails(code, &[&["train"], arguments].concat());
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
    assert!(!Path::new("a").exists());
}

#[test]
fn a_folder_without_a_checkpoint_starts_from_step_0_and_says_so() {
    let small = Small::new();
    let folder = small.path("empty");
    fs::create_dir(&folder).unwrap();
    let output = run(&small.options(&["--resume", &folder]));
    assert!(text(&output.stderr).contains("no whole checkpoint yet"), "{}", text(&output.stderr));
    assert_eq!(end(&text(&output.stdout)), small.end());
    assert_eq!(newest(&folder).epoch, EPOCHS + 1);
    // Or one with nothing but the lock of a run that was killed early; but none of other things.
    let folder = small.path("other");
    fs::create_dir(&folder).unwrap();
    fs::write(Path::new(&folder).join("letter.txt"), "Dear").unwrap();
    let error = fails(1, &small.options(&["--resume", &folder]));
    assert!(error.contains("no run is kept in that folder, but other files, such as letter.txt"), "{error}");
    assert_eq!(files_under(Path::new(&folder)), ["letter.txt"]);
    fs::write(Path::new(&folder).join("lock"), "").unwrap();
    assert_eq!(end(&succeeds(&small.options(&["--resume", &folder]))), small.end());
    // A new run refuses bad data before it makes a folder.
    fails(1, &["train", "--data", "./no-such-data", "--checkpoint", &small.path("never")]);
    assert!(!Path::new(&small.path("never")).exists());
    // Nor where only the best model of a run is left: a worse one would overwrite it.
    let folder = small.path("best_alone");
    fs::create_dir(&folder).unwrap();
    let best = Path::new(&folder).join("best.safetensors");
    fs::write(&best, "a model").unwrap();
    let error = fails(1, &small.options(&["--resume", &folder]));
    assert!(error.contains("are gone, and a run from step 0 would overwrite it"), "{error}");
    assert_eq!(fs::read(&best).unwrap(), b"a model");
}

/// A run that is not over for a while, and its output.
fn long(small: &Small, more: &[&str]) -> (Child, BufReader<std::process::ChildStdout>) {
    let own = ["train", "--data", &small.data, "--batch-size", "50", "--hidden", "70", "--epochs", "3000"];
    let mut child = start(&[&own[..], more].concat());
    let out = child.stdout.take().unwrap();
    (child, BufReader::new(out))
}

/// Reads until the run trains.
fn until_it_trains(out: &mut impl BufRead) {
    let mut line = String::new();
    while !line.starts_with("Epoch ") {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "it ended");
    }
}

#[test]
fn two_runs_do_not_share_a_folder() {
    let small = Small::new();
    let folder = small.path("shared");
    let (mut child, mut out) = long(&small, &["--checkpoint", &folder, "--checkpoint-every", "7steps"]);
    // Two of its epochs are 10 steps.
    (0..2).for_each(|_| until_it_trains(&mut out));
    let error = Folder::open(Path::new(&folder)).unwrap_err().to_string();
    assert!(error.contains("another run is using the folder"), "{error}");
    assert_eq!(fails(1, &["train", "--resume", &folder]), format!("error: {error}"));
    assert!(fails(1, &["train", "--checkpoint", &folder]).contains("--resume"));
    child.kill().unwrap();
    child.wait().unwrap();
    let newest = newest(&folder);
    let steps = 5 * (newest.epoch - 1) + newest.done.steps;
    assert!(steps >= 7 && steps.is_multiple_of(7), "{steps}");
    // The lock's file is still there, and locks nothing.
    assert!(Path::new(&folder).join("lock").exists());
}

#[cfg(unix)]
mod signals {
    use std::io::Read;
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn send(child: &Child, signal: i32) {
        // SAFETY: sends a signal to a process that we started and have not waited for.
        assert_eq!(unsafe { libc::kill(child.id() as i32, signal) }, 0);
    }

    fn ended(mut child: Child) -> (std::process::ExitStatus, String) {
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        (child.wait().unwrap(), stderr)
    }

    #[test]
    fn a_signal_ends_a_run_well() {
        let small = Small::new();
        let folder = small.path("stopped");
        let mut before = (1, 0);
        for (option, signal, code) in [("--checkpoint", libc::SIGINT, 130), ("--resume", libc::SIGTERM, 143)]
        {
            let (child, mut out) = long(&small, &[option, &folder, "--checkpoint-every", "100000"]);
            until_it_trains(&mut out);
            send(&child, signal);
            let (status, stderr) = ended(child);
            assert_eq!(status.code(), Some(code), "{stderr}");
            let last = stderr.lines().last().unwrap();
            assert!(last.contains(&format!("mnist-fast train --resume {folder}")), "{stderr}");
            let checkpoint = newest(&folder);
            let place = match checkpoint.done.steps {
                0 => format!("after epoch {}", checkpoint.epoch - 1),
                steps => format!("after step {steps} of 5 of epoch {}", checkpoint.epoch),
            };
            assert!(last.contains(&format!("{place};")), "{stderr}");
            assert!((checkpoint.epoch, checkpoint.done.steps) > before);
            before = (checkpoint.epoch, checkpoint.done.steps);
        }
    }

    #[test]
    fn without_checkpoints_a_signal_ends_it_at_once() {
        let small = Small::new();
        let (child, mut out) = long(&small, &[]);
        until_it_trains(&mut out);
        send(&child, libc::SIGINT);
        let (status, _) = ended(child);
        assert_eq!(status.signal(), Some(libc::SIGINT));
    }

    #[test]
    fn a_second_signal_does_not_wait_for_the_step() {
        let small = Small::new();
        let folder = small.path("slow");
        // A step of many seconds.
        let own =
            ["train", "--data", &small.data, "--batch-size", "240", "--hidden", "800,800", "--isa", "scalar"];
        let mut child = start(&[&own[..], &["--checkpoint", &folder]].concat());
        while !Path::new(&folder).exists() || checkpoints(&folder).is_empty() {
            assert!(child.try_wait().unwrap().is_none());
            sleep(Duration::from_millis(5));
        }
        sleep(Duration::from_millis(100));
        send(&child, libc::SIGINT);
        sleep(Duration::from_millis(100));
        assert!(child.try_wait().unwrap().is_none(), "the step ends first");
        send(&child, libc::SIGTERM);
        let (status, _) = ended(child);
        assert_eq!(status.code(), Some(143));
        assert_eq!((newest(&folder).epoch, newest(&folder).done.steps), (1, 0));
    }
}
