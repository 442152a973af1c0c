//! General matrix multiplication.

use super::{Kernels, check_shape};
use crate::Error;
use crate::table::Gemm;
use crate::view::{MatMut, MatRef};
use crate::workspace::{STRIDED_SIDE, Workspace};

impl Kernels {
    /// `C = alpha A B + beta C`: A is m x k, B is k x n, C is m x n.
    ///
    /// Each element starts at `beta * c` and takes `(alpha a) b` in increasing k, by fused multiply-adds;
    /// `alpha a` is rounded once. With `beta = 0` C is not read; with `alpha = 0` or `k = 0`
    /// A and B are not.
    ///
    /// # Errors
    /// [`Error::Shape`].
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

    /// [`Kernels::gemm`] on pointers, with any strides: the parameters of the BLIS and matrixmultiply interfaces.
    ///
    /// A is m x k, B is k x n, C is m x n; element (i, j) of a matrix is at `ptr + i * row_stride + j * column_stride`,
    /// strides counting elements. Strides of A and B may be zero or negative, those of C negative. A C whose columns are not
    /// contiguous is written through a small block; it costs a copy.
    ///
    /// # Errors
    /// [`Error::Stride`] where a stride of C is 0 and there is more than one row, or column, along it.
    ///
    /// # Safety
    /// Every element of A and B can be read, and of C read and written, for the time of the call; no two elements of C are at
    /// the same place, and none is an element of A or B. Matrices without elements may be at any pointer.
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
        let (a, b) = unsafe {
            (
                MatRef::from_raw_parts(a, m, k, a_row_stride, a_column_stride),
                MatRef::from_raw_parts(b, k, n, b_row_stride, b_column_stride),
            )
        };
        let rows_are_contiguous = (c_column_stride == 1 || n <= 1) && (c_row_stride >= n as isize || m <= 1);
        if rows_are_contiguous {
            // SAFETY: as the caller vouches; rows do not overlap.
            let c = unsafe { MatMut::from_raw_parts(c, m, n, c_row_stride.unsigned_abs().max(n)) };
            return self.gemm(alpha, a, b, beta, c, workspace);
        }
        let (mut scratch, block) = workspace.parts();
        for i0 in (0..m).step_by(STRIDED_SIDE) {
            for j0 in (0..n).step_by(STRIDED_SIDE) {
                let (rows, columns) = (i0..m.min(i0 + STRIDED_SIDE), j0..n.min(j0 + STRIDED_SIDE));
                let at = |i: usize, j: usize| {
                    c.wrapping_offset((i0 + i) as isize * c_row_stride + (j0 + j) as isize * c_column_stride)
                };
                let block = &mut block[..rows.len() * columns.len()];
                let each = |block: &mut [f32], f: &dyn Fn(&mut f32, *mut f32)| {
                    for (i, row) in block.chunks_exact_mut(columns.len()).enumerate() {
                        row.iter_mut().enumerate().for_each(|(j, x)| f(x, at(i, j)));
                    }
                };
                if beta != 0.0 {
                    // SAFETY: an element of C.
                    each(block, &|x, c| *x = unsafe { *c });
                }
                let (a, b) = (a.row_range(rows.clone())?, b.column_range(columns.clone())?);
                let c = MatMut::new(block, rows.len(), columns.len())?;
                let call = Gemm { alpha, a, b, beta, c, scratch: scratch.reborrow() };
                // SAFETY: a table is only held where its ISA is available (`new`).
                unsafe { (self.table.gemm)(call) };
                // SAFETY: an element of C.
                each(block, &|x, c| unsafe { *c = *x });
            }
        }
        Ok(())
    }
}

/// The part of `0..len` that is number `part` of `parts`, cut at multiples of `multiple`: for threads that share out the rows
/// or columns of a product.
///
/// The parts are contiguous, cover everything, and differ by one `multiple` at most; some are empty where there are more
/// parts than multiples. Any cut gives the same bits; one at multiples of 16 columns, or of a tile's rows, keeps the tiles
/// whole.
///
/// ```
/// use mnist_fast_kernels::split;
/// assert_eq!([0, 1, 2].map(|part| split(100, 16, 3, part)), [0..48, 48..80, 80..100]);
/// ```
///
/// # Panics
/// Where `multiple` is 0, or `part` is not below `parts`.
pub fn split(len: usize, multiple: usize, parts: usize, part: usize) -> core::ops::Range<usize> {
    assert!(multiple > 0 && part < parts, "part {part} of {parts}, in multiples of {multiple}");
    let units = len.div_ceil(multiple);
    let edge = |part: usize| {
        let unit = part * (units / parts) + part.min(units % parts);
        unit.saturating_mul(multiple).min(len)
    };
    edge(part)..edge(part + 1)
}
