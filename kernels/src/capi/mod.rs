//! The C interface: the safe methods of [`Kernels`](crate::Kernels) as `extern "C"` functions.
//!
//! `include/mnist_fast_kernels.h` declares them, and says what holds for all of them; cbindgen writes it from these
//! files. The library to link is made by
//!
//! ```sh
//! cargo rustc -p mnist-fast-kernels --release --features capi --crate-type staticlib # or cdylib
//! ```
//!
//! Every function that computes goes the same way: its body runs inside `guarded`, which lets no panic cross the
//! border; `arguments` makes checked views of the caller's pointers; the safe method does the rest. Enumerations that C
//! passes in are plain `i32` here, because a C caller can pass any number.
//!
//! # Safety
//! What a caller must keep: every pointer that is not null leads to as many elements as the sizes say, readable, and
//! writable where it is not `const`, for the time of the call; nothing that is written overlaps another argument,
//! nor is used by another thread meanwhile.
#![expect(
    clippy::missing_safety_doc,
    reason = "it stands above, and in the header's first lines, once for all"
)]

mod arguments;

// In the header's order.
mod status;

mod handle;

mod gemm;

mod dense;

mod packed;

mod activation;

mod softmax;

mod rows;

mod optimizer;

mod rule;

mod sparse;

mod dropout;

mod convert;

mod warp;

mod split;

pub use activation::*;
pub use convert::*;
pub use dense::*;
pub use dropout::*;
pub use gemm::*;
pub use handle::*;
pub use optimizer::*;
pub use packed::*;
pub use rows::*;
pub use rule::*;
pub use softmax::*;
pub use sparse::*;
pub use split::*;
pub use status::*;
pub use warp::*;
