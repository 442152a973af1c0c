//! Conformance: on every exact ISA the kernels give the reference's bits, and write nothing else.
//!
//! One program, not one for each group: linking it takes longer than compiling any of them.

mod activations;
#[path = "../common/mod.rs"]
mod common;
mod convert;
mod dropout;
mod gemm_forms;
mod guards;
mod losses;
mod operations;
mod optimizers;
mod random_dense;
mod random_gemm;
mod random_rows;
mod rows;
mod rules;
mod sparse;
mod warp;
