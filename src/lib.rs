//! Train and run multilayer perceptrons on IDX image datasets on the CPU.

pub mod error;

pub use error::{Error, Result};
