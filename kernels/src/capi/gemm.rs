//! General matrix multiplication.

use super::arguments::{self, Strided};
use super::{MnfKernels, MnfStatus, MnfWorkspace, guarded};

/// C = alpha A B + beta C: A is m x k, B is k x n, C is m x n.
///
/// Element (i, j) of a matrix is at `ptr + i * row_stride + j * column_stride`; strides count elements. Strides of A and
/// B may also be zero or negative, those of C negative; exchanging a matrix's two strides transposes it. Each element
/// starts at `beta * c` and takes `(alpha a) b` in increasing k, by fused multiply-adds. With beta = 0 C is not read;
/// with alpha = 0 or k = 0 A and B are not.
///
/// Errors: `MNF_STATUS_STRIDE` where elements of C overlap.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_sgemm(
    kernels: *const MnfKernels,
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
    workspace: *mut MnfWorkspace,
) -> MnfStatus {
    guarded(|| {
        let a_shape = Strided::new(m, k, a_row_stride, a_column_stride)?;
        let b_shape = Strided::new(k, n, b_row_stride, b_column_stride)?;
        let c_shape = Strided::new(m, n, c_row_stride, c_column_stride)?;
        if !c_shape.is_empty() && c_shape.overlaps() {
            return Err(MnfStatus::Stride);
        }
        let (a, b, c) = (a_shape.check(a)?, b_shape.check(b)?, c_shape.check(c)?.cast_mut());
        // SAFETY: pointers are neither null nor misaligned, and no offset overflows; the rest as the caller vouches.
        unsafe {
            let kernels = arguments::kernels(kernels)?;
            let mut workspace = arguments::workspace(workspace)?;
            kernels.sgemm(
                m,
                k,
                n,
                alpha,
                a,
                a_shape.row_stride,
                a_shape.column_stride,
                b,
                b_shape.row_stride,
                b_shape.column_stride,
                beta,
                c,
                c_shape.row_stride,
                c_shape.column_stride,
                &mut workspace,
            )?;
        }
        Ok(())
    })
}
