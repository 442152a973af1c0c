//! Where unpacked datasets are kept between runs.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The cache folder, if there is one.
///
/// It holds unpacked IDX files, a stamp beside each, and nothing derived; deleting it costs the next run some
/// unpacking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheDir(Option<PathBuf>);

impl CacheDir {
    /// The user's own: `$XDG_CACHE_HOME/mnist-fast`, else `$HOME/.cache/mnist-fast` (`$HOME/Library/Caches/mnist-fast`
    /// on macOS, `%LOCALAPPDATA%\mnist-fast` on Windows); none if no such variable holds an absolute path.
    pub fn user() -> Self {
        Self::from_variables(|name| env::var_os(name))
    }

    /// The folder `path`, made when first needed.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        CacheDir(Some(path.into()))
    }

    /// No folder: what is unpacked stays in memory.
    pub fn none() -> Self {
        CacheDir(None)
    }

    /// The folder, which need not exist yet.
    pub fn path(&self) -> Option<&Path> {
        self.0.as_deref()
    }

    fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        // The XDG specification: relative paths in these variables are invalid and are ignored.
        let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = absolute("XDG_CACHE_HOME").or_else(|| {
            if cfg!(windows) {
                absolute("LOCALAPPDATA")
            } else if cfg!(target_os = "macos") {
                absolute("HOME").map(|home| home.join("Library/Caches"))
            } else {
                absolute("HOME").map(|home| home.join(".cache"))
            }
        });
        CacheDir(base.map(|base| base.join("mnist-fast")))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Option<PathBuf> {
        let find = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
        CacheDir::from_variables(find).0
    }

    #[test]
    fn variables_in_order() {
        let home =
            if cfg!(target_os = "macos") { "/h/Library/Caches/mnist-fast" } else { "/h/.cache/mnist-fast" };
        assert_eq!(with(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]), Some("/x/mnist-fast".into()));
        assert_eq!(with(&[("HOME", "/h")]), Some(home.into()));
        assert_eq!(with(&[("XDG_CACHE_HOME", ""), ("HOME", "/h")]), Some(home.into()));
        assert_eq!(with(&[("XDG_CACHE_HOME", "relative"), ("HOME", "/h")]), Some(home.into()));
        assert_eq!(with(&[("HOME", "")]), None);
        assert_eq!(with(&[]), None);
    }
}
