//! `predict`: what a model says of one image of the data, of pictures, or of all images of an IDX file.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use mnist_fast::draw::{self, Image};
use mnist_fast::error::Kind;
use mnist_fast::idx::Element;
use mnist_fast::input::{self, Elements, Input};
use mnist_fast::model_file::Model;
use mnist_fast::picture::prepare::{self, Prepared};
use mnist_fast::picture::{self, unlike};
use mnist_fast::predict::Predictor;
use mnist_fast::{Error, Result};

use super::model::{self, Options, class_name, is_stdin, trained_on};
use crate::args::{Args, Opt, heading};
use crate::output::{self, JsonLine};

pub(crate) const USAGE: &str = "\
Usage: mnist-fast predict MODEL --index N [options]
       mnist-fast predict MODEL FILE... [options]

  mnist-fast predict model.safetensors --index 0           the first test image
  mnist-fast predict model.safetensors seven.png           your own digit
  mnist-fast predict model.safetensors scans/*.png --json  many, one JSON line each
  mnist-fast predict model.safetensors images-idx3-ubyte   every image of an IDX file
  mnist-fast predict model.safetensors - < seven.png       standard input

A FILE is a PNG, PGM, PPM or PBM picture of one digit, dark on light or light on dark, of any size.
The digit is cut out, scaled to 20 x 20 and centred by its mass in 28 x 28, as those of MNIST were.
The images of an IDX file are taken as they are. mnist-fast train --save model.safetensors makes a
model.";

pub(crate) const OPTIONS: &[Opt] = &[
    heading("An image of the data"),
    Opt { name: "--index", value: "N", help: "its number, from 0" },
    model::DATA,
    model::NUM_CLASSES,
    model::CLASSES,
    model::SPLIT,
    model::NO_MMAP,
    heading("Pictures"),
    Opt {
        name: "--as-is",
        value: "",
        help: "pictures are of the network's size, light on black: nothing is cut,\nscaled or inverted",
    },
    heading("This machine"),
    model::THREADS,
    model::ISA,
    model::SPARSE,
    heading("Output"),
    Opt {
        name: "--json",
        value: "",
        help: "a JSON line for each image on standard output, nothing else there",
    },
];

pub(crate) fn run(mut args: Args) -> Result<()> {
    let (json, as_is) = (args.switch("--json"), args.switch("--as-is"));
    let options = Options::parse(&mut args)?;
    let index = args.value("--index", "a whole number, 0 for the first image")?;
    let mut files = args.finish(usize::MAX)?;
    if files.is_empty() {
        return Err(model::missing("predict"));
    }
    let path = files.remove(0);
    if is_stdin(&path) {
        return Err(Error::usage(
            "the model comes first and must be a file: mnist-fast predict model.safetensors -",
        ));
    }
    if files.iter().filter(|file| is_stdin(file)).count() > 1 {
        return Err(Error::usage("- was given more than once; standard input can be read once"));
    }
    match (index, files.is_empty()) {
        (Some(_), false) => {
            return Err(Error::usage("--index and files exclude each other; give one of them"));
        }
        (None, true) => {
            model::refuse_picture(Path::new(&path), "predict")?;
            return Err(Error::usage(
                "nothing to predict: give --index N for an image of the data, or picture files, or - for standard input",
            ));
        }
        (None, false) if options.choose_data() => {
            return Err(Error::usage(
                "--data, --num-classes, --classes and --split go with --index; leave them out for files",
            ));
        }
        (Some(_), true) if as_is => {
            return Err(Error::usage("--as-is goes with picture files; leave it out"));
        }
        _ => {}
    }
    let path = Path::new(&path);
    let model = model::load(path, "predict")?;
    let predictor = options.predictor(&model.network, 1)?;
    let mut run = Run { model: &model, options: &options, predictor, json, as_is, alone: files.len() <= 1 };
    match index {
        Some(index) => run.index(index, path),
        None => run.files(&files),
    }
}

/// Images of an IDX file that are predicted before the first of them is printed.
const AT_ONCE: usize = 10_000;

/// Their bytes, at most, where an image is large.
const AT_ONCE_BYTES: usize = 8 << 20;

/// A model at work.
struct Run<'a> {
    model: &'a Model,
    options: &'a Options,
    /// For one image at a time.
    predictor: Predictor<'a>,
    json: bool,
    as_is: bool,
    /// Whether there is one image only: it is drawn.
    alone: bool,
}

/// Where an image comes from, for its line.
struct Origin<'a> {
    file: &'a str,
    /// Its number in that file, where the file holds many.
    index: Option<usize>,
}

impl Run<'_> {
    /// One image of the data, as the tutorial prints it.
    fn index(&mut self, index: usize, path: &Path) -> Result<()> {
        let (data, classes) = self.options.open(self.model, path)?;
        let (examples, split) = self.options.examples(&data, self.model)?;
        let count = examples.len();
        if index >= count {
            return Err(Error::failed(format!(
                "--index {index} is beyond the {count} images of {}, {split}; give a number from 0 to {}",
                data.name,
                count - 1
            )));
        }
        let names = classes.names();
        let one = examples.range(index..index + 1);
        let label = one.labels[0];
        // A model of some classes only need not know it.
        let truth = match &classes.chosen {
            None => Some(usize::from(label)),
            Some(chosen) => chosen.position(label),
        };
        let probabilities = self.predictor.one(one.images)?;
        if self.json {
            let line = JsonLine::new().with("dataset", data.name.as_str()).with("split", split);
            let line = line.with("index", index).with("truth", truth);
            let line = match classes.chosen {
                None => line,
                Some(_) => line.with("truth_label", label),
            };
            return output::line(with_prediction(line, names, probabilities).finish());
        }
        let image = Image::new(one.images, data.rows, data.cols);
        draw::image(image, &draw::Options::of_stdout()).into_iter().try_for_each(output::line)?;
        match truth {
            Some(truth) => {
                let one_hot = (0..probabilities.len()).map(|c| if c == truth { "1" } else { "0" });
                let one_hot = one_hot.collect::<Vec<_>>().join(" ");
                output::line(format_args!("truth: {}  [{one_hot}]", classes.title(truth)))?;
            }
            None => {
                let name = data.class_names.as_ref().map_or(String::new(), |_| {
                    format!(" {}", class_name(data.class_names.as_ref(), label.into()))
                });
                output::line(format_args!("truth: {label}{name}, which is no class of this model"))?;
            }
        }
        for (class, probability) in probabilities.iter().enumerate() {
            let kind = if classes.named() { "class" } else { "digit" };
            let class = classes.title(class);
            output::line(format_args!("{kind}: {class}  probability: {}", as_numpy(*probability)))?;
        }
        Ok(())
    }

    /// Pictures and IDX files. One that fails does not keep the others from being looked at.
    fn files(&mut self, files: &[OsString]) -> Result<()> {
        let mut failed = 0;
        for file in files {
            match self.file(file) {
                Ok(()) => {}
                Err(error) if files.len() == 1 || error.kind() == Kind::ClosedPipe => return Err(error),
                Err(error) => {
                    output::error(&error);
                    failed += 1;
                }
            }
        }
        match failed {
            0 => Ok(()),
            _ => Err(Error::failed(format!(
                "{failed} of {} files could not be used, for the reasons above; mend them or leave them out",
                files.len()
            ))),
        }
    }

    fn file(&mut self, file: &OsStr) -> Result<()> {
        let (name, input) = if is_stdin(file) {
            ("standard input".into(), input::read(io::stdin().lock(), "standard input")?)
        } else {
            (file.to_string_lossy(), input::open(Path::new(file))?)
        };
        match input {
            Input::Idx(elements) => self.idx(&name, elements),
            Input::Picture(bytes) => self.picture(&name, &bytes),
        }
    }

    /// Every image of an IDX file, as it is.
    fn idx(&mut self, name: &str, mut elements: Elements) -> Result<()> {
        let header = &elements.header;
        let inputs = self.model.network.inputs();
        let size = header.dims[1..].iter().try_fold(1usize, |size, dim| size.checked_mul(*dim as usize));
        if header.element != Element::U8 || header.dims.len() < 2 || size != Some(inputs) {
            return Err(Error::failed(format!(
                "{name} holds {}, where images of {inputs} pixels (u8) were expected, the network's inputs; check \
                 which file it is",
                header.shape()
            )));
        }
        let count = header.dims[0] as usize;
        let names = self.model.class_names.as_ref();
        let classes = self.model.network.classes();
        let mut predictor = self.options.predictor(&self.model.network, count)?;
        let at_once = AT_ONCE.min(AT_ONCE_BYTES / inputs).max(1);
        let mut images = vec![0; at_once.min(count) * inputs];
        for first in (0..count).step_by(at_once) {
            let images = &mut images[..at_once.min(count - first) * inputs];
            elements.read(images)?;
            let found = predictor.all(images)?;
            for (i, probabilities) in found.probabilities.chunks_exact(classes).enumerate() {
                let origin = Origin { file: name, index: Some(first + i) };
                output::line(if self.json {
                    with_prediction(origin.json(), names, probabilities).finish()
                } else {
                    origin.text(names, probabilities)
                })?;
            }
        }
        Ok(())
    }

    /// One picture, prepared as MNIST was made unless it is to be taken as it is.
    fn picture(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let picture = picture::decode(bytes, name)?;
        let inputs = self.model.network.inputs();
        let side = inputs.isqrt();
        let prepared = if self.as_is {
            let (width, height) = (picture.width(), picture.height());
            if width * height != inputs {
                return Err(Error::failed(format!(
                    "{name} has {width} x {height} pixels, where the network has {inputs} inputs; leave --as-is out"
                )));
            }
            None
        } else if side * side != inputs {
            return Err(Error::failed(format!(
                "the network has {inputs} inputs, which is no square that a picture could be scaled to; give pictures \
                 of its size and --as-is"
            )));
        } else {
            Some(prepare::prepare(&picture, side).ok_or_else(|| {
                Error::failed(format!(
                    "{name} is blank: nothing on it stands out; draw a digit, dark on light or light on dark"
                ))
            })?)
        };
        let (pixels, rows, cols) = match &prepared {
            Some(prepared) => (&prepared.pixels[..], side, side),
            None => (picture.pixels(), picture.height(), picture.width()),
        };
        let names = self.model.class_names.as_ref();
        let digits = of_digits(self.model);
        let found = self.predictor.all(pixels)?;
        let top = found.probabilities[found.classes[0] as usize];
        let doubts =
            prepared.as_ref().map_or(vec![], |prepared: &Prepared| unlike::unlike(prepared, digits, top));
        let origin = Origin { file: name, index: None };
        if self.json {
            let line = with_prediction(origin.json(), names, found.probabilities);
            let line = line.with("inverted", prepared.as_ref().map(|prepared| prepared.inverted));
            return output::line(line.with("unlike_training_data", doubts).finish());
        }
        if self.alone {
            let inverted = match &prepared {
                Some(Prepared { inverted: true, .. }) => ", inverted",
                _ => "",
            };
            let size = format!("{} x {}", picture.width(), picture.height());
            output::line(format_args!("what the network sees of {size} pixels{inverted}:"))?;
            let image = Image::new(pixels, rows, cols);
            draw::image(image, &draw::Options::of_stdout()).into_iter().try_for_each(output::line)?;
        }
        output::line(origin.text(names, found.probabilities))?;
        if !doubts.is_empty() {
            output::warning(format_args!(
                "{name} is unlike the training data, so the answer means little: {}",
                doubts.join("; ")
            ));
        }
        Ok(())
    }
}

/// Whether the model knows the digits of MNIST, as far as it can be told.
fn of_digits(model: &Model) -> bool {
    let digits =
        (model.network.inputs(), model.network.classes()) == (784, 10) && model.class_names.is_none();
    digits && trained_on(model).is_none_or(|data| data == "mnist")
}

impl Origin<'_> {
    fn json(&self) -> JsonLine {
        JsonLine::new().with("file", self.file).with("index", self.index)
    }

    /// The three most probable classes.
    fn text(&self, names: Option<&Vec<String>>, probabilities: &[f32]) -> String {
        let mut order: Vec<usize> = (0..probabilities.len()).collect();
        // A stable sort: of equal ones the first comes first.
        order.sort_by(|a, b| probabilities[*b].total_cmp(&probabilities[*a]));
        let class = |class: &usize| format!("{} {:.4}", class_name(names, *class), probabilities[*class]);
        let top: Vec<String> = order.iter().take(3).map(class).collect();
        let number = self.index.map_or(String::new(), |index| format!("#{index}"));
        format!("{}{number}: {}", self.file, top.join(", "))
    }
}

/// Adds what the network says of an image.
fn with_prediction(line: JsonLine, names: Option<&Vec<String>>, probabilities: &[f32]) -> JsonLine {
    // The first of the largest.
    let class = (0..probabilities.len()).rev().max_by(|a, b| probabilities[*a].total_cmp(&probabilities[*b]));
    let line = line.with("prediction", class);
    let line = line.with("name", class.and_then(|class| names.map(|_| class_name(names, class))));
    line.with("probabilities", probabilities.to_vec())
}

/// A float as Python prints numpy's: the shortest digits that mean it, an exponent of two digits below 1e-4.
fn as_numpy(x: f32) -> String {
    let text = format!("{x:?}");
    match text.split_once("e-") {
        Some((digits, exponent)) => format!("{digits}e-{exponent:0>2}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against numpy 2.1's `print(np.float32(x))`.
    #[test]
    fn floats_look_as_in_python() {
        for (x, text) in [
            (1.0f32, "1.0"),
            (0.0, "0.0"),
            (0.99999994, "0.99999994"),
            (1e-4, "0.0001"),
            (9.999e-5, "9.999e-05"),
            (1e-5, "1e-05"),
            (6.147_823e-14, "6.147823e-14"),
            (1e-45, "1e-45"),
        ] {
            assert_eq!(as_numpy(x), text);
        }
    }

    #[test]
    fn the_first_of_equal_ones_is_predicted() {
        let line = with_prediction(JsonLine::new(), None, &[0.25, 0.5, 0.5, 0.0]).finish();
        assert!(line.starts_with(r#"{"prediction":1,"name":null,"#), "{line}");
        let text = Origin { file: "x", index: Some(3) }.text(None, &[0.25, 0.5, 0.5, 0.0]);
        assert_eq!(text, "x#3: 1 0.5000, 2 0.5000, 0 0.2500");
    }
}
