//! Signals whose default action would end the program without a word.

/// Lets a write beyond `ulimit -f` fail with an error, which says which file it was and is cleaned up after, in place of
/// the signal SIGXFSZ, which kills.
#[cfg(unix)]
pub(crate) fn file_size_limit_is_an_error() {
    // SAFETY: to ignore a signal runs no code of ours, and no thread has been started yet.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// No such signal here.
#[cfg(not(unix))]
pub(crate) fn file_size_limit_is_an_error() {}
