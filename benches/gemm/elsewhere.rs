//! The contenders that this process cannot hold, in processes of their own (see `mnist_fast_benches::worker`).
//!
//! - Everybody on AVX2, on a CPU with AVX-512: `matrixmultiply` and `gemm` built without it, in a program that is built
//!   when it is first needed (`benches/helper`, a workspace of its own, since features of one crate add up within a
//!   workspace); the libraries in this program started again, with their limits in the environment.
//! - The rivals on two threads, in this program started again for each one: their pools of threads do not meet.

use std::env;
use std::process::Command;

use mnist_fast_benches::affinity;
use mnist_fast_benches::contender::Contender;
use mnist_fast_benches::environment::Wanted;
use mnist_fast_benches::worker::{Worker, serve};

use crate::libraries;
use crate::rivals;

/// The values of `--serve`.
const AVX2_LIBRARIES: &str = "avx2-libraries";
const TWO_THREADS: &str = "two-threads:";

/// The crate that has threads here.
const GEMM: &str = "gemm";

/// Those that were asked for, and a line about each one that is not there.
pub(crate) type Found = (Vec<Contender>, Vec<String>);

pub(crate) fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

fn has_avx512() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx512f");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// The rivals kept to AVX2, of those that `wanted` lets through by their labels; nobody where none would use more.
/// Says nothing of who is absent anyway, as `known` has it.
pub(crate) fn avx2(wanted: impl Fn(&str) -> bool, known: &[String]) -> Found {
    let (mut contenders, mut absent) = (Vec::new(), Vec::new());
    if !has_avx512() || !has_avx2() {
        return (contenders, absent);
    }
    let mut take = |found: Result<Found, String>| match found {
        Ok((new, without)) => {
            for mut contender in new {
                // A library may not know the variable that should limit it.
                if contender.isa != "avx2" {
                    absent.push(format!("{} on avx2: runs on {}", contender.name, contender.isa));
                    continue;
                }
                contender.capped = true;
                contenders.push(contender);
            }
            absent.extend(news(without, known, "avx2"));
        }
        Err(why) => absent.push(format!("on avx2: {why}")),
    };
    if ["matrixmultiply avx2", "gemm avx2"].into_iter().any(&wanted) {
        take(helper());
    }
    let mut libraries = libraries::NAMES.into_iter().chain([libraries::LIBXSMM_CALL]);
    if libraries.any(|name| wanted(&format!("{name} avx2"))) {
        take(again(AVX2_LIBRARIES, libraries::AVX2));
    }
    contenders.retain(|contender| wanted(&contender.label()));
    (contenders, absent)
}

/// The lines that are not in `known`, with where they are from.
fn news<'a>(lines: Vec<String>, known: &'a [String], from: &'a str) -> impl Iterator<Item = String> + 'a {
    lines.into_iter().filter(|line| !known.contains(line)).map(move |line| format!("on {from}: {line}"))
}

/// The rivals on two threads, of those that `wanted` lets through by their labels. As [`avx2`] does.
pub(crate) fn two_threads(wanted: impl Fn(&str) -> bool, known: &[String]) -> Found {
    let isas = ["avx512", "avx2", "neon", "?"];
    let (mut contenders, mut absent) = (Vec::new(), Vec::new());
    let names = libraries::NAMES.into_iter().filter(|name| *name != libraries::ONE_THREAD_ONLY);
    for name in [GEMM].into_iter().chain(names) {
        if !isas.into_iter().any(|isa| wanted(&format!("{name} {isa} 2 threads"))) {
            continue;
        }
        match again(&format!("{TWO_THREADS}{name}"), libraries::TWO_THREADS) {
            Ok((new, without)) => {
                contenders.extend(new);
                absent.extend(news(without, known, "two threads"));
            }
            Err(why) => absent.push(format!("on two threads: {why}")),
        }
    }
    (contenders, absent)
}

/// This program again, with more in its environment.
fn again(role: &str, environment: &Wanted<'_>) -> Result<Found, String> {
    let program = env::current_exe().map_err(|error| format!("this program cannot be found ({error})"))?;
    let mut command = Command::new(program);
    command.arg(format!("--serve={role}"));
    for (name, value) in libraries::ENVIRONMENT.iter().chain(environment) {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Worker::start(role, &mut command)
}

/// What this program does when [`again`] has started it.
pub(crate) fn serve_as(role: &str) -> Result<(), String> {
    let (mut contenders, absent) = match role.strip_prefix(TWO_THREADS) {
        Some(GEMM) => (vec![rivals::gemm(2)], Vec::new()),
        Some(name) => libraries::load_all(|other| other == name),
        None if role == AVX2_LIBRARIES => libraries::load_all(|_| true),
        None => return Err(format!("--serve={role}: there is no such role")),
    };
    if !role.starts_with(TWO_THREADS) {
        return serve(contenders, &absent, || ()).map_err(|error| error.to_string());
    }
    contenders.iter_mut().for_each(|contender| contender.threads = 2);
    let cpus = affinity::two_cpus();
    let mut said = false;
    let spread = || {
        let bound = cpus.as_ref().map_or_else(
            |error| Err(error.to_string()),
            |cpus| affinity::spread_threads(cpus).map_err(|error| error.to_string()),
        );
        if let Err(what) = bound
            && !std::mem::replace(&mut said, true)
        {
            eprintln!("{role}: threads are not bound to CPUs ({what})");
        }
    };
    serve(contenders, &absent, spread).map_err(|error| error.to_string())
}

/// The program with the crates that are built for AVX2, built first where it is not yet.
fn helper() -> Result<Found, String> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/helper/Cargo.toml");
    let target = concat!(env!("CARGO_TARGET_TMPDIR"), "/helper");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args([
            "build",
            "--release",
            "--locked",
            "--quiet",
            "--manifest-path",
            manifest,
            "--target-dir",
            target,
        ])
        // Where this stands, the program is where it is looked for below.
        .env_remove("CARGO_BUILD_TARGET")
        .status()
        .map_err(|error| format!("matrixmultiply, gemm: skipped, cargo cannot be started ({error})"))?;
    if !built.success() {
        return Err(format!("matrixmultiply, gemm: skipped, {manifest} cannot be built"));
    }
    let program = format!("{target}/release/mnist-fast-bench-helper{}", env::consts::EXE_SUFFIX);
    Worker::start("the helper", &mut Command::new(program))
}
