//! Activations, elementwise, and their gradients by their outputs.

use super::{Kernels, check_len};
use crate::Error;

impl Kernels {
    /// ReLU in place, elementwise: `if x < 0 { +0 } else { x }` (Nair and Hinton, "Rectified linear units improve restricted
    /// Boltzmann machines", 2010). Exact. NaN and +inf pass, -inf gives +0, positive denormals stay; the sign of a zero is not
    /// fixed. [`Kernels::dense_forward`] does the same in one pass with the product.
    ///
    /// ```
    /// let mut x = [-2.0, 0.0, 3.0, f32::NAN];
    /// mnist_fast_kernels::Kernels::best().relu(&mut x);
    /// assert_eq!(x[..3], [0.0, 0.0, 3.0]);
    /// assert!(x[3].is_nan()); // a network that diverges shows it
    /// ```
    pub fn relu(self, x: &mut [f32]) {
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.relu)(x) }
    }

    /// Leaky ReLU in place, elementwise: `if x < 0 { slope x } else { x }` (Maas, Hannun and Ng, "Rectifier nonlinearities
    /// improve neural network acoustic models", 2013). The product is rounded once, and denormal where it is that small; NaN
    /// and +inf pass; the sign of a zero is not fixed. Keras' layer has a slope of 0.3, its
    /// function 0.2, PyTorch 0.01.
    ///
    /// ```
    /// let mut x = [-2.0, 0.0, 3.0];
    /// mnist_fast_kernels::Kernels::best().leaky_relu(0.25, &mut x);
    /// assert_eq!(x, [-0.5, 0.0, 3.0]);
    /// ```
    pub fn leaky_relu(self, slope: f32, x: &mut [f32]) {
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.leaky_relu)(slope, x) }
    }

    /// The logistic function in place, elementwise, within 2.41 ULP (measured over all floats): `1 / (1 + e^-x)`, computed from
    /// [`Kernels::exp`]'s `e^-|x|` so that nothing overflows.
    ///
    /// NaN passes; -inf gives 0 and +inf 1; results below 2^-126, which would be denormal, are +0; denormals give 0.5.
    ///
    /// ```
    /// let mut x = [f32::NEG_INFINITY, 0.0, 100.0];
    /// mnist_fast_kernels::Kernels::best().sigmoid(&mut x);
    /// assert_eq!(x, [0.0, 0.5, 1.0]);
    /// ```
    pub fn sigmoid(self, x: &mut [f32]) {
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.sigmoid)(x) }
    }

    /// tanh x in place, elementwise, within 1.46 ULP (measured over all floats): an odd polynomial (Moshier's Cephes, `tanhf.c`)
    /// where |x| < 0.625, else `1 - 2 e / (1 + e)` with `e = e^(-2 |x|)` by [`Kernels::exp`] and the sign of x.
    ///
    /// NaN passes; -inf gives -1 and +inf 1; denormals are their own tanh. The result is never above 1 in magnitude.
    ///
    /// ```
    /// let mut x = [-100.0, 1e-10, f32::INFINITY];
    /// mnist_fast_kernels::Kernels::best().tanh(&mut x);
    /// assert_eq!(x, [-1.0, 1e-10, 1.0]);
    /// ```
    pub fn tanh(self, x: &mut [f32]) {
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.tanh)(x) }
    }

    /// The gradient through ReLU, in place: `delta` stays where its output `h` is above 0, and becomes +0 elsewhere, also where
    /// `h` is NaN: the derivative at 0 is 0, as in Keras and PyTorch. `h` and `delta` have one length. Exact; a `delta` that
    /// stays may be anything, NaN too. [`Kernels::dense_input_gradient`] does the same in one pass with the product.
    ///
    /// # Errors
    /// [`Error::Length`].
    ///
    /// ```
    /// let mut delta = [1.0, 2.0, 3.0];
    /// mnist_fast_kernels::Kernels::best().relu_gradient(&[0.0, 5.0, 0.1], &mut delta)?;
    /// assert_eq!(delta, [0.0, 2.0, 3.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn relu_gradient(self, h: &[f32], delta: &mut [f32]) -> Result<(), Error> {
        check_len("h", h.len(), delta.len())?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.relu_gradient)(h, delta) };
        Ok(())
    }

    /// The gradient through leaky ReLU, in place: `delta` stays where its output `h` is above 0, and becomes `slope delta`
    /// elsewhere, also where `h` is 0 or NaN. `h` and `delta` have one length. The product is rounded once, and denormal where
    /// it is that small; a NaN `delta` passes. The output tells the sign of the input only if `slope` is not negative.
    ///
    /// # Errors
    /// [`Error::Length`].
    ///
    /// ```
    /// let mut delta = [1.0, 2.0];
    /// mnist_fast_kernels::Kernels::best().leaky_relu_gradient(0.25, &[-0.5, 3.0], &mut delta)?;
    /// assert_eq!(delta, [0.25, 2.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn leaky_relu_gradient(self, slope: f32, h: &[f32], delta: &mut [f32]) -> Result<(), Error> {
        check_len("h", h.len(), delta.len())?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.leaky_relu_gradient)(slope, h, delta) };
        Ok(())
    }

    /// The gradient through the logistic function, in place: `delta = delta (h (1 - h))` for its output `h`, each of
    /// the three operations rounded once: a relative error of at most `3 2^-24`, to first order. `h` and `delta` have
    /// one length. NaN passes; products that are denormal stay denormal; where `h` has reached 0 or 1 the gradient is
    /// 0.
    ///
    /// # Errors
    /// [`Error::Length`].
    ///
    /// ```
    /// let mut delta = [1.0, 4.0, 1.0];
    /// mnist_fast_kernels::Kernels::best().sigmoid_gradient(&[0.0, 0.5, 1.0], &mut delta)?;
    /// assert_eq!(delta, [0.0, 1.0, 0.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn sigmoid_gradient(self, h: &[f32], delta: &mut [f32]) -> Result<(), Error> {
        check_len("h", h.len(), delta.len())?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.sigmoid_gradient)(h, delta) };
        Ok(())
    }

    /// The gradient through tanh, in place: `delta = delta (1 - h^2)` for its output `h`; `1 - h^2` is one fused
    /// multiply-add, so that nothing cancels where `h` is near 1: a relative error of at most `2 2^-24`, to first
    /// order. `h` and `delta` have one length. NaN passes; products that are denormal stay denormal; where `h` has
    /// reached -1 or 1 the gradient is 0.
    ///
    /// # Errors
    /// [`Error::Length`].
    ///
    /// ```
    /// let mut delta = [1.0, 4.0, 1.0];
    /// mnist_fast_kernels::Kernels::best().tanh_gradient(&[0.0, 0.5, -1.0], &mut delta)?;
    /// assert_eq!(delta, [1.0, 3.0, 0.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn tanh_gradient(self, h: &[f32], delta: &mut [f32]) -> Result<(), Error> {
        check_len("h", h.len(), delta.len())?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.tanh_gradient)(h, delta) };
        Ok(())
    }
}
