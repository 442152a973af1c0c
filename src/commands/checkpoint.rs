//! `train --checkpoint` and `--resume`: the options, and whether a resumed run is the one that was asked for.

use std::fmt;
use std::path::{Path, PathBuf};

use mnist_fast::activation::Activation;
use mnist_fast::checkpoint::{Checkpoint, Folder, Found, PRODUCER, Run};
use mnist_fast::dataset::{self, Dataset};
use mnist_fast::model_file;
use mnist_fast::network::Network;
use mnist_fast::{Error, Result};
use mnist_fast_kernels::Isa;
use serde_json::{Map, Value};

use super::files::Named;
use super::repeat::{ARGUMENTS, LIKE, PRINT_COMMAND};
use super::taken::Taken;
use super::train::OPTIONS;
use crate::args::{Args, Given, Opt};
use crate::output::{self, quoted, warning};

pub(crate) const CHECKPOINT: Opt = Opt {
    name: "--checkpoint",
    value: "DIR",
    help: "keep there what a killed run goes on from, and the best model;\nCtrl-C then ends the run well",
};
pub(crate) const EVERY: Opt = Opt {
    name: "--checkpoint-every",
    value: "N",
    help: "do so after every N epochs (default 1), or steps: 100steps",
};
pub(crate) const RESUME: Opt = Opt {
    name: "--resume",
    value: "DIR",
    help: "go on with the run in that folder, with its options, to the same bits",
};

/// Options that change no bit of the result: a run may go on with others. Any other one is the run's.
const FREE: [&str; 16] = [
    CHECKPOINT.name,
    EVERY.name,
    RESUME.name,
    "--threads",
    "--isa",
    "--sparse",
    "--save",
    "--report",
    "--plot",
    "--log",
    "--no-mmap",
    "--json",
    "--quiet",
    "--explain",
    PRINT_COMMAND.name,
    LIKE.name,
];
/// Data is known by its hash: it may be elsewhere when a run goes on.
const DATA: &str = "--data";
/// The weights to start from are in the checkpoint, further on.
const INIT: &str = "--init";

/// The settings by which a run is the one it is.
pub(crate) type Identity = Map<String, Value>;

/// The name in a run's record of the SHA-256 of the weights that it started from, where a file had them.
pub(crate) const INIT_SHA256: &str = "init_sha256";

/// Those of a configuration's JSON: all but where the data is, what was in a file, whether zeros are left out, and how all this
/// was written.
pub(crate) fn identity(config: &str) -> Option<Identity> {
    let mut settings: Identity = serde_json::from_str(config).ok()?;
    for free in ["data", "sparse", ARGUMENTS, INIT_SHA256] {
        settings.remove(free);
    }
    Some(settings)
}

/// A number of epochs or steps: when a checkpoint is due, how long a warm-up takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Every {
    Epochs(usize),
    Steps(usize),
}

impl Every {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let n = text[..digits].parse().ok().filter(|n| *n > 0)?;
        match text[digits..].trim_start() {
            "" | "epoch" | "epochs" => Some(Every::Epochs(n)),
            "step" | "steps" => Some(Every::Steps(n)),
            _ => None,
        }
    }
}

impl Every {
    /// The same in steps, of which an epoch has `per_epoch`.
    pub(crate) fn steps(self, per_epoch: usize) -> u64 {
        match self {
            Every::Epochs(n) => (n as u64).saturating_mul(per_epoch as u64),
            Every::Steps(n) => n as u64,
        }
    }
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Every::Epochs(n) => write!(f, "{n}epochs"),
            Every::Steps(n) => write!(f, "{n}steps"),
        }
    }
}

/// What was asked for.
pub(crate) enum Request {
    /// To keep nothing.
    Nothing,
    /// A new run, that keeps its checkpoints in a folder.
    New { path: PathBuf, options: Vec<Given>, every: Every },
    /// To go on with the run in a folder; from step 0, where it has no checkpoint yet.
    Resume { folder: Folder, resumed: Option<Resumed>, options: Vec<Given>, every: Every },
}

/// What a run goes on from.
pub(crate) struct Resumed {
    pub(crate) checkpoint: Box<Checkpoint>,
    /// Its file, and the folder of that.
    path: PathBuf,
    folder: PathBuf,
    /// The options of a run that were given now, and all other arguments.
    given: Vec<Given>,
    rest: Args,
}

impl Request {
    /// Takes its options; on `--resume` the arguments that remain are those of the run.
    pub(crate) fn parse(mut args: Args) -> Result<(Self, Args)> {
        let (new, resume) = (args.path(CHECKPOINT.name)?, args.path(RESUME.name)?);
        let expected = "a whole number of epochs, 1 or more, or of steps, as in 100steps";
        let every = args.parse(EVERY.name, expected, Every::parse)?;
        match (new, resume) {
            (None, None) if every.is_some() => {
                Err(Error::usage("--checkpoint-every needs a folder; add --checkpoint DIR"))
            }
            (None, None) => Ok((Request::Nothing, args)),
            (Some(_), Some(_)) => Err(Error::usage(
                "--checkpoint and --resume exclude each other: --resume DIR goes on keeping checkpoints in DIR",
            )),
            (Some(path), None) => {
                Folder::check_new(&path)?;
                let options = args.take(is_of_run)?;
                let args = args.and(&options);
                Ok((Request::New { path, options, every: every.unwrap_or(Every::Epochs(1)) }, args))
            }
            (None, Some(path)) => Self::resume(&path, args, every),
        }
    }

    fn resume(path: &Path, mut rest: Args, every: Option<Every>) -> Result<(Self, Args)> {
        let given = rest.take(is_of_run)?;
        let mut folder = Folder::open(path)?;
        let Some(Found { checkpoint, path, damaged }) = folder.newest()? else {
            output::stderr(format_args!(
                "note: {} holds no whole checkpoint yet: the training starts from step 0, with the options given now",
                path.display()
            ));
            let (args, every) = (rest.and(&given), every.unwrap_or(Every::Epochs(1)));
            return Ok((Request::Resume { folder, resumed: None, options: given, every }, args));
        };
        for error in damaged {
            warning(format_args!("{error}; going on from {}", path.display()));
        }
        let strange = || Error::failed(format!("{} has options that train does not have", path.display()));
        let stored = checkpoint.run.options.iter().map(|(name, value)| {
            let known = OPTIONS.iter().find(|known| known.name == name && is_of_run(name))?;
            (known.value.is_empty() == value.is_none()).then(|| (known.name, value.clone().map(Into::into)))
        });
        let mut options = stored.collect::<Option<Vec<Given>>>().ok_or_else(strange)?;
        if let Some(data) = given.iter().find(|(name, _)| *name == DATA) {
            options = with(&options, data);
        }
        let every = every.or(Every::parse(&checkpoint.run.every)).ok_or_else(strange)?;
        let args = rest.and(&options);
        let resumed = Resumed { checkpoint, path, folder: folder.path().to_owned(), given, rest };
        Ok((Request::Resume { folder, resumed: Some(resumed), options, every }, args))
    }

    /// Refuses outputs that would overwrite a file of the folder.
    pub(crate) fn check_outputs(&self, outputs: &[Named<'_>]) -> Result<()> {
        let folder = match self {
            Request::Nothing => return Ok(()),
            Request::New { path, .. } => path,
            Request::Resume { folder, .. } => folder.path(),
        };
        for (name, path) in outputs {
            if Folder::owns(folder, path) {
                return Err(Error::usage(format!(
                    "{name} {} is a file of the checkpoints; give another name",
                    path.display()
                )));
            }
        }
        Ok(())
    }

    /// What the run has from its folder.
    pub(crate) fn taken(&self) -> Option<Taken> {
        let Request::Resume { resumed: Some(resumed), options, .. } = self else { return None };
        let from = format!("{} {}", RESUME.name, quoted(&resumed.folder.to_string_lossy()));
        Some(Taken::new(from, options, &resumed.given))
    }

    /// Whether a run is to go on.
    pub(crate) fn is_resume(&self) -> bool {
        matches!(self, Request::Resume { .. })
    }

    fn resumed(&self) -> Option<&Resumed> {
        match self {
            Request::Resume { resumed, .. } => resumed.as_ref(),
            _ => None,
        }
    }

    /// The network of the checkpoint, if the run goes on from one, which must be of this data.
    pub(crate) fn network(&self, data: &Dataset, classes: usize) -> Result<Option<Network>> {
        let Some(Resumed { checkpoint, path, folder, .. }) = self.resumed() else { return Ok(None) };
        if dataset::identity(&dataset::Options::new(&data.name))? != checkpoint.run.data_sha256 {
            return Err(Error::failed(format!(
                "the run in {} was on other data than --data {} is now; give the data it began with by --data",
                folder.display(),
                data.name
            )));
        }
        let network = &checkpoint.network;
        if (network.inputs(), network.classes()) != (data.rows * data.cols, classes) {
            return Err(Error::failed(format!(
                "{} has a network of {} inputs and {} classes, but {} has images of {} x {} and {classes} classes; leave \
                 --num-classes as it was",
                path.display(),
                network.inputs(),
                network.classes(),
                data.name,
                data.rows,
                data.cols
            )));
        }
        let strange = || {
            Error::failed(format!(
                "{} has no configuration with the network's activations, where that was expected",
                path.display()
            ))
        };
        let config = identity(&checkpoint.run.config).ok_or_else(strange)?;
        let activations = config.get("activation").and_then(Value::as_str).ok_or_else(strange)?;
        if network.hidden().is_empty() {
            return Ok(Some(Network::clone(network)));
        }
        let activations = Activation::parse_list(activations).ok_or_else(strange)?;
        Network::clone(network).with_activations(&activations).map(Some)
    }

    /// What [`INIT_SHA256`] is of a run that starts from this network, or goes on from one that did.
    pub(crate) fn init_sha256(&self, network: &Network) -> Option<String> {
        match self.resumed() {
            Some(resumed) => resumed.init_sha256(),
            None => Some(network.sha256()),
        }
    }

    /// The run that this is, with this configuration, if its state is to be kept. What is given on `--resume` must be what
    /// the run began with: `identity_of` says what arguments come to.
    pub(crate) fn run(
        &self,
        data: &Dataset,
        isa: Isa,
        config: String,
        identity_of: impl Fn(Args) -> Result<Identity>,
    ) -> Result<Option<Run>> {
        let (options, every) = match self {
            Request::Nothing => return Ok(None),
            Request::New { options, every, .. } | Request::Resume { options, every, .. } => (options, every),
        };
        if let Some(resumed) = self.resumed() {
            resumed.check(options, isa, identity_of)?;
        }
        let text = |value: &std::ffi::OsString| value.to_string_lossy().into_owned();
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), value.as_ref().map(text)));
        Ok(Some(Run {
            producer: PRODUCER.into(),
            options: options.collect(),
            config,
            data_sha256: dataset::identity(&dataset::Options::new(&data.name))?,
            exact: isa.is_exact(),
            every: every.to_string(),
        }))
    }
}

impl Resumed {
    fn init_sha256(&self) -> Option<String> {
        let config: Identity = serde_json::from_str(&self.checkpoint.run.config).ok()?;
        config.get(INIT_SHA256)?.as_str().map(str::to_owned)
    }

    /// Refuses a file that is given again and holds other weights now.
    fn check_init(&self) -> Result<()> {
        let Some((_, Some(path))) = self.given.iter().find(|(name, _)| *name == INIT) else { return Ok(()) };
        let Some(then) = self.init_sha256() else { return Ok(()) };
        let now = model_file::load(Path::new(path))?.network.sha256();
        if now == then {
            return Ok(());
        }
        Err(Error::failed(format!(
            "{INIT} {} holds other weights than when the run in {} began: their SHA-256 is {now}, and was {then}; leave it out, \
             for the run goes on from its checkpoint",
            Path::new(path).display(),
            self.folder.display()
        )))
    }

    fn check(
        &self,
        options: &[Given],
        isa: Isa,
        identity_of: impl Fn(Args) -> Result<Identity>,
    ) -> Result<()> {
        let run = &self.checkpoint.run;
        let folder = self.folder.display();
        match (run.exact, isa.is_exact()) {
            (true, false) => {
                return Err(Error::failed(format!(
                    "the run in {folder} has the exact bits, which {isa} kernels do not give; --isa scalar does on any CPU"
                )));
            }
            (false, true) => {
                return Err(Error::failed(format!(
                    "the run in {folder} is on portable kernels, whose bits {isa} kernels do not give; add --isa portable"
                )));
            }
            _ => {}
        }
        self.check_init()?;
        let own = identity_of(self.rest.and(options))?;
        let stored = identity(&run.config).ok_or_else(|| {
            Error::failed(format!(
                "the run in {folder} has no configuration, where a JSON object was expected"
            ))
        })?;
        // What a later version adds is off unless asked for, but it may do by default what this one did not.
        if let Some((name, value)) = stored.iter().find(|(name, value)| own.get(*name) != Some(value)) {
            return Err(Error::failed(format!(
                "the run in {folder} has the setting {name} {value}, which its options do not come to in {PRODUCER}; go on \
                 with {}",
                run.producer
            )));
        }
        let (mut names, mut settings) = (vec![], vec![]);
        for option in self.given.iter().filter(|(name, _)| *name != DATA) {
            let found = identity_of(self.rest.and(&with(options, option)))?;
            if found != own {
                names.push(option.0);
                let differs = own.iter().filter(|(name, value)| found.get(*name) != Some(value));
                settings.extend(differs.map(|(name, value)| format!("{} {value}", name.replace('_', " "))));
            }
        }
        if names.is_empty() {
            return Ok(());
        }
        settings.sort();
        settings.dedup();
        let differ = if names.len() == 1 { "differs from what" } else { "differ from what" };
        Err(Error::failed(format!(
            "{} {differ} the run in {folder} began with ({}); leave that out, or begin another run with --checkpoint in \
             another folder",
            names.join(", "),
            settings.join(", ")
        )))
    }
}

pub(crate) fn is_of_run(name: &str) -> bool {
    !FREE.contains(&name)
}

/// The options with this one instead of those it replaces.
fn with(options: &[Given], option: &Given) -> Vec<Given> {
    const EXCLUDE_EACH_OTHER: [[&str; 2]; 2] =
        [["--validation", "--validation-split"], ["--clip-value", "--clip-norm"]];
    let replaced = |name: &str| {
        let both = |pair: &[&str; 2]| [name, option.0].iter().all(|name| pair.contains(name));
        name == option.0 || EXCLUDE_EACH_OTHER.iter().any(both)
    };
    options.iter().filter(|(name, _)| !replaced(name)).chain([option]).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_when_is_read_again() {
        for (text, every) in [
            ("3", Every::Epochs(3)),
            ("1epoch", Every::Epochs(1)),
            ("2 epochs", Every::Epochs(2)),
            ("100steps", Every::Steps(100)),
            ("1 step", Every::Steps(1)),
        ] {
            assert_eq!(Every::parse(text), Some(every), "{text}");
            assert_eq!(Every::parse(&every.to_string()), Some(every));
        }
        for text in ["", "0", "0steps", "steps", "-1", "1.5", "3 days", "é", "1é", "99999999999999999999"] {
            assert_eq!(Every::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_options_that_are_free_are_options() {
        assert!(FREE.iter().chain([&DATA]).all(|name| OPTIONS.iter().any(|option| option.name == *name)));
    }
}
