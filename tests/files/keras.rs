//! Training arrives where Keras arrives: from the same weights over the same batches, after 1, 5 and 20 steps.
//!
//! `fixtures/README.md` says what the files hold and how the bounds were found.

use std::path::Path;

use crate::mnist;
use mnist_fast::activation::Activation;
use mnist_fast::dataset::{Chosen, Selection};
use mnist_fast::model_file::safetensors::Reader;
use mnist_fast::network::Network;
use mnist_fast::team::Team;
use mnist_fast::train::{Examples, Optimizer, Settings, Trainer};
use mnist_fast_kernels::{Isa, Kernels, MatMut, MatRef, RmsProp, Sgd, Workspace};

const STEPS: usize = 20;

/// The largest differences allowed between weights after 1, 5 and 20 steps.
const EXACT: [f64; 3] = [1e-7, 2.5e-7, 5e-7];

/// The same for `portable`, which sums in orders that nothing fixes.
const PORTABLE: [f64; 3] = [2e-6, 1e-5, 2e-5];

/// The largest difference allowed between losses and between probabilities, on any ISA.
const OUTPUTS: f64 = 1e-6;

/// What one file recorded.
struct Fixture(Reader);

impl Fixture {
    fn open(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        Fixture(Reader::open(&folder.join(name)).unwrap())
    }

    fn metadata(&self, key: &str) -> &str {
        &self.0.metadata()[key]
    }

    fn number(&self, key: &str) -> f64 {
        self.metadata(key).parse().unwrap()
    }

    fn sizes(&self) -> Vec<usize> {
        let hidden: Vec<usize> = serde_json::from_str(self.metadata("hidden")).unwrap();
        let outputs = self.0.metadata().get("outputs").map_or(10, |outputs| outputs.parse().unwrap());
        [&[784], &hidden[..], &[outputs]].concat()
    }

    fn settings(&self) -> Settings {
        let learning_rate = self.number("lr");
        let optimizer = match self.metadata("optimizer") {
            "rmsprop" => {
                let (rho, epsilon) = (self.number("rho"), self.number("epsilon"));
                Optimizer::RmsProp(RmsProp { learning_rate, rho, epsilon, ..RmsProp::default() })
            }
            "sgd" => Optimizer::Sgd(Sgd { learning_rate }),
            other => panic!("optimizer {other}"),
        };
        Settings {
            batch_size: self.number("batch") as usize,
            optimizer,
            seed: 0,
            shuffle: false,
            sparse: false,
        }
    }

    /// The weights and biases of every layer at `moment`.
    fn network(&self, moment: &str) -> Network {
        let activations = self.0.metadata().get("activation").map_or("relu", String::as_str);
        let activations = Activation::parse_list(activations).unwrap();
        let mut network = Network::zeros(&self.sizes()).unwrap().with_activations(&activations).unwrap();
        for (l, layer) in network.layers_mut().iter_mut().enumerate() {
            let kernel = self.f32s(&format!("{moment}.{l}.kernel"), &[layer.inputs(), layer.outputs()]);
            let bias = self.f32s(&format!("{moment}.{l}.bias"), &[layer.outputs()]);
            layer.set(&kernel, &bias).unwrap();
        }
        network
    }

    fn f32s(&self, name: &str, shape: &[usize]) -> Vec<f32> {
        let tensor = &self.0.tensors()[name];
        assert_eq!((tensor.dtype.as_str(), tensor.shape.as_slice()), ("F32", shape), "{name}");
        self.0.read(tensor).unwrap().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
    }

    fn f64s(&self, name: &str, len: usize) -> Vec<f64> {
        let tensor = &self.0.tensors()[name];
        assert_eq!((tensor.dtype.as_str(), tensor.shape.as_slice()), ("F64", &[len][..]), "{name}");
        self.0.read(tensor).unwrap().as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect()
    }
}

fn largest(differences: impl Iterator<Item = f64>) -> f64 {
    differences.fold(0.0, |largest, x| if x > largest || x.is_nan() { x } else { largest })
}

/// The largest difference between two networks' parameters.
fn difference(a: &Network, b: &Network) -> f64 {
    largest(a.layers().iter().zip(b.layers()).flat_map(|(a, b)| {
        let rows = (0..a.inputs()).map(|i| (a.weight_row(i), b.weight_row(i)));
        rows.chain([(a.biases(), b.biases())])
            .flat_map(|(a, b)| a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs()))
    }))
}

/// Softmax of the network's outputs, or the logistic function of its only one, one row per example.
fn probabilities(kernels: Kernels, network: &Network, examples: Examples<'_>) -> Vec<f32> {
    let mut workspace = Workspace::new();
    let rows = examples.len();
    let mut x = vec![0.0; examples.images.len()];
    kernels.unit_from_u8(examples.images, &mut x).unwrap();
    for layer in network.layers() {
        let mut y = vec![0.0; rows * layer.outputs()];
        let input = MatRef::new(&x, rows, layer.inputs()).unwrap();
        let output = MatMut::new(&mut y, rows, layer.outputs()).unwrap();
        layer.forward(kernels, input, output, &mut workspace).unwrap();
        x = y;
    }
    if network.outputs() == 1 {
        kernels.sigmoid(&mut x);
        return x;
    }
    let mut y = vec![0.0; x.len()];
    let shape = (rows, network.outputs());
    let logits = MatRef::new(&x, shape.0, shape.1).unwrap();
    kernels.softmax(logits, MatMut::new(&mut y, shape.0, shape.1).unwrap()).unwrap();
    y
}

/// Replays the fixture on one ISA and compares all that Keras recorded.
fn replay(name: &str, isa: Isa, bounds: [f64; 3]) {
    let kernels = match Kernels::new(isa) {
        Ok(kernels) => kernels,
        Err(error) => return println!("skipped: {error}"),
    };
    let fixture = Fixture::open(name);
    let data = mnist::mnist();
    let (train, test) = (mnist::train(&data), mnist::test(&data));
    let classes = fixture.0.metadata().get("classes").map(|classes| serde_json::from_str(classes).unwrap());
    let chosen = classes.map(|classes| Chosen::new(classes).unwrap());
    let [some_train, some_test] = [train, test].map(|all| chosen.as_ref().map(|c| c.select(all).unwrap()));
    let train = some_train.as_ref().map_or(train, Selection::examples);
    let test = some_test.as_ref().map_or(test, Selection::examples);
    let train = train.range(0..fixture.number("images") as usize);
    let test = test.range(0..fixture.number("evaluate_images") as usize);
    let settings = fixture.settings();
    let trainer = || Trainer::new(kernels, Team::new(2).unwrap(), fixture.network("init"), settings).unwrap();
    let close = |what: &str, found: f64, bound: f64| {
        assert!(found <= bound, "{name}, {isa}: {what} differ by {found:e}, at most {bound:e} expected");
        found
    };

    // One step at a time: the optimizer's state lives on between calls.
    let mut stepped = trainer();
    let losses = fixture.f64s("losses", STEPS);
    let (mut weights, mut loss) = (Vec::new(), 0f64);
    for (step, expected) in (1..).zip(&losses) {
        let start = (step - 1) * settings.batch_size;
        let batch = train.range(start..train.len().min(start + settings.batch_size));
        let before = stepped.evaluate(batch).loss();
        let during = stepped.train_epoch(batch, 1).unwrap().loss();
        for found in [before, during] {
            loss = loss.max(close(&format!("losses of step {step}"), (found - expected).abs(), OUTPUTS));
        }
        if let Some(i) = [1, 5, STEPS].iter().position(|recorded| *recorded == step) {
            let found = difference(stepped.network(), &fixture.network(&format!("step{step}")));
            weights.push(close(&format!("weights after step {step}"), found, bounds[i]));
        }
    }
    assert_eq!(weights.len(), 3);

    // One epoch, whose last batch is short, is the same 20 steps.
    let mut whole = trainer();
    assert_eq!(train.len().div_ceil(settings.batch_size), STEPS);
    whole.train_epoch(train, 1).unwrap();
    let apart = difference(whole.network(), stepped.network());
    assert!(apart == 0.0, "{name}, {isa}: an epoch and its steps differ by {apart:e}");

    let [test_loss, test_accuracy] = fixture.f64s("evaluate", 2)[..] else { panic!("two numbers") };
    let found = stepped.evaluate(test);
    let test_loss = close("test losses", (found.loss() - test_loss).abs(), OUTPUTS);
    assert_eq!(found.accuracy() as f32, test_accuracy as f32, "{name}, {isa}");

    let expected = fixture.f32s("probabilities", &[32, stepped.network().outputs()]);
    let found = probabilities(kernels, stepped.network(), test.range(0..32));
    let differences = found.iter().zip(&expected).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs());
    let probability = close("probabilities", largest(differences), OUTPUTS);
    println!(
        "{name}, {isa}: weights {:.1e} {:.1e} {:.1e}, losses {loss:.1e}, test loss {test_loss:.1e}, \
         probabilities {probability:.1e}",
        weights[0], weights[1], weights[2]
    );
}

fn replay_everywhere(name: &str) {
    for isa in Isa::ALL {
        replay(name, isa, if isa.is_exact() { EXACT } else { PORTABLE });
    }
}

#[test]
fn no_hidden_layer_rmsprop() {
    replay_everywhere("keras_784-10_rmsprop.safetensors");
}

#[test]
fn one_hidden_layer_rmsprop() {
    replay_everywhere("keras_784-32-10_rmsprop.safetensors");
}

#[test]
fn three_hidden_layers_rmsprop() {
    replay_everywhere("keras_784-24-16-12-10_rmsprop.safetensors");
}

#[test]
fn one_hidden_layer_sgd() {
    replay_everywhere("keras_784-32-10_sgd.safetensors");
}

#[test]
fn leaky_relu_tanh_and_sigmoid_rmsprop() {
    replay_everywhere("keras_784-8-8-8-10_rmsprop.safetensors");
}

#[test]
fn one_sigmoid_output_for_two_classes() {
    replay_everywhere("keras_784-8-1_rmsprop.safetensors");
}
