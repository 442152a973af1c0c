//! What `eval` and `predict` share: the model, and the part of the data that it is asked about.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::thread::available_parallelism;

use mnist_fast::dataset::{self, Access, Chosen, Dataset};
use mnist_fast::model_file::Model;
use mnist_fast::network::Network;
use mnist_fast::picture;
use mnist_fast::predict::{Objective, Predictor, Settings};
use mnist_fast::report::Names;
use mnist_fast::train::Examples;
use mnist_fast::{Error, Result};
use mnist_fast_kernels::LabelSmoothing;
use serde_json::Value;

use super::data;
use super::engine::Engine;
use super::network;
use crate::args::{Args, Opt};
use crate::output;

pub(crate) const DATA: Opt = Opt {
    name: "--data",
    value: "NAME|DIR",
    help: "a known dataset or a folder with IDX files (default: what the model\nwas trained on, else mnist)",
};
pub(crate) const NUM_CLASSES: Opt = Opt {
    name: "--num-classes",
    value: "N",
    help: "how many classes the labels have (default: as the model)",
};
pub(crate) const CLASSES: Opt = Opt {
    name: "--classes",
    value: "LIST",
    help: "which of the data's classes the model tells apart, in its order, such as\n3,8: where its file does not say so, as those of PyTorch and Keras",
};
pub(crate) const SPLIT: Opt = Opt {
    name: "--split",
    value: "NAME",
    help: "test (default), train, or validation: what train held out, if the model\nsays how much; then train is the rest",
};
pub(crate) const THREADS: Opt =
    Opt { name: "--threads", value: "N", help: "(default: one per core, but at most one per 1,000 images)" };
pub(crate) use super::data::NO_MMAP;
pub(crate) use super::engine::{ISA, SPARSE};

/// Below this many images a further thread costs more than it brings.
const IMAGES_PER_THREAD: usize = 1000;

/// Which images of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Test,
    Train,
    Validation,
}

/// The options above.
pub(crate) struct Options {
    data: Option<String>,
    access: Access,
    num_classes: Option<usize>,
    /// Some of the data's classes, that the model tells apart.
    classes: Option<String>,
    pub(crate) part: Option<Part>,
    pub(crate) engine: Engine,
}

impl Options {
    pub(crate) fn parse(args: &mut Args) -> Result<Self> {
        let access = data::access(args);
        Ok(Options {
            data: data::name(args)?,
            access,
            num_classes: args.parse("--num-classes", "a whole number from 2 to 256", |text| {
                text.parse().ok().filter(|n| (2..=256).contains(n))
            })?,
            classes: args.value("--classes", "classes such as 3,8")?,
            part: args.parse("--split", "test, train or validation", |name| match name {
                "test" => Some(Part::Test),
                "train" => Some(Part::Train),
                "validation" => Some(Part::Validation),
                _ => None,
            })?,
            engine: Engine::parse(args)?,
        })
    }

    /// What runs the network on `images` images, as far as they are known.
    pub(crate) fn predictor<'a>(&self, network: &'a Network, images: usize) -> Result<Predictor<'a>> {
        let cores = || available_parallelism().map_or(1, usize::from);
        // A thread beyond the images would have none.
        let threads = match self.engine.threads {
            Some(threads) => threads.min(images),
            None => cores().min(images / IMAGES_PER_THREAD),
        };
        let Engine { kernels, sparse, .. } = self.engine;
        Predictor::new(network, Settings { kernels, threads, sparse })
    }

    /// Whether one of the options that choose data was given.
    pub(crate) fn choose_data(&self) -> bool {
        self.data.is_some() || self.num_classes.is_some() || self.classes.is_some() || self.part.is_some()
    }

    /// Opens the dataset, which must be of the model's shape, and says which of its classes the model knows.
    pub(crate) fn open(&self, model: &Model, path: &Path) -> Result<(Dataset, Classes)> {
        let name = self.data.as_deref().or(trained_on(model)).unwrap_or("mnist");
        let network = &model.network;
        // A folder does not say how many classes it has, but the model does.
        let known = dataset::known::find(name).is_some();
        let folder_names =
            ["classes.txt", "class-names.txt"].iter().any(|f| Path::new(name).join(f).exists());
        let recorded = chosen(model, path)?;
        let classes = recorded.as_ref().map_or(network.classes(), |(_, of)| *of);
        // With some classes only, a file that does not say so does not know how many there are.
        let says = recorded.is_some() || self.classes.is_none();
        let implied = (!known && !folder_names && says && (2..=256).contains(&classes)).then_some(classes);
        let data = dataset::open_with(&dataset::Options {
            num_classes: self.num_classes.or(implied),
            access: self.access,
            ..dataset::Options::new(name)
        })?;
        data.notices.iter().for_each(output::stderr);
        let given = self
            .classes
            .as_ref()
            .map(|text| self.chosen(text, &recorded, &data, network, path))
            .transpose()?;
        let classes = if given.is_some() { data.classes } else { classes };
        if (network.inputs(), classes) != (data.rows * data.cols, data.classes) {
            let some = if classes < data.classes && recorded.is_none() {
                ", or say by --classes which of these it tells apart"
            } else {
                ""
            };
            return Err(Error::failed(format!(
                "{} takes {} inputs to {classes} classes, but {} has images of {} x {} and {} classes; give the data \
                 it was trained on with --data{some}",
                path.display(),
                network.inputs(),
                data.name,
                data.rows,
                data.cols,
                data.classes
            )));
        }
        let classes = Classes::new(given.or(recorded.map(|(recorded, _)| recorded)), &data, model);
        Ok((data, classes))
    }

    /// The classes that `--classes` names, which must be as many as the model's, and those of its record.
    fn chosen(
        &self,
        text: &str,
        recorded: &Option<(Chosen, usize)>,
        data: &Dataset,
        network: &Network,
        path: &Path,
    ) -> Result<Chosen> {
        let given = Chosen::parse(text, data)?;
        if let Some((recorded, _)) = recorded.as_ref().filter(|(recorded, _)| *recorded != given) {
            return Err(Error::failed(format!(
                "{} was trained on the classes {}, not on --classes {text}; leave --classes out",
                path.display(),
                recorded.names(data.class_names.as_ref()).join(",")
            )));
        }
        if given.len() != network.classes() {
            return Err(Error::failed(format!(
                "{} tells {} classes apart, but --classes {text} names {}; name one for each, in its order",
                path.display(),
                network.classes(),
                given.len()
            )));
        }
        Ok(given)
    }

    /// The part of the data that was asked for, and what it is called.
    pub(crate) fn examples<'a>(
        &self,
        data: &'a Dataset,
        model: &Model,
    ) -> Result<(Examples<'a>, &'static str)> {
        let all = Examples { images: data.train.images(), labels: data.train.labels() };
        let held_out = held_out(model).filter(|(count, _)| *count < all.len());
        Ok(match self.part {
            Some(Part::Train) => match held_out {
                None => (all, "train"),
                Some((count, true)) => (all.range(count..all.len()), "train"),
                Some((count, false)) => (all.range(0..all.len() - count), "train"),
            },
            Some(Part::Validation) => match held_out {
                Some((count, true)) if count > 0 => (all.range(0..count), "validation"),
                Some((count, false)) if count > 0 => (all.range(all.len() - count..all.len()), "validation"),
                _ => {
                    return Err(Error::failed(
                        "the model does not say which images were held out for validation; use --split test or train",
                    ));
                }
            },
            None | Some(Part::Test) => match &data.test {
                Some(test) => (Examples { images: test.images(), labels: test.labels() }, "test"),
                None => {
                    return Err(Error::failed(format!(
                        "{} has no test images (t10k-images-idx3-ubyte); use --split train or validation",
                        data.name
                    )));
                }
            },
        })
    }
}

/// The classes that a model knows, and what they are called.
pub(crate) struct Classes {
    /// Where these are only some of the dataset's.
    pub(crate) chosen: Option<Chosen>,
    names: Option<Vec<String>>,
    /// Whether the names are other than the labels.
    named: bool,
}

impl Classes {
    fn new(chosen: Option<Chosen>, data: &Dataset, model: &Model) -> Self {
        let (names, named) = match &chosen {
            Some(chosen) => (Some(chosen.names(data.class_names.as_ref())), data.class_names.is_some()),
            None => {
                let names = data.class_names.clone().or(model.class_names.clone());
                let named = names.is_some();
                (names, named)
            }
        };
        Classes { chosen, names, named }
    }

    /// One for each, where there are any.
    pub(crate) fn names(&self) -> Option<&Vec<String>> {
        self.names.as_ref()
    }

    /// The same for a report.
    pub(crate) fn for_report(&self) -> Names<'_> {
        Names {
            labels: self.chosen.as_ref().map(Chosen::labels),
            names: self.names.as_deref().filter(|_| self.named),
        }
    }

    /// Whether they have names and not only labels.
    pub(crate) fn named(&self) -> bool {
        self.named
    }

    /// The label of a class in the data.
    pub(crate) fn label(&self, class: usize) -> usize {
        self.chosen.as_ref().map_or(class, |chosen| usize::from(chosen.labels()[class]))
    }

    /// Its label, and its name where it has one.
    pub(crate) fn title(&self, class: usize) -> String {
        match self.named {
            true => format!("{} {}", self.label(class), class_name(self.names(), class)),
            false => self.label(class).to_string(),
        }
    }

    /// The labels of all of `count` classes.
    pub(crate) fn labels(&self, count: usize) -> Vec<usize> {
        (0..count).map(|class| self.label(class)).collect()
    }
}

/// The classes that the model's record says it was trained on, where not on all, and how many the data had.
fn chosen(model: &Model, path: &Path) -> Result<Option<(Chosen, usize)>> {
    let record = model.training.as_ref();
    let get = |key| record.and_then(|training| training.get(key)).filter(|value| !value.is_null());
    let Some(list) = get("classes") else { return Ok(None) };
    let label = |value: &Value| value.as_u64().and_then(|label| u8::try_from(label).ok());
    let labels: Option<Vec<u8>> = list.as_array().and_then(|list| list.iter().map(label).collect());
    let of = get("dataset_classes").and_then(Value::as_u64).and_then(|of| usize::try_from(of).ok());
    let fits = |(chosen, of): &(Chosen, usize)| {
        chosen.len() == model.network.classes()
            && chosen.labels().iter().all(|label| usize::from(*label) < *of)
    };
    labels.and_then(Chosen::new).zip(of).filter(fits).map(Some).ok_or_else(|| {
        Error::failed(format!(
            "{} says that it was trained on some classes, but its record of them does not fit its {} classes; train it again",
            path.display(),
            model.network.classes()
        ))
    })
}

/// What the model was trained to make small, as far as its record says; then `eval` tells the loss that `train` told.
pub(crate) fn objective(model: &Model, path: &Path) -> Result<Objective> {
    let number = |key| {
        let value = model.training.as_ref().and_then(|training| training.get(key));
        let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(0.0) };
        value.as_f64().filter(|number| number.is_finite() && *number >= 0.0).ok_or((key, value.to_string()))
    };
    let smoothing = number("label_smoothing")
        .and_then(|rate| LabelSmoothing::new(rate).ok_or(("label_smoothing", rate.to_string())));
    smoothing.and_then(|smoothing| Ok(Objective { smoothing, l2: number("l2")? })).map_err(|(key, value)| {
        Error::failed(format!(
            "{} says that it was trained with a {key} of {value}, which is no number that train takes; train it again",
            path.display()
        ))
    })
}

/// The model file at `path`, for the command `command`.
pub(crate) fn load(path: &Path, command: &str) -> Result<Model> {
    refuse_picture(path, command)?;
    network::load(path, None)
}

/// Refuses a picture in the model's place: likely the model was forgotten.
pub(crate) fn refuse_picture(path: &Path, command: &str) -> Result<()> {
    let mut start = Vec::new();
    // What cannot be read is for the loader to explain; a FIFO is not even opened.
    if fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        let _ = File::open(path).and_then(|file| file.take(12).read_to_end(&mut start));
    }
    if !picture::looks_like_a_picture(&start) {
        return Ok(());
    }
    let (path, picture) = (path.display(), if command == "predict" { " FILE" } else { "" });
    Err(Error::usage(format!(
        "{path} is a picture, where a model was expected: mnist-fast {command} model.safetensors{picture}; make one with: \
         mnist-fast train --save model.safetensors"
    )))
}

/// The sentence for a command without a model.
pub(crate) fn missing(command: &str) -> Error {
    Error::usage(format!(
        "{command} needs a model file; make one with: mnist-fast train --save model.safetensors"
    ))
}

/// What the model's record says it was trained on.
pub(crate) fn trained_on(model: &Model) -> Option<&str> {
    model.training.as_ref()?.get("data").and_then(Value::as_str)
}

/// How many training images the model's record says were held out, and whether the first ones.
fn held_out(model: &Model) -> Option<(usize, bool)> {
    let training = model.training.as_ref()?;
    let count = usize::try_from(training.get("validation")?.as_u64()?).ok()?;
    Some((count, training.get("validation_from")?.as_str()? == "first"))
}

/// A class as people read it: its name where it has one, else its number. A model file may be anybody's: what would
/// steer the terminal is shown as a question mark.
pub(crate) fn class_name(names: Option<&Vec<String>>, class: usize) -> String {
    match names.and_then(|names| names.get(class)) {
        Some(name) => name.replace(char::is_control, "?"),
        None => class.to_string(),
    }
}

/// Whether an argument stands for standard input.
pub(crate) fn is_stdin(argument: &OsStr) -> bool {
    argument == "-"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_steer_the_terminal() {
        let names = vec!["a\x1b[2Jb\n".to_owned(), "Süßes".to_owned()];
        assert_eq!(class_name(Some(&names), 0), "a?[2Jb?");
        assert_eq!((class_name(Some(&names), 1), class_name(None, 1)), ("Süßes".into(), "1".into()));
    }
}
