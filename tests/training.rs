//! Training gives the same bits on every exact ISA and number of threads, moves the weights as calculus says, and
//! learns.

mod mnist;

use mnist_fast::metrics::Metrics;
use mnist_fast::network::Network;
use mnist_fast::team::Team;
use mnist_fast::train::{Clip, Examples, Optimizer, Partial, Regularization, Settings, StateTensor, Trainer};
use mnist_fast_kernels::{
    Adam, DistortionRange, Isa, Kernels, LabelSmoothing, Momentum, RmsProp, RmsPropMomentum, Sgd,
};

const TUTORIAL: [usize; 4] = [784, 128, 128, 10];

fn settings(optimizer: Optimizer) -> Settings {
    Settings { batch_size: 64, optimizer, seed: 42, shuffle: true, sparse: false }
}

fn rmsprop() -> Optimizer {
    Optimizer::RmsProp(RmsProp::default())
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

/// The hash of the weights and the last epoch's sums after training on `examples`.
fn run(
    isa: Isa,
    threads: usize,
    sizes: &[usize],
    settings: Settings,
    epochs: usize,
    examples: Examples<'_>,
) -> Option<(String, Metrics)> {
    let network = Network::glorot_uniform(sizes, settings.seed).unwrap();
    let mut trainer = trainer(isa, threads, network, settings)?;
    let mut metrics = Metrics::zero();
    for epoch in 1..=epochs {
        metrics = trainer.train_epoch(examples, epoch).unwrap();
    }
    Some((trainer.network().sha256(), metrics))
}

/// Whether less is to be run, as under an emulator; says what, if so.
fn thinned(what: &str) -> bool {
    let thinned = std::env::var_os("MNIST_FAST_TEST_ONE_IN").is_some();
    if thinned {
        println!("thinned: {what}");
    }
    thinned
}

/// How many images: 16 full batches and one of 16 images; where runs are thinned, one and that.
fn batches() -> usize {
    if thinned("two batches instead of seventeen") { 80 } else { 1_040 }
}

fn exact_simd() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.is_exact() && *isa != Isa::Scalar)
}

/// 784-128-128-10, one batch of 64 and then a short one of 16: every bit of all 118,282 parameters.
#[test]
fn one_full_step_has_the_references_bits() {
    let data = mnist::mnist();
    let counts: &[usize] = if thinned("80 images instead of 64 and 80") { &[80] } else { &[64, 80] };
    for count in counts.iter().copied() {
        let examples = mnist::train(&data).range(0..count);
        let expected = run(Isa::Scalar, 1, &TUTORIAL, settings(rmsprop()), 1, examples).unwrap();
        for isa in exact_simd() {
            for (threads, sparse) in [1, 2, 3].into_iter().zip([true, false, true]) {
                let settings = Settings { sparse, ..settings(rmsprop()) };
                if let Some(found) = run(isa, threads, &TUTORIAL, settings, 1, examples) {
                    assert_eq!(expected, found, "{isa}, {threads} threads, {count} images, sparse {sparse}");
                }
            }
        }
    }
}

/// Two shuffled epochs on every exact ISA and several threads, with zeros left out or not; hidden layers of 64 and more leave
/// out those of a ReLU.
#[test]
fn two_epochs_are_equal_over_isa_threads_and_sparsity() {
    let data = mnist::mnist();
    let examples = mnist::train(&data).range(10_000..10_000 + batches());
    for (sizes, optimizer) in [
        (&[784, 32, 24, 10][..], rmsprop()),
        (&[784, 10], rmsprop()),
        (&[784, 33, 10], Optimizer::Sgd(Sgd { learning_rate: 0.1 })),
        (&[784, 20, 70, 10], rmsprop()),
        (&[784, 20, 65, 64, 10], Optimizer::Sgd(Sgd { learning_rate: 0.1 })),
    ] {
        let expected = run(Isa::Scalar, 3, sizes, settings(optimizer), 2, examples).unwrap();
        for isa in exact_simd() {
            for (threads, sparse) in [(1, false), (1, true), (2, true), (3, false), (5, true)] {
                let settings = Settings { sparse, ..settings(optimizer) };
                if let Some(found) = run(isa, threads, sizes, settings, 2, examples) {
                    assert_eq!(expected, found, "{isa}, {threads} threads, {sizes:?}, sparse {sparse}");
                }
            }
        }
    }
}

#[test]
fn small_runs_have_the_golden_hashes() {
    exact_simd().for_each(|isa| has_the_golden_hashes(isa, &[false, true]));
}

#[test]
#[ignore = "takes half a minute; other tests hold the reference against the rest"]
fn small_runs_of_the_reference_have_the_golden_hashes() {
    has_the_golden_hashes(Isa::Scalar, &[true]);
}

/// A small run per optimizer and option, seed 42, with zeros left out or not: the bits of this release on every platform.
fn has_the_golden_hashes(isa: Isa, sparse: &[bool]) {
    type With = fn(Trainer) -> Trainer;
    let as_it_is: With = |trainer| trainer;
    let sgd = Optimizer::Sgd(Sgd { learning_rate: 0.1 });
    let momentum = Momentum { learning_rate: 0.05, momentum: 0.9, nesterov: false };
    let centered = RmsPropMomentum { rmsprop: RmsProp::default(), momentum: 0.9, centered: true };
    let adam = Optimizer::Adam(Adam::default());
    let runs: [(&str, Optimizer, With); 13] = [
        ("rmsprop", rmsprop(), as_it_is),
        ("sgd", sgd, as_it_is),
        ("sgd momentum", Optimizer::Momentum(momentum), as_it_is),
        ("sgd nesterov", Optimizer::Momentum(Momentum { nesterov: true, ..momentum }), as_it_is),
        ("rmsprop centered momentum", Optimizer::RmsPropMomentum(centered), as_it_is),
        ("adam", adam, as_it_is),
        ("adamw", adam, |t| regularized(t, Regularization { weight_decay: 0.004, ..Default::default() })),
        ("rmsprop l2", rmsprop(), |t| regularized(t, Regularization { l2: 1e-3, ..Default::default() })),
        ("rmsprop clip-value", rmsprop(), |t| clipped(t, Clip::Value(1e-3))),
        ("rmsprop clip-norm", rmsprop(), |t| clipped(t, Clip::Norm(0.5))),
        ("rmsprop label-smoothing", rmsprop(), |t| t.with_label_smoothing(LabelSmoothing::new(0.1).unwrap())),
        ("rmsprop dropout", rmsprop(), |t| t.with_dropout(&[0.2, 0.5]).unwrap()),
        ("rmsprop augment", rmsprop(), |t| {
            let range = DistortionRange { rotation: 12.0, scale: 0.1, shear: 0.15, shift: 2.0 };
            t.with_augmentation(range, (28, 28)).unwrap()
        }),
    ];
    let data = mnist::mnist();
    let examples = mnist::train(&data).range(0..1_040);
    let golden = include_str!("golden/small-seed42.sha256");
    assert_eq!(golden.lines().count(), runs.len());
    let one_each = thinned("zeros left out in every second run instead of both ways in each");
    for (i, (line, (name, optimizer, with))) in golden.lines().zip(runs).enumerate() {
        let sparse = if one_each { &sparse[i % sparse.len()..][..1] } else { sparse };
        for sparse in sparse {
            let settings = Settings { sparse: *sparse, ..settings(optimizer) };
            let network = Network::glorot_uniform(&[784, 32, 24, 10], settings.seed).unwrap();
            let Some(trainer) = trainer(isa, 2, network, settings) else { continue };
            let mut trainer = with(trainer);
            for epoch in 1..=2 {
                trainer.train_epoch(examples, epoch).unwrap();
            }
            let found = format!("{}  {name}", trainer.network().sha256());
            assert_eq!(found, line, "{isa}, sparse {sparse}");
        }
    }
}

fn regularized(trainer: Trainer, by: Regularization) -> Trainer {
    trainer.with_regularization(by).unwrap()
}

fn clipped(trainer: Trainer, clip: Clip) -> Trainer {
    regularized(trainer, Regularization { clip, ..Regularization::default() })
}

/// The same for the tutorial's network; the reference takes part in `one_full_step_has_the_references_bits`.
#[test]
fn two_epochs_of_the_tutorials_network_are_equal_over_isa_and_threads() {
    let data = mnist::mnist();
    let examples = mnist::train(&data).range(0..batches());
    let mut seen: Option<(String, Metrics)> = None;
    for isa in exact_simd() {
        for (threads, sparse) in [(1, true), (2, false), (2, true), (3, true), (5, false)] {
            let settings = Settings { sparse, ..settings(rmsprop()) };
            if let Some(found) = run(isa, threads, &TUTORIAL, settings, 2, examples) {
                let what = format!("{isa}, {threads} threads, sparse {sparse}");
                assert_eq!(*seen.get_or_insert(found.clone()), found, "{what}");
            }
        }
    }
}

#[test]
fn evaluation_does_not_depend_on_threads_or_isa() {
    let data = mnist::mnist();
    let images = if thinned("100 images instead of 777") { 100 } else { 777 };
    let test = mnist::test(&data).range(0..images);
    let network = Network::glorot_uniform(&[784, 40, 64, 10], 1).unwrap();
    let mut seen = None;
    for isa in [Isa::Scalar].into_iter().chain(exact_simd()) {
        for (threads, sparse) in [(1, true), (2, false), (3, true), (5, false)] {
            let settings = Settings { sparse, ..settings(rmsprop()) };
            if let Some(mut trainer) = trainer(isa, threads, network.clone(), settings) {
                let found = trainer.evaluate(test);
                assert_eq!(*seen.get_or_insert(found), found, "{isa}, {threads} threads, sparse {sparse}");
            }
        }
    }
}

/// The gradient of the mean loss by central differences, against the step of plain gradient descent.
#[test]
fn a_step_of_gradient_descent_follows_finite_differences() {
    let data = mnist::mnist();
    let examples = mnist::train(&data).range(500..510);
    let sizes = [784, 6, 5, 10];
    let rate = 1.0;
    let settings = Settings {
        batch_size: 10,
        optimizer: Optimizer::Sgd(Sgd { learning_rate: rate }),
        seed: 3,
        shuffle: false,
        sparse: false,
    };
    let before = Network::glorot_uniform(&sizes, 3).unwrap();
    let loss =
        |network: Network| trainer(Isa::Scalar, 1, network, settings).unwrap().evaluate(examples).loss();
    for isa in [Isa::Scalar, Isa::best()] {
        let mut trainer = trainer(isa, 1, before.clone(), settings).unwrap();
        trainer.train_epoch(examples, 1).unwrap();
        let after = trainer.network();
        let (mut checked, mut kinks) = (0, 0);
        for l in 0..before.layers().len() {
            let layer = &before.layers()[l];
            // Pixels near the middle are lit; corners have a gradient of zero, which is worth a check too.
            let inputs = if l == 0 { vec![0, 378, 406, 434] } else { (0..layer.inputs()).collect() };
            for (input, output) in inputs.into_iter().flat_map(|i| (0..layer.outputs()).map(move |o| (i, o)))
            {
                let moved = |network: &Network| f64::from(network.layers()[l].weight_row(input)[output]);
                let found = (moved(&before) - moved(after)) / rate;
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
                    kinks += 1; // some ReLU switches within h: no derivative to compare with
                    continue;
                }
                let error = (found - (right + left) / 2.0).abs();
                assert!(error < 5e-4, "layer {l}, weight {input},{output}: {found} against {left}, {right}");
                checked += usize::from(found != 0.0);
            }
        }
        assert!(checked > 50 && kinks < 10, "{checked} gradients that are not zero, {kinks} kinks");
    }
}

#[test]
fn the_first_two_epochs_visit_the_images_in_different_orders() {
    let mut orders = [vec![0; 50_000], vec![0; 50_000]];
    for (epoch, order) in (1..).zip(&mut orders) {
        mnist_fast::random::permutation(42, epoch, order);
    }
    assert_ne!(orders[0], orders[1]);
}

#[test]
fn shuffling_moves_the_weights_differently() {
    let data = mnist::mnist();
    let examples = mnist::train(&data).range(0..256);
    let hash = |settings| run(Isa::best(), 1, &[784, 16, 10], settings, 1, examples).unwrap().0;
    let shuffled = hash(settings(rmsprop()));
    assert_ne!(shuffled, hash(Settings { shuffle: false, ..settings(rmsprop()) }));
    assert_ne!(shuffled, hash(Settings { seed: 43, ..settings(rmsprop()) }));
}

#[test]
fn an_exploding_loss_names_epoch_step_and_rate() {
    let data = mnist::mnist();
    let examples = mnist::train(&data).range(0..640);
    let exploding = settings(Optimizer::Sgd(Sgd { learning_rate: 1e30 }));
    let network = Network::glorot_uniform(&[784, 16, 10], 1).unwrap();
    let mut trainer = trainer(Isa::best(), 2, network, exploding).unwrap();
    let error = (1..=9).find_map(|epoch| trainer.train_epoch(examples, epoch).err()).unwrap().to_string();
    for part in ["epoch 1", "step ", "1e30", "--lr"] {
        assert!(error.contains(part), "{error}");
    }
}

/// `portable` has no fixed bits, so it is held to what it learns.
#[test]
fn portable_learns() {
    let data = mnist::mnist();
    let tests = if thinned("evaluated on 1,000 images instead of 10,000") { 1_000 } else { 10_000 };
    let (train, test) = (mnist::train(&data).range(0..6_400), mnist::test(&data).range(0..tests));
    let mut isas = vec![Isa::Portable, Isa::best()];
    isas.dedup();
    for isa in isas {
        let network = Network::glorot_uniform(&TUTORIAL, 42).unwrap();
        let mut trainer = trainer(isa, 2, network, settings(rmsprop())).unwrap();
        for epoch in 1..=2 {
            trainer.train_epoch(train, epoch).unwrap();
        }
        let accuracy = trainer.evaluate(test).accuracy();
        assert!((0.88..0.95).contains(&accuracy), "{isa}: {accuracy}");
    }
}

/// Two epochs in pieces, each by another trainer, with other threads and kernels and zeros left out or not, that knows nothing but
/// the weights, the optimizer's state and how far the epoch is.
#[test]
fn training_in_pieces_has_the_bits_of_training_at_once() {
    let data = mnist::mnist();
    let examples = mnist::train(&data).range(0..330);
    for (sizes, optimizer) in [
        (&[784, 70, 24, 10][..], rmsprop()),
        (&[784, 10], rmsprop()),
        (&[784, 16, 10], Optimizer::Sgd(Sgd { learning_rate: 0.1 })),
    ] {
        let settings = Settings { batch_size: 50, ..settings(optimizer) };
        let expected = run(Isa::best(), 1, sizes, settings, 2, examples).unwrap();
        let mut network = Network::glorot_uniform(sizes, settings.seed).unwrap();
        let mut state: Option<Vec<StateTensor>> = None;
        let (mut done, mut epoch) = (Partial::default(), 1);
        for piece in 1usize.. {
            let settings = Settings { sparse: piece.is_multiple_of(2), ..settings };
            let isa = if piece.is_multiple_of(3) { Isa::Scalar } else { Isa::best() };
            let mut trainer = trainer(isa, 1 + piece % 3, network, settings).unwrap();
            if let Some(state) = &state {
                trainer.set_state(state, (epoch as u64 - 1) * 7 + done.steps as u64).unwrap();
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
        assert_eq!(expected, (network.sha256(), done.sums), "{sizes:?}, {optimizer:?}");
    }
}

#[test]
fn a_state_that_is_not_the_optimizers_is_refused() {
    let network = |sizes: &[usize]| Network::glorot_uniform(sizes, 1).unwrap();
    let of =
        |sizes: &[usize], optimizer| trainer(Isa::best(), 2, network(sizes), settings(optimizer)).unwrap();
    let mut own = of(&[9, 5, 3], rmsprop());
    let state = own.state();
    assert_eq!(state.iter().map(|tensor| tensor.values.len()).collect::<Vec<_>>(), [45, 5, 15, 3]);
    own.set_state(&state, 0).unwrap();
    let sgd = Optimizer::Sgd(Sgd { learning_rate: 0.1 });
    assert_eq!(of(&[9, 5, 3], sgd).state(), []);
    for other in [of(&[9, 3, 5, 3], rmsprop()), of(&[9, 5, 4], rmsprop()), of(&[9, 5, 3], sgd)] {
        own.set_state(&other.state(), 0).unwrap_err();
    }
    for x in [f32::NAN, f32::INFINITY, -1.0] {
        let mut state = state.clone();
        state[2].values[7] = x;
        let error = own.set_state(&state, 0).unwrap_err().to_string();
        assert!(error.contains("rmsprop.1.weight") && error.contains("mean of squares"), "{error}");
    }
}
