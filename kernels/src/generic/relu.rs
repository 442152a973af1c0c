//! ReLU: `if x < 0 { +0 } else { x }`; NaN passes.

use super::simd::{LANES, Simd};

/// In place.
#[inline(always)]
pub(crate) fn relu<S: Simd>(s: S, x: &mut [f32]) {
    let zero = s.splat(0.0);
    for chunk in x.chunks_mut(LANES) {
        // `max` gives its second operand where either is NaN.
        let y = s.max(zero, s.load(chunk));
        s.store(chunk, y);
    }
}
