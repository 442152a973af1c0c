//! Reductions along rows.

use super::{Kernels, check_len, check_rows_are_contiguous};
use crate::Error;
use crate::view::MatRef;

impl Kernels {
    /// The sum of each row of X, in 16 lanes: lane i adds the columns i, i+16, ... from +0; then lane i and i+8 are
    /// added, i+4, i+2, i+1. `to` has an element for each row; an empty row gives +0.
    ///
    /// The error is at most `(columns / 16 + 5) 2^-24` of the sum of magnitudes. NaN passes, infinities of both signs
    /// give NaN; denormals count.
    ///
    /// # Errors
    /// [`Error::Length`]; [`Error::Stride`] where the rows of X are not contiguous.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatRef};
    ///
    /// let mut sums = [0.0; 2];
    /// Kernels::best().row_sum(MatRef::new(&[1.0, 2.0, 3.0, 4.0], 2, 2)?, &mut sums)?;
    /// assert_eq!(sums, [3.0, 7.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn row_sum(self, x: MatRef<'_>, to: &mut [f32]) -> Result<(), Error> {
        check_len("to", to.len(), x.rows())?;
        check_rows_are_contiguous("X", x)?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.row_sum)(x, to) };
        Ok(())
    }

    /// The largest element of each row of X; NaN where the row holds one, -inf for an empty row. Exact; of zeros of
    /// both signs either may come. `to` has an element for each row. [`Kernels::argmax`] tells where it stands.
    ///
    /// # Errors
    /// [`Error::Length`]; [`Error::Stride`] where the rows of X are not contiguous.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatRef};
    ///
    /// let mut maxima = [0.0; 2];
    /// Kernels::best().row_max(MatRef::new(&[1.0, 2.0, -3.0, -4.0], 2, 2)?, &mut maxima)?;
    /// assert_eq!(maxima, [2.0, -3.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn row_max(self, x: MatRef<'_>, to: &mut [f32]) -> Result<(), Error> {
        check_len("to", to.len(), x.rows())?;
        check_rows_are_contiguous("X", x)?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.row_max)(x, to) };
        Ok(())
    }

    /// The sum of the squares of each row of X, in the lanes of [`Kernels::row_sum`], each one chain of fused multiply-adds
    /// from +0. `to` has an element for each row; an empty row gives +0.
    ///
    /// Within `(columns / 16 + 5) 2^-24` of the sum where no square underflows; an element above 1.8e19 in magnitude gives
    /// +inf. NaN passes.
    ///
    /// # Errors
    /// [`Error::Length`]; [`Error::Stride`] where the rows of X are not contiguous.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatRef};
    ///
    /// let mut sums = [0.0];
    /// Kernels::best().row_sum_of_squares(MatRef::new(&[3.0, -4.0], 1, 2)?, &mut sums)?;
    /// assert_eq!(sums, [25.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn row_sum_of_squares(self, x: MatRef<'_>, to: &mut [f32]) -> Result<(), Error> {
        check_len("to", to.len(), x.rows())?;
        check_rows_are_contiguous("X", x)?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.row_sum_of_squares)(x, to) };
        Ok(())
    }

    /// The Euclidean norm of each row of X: the square root of its sum of squares. The lanes are those of
    /// [`Kernels::row_sum`], each one chain of fused multiply-adds from +0. `to` has an element for each row; an empty
    /// row gives +0.
    ///
    /// Within `(columns / 16 + 6) 2^-24` of the norm where its squares neither overflow nor underflow: nothing is
    /// scaled, so that an element above 1.8e19 in magnitude gives +inf, and elements below 1e-19 lose digits. NaN
    /// passes.
    ///
    /// # Errors
    /// [`Error::Length`]; [`Error::Stride`] where the rows of X are not contiguous.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatRef};
    ///
    /// let mut norms = [0.0];
    /// Kernels::best().row_norm2(MatRef::new(&[3.0, -4.0], 1, 2)?, &mut norms)?;
    /// assert_eq!(norms, [5.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn row_norm2(self, x: MatRef<'_>, to: &mut [f32]) -> Result<(), Error> {
        check_len("to", to.len(), x.rows())?;
        check_rows_are_contiguous("X", x)?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.row_norm2)(x, to) };
        Ok(())
    }
}
