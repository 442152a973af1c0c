//! `inspect`: the data. Which parts of it to show is decided here; each part has its file.

mod images;
mod known;
mod labels;
mod overview;

use std::path::PathBuf;

use mnist_fast::{Error, Result};

use super::augment;
use super::data::{self, Source};
use super::files;
use crate::args::{Args, Opt, at_least_one, heading};
use crate::output::{self, JsonLine};
use images::{Distorted, Part, Selection};

pub(crate) const USAGE: &str = "\
Usage: mnist-fast inspect [options]

  mnist-fast inspect                                shapes, classes, three images
  mnist-fast inspect --stats                        with mean, deviation and density of the pixels
  mnist-fast inspect --data fashion-mnist --labels 9
                                                    labels as integers and one-hot
  mnist-fast inspect --class 7 --images 5           the first sevens
  mnist-fast inspect --split test --index 0,8       two test images
  mnist-fast inspect --png sheet.png                a contact sheet of 100 images
  mnist-fast inspect --augment affine               what training sees of three images
  mnist-fast inspect --list                         known datasets, and where they are

What asks for images or labels alone shows them without the overview.";

pub(crate) const OPTIONS: &[Opt] = &[
    heading("Data"),
    data::DATA,
    data::NUM_CLASSES,
    data::VALIDATION,
    data::VALIDATION_SPLIT,
    data::NO_MMAP,
    heading("What to show"),
    Opt {
        name: "--stats",
        value: "",
        help: "range, mean, standard deviation and density of each set's pixels",
    },
    Opt { name: "--labels", value: "N", help: "the first N labels, as integers and one-hot" },
    Opt {
        name: "--images",
        value: "N",
        help: "draw N images (default 3, or 10 of a class, or 100 with --png; with\n--augment 10 and nine distortions of each)",
    },
    Opt { name: "--index", value: "LIST", help: "draw the images with these numbers, such as 0,8,15" },
    Opt { name: "--class", value: "NAME", help: "draw images of this class alone, by its number or name" },
    Opt {
        name: "--split",
        value: "NAME",
        help: "images and labels from train, validation or test, counted within it\n(default: the training file, before validation is split off)",
    },
    Opt {
        name: "--png",
        value: "FILE",
        help: "put the images onto a contact sheet in place of the terminal",
    },
    heading("Augmentation"),
    augment::AUGMENT,
    augment::ROTATE,
    augment::SCALE,
    augment::SHEAR,
    augment::SHIFT,
    Opt {
        name: "--seed",
        value: "N",
        help: "of the run whose distorted images are drawn, each after the image itself\n(default 42)",
    },
    heading("Known datasets"),
    Opt { name: "--list", value: "", help: "the known datasets: which are here, and how to get the others" },
    Opt {
        name: "--verify",
        value: "",
        help: "compare the SHA-256 of every unpacked file with the published one;\nexit code 1 if one differs",
    },
    heading("Output"),
    Opt {
        name: "--json",
        value: "",
        help: "JSON on standard output, and nothing else there; --list: a line each",
    },
];

pub(crate) fn run(mut args: Args) -> Result<()> {
    let (list, verify) = (args.switch("--list"), args.switch("--verify"));
    let (stats, json) = (args.switch("--stats"), args.switch("--json"));
    let plan = Plan::parse(&mut args)?;
    args.finish(0)?;
    let alone = match (list, verify) {
        (true, _) => "--list",
        (false, true) => "--verify",
        (false, false) => "",
    };
    if !alone.is_empty() && (stats || plan.labels.is_some() || plan.selection.is_some()) {
        return Err(Error::usage(format!(
            "{alone} shows no images, labels or statistics; leave those options out"
        )));
    }
    match (list, verify) {
        (true, true) => Err(Error::usage("--list and --verify exclude each other; give one of them")),
        (true, false) => known::list(json),
        (false, true) => known::verify(&plan.source.options(), json),
        (false, false) => plan.run(stats, json),
    }
}

/// What to show of a dataset.
struct Plan {
    source: Source,
    labels: Option<usize>,
    part: Option<Part>,
    /// The images that were asked for, if any were.
    selection: Option<Selection>,
    png: Option<PathBuf>,
}

impl Plan {
    fn parse(args: &mut Args) -> Result<Self> {
        let source = Source::parse(args)?;
        let count = args.parse("--images", "a whole number of images, 1 or more", at_least_one)?;
        let index = args.parse("--index", "numbers of images such as 0,8,15", |text| {
            text.split(',').map(|index| index.trim().parse().ok()).collect::<Option<Vec<usize>>>()
        })?;
        let class = args.value::<String>("--class", "a class")?;
        let part = args.parse("--split", "train, validation or test", Part::parse)?;
        let png = args.path("--png")?;
        let labels = args.parse("--labels", "a whole number of labels, 1 or more", at_least_one)?;
        if index.is_some() && (count.is_some() || class.is_some()) {
            return Err(Error::usage("--index names single images; leave out --images and --class"));
        }
        let distorted = Distorted::parse(args, png.is_some())?;
        let part = match (part, &distorted) {
            (Some(Part::Validation | Part::Test), Some(_)) => {
                return Err(Error::usage("--augment distorts training images only; give --split train"));
            }
            (_, Some(_)) => Some(Part::Train),
            (part, None) => part,
        };
        let images = count.is_some() || index.is_some() || class.is_some() || png.is_some();
        // A part alone is one to draw from, unless it is for the labels.
        let asked = images || distorted.is_some() || part.is_some() && labels.is_none();
        let at_most = match (&png, &class) {
            (Some(_), _) if distorted.is_some() => 10,
            (Some(_), _) => 100,
            (None, Some(_)) => 10,
            (None, None) => 3,
        };
        let selection = Selection { part, index, class, count, at_most, distorted };
        Ok(Plan { source, labels, part, selection: asked.then_some(selection), png })
    }

    fn run(&self, stats: bool, json: bool) -> Result<()> {
        if let Some(path) = &self.png {
            images::check_target(path)?;
        }
        let data = self.source.open()?;
        files::require_not_data(&files::given(&[("--png", self.png.as_deref())]), &data)?;
        let chosen = self.selection.as_ref().map(|s| s.choose(&data, &self.source)).transpose()?;
        let labels = self.labels.map(|n| labels::first(&data, &self.source, self.part, n)).transpose()?;
        let overview = stats || chosen.is_none() && labels.is_none();
        if let (Some(path), Some(chosen)) = (&self.png, &chosen) {
            chosen.save(path)?;
        }
        if json {
            let mut line = overview::head_json(&data);
            if overview {
                line = overview::json(line, &data, &self.source, stats)?;
            }
            if let Some(labels) = labels {
                line = line.with("labels", labels);
            }
            if let Some(chosen) = chosen {
                line = chosen.json(line, self.png.as_deref());
            }
            return print_json(line);
        }
        let mut parts = Vec::new();
        if overview {
            parts.push(overview::text(&data, &self.source, stats)?);
            if chosen.is_none() && labels.is_none() {
                parts.push(Selection::FIRST_THREE.choose(&data, &self.source)?.draw());
            }
        }
        if let Some(labels) = labels {
            parts.push(labels::text(labels, data.classes));
        }
        if let Some(chosen) = chosen {
            parts.push(self.png.as_deref().map_or_else(|| chosen.draw(), |path| chosen.saved(path)));
        }
        output::line(parts.join("\n\n"))
    }
}

fn print_json(line: JsonLine) -> Result<()> {
    output::line(line.finish())
}
