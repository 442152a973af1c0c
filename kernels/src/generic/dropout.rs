//! Inverted dropout; `reference/dropout.rs` defines it. Philox computes 16 blocks at a time, a lane each.

use super::simd::{LANES, Simd};
use crate::table::DropoutF32;

/// The bits of 0, 1, ..., 15.
static NUMBERS: [f32; LANES] = {
    let mut numbers = [0.0; LANES];
    let mut i = 0;
    while i < LANES {
        numbers[i] = f32::from_bits(i as u32);
        i += 1;
    }
    numbers
};

/// The four words of 16 blocks, from the block `first` on.
#[inline(always)]
fn philox<S: Simd>(s: S, mut key: [u32; 2], first: u32, position: [u32; 3]) -> [S::I; 4] {
    let blocks = s.add_i(s.splat_i(first as i32), s.bits(s.load(&NUMBERS)));
    let [a, b, c] = position;
    let mut x = [blocks, s.splat_i(a as i32), s.splat_i(b as i32), s.splat_i(c as i32)];
    for _ in 0..10 {
        let (left_high, left_low) = s.mul_wide(x[0], 0xd251_1f53);
        let (right_high, right_low) = s.mul_wide(x[2], 0xcd9e_8d57);
        x = [
            s.xor_i(s.xor_i(right_high, x[1]), s.splat_i(key[0] as i32)),
            right_low,
            s.xor_i(s.xor_i(left_high, x[3]), s.splat_i(key[1] as i32)),
            left_low,
        ];
        key = [key[0].wrapping_add(0x9e37_79b9), key[1].wrapping_add(0xbb67_ae85)];
    }
    x
}

/// `scale x` where the element's word is not below the threshold, else +0.
#[inline(always)]
pub(crate) fn dropout<S: Simd>(s: S, rule: DropoutF32, position: [u32; 3], x: &mut [f32]) {
    let (threshold, scale, ones) = (s.splat_i(rule.threshold as i32), s.splat(rule.scale), s.splat_i(-1));
    for (group, x) in x.chunks_mut(4 * LANES).enumerate() {
        let words = philox(s, rule.key, (group * LANES) as u32, position);
        for (words, x) in words.into_iter().zip(x.chunks_mut(LANES)) {
            // The borrow of the unsigned difference, in the highest bit: what is below the threshold has it.
            let not = s.xor_i(words, ones);
            let either = s.and_i(s.or_i(not, threshold), s.sub_i(words, threshold));
            let borrow = s.or_i(s.and_i(not, threshold), either);
            let kept = s.xor_i(s.shr::<31>(borrow), ones);
            let scaled = s.bits(s.mul(s.load(x), scale));
            s.store(x, s.float(s.and_i(scaled, kept)));
        }
    }
}
