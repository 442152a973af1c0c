//! Inverted dropout, with masks from Philox: this text is the definition of the masks.

use super::philox::philox;
use crate::table::DropoutF32;

/// Element i is +0 if its word is below the threshold, else `scale x`. Of every 64 elements the first 16 take the first
/// words of 16 blocks, the next 16 the second words, and so on; the counter is the block and the position.
pub(super) fn dropout(rule: DropoutF32, [a, b, c]: [u32; 3], x: &mut [f32]) {
    for (i, x) in x.iter_mut().enumerate() {
        let (block, word) = (i / 64 * 16 + i % 16, i / 16 % 4);
        let dropped = philox(rule.key, [block as u32, a, b, c])[word] < rule.threshold;
        *x = if dropped { 0.0 } else { rule.scale * *x };
    }
}
