//! Statistics of pixels: exact sums of integers, from which means and deviations are taken once.

/// Pixels that are counted side by side, as many as fit into a small vector.
const LANES: usize = 16;

/// So many pixels a lane fit into its counters: 255 of them in 8 bits, 255 x 255 in 16, 255 x 255^2 in 32.
const PIECE: usize = 255 * LANES;

/// What there is to say about the values of many pixels. Pixels count as parts of 255 here, as the network sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    count: u64,
    nonzero: u64,
    sum: u64,
    squares: u64,
    min: u8,
    max: u8,
}

impl Statistics {
    /// Of no pixels yet.
    pub const NONE: Statistics =
        Statistics { count: 0, nonzero: 0, sum: 0, squares: 0, min: u8::MAX, max: 0 };

    /// Of these pixels.
    pub fn of(pixels: &[u8]) -> Self {
        pixels.chunks(PIECE).map(Self::of_piece).fold(Self::NONE, Self::and)
    }

    /// Counters of one width at a time, and lanes side by side: so the compiler makes vectors of them.
    fn of_piece(pixels: &[u8]) -> Self {
        let (mut min, mut max) = ([u8::MAX; LANES], [0; LANES]);
        let (mut nonzero, mut sum, mut squares) = ([0u8; LANES], [0u16; LANES], [0u32; LANES]);
        let (chunks, rest) = pixels.as_chunks::<LANES>();
        let mut add = |lane: usize, pixel: u8| {
            min[lane] = min[lane].min(pixel);
            max[lane] = max[lane].max(pixel);
            nonzero[lane] += u8::from(pixel != 0);
            sum[lane] += u16::from(pixel);
            squares[lane] += u32::from(u16::from(pixel) * u16::from(pixel));
        };
        for chunk in chunks {
            (0..LANES).for_each(|lane| add(lane, chunk[lane]));
        }
        rest.iter().enumerate().for_each(|(lane, pixel)| add(lane, *pixel));
        Statistics {
            count: pixels.len() as u64,
            nonzero: nonzero.into_iter().map(u64::from).sum(),
            sum: sum.into_iter().map(u64::from).sum(),
            squares: squares.into_iter().map(u64::from).sum(),
            min: min.into_iter().min().unwrap_or(u8::MAX),
            max: max.into_iter().max().unwrap_or(0),
        }
    }

    /// Of both.
    pub fn and(self, other: Self) -> Self {
        Statistics {
            count: self.count + other.count,
            nonzero: self.nonzero + other.nonzero,
            sum: self.sum + other.sum,
            squares: self.squares + other.squares,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
        }
    }

    /// The smallest and the largest byte.
    pub fn range(&self) -> (u8, u8) {
        (self.min, self.max)
    }

    /// The share of pixels that are not zero.
    pub fn density(&self) -> f64 {
        self.nonzero as f64 / self.count as f64
    }

    /// The mean.
    pub fn mean(&self) -> f64 {
        self.sum as f64 / self.count as f64 / 255.0
    }

    /// The standard deviation, of all pixels and not of a sample.
    pub fn deviation(&self) -> f64 {
        // In whole numbers up to the division, so that nothing cancels.
        let n = u128::from(self.count);
        let variance = n * u128::from(self.squares) - u128::from(self.sum) * u128::from(self.sum);
        (variance as f64).sqrt() / self.count as f64 / 255.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_few_pixels() {
        let few = Statistics::of(&[0, 51, 51, 102]);
        assert_eq!((few.range(), few.density()), ((0, 102), 0.75));
        assert!((few.mean() - 0.2).abs() < 1e-15);
        // Deviations from 51: -51, 0, 0, 51.
        assert!((few.deviation() - (0.5f64).sqrt() * 0.2).abs() < 1e-15);
        assert_eq!(Statistics::of(&[7; 9]).deviation(), 0.0);
        assert_eq!(Statistics::of(&[]), Statistics::NONE);
    }

    /// All of the largest value but one: no counter may overflow, and none may be left out.
    #[test]
    fn of_many_pixels() {
        for len in [1, LANES - 1, LANES, LANES + 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + LANES + 5] {
            for odd in [0, len / 2, len - 1] {
                let mut pixels = vec![255; len];
                pixels[odd] = 1;
                let n = len as u64;
                let expected = Statistics {
                    count: n,
                    nonzero: n,
                    sum: 255 * (n - 1) + 1,
                    squares: 255 * 255 * (n - 1) + 1,
                    min: 1,
                    max: if n == 1 { 1 } else { 255 },
                };
                assert_eq!(Statistics::of(&pixels), expected, "{len} {odd}");
                let (head, tail) = pixels.split_at(len / 3);
                assert_eq!(Statistics::of(head).and(Statistics::of(tail)), expected, "{len} {odd}");
            }
        }
    }
}
