//! Bytes to floats by scale and shift: every exact ISA gives the reference's bits; all are close to f64.

use crate::common::layout::GUARD;
use crate::common::{Differences, all_isas, exact_isas, reference};
use mnist_fast_kernels::Kernels;

/// `n` bytes, converted; the guard is still there.
fn scaled(kernels: Kernels, n: usize, scale: f32, shift: f32) -> Vec<f32> {
    let bytes: Vec<u8> = (0..n).map(|i| (i * 37 + n) as u8).collect();
    let mut found = vec![GUARD; n + 1];
    kernels.scale_u8(&bytes, scale, shift, &mut found[..n]).unwrap();
    assert_eq!(found.pop(), Some(GUARD));
    found
}

#[test]
fn scaled_bytes_have_the_references_bits() {
    let mut differences = Differences::new();
    let wild = [0.0, 1.0, -0.013, 1e-40, 3e38, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
    for n in (0..70).chain([784]) {
        for (scale, shift) in wild.into_iter().flat_map(|scale| wild.map(|shift| (scale, shift))) {
            let expected = scaled(reference(), n, scale, shift);
            for kernels in exact_isas() {
                let what = || format!("{} {n} bytes by {scale:e} + {shift:e}", kernels.isa());
                differences.compare(what, &expected, &scaled(kernels, n, scale, shift));
            }
        }
    }
    differences.finish();
}

/// MNIST's mean and standard deviation, for every byte.
#[test]
fn scaled_bytes_are_close_to_f64() {
    let (scale, shift) = (1.0 / (255.0 * 0.3081), -0.1307 / 0.3081);
    let bytes: Vec<u8> = (0..=255).collect();
    for kernels in all_isas() {
        let mut found = [0.0; 256];
        kernels.scale_u8(&bytes, scale, shift, &mut found).unwrap();
        for (byte, found) in bytes.iter().zip(found) {
            let exact = f64::from(*byte) * f64::from(scale) + f64::from(shift);
            let error = (f64::from(found) - exact).abs();
            // Portable rounds the product as well.
            let bound = if kernels.isa().is_exact() { exact.abs() } else { 8.0 };
            assert!(error <= bound * f64::from(f32::EPSILON) / 2.0, "{byte} on {}", kernels.isa());
        }
        assert!(kernels.scale_u8(&bytes, scale, shift, &mut found[1..]).is_err());
    }
}
