//! Which CPU a thread runs on: for two threads that must not share one.
//!
//! Threads that wake each other every tenth of a millisecond may be left on one CPU by the scheduler while another idles;
//! measured so, everybody's two threads are no faster than one. So where two threads are measured, ours and the rivals'
//! are bound to a CPU each. Only on Linux; elsewhere the scheduler is trusted.

use std::io;

/// Binds the calling thread to a CPU until it is dropped.
pub struct Bound {
    #[cfg(target_os = "linux")]
    before: libc::cpu_set_t,
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::io;
    use std::mem::{size_of, zeroed};

    use super::Bound;

    fn of(tid: libc::pid_t) -> io::Result<libc::cpu_set_t> {
        // SAFETY: a cpu_set_t is an array of bits, for which zeros are a value.
        let mut set: libc::cpu_set_t = unsafe { zeroed() };
        // SAFETY: writes at most this size to the set.
        match unsafe { libc::sched_getaffinity(tid, size_of::<libc::cpu_set_t>(), &mut set) } {
            0 => Ok(set),
            _ => Err(io::Error::last_os_error()),
        }
    }

    fn allow(tid: libc::pid_t, set: &libc::cpu_set_t) -> io::Result<()> {
        // SAFETY: reads this size of the set.
        match unsafe { libc::sched_setaffinity(tid, size_of::<libc::cpu_set_t>(), set) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    fn bind(tid: libc::pid_t, cpu: usize) -> io::Result<()> {
        // SAFETY: as above.
        let mut set: libc::cpu_set_t = unsafe { zeroed() };
        // SAFETY: `cpu` came from such a set.
        unsafe { libc::CPU_SET(cpu, &mut set) };
        allow(tid, &set)
    }

    /// The CPUs that the calling thread may use.
    pub fn allowed() -> io::Result<Vec<usize>> {
        let set = of(0)?;
        // SAFETY: the index is inside of the set.
        Ok((0..8 * size_of::<libc::cpu_set_t>())
            .filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) })
            .collect())
    }

    impl Bound {
        /// To a CPU of [`allowed`].
        pub fn to(cpu: usize) -> io::Result<Bound> {
            let before = of(0)?;
            bind(0, cpu)?;
            Ok(Bound { before })
        }
    }

    impl Drop for Bound {
        fn drop(&mut self) {
            // What was allowed before is allowed now.
            let _ = allow(0, &self.before);
        }
    }

    /// Binds this process' threads to one of `cpus` each, in the order of their birth; a process of one thread stays as it
    /// is, since threads that it starts for each call would inherit the binding.
    pub fn spread_threads(cpus: &[usize]) -> io::Result<()> {
        let mut tids = Vec::new();
        for entry in fs::read_dir("/proc/self/task")? {
            tids.extend(entry?.file_name().to_str().and_then(|tid| tid.parse::<libc::pid_t>().ok()));
        }
        tids.sort_unstable();
        if tids.len() > 1 {
            for (tid, cpu) in tids.into_iter().zip(cpus.iter().cycle()) {
                bind(tid, *cpu)?;
            }
        }
        Ok(())
    }
}

#[cfg(target_os = "linux")]
pub use linux::{allowed, spread_threads};

/// Unknown here: none.
#[cfg(not(target_os = "linux"))]
pub fn allowed() -> io::Result<Vec<usize>> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
impl Bound {
    /// Not here.
    pub fn to(_cpu: usize) -> io::Result<Bound> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Not here.
#[cfg(not(target_os = "linux"))]
pub fn spread_threads(_cpus: &[usize]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The first two CPUs that the calling thread may use.
pub fn two_cpus() -> io::Result<[usize; 2]> {
    match allowed()?[..] {
        [first, second, ..] => Ok([first, second]),
        _ => Err(io::Error::other("there is one CPU")),
    }
}
