//! Binary cross-entropy of one logit a sample; `reference/binary_cross_entropy.rs` defines it.

use super::activation::{exp_minus_abs, sigmoid};
use super::math::ln;
use super::simd::{LANES, Simd};
use crate::table::BinaryCrossEntropy;

/// Loss and gradient.
#[inline(always)]
pub(crate) fn binary_cross_entropy<S: Simd>(s: S, mut call: BinaryCrossEntropy<'_>) {
    let (zero, one, batch) = (s.splat(0.0), s.splat(1.0), s.splat(call.batch));
    let chunks = call.logits.chunks(LANES).zip(call.targets.chunks(LANES));
    for (c, ((z, t), loss)) in chunks.zip(call.losses.chunks_mut(LANES)).enumerate() {
        let columns = c * LANES..c * LANES + z.len();
        let (z, t) = (s.load(z), s.load(t));
        let e = exp_minus_abs(s, z);
        let one_and_e = s.add(one, e);
        let lost = s.sub(e, s.sub(one_and_e, one));
        let ln = s.add(ln(s, one_and_e), s.div(lost, one_and_e));
        // `max` gives its second operand where either is NaN; the product passes the NaN on.
        let linear = s.fma(s.sub(zero, z), t, s.max(z, zero));
        s.store(loss, s.add(linear, ln));
        if let Some(gradient) = &mut call.gradient {
            let difference = s.sub(sigmoid(s, z, e), t);
            s.store(&mut gradient[columns], s.div(difference, batch));
        }
    }
}
