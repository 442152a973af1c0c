//! What the terminal can show, from what it is and what the environment says.

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal};

/// How pixels become characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Half-blocks in 24-bit grey: all 256 values.
    TrueColor,
    /// Half-blocks in the 26 greys of a 256-colour terminal.
    Grey256,
    /// Ten characters from blank to dense, one for two pixels that lie above one another; no escape sequences.
    Ascii,
}

/// How to draw text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How pixels become characters.
    pub ink: Ink,
    /// Characters in a line; 0 counts as 1.
    pub columns: usize,
}

/// What a line holds where nobody can be asked.
const COLUMNS: usize = 80;

impl Options {
    /// What suits standard output: colour on a terminal that has it, unless `NO_COLOR` is set or the locale is not
    /// UTF-8; plain ASCII, 80 characters wide, where it is no terminal.
    pub fn of_stdout() -> Self {
        if !io::stdout().is_terminal() {
            return Options { ink: Ink::Ascii, columns: COLUMNS };
        }
        Options { ink: ink(|name| env::var_os(name)), columns: columns().unwrap_or(COLUMNS) }
    }
}

/// What a terminal can show, by these variables.
fn ink(variable: impl Fn(&str) -> Option<OsString>) -> Ink {
    // An empty variable is as good as none: no-color.org says so of NO_COLOR, POSIX of the locale's.
    let text =
        |name: &str| variable(name).filter(|v| !v.is_empty()).map(|v| v.to_string_lossy().to_lowercase());
    if text("NO_COLOR").is_some() {
        return Ink::Ascii;
    }
    // Windows' newer terminal: it names neither TERM nor a locale, and standard output is Unicode there.
    if text("WT_SESSION").is_some() && text("TERM").is_none() {
        return Ink::TrueColor;
    }
    let colours = text("TERM").is_some_and(|term| term != "dumb" && !term.starts_with("vt"));
    let locale = text("LC_ALL").or_else(|| text("LC_CTYPE")).or_else(|| text("LANG"));
    if !colours || !locale.is_some_and(|locale| locale.contains("utf-8") || locale.contains("utf8")) {
        return Ink::Ascii;
    }
    match text("COLORTERM").as_deref() {
        Some("truecolor" | "24bit") => Ink::TrueColor,
        _ => Ink::Grey256,
    }
}

/// How wide the terminal is.
#[cfg(unix)]
fn columns() -> Option<usize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ writes one winsize to the address given, and `size` is one that lives until after the call.
    // On a file that is no terminal it fails and writes nothing.
    let status = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &mut size) };
    (status == 0 && size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// Not asked on this system.
#[cfg(not(unix))]
fn columns() -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_decides() {
        const UTF8: (&str, &str) = ("LANG", "C.UTF-8");
        const XTERM: (&str, &str) = ("TERM", "xterm-256color");
        const TRUE: (&str, &str) = ("COLORTERM", "truecolor");
        for (variables, expected) in [
            (&[UTF8, XTERM, TRUE][..], Ink::TrueColor),
            (&[UTF8, XTERM, ("COLORTERM", "24bit")], Ink::TrueColor),
            (&[UTF8, XTERM, ("COLORTERM", "yes")], Ink::Grey256),
            (&[UTF8, XTERM], Ink::Grey256),
            (&[UTF8, XTERM, TRUE, ("NO_COLOR", "1")], Ink::Ascii),
            (&[UTF8, XTERM, TRUE, ("NO_COLOR", "")], Ink::TrueColor),
            (&[UTF8, ("TERM", "dumb"), TRUE], Ink::Ascii),
            (&[UTF8, ("TERM", "vt100"), TRUE], Ink::Ascii),
            (&[UTF8, TRUE], Ink::Ascii),
            (&[XTERM, TRUE], Ink::Ascii),
            (&[XTERM, TRUE, ("LANG", "de_DE.ISO-8859-1")], Ink::Ascii),
            (&[XTERM, TRUE, UTF8, ("LC_ALL", "C")], Ink::Ascii),
            (&[XTERM, TRUE, UTF8, ("LC_CTYPE", "C"), ("LC_ALL", "")], Ink::Ascii),
            (&[XTERM, TRUE, ("LANG", "C"), ("LC_CTYPE", "en_GB.utf8")], Ink::TrueColor),
            (&[("WT_SESSION", "c0ffee")], Ink::TrueColor),
            (&[("WT_SESSION", "c0ffee"), ("NO_COLOR", "1")], Ink::Ascii),
            (&[], Ink::Ascii),
        ] {
            let find = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, v)| v.into());
            assert_eq!(ink(find), expected, "{variables:?}");
        }
    }
}
