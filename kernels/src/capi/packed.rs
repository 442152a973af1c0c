//! A right operand, or the weights of a layer, that is packed once and multiplied often.

use super::arguments::{self, check_pointer, matrix, matrix_mut, most, slice, strided};
use super::dense::activation_of;
use super::{MnfKernels, MnfStatus, MnfWorkspace, guarded};
use crate::PackedB;

/// A matrix in the order in which products of one instruction set read it. Calls only read it: any number of threads may
/// use it at once.
pub struct MnfPacked {
    _opaque: [u8; 0],
}

/// Sets `*packed` to a copy of B, k x n, packed for these kernels: for an operand that serves many products, such as the
/// weights of a network that no longer trains. Free it with `mnf_packed_free`; B is not needed any more.
///
/// Element (i, j) of B is at `b + i * b_row_stride + j * b_column_stride`; strides count elements, and may also be zero or
/// negative.
///
/// Errors: `MNF_STATUS_MEMORY`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_pack_b(
    kernels: *const MnfKernels,
    k: usize,
    n: usize,
    b: *const f32,
    b_row_stride: isize,
    b_column_stride: isize,
    packed: *mut *mut MnfPacked,
) -> MnfStatus {
    guarded(|| {
        check_pointer(packed)?;
        // SAFETY: as the caller vouches.
        let (kernels, b) =
            unsafe { (arguments::kernels(kernels)?, strided(b, (k, n), (b_row_stride, b_column_stride))?) };
        // With strides of 0 a small B makes a large copy, which must not end the process.
        let len = PackedB::len(k, n).filter(|len| *len <= most::<f32>()).ok_or(MnfStatus::Size)?;
        let mut buffer = Vec::new();
        buffer.try_reserve_exact(len).map_err(|_| MnfStatus::Memory)?;
        buffer.resize(len, 0.0);
        let handle = Box::into_raw(Box::new(kernels.pack_b_in(b, buffer)?));
        // SAFETY: neither null nor misaligned; the rest as the caller vouches.
        unsafe { packed.write(handle.cast()) };
        Ok(())
    })
}

/// Frees what `mnf_pack_b` gave, once; does nothing for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_packed_free(packed: *mut MnfPacked) {
    if !packed.is_null() {
        // SAFETY: as the caller vouches, from `mnf_pack_b`, which made it of such a box.
        drop(unsafe { Box::from_raw(packed.cast::<PackedB<'static>>()) });
    }
}

/// `mnf_sgemm` with a packed B: C = alpha A B + beta C, the same bits. A is m x k with any strides, C is m x n, row-major.
///
/// Errors: `MNF_STATUS_PACKED` where B is not k x n, or packed for another instruction set than that of these kernels.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_sgemm_packed(
    kernels: *const MnfKernels,
    m: usize,
    k: usize,
    n: usize,
    alpha: f32,
    a: *const f32,
    a_row_stride: isize,
    a_column_stride: isize,
    b: *const MnfPacked,
    beta: f32,
    c: *mut f32,
    c_ld: usize,
    workspace: *mut MnfWorkspace,
) -> MnfStatus {
    guarded(|| {
        // SAFETY: as the caller vouches.
        unsafe {
            let a = strided(a, (m, k), (a_row_stride, a_column_stride))?;
            let (b, c) = (arguments::packed(b, (k, n))?, matrix_mut(c, m, n, c_ld)?);
            let (kernels, mut workspace) = (arguments::kernels(kernels)?, arguments::workspace(workspace)?);
            Ok(kernels.gemm_packed(alpha, a, b, beta, c, &mut workspace)?)
        }
    })
}

/// `mnf_dense_forward` with packed weights: Y = activation(X W + bias), the same bits. X is batch x inputs, W inputs x
/// outputs, `bias` has `outputs` elements, Y is batch x outputs.
///
/// Errors: `MNF_STATUS_ENUMERATION` where `activation` is no `mnf_activation`; `MNF_STATUS_PACKED` where W is not inputs x
/// outputs, or packed for another instruction set than that of these kernels.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_dense_forward_packed(
    kernels: *const MnfKernels,
    batch: usize,
    inputs: usize,
    outputs: usize,
    x: *const f32,
    x_ld: usize,
    w: *const MnfPacked,
    bias: *const f32,
    activation: i32,
    y: *mut f32,
    y_ld: usize,
    workspace: *mut MnfWorkspace,
) -> MnfStatus {
    guarded(|| {
        let activation = activation_of(activation)?;
        // SAFETY: as the caller vouches.
        unsafe {
            let (x, w) = (matrix(x, batch, inputs, x_ld)?, arguments::packed(w, (inputs, outputs))?);
            let (bias, y) = (slice(bias, outputs)?, matrix_mut(y, batch, outputs, y_ld)?);
            let (kernels, mut workspace) = (arguments::kernels(kernels)?, arguments::workspace(workspace)?);
            Ok(kernels.dense_forward_packed(x, w, bias, activation, y, &mut workspace)?)
        }
    })
}
