//! Leaky ReLU, sigmoid and tanh, and the gradients of activations by their outputs: this text is their definition.

use super::{fma, math::exp};
use crate::constants::{TANH, TANH_SMALL};

/// `if x < 0 { slope x } else { x }`, in place: NaN passes.
pub(super) fn leaky_relu(slope: f32, x: &mut [f32]) {
    for x in x {
        *x = if *x < 0.0 { slope * *x } else { *x };
    }
}

/// 1 / (1 + e^-x), by e^-|x|, which cannot overflow. See [`crate::Kernels::sigmoid`].
pub(super) fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

/// tanh x. See [`crate::Kernels::tanh`].
pub(super) fn tanh(x: f32) -> f32 {
    let magnitude = x.abs();
    if magnitude < TANH_SMALL {
        let z = x * x;
        let p = TANH[1..].iter().fold(TANH[0], |p, c| fma(p, z, *c));
        return fma(p * z, x, x);
    }
    let e = exp(-2.0 * magnitude);
    (1.0 - (e + e) / (1.0 + e)).copysign(x)
}

/// [`sigmoid`] in place.
pub(super) fn sigmoid_slice(x: &mut [f32]) {
    for x in x {
        *x = sigmoid(*x);
    }
}

/// [`tanh`] in place.
pub(super) fn tanh_slice(x: &mut [f32]) {
    for x in x {
        *x = tanh(*x);
    }
}

/// `delta` where `h > 0`, else +0.
pub(super) fn relu_gradient(h: &[f32], delta: &mut [f32]) {
    for (d, h) in delta.iter_mut().zip(h) {
        *d = if *h > 0.0 { *d } else { 0.0 };
    }
}

/// `delta` where `h > 0`, else `slope delta`.
pub(super) fn leaky_relu_gradient(slope: f32, h: &[f32], delta: &mut [f32]) {
    for (d, h) in delta.iter_mut().zip(h) {
        *d = if *h > 0.0 { *d } else { slope * *d };
    }
}

/// `delta h (1 - h)`.
pub(super) fn sigmoid_gradient(h: &[f32], delta: &mut [f32]) {
    for (d, h) in delta.iter_mut().zip(h) {
        *d *= *h * (1.0 - *h);
    }
}

/// `delta (1 - h^2)`.
pub(super) fn tanh_gradient(h: &[f32], delta: &mut [f32]) {
    for (d, h) in delta.iter_mut().zip(h) {
        *d *= fma(-*h, *h, 1.0);
    }
}
