//! Statistics of pixels: exact sums of integers, from which means and deviations are taken once.

use std::num::NonZero;
use std::thread;

/// A piece's sums fit into 32 bits: 16,384 times 255 squared is below 2^32.
const PIECE: usize = 16 * 1024;

/// Below this a second thread would cost more than it brings.
const SHARE: usize = 1024 * 1024;

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

    /// Of these pixels, counted on as many threads as are worth it. Sums of integers come out the same in any order.
    pub fn of(pixels: &[u8]) -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let threads = cores.min(pixels.len() / SHARE).max(1);
        let mut shares = pixels.chunks(pixels.len().div_ceil(threads).max(1));
        let first = shares.next().unwrap_or_default();
        thread::scope(|scope| {
            let others: Vec<_> = shares.map(|share| scope.spawn(|| Self::of_share(share))).collect();
            let first = Self::of_share(first);
            let others = others.into_iter().map(|thread| thread.join().expect("counting does not panic"));
            others.fold(first, Self::and)
        })
    }

    fn of_share(pixels: &[u8]) -> Self {
        pixels.chunks(PIECE).map(Self::of_piece).fold(Self::NONE, Self::and)
    }

    /// Plain enough for the compiler to use vectors.
    fn of_piece(pixels: &[u8]) -> Self {
        let (mut nonzero, mut sum, mut squares) = (0u32, 0u32, 0u32);
        let (mut min, mut max) = (u8::MAX, 0);
        for &pixel in pixels {
            nonzero += u32::from(pixel != 0);
            sum += u32::from(pixel);
            squares += u32::from(pixel) * u32::from(pixel);
            min = min.min(pixel);
            max = max.max(pixel);
        }
        let (nonzero, sum, squares) = (nonzero.into(), sum.into(), squares.into());
        Statistics { count: pixels.len() as u64, nonzero, sum, squares, min, max }
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

    /// As many pixels as several threads share, all of the largest value: no sum may overflow.
    #[test]
    fn of_many_pixels() {
        let mut pixels = vec![255; 3 * SHARE + 5];
        *pixels.last_mut().unwrap() = 1;
        let n = pixels.len() as u64;
        let expected = Statistics {
            count: n,
            nonzero: n,
            sum: 255 * (n - 1) + 1,
            squares: 255 * 255 * (n - 1) + 1,
            min: 1,
            max: 255,
        };
        assert_eq!(Statistics::of(&pixels), expected);
        assert_eq!(Statistics::of(&pixels[..9]).and(Statistics::of(&pixels[9..])), expected);
    }
}
