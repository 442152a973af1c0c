//! How long predictions take: all 10,000 test images of MNIST, and one image at a time.
//!
//!     cargo run --release --example inference [-- MODEL] [--isa NAME]
//!
//! Without a model file the tutorial's network is trained for an epoch first, so that its ReLUs give zeros as a trained one's do.
//! Before anything is timed, every way of predicting must give the bits of training's evaluation. The contenders take turns.

use std::hint::black_box;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use mnist_fast::network::Network;
use mnist_fast::predict::{Predictor, Settings};
use mnist_fast::team::Team;
use mnist_fast::train::{Examples, Optimizer, Settings as Training, Trainer};
use mnist_fast::{Error, Result, dataset, model_file};
use mnist_fast_kernels::{Isa, Kernels, RmsProp};

/// Rounds with all images, and rounds with each image alone.
const ROUNDS: usize = 40;
const SINGLE_ROUNDS: usize = 10;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut args = pico_args::Arguments::from_env();
    let usage = |error: pico_args::Error| Error::usage(error.to_string());
    let isa: Option<Isa> = args.opt_value_from_str("--isa").map_err(usage)?;
    let path: Option<PathBuf> = args.opt_free_from_str().map_err(usage)?;
    if let Some(extra) = args.finish().first() {
        return Err(Error::usage(format!("unexpected argument {}", extra.display())));
    }
    let isa = isa.unwrap_or(Isa::best());
    let kernels = Kernels::new(isa).map_err(|error| Error::failed(format!("--isa {isa}: {error}")))?;

    let data = dataset::open("mnist", None)?;
    let train = Examples { images: data.train.images(), labels: data.train.labels() };
    let Some(test) = &data.test else { return Err(Error::failed("mnist has no test images")) };
    let test = Examples { images: test.images(), labels: test.labels() };
    let inputs = data.rows * data.cols;
    let network = match &path {
        Some(path) => model_file::load(path)?.network,
        None => Network::glorot_uniform(&[inputs, 128, 128, 10], 42)?,
    };
    if (network.inputs(), network.classes()) != (inputs, data.classes) {
        return Err(Error::failed("the model is not for MNIST's images; give another one, or none"));
    }
    let settings = Training {
        batch_size: 64,
        optimizer: Optimizer::RmsProp(RmsProp::default()),
        seed: 42,
        shuffle: true,
        sparse: true,
    };
    let team = Team::new(1).map_err(|error| Error::failed(error.to_string()))?;
    let mut trainer = Trainer::new(kernels, team, network, settings)?;
    if path.is_none() {
        trainer.train_epoch(train.range(0..50_000), 1)?;
    }
    let evaluated = trainer.evaluate(test);
    let network = trainer.network();

    let mut contenders = Vec::new();
    for (threads, sparse) in [(1, true), (1, false), (2, true), (2, false)] {
        let settings = Settings { kernels, threads, sparse: Some(sparse) };
        contenders.push((threads, sparse, Predictor::new(network, settings)?));
    }
    check(&mut contenders, test, inputs, evaluated.loss_sum)?;

    println!("{isa} kernels; {} images, accuracy {:.2} %", test.len(), 100.0 * evaluated.accuracy());
    println!("\nall images, ms       median    best");
    let mut times = vec![Vec::new(); contenders.len()];
    for _ in 0..ROUNDS {
        for ((_, _, predictor), times) in contenders.iter_mut().zip(&mut times) {
            let start = Instant::now();
            black_box(predictor.all(black_box(test.images))?);
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    for ((threads, sparse, _), times) in contenders.iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        println!("{}  {:>8.2} {:>7.2}", name(*threads, *sparse), times[times.len() / 2], times[0]);
    }

    let ink = |image: &[u8]| image.iter().filter(|pixel| **pixel != 0).count();
    let densest = test.images.chunks_exact(inputs).enumerate().max_by_key(|(_, image)| ink(image));
    let Some((densest, image)) = densest else { return Err(Error::failed("mnist has no test images")) };
    println!("\none image, us        median     p99   image {densest} ({} pixels not 0)", ink(image));
    contenders.truncate(2);
    let mut times = [(); 2].map(|()| vec![[0.0; SINGLE_ROUNDS]; test.len()]);
    for round in 0..SINGLE_ROUNDS {
        for ((_, _, predictor), times) in contenders.iter_mut().zip(&mut times) {
            for (image, times) in test.images.chunks_exact(inputs).zip(times) {
                let start = Instant::now();
                black_box(predictor.one(black_box(image))?);
                times[round] = start.elapsed().as_nanos() as f64 / 1e3;
            }
        }
    }
    for ((threads, sparse, _), times) in contenders.iter().zip(&mut times) {
        // An image's time is its median over the rounds.
        let mut each: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
        let dense_one = each[densest];
        each.sort_by(f64::total_cmp);
        let (middle, p99) = (each[each.len() / 2], each[each.len() * 99 / 100]);
        println!("{}  {middle:>8.2} {p99:>7.2} {dense_one:>7.2}", name(*threads, *sparse));
    }
    Ok(())
}

fn name(threads: usize, sparse: bool) -> String {
    let way = if sparse { "sparse" } else { "dense " };
    format!("{threads} thread{}, {way}", if threads == 1 { " " } else { "s" })
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// All contenders agree with training's loss, and with each other, image by image.
fn check(
    contenders: &mut [(usize, bool, Predictor<'_>)],
    test: Examples<'_>,
    inputs: usize,
    loss_sum: f64,
) -> Result<()> {
    let bits = |floats: &[f32]| floats.iter().map(|x| (x + 0.0).to_bits()).collect::<Vec<u32>>();
    let mut first = None;
    for (threads, sparse, predictor) in contenders {
        let all = bits(predictor.all(test.images)?.probabilities);
        let mut single = Vec::new();
        for image in test.images.chunks_exact(inputs) {
            single.extend(bits(predictor.one(image)?));
        }
        let same_loss = predictor.evaluate(test)?.metrics.loss_sum == loss_sum;
        let first = first.get_or_insert_with(|| all.clone());
        if *first != all || all != single || !same_loss {
            return Err(Error::failed(format!("{}: other bits than training's", name(*threads, *sparse))));
        }
    }
    Ok(())
}
