//! Reductions along rows, and argmax.

use super::arguments::{self, matrix, slice_mut};
use super::{MnfKernels, MnfStatus, guarded};
use crate::{Error, Kernels, MatRef};

/// A reduction of each row of X to one element of `to`.
///
/// # Safety
/// The pointers as [`arguments`] needs them.
unsafe fn reduce<T>(
    kernels: *const MnfKernels,
    (rows, columns): (usize, usize),
    (x, x_ld): (*const f32, usize),
    to: *mut T,
    method: impl FnOnce(Kernels, MatRef<'_>, &mut [T]) -> Result<(), Error>,
) -> MnfStatus {
    guarded(|| {
        // SAFETY: as the caller vouches.
        let (kernels, x, to) =
            unsafe { (arguments::kernels(kernels)?, matrix(x, rows, columns, x_ld)?, slice_mut(to, rows)?) };
        Ok(method(kernels, x, to)?)
    })
}

/// The sum of each row of X, rows x columns, to `rows` elements of `to`; +0 for an empty row.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_row_sum(
    kernels: *const MnfKernels,
    rows: usize,
    columns: usize,
    x: *const f32,
    x_ld: usize,
    to: *mut f32,
) -> MnfStatus {
    // SAFETY: as the caller vouches.
    unsafe { reduce(kernels, (rows, columns), (x, x_ld), to, Kernels::row_sum) }
}

/// The largest element of each row of X, rows x columns, to `rows` elements of `to`: NaN where the row holds one, -inf
/// for an empty row.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_row_max(
    kernels: *const MnfKernels,
    rows: usize,
    columns: usize,
    x: *const f32,
    x_ld: usize,
    to: *mut f32,
) -> MnfStatus {
    // SAFETY: as the caller vouches.
    unsafe { reduce(kernels, (rows, columns), (x, x_ld), to, Kernels::row_max) }
}

/// The sum of the squares of each row of X, rows x columns, to `rows` elements of `to`; +0 for an empty row. An element above
/// 1.8e19 in magnitude gives +inf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_row_sum_of_squares(
    kernels: *const MnfKernels,
    rows: usize,
    columns: usize,
    x: *const f32,
    x_ld: usize,
    to: *mut f32,
) -> MnfStatus {
    // SAFETY: as the caller vouches.
    unsafe { reduce(kernels, (rows, columns), (x, x_ld), to, Kernels::row_sum_of_squares) }
}

/// The Euclidean norm of each row of X, rows x columns, to `rows` elements of `to`; +0 for an empty row. Nothing is
/// scaled: an element above 1.8e19 in magnitude gives +inf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_row_norm2(
    kernels: *const MnfKernels,
    rows: usize,
    columns: usize,
    x: *const f32,
    x_ld: usize,
    to: *mut f32,
) -> MnfStatus {
    // SAFETY: as the caller vouches.
    unsafe { reduce(kernels, (rows, columns), (x, x_ld), to, Kernels::row_norm2) }
}

/// The first column that holds each row's maximum, to `rows` elements of `to`; `MNF_NO_CLASS` for a row that is empty or
/// holds a NaN. X is rows x columns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_argmax(
    kernels: *const MnfKernels,
    rows: usize,
    columns: usize,
    x: *const f32,
    x_ld: usize,
    to: *mut u32,
) -> MnfStatus {
    // SAFETY: as the caller vouches.
    unsafe { reduce(kernels, (rows, columns), (x, x_ld), to, Kernels::argmax) }
}
