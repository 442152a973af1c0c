//! A roofline of training: what this machine can do at most, what each phase of a step has to do at least, and how long it takes.
//!
//! ```text
//! peaks.rs   multiply-adds a second, bytes a second from each level of the memory
//! work.rs    multiply-adds and bytes of each phase, zeros counted
//! here       trains, with a clock for each thread, and divides: a phase's limit is the longest of
//!              its multiply-adds at the FMA peak
//!              what its loops over nonzeros load, at L1's rate
//!              its operands, each once, at the rate of the cache that has room for them
//! ```
//!
//! A limit is a lower bound of the time, so "% of its limit" is what a phase reaches of it. Square roots, divisions, exponentials, waiting
//! and the first thread's bookkeeping have no limit here.

pub mod peaks;
pub mod work;

use std::time::Instant;

use mnist_fast_kernels::{Isa, Kernels};

use crate::error::{Error, Result};
use crate::network::Network;
use crate::team::Team;
use crate::train::{Examples, Phase, Settings, Trainer};
use peaks::Peaks;
use work::{Counts, Work};

/// What to measure.
pub struct Plan<'a> {
    /// The kernels to train with.
    pub kernels: Kernels,
    /// The threads to train with.
    pub threads: usize,
    /// The network to start from.
    pub network: Network,
    /// How to train.
    pub settings: Settings,
    /// The images to train on.
    pub train: Examples<'a>,
    /// The images to validate after each epoch, if any.
    pub validation: Option<Examples<'a>>,
    /// Epochs to time, after one that is not.
    pub epochs: usize,
}

/// What was measured.
pub struct Roofline {
    /// GFLOP/s of fused multiply-adds of each vector ISA, and of the one in use: on one thread, and on all of them.
    pub fma: Vec<(Isa, f64, f64)>,
    /// What one thread can do.
    pub one: Peaks,
    /// What the threads of training can do together.
    pub all: Peaks,
    /// Whether the caches' sizes are known, not assumed.
    pub caches_known: bool,
    /// The zeros of data and network.
    pub counts: Counts,
    /// Seconds of an average timed epoch, validation included.
    pub seconds: f64,
    /// In the order of a step.
    pub phases: Vec<Measured>,
    /// The hash of the weights after all epochs.
    pub weights_sha256: String,
}

/// A phase that took time.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Which.
    pub phase: Phase,
    /// Seconds of an average step, the mean over threads.
    pub seconds: f64,
    /// The first thread's.
    pub first: f64,
    /// Those of the thread that took longest.
    pub longest: f64,
    /// Of all the threads' time.
    pub share: f64,
    /// What it has to do in a step, where that is modelled.
    pub work: Option<Work>,
    /// The shortest time in which this could be done, where that is modelled.
    pub limit: Option<Limit>,
}

/// A lower bound of a phase's time.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// Of a step.
    pub seconds: f64,
    /// `FMA`, or the level of memory whose rate it is.
    pub by: String,
}

impl Measured {
    /// Seconds a step above the limit; all of them where there is none.
    pub fn excess(&self) -> f64 {
        (self.seconds - self.limit.as_ref().map_or(0.0, |limit| limit.seconds)).max(0.0)
    }

    /// Operations of a second in units of 1e9: useful, and as if matrices were dense; where there are any.
    pub fn gflops(&self) -> Option<(f64, f64)> {
        let work = self.work.filter(|work| work.effective > 0.0)?;
        Some((work.useful / self.seconds / 1e9, work.effective / self.seconds / 1e9))
    }
}

/// The lower bound for `work`; nothing where a peak that it needs is unknown, or where it has none.
pub fn limit(work: &Work, peaks: &Peaks) -> Option<Limit> {
    let threads = peaks.threads as f64;
    let mut found: Option<Limit> = None;
    let mut consider = |amount: f64, rate: f64, by: &str| {
        let seconds = amount / (rate * 1e9);
        if amount > 0.0 && found.as_ref().is_none_or(|found| seconds > found.seconds) {
            found = Some(Limit { seconds, by: by.to_owned() });
        }
    };
    if work.done > 0.0 {
        consider(work.done, peaks.fma?, "FMA");
    }
    if let Some(nearest) = peaks.bandwidths.first() {
        consider(work.loads * threads, nearest.read, &nearest.level.name);
    }
    if let Some(home) = peaks.bandwidths.iter().find(|bandwidth| bandwidth.level.bytes as f64 >= work.set) {
        let rate = if work.updates { home.update } else { home.read };
        consider(work.moved * threads, rate, &home.level.name);
    }
    found
}

/// Measures the peaks, then trains.
///
/// # Errors
/// Where threads cannot be started or memory is short, and where the loss stops being a number.
pub fn run(plan: Plan<'_>) -> Result<Roofline> {
    let Plan { kernels, threads, network, settings, train, validation, epochs } = plan;
    let start_team = |threads: usize| {
        Team::new(threads).map_err(|error| {
            Error::failed(format!("cannot start {threads} threads: {error}; try fewer with --threads"))
        })
    };
    let (mut single, mut team) = (start_team(1)?, start_team(threads)?);
    let (levels, caches_known) = peaks::levels(1);
    let one = peaks::measure(kernels, &mut single, &levels)?;
    let all = match threads {
        1 => one.clone(),
        _ => peaks::measure(kernels, &mut team, &peaks::levels(threads).0)?,
    };
    let isas = Isa::ALL.into_iter().filter(|isa| *isa != Isa::Scalar || *isa == kernels.isa());
    let fma = isas.filter_map(|isa| {
        let kernels = Kernels::new(isa).ok()?;
        Some((isa, peaks::fma(kernels, &mut single)?, peaks::fma(kernels, &mut team)?))
    });
    let fma = fma.collect();

    let mut trainer = Trainer::new(kernels, team, network, settings)?;
    trainer.reserve(train.len(), validation.map_or(0, |v| v.len()));
    let epoch = |trainer: &mut Trainer, number: usize| -> Result<()> {
        trainer.train_epoch(train, number)?;
        validation.map(|examples| trainer.evaluate(examples));
        Ok(())
    };
    epoch(&mut trainer, 1)?;
    trainer.time_phases();
    let start = Instant::now();
    (2..epochs + 2).try_for_each(|number| epoch(&mut trainer, number))?;
    let seconds = start.elapsed().as_secs_f64() / epochs as f64;

    let counts = Counts::new(kernels, trainer.network(), &settings, train, validation);
    let times = trainer.phase_times();
    let steps = (counts.steps * epochs) as f64;
    let whole: f64 = times.iter().flatten().map(|time| time.as_secs_f64()).sum();
    let measured = |phase: Phase| {
        let of: Vec<f64> = times.iter().map(|times| times[phase as usize].as_secs_f64()).collect();
        let sum: f64 = of.iter().sum();
        let work = counts.work(phase, trainer.network(), settings.sparse, threads);
        (sum > 0.0).then(|| Measured {
            phase,
            seconds: sum / threads as f64 / steps,
            first: of[0] / steps,
            longest: of.iter().copied().fold(0.0, f64::max) / steps,
            share: sum / whole,
            work,
            limit: work.and_then(|work| limit(&work, &all)),
        })
    };
    let phases = Phase::ALL.into_iter().filter_map(measured).collect();
    let weights_sha256 = trainer.network().sha256();
    Ok(Roofline { fma, one, all, caches_known, counts, seconds, phases, weights_sha256 })
}

impl Roofline {
    /// The phase that has most time above its limit.
    pub fn next(&self) -> Option<&Measured> {
        self.phases.iter().max_by(|a, b| a.excess().total_cmp(&b.excess()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use peaks::{Bandwidth, Level};

    fn peaks(fma: Option<f64>) -> Peaks {
        let bandwidth = |name: &str, bytes, read, update| Bandwidth {
            level: Level { name: name.into(), bytes, probe: 0 },
            read,
            update,
        };
        let bandwidths = vec![
            bandwidth("L1", 1000, 400.0, 300.0),
            bandwidth("L2", 10_000, 100.0, 80.0),
            bandwidth("DRAM", usize::MAX, 10.0, 8.0),
        ];
        Peaks { threads: 2, fma, bandwidths }
    }

    #[test]
    fn the_longest_bound_is_the_limit() {
        let found = |work: Work| limit(&work, &peaks(Some(200.0))).unwrap();
        let is = |work: Work, seconds: f64, by: &str| {
            let found = found(work);
            assert!((found.seconds - seconds).abs() < 1e-9 * seconds && found.by == by, "{found:?}, {by}");
        };
        let work = Work { done: 400e9, loads: 100e9, moved: 50e9, set: 1000.0, ..Work::default() };
        is(work, 2.0, "FMA"); // L1: 2 threads of 100 at 400 = 0.5
        is(Work { loads: 500e9, ..work }, 2.5, "L1");
        is(Work { set: 1001.0, moved: 150e9, ..work }, 3.0, "L2");
        is(Work { set: 1001.0, moved: 150e9, updates: true, ..work }, 3.75, "L2");
        is(Work { set: 1e12, ..work }, 10.0, "DRAM");
        assert_eq!(limit(&Work::default(), &peaks(Some(200.0))), None);
        // Products of another crate have no known peak; bytes alone have.
        assert_eq!(limit(&work, &peaks(None)), None);
        assert!(limit(&Work { done: 0.0, ..work }, &peaks(None)).is_some());
    }

    #[test]
    fn what_has_no_limit_counts_whole() {
        let measured = |limit: Option<f64>| Measured {
            phase: Phase::Loss,
            seconds: 3.0,
            first: 3.0,
            longest: 3.0,
            share: 0.5,
            work: None,
            limit: limit.map(|seconds| Limit { seconds, by: "FMA".into() }),
        };
        assert_eq!([None, Some(2.0), Some(4.0)].map(|limit| measured(limit).excess()), [3.0, 1.0, 0.0]);
    }
}
