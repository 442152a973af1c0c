//! A contact sheet: pictures in rows, enlarged, with lines between them.

use super::Image;

/// Pictures in a row of up to a hundred; more of them make a square.
const PER_ROW: usize = 10;

/// The sheet is enlarged as long as it is not wider than this, and at most eightfold.
const WIDTH: usize = 1000;

/// Width of the lines between pictures and around them, and their grey.
const LINE: usize = 1;
const LINE_GREY: u8 = 96;

/// All pictures on one sheet, ten or more to a row: its pixels, its width and its height.
///
/// Each pixel becomes a square of whole pixels, so that nothing is blurred. All pictures have the size of the first.
///
/// # Panics
///
/// If there is no picture, or one is not as large as the first.
pub fn sheet(images: &[Image<'_>]) -> (Vec<u8>, usize, usize) {
    let (rows, cols) = (images[0].rows, images[0].cols);
    let across = images.len().min(PER_ROW.max(images.len().isqrt()));
    let down = images.len().div_ceil(across);
    let zoom = (WIDTH / (across * (cols + LINE))).clamp(1, 8);
    let (cell_height, cell_width) = (rows * zoom + LINE, cols * zoom + LINE);
    let (width, height) = (across * cell_width + LINE, down * cell_height + LINE);

    let mut sheet = vec![LINE_GREY; width * height];
    for (i, image) in images.iter().enumerate() {
        assert_eq!((image.rows, image.cols), (rows, cols), "picture {i} has another size");
        let (top, left) = ((i / across) * cell_height + LINE, (i % across) * cell_width + LINE);
        for y in 0..rows * zoom {
            let target = &mut sheet[(top + y) * width + left..][..cols * zoom];
            for (square, &pixel) in target.chunks_exact_mut(zoom).zip(image.row(y / zoom)) {
                square.fill(pixel);
            }
        }
    }
    (sheet, width, height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_stand_in_their_places() {
        // Eleven pictures of 60 x 50 in two rows: no enlargement fits but one of 1.
        let pictures: Vec<Vec<u8>> =
            (0..11u8).map(|i| (0..60 * 50).map(|p| (p % 200) as u8 + i).collect()).collect();
        let images: Vec<Image> = pictures.iter().map(|pixels| Image::new(pixels, 60, 50)).collect();
        let (sheet, width, height) = sheet(&images);
        assert_eq!((width, height, sheet.len()), (511, 123, 511 * 123));
        let mut expected = vec![LINE_GREY; width * height];
        for (i, picture) in pictures.iter().enumerate() {
            for (p, &pixel) in picture.iter().enumerate() {
                let (y, x) = (1 + 61 * (i / 10) + p / 50, 1 + 51 * (i % 10) + p % 50);
                expected[y * width + x] = pixel;
            }
        }
        assert!(sheet == expected);
    }

    #[test]
    fn few_small_pictures_are_enlarged() {
        let (sheet, width, height) = sheet(&[Image::new(&[10, 20], 1, 2)]);
        assert_eq!((width, height), (18, 10));
        assert_eq!(sheet[..18], [LINE_GREY; 18]);
        let line = [&[LINE_GREY; 1][..], &[10; 8], &[20; 8], &[LINE_GREY]].concat();
        assert_eq!((&sheet[18..36], &sheet[8 * 18..9 * 18]), (&line[..], &line[..]));
        // Three MNIST digits: 84 + 3 columns, eightfold.
        let digit = [0; 784];
        assert_eq!(super::sheet(&[Image::new(&digit, 28, 28); 3]).1, 3 * (28 * 8 + 1) + 1);
        assert_eq!(super::sheet(&[Image::new(&digit, 28, 28); 100]).1, 10 * (28 * 3 + 1) + 1);
        // 440 of them: 20 in each of 22 rows.
        let (_, width, height) = super::sheet(&[Image::new(&digit, 28, 28); 440]);
        assert_eq!((width, height), (20 * (28 + 1) + 1, 22 * (28 + 1) + 1));
    }
}
