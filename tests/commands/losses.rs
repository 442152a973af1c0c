//! Every activation, loss and rate of dropout gives the same bits on every exact ISA and number of threads, with zeros left out or
//! not, and moves the weights as calculus says.
#![allow(clippy::disallowed_methods)] // the oracle may use libm

use crate::mnist;
use crate::program::{fails, folder, json, small_mnist, succeeds};
use mnist_fast::activation::Activation;
use mnist_fast::dataset::{Chosen, Selection};
use mnist_fast::loss::Loss;
use mnist_fast::metrics::Metrics;
use mnist_fast::network::Network;
use mnist_fast::predict::{self, Predictor};
use mnist_fast::team::Team;
use mnist_fast::train::{Examples, Optimizer, Settings, Trainer};
use mnist_fast_kernels::{Isa, Kernels, LabelSmoothing, RmsProp, Sgd};
use serde_json::{Value, json};

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
    smoothing: LabelSmoothing,
    dropout: Vec<f64>,
}

impl Case {
    fn new(sizes: &[usize], activations: &str) -> Self {
        Case {
            sizes: sizes.to_vec(),
            activations: Activation::parse_list(activations).unwrap(),
            loss: Loss::default_for(sizes[sizes.len() - 1]),
            smoothing: LabelSmoothing::default(),
            dropout: vec![0.0; sizes.len() - 2],
        }
    }

    fn with_loss(self, loss: Loss) -> Self {
        Case { loss, ..self }
    }

    fn with_smoothing(self, rate: f64) -> Self {
        Case { smoothing: LabelSmoothing::new(rate).unwrap(), ..self }
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
                let trainer = trainer.with_loss(self.loss).unwrap().with_label_smoothing(self.smoothing);
                Some(trainer.with_dropout(&self.dropout).unwrap())
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
        if self.smoothing == LabelSmoothing::default() {
            assert_eq!(predicted.metrics, evaluated, "{:?} {:?} on {isa}", self.sizes, self.activations);
        }
        assert_eq!(predicted.metrics.correct, evaluated.correct);
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

/// With smoothed labels, of both kinds and of two classes.
#[test]
fn smoothed_labels_train_the_same_bits_everywhere() {
    let data = mnist::mnist();
    let examples = mnist::train(&data).range(0..272);
    for sizes in [&[784, 10][..], &[784, 24, 64, 10]] {
        let case = Case::new(sizes, "relu").with_smoothing(0.1);
        let integers = case.clone().same_everywhere(rmsprop(), examples);
        let one_hot = case.clone().with_loss(Loss::Categorical).same_everywhere(rmsprop(), examples);
        assert_eq!(integers, one_hot, "{sizes:?}");
        let others = [0.0, 0.2].map(|rate| case.clone().with_smoothing(rate));
        for other in others {
            let (hash, ..) = other.run(Isa::best(), 2, settings(rmsprop()), examples).unwrap();
            assert_ne!(integers, hash, "{sizes:?}, another rate");
        }
    }
    let selection = threes_and_eights(mnist::train(&data).range(0..1_500));
    let case = Case::new(&[784, 20, 1], "relu");
    let plain = case.clone().same_everywhere(rmsprop(), selection.examples());
    assert_ne!(plain, case.with_smoothing(0.1).same_everywhere(rmsprop(), selection.examples()));
}

/// Also in evaluation the loss is of smoothed labels, whose gradient the steps follow.
#[test]
fn steps_by_smoothed_labels_follow_finite_differences() {
    let data = mnist::mnist();
    let selection = threes_and_eights(mnist::train(&data).range(0..100));
    for (sizes, examples) in
        [(&[784, 6, 5, 10][..], mnist::train(&data).range(500..510)), (&[784, 8, 1], selection.examples())]
    {
        let case = Case::new(sizes, "tanh").with_smoothing(0.3);
        let trainer = |network| case.trainer(Isa::best(), 1, network, settings(rmsprop())).unwrap();
        let mut plain =
            case.clone().with_smoothing(0.0).trainer(Isa::best(), 1, case.network(3), settings(rmsprop()));
        let plain = plain.as_mut().unwrap().evaluate(examples);
        let smoothed = trainer(case.network(3)).evaluate(examples);
        assert!(smoothed.correct == plain.correct && smoothed.loss_sum != plain.loss_sum);
        case.follows_differences(examples.range(0..10), |network| {
            trainer(network).evaluate(examples.range(0..10)).loss()
        });
    }
}

#[test]
fn one_output_for_two_classes_has_the_same_bits_everywhere() {
    let data = mnist::mnist();
    let selection = threes_and_eights(mnist::train(&data).range(0..1_500));
    let examples = selection.examples();
    assert!(!examples.len().is_multiple_of(64) && examples.len() > 200, "{}", examples.len());
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

// ---- through the binary

/// The JSON lines of a run on `folder` that must succeed.
#[track_caller]
fn train(folder: &str, more: &[&str]) -> Vec<Value> {
    json(&succeeds(&[&["train", "--data", folder, "--epochs", "2", "--json"], more].concat()))
}

#[track_caller]
fn sha256(folder: &str, more: &[&str]) -> String {
    train(folder, more).last().unwrap()["weights_sha256"].as_str().unwrap().to_owned()
}

#[test]
fn a_model_of_some_classes_is_asked_about_those_only() {
    let (scratch, data) = (small_mnist(1_200, 300), mnist::mnist());
    let (folder, model) = (folder(&scratch), scratch.path("model.safetensors"));
    let model = model.to_str().unwrap();
    let count = |labels: &[u8]| labels.iter().filter(|label| [3, 8].contains(*label)).count();
    let (train_labels, test_labels) = (mnist::train(&data).range(0..1_200), mnist::test(&data).range(0..300));
    let (train_labels, test_labels) = (train_labels.labels, test_labels.labels);
    for (classes, loss, outputs) in [("3,8", "binary", 1), ("8,3", "sparse-categorical", 2)] {
        let more = ["--classes", classes, "--loss", loss, "--hidden", "16", "--validation", "200"];
        let events = train(&folder, &[&more[..], &["--save", model]].concat());
        // Held out is what the full run holds out: the first 200 images, and of these the 3s and 8s.
        assert_eq!(events[0]["train_images"], count(&train_labels[200..]));
        assert_eq!(events[0]["validation_images"], count(&train_labels[..200]));
        assert_eq!(
            (&events[0]["test_images"], &events[0]["classes"]),
            (&json!(count(test_labels)), &json!(2))
        );
        let end = events.last().unwrap();

        let found = &json(&succeeds(&["eval", model, "--json"]))[0];
        assert_eq!(found["images"], count(test_labels));
        assert_eq!((&found["accuracy"], &found["loss"]), (&end["test_accuracy"], &end["test_loss"]));
        let names: Vec<&str> = classes.split(',').collect();
        for (class, name) in found["classes"].as_array().unwrap().iter().zip(&names) {
            let of = test_labels.iter().filter(|label| label.to_string() == *name).count();
            assert_eq!((&class["name"], &class["images"]), (&json!(name), &json!(of)));
        }
        let held_out = &json(&succeeds(&["eval", model, "--json", "--split", "validation"]))[0];
        assert_eq!(held_out["images"], count(&train_labels[..200]));
        assert_eq!(held_out["loss"], events[2]["val_loss"]);
        let text = succeeds(&["eval", model]);
        let share = format!("({}): {} of 300 images", names.join(", "), count(test_labels));
        assert!(text.contains(&share) && text.contains("\n3 ") && text.contains("\n8 "), "{text}");

        // Mistakes carry the numbers by which `predict` finds their images.
        for mistake in found["mistakes"].as_array().unwrap() {
            let index = mistake["index"].to_string();
            let seen = &json(&succeeds(&["predict", model, "--index", &index, "--json"]))[0];
            assert_eq!((&seen["truth"], &seen["prediction"]), (&mistake["truth"], &mistake["prediction"]));
            let probabilities: Vec<f64> = serde_json::from_value(seen["probabilities"].clone()).unwrap();
            assert!(probabilities.len() == 2 && (probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-6);
        }
        let other = test_labels.iter().position(|label| *label == 7).unwrap().to_string();
        let text = succeeds(&["predict", model, "--index", &other]);
        assert!(text.contains("truth: 7, which is no class of this model"), "{text}");
        assert!(text.contains("digit: 3  probability") && !text.contains("digit: 0"), "{text}");
        let seen = &json(&succeeds(&["predict", model, "--index", &other, "--json"]))[0];
        assert_eq!((&seen["truth"], &seen["truth_label"]), (&Value::Null, &json!(7)));
        let three = test_labels.iter().position(|label| *label == 3).unwrap().to_string();
        let one_hot = if classes == "3,8" { "truth: 3  [1 0]" } else { "truth: 3  [0 1]" };
        assert!(succeeds(&["predict", model, "--index", &three]).contains(one_hot));

        let summary = succeeds(&["summary", model]);
        assert!(summary.contains(&format!("(None, {outputs})")), "{summary}");
        assert_eq!(summary.contains("output: sigmoid"), outputs == 1);
    }
}

#[test]
fn options_that_change_nothing_change_no_bit() {
    let scratch = small_mnist(200, 20);
    let folder = folder(&scratch);
    let plain = sha256(&folder, &["--hidden", "16"]);
    for same in [
        &["--loss", "categorical"][..],
        &["--loss", "sparse-categorical"],
        &["--dropout", "0"],
        &["--activation", "relu"],
        &["--classes", "0,1,2,3,4,5,6,7,8,9"],
    ] {
        assert_eq!(plain, sha256(&folder, &[&["--hidden", "16"], same].concat()), "{same:?}");
    }
    let mut hashes = vec![plain];
    for other in [
        &["--dropout", "0.2"][..],
        &["--dropout", "0.5"],
        &["--activation", "tanh"],
        &["--activation", "leaky-relu"],
        &["--activation", "leaky-relu:0.01"],
        &["--classes", "9,8,7,6,5,4,3,2,1,0"],
    ] {
        hashes.push(sha256(&folder, &[&["--hidden", "16"], other].concat()));
    }
    let smoothed = ["--hidden", "16", "--label-smoothing", "0.1"];
    assert_eq!(train(&folder, &smoothed)[0]["config"]["label_smoothing"], 0.1);
    hashes.push(sha256(&folder, &smoothed));
    assert_eq!(
        hashes.last(),
        Some(&sha256(&folder, &[&smoothed[..], &["--loss", "categorical"]].concat())),
        "one-hot or not"
    );
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), 8);
    let one_for_each = ["--hidden", "16,8", "--dropout", "0.2,0", "--activation", "tanh,relu"];
    assert_eq!(train(&folder, &one_for_each)[0]["config"]["dropout"], json!([0.2, 0.0]));
}

#[test]
fn what_cannot_be_trained_is_one_sentence() {
    let scratch = small_mnist(200, 20);
    scratch.put("classes.txt", b"zero\none\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten");
    let (folder, model) = (folder(&scratch), scratch.path("tanh.safetensors"));
    let model = model.to_str().unwrap();
    train(&folder, &["--classes", "three,8", "--activation", "tanh", "--hidden", "4", "--save", model]);
    for (code, more, part) in [
        (2, &["--classes", "3"][..], "two or more"),
        (2, &["--classes", "three,3"], "class 3 was given twice"),
        (2, &["--classes", "thre,8"], "did you mean three?"),
        (2, &["--classes", "3,11"], "zero, one"),
        (1, &["--classes", "3,ten"], "no training image is of class ten"),
        (2, &["--loss", "binary"], "two classes, but there are 11; choose two"),
        (2, &["--loss", "mse"], "sparse-categorical, categorical or binary"),
        (2, &["--dropout", "1"], "below 1"),
        (2, &["--label-smoothing", "1"], "below 1"),
        (2, &["--label-smoothing", "-0.1"], "from 0 to below 1"),
        (2, &["--label-smoothing", "0.99999999999"], "not so near to either that f32 makes it that"),
        (2, &["--dropout", "0.1,0.99999999999"], "not so near to either that f32 makes it that"),
        (2, &["--dropout", "0.1,0.2,0.3"], "3 values for 2 hidden layers"),
        (2, &["--dropout", "0.1", "--hidden", "none"], "none; leave it out"),
        (1, &["--init", model, "--classes", "3,8", "--activation", "relu"], "has the activation tanh"),
        (1, &["--init", model, "--classes", "3,8", "--loss", "binary"], "has 2 outputs"),
        (1, &["--init", model], "to 2 classes"),
    ] {
        let error = fails(code, &[&["train", "--data", &folder], more].concat());
        assert!(error.contains(part), "{more:?}: {error}");
    }
    // What the file says is what goes on training.
    let events = train(&folder, &["--init", model, "--classes", "3,8"]);
    assert_eq!(events[0]["config"]["activation"], "tanh");
    assert!(succeeds(&["summary", model]).contains("Activation of the hidden layers: tanh"));
}

/// `eval` and the report tell the loss that training told at its end, as Keras' `evaluate` would, and the cross-entropy beside it.
#[test]
fn eval_tells_the_loss_that_the_model_was_trained_with() {
    let scratch = small_mnist(1_200, 300);
    let (folder, model) = (folder(&scratch), scratch.path("model.safetensors"));
    let page = scratch.path("report.html");
    let (model, report) = (model.to_str().unwrap(), page.to_str().unwrap());
    let plain = ["--hidden", "16", "--validation", "200", "--save", model];
    let [smoothed, penalized] = [["--label-smoothing", "0.1"], ["--l2", "0.001"]];
    let (smoothly, squares) = ("labels smoothed by 0.1", "a penalty of 0.001 times the squared weights");
    let binary = ["--classes", "3,8", "--loss", "binary", "--label-smoothing", "0.1"];
    for (more, words) in [
        (&[][..], &[][..]),
        (&smoothed, &[smoothly]),
        (&penalized, &[squares]),
        (&[smoothed, penalized].concat(), &[smoothly, " and ", squares]),
        (&binary, &[smoothly]),
    ] {
        let events = train(&folder, &[&plain[..], more, &["--report", report]].concat());
        let end = events.last().unwrap();
        let found = &json(&succeeds(&["eval", model, "--json"]))[0];
        assert_eq!(
            (&found["accuracy"], &found["loss"]),
            (&end["test_accuracy"], &end["test_loss"]),
            "{more:?}"
        );
        let held_out = &json(&succeeds(&["eval", model, "--json", "--split", "validation"]))[0];
        assert_eq!(held_out["loss"], events[events.len() - 2]["val_loss"], "{more:?}");

        let [loss, plain] = ["loss", "cross_entropy"].map(|name| found[name].as_f64().unwrap());
        assert_eq!(loss == plain, words.is_empty(), "{loss} and {plain} of {more:?}");
        let (text, html) = (succeeds(&["eval", model]), std::fs::read_to_string(&page).unwrap());
        for told in [text, html] {
            assert!(told.contains(&format!("{loss:.4}")), "{told}");
            assert!(words.iter().all(|words| told.contains(words)), "{told}");
            let both =
                told.contains(&format!("cross-entropy {plain:.4}")) && told.contains("as trained, with ");
            assert_eq!(both, !words.is_empty(), "{told}");
        }
        // So does the last line of training.
        let told = succeeds(&["train", "--like", model, "--quiet"]);
        assert_eq!(
            told.contains(&format!("test loss {loss:.4}, as trained, with ")),
            !words.is_empty(),
            "{told}"
        );
        assert!(words.iter().all(|words| told.contains(words)), "{told}");
    }
    let mut bytes = std::fs::read(model).unwrap();
    let record = br#"label_smoothing\":0.1"#;
    let at = bytes.windows(record.len()).position(|part| part == record).unwrap();
    bytes[at + record.len() - 3] = b'7';
    std::fs::write(model, bytes).unwrap();
    let error = fails(1, &["eval", model]);
    assert!(error.contains("label_smoothing of 7.1") && error.contains("train it again"), "{error}");
}
