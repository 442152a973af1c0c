//! Images for people: as text in a terminal, and as a PNG contact sheet.
//!
//! ```text
//! Image -> text.rs  half-blocks in true colour or 256-colour greys, or plain ASCII -> lines of a terminal
//!       -> sheet.rs one large grey picture -> png.rs
//! ```
//!
//! Everything here is a function of its arguments but [`Options::of_stdout`], which asks the environment.

pub mod png;
mod sheet;
mod terminal;
mod text;

pub use sheet::sheet;
pub use terminal::{Ink, Options};
pub use text::{Tile, grid, image};

/// A grey picture, one byte a pixel, row after row; 0 is the background, 255 full ink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image<'a> {
    pixels: &'a [u8],
    rows: usize,
    cols: usize,
}

impl<'a> Image<'a> {
    /// A picture of `rows` x `cols` pixels.
    ///
    /// # Panics
    ///
    /// If there are not `rows * cols` pixels, or none at all.
    pub fn new(pixels: &'a [u8], rows: usize, cols: usize) -> Self {
        assert_eq!(Some(pixels.len()), rows.checked_mul(cols), "{rows} x {cols} pixels");
        assert!(!pixels.is_empty(), "an image without pixels");
        Image { pixels, rows, cols }
    }

    fn row(&self, row: usize) -> &'a [u8] {
        &self.pixels[row * self.cols..][..self.cols]
    }
}
