//! The report of a training or an evaluation: one page that is whole in itself, without scripts, fonts or pictures from
//! elsewhere.
//!
//! ```text
//! page.rs     what stands where      curves.rs    loss, accuracy, throughput
//! style.css   how it looks           classes.rs   confusion matrix, figures of each class
//! tables.rs   epochs, configuration  mistakes.rs  the worst mistakes as pictures (base64.rs)
//! ```
//!
//! The page is HTML that is XML as well. However many epochs, classes and pixels there are, it stays below 1.5 MB.

mod base64;
mod classes;
mod curves;
mod mistakes;
mod page;
mod tables;

pub use curves::plot;
pub use page::{Evaluated, Page};

/// So many of the worst mistakes are shown.
pub const MISTAKES: usize = 25;

/// The longest name of a class that is shown whole.
const NAME_MAX: usize = 40;

/// A class as a table shows it: its number, and its name where it has one.
fn class_label(names: Option<&[String]>, class: usize) -> String {
    match names.and_then(|names| names.get(class)) {
        Some(name) => format!("{class} {}", clipped(name)),
        None => class.to_string(),
    }
}

/// A class in a sentence: its name where it has one, else its number.
fn class_name(names: Option<&[String]>, class: usize) -> String {
    names.and_then(|names| names.get(class)).map_or(class.to_string(), |name| clipped(name))
}

fn clipped(name: &str) -> String {
    match name.char_indices().nth(NAME_MAX) {
        Some((end, _)) => format!("{}\u{2026}", &name[..end]),
        None => name.to_owned(),
    }
}
