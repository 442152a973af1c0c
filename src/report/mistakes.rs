//! The worst mistakes as pictures.

use super::base64::base64;
use super::page::Evaluated;
use crate::draw::png::encode_grey;
use crate::markup::Markup;
use crate::mistakes::Mistake;

/// Larger pictures are made smaller.
const SIDE_MAX: usize = 64;

/// Pictures with what they are, what they were taken for, and how surely.
pub(super) fn gallery(page: &mut Markup, worst: &[Mistake], evaluated: &Evaluated<'_>) {
    let Evaluated { examples, size: (rows, cols), names, indices, .. } = *evaluated;
    let intro =
        "Of highest loss, the worst first: the truth, what it was taken for, and with which probability p.";
    page.element("p", &[("class", "note".into())], intro).begin("ol", &[("class", "gallery".into())]);
    for mistake in worst {
        let pixels = &examples.images[mistake.index * rows * cols..][..rows * cols];
        let number = indices.map_or(mistake.index, |indices| indices[mistake.index]);
        let (truth, prediction) = (names.in_words(mistake.truth), names.in_words(mistake.prediction));
        page.begin("li", &[]);
        // A picture that no PNG can hold is left out; what was wrong with it is not.
        if let Some(source) = picture(pixels, rows, cols) {
            let words = format!("Image {number}: {truth}, taken for {prediction}");
            page.empty("img", &[("src", source.into()), ("alt", words.into())]);
        }
        page.begin("div", &[]).begin("p", &[("class", "taken".into())]);
        page.element("b", &[], &truth).text(" as ").element("b", &[("class", "wrong".into())], &prediction);
        page.end().element("p", &[], &format!("p = {:.4}", mistake.probability));
        page.element("p", &[], &format!("loss {:.2}", mistake.loss));
        page.element("p", &[], &format!("image {number}")).end().end();
    }
    page.end();
}

/// As an address that holds the whole picture.
fn picture(pixels: &[u8], rows: usize, cols: usize) -> Option<String> {
    let (pixels, rows, cols) = smaller(pixels, rows, cols);
    let png = encode_grey(&pixels, cols, rows).ok()?;
    Some(format!("data:image/png;base64,{}", base64(&png)))
}

/// At most [`SIDE_MAX`] rows and columns, each pixel the mean of those it stands for.
fn smaller(pixels: &[u8], rows: usize, cols: usize) -> (Vec<u8>, usize, usize) {
    let longest = rows.max(cols);
    if longest <= SIDE_MAX {
        return (pixels.to_vec(), rows, cols);
    }
    let fit = |side: usize| (side * SIDE_MAX / longest).max(1);
    let (to_rows, to_cols) = (fit(rows), fit(cols));
    let part = |i: usize, to: usize, from: usize| i * from / to..(i + 1) * from / to;
    let mean = |row: usize, col: usize| {
        let cells =
            part(row, to_rows, rows).flat_map(|y| part(col, to_cols, cols).map(move |x| y * cols + x));
        let (sum, count) =
            cells.fold((0u64, 0u64), |(sum, count), i| (sum + u64::from(pixels[i]), count + 1));
        (sum / count.max(1)) as u8
    };
    let small = (0..to_rows).flat_map(|row| (0..to_cols).map(move |col| (row, col)));
    (small.map(|(row, col)| mean(row, col)).collect(), to_rows, to_cols)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_pictures_become_small_ones() {
        let pixels: Vec<u8> = (0..256 * 130).map(|i| if (i / 130) < 128 { 200 } else { 10 }).collect();
        let (small, rows, cols) = smaller(&pixels, 256, 130);
        assert_eq!((rows, cols, small.len()), (64, 32, 64 * 32));
        assert!(small[..32 * 32].iter().all(|p| *p == 200) && small[32 * 32..].iter().all(|p| *p == 10));
        assert_eq!(smaller(&[7; 1000], 1, 1000), (vec![7; 64], 1, 64));
        assert_eq!(smaller(&[1, 2, 3, 4, 5, 6], 2, 3), (vec![1, 2, 3, 4, 5, 6], 2, 3));
    }
}
