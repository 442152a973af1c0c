//! `docs/TUTORIAL.md`: every command in it runs, in its order. Trainings take one epoch on a few images; what the commands
//! print on all of them, `docs/regenerate --check` compares.

mod mnist;
mod program;
mod scratch;

use std::path::Path;

use mnist_fast::dataset::known;
use program::{folder, program, small_mnist, text};

const DOCUMENT: &str = include_str!("../docs/TUTORIAL.md");

/// The words of each command: lines after `$ ` in console blocks, and what stands between backquotes elsewhere.
fn commands() -> Vec<Vec<&'static str>> {
    let mut found = vec![];
    let mut fence = None;
    for line in DOCUMENT.lines() {
        match (fence, line.strip_prefix("```")) {
            (None, Some(language)) => fence = Some(language),
            (Some(_), Some(_)) => fence = None,
            (Some(language), None) => {
                let command = line.strip_prefix("$ ");
                assert!(command.is_none() || language == "console", "{line}");
                found.extend(command);
            }
            (None, None) => {
                let spans = line.split('`').skip(1).step_by(2);
                found.extend(spans.filter(|span| span.starts_with("mnist-fast ")));
            }
        }
    }
    found.iter().map(|command| command.split(' ').collect()).collect()
}

/// Takes the option `name` and its value out of the words.
fn take<'a>(words: &mut Vec<&'a str>, name: &str) -> Option<&'a str> {
    let at = words.iter().position(|word| *word == name)?;
    words.remove(at);
    Some(words.remove(at))
}

#[test]
fn every_command_of_the_tutorial_runs() {
    let data = small_mnist(1_040, 100);
    let known = known::find("fashion-mnist").expect("a known name");
    let names = known.class_names.expect("its classes have names");
    data.put("classes.txt", names.join("\n").as_bytes());
    let (folder, root) = (folder(&data), Path::new(env!("CARGO_MANIFEST_DIR")));
    let commands = commands();
    assert!(commands.len() > 20, "{commands:?}");
    for words in &commands {
        let mut arguments = words.clone();
        assert_eq!(arguments.remove(0), "mnist-fast", "{words:?}");
        let what = arguments[0];
        let named = take(&mut arguments, "--data");
        assert!(named.is_none_or(|name| known::find(name).is_some()), "{words:?}: no such dataset");
        let trains = ["train", "roofline"].contains(&what);
        if trains || named.is_some() {
            arguments.extend(["--data", &folder]);
        }
        if trains {
            take(&mut arguments, "--epochs");
            arguments.extend(["--epochs", "1"]);
        }
        let digits: Vec<String> = arguments
            .iter()
            .map(|word| match word.starts_with("tests/digits/") {
                true => root.join(word).display().to_string(),
                false => (*word).to_owned(),
            })
            .collect();
        let arguments: Vec<&str> = digits.iter().map(String::as_str).collect();
        let output = program(&arguments).current_dir(data.path("")).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
    }
}

/// The tutorial's points, each once and each with a verdict.
#[test]
fn the_table_has_every_row() {
    let rows = DOCUMENT.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
        let number: u32 = cells[0].parse().ok()?;
        assert_eq!(cells.len(), 4, "{line}");
        assert!(["works", "different"].contains(&cells[2]) && !cells[3].is_empty(), "{line}");
        Some(number)
    });
    assert!(rows.eq(1..=33));
}
