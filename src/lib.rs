//! Train and run multilayer perceptrons on IDX image datasets on the CPU.
//!
//! ```text
//! IDX bytes (mmap) -> batch (gather, u8 -> f32) -> forward -> loss -> backward -> update -> epoch report
//! dataset             train/step.rs              mnist_fast_kernels ...                    report
//! ```

pub mod activation;
mod affinity;
pub mod args;
pub mod atomic;
pub mod augment;
pub mod bug;
pub mod caches;
pub mod checkpoint;
pub mod confusion;
pub mod dataset;
mod density;
pub mod draw;
pub mod error;
pub mod hash;
pub mod history;
pub mod idx;
pub mod input;
mod little_endian;
pub mod loss;
pub mod markup;
mod memory;
pub mod metrics;
pub mod mistakes;
pub mod model_file;
pub mod nearest;
pub mod network;
pub mod npz;
pub mod optimizer;
mod pace;
mod phases;
pub mod picture;
pub mod predict;
pub mod random;
pub mod report;
pub mod roofline;
pub mod schedule;
pub mod shared;
pub mod statistics;
pub mod svg;
pub mod target;
pub mod team;
pub mod train;
pub mod units;

pub use error::{Error, Result};
