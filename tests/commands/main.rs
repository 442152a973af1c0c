//! What the commands do, run as a user runs them, and the parts of the library that they stand on.
//!
//! One program, not one for each file: linking takes longer than compiling most of them.

mod augmentation;
mod cli;
mod early_stop;
mod eval;
mod export;
mod inspect;
mod losses;
#[path = "../mnist/mod.rs"]
mod mnist;
mod optimizers;
mod predict;
#[path = "../program/mod.rs"]
mod program;
mod repeat;
mod report;
mod schedule;
#[path = "../scratch/mod.rs"]
mod scratch;
#[path = "../trained/mod.rs"]
mod trained;
