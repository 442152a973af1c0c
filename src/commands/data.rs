//! The options that say which data a command works on and how it is split: the same for every command that has them.

use std::ops::Range;

use mnist_fast::dataset::{self, Access, Chosen, Dataset, Selection};
use mnist_fast::train::Examples;
use mnist_fast::{Error, Result};

use crate::args::{Args, Opt};
use crate::output;

pub(crate) const DATA: Opt = Opt {
    name: "--data",
    value: "NAME|DIR",
    help: "mnist (default), fashion-mnist, kmnist, qmnist, emnist-letters, ...\n(inspect --list shows all), or a folder with IDX files, raw or .gz\n(a folder of a known name is written ./mnist)",
};
pub(crate) const NUM_CLASSES: Opt =
    Opt { name: "--num-classes", value: "N", help: "how many classes the labels have (default 10)" };
pub(crate) const CLASSES: Opt = Opt {
    name: "--classes",
    value: "LIST",
    help: "only some classes, such as 3,8 or Sneaker,Sandal: a network for these,\n\
           numbered in this order; images are held out for validation before",
};
pub(crate) const VALIDATION: Opt = Opt {
    name: "--validation",
    value: "N",
    help: "the first N training images are for validation\n(default 10000, 0 for none; of fewer than 20000 images: the last sixth)",
};
pub(crate) const VALIDATION_SPLIT: Opt =
    Opt { name: "--validation-split", value: "F", help: "the last fraction F of them instead, as in Keras" };
pub(crate) const NO_MMAP: Opt = Opt {
    name: "--no-mmap",
    value: "",
    help: "read data files into memory rather than map them: whoever changes them\nmeanwhile does no harm",
};

/// Training images from which on the tutorial's 10,000 are for validation without being asked for.
const DEFAULT_VALIDATION_FROM: usize = 20_000;

/// What these options ask for, before the data is known.
pub(crate) struct Source {
    /// The name or folder.
    pub(crate) data: String,
    pub(crate) num_classes: Option<usize>,
    pub(crate) access: Access,
    validation: Option<Validation>,
}

/// Which training images are for validation.
#[derive(Clone, Copy)]
enum Validation {
    First(usize),
    LastFraction(f64),
}

/// Which images of the training file are for what.
pub(crate) struct Parts {
    pub(crate) train: Range<usize>,
    /// May be empty.
    pub(crate) validation: Range<usize>,
    /// Whether it was to be the first images that are for validation.
    pub(crate) validation_first: bool,
}

/// Examples as they are, or a copy of those of the chosen classes.
pub(crate) enum Picked<'a> {
    All(Examples<'a>),
    Chosen(Selection),
}

impl<'a> Picked<'a> {
    pub(crate) fn new(chosen: Option<&Chosen>, examples: Examples<'a>) -> Result<Self> {
        Ok(match chosen {
            None => Picked::All(examples),
            Some(chosen) => Picked::Chosen(chosen.select(examples)?),
        })
    }

    pub(crate) fn examples(&self) -> Examples<'_> {
        match self {
            Picked::All(examples) => *examples,
            Picked::Chosen(selection) => selection.examples(),
        }
    }

    /// Which of all examples each picked one is, where these are only some.
    pub(crate) fn indices(&self) -> Option<&[usize]> {
        match self {
            Picked::All(_) => None,
            Picked::Chosen(selection) => Some(selection.indices()),
        }
    }

    /// Which of all examples the `i`-th picked one is.
    pub(crate) fn index(&self, i: usize) -> usize {
        self.indices().map_or(i, |indices| indices[i])
    }
}

/// Whether data files are mapped. A switch, so to be asked for before values.
pub(crate) fn access(args: &mut Args) -> Access {
    if args.switch("--no-mmap") { Access::Read } else { Access::Map }
}

/// What `--data` says. Names are text: they stand in model files, reports and JSON lines.
pub(crate) fn name(args: &mut Args) -> Result<Option<String>> {
    let path = args.path("--data")?;
    let text = path.map(|path| path.into_os_string().into_string());
    text.transpose().map_err(|path| {
        Error::usage(format!(
            "--data {}: expected a name in UTF-8; rename the folder, or make a link to it: ln -s FOLDER data",
            path.display()
        ))
    })
}

impl Source {
    pub(crate) fn parse(args: &mut Args) -> Result<Self> {
        let access = access(args);
        let first = args.value("--validation", "a whole number of images")?;
        let fraction = args.parse("--validation-split", "a fraction from 0 to below 1", |text| {
            text.parse().ok().filter(|f: &f64| (0.0..1.0).contains(f))
        })?;
        let validation = match (first, fraction) {
            (Some(_), Some(_)) => {
                return Err(Error::usage(
                    "--validation and --validation-split exclude each other; give one of them",
                ));
            }
            (first, fraction) => first.map(Validation::First).or(fraction.map(Validation::LastFraction)),
        };
        Ok(Source {
            data: name(args)?.unwrap_or("mnist".into()),
            access,
            num_classes: args.parse("--num-classes", "a whole number from 2 to 256", |text| {
                text.parse().ok().filter(|n| (2..=256).contains(n))
            })?,
            validation,
        })
    }

    /// Opens the dataset; what there is to say about it goes to standard error.
    pub(crate) fn open(&self) -> Result<Dataset> {
        let data = dataset::open_with(&self.options())?;
        data.notices.iter().for_each(output::stderr);
        Ok(data)
    }

    /// What to open.
    pub(crate) fn options(&self) -> dataset::Options {
        let options = dataset::Options::new(&self.data);
        dataset::Options { num_classes: self.num_classes, access: self.access, ..options }
    }

    /// Splits `n` training images, and says so where that is for us to decide.
    pub(crate) fn split(&self, n: usize) -> Result<Parts> {
        if self.validation.is_none() && n < DEFAULT_VALIDATION_FROM && n / 6 > 0 {
            output::stderr(format_args!(
                "note: only {n} training images, so the last {} are for validation; --validation N changes that",
                n / 6
            ));
        }
        self.parts(n)
    }

    /// Splits `n` training images.
    pub(crate) fn parts(&self, n: usize) -> Result<Parts> {
        let (train, validation, validation_first) = match self.validation {
            Some(Validation::LastFraction(fraction)) => {
                let split_at = (n as f64 * (1.0 - fraction)).floor() as usize;
                (0..split_at, split_at..n, false)
            }
            Some(Validation::First(first)) => (first.min(n)..n, 0..first.min(n), true),
            None if n >= DEFAULT_VALIDATION_FROM => (10_000..n, 0..10_000, true),
            None => {
                let split_at = n - n / 6;
                (0..split_at, split_at..n, false)
            }
        };
        if train.is_empty() {
            let option = match self.validation {
                Some(Validation::LastFraction(_)) => VALIDATION_SPLIT.name,
                _ => VALIDATION.name,
            };
            return Err(Error::failed(format!(
                "all {n} training images would be for validation and none left to train on; give a smaller {option}"
            )));
        }
        Ok(Parts { train, validation, validation_first })
    }
}
