//! Inverted dropout, with masks from Philox: this text is the definition of both.

use crate::table::DropoutF32;

/// Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011): four words for
/// each counter, whatever was drawn before.
fn philox([mut k0, mut k1]: [u32; 2], mut counter: [u32; 4]) -> [u32; 4] {
    for _ in 0..10 {
        let [c0, c1, c2, c3] = counter;
        let left = 0xd251_1f53 * u64::from(c0);
        let right = 0xcd9e_8d57 * u64::from(c2);
        counter = [(right >> 32) as u32 ^ c1 ^ k0, right as u32, (left >> 32) as u32 ^ c3 ^ k1, left as u32];
        k0 = k0.wrapping_add(0x9e37_79b9);
        k1 = k1.wrapping_add(0xbb67_ae85);
    }
    counter
}

/// Element i is +0 if its word is below the threshold, else `scale x`. Of every 64 elements the first 16 take the first
/// words of 16 blocks, the next 16 the second words, and so on; the counter is the block and the position.
pub(super) fn dropout(rule: DropoutF32, [a, b, c]: [u32; 3], x: &mut [f32]) {
    for (i, x) in x.iter_mut().enumerate() {
        let (block, word) = (i / 64 * 16 + i % 16, i / 16 % 4);
        let dropped = philox(rule.key, [block as u32, a, b, c])[word] < rule.threshold;
        *x = if dropped { 0.0 } else { rule.scale * *x };
    }
}

#[cfg(test)]
mod tests {
    use super::philox;

    /// Against Random123's `kat_vectors`.
    #[test]
    fn philox_gives_the_published_words() {
        assert_eq!(philox([0; 2], [0; 4]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        let ones = u32::MAX;
        assert_eq!(philox([ones; 2], [ones; 4]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        let expected = [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1];
        assert_eq!(philox([0xa409_3822, 0x299f_31d0], pi), expected);
    }
}
