//! What the header of a benchmark says about this machine and build.

use std::fs;

/// The CPU's name where the system tells it: on Linux, `model name` of `/proc/cpuinfo`.
pub fn cpu_model() -> String {
    fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_string())
        })
        .unwrap_or_else(|| format!("unknown {}", std::env::consts::ARCH))
}

/// The version of the compiler that built this, as `rustc --version` prints it.
pub fn rustc_version() -> &'static str {
    match env!("BENCH_RUSTC") {
        "" => "of unknown version",
        version => version,
    }
}

/// The version of `package` in the workspace's lock file, which built this.
pub fn locked_version(package: &str) -> &'static str {
    version_in(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")), package)
}

/// The version of `package` in the text of a lock file.
pub fn version_in(lock: &'static str, package: &str) -> &'static str {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines().skip_while(|line| *line != name).skip(1);
    lines
        .next()
        .and_then(|line| line.strip_prefix("version = \""))
        .map_or("of unknown version", |rest| rest.trim_end_matches('"'))
}
