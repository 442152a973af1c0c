//! Optimizers: one step on `n` parameters, their gradient and their state, which starts at 0.

use super::arguments::{self, slice, slice_mut};
use super::{MnfKernels, MnfStatus, guarded};
use crate::{Adam, AdamW, Epsilon, Momentum, RmsProp, Sgd};

pub(super) fn rmsprop_rule(learning_rate: f64, rho: f64, epsilon: f64, epsilon_outside_root: i32) -> RmsProp {
    let epsilon_at = if epsilon_outside_root == 0 { Epsilon::InsideRoot } else { Epsilon::OutsideRoot };
    RmsProp { learning_rate, rho, epsilon, epsilon_at }
}

pub(super) fn momentum_rule(learning_rate: f64, momentum: f64, nesterov: i32) -> Momentum {
    Momentum { learning_rate, momentum, nesterov: nesterov != 0 }
}

/// One step of gradient descent: `w = w - learning_rate g`. `w` and `gradient` have `n` elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_sgd(
    kernels: *const MnfKernels,
    learning_rate: f64,
    n: usize,
    w: *mut f32,
    gradient: *const f32,
) -> MnfStatus {
    guarded(|| {
        // SAFETY: as the caller vouches.
        let (kernels, w, gradient) =
            unsafe { (arguments::kernels(kernels)?, slice_mut(w, n)?, slice(gradient, n)?) };
        Ok(kernels.sgd(&Sgd { learning_rate }, w, gradient)?)
    })
}

/// One step of gradient descent with momentum: `m = momentum m - learning_rate g`, then `w = w + m`; where `nesterov` is not
/// 0 `w = w + (momentum m - learning_rate g)` of the new `m` (as Keras 3's SGD). `w`, `m`, the state, and `gradient` have
/// `n` elements; `m` starts at 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_momentum(
    kernels: *const MnfKernels,
    learning_rate: f64,
    momentum: f64,
    nesterov: i32,
    n: usize,
    w: *mut f32,
    m: *mut f32,
    gradient: *const f32,
) -> MnfStatus {
    guarded(|| {
        // SAFETY: as the caller vouches.
        let (kernels, w, m, gradient) = unsafe {
            (arguments::kernels(kernels)?, slice_mut(w, n)?, slice_mut(m, n)?, slice(gradient, n)?)
        };
        let rule = momentum_rule(learning_rate, momentum, nesterov);
        Ok(kernels.momentum(&rule, w, m, gradient)?)
    })
}

/// One step of RMSprop: `v = rho v + (1 - rho) g^2`, then `w = w - learning_rate g / sqrt(v + epsilon)` (as in Keras 3), or,
/// where `epsilon_outside_root` is not 0, `w = w - learning_rate g / (sqrt(v) + epsilon)` (as in PyTorch). `w`, `v`, the
/// state, and `gradient` have `n` elements; `v` starts at 0. Keras' defaults are a learning rate of 1e-3, a rho of 0.9 and an
/// epsilon of 1e-7; PyTorch's 1e-2, 0.99 and 1e-8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_rmsprop(
    kernels: *const MnfKernels,
    learning_rate: f64,
    rho: f64,
    epsilon: f64,
    epsilon_outside_root: i32,
    n: usize,
    w: *mut f32,
    v: *mut f32,
    gradient: *const f32,
) -> MnfStatus {
    guarded(|| {
        let rule = rmsprop_rule(learning_rate, rho, epsilon, epsilon_outside_root);
        // SAFETY: as the caller vouches.
        let (kernels, w, v, gradient) = unsafe {
            (arguments::kernels(kernels)?, slice_mut(w, n)?, slice_mut(v, n)?, slice(gradient, n)?)
        };
        Ok(kernels.rmsprop(&rule, w, v, gradient)?)
    })
}

/// One step of Adam: `m = beta_1 m + (1 - beta_1) g`, `v = beta_2 v + (1 - beta_2) g^2`, `w = w - alpha m / (sqrt(v) +
/// epsilon)` with `alpha = learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t)` and `t = iteration + 1`.
///
/// `iteration` is the number of steps taken before this one: 0 at first. `w`, `m` and `v`, the state, and `gradient` have
/// `n` elements; `m` and `v` start at 0. Keras' defaults are 1e-3, 0.9, 0.999 and an epsilon of 1e-7.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_adam(
    kernels: *const MnfKernels,
    learning_rate: f64,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    iteration: u64,
    n: usize,
    w: *mut f32,
    m: *mut f32,
    v: *mut f32,
    gradient: *const f32,
) -> MnfStatus {
    guarded(|| {
        let rule = Adam { learning_rate, beta_1, beta_2, epsilon };
        // SAFETY: as the caller vouches.
        unsafe {
            let (w, m, v) = (slice_mut(w, n)?, slice_mut(m, n)?, slice_mut(v, n)?);
            let (kernels, gradient) = (arguments::kernels(kernels)?, slice(gradient, n)?);
            Ok(kernels.adam(&rule, iteration, w, m, v, gradient)?)
        }
    })
}

/// One step of Adam with decoupled weight decay: `w = w - learning_rate weight_decay w`, and then `mnf_adam`. Keras' default
/// is a weight decay of 4e-3.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_adamw(
    kernels: *const MnfKernels,
    learning_rate: f64,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    weight_decay: f64,
    iteration: u64,
    n: usize,
    w: *mut f32,
    m: *mut f32,
    v: *mut f32,
    gradient: *const f32,
) -> MnfStatus {
    guarded(|| {
        let adam = Adam { learning_rate, beta_1, beta_2, epsilon };
        // SAFETY: as the caller vouches.
        unsafe {
            let (w, m, v) = (slice_mut(w, n)?, slice_mut(m, n)?, slice_mut(v, n)?);
            let (kernels, gradient) = (arguments::kernels(kernels)?, slice(gradient, n)?);
            Ok(kernels.adamw(&AdamW { adam, weight_decay }, iteration, w, m, v, gradient)?)
        }
    })
}
