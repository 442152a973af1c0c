//! Dropout, forward and back.

use super::arguments::{self, slice, slice_mut};
use super::{MnfKernels, MnfStatus, guarded};
use crate::Dropout;

/// Inverted dropout of `n` elements, in place: each becomes +0 with the probability `rate`, else `x / (1 - rate)`, as one product
/// with `1 / (1 - rate)` rounded to a float. The gradient is the same call on the delta, with the same rate, key and position.
///
/// Which elements are dropped is a function of `key`, of the three numbers of `position` (say image, step and epoch) and of the
/// element's index, whatever was drawn before: give a row of a matrix at a time, whole. In one that stays NaN passes.
///
/// Errors: `MNF_STATUS_VALUE` where `rate` is not from 0 to below 1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_dropout(
    kernels: *const MnfKernels,
    rate: f64,
    key: u64,
    position: *const u32,
    n: usize,
    x: *mut f32,
) -> MnfStatus {
    guarded(|| {
        let rule = Dropout::new(rate, key).ok_or(MnfStatus::Value)?;
        // SAFETY: as the caller vouches.
        let (kernels, position, x) =
            unsafe { (arguments::kernels(kernels)?, slice(position, 3)?, slice_mut(x, n)?) };
        kernels.dropout(&rule, [position[0], position[1], position[2]], x);
        Ok(())
    })
}
