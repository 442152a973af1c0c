//! Faults at a chosen place, by the system itself: a program whose calls of one kind end it or fail (Linux' seccomp).

#![allow(dead_code, reason = "shared by test files that each use another part of it")]

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};

/// Giving a file its name.
#[cfg(target_arch = "x86_64")]
pub(crate) const RENAMES: &[libc::c_long] = &[libc::SYS_rename, libc::SYS_renameat, libc::SYS_renameat2];
#[cfg(not(target_arch = "x86_64"))]
pub(crate) const RENAMES: &[libc::c_long] = &[libc::SYS_renameat, libc::SYS_renameat2];
/// Removing a file.
#[cfg(target_arch = "x86_64")]
pub(crate) const UNLINKS: &[libc::c_long] = &[libc::SYS_unlink, libc::SYS_unlinkat];
#[cfg(not(target_arch = "x86_64"))]
pub(crate) const UNLINKS: &[libc::c_long] = &[libc::SYS_unlinkat];
/// Making it durable.
pub(crate) const FSYNCS: &[libc::c_long] = &[libc::SYS_fsync, libc::SYS_fdatasync];

/// What becomes of such a call.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    /// The process ends there and then.
    Die,
    /// It fails with this error.
    Fail(i32),
}

/// Whether the process was ended by [`Then::Die`]; nothing, where it ended well.
pub(crate) fn died(status: &ExitStatus) -> Option<bool> {
    (!status.success()).then(|| status.signal() == Some(libc::SIGSYS))
}

/// The command, of whose calls these will not work.
pub(crate) fn when<'a>(
    command: &'a mut Command,
    calls: &'static [libc::c_long],
    then: Then,
) -> &'a mut Command {
    let verdict = match then {
        Then::Die => libc::SECCOMP_RET_KILL_PROCESS,
        Then::Fail(error) => libc::SECCOMP_RET_ERRNO | error as u32,
    };
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    // The number of the call is the first word of what the filter sees.
    let mut filter = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0)];
    for call in calls {
        let equal = statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, *call as u32);
        filter.push(libc::sock_filter { jf: 1, ..equal });
        filter.push(statement(libc::BPF_RET | libc::BPF_K, verdict));
    }
    filter.push(statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW));
    // SAFETY: between fork and exec only `prctl` is called, with a filter that lives in the closure.
    unsafe {
        command.pre_exec(move || {
            let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
            let set = libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
                && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) == 0;
            if set { Ok(()) } else { Err(std::io::Error::last_os_error()) }
        })
    }
}
