//! The options of the learning rate's schedule, and its formula.

use std::fmt;

use mnist_fast::schedule::{Schedule, Shape};
use mnist_fast::{Error, Result};

use super::checkpoint::Every;
use super::explain::with_sources;
use crate::args::{Args, Opt};
use crate::output::JsonLine;

pub(crate) const SCHEDULE: Opt = Opt {
    name: "--schedule",
    value: "NAME",
    help: "how the learning rate goes: constant (default), step, cosine or one-cycle",
};
pub(crate) const WARMUP: Opt = Opt {
    name: "--warmup",
    value: "N",
    help: "let it rise from 0 over the first N epochs, or 100steps, or 5% of the run\n\
           (one-cycle: from --lr-first; default 30%)",
};
pub(crate) const DROP_EVERY: Opt = Opt {
    name: "--lr-drop-every",
    value: "N",
    help: "with step: multiply it by --lr-factor after every N epochs, or steps:\n100steps",
};
pub(crate) const FACTOR: Opt = Opt { name: "--lr-factor", value: "X", help: "(default 0.1)" };
pub(crate) const FIRST: Opt =
    Opt { name: "--lr-first", value: "X", help: "with one-cycle: the first step's rate (default lr / 25)" };
pub(crate) const FINAL: Opt = Opt {
    name: "--lr-final",
    value: "X",
    help: "the rate at the end: with cosine (default 0), with one-cycle (default\nlr-first / 10000)",
};

/// Which schedule.
#[derive(Clone, Copy, PartialEq)]
enum Name {
    Constant,
    Step,
    Cosine,
    OneCycle,
}

impl Name {
    const ALL: [(&str, Name); 4] = [
        ("constant", Name::Constant),
        ("step", Name::Step),
        ("cosine", Name::Cosine),
        ("one-cycle", Name::OneCycle),
    ];

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(name, _)| *name == text).map(|(_, name)| *name)
    }

    fn text(self) -> &'static str {
        Self::ALL.iter().find(|(_, name)| *name == self).expect("all are there").0
    }
}

/// How long the rate rises.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Warmup {
    For(Every),
    /// So many hundredths of the run.
    Percent(f64),
}

impl Warmup {
    /// PyTorch's `pct_start` of a one-cycle schedule.
    const OF_ONE_CYCLE: Warmup = Warmup::Percent(30.0);

    fn parse(text: &str) -> Option<Self> {
        match text.strip_suffix('%') {
            None => Every::parse(text).map(Warmup::For),
            Some(share) => {
                let share = share.trim_end().parse().ok().filter(|share| *share > 0.0 && *share < 100.0)?;
                Some(Warmup::Percent(share))
            }
        }
    }

    /// In steps of a run of `all`, of which an epoch has `per_epoch`; a share may come to a fraction.
    fn steps(self, per_epoch: usize, all: u64) -> f64 {
        match self {
            Warmup::For(span) => span.steps(per_epoch) as f64,
            Warmup::Percent(share) => share / 100.0 * all as f64,
        }
    }
}

impl fmt::Display for Warmup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warmup::For(span) => span.fmt(f),
            Warmup::Percent(share) => write!(f, "{share}%"),
        }
    }
}

/// What these options ask for.
pub(crate) struct Asked {
    name: Name,
    warmup: Option<Warmup>,
    every: Option<Every>,
    factor: Option<f64>,
    first: Option<f64>,
    last: Option<f64>,
}

impl Asked {
    pub(crate) fn parse(args: &mut Args) -> Result<Self> {
        let span = "a whole number of epochs, 1 or more, or of steps, as in 100steps";
        let rate = |text: &str| text.parse().ok().filter(|x: &f64| (*x as f32).is_finite() && *x >= 0.0);
        let number = "a finite number, 0 or more and at most 3.4e38";
        let name = args.parse(SCHEDULE.name, "constant, step, cosine or one-cycle", Name::parse)?;
        let asked = Asked {
            name: name.unwrap_or(Name::Constant),
            warmup: args.parse(
                WARMUP.name,
                &format!("{span}, or a share of the run, as in 5%"),
                Warmup::parse,
            )?,
            every: args.parse(DROP_EVERY.name, span, Every::parse)?,
            factor: args.parse(FACTOR.name, number, rate)?,
            first: args.parse(FIRST.name, number, rate)?,
            last: args.parse(FINAL.name, number, rate)?,
        };
        let (step, cycle): (&[_], &[_]) = (&[Name::Step], &[Name::OneCycle]);
        for (option, given, of) in [
            (DROP_EVERY.name, asked.every.is_some(), step),
            (FACTOR.name, asked.factor.is_some(), step),
            (FIRST.name, asked.first.is_some(), cycle),
            (FINAL.name, asked.last.is_some(), &[Name::Cosine, Name::OneCycle]),
        ] {
            if given && !of.contains(&asked.name) {
                let names: Vec<&str> = of.iter().map(|name| name.text()).collect();
                return Err(Error::usage(format!(
                    "{option} is for --schedule {}; add that or leave {option} out",
                    names.join(" or ")
                )));
            }
        }
        if asked.name == Name::Step && asked.every.is_none() {
            return Err(Error::usage("--schedule step needs to know when: add --lr-drop-every N"));
        }
        Ok(asked)
    }

    fn factor(&self) -> f64 {
        self.factor.unwrap_or(0.1)
    }

    /// How long the rate rises, if it does.
    fn warmup(&self) -> Option<Warmup> {
        self.warmup.or((self.name == Name::OneCycle).then_some(Warmup::OF_ONE_CYCLE))
    }

    /// The rate of the first step of one-cycle.
    fn first(&self, lr: f64) -> f64 {
        self.first.unwrap_or(lr / 25.0)
    }

    /// The rate at the end of cosine and one-cycle.
    fn last(&self, lr: f64) -> f64 {
        let default = if self.name == Name::Cosine { 0.0 } else { self.first(lr) / 1e4 };
        self.last.unwrap_or(default)
    }

    /// The schedule of a run of `epochs` of `steps` steps each.
    pub(crate) fn schedule(&self, lr: f64, epochs: usize, steps: usize) -> Result<Schedule> {
        let all = epochs as u64 * steps as u64;
        let warmup = self.warmup().map_or(0.0, |warmup| warmup.steps(steps, all));
        if warmup >= all as f64 {
            return Err(Error::usage(format!(
                "--warmup of {warmup} steps leaves --schedule {} none of the run's {all}; make it shorter",
                self.name.text()
            )));
        }
        let shape = match self.name {
            Name::Constant => Shape::Constant,
            Name::Step => {
                let every = self.every.expect("the options were checked").steps(steps);
                Shape::Step { every, factor: self.factor() }
            }
            Name::Cosine => Shape::Cosine { steps: all, last: self.last(lr) },
            Name::OneCycle => {
                let (first, last) = (self.first(lr), self.last(lr));
                let shape = Shape::OneCycle { steps: all, rise: warmup, first, last };
                return Ok(Schedule { shape, warmup: 0 });
            }
        };
        // Whole steps: 0, where a share is less than one.
        Ok(Schedule { shape, warmup: warmup as u64 })
    }

    /// The settings, for the record; null where the schedule has none.
    pub(crate) fn record(&self, config: JsonLine, lr: f64) -> JsonLine {
        let of = |names: &[Name], value: f64| names.contains(&self.name).then_some(value);
        config
            .with("schedule", self.name.text())
            .with("warmup", self.warmup().map(|warmup| warmup.to_string()))
            .with("lr_drop_every", self.every.map(|span| span.to_string()))
            .with("lr_factor", of(&[Name::Step], self.factor()))
            .with("lr_first", of(&[Name::OneCycle], self.first(lr)))
            .with("lr_final", of(&[Name::Cosine, Name::OneCycle], self.last(lr)))
    }
}

/// The formula with its numbers, where the rate is not constant.
pub(crate) fn explained(schedule: &Schedule, lr: f64) -> Option<String> {
    let warmup = schedule.warmup;
    let mut lines =
        vec![format!("Learning rate: in place of {lr} above, of the step before which t were taken")];
    let mut sources = vec![];
    if warmup > 0 {
        lines.push(format!("  {lr} t / {warmup} before step {warmup}"));
    }
    match schedule.shape {
        Shape::Constant if warmup == 0 => return None,
        Shape::Constant => lines.push(format!("  {lr} from then on")),
        Shape::Step { every, factor } => {
            let stairs = format!("{factor}^floor(t / {every})");
            if warmup > 0 {
                lines[1] = format!("  {lr} t / {warmup} {stairs} before step {warmup}");
            }
            let from = if warmup > 0 { " from then on" } else { "" };
            lines.push(format!("  {lr} {stairs}{from}"));
            sources.push("step: Keras' ExponentialDecay with staircase=True, PyTorch's StepLR");
        }
        Shape::Cosine { steps, last } => {
            let (t, all) = match warmup {
                0 => ("t".to_owned(), steps),
                _ => (format!("(t - {warmup})"), steps - warmup),
            };
            let last = number(last);
            lines.push(format!("  {last} + ({lr} - {last}) (1 + cos(pi {t} / {all})) / 2"));
            sources.push(
                "cosine: Loshchilov and Hutter 2017; Keras' CosineDecay, whose alpha is the last rate by lr",
            );
            sources.push("PyTorch's CosineAnnealingLR, stepped once a batch, has no warm-up");
        }
        Shape::OneCycle { steps, rise, first, last } => {
            // Rounded as far as it is of interest.
            let top = ((rise - 1.0) * 1e3).round() / 1e3;
            let (end, first, last) = (steps - 1, number(first), number(last));
            lines.push(format!("  {lr} + ({first} - {lr}) (1 + cos(pi t / {top})) / 2 up to t = {top}"));
            lines.push(format!(
                "  {last} + ({lr} - {last}) (1 + cos(pi (t - {top}) / ({end} - {top}))) / 2 from there on"
            ));
            sources.push("one-cycle: Smith and Topin 2018; PyTorch's OneCycleLR but for its momentum, which stays here");
        }
    }
    Some(with_sources(lines, &sources))
}

/// Digits where there are few of them.
fn number(x: f64) -> String {
    if x != 0.0 && x < 1e-4 { format!("{x:e}") } else { x.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warm_up_is_read_as_it_is_written() {
        for (text, warmup, steps) in [
            ("2", Warmup::For(Every::Epochs(2)), 20.0),
            ("7steps", Warmup::For(Every::Steps(7)), 7.0),
            ("30%", Warmup::OF_ONE_CYCLE, 30.0),
            ("2.5 %", Warmup::Percent(2.5), 2.5),
        ] {
            assert_eq!(Warmup::parse(text), Some(warmup), "{text}");
            assert_eq!(Warmup::parse(&warmup.to_string()), Some(warmup));
            assert_eq!(warmup.steps(10, 100), steps);
        }
        // The bits of what was 0.3 of the run before shares could be given.
        for all in [84, 1173, 16_422, 1_000_003] {
            assert_eq!(Warmup::OF_ONE_CYCLE.steps(1, all), 0.3 * all as f64);
        }
        for text in ["0%", "100%", "-5%", "nan%", "inf%", "%", "30", "0", "3 %%"] {
            assert_eq!(Warmup::parse(text).is_some(), text == "30", "{text}");
        }
    }

    #[test]
    fn formulas_have_their_numbers() {
        let text = |shape, warmup| explained(&Schedule { shape, warmup }, 0.002);
        assert_eq!(text(Shape::Constant, 0), None);
        for (shape, warmup, line) in [
            (Shape::Constant, 10, "0.002 t / 10 before step 10"),
            (Shape::Step { every: 782, factor: 0.5 }, 0, "0.002 0.5^floor(t / 782)"),
            (Shape::Step { every: 782, factor: 0.5 }, 5, "0.002 t / 5 0.5^floor(t / 782) before step 5"),
            (Shape::Step { every: 782, factor: 0.5 }, 5, "0.002 0.5^floor(t / 782) from then on"),
            (Shape::Cosine { steps: 90, last: 0.0 }, 0, "0 + (0.002 - 0) (1 + cos(pi t / 90)) / 2"),
            (
                Shape::Cosine { steps: 90, last: 1e-5 },
                10,
                "1e-5 + (0.002 - 1e-5) (1 + cos(pi (t - 10) / 80)) / 2",
            ),
            (
                Shape::OneCycle { steps: 100, rise: 30.0, first: 0.001, last: 0.0 },
                0,
                "0 + (0.002 - 0) (1 + cos(pi (t - 29) / (99 - 29))) / 2 from there on",
            ),
        ] {
            let text = text(shape, warmup).unwrap();
            assert!(text.lines().any(|found| found.trim() == line), "{line:?} is not in:\n{text}");
            assert!(text.lines().all(|line| line.chars().count() <= 110), "{text}");
        }
    }
}
