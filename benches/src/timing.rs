//! Samples, rounds and what is said about them.

use std::time::{Duration, Instant};

/// How long and how often to measure.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Rounds; in each, every contender has its turn.
    pub rounds: usize,
    /// What one contender gets in a round; one sample at least is taken.
    pub window: Duration,
}

impl Plan {
    /// The default.
    pub const FULL: Plan = Plan { rounds: 5, window: Duration::from_millis(40) };
    /// `--quick`.
    pub const QUICK: Plan = Plan { rounds: 5, window: Duration::from_millis(5) };
    /// The shortest sample: the clock's own error is a thousandth of it at most.
    pub const SAMPLE: Duration = Duration::from_micros(100);
}

/// How many calls make a sample of [`Plan::SAMPLE`] or more.
#[derive(Clone, Copy, Debug)]
pub struct Calls(u32);

impl Calls {
    /// One call is enough.
    pub const ONE: Calls = Calls(1);

    /// Counts them. Warms up on the way.
    pub fn count(mut call: impl FnMut()) -> Calls {
        let mut calls = 1;
        loop {
            let start = Instant::now();
            for _ in 0..calls {
                call();
            }
            if start.elapsed() >= Plan::SAMPLE {
                return Calls(calls);
            }
            calls *= 2;
        }
    }

    /// One turn in a round: the median of its samples, in seconds a call.
    pub fn turn(self, window: Duration, mut call: impl FnMut()) -> f64 {
        // Brings code and operands back after the others' turns. A call that fills the window alone does so on its way.
        let first = Instant::now();
        call();
        let first = first.elapsed();
        if first >= window {
            return first.as_secs_f64();
        }
        let mut samples = Vec::new();
        let start = Instant::now();
        loop {
            let sample = Instant::now();
            for _ in 0..self.0 {
                call();
            }
            samples.push(sample.elapsed().as_secs_f64() / f64::from(self.0));
            if start.elapsed() >= window {
                return median(&mut samples);
            }
        }
    }
}

/// The rounds of `count` contenders, which take turns: for each contender, each round's seconds a call.
///
/// `turn` gives the contender with that number its turn; `before` is called before each round.
pub fn rounds<E>(
    plan: Plan,
    count: usize,
    mut turn: impl FnMut(usize) -> Result<f64, E>,
    mut before: impl FnMut(),
) -> Result<Vec<Vec<f64>>, E> {
    let mut seconds = vec![Vec::new(); count];
    for round in 0..plan.rounds {
        before();
        // Each round begins with another contender.
        for at in (0..count).map(|step| (round + step) % count) {
            seconds[at].push(turn(at)?);
        }
    }
    Ok(seconds)
}

/// Throughput over the rounds, in GFLOP/s.
#[derive(Clone, Copy, Debug)]
pub struct Throughput {
    /// The median round.
    pub median: f64,
    /// The best round.
    pub best: f64,
    /// From the best to the worst round, as a part of the median.
    pub spread: f64,
}

impl Throughput {
    /// More than this makes a result void.
    pub const SPREAD_LIMIT: f64 = 0.25;

    /// Of calls of `flop` operations that took so many seconds in each round; there is one round at least.
    pub fn of(flop: f64, seconds: &[f64]) -> Throughput {
        let mut rounds: Vec<f64> = seconds.iter().map(|seconds| flop / seconds / 1e9).collect();
        let median = median(&mut rounds);
        let (worst, best) = (rounds[0], rounds[rounds.len() - 1]);
        Throughput { median, best, spread: (best - worst) / median }
    }
}

/// Sorts, and gives the middle; of two middles their mean. There is one element at least.
fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { (values[half - 1] + values[half]) / 2.0 }
}

/// The geometric mean; `None` of nothing.
#[expect(clippy::disallowed_methods, reason = "printed for people: no weight depends on it")]
pub fn geometric_mean(values: &[f64]) -> Option<f64> {
    let sum: f64 = values.iter().map(|x| x.ln()).sum();
    (!values.is_empty()).then(|| (sum / values.len() as f64).exp())
}
