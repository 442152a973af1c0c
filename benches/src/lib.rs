//! What the benchmark target of this package and its helper share: shapes and operands, contenders here and in other
//! processes, checking, timing, threads, options, the machine, tables, JSON.
//!
//! The rivals are dev-dependencies, or the helper's, and are named only there.

pub mod affinity;
pub mod contender;
pub mod correctness;
pub mod environment;
pub mod json;
pub mod machine;
pub mod options;
pub mod pair;
pub mod peak;
pub mod pointers;
pub mod shapes;
pub mod table;
pub mod timing;
pub mod worker;
