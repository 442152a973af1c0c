//! Optimizers: one step on parameters, their gradient and their state.

use super::{Kernels, check_len};
use crate::Error;
use crate::table::{RmsPropF32, SgdF32, Step};

/// RMSprop as Keras 3 defines it: epsilon inside the root, no momentum, not centred.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsProp {
    /// The learning rate; Keras' default is 1e-3.
    pub learning_rate: f64,
    /// The decay of the running mean of squares; Keras' default is 0.9.
    pub rho: f64,
    /// Added to the mean of squares; Keras' default is 1e-7.
    pub epsilon: f64,
}

impl Default for RmsProp {
    fn default() -> Self {
        RmsProp { learning_rate: 1e-3, rho: 0.9, epsilon: 1e-7 }
    }
}

impl RmsProp {
    /// Each number rounded once.
    pub(super) fn to_f32(self) -> RmsPropF32 {
        RmsPropF32 {
            learning_rate: self.learning_rate as f32,
            rho: self.rho as f32,
            one_minus_rho: (1.0 - self.rho) as f32,
            epsilon: self.epsilon as f32,
        }
    }
}

/// Stochastic gradient descent without momentum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// The learning rate; Keras' default is 1e-2.
    pub learning_rate: f64,
}

impl Default for Sgd {
    fn default() -> Self {
        Sgd { learning_rate: 1e-2 }
    }
}

impl Sgd {
    pub(super) fn to_f32(self) -> SgdF32 {
        SgdF32 { learning_rate: self.learning_rate as f32 }
    }
}

impl Kernels {
    /// One step of RMSprop: `v = rho v + (1 - rho) g^2`, `w = w - lr g / sqrt(v + epsilon)` (Hinton's lecture 6e; epsilon
    /// inside the root as in Keras 3).
    ///
    /// `rho v + ...` is one fused multiply-add; a `v` below 2^-100 becomes +0, so that decay makes no denormals.
    ///
    /// # Errors
    /// [`Error::Length`].
    pub fn rmsprop(
        self,
        rule: &RmsProp,
        w: &mut [f32],
        v: &mut [f32],
        gradient: &[f32],
    ) -> Result<(), Error> {
        check_len("v", v.len(), w.len())?;
        check_len("gradient", gradient.len(), w.len())?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.rmsprop)(rule.to_f32(), Step { w, gradient }, v) };
        Ok(())
    }

    /// One step of gradient descent: `w = w - lr g`, one fused multiply-add.
    ///
    /// # Errors
    /// [`Error::Length`].
    pub fn sgd(self, rule: &Sgd, w: &mut [f32], gradient: &[f32]) -> Result<(), Error> {
        check_len("gradient", gradient.len(), w.len())?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.sgd)(rule.to_f32(), Step { w, gradient }) };
        Ok(())
    }
}
