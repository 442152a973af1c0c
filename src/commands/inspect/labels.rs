//! Labels as integers and one-hot, in numpy's print, which is what the tutorial shows.

use mnist_fast::dataset::Dataset;
use mnist_fast::{Error, Result};

use super::super::data::Source;
use super::images::{Part, of_part};

/// numpy's line is 75 characters wide, and each bracket that closes an array takes one.
const LINE: usize = 75;

/// The first `n` labels of a part, or of the training file, in its order.
pub(super) fn first<'a>(
    data: &'a Dataset,
    source: &Source,
    part: Option<Part>,
    n: usize,
) -> Result<&'a [u8]> {
    let (split, range, of) = of_part(part, data, source)?;
    let labels = &split.labels()[range];
    labels.get(..n).ok_or_else(|| {
        Error::failed(format!(
            "--labels {n}: {of} of {} has {} labels; give a smaller number",
            data.name,
            labels.len()
        ))
    })
}

/// `print(labels)` and `print(to_categorical(labels, classes))`.
pub(super) fn text(labels: &[u8], classes: usize) -> String {
    format!("{}\n\n{}", integers(labels), one_hot(labels, classes))
}

fn integers(labels: &[u8]) -> String {
    let width = labels.iter().max().map_or(0, |label| label.to_string().len());
    let words = labels.iter().map(|label| format!("{label:width$}"));
    format!("[{}]", array(words, 1))
}

fn one_hot(labels: &[u8], classes: usize) -> String {
    let row = |label: &u8| {
        let words = (0..classes).map(|class| if class == usize::from(*label) { "1." } else { "0." });
        format!("[{}]", array(words.map(str::to_owned), 2))
    };
    format!("[{}]", labels.iter().map(row).collect::<Vec<_>>().join("\n "))
}

/// The inside of an array that `brackets` brackets open before: words and where their lines break.
fn array(words: impl Iterator<Item = String>, brackets: usize) -> String {
    let (mut text, mut used) = (String::new(), brackets);
    for (i, word) in words.enumerate() {
        let separator = usize::from(i > 0);
        if i > 0 && used + separator + word.len() > LINE - brackets {
            text += "\n";
            text.extend(std::iter::repeat_n(' ', brackets));
            used = brackets;
        } else if i > 0 {
            text.push(' ');
            used += separator;
        }
        text += &word;
        used += word.len();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each expected text is what numpy 2.4.6 prints.
    #[test]
    fn as_numpy_prints() {
        assert_eq!(integers(&[9, 0, 0, 3, 0, 2, 7, 2, 5]), "[9 0 0 3 0 2 7 2 5]");
        assert_eq!(integers(&[7]), "[7]");
        let full = ["1"; 37].join(" ");
        assert_eq!(integers(&[1; 37]), format!("[{full}]"));
        assert_eq!(integers(&[1; 38]), format!("[{full}\n 1]"));
        // The line would have 75 characters, its bracket a place of its own.
        assert_eq!(integers(&[10; 25]), format!("[{}\n 10]", ["10"; 24].join(" ")));
        let line = ["  5 200  41"; 6].join(" ");
        let labels = [5, 200, 41].repeat(14);
        assert_eq!(integers(&labels), format!("[{line}\n {line}\n   5 200  41   5 200  41]"));

        assert_eq!(one_hot(&[9], 10), "[[0. 0. 0. 0. 0. 0. 0. 0. 0. 1.]]");
        assert_eq!(one_hot(&[1, 0], 2), "[[0. 1.]\n [1. 0.]]");
        let zeros = |n| ["0."; 30][..n].join(" ");
        assert_eq!(one_hot(&[23], 24), format!("[[{} 1.]]", zeros(23)));
        assert_eq!(one_hot(&[24, 0], 25), format!("[[{}\n  1.]\n [1. {}\n  0.]]", zeros(24), zeros(23)));
    }
}
