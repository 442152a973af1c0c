//! Train and run multilayer perceptrons on IDX image datasets on the CPU.
//!
//! ```text
//! IDX bytes (mmap) -> batch (gather, u8 -> f32) -> forward -> loss -> backward -> update -> epoch report
//! dataset             train/step.rs              mnist_fast_kernels ...                    report
//! ```

mod affinity;
pub mod atomic;
pub mod caches;
pub mod confusion;
pub mod dataset;
pub mod draw;
pub mod error;
pub mod hash;
pub mod idx;
mod memory;
pub mod metrics;
pub mod model_file;
pub mod nearest;
pub mod network;
pub mod picture;
pub mod predict;
pub mod random;
pub mod roofline;
pub mod shared;
pub mod statistics;
pub mod target;
pub mod team;
pub mod train;

pub use error::{Error, Result};
