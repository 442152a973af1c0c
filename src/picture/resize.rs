//! Pictures made smaller or larger, with antialiasing: each new pixel is the mean of the old ones below a triangle,
//! which is as wide as the new pixel's neighbourhood.

use super::Picture;

/// Greys or shares of ink, row after row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plane {
    pub(super) values: Vec<f32>,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Plane {
    pub(super) fn row(&self, y: usize) -> &[f32] {
        &self.values[y * self.width..][..self.width]
    }

    /// The plane with rows for columns.
    fn transposed(&self) -> Plane {
        let values = (0..self.width).flat_map(|x| (0..self.height).map(move |y| self.row(y)[x])).collect();
        Plane { values, width: self.height, height: self.width }
    }

    /// The part at `left`, `top` of `width` x `height`.
    pub(super) fn cut(&self, (left, top): (usize, usize), (width, height): (usize, usize)) -> Plane {
        let rows = (top..top + height).flat_map(|y| &self.row(y)[left..left + width]);
        Plane { values: rows.copied().collect(), width, height }
    }

    /// Scaled to `width` x `height`.
    pub(super) fn resized(&self, width: usize, height: usize) -> Plane {
        self.with_width(width).transposed().with_width(height).transposed()
    }

    fn with_width(&self, width: usize) -> Plane {
        let taps: Vec<(usize, Vec<f32>)> = (0..width).map(|x| triangle(self.width, width, x)).collect();
        let mut values = Vec::with_capacity(width * self.height);
        for y in 0..self.height {
            let row = self.row(y);
            values.extend(taps.iter().map(|(start, weights)| -> f32 {
                weights.iter().zip(&row[*start..]).map(|(weight, value)| weight * value).sum()
            }));
        }
        Plane { values, width, height: self.height }
    }

    /// The greys of a picture, as means of whole squares of `factor` x `factor`; what is left at the right and below is
    /// dropped.
    pub(super) fn shrunk(picture: &Picture, factor: usize) -> Plane {
        let (width, height) = (picture.width() / factor, picture.height() / factor);
        let mut sums = vec![0u32; width * height];
        for (y, row) in picture.pixels().chunks_exact(picture.width()).take(height * factor).enumerate() {
            for (sum, square) in sums[y / factor * width..].iter_mut().zip(row.chunks_exact(factor)) {
                *sum += square.iter().map(|grey| u32::from(*grey)).sum::<u32>();
            }
        }
        let values = sums.into_iter().map(|sum| sum as f32 / (factor * factor) as f32).collect();
        Plane { values, width, height }
    }

    /// Means of 3 x 3; at the edges, of what there is.
    pub(super) fn smoothed(&self) -> Plane {
        let rows = Plane { values: self.row_means(), ..*self }.transposed();
        Plane { values: rows.row_means(), ..rows }.transposed()
    }

    fn row_means(&self) -> Vec<f32> {
        let near = |row: &[f32], x: usize| {
            let part = &row[x.saturating_sub(1)..(x + 2).min(row.len())];
            part.iter().sum::<f32>() / part.len() as f32
        };
        (0..self.height).flat_map(|y| (0..self.width).map(move |x| near(self.row(y), x))).collect()
    }
}

/// Which of `from` old pixels make the new pixel `x` of `to`, from the first on, and with what weights.
fn triangle(from: usize, to: usize, x: usize) -> (usize, Vec<f32>) {
    let scale = from as f32 / to as f32;
    let (centre, reach) = ((x as f32 + 0.5) * scale, scale.max(1.0));
    let start = (centre - reach).max(0.0) as usize;
    let end = ((centre + reach) as usize + 1).min(from);
    let weight = |i: usize| (1.0 - (i as f32 + 0.5 - centre).abs() / reach).max(0.0);
    let weights: Vec<f32> = (start..end).map(weight).collect();
    let sum: f32 = weights.iter().sum();
    (start, weights.into_iter().map(|weight| weight / sum).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(width: usize, values: &[f32]) -> Plane {
        Plane { values: values.to_vec(), width, height: values.len() / width }
    }

    #[test]
    fn the_same_size_is_the_same_plane() {
        let small = plane(3, &[0.0, 1.0, 0.5, 0.25, 0.75, 1.0]);
        assert_eq!(small.resized(3, 2), small);
        assert_eq!(Plane::shrunk(&Picture::new(vec![7, 8, 9, 255], 2), 1), plane(2, &[7.0, 8.0, 9.0, 255.0]));
        assert_eq!(small.cut((0, 0), (3, 2)), small);
        assert_eq!(small.cut((1, 1), (2, 1)), plane(2, &[0.75, 1.0]));
    }

    #[test]
    fn means_stay_and_weights_sum_to_one() {
        let even = plane(7, &[0.5; 35]);
        for (width, height) in [(1, 1), (3, 2), (20, 20), (7, 50)] {
            let resized = even.resized(width, height);
            assert_eq!((resized.width, resized.height), (width, height));
            assert!(resized.values.iter().all(|v| (v - 0.5).abs() < 1e-6), "{width} x {height}");
        }
        let shrunk = |width, pixels: &[u8]| Plane::shrunk(&Picture::new(pixels.to_vec(), width), 2);
        assert_eq!(shrunk(4, &[1, 2, 3, 9, 3, 2, 5, 5]), plane(2, &[2.0, 5.5]));
        assert_eq!(shrunk(5, &[1, 1, 1, 1, 9, 1, 1, 1, 1, 9, 9, 9, 9, 9, 9]), plane(2, &[1.0, 1.0]));
        // Four to two: each new pixel leans on three old ones.
        let half = plane(4, &[8.0, 0.0, 0.0, 0.0]).resized(2, 1).values;
        assert!((half[0] - 8.0 * 3.0 / 7.0).abs() < 1e-6 && half[1] == 0.0, "{half:?}");
    }

    #[test]
    fn smoothing_spreads_a_point_over_nine() {
        let mut point = plane(5, &[0.0; 25]);
        point.values[12] = 9.0;
        let smooth = point.smoothed();
        let expected = |i: usize| (1..4).contains(&(i % 5)) && (1..4).contains(&(i / 5));
        for (i, value) in smooth.values.iter().enumerate() {
            assert!((value - if expected(i) { 1.0 } else { 0.0 }).abs() < 1e-6, "{i}: {value}");
        }
    }
}
