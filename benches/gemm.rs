//! GEMM throughput.
fn main() {}
