//! The options that say which kernels run, on how many threads, and whether zeros are left out: the same for every command that
//! computes.

use std::thread::available_parallelism;

use mnist_fast::{Error, Result};
use mnist_fast_kernels::{Isa, Kernels};

use crate::args::{Args, Opt};

pub(crate) const ISA: Opt = Opt {
    name: "--isa",
    value: "NAME",
    help: "scalar, portable, avx2, avx512 or neon (default: the fastest here)",
};
pub(crate) const SPARSE: Opt = Opt {
    name: "--sparse",
    value: "WHEN",
    help: "leave out pixels that are 0: auto (default: where there are\nenough of them), always or never; the results are the same",
};

/// More threads than this no machine of today has, and the system ends a program that starts too many.
const THREADS_MAX: usize = 1024;

/// What these options ask for.
pub(crate) struct Engine {
    pub(crate) kernels: Kernels,
    /// Nothing: as the command sees fit.
    pub(crate) threads: Option<usize>,
    /// Nothing: as the images' density says.
    pub(crate) sparse: Option<bool>,
}

impl Engine {
    pub(crate) fn parse(args: &mut Args) -> Result<Self> {
        let isa =
            args.parse(ISA.name, "scalar, portable, avx2, avx512 or neon", |name| name.parse::<Isa>().ok())?;
        let sparse = args.parse(SPARSE.name, "auto, always or never", |when| match when {
            "auto" => Some(None),
            "always" => Some(Some(true)),
            "never" => Some(Some(false)),
            _ => None,
        })?;
        let threads = format!("a whole number, 1 or more and at most {THREADS_MAX}");
        Ok(Engine {
            kernels: match isa {
                None => Kernels::best(),
                Some(isa) => Kernels::new(isa).map_err(|error| {
                    Error::failed(format!("--isa {isa}: {error}; leave it out for {}", Isa::best()))
                })?,
            },
            threads: args.parse("--threads", &threads, |text| {
                text.parse().ok().filter(|n| (1..=THREADS_MAX).contains(n))
            })?,
            sparse: sparse.flatten(),
        })
    }
}

/// The threads for batches of this size: one per core, but 16 images for each at least: below that, waiting costs more
/// than it brings.
pub(crate) fn threads_for(batch_size: usize) -> usize {
    available_parallelism().map_or(1, usize::from).min(batch_size / 16).max(1)
}
