//! Bit-exact SIMD kernels for multilayer perceptrons.
//!
//! SGEMM, dense layers, activations, softmax, cross-entropy and optimizers, hand-tuned per instruction set, behind a safe
//! API over checked views. **The same input gives the same bits** on every ISA with fused multiply-add
//! ([`Isa::Avx2`], [`Isa::Avx512`], [`Isa::Neon`], and the reference [`Isa::Scalar`]), however the outputs are split
//! among threads.
//!
//! ```
//! use mnist_fast_kernels::{Activation, Kernels, MatMut, MatRef, Workspace};
//!
//! let kernels = Kernels::best(); // the fastest this CPU runs; choose once, it is Copy
//! let mut workspace = Workspace::new(); // scratch memory: no call allocates
//! let x = [1.0, 2.0, 3.0, 4.0]; // two samples of two inputs
//! let w = [1.0, -1.0, 0.5, 1.0]; // two inputs to two outputs
//! let mut y = [0.0; 4];
//! kernels.dense_forward(
//!     MatRef::new(&x, 2, 2)?,
//!     MatRef::new(&w, 2, 2)?,
//!     &[0.0, -2.0],
//!     Activation::Relu,
//!     MatMut::new(&mut y, 2, 2)?,
//!     &mut workspace,
//! )?;
//! assert_eq!(y, [2.0, 0.0, 5.0, 0.0]);
//! # Ok::<(), mnist_fast_kernels::Error>(())
//! ```
//!
//! # The operations
//! All are methods of [`Kernels`], on matrices ([`MatRef`] to read, [`MatMut`] to write, [`StridedMut`] to write with any
//! strides, [`PackedB`] to multiply often) or slices. Each says its formula,
//! its accuracy, and what NaN, infinities and denormals do.
//!
//! | group | operations |
//! |---|---|
//! | matrix product | [`gemm`](Kernels::gemm), to a C of any strides [`gemm_strided`](Kernels::gemm_strided), on pointers [`sgemm`](Kernels::sgemm); with a B that is packed once ([`pack_b`](Kernels::pack_b), `pack_b_owned` with `std`) [`gemm_packed`](Kernels::gemm_packed) |
//! | dense layer | [`dense_forward`](Kernels::dense_forward) with bias and activation, with packed weights [`dense_forward_packed`](Kernels::dense_forward_packed); gradients by [input](Kernels::dense_input_gradient), [weights](Kernels::dense_weight_gradient) and [bias](Kernels::dense_bias_gradient); gradient and update in one pass with [SGD](Kernels::dense_weight_update_sgd), [momentum](Kernels::dense_weight_update_momentum), [RMSprop](Kernels::dense_weight_update_rmsprop), [Adam](Kernels::dense_weight_update_adam) and [AdamW](Kernels::dense_weight_update_adamw) |
//! | sparse input | [`spmm`](Kernels::spmm) and the layer's products and updates ([`dense_forward_sparse`](Kernels::dense_forward_sparse), [`dense_forward_transposed`](Kernels::dense_forward_transposed), ...) for a [`Sparse`] matrix: [`Csr`], [`ByteRows`], or floats whose zeros are left out; [`compress`](Kernels::compress), [`compress_u8`](Kernels::compress_u8), [`transpose`](Kernels::transpose), [`transpose_u8`](Kernels::transpose_u8) |
//! | activations | [`relu`](Kernels::relu), [`leaky_relu`](Kernels::leaky_relu), [`sigmoid`](Kernels::sigmoid), [`tanh`](Kernels::tanh); through them backward: [`relu_gradient`](Kernels::relu_gradient), [`leaky_relu_gradient`](Kernels::leaky_relu_gradient), [`sigmoid_gradient`](Kernels::sigmoid_gradient), [`tanh_gradient`](Kernels::tanh_gradient); [`dropout`](Kernels::dropout), forward and back |
//! | softmax and losses | [`softmax`](Kernels::softmax), [`log_softmax`](Kernels::log_softmax); loss, gradient and prediction in one pass for [labels](Kernels::softmax_cross_entropy), for [smoothed ones](Kernels::softmax_cross_entropy_smoothed) and for [distributions](Kernels::softmax_cross_entropy_soft); [`binary_cross_entropy`](Kernels::binary_cross_entropy) |
//! | reductions of rows | [`row_sum`](Kernels::row_sum), [`row_max`](Kernels::row_max), [`row_norm2`](Kernels::row_norm2), [`row_sum_of_squares`](Kernels::row_sum_of_squares), [`argmax`](Kernels::argmax) |
//! | optimizers | [`sgd`](Kernels::sgd), [`momentum`](Kernels::momentum) (Polyak's and Nesterov's), [`rmsprop`](Kernels::rmsprop), [`adam`](Kernels::adam), [`adamw`](Kernels::adamw); any of them, RMSprop centred or with momentum, with an L2 penalty, clipping and weight decay, as a [`Rule`]: [`update`](Kernels::update), [`dense_weight_update`](Kernels::dense_weight_update), [`dense_weight_update_sparse`](Kernels::dense_weight_update_sparse) |
//! | elementary functions | [`exp`](Kernels::exp), [`ln`](Kernels::ln) |
//! | pixels to floats | [`unit_from_u8`](Kernels::unit_from_u8), [`scale_u8`](Kernels::scale_u8) |
//! | distorted images | [`warp_u8`](Kernels::warp_u8) by a [`Warp`], such as a random one of a [`Distortion`] |
//! | measuring aids | the most that the CPU can do: [`probe_fma`](Kernels::probe_fma), [`probe_read`](Kernels::probe_read), [`probe_update`](Kernels::probe_update) |
//!
//! Around them: [`mod@scalar`] has functions of f64 with fixed bits, [`Isa`] names and detects instruction sets, [`Workspace`] is scratch memory for products, [`split`] shares
//! out rows among threads, [`prefetch()`] brings memory near.
//!
//! # What it is not
//! It starts no threads, keeps no globals, reads no environment and does no I/O. To use several threads, give
//! each a part of the outputs: cut their memory (`chunks_mut`), view each part with [`MatMut`], and take the operand's
//! part with [`MatRef::row_range`] or [`MatRef::column_range`]. The README shows it.
//!
//! # The order of every sum
//! An element of a matrix product is one chain of fused multiply-adds in increasing k. Reductions along a row use
//! 16 virtual lanes. [`mod@reference`] is the definition, as plain loops.
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]
// Where there is no vector ISA, only the reference is used.
#![cfg_attr(
    not(any(target_arch = "x86_64", target_arch = "aarch64", feature = "portable")),
    allow(dead_code)
)]

mod any_update;
mod arch;
#[cfg(feature = "capi")]
pub mod capi;
mod constants;
mod csr;
mod error;
mod gemm;
mod generic;
mod isa;
mod kernels;
pub mod reference;
pub mod scalar;
mod sparse;
mod sparse_input;
mod table;
mod view;
mod workspace;

pub use arch::prefetch::prefetch;
pub use csr::Csr;
pub use error::Error;
pub use isa::Isa;
pub use kernels::{
    Activation, Adam, AdamW, Distortion, DistortionRange, Dropout, Epsilon, GemmBlocks, GemmTile, Kernels,
    LabelSmoothing, Momentum, Optimizer, PackedB, RmsProp, RmsPropMomentum, Rule, Sgd, Warp, split,
};
pub use sparse_input::{ByteRows, Sparse};
pub use table::NO_CLASS;
pub use view::{MatMut, MatRef, StridedMut};
pub use workspace::Workspace;

/// Runs the README's examples.
#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
struct Readme;
