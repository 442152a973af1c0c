//! Dense layers: forward, gradients, and updates that end in an optimizer.

use super::{
    Adam, AdamW, Kernels, Momentum, RmsProp, Sgd, check_len, check_rows_are_contiguous, check_shape,
};
use crate::Error;
use crate::table::{DenseForward, DenseInputGradient, DenseWeightGradient, DenseWeightUpdate, UpdateRule};
use crate::view::{MatMut, MatRef};
use crate::workspace::Workspace;

/// What a dense layer applies to its pre-activations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing: the outputs are logits.
    Linear,
    /// `if x < 0 { +0 } else { x }`.
    Relu,
}

impl Kernels {
    /// A dense layer: `Y = activation(X W + bias)`. X is batch x inputs, W inputs x outputs (row-major as in Keras),
    /// `bias` has `outputs` elements, Y is batch x outputs.
    ///
    /// Each output starts at its bias and takes `x w` in increasing input, by fused multiply-adds.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Length`].
    pub fn dense_forward(
        self,
        x: MatRef<'_>,
        w: MatRef<'_>,
        bias: &[f32],
        activation: Activation,
        y: MatMut<'_>,
        workspace: &mut Workspace<'_>,
    ) -> Result<(), Error> {
        check_shape("W", w.shape(), (x.columns(), w.columns()))?;
        check_shape("Y", y.shape(), (x.rows(), w.columns()))?;
        check_len("bias", bias.len(), w.columns())?;
        let relu = activation == Activation::Relu;
        let call = DenseForward { x, w, bias, relu, y, scratch: workspace.blocks() };
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.dense_forward)(call) };
        Ok(())
    }

    /// The gradient of a dense layer's input: `dX = delta W^T`, and +0 wherever `active` is given and is not above 0.
    ///
    /// `delta` is batch x outputs, the loss' gradient by the pre-activations; W is inputs x outputs; dX and `active` are
    /// batch x inputs. `active` is the ReLU output that was this layer's input: its mask makes dX the
    /// delta of the layer below. Chains run over outputs from +0.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Stride`] where the rows of `active` are not contiguous.
    pub fn dense_input_gradient(
        self,
        delta: MatRef<'_>,
        w: MatRef<'_>,
        active: Option<MatRef<'_>>,
        dx: MatMut<'_>,
        workspace: &mut Workspace<'_>,
    ) -> Result<(), Error> {
        check_shape("W", w.shape(), (w.rows(), delta.columns()))?;
        check_shape("dX", dx.shape(), (delta.rows(), w.rows()))?;
        if let Some(active) = active {
            check_shape("active", active.shape(), dx.shape())?;
            check_rows_are_contiguous("active", active)?;
        }
        let call = DenseInputGradient { delta, w, active, dx, scratch: workspace.blocks() };
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.dense_input_gradient)(call) };
        Ok(())
    }

    /// The gradient of a dense layer's weights: `dW = X^T delta`. X is batch x inputs, `delta` batch x outputs, dW inputs x outputs.
    ///
    /// Chains run over samples from +0. For a range of the weights' rows, give that range of X's columns.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn dense_weight_gradient(
        self,
        x: MatRef<'_>,
        delta: MatRef<'_>,
        dw: MatMut<'_>,
        workspace: &mut Workspace<'_>,
    ) -> Result<(), Error> {
        check_shape("delta", delta.shape(), (x.rows(), delta.columns()))?;
        check_shape("dW", dw.shape(), (x.columns(), delta.columns()))?;
        let call = DenseWeightGradient { x, delta, dw, scratch: workspace.blocks() };
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.dense_weight_gradient)(call) };
        Ok(())
    }

    /// [`Kernels::dense_weight_gradient`] and then [`Kernels::rmsprop`] on W, in one pass that stores no gradient: the same bits.
    /// W and V, the state, are inputs x outputs.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn dense_weight_update_rmsprop(
        self,
        rule: &RmsProp,
        x: MatRef<'_>,
        delta: MatRef<'_>,
        w: MatMut<'_>,
        v: MatMut<'_>,
        workspace: &mut Workspace<'_>,
    ) -> Result<(), Error> {
        check_shape("V", v.shape(), w.shape())?;
        self.dense_weight_update(UpdateRule::RmsProp(rule.to_f32(), v), x, delta, w, workspace)
    }

    /// [`Kernels::dense_weight_gradient`] and then [`Kernels::sgd`] on W, in one pass that stores no gradient: the same bits.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn dense_weight_update_sgd(
        self,
        rule: &Sgd,
        x: MatRef<'_>,
        delta: MatRef<'_>,
        w: MatMut<'_>,
        workspace: &mut Workspace<'_>,
    ) -> Result<(), Error> {
        self.dense_weight_update(UpdateRule::Sgd(rule.to_f32()), x, delta, w, workspace)
    }

    /// [`Kernels::dense_weight_gradient`] and then [`Kernels::momentum`] on W, in one pass that stores no gradient: the same
    /// bits. W and M, the state, are inputs x outputs.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn dense_weight_update_momentum(
        self,
        rule: &Momentum,
        x: MatRef<'_>,
        delta: MatRef<'_>,
        w: MatMut<'_>,
        m: MatMut<'_>,
        workspace: &mut Workspace<'_>,
    ) -> Result<(), Error> {
        check_shape("M", m.shape(), w.shape())?;
        self.dense_weight_update(UpdateRule::Momentum(rule.to_f32(), m), x, delta, w, workspace)
    }

    /// [`Kernels::dense_weight_gradient`] and then [`Kernels::adam`] on W, in one pass that stores no gradient: the same bits.
    /// W, and M and V, the states, are inputs x outputs; `iteration` counts the steps before this one.
    ///
    /// # Errors
    /// [`Error::Shape`].
    #[allow(clippy::too_many_arguments)] // each is another matrix
    pub fn dense_weight_update_adam(
        self,
        rule: &Adam,
        iteration: u64,
        x: MatRef<'_>,
        delta: MatRef<'_>,
        w: MatMut<'_>,
        m: MatMut<'_>,
        v: MatMut<'_>,
        workspace: &mut Workspace<'_>,
    ) -> Result<(), Error> {
        check_shape("M", m.shape(), w.shape())?;
        check_shape("V", v.shape(), w.shape())?;
        self.dense_weight_update(UpdateRule::Adam(rule.to_f32(iteration, 0.0), m, v), x, delta, w, workspace)
    }

    /// [`Kernels::dense_weight_gradient`] and then [`Kernels::adamw`] on W, in one pass that stores no gradient: the same bits.
    /// W, and M and V, the states, are inputs x outputs; `iteration` counts the steps before this one.
    ///
    /// # Errors
    /// [`Error::Shape`].
    #[allow(clippy::too_many_arguments)] // each is another matrix
    pub fn dense_weight_update_adamw(
        self,
        rule: &AdamW,
        iteration: u64,
        x: MatRef<'_>,
        delta: MatRef<'_>,
        w: MatMut<'_>,
        m: MatMut<'_>,
        v: MatMut<'_>,
        workspace: &mut Workspace<'_>,
    ) -> Result<(), Error> {
        check_shape("M", m.shape(), w.shape())?;
        check_shape("V", v.shape(), w.shape())?;
        let update = UpdateRule::Adam(rule.adam.to_f32(iteration, rule.weight_decay), m, v);
        self.dense_weight_update(update, x, delta, w, workspace)
    }

    fn dense_weight_update(
        self,
        rule: UpdateRule<'_>,
        x: MatRef<'_>,
        delta: MatRef<'_>,
        w: MatMut<'_>,
        workspace: &mut Workspace<'_>,
    ) -> Result<(), Error> {
        check_shape("delta", delta.shape(), (x.rows(), delta.columns()))?;
        check_shape("W", w.shape(), (x.columns(), delta.columns()))?;
        let call = DenseWeightUpdate { x, delta, rule, w, scratch: workspace.blocks() };
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.dense_weight_update)(call) };
        Ok(())
    }

    /// The gradient of a dense layer's biases: the sum over the rows of `delta` (batch x outputs), in their order from +0.
    ///
    /// # Errors
    /// [`Error::Length`]; [`Error::Stride`] where the rows of `delta` are not contiguous.
    pub fn dense_bias_gradient(self, delta: MatRef<'_>, gradient: &mut [f32]) -> Result<(), Error> {
        check_len("gradient", gradient.len(), delta.columns())?;
        check_rows_are_contiguous("delta", delta)?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.dense_bias_gradient)(delta, gradient) };
        Ok(())
    }
}
