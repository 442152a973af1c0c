//! Every activation, loss and rate of dropout gives the same bits on every exact ISA and number of threads, with zeros left out or
//! not, and moves the weights as calculus says.
#![allow(clippy::disallowed_methods)] // the oracle may use libm

mod mnist;

use mnist_fast::activation::Activation;
use mnist_fast::dataset::{Chosen, Selection};
use mnist_fast::loss::Loss;
use mnist_fast::metrics::Metrics;
use mnist_fast::network::Network;
use mnist_fast::predict::{self, Predictor};
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
    loss: Loss,
    dropout: Vec<f64>,
}

impl Case {
    fn new(sizes: &[usize], activations: &str) -> Self {
        Case {
            sizes: sizes.to_vec(),
            activations: Activation::parse_list(activations).unwrap(),
            loss: Loss::default_for(sizes[sizes.len() - 1]),
            dropout: vec![0.0; sizes.len() - 2],
        }
    }

    fn with_loss(self, loss: Loss) -> Self {
        Case { loss, ..self }
    }

    fn with_dropout(self, rates: &[f64]) -> Self {
        Case { dropout: rates.to_vec(), ..self }
    }

    fn network(&self, seed: u64) -> Network {
        let network = Network::glorot_uniform(&self.sizes, seed).unwrap();
        network.with_activations(&self.activations).unwrap()
    }

    fn trainer(&self, isa: Isa, threads: usize, network: Network, settings: Settings) -> Option<Trainer> {
        match Kernels::new(isa) {
            Ok(kernels) => {
                let trainer = Trainer::new(kernels, Team::new(threads).unwrap(), network, settings).unwrap();
                Some(trainer.with_loss(self.loss).unwrap().with_dropout(&self.dropout).unwrap())
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
        let way =
            predict::Settings { kernels: Kernels::new(isa).ok()?, threads, sparse: Some(settings.sparse) };
        let predicted = Predictor::new(trainer.network(), way).unwrap().evaluate(examples).unwrap();
        assert_eq!(predicted.metrics, evaluated, "{:?} {:?} on {isa}", self.sizes, self.activations);
        Some((trainer.network().sha256(), trained, evaluated))
    }

    /// Two epochs of five batches, the last one short, must give the same everywhere.
    fn same_everywhere(&self, optimizer: Optimizer, examples: Examples<'_>) -> String {
        let expected = self.run(Isa::Scalar, 1, settings(optimizer), examples).unwrap();
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_exact() && *isa != Isa::Scalar) {
            for (threads, sparse) in [(1, true), (2, false), (3, true), (5, false)] {
                let settings = Settings { sparse, ..settings(optimizer) };
                if let Some(found) = self.run(isa, threads, settings, examples) {
                    let what = format!("{:?} {:?} {:?}", self.sizes, self.activations, self.dropout);
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

/// The 3s and 8s among some images, as classes 0 and 1.
fn threes_and_eights(examples: Examples<'_>) -> Selection {
    Chosen::new(vec![3, 8]).unwrap().select(examples).unwrap()
}

#[test]
fn one_hot_labels_train_the_bits_of_integer_labels() {
    let data = mnist::mnist();
    let examples = mnist::train(&data).range(0..272);
    for sizes in [&[784, 10][..], &[784, 20, 10], &[784, 24, 64, 10]] {
        let case = Case::new(sizes, "relu");
        let integers = case.clone().same_everywhere(rmsprop(), examples);
        let one_hot = case.clone().with_loss(Loss::Categorical).same_everywhere(rmsprop(), examples);
        assert_eq!(integers, one_hot, "{sizes:?}");
        let [integers, one_hot] = [Loss::SparseCategorical, Loss::Categorical]
            .map(|loss| case.clone().with_loss(loss).run(Isa::best(), 2, settings(rmsprop()), examples));
        assert_eq!(integers, one_hot, "losses and accuracies of {sizes:?}");
    }
}

#[test]
fn one_output_for_two_classes_has_the_same_bits_everywhere() {
    let data = mnist::mnist();
    let selection = threes_and_eights(mnist::train(&data).range(0..1_500));
    let examples = selection.examples();
    assert!(examples.len() % 64 > 0 && examples.len() > 200, "{}", examples.len());
    for sizes in [&[784, 1][..], &[784, 20, 1], &[784, 24, 64, 1]] {
        Case::new(sizes, "relu").same_everywhere(rmsprop(), examples);
    }
}

/// The loss by training's way and by the predictor's, against its formula in f64; the gradient against differences.
#[test]
fn one_output_is_the_probability_of_the_second_class() {
    let data = mnist::mnist();
    let selection = threes_and_eights(mnist::train(&data).range(0..600));
    let examples = selection.examples();
    let case = Case::new(&[784, 10, 1], "tanh");
    let mut trainer = case.trainer(Isa::best(), 2, case.network(3), settings(rmsprop())).unwrap();
    trainer.train_epoch(examples, 1).unwrap();
    let metrics = trainer.evaluate(examples);
    let network = trainer.network();
    assert_eq!((network.outputs(), network.classes()), (1, 2));
    let mut predictor = Predictor::new(network, predict::Settings::default()).unwrap();
    let found = predictor.evaluate(examples).unwrap();
    assert_eq!(found.metrics, metrics, "the predictor has the bits of training");
    for (i, label) in examples.labels.iter().enumerate() {
        let probabilities = predictor.one(examples.range(i..i + 1).images).unwrap();
        let [p0, p1] = [0, 1].map(|class| f64::from(probabilities[class]));
        assert!((p0 + p1 - 1.0).abs() < 2e-7, "{p0} and {p1}");
        assert_eq!(found.classes[i], u32::from(p1 > 0.5));
        let expected = if *label == 1 { p1 } else { p0 };
        assert!((f64::from(found.losses[i]).abs() - -expected.ln()).abs() < 1e-6, "image {i}");
    }
    assert!(metrics.accuracy() > 0.8, "{}", metrics.accuracy());

    let few = examples.range(0..10);
    let loss = |network: Network| {
        case.trainer(Isa::best(), 1, network, settings(rmsprop())).unwrap().evaluate(few).loss()
    };
    case.follows_differences(few, loss);
}

#[test]
fn losses_that_do_not_fit_the_outputs_are_refused() {
    for (sizes, loss) in
        [(&[4, 2][..], Loss::Binary), (&[4, 1], Loss::Categorical), (&[4, 1], Loss::SparseCategorical)]
    {
        let network = Network::zeros(sizes).unwrap();
        let trainer =
            Trainer::new(Kernels::best(), Team::new(1).unwrap(), network, settings(rmsprop())).unwrap();
        let error = trainer.with_loss(loss).err().expect("refused").to_string();
        assert!(error.contains(&loss.to_string()), "{error}");
    }
}

#[test]
fn dropout_has_the_same_bits_everywhere() {
    let data = mnist::mnist();
    let examples = mnist::train(&data).range(0..272);
    let mut hashes = vec![];
    for (sizes, activations, rates) in [
        (&[784, 70, 64, 10][..], "relu", &[0.0, 0.0][..]),
        (&[784, 70, 64, 10], "relu", &[0.2, 0.5]),
        (&[784, 70, 64, 10], "relu", &[0.0, 0.5]),
        (&[784, 70, 64, 10], "relu", &[0.2, 0.0]),
        (&[784, 20, 64, 10], "sigmoid,leaky-relu", &[0.3, 0.3]),
        (&[784, 20, 64, 10], "tanh,relu", &[0.9, 0.1]),
    ] {
        let case = Case::new(sizes, activations).with_dropout(rates);
        hashes.push(case.same_everywhere(rmsprop(), examples));
    }
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), 6, "every rate trains another network");
}

#[test]
fn steps_through_dropout_follow_finite_differences() {
    let data = mnist::mnist();
    let examples = mnist::train(&data).range(500..510);
    for activations in ["relu,relu", "tanh,sigmoid", "leaky-relu,tanh"] {
        let case = Case::new(&[784, 8, 7, 10], activations).with_dropout(&[0.25, 0.5]);
        // A step at rate 0: its loss is that of the network with the masks of the first step.
        let still = Optimizer::Sgd(Sgd { learning_rate: 0.0 });
        let settings = Settings { batch_size: examples.len(), shuffle: false, ..settings(still) };
        let loss = |network: Network| {
            let mut trainer = case.trainer(Isa::best(), 1, network, settings).unwrap();
            trainer.train_epoch(examples, 1).unwrap().loss()
        };
        assert_ne!(loss(case.network(3)), {
            let mut trainer = case.trainer(Isa::best(), 1, case.network(3), settings).unwrap();
            trainer.evaluate(examples).loss()
        });
        case.follows_differences(examples, loss);
    }
}

/// Masks differ from epoch to epoch and from step to step, and by the seed; evaluation has none.
#[test]
fn masks_depend_on_seed_epoch_and_step() {
    let data = mnist::mnist();
    let one = mnist::train(&data).range(0..64);
    let still = Optimizer::Sgd(Sgd { learning_rate: 0.0 });
    let case = Case::new(&[784, 32, 10], "relu").with_dropout(&[0.5]);
    let network = case.network(1);
    let settings = Settings { shuffle: false, ..settings(still) };
    let trainer =
        |seed| case.trainer(Isa::best(), 2, network.clone(), Settings { seed, ..settings }).unwrap();
    let mut first = trainer(1);
    let losses = [1, 2, 1].map(|epoch| first.train_epoch(one, epoch).unwrap().loss());
    assert_ne!(losses[0], losses[1], "another epoch");
    assert_eq!(losses[0], losses[2], "the same epoch");
    assert_ne!(losses[0], trainer(2).train_epoch(one, 1).unwrap().loss(), "another seed");
    // The same images twice: two steps with masks of their own.
    let (images, labels) = ([one.images, one.images].concat(), [one.labels, one.labels].concat());
    let twice = Examples { images: &images, labels: &labels };
    let both = first.train_epoch(twice, 1).unwrap().loss();
    assert!((both - losses[0]).abs() > 1e-4, "{both} against {}", losses[0]);
    // On average dropout leaves a layer's outputs as they are, and evaluation does always.
    let plain = Case::new(&[784, 32, 10], "relu");
    let expected = plain.trainer(Isa::best(), 1, network.clone(), settings).unwrap().evaluate(one);
    assert_eq!(first.evaluate(one), expected);
}

#[test]
fn impossible_dropout_is_refused() {
    for (rates, part) in [(&[0.5][..], "2 hidden layers"), (&[0.5, 1.0], "below 1"), (&[-0.1, 0.5], "from 0")]
    {
        let network = Network::zeros(&[4, 3, 3, 2]).unwrap();
        let trainer =
            Trainer::new(Kernels::best(), Team::new(1).unwrap(), network, settings(rmsprop())).unwrap();
        let error = trainer.with_dropout(rates).err().expect("refused").to_string();
        assert!(error.contains(part), "{error}");
    }
}
