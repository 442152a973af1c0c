//! Elementary functions, elementwise.

use super::Kernels;

impl Kernels {
    /// e^x in place, within 1.02 ULP. NaN passes; results that would be denormal are +0; above 88.72283 +inf.
    pub fn exp(self, x: &mut [f32]) {
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.exp)(x) }
    }

    /// ln x in place, within 0.83 ULP. NaN passes; a negative gives NaN, a zero -inf; denormals are exact inputs.
    pub fn ln(self, x: &mut [f32]) {
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.ln)(x) }
    }
}
