//! Loops that do one thing as fast as the CPU can: a roofline's peaks.

use core::hint::black_box;

use super::simd::{LANES, Simd};

/// Vectors of a pass in the loops over memory: enough to hide that they are loops.
const UNROLLED: usize = 4;

/// `rounds` of `x = x / 2 + 1` on as many chains as the registers hold, but for the two constants: their number of vectors, and
/// the sum of the chains.
#[inline(always)]
pub(crate) fn fma<S: Simd>(s: S, rounds: u32) -> (u64, f32) {
    // Two units with a latency of 4 cycles need 8 registers.
    match S::REGISTERS {
        16.. => chains::<S, 12>(s, rounds),
        8..16 => chains::<S, 6>(s, rounds),
        _ => chains::<S, 3>(s, rounds),
    }
}

#[inline(always)]
fn chains<S: Simd, const N: usize>(s: S, rounds: u32) -> (u64, f32) {
    let (half, one) = (s.splat(black_box(0.5)), s.splat(1.0));
    let mut chains = [one; N];
    // Equal chains would be one to the compiler.
    for (i, chain) in chains.iter_mut().enumerate() {
        *chain = s.splat(black_box(i as f32));
    }
    for _ in 0..rounds {
        for chain in &mut chains {
            *chain = s.fma(*chain, half, one);
        }
    }
    let mut sum = s.splat(0.0);
    for chain in chains {
        sum = s.add(sum, chain);
    }
    (N as u64, s.fold_add(sum))
}

/// Reads `x` `rounds` times: the bits that any element has.
#[inline(always)]
pub(crate) fn read<S: Simd>(s: S, x: &[f32], rounds: u32) -> u32 {
    let zero = s.bits(s.splat(0.0));
    let mut any = [zero; UNROLLED];
    for _ in 0..rounds {
        let (blocks, rest) = black_box(x).as_chunks::<{ UNROLLED * LANES }>();
        for block in blocks {
            for (v, any) in any.iter_mut().enumerate() {
                // SAFETY: a block has that many vectors.
                let x = unsafe { s.load_ptr(block.as_ptr().add(v * LANES)) };
                *any = s.or_i(*any, s.bits(x));
            }
        }
        for x in rest.chunks(LANES) {
            any[0] = s.or_i(any[0], s.bits(s.load(x)));
        }
    }
    let mut all = zero;
    for any in any {
        all = s.or_i(all, any);
    }
    let mut lanes = [0.0; LANES];
    s.store(&mut lanes, s.float(all));
    lanes.iter().fold(0, |all, lane| all | lane.to_bits())
}

/// `y += a x`, `rounds` times; both have one length.
#[inline(always)]
pub(crate) fn update<S: Simd>(s: S, a: f32, x: &[f32], y: &mut [f32], rounds: u32) {
    let a = s.splat(a);
    for _ in 0..rounds {
        let (blocks, rest) = black_box(x).as_chunks::<{ UNROLLED * LANES }>();
        let (to_blocks, to_rest) = y.as_chunks_mut::<{ UNROLLED * LANES }>();
        for (x, y) in blocks.iter().zip(to_blocks) {
            for v in 0..UNROLLED {
                // SAFETY: both blocks have that many vectors.
                unsafe {
                    let y = y.as_mut_ptr().add(v * LANES);
                    s.store_ptr(y, s.fma(a, s.load_ptr(x.as_ptr().add(v * LANES)), s.load_ptr(y)));
                }
            }
        }
        for (x, y) in rest.chunks(LANES).zip(to_rest.chunks_mut(LANES)) {
            let sum = s.fma(a, s.load(x), s.load(y));
            s.store(y, sum);
        }
    }
}
