//! Some classes of a dataset as a task of their own: their images, labelled 0, 1, ... in the order the classes were given.

use super::Dataset;
use crate::error::{Error, Result};
use crate::memory;
use crate::nearest::nearest;
use crate::train::Examples;

/// The classes that were chosen: at least two, none twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    labels: Vec<u8>,
}

impl Chosen {
    /// The classes of these labels of a dataset, unless they are fewer than two or one is there twice.
    pub fn new(labels: Vec<u8>) -> Option<Self> {
        let twice = labels.iter().enumerate().any(|(i, label)| labels[..i].contains(label));
        (labels.len() >= 2 && !twice).then_some(Chosen { labels })
    }

    /// Reads `3,8`: names of classes of `data`, or labels.
    ///
    /// # Errors
    /// Where one is unknown or there twice, or there are fewer than two.
    pub fn parse(text: &str, data: &Dataset) -> Result<Self> {
        let wrong = |what: String| Error::usage(format!("--classes {text}: {what}"));
        let mut labels: Vec<u8> = vec![];
        for word in text.split(',').map(str::trim) {
            let label = find(word, data).ok_or_else(|| wrong(unknown(word, data)))?;
            if labels.contains(&label) {
                return Err(wrong(format!("class {word} was given twice; give each once")));
            }
            labels.push(label);
        }
        Chosen::new(labels)
            .ok_or_else(|| wrong("one class leaves nothing to tell apart; give two or more".into()))
    }

    /// How many classes.
    #[expect(clippy::len_without_is_empty, reason = "there are at least two")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Their labels in the dataset, in the order given.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// What number the class of the dataset's `label` has here.
    pub fn position(&self, label: u8) -> Option<usize> {
        self.labels.iter().position(|chosen| *chosen == label)
    }

    /// What the classes are called: by their names in the dataset, else by their labels there.
    pub fn names(&self, names: Option<&Vec<String>>) -> Vec<String> {
        let name = |label: &u8| names.and_then(|names| names.get(usize::from(*label)).cloned());
        self.labels.iter().map(|label| name(label).unwrap_or_else(|| label.to_string())).collect()
    }

    /// The examples of these classes, in their order, gathered into memory.
    ///
    /// # Errors
    /// Where they do not fit.
    pub fn select(&self, examples: Examples<'_>) -> Result<Selection> {
        let mut number = [None; 256];
        for (i, label) in self.labels.iter().enumerate() {
            number[usize::from(*label)] = Some(i as u8);
        }
        let is_chosen = |i: &usize| number[usize::from(examples.labels[*i])].is_some();
        let indices: Vec<usize> = (0..examples.len()).filter(is_chosen).collect();
        let len = examples.images.len() / examples.len().max(1);
        let bytes = indices.len().checked_mul(len);
        memory::require_or(bytes, "a copy of the images of these classes", "give fewer classes")?;
        let mut images = Vec::with_capacity(bytes.unwrap_or(0));
        for i in &indices {
            images.extend_from_slice(&examples.images[i * len..][..len]);
        }
        let labels = indices.iter().filter_map(|i| number[usize::from(examples.labels[*i])]).collect();
        Ok(Selection { images, labels, indices })
    }
}

/// The label of a class that goes by `word`: its name, or else the label itself.
fn find(word: &str, data: &Dataset) -> Option<u8> {
    let named = data.class_names.iter().flatten().position(|name| name.eq_ignore_ascii_case(word));
    let label = named.or_else(|| word.parse().ok()).filter(|label| *label < data.classes)?;
    u8::try_from(label).ok()
}

fn unknown(word: &str, data: &Dataset) -> String {
    let (name, last) = (&data.name, data.classes - 1);
    let Some(names) = &data.class_names else {
        return format!("there is no class {word:?}; {name} has the classes 0 to {last}");
    };
    match nearest(word, names.iter().map(String::as_str)) {
        Some(near) => format!("there is no class {word:?} in {name}; did you mean {near}?"),
        None => format!("there is no class {word:?}; {name} has 0 to {last}: {}", names.join(", ")),
    }
}

/// Examples of the chosen classes.
#[derive(Clone, Debug)]
pub struct Selection {
    images: Vec<u8>,
    labels: Vec<u8>,
    indices: Vec<usize>,
}

impl Selection {
    /// Images and labels, as if there were no others.
    pub fn examples(&self) -> Examples<'_> {
        Examples { images: &self.images, labels: &self.labels }
    }

    /// Where each stood among all.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_gathered_in_order_and_labelled_anew() {
        let images: Vec<u8> = (0..12).collect();
        let all = Examples { images: &images, labels: &[3, 1, 8, 8, 0, 3] };
        let selection = Chosen::new(vec![8, 3]).unwrap().select(all).unwrap();
        assert_eq!(selection.examples().images, [0, 1, 4, 5, 6, 7, 10, 11]);
        assert_eq!(selection.examples().labels, [1, 0, 0, 1]);
        assert_eq!(selection.indices(), [0, 2, 3, 5]);
        let none = Chosen::new(vec![5, 9]).unwrap().select(all).unwrap();
        assert!(none.examples().is_empty() && none.indices().is_empty());
    }

    #[test]
    fn one_class_or_one_twice_is_no_choice() {
        assert!(Chosen::new(vec![3]).is_none() && Chosen::new(vec![3, 8, 3]).is_none());
        let chosen = Chosen::new(vec![3, 8]).unwrap();
        assert_eq!((chosen.len(), chosen.position(8), chosen.position(1)), (2, Some(1), None));
        assert_eq!(chosen.names(None), ["3", "8"]);
    }
}
