//! The curves of a training: loss and accuracy as the tutorial plots them, and throughput.

use crate::history::{self, Epoch};
use crate::markup::Markup;
use crate::svg::{Chart, HEIGHT, Ink, Series, WIDTH, ticks};
use crate::units::{short, thousands};

/// Between two charts of one file.
const GAP: f64 = 24.0;

/// One chart's values and their limits.
struct Curve {
    title: &'static str,
    training: Vec<Option<f64>>,
    validation: Vec<Option<f64>>,
    limits: (f64, f64),
    best: Option<usize>,
}

impl Curve {
    /// From 0 to 0.5, as in the tutorial; higher, where a loss is.
    fn loss(history: &[Epoch]) -> Self {
        let curve = Curve::new("Loss", history, |metrics| metrics.loss());
        let greatest = curve.values().fold(0.0, f64::max);
        let high = if greatest <= 0.5 { 0.5 } else { ticks::ceiling(greatest, 5) };
        Curve { limits: (0.0, high), ..curve }
    }

    /// From 0.9 to 1, as in the tutorial; lower, where an accuracy is.
    fn accuracy(history: &[Epoch]) -> Self {
        let curve = Curve::new("Accuracy", history, |metrics| metrics.accuracy());
        let least = curve.values().fold(1.0, f64::min);
        let low = [0.9, 0.8, 0.5].into_iter().find(|low| *low <= least).unwrap_or(0.0);
        Curve { limits: (low, 1.0), ..curve }
    }

    fn new(title: &'static str, history: &[Epoch], value: fn(&crate::metrics::Metrics) -> f64) -> Self {
        Curve {
            title,
            training: history.iter().map(|epoch| Some(value(&epoch.metrics))).collect(),
            validation: history.iter().map(|epoch| epoch.validation.as_ref().map(value)).collect(),
            limits: (0.0, 1.0),
            best: best(history),
        }
    }

    fn values(&self) -> impl Iterator<Item = f64> {
        self.training.iter().chain(&self.validation).flatten().copied().filter(|value| value.is_finite())
    }

    fn with_chart(&self, then: impl FnOnce(&Chart<'_>)) {
        let training = Series { name: "training", ink: Ink::Training, values: &self.training };
        let validation = Series { name: "validation", ink: Ink::Validation, values: &self.validation };
        let both = [training, validation];
        let is_validated = self.validation.iter().any(Option::is_some);
        then(&Chart {
            title: self.title,
            series: if is_validated { &both } else { &both[..1] },
            legend: true,
            limits: self.limits,
            unit: None,
            value: |value| format!("{value:.4}"),
            mark: self.best.map(|epoch| (epoch, "lowest validation loss")),
        });
    }
}

/// The epoch, counted from 1, after which validation loss was lowest.
pub(super) fn best(history: &[Epoch]) -> Option<usize> {
    let losses: Option<Vec<f64>> = history.iter().map(|epoch| Some(epoch.validation?.loss())).collect();
    history::best(losses?).map(|epoch| epoch + 1)
}

/// The curves of loss and accuracy side by side, as an SVG file of its own.
pub fn plot(history: &[Epoch]) -> String {
    let (width, height) = (2.0 * WIDTH + 3.0 * GAP, HEIGHT + 2.0 * GAP);
    let curves = [Curve::loss(history), Curve::accuracy(history)];
    let mut words = String::new();
    curves.iter().for_each(|curve| curve.with_chart(|chart| words += &(chart.words() + " ")));
    let mut svg = Markup::new();
    svg.begin(
        "svg",
        &[
            ("xmlns", "http://www.w3.org/2000/svg".into()),
            ("width", width.into()),
            ("height", height.into()),
            ("viewBox", format!("0 0 {width} {height}").into()),
            ("role", "img".into()),
            ("font-family", "Helvetica, Arial, 'DejaVu Sans', sans-serif".into()),
        ],
    );
    svg.element("title", &[], "Loss and accuracy by epoch").element("desc", &[], words.trim_end());
    svg.empty("rect", &[("width", width.into()), ("height", height.into()), ("fill", "#ffffff".into())]);
    for (i, curve) in curves.iter().enumerate() {
        curve.with_chart(|chart| chart.draw(&mut svg, GAP + i as f64 * (WIDTH + GAP), GAP));
    }
    svg.finish() + "\n"
}

/// The charts of loss and of accuracy, one after the other, into a page.
pub(super) fn loss_and_accuracy(page: &mut Markup, history: &[Epoch]) {
    for curve in [Curve::loss(history), Curve::accuracy(history)] {
        curve.with_chart(|chart| figure(page, chart));
    }
}

/// The chart of images per second, into a page.
pub(super) fn throughput(page: &mut Markup, history: &[Epoch]) {
    let values: Vec<Option<f64>> = history.iter().map(|epoch| Some(epoch.images_per_second())).collect();
    let greatest = values.iter().flatten().copied().filter(|value| value.is_finite()).fold(1.0, f64::max);
    let series = [Series { name: "training", ink: Ink::Other, values: &values }];
    let chart = Chart {
        title: "Training images per second",
        series: &series,
        legend: false,
        limits: (0.0, ticks::ceiling(greatest, 4)),
        unit: Some(short),
        value: |value| thousands(value as usize),
        mark: None,
    };
    figure(page, &chart);
}

fn figure(page: &mut Markup, chart: &Chart<'_>) {
    let size = format!("0 0 {WIDTH} {HEIGHT}");
    let attributes = [
        ("class", "chart".into()),
        ("viewBox", size.into()),
        ("role", "img".into()),
        ("aria-label", chart.words().into()),
    ];
    page.begin("svg", &attributes);
    chart.draw(page, 0.0, 0.0);
    page.end();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    fn epoch(loss: f64, correct: usize, validation: Option<(f64, usize)>) -> Epoch {
        let metrics = |loss: f64, correct| Metrics { loss_sum: 1000.0 * loss, correct, count: 1000 };
        Epoch {
            epoch: 1,
            metrics: metrics(loss, correct),
            validation: validation.map(|(loss, correct)| metrics(loss, correct)),
            seconds: 0.2,
            train_seconds: 0.1,
        }
    }

    #[test]
    fn limits_are_the_tutorials_where_they_hold_all() {
        for (epoch, loss, accuracy) in [
            (epoch(0.27, 919, Some((0.16, 950))), 0.5, 0.9),
            (epoch(0.5, 900, None), 0.5, 0.9),
            (epoch(0.27, 919, Some((0.51, 899))), 0.6, 0.8),
            (epoch(1.1, 700, None), 1.5, 0.5),
            (epoch(2.3, 100, None), 2.5, 0.0),
            (epoch(f64::INFINITY, 1000, None), 0.5, 0.9),
        ] {
            let history = [epoch];
            let found = Curve::loss(&history).limits;
            assert!(found.0 == 0.0 && (found.1 - loss).abs() < 1e-12, "{found:?} {loss}");
            assert_eq!(Curve::accuracy(&history).limits, (accuracy, 1.0));
        }
    }

    #[test]
    fn a_plot_is_whole_in_itself() {
        let svg = plot(&[epoch(0.3, 900, Some((0.1, 950))), epoch(0.1, 950, Some((0.2, 940)))]);
        assert!(
            svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1112\" height=\"348\""),
            "{svg}"
        );
        assert!(svg.ends_with("</svg>\n"));
        for part in ["#008000", "#0000ff", ">lowest validation loss<", "epoch 2: 0.9400", ">0.5<", ">0.90<"] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
        assert!(!plot(&[epoch(0.3, 900, None)]).contains("validation"));
    }
}
