//! What of a picture is ink: told from the paper by the picture's border, from noise by its strength, from specks by
//! their size.

use super::Picture;
use super::resize::Plane;

/// Pictures with a longer side are made smaller first, by a whole factor.
const SIDE_MAX: usize = 1024;

/// Noise below this many grey levels (standard deviation) is none.
const NOISE_MIN: f32 = 2.0;

/// The least contrast, in grey levels, that is ink.
const CONTRAST_MIN: f32 = 16.0;

/// Ink is at least this share of the strongest contrast.
const INK_SHARE: f32 = 0.12;

/// A patch of ink smaller than this share of the largest is a speck.
const SPECK_SHARE: f32 = 0.04;

/// The ink of a picture: its part with ink in it, 1 where the ink is full.
pub(super) struct Ink {
    pub(super) plane: Plane,
    /// Whether the ink is darker than the paper.
    pub(super) dark: bool,
}

/// Finds the ink; a picture of one grey, or of noise alone, has none.
pub(super) fn find(picture: &Picture) -> Option<Ink> {
    let (width, height) = (picture.width(), picture.height());
    // Both sides stay at least 1: a strip is not made smaller than its short side allows.
    let factor = width.max(height).div_ceil(SIDE_MAX).min(width).min(height);
    let grey = Plane::shrunk(picture, factor);

    let (paper, noise) = paper(&grey);
    let noise = if noise < NOISE_MIN { 0.0 } else { noise };
    let least = (4.0 * noise).max(CONTRAST_MIN);
    let beyond = |contrast: f32| if contrast > least { contrast } else { 0.0 };
    let darker: f32 = grey.values.iter().map(|value| beyond(paper - value)).sum();
    let lighter: f32 = grey.values.iter().map(|value| beyond(value - paper)).sum();
    let dark = darker >= lighter;

    let mut contrast = grey;
    let sign = if dark { -1.0 } else { 1.0 };
    contrast.values.iter_mut().for_each(|value| *value = (*value - paper) * sign);
    // A mean of nine has a third of the noise.
    let (smooth, noise) =
        if noise > 0.0 { (contrast.smoothed(), noise / 3.0) } else { (contrast.clone(), 0.0) };
    let strongest = smooth.values.iter().copied().fold(0.0, f32::max);
    if strongest < CONTRAST_MIN {
        return None;
    }
    let threshold = (5.0 * noise).max(INK_SHARE * strongest);
    let mut mask: Vec<bool> = smooth.values.iter().map(|value| *value > threshold).collect();
    remove_specks(&mut mask, contrast.width);

    let inked = || (0..mask.len()).filter(|&i| mask[i]);
    let (xs, ys) = (|| inked().map(|i| i % contrast.width), || inked().map(|i| i / contrast.width));
    let (left, top) = (xs().min()?, ys().min()?);
    let size = (xs().max()? - left + 1, ys().max()? - top + 1);

    let mut levels: Vec<f32> =
        mask.iter().zip(&smooth.values).filter(|(ink, _)| **ink).map(|(_, value)| *value).collect();
    levels.sort_unstable_by(f32::total_cmp);
    // Edges are half ink: three quarters of the ink's pixels are not stronger than full ink.
    let full = levels[levels.len() * 3 / 4];
    let near = grown(&mask, contrast.width);
    for (value, near) in contrast.values.iter_mut().zip(near) {
        *value = if near { ((*value - noise) / (full - noise)).clamp(0.0, 1.0) } else { 0.0 };
    }
    let plane = contrast.cut((left, top), size);
    Some(Ink { plane, dark })
}

/// The paper's grey, which most of the border has, and the standard deviation of its noise.
fn paper(grey: &Plane) -> (f32, f32) {
    let ring = 1 + grey.width.min(grey.height) / 32;
    let mut border = Vec::new();
    for y in 0..grey.height {
        let row = grey.row(y);
        if y < ring || y + ring >= grey.height || 2 * ring >= grey.width {
            border.extend(row);
        } else {
            border.extend(row[..ring].iter().chain(&row[grey.width - ring..]));
        }
    }
    let paper = median(&mut border);
    border.iter_mut().for_each(|value| *value = (*value - paper).abs());
    // For normal noise, the median deviation is 0.6745 of the standard deviation.
    (paper, median(&mut border) / 0.6745)
}

fn median(values: &mut [f32]) -> f32 {
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}

/// Clears the patches (pixels that touch, corners included) that are much smaller than the largest.
fn remove_specks(mask: &mut [bool], width: usize) {
    let mut seen = vec![false; mask.len()];
    let mut patches: Vec<Vec<usize>> = Vec::new();
    for start in 0..mask.len() {
        if !mask[start] || seen[start] {
            continue;
        }
        let mut patch = vec![start];
        seen[start] = true;
        let mut next = 0;
        while next < patch.len() {
            for i in around(patch[next], width, mask.len()) {
                if mask[i] && !seen[i] {
                    seen[i] = true;
                    patch.push(i);
                }
            }
            next += 1;
        }
        patches.push(patch);
    }
    let largest = patches.iter().map(Vec::len).max().unwrap_or(0);
    for patch in patches {
        if (patch.len() as f32) < SPECK_SHARE * largest as f32 {
            patch.into_iter().for_each(|i| mask[i] = false);
        }
    }
}

/// The mask and every pixel that touches it.
fn grown(mask: &[bool], width: usize) -> Vec<bool> {
    let mut grown = mask.to_vec();
    for i in (0..mask.len()).filter(|&i| mask[i]) {
        around(i, width, mask.len()).for_each(|near| grown[near] = true);
    }
    grown
}

/// The up to eight neighbours of pixel `i`, and itself.
fn around(i: usize, width: usize, len: usize) -> impl Iterator<Item = usize> {
    let (x, y) = (i % width, i / width);
    let rows = y.saturating_sub(1)..(y + 2).min(len / width);
    let columns = x.saturating_sub(1)..(x + 2).min(width);
    rows.flat_map(move |row| columns.clone().map(move |column| row * width + column))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paper of one grey with a bar of another.
    fn bar(paper: u8, ink: u8) -> Vec<u8> {
        let inside = |i: usize| (8..12).contains(&(i % 20)) && (3..17).contains(&(i / 20));
        (0..400).map(|i| if inside(i) { ink } else { paper }).collect()
    }

    fn found(pixels: Vec<u8>) -> Option<Ink> {
        find(&Picture::new(pixels, 20))
    }

    #[test]
    fn dark_and_light_ink_is_cut_out() {
        for (paper, ink) in [(255, 0), (0, 255), (200, 150), (20, 60)] {
            let found = found(bar(paper, ink)).unwrap();
            assert_eq!(found.dark, ink < paper);
            assert_eq!((found.plane.width, found.plane.height), (4, 14), "{paper} {ink}");
            assert!(found.plane.values.iter().all(|v| *v == 1.0));
        }
    }

    #[test]
    fn blank_paper_has_none() {
        assert!(found(vec![255; 400]).is_none());
        assert!(found(bar(100, 105)).is_none());
        assert!(found(bar(0, 0)).is_none());
        assert!(find(&Picture::new(vec![7], 1)).is_none());
        // Noise of ten levels and nothing else.
        let mut state = 1u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            200 + (state >> 24) as u8 % 11
        };
        assert!(found((0..400).map(|_| noise()).collect()).is_none());
    }

    #[test]
    fn specks_are_dropped_and_parts_are_kept() {
        let mut pixels = bar(255, 0);
        pixels[0] = 0;
        pixels[399] = 0;
        let with_specks = found(pixels.clone()).unwrap();
        assert_eq!((with_specks.plane.width, with_specks.plane.height), (4, 14));
        // Six pixels beside fifty-six are a part of the drawing.
        for i in [0, 1, 2, 20, 21, 22] {
            pixels[i] = 0;
        }
        assert_eq!(found(pixels).unwrap().plane.width, 12);
    }

    #[test]
    fn pictures_of_any_shape_are_searched() {
        for (width, height) in [(1, 1), (1, 5000), (5000, 1), (3000, 2), (2, 3000), (1500, 1500)] {
            let mut pixels = vec![255; width * height];
            pixels[width * height / 2] = 0;
            let found = find(&Picture::new(pixels, width));
            assert_eq!(found.is_some(), width * height > 1, "{width} x {height}");
        }
    }
}
