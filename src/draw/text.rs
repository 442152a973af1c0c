//! Pictures as lines of text.
//!
//! A character cell is about twice as high as it is wide, so one cell shows two pixels, one above the other: the upper
//! half-block has the upper pixel's grey in front and the lower one's behind; ASCII has the mean of the two.

use std::fmt::Write as _;

use super::{Image, Ink, Options};

/// From blank to dense.
const RAMP: &[u8; 10] = b" .:-=+*#%@";

/// Blank columns between pictures that stand side by side.
const GAP: usize = 2;

/// A picture and what stands above it.
#[derive(Clone, Debug)]
pub struct Tile<'a> {
    /// The picture.
    pub image: Image<'a>,
    /// One line.
    pub caption: String,
}

/// The picture as lines of at most `options.columns` characters, all of the same width.
///
/// A picture wider than that is made smaller by a whole factor; a narrower one keeps its size, one column a pixel.
pub fn image(image: Image<'_>, options: &Options) -> Vec<String> {
    let small = Small::new(image, options.columns);
    (0..small.rows.div_ceil(2)).map(|line| small.line(2 * line, options.ink)).collect()
}

/// Pictures side by side, as many as fit into a line, each below its caption; rows of pictures are a blank line apart.
///
/// Lines end with their last picture, without blanks to fill up; captions longer than the line are cut.
pub fn grid(tiles: &[Tile<'_>], options: &Options) -> Vec<String> {
    let columns = options.columns.max(1);
    let blocks: Vec<Block> = tiles.iter().map(|tile| Block::new(tile, options)).collect();
    let width = blocks.iter().map(|block| block.width.max(block.caption.chars().count())).max().unwrap_or(0);
    let width = width.min(columns);
    let per_line = ((columns + GAP) / (width + GAP)).max(1);

    let mut lines = Vec::new();
    for (i, row) in blocks.chunks(per_line).enumerate() {
        if i > 0 {
            lines.push(String::new());
        }
        let cut = row.iter().map(|block| block.caption.chars().take(width).collect::<String>());
        lines.push(side_by_side(cut.map(|caption| (caption.chars().count(), caption)), width));
        for line in 0..row.iter().map(|block| block.lines.len()).max().unwrap_or(0) {
            let parts = row.iter().map(|block| match block.lines.get(line) {
                Some(text) => (block.width, text.clone()),
                None => (0, String::new()),
            });
            lines.push(side_by_side(parts, width));
        }
    }
    lines
}

/// A tile, drawn.
struct Block {
    caption: String,
    lines: Vec<String>,
    /// Characters that a line shows, escape sequences not counted.
    width: usize,
}

impl Block {
    fn new(tile: &Tile<'_>, options: &Options) -> Self {
        let width = Small::new(tile.image, options.columns).cols;
        Block { caption: tile.caption.clone(), lines: image(tile.image, options), width }
    }
}

/// Texts, each given with the width that it shows, filled up to `width` and set apart.
fn side_by_side(parts: impl Iterator<Item = (usize, String)>, width: usize) -> String {
    let (mut line, mut due) = (String::new(), 0);
    for (shown, text) in parts {
        line.extend(std::iter::repeat_n(' ', due));
        line += &text;
        due = width - shown + GAP;
    }
    line.truncate(line.trim_end_matches(' ').len());
    line
}

/// A picture, made smaller by a whole factor where it would be too wide.
struct Small {
    pixels: Vec<u8>,
    rows: usize,
    cols: usize,
}

impl Small {
    fn new(image: Image<'_>, columns: usize) -> Self {
        let factor = image.cols.div_ceil(columns.max(1));
        let (rows, cols) = (image.rows.div_ceil(factor), image.cols.div_ceil(factor));
        if factor == 1 {
            return Small { pixels: image.pixels.to_vec(), rows, cols };
        }
        let mean = |(row, col): (usize, usize)| {
            let ys = row * factor..((row + 1) * factor).min(image.rows);
            let xs = col * factor..((col + 1) * factor).min(image.cols);
            let count = ys.len() * xs.len();
            let sum: usize =
                ys.flat_map(|y| &image.row(y)[xs.clone()]).map(|&pixel| usize::from(pixel)).sum();
            ((sum + count / 2) / count) as u8
        };
        let places = (0..rows).flat_map(|row| (0..cols).map(move |col| (row, col)));
        Small { pixels: places.map(mean).collect(), rows, cols }
    }

    /// The line that shows the rows `row` and `row + 1`; the latter may be missing.
    fn line(&self, row: usize, ink: Ink) -> String {
        let at = |row: usize, col: usize| (row < self.rows).then(|| self.pixels[row * self.cols + col]);
        let pairs = (0..self.cols).map(|col| (self.pixels[row * self.cols + col], at(row + 1, col)));
        match ink {
            Ink::Ascii => pairs.map(|(upper, lower)| ascii(upper, lower)).collect(),
            Ink::TrueColor => half_blocks(pairs, |grey| format!("2;{grey};{grey};{grey}")),
            Ink::Grey256 => half_blocks(pairs, |grey| format!("5;{}", grey256(grey))),
        }
    }
}

fn ascii(upper: u8, lower: Option<u8>) -> char {
    let (upper, lower) = (usize::from(upper), usize::from(lower.unwrap_or(upper)));
    // Rounded up, so that the faintest ink leaves a dot.
    char::from(RAMP[((upper + lower) * (RAMP.len() - 1)).div_ceil(2 * 255)])
}

/// A line of upper half-blocks, whose colours are named only where they change, and put back at the end.
fn half_blocks(pairs: impl Iterator<Item = (u8, Option<u8>)>, colour: impl Fn(u8) -> String) -> String {
    let (mut line, mut before) = (String::new(), None);
    for pair in pairs {
        if before != Some(pair) {
            let (upper, lower) = (colour(pair.0), pair.1.map(&colour));
            let behind = lower.map_or("49".to_owned(), |lower| format!("48;{lower}"));
            // Writing to a String cannot fail.
            let _ = write!(line, "\x1b[38;{upper};{behind}m");
            before = Some(pair);
        }
        line.push('▀');
    }
    line + "\x1b[0m"
}

/// The nearest grey of the 256-colour palette: 16 is black, 231 white, 232 to 255 are the greys 8, 18, ... 238.
fn grey256(grey: u8) -> u8 {
    match grey {
        0..=3 => 16,
        247..=255 => 231,
        4..=246 => 232 + (grey.saturating_sub(3) / 10).min(23),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASCII: Options = Options { ink: Ink::Ascii, columns: 80 };

    #[test]
    fn the_ramp_uses_all_of_its_ends() {
        let pixels = [0, 1, 28, 127, 128, 255, 0, 0, 28, 128, 128, 255];
        assert_eq!(image(Image::new(&pixels, 2, 6), &ASCII), [" ..++@"]);
        // A last row without a partner counts as itself.
        assert_eq!(image(Image::new(&[255, 0, 255], 3, 1), &ASCII), ["+", "@"]);
    }

    #[test]
    fn half_blocks_name_colours_where_they_change() {
        let draw = |ink| image(Image::new(&[0, 0, 200, 255, 255, 7], 2, 3), &Options { ink, columns: 80 });
        assert_eq!(
            draw(Ink::TrueColor),
            ["\x1b[38;2;0;0;0;48;2;255;255;255m▀▀\x1b[38;2;200;200;200;48;2;7;7;7m▀\x1b[0m"]
        );
        assert_eq!(draw(Ink::Grey256), ["\x1b[38;5;16;48;5;231m▀▀\x1b[38;5;251;48;5;232m▀\x1b[0m"]);
        let odd = image(Image::new(&[9], 1, 1), &Options { ink: Ink::TrueColor, columns: 80 });
        assert_eq!(odd, ["\x1b[38;2;9;9;9;49m▀\x1b[0m"]);
    }

    #[test]
    fn greys_are_the_nearest_of_the_palette() {
        let value = |index: u8| match index {
            16 => 0,
            231 => 255,
            _ => 8 + 10 * (i32::from(index) - 232),
        };
        let palette = || (232..=255).chain([16, 231]);
        for grey in 0..=255 {
            let error = |index| (value(index) - i32::from(grey)).abs();
            assert_eq!(error(grey256(grey)), palette().map(error).min().unwrap(), "{grey}");
        }
    }

    #[test]
    fn wide_pictures_shrink_by_a_whole_factor() {
        // 5 columns into 2: the factor is 3, and the last column and row are means of what is left of them.
        let pixels = [[0, 0, 0, 255, 255], [0, 0, 0, 255, 255], [0, 0, 0, 255, 255], [255, 255, 255, 0, 0]];
        let narrow = Options { ink: Ink::Ascii, columns: 2 };
        assert_eq!(image(Image::new(pixels.as_flattened(), 4, 5), &narrow), ["++"]);
        assert_eq!(image(Image::new(&pixels.as_flattened()[..15], 3, 5), &narrow), [" @"]);
        assert_eq!(image(Image::new(&[255; 6], 2, 3), &Options { columns: 0, ..ASCII }), ["@"]);
    }

    #[test]
    fn a_grid_fills_the_line_and_goes_on_below() {
        let ink = [255; 6];
        let tile = |caption: &str| Tile { image: Image::new(&ink, 2, 3), caption: caption.into() };
        let narrow = Options { columns: 9, ..ASCII };
        assert_eq!(
            grid(&[tile("0: a"), tile("1"), tile("2")], &Options { columns: 10, ..ASCII }),
            ["0: a  1", "@@@   @@@", "", "2", "@@@"]
        );
        assert_eq!(grid(&[tile("0: a"), tile("1")], &narrow), ["0: a", "@@@", "", "1", "@@@"]);
        assert_eq!(grid(&[tile("much too long")], &narrow), ["much too", "@@@"]);
        assert_eq!(grid(&[], &narrow), [""; 0]);
        // Pictures of different heights, and blank ends.
        let tall = Tile { image: Image::new(&[255, 255, 0, 0, 255], 5, 1), caption: "t".into() };
        assert_eq!(grid(&[tile("w"), tall], &ASCII), ["w    t", "@@@  @", "", "     @"]);
    }
}
