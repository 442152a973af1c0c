//! `eval`: how good a model is on labelled images, as text, as one JSON line, or the confusion matrix as CSV.

use std::path::Path;

use mnist_fast::confusion::{ClassFigures, Confusion};
use mnist_fast::dataset::Dataset;
use mnist_fast::draw::{self, Image, Tile};
use mnist_fast::mistakes::{Mistake, worst};
use mnist_fast::predict::Evaluation;
use mnist_fast::{Error, Result};

use super::data::Picked;
use super::files;
use super::matrix;
use super::model::{self, Classes, Options, class_name};
use super::outputs::{self, Run};
use crate::args::{Args, Opt, heading};
use crate::output::{self, JsonLine, thousands};

pub(crate) const USAGE: &str = "\
Usage: mnist-fast eval MODEL [options]

  mnist-fast eval model.safetensors                       on the test images of its data
  mnist-fast eval model.safetensors --split validation    on those held out from training
  mnist-fast eval model.safetensors --data ./my-digits    on your own images and labels
  mnist-fast eval model.safetensors --csv > matrix.csv    the confusion matrix for a spreadsheet
  mnist-fast eval model.safetensors --report report.html  all of it as a page

mnist-fast train --save model.safetensors makes a model.";

pub(crate) const OPTIONS: &[Opt] = &[
    heading("Data"),
    model::DATA,
    model::NUM_CLASSES,
    model::CLASSES,
    model::SPLIT,
    model::NO_MMAP,
    heading("This machine"),
    model::THREADS,
    model::ISA,
    model::SPARSE,
    heading("Output"),
    Opt { name: "--mistakes", value: "N", help: "draw the N mistakes of highest loss (default 10)" },
    outputs::EVAL_REPORT,
    Opt { name: "--csv", value: "", help: "the confusion matrix on standard output, nothing else there" },
    Opt { name: "--json", value: "", help: "one JSON line on standard output, nothing else there" },
];

pub(crate) fn run(mut args: Args) -> Result<()> {
    let (csv, json) = (args.switch("--csv"), args.switch("--json"));
    if csv && json {
        return Err(Error::usage("--csv and --json exclude each other; give one of them"));
    }
    let options = Options::parse(&mut args)?;
    let mistakes = args.value("--mistakes", "a whole number of images")?.unwrap_or(10);
    let report = outputs::parse_report(&mut args)?;
    let Some(path) = args.finish(1)?.pop() else { return Err(model::missing("eval")) };
    let path = Path::new(&path);
    if let Some(report) = &report {
        outputs::check_report(report, path)?;
    }
    let model = model::load(path, "eval")?;
    let (data, classes) = options.open(&model, path)?;
    files::require_not_data(&files::given(&[("--report", report.as_deref())]), &data)?;
    let (all, split) = options.examples(&data, &model)?;
    let picked = Picked::new(classes.chosen.as_ref(), all)?;
    let examples = picked.examples();
    let names = classes.names();
    if examples.is_empty() {
        return Err(Error::failed(format!(
            "no image of {}, {split}, is of the classes of this model: {}; use another --split or --data",
            data.name,
            only(&classes)
        )));
    }

    let objective = model::objective(&model, path)?;
    let found = options.predictor(&model.network, examples.len())?.evaluate_as(examples, objective)?;
    let confusion = Confusion::new(model.network.classes(), examples.labels, &found.classes);
    let worst = worst(examples.labels, &found, mistakes);
    let mut wrote = None;
    if let Some(report) = &report {
        let run = Run {
            title: "Evaluation report",
            data: &data,
            network: &model.network,
            names: classes.for_report(),
            evaluated: Some((split, &picked, &found)),
            verdict: None,
            seconds: None,
            training: model.training.as_ref(),
            more: vec![
                ("model", path.display().to_string()),
                ("evaluated on", data.name.clone()),
                ("kernels", options.engine.kernels.isa().to_string()),
            ],
            weights_sha256: &model.network.sha256(),
        };
        run.write(report, &[])?;
        wrote = Some(format!("\nwrote {}", report.display()));
    }
    if csv {
        return csv_lines(&confusion, names).into_iter().try_for_each(output::line);
    }
    if json {
        let numbered = |mistake: &Mistake| Mistake { index: picked.index(mistake.index), ..*mistake };
        let worst: Vec<Mistake> = worst.iter().map(numbered).collect();
        return output::line(json_line(path, &data, split, names, &found, &confusion, &worst));
    }
    let what = match classes.chosen {
        None => format!("{}, {split}: {} images", data.name, thousands(examples.len())),
        Some(_) => format!(
            "{}, {split}, only the classes of this model ({}): {} of {} images",
            data.name,
            only(&classes),
            thousands(examples.len()),
            thousands(all.len())
        ),
    };
    head(what, &found).into_iter().try_for_each(output::line)?;
    class_table(&confusion, &classes).into_iter().try_for_each(output::line)?;
    let options = draw::Options::of_stdout();
    output::line("")?;
    match matrix::table(&confusion, &classes.labels(confusion.classes()), options.ink) {
        Some(table) => {
            output::line("confusion matrix: rows are the truth, columns the prediction")?;
            table.into_iter().try_for_each(output::line)?;
        }
        None => output::line(format_args!(
            "the confusion matrix has {} rows and columns: --csv gives it",
            confusion.classes()
        ))?,
    }
    if !worst.is_empty() {
        output::line(format_args!(
            "\nthe worst mistakes, of highest loss: image, truth as prediction, its probability"
        ))?;
        draw::grid(&tiles(&worst, &data, &picked, names), &options).into_iter().try_for_each(output::line)?;
    }
    wrote.into_iter().try_for_each(output::line)
}

/// What the model's classes are called, in a list.
fn only(classes: &Classes) -> String {
    let count = classes.names().map_or(0, Vec::len);
    (0..count).map(|class| class_name(classes.names(), class)).collect::<Vec<_>>().join(", ")
}

fn head(what: String, found: &Evaluation) -> Vec<String> {
    let metrics = &found.metrics;
    let (low, high) = metrics.accuracy_ci95();
    let trained = found.objective.describe();
    let trained =
        trained.map(|how| format!(", as trained, {how}; cross-entropy {:.4}", found.cross_entropy()));
    vec![
        what,
        format!(
            "accuracy {:.2} % (95 % interval {:.2} to {:.2}), {} right and {} wrong; loss {:.4}{}",
            100.0 * metrics.accuracy(),
            100.0 * low,
            100.0 * high,
            thousands(metrics.correct),
            thousands(metrics.count - metrics.correct),
            metrics.loss(),
            trained.unwrap_or_default()
        ),
        String::new(),
    ]
}

fn class_table(confusion: &Confusion, classes: &Classes) -> Vec<String> {
    let label = |class: usize| classes.title(class);
    let width = (0..confusion.classes()).map(|class| label(class).chars().count()).max().unwrap_or(0).max(5);
    let figure = |figure: Option<f64>| figure.map_or("-".into(), |figure| format!("{figure:.4}"));
    let row = |name: String, class: ClassFigures| {
        let (precision, recall, f1) = (figure(class.precision), figure(class.recall), figure(class.f1));
        format!("{name:<width$}  {precision:>9}  {recall:>6}  {f1:>6}  {:>6}", class.examples)
    };
    let head = format!("{:<width$}  precision  recall      f1  images", "class");
    let classes = (0..confusion.classes()).map(|class| row(label(class), confusion.class(class)));
    [head].into_iter().chain(classes).chain([row("mean".into(), confusion.mean())]).collect()
}

fn tiles<'a>(
    worst: &[Mistake],
    data: &Dataset,
    picked: &'a Picked<'a>,
    names: Option<&Vec<String>>,
) -> Vec<Tile<'a>> {
    let (examples, len) = (picked.examples(), data.rows * data.cols);
    let tile = |mistake: &Mistake| Tile {
        image: Image::new(&examples.images[mistake.index * len..][..len], data.rows, data.cols),
        caption: format!(
            "#{}: {} as {} {:.2}",
            picked.index(mistake.index),
            class_name(names, mistake.truth),
            class_name(names, mistake.prediction),
            mistake.probability
        ),
    };
    worst.iter().map(tile).collect()
}

/// A header, then one row for each class.
fn csv_lines(confusion: &Confusion, names: Option<&Vec<String>>) -> Vec<String> {
    let cell = |class: usize| {
        let name = class_name(names, class);
        match name.contains([',', '"']) {
            true => format!("\"{}\"", name.replace('"', "\"\"")),
            false => name,
        }
    };
    let line = |cells: Vec<String>| cells.join(",");
    let head = ["truth".into()].into_iter().chain((0..confusion.classes()).map(cell)).collect();
    let row = |truth: usize| {
        line([cell(truth)].into_iter().chain(confusion.row(truth).iter().map(u64::to_string)).collect())
    };
    [line(head)].into_iter().chain((0..confusion.classes()).map(row)).collect()
}

fn json_line(
    path: &Path,
    data: &Dataset,
    split: &str,
    names: Option<&Vec<String>>,
    found: &Evaluation,
    confusion: &Confusion,
    worst: &[Mistake],
) -> String {
    let name = |class: usize| names.map(|_| class_name(names, class));
    let metrics = &found.metrics;
    let (low, high) = metrics.accuracy_ci95();
    let class = |class: usize| {
        let figures = confusion.class(class);
        JsonLine::new()
            .with("class", class)
            .with("name", name(class))
            .with("precision", figures.precision)
            .with("recall", figures.recall)
            .with("f1", figures.f1)
            .with("images", figures.examples)
    };
    let mistake = |mistake: &Mistake| {
        JsonLine::new()
            .with("index", mistake.index)
            .with("truth", mistake.truth)
            .with("prediction", mistake.prediction)
            .with("probability", mistake.probability)
            .with("loss", mistake.loss)
    };
    let rows: Vec<Vec<u64>> = (0..confusion.classes()).map(|truth| confusion.row(truth).to_vec()).collect();
    JsonLine::new()
        .with("model", path.to_string_lossy())
        .with("dataset", data.name.as_str())
        .with("split", split)
        .with("images", metrics.count)
        .with("loss", metrics.loss())
        .with("cross_entropy", found.cross_entropy())
        .with("accuracy", metrics.accuracy())
        .with("accuracy_ci95", vec![low, high])
        .with_objects("classes", (0..confusion.classes()).map(class))
        .with("confusion", rows)
        .with_objects("mistakes", worst.iter().map(mistake))
        .finish()
}
