//! What this machine can do at most: multiply-adds on registers, and bytes from each level of its memory.

use std::hint::black_box;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use mnist_fast_kernels::Kernels;

use crate::caches::{self, Cache};
use crate::error::Result;
use crate::memory;
use crate::shared::SharedBuffer;
use crate::team::Team;

/// How often a peak is measured, the others in between, for how long, a sample after another, and how long a sample is at
/// least. The best one counts: on a shared machine most are of what others leave.
const PASSES: usize = 4;
const WINDOW: Duration = Duration::from_millis(8);
const SAMPLE: Duration = Duration::from_micros(500);

/// The caches to assume where the system does not tell.
const ASSUMED: [(usize, usize); 2] = [(1, 32 << 10), (2, 256 << 10)];

/// Bytes beyond every cache, for all threads together: so many, or this many times the largest cache.
const MEMORY: usize = 128 << 20;
const BEYOND: usize = 4;

/// A level of the memory, for one of the threads that work together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// `L1`, `L2`, `L3`, `DRAM`.
    pub name: String,
    /// A thread's share of it; `usize::MAX` for the memory.
    pub bytes: usize,
    /// What a thread walks through to measure it.
    pub probe: usize,
}

/// Bytes a second of one level, in units of 1e9, over all threads together.
#[derive(Clone, Debug)]
pub struct Bandwidth {
    /// Where the bytes are.
    pub level: Level,
    /// Reading.
    pub read: f64,
    /// Reading two floats and writing one of them, as an optimizer does; read and written bytes both count.
    pub update: f64,
}

/// What some threads can do together.
#[derive(Clone, Debug)]
pub struct Peaks {
    /// How many.
    pub threads: usize,
    /// GFLOP/s of fused multiply-adds, two operations each; nothing where the products are not the ISA's own (`portable`).
    pub fma: Option<f64>,
    /// The nearest first.
    pub bandwidths: Vec<Bandwidth>,
}

/// The levels of this machine's memory for each of `threads`, and whether they are known or assumed.
pub fn levels(threads: usize) -> (Vec<Level>, bool) {
    levels_of(&caches::caches(), threads)
}

fn levels_of(found: &[Cache], threads: usize) -> (Vec<Level>, bool) {
    let data = found.iter().filter(|cache| cache.kind != "i");
    let mut sizes: Vec<(usize, usize)> = data
        .filter_map(|cache| {
            // A core's own caches are not divided: threads are fewer than cores, or each has a core's share anyway.
            let sharers = if cache.level >= 3 { threads.min(cache.sharers) } else { 1 };
            Some((cache.level, cache.bytes()? / sharers))
        })
        .collect();
    let known = !sizes.is_empty();
    if !known {
        sizes = ASSUMED.to_vec();
    }
    let mut levels: Vec<Level> = vec![];
    for (level, bytes) in sizes {
        // A share of a far cache that is hardly larger than the nearer one is no level of its own.
        let nearer = levels.last().map_or(0, |level| level.bytes);
        if bytes / 2 > nearer {
            levels.push(Level { name: format!("L{level}"), bytes, probe: (bytes / 2).max(nearer * 3 / 2) });
        }
    }
    let largest = found.iter().filter_map(Cache::bytes).max().unwrap_or(0);
    let probe = largest.saturating_mul(BEYOND).max(MEMORY) / threads;
    levels.push(Level { name: "DRAM".into(), bytes: usize::MAX, probe });
    (levels, known)
}

/// The best rate of `units` a call and thread, in units of 1e9 a second over all threads; `work` is told how often to repeat itself.
fn best(team: &mut Team, units: f64, work: impl Fn(usize, u32) + Sync) -> f64 {
    let (mut rounds, mut best) = (1, 0.0f64);
    let threads = team.threads() as f64;
    let start = Instant::now();
    loop {
        let sample = Instant::now();
        team.run(|t| work(t, rounds));
        let elapsed = sample.elapsed();
        if elapsed < SAMPLE && rounds < u32::MAX / 2 {
            rounds *= 2;
            continue;
        }
        best = best.max(units * threads * f64::from(rounds) / elapsed.as_secs_f64() / 1e9);
        if start.elapsed() >= WINDOW {
            return best;
        }
    }
}

/// GFLOP/s of fused multiply-adds on registers over all threads; nothing where products are another crate's.
pub fn fma(kernels: Kernels, team: &mut Team) -> Option<f64> {
    let (flop, _) = kernels.probe_fma(1);
    let run = |_: usize, rounds: u32| {
        black_box(kernels.probe_fma(rounds));
    };
    let mut best = || (0..PASSES).map(|_| best(team, flop as f64, run)).fold(0.0, f64::max);
    kernels.isa().is_exact().then(&mut best)
}

/// Everything that the team's threads can do together with these kernels.
///
/// # Errors
/// Where there is no room for what is beyond every cache.
pub fn measure(kernels: Kernels, team: &mut Team, levels: &[Level]) -> Result<Peaks> {
    let largest = levels.iter().map(|level| level.probe).max().unwrap_or(0);
    memory::require(largest.checked_mul(team.threads()), "measuring the memory")?;
    // Whole vectors on cache lines, as in training: a vector that crosses lines counts twice.
    let halves = |bytes: usize| (bytes / (2 * size_of::<f32>())).next_multiple_of(16);
    let buffers: Vec<_> = (0..team.threads()).map(|_| Mutex::new(SharedBuffer::<f32>::new(0))).collect();
    let buffer = |t: usize| buffers[t].lock().expect("a worker's panic ends the run");
    // Each thread fills its own, so that it is near, and with other than zeros, which need not be memory yet.
    team.run(|t| {
        let mut own = buffer(t);
        *own = SharedBuffer::new(2 * halves(largest));
        own.all_mut().fill(0.5);
    });
    let start = |level: &Level| Bandwidth { level: level.clone(), read: 0.0, update: 0.0 };
    let mut bandwidths: Vec<Bandwidth> = levels.iter().map(start).collect();
    for pass in 0..PASSES {
        for Bandwidth { level, read, update } in &mut bandwidths {
            let half = halves(level.probe);
            let bytes = (half * size_of::<f32>()) as f64;
            // Another part in each pass: where in memory it lies changes how fast an L1 is.
            let from = if (pass + 1) * half <= halves(largest) { 2 * pass * half } else { 0 };
            let part = from..from + 2 * half;
            *read = read.max(best(team, 2.0 * bytes, |t, rounds| {
                black_box(kernels.probe_read(buffer(t).part(part.clone()), rounds));
            }));
            *update = update.max(best(team, 3.0 * bytes, |t, rounds| {
                let mut buffer = buffer(t);
                let (x, y) = buffer.all_mut()[part.clone()].split_at_mut(half);
                kernels.probe_update(0.0, x, y, rounds).expect("equal halves");
            }));
        }
    }
    Ok(Peaks { threads: team.threads(), fma: fma(kernels, team), bandwidths })
}

#[cfg(test)]
mod tests {
    use mnist_fast_kernels::Isa;

    use super::*;

    fn cache(level: usize, kind: &'static str, size: &str, sharers: usize) -> Cache {
        Cache { level, kind, size: size.into(), sharers }
    }

    #[test]
    fn levels_are_a_threads_share_and_dram_is_beyond_them() {
        let found = [
            cache(1, "d", "32K", 1),
            cache(1, "i", "64K", 1),
            cache(2, "", "1024K", 1),
            cache(3, "", "32768K", 16),
        ];
        let sizes = |threads| {
            let (levels, known) = levels_of(&found, threads);
            assert!(known);
            levels
                .iter()
                .map(|level| (level.name.clone(), level.bytes >> 10, level.probe >> 10))
                .collect::<Vec<_>>()
        };
        let (near, dram) = ([("L1".into(), 32, 16), ("L2".into(), 1024, 512)], usize::MAX >> 10);
        let all = |far: &[(String, usize, usize)]| [&near[..], far].concat();
        assert_eq!(sizes(1), all(&[("L3".into(), 32768, 16384), ("DRAM".into(), dram, 131_072)]));
        assert_eq!(sizes(2), all(&[("L3".into(), 16384, 8192), ("DRAM".into(), dram, 65_536)]));
        // 16 threads have 2 MB each of the last level: twice the one before it is not enough to be told apart.
        assert_eq!(sizes(16), all(&[("DRAM".into(), dram, 8192)]));
        let (assumed, known) = levels_of(&[cache(1, "d", "odd", 1)], 1);
        assert!(!known);
        assert_eq!(assumed.iter().map(|level| &*level.name).collect::<Vec<_>>(), ["L1", "L2", "DRAM"]);
    }

    #[test]
    fn two_threads_are_measured_and_products_of_another_crate_are_not() {
        let level = |bytes| Level { name: "L".into(), bytes, probe: bytes };
        for isa in [Isa::best(), Isa::Portable] {
            let kernels = Kernels::new(isa).unwrap();
            let peaks = measure(kernels, &mut Team::new(2).unwrap(), &[level(4096), level(1 << 16)]).unwrap();
            assert_eq!((peaks.threads, peaks.bandwidths.len()), (2, 2));
            assert_eq!(peaks.fma.is_some(), isa != Isa::Portable);
            let rates = peaks.bandwidths.iter().flat_map(|b| [b.read, b.update]).chain(peaks.fma);
            for rate in rates {
                // How fast is not a test's to say.
                assert!(rate.is_finite() && rate > 0.0, "{isa}: {rate}");
            }
        }
    }
}
