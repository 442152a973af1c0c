//! A moving bar for long epochs: only on a terminal, and drawn by a thread of its own, never by one that computes.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Shorter epochs show no bar.
const PATIENCE: Duration = Duration::from_millis(500);
const REFRESH: Duration = Duration::from_millis(100);
const WIDTH: usize = 30;

/// Draws one epoch's bar until dropped.
pub(crate) struct Progress {
    stop: Option<Sender<()>>,
    drawer: Option<JoinHandle<()>>,
}

impl Progress {
    /// Watches `done` steps of `steps`; draws nothing unless `wanted` and standard output is a terminal.
    pub(crate) fn start(wanted: bool, label: String, done: Arc<AtomicUsize>, steps: usize) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if !wanted || dumb || !io::stdout().is_terminal() {
            return Progress { stop: None, drawer: None };
        }
        let (stop, stopped) = mpsc::channel::<()>();
        let draw = move || {
            let mut wait = PATIENCE;
            let mut drawn = false;
            while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                let done = done.load(Relaxed).min(steps);
                let filled = done * WIDTH / steps.max(1);
                let bar = format!(
                    "\r{label} [{:=<filled$}{:<rest$}] {done}/{steps}",
                    "",
                    "",
                    rest = WIDTH - filled
                );
                print_now(&bar);
                (wait, drawn) = (REFRESH, true);
            }
            if drawn {
                print_now("\r\x1b[K");
            }
        };
        // Without a thread there is no bar, and nothing else is lost.
        let drawer = thread::Builder::new().name("progress".into()).spawn(draw).ok();
        Progress { stop: Some(stop), drawer }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(drawer) = self.drawer.take() {
            let _ = drawer.join();
        }
    }
}

/// A terminal that went away is noticed by the next line that is printed.
fn print_now(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
