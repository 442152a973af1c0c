//! Measuring aids: what a CPU can do at most with these kernels' instructions, for a roofline. The caller has the clock.

use super::{Kernels, check_len};
use crate::Error;

impl Kernels {
    /// Nothing but fused multiply-adds on registers, `rounds` on each of enough independent chains to keep the units busy. Returns the
    /// floating-point operations that were done (two a multiply-add and lane) and the sum of the chains, which is what makes
    /// a compiler do them: `x = x / 2 + 1`, so that they tend to 2.
    ///
    /// On `portable` it multiplies, then adds, with `wide`; its products are another crate's and may do better.
    ///
    /// ```
    /// let (flop, sum) = mnist_fast_kernels::Kernels::best().probe_fma(100);
    /// assert_eq!(f64::from(sum), flop as f64 / (2 * 100) as f64 * 2.0);
    /// ```
    pub fn probe_fma(self, rounds: u32) -> (u64, f32) {
        // SAFETY: a table is only held where its ISA is available (`new`).
        let (vectors, sum) = unsafe { (self.table.probe_fma)(rounds) };
        (vectors * 16 * 2 * u64::from(rounds), sum)
    }

    /// Reads all of `x`, `rounds` times. Returns the bitwise or of the elements' bits, to show that it did; 0 if `rounds` is.
    ///
    /// ```
    /// let any = mnist_fast_kernels::Kernels::best().probe_read(&[f32::from_bits(1), f32::from_bits(6)], 10);
    /// assert_eq!(any, 7);
    /// ```
    pub fn probe_read(self, x: &[f32], rounds: u32) -> u32 {
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.probe_read)(x, rounds) }
    }

    /// `y += a x`, `rounds` times: two reads and a write for one multiply-add, rounded once. `x` and `y` have one length.
    ///
    /// # Errors
    /// [`Error::Length`].
    ///
    /// ```
    /// let mut y = [1.0, 2.0];
    /// mnist_fast_kernels::Kernels::best().probe_update(0.5, &[2.0, 4.0], &mut y, 3)?;
    /// assert_eq!(y, [4.0, 8.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn probe_update(self, a: f32, x: &[f32], y: &mut [f32], rounds: u32) -> Result<(), Error> {
        check_len("y", y.len(), x.len())?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.probe_update)(a, x, y, rounds) };
        Ok(())
    }
}
