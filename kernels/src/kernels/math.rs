//! Elementary functions, elementwise.

use super::Kernels;

impl Kernels {
    /// e^x in place, elementwise, within 1.02 ULP (measured over all floats): `2^n e^r` with `|r| <= ln(2) / 2`, and the
    /// polynomial of Moshier's Cephes (`expf.c`) for `e^r`.
    ///
    /// NaN passes; +inf gives +inf, as does whatever is above 88.72283, where the result exceeds `f32::MAX`; -inf gives +0, as
    /// does whatever is below -87.33654, where the result would be denormal. `e^0 = 1` exactly, also for denormal x.
    ///
    /// ```
    /// let mut x = [0.0, 1.0, -100.0, 100.0];
    /// mnist_fast_kernels::Kernels::best().exp(&mut x);
    /// assert!((x[1] - core::f32::consts::E).abs() < 3e-7);
    /// assert_eq!([x[0], x[2], x[3]], [1.0, 0.0, f32::INFINITY]);
    /// ```
    pub fn exp(self, x: &mut [f32]) {
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.exp)(x) }
    }

    /// The natural logarithm in place, elementwise, within 0.83 ULP (measured over all floats): `e ln 2 + ln(1 + f)` with
    /// `sqrt(0.5) <= 1 + f < sqrt(2)`, and the polynomial of Moshier's Cephes (`logf.c`).
    ///
    /// NaN passes; +inf gives +inf; a zero of either sign gives -inf; anything below, -inf too, gives NaN. Denormals are as
    /// accurate as the rest. `ln 1 = 0` exactly.
    ///
    /// ```
    /// let mut x = [1.0, core::f32::consts::E, 0.0, -1.0];
    /// mnist_fast_kernels::Kernels::best().ln(&mut x);
    /// assert!((x[1] - 1.0).abs() < 1e-7 && x[3].is_nan());
    /// assert_eq!([x[0], x[2]], [0.0, f32::NEG_INFINITY]);
    /// ```
    pub fn ln(self, x: &mut [f32]) {
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.ln)(x) }
    }
}
