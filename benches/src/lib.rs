//! What the benchmark targets of this package share: options, environment, timing, the machine, tables, JSON.
//!
//! The rivals are dev-dependencies and are named only in the bench targets.

pub mod environment;
pub mod json;
pub mod machine;
pub mod options;
pub mod peak;
pub mod table;
pub mod timing;
