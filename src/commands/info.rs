//! `info`: this machine and this build, for bug reports and the curious.

use std::fs;

use mnist_fast::Result;
use mnist_fast_kernels::{GemmBlocks, Isa, Kernels};

use crate::args::{Args, Opt};
use crate::output;

pub(crate) const USAGE: &str = "\
Usage: mnist-fast info

  mnist-fast info                          which kernels run here, caches, the GEMM's blocks
  mnist-fast info > info.txt               to go with a report of a problem";
pub(crate) const OPTIONS: &[Opt] = &[];

pub(crate) fn run(args: Args) -> Result<()> {
    args.finish(0)?;
    let best = Isa::best();
    let list = |isas: Vec<Isa>| isas.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let (found, missing): (Vec<_>, Vec<_>) = Isa::ALL.into_iter().partition(|isa| isa.is_available());
    let kernels = Kernels::best();
    let none = || "none of its own".to_owned();
    let tiles: Vec<String> =
        kernels.gemm_tiles().map(|tile| format!("{} x {}", tile.rows, tile.columns)).collect();

    let mut rows = vec![
        ("version", format!("mnist-fast {} ({})", env!("CARGO_PKG_VERSION"), profile())),
        ("machine", machine()),
        ("threads", threads()),
        ("caches", caches().unwrap_or("unknown".into())),
        ("ISA", format!("{best} chosen; available: {}", list(found))),
        ("not here", if missing.is_empty() { "none".into() } else { list(missing) }),
        ("GEMM tiles", if tiles.is_empty() { none() } else { tiles.join(", ") }),
        ("GEMM blocks", kernels.gemm_blocks().map_or_else(none, blocks)),
    ];
    if Isa::Portable.is_available() {
        rows.push(("portable", portable()));
    }
    rows.push((
        "data",
        if cfg!(feature = "bundled-mnist") { "MNIST in the binary" } else { "none in the binary" }.into(),
    ));
    rows.push(("licence", "MIT or Apache-2.0; MNIST CC BY-SA 3.0 (LeCun, Cortes, Burges)".into()));
    for (name, text) in rows {
        output::line(format_args!("{name:<11} {text}"))?;
    }
    Ok(())
}

/// The CPU and the system.
pub(crate) fn machine() -> String {
    format!("{}, {} {}", cpu_name(), std::env::consts::OS, std::env::consts::ARCH)
}

/// The build's profile.
pub(crate) fn profile() -> &'static str {
    if cfg!(debug_assertions) { "debug build" } else { "release build" }
}

fn threads() -> String {
    match std::thread::available_parallelism() {
        Ok(n) => format!("{n} at once; train takes as many, but at most batch size / 16"),
        Err(error) => format!("unknown ({error}); train takes 1"),
    }
}

/// The GEMM's cache blocks beside the sizes that the caches must have room for.
fn blocks(blocks: GemmBlocks) -> String {
    let GemmBlocks { rows, columns, depth } = blocks;
    let kib = |floats: usize| floats * size_of::<f32>() / 1024;
    format!(
        "{rows} x {columns}, {depth} deep (of A {}K, of B {}K, of C {}K)",
        kib(rows * depth),
        kib(depth * columns),
        kib(rows * columns)
    )
}

/// What `portable`'s two crates really use.
pub(crate) fn portable() -> String {
    format!("wide uses {} (chosen by the build), matrixmultiply {} (detected)", built_for(), detected())
}

fn built_for() -> &'static str {
    if cfg!(target_feature = "avx512f") {
        "AVX-512"
    } else if cfg!(target_feature = "avx2") {
        "AVX2"
    } else if cfg!(target_feature = "avx") {
        "AVX"
    } else if cfg!(target_feature = "sse2") {
        "SSE2"
    } else if cfg!(target_feature = "neon") {
        "NEON"
    } else {
        "plain code"
    }
}

#[cfg(target_arch = "x86_64")]
fn detected() -> &'static str {
    if std::arch::is_x86_feature_detected!("avx512f") {
        "AVX-512"
    } else if std::arch::is_x86_feature_detected!("fma") {
        "FMA"
    } else if std::arch::is_x86_feature_detected!("avx") {
        "AVX"
    } else {
        "SSE2"
    }
}

#[cfg(target_arch = "aarch64")]
fn detected() -> &'static str {
    "NEON"
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn detected() -> &'static str {
    "plain code"
}

fn cpu_name() -> String {
    let name = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    name.unwrap_or("unknown CPU".into())
}

/// The first core's caches.
fn caches() -> Option<String> {
    let found = mnist_fast::caches::caches();
    let names: Vec<String> =
        found.iter().map(|cache| format!("L{}{} {}", cache.level, cache.kind, cache.size)).collect();
    (!names.is_empty()).then(|| names.join(", "))
}
