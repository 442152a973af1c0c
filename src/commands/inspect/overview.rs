//! The overview: shapes and pixel statistics of the sets, and how many images each class has.
//!
//! It reads every pixel once, which takes some milliseconds; the other parts of `inspect` touch what they show.

use mnist_fast::Result;
use mnist_fast::dataset::{Dataset, known};
use mnist_fast::statistics::Statistics;

use super::super::data::Source;
use crate::output::{JsonLine, thousands};

/// One set of images, counted.
struct Set {
    name: &'static str,
    statistics: Statistics,
    /// Images per class.
    counts: Vec<usize>,
}

impl Set {
    fn new(name: &'static str, images: &[u8], labels: &[u8], classes: usize) -> Self {
        let mut counts = vec![0; classes];
        labels.iter().for_each(|label| counts[usize::from(*label)] += 1);
        Set { name, statistics: Statistics::of(images), counts }
    }

    fn len(&self) -> usize {
        self.counts.iter().sum()
    }
}

/// Training, validation and test set, as far as there are any, and the training file as a whole.
fn sets(data: &Dataset, source: &Source) -> Result<(Vec<Set>, Statistics)> {
    let parts = source.split(data.train.len())?;
    let len = data.train.image_len();
    let of_train = |name, range: std::ops::Range<usize>| {
        let images = &data.train.images()[range.start * len..range.end * len];
        Set::new(name, images, &data.train.labels()[range], data.classes)
    };
    let mut sets = vec![of_train("train", parts.train)];
    if !parts.validation.is_empty() {
        sets.push(of_train("validation", parts.validation));
    }
    let file = sets.iter().map(|set| set.statistics).fold(Statistics::NONE, Statistics::and);
    if let Some(test) = &data.test {
        sets.push(Set::new("test", test.images(), test.labels(), data.classes));
    }
    Ok((sets, file))
}

/// For the terminal.
pub(super) fn text(data: &Dataset, source: &Source) -> Result<String> {
    let (sets, file) = sets(data, source)?;
    let mut lines = vec![match known::find(&data.name) {
        Some(known) => format!("{}: {}, {}", data.name, known.title, known.licence),
        None => data.name.clone(),
    }];

    let row = |name: &str, n: usize, s: &Statistics| {
        let shape = format!("({n}, {}, {})", data.rows, data.cols);
        let (min, max) = s.range();
        format!(
            "{name:<14} {shape:<16} {:<9} {:>8} {:>7.4} {:>7.4} {:>8.2} %",
            format!("({n},)"),
            format!("{min}-{max}"),
            s.mean(),
            s.deviation(),
            100.0 * s.density()
        )
    };
    lines.push(String::new());
    lines.push(format!(
        "{:<14} {:<16} {:<9} {:>8} {:>7} {:>7} {:>10}",
        "", "images, u8", "labels", "range", "mean", "std", "not zero"
    ));
    lines.push(row("training file", data.train.len(), &file));
    lines.extend(sets.iter().map(|set| row(set.name, set.len(), &set.statistics)));
    lines.push("mean and std are of pixels / 255".into());

    let names: Vec<String> = (0..data.classes)
        .map(|class| match &data.class_names {
            Some(names) => format!("{class} {}", names[class]),
            None => class.to_string(),
        })
        .collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("class".len());
    let count_row = |name: &str, cells: Vec<String>| {
        let cells: String = cells.iter().map(|cell| format!(" {cell:>10}")).collect();
        format!("{name:<width$}{cells}")
    };
    lines.push(String::new());
    lines.push(count_row("class", sets.iter().map(|set| set.name.to_owned()).collect()));
    for (class, name) in names.iter().enumerate() {
        lines.push(count_row(name, sets.iter().map(|set| thousands(set.counts[class])).collect()));
    }
    Ok(lines.join("\n"))
}

/// What every JSON answer begins with.
pub(super) fn head_json(data: &Dataset) -> JsonLine {
    let known = known::find(&data.name);
    JsonLine::new()
        .with("dataset", data.name.as_str())
        .with("title", known.map(|known| known.title))
        .with("licence", known.map(|known| known.licence))
        .with("rows", data.rows)
        .with("cols", data.cols)
        .with("classes", data.classes)
        .with("class_names", data.class_names.clone())
}

/// Adds the training file and the sets; a set without images is null.
pub(super) fn json(line: JsonLine, data: &Dataset, source: &Source) -> Result<JsonLine> {
    let (sets, file) = sets(data, source)?;
    let statistics = |n: usize, s: &Statistics| {
        let (min, max) = s.range();
        JsonLine::new()
            .with("shape", vec![n, data.rows, data.cols])
            .with("min", min)
            .with("max", max)
            .with("mean", s.mean())
            .with("std", s.deviation())
            .with("density", s.density())
    };
    let mut line = line.with_object("training_file", statistics(data.train.len(), &file));
    for name in ["train", "validation", "test"] {
        line = match sets.iter().find(|set| set.name == name) {
            Some(set) => {
                let object = statistics(set.len(), &set.statistics);
                line.with_object(name, object.with("class_counts", set.counts.clone()))
            }
            None => line.with(name, serde_json::Value::Null),
        };
    }
    Ok(line)
}
