//! Sum, maximum, sum of squares and Euclidean norm of each row, in 16 virtual lanes (N3); `reference/rows.rs` defines them.

use super::simd::{LANES, Simd};
use super::softmax::row_max;
use crate::view::MatRef;

/// The sum of each row.
#[inline(always)]
pub(crate) fn sum<S: Simd>(s: S, x: MatRef<'_>, to: &mut [f32]) {
    for (i, to) in to.iter_mut().enumerate() {
        let mut sum = s.splat(0.0);
        for x in x.row(i).unwrap_or(&[]).chunks(LANES) {
            sum = s.add(sum, s.load(x));
        }
        *to = s.fold_add(sum);
    }
}

/// The largest element of each row; NaN where the row holds one.
#[inline(always)]
pub(crate) fn max<S: Simd>(s: S, x: MatRef<'_>, to: &mut [f32]) {
    for (i, to) in to.iter_mut().enumerate() {
        let row = x.row(i).unwrap_or(&[]);
        let mut nan = false;
        for x in row {
            nan |= x.is_nan();
        }
        *to = if nan { f32::NAN } else { row_max(s, row) };
    }
}

/// The sum of each row's squares.
#[inline(always)]
pub(crate) fn sum_of_squares<S: Simd>(s: S, x: MatRef<'_>, to: &mut [f32]) {
    for (i, to) in to.iter_mut().enumerate() {
        *to = square_sum(s, x.row(i).unwrap_or(&[]));
    }
}

#[inline(always)]
fn square_sum<S: Simd>(s: S, row: &[f32]) -> f32 {
    let mut sum = s.splat(0.0);
    for x in row.chunks(LANES) {
        let x = s.load(x);
        sum = s.fma(x, x, sum);
    }
    s.fold_add(sum)
}

/// The square root of each row's sum of squares; 16 rows' roots are one vector.
#[inline(always)]
pub(crate) fn norm2<S: Simd>(s: S, x: MatRef<'_>, to: &mut [f32]) {
    for (c, to) in to.chunks_mut(LANES).enumerate() {
        for (k, square) in to.iter_mut().enumerate() {
            *square = square_sum(s, x.row(c * LANES + k).unwrap_or(&[]));
        }
        let roots = s.sqrt(s.load(to));
        s.store(to, roots);
    }
}
