//! Command-line options: one table per command, from which come parsing, help and suggestions.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::nearest::nearest;

/// One option of a command.
pub struct Opt {
    /// With its dashes.
    pub name: &'static str,
    /// What its value is called in the help; empty for a switch.
    pub value: &'static str,
    /// One or more lines for the help.
    pub help: &'static str,
}

/// Not an option but a heading over those after it, in the help.
pub const fn heading(title: &'static str) -> Opt {
    Opt { name: "", value: "", help: title }
}

/// An option as it was given: its name, and its value unless it is a switch.
pub type Given = (&'static str, Option<OsString>);

/// A command's arguments, each taken once; [`Args::finish`] refuses what is left.
#[derive(Clone)]
pub struct Args {
    command: &'static str,
    options: &'static [Opt],
    rest: pico_args::Arguments,
}

impl Args {
    /// The `arguments` of `command`, which has these options.
    pub fn new(command: &'static str, options: &'static [Opt], arguments: Vec<OsString>) -> Self {
        let arguments = arguments.into_iter().flat_map(|argument| split(options, argument)).collect();
        Args { command, options, rest: pico_args::Arguments::from_vec(arguments) }
    }

    /// Whether a switch was given. Switches must be taken before values, so that `--save --json` is a missing
    /// value and not a file called `--json`.
    pub fn switch(&mut self, name: &'static str) -> bool {
        self.check(name, true);
        self.rest.contains(name)
    }

    /// An option's value, where it was given.
    ///
    /// # Errors
    /// Where the value is missing, or is not what was expected.
    pub fn value<T: FromStr>(&mut self, name: &'static str, expected: &str) -> Result<Option<T>> {
        self.parse(name, expected, |text| text.parse().ok())
    }

    /// An option's value, read by `parse`, where it was given. `expected` says in the error what it should be.
    ///
    /// # Errors
    /// As [`Self::value`].
    pub fn parse<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(text) = self.os_value(name)? else { return Ok(None) };
        let text = text.to_string_lossy();
        match parse(&text) {
            Some(value) => Ok(Some(value)),
            None => {
                let limit = if is_too_large(&text) && !names_limit(expected) { LIMIT } else { "" };
                Err(Error::usage(format!("{name} {text}: expected {expected}{limit}")))
            }
        }
    }

    /// An option's value as a path.
    ///
    /// # Errors
    /// Where the value is missing.
    pub fn path(&mut self, name: &'static str) -> Result<Option<PathBuf>> {
        Ok(self.os_value(name)?.map(PathBuf::from))
    }

    fn os_value(&mut self, name: &'static str) -> Result<Option<OsString>> {
        self.check(name, false);
        let missing =
            || Error::usage(format!("{name} needs a value; see mnist-fast {} --help", self.command));
        let value = self
            .rest
            .opt_value_from_os_str(name, |text| Ok::<_, std::convert::Infallible>(text.to_owned()))
            .map_err(|_| missing())?;
        match &value {
            Some(text) if text.is_empty() || text.to_string_lossy().starts_with("--") => Err(missing()),
            _ => Ok(value),
        }
    }

    /// Takes those options out whose names are `wanted`, as they were given.
    pub fn take(&mut self, wanted: impl Fn(&str) -> bool) -> Result<Vec<Given>> {
        let wanted: Vec<&Opt> =
            self.options.iter().filter(|option| !option.name.is_empty() && wanted(option.name)).collect();
        let mut given = vec![];
        for option in wanted.iter().filter(|option| option.value.is_empty()) {
            given.extend(self.switch(option.name).then_some((option.name, None)));
        }
        for option in wanted.iter().filter(|option| !option.value.is_empty()) {
            given.extend(self.os_value(option.name)?.map(|value| (option.name, Some(value))));
        }
        Ok(given)
    }

    /// These arguments and `more` options.
    pub fn and(&self, more: &[Given]) -> Args {
        let more = more.iter().flat_map(|(name, value)| [Some(OsString::from(name)), value.clone()]);
        let all = more.flatten().chain(self.rest.clone().finish()).collect();
        Args { rest: pico_args::Arguments::from_vec(all), ..*self }
    }

    /// Every option that the code asks for is in the table, and so in the help.
    fn check(&self, name: &str, switch: bool) {
        debug_assert!(self.options.iter().any(|o| o.name == name && o.value.is_empty() == switch), "{name}");
    }

    /// Refuses what nobody asked for; returns up to `free` arguments that are not options.
    ///
    /// # Errors
    /// Names the argument that is left, and what was likely meant.
    pub fn finish(mut self, free: usize) -> Result<Vec<OsString>> {
        let rest = std::mem::replace(&mut self.rest, pico_args::Arguments::from_vec(vec![])).finish();
        for argument in &rest {
            let text = argument.to_string_lossy();
            if text.starts_with('-') && text.len() > 1 {
                return Err(Error::usage(self.unknown(&text)));
            }
        }
        match rest.get(free) {
            None => Ok(rest),
            Some(extra) => Err(Error::usage(format!(
                "unexpected argument {}; see mnist-fast {} --help",
                extra.to_string_lossy(),
                self.command
            ))),
        }
    }

    fn unknown(&self, text: &str) -> String {
        let name = text.split('=').next().unwrap_or(text);
        if let Some(known) = self.options.iter().find(|option| option.name == name) {
            return match (known.value.is_empty(), text.contains('=')) {
                (true, true) => format!("{name} takes no value"),
                (false, true) => format!("{text} is not UTF-8; give such a value as a word of its own"),
                (_, false) => format!("{name} was given more than once"),
            };
        }
        let names = self.options.iter().map(|option| option.name).filter(|name| !name.is_empty());
        let hint = match nearest(name, names) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("see mnist-fast {} --help", self.command),
        };
        format!("unknown option {name}; {hint}")
    }
}

/// Reads a whole number that is not 0.
pub fn at_least_one(text: &str) -> Option<usize> {
    text.parse().ok().filter(|n| *n > 0)
}

/// What is said of a whole number that is refused for its size alone.
#[cfg(target_pointer_width = "64")]
const LIMIT: &str = "; numbers must be below 2^64";
#[cfg(not(target_pointer_width = "64"))]
const LIMIT: &str = "; numbers must be below 2^32";

/// Whether there is a whole number in the text that no integer here holds.
fn is_too_large(text: &str) -> bool {
    let numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
    numbers.into_iter().any(|digits| digits.parse::<usize>().is_err())
}

/// Whether what is expected says itself how large it may be.
fn names_limit(expected: &str) -> bool {
    ["at most", "below", " to "].iter().any(|words| expected.contains(words))
}

/// `--name=value` as `--name value`, where the option takes a value; anything else as it is.
fn split(options: &[Opt], argument: OsString) -> Vec<OsString> {
    let takes_value =
        |name: &str| options.iter().any(|option| option.name == name && !option.value.is_empty());
    match argument.to_str().and_then(|text| text.split_once('=')) {
        Some((name, value)) if takes_value(name) => vec![name.into(), value.into()],
        _ => vec![argument],
    }
}

/// The options' part of a command's help.
pub fn help(options: &[Opt]) -> String {
    let mut text = String::new();
    if options.first().is_none_or(|option| !option.name.is_empty()) {
        text.push_str("Options:\n");
    }
    for option in options {
        if option.name.is_empty() {
            let between = if text.is_empty() { "" } else { "\n" };
            text.push_str(&format!("{between}{}:\n", option.help));
            continue;
        }
        let head = format!("{} {}", option.name, option.value);
        for (i, line) in option.help.lines().enumerate() {
            let head = if i == 0 { head.trim_end() } else { "" };
            text.push_str(&format!("  {head:<24} {line}\n"));
        }
    }
    text
}
