//! `train`: the options, checked once into a plan, and the run.

use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Instant;

use mnist_fast::activation::Activation;
use mnist_fast::augment::distortion;
use mnist_fast::dataset::{Chosen, Dataset};
use mnist_fast::error::Kind;
use mnist_fast::history::Epoch;
use mnist_fast::loss::Loss;
use mnist_fast::metrics::Metrics;
use mnist_fast::model_file::{self, Model};
use mnist_fast::network::Network;
use mnist_fast::predict::{self, Objective, Predictor};
use mnist_fast::report::Names;
use mnist_fast::team::Team;
use mnist_fast::train::{Examples, Settings, Trainer};
use mnist_fast::{Error, Result};
use mnist_fast_kernels::{DistortionRange, LabelSmoothing};
use serde_json::{Map, Value};

use super::augment;
use super::checkpoint::{self, INIT_SHA256, Identity, Request};
use super::course;
use super::data::{self, Picked, Source};
use super::engine::{self, Engine};
use super::explain::{EXPLAIN, Explained};
use super::files;
use super::keeper::Keeper;
use super::network::{self, Layers};
use super::optimizer::{self, Choice, Switches};
use super::outputs::{self, Outputs, Run};
use super::progress::Progress;
use super::recipe::{self, RECIPE};
use super::repeat::{self, ARGUMENTS, LIKE, Like, PRINT_COMMAND};
use super::report::{Report, Style};
use super::schedule;
use crate::args::{Args, Opt, heading};
use crate::output::{self, JsonLine, thousands};

pub(crate) const USAGE: &str = "\
Usage: mnist-fast train [options]

  mnist-fast train                                   the tutorial: 21 epochs on MNIST
  mnist-fast train --epochs 5 --save m.safetensors   shorter, and keep the model
  mnist-fast train --report r.html --log log.csv     a page with curves and mistakes, the figures
  mnist-fast train --checkpoint run1                 a run that can be killed at any instant ...
  mnist-fast train --resume run1                     ... and go on
  mnist-fast train --data ./my-digits --hidden 256   a folder of IDX files, another network
  mnist-fast train --hidden none --optimizer sgd     softmax regression
  mnist-fast train --classes 3,8 --loss binary       two classes, one sigmoid output
  mnist-fast train --hidden 256 --dropout 0.2        dropout after the hidden layer
  mnist-fast train --recipe quick                    98 % in three epochs
  mnist-fast train --augment affine                  images distorted anew in every epoch";

pub(crate) const OPTIONS: &[Opt] = &[
    heading("Data"),
    data::DATA,
    data::NUM_CLASSES,
    data::CLASSES,
    data::VALIDATION,
    data::VALIDATION_SPLIT,
    data::NO_MMAP,
    heading("Network"),
    network::HIDDEN,
    network::ACTIVATION,
    network::LOSS,
    network::LABEL_SMOOTHING,
    network::DROPOUT,
    heading("Augmentation"),
    augment::AUGMENT,
    augment::ROTATE,
    augment::SCALE,
    augment::SHEAR,
    augment::SHIFT,
    heading("Training"),
    optimizer::OPTIMIZER,
    optimizer::LR,
    schedule::SCHEDULE,
    schedule::WARMUP,
    schedule::DROP_EVERY,
    schedule::FACTOR,
    schedule::FIRST,
    schedule::FINAL,
    Opt { name: "--batch-size", value: "N", help: "images per step (default 64)" },
    Opt { name: "--epochs", value: "N", help: "(default 21)" },
    course::EARLY_STOP,
    Opt {
        name: "--seed",
        value: "N",
        help: "keys all that is random: initial weights, shuffles, ... (default 42)",
    },
    Opt { name: "--no-shuffle", value: "", help: "visit the images in the file's order, as stored" },
    Opt {
        name: "--init",
        value: "FILE",
        help: "start from a model file's weights, also of PyTorch or Keras (.npz); the\noptimizer starts anew",
    },
    Opt {
        name: "--save",
        value: "FILE",
        help: "write the trained model: safetensors, or npz for a name that ends so",
    },
    checkpoint::CHECKPOINT,
    checkpoint::EVERY,
    checkpoint::RESUME,
    LIKE,
    RECIPE,
    heading("The optimizer's numbers"),
    optimizer::MOMENTUM,
    optimizer::NESTEROV,
    optimizer::RHO,
    optimizer::CENTERED,
    optimizer::EPSILON,
    optimizer::EPSILON_AT,
    optimizer::BETA_1,
    optimizer::BETA_2,
    heading("Weights and gradients kept small"),
    optimizer::L2,
    optimizer::WEIGHT_DECAY,
    optimizer::CLIP_VALUE,
    optimizer::CLIP_NORM,
    heading("This machine"),
    Opt { name: "--threads", value: "N", help: "(default: one per core, but at most batch size / 16)" },
    engine::ISA,
    engine::SPARSE,
    heading("Output"),
    outputs::REPORT,
    outputs::PLOT,
    outputs::LOG,
    Opt { name: "--json", value: "", help: "JSON lines on standard output, and nothing else there" },
    Opt { name: "--quiet", value: "", help: "print the result only" },
    EXPLAIN,
    PRINT_COMMAND,
];

/// What the options ask for, before the data is known.
struct Plan {
    source: Source,
    classes: Option<String>,
    layers: Layers,
    dropout: Option<Vec<f64>>,
    smoothing: LabelSmoothing,
    augment: Option<DistortionRange>,
    moves: Choice,
    schedule: schedule::Asked,
    batch_size: usize,
    epochs: usize,
    early_stop: Option<usize>,
    seed: u64,
    shuffle: bool,
    init: Option<PathBuf>,
    /// Of the weights in that file, once they are known.
    init_sha256: Option<String>,
    save: Option<PathBuf>,
    outputs: Outputs,
    engine: Engine,
    style: Style,
    explain: bool,
    print_command: bool,
}

pub(crate) fn run(args: Args) -> Result<()> {
    let started = Instant::now();
    let (recipe, args) = recipe::expand(args)?;
    let (like, args) = Like::parse(args)?;
    let (request, args) = Request::parse(args)?;
    if like.is_some() && request.is_resume() {
        return Err(Error::usage(
            "--like and --resume exclude each other: a run goes on with its own options",
        ));
    }
    let given = args.clone().take(checkpoint::is_of_run)?;
    let mut plan = Plan::parse(args)?;
    if let Some(path) = &plan.save {
        model_file::check_target(path)?;
    }
    let mut outputs = std::mem::take(&mut plan.outputs);
    let files = [outputs.files(), files::given(&[("--save", plan.save.as_deref())])].concat();
    if plan.explain {
        let folder = matches!(request, Request::New { .. }).then_some(checkpoint::CHECKPOINT.name);
        if let Some(name) = files.iter().map(|(name, _)| *name).chain(folder).next() {
            return Err(Error::usage(format!(
                "--explain trains nothing and writes no file; leave {name} out"
            )));
        }
    }
    files::require_apart(&files, &files::given(&[("--init", plan.init.as_deref())]))?;
    outputs.check()?;
    request.check_outputs(&files)?;
    let data = plan.source.open()?;
    files::require_not_data(&files, &data)?;
    let parts = plan.source.split(data.train.len())?;
    let all = Examples { images: data.train.images(), labels: data.train.labels() };
    let held_out = parts.validation.len();
    let chosen = plan.classes.as_ref().map(|text| Chosen::parse(text, &data)).transpose()?;
    let picked_train = Picked::new(chosen.as_ref(), all.range(parts.train))?;
    let picked_validation = Picked::new(chosen.as_ref(), all.range(parts.validation))?;
    let test = data.test.as_ref().map(|test| Examples { images: test.images(), labels: test.labels() });
    let picked_test = test.map(|test| Picked::new(chosen.as_ref(), test)).transpose()?;
    let train = picked_train.examples();
    let validation = Some(picked_validation.examples()).filter(|part| !part.is_empty());
    let test = picked_test.as_ref().map(Picked::examples).filter(|part| !part.is_empty());
    let classes = chosen.as_ref().map_or(data.classes, Chosen::len);
    if plan.early_stop.is_some() && validation.is_none() {
        return Err(Error::usage(
            "--early-stop goes by validation loss; hold images out with --validation N",
        ));
    }
    let chosen_names = chosen.as_ref().map(|chosen| chosen.names(data.class_names.as_ref()));
    if let Some(names) = &chosen_names {
        require_every_class(names, train)?;
    }
    let network = request.network(&data, classes)?.map_or_else(|| plan.network(&data, classes), Ok)?;
    plan.init_sha256 = plan.init.as_ref().and_then(|_| request.init_sha256(&network));
    if let Some(like) = &like {
        like.check_init(plan.init_sha256.as_deref())?;
    }
    let dropout = plan.dropout(&network)?;
    let loss = plan.loss(&network);
    let steps = train.len().div_ceil(plan.batch_size);
    let schedule = plan.schedule.schedule(plan.moves.optimizer.learning_rate(), plan.epochs, steps)?;
    if let Some(range) = plan.augment {
        distortion(range, plan.seed, (data.rows, data.cols))?;
    }
    if plan.explain {
        let (dropout, smoothing, init) = (dropout.as_deref(), plan.smoothing, plan.init.as_deref());
        let (augment, schedule) = (plan.augment.as_ref(), &schedule);
        let Choice { optimizer, regularization, .. } = &plan.moves;
        let explained = Explained {
            network: &network,
            loss,
            smoothing,
            dropout,
            augment,
            optimizer,
            schedule,
            regularization: *regularization,
            init,
        };
        return output::line(explained.text());
    }
    let from = if parts.validation_first { "first" } else { "last" };
    let config = plan.config(&data, &network, chosen.as_ref(), (held_out, from))?;
    let record: Map<String, Value> = serde_json::from_str(&config.clone().finish()).expect("our own JSON");
    let arguments = repeat::in_force(&given, &record, plan.engine.kernels.isa());
    if plan.print_command {
        return output::line(repeat::command_line(arguments.iter().map(String::as_str)));
    }
    let config = || config.clone().with(ARGUMENTS, arguments.clone());
    // A thread beyond the batch would have no image.
    let threads = plan
        .engine
        .threads
        .unwrap_or_else(|| default_threads(plan.batch_size))
        .min(plan.batch_size)
        .min(train.len());
    let team = Team::new(threads).map_err(|error| {
        Error::failed(format!("cannot start {threads} threads: {error}; try fewer with --threads"))
    })?;
    let settings = Settings {
        batch_size: plan.batch_size.min(train.len()),
        optimizer: plan.moves.optimizer,
        seed: plan.seed,
        shuffle: plan.shuffle,
        sparse: plan.engine.sparse.unwrap_or_else(|| train.are_sparse()),
    };

    let mut report = Report::new(plan.style, plan.epochs, classes);
    report.only = chosen_names.as_ref().map(|names| names.join(", "));
    let identity = |args| Plan::parse(args)?.identity(&data, &network);
    let kept = request.run(&data, plan.engine.kernels.isa(), config().finish(), identity)?;
    let mut pipe = Pipe { closed: false, may_close: plan.save.is_some() || outputs.any() || kept.is_some() };
    if plan.style == Style::Text {
        pipe.print(recipe.into_iter().collect())?;
    }
    pipe.print(report.start(
        &plan.engine.kernels,
        threads,
        &data,
        train,
        validation,
        test,
        &network,
        config(),
    ))?;
    let mut training: Value = serde_json::from_str(&config().finish()).expect("our own JSON");

    let trainer = Trainer::new(plan.engine.kernels, team, network, settings)?.with_loss(loss)?;
    let trainer = trainer.with_regularization(plan.moves.regularization)?;
    let mut trainer = trainer.with_label_smoothing(plan.smoothing).with_schedule(schedule);
    if let Some(rates) = &dropout {
        trainer = trainer.with_dropout(rates)?;
    }
    if let Some(range) = plan.augment {
        trainer = trainer.with_augmentation(range, (data.rows, data.cols))?;
    }
    let names = chosen_names.as_deref().or(data.class_names.as_deref());
    let mut keeper =
        Keeper::start(request, kept, plan.early_stop, &mut trainer, (plan.epochs, steps), names)?;
    pipe.print(keeper.resumed().map_or(vec![], |place| report.resumed(place)))?;
    outputs.start()?;
    for epoch in keeper.history() {
        outputs.epoch(*epoch);
        report.epoch(epoch);
    }
    trainer.reserve(train.len(), validation.map_or(0, |v| v.len()).max(test.map_or(0, |t| t.len())));
    for epoch in keeper.first_epoch()..=plan.epochs {
        if keeper.is_over() {
            break;
        }
        let label = format!("Epoch {epoch}/{}", plan.epochs);
        let bar = Progress::start(plan.style == Style::Text, label, trainer.steps_done(), steps);
        let (metrics, train_seconds) = keeper.train_epoch(&mut trainer, train, epoch)?;
        let start = Instant::now();
        let validation =
            validation.map(|examples| plan.evaluate(&mut trainer, examples, (epoch, steps))).transpose()?;
        let seconds = train_seconds + start.elapsed().as_secs_f64();
        drop(bar);
        let epoch = Epoch { epoch, metrics, validation, seconds, train_seconds };
        outputs.epoch(epoch);
        pipe.print(report.epoch(&epoch))?;
        keeper.epoch(&trainer, epoch)?;
    }
    let last = (plan.epochs, steps);
    if let Some((epoch, network)) = keeper.result() {
        trainer.set_network(network.clone())?;
        (report.result, training["epoch"]) = (Some(epoch), epoch.into());
    }
    let tested = test.map(|examples| plan.evaluate(&mut trainer, examples, last)).transpose()?;
    let sha256 = trainer.network().sha256();
    if let Some(path) = &plan.save {
        let network = trainer.network().clone();
        model_file::save(
            path,
            &Model {
                network,
                class_names: chosen_names.clone().or_else(|| data.class_names.clone()),
                training: Some(training.clone()),
            },
        )?;
    }
    let seconds = started.elapsed().as_secs_f64();
    let asked = picked_test.as_ref().filter(|_| test.is_some()).map(|test| ("test", test));
    let asked = asked.or(validation.map(|_| ("validation", &picked_validation)));
    let found = asked.filter(|_| outputs.report()).map(|(split, picked)| {
        let settings =
            predict::Settings { kernels: plan.engine.kernels, threads, sparse: plan.engine.sparse };
        let objective = Objective { smoothing: plan.smoothing, l2: plan.moves.regularization.l2 };
        let mut predictor = Predictor::new(trainer.network(), settings)?;
        Ok((split, picked, predictor.evaluate_as(picked.examples(), objective)?))
    });
    let names = Names {
        labels: chosen.as_ref().map(Chosen::labels),
        names: data.class_names.as_ref().map(|all| chosen_names.as_ref().unwrap_or(all).as_slice()),
    };
    let written = found.transpose().and_then(|found| {
        outputs.finish(&Run {
            title: "Training report",
            data: &data,
            network: trainer.network(),
            names,
            evaluated: found.as_ref().map(|(split, picked, found)| (*split, *picked, found)),
            verdict: report.verdict(),
            seconds: Some(seconds),
            training: Some(&training),
            more: plan.circumstances(threads, train, test),
            weights_sha256: &sha256,
        })
    });
    let likeness = like.as_ref().map_or(Ok(None), |like| like.compare(&sha256, plan.engine.kernels.isa()));
    // Whatever becomes of the files, the result is told.
    let kept = keeper.finish();
    let (wrote, kept, failure) = match written.and_then(|lines| Ok((lines, kept?))) {
        Ok((lines, kept)) => (lines, kept, None),
        Err(error) => (vec![], None, Some(error)),
    };
    let (same, failure) = match likeness {
        Ok(words) => (words, failure),
        Err(error) => (None, failure.or(Some(error))),
    };
    let wrote = wrote.into_iter().chain(same).collect();
    pipe.print(report.end(tested, &sha256, seconds, plan.save.as_deref(), kept, wrote))?;
    failure.map_or(Ok(()), Err)
}

/// Refuses chosen classes that no training image is of: nothing could be learned of them.
fn require_every_class(names: &[String], train: Examples<'_>) -> Result<()> {
    let absent =
        (0..names.len()).find(|class| !train.labels.iter().any(|label| usize::from(*label) == *class));
    match absent {
        None => Ok(()),
        Some(class) => Err(Error::failed(format!(
            "no training image is of class {}; leave it out of --classes",
            names[class]
        ))),
    }
}

/// Standard output: whoever closes it ends the run quietly, unless a model is still to be saved.
struct Pipe {
    closed: bool,
    may_close: bool,
}

impl Pipe {
    fn print(&mut self, lines: Vec<String>) -> Result<()> {
        for line in lines.iter().filter(|_| !self.closed) {
            match output::line(line) {
                Err(error) if error.kind() == Kind::ClosedPipe && self.may_close => {
                    self.closed = true;
                    break;
                }
                result => result?,
            }
        }
        Ok(())
    }
}

/// One thread per core, but 16 images of a batch for each at least: below that, waiting costs more than it brings.
pub(crate) fn default_threads(batch_size: usize) -> usize {
    available_parallelism().map_or(1, usize::from).min(batch_size / 16).max(1)
}

/// More than anybody waits for, so that sums of steps need no thought.
const EPOCHS_MAX: usize = 1_000_000_000;

pub(crate) fn at_least_one(text: &str) -> Option<usize> {
    text.parse().ok().filter(|n| *n > 0)
}

impl Plan {
    fn parse(mut args: Args) -> Result<Plan> {
        let (json, quiet) = (args.switch("--json"), args.switch("--quiet"));
        let (shuffle, explain) = (!args.switch("--no-shuffle"), args.switch("--explain"));
        let print_command = args.switch(PRINT_COMMAND.name);
        if explain && (json || quiet) {
            return Err(Error::usage("--explain prints a text; leave --json and --quiet out"));
        }
        if print_command && (json || quiet || explain) {
            return Err(Error::usage(
                "--print-command prints a command line; leave --json, --quiet and --explain out",
            ));
        }
        let switches = Switches::parse(&mut args);
        let source = Source::parse(&mut args)?;
        let layers = Layers::parse(&mut args)?;
        let moves = Choice::parse(switches, &mut args)?;
        let plan = Plan {
            source,
            classes: args.value("--classes", "classes such as 3,8")?,
            layers,
            dropout: network::parse_dropout(&mut args)?,
            smoothing: network::parse_label_smoothing(&mut args)?,
            augment: augment::parse(&mut args)?,
            moves,
            schedule: schedule::Asked::parse(&mut args)?,
            batch_size: args.parse("--batch-size", "a whole number, 1 or more", at_least_one)?.unwrap_or(64),
            epochs: args
                .parse("--epochs", "a whole number, 1 or more and at most 1000000000", |text| {
                    at_least_one(text).filter(|epochs| *epochs <= EPOCHS_MAX)
                })?
                .unwrap_or(21),
            early_stop: course::parse_early_stop(&mut args)?,
            seed: args.value("--seed", "a whole number below 2^64")?.unwrap_or(42),
            shuffle,
            init: args.path("--init")?,
            init_sha256: None,
            save: args.path("--save")?,
            outputs: Outputs::parse(&mut args)?,
            engine: Engine::parse(&mut args)?,
            style: match (json, quiet) {
                (true, true) => {
                    return Err(Error::usage("--json and --quiet exclude each other; give one of them"));
                }
                (true, false) => Style::Json,
                (false, true) => Style::Quiet,
                (false, false) => Style::Text,
            },
            explain,
            print_command,
        };
        args.finish(0)?;
        Ok(plan)
    }

    /// What the report tells of the run beside its settings.
    fn circumstances(
        &self,
        threads: usize,
        train: Examples<'_>,
        test: Option<Examples<'_>>,
    ) -> Vec<(&'static str, String)> {
        let count = |part: Option<Examples<'_>>| thousands(part.map_or(0, |part| part.len()));
        let mut rows = vec![
            ("training images", count(Some(train))),
            ("test images", count(test)),
            ("kernels", self.engine.kernels.isa().to_string()),
            ("threads", threads.to_string()),
        ];
        rows.extend(self.save.as_ref().map(|path| ("saved as", path.display().to_string())));
        rows
    }

    /// Evaluates after this step of this epoch, and refuses a loss that is no number: the last step can diverge as well.
    fn evaluate(
        &self,
        trainer: &mut Trainer,
        examples: Examples<'_>,
        (epoch, step): (usize, usize),
    ) -> Result<Metrics> {
        let metrics = trainer.evaluate(examples);
        if metrics.loss_sum.is_finite() {
            return Ok(metrics);
        }
        Err(Error::failed(format!(
            "the loss is {} after epoch {epoch}, step {step}, at learning rate {:?}; {}",
            metrics.loss(),
            trainer.learning_rate(),
            trainer.remedy(true)
        )))
    }

    /// The network to start from.
    fn network(&self, data: &Dataset, classes: usize) -> Result<Network> {
        let inputs = data.rows * data.cols;
        let Some(path) = &self.init else {
            let make = |sizes: &[usize]| Network::glorot_uniform(sizes, self.seed);
            let fix = "choose two with --classes, such as --classes 3,8, or another loss";
            return self.layers.network(inputs, classes, fix, make);
        };
        let network = self.layers.load(path)?;
        let found = (network.inputs(), network.classes());
        if found != (inputs, classes) {
            return Err(Error::failed(format!(
                "{} takes {} inputs to {} classes, but {} has images of {} x {} and {classes} classes; it needs a model of that shape",
                path.display(),
                found.0,
                found.1,
                data.name,
                data.rows,
                data.cols
            )));
        }
        self.layers.check(&network, path)?;
        Ok(network)
    }

    /// One dropout rate for each hidden layer, if there is any.
    fn dropout(&self, network: &Network) -> Result<Option<Vec<f64>>> {
        let hidden = network.hidden().len();
        self.dropout.as_ref().map(|rates| network::dropout_rates(rates, hidden)).transpose()
    }

    fn loss(&self, network: &Network) -> Loss {
        self.layers.loss.unwrap_or(Loss::default_for(network.outputs()))
    }

    /// The settings by which a run is the one it is, with this data and a network that may come from elsewhere.
    fn identity(&self, data: &Dataset, network: &Network) -> Result<Identity> {
        let parts = self.source.parts(data.train.len())?;
        let from = if parts.validation_first { "first" } else { "last" };
        let chosen = self.classes.as_ref().map(|text| Chosen::parse(text, data)).transpose()?;
        let config = self.config(data, network, chosen.as_ref(), (parts.validation.len(), from))?.finish();
        let mut identity = checkpoint::identity(&config).expect("our own JSON");
        // The network may be the run's own: what was asked for counts.
        identity.extend(self.layers.asked_for());
        let classes = self.source.num_classes.unwrap_or(data.classes);
        identity.insert("num_classes".into(), classes.into());
        Ok(identity)
    }

    /// The settings that the result depends on, for the record.
    fn config(
        &self,
        data: &Dataset,
        network: &Network,
        chosen: Option<&Chosen>,
        validation: (usize, &str),
    ) -> Result<JsonLine> {
        let hidden = network.hidden();
        let config = JsonLine::new().with("data", self.source.data.as_str());
        let config = config.with("validation", validation.0).with("validation_from", validation.1);
        let config =
            config.with("hidden", hidden).with("activation", Activation::list(&network.activations()));
        let config = self.moves.record(config);
        let config = self.schedule.record(config, self.moves.optimizer.learning_rate());
        let sparse = match self.engine.sparse {
            None => "auto",
            Some(true) => "always",
            Some(false) => "never",
        };
        let config = config
            .with("batch_size", self.batch_size)
            .with("epochs", self.epochs)
            .with("early_stop", self.early_stop)
            .with("seed", self.seed)
            .with("shuffle", self.shuffle)
            .with("init", self.init.as_ref().map(|path| path.to_string_lossy().into_owned()))
            .with("sparse", sparse)
            .with("loss", self.loss(network).to_string());
        let config = match self.init_sha256.as_deref() {
            Some(sha256) => config.with(INIT_SHA256, sha256),
            None => config,
        };
        let config = config.with("dropout", self.dropout(network)?);
        let config = config.with("label_smoothing", Some(self.smoothing.rate()).filter(|rate| *rate > 0.0));
        let config = augment::record(config, self.augment.as_ref());
        let config = config.with("classes", chosen.map(|chosen| chosen.labels().to_vec()));
        Ok(config.with("dataset_classes", data.classes))
    }
}
