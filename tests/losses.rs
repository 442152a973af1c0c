//! Every activation, loss and dropout gives the same bits on every exact ISA and number of threads, with zeros left out or
//! not, and moves the weights as calculus says.

mod mnist;

use mnist_fast::activation::Activation;
use mnist_fast::metrics::Metrics;
use mnist_fast::network::Network;
use mnist_fast::team::Team;
use mnist_fast::train::{Examples, Optimizer, Settings, Trainer};
use mnist_fast_kernels::{Isa, Kernels, RmsProp, Sgd};

fn settings(optimizer: Optimizer) -> Settings {
    Settings { batch_size: 64, optimizer, seed: 42, shuffle: true, sparse: false }
}

fn rmsprop() -> Optimizer {
    Optimizer::RmsProp(RmsProp::default())
}

/// What is trained beside the settings.
#[derive(Clone)]
struct Case {
    sizes: Vec<usize>,
    activations: Vec<Activation>,
}

impl Case {
    fn new(sizes: &[usize], activations: &str) -> Self {
        Case { sizes: sizes.to_vec(), activations: Activation::parse_list(activations).unwrap() }
    }

    fn network(&self, seed: u64) -> Network {
        let network = Network::glorot_uniform(&self.sizes, seed).unwrap();
        network.with_activations(&self.activations).unwrap()
    }

    fn trainer(&self, isa: Isa, threads: usize, network: Network, settings: Settings) -> Option<Trainer> {
        match Kernels::new(isa) {
            Ok(kernels) => {
                Some(Trainer::new(kernels, Team::new(threads).unwrap(), network, settings).unwrap())
            }
            Err(error) => {
                println!("skipped: {error}");
                None
            }
        }
    }

    /// The hash of the weights after training, the last epoch's sums and those of an evaluation.
    fn run(
        &self,
        isa: Isa,
        threads: usize,
        settings: Settings,
        examples: Examples<'_>,
    ) -> Option<(String, Metrics, Metrics)> {
        let mut trainer = self.trainer(isa, threads, self.network(settings.seed), settings)?;
        trainer.train_epoch(examples, 1).unwrap();
        let trained = trainer.train_epoch(examples, 2).unwrap();
        let evaluated = trainer.evaluate(examples);
        Some((trainer.network().sha256(), trained, evaluated))
    }

    /// Two epochs of five batches, the last one short, must give the same everywhere.
    fn same_everywhere(&self, optimizer: Optimizer, examples: Examples<'_>) -> String {
        let expected = self.run(Isa::Scalar, 1, settings(optimizer), examples).unwrap();
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_exact() && *isa != Isa::Scalar) {
            for (threads, sparse) in [(1, true), (2, false), (3, true), (5, false)] {
                let settings = Settings { sparse, ..settings(optimizer) };
                if let Some(found) = self.run(isa, threads, settings, examples) {
                    let what = format!("{:?} {:?}", self.sizes, self.activations);
                    assert_eq!(expected, found, "{what} on {isa}, {threads} threads, sparse {sparse}");
                }
            }
        }
        expected.0
    }

    /// One step of gradient descent against central differences of the loss, which `trainer` evaluates.
    fn follows_differences(&self, examples: Examples<'_>, loss: impl Fn(Network) -> f64) {
        let rule = Optimizer::Sgd(Sgd { learning_rate: 1.0 });
        let settings = Settings { batch_size: examples.len(), shuffle: false, ..settings(rule) };
        let before = self.network(3);
        let mut trainer = self.trainer(Isa::best(), 2, before.clone(), settings).unwrap();
        trainer.train_epoch(examples, 1).unwrap();
        let after = trainer.network();
        let (mut checked, mut kinks) = (0, 0);
        for (l, layer) in before.layers().iter().enumerate() {
            let inputs = if l == 0 { vec![378, 406] } else { (0..layer.inputs()).collect() };
            for (input, output) in inputs.into_iter().flat_map(|i| (0..layer.outputs()).map(move |o| (i, o)))
            {
                let moved = |network: &Network| f64::from(network.layers()[l].weight_row(input)[output]);
                let found = moved(&before) - moved(after);
                let h = 2e-3f32;
                let nudged = |by: f32| {
                    let mut network = before.clone();
                    let layer = &mut network.layers_mut()[l];
                    let mut weights: Vec<f32> =
                        (0..layer.inputs()).flat_map(|i| layer.weight_row(i).to_vec()).collect();
                    weights[input * layer.outputs() + output] += by;
                    let biases = layer.biases().to_vec();
                    layer.set(&weights, &biases).unwrap();
                    loss(network)
                };
                let (up, here, down) = (nudged(h), nudged(0.0), nudged(-h));
                let (right, left) = ((up - here) / f64::from(h), (here - down) / f64::from(h));
                if (right - left).abs() > 2e-3 {
                    kinks += 1; // an activation's kink lies within h: no derivative to compare with
                    continue;
                }
                let error = (found - (right + left) / 2.0).abs();
                assert!(error < 5e-4, "layer {l}, weight {input},{output}: {found} against {left}, {right}");
                checked += usize::from(found.abs() > 1e-3);
            }
        }
        assert!(checked > 20 && kinks < 10, "{checked} gradients that are not zero, {kinks} kinks");
    }
}

#[test]
fn activations_have_the_same_bits_everywhere() {
    let data = mnist::mnist();
    let examples = mnist::train(&data).range(0..272);
    let mut hashes = vec![];
    for activations in ["relu,relu", "leaky-relu,tanh", "sigmoid,leaky-relu", "tanh,relu", "relu,sigmoid"] {
        // A layer of 64 outputs leaves out the zeros of the ReLU before it.
        hashes.push(Case::new(&[784, 17, 64, 10], activations).same_everywhere(rmsprop(), examples));
    }
    let sgd = Optimizer::Sgd(Sgd { learning_rate: 0.1 });
    hashes.push(Case::new(&[784, 33, 10], "tanh").same_everywhere(sgd, examples));
    hashes.push(Case::new(&[784, 33, 10], "leaky-relu:0.3").same_everywhere(sgd, examples));
    hashes.push(Case::new(&[784, 33, 10], "leaky-relu:0.2").same_everywhere(sgd, examples));
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), 8, "every activation trains another network");
}

#[test]
fn steps_through_activations_follow_finite_differences() {
    let data = mnist::mnist();
    let examples = mnist::train(&data).range(500..510);
    for activations in ["leaky-relu,tanh", "tanh,sigmoid", "sigmoid,leaky-relu:0.5"] {
        let case = Case::new(&[784, 6, 5, 10], activations);
        let rule = settings(rmsprop());
        let loss =
            |network: Network| case.trainer(Isa::best(), 1, network, rule).unwrap().evaluate(examples).loss();
        case.follows_differences(examples, loss);
    }
}
