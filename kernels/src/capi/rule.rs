//! Any optimizer with an L2 penalty, clipping and weight decay, as a value.

use core::slice;

use super::arguments::{self, check_pointer, matrix, matrix_mut};
use super::optimizer::{momentum_rule, rmsprop_rule};
use super::{MnfKernels, MnfStatus, MnfWorkspace, guarded};
use crate::any_update::MOST_STATES;
use crate::{Adam, MatMut, Momentum, Optimizer, RmsProp, RmsPropMomentum, Rule, Sgd};

/// What moves the weights, and how many states it has for each of them.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MnfOptimizer {
    /// `mnf_sgd`; no state.
    Sgd = 0,
    /// `mnf_momentum`; the state m.
    Momentum = 1,
    /// `mnf_rmsprop`, also with momentum, or centred; the states v, m if `momentum` is above 0, and a if `centered`.
    Rmsprop = 2,
    /// `mnf_adam`, and with weight decay `mnf_adamw`; the states m and v.
    Adam = 3,
}

/// What one step does to weights: an optimizer, and what comes before it, in this order: `g = g + 2 l2 w`, the gradient of the
/// penalty `l2 w^2`; `g = gradient_scale g`, which clipping by a norm comes to; g within `-clip_value..clip_value`; `w = w -
/// learning_rate weight_decay w`. Start from `mnf_rule_init`, and change what should be otherwise.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MnfRule {
    /// A `mnf_optimizer`.
    pub optimizer: i32,
    /// MOMENTUM: Nesterov's, where it is not 0.
    pub nesterov: i32,
    /// RMSPROP: whether the root is that of an estimate of the gradient's variance.
    pub centered: i32,
    /// RMSPROP: as PyTorch, where it is not 0.
    pub epsilon_outside_root: i32,
    /// ADAM: the number of steps taken before this one.
    pub iteration: u64,
    /// The learning rate.
    pub learning_rate: f64,
    /// MOMENTUM, RMSPROP: the part of the last movement that goes on.
    pub momentum: f64,
    /// RMSPROP: the decay of the running mean of squares.
    pub rho: f64,
    /// ADAM: the decay of the running mean of gradients.
    pub beta_1: f64,
    /// ADAM: the decay of the running mean of squares.
    pub beta_2: f64,
    /// RMSPROP, ADAM.
    pub epsilon: f64,
    /// The factor of the penalty; 0 for none.
    pub l2: f64,
    /// What the gradient is multiplied by; 1 for nothing.
    pub gradient_scale: f64,
    /// The largest magnitude of a gradient's element; infinity for none.
    pub clip_value: f64,
    /// The part of a weight, times the learning rate, that each step takes away; 0 for none.
    pub weight_decay: f64,
}

/// The elements of a row-major matrix, and its leading dimension.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct MnfMatrix {
    /// The first element.
    pub elements: *mut f32,
    /// Elements from the start of a row to that of the next one.
    pub ld: usize,
}

fn optimizer_of(rule: &MnfRule) -> Result<Optimizer, MnfStatus> {
    const SGD: i32 = MnfOptimizer::Sgd as i32;
    const MOMENTUM: i32 = MnfOptimizer::Momentum as i32;
    const RMSPROP: i32 = MnfOptimizer::Rmsprop as i32;
    const ADAM: i32 = MnfOptimizer::Adam as i32;
    let MnfRule { learning_rate, momentum, rho, beta_1, beta_2, epsilon, .. } = *rule;
    match rule.optimizer {
        SGD => Ok(Optimizer::Sgd(Sgd { learning_rate })),
        MOMENTUM => Ok(Optimizer::Momentum(momentum_rule(learning_rate, momentum, rule.nesterov))),
        RMSPROP => {
            let rmsprop = rmsprop_rule(learning_rate, rho, epsilon, rule.epsilon_outside_root);
            let centered = rule.centered != 0;
            Ok(Optimizer::RmsPropMomentum(RmsPropMomentum { rmsprop, momentum, centered }))
        }
        ADAM => Ok(Optimizer::Adam(Adam { learning_rate, beta_1, beta_2, epsilon }, rule.iteration)),
        _ => Err(MnfStatus::Enumeration),
    }
}

/// # Safety
/// Null, or a rule that can be read.
pub(super) unsafe fn rule(ptr: *const MnfRule) -> Result<Rule, MnfStatus> {
    check_pointer(ptr)?;
    // SAFETY: neither null nor misaligned; the rest as the caller vouches.
    let rule = unsafe { &*ptr };
    let MnfRule { l2, gradient_scale, clip_value, weight_decay, .. } = *rule;
    Ok(Rule { optimizer: optimizer_of(rule)?, l2, gradient_scale, clip_value, weight_decay })
}

/// As many states as the rule has, each rows x columns, for `run`.
///
/// # Safety
/// `ptr` is null, or leads to so many matrices, which nobody else uses meanwhile.
pub(super) unsafe fn with_states(
    rule: &Rule,
    ptr: *const MnfMatrix,
    (rows, columns): (usize, usize),
    run: impl FnOnce(&mut [MatMut<'_>]) -> Result<(), MnfStatus>,
) -> Result<(), MnfStatus> {
    let count = rule.optimizer.states();
    let mut all = [(); MOST_STATES].map(|()| MatMut::new(&mut [], 0, 0));
    if count > 0 {
        check_pointer(ptr)?;
        // SAFETY: neither null nor misaligned; the rest as the caller vouches.
        let given = unsafe { slice::from_raw_parts(ptr, count) };
        for (state, given) in all.iter_mut().zip(given) {
            // SAFETY: as the caller vouches.
            *state = Ok(unsafe { matrix_mut(given.elements, rows, columns, given.ld)? });
        }
    }
    let [x, y, z] = all;
    run(&mut [x?, y?, z?][..count])
}

/// Sets `*rule` to a `mnf_optimizer` with Keras' defaults (a momentum of 0.9 for MOMENTUM, and of 0 for RMSPROP; `iteration` 0)
/// and nothing before it.
///
/// Errors: `MNF_STATUS_ENUMERATION` where `optimizer` is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_rule_init(optimizer: i32, rule: *mut MnfRule) -> MnfStatus {
    guarded(|| {
        check_pointer(rule)?;
        let (adam, momentum, rmsprop) = (Adam::default(), Momentum::default(), RmsProp::default());
        let mut defaults = MnfRule {
            optimizer,
            nesterov: 0,
            centered: 0,
            epsilon_outside_root: 0,
            iteration: 0,
            learning_rate: 0.0,
            momentum: if optimizer == MnfOptimizer::Momentum as i32 { momentum.momentum } else { 0.0 },
            rho: rmsprop.rho,
            beta_1: adam.beta_1,
            beta_2: adam.beta_2,
            epsilon: adam.epsilon,
            l2: 0.0,
            gradient_scale: 1.0,
            clip_value: f64::INFINITY,
            weight_decay: 0.0,
        };
        defaults.learning_rate = match optimizer_of(&defaults)? {
            Optimizer::Sgd(_) => Sgd::default().learning_rate,
            Optimizer::Momentum(_) => momentum.learning_rate,
            Optimizer::RmsProp(_) | Optimizer::RmsPropMomentum(_) => rmsprop.learning_rate,
            Optimizer::Adam(..) => adam.learning_rate,
        };
        // SAFETY: neither null nor misaligned; the rest as the caller vouches.
        unsafe { rule.write(defaults) };
        Ok(())
    })
}

/// How many states a rule has for each weight, 0 to 3; -1 for NULL or where its optimizer is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_rule_states(rule: *const MnfRule) -> i32 {
    // SAFETY: as the caller vouches.
    unsafe { self::rule(rule) }.map_or(-1, |rule| rule.optimizer.states() as i32)
}

/// One step of a rule on W with its gradient, both rows x columns, as is each of `states`: as many as `mnf_rule_states` says,
/// in the order named at `mnf_optimizer`; they start at 0. `states` may be NULL where there is none. A vector is a matrix of one
/// row.
///
/// Where nothing comes before the optimizer these are the bits of its own function. With momentum or centred, RMSPROP is: `v =
/// rho v + (1 - rho) g^2` and, centred, `a = rho a + (1 - rho) g`; `d = v`, or, centred, `d = max(v - a^2, 0)`; `i =
/// learning_rate g / sqrt(d + epsilon)`, or `learning_rate g / (sqrt(d) + epsilon)`; `w = w - i`, or with momentum `m = momentum
/// m + i` and `w = w - m`. A NaN gradient is not clipped; an infinite one is.
///
/// Errors: `MNF_STATUS_ENUMERATION` where the rule's optimizer is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_update(
    kernels: *const MnfKernels,
    rule: *const MnfRule,
    rows: usize,
    columns: usize,
    w: *mut f32,
    w_ld: usize,
    states: *const MnfMatrix,
    gradient: *const f32,
    gradient_ld: usize,
) -> MnfStatus {
    guarded(|| {
        // SAFETY: as the caller vouches.
        unsafe {
            let (kernels, rule) = (arguments::kernels(kernels)?, self::rule(rule)?);
            let w = matrix_mut(w, rows, columns, w_ld)?;
            let gradient = matrix(gradient, rows, columns, gradient_ld)?;
            with_states(&rule, states, (rows, columns), |states| {
                Ok(kernels.update(&rule, w, states, gradient)?)
            })
        }
    })
}

/// `mnf_dense_weight_gradient` and then `mnf_update` on W, in one pass that stores no gradient: the same bits. W and each of
/// `states` are inputs x outputs.
///
/// Errors: `MNF_STATUS_ENUMERATION` where the rule's optimizer is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_dense_weight_update(
    kernels: *const MnfKernels,
    rule: *const MnfRule,
    batch: usize,
    inputs: usize,
    outputs: usize,
    x: *const f32,
    x_ld: usize,
    delta: *const f32,
    delta_ld: usize,
    w: *mut f32,
    w_ld: usize,
    states: *const MnfMatrix,
    workspace: *mut MnfWorkspace,
) -> MnfStatus {
    guarded(|| {
        // SAFETY: as the caller vouches.
        unsafe {
            let (kernels, rule) = (arguments::kernels(kernels)?, self::rule(rule)?);
            let mut workspace = arguments::workspace(workspace)?;
            let (x, delta) = (matrix(x, batch, inputs, x_ld)?, matrix(delta, batch, outputs, delta_ld)?);
            let w = matrix_mut(w, inputs, outputs, w_ld)?;
            with_states(&rule, states, (inputs, outputs), |states| {
                Ok(kernels.dense_weight_update(&rule, x, delta, w, states, &mut workspace)?)
            })
        }
    })
}
