//! Dense layers: forward, gradients, and updates that end in an optimizer.

use core::ops::Range;

use super::{
    Adam, AdamW, Kernels, Momentum, RmsProp, Sgd, check_len, check_rows_are_contiguous, check_shape,
};
use crate::Error;
use crate::table::{
    DenseForward, DenseInputGradient, DenseWeightGradient, DenseWeightUpdate, Step, UpdateRule,
};
use crate::view::{MatMut, MatRef};
use crate::workspace::{PACKED_DEPTH, STRIDED_SIDE, Workspace};

/// What a dense layer applies to its pre-activations, in the same pass as the product. The others are passes of their own:
/// [`Kernels::leaky_relu`], [`Kernels::sigmoid`], [`Kernels::tanh`], [`Kernels::softmax`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing: the outputs are the pre-activations (logits, in the last layer).
    Linear,
    /// `if x < 0 { +0 } else { x }`, as [`Kernels::relu`]: NaN passes.
    Relu,
}

/// Some columns of a row that the matrix has.
fn part<'a>(matrix: &'a mut MatMut<'_>, row: usize, columns: &Range<usize>) -> &'a mut [f32] {
    &mut matrix.row_mut(row).expect("a row of the matrix")[columns.clone()]
}

impl Kernels {
    /// A dense layer: `Y = activation(X W + bias)`. X is batch x inputs, W inputs x outputs (row-major as in Keras; PyTorch's
    /// [outputs, inputs] is [`MatRef::transposed`]), `bias` has `outputs` elements, Y is batch x outputs.
    ///
    /// Each output starts at its bias and takes `x w` in increasing input, by one fused multiply-add each. So it errs by at
    /// most `inputs 2^-24` of the sum of its terms' magnitudes, to first order (Higham, "Accuracy and Stability of Numerical
    /// Algorithms", 2002, section 3.1). No term is left out: a NaN or an infinity in a row of X, or a column of W, reaches
    /// that row, or column, of Y as IEEE 754 has it, and ReLU passes NaN. Denormals count. Without inputs
    /// `Y = activation(bias)`. X and W may have any strides.
    ///
    /// # Errors
    /// [`Error::Shape`] for W or Y, [`Error::Length`] for `bias`.
    ///
    /// ```
    /// use mnist_fast_kernels::{Activation, Kernels, MatMut, MatRef, Workspace};
    ///
    /// let x = [1.0, 2.0]; // 1 sample of 2 inputs
    /// let pytorch = [1.0, 1.0, 3.0, -2.0]; // 2 outputs x 2 inputs
    /// let (w, mut y) = (MatRef::new(&pytorch, 2, 2)?.transposed(), [0.0; 2]);
    /// let (x, to) = (MatRef::new(&x, 1, 2)?, MatMut::new(&mut y, 1, 2)?);
    /// Kernels::best().dense_forward(x, w, &[0.5, 0.5], Activation::Relu, to, &mut Workspace::new())?;
    /// assert_eq!(y, [3.5, 0.0]); // relu of 1 + 2 + 0.5 and 3 - 4 + 0.5
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
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

    /// The gradient of a dense layer's input: `dX = delta W^T`, and +0 wherever `active` is given and is not above 0
    /// (Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors", 1986).
    ///
    /// `delta` is batch x outputs, the loss' gradient by the pre-activations; W is inputs x outputs; dX and `active` are
    /// batch x inputs. `active` is the ReLU output that was this layer's input: its mask makes dX the delta of the layer
    /// below. It gives the bits of the product followed by [`Kernels::relu_gradient`].
    ///
    /// Chains run over outputs from +0, by fused multiply-adds: the error is at most `outputs 2^-24` of the sum of
    /// magnitudes, to first order. NaN, infinities and denormals are as in [`Kernels::dense_forward`]; where `active` is NaN
    /// dX is +0, whatever the product.
    ///
    /// # Errors
    /// [`Error::Shape`] for W, dX or `active`; [`Error::Stride`] where the rows of `active` are not contiguous.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatMut, MatRef, Workspace};
    ///
    /// let (delta, w, h) = ([2.0], [1.0, 10.0, 100.0], [0.5, 0.0, 3.0]);
    /// let mut dx = [0.0; 3]; // 1 sample of 3 inputs, of which the second was off
    /// let (delta, w) = (MatRef::new(&delta, 1, 1)?, MatRef::new(&w, 3, 1)?);
    /// let (h, to) = (MatRef::new(&h, 1, 3)?, MatMut::new(&mut dx, 1, 3)?);
    /// Kernels::best().dense_input_gradient(delta, w, Some(h), to, &mut Workspace::new())?;
    /// assert_eq!(dx, [2.0, 0.0, 200.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
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

    /// The gradient of a dense layer's weights: `dW = X^T delta`. X is batch x inputs, `delta` batch x outputs, dW inputs x
    /// outputs.
    ///
    /// Chains run over samples from +0, by fused multiply-adds: the error is at most `batch 2^-24` of the sum of magnitudes,
    /// to first order. The sum is the mean's gradient if `delta` has been divided by the batch size, as the losses here
    /// do. NaN, infinities and denormals are as in [`Kernels::dense_forward`]; an empty batch gives +0. For a range of the
    /// weights' rows, give that range of X's columns.
    ///
    /// # Errors
    /// [`Error::Shape`] for `delta` or dW.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatMut, MatRef, Workspace};
    ///
    /// let (x, delta) = ([1.0, 2.0, 3.0, 4.0], [10.0, 1.0]); // 2 samples: 2 inputs, 1 output
    /// let mut dw = [0.0; 2];
    /// let (x, delta) = (MatRef::new(&x, 2, 2)?, MatRef::new(&delta, 2, 1)?);
    /// Kernels::best().dense_weight_gradient(x, delta, MatMut::new(&mut dw, 2, 1)?, &mut Workspace::new())?;
    /// assert_eq!(dw, [13.0, 24.0]); // 1 10 + 3 1 and 2 10 + 4 1
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
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

    /// [`Kernels::dense_weight_gradient`] and then [`Kernels::rmsprop`] on W, in one pass that stores no gradient: the same
    /// bits, and what they say of accuracy, NaN and denormals. W and V, the state, are inputs x outputs; V starts at 0.
    ///
    /// # Errors
    /// [`Error::Shape`] for V, `delta` or W.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatMut, MatRef, RmsProp, Workspace};
    ///
    /// let (kernels, rule, mut ws) = (Kernels::best(), RmsProp::default(), Workspace::new());
    /// let (x, delta) = (MatRef::new(&[3.0, 4.0], 1, 2)?, MatRef::new(&[0.5], 1, 1)?);
    /// let (mut w, mut v) = ([1.0; 2], [0.0; 2]);
    /// let (to, state) = (MatMut::new(&mut w, 2, 1)?, MatMut::new(&mut v, 2, 1)?);
    /// kernels.dense_weight_update_rmsprop(&rule, x, delta, to, state, &mut ws)?;
    ///
    /// let (mut in_two_steps, mut state) = ([1.0; 2], [0.0; 2]);
    /// kernels.rmsprop(&rule, &mut in_two_steps, &mut state, &[1.5, 2.0])?; // X^T delta
    /// assert_eq!((w, v), (in_two_steps, state));
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
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
        self.dense_update(UpdateRule::RmsProp(rule.to_f32(), v), x, delta, w, workspace)
    }

    /// [`Kernels::dense_weight_gradient`] and then [`Kernels::sgd`] on W, in one pass that stores no gradient: the same bits,
    /// and what they say of accuracy, NaN and denormals. W is inputs x outputs.
    ///
    /// # Errors
    /// [`Error::Shape`] for `delta` or W.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatMut, MatRef, Sgd, Workspace};
    ///
    /// let (x, delta) = (MatRef::new(&[3.0, 4.0], 1, 2)?, MatRef::new(&[0.5], 1, 1)?);
    /// let (rule, mut w) = (Sgd { learning_rate: 0.5 }, [1.0; 2]);
    /// let to = MatMut::new(&mut w, 2, 1)?;
    /// Kernels::best().dense_weight_update_sgd(&rule, x, delta, to, &mut Workspace::new())?;
    /// assert_eq!(w, [0.25, 0.0]); // 1 - 0.5 1.5 and 1 - 0.5 2
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn dense_weight_update_sgd(
        self,
        rule: &Sgd,
        x: MatRef<'_>,
        delta: MatRef<'_>,
        w: MatMut<'_>,
        workspace: &mut Workspace<'_>,
    ) -> Result<(), Error> {
        self.dense_update(UpdateRule::Sgd(rule.to_f32()), x, delta, w, workspace)
    }

    /// [`Kernels::dense_weight_gradient`] and then [`Kernels::momentum`] on W, in one pass that stores no gradient: the same
    /// bits, and what they say of accuracy, NaN and denormals. W and M, the state, are inputs x outputs; M starts at 0.
    ///
    /// # Errors
    /// [`Error::Shape`] for M, `delta` or W.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatMut, MatRef, Momentum, Workspace};
    ///
    /// let rule = Momentum { learning_rate: 0.5, momentum: 0.5, nesterov: false };
    /// let (x, delta) = (MatRef::new(&[3.0, 4.0], 1, 2)?, MatRef::new(&[0.5], 1, 1)?);
    /// let (mut w, mut m) = ([1.0; 2], [-1.0, 0.0]);
    /// let (to, state) = (MatMut::new(&mut w, 2, 1)?, MatMut::new(&mut m, 2, 1)?);
    /// Kernels::best().dense_weight_update_momentum(&rule, x, delta, to, state, &mut Workspace::new())?;
    /// assert_eq!(m, [-1.25, -1.0]); // 0.5 m - 0.5 g, where g = X^T delta is 1.5 and 2
    /// assert_eq!(w, [-0.25, 0.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
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
        self.dense_update(UpdateRule::Momentum(rule.to_f32(), m), x, delta, w, workspace)
    }

    /// [`Kernels::dense_weight_gradient`] and then [`Kernels::adam`] on W, in one pass that stores no gradient: the same bits,
    /// and what they say of accuracy, NaN and denormals. W, and M and V, the state, are inputs x outputs; M and V start at 0.
    /// `iteration` is the number of steps taken before this one: 0 at first.
    ///
    /// # Errors
    /// [`Error::Shape`] for M, V, `delta` or W.
    ///
    /// ```
    /// use mnist_fast_kernels::{Adam, Kernels, MatMut, MatRef, Workspace};
    ///
    /// let (kernels, rule, mut ws) = (Kernels::best(), Adam::default(), Workspace::new());
    /// let (x, delta) = (MatRef::new(&[3.0, 4.0], 1, 2)?, MatRef::new(&[0.5], 1, 1)?);
    /// let (mut w, mut m, mut v) = ([1.0; 2], [0.0; 2], [0.0; 2]);
    /// let (to, mean) = (MatMut::new(&mut w, 2, 1)?, MatMut::new(&mut m, 2, 1)?);
    /// let square = MatMut::new(&mut v, 2, 1)?;
    /// kernels.dense_weight_update_adam(&rule, 0, x, delta, to, mean, square, &mut ws)?;
    ///
    /// let (mut in_two_steps, mut mean, mut square) = ([1.0; 2], [0.0; 2], [0.0; 2]);
    /// kernels.adam(&rule, 0, &mut in_two_steps, &mut mean, &mut square, &[1.5, 2.0])?; // X^T delta
    /// assert_eq!((w, m, v), (in_two_steps, mean, square));
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
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
        self.dense_update(UpdateRule::Adam(rule.to_f32(iteration, 0.0), m, v), x, delta, w, workspace)
    }

    /// [`Kernels::dense_weight_gradient`] and then [`Kernels::adamw`] on W, in one pass that stores no gradient: the same bits,
    /// and what they say of accuracy, NaN and denormals. W, and M and V, the state, are inputs x outputs; M and V start at 0.
    /// `iteration` is the number of steps taken before this one: 0 at first.
    ///
    /// # Errors
    /// [`Error::Shape`] for M, V, `delta` or W.
    ///
    /// ```
    /// use mnist_fast_kernels::{AdamW, Kernels, MatMut, MatRef, Workspace};
    ///
    /// let (kernels, rule, mut ws) = (Kernels::best(), AdamW::default(), Workspace::new());
    /// let (x, delta) = (MatRef::new(&[3.0, 4.0], 1, 2)?, MatRef::new(&[0.5], 1, 1)?);
    /// let (mut w, mut m, mut v) = ([1.0; 2], [0.0; 2], [0.0; 2]);
    /// let (to, mean) = (MatMut::new(&mut w, 2, 1)?, MatMut::new(&mut m, 2, 1)?);
    /// let square = MatMut::new(&mut v, 2, 1)?;
    /// kernels.dense_weight_update_adamw(&rule, 0, x, delta, to, mean, square, &mut ws)?;
    ///
    /// let (mut in_two_steps, mut mean, mut square) = ([1.0; 2], [0.0; 2], [0.0; 2]);
    /// kernels.adamw(&rule, 0, &mut in_two_steps, &mut mean, &mut square, &[1.5, 2.0])?; // X^T delta
    /// assert_eq!((w, m, v), (in_two_steps, mean, square));
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
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
        self.dense_update(update, x, delta, w, workspace)
    }

    pub(super) fn dense_update(
        self,
        rule: UpdateRule<'_>,
        x: MatRef<'_>,
        delta: MatRef<'_>,
        w: MatMut<'_>,
        workspace: &mut Workspace<'_>,
    ) -> Result<(), Error> {
        check_shape("delta", delta.shape(), (x.rows(), delta.columns()))?;
        check_shape("W", w.shape(), (x.columns(), delta.columns()))?;
        if x.rows() > PACKED_DEPTH {
            return self.dense_weight_update_by_pieces(rule, x, delta, w, workspace);
        }
        let call = DenseWeightUpdate { x, delta, rule, w, scratch: workspace.blocks() };
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.dense_weight_update)(call) };
        Ok(())
    }

    /// The update for a batch that one block of the GEMM cannot hold: its partial sums need a place that is not W.
    fn dense_weight_update_by_pieces(
        self,
        mut rule: UpdateRule<'_>,
        x: MatRef<'_>,
        delta: MatRef<'_>,
        mut w: MatMut<'_>,
        workspace: &mut Workspace<'_>,
    ) -> Result<(), Error> {
        const COLUMNS: usize = 128;
        const ROWS: usize = STRIDED_SIDE * STRIDED_SIDE / COLUMNS;
        let (inputs, outputs) = w.shape();
        let (mut scratch, square) = workspace.parts();
        for i in (0..inputs).step_by(ROWS).map(|start| start..inputs.min(start + ROWS)) {
            for j in (0..outputs).step_by(COLUMNS).map(|start| start..outputs.min(start + COLUMNS)) {
                let piece = &mut square[..i.len() * j.len()];
                let call = DenseWeightGradient {
                    x: x.column_range(i.clone())?,
                    delta: delta.column_range(j.clone())?,
                    dw: MatMut::new(piece, i.len(), j.len())?,
                    scratch: scratch.reborrow(),
                };
                // SAFETY: a table is only held where its ISA is available (`new`).
                unsafe { (self.table.dense_weight_gradient)(call) };
                for (i, gradient) in i.clone().zip(piece.chunks_exact(j.len())) {
                    let step = Step { w: part(&mut w, i, &j), gradient };
                    // SAFETY: as above.
                    unsafe {
                        match &mut rule {
                            UpdateRule::Sgd(rule) => (self.table.sgd)(*rule, step),
                            UpdateRule::RmsProp(rule, v) => (self.table.rmsprop)(*rule, step, part(v, i, &j)),
                            UpdateRule::Momentum(rule, m) => {
                                (self.table.momentum)(*rule, step, part(m, i, &j))
                            }
                            UpdateRule::Adam(rule, m, v) => {
                                (self.table.adam)(*rule, step, part(m, i, &j), part(v, i, &j));
                            }
                            UpdateRule::Any(any) => {
                                let (w, columns) = (MatMut::new(step.w, 1, j.len())?, j.len());
                                any.block((i, j.start), w, MatRef::new(gradient, 1, columns)?);
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// The gradient of a dense layer's biases: the sum over the rows of `delta` (batch x outputs), in their order from +0.
    /// `gradient` has `outputs` elements.
    ///
    /// Plain additions: the error is at most `batch 2^-24` of the sum of magnitudes, to first order. NaN passes, infinities of
    /// both signs give NaN, denormals count; an empty batch gives +0.
    ///
    /// # Errors
    /// [`Error::Length`]; [`Error::Stride`] where the rows of `delta` are not contiguous.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatRef};
    ///
    /// let mut gradient = [0.0; 2];
    /// let delta = MatRef::new(&[1.0, 2.0, 30.0, 40.0], 2, 2)?;
    /// Kernels::best().dense_bias_gradient(delta, &mut gradient)?;
    /// assert_eq!(gradient, [31.0, 42.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn dense_bias_gradient(self, delta: MatRef<'_>, gradient: &mut [f32]) -> Result<(), Error> {
        check_len("gradient", gradient.len(), delta.columns())?;
        check_rows_are_contiguous("delta", delta)?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.dense_bias_gradient)(delta, gradient) };
        Ok(())
    }
}
