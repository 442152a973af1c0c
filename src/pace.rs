//! Whether a team's workers are worth it, by what steps take with them and without.
//!
//! Two threads can be slower than one: where somebody else wants one of the two cores, or where a virtual machine's CPUs lie so
//! far apart that handing over what each step has written takes longer than computing it. No single sign tells
//! (stalls of half a millisecond are common and harmless, a slow path between cores shows as slow work), so the team tries: it does
//! a few steps the other way now and then, ever more rarely while the answer stays the same, and at once when steps have become slower.

use std::time::{Duration, Instant};

/// A trial has so many laps that take so long,
const LAPS: u32 = 16;
const SHORT: Duration = Duration::from_millis(2);
/// or, where laps are long, at least two and so long.
const FEW_LAPS: u32 = 2;
const LONG: Duration = Duration::from_millis(20);

/// How long an answer holds at first, and at most.
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_millis(1600);

/// The other way must be this much faster, so that noise does not decide.
const FASTER: f64 = 0.97;
/// Laps this much slower than they were are a reason to ask again.
const SLOWER: f64 = 1.25;

/// Decides for a team whether its leader works alone.
pub(crate) struct Pace {
    alone: bool,
    /// Mean seconds of a lap, together and alone, where known.
    means: [Option<f64>; 2],
    laps: u32,
    spent: Duration,
    /// When to try the other way, and how long the next answer holds.
    next: Instant,
    hold: Duration,
    is_trial: bool,
}

impl Pace {
    pub(crate) fn new(now: Instant) -> Self {
        let (laps, spent, hold) = (0, Duration::ZERO, SHORTEST);
        Pace { alone: false, means: [None; 2], laps, spent, next: now, hold, is_trial: false }
    }

    pub(crate) fn is_alone(&self) -> bool {
        self.alone
    }

    /// A lap the present way took so long and ended now.
    pub(crate) fn lap(&mut self, took: Duration, now: Instant) {
        (self.laps, self.spent) = (self.laps + 1, self.spent + took);
        let enough =
            (self.laps >= LAPS && self.spent >= SHORT) || (self.laps >= FEW_LAPS && self.spent >= LONG);
        if !enough {
            return;
        }
        let mean = self.spent.as_secs_f64() / f64::from(self.laps);
        (self.laps, self.spent) = (0, Duration::ZERO);
        let before = self.means[usize::from(self.alone)].replace(mean);
        if self.is_trial {
            self.is_trial = false;
            let other = self.means[usize::from(!self.alone)];
            let is_better = other.is_none_or(|other| mean < other * FASTER);
            self.hold = if is_better { SHORTEST } else { (self.hold * 2).min(LONGEST) };
            self.alone ^= !is_better;
            self.next = now + self.hold;
        } else if now >= self.next || before.is_some_and(|before| mean > before * SLOWER) {
            self.alone = !self.alone;
            self.is_trial = true;
        }
    }

    /// What was counted since the last decision does not belong to the next laps.
    pub(crate) fn restart(&mut self) {
        (self.laps, self.spent) = (0, Duration::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs laps for a while, each as long as `together` or `alone` says; the share of the time that was spent alone.
    fn run(pace: &mut Pace, now: &mut Instant, millis: u64, together: u64, alone: u64) -> f64 {
        let (end, mut spent_alone) = (*now + Duration::from_millis(millis), Duration::ZERO);
        let start = *now;
        while *now < end {
            let took = Duration::from_micros(if pace.is_alone() { alone } else { together });
            *now += took;
            spent_alone += if pace.is_alone() { took } else { Duration::ZERO };
            pace.lap(took, *now);
        }
        spent_alone.as_secs_f64() / (*now - start).as_secs_f64()
    }

    #[test]
    fn the_faster_way_is_taken_and_the_other_rarely_tried() {
        for (together, alone, least, most) in [(100, 140, 0.0, 0.01), (180, 110, 0.98, 1.0)] {
            let mut now = Instant::now();
            let mut pace = Pace::new(now);
            run(&mut pace, &mut now, 1000, together, alone);
            let share = run(&mut pace, &mut now, 10_000, together, alone);
            assert!((least..=most).contains(&share), "{together} {alone}: {share}");
        }
    }

    #[test]
    fn the_first_seconds_cost_little() {
        let mut now = Instant::now();
        let share = run(&mut Pace::new(now), &mut now, 1000, 100, 140);
        assert!(share > 0.0 && share < 0.03, "{share}");
    }

    #[test]
    fn a_change_is_noticed_at_once() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        run(&mut pace, &mut now, 5000, 100, 140);
        // Somebody takes a core: the workers stop being worth it.
        let share = run(&mut pace, &mut now, 100, 250, 140);
        assert!(share > 0.8, "{share}");
        // And gives it back; here nothing tells but the next trial.
        run(&mut pace, &mut now, 2000, 100, 140);
        let share = run(&mut pace, &mut now, 1000, 100, 140);
        assert!(share < 0.05, "{share}");
    }

    #[test]
    fn long_laps_are_tried_a_few_at_a_time() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        let share = run(&mut pace, &mut now, 10_000, 50_000, 90_000);
        assert!(share < 0.2 && !pace.is_alone(), "{share}");
    }
}
