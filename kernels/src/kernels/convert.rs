//! Pixels to floats.

use super::{Kernels, check_len};
use crate::Error;

impl Kernels {
    /// Bytes to unit floats: the f32 nearest to `byte / 255`, as true division gives it, on every ISA (a product with the rounded
    /// reciprocal alone misses it for some bytes). 0 gives +0 and 255 gives 1; the results are neither denormal nor NaN.
    /// `bytes` and `to` have one length.
    ///
    /// # Errors
    /// [`Error::Length`].
    ///
    /// ```
    /// let mut x = [0.0; 3];
    /// mnist_fast_kernels::Kernels::best().unit_from_u8(&[0, 51, 255], &mut x)?;
    /// assert_eq!(x, [0.0, 51.0 / 255.0, 1.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn unit_from_u8(self, bytes: &[u8], to: &mut [f32]) -> Result<(), Error> {
        check_len("to", to.len(), bytes.len())?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.unit_from_u8)(bytes, to) };
        Ok(())
    }

    /// Bytes to floats of any range: `byte scale + shift`, one fused multiply-add. To standardise pixels with the mean
    /// and the standard deviation of unit floats: `scale = 1 / (255 deviation)`, `shift = -mean / deviation`.
    ///
    /// `bytes` and `to` have one length. Rounded once; NaN and infinities of `scale` and `shift` follow IEEE's rules.
    ///
    /// # Errors
    /// [`Error::Length`].
    ///
    /// ```
    /// let mut x = [0.0; 3];
    /// mnist_fast_kernels::Kernels::best().scale_u8(&[0, 2, 255], 0.5, -1.0, &mut x)?;
    /// assert_eq!(x, [-1.0, 0.0, 126.5]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn scale_u8(self, bytes: &[u8], scale: f32, shift: f32, to: &mut [f32]) -> Result<(), Error> {
        check_len("to", to.len(), bytes.len())?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.scale_u8)(bytes, scale, shift, to) };
        Ok(())
    }
}
