//! Standard output and error, where a closed pipe is no reason to shout.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use mnist_fast::{Error, Result};

pub(crate) use mnist_fast::units::thousands;

/// Prints a line to standard output, at once.
pub(crate) fn line(text: impl Display) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Error::closed_pipe(),
        _ => Error::failed(format!("cannot write to standard output: {error}")),
    })
}

/// Prints `error: ...` to standard error.
pub(crate) fn error(error: &Error) {
    stderr(format_args!("error: {error}"));
}

/// Prints `warning: ...` to standard error.
pub(crate) fn warning(text: impl Display) {
    stderr(format_args!("warning: {text}"));
}

/// Prints a line to standard error. If that is closed there is nobody left to tell.
pub(crate) fn stderr(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// A word as a shell takes it.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%\\".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// One JSON object on one line, its members in the order given.
#[derive(Clone)]
pub(crate) struct JsonLine(String);

impl JsonLine {
    /// An object without members.
    pub(crate) fn new() -> Self {
        JsonLine(String::from("{"))
    }

    /// Adds a member; a number that is not finite becomes null.
    pub(crate) fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&format!("{}:{}", serde_json::Value::from(name), value.into()));
        self
    }

    /// Adds a member that is an object.
    pub(crate) fn with_object(mut self, name: &str, value: JsonLine) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&format!("{}:{}", serde_json::Value::from(name), value.finish()));
        self
    }

    /// Adds a member that is a list of objects.
    pub(crate) fn with_objects(mut self, name: &str, values: impl IntoIterator<Item = JsonLine>) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        let values: Vec<String> = values.into_iter().map(JsonLine::finish).collect();
        self.0.push_str(&format!("{}:[{}]", serde_json::Value::from(name), values.join(",")));
        self
    }

    /// The object's text.
    pub(crate) fn finish(self) -> String {
        self.0 + "}"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_its_order_and_escapes() {
        let inner = JsonLine::new().with("b", 1).with("a", "x\"y");
        let line = JsonLine::new().with("z", f64::NAN).with_object("o", inner).with("l", vec![0.5, 1.0]);
        assert_eq!(line.finish(), r#"{"z":null,"o":{"b":1,"a":"x\"y"},"l":[0.5,1.0]}"#);
        let list = JsonLine::new()
            .with_objects("e", [])
            .with_objects("f", [1, 2].map(|i| JsonLine::new().with("i", i)));
        assert_eq!(list.finish(), r#"{"e":[],"f":[{"i":1},{"i":2}]}"#);
    }
}
