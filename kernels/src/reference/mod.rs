//! The scalar truth: each operation as plain loops, in the order that the numerics contract fixes.
//!
//! Every other exact ISA must give these bits. It shares no code with `generic/`, only the constants of exp,
//! ln and tanh, and it is what `--isa scalar` runs.
#![forbid(unsafe_code)]

mod activation;
mod binary_cross_entropy;
mod convert;
mod dense;
mod dropout;
pub mod fma;
mod gemm;
mod lanes;
mod math;
mod optimizer;
pub(crate) mod philox;
mod probe;
mod relu;
mod rows;
mod soft_labels;
mod softmax;
mod sparse;
mod sqrt;
mod update;
mod warp;

pub use fma::fma;

use crate::Isa;
use crate::table::Table;

/// The reference as a table of kernels.
pub(crate) static TABLE: Table = Table {
    isa: Isa::Scalar,
    gemm: gemm::gemm,
    dense_forward: dense::forward,
    dense_input_gradient: dense::input_gradient,
    dense_weight_gradient: dense::weight_gradient,
    dense_weight_update: dense::weight_update,
    dense_bias_gradient: dense::bias_gradient,
    relu: relu::relu,
    leaky_relu: activation::leaky_relu,
    sigmoid: activation::sigmoid_slice,
    tanh: activation::tanh_slice,
    relu_gradient: activation::relu_gradient,
    leaky_relu_gradient: activation::leaky_relu_gradient,
    sigmoid_gradient: activation::sigmoid_gradient,
    tanh_gradient: activation::tanh_gradient,
    dropout: dropout::dropout,
    softmax: softmax::softmax,
    softmax_cross_entropy: softmax::softmax_cross_entropy,
    log_softmax: softmax::log_softmax,
    soft_cross_entropy: soft_labels::soft_cross_entropy,
    smoothed_cross_entropy: soft_labels::smoothed_cross_entropy,
    binary_cross_entropy: binary_cross_entropy::binary_cross_entropy,
    row_sum: rows::sum,
    row_max: rows::max,
    row_norm2: rows::norm2,
    row_sum_of_squares: rows::sum_of_squares,
    argmax: softmax::argmax,
    rmsprop: optimizer::rmsprop,
    sgd: optimizer::sgd,
    momentum: optimizer::momentum,
    adam: optimizer::adam,
    update: update::update,
    spmm: sparse::spmm,
    spmm_update: sparse::spmm_update,
    dense_forward_transposed: sparse::dense_forward_transposed,
    rmsprop_decay: sparse::rmsprop_decay,
    compress: sparse::compress,
    compress_u8: sparse::compress_u8,
    transpose_u8: sparse::transpose_u8,
    transpose: sparse::transpose,
    unit_from_u8: convert::unit_from_u8,
    scale_u8: convert::scale_u8,
    warp_u8: warp::warp_u8,
    exp: math::exp_slice,
    ln: math::ln_slice,
    sparse_columns: 1,
    probe_fma: probe::multiply_add,
    probe_read: probe::read,
    probe_update: probe::update,
    tiles: None,
};
