//! Ctrl-C and SIGTERM: the first one is noted, for the run to end well; a second one ends the process at once.
//!
//! On Windows the system's own behaviour stays: Ctrl-C ends the process at once, and the last checkpoint is there.

use std::sync::atomic::{AtomicI32, Ordering::SeqCst};

/// The signal that was received; 0: none.
static RECEIVED: AtomicI32 = AtomicI32::new(0);

/// The exit code and the name of a signal that asks the run to end.
pub(crate) type Signal = (u8, &'static str);

/// The signal that asks the run to end, if there was one.
pub(crate) fn received() -> Option<Signal> {
    match RECEIVED.load(SeqCst) {
        0 => None,
        2 => Some((130, "SIGINT")),
        _ => Some((143, "SIGTERM")),
    }
}

/// From now on signals are noted.
#[cfg(unix)]
pub(crate) fn watch() {
    extern "C" fn note(signal: libc::c_int) {
        if RECEIVED.compare_exchange(0, signal, SeqCst, SeqCst).is_err() {
            // SAFETY: ends the process without running anything of it, which a signal handler may do.
            unsafe { libc::_exit(128 + signal) }
        }
    }
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: a sigaction is plain numbers and pointers, for which zeros are a value: no flags, an empty mask.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = note as extern "C" fn(libc::c_int) as libc::sighandler_t;
        action.sa_flags = libc::SA_RESTART;
        // SAFETY: the handler only touches an atomic, or ends the process; the old action is not asked for.
        let set = unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) };
        debug_assert_eq!(set, 0, "a signal that can be caught");
    }
}

/// Nothing is watched for here.
#[cfg(not(unix))]
pub(crate) fn watch() {}
