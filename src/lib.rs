//! Train and run multilayer perceptrons on IDX image datasets on the CPU.

pub mod atomic;
pub mod dataset;
pub mod error;
pub mod hash;
pub mod idx;
pub mod nearest;

pub use error::{Error, Result};
