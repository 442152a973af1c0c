//! What the options of `train` ask for, checked once, before the data is known.

use std::path::PathBuf;

use mnist_fast::dataset::Dataset;
use mnist_fast::loss::Loss;
use mnist_fast::model_file;
use mnist_fast::network::Network;
use mnist_fast::{Error, Result};
use mnist_fast_kernels::{DistortionRange, LabelSmoothing};

use super::super::checkpoint::{CHECKPOINT, Request};
use super::super::data::Source;
use super::super::engine::{Engine, threads_for};
use super::super::files::{self, Named};
use super::super::network::{self, Layers};
use super::super::optimizer::{Choice, Switches};
use super::super::outputs::Outputs;
use super::super::repeat::PRINT_COMMAND;
use super::super::report::Style;
use super::super::{augment, course, schedule};
use crate::args::{Args, at_least_one};

/// More than anybody waits for, so that sums of steps need no thought.
const EPOCHS_MAX: usize = 1_000_000_000;

/// What the options ask for, before the data is known.
pub(super) struct Plan {
    pub(super) source: Source,
    pub(super) classes: Option<String>,
    pub(super) layers: Layers,
    pub(super) dropout: Option<Vec<f64>>,
    pub(super) smoothing: LabelSmoothing,
    pub(super) augment: Option<DistortionRange>,
    pub(super) moves: Choice,
    pub(super) schedule: schedule::Asked,
    pub(super) batch_size: usize,
    pub(super) epochs: usize,
    pub(super) early_stop: Option<usize>,
    pub(super) seed: u64,
    pub(super) shuffle: bool,
    pub(super) init: Option<PathBuf>,
    pub(super) save: Option<PathBuf>,
    pub(super) outputs: Outputs,
    pub(super) engine: Engine,
    pub(super) style: Style,
    pub(super) explain: bool,
    pub(super) print_command: bool,
}

impl Plan {
    pub(super) fn parse(mut args: Args) -> Result<Plan> {
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

    /// The network to start from.
    pub(super) fn network(&self, data: &Dataset, classes: usize) -> Result<Network> {
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
    pub(super) fn dropout(&self, network: &Network) -> Result<Option<Vec<f64>>> {
        let hidden = network.hidden().len();
        self.dropout.as_ref().map(|rates| network::dropout_rates(rates, hidden)).transpose()
    }

    pub(super) fn loss(&self, network: &Network) -> Loss {
        self.layers.loss.unwrap_or(Loss::default_for(network.outputs()))
    }

    /// How many threads there are to be: none without an image of a batch.
    pub(super) fn threads(&self) -> usize {
        self.engine.threads.unwrap_or_else(|| threads_for(self.batch_size)).min(self.batch_size)
    }

    /// The files that the run writes, `outputs` among them.
    pub(super) fn files<'a>(&'a self, outputs: &'a Outputs) -> Vec<Named<'a>> {
        [outputs.files(), files::given(&[("--save", self.save.as_deref())])].concat()
    }

    /// Checks, before the work starts, that all `files` can be written, and not over each other or over what is read.
    pub(super) fn check_files(
        &self,
        files: &[Named<'_>],
        outputs: &Outputs,
        request: &Request,
    ) -> Result<()> {
        if let Some(path) = &self.save {
            model_file::check_target(path)?;
        }
        if self.explain {
            let folder = matches!(request, Request::New { .. }).then_some(CHECKPOINT.name);
            if let Some(name) = files.iter().map(|(name, _)| *name).chain(folder).next() {
                return Err(Error::usage(format!(
                    "--explain trains nothing and writes no file; leave {name} out"
                )));
            }
        }
        files::require_apart(files, &files::given(&[("--init", self.init.as_deref())]))?;
        outputs.check()?;
        request.check_outputs(files)
    }
}
