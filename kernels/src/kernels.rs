//! [`Kernels`]: the safe methods. Each checks its shapes, then calls the chosen ISA's function.

use core::fmt;

use crate::table::*;
use crate::view::{MatMut, MatRef};
use crate::workspace::Workspace;
use crate::{Error, Isa, reference};

/// The kernels of one ISA. Holding one proves that this CPU can run them.
#[derive(Clone, Copy)]
pub struct Kernels {
    table: &'static Table,
}

/// What a dense layer applies to its pre-activations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing: the outputs are logits.
    Linear,
    /// `if x < 0 { +0 } else { x }`.
    Relu,
}

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
    fn to_f32(self) -> RmsPropF32 {
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
    fn to_f32(self) -> SgdF32 {
        SgdF32 { learning_rate: self.learning_rate as f32 }
    }
}

/// One shape of the GEMM's register tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GemmTile {
    /// Rows of C.
    pub rows: usize,
    /// Columns of C.
    pub columns: usize,
}

fn check_shape(what: &'static str, found: (usize, usize), expected: (usize, usize)) -> Result<(), Error> {
    if found == expected { Ok(()) } else { Err(Error::Shape { what, expected, found }) }
}

fn check_len(what: &'static str, found: usize, expected: usize) -> Result<(), Error> {
    if found == expected { Ok(()) } else { Err(Error::Length { what, expected, found }) }
}

fn check_rows_are_contiguous(what: &'static str, x: MatRef<'_>) -> Result<(), Error> {
    let fine = x.column_stride() == 1 && x.row_stride() >= 0 || x.rows() == 0 || x.columns() == 0;
    if fine { Ok(()) } else { Err(Error::Stride { what }) }
}

impl Kernels {
    /// The kernels of `isa`, or an error where this CPU or build cannot run them.
    pub fn new(isa: Isa) -> Result<Self, Error> {
        if !isa.is_available() {
            return Err(Error::UnavailableIsa(isa));
        }
        let table = match isa {
            Isa::Scalar => &reference::TABLE,
            #[cfg(feature = "portable")]
            Isa::Portable => &crate::arch::portable::TABLE,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => &crate::arch::avx2::TABLE,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => &crate::arch::avx512::TABLE,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => &crate::arch::neon::TABLE,
            #[allow(unreachable_patterns)]
            _ => return Err(Error::UnavailableIsa(isa)),
        };
        Ok(Kernels { table })
    }

    /// The fastest kernels of this CPU; see [`Isa::best`].
    pub fn best() -> Self {
        Kernels::new(Isa::best()).unwrap_or(Kernels { table: &reference::TABLE })
    }

    /// The ISA of these kernels.
    pub fn isa(self) -> Isa {
        self.table.isa
    }

    /// The largest register tile of the GEMM, the widest shape first; nothing where the ISA has none of ours.
    pub fn gemm_tiles(self) -> impl Iterator<Item = GemmTile> {
        self.table.tiles.into_iter().flat_map(|tiles| tiles.widths).map(|width| GemmTile {
            rows: width.full.tiles.len(),
            columns: width.vectors * crate::generic::simd::LANES,
        })
    }

    /// `C = alpha A B + beta C`: A is m x k, B is k x n, C is m x n.
    ///
    /// Each element starts at `beta * c` and takes `(alpha a) b` in increasing k, by fused multiply-adds;
    /// `alpha a` is rounded once. With `beta = 0` C is not read; with `alpha = 0` or `k = 0`
    /// A and B are not.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn gemm(
        self,
        alpha: f32,
        a: MatRef<'_>,
        b: MatRef<'_>,
        beta: f32,
        c: MatMut<'_>,
        workspace: &mut Workspace<'_>,
    ) -> Result<(), Error> {
        check_shape("B", b.shape(), (a.columns(), b.columns()))?;
        check_shape("C", c.shape(), (a.rows(), b.columns()))?;
        let call = Gemm { alpha, a, b, beta, c, scratch: workspace.blocks() };
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.gemm)(call) };
        Ok(())
    }

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

    /// ReLU in place: `if x < 0 { +0 } else { x }`. NaN passes; the sign of a zero is not fixed.
    pub fn relu(self, x: &mut [f32]) {
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.relu)(x) }
    }

    /// Softmax of each row: `y = e^(x - max) / sum`. X and Y have the same shape.
    ///
    /// A row that holds NaN or +inf, or only -inf, gives NaN throughout.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Stride`] where the rows of X are not contiguous.
    pub fn softmax(self, x: MatRef<'_>, y: MatMut<'_>) -> Result<(), Error> {
        check_shape("Y", y.shape(), x.shape())?;
        check_rows_are_contiguous("X", x)?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.softmax)(x, y) };
        Ok(())
    }

    /// Softmax and categorical cross-entropy of each row of logits, with their gradient in the same pass.
    ///
    /// Per row: `losses = ln(sum e^(x - max)) + (max - x[label])` in nats, `predictions` = the first column of the maximum
    /// ([`NO_CLASS`] where the row holds a NaN), and, if it is given,
    /// `gradient = (softmax(x) - [column = label]) / batch`: the gradient of the batch's mean loss. `batch` is the
    /// size of the whole batch, also where the rows are only a part of it.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Length`], [`Error::Label`]; [`Error::Stride`] where the rows of the logits are not contiguous.
    pub fn softmax_cross_entropy(
        self,
        logits: MatRef<'_>,
        labels: &[u32],
        batch: usize,
        gradient: Option<MatMut<'_>>,
        losses: &mut [f32],
        predictions: &mut [u32],
    ) -> Result<(), Error> {
        let (rows, classes) = logits.shape();
        check_rows_are_contiguous("logits", logits)?;
        check_len("labels", labels.len(), rows)?;
        check_len("losses", losses.len(), rows)?;
        check_len("predictions", predictions.len(), rows)?;
        if let Some(gradient) = &gradient {
            check_shape("gradient", gradient.shape(), logits.shape())?;
        }
        if let Some(index) = labels.iter().position(|label| *label as usize >= classes) {
            return Err(Error::Label { index, label: labels[index], classes });
        }
        let call = CrossEntropy { logits, labels, batch: batch as f32, gradient, losses, predictions };
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.softmax_cross_entropy)(call) };
        Ok(())
    }

    /// The first column that holds each row's maximum; [`NO_CLASS`] for a row that is empty or holds a NaN.
    ///
    /// # Errors
    /// [`Error::Length`]; [`Error::Stride`] where the rows of X are not contiguous.
    pub fn argmax(self, x: MatRef<'_>, to: &mut [u32]) -> Result<(), Error> {
        check_len("to", to.len(), x.rows())?;
        check_rows_are_contiguous("X", x)?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.argmax)(x, to) };
        Ok(())
    }

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

    /// Bytes to unit floats: the f32 nearest to `byte / 255`, as true division gives it.
    ///
    /// # Errors
    /// [`Error::Length`].
    pub fn unit_from_u8(self, bytes: &[u8], to: &mut [f32]) -> Result<(), Error> {
        check_len("to", to.len(), bytes.len())?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.unit_from_u8)(bytes, to) };
        Ok(())
    }

    /// e^x in place, within 1.02 ULP. NaN passes; results that would be denormal are +0; above 88.72283 +inf.
    pub fn exp(self, x: &mut [f32]) {
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.exp)(x) }
    }

    /// ln x in place, within 0.83 ULP. NaN passes; a negative gives NaN, a zero -inf; denormals are exact inputs.
    pub fn ln(self, x: &mut [f32]) {
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.ln)(x) }
    }
}

impl fmt::Debug for Kernels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kernels").field(&self.isa()).finish()
    }
}
