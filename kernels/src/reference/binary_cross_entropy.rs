//! Binary cross-entropy of one logit a sample.

use super::{fma, math};
use crate::table::BinaryCrossEntropy;

/// Loss `max(z, 0) - z t + ln(1 + e^-|z|)`, gradient `(sigmoid(z) - t) / batch`.
pub(super) fn binary_cross_entropy(mut call: BinaryCrossEntropy<'_>) {
    for (i, (z, t)) in call.logits.iter().zip(call.targets).enumerate() {
        let e = math::exp(-z.abs());
        let one_and_e = 1.0 + e;
        // What the sum lost, e - ((1 + e) - 1), comes back as the first term of the logarithm's series.
        let lost = e - (one_and_e - 1.0);
        let ln = math::ln(one_and_e) + lost / one_and_e;
        let positive = if *z > 0.0 { *z } else { 0.0 };
        call.losses[i] = fma(-z, *t, positive) + ln;
        if let Some(gradient) = &mut call.gradient {
            let p = (if *z < 0.0 { e } else { 1.0 }) / one_and_e;
            gradient[i] = (p - t) / call.batch;
        }
    }
}
