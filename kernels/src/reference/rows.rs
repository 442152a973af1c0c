//! Sum, maximum, sum of squares and Euclidean norm of each row.

use super::{lanes, sqrt::sqrt};
use crate::view::MatRef;

/// The sum of each row.
pub(super) fn sum(x: MatRef<'_>, to: &mut [f32]) {
    for (i, to) in to.iter_mut().enumerate() {
        *to = lanes::sum(x.row(i).unwrap_or(&[]).iter().copied());
    }
}

/// The largest element of each row; NaN where the row holds one.
pub(super) fn max(x: MatRef<'_>, to: &mut [f32]) {
    for (i, to) in to.iter_mut().enumerate() {
        let row = x.row(i).unwrap_or(&[]);
        *to = if row.iter().any(|x| x.is_nan()) { f32::NAN } else { lanes::max(row) };
    }
}

/// The sum of each row's squares.
pub(super) fn sum_of_squares(x: MatRef<'_>, to: &mut [f32]) {
    for (i, to) in to.iter_mut().enumerate() {
        *to = lanes::sum_of_squares(x.row(i).unwrap_or(&[]));
    }
}

/// The square root of each row's sum of squares.
pub(super) fn norm2(x: MatRef<'_>, to: &mut [f32]) {
    for (i, to) in to.iter_mut().enumerate() {
        *to = sqrt(lanes::sum_of_squares(x.row(i).unwrap_or(&[])));
    }
}
