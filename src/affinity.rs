//! Keeping the threads of a team on different CPUs, without pinning them.
//!
//! Beside a process that keeps one of two CPUs busy, a scheduler may run both threads of a team on the other one, and
//! since they wake each other every tenth of a millisecond it leaves them there. Measured (Linux 6.18, two CPUs, one
//! of them burnt, median epoch of the default training in each of six runs): 0.32 to 0.47 s; with what follows
//! 0.31 to 0.32 s; one thread 0.30 s.
//!
//! A thread that finds itself on a teammate's CPU steps aside once: it forbids itself the team's CPUs, which moves it,
//! and at once allows them again. Where it runs afterwards is the scheduler's business as before.

#[cfg(target_os = "linux")]
mod linux {
    use std::mem;

    /// The CPU that this thread is on.
    pub(crate) fn current_cpu() -> Option<usize> {
        // SAFETY: takes no arguments and touches no memory of ours.
        usize::try_from(unsafe { libc::sched_getcpu() }).ok()
    }

    /// Moves this thread to a CPU that is allowed and not in `taken`, if there is one.
    pub(crate) fn step_aside(taken: impl Iterator<Item = usize>) {
        // SAFETY: a cpu_set_t is an array of bits, for which zeros are a value.
        let mut allowed: libc::cpu_set_t = unsafe { mem::zeroed() };
        let size = mem::size_of::<libc::cpu_set_t>();
        // SAFETY: writes at most `size` bytes to the set; 0 is this thread.
        if unsafe { libc::sched_getaffinity(0, size, &mut allowed) } != 0 {
            return;
        }
        let mut free = allowed;
        for cpu in taken.filter(|cpu| *cpu < 8 * size) {
            // SAFETY: the index is inside of the set.
            unsafe { libc::CPU_CLR(cpu, &mut free) };
        }
        // SAFETY: reads the set; then reads `size` bytes of either set; 0 is this thread. If the first call fails nothing
        // has changed, and the second one restores what was there.
        unsafe {
            if libc::CPU_COUNT(&free) > 0 && libc::sched_setaffinity(0, size, &free) == 0 {
                libc::sched_setaffinity(0, size, &allowed);
            }
        }
    }
}

#[cfg(target_os = "linux")]
pub(crate) use linux::{current_cpu, step_aside};

/// Elsewhere the scheduler is trusted.
#[cfg(not(target_os = "linux"))]
pub(crate) fn current_cpu() -> Option<usize> {
    None
}

/// Never called: there is no [`current_cpu`] to compare.
#[cfg(not(target_os = "linux"))]
pub(crate) fn step_aside(_taken: impl Iterator<Item = usize>) {}
