//! A line chart over epochs.

use std::fmt::Write as _;

use super::ticks::{label, ticks};
use crate::markup::{Markup, Value, number};

/// Width of a chart, in its own units.
pub const WIDTH: f64 = 520.0;

/// Height of a chart, in its own units.
pub const HEIGHT: f64 = 300.0;

/// Room around the plot: left, right, top, bottom.
const MARGIN: [f64; 4] = [54.0, 14.0, 38.0, 44.0];

/// Up to so many epochs each has a point to see and to hover over.
const POINTS_MAX: usize = 60;

/// More values than these are thinned out: each pair of the plot's columns keeps its least and its greatest.
const VALUES_MAX: usize = 1000;

/// What a line is, which says how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Green, round points.
    Training,
    /// Blue, square points.
    Validation,
    /// Neither.
    Other,
}

impl Ink {
    /// Its class in a style sheet.
    fn class(self) -> &'static str {
        match self {
            Ink::Training => "training",
            Ink::Validation => "validation",
            Ink::Other => "other",
        }
    }

    /// Its colour without a style sheet: matplotlib's `g` and `b` for the first two.
    fn colour(self) -> &'static str {
        match self {
            Ink::Training => "#008000",
            Ink::Validation => "#0000ff",
            Ink::Other => "#7a4a9e",
        }
    }
}

/// One line.
#[derive(Clone, Debug)]
pub struct Series<'a> {
    /// For the legend.
    pub name: &'a str,
    /// How it looks.
    pub ink: Ink,
    /// One value per epoch. The line has a gap where there is none, or one that is no finite number.
    pub values: &'a [Option<f64>],
}

/// A chart of lines over epochs, which count from 1.
#[derive(Clone, Debug)]
pub struct Chart<'a> {
    /// Above it.
    pub title: &'a str,
    /// The lines, the first below the others.
    pub series: &'a [Series<'a>],
    /// Whether they are named above it.
    pub legend: bool,
    /// The vertical axis.
    pub limits: (f64, f64),
    /// How the ticks of the vertical axis read; without, as decimal numbers.
    pub unit: Option<fn(f64) -> String>,
    /// How a value reads where somebody hovers over its point.
    pub value: fn(f64) -> String,
    /// An epoch to point at, and why.
    pub mark: Option<(usize, &'a str)>,
}

impl Chart<'_> {
    /// Draws it from the corner (`left`, `top`) on, [`WIDTH`] x [`HEIGHT`] large.
    pub fn draw(&self, to: &mut Markup, left: f64, top: f64) {
        let place = format!("translate({} {})", number(left), number(top));
        to.begin("g", &[("transform", place.into())]);
        self.heading(to);
        self.axes(to);
        self.mark(to);
        self.series.iter().for_each(|series| self.line(to, series));
        to.end();
    }

    /// What the chart shows, in a sentence, for those who do not see it.
    pub fn words(&self) -> String {
        let mut text = format!("{} by epoch.", self.title);
        for series in self.series {
            let mut values =
                series.values.iter().enumerate().filter_map(|(i, v)| finite(*v).map(|v| (i + 1, v)));
            let Some((first, from)) = values.next() else { continue };
            // Writing to a String cannot fail.
            let _ = write!(text, " {}: {} in epoch {first}", series.name, (self.value)(from));
            if let Some((last, to)) = values.next_back() {
                let _ = write!(text, ", {} in epoch {last}", (self.value)(to));
            }
            text.push('.');
        }
        text
    }

    fn epochs(&self) -> usize {
        self.series.iter().map(|series| series.values.len()).max().unwrap_or(0)
    }

    /// Where an epoch, counted from 1, lies; a single one in the middle.
    fn x(&self, epoch: f64) -> f64 {
        let width = WIDTH - MARGIN[0] - MARGIN[1];
        let share = if self.epochs() > 1 { (epoch - 1.0) / (self.epochs() - 1) as f64 } else { 0.5 };
        MARGIN[0] + width * share
    }

    fn y(&self, value: f64) -> f64 {
        let (low, high) = self.limits;
        let height = HEIGHT - MARGIN[2] - MARGIN[3];
        HEIGHT - MARGIN[3] - height * ((value - low) / (high - low))
    }

    fn heading(&self, to: &mut Markup) {
        text(to, (MARGIN[0], 18.0), "start", "title", 15.0, "#1c1c1e", self.title);
        let mut right = WIDTH - MARGIN[1];
        for series in self.series.iter().rev().filter(|_| self.legend) {
            text(to, (right, 18.0), "end", "legend", 13.0, "#1c1c1e", series.name);
            // About as wide as a sans-serif makes it.
            right -= 6.9 * series.name.chars().count() as f64 + 8.0;
            self.segment(to, series.ink, &format!("M{} 13.5h-22", number(right)));
            self.point(to, series.ink, (right - 11.0, 13.5), None);
            right -= 22.0 + 16.0;
        }
    }

    fn axes(&self, to: &mut Markup) {
        let (left, right, bottom) = (MARGIN[0], WIDTH - MARGIN[1], HEIGHT - MARGIN[3]);
        let step = |ticks: &[f64]| if ticks.len() > 1 { ticks[1] - ticks[0] } else { 1.0 };
        let levels = ticks(self.limits.0, self.limits.1, 5, 0.0);
        for level in &levels {
            let y = self.y(*level);
            line(to, (left, y), (right, y), "grid", "#e4e4e0");
            let words = match self.unit {
                Some(unit) => unit(*level),
                None => label(*level, step(&levels)),
            };
            text(to, (left - 8.0, y + 4.5), "end", "tick", 13.0, "#5c6066", &words);
        }
        let mut epochs = ticks(1.0, self.epochs() as f64, 8, 1.0);
        // The first epoch is where the axis begins, unless its number would crowd the next.
        if epochs.first().is_some_and(|first| first - 1.0 > 0.6 * step(&epochs)) {
            epochs.insert(0, 1.0);
        }
        for epoch in &epochs {
            let x = self.x(*epoch);
            line(to, (x, bottom), (x, bottom + 5.0), "axis", "#8a8e94");
            text(to, (x, bottom + 19.0), "middle", "tick", 13.0, "#5c6066", &label(*epoch, 1.0));
        }
        line(to, (left, bottom), (right, bottom), "axis", "#8a8e94");
        text(to, ((left + right) / 2.0, HEIGHT - 6.0), "middle", "tick", 13.0, "#5c6066", "epoch");
    }

    fn mark(&self, to: &mut Markup) {
        let Some((epoch, why)) = self.mark else { return };
        let (x, top) = (self.x(epoch as f64), MARGIN[2]);
        let path = format!("M{} {}V{}", number(x), number(top), number(HEIGHT - MARGIN[3]));
        let attributes = [
            ("class", Value::from("mark")),
            ("d", path.into()),
            ("stroke", "#5c6066".into()),
            ("stroke-dasharray", "4 4".into()),
            ("fill", "none".into()),
        ];
        to.empty("path", &attributes);
        // On the side that has more room.
        let (x, anchor) = if x < WIDTH / 2.0 { (x + 7.0, "start") } else { (x - 7.0, "end") };
        // And where the lines are not.
        let y = if self.is_high() { HEIGHT - MARGIN[3] - 8.0 } else { top + 11.0 };
        text(to, (x, y), anchor, "tick", 13.0, "#5c6066", why);
    }

    /// Whether the values are in the upper half on the whole.
    fn is_high(&self) -> bool {
        let values =
            || self.series.iter().flat_map(|series| series.values).filter_map(|value| finite(*value));
        let middle = (self.limits.0 + self.limits.1) / 2.0;
        2 * values().filter(|value| *value > middle).count() > values().count()
    }

    fn line(&self, to: &mut Markup, series: &Series<'_>) {
        let mut path = String::new();
        let mut lonely = vec![];
        for run in runs(series.values) {
            let run = thinned(run);
            for (i, (epoch, value)) in run.iter().enumerate() {
                let command = if i == 0 { 'M' } else { 'L' };
                let (x, y) = (self.x(*epoch as f64), self.y(*value));
                let _ = write!(path, "{command}{} {}", number(x), number(y));
            }
            // A line of one point cannot be seen.
            lonely.extend(run.first().filter(|_| run.len() == 1));
        }
        self.segment(to, series.ink, &path);
        let every = self.epochs() <= POINTS_MAX;
        let all = runs(series.values).flatten().filter(|_| every);
        for (epoch, value) in all.chain(lonely.into_iter().filter(|_| !every)) {
            let hint = format!("{}, epoch {epoch}: {}", series.name, (self.value)(value));
            self.point(to, series.ink, (self.x(epoch as f64), self.y(value)), Some(&hint));
        }
    }

    fn segment(&self, to: &mut Markup, ink: Ink, path: &str) {
        if path.is_empty() {
            return;
        }
        let attributes = [
            ("class", format!("line {}", ink.class()).into()),
            ("d", Value::from(path)),
            ("stroke", ink.colour().into()),
            ("stroke-width", "2".into()),
            ("stroke-linejoin", "round".into()),
            ("stroke-linecap", "round".into()),
            ("fill", "none".into()),
        ];
        to.empty("path", &attributes);
    }

    fn point(&self, to: &mut Markup, ink: Ink, (x, y): (f64, f64), hint: Option<&str>) {
        let look =
            [("class", Value::from(format!("point {}", ink.class()))), ("fill", Value::from(ink.colour()))];
        let (shape, place) = if ink == Ink::Validation {
            let place = [("x", x - 2.8), ("y", y - 2.8), ("width", 5.6), ("height", 5.6)];
            ("rect", place.map(|(name, x)| (name, Value::from(x))).to_vec())
        } else {
            ("circle", [("cx", x), ("cy", y), ("r", 3.1)].map(|(name, x)| (name, Value::from(x))).to_vec())
        };
        to.begin(shape, &[&look[..], &place].concat());
        if let Some(hint) = hint {
            to.element("title", &[], hint);
        }
        to.end();
    }
}

fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

/// The values between gaps, each with its epoch.
fn runs(values: &[Option<f64>]) -> impl Iterator<Item = Vec<(usize, f64)>> {
    let mut rest = values.iter().enumerate().peekable();
    std::iter::from_fn(move || {
        while rest.next_if(|(_, value)| finite(**value).is_none()).is_some() {}
        let mut run = vec![];
        while let Some((i, value)) = rest.next_if(|(_, value)| finite(**value).is_some()) {
            run.extend(value.map(|value| (i + 1, value)));
        }
        (!run.is_empty()).then_some(run)
    })
}

/// As many values as can be told apart: of each part of a long run the least and the greatest, and both ends.
fn thinned(run: Vec<(usize, f64)>) -> Vec<(usize, f64)> {
    if run.len() <= VALUES_MAX {
        return run;
    }
    let inner = &run[1..run.len() - 1];
    let mut kept = vec![run[0]];
    for part in inner.chunks(inner.len().div_ceil(VALUES_MAX / 2)) {
        let least = *part.iter().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or(&part[0]);
        let greatest = *part.iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or(&part[0]);
        kept.push(if least.0 < greatest.0 { least } else { greatest });
        if least.0 != greatest.0 {
            kept.push(if least.0 < greatest.0 { greatest } else { least });
        }
    }
    kept.push(run[run.len() - 1]);
    kept
}

fn line(to: &mut Markup, from: (f64, f64), until: (f64, f64), class: &str, colour: &str) {
    let attributes = [
        ("class", Value::from(class)),
        ("x1", from.0.into()),
        ("y1", from.1.into()),
        ("x2", until.0.into()),
        ("y2", until.1.into()),
        ("stroke", colour.into()),
    ];
    to.empty("line", &attributes);
}

fn text(to: &mut Markup, at: (f64, f64), anchor: &str, class: &str, size: f64, colour: &str, words: &str) {
    let mut attributes = vec![
        ("class", Value::from(class)),
        ("x", at.0.into()),
        ("y", at.1.into()),
        ("text-anchor", anchor.into()),
        ("font-size", size.into()),
        ("fill", colour.into()),
    ];
    if class == "title" {
        attributes.push(("font-weight", "600".into()));
    }
    to.element("text", &attributes, words);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(values: &[Option<f64>]) -> String {
        let series = [Series { name: "training", ink: Ink::Training, values }];
        let chart = Chart {
            title: "Loss",
            series: &series,
            legend: false,
            limits: (0.0, 1.0),
            unit: None,
            value: |x| format!("{x:.4}"),
            mark: None,
        };
        let mut markup = Markup::new();
        chart.draw(&mut markup, 0.0, 0.0);
        markup.finish()
    }

    /// How often the line is put down, and the points it goes through.
    fn path(svg: &str) -> (usize, usize) {
        let start = svg.find("class=\"line training\" d=\"").unwrap() + 25;
        let path = &svg[start..start + svg[start..].find('"').unwrap()];
        (path.matches('M').count(), path.matches(['M', 'L']).count())
    }

    #[test]
    fn gaps_are_gaps_and_what_is_not_finite_is_never_written() {
        let svg =
            drawn(&[Some(0.5), Some(0.4), None, Some(f64::NAN), Some(0.2), Some(f64::INFINITY), Some(0.0)]);
        assert_eq!(path(&svg), (3, 4));
        assert_eq!(svg.matches("<circle").count(), 4);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn a_single_epoch_is_a_point_in_the_middle() {
        let svg = drawn(&[Some(0.5)]);
        assert!(
            svg.contains("cx=\"280\" cy=\"147\" r=\"3.1\"><title>training, epoch 1: 0.5000</title>"),
            "{svg}"
        );
    }

    #[test]
    fn thousands_of_epochs_keep_their_peaks() {
        let mut values = vec![Some(0.5); 100_000];
        values[77_777] = Some(1.0);
        values[77_776] = Some(0.0);
        let svg = drawn(&values);
        let (puts, points) = path(&svg);
        assert!(puts == 1 && points <= VALUES_MAX + 2, "{points}");
        let (top, bottom) = (number(MARGIN[2]), number(HEIGHT - MARGIN[3]));
        assert!(svg.contains(&format!(" {bottom}L")) && svg.contains(&format!(" {top}L")), "{svg}");
        assert!(!svg.contains("<circle") && svg.len() < 30_000);
        // A point between two gaps is seen all the same.
        values[5] = None;
        values[7] = None;
        assert_eq!(drawn(&values).matches("<circle").count(), 1);
    }

    #[test]
    fn without_values_there_are_axes() {
        for values in [&[][..], &[None, None]] {
            let svg = drawn(values);
            assert!(svg.contains(">epoch<") && !svg.contains("class=\"line"), "{svg}");
        }
    }
}
