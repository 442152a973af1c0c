//! The command line of mnist-fast.

fn main() {}
