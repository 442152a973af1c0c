//! The commands, one file each.

mod augment;
mod checkpoint;
mod course;
mod data;
mod diagram;
mod engine;
mod eval;
mod explain;
mod export;
mod files;
mod formulas;
mod info;
mod inspect;
mod interrupt;
mod keeper;
mod log;
mod matrix;
mod model;
mod network;
mod numbers;
mod optimizer;
mod outputs;
mod predict;
mod progress;
mod recipe;
mod repeat;
mod report;
mod roofline;
mod schedule;
mod summary;
mod taken;
mod train;

use std::ffi::OsString;

use mnist_fast::nearest::nearest;
use mnist_fast::{Error, Result};

use crate::args::{self, Args, Opt};
use crate::output;

/// A command of the program.
struct Command {
    name: &'static str,
    /// What it is about, which is what the list of commands is parted by.
    subject: &'static str,
    /// One line for the list of commands.
    about: &'static str,
    /// How to call it, and examples.
    usage: &'static str,
    options: &'static [Opt],
    run: fn(Args) -> Result<()>,
}

const NETWORK: &str = "The network";
const DATA: &str = "The data";
const MACHINE: &str = "This machine";

const COMMANDS: [Command; 8] = [
    Command {
        name: "train",
        subject: NETWORK,
        about: "train a network; without options: the tutorial's, on MNIST",
        usage: train::USAGE,
        options: train::OPTIONS,
        run: train::run,
    },
    Command {
        name: "eval",
        subject: NETWORK,
        about: "how good a model is: accuracy, each class, the confusion matrix, the worst mistakes",
        usage: eval::USAGE,
        options: eval::OPTIONS,
        run: eval::run,
    },
    Command {
        name: "predict",
        subject: NETWORK,
        about: "what a model sees in an image of the data or in your own pictures",
        usage: predict::USAGE,
        options: predict::OPTIONS,
        run: predict::run,
    },
    Command {
        name: "summary",
        subject: NETWORK,
        about: "the network: its layers and parameters",
        usage: summary::USAGE,
        options: summary::OPTIONS,
        run: summary::run,
    },
    Command {
        name: "export",
        subject: NETWORK,
        about: "a model for PyTorch (safetensors) or Keras (npz), or one of theirs as ours",
        usage: export::USAGE,
        options: export::OPTIONS,
        run: export::run,
    },
    Command {
        name: "inspect",
        subject: DATA,
        about: "the data: shapes, classes, statistics, images; known datasets",
        usage: inspect::USAGE,
        options: inspect::OPTIONS,
        run: inspect::run,
    },
    Command {
        name: "roofline",
        subject: MACHINE,
        about: "this machine's peaks, and how near to them each phase of training comes",
        usage: roofline::USAGE,
        options: roofline::OPTIONS,
        run: roofline::run,
    },
    Command {
        name: "info",
        subject: MACHINE,
        about: "this machine and this build",
        usage: info::USAGE,
        options: info::OPTIONS,
        run: info::run,
    },
];

/// Runs the program on its arguments.
pub(crate) fn run(mut arguments: Vec<OsString>) -> Result<()> {
    if arguments.is_empty() {
        return Err(Error::usage("no command given; try mnist-fast train, or mnist-fast --help"));
    }
    let first = arguments.remove(0);
    let name = first.to_string_lossy();
    match &*name {
        "--help" | "-h" | "help" => match arguments.first().map(|c| c.to_string_lossy().into_owned()) {
            Some(name) => return output::line(command(&name)?.help()),
            None => return output::line(overview()),
        },
        "--version" | "-V" => return output::line(format_args!("mnist-fast {}", env!("CARGO_PKG_VERSION"))),
        _ => {}
    }
    let command = command(&name)?;
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        return output::line(command.help());
    }
    (command.run)(Args::new(command.name, command.options, arguments))
}

fn command(name: &str) -> Result<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name).ok_or_else(|| {
        let hint = match nearest(name, COMMANDS.iter().map(|command| command.name)) {
            Some(near) => format!("did you mean {near}?"),
            None => "see mnist-fast --help".to_owned(),
        };
        let what = if name.starts_with('-') { "option" } else { "command" };
        Error::usage(format!("unknown {what} {name}; {hint}"))
    })
}

/// What to begin with, for the list of commands.
const BEGINNINGS: &str =
    "  mnist-fast train --save m.safetensors        the tutorial's network on MNIST, kept
  mnist-fast eval m.safetensors                how good it is, and what it takes for what
  mnist-fast predict m.safetensors --index 0   the first test image
  mnist-fast predict m.safetensors seven.png   your own digit
  mnist-fast inspect --data fashion-mnist      other data
  mnist-fast train --explain                   the formulas, and where they come from";

fn overview() -> String {
    let mut text = String::from(
        "Trains multilayer perceptrons on IDX image datasets on the CPU, reproducibly to the last bit.\n\n\
         Usage: mnist-fast <command> [options]\n",
    );
    for subject in [NETWORK, DATA, MACHINE] {
        text.push_str(&format!("\n{subject}:\n"));
        for command in COMMANDS.iter().filter(|command| command.subject == subject) {
            text.push_str(&format!("  {:<10} {}\n", command.name, command.about));
        }
    }
    format!(
        "{text}\nTo begin with:\n{BEGINNINGS}\n\n\
         mnist-fast <command> --help tells more; mnist-fast --version the version."
    )
}

impl Command {
    fn help(&self) -> String {
        let head = format!("mnist-fast {}: {}\n\n{}", self.name, self.about, self.usage);
        if self.options.is_empty() {
            head
        } else {
            format!("{head}\n\n{}", args::help(self.options).trim_end())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_every_command_once() {
        let text = overview();
        for command in &COMMANDS {
            assert_eq!(text.matches(&format!("\n  {:<10} ", command.name)).count(), 1, "{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    }

    #[test]
    fn every_command_has_an_example_with_a_word_on_it() {
        for command in &COMMANDS {
            let start = format!("  mnist-fast {}", command.name);
            let mut examples = command.usage.lines().filter_map(|line| line.strip_prefix(&start));
            assert!(examples.any(|rest| rest.trim().contains("  ") || rest.starts_with("   ")), "{start}");
        }
    }
}
