//! Leaky ReLU, sigmoid and tanh, and the gradients of activations by their outputs; `reference/activation.rs` defines
//! them.

use super::math::{abs, exp};
use super::simd::{LANES, Simd};
use crate::constants::{TANH, TANH_SMALL};

/// `if x < 0 { slope x } else { x }`, in place: NaN passes.
#[inline(always)]
pub(crate) fn leaky_relu<S: Simd>(s: S, slope: f32, x: &mut [f32]) {
    let (zero, slope) = (s.splat(0.0), s.splat(slope));
    for chunk in x.chunks_mut(LANES) {
        let x = s.load(chunk);
        s.store(chunk, s.select(s.lt(x, zero), s.mul(slope, x), x));
    }
}

/// e^-|x|.
#[inline(always)]
pub(crate) fn exp_minus_abs<S: Simd>(s: S, x: S::F) -> S::F {
    exp(s, s.float(s.or_i(s.bits(x), s.splat_i(i32::MIN))))
}

/// 1 / (1 + e^-x), given `e` = [`exp_minus_abs`] of x.
#[inline(always)]
pub(crate) fn sigmoid<S: Simd>(s: S, x: S::F, e: S::F) -> S::F {
    let one = s.splat(1.0);
    s.div(s.select(s.lt(x, s.splat(0.0)), e, one), s.add(one, e))
}

/// tanh x; see [`crate::Kernels::tanh`] for accuracy and special values.
#[inline(always)]
fn tanh<S: Simd>(s: S, x: S::F) -> S::F {
    let one = s.splat(1.0);
    let z = s.mul(x, x);
    let mut p = s.splat(TANH[0]);
    for c in &TANH[1..] {
        p = s.fma(p, z, s.splat(*c));
    }
    let small = s.fma(s.mul(p, z), x, x);
    let magnitude = abs(s, x);
    let e = exp(s, s.mul(s.splat(-2.0), magnitude));
    let large = s.sub(one, s.div(s.add(e, e), s.add(one, e)));
    let sign = s.and_i(s.bits(x), s.splat_i(i32::MIN));
    let large = s.float(s.or_i(s.bits(large), sign));
    s.select(s.lt(magnitude, s.splat(TANH_SMALL)), small, large)
}

/// [`sigmoid`] in place.
#[inline(always)]
pub(crate) fn sigmoid_slice<S: Simd>(s: S, x: &mut [f32]) {
    for chunk in x.chunks_mut(LANES) {
        let x = s.load(chunk);
        s.store(chunk, sigmoid(s, x, exp_minus_abs(s, x)));
    }
}

/// [`tanh`] in place.
#[inline(always)]
pub(crate) fn tanh_slice<S: Simd>(s: S, x: &mut [f32]) {
    for chunk in x.chunks_mut(LANES) {
        let y = tanh(s, s.load(chunk));
        s.store(chunk, y);
    }
}

/// `delta` where `h > 0`, else +0.
#[inline(always)]
pub(crate) fn relu_gradient<S: Simd>(s: S, h: &[f32], delta: &mut [f32]) {
    let zero = s.splat(0.0);
    for (d, h) in delta.chunks_mut(LANES).zip(h.chunks(LANES)) {
        let masked = s.select(s.gt(s.load(h), zero), s.load(d), zero);
        s.store(d, masked);
    }
}

/// `delta` where `h > 0`, else `slope delta`.
#[inline(always)]
pub(crate) fn leaky_relu_gradient<S: Simd>(s: S, slope: f32, h: &[f32], delta: &mut [f32]) {
    let (zero, slope) = (s.splat(0.0), s.splat(slope));
    for (d, h) in delta.chunks_mut(LANES).zip(h.chunks(LANES)) {
        let whole = s.load(d);
        s.store(d, s.select(s.gt(s.load(h), zero), whole, s.mul(slope, whole)));
    }
}

/// `delta h (1 - h)`.
#[inline(always)]
pub(crate) fn sigmoid_gradient<S: Simd>(s: S, h: &[f32], delta: &mut [f32]) {
    for (d, h) in delta.chunks_mut(LANES).zip(h.chunks(LANES)) {
        let h = s.load(h);
        let slope = s.mul(h, s.sub(s.splat(1.0), h));
        s.store(d, s.mul(s.load(d), slope));
    }
}

/// `delta (1 - h^2)`.
#[inline(always)]
pub(crate) fn tanh_gradient<S: Simd>(s: S, h: &[f32], delta: &mut [f32]) {
    for (d, h) in delta.chunks_mut(LANES).zip(h.chunks(LANES)) {
        let h = s.load(h);
        let one = s.splat(1.0);
        let slope = s.fma(s.sub(s.splat(0.0), h), h, one);
        s.store(d, s.mul(s.load(d), slope));
    }
}
