//! The overview: the shapes of the sets, how many images each class has, and if wanted what there is to say about the
//! pixels.
//!
//! Without those statistics no pixel is read, so that the overview is there at once however large the dataset is.

use std::ops::Range;

use mnist_fast::Result;
use mnist_fast::dataset::{Dataset, Split, known};
use mnist_fast::statistics::Statistics;

use super::super::data::Source;
use crate::output::{JsonLine, thousands};

/// What the training file is called among the sets: all of it, before validation is split off.
const FILE: &str = "training file";

/// One set of images, counted.
struct Set {
    name: &'static str,
    /// Images per class.
    counts: Vec<usize>,
    statistics: Option<Statistics>,
}

impl Set {
    fn len(&self) -> usize {
        self.counts.iter().sum()
    }
}

/// The training file as a whole, then training, validation and test set, as far as there are any.
fn sets(data: &Dataset, source: &Source, stats: bool) -> Result<Vec<Set>> {
    let parts = source.split(data.train.len())?;
    let set = |name, split: &Split, range: Range<usize>| {
        let mut counts = vec![0; data.classes];
        split.labels()[range.clone()].iter().for_each(|label| counts[usize::from(*label)] += 1);
        let len = split.image_len();
        let statistics = stats.then(|| Statistics::of(&split.images()[range.start * len..range.end * len]));
        Set { name, counts, statistics }
    };
    let mut sets = vec![set("train", &data.train, parts.train)];
    if !parts.validation.is_empty() {
        sets.push(set("validation", &data.train, parts.validation));
    }
    let file = Set {
        name: FILE,
        counts: (0..data.classes).map(|class| sets.iter().map(|set| set.counts[class]).sum()).collect(),
        statistics: sets.iter().map(|set| set.statistics).reduce(|a, b| Some(a?.and(b?))).flatten(),
    };
    sets.insert(0, file);
    if let Some(test) = &data.test {
        sets.push(set("test", test, 0..test.len()));
    }
    Ok(sets)
}

/// For the terminal.
pub(super) fn text(data: &Dataset, source: &Source, stats: bool) -> Result<String> {
    let sets = sets(data, source, stats)?;
    let mut lines = vec![match known::find(&data.name) {
        Some(known) => format!("{}: {}, {}", data.name, known.title, known.licence),
        None => data.name.clone(),
    }];

    lines.push(String::new());
    let row = |name: &str, images: &str, labels: &str, statistics: Option<[String; 4]>| {
        let [range, mean, std, density] = statistics.unwrap_or_default();
        let row = format!("{name:<14} {images:<16} {labels:<9}  {range:>7} {mean:>7} {std:>7} {density:>10}");
        row.trim_end().to_owned()
    };
    let head = ["range", "mean", "std", "not zero"].map(str::to_owned);
    lines.push(row("", "images, u8", "labels", stats.then_some(head)));
    lines.extend(sets.iter().map(|set| {
        let n = set.len();
        let statistics = set.statistics.map(|s| {
            let ((min, max), density) = (s.range(), 100.0 * s.density());
            let fraction = |x: f64| format!("{x:.4}");
            [format!("{min}-{max}"), fraction(s.mean()), fraction(s.deviation()), format!("{density:.2} %")]
        });
        row(set.name, &format!("({n}, {}, {})", data.rows, data.cols), &format!("({n},)"), statistics)
    }));
    if stats {
        lines.push("mean and std are of pixels / 255".into());
    }
    let sets = &sets[1..];

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
pub(super) fn json(line: JsonLine, data: &Dataset, source: &Source, stats: bool) -> Result<JsonLine> {
    let sets = sets(data, source, stats)?;
    let set = |set: &Set| {
        let object = JsonLine::new().with("shape", vec![set.len(), data.rows, data.cols]);
        let object = object.with("class_counts", set.counts.clone());
        let Some(statistics) = set.statistics else { return object };
        let (min, max) = statistics.range();
        object
            .with("min", min)
            .with("max", max)
            .with("mean", statistics.mean())
            .with("std", statistics.deviation())
            .with("density", statistics.density())
    };
    let members =
        [("training_file", FILE), ("train", "train"), ("validation", "validation"), ("test", "test")];
    Ok(members.into_iter().fold(line, |line, (member, name)| {
        match sets.iter().find(|set| set.name == name) {
            Some(found) => line.with_object(member, set(found)),
            None => line.with(member, serde_json::Value::Null),
        }
    }))
}
