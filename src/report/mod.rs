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

/// What the network's classes are called.
#[derive(Clone, Copy, Debug, Default)]
pub struct Names<'a> {
    /// Their labels in the dataset, where these are only some of its classes.
    pub labels: Option<&'a [u8]>,
    /// Their names, where they have any.
    pub names: Option<&'a [String]>,
}

impl Names<'_> {
    /// The label of a class in the dataset.
    fn label(&self, class: usize) -> usize {
        self.labels.and_then(|labels| labels.get(class)).map_or(class, |label| usize::from(*label))
    }

    fn name(&self, class: usize) -> Option<String> {
        self.names?.get(class).map(|name| clipped(name))
    }

    /// A class as a table shows it: its label, and its name where it has one.
    fn in_table(&self, class: usize) -> String {
        let label = self.label(class);
        self.name(class).map_or(label.to_string(), |name| format!("{label} {name}"))
    }

    /// A class in a sentence: its name where it has one, else its label.
    fn in_words(&self, class: usize) -> String {
        self.name(class).unwrap_or_else(|| self.label(class).to_string())
    }
}

fn clipped(name: &str) -> String {
    match name.char_indices().nth(NAME_MAX) {
        Some((end, _)) => format!("{}\u{2026}", &name[..end]),
        None => name.to_owned(),
    }
}
