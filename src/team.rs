//! A team of persistent worker threads that share one job at a time.
//!
//! A training step is a tenth of a millisecond, so starting threads for it would cost more than the work. Workers
//! wait between jobs by spinning briefly, then by parking: a spinning thread on a busy machine would take the
//! very core that the others need.
//!
//! Every job ends with a wait for the slowest thread, so one thread whose core is busy with something else stalls
//! all of them for whole time slices. A team whose laps are counted ([`Team::lap`]) finds out whether it is faster without its
//! workers (`pace.rs`); the leader then runs every part itself, which changes no result.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use crate::affinity;
use crate::pace::Pace;

/// How long to spin before parking: several times what waking costs and a job takes. With less, one late thread makes the others park,
/// whose waking makes it park in turn, and so on: in a virtual machine, where waking takes 0.1 ms, steps then take twice as long.
const SPIN: Duration = Duration::from_micros(400);

/// How long a thread that stepped aside leaves the matter to the scheduler.
const PATIENCE: Duration = Duration::from_millis(20);

/// What a worker is given: a pointer to the closure of [`Team::run`], valid until that call returns.
type Job = *const (dyn Fn(usize) + Sync);

/// Threads that run the same closure, each with its own index.
pub struct Team {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    pace: Pace,
    /// When the current lap began.
    lap: Instant,
}

struct Shared {
    /// Counts jobs; a worker that sees a new value takes the job.
    round: AtomicU32,
    /// Workers that have not finished the current job.
    pending: AtomicU32,
    /// Written by the leader before it advances `round`, read by workers after they saw that.
    job: Mutex<Option<JobPtr>>,
    /// The first panic of a worker in the current job.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    stop: AtomicBool,
    /// The CPU that each thread took its last job on; the leader is thread 0.
    cpus: Vec<AtomicUsize>,
    /// Whether worker i is parked or about to park.
    parked: Vec<AtomicBool>,
    leader_parked: AtomicBool,
    leader: Mutex<Option<Thread>>,
}

#[derive(Clone, Copy)]
struct JobPtr(Job);
// SAFETY: the closure is Sync, and the pointer is only followed while `Team::run` keeps the closure alive.
unsafe impl Send for JobPtr {}

impl Team {
    /// A team of `threads >= 1`, the calling thread included: one thread starts none.
    pub fn new(threads: usize) -> std::io::Result<Team> {
        let count = threads.max(1) - 1;
        let shared = Arc::new(Shared {
            round: AtomicU32::new(0),
            pending: AtomicU32::new(0),
            job: Mutex::new(None),
            panic: Mutex::new(None),
            stop: AtomicBool::new(false),
            cpus: (0..=count).map(|_| AtomicUsize::new(usize::MAX)).collect(),
            parked: (0..count).map(|_| AtomicBool::new(false)).collect(),
            leader_parked: AtomicBool::new(false),
            leader: Mutex::new(None),
        });
        let now = Instant::now();
        let mut team = Team { shared, workers: Vec::with_capacity(count), pace: Pace::new(now), lap: now };
        for i in 0..count {
            let shared = Arc::clone(&team.shared);
            let worker = thread::Builder::new().name(format!("worker {}", i + 1));
            team.workers.push(worker.spawn(move || shared.work(i))?);
        }
        // Starting takes memory and time of its own, which later jobs are not to wait for.
        team.run(|_| {});
        Ok(team)
    }

    /// How many threads run a job, the calling one included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Runs `job(0)` here and `job(1)`, ... on the workers (or here as well), and returns when all are done.
    ///
    /// # Panics
    /// Where `job` panics on any thread, after all of them are done.
    pub fn run(&mut self, job: impl Fn(usize) + Sync) {
        if self.workers.is_empty() || self.pace.is_alone() {
            return (0..self.threads()).for_each(job);
        }
        let job: &(dyn Fn(usize) + Sync) = &job;
        // SAFETY: only the lifetime is erased. No worker follows the pointer after `wait_for_workers`, which is reached
        // also when `job(0)` panics, because that is caught.
        let pointer: Job = unsafe { std::mem::transmute::<*const (dyn Fn(usize) + Sync), Job>(job) };
        self.shared.note_cpu(0);
        *lock(&self.shared.job) = Some(JobPtr(pointer));
        self.shared.pending.store(self.workers.len() as u32, SeqCst);
        self.shared.round.fetch_add(1, SeqCst);
        for (worker, parked) in self.workers.iter().zip(&self.shared.parked) {
            if parked.load(SeqCst) {
                worker.thread().unpark();
            }
        }
        let own = catch_unwind(AssertUnwindSafe(|| job(0)));
        self.wait_for_workers();
        let workers = lock(&self.shared.panic).take();
        match (own, workers) {
            (Err(panic), None) | (Ok(()), Some(panic)) => resume_unwind(panic),
            (Err(panic), Some(other)) => {
                std::mem::forget(other); // its destructor could panic too
                resume_unwind(panic)
            }
            (Ok(()), None) => {}
        }
    }

    /// Begins to count laps, each a repetition of about equal work in one or several jobs.
    pub fn start_laps(&mut self) {
        self.pace.restart();
        self.lap = Instant::now();
    }

    /// A lap is done: by what they take the team decides whether to go on with its workers or without.
    pub fn lap(&mut self) {
        if !self.workers.is_empty() {
            let now = Instant::now();
            self.pace.lap(now - self.lap, now);
            self.lap = now;
        }
    }

    fn wait_for_workers(&self) {
        let shared = &*self.shared;
        let done = || shared.pending.load(SeqCst) == 0;
        if spin_until(done) {
            return;
        }
        *lock(&shared.leader) = Some(thread::current());
        shared.leader_parked.store(true, SeqCst);
        while !done() {
            thread::park();
        }
        shared.leader_parked.store(false, SeqCst);
    }
}

impl Shared {
    /// The life of worker `i`, which runs jobs as thread `i + 1`.
    fn work(&self, i: usize) {
        let mut seen = 0;
        let mut stepped_aside: Option<Instant> = None;
        loop {
            let news = || self.round.load(SeqCst) != seen;
            if !spin_until(news) {
                // Announce first, look again, then park: a leader that advanced in between either sees the
                // announcement and unparks, or was seen here.
                self.parked[i].store(true, SeqCst);
                while !news() {
                    thread::park();
                }
                self.parked[i].store(false, SeqCst);
            }
            seen = self.round.load(SeqCst);
            if self.stop.load(SeqCst) {
                return;
            }
            if self.note_cpu(i + 1) && stepped_aside.is_none_or(|last| last.elapsed() > PATIENCE) {
                stepped_aside = Some(Instant::now());
                affinity::step_aside(self.cpus.iter().map(|cpu| cpu.load(Relaxed)));
            }
            let Some(JobPtr(job)) = *lock(&self.job) else { continue };
            // SAFETY: `Team::run` keeps the closure alive until `pending` is 0, and this worker is one of those
            // that are pending.
            let result = catch_unwind(AssertUnwindSafe(|| unsafe { (*job)(i + 1) }));
            if let Err(panic) = result {
                let mut first = lock(&self.panic);
                match *first {
                    None => *first = Some(panic),
                    Some(_) => std::mem::forget(panic), // its destructor could panic too
                }
            }
            let last = self.pending.fetch_sub(1, SeqCst) == 1;
            if last
                && self.leader_parked.load(SeqCst)
                && let Some(leader) = &*lock(&self.leader)
            {
                leader.unpark();
            }
        }
    }
}

impl Shared {
    /// Notes the CPU of a thread; whether a teammate was last on the same one.
    fn note_cpu(&self, thread: usize) -> bool {
        let Some(cpu) = affinity::current_cpu() else { return false };
        self.cpus[thread].store(cpu, Relaxed);
        self.cpus.iter().enumerate().any(|(i, other)| i != thread && other.load(Relaxed) == cpu)
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.stop.store(true, SeqCst);
        self.shared.round.fetch_add(1, SeqCst);
        for worker in self.workers.drain(..) {
            worker.thread().unpark();
            // A worker's panics are caught and passed on by `run`; there is nothing left to report.
            let _ = worker.join();
        }
    }
}

/// Spins for [`SPIN`] at most; whether `done` came true.
fn spin_until(done: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    loop {
        // Looking at the clock costs more than looking at the condition.
        for _ in 0..64 {
            if done() {
                return true;
            }
            std::hint::spin_loop();
        }
        if start.elapsed() > SPIN {
            return false;
        }
    }
}

/// A lock whose holder panicked still holds plain data.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_runs_every_job_once() {
        for threads in [1, 2, 3, 5] {
            let mut team = Team::new(threads).unwrap();
            let counts: Vec<AtomicUsize> = (0..threads).map(|_| AtomicUsize::new(0)).collect();
            for round in 0..300 {
                if round % 100 == 99 {
                    thread::sleep(Duration::from_millis(1)); // let them park
                }
                team.run(|i| {
                    counts[i].fetch_add(1, SeqCst);
                });
            }
            assert!(counts.iter().all(|count| count.load(SeqCst) == 300));
        }
    }

    #[test]
    fn a_panic_on_any_thread_reaches_the_caller_and_the_team_lives_on() {
        let mut team = Team::new(3).unwrap();
        for bad in 0..3 {
            let result = catch_unwind(AssertUnwindSafe(|| team.run(|i| assert_ne!(i, bad, "planted"))));
            let message = *result.unwrap_err().downcast::<String>().unwrap();
            assert!(message.contains("planted"));
        }
        // Several at once are one panic, and none is left over for the next job.
        assert!(catch_unwind(AssertUnwindSafe(|| team.run(|_| panic!("planted")))).is_err());
        let count = AtomicUsize::new(0);
        team.run(|_| {
            count.fetch_add(1, SeqCst);
        });
        assert_eq!(count.load(SeqCst), 3);
    }
}
