//! The options of a benchmark: what follows `cargo bench --`.

use std::path::{Path, PathBuf};

/// What was asked for.
#[derive(Debug, Default)]
pub struct Options {
    /// Fewer and shorter samples of the same shapes.
    pub quick: bool,
    /// Where to write JSON lines.
    pub json: Option<PathBuf>,
    /// Print the help and stop.
    pub help: bool,
    /// Take times. Cargo passes `--bench` for `cargo bench` and not for `cargo test`, which only checks.
    pub measure: bool,
    /// Take the orders of the process that started this one, as what this names; see [`crate::worker`].
    pub serve: Option<String>,
    /// Texts that must all occur in a case's shape or contender.
    pub filters: Vec<String>,
}

impl Options {
    /// Reads arguments; the error is one sentence.
    pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut options = Options::default();
        let mut arguments = arguments.peekable();
        while let Some(argument) = arguments.next() {
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_string())),
                _ => (argument.as_str(), None),
            };
            match (name, value) {
                ("--bench", None) => options.measure = true,
                ("--quick", None) => options.quick = true,
                ("--help" | "-h", None) => options.help = true,
                ("--json", value) => {
                    let file = value.or_else(|| arguments.next_if(|next| !next.starts_with("--")));
                    match file {
                        Some(file) if !file.is_empty() => options.json = Some(from_workspace(&file)),
                        _ => return Err("--json needs a file name: --json FILE".to_string()),
                    }
                }
                ("--serve", Some(role)) => options.serve = Some(role),
                (option, _) if option.starts_with('-') => {
                    return Err(format!("unknown option '{argument}'; --help lists the options"));
                }
                _ => options.filters.push(argument),
            }
        }
        Ok(options)
    }

    /// Whether the filters let the case of this shape and contender through.
    pub fn selects(&self, shape: &str, contender: &str) -> bool {
        self.filters.iter().all(|filter| shape.contains(filter) || contender.contains(filter))
    }
}

/// Cargo starts benchmarks in their package's folder. A relative path means the workspace's, where `cargo bench` is
/// typed.
fn from_workspace(file: &str) -> PathBuf {
    match std::env::var_os("CARGO_MANIFEST_DIR").as_ref().and_then(|folder| Path::new(folder).parent()) {
        Some(workspace) => workspace.join(file),
        None => PathBuf::from(file),
    }
}
