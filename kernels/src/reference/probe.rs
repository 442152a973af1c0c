//! Loops for a roofline's peaks.

use super::fma;

/// `rounds` of `x = x / 2 + 1` on one vector of 16 chains: 1, and the sum of the chains.
pub(super) fn multiply_add(rounds: u32) -> (u64, f32) {
    let mut chains = [core::hint::black_box(0.0); 16];
    for _ in 0..rounds {
        for chain in &mut chains {
            *chain = fma(*chain, 0.5, 1.0);
        }
    }
    (1, chains.iter().sum())
}

/// The bits that any element has.
pub(super) fn read(x: &[f32], rounds: u32) -> u32 {
    let mut any = 0;
    for _ in 0..rounds {
        any = core::hint::black_box(x).iter().fold(any, |any, x| any | x.to_bits());
    }
    any
}

/// `y += a x`, `rounds` times.
pub(super) fn update(a: f32, x: &[f32], y: &mut [f32], rounds: u32) {
    for _ in 0..rounds {
        for (x, y) in x.iter().zip(&mut *y) {
            *y = fma(a, *x, *y);
        }
    }
}
