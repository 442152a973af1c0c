//! Dense layers: forward, gradients, and updates that end in an optimizer.

use super::arguments::{self, matrix, matrix_mut, optional_matrix, slice, slice_mut};
use super::optimizer::{momentum_rule, rmsprop_rule};
use super::{MnfKernels, MnfStatus, MnfWorkspace, guarded};
use crate::{Activation, Adam, AdamW, Sgd};

/// What a dense layer applies to its pre-activations.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MnfActivation {
    /// Nothing: the outputs are logits.
    Linear = 0,
    /// `x < 0 ? 0 : x`.
    Relu = 1,
}

pub(super) fn activation_of(number: i32) -> Result<Activation, MnfStatus> {
    const LINEAR: i32 = MnfActivation::Linear as i32;
    const RELU: i32 = MnfActivation::Relu as i32;
    match number {
        LINEAR => Ok(Activation::Linear),
        RELU => Ok(Activation::Relu),
        _ => Err(MnfStatus::Enumeration),
    }
}

/// A dense layer: Y = activation(X W + bias). X is batch x inputs, W inputs x outputs, `bias` has `outputs` elements, Y is
/// batch x outputs.
///
/// Errors: `MNF_STATUS_ENUMERATION` where `activation` is no `mnf_activation`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_dense_forward(
    kernels: *const MnfKernels,
    batch: usize,
    inputs: usize,
    outputs: usize,
    x: *const f32,
    x_ld: usize,
    w: *const f32,
    w_ld: usize,
    bias: *const f32,
    activation: i32,
    y: *mut f32,
    y_ld: usize,
    workspace: *mut MnfWorkspace,
) -> MnfStatus {
    guarded(|| {
        let activation = activation_of(activation)?;
        // SAFETY: as the caller vouches.
        unsafe {
            let (x, w) = (matrix(x, batch, inputs, x_ld)?, matrix(w, inputs, outputs, w_ld)?);
            let (bias, y) = (slice(bias, outputs)?, matrix_mut(y, batch, outputs, y_ld)?);
            let (kernels, mut workspace) = (arguments::kernels(kernels)?, arguments::workspace(workspace)?);
            Ok(kernels.dense_forward(x, w, bias, activation, y, &mut workspace)?)
        }
    })
}

/// The gradient of a dense layer's input: dX = delta W^T, and +0 wherever `active` is not above 0.
///
/// `delta` is batch x outputs, the loss' gradient by the pre-activations; W is inputs x outputs; dX and `active` are batch x
/// inputs. `active` is the ReLU output that was this layer's input: its mask makes dX the delta of the layer below. NULL
/// leaves it out.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_dense_input_gradient(
    kernels: *const MnfKernels,
    batch: usize,
    inputs: usize,
    outputs: usize,
    delta: *const f32,
    delta_ld: usize,
    w: *const f32,
    w_ld: usize,
    active: *const f32,
    active_ld: usize,
    dx: *mut f32,
    dx_ld: usize,
    workspace: *mut MnfWorkspace,
) -> MnfStatus {
    guarded(|| {
        // SAFETY: as the caller vouches.
        unsafe {
            let (delta, w) = (matrix(delta, batch, outputs, delta_ld)?, matrix(w, inputs, outputs, w_ld)?);
            let active = optional_matrix(active, batch, inputs, active_ld)?;
            let dx = matrix_mut(dx, batch, inputs, dx_ld)?;
            let (kernels, mut workspace) = (arguments::kernels(kernels)?, arguments::workspace(workspace)?);
            Ok(kernels.dense_input_gradient(delta, w, active, dx, &mut workspace)?)
        }
    })
}

/// The gradient of a dense layer's weights: dW = X^T delta. X is batch x inputs, `delta` batch x outputs, dW inputs x
/// outputs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_dense_weight_gradient(
    kernels: *const MnfKernels,
    batch: usize,
    inputs: usize,
    outputs: usize,
    x: *const f32,
    x_ld: usize,
    delta: *const f32,
    delta_ld: usize,
    dw: *mut f32,
    dw_ld: usize,
    workspace: *mut MnfWorkspace,
) -> MnfStatus {
    guarded(|| {
        // SAFETY: as the caller vouches.
        unsafe {
            let (x, delta) = (matrix(x, batch, inputs, x_ld)?, matrix(delta, batch, outputs, delta_ld)?);
            let dw = matrix_mut(dw, inputs, outputs, dw_ld)?;
            let (kernels, mut workspace) = (arguments::kernels(kernels)?, arguments::workspace(workspace)?);
            Ok(kernels.dense_weight_gradient(x, delta, dw, &mut workspace)?)
        }
    })
}

/// `mnf_dense_weight_gradient` and then `mnf_sgd` on W, inputs x outputs, in one pass that stores no gradient: the same
/// bits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_dense_weight_update_sgd(
    kernels: *const MnfKernels,
    learning_rate: f64,
    batch: usize,
    inputs: usize,
    outputs: usize,
    x: *const f32,
    x_ld: usize,
    delta: *const f32,
    delta_ld: usize,
    w: *mut f32,
    w_ld: usize,
    workspace: *mut MnfWorkspace,
) -> MnfStatus {
    guarded(|| {
        // SAFETY: as the caller vouches.
        unsafe {
            let (x, delta) = (matrix(x, batch, inputs, x_ld)?, matrix(delta, batch, outputs, delta_ld)?);
            let w = matrix_mut(w, inputs, outputs, w_ld)?;
            let (kernels, mut workspace) = (arguments::kernels(kernels)?, arguments::workspace(workspace)?);
            Ok(kernels.dense_weight_update_sgd(&Sgd { learning_rate }, x, delta, w, &mut workspace)?)
        }
    })
}

/// `mnf_dense_weight_gradient` and then `mnf_rmsprop` on W, in one pass that stores no gradient: the same bits. W and V, the
/// state, are inputs x outputs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_dense_weight_update_rmsprop(
    kernels: *const MnfKernels,
    learning_rate: f64,
    rho: f64,
    epsilon: f64,
    epsilon_outside_root: i32,
    batch: usize,
    inputs: usize,
    outputs: usize,
    x: *const f32,
    x_ld: usize,
    delta: *const f32,
    delta_ld: usize,
    w: *mut f32,
    w_ld: usize,
    v: *mut f32,
    v_ld: usize,
    workspace: *mut MnfWorkspace,
) -> MnfStatus {
    guarded(|| {
        let rule = rmsprop_rule(learning_rate, rho, epsilon, epsilon_outside_root);
        // SAFETY: as the caller vouches.
        unsafe {
            let (x, delta) = (matrix(x, batch, inputs, x_ld)?, matrix(delta, batch, outputs, delta_ld)?);
            let (w, v) = (matrix_mut(w, inputs, outputs, w_ld)?, matrix_mut(v, inputs, outputs, v_ld)?);
            let (kernels, mut workspace) = (arguments::kernels(kernels)?, arguments::workspace(workspace)?);
            Ok(kernels.dense_weight_update_rmsprop(&rule, x, delta, w, v, &mut workspace)?)
        }
    })
}

/// `mnf_dense_weight_gradient` and then `mnf_momentum` on W, in one pass that stores no gradient: the same bits. W and M, the
/// state, are inputs x outputs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_dense_weight_update_momentum(
    kernels: *const MnfKernels,
    learning_rate: f64,
    momentum: f64,
    nesterov: i32,
    batch: usize,
    inputs: usize,
    outputs: usize,
    x: *const f32,
    x_ld: usize,
    delta: *const f32,
    delta_ld: usize,
    w: *mut f32,
    w_ld: usize,
    m: *mut f32,
    m_ld: usize,
    workspace: *mut MnfWorkspace,
) -> MnfStatus {
    guarded(|| {
        let rule = momentum_rule(learning_rate, momentum, nesterov);
        // SAFETY: as the caller vouches.
        unsafe {
            let (x, delta) = (matrix(x, batch, inputs, x_ld)?, matrix(delta, batch, outputs, delta_ld)?);
            let (w, m) = (matrix_mut(w, inputs, outputs, w_ld)?, matrix_mut(m, inputs, outputs, m_ld)?);
            let (kernels, mut workspace) = (arguments::kernels(kernels)?, arguments::workspace(workspace)?);
            Ok(kernels.dense_weight_update_momentum(&rule, x, delta, w, m, &mut workspace)?)
        }
    })
}

/// `mnf_dense_weight_gradient` and then `mnf_adam` on W, in one pass that stores no gradient: the same bits. W, and M and V,
/// the state, are inputs x outputs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_dense_weight_update_adam(
    kernels: *const MnfKernels,
    learning_rate: f64,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    iteration: u64,
    batch: usize,
    inputs: usize,
    outputs: usize,
    x: *const f32,
    x_ld: usize,
    delta: *const f32,
    delta_ld: usize,
    w: *mut f32,
    w_ld: usize,
    m: *mut f32,
    m_ld: usize,
    v: *mut f32,
    v_ld: usize,
    workspace: *mut MnfWorkspace,
) -> MnfStatus {
    guarded(|| {
        let rule = Adam { learning_rate, beta_1, beta_2, epsilon };
        // SAFETY: as the caller vouches.
        unsafe {
            let (x, delta) = (matrix(x, batch, inputs, x_ld)?, matrix(delta, batch, outputs, delta_ld)?);
            let (w, m) = (matrix_mut(w, inputs, outputs, w_ld)?, matrix_mut(m, inputs, outputs, m_ld)?);
            let v = matrix_mut(v, inputs, outputs, v_ld)?;
            let (kernels, mut workspace) = (arguments::kernels(kernels)?, arguments::workspace(workspace)?);
            Ok(kernels.dense_weight_update_adam(&rule, iteration, x, delta, w, m, v, &mut workspace)?)
        }
    })
}

/// `mnf_dense_weight_gradient` and then `mnf_adamw` on W, in one pass that stores no gradient: the same bits. W, and M and V,
/// the state, are inputs x outputs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_dense_weight_update_adamw(
    kernels: *const MnfKernels,
    learning_rate: f64,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    weight_decay: f64,
    iteration: u64,
    batch: usize,
    inputs: usize,
    outputs: usize,
    x: *const f32,
    x_ld: usize,
    delta: *const f32,
    delta_ld: usize,
    w: *mut f32,
    w_ld: usize,
    m: *mut f32,
    m_ld: usize,
    v: *mut f32,
    v_ld: usize,
    workspace: *mut MnfWorkspace,
) -> MnfStatus {
    guarded(|| {
        let adam = Adam { learning_rate, beta_1, beta_2, epsilon };
        let rule = AdamW { adam, weight_decay };
        // SAFETY: as the caller vouches.
        unsafe {
            let (x, delta) = (matrix(x, batch, inputs, x_ld)?, matrix(delta, batch, outputs, delta_ld)?);
            let (w, m) = (matrix_mut(w, inputs, outputs, w_ld)?, matrix_mut(m, inputs, outputs, m_ld)?);
            let v = matrix_mut(v, inputs, outputs, v_ld)?;
            let (kernels, mut workspace) = (arguments::kernels(kernels)?, arguments::workspace(workspace)?);
            Ok(kernels.dense_weight_update_adamw(&rule, iteration, x, delta, w, m, v, &mut workspace)?)
        }
    })
}

/// The gradient of a dense layer's biases: the sum over the rows of `delta`, batch x outputs, to `outputs` elements of
/// `gradient`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_dense_bias_gradient(
    kernels: *const MnfKernels,
    batch: usize,
    outputs: usize,
    delta: *const f32,
    delta_ld: usize,
    gradient: *mut f32,
) -> MnfStatus {
    guarded(|| {
        // SAFETY: as the caller vouches.
        let (kernels, delta, gradient) = unsafe {
            (
                arguments::kernels(kernels)?,
                matrix(delta, batch, outputs, delta_ld)?,
                slice_mut(gradient, outputs)?,
            )
        };
        Ok(kernels.dense_bias_gradient(delta, gradient)?)
    })
}
