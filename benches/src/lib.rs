//! What the benchmark targets of this package share: options, timing, the machine, tables.
//!
//! The rivals are dev-dependencies and are named only in the bench targets.

pub mod machine;
pub mod options;
pub mod peak;
pub mod table;
pub mod timing;
