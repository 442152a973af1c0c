//! What a panic looks like to a user: one sentence that says that the program is at fault, where, and what to do.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write};
use std::panic::{self, PanicHookInfo};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// From now on a panic of any thread is told so, the first one alone; the program then ends with exit code 101.
pub fn explain_panics() {
    static TOLD: AtomicBool = AtomicBool::new(false);
    panic::set_hook(Box::new(|info| {
        if !TOLD.swap(true, Relaxed) {
            tell(info);
        }
    }));
}

fn tell(info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let what = payload.downcast_ref::<&str>().copied();
    let what = what.or(payload.downcast_ref::<String>().map(String::as_str));
    let what = what.unwrap_or("no reason is known").replace(char::is_control, " ");
    let place = info.location().map_or(String::new(), |at| format!(" at {}:{}", at.file(), at.line()));
    // If standard error is closed there is nobody left to tell.
    let mut err = io::stderr().lock();
    let _ = writeln!(
        err,
        "error: mnist-fast {} has a bug{place}: {what}; please report it with the command that you gave",
        env!("CARGO_PKG_VERSION")
    );
    // For those who ask with RUST_BACKTRACE=1.
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        let _ = write!(err, "{trace}");
    }
}
