//! A library that the system has as an archive only (Debian's libxsmm), linked into one that can be loaded.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

/// An archive, linked.
pub(crate) struct Linked {
    pub(crate) archive: PathBuf,
    pub(crate) library: PathBuf,
}

/// Links all of `lib<name>.a`, with what it needs of the archives `others`; `None` where the C compiler's directories
/// have no such archive, or there is no C compiler.
pub(crate) fn link(name: &str, others: &[&str]) -> Option<io::Result<Linked>> {
    let archive = find(name)?;
    Some(link_whole(name, &archive, others).map(|library| Linked { archive, library }))
}

/// The version in the `.pc` file that is installed with an archive.
pub(crate) fn version(archive: &Path) -> Option<String> {
    let package = Path::new("pkgconfig").join(archive.with_extension("pc").file_name()?);
    let text = fs::read_to_string(archive.parent()?.join(package)).ok()?;
    let version = text.lines().find_map(|line| line.strip_prefix("Version:"))?;
    Some(version.trim().to_string())
}

fn compiler() -> Command {
    Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()))
}

/// Where the C compiler finds an archive: asked for one that it has not, it repeats the question.
fn find(name: &str) -> Option<PathBuf> {
    let answer = compiler().arg(format!("-print-file-name=lib{name}.a")).output().ok()?;
    let path = PathBuf::from(String::from_utf8(answer.stdout).ok()?.trim());
    if path.is_absolute() { fs::canonicalize(path).ok() } else { None }
}

fn link_whole(name: &str, archive: &Path, others: &[&str]) -> io::Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let library = folder.join(format!("lib{name}.so"));
    // Another process may have the one of that name loaded: it is replaced, not written over.
    let fresh = folder.join(format!("lib{name}.so.{}", process::id()));
    let linked = compiler()
        .args(["-shared", "-o"])
        .arg(&fresh)
        .arg("-Wl,--whole-archive")
        .arg(archive)
        .arg("-Wl,--no-whole-archive")
        .args(others.iter().filter_map(|name| find(name)))
        .args(["-lpthread", "-lrt", "-ldl", "-lm"])
        .output()?;
    if !linked.status.success() {
        let said = String::from_utf8_lossy(&linked.stderr);
        return Err(io::Error::other(said.lines().next().unwrap_or("the linker failed").to_string()));
    }
    fs::rename(&fresh, &library)?;
    Ok(library)
}
