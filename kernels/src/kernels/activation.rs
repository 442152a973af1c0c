//! Activations, elementwise, and their gradients by their outputs.

use super::{Kernels, check_len};
use crate::Error;

impl Kernels {
    /// ReLU in place: `if x < 0 { +0 } else { x }`. NaN passes; the sign of a zero is not fixed.
    pub fn relu(self, x: &mut [f32]) {
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.relu)(x) }
    }

    /// Leaky ReLU in place: `if x < 0 { slope x } else { x }` (Maas, Hannun and Ng, "Rectifier nonlinearities improve
    /// neural network acoustic models", 2013). The product is rounded once; NaN and +inf pass. Keras' slope is 0.3,
    /// PyTorch's 0.01.
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

    /// The logistic function in place, within 2.41 ULP: `1 / (1 + e^-x)`, computed from e^-|x| so that nothing
    /// overflows.
    ///
    /// NaN passes; -inf gives 0 and +inf 1; results below 2^-126, which would be denormal, are +0.
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

    /// tanh x in place, within 1.46 ULP: an odd polynomial (Moshier's Cephes) where |x| < 0.625, else
    /// `1 - 2 e / (1 + e)` with `e = e^(-2 |x|)` and the sign of x.
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

    /// The gradient through ReLU, in place: `delta` stays where its output `h` is above 0, and becomes +0 elsewhere,
    /// also where `h` is NaN. Exact. [`Kernels::dense_input_gradient`] does the same in one pass with the product.
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

    /// The gradient through leaky ReLU, in place: `delta` stays where its output `h` is above 0, and becomes `slope
    /// delta` elsewhere, also where `h` is 0 or NaN. The product is rounded once. The output tells the sign of the
    /// input only if `slope` is not negative.
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
    /// the three operations rounded once. NaN passes; products that are denormal stay denormal.
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
    /// multiply-add. NaN passes; products that are denormal stay denormal.
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
