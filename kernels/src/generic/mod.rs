//! Each algorithm once, over the vector trait of `simd.rs`; `arch/` stamps a copy of each per ISA.

pub(crate) mod activation;
pub(crate) mod binary_cross_entropy;
pub(crate) mod compress;
pub(crate) mod convert;
pub(crate) mod dense;
pub(crate) mod dropout;
pub(crate) mod math;
pub(crate) mod optimizer;
pub(crate) mod probe;
pub(crate) mod relu;
pub(crate) mod rows;
pub(crate) mod simd;
pub(crate) mod soft_labels;
pub(crate) mod softmax;
pub(crate) mod transpose;
pub(crate) mod update;
pub(crate) mod warp;
