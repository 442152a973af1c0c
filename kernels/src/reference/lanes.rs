//! Reductions along a row: 16 virtual lanes, folded in halves (N3).

use super::fma;

/// Lane i takes the elements i, i+16, ...; lane i is then joined with i+8, i+4, i+2 and i+1.
fn reduce(row: impl Iterator<Item = f32>, absent: f32, join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [absent; 16];
    for (j, x) in row.enumerate() {
        lanes[j % 16] = join(lanes[j % 16], x);
    }
    fold(lanes, join)
}

fn fold(mut lanes: [f32; 16], join: impl Fn(f32, f32) -> f32) -> f32 {
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            lanes[i] = join(lanes[i], lanes[i + half]);
        }
    }
    lanes[0]
}

/// The largest element. Which of NaN and a number it is, where a row holds NaN, is not fixed.
pub(super) fn max(row: &[f32]) -> f32 {
    reduce(row.iter().copied(), f32::NEG_INFINITY, |a, b| if a > b { a } else { b })
}

/// The sum of `f(x)`.
pub(super) fn sum_of(row: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    sum(row.iter().map(|x| f(*x)))
}

/// The sum.
pub(super) fn sum(row: impl Iterator<Item = f32>) -> f32 {
    reduce(row, 0.0, |a, b| a + b)
}

/// The sum of squares: each lane is one chain of fused multiply-adds.
pub(super) fn sum_of_squares(row: &[f32]) -> f32 {
    let mut lanes = [0.0; 16];
    for (j, x) in row.iter().enumerate() {
        lanes[j % 16] = fma(*x, *x, lanes[j % 16]);
    }
    fold(lanes, |a, b| a + b)
}
