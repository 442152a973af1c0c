//! The confusion matrix, and how well each class is known.

use std::fmt::Write as _;

use super::Names;
use super::tables::{begin_scrolling, header};
use crate::confusion::{ClassFigures, Confusion};
use crate::markup::{Markup, Value, number};
use crate::units::thousands;

/// More classes than this are no table to look at, but a picture.
const TABLE_MAX: usize = 32;

/// Shades of the picture.
const SHADES: usize = 8;

/// The most frequent confusions that are named.
const NAMED: usize = 5;

/// The matrix: rows for the truth, columns for the prediction.
pub(super) fn matrix(page: &mut Markup, confusion: &Confusion, names: Names<'_>) {
    page.begin("figure", &[]).element("h3", &[], "Confusion matrix");
    begin_scrolling(page, "", "The confusion matrix");
    let shades = Shades::of(confusion);
    if confusion.classes() <= TABLE_MAX {
        table(page, confusion, names, &shades);
    } else {
        picture(page, confusion, &shades);
    }
    page.end();
    let legend = "Rows are the truth, columns the prediction. Blue: right, by its share of the row. Orange: mistakes, \
                  strongest where they are most frequent.";
    page.element("figcaption", &[("class", "note".into())], legend);
    if let Some(words) = most_confused(confusion, names) {
        page.element("p", &[("class", "note".into())], &words);
    }
    page.end();
}

/// Precision, recall and F1 of each class.
pub(super) fn figures(page: &mut Markup, confusion: &Confusion, names: Names<'_>) {
    page.begin("div", &[]).element("h3", &[], "Each class");
    begin_scrolling(page, "tall", "The figures of each class");
    page.begin("table", &[("class", "figures".into())]);
    header(page, &["class", "precision", "recall", "F1", "images"]);
    let row = |page: &mut Markup, name: &str, class: ClassFigures| {
        page.begin("tr", &[]).element("th", &[("scope", "row".into())], name);
        for figure in [class.precision, class.recall, class.f1] {
            page.element("td", &[], &figure.map_or("\u{2013}".into(), |figure| format!("{figure:.4}")));
        }
        page.element("td", &[], &thousands(class.examples as usize)).end();
    };
    page.begin("tbody", &[]);
    (0..confusion.classes()).for_each(|class| row(page, &names.in_table(class), confusion.class(class)));
    page.end().begin("tfoot", &[]);
    row(page, "mean", confusion.mean());
    page.end().end().end();
    let note = "Precision: of the images taken for a class, the share that are of it. Recall: of the images of a class, \
                the share taken for it. F1: their harmonic mean.";
    page.element("p", &[("class", "note".into())], note).end();
}

/// How dark a cell is.
struct Shades {
    totals: Vec<u64>,
    worst: u64,
}

impl Shades {
    fn of(confusion: &Confusion) -> Self {
        let rows = || (0..confusion.classes()).map(|truth| (truth, confusion.row(truth)));
        let mistakes = rows().flat_map(|(truth, row)| {
            row.iter()
                .enumerate()
                .filter(move |(prediction, _)| *prediction != truth)
                .map(|(_, count)| *count)
        });
        Shades {
            totals: rows().map(|(_, row)| row.iter().sum()).collect(),
            worst: mistakes.max().unwrap_or(0),
        }
    }

    /// From 0 to 1. By the root among mistakes, so that rare ones can be seen.
    fn shade(&self, truth: usize, prediction: usize, count: u64) -> f64 {
        match truth == prediction {
            true => count as f64 / self.totals[truth].max(1) as f64,
            false => (count as f64 / self.worst.max(1) as f64).sqrt(),
        }
    }
}

fn table(page: &mut Markup, confusion: &Confusion, names: Names<'_>, shades: &Shades) {
    let class = if names.names.is_some() { "matrix named" } else { "matrix" };
    // Columns of equal width, which scroll where there is no room for them.
    let width = format!("min-width:{}rem", number(1.6 * confusion.classes() as f64 + 4.5));
    page.begin("table", &[("class", class.into()), ("style", width.into())]);
    page.begin("thead", &[]).begin("tr", &[]).element("td", &[], "");
    for class in 0..confusion.classes() {
        let name = names.in_table(class);
        let attributes = [("scope", Value::from("col")), ("title", name.into())];
        page.element("th", &attributes, &names.label(class).to_string());
    }
    page.end().end().begin("tbody", &[]);
    for truth in 0..confusion.classes() {
        page.begin("tr", &[]).element("th", &[("scope", "row".into())], &names.in_table(truth));
        for (prediction, count) in confusion.row(truth).iter().enumerate() {
            if *count == 0 {
                page.element("td", &[], "");
                continue;
            }
            let shade = shades.shade(truth, prediction, *count);
            let kind = if truth == prediction { "hit" } else { "miss" };
            let class = if shade > if kind == "hit" { 0.6 } else { 0.85 } {
                format!("{kind} dark")
            } else {
                kind.to_owned()
            };
            let attributes =
                [("class", Value::from(class)), ("style", format!("--shade:{}", number(shade)).into())];
            page.element("td", &attributes, &count.to_string());
        }
        page.end();
    }
    page.end().end();
}

/// One short thick line for each cell that is not 0, all of one shade in one path: few letters for 65,536 cells.
fn picture(page: &mut Markup, confusion: &Confusion, shades: &Shades) {
    let classes = confusion.classes();
    let mut paths = vec![String::new(); 2 * (SHADES + 1)];
    for truth in 0..classes {
        for (prediction, count) in confusion.row(truth).iter().enumerate().filter(|(_, count)| **count > 0) {
            let shade = (shades.shade(truth, prediction, *count) * SHADES as f64).ceil() as usize;
            let path = &mut paths[2 * shade + usize::from(truth != prediction)];
            // Writing to a String cannot fail.
            let _ = write!(path, "M{prediction} {truth}h1");
        }
    }
    let words =
        format!("Confusion matrix of {classes} classes as a picture; the table of classes has the figures.");
    let attributes = [
        ("class", Value::from("matrix")),
        ("viewBox", format!("0 -0.5 {classes} {classes}").into()),
        ("role", "img".into()),
        ("aria-label", words.into()),
    ];
    page.begin("svg", &attributes);
    for (i, path) in paths.iter().enumerate().filter(|(_, path)| !path.is_empty()) {
        let class = if i % 2 == 0 { "hit" } else { "miss" };
        let shade = number(((i / 2) as f64 / SHADES as f64).max(0.15));
        page.empty(
            "path",
            &[("class", class.into()), ("stroke-opacity", shade.into()), ("d", path.as_str().into())],
        );
    }
    page.end();
}

/// The most frequent mistakes in words; of equal ones, the first in the matrix.
fn most_confused(confusion: &Confusion, names: Names<'_>) -> Option<String> {
    let classes = 0..confusion.classes();
    let cells = classes.flat_map(|truth| {
        confusion.row(truth).iter().enumerate().map(move |(prediction, count)| (truth, prediction, *count))
    });
    let mut mistakes: Vec<_> =
        cells.filter(|(truth, prediction, count)| truth != prediction && *count > 0).collect();
    mistakes.sort_by_key(|(.., count)| std::cmp::Reverse(*count));
    mistakes.truncate(NAMED);
    let name = |class| names.in_words(class);
    let phrase = |(truth, prediction, count): &(usize, usize, u64)| {
        format!("{} for {} ({})", name(*truth), name(*prediction), thousands(*count as usize))
    };
    let phrases: Vec<String> = mistakes.iter().map(phrase).collect();
    (!phrases.is_empty()).then(|| format!("Most often taken for another: {}.", phrases.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_and_words_follow_the_counts() {
        let truths = [0, 0, 0, 0, 1, 1, 1, 1, 1, 2];
        let confusion = Confusion::new(3, &truths, &[0, 0, 0, 1, 0, 0, 0, 0, 1, 2]);
        let shades = Shades::of(&confusion);
        assert_eq!((shades.shade(0, 0, 3), shades.shade(1, 0, 4), shades.shade(0, 1, 1)), (0.75, 1.0, 0.5));
        assert_eq!(
            most_confused(&confusion, Names::default()).unwrap(),
            "Most often taken for another: 1 for 0 (4), 0 for 1 (1)."
        );
        assert_eq!(most_confused(&Confusion::new(2, &[0, 1], &[0, 1]), Names::default()), None);
        let mut page = Markup::new();
        matrix(&mut page, &confusion, Names::default());
        let html = page.finish();
        assert!(
            html.contains(
                "<th scope=\"row\">1</th><td class=\"miss dark\" style=\"--shade:1\">4</td><td class=\"hit\""
            ),
            "{html}"
        );
    }

    #[test]
    fn many_classes_are_a_picture() {
        let truths: Vec<u8> = (0..=255).collect();
        let predictions: Vec<u32> = (0..256).map(|class| (class + class / 128) % 256).collect();
        let mut page = Markup::new();
        matrix(&mut page, &Confusion::new(256, &truths, &predictions), Names::default());
        let html = page.finish();
        assert!(!html.contains("<table") && html.contains("M0 0h1") && html.contains("M129 128h1"));
        assert_eq!(html.matches("h1").count(), 256);
        // Every cell.
        let truths: Vec<u8> = (0..65_536).map(|i| (i / 256) as u8).collect();
        let predictions: Vec<u32> = (0..65_536).map(|i| i % 256).collect();
        let mut page = Markup::new();
        matrix(&mut page, &Confusion::new(256, &truths, &predictions), Names::default());
        assert!(page.finish().len() < 800_000);
    }
}
