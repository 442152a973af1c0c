//! Inverted dropout; `reference/dropout.rs` defines it. Philox runs in plain loops over 16 lanes, which the compiler turns
//! into the ISA's vectors: integers have one result anyway.

use super::simd::{LANES, Simd};
use crate::table::DropoutF32;

type Lanes = [u32; LANES];

/// Both halves of each 64-bit product.
#[inline(always)]
fn multiply(multiplier: u32, x: &Lanes) -> (Lanes, Lanes) {
    let (mut high, mut low) = ([0; LANES], [0; LANES]);
    for i in 0..LANES {
        let product = u64::from(multiplier) * u64::from(x[i]);
        (high[i], low[i]) = ((product >> 32) as u32, product as u32);
    }
    (high, low)
}

/// `a ^ b ^ key`.
#[inline(always)]
fn mix(a: &Lanes, b: &Lanes, key: u32) -> Lanes {
    let mut out = [0; LANES];
    for i in 0..LANES {
        out[i] = a[i] ^ b[i] ^ key;
    }
    out
}

/// The four words of 16 blocks, from the block `first` on.
#[inline(always)]
fn philox(mut key: [u32; 2], first: u32, position: [u32; 3]) -> [Lanes; 4] {
    let [a, b, c] = position;
    let mut x = [[first; LANES], [a; LANES], [b; LANES], [c; LANES]];
    for (i, block) in x[0].iter_mut().enumerate() {
        *block = block.wrapping_add(i as u32);
    }
    for _ in 0..10 {
        let (high_0, low_0) = multiply(0xd251_1f53, &x[0]);
        let (high_2, low_2) = multiply(0xcd9e_8d57, &x[2]);
        x = [mix(&high_2, &x[1], key[0]), low_2, mix(&high_0, &x[3], key[1]), low_0];
        key = [key[0].wrapping_add(0x9e37_79b9), key[1].wrapping_add(0xbb67_ae85)];
    }
    x
}

/// `scale x` where the element's word is not below the threshold, else +0.
#[inline(always)]
pub(crate) fn dropout<S: Simd>(s: S, rule: DropoutF32, position: [u32; 3], x: &mut [f32]) {
    let (zero, scale) = (s.splat(0.0), s.splat(rule.scale));
    for (group, x) in x.chunks_mut(4 * LANES).enumerate() {
        let words = philox(rule.key, (group * LANES) as u32, position);
        for (words, x) in words.iter().zip(x.chunks_mut(LANES)) {
            let mut kept = [0.0; LANES];
            for i in 0..LANES {
                kept[i] = if words[i] < rule.threshold { 0.0 } else { 1.0 };
            }
            let scaled = s.mul(s.load(x), scale);
            s.store(x, s.select(s.gt(s.load(&kept), zero), scaled, zero));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against Random123's `kat_vectors`: a block is the counter's first word.
    #[test]
    fn philox_gives_the_published_words() {
        let ones = u32::MAX;
        for (counter, key, expected) in [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([ones; 4], [ones; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ] {
            let [block, a, b, c] = counter;
            for lane in [0, 7, 15] {
                let words = philox(key, block.wrapping_sub(lane), [a, b, c]);
                assert_eq!(words.map(|lanes| lanes[lane as usize]), expected, "lane {lane}");
            }
        }
    }
}
