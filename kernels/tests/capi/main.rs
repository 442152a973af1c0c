//! The C interface, called from Rust: the bits of the safe methods, and a status for every wrong call.
//!
//! Every function is called with each of its pointers null and misaligned in turn before it is called in earnest; functions
//! that work in place would show it if a refused call had written.

#[path = "../common/mod.rs"]
mod common;
mod dense;
mod elementwise;
mod images;
mod messages;
mod optimizers;
mod packed;
mod products;
mod refusals;
mod rows;
mod rules;
mod sparse;
mod support;
mod twins;

const BATCH: usize = 21;
const INPUTS: usize = 33;
const OUTPUTS: usize = 18;
