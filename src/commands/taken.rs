//! Options that a run has not from its command line but from a recipe, a model file or a folder of checkpoints: an error about
//! one of them says where it comes from.

use mnist_fast::Error;

use super::repeat::command_words;
use crate::args::Given;

/// Such options, and what they come from.
#[derive(Default)]
pub(crate) struct Taken {
    from: String,
    options: Vec<Given>,
}

impl Taken {
    /// What `from`, an option with its value, adds to those that were `given`.
    pub(crate) fn new(from: String, all: &[Given], given: &[Given]) -> Self {
        let was_given = |name: &str| given.iter().any(|(other, _)| *other == name);
        Taken { from, options: all.iter().filter(|(name, _)| !was_given(name)).cloned().collect() }
    }

    /// The error, and where the options come from that it is about.
    pub(crate) fn explain(&self, error: Error) -> Error {
        let text = error.to_string();
        let sentence = text.lines().next().unwrap_or_default();
        let about: Vec<String> =
            self.options.iter().filter(|option| is_about(sentence, option)).map(words).collect();
        match about.len() {
            0 => error,
            1 => error.and(&format!(" ({} comes from {})", about[0], self.from)),
            _ => error.and(&format!(" ({} come from {})", about.join(" and "), self.from)),
        }
    }
}

/// Whether a sentence names an option, or the file or folder that is its value.
fn is_about(sentence: &str, (name, value): &Given) -> bool {
    let value = value.as_ref().map(|value| value.to_string_lossy());
    let is_path = *name == "--init"
        || *name == "--data" && value.as_ref().is_some_and(|value| value.contains(['/', '\\']));
    has_word(sentence, name) || is_path && value.is_some_and(|value| has_word(sentence, &value))
}

/// Whether a text has a word that does not go on to either side, but as a folder with what is in it.
fn has_word(text: &str, word: &str) -> bool {
    let goes_on = |c: char| c.is_alphanumeric() || "-_".contains(c);
    !word.is_empty()
        && text.match_indices(word).any(|(at, _)| {
            let (before, after) = (&text[..at], &text[at + word.len()..]);
            !before.ends_with(goes_on) && !before.ends_with('/') && !after.starts_with(goes_on)
        })
}

/// An option as it would be given.
fn words(option: &Given) -> String {
    command_words(std::slice::from_ref(option)).join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_over_what_was_taken_say_where_from() {
        let value = |name, value: &str| (name, Some(value.into()));
        let all = [
            value("--validation", "0"),
            value("--lr", "0.006"),
            value("--init", "a b.npz"),
            value("--data", "mnist"),
            ("--nesterov", None),
        ];
        let taken = Taken::new("--recipe best".into(), &all, &[value("--lr", "1")]);
        let explained = |text: &str| taken.explain(Error::failed(text)).to_string();
        for (text, more) in [
            ("hold images out with --validation N", " (--validation 0 comes from --recipe best)"),
            ("--validation: 7", " (--validation 0 comes from --recipe best)"),
            ("a b.npz does not exist", " (--init 'a b.npz' comes from --recipe best)"),
            ("--nesterov is not with --init", " (--init 'a b.npz' and --nesterov come from --recipe best)"),
            // Others: given, of another name, no path.
            ("try a smaller --lr", ""),
            ("--validation-split 0.5 is too much", ""),
            ("xa b.npz does not exist, nor does x/a b.npz", ""),
            ("mnist is not here", ""),
        ] {
            assert_eq!(explained(text), format!("{text}{more}"));
        }
        let lines = taken.explain(Error::failed_with("no a b.npz", "ls --init")).to_string();
        assert_eq!(lines, "no a b.npz (--init 'a b.npz' comes from --recipe best)\nls --init");
        assert_eq!(Taken::default().explain(Error::usage("--init")).to_string(), "--init");
    }
}
