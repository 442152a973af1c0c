//! The one error type of the harness: a sentence for a person, and the exit code it ends with.

use std::fmt;

/// The error of a run in one line: what would steer the terminal, as the name of a file can, is shown as Rust writes it.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() {
            true => escaped.extend(c.escape_default()),
            false => escaped.push(c),
        }
    }
    escaped
}

/// What kind of failure it is; decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The command line is wrong: exit code 2.
    Usage,
    /// The work could not be done: exit code 1.
    Failed,
    /// The user or the system asked for an end before it: this exit code.
    Interrupted(u8),
    /// Whoever read our standard output went away: quiet, exit code 0.
    ClosedPipe,
}

/// An error that says in one sentence what is wrong, where, and what to do about it.
#[derive(Clone, Debug)]
pub struct Error {
    kind: Kind,
    message: String,
}

/// A result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The work could not be done.
    pub fn failed(message: impl Into<String>) -> Self {
        Error { kind: Kind::Failed, message: escaped(&message.into()) }
    }

    /// The work could not be done, and these lines below the sentence help, such as commands to copy.
    pub fn failed_with(message: impl Into<String>, lines: &str) -> Self {
        let lines: Vec<String> = lines.lines().map(escaped).collect();
        Error { kind: Kind::Failed, message: format!("{}\n{}", escaped(&message.into()), lines.join("\n")) }
    }

    /// The command line is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Error { kind: Kind::Usage, message: escaped(&message.into()) }
    }

    /// The work was stopped, and can go on as the message says.
    pub fn interrupted(code: u8, message: impl Into<String>) -> Self {
        Error { kind: Kind::Interrupted(code), message: message.into() }
    }

    /// Nobody reads our output any more.
    pub fn closed_pipe() -> Self {
        Error { kind: Kind::ClosedPipe, message: "standard output was closed".into() }
    }

    /// The same with more at the end of its sentence.
    pub fn and(mut self, more: &str) -> Self {
        let end = self.message.find('\n').unwrap_or(self.message.len());
        self.message.insert_str(end, &escaped(more));
        self
    }

    /// Which kind of failure this is.
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
