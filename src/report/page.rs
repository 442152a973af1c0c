//! What stands where on the page.

use super::{MISTAKES, Names, classes, curves, mistakes, tables};
use crate::confusion::Confusion;
use crate::history::Epoch;
use crate::markup::Markup;
use crate::mistakes::worst;
use crate::predict::Evaluation;
use crate::train::Examples;
use crate::units::{thousands, waited};

/// Everything that a report tells.
#[derive(Debug)]
pub struct Page<'a> {
    /// What it is: `Training report`.
    pub title: &'a str,
    /// Below it: which data, which network.
    pub subtitle: String,
    /// What training reported, epoch by epoch; empty in the report of an evaluation.
    pub history: &'a [Epoch],
    /// What it says in words.
    pub verdict: Option<String>,
    /// Seconds of the whole run.
    pub seconds: Option<f64>,
    /// What the trained network says of images that it has not seen.
    pub evaluated: Option<Evaluated<'a>>,
    /// How it was made: names and values.
    pub configuration: Vec<(String, String)>,
    /// SHA-256 of what went in and came out.
    pub hashes: Vec<(String, String)>,
    /// What made it, and when.
    pub made_by: String,
}

/// Labelled images, and what the network says of them.
#[derive(Debug)]
pub struct Evaluated<'a> {
    /// Which images they are: `test`.
    pub split: &'a str,
    /// The images.
    pub examples: Examples<'a>,
    /// Rows and columns of an image.
    pub size: (usize, usize),
    /// How many classes there are.
    pub classes: usize,
    /// What they are called.
    pub names: Names<'a>,
    /// Which of the dataset's images each one is, where these are only some of them.
    pub indices: Option<&'a [usize]>,
    /// What the network says.
    pub found: &'a Evaluation,
}

/// No address can be fetched, whatever stands in the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

impl Page<'_> {
    /// The page as HTML.
    pub fn html(&self) -> String {
        let mut page = Markup::beginning_with("<!DOCTYPE html>\n");
        page.begin("html", &[("lang", "en".into()), ("xmlns", "http://www.w3.org/1999/xhtml".into())]);
        page.begin("head", &[]).empty("meta", &[("charset", "utf-8".into())]);
        page.empty("meta", &[("http-equiv", "Content-Security-Policy".into()), ("content", POLICY.into())]);
        let viewport = "width=device-width, initial-scale=1";
        page.empty("meta", &[("name", "viewport".into()), ("content", viewport.into())]);
        page.empty("meta", &[("name", "color-scheme".into()), ("content", "light dark".into())]);
        page.empty("link", &[("rel", "icon".into()), ("href", "data:,".into())]);
        page.element("title", &[], &format!("{}: {}", self.title, self.subtitle));
        page.begin("style", &[]).raw(include_str!("style.css")).end();
        page.end().begin("body", &[]);
        page.begin("header", &[]).element("h1", &[], self.title);
        page.element("p", &[("class", "subtitle".into())], &self.subtitle).end();
        page.begin("main", &[]);
        self.summary(&mut page);
        if !self.history.is_empty() {
            section(&mut page, "Curves");
            page.begin("div", &[("class", "columns".into())]);
            curves::loss_and_accuracy(&mut page, self.history);
            page.end().end();
            section(&mut page, "Epochs");
            page.begin("div", &[("class", "columns".into())]);
            curves::throughput(&mut page, self.history);
            tables::epochs(&mut page, self.history);
            page.end().end();
        }
        if let Some(evaluated) = &self.evaluated {
            evaluated.sections(&mut page);
        }
        section(&mut page, "Configuration");
        tables::names_and_values(&mut page, &self.configuration, "configuration");
        page.end();
        section(&mut page, "Hashes (SHA-256)");
        tables::names_and_values(&mut page, &self.hashes, "hashes");
        page.end().end();
        page.begin("footer", &[]).element("p", &[], &self.made_by);
        page.finish() + "\n"
    }

    fn summary(&self, page: &mut Markup) {
        page.begin("section", &[("aria-label", "Summary".into())]).begin("dl", &[("class", "cards".into())]);
        if let Some(Evaluated { split, found, .. }) = &self.evaluated {
            let metrics = &found.metrics;
            let (low, high) = metrics.accuracy_ci95();
            let right = format!("{} of {} right", thousands(metrics.correct), thousands(metrics.count));
            let interval = format!("95 % interval {:.2}\u{2013}{:.2}", 100.0 * low, 100.0 * high);
            card(
                page,
                &format!("Accuracy, {split}"),
                &format!("{:.2} %", 100.0 * metrics.accuracy()),
                &[&interval, &right],
            );
            let name = format!("Loss, {split}");
            let loss = format!("{:.4}", metrics.loss());
            match found.objective.describe() {
                None => card(page, &name, &loss, &["mean cross-entropy"]),
                Some(how) => {
                    let plain = format!("cross-entropy {:.4}", found.cross_entropy());
                    card(page, &name, &loss, &[&format!("as trained, {how}"), &plain]);
                }
            }
        }
        if let Some(best) = curves::best(self.history) {
            let epoch = &self.history[best - 1];
            let validation = epoch.validation.as_ref().expect("the best epoch was validated");
            let lowest = format!("val. loss {:.4}", validation.loss());
            let accuracy = format!("val. accuracy {:.2} %", 100.0 * validation.accuracy());
            card(page, "Best epoch", &format!("{best} of {}", self.history.len()), &[&lowest, &accuracy]);
        }
        if let Some(rate) = median(self.history.iter().map(Epoch::images_per_second)) {
            let epochs = match self.history.len() {
                1 => "in the only epoch".to_owned(),
                n => format!("median of {n} epochs"),
            };
            let value = thousands(rate as usize);
            card(page, "Training speed", &format!("{value}/s"), &["images a second", &epochs]);
        }
        if let Some(seconds) = self.seconds {
            card(page, "Time", &waited(seconds), &["the whole run"]);
        }
        page.end();
        if let Some(verdict) = &self.verdict {
            page.element("p", &[("class", "verdict".into())], &sentence(verdict));
        } else if !self.history.is_empty() {
            let words = "No images were held out for validation, so nothing can be said about overfitting.";
            page.element("p", &[("class", "verdict".into())], words);
        }
        if self.evaluated.is_none() {
            let words = "There were neither test nor validation images: no confusion matrix, no mistakes.";
            page.element("p", &[("class", "verdict".into())], words);
        }
        page.end();
    }
}

impl Evaluated<'_> {
    fn sections(&self, page: &mut Markup) {
        let confusion = Confusion::new(self.classes, self.examples.labels, &self.found.classes);
        section(page, &format!("Classes, {}", self.split));
        page.begin("div", &[("class", "columns".into())]);
        classes::matrix(page, &confusion, self.names);
        classes::figures(page, &confusion, self.names);
        page.end().end();
        let worst = worst(self.examples.labels, self.found, MISTAKES);
        if !worst.is_empty() {
            section(page, &format!("Worst mistakes, {}", self.split));
            mistakes::gallery(page, &worst, self);
            page.end();
        }
    }
}

fn section(page: &mut Markup, title: &str) {
    page.begin("section", &[]).element("h2", &[], title);
}

fn card(page: &mut Markup, name: &str, value: &str, notes: &[&str]) {
    page.begin("div", &[]).element("dt", &[], name).element("dd", &[("class", "value".into())], value);
    notes.iter().for_each(|note| _ = page.element("dd", &[], note));
    page.end();
}

/// With a capital letter and a full stop.
fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
