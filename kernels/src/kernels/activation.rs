//! Activations, elementwise.

use super::Kernels;

impl Kernels {
    /// ReLU in place: `if x < 0 { +0 } else { x }`. NaN passes; the sign of a zero is not fixed.
    pub fn relu(self, x: &mut [f32]) {
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.relu)(x) }
    }
}
