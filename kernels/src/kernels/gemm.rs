//! General matrix multiplication.

use super::{Kernels, check_shape};
use crate::Error;
use crate::table::Gemm;
use crate::view::{MatMut, MatRef, StridedMut};
use crate::workspace::{STRIDED_SIDE, Workspace};

impl Kernels {
    /// `C = alpha A B + beta C`: A is m x k, B is k x n, C is m x n.
    ///
    /// Each element starts at `beta * c` and takes `(alpha a) b` in increasing k, by fused multiply-adds;
    /// `alpha a` is rounded once. With `beta = 0` C is not read; with `alpha = 0` or `k = 0`
    /// A and B are not. It errs by at most `(k + 1) 2^-24` of the sum of its terms' magnitudes, to first order (Higham,
    /// "Accuracy and Stability of Numerical Algorithms", 2002, section 3.1). What is read passes NaN and infinities as IEEE 754
    /// has it, and denormals count. A and B may have any strides; [`Kernels::gemm_strided`] writes a C of any.
    ///
    /// # Errors
    /// [`Error::Shape`] for B or C.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatMut, MatRef, Workspace};
    ///
    /// let (a, b) = ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0]);
    /// let mut c = [1.0, 1.0];
    /// let (a, b, to) = (MatRef::new(&a, 2, 2)?, MatRef::new(&b, 2, 1)?, MatMut::new(&mut c, 2, 1)?);
    /// Kernels::best().gemm(2.0, a, b, -1.0, to, &mut Workspace::new())?; // C = 2 A B - C
    /// assert_eq!(c, [33.0, 77.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn gemm(
        self,
        alpha: f32,
        a: MatRef<'_>,
        b: MatRef<'_>,
        beta: f32,
        c: MatMut<'_>,
        workspace: &mut Workspace<'_>,
    ) -> Result<(), Error> {
        check_shape("B", b.shape(), (a.columns(), b.columns()))?;
        check_shape("C", c.shape(), (a.rows(), b.columns()))?;
        let call = Gemm { alpha, a, b, beta, c, scratch: workspace.blocks() };
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.gemm)(call) };
        Ok(())
    }

    /// [`Kernels::gemm`] to a C of any strides, also negative ones; the gaps are not touched.
    ///
    /// A C whose rows are contiguous (in either direction) is written in place, and for `alpha = 1` one whose columns
    /// are, as its transpose; any other goes through a small block, which costs a copy. The bits are the same.
    ///
    /// # Errors
    /// [`Error::Shape`] for B or C.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatRef, StridedMut, Workspace};
    ///
    /// let (a, b) = ([1.0, 2.0], [3.0, 4.0, 5.0]); // a column and a row
    /// let mut c = [0.0; 6]; // their product, 2 x 3, column by column
    /// let a = MatRef::new(&a, 2, 1)?;
    /// let b = MatRef::new(&b, 1, 3)?;
    /// let to = StridedMut::new(&mut c, 0, 2, 3, 1, 2)?;
    /// Kernels::best().gemm_strided(1.0, a, b, 0.0, to, &mut Workspace::new())?;
    /// assert_eq!(c, [3.0, 6.0, 4.0, 8.0, 5.0, 10.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn gemm_strided(
        self,
        alpha: f32,
        a: MatRef<'_>,
        b: MatRef<'_>,
        beta: f32,
        c: StridedMut<'_>,
        workspace: &mut Workspace<'_>,
    ) -> Result<(), Error> {
        check_shape("B", b.shape(), (a.columns(), b.columns()))?;
        check_shape("C", c.shape(), (a.rows(), b.columns()))?;
        let (mut a, mut b, mut c) = (a, b, c);
        // From here on the strides of C are not negative.
        if c.row_stride() < 0 {
            (a, c) = (a.with_rows_reversed(), c.with_rows_reversed());
        }
        if c.column_stride() < 0 {
            (b, c) = (b.with_columns_reversed(), c.with_columns_reversed());
        }
        if let Some(c) = c.reborrow().into_row_major() {
            return self.gemm(alpha, a, b, beta, c, workspace);
        }
        if alpha == 1.0
            && let Some(c) = c.reborrow().transposed().into_row_major()
        {
            // The same chains: a product's factors may change places, but alpha belongs to A.
            return self.gemm(alpha, b.transposed(), a.transposed(), beta, c, workspace);
        }
        self.gemm_by_blocks(alpha, a, b, beta, c, workspace)
    }

    /// Squares of C, each through a block with contiguous rows.
    fn gemm_by_blocks(
        self,
        alpha: f32,
        a: MatRef<'_>,
        b: MatRef<'_>,
        beta: f32,
        mut c: StridedMut<'_>,
        workspace: &mut Workspace<'_>,
    ) -> Result<(), Error> {
        let (m, n) = c.shape();
        let (mut scratch, block) = workspace.parts();
        for i in (0..m).step_by(STRIDED_SIDE) {
            for j in (0..n).step_by(STRIDED_SIDE) {
                let (rows, columns) = (m.min(i + STRIDED_SIDE) - i, n.min(j + STRIDED_SIDE) - j);
                let block = &mut block[..rows * columns];
                if beta != 0.0 {
                    c.each_of_row_major(block, (i, j), columns, |x, c| *x = *c);
                }
                let (a, b) = (a.row_range(i..i + rows)?, b.column_range(j..j + columns)?);
                let to = MatMut::new(block, rows, columns)?;
                let call = Gemm { alpha, a, b, beta, c: to, scratch: scratch.reborrow() };
                // SAFETY: a table is only held where its ISA is available (`new`).
                unsafe { (self.table.gemm)(call) };
                c.each_of_row_major(block, (i, j), columns, |x, c| *c = *x);
            }
        }
        Ok(())
    }

    /// [`Kernels::gemm`] on pointers, with any strides: the parameters of the BLIS and matrixmultiply interfaces.
    ///
    /// A is m x k, B is k x n, C is m x n; element (i, j) of a matrix is at `ptr + i * row_stride + j * column_stride`,
    /// strides counting elements. Strides of A and B may be zero or negative, those of C negative; for which it is fast, see
    /// [`Kernels::gemm_strided`].
    ///
    /// # Errors
    /// [`Error::Stride`] where a stride of C is 0 and there is more than one row, or column, along it.
    ///
    /// # Safety
    /// Every element of A and B can be read, and of C read and written, for the time of the call; no two elements of C are at
    /// the same place, and none is an element of A or B. Matrices without elements may be at any pointer.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, Workspace};
    ///
    /// let (a, b, mut c) = ([1.0, 2.0, 3.0, 4.0], [1.0, 10.0], [0.0; 2]);
    /// let (at, bt, to, mut workspace) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr(), Workspace::new());
    /// // SAFETY: A is 2 x 2, B and C are 2 x 1; the second row of C comes first.
    /// unsafe {
    ///     let to = to.add(1);
    ///     Kernels::best().sgemm(2, 2, 1, 1.0, at, 2, 1, bt, 1, 1, 0.0, to, -1, 1, &mut workspace)?;
    /// }
    /// assert_eq!(c, [43.0, 21.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    #[allow(clippy::too_many_arguments)] // the established interface
    pub unsafe fn sgemm(
        self,
        m: usize,
        k: usize,
        n: usize,
        alpha: f32,
        a: *const f32,
        a_row_stride: isize,
        a_column_stride: isize,
        b: *const f32,
        b_row_stride: isize,
        b_column_stride: isize,
        beta: f32,
        c: *mut f32,
        c_row_stride: isize,
        c_column_stride: isize,
        workspace: &mut Workspace<'_>,
    ) -> Result<(), Error> {
        let overlaps = m > 1 && c_row_stride == 0 || n > 1 && c_column_stride == 0;
        if m > 0 && n > 0 && overlaps {
            return Err(Error::Stride { what: "C" });
        }
        // SAFETY: as the caller vouches.
        let (a, b, c) = unsafe {
            (
                MatRef::from_raw_parts(a, m, k, a_row_stride, a_column_stride),
                MatRef::from_raw_parts(b, k, n, b_row_stride, b_column_stride),
                StridedMut::from_raw_parts(c, m, n, c_row_stride, c_column_stride),
            )
        };
        self.gemm_strided(alpha, a, b, beta, c, workspace)
    }
}
