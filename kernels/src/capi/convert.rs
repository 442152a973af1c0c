//! Pixels to floats.

use super::arguments::{self, slice, slice_mut};
use super::{MnfKernels, MnfStatus, guarded};

/// `n` bytes to unit floats: the float nearest to `byte / 255`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_unit_from_u8(
    kernels: *const MnfKernels,
    n: usize,
    bytes: *const u8,
    to: *mut f32,
) -> MnfStatus {
    guarded(|| {
        // SAFETY: as the caller vouches.
        let (kernels, bytes, to) =
            unsafe { (arguments::kernels(kernels)?, slice(bytes, n)?, slice_mut(to, n)?) };
        Ok(kernels.unit_from_u8(bytes, to)?)
    })
}

/// `n` bytes to floats of any range: `byte * scale + shift`, one fused multiply-add.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_scale_u8(
    kernels: *const MnfKernels,
    n: usize,
    bytes: *const u8,
    scale: f32,
    shift: f32,
    to: *mut f32,
) -> MnfStatus {
    guarded(|| {
        // SAFETY: as the caller vouches.
        let (kernels, bytes, to) =
            unsafe { (arguments::kernels(kernels)?, slice(bytes, n)?, slice_mut(to, n)?) };
        Ok(kernels.scale_u8(bytes, scale, shift, to)?)
    })
}
