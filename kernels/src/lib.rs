//! Bit-exact SIMD kernels for multilayer perceptrons.
