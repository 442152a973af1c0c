//! The environment that libraries read while they are loaded.

use std::env;
use std::io;
use std::process::Command;

/// Variables as this process should have them; `None` is: not at all.
pub type Wanted<'a> = [(&'a str, Option<&'a str>)];

/// Replaces this process by a new one of the same program and arguments if a variable of `wanted` has another value.
///
/// Returns where nothing had to change. Otherwise calls `say` with what was found and must go (variables that were not
/// set are not worth a word), and returns only an error: the program could not be started again.
pub fn settle(wanted: &Wanted<'_>, mut say: impl FnMut(&str)) -> io::Result<()> {
    let other =
        |(name, value): &&(&str, Option<&str>)| env::var_os(name).as_deref() != value.map(AsRef::as_ref);
    let changes: Vec<_> = wanted.iter().filter(other).collect();
    if changes.is_empty() {
        return Ok(());
    }
    let mut again = Command::new(env::current_exe()?);
    again.args(env::args_os().skip(1));
    for (name, value) in changes {
        if let Some(found) = env::var_os(name) {
            let instead = value.map_or("without it".to_string(), |value| format!("with {name}={value}"));
            say(&format!("{name}={} is set: started again {instead}", found.display()));
        }
        match value {
            Some(value) => again.env(name, value),
            None => again.env_remove(name),
        };
    }
    replace(again)
}

#[cfg(unix)]
fn replace(mut again: Command) -> io::Result<()> {
    use std::os::unix::process::CommandExt;
    Err(again.exec())
}

#[cfg(not(unix))]
fn replace(mut again: Command) -> io::Result<()> {
    let status = again.status()?;
    std::process::exit(status.code().unwrap_or(1));
}
