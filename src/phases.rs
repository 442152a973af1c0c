//! Where the time of training goes: a clock for each thread.
//!
//! Each mark gives a thread's time since its last one to a phase, so that a thread's phases add up to all of its time and nothing
//! hides between them. A step has about ten marks a thread. While nobody asked for the times there are no clocks, and a mark
//! is a comparison of the thread's number with 0, once a phase: far below what a step's time varies by. A type parameter would
//! save even those, at the price of a second copy of the step.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// What a thread does in a part of a step, or between steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Pixels of the batch to floats, with dense input only; and distorting images, where they are.
    Gather,
    /// The first layer forward.
    FirstForward,
    /// The other layers forward. Half of the next images are fetched from memory meanwhile.
    OthersForward,
    /// Softmax, loss, and the logits' gradient.
    Loss,
    /// The deltas, back to the first layer. The other half of the next images are fetched meanwhile.
    Deltas,
    /// The batch's pixels by columns; sparse input only.
    TurnPixels,
    /// Gradient and optimizer on the first layer, and at an epoch's end what was deferred of it. With dense input the next images
    /// are fetched meanwhile.
    FirstUpdate,
    /// The same for the other layers, with the copies by columns that leave out zeros.
    OthersUpdate,
    /// For the other threads, and for the next job.
    Waiting,
    /// One thread alone: the shuffle, labels, sums of losses.
    Between,
    /// Validation, waiting included.
    Validation,
}

impl Phase {
    /// Every phase, in the order of a step.
    pub const ALL: [Phase; 11] = [
        Phase::Gather,
        Phase::FirstForward,
        Phase::OthersForward,
        Phase::Loss,
        Phase::Deltas,
        Phase::TurnPixels,
        Phase::FirstUpdate,
        Phase::OthersUpdate,
        Phase::Waiting,
        Phase::Between,
        Phase::Validation,
    ];
}

/// The clocks of a team, or none.
#[derive(Default)]
pub(crate) struct Phases {
    clocks: Vec<Clock>,
    start: Option<Instant>,
}

/// One thread's; only that thread writes to it while a job runs. On cache lines of its own, with the one that a core fetches along.
#[derive(Default)]
#[repr(align(128))]
struct Clock {
    /// Nanoseconds since the start.
    last: AtomicU64,
    spent: [AtomicU64; Phase::ALL.len()],
}

impl Phases {
    /// Clocks for some threads, at zero.
    pub(crate) fn of(threads: usize) -> Self {
        Phases { clocks: (0..threads).map(|_| Clock::default()).collect(), start: Some(Instant::now()) }
    }

    /// Thread `t` has spent its time since its last mark on `phase`.
    #[inline]
    pub(crate) fn mark(&self, t: usize, phase: Phase) {
        if let Some(clock) = self.clocks.get(t) {
            clock.mark(self.now(), phase);
        }
    }

    /// A job begins on thread `t`: the first thread comes from what it did alone, the others waited.
    #[inline]
    pub(crate) fn begin(&self, t: usize) {
        self.mark(t, if t == 0 { Phase::Between } else { Phase::Waiting });
    }

    /// What comes next is to be counted, what was before is not.
    pub(crate) fn start(&self) {
        self.clocks.iter().for_each(|clock| clock.last.store(self.now(), Relaxed));
    }

    /// The first thread alone did the rest, and the others waited for it.
    pub(crate) fn stop(&self) {
        (0..self.clocks.len()).for_each(|t| self.begin(t));
    }

    /// All threads have spent their time since the start on `phase`.
    pub(crate) fn mark_all(&self, phase: Phase) {
        let now = if self.clocks.is_empty() { 0 } else { self.now() };
        self.clocks.iter().for_each(|clock| clock.mark(now, phase));
    }

    /// For each thread the time of each phase.
    pub(crate) fn times(&self) -> Vec<[Duration; Phase::ALL.len()]> {
        let times = |clock: &Clock| clock.spent.each_ref().map(|ns| Duration::from_nanos(ns.load(Relaxed)));
        self.clocks.iter().map(times).collect()
    }

    fn now(&self) -> u64 {
        self.start.map_or(0, |start| start.elapsed().as_nanos() as u64)
    }
}

impl Clock {
    fn mark(&self, now: u64, phase: Phase) {
        let spent = &self.spent[phase as usize];
        spent.store(spent.load(Relaxed) + now.saturating_sub(self.last.load(Relaxed)), Relaxed);
        self.last.store(now, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_stand_where_their_numbers_say() {
        for (i, phase) in Phase::ALL.into_iter().enumerate() {
            assert_eq!(phase as usize, i);
        }
    }

    #[test]
    fn every_moment_is_given_to_one_phase() {
        let phases = Phases::of(2);
        std::thread::sleep(Duration::from_millis(5)); // before the start: nobody's
        phases.start();
        let start = Instant::now();
        phases.begin(0);
        std::thread::sleep(Duration::from_millis(3));
        phases.mark(0, Phase::Loss);
        phases.mark(7, Phase::Loss); // no such thread
        phases.stop();
        phases.mark_all(Phase::Validation);
        let wall = start.elapsed();
        for (t, times) in phases.times().into_iter().enumerate() {
            let sum: Duration = times.iter().sum();
            assert!(sum >= Duration::from_millis(3) && sum <= wall + Duration::from_millis(1), "{sum:?}");
            let busiest = if t == 0 { Phase::Loss } else { Phase::Waiting };
            assert!(times[busiest as usize] >= Duration::from_millis(3), "{times:?}");
        }
        assert_eq!(phases.times().len(), 2);
        assert!(Phases::default().times().is_empty());
    }
}
