//! Two threads: the caller and a persistent second one, which take one job each.
//!
//! The kernels start no threads, so this is how a program that calls them would use two. Handing over costs little:
//! both sides spin for a while before the second thread parks and the first one yields.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::affinity::Bound;

/// How long to spin: several times what parking and waking cost.
const SPIN: Duration = Duration::from_micros(200);

/// The caller's second thread.
pub struct Pair {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    /// Counts jobs; the second thread takes a job when it sees a new value.
    round: AtomicU32,
    /// The last round whose job is done.
    done: AtomicU32,
    /// Whether the second thread is parked or about to park.
    parked: AtomicBool,
    stop: AtomicBool,
    /// Written before `round` advances, read afterwards.
    job: Mutex<Option<Job>>,
}

/// A closure of [`Pair::join`], valid until that call returns.
#[derive(Clone, Copy)]
struct Job(*mut (dyn FnMut() + Send));
// SAFETY: the closure is Send, and only the second thread follows the pointer.
unsafe impl Send for Job {}

impl Pair {
    /// Starts the second thread, bound to that CPU if one is given. Binding the caller to another one is up to it.
    ///
    /// # Errors
    /// Where the thread cannot be started.
    pub fn new(cpu: Option<usize>) -> std::io::Result<Pair> {
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let work = move || {
            // Unbound it works as well, only perhaps on the caller's CPU; the caller will have met the same error.
            let _bound = cpu.map(Bound::to);
            own.work();
        };
        let thread = thread::Builder::new().name("second".to_string()).spawn(work)?;
        Ok(Pair { shared, thread: Some(thread) })
    }

    /// Runs `here` on this thread and `there` on the second one, at once, and returns when both are done.
    ///
    /// # Panics
    /// Where one of them panics, after both are done.
    pub fn join<R: Send>(&mut self, here: impl FnOnce(), there: impl FnOnce() -> R + Send) -> R {
        let (mut there, mut result) = (Some(there), None);
        let mut job = || result = there.take().map(|there| there());
        let job: *mut (dyn FnMut() + Send + '_) = &mut job;
        // SAFETY: only the lifetime is erased. The second thread does not follow the pointer after it said `done`, and
        // `waiting` waits for that, also when `here` panics.
        let job =
            unsafe { std::mem::transmute::<*mut (dyn FnMut() + Send + '_), *mut (dyn FnMut() + Send)>(job) };
        *lock(&self.shared.job) = Some(Job(job));
        let round = self.shared.round.load(SeqCst).wrapping_add(1);
        self.shared.round.store(round, SeqCst);
        let waiting = Waiting(&self.shared, round);
        if self.shared.parked.load(SeqCst)
            && let Some(thread) = &self.thread
        {
            thread.thread().unpark();
        }
        here();
        drop(waiting);
        result.expect("the second thread's part panicked")
    }
}

/// Waits, when dropped, until that round's job is done.
struct Waiting<'a>(&'a Shared, u32);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let done = || self.0.done.load(SeqCst) == self.1;
        while !spin_until(done) {
            thread::yield_now();
        }
    }
}

impl Shared {
    fn work(&self) {
        let mut seen = 0;
        loop {
            let news = || self.round.load(SeqCst) != seen;
            if !spin_until(news) {
                // Announce first, look again, then park: a caller that advanced in between either sees the announcement
                // and unparks, or was seen here.
                self.parked.store(true, SeqCst);
                while !news() {
                    thread::park();
                }
                self.parked.store(false, SeqCst);
            }
            seen = self.round.load(SeqCst);
            if self.stop.load(SeqCst) {
                return;
            }
            if let Some(Job(job)) = lock(&self.job).take() {
                // SAFETY: `join` keeps the closure alive until `done`, and leaves it to this thread. A panic leaves its
                // result empty, which `join` finds.
                let _ = catch_unwind(AssertUnwindSafe(|| unsafe { (*job)() }));
            }
            self.done.store(seen, SeqCst);
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        self.shared.stop.store(true, SeqCst);
        self.shared.round.fetch_add(1, SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // Its panics are caught and passed on by `join`.
            let _ = thread.join();
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
