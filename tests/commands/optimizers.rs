//! Optimizers, penalties, weight decay and clipping: the same bits on every exact ISA, number of threads, with zeros left out or not,
//! at once or in pieces; the steps of Keras; what each does, in closed form.

use std::path::Path;

use crate::mnist;
use crate::program::{fails, folder, json, small_mnist, succeeds};
use mnist_fast::metrics::Metrics;
use mnist_fast::model_file::safetensors::Reader;
use mnist_fast::network::Network;
use mnist_fast::team::Team;
use mnist_fast::train::{Clip, Examples, Optimizer, Partial, Regularization, Settings, StateTensor, Trainer};
use mnist_fast_kernels::{Adam, Epsilon, Isa, Kernels, Momentum, RmsProp, RmsPropMomentum, Sgd};
use serde_json::{Value, json};

const PLAIN: Regularization = Regularization { l2: 0.0, weight_decay: 0.0, clip: Clip::None };

fn sgd(learning_rate: f64) -> Optimizer {
    Optimizer::Sgd(Sgd { learning_rate })
}

fn momentum(nesterov: bool) -> Optimizer {
    Optimizer::Momentum(Momentum { learning_rate: 0.05, momentum: 0.9, nesterov })
}

fn rmsprop(momentum: f64, centered: bool, epsilon_at: Epsilon) -> Optimizer {
    let rmsprop = RmsProp { epsilon_at, epsilon: 1e-5, ..RmsProp::default() };
    Optimizer::RmsPropMomentum(RmsPropMomentum { rmsprop, momentum, centered })
}

/// Every optimizer, and everything that comes before one.
fn ways() -> Vec<(Optimizer, Regularization)> {
    use Epsilon::{InsideRoot, OutsideRoot};
    let keras = Optimizer::RmsProp(RmsProp::default());
    let adam = Optimizer::Adam(Adam::default());
    let l2 = Regularization { l2: 1e-3, ..PLAIN };
    let decay = Regularization { weight_decay: 0.1, ..PLAIN };
    let clip = |clip| Regularization { clip, ..PLAIN };
    let all = Regularization { l2: 1e-3, weight_decay: 0.1, clip: Clip::Norm(0.3) };
    vec![
        (momentum(false), PLAIN),
        (momentum(true), PLAIN),
        (rmsprop(0.0, false, OutsideRoot), PLAIN),
        (rmsprop(0.6, false, InsideRoot), PLAIN),
        (rmsprop(0.0, true, OutsideRoot), PLAIN),
        (rmsprop(0.6, true, InsideRoot), PLAIN),
        (adam, PLAIN),
        (adam, decay),
        (keras, l2),
        (keras, decay),
        (keras, clip(Clip::Value(0.003))),
        (keras, clip(Clip::Norm(0.3))),
        (sgd(0.1), clip(Clip::Value(0.003))),
        (sgd(0.1), clip(Clip::Norm(0.3))),
        (momentum(true), all),
        (rmsprop(0.6, true, InsideRoot), all),
        (adam, all),
        (adam, Regularization { clip: Clip::Value(0.003), ..all }),
    ]
}

fn settings(optimizer: Optimizer) -> Settings {
    Settings { batch_size: 64, optimizer, seed: 42, shuffle: true, sparse: false }
}

fn trainer(
    isa: Isa,
    threads: usize,
    network: Network,
    settings: Settings,
    regularization: Regularization,
) -> Option<Trainer> {
    let kernels = match Kernels::new(isa) {
        Ok(kernels) => kernels,
        Err(error) => {
            println!("skipped: {error}");
            return None;
        }
    };
    let trainer = Trainer::new(kernels, Team::new(threads).unwrap(), network, settings).unwrap();
    Some(trainer.with_regularization(regularization).unwrap())
}

/// The hash of the weights, the last epoch's sums, and those of an evaluation after two epochs.
fn run(
    (isa, threads): (Isa, usize),
    sizes: &[usize],
    settings: Settings,
    regularization: Regularization,
    examples: Examples<'_>,
) -> Option<(String, Metrics, Metrics)> {
    let network = Network::glorot_uniform(sizes, settings.seed).unwrap();
    let mut trainer = trainer(isa, threads, network, settings, regularization)?;
    trainer.train_epoch(examples, 1).unwrap();
    let metrics = trainer.train_epoch(examples, 2).unwrap();
    Some((trainer.network().sha256(), metrics, trainer.evaluate(examples)))
}

/// Two shuffled epochs, the last batch a short one; a layer of 70 columns in panels, one of 64 that leaves out zeros.
#[test]
fn all_ways_are_equal_over_isa_threads_and_sparsity() {
    let data = mnist::mnist();
    let examples = mnist::train(&data).range(10_000..10_210);
    let sizes = [784, 70, 64, 10];
    for (optimizer, regularization) in ways() {
        let plain = settings(optimizer);
        let expected = run((Isa::Scalar, 2), &sizes, plain, regularization, examples).unwrap();
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_exact() && *isa != Isa::Scalar) {
            for (threads, sparse) in [(1, false), (1, true), (2, true), (3, false), (4, true)] {
                let settings = Settings { sparse, ..plain };
                if let Some(found) = run((isa, threads), &sizes, settings, regularization, examples) {
                    let what = format!("{optimizer:?}, {regularization:?}");
                    assert_eq!(expected, found, "{isa}, {threads} threads, sparse {sparse}, {what}");
                }
            }
        }
    }
}

/// Each piece by another trainer, with other threads and kernels, that knows nothing but weights, states and where the run is.
#[test]
fn training_in_pieces_has_the_bits_of_training_at_once() {
    let data = mnist::mnist();
    let examples = mnist::train(&data).range(0..330);
    for (optimizer, regularization) in ways() {
        let sizes = [784, 70, 24, 10];
        let settings = Settings { batch_size: 50, ..settings(optimizer) };
        let whole = run((Isa::best(), 1), &sizes, settings, regularization, examples).unwrap();
        let mut network = Network::glorot_uniform(&sizes, settings.seed).unwrap();
        let mut state: Option<Vec<StateTensor>> = None;
        let (mut done, mut epoch) = (Partial::default(), 1);
        for piece in 1usize.. {
            let settings = Settings { sparse: piece.is_multiple_of(2), ..settings };
            let isa = if piece.is_multiple_of(3) { Isa::Scalar } else { Isa::best() };
            let mut trainer = trainer(isa, 1 + piece % 3, network, settings, regularization).unwrap();
            if let Some(state) = &state {
                trainer.set_state(state, (epoch as u64 - 1) * 7 + done.steps as u64).unwrap();
                assert_eq!(&trainer.state(), state);
            }
            // The last of the epoch's 7 steps is a short one.
            let until = done.steps + piece % 4;
            done = trainer.train_steps(examples, epoch, done, |steps| steps >= until).unwrap();
            (network, state) = (trainer.network().clone(), Some(trainer.state()));
            match (done.steps, epoch) {
                (7, 2) => break,
                (7, _) => (epoch, done) = (2, Partial::default()),
                _ => {}
            }
        }
        assert_eq!((whole.0, whole.1), (network.sha256(), done.sums), "{optimizer:?}, {regularization:?}");
    }
}

/// The largest differences allowed between weights after 20 steps, and between losses.
const CLOSE: [f64; 2] = [5e-7, 1e-6];

/// The same for Adam: Keras takes 1 - beta^t in single precision, where 1 - 0.999 is left with four digits.
const ADAM: [f64; 2] = [5e-6, 4e-6];

struct Keras(Reader);

impl Keras {
    fn f32s(&self, name: &str) -> Vec<f32> {
        let tensor = &self.0.tensors()[name];
        assert_eq!(tensor.dtype, "F32", "{name}");
        self.0.read(tensor).unwrap().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
    }

    fn f64s(&self, name: &str) -> Vec<f64> {
        let tensor = &self.0.tensors()[name];
        assert_eq!(tensor.dtype, "F64", "{name}");
        self.0.read(tensor).unwrap().as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect()
    }
}

fn open(name: &str) -> Keras {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    Keras(Reader::open(&folder.join(name)).unwrap())
}

/// What Keras was told, in our terms.
fn of_keras(case: &Value) -> (Optimizer, Regularization) {
    let number = |name: &str| case[name].as_f64().unwrap_or(0.0);
    let learning_rate = number("learning_rate");
    let optimizer = match case["optimizer"].as_str().unwrap() {
        "SGD" if number("momentum") > 0.0 => Optimizer::Momentum(Momentum {
            learning_rate,
            momentum: number("momentum"),
            nesterov: case["nesterov"].as_bool().unwrap(),
        }),
        "SGD" => sgd(learning_rate),
        "RMSprop" => {
            let (rho, epsilon) = (number("rho"), number("epsilon"));
            Optimizer::RmsPropMomentum(RmsPropMomentum {
                rmsprop: RmsProp { learning_rate, rho, epsilon, epsilon_at: Epsilon::InsideRoot },
                momentum: number("momentum"),
                centered: case["centered"].as_bool().unwrap(),
            })
        }
        "Adam" | "AdamW" => Optimizer::Adam(Adam {
            learning_rate,
            beta_1: number("beta_1"),
            beta_2: number("beta_2"),
            epsilon: number("epsilon"),
        }),
        other => panic!("optimizer {other}"),
    };
    let clip = match (number("clipvalue"), number("global_clipnorm")) {
        (0.0, 0.0) => Clip::None,
        (most, 0.0) => Clip::Value(most),
        (_, most) => Clip::Norm(most),
    };
    (optimizer, Regularization { l2: number("l2"), weight_decay: number("weight_decay"), clip })
}

/// `fixtures/README.md` says what was recorded: losses with their penalties, and weights after 20 steps.
#[test]
fn steps_are_those_of_keras() {
    let keras = open("keras_optimizers.safetensors");
    let cases: serde_json::Map<String, Value> = serde_json::from_str(&keras.0.metadata()["cases"]).unwrap();
    let rows: [usize; 2] = serde_json::from_str(&keras.0.metadata()["rows"]).unwrap();
    assert!(cases.len() >= 14);
    let start = open("keras_784-24-16-12-10_rmsprop.safetensors");
    let data = mnist::mnist();
    let (train, test) = (mnist::train(&data).range(0..1250), mnist::test(&data).range(0..1000));
    for (name, case) in &cases {
        let (optimizer, regularization) = of_keras(case);
        let [weights, losses] = if matches!(optimizer, Optimizer::Adam(_)) { ADAM } else { CLOSE };
        let mut largest = [0f64; 2];
        let settings = Settings { shuffle: false, ..settings(optimizer) };
        let mut network = Network::zeros(&[784, 24, 16, 12, 10]).unwrap();
        for (l, layer) in network.layers_mut().iter_mut().enumerate() {
            let part = |part: &str| start.f32s(&format!("init.{l}.{part}"));
            layer.set(&part("kernel"), &part("bias")).unwrap();
        }
        let mut trainer = trainer(Isa::best_exact(), 2, network, settings, regularization).unwrap();
        for (step, expected) in keras.f64s(&format!("{name}.losses")).into_iter().enumerate() {
            let batch = train.range(step * 64..train.len().min(step * 64 + 64));
            let before = trainer.evaluate(batch).loss();
            let during = trainer.train_epoch(batch, 1).unwrap().loss();
            for found in [before, during] {
                let error = (found - expected).abs();
                assert!(error <= losses, "{name}, step {step}: loss {found}, {expected} expected");
                largest[1] = largest[1].max(error);
            }
        }
        for (l, layer) in trainer.network().layers().iter().enumerate() {
            let inputs = if l == 0 { rows[0]..rows[1] } else { 0..layer.inputs() };
            let kernel: Vec<f32> = inputs.flat_map(|input| layer.weight_row(input)).copied().collect();
            for (part, found) in [("kernel", &kernel[..]), ("bias", layer.biases())] {
                let expected = keras.f32s(&format!("{name}.{l}.{part}"));
                assert_eq!(found.len(), expected.len());
                for (found, expected) in found.iter().zip(expected) {
                    let error = (f64::from(*found) - f64::from(expected)).abs();
                    assert!(error <= weights, "{name}, {part} of layer {l}: {found}, {expected} expected");
                    largest[0] = largest[0].max(error);
                }
            }
        }
        let [loss, accuracy] = keras.f64s(&format!("{name}.evaluate"))[..] else { panic!("two numbers") };
        let found = trainer.evaluate(test);
        assert!((found.loss() - loss).abs() <= losses, "{name}: {} for {loss}", found.loss());
        assert_eq!(found.accuracy() as f32, accuracy as f32, "{name}");
        println!("{name}: weights within {:.1e}, losses {:.1e}", largest[0], largest[1]);
    }
}

/// All parameters in f64, layer by layer: weights and whether they are any, and not biases.
fn parameters(network: &Network) -> Vec<(f64, bool)> {
    let layers = network.layers().iter().flat_map(|layer| {
        let weights = (0..layer.inputs()).flat_map(|input| layer.weight_row(input));
        weights.map(|w| (*w, true)).chain(layer.biases().iter().map(|b| (*b, false)))
    });
    layers.map(|(x, is_weight)| (f64::from(x), is_weight)).collect()
}

/// How the parameters move in one step of gradient descent at a rate of 1 or of `lr`, and the loss before it.
fn movement(lr: f64, regularization: Regularization) -> (Vec<(f64, bool)>, Vec<f64>, f64) {
    let data = mnist::mnist();
    let examples = mnist::train(&data).range(0..64);
    let network = Network::glorot_uniform(&[784, 20, 10], 7).unwrap();
    let before = parameters(&network);
    let mut trainer = trainer(Isa::best_exact(), 2, network, settings(sgd(lr)), regularization).unwrap();
    let loss = trainer.train_epoch(examples, 1).unwrap().loss();
    let moved =
        parameters(trainer.network()).into_iter().zip(&before).map(|(after, before)| after.0 - before.0);
    (before.clone(), moved.collect(), loss)
}

#[test]
fn what_comes_before_the_optimizer_is_as_its_formula_says() {
    let (before, plain, loss) = movement(1.0, PLAIN);
    let near = |found: f64, expected: f64, what: &str| {
        assert!((found - expected).abs() <= 2e-7, "{what}: {found}, {expected} expected");
    };

    // The penalty: -lr 2 l2 w on weights, nothing on biases, l2 times the sum of squares in the loss.
    let (_, moved, with_penalty) = movement(1.0, Regularization { l2: 0.01, ..PLAIN });
    for ((w, is_weight), (plain, moved)) in before.iter().zip(plain.iter().zip(&moved)) {
        near(*moved, plain - if *is_weight { 0.02 * w } else { 0.0 }, "penalty");
    }
    let squares: f64 = before.iter().filter(|(_, is_weight)| *is_weight).map(|(w, _)| w * w).sum();
    assert!((with_penalty - loss - 0.01 * squares).abs() < 1e-6, "{with_penalty} for {loss}");

    // Decoupled decay: -lr decay w.
    let (_, moved, same) = movement(0.5, Regularization { weight_decay: 0.2, ..PLAIN });
    assert_eq!(same, loss);
    for ((w, _), (plain, moved)) in before.iter().zip(plain.iter().zip(&moved)) {
        near(*moved, 0.5 * plain - 0.1 * w, "decay");
    }

    // By value.
    let (_, moved, _) = movement(1.0, Regularization { clip: Clip::Value(0.005), ..PLAIN });
    for (plain, moved) in plain.iter().zip(&moved) {
        near(*moved, plain.clamp(-0.005, 0.005), "clipped by value");
    }
    assert!(moved.iter().any(|moved| moved.abs() > 0.0049) && plain.iter().any(|plain| plain.abs() > 0.006));

    // By the norm: all by one factor, if it is too large.
    let norm = plain.iter().map(|plain| plain * plain).sum::<f64>().sqrt();
    for (most, factor) in [(norm / 3.0, 1.0 / 3.0), (norm * 1.01, 1.0)] {
        let (_, moved, _) = movement(1.0, Regularization { clip: Clip::Norm(most), ..PLAIN });
        for (plain, moved) in plain.iter().zip(&moved) {
            near(*moved, plain * factor, "clipped by the norm");
        }
    }

    // The penalty's gradient counts in the norm.
    let both = Regularization { l2: 0.01, clip: Clip::Norm(0.5), ..PLAIN };
    let (_, moved, _) = movement(1.0, both);
    let norm = moved.iter().map(|moved| moved * moved).sum::<f64>().sqrt();
    assert!((norm - 0.5).abs() < 1e-6, "{norm}");
}

/// A gradient that is no number is told as a loss that is none, and not clipped away.
#[test]
fn clipping_does_not_hide_a_divergence() {
    let data = mnist::mnist();
    let examples = mnist::train(&data).range(0..640);
    let network = Network::glorot_uniform(&[784, 16, 10], 1).unwrap();
    for l2 in [0.0, 1e30] {
        let regularization = Regularization { l2, clip: Clip::Norm(1.0), ..PLAIN };
        let optimizer = if l2 > 0.0 { sgd(0.1) } else { sgd(1e30) };
        let mut trainer =
            trainer(Isa::best(), 2, network.clone(), settings(optimizer), regularization).unwrap();
        let error = (1..=9).find_map(|epoch| trainer.train_epoch(examples, epoch).err()).unwrap().to_string();
        assert!(error.contains("epoch 1") && error.contains("--lr"), "{error}");
    }
}

#[test]
fn states_of_others_and_impossible_ones_are_refused() {
    let of = |optimizer| {
        let network = Network::glorot_uniform(&[9, 5, 3], 1).unwrap();
        trainer(Isa::best(), 2, network, settings(optimizer), PLAIN).unwrap()
    };
    let adam = Optimizer::Adam(Adam::default());
    let both = rmsprop(0.5, true, Epsilon::InsideRoot);
    let names = |optimizer| of(optimizer).state().into_iter().map(|tensor| tensor.name).collect::<Vec<_>>();
    let expected = ["adam_mean.0.weight", "adam_mean.0.bias", "adam_square.0.weight", "adam_square.0.bias"];
    assert_eq!((&names(adam)[..4], names(adam).len()), (&expected.map(String::from)[..], 8));
    assert_eq!(names(both)[4..6], ["rmsprop_mean.0.weight", "rmsprop_mean.0.bias"]);
    for (own, other) in
        [(adam, both), (both, rmsprop(0.5, false, Epsilon::InsideRoot)), (momentum(true), adam)]
    {
        of(own).set_state(&of(other).state(), 0).unwrap_err();
    }
    let mut trainer = of(adam);
    let state = trainer.state();
    for (at, x, fine) in [(0, -1.0, true), (2, -1.0, false), (0, f32::NAN, false), (2, f32::INFINITY, false)]
    {
        let mut state = state.clone();
        state[at].values[3] = x;
        assert_eq!(trainer.set_state(&state, 0).is_ok(), fine, "{} of {x}", state[at].name);
    }
}

/// The settings of a run, as its first line has them.
fn config(data: &str, options: &[&str]) -> Value {
    let own = ["train", "--data", data, "--validation", "0", "--hidden", "8", "--epochs", "1", "--json"];
    json(&succeeds(&[&own[..], options].concat()))[0]["config"].clone()
}

#[test]
fn options_come_to_settings() {
    let scratch = small_mnist(70, 0);
    let data = folder(&scratch);
    let cases: [(&[&str], Value); 7] = [
        (
            &[],
            json!({ "optimizer": "rmsprop", "lr": 0.001, "rho": 0.9, "epsilon": 1e-7, "epsilon_at": "inside", "momentum": 0.0,
                "centered": false, "l2": 0.0, "weight_decay": 0.0, "clip_value": null, "clip_norm": null }),
        ),
        (
            &[
                "--rho",
                "0.99",
                "--epsilon",
                "1e-8",
                "--epsilon-at",
                "outside",
                "--momentum",
                "0.5",
                "--centered",
            ],
            json!({ "rho": 0.99, "epsilon": 1e-8, "epsilon_at": "outside", "momentum": 0.5, "centered": true }),
        ),
        (&["--optimizer", "sgd"], json!({ "optimizer": "sgd", "lr": 0.01, "momentum": 0.0, "rho": null })),
        (
            &["--optimizer", "sgd", "--momentum", "0.9", "--nesterov", "--lr", "0.2", "--clip-value", "0.5"],
            json!({ "optimizer": "sgd", "lr": 0.2, "momentum": 0.9, "nesterov": true, "clip_value": 0.5 }),
        ),
        (
            &[
                "--optimizer",
                "adam",
                "--beta-1",
                "0.8",
                "--beta-2",
                "0.99",
                "--epsilon",
                "1e-6",
                "--l2",
                "0.01",
            ],
            json!({ "optimizer": "adam", "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-6, "l2": 0.01, "weight_decay": 0.0 }),
        ),
        (&["--optimizer", "adamw"], json!({ "optimizer": "adamw", "lr": 0.001, "weight_decay": 0.004 })),
        (
            &["--optimizer", "adamw", "--weight-decay", "0.1", "--clip-norm", "1"],
            json!({ "optimizer": "adamw", "weight_decay": 0.1, "clip_value": null, "clip_norm": 1.0 }),
        ),
    ];
    for (options, expected) in cases {
        let found = config(&data, options);
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(found[name], *value, "{options:?}: {name} in {found}");
        }
    }
}

#[test]
fn options_that_do_not_fit_are_refused() {
    for (options, part) in [
        (&["--optimizer", "adagrad"][..], "rmsprop, sgd, adam or adamw"),
        (&["--optimizer", "adam", "--momentum", "0.9"], "--momentum is for sgd and rmsprop"),
        (&["--nesterov"], "--nesterov is for sgd"),
        (&["--optimizer", "sgd", "--nesterov"], "add --momentum 0.9"),
        (&["--optimizer", "sgd", "--rho", "0.9"], "--rho is for rmsprop"),
        (&["--optimizer", "adamw", "--centered"], "--centered is for rmsprop"),
        (&["--optimizer", "adam", "--epsilon-at", "inside"], "--epsilon-at is for rmsprop"),
        (&["--epsilon-at", "beside"], "inside or outside"),
        (&["--beta-1", "0.9"], "--beta-1 is for adam and adamw"),
        (&["--optimizer", "sgd", "--beta-2", "0.9"], "--beta-2 is for adam and adamw"),
        (&["--optimizer", "sgd", "--epsilon", "1e-7"], "--epsilon is for rmsprop, adam and adamw"),
        (&["--optimizer", "adam", "--epsilon", "0"], "a number above 0"),
        (&["--epsilon", "1e-320"], "not so small that f32 makes it 0"),
        (&["--optimizer", "sgd", "--momentum", "1"], "below 1"),
        (
            &["--optimizer", "sgd", "--momentum", "0.99999999999"],
            "not so near to either that f32 makes it that",
        ),
        (&["--rho", "-0.1"], "below 1"),
        (&["--l2", "-1"], "0 or more"),
        (&["--l2", "1e19"], "at most 1e18"),
        (&["--l2", "1e-50"], "not so small that f32 makes it 0"),
        (&["--weight-decay", "nan"], "0 or more"),
        (&["--weight-decay", "1e-50"], "not so small that f32 makes it 0"),
        (&["--lr", "1e-300"], "not so small that f32 makes it 0"),
        (&["--clip-value", "0"], "a number above 0"),
        (&["--clip-norm", "inf"], "a number above 0"),
        (&["--clip-value", "1", "--clip-norm", "1"], "exclude each other"),
    ] {
        let error = fails(2, &[&["train"], options].concat());
        assert!(error.contains(part), "{options:?}: {error}");
    }
}

/// A run goes on from a checkpoint in the middle of an epoch to the same end, with other kernels and threads.
#[test]
fn runs_are_resumed_to_the_same_bits() {
    let scratch = small_mnist(290, 60);
    let data = folder(&scratch);
    let other = if Isa::Avx2.is_available() { "avx2" } else { "scalar" };
    let end = |out: &str| {
        let mut end = json(out).pop().unwrap();
        assert_eq!(end["event"], "end");
        end.as_object_mut().unwrap().remove("seconds");
        end
    };
    let own = ["train", "--data", &data, "--validation", "30", "--batch-size", "50", "--hidden", "70"];
    for (at, options) in [
        &["--optimizer", "adamw", "--l2", "0.001", "--clip-norm", "0.5"][..],
        &["--momentum", "0.5", "--centered", "--weight-decay", "0.1"],
        &["--optimizer", "sgd", "--momentum", "0.9", "--nesterov", "--clip-value", "0.01"],
    ]
    .into_iter()
    .enumerate()
    {
        let run = scratch.path(&format!("run{at}")).display().to_string();
        let kept = ["--epochs", "3", "--checkpoint", &run, "--checkpoint-every", "4steps", "--json"];
        let whole = end(&succeeds(&[&own[..], &kept, options].concat()));
        let mut checkpoints: Vec<_> =
            std::fs::read_dir(&run).unwrap().map(|file| file.unwrap().path()).collect();
        checkpoints.retain(|path| path.file_name().unwrap().to_string_lossy().starts_with("checkpoint-"));
        checkpoints.sort();
        std::fs::remove_file(checkpoints.last().unwrap()).unwrap();
        let resume = ["train", "--resume", &run, "--json", "--isa", other, "--threads", "1"];
        assert_eq!(end(&succeeds(&resume)), whole, "{options:?}");
        let error = fails(1, &["train", "--resume", &run, "--l2", "0.5"]);
        assert!(error.contains("--l2 differs"), "{error}");
    }
    let run = scratch.path("run2").display().to_string();
    let error = fails(1, &["train", "--resume", &run, "--clip-norm", "1"]);
    assert!(error.contains("--clip-norm differs") && error.contains("clip value 0.01"), "{error}");
}
