//! The table of kernels: one `static` per ISA, chosen once.
//!
//! Every function may assume that [`crate::Kernels`] has checked the shapes, and, being an `unsafe fn`, that the CPU
//! has the table's ISA.

use core::ops::Range;

use crate::any_update::{AnyUpdate, MOST_STATES};
use crate::gemm::{Finish, Start, TileSet};
use crate::view::{MatMut, MatRef};
use crate::workspace::Blocks;
use crate::{ByteRows, Isa, Sparse};

/// The kernels of one ISA. Each field says what its [`crate::Kernels`] method says.
pub(crate) struct Table {
    pub(crate) isa: Isa,
    pub(crate) gemm: unsafe fn(Gemm<'_>),
    pub(crate) dense_forward: unsafe fn(DenseForward<'_>),
    pub(crate) dense_input_gradient: unsafe fn(DenseInputGradient<'_>),
    pub(crate) dense_weight_gradient: unsafe fn(DenseWeightGradient<'_>),
    pub(crate) dense_weight_update: unsafe fn(DenseWeightUpdate<'_>),
    pub(crate) dense_bias_gradient: unsafe fn(MatRef<'_>, &mut [f32]),
    pub(crate) relu: unsafe fn(&mut [f32]),
    pub(crate) leaky_relu: unsafe fn(f32, &mut [f32]),
    pub(crate) sigmoid: unsafe fn(&mut [f32]),
    pub(crate) tanh: unsafe fn(&mut [f32]),
    pub(crate) relu_gradient: unsafe fn(&[f32], &mut [f32]),
    pub(crate) leaky_relu_gradient: unsafe fn(f32, &[f32], &mut [f32]),
    pub(crate) sigmoid_gradient: unsafe fn(&[f32], &mut [f32]),
    pub(crate) tanh_gradient: unsafe fn(&[f32], &mut [f32]),
    pub(crate) dropout: unsafe fn(DropoutF32, [u32; 3], &mut [f32]),
    pub(crate) softmax: unsafe fn(MatRef<'_>, MatMut<'_>),
    pub(crate) softmax_cross_entropy: unsafe fn(CrossEntropy<'_>),
    pub(crate) log_softmax: unsafe fn(MatRef<'_>, MatMut<'_>),
    pub(crate) soft_cross_entropy: unsafe fn(SoftCrossEntropy<'_>),
    pub(crate) smoothed_cross_entropy: unsafe fn(CrossEntropy<'_>, SmoothedF32),
    pub(crate) binary_cross_entropy: unsafe fn(BinaryCrossEntropy<'_>),
    pub(crate) row_sum: unsafe fn(MatRef<'_>, &mut [f32]),
    pub(crate) row_max: unsafe fn(MatRef<'_>, &mut [f32]),
    pub(crate) row_norm2: unsafe fn(MatRef<'_>, &mut [f32]),
    pub(crate) row_sum_of_squares: unsafe fn(MatRef<'_>, &mut [f32]),
    pub(crate) argmax: unsafe fn(MatRef<'_>, &mut [u32]),
    pub(crate) rmsprop: unsafe fn(RmsPropF32, Step<'_>, &mut [f32]),
    pub(crate) sgd: unsafe fn(SgdF32, Step<'_>),
    pub(crate) momentum: unsafe fn(MomentumF32, Step<'_>, &mut [f32]),
    pub(crate) adam: unsafe fn(AdamF32, Step<'_>, &mut [f32], &mut [f32]),
    pub(crate) update: unsafe fn(UpdateCall<'_>),
    pub(crate) spmm: unsafe fn(Spmm<'_>),
    pub(crate) spmm_update: unsafe fn(SpmmUpdate<'_>),
    pub(crate) dense_forward_transposed: unsafe fn(TransposedForward<'_>),
    pub(crate) rmsprop_decay: unsafe fn(RmsPropF32, u32, &mut [f32]),
    pub(crate) compress: unsafe fn(&[f32], &mut [u32], &mut [f32]) -> usize,
    pub(crate) compress_u8: unsafe fn(&[u8], &mut [u32], &mut [f32]) -> usize,
    pub(crate) transpose_u8: unsafe fn(TransposeBytes<'_>),
    pub(crate) transpose: unsafe fn(MatRef<'_>, MatMut<'_>),
    pub(crate) unit_from_u8: unsafe fn(&[u8], &mut [f32]),
    pub(crate) scale_u8: unsafe fn(&[u8], f32, f32, &mut [f32]),
    pub(crate) warp_u8: unsafe fn(WarpBytes<'_>),
    pub(crate) exp: unsafe fn(&mut [f32]),
    pub(crate) ln: unsafe fn(&mut [f32]),
    /// Columns of C that a sparse product works on at a time.
    pub(crate) sparse_columns: usize,
    /// The chains as a number of vectors, and their sum.
    pub(crate) probe_fma: unsafe fn(u32) -> (u64, f32),
    pub(crate) probe_read: unsafe fn(&[f32], u32) -> u32,
    pub(crate) probe_update: unsafe fn(f32, &[f32], &mut [f32], u32),
    /// The GEMM's tiles, where it has any.
    pub(crate) tiles: Option<&'static TileSet>,
}

/// `C = alpha A B + beta C`.
pub(crate) struct Gemm<'a> {
    pub(crate) alpha: f32,
    pub(crate) a: MatRef<'a>,
    pub(crate) b: MatRef<'a>,
    pub(crate) beta: f32,
    pub(crate) c: MatMut<'a>,
    pub(crate) scratch: Blocks<'a>,
}

/// `Y = act(X W + bias)`.
pub(crate) struct DenseForward<'a> {
    pub(crate) x: MatRef<'a>,
    pub(crate) w: MatRef<'a>,
    pub(crate) bias: &'a [f32],
    pub(crate) relu: bool,
    pub(crate) y: MatMut<'a>,
    pub(crate) scratch: Blocks<'a>,
}

/// `dX = (delta W^T)`, where `active > 0` if it is given.
pub(crate) struct DenseInputGradient<'a> {
    pub(crate) delta: MatRef<'a>,
    pub(crate) w: MatRef<'a>,
    pub(crate) active: Option<MatRef<'a>>,
    pub(crate) dx: MatMut<'a>,
    pub(crate) scratch: Blocks<'a>,
}

/// `dW = X^T delta`.
pub(crate) struct DenseWeightGradient<'a> {
    pub(crate) x: MatRef<'a>,
    pub(crate) delta: MatRef<'a>,
    pub(crate) dw: MatMut<'a>,
    pub(crate) scratch: Blocks<'a>,
}

/// The optimizer's step on W with the gradient `X^T delta`, which is never stored.
pub(crate) struct DenseWeightUpdate<'a> {
    pub(crate) x: MatRef<'a>,
    pub(crate) delta: MatRef<'a>,
    pub(crate) rule: UpdateRule<'a>,
    pub(crate) w: MatMut<'a>,
    pub(crate) scratch: Blocks<'a>,
}

/// An optimizer with its state, of W's shape.
pub(crate) enum UpdateRule<'a> {
    Sgd(SgdF32),
    RmsProp(RmsPropF32, MatMut<'a>),
    Momentum(MomentumF32, MatMut<'a>),
    /// With the mean of gradients and the mean of their squares.
    Adam(AdamF32, MatMut<'a>, MatMut<'a>),
    /// Any rule.
    Any(AnyUpdate<'a>),
}

/// A step of any rule on a block of weights, whose gradient and states have its shape; rows of the gradient are contiguous.
pub(crate) struct UpdateCall<'a> {
    pub(crate) rule: &'a RuleF32,
    pub(crate) w: MatMut<'a>,
    /// Those that the optimizer has.
    pub(crate) states: [Option<MatMut<'a>>; MOST_STATES],
    pub(crate) gradient: MatRef<'a>,
}

/// `C = start + S D`, for a sparse S; never with [`Finish::Update`].
pub(crate) struct Spmm<'a> {
    pub(crate) s: Sparse<'a>,
    pub(crate) d: MatRef<'a>,
    pub(crate) start: Start<'a>,
    pub(crate) finish: Finish<'a>,
    pub(crate) c: MatMut<'a>,
}

/// `Y = act(X W + bias)` for bytes that come as X^T.
pub(crate) struct TransposedForward<'a> {
    pub(crate) x_transposed: ByteRows<'a>,
    pub(crate) w: MatRef<'a>,
    pub(crate) bias: &'a [f32],
    pub(crate) relu: bool,
    pub(crate) y: MatMut<'a>,
}

/// The optimizer's step on W with the gradient `S D`, S being the transposed input.
pub(crate) struct SpmmUpdate<'a> {
    pub(crate) s: Sparse<'a>,
    pub(crate) d: MatRef<'a>,
    pub(crate) rule: UpdateRule<'a>,
    /// For RMSprop: the steps that each row of its state owes, whose gradients were zero.
    pub(crate) deferred: Option<&'a mut [u32]>,
    pub(crate) w: MatMut<'a>,
}

/// Some columns of a matrix of bytes as rows, `stride` bytes apart.
pub(crate) struct TransposeBytes<'a> {
    pub(crate) from: ByteRows<'a>,
    pub(crate) columns: Range<usize>,
    pub(crate) to: &'a mut [u8],
    pub(crate) stride: usize,
}

/// An image read at other places.
pub(crate) struct WarpBytes<'a> {
    /// For each axis what a column and a row add to the place, and the place of the first pixel, in 65536ths of a pixel. No
    /// place of this image overflows.
    pub(crate) map: [[i32; 3]; 2],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) from: &'a [u8],
    pub(crate) to: &'a mut [u8],
    /// As `Kernels::warp_room` says; its content does not matter.
    pub(crate) room: &'a mut [u16],
}

/// Softmax, loss and gradient of one batch, or of a part of one.
pub(crate) struct CrossEntropy<'a> {
    pub(crate) logits: MatRef<'a>,
    pub(crate) labels: &'a [u32],
    pub(crate) batch: f32,
    pub(crate) gradient: Option<MatMut<'a>>,
    pub(crate) losses: &'a mut [f32],
    pub(crate) predictions: &'a mut [u32],
}

/// [`CrossEntropy`] with a distribution over the classes for each row.
pub(crate) struct SoftCrossEntropy<'a> {
    pub(crate) logits: MatRef<'a>,
    pub(crate) targets: MatRef<'a>,
    pub(crate) batch: f32,
    pub(crate) gradient: Option<MatMut<'a>>,
    pub(crate) losses: &'a mut [f32],
    pub(crate) predictions: &'a mut [u32],
}

/// What label smoothing wants of a row's columns, each rounded once to f32.
#[derive(Clone, Copy)]
pub(crate) struct SmoothedF32 {
    /// Of the label's.
    pub(crate) on: f32,
    /// Of the others.
    pub(crate) off: f32,
}

/// Logistic loss and gradient of one logit a sample; all slices have one length.
pub(crate) struct BinaryCrossEntropy<'a> {
    pub(crate) logits: &'a [f32],
    pub(crate) targets: &'a [f32],
    pub(crate) batch: f32,
    pub(crate) gradient: Option<&'a mut [f32]>,
    pub(crate) losses: &'a mut [f32],
}

/// An optimizer's parameters and their gradient, of equal length.
pub(crate) struct Step<'a> {
    pub(crate) w: &'a mut [f32],
    pub(crate) gradient: &'a [f32],
}

/// RMSprop's numbers, each rounded once to f32.
#[derive(Clone, Copy)]
pub(crate) struct RmsPropF32 {
    pub(crate) learning_rate: f32,
    pub(crate) rho: f32,
    pub(crate) one_minus_rho: f32,
    /// Added to the mean of squares; 0 where epsilon stands outside of the root.
    pub(crate) epsilon_inside: f32,
    /// Added to the root; 0 where epsilon stands inside.
    pub(crate) epsilon_outside: f32,
}

/// SGD's numbers.
#[derive(Clone, Copy)]
pub(crate) struct SgdF32 {
    pub(crate) learning_rate: f32,
}

/// The numbers of gradient descent with momentum.
#[derive(Clone, Copy)]
pub(crate) struct MomentumF32 {
    pub(crate) learning_rate: f32,
    pub(crate) momentum: f32,
    pub(crate) nesterov: bool,
}

/// Adam's and AdamW's numbers at one step, each rounded once to f32.
#[derive(Clone, Copy)]
pub(crate) struct AdamF32 {
    /// The learning rate with the corrections of both means.
    pub(crate) step_size: f32,
    pub(crate) beta_1: f32,
    pub(crate) one_minus_beta_1: f32,
    pub(crate) beta_2: f32,
    pub(crate) one_minus_beta_2: f32,
    pub(crate) epsilon: f32,
    /// The part of a weight that decays in this step; 0 leaves the weights alone.
    pub(crate) decay: f32,
}

/// RMSprop's numbers with momentum or centred; with neither it is [`RmsPropF32`].
#[derive(Clone, Copy)]
pub(crate) struct RmsPropExtraF32 {
    pub(crate) rmsprop: RmsPropF32,
    pub(crate) momentum: f32,
    pub(crate) centered: bool,
}

/// An optimizer's numbers. Its states come in the order of the formula: RMSprop's mean of squares, movement, mean; Adam's mean,
/// mean of squares.
#[derive(Clone, Copy)]
pub(crate) enum OptimizerF32 {
    Sgd(SgdF32),
    Momentum(MomentumF32),
    RmsProp(RmsPropF32),
    RmsPropExtra(RmsPropExtraF32),
    Adam(AdamF32),
}

/// An optimizer, and what is done to gradients and weights before it.
#[derive(Clone, Copy)]
pub(crate) struct RuleF32 {
    pub(crate) optimizer: OptimizerF32,
    /// Twice the L2 penalty's factor; 0 leaves the gradient alone.
    pub(crate) two_l2: f32,
    /// 1 leaves the gradient alone.
    pub(crate) scale: f32,
    /// Infinity leaves the gradient alone.
    pub(crate) clip: f32,
    /// The part of a weight that decays, if not in Adam's own numbers; 0 leaves the weights alone.
    pub(crate) decay: f32,
}

/// Dropout's numbers.
#[derive(Clone, Copy)]
pub(crate) struct DropoutF32 {
    pub(crate) key: [u32; 2],
    /// Elements whose random word is below this are dropped.
    pub(crate) threshold: u32,
    /// 1 / (1 - rate).
    pub(crate) scale: f32,
}

/// Optimizer state below this in magnitude is set to zero, so that decaying state never becomes denormal:
/// 2^-100, 7.9e-31. Beside any usual epsilon it is nothing.
pub(crate) const TINY_STATE: f32 = f32::from_bits((127 - 100) << 23);

/// What `argmax` gives for a row that holds a NaN.
pub const NO_CLASS: u32 = u32::MAX;
