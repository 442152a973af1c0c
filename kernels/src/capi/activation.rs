//! Activations and their gradients, and the elementary functions: elementwise, in place.

use super::arguments::{self, slice, slice_mut};
use super::{MnfKernels, MnfStatus, guarded};
use crate::{Error, Kernels};

/// A function of each of `n` elements, in place.
///
/// # Safety
/// The pointers as [`arguments`] needs them.
unsafe fn in_place(
    kernels: *const MnfKernels,
    n: usize,
    x: *mut f32,
    method: impl FnOnce(Kernels, &mut [f32]),
) -> MnfStatus {
    guarded(|| {
        // SAFETY: as the caller vouches.
        let (kernels, x) = unsafe { (arguments::kernels(kernels)?, slice_mut(x, n)?) };
        method(kernels, x);
        Ok(())
    })
}

/// A gradient through an activation by its output `h`, in place.
///
/// # Safety
/// The pointers as [`arguments`] needs them.
unsafe fn through(
    kernels: *const MnfKernels,
    n: usize,
    h: *const f32,
    delta: *mut f32,
    method: impl FnOnce(Kernels, &[f32], &mut [f32]) -> Result<(), Error>,
) -> MnfStatus {
    guarded(|| {
        // SAFETY: as the caller vouches.
        let (kernels, h, delta) =
            unsafe { (arguments::kernels(kernels)?, slice(h, n)?, slice_mut(delta, n)?) };
        Ok(method(kernels, h, delta)?)
    })
}

/// ReLU of `n` elements, in place: `x < 0 ? 0 : x`. NaN passes; the sign of a zero is not fixed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_relu(kernels: *const MnfKernels, n: usize, x: *mut f32) -> MnfStatus {
    // SAFETY: as the caller vouches.
    unsafe { in_place(kernels, n, x, Kernels::relu) }
}

/// Leaky ReLU of `n` elements, in place: `x < 0 ? slope * x : x`. NaN passes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_leaky_relu(
    kernels: *const MnfKernels,
    slope: f32,
    n: usize,
    x: *mut f32,
) -> MnfStatus {
    // SAFETY: as the caller vouches.
    unsafe { in_place(kernels, n, x, |kernels, x| kernels.leaky_relu(slope, x)) }
}

/// The logistic function of `n` elements, in place: `1 / (1 + e^-x)`, within 2.41 ULP. NaN passes; results below 2^-126
/// are +0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_sigmoid(kernels: *const MnfKernels, n: usize, x: *mut f32) -> MnfStatus {
    // SAFETY: as the caller vouches.
    unsafe { in_place(kernels, n, x, Kernels::sigmoid) }
}

/// tanh of `n` elements, in place, within 1.46 ULP. NaN passes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_tanh(kernels: *const MnfKernels, n: usize, x: *mut f32) -> MnfStatus {
    // SAFETY: as the caller vouches.
    unsafe { in_place(kernels, n, x, Kernels::tanh) }
}

/// e^x of `n` elements, in place, within 1.02 ULP. NaN passes; results below 2^-126 are +0; above 88.72283 +inf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_exp(kernels: *const MnfKernels, n: usize, x: *mut f32) -> MnfStatus {
    // SAFETY: as the caller vouches.
    unsafe { in_place(kernels, n, x, Kernels::exp) }
}

/// ln x of `n` elements, in place, within 0.83 ULP. NaN passes; a negative gives NaN, a zero -inf.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_ln(kernels: *const MnfKernels, n: usize, x: *mut f32) -> MnfStatus {
    // SAFETY: as the caller vouches.
    unsafe { in_place(kernels, n, x, Kernels::ln) }
}

/// The gradient through ReLU, in place: `delta` stays where its output `h` is above 0, and becomes +0 elsewhere, also where
/// `h` is NaN. Both have `n` elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_relu_gradient(
    kernels: *const MnfKernels,
    n: usize,
    h: *const f32,
    delta: *mut f32,
) -> MnfStatus {
    // SAFETY: as the caller vouches.
    unsafe { through(kernels, n, h, delta, Kernels::relu_gradient) }
}

/// The gradient through leaky ReLU, in place: `delta` stays where its output `h` is above 0, and becomes `slope * delta`
/// elsewhere. Both have `n` elements; `slope` is not negative.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_leaky_relu_gradient(
    kernels: *const MnfKernels,
    slope: f32,
    n: usize,
    h: *const f32,
    delta: *mut f32,
) -> MnfStatus {
    // SAFETY: as the caller vouches.
    unsafe { through(kernels, n, h, delta, |kernels, h, delta| kernels.leaky_relu_gradient(slope, h, delta)) }
}

/// The gradient through the logistic function, in place: `delta = delta (h (1 - h))` for its output `h`. Both have `n`
/// elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_sigmoid_gradient(
    kernels: *const MnfKernels,
    n: usize,
    h: *const f32,
    delta: *mut f32,
) -> MnfStatus {
    // SAFETY: as the caller vouches.
    unsafe { through(kernels, n, h, delta, Kernels::sigmoid_gradient) }
}

/// The gradient through tanh, in place: `delta = delta (1 - h^2)` for its output `h`. Both have `n` elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_tanh_gradient(
    kernels: *const MnfKernels,
    n: usize,
    h: *const f32,
    delta: *mut f32,
) -> MnfStatus {
    // SAFETY: as the caller vouches.
    unsafe { through(kernels, n, h, delta, Kernels::tanh_gradient) }
}
