//! From a picture to the network's input, as MNIST was made of NIST's scans: the digit is scaled to fit a box of
//! 20 x 20 pixels, its proportions kept and its edges antialiased, and placed in 28 x 28 so that its centre of mass is
//! in the middle (LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document Recognition", 1998).
//! For other sizes the box is 5/7 of the side as well.

use super::Picture;
use super::ink;

/// What the network sees, and what is known of the picture.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// `side` x `side` bytes, 0 for paper and 255 for full ink.
    pub pixels: Vec<u8>,
    /// Whether the picture had dark ink on light paper, and so was inverted.
    pub inverted: bool,
    /// The drawing's width by its height.
    pub aspect: f64,
}

/// Prepares a picture for a network that sees `side` x `side` pixels; `None` where nothing is drawn on it.
///
/// # Panics
///
/// If `side` is 0.
pub fn prepare(picture: &Picture, side: usize) -> Option<Prepared> {
    assert!(side > 0, "a network that sees nothing");
    let ink = ink::find(picture)?;
    let (width, height) = (ink.plane.width, ink.plane.height);
    let size = (side * 5).div_ceil(7);
    let longest = width.max(height);
    // Rounded to the nearest, but never to nothing.
    let scaled = |length: usize| ((2 * length * size + longest) / (2 * longest)).max(1);
    let digit = ink.plane.resized(scaled(width), scaled(height));

    let strongest = digit.values.iter().copied().fold(0.0, f32::max);
    if strongest <= 0.0 {
        return None;
    }
    let mass: f32 = digit.values.iter().sum();
    let moment = |place: fn(usize, usize) -> usize| {
        let moments = digit.values.iter().enumerate().map(|(i, value)| place(i, digit.width) as f32 * value);
        moments.sum::<f32>() / mass
    };
    // Pixel side/2 is the middle, as the digits of MNIST have it.
    let start = |centre: f32, length: usize| {
        let start = (side / 2) as f32 - centre;
        ((start - 0.5).ceil().max(0.0) as usize).min(side - length)
    };
    let left = start(moment(|i, width| i % width), digit.width);
    let top = start(moment(|i, width| i / width), digit.height);

    let mut pixels = vec![0; side * side];
    for y in 0..digit.height {
        let target = &mut pixels[(top + y) * side + left..][..digit.width];
        for (pixel, value) in target.iter_mut().zip(digit.row(y)) {
            *pixel = (255.0 * value / strongest + 0.5) as u8;
        }
    }
    Some(Prepared { pixels, inverted: ink.dark, aspect: width as f64 / height as f64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest rectangle around everything above 0: left, top, width, height.
    fn extent(pixels: &[u8], side: usize) -> (usize, usize, usize, usize) {
        let lit = || (0..pixels.len()).filter(|i| pixels[*i] > 0);
        let (xs, ys) = (|| lit().map(|i| i % side), || lit().map(|i| i / side));
        let (left, top) = (xs().min().unwrap(), ys().min().unwrap());
        (left, top, xs().max().unwrap() - left + 1, ys().max().unwrap() - top + 1)
    }

    fn rectangle(width: usize, height: usize) -> Picture {
        let inside =
            |i: usize| (10..10 + width).contains(&(i % 200)) && (90..90 + height).contains(&(i / 200));
        Picture::new((0..200 * 200).map(|i| if inside(i) { 0 } else { 255 }).collect(), 200)
    }

    #[test]
    fn the_longer_side_becomes_twenty_and_the_middle_is_pixel_fourteen() {
        for (width, height, expected) in [
            (60, 60, (4, 4, 20, 20)),
            (10, 100, (13, 4, 2, 20)),
            (80, 20, (4, 12, 20, 5)),
            (9, 9, (4, 4, 20, 20)),
        ] {
            let prepared = prepare(&rectangle(width, height), 28).unwrap();
            assert_eq!(extent(&prepared.pixels, 28), expected, "{width} x {height}");
            assert!(prepared.inverted && prepared.pixels.contains(&255));
            assert_eq!(prepared.aspect, width as f64 / height as f64);
        }
    }

    #[test]
    fn the_centre_of_mass_counts() {
        // An L: its mass is below and to the left of the middle of its box.
        let inside = |x: usize, y: usize| {
            (20..30).contains(&x) && (20..120).contains(&y)
                || (20..120).contains(&x) && (100..120).contains(&y)
        };
        let picture = Picture::new(
            (0..200 * 200).map(|i| if inside(i % 200, i / 200) { 0 } else { 255 }).collect(),
            200,
        );
        let (left, top, width, height) = extent(&prepare(&picture, 28).unwrap().pixels, 28);
        assert_eq!((width, height), (20, 20));
        // Centroid in the box: x (10*100*5 + 20*90*55)/2800/5 = 7.4 of 20 (pixels), y = 14.5 or so.
        assert!(left > 6 && top < 2, "{left} {top}");
    }

    #[test]
    fn other_sides_keep_the_proportion() {
        for (side, expected) in [(1, 1), (2, 2), (8, 6), (14, 10), (56, 40)] {
            let prepared = prepare(&rectangle(50, 50), side).unwrap();
            let (.., width, height) = extent(&prepared.pixels, side);
            assert_eq!((prepared.pixels.len(), width, height), (side * side, expected, expected), "{side}");
        }
    }
}
