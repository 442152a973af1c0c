//! The confusion matrix as a table whose cells are shaded where the terminal has colour.

use mnist_fast::confusion::Confusion;
use mnist_fast::draw::Ink;

/// More classes than this are no table to look at.
const CLASSES_MAX: usize = 32;

/// The table, rows for the truth, columns for the prediction, by the classes' `labels`; `None` where it would be too wide to
/// read.
pub(crate) fn table(confusion: &Confusion, labels: &[usize], ink: Ink) -> Option<Vec<String>> {
    let classes = confusion.classes();
    if classes > CLASSES_MAX {
        return None;
    }
    let rows = || (0..classes).map(|truth| confusion.row(truth));
    let widest = rows().flatten().copied().max().unwrap_or(0).max(classes as u64);
    let widest = labels.iter().fold(widest, |widest, label| widest.max(*label as u64)).to_string().len();
    let head: String = labels.iter().map(|label| format!(" {label:>widest$} ")).collect();
    let mut lines = vec![format!("    {}", head.trim_end())];
    for (truth, row) in labels.iter().zip(rows()) {
        let total: u64 = row.iter().sum();
        let mut line = format!("{truth:>3} ");
        for &count in row {
            let text = match count {
                0 => format!(" {:>widest$} ", "."),
                _ => format!(" {count:>widest$} "),
            };
            line += &shaded(text, count as f64 / total.max(1) as f64, ink);
        }
        lines.push(if ink == Ink::Ascii { line.trim_end().to_owned() } else { line + "\x1b[0m" });
    }
    Some(lines)
}

/// A cell on a background from white to dark blue (or black, where there are 256 colours only) by the share of its row;
/// by the root of it, so that one mistake in a hundred can be seen.
fn shaded(text: String, share: f64, ink: Ink) -> String {
    let depth = share.sqrt();
    let front = if depth > 0.45 { 231 } else { 16 };
    match ink {
        Ink::Ascii => text,
        Ink::Grey256 => {
            let grey = 255 - (depth * 23.0).round() as u8;
            format!("\x1b[38;5;{front};48;5;{grey}m{text}")
        }
        Ink::TrueColor => {
            let part = |white: f64, dark: f64| (white + (dark - white) * depth).round() as u8;
            let (red, green, blue) = (part(255.0, 8.0), part(255.0, 48.0), part(255.0, 107.0));
            format!("\x1b[38;5;{front};48;2;{red};{green};{blue}m{text}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_has_no_colours_and_colours_have_the_same_text() {
        let confusion = Confusion::new(3, &[0, 0, 0, 1, 1, 2], &[0, 0, 1, 1, 0, 2]);
        let plain = table(&confusion, &[0, 1, 2], Ink::Ascii).unwrap();
        assert_eq!(plain, ["     0  1  2", "  0  2  1  .", "  1  1  1  .", "  2  .  .  1"]);
        let labelled = table(&confusion, &[7, 12, 0], Ink::Ascii).unwrap();
        assert_eq!(labelled, ["      7  12   0", "  7   2   1   .", " 12   1   1   .", "  0   .   .   1"]);
        for ink in [Ink::Grey256, Ink::TrueColor] {
            for (line, plain) in table(&confusion, &[0, 1, 2], ink).unwrap().iter().zip(&plain) {
                let mut text = String::new();
                for part in line.split('\x1b') {
                    text += part.split_once('m').map_or(part, |(_, text)| text);
                }
                assert_eq!(text.trim_end(), plain);
            }
        }
    }

    #[test]
    fn shades_go_from_white_to_dark() {
        assert_eq!(shaded("x".into(), 0.0, Ink::TrueColor), "\x1b[38;5;16;48;2;255;255;255mx");
        assert_eq!(shaded("x".into(), 1.0, Ink::TrueColor), "\x1b[38;5;231;48;2;8;48;107mx");
        assert_eq!(shaded("x".into(), 0.0, Ink::Grey256), "\x1b[38;5;16;48;5;255mx");
        assert_eq!(shaded("x".into(), 1.0, Ink::Grey256), "\x1b[38;5;231;48;5;232mx");
        assert!(table(&Confusion::new(33, &[], &[]), &[], Ink::Ascii).is_none());
    }
}
