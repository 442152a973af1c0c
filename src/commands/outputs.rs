//! The files that a run is asked for beside a model: the report, the curves, the log.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use mnist_fast::dataset::{self, Dataset, Origin};
use mnist_fast::history::Epoch;
use mnist_fast::network::Network;
use mnist_fast::predict::Evaluation;
use mnist_fast::report::{self, Evaluated, Names, Page};
use mnist_fast::target::Target;
use mnist_fast::units::utc;
use mnist_fast::{Error, Result};
use serde_json::{Map, Value};

use super::data::Picked;
use super::files::{self, Named};
use super::info;
use super::log::Log;
use super::repeat::{ARGUMENTS, command_line};
use crate::args::{Args, Opt};
use crate::output::{thousands, warning};

pub(crate) const REPORT: Opt = Opt {
    name: "--report",
    value: "FILE.html",
    help: "write a page with the curves, the confusion matrix, each class, the\nworst mistakes, the configuration and the hashes",
};
pub(crate) const EVAL_REPORT: Opt = Opt {
    help: "write a page with the confusion matrix, each class, the worst mistakes,\nthe configuration and the hashes",
    ..REPORT
};
pub(crate) const PLOT: Opt =
    Opt { name: "--plot", value: "FILE.svg", help: "write the curves of loss and accuracy" };
pub(crate) const LOG: Opt = Opt {
    name: "--log",
    value: "FILE",
    help: "write each epoch's figures, as .csv or .jsonl: line by line, so that\nthey are there after each epoch, whatever becomes of the run",
};

const PAGE: Target = Target { what: "a report", example: "report.html" };
const CURVES: Target = Target { what: "a plot", example: "curves.svg" };

/// Which files were asked for, and what they are to tell.
#[derive(Default)]
pub(crate) struct Outputs {
    report: Option<PathBuf>,
    plot: Option<PathBuf>,
    log: Option<Log>,
    /// What became of the log, if it could not be written.
    log_error: Option<Error>,
    epochs: Vec<Epoch>,
}

impl Outputs {
    /// Takes the options of `train`.
    pub(crate) fn parse(args: &mut Args) -> Result<Self> {
        let log = args.path(LOG.name)?.map(|path| {
            let refused = wrong_name(&LOG, &path, ".csv or .jsonl");
            Log::new(path).ok_or(refused)
        });
        Ok(Outputs {
            report: parse_report(args)?,
            plot: parse_named(args, &PLOT, &["svg"])?,
            log: log.transpose()?,
            log_error: None,
            epochs: vec![],
        })
    }

    /// Whether there is anything to write.
    pub(crate) fn any(&self) -> bool {
        self.report.is_some() || self.plot.is_some() || self.log.is_some()
    }

    pub(crate) fn report(&self) -> bool {
        self.report.is_some()
    }

    /// The files that were asked for.
    pub(crate) fn files(&self) -> Vec<Named<'_>> {
        let log = self.log.as_ref().map(Log::path);
        files::given(&[
            (REPORT.name, self.report.as_deref()),
            (PLOT.name, self.plot.as_deref()),
            (LOG.name, log),
        ])
    }

    /// Checks, before the work starts, that all can be written, and not over something else.
    pub(crate) fn check(&self) -> Result<()> {
        self.report.as_deref().map_or(Ok(()), |path| PAGE.check_over(path, is_markup))?;
        self.plot.as_deref().map_or(Ok(()), |path| CURVES.check_over(path, is_markup))?;
        self.log.as_ref().map_or(Ok(()), Log::check)
    }

    /// Begins the log.
    pub(crate) fn start(&mut self) -> Result<()> {
        self.log.as_mut().map_or(Ok(()), Log::start)
    }

    /// Notes an epoch. Training does not end because the log cannot be written: that is told at the end again.
    pub(crate) fn epoch(&mut self, epoch: Epoch) {
        self.epochs.push(epoch);
        if let (Some(log), None) = (&mut self.log, &self.log_error)
            && let Err(error) = log.epoch(&epoch)
        {
            warning(format_args!("{error}; the training goes on without it"));
            self.log_error = Some(error);
        }
    }

    /// Writes what is left to write; returns a line for each file.
    pub(crate) fn finish(self, run: &Run<'_>) -> Result<Vec<String>> {
        let mut lines = vec![];
        let mut wrote = |path: &Path| lines.push(format!("wrote {}", path.display()));
        if let Some(path) = &self.plot {
            CURVES.write(path, report::plot(&self.epochs).as_bytes())?;
            wrote(path);
        }
        if let Some(path) = &self.report {
            run.write(path, &self.epochs)?;
            wrote(path);
        }
        match (self.log, self.log_error) {
            (_, Some(error)) => return Err(error),
            (Some(log), None) => wrote(log.path()),
            (None, None) => {}
        }
        Ok(lines)
    }
}

/// Takes `--report`.
pub(crate) fn parse_report(args: &mut Args) -> Result<Option<PathBuf>> {
    parse_named(args, &REPORT, &["html", "htm"])
}

/// Checks, before the work starts, that the report can be written, and not over the model.
pub(crate) fn check_report(path: &Path, model: &Path) -> Result<()> {
    files::require_apart(&[(REPORT.name, path)], &[("the model", model)])?;
    PAGE.check_over(path, is_markup)
}

/// Whether a file begins as HTML or SVG.
fn is_markup(head: &[u8]) -> bool {
    head.trim_ascii_start().starts_with(b"<")
}

/// A file whose name must have one of these ends: a model is not overwritten by a slip of the finger.
fn parse_named(args: &mut Args, option: &Opt, extensions: &[&str]) -> Result<Option<PathBuf>> {
    let Some(path) = args.path(option.name)? else { return Ok(None) };
    let found = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    match found.is_some_and(|found| extensions.contains(&found.as_str())) {
        true => Ok(Some(path)),
        false => Err(wrong_name(option, &path, &format!(".{}", extensions[0]))),
    }
}

fn wrong_name(option: &Opt, path: &Path, ends: &str) -> Error {
    Error::usage(format!("{} {}: expected a name that ends in {ends}", option.name, path.display()))
}

/// What a report tells beside the epochs.
pub(crate) struct Run<'a> {
    pub(crate) title: &'a str,
    pub(crate) data: &'a Dataset,
    pub(crate) network: &'a Network,
    pub(crate) names: Names<'a>,
    /// Which images the network was asked about, and what it said.
    pub(crate) evaluated: Option<(&'a str, &'a Picked<'a>, &'a Evaluation)>,
    pub(crate) verdict: Option<String>,
    pub(crate) seconds: Option<f64>,
    /// The settings of the training, as a JSON object.
    pub(crate) training: Option<&'a Value>,
    /// More about the run, after these.
    pub(crate) more: Vec<(&'static str, String)>,
    pub(crate) weights_sha256: &'a str,
}

impl Run<'_> {
    /// Writes the page.
    pub(crate) fn write(&self, path: &Path, history: &[Epoch]) -> Result<()> {
        let (data, network) = (self.data, self.network);
        let widths =
            [network.inputs()].into_iter().chain(network.layers().iter().map(|layer| layer.outputs()));
        let widths: Vec<String> = widths.map(|width| width.to_string()).collect();
        let parameters = thousands(network.parameters());
        let some = self.names.labels.map(|labels| format!(", {} of {} classes", labels.len(), data.classes));
        let name = clean(&data.name) + &some.unwrap_or_default();
        let subtitle = format!("{name}, {}, {parameters} parameters", widths.join("-"));
        let mut configuration = settings(self.training.and_then(Value::as_object));
        configuration.extend(self.more.iter().map(|(name, value)| ((*name).to_owned(), clean(value))));
        configuration.push(("machine".into(), info::machine()));
        let time = utc(SystemTime::now()).map_or(String::new(), |time| format!(" on {time}"));
        let page = Page {
            title: self.title,
            subtitle,
            history,
            verdict: self.verdict.clone(),
            seconds: self.seconds,
            evaluated: self.evaluated.map(|(split, picked, found)| Evaluated {
                split,
                examples: picked.examples(),
                size: (data.rows, data.cols),
                classes: network.classes(),
                names: self.names,
                indices: picked.indices(),
                found,
            }),
            configuration,
            hashes: self.hashes()?,
            made_by: format!(
                "Made by mnist-fast {}{time}. Nothing here is loaded from elsewhere.",
                env!("CARGO_PKG_VERSION")
            ),
        };
        PAGE.write(path, page.html().as_bytes())
    }

    fn hashes(&self) -> Result<Vec<(String, String)>> {
        let mut rows = vec![("weights".to_owned(), self.weights_sha256.to_owned())];
        let options = dataset::Options { access: self.data.access, ..dataset::Options::new(&self.data.name) };
        for file in dataset::fingerprints(&options)?.files {
            let origin = match file.origin {
                Origin::Published(name) => format!(" (as published: {name})"),
                Origin::Differs(_) => " (not what was published)".into(),
                Origin::Unknown => String::new(),
            };
            rows.push((file.role.to_owned(), file.sha256 + &origin));
        }
        Ok(rows)
    }
}

/// What steers a terminal is nothing for a page either.
fn clean(text: &str) -> String {
    text.replace(char::is_control, "?")
}

/// The settings in the order in which people think of them, then what else there is.
const ORDER: [&str; 32] = [
    "data",
    "classes",
    "dataset_classes",
    "validation",
    "validation_from",
    "hidden",
    "activation",
    "dropout",
    "loss",
    "label_smoothing",
    "augment",
    "augment_rotate",
    "augment_scale",
    "augment_shear",
    "augment_shift",
    "optimizer",
    "lr",
    "momentum",
    "rho",
    "epsilon",
    "schedule",
    "warmup",
    "lr_drop_every",
    "lr_factor",
    "lr_first",
    "lr_final",
    "batch_size",
    "epochs",
    "early_stop",
    "seed",
    "shuffle",
    "sparse",
];

fn settings(training: Option<&Map<String, Value>>) -> Vec<(String, String)> {
    // A model file may be anybody's, and say anything.
    const ROWS_MAX: usize = 64;
    const VALUE_MAX: usize = 300;
    const COMMAND_MAX: usize = 4000;
    let clipped = |text: &str| clean(&text.chars().take(VALUE_MAX).collect::<String>());
    let Some(training) = training else { return vec![] };
    let command = training.get(ARGUMENTS).and_then(Value::as_array).map(|arguments| {
        let line = command_line(arguments.iter().filter_map(Value::as_str));
        ("command".to_owned(), clean(&line.chars().take(COMMAND_MAX).collect::<String>()))
    });
    let rank = |name: &str| ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len());
    let mut all: Vec<_> =
        training.iter().filter(|(name, value)| !value.is_null() && *name != ARGUMENTS).collect();
    all.sort_by_key(|(name, _)| rank(name));
    all.into_iter()
        .take(ROWS_MAX)
        .map(|(name, value)| (clipped(&name.replace('_', " ")), clipped(&words(value))))
        .chain(command)
        .collect()
}

/// A value as people write it.
fn words(value: &Value) -> String {
    match value {
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "none".into(),
        Value::Array(values) => values.iter().map(words).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_are_readable_and_none_is_lost() {
        let training = json!({
            "new_thing": {"a": 1}, "epochs": 3, "data": "mnist", "hidden": [], "init": null, "shuffle": false,
            "classes": [1, 2], "lr": 0.001
        });
        let found = settings(training.as_object());
        let rows: Vec<String> = found.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let expected = [
            "data: mnist",
            "classes: 1, 2",
            "hidden: none",
            "lr: 0.001",
            "epochs: 3",
            "shuffle: no",
            "new thing: {\"a\":1}",
        ];
        assert_eq!(rows, expected);
        let large: Map<_, _> =
            (0..1000).map(|i| (format!("{i}"), Value::from("\u{1b}".repeat(5000)))).collect();
        let large = settings(Some(&large));
        assert!(large.len() == 64 && large.iter().all(|(_, value)| *value == "?".repeat(300)));
    }
}
