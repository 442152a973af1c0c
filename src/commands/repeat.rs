//! The command line that repeats a run: `train --print-command` prints it, model files keep it, and `train --like` takes it from one.
//!
//! It holds every option on which a bit of the result depends, also those that were not given: what is default may be
//! another one in a later version.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use mnist_fast::checkpoint::PRODUCER;
use mnist_fast::model_file;
use mnist_fast::{Error, Result};
use mnist_fast_kernels::Isa;
use serde_json::{Map, Value};

use super::checkpoint::{INIT_SHA256, is_of_run};
use super::engine::ISA;
use super::network::{ACTIVATION, DROPOUT, HIDDEN};
use super::taken::Taken;
use super::train::OPTIONS;
use crate::args::{Args, Given, Opt};
use crate::output::quoted;

pub(crate) const PRINT_COMMAND: Opt = Opt {
    name: "--print-command",
    value: "",
    help: "print the command line that repeats the run to the same bits, with every\noption in force; nothing is trained",
};
pub(crate) const LIKE: Opt = Opt {
    name: "--like",
    value: "MODEL",
    help: "train as that model file was trained, to the same bits; other options\nreplace what it says",
};

/// The name in a run's record of the options in force.
pub(crate) const ARGUMENTS: &str = "arguments";

/// What else is no longer meant where an option is replaced.
const DEPENDENTS: [(&str, &[&str]); 8] = [
    ("--validation", &["--validation-split"]),
    ("--validation-split", &["--validation"]),
    (
        "--optimizer",
        &[
            "--lr",
            "--momentum",
            "--nesterov",
            "--rho",
            "--centered",
            "--epsilon",
            "--epsilon-at",
            "--beta-1",
            "--beta-2",
            "--weight-decay",
        ],
    ),
    ("--clip-value", &["--clip-norm"]),
    ("--clip-norm", &["--clip-value"]),
    ("--schedule", &["--warmup", "--lr-drop-every", "--lr-factor", "--lr-first", "--lr-final"]),
    ("--augment", &["--augment-rotate", "--augment-scale", "--augment-shear", "--augment-shift"]),
    // The file says what network there is.
    ("--init", &["--hidden", "--activation", "--loss"]),
];

/// What is for hidden layers alone.
const OF_HIDDEN_LAYERS: [&str; 2] = [ACTIVATION.name, DROPOUT.name];

/// The options in force, as arguments in the order of the help: those of the run that were `given`, and what the others come to
/// in its record.
pub(crate) fn in_force(given: &[Given], record: &Map<String, Value>, isa: Isa) -> Vec<String> {
    let no_layers = record.get("hidden").and_then(Value::as_array).is_some_and(Vec::is_empty);
    let mut arguments = vec![];
    for option in OPTIONS.iter().filter(|option| !option.name.is_empty() && is_of_run(option.name)) {
        if let Some((name, value)) = given.iter().find(|(name, _)| *name == option.name) {
            arguments.push((*name).to_owned());
            arguments.extend(value.as_ref().map(|value| value.to_string_lossy().into_owned()));
            continue;
        }
        // Images from the end are held out by a share, or, in a small folder, by default.
        let from_the_end =
            option.name == "--validation" && record.get("validation_from") != Some(&"first".into());
        let of_none = no_layers && OF_HIDDEN_LAYERS.contains(&option.name);
        if option.value.is_empty() || from_the_end || of_none {
            continue;
        }
        if let Some(text) =
            record.get(&record_name(option.name)).and_then(|value| as_argument(option.name, value))
        {
            arguments.extend([option.name.to_owned(), text]);
        }
    }
    if !isa.is_exact() {
        arguments.extend([ISA.name.to_owned(), isa.to_string()]);
    }
    arguments
}

/// What an option is called in a run's record.
fn record_name(option: &str) -> String {
    option.trim_start_matches('-').replace('-', "_")
}

/// A value of the record as the option takes it; nothing where the option has none.
fn as_argument(option: &str, value: &Value) -> Option<String> {
    match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Array(values) if values.is_empty() => (option == "--hidden").then(|| "none".into()),
        Value::Array(values) => {
            Some(values.iter().map(|value| as_argument(option, value)).collect::<Option<Vec<_>>>()?.join(","))
        }
        _ => None,
    }
}

/// Options as a shell takes them.
pub(crate) fn command_words(options: &[Given]) -> Vec<String> {
    let words = options.iter().flat_map(|(name, value)| {
        [Some((*name).to_owned()), value.as_ref().map(|value| quoted(&value.to_string_lossy()))]
    });
    words.flatten().collect()
}

/// The whole command as a shell takes it.
pub(crate) fn command_line<'a>(arguments: impl IntoIterator<Item = &'a str>) -> String {
    ["mnist-fast", "train"].into_iter().chain(arguments).map(quoted).collect::<Vec<_>>().join(" ")
}

/// The model that a run is to be like.
pub(crate) struct Like {
    path: PathBuf,
    /// What a run to the same bits ends with.
    weights_sha256: String,
    /// What the `--init` file hashed to then, unless another one is given.
    init_sha256: Option<String>,
    /// The record of the model's run.
    training: Value,
    /// Whether a run with its settings is to end with its weights: it did so itself, and its bits are fixed.
    ends_with_it: bool,
    /// Whether no option of the run was given.
    untouched: bool,
    /// What the run has from the model.
    pub(crate) taken: Taken,
}

impl Like {
    /// Takes `--like`; the arguments that remain are the model's with those given in their place.
    pub(crate) fn parse(mut args: Args) -> Result<(Option<Self>, Args)> {
        let Some(path) = args.path(LIKE.name)? else { return Ok((None, args)) };
        let model = model_file::load(&path)?;
        let training = model.training.unwrap_or_default();
        let stored = options(&path, &training)?;
        let (given, all) = replacing(&mut args, &stored)?;
        let portable = stored.iter().any(|(name, _)| *name == ISA.name);
        // The best model of a run, beside its checkpoints, is not what the run ends with.
        let is_result = training.get("epoch").is_none() || !training["early_stop"].is_null();
        let init =
            given.iter().all(|(name, _)| *name != "--init").then(|| training.get(INIT_SHA256)).flatten();
        let init_sha256 = init.and_then(Value::as_str).map(str::to_owned);
        let like = Like {
            taken: Taken::new(format!("{} {}", LIKE.name, quoted(&path.to_string_lossy())), &all, &given),
            weights_sha256: model.network.sha256(),
            init_sha256,
            ends_with_it: is_result && !portable,
            untouched: given.iter().all(|(name, _)| *name == ISA.name),
            training,
            path,
        };
        Ok((Some(like), args.and(&all)))
    }

    /// Refuses an `--init` file that is another now, before anything is trained.
    ///
    /// # Errors
    /// Where its weights, of which this is the SHA-256, are not those that the model was trained from.
    pub(crate) fn check_init(&self, sha256: Option<&str>) -> Result<()> {
        match (&self.init_sha256, sha256) {
            (Some(then), Some(now)) if then != now => Err(Error::failed(format!(
                "the --init file that {} was trained from holds other weights now: their SHA-256 is {now}, and was {then}; bring \
                 the old file back, or choose one with --init",
                self.path.display()
            ))),
            _ => Ok(()),
        }
    }

    /// The model, if the run, of which this is the record, came to its weights; nothing where it was to be another run.
    ///
    /// # Errors
    /// Where it was to come to these weights, and came to others.
    pub(crate) fn compare(&self, record: &Value, sha256: &str, isa: Isa) -> Result<Option<&Path>> {
        let same = self.untouched || settings(&self.training) == settings(record);
        if !same || !self.ends_with_it || !isa.is_exact() {
            return Ok(None);
        }
        let path = self.path.display();
        if sha256 == self.weights_sha256 {
            return Ok(Some(&self.path));
        }
        Err(Error::failed(format!(
            "the weights are not those of {path}, whose SHA-256 is {}; its data or --init file is another now, or its version was",
            self.weights_sha256
        )))
    }
}

/// Those of a record on which the result depends.
fn settings(record: &Value) -> Option<Map<String, Value>> {
    let mut settings = record.as_object()?.clone();
    for other in ["sparse", "epoch", ARGUMENTS] {
        settings.remove(other);
    }
    Some(settings)
}

/// Takes the options of the run out of `args`: those given, and all that hold if the `stored` ones do where none replaces them.
pub(crate) fn replacing(args: &mut Args, stored: &[Given]) -> Result<(Vec<Given>, Vec<Given>)> {
    let given = args.take(|name| is_of_run(name) || name == ISA.name)?;
    let replaced = |name: &str| given.iter().any(|option| replaces(option, name));
    let kept = stored.iter().filter(|(name, _)| !replaced(name));
    let all = kept.chain(&given).cloned().collect();
    Ok((given, all))
}

/// Whether an option takes the place of what is stored as `name`.
fn replaces((given, value): &Given, name: &str) -> bool {
    let dependents = DEPENDENTS.iter().find(|(option, _)| option == given).map_or(&[][..], |(_, all)| all);
    let no_layers = *given == HIDDEN.name && value.as_ref().is_some_and(|value| value == "none");
    *given == name || dependents.contains(&name) || no_layers && OF_HIDDEN_LAYERS.contains(&name)
}

/// The options that a model was trained with.
fn options(path: &Path, training: &Value) -> Result<Vec<Given>> {
    let path = path.display();
    let Some(arguments) = training.get(ARGUMENTS).and_then(Value::as_array) else {
        return Err(Error::failed(format!(
            "{path} does not say with which options it was trained; --like wants a model that {PRODUCER} trained"
        )));
    };
    let strange = |what: &Value| {
        Error::failed(format!(
            "{path} was trained with {what}, which is no option that train of {PRODUCER} has"
        ))
    };
    let mut options: Vec<Given> = vec![];
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let known = OPTIONS.iter().find(|known| {
            !known.name.is_empty()
                && argument.as_str() == Some(known.name)
                && (is_of_run(known.name) || known.name == ISA.name)
        });
        let known = known.filter(|known| options.iter().all(|(name, _)| *name != known.name));
        let known = known.ok_or_else(|| strange(argument))?;
        let value = if known.value.is_empty() {
            None
        } else {
            let value = arguments.next().and_then(Value::as_str).ok_or_else(|| strange(argument))?;
            Some(OsString::from(value))
        };
        options.push((known.name, value));
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_in_force_are_given_or_recorded() {
        let record = serde_json::json!({
            "data": "mnist", "validation": 100, "validation_from": "first", "hidden": [], "activation": "relu", "optimizer": "sgd",
            "lr": 1e-7, "epochs": 3, "dropout": null, "shuffle": false, "seed": 18446744073709551615u64, "dataset_classes": 10
        });
        let mut record = record.as_object().unwrap().clone();
        let given: [Given; 3] =
            [("--lr", Some("1E-7".into())), ("--no-shuffle", None), ("--init", Some("my model".into()))];
        let found = in_force(&given, &record, Isa::Scalar);
        assert_eq!(
            command_line(found.iter().map(String::as_str)),
            "mnist-fast train --data mnist --validation 100 --hidden none --optimizer sgd --lr 1E-7 --epochs 3 \
             --seed 18446744073709551615 --no-shuffle --init 'my model'"
        );
        let stored = options(Path::new("m"), &serde_json::json!({ ARGUMENTS: found })).unwrap();
        assert_eq!(in_force(&stored, &record, Isa::Scalar), found);
        record["validation_from"] = "last".into();
        let found = in_force(&[("--validation-split", Some("0.1".into()))], &record, Isa::Portable);
        let found = command_line(found.iter().map(String::as_str));
        assert!(
            found.starts_with("mnist-fast train --data mnist --validation-split 0.1 --hidden none"),
            "{found}"
        );
        assert!(found.ends_with("--isa portable") && !found.contains("--validation 100"), "{found}");
    }

    #[test]
    fn options_that_hang_on_a_replaced_one_go_with_it() {
        let given = |name, value: &str| (name, Some(OsString::from(value)));
        for (option, name, expected) in [
            (given("--lr", "1"), "--lr", true),
            (given("--lr", "1"), "--optimizer", false),
            (given("--optimizer", "sgd"), "--lr", true),
            (given("--optimizer", "sgd"), "--beta-1", true),
            (given("--clip-norm", "1"), "--clip-value", true),
            (given("--momentum", "0.5"), "--optimizer", false),
            (given("--validation", "1"), "--validation-split", true),
            (given("--hidden", "9"), "--activation", false),
            (given("--hidden", "none"), "--activation", true),
            (given("--schedule", "constant"), "--lr-final", true),
            (given("--schedule", "constant"), "--warmup", true),
            (given("--warmup", "1"), "--schedule", false),
            (given("--init", "m"), "--hidden", true),
        ] {
            assert_eq!(replaces(&option, name), expected, "{option:?}, {name}");
        }
        let known = |name: &&str| OPTIONS.iter().any(|option| option.name == *name);
        assert!(DEPENDENTS.iter().all(|(name, all)| known(name) && all.iter().all(known)));
    }

    #[test]
    fn what_is_no_option_is_refused() {
        for (arguments, part) in [
            (serde_json::json!(null), "does not say"),
            (serde_json::json!(["--lr"]), "\"--lr\""),
            (serde_json::json!(["--lr", "1", "--lr", "2"]), "\"--lr\""),
            (serde_json::json!(["--new-thing", "1"]), "\"--new-thing\""),
            (serde_json::json!(["--save", "m"]), "\"--save\""),
            (serde_json::json!([""]), "\"\""),
            (serde_json::json!([7]), "7"),
        ] {
            let error = options(Path::new("m.safetensors"), &serde_json::json!({ ARGUMENTS: arguments }));
            let error = error.unwrap_err().to_string();
            assert!(error.contains("m.safetensors") && error.contains(part), "{error}");
        }
    }
}
