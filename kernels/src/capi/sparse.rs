//! Sparse input: the products of a layer and its updates without the terms of zeros, and what makes sparse matrices.

use core::ffi::c_void;

use super::arguments::{self, check_pointer, matrix, matrix_mut, most, optional_matrix, slice, slice_mut};
use super::dense::activation_of;
use super::rule::{rule, with_states};
use super::{MnfKernels, MnfMatrix, MnfRule, MnfStatus, guarded};
use crate::{ByteRows, Csr, Error, Kernels, Optimizer, RmsPropMomentum, Sparse};

/// How a sparse matrix is stored.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MnfSparseForm {
    /// Compressed sparse rows.
    Csr = 0,
    /// Bytes, each of which stands for byte / 255.
    Bytes = 1,
    /// Floats, such as the outputs of a ReLU: their zeros are left out.
    Floats = 2,
}

/// A matrix whose zeros a product leaves out, with the same bits. Fields that a form does not name are not looked at.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct MnfSparse {
    /// A `mnf_sparse_form`.
    pub form: i32,
    /// How many rows it has.
    pub rows: usize,
    /// How many columns it has.
    pub columns: usize,
    /// CSR: `length` floats, the values; BYTES: bytes; FLOATS: floats, row-major.
    pub elements: *const c_void,
    /// BYTES, FLOATS: elements from the start of a row to that of the next one.
    pub ld: usize,
    /// CSR: the columns of the values, `length` of them, which increase within a row. BYTES: NULL, or which rows of a larger
    /// matrix these are, `rows` of them, in any order; that matrix has `length` rows and no gaps.
    pub indices: *const u32,
    /// CSR: row i has the values `starts[i]` to `ends[i]`, that one not included; `rows` numbers each. Of row pointers in one
    /// array, `ends` is `starts + 1`.
    pub starts: *const u32,
    /// CSR: see `starts`.
    pub ends: *const u32,
    /// CSR: how many values and indices there are; BYTES with indices: how many rows there are to choose from.
    pub length: usize,
}

/// # Safety
/// Null, or a matrix whose pointers lead to as many elements as it says, which are not written for `'a`.
unsafe fn sparse<'a>(ptr: *const MnfSparse) -> Result<Sparse<'a>, MnfStatus> {
    const CSR: i32 = MnfSparseForm::Csr as i32;
    const BYTES: i32 = MnfSparseForm::Bytes as i32;
    const FLOATS: i32 = MnfSparseForm::Floats as i32;
    check_pointer(ptr)?;
    // SAFETY: neither null nor misaligned; the rest as the caller vouches.
    let MnfSparse { form, rows, columns, elements, ld, indices, starts, ends, length } = unsafe { *ptr };
    match form {
        // SAFETY: as the caller vouches.
        CSR => unsafe {
            let (values, indices) = (slice(elements.cast::<f32>(), length)?, slice(indices, length)?);
            let (starts, ends) = (slice(starts, rows)?, slice(ends, rows)?);
            Ok(Csr::with_row_ends(columns, starts, ends, indices, values)?.into())
        },
        // SAFETY: as the caller vouches.
        BYTES => unsafe { bytes((rows, columns), elements.cast(), ld, (indices, length)) }.map(Sparse::Bytes),
        // SAFETY: as the caller vouches.
        FLOATS => unsafe { matrix(elements.cast(), rows, columns, ld) }.map(Sparse::Floats),
        _ => Err(MnfStatus::Enumeration),
    }
}

/// # Safety
/// As [`sparse`].
unsafe fn bytes<'a>(
    (rows, columns): (usize, usize),
    elements: *const u8,
    ld: usize,
    (indices, length): (*const u32, usize),
) -> Result<ByteRows<'a>, MnfStatus> {
    let len = |rows: usize, ld: usize| match (rows, columns) {
        (0, _) | (_, 0) => Ok(0),
        _ => (rows - 1).checked_mul(ld).and_then(|last| last.checked_add(columns)).ok_or(MnfStatus::Size),
    };
    if indices.is_null() {
        if ld < columns {
            return Err(MnfStatus::Stride);
        }
        // SAFETY: as the caller vouches.
        let elements = unsafe { slice(elements, len(rows, ld)?)? };
        return Ok(ByteRows::new(elements, rows, columns, ld)?);
    }
    if ld != columns {
        return Err(MnfStatus::Stride);
    }
    // SAFETY: as the caller vouches.
    let (elements, indices) = unsafe { (slice(elements, len(length, columns)?)?, slice(indices, rows)?) };
    if indices.iter().any(|row| *row as usize >= length) {
        return Err(MnfStatus::Sparse);
    }
    Ok(ByteRows::select(elements, columns, indices)?)
}

/// C = S B + beta C without the terms of S's zeros: `mnf_sgemm`'s bits, but for the sign of a zero. B is S's columns x n, C is
/// S's rows x n. With beta = 0 C is not read. (An infinity or NaN in B that a zero of S would have met is left out with it.)
///
/// Errors: `MNF_STATUS_SPARSE`, and `MNF_STATUS_ENUMERATION` where the form of S is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_spmm(
    kernels: *const MnfKernels,
    s: *const MnfSparse,
    n: usize,
    b: *const f32,
    b_ld: usize,
    beta: f32,
    c: *mut f32,
    c_ld: usize,
) -> MnfStatus {
    guarded(|| {
        // SAFETY: as the caller vouches.
        unsafe {
            let (kernels, s) = (arguments::kernels(kernels)?, sparse(s)?);
            let (rows, columns) = s.shape();
            let (b, c) = (matrix(b, columns, n, b_ld)?, matrix_mut(c, rows, n, c_ld)?);
            Ok(kernels.spmm(s, b, beta, c)?)
        }
    })
}

/// `mnf_dense_forward` of a sparse X, batch x inputs: the same bits. W is inputs x outputs, `bias` has `outputs` elements, Y is
/// batch x outputs.
///
/// Errors: `MNF_STATUS_SPARSE`; `MNF_STATUS_ENUMERATION` where the form of X is none, or `activation` is no `mnf_activation`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_dense_forward_sparse(
    kernels: *const MnfKernels,
    x: *const MnfSparse,
    outputs: usize,
    w: *const f32,
    w_ld: usize,
    bias: *const f32,
    activation: i32,
    y: *mut f32,
    y_ld: usize,
) -> MnfStatus {
    guarded(|| {
        let activation = activation_of(activation)?;
        // SAFETY: as the caller vouches.
        unsafe {
            let (kernels, x) = (arguments::kernels(kernels)?, sparse(x)?);
            let (batch, inputs) = x.shape();
            let (w, bias) = (matrix(w, inputs, outputs, w_ld)?, slice(bias, outputs)?);
            Ok(kernels.dense_forward_sparse(x, w, bias, activation, matrix_mut(y, batch, outputs, y_ld)?)?)
        }
    })
}

/// `mnf_dense_forward_sparse` of bytes that come as X^T, inputs x batch, as `mnf_transpose_u8` makes them: the same bits, and faster
/// where inputs side by side are zero in much the same rows of the batch, as pixels are. (An infinity or NaN in W may meet a zero,
/// as in a dense product.)
///
/// Errors: `MNF_STATUS_SPARSE`; `MNF_STATUS_ENUMERATION` where the form of X^T is not BYTES, or `activation` is no
/// `mnf_activation`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_dense_forward_transposed(
    kernels: *const MnfKernels,
    x_transposed: *const MnfSparse,
    outputs: usize,
    w: *const f32,
    w_ld: usize,
    bias: *const f32,
    activation: i32,
    y: *mut f32,
    y_ld: usize,
) -> MnfStatus {
    guarded(|| {
        let activation = activation_of(activation)?;
        // SAFETY: as the caller vouches.
        unsafe {
            let (kernels, x) = (arguments::kernels(kernels)?, sparse(x_transposed)?);
            let Sparse::Bytes(x) = x else { return Err(MnfStatus::Enumeration) };
            let (inputs, batch) = x.shape();
            let (w, bias) = (matrix(w, inputs, outputs, w_ld)?, slice(bias, outputs)?);
            Ok(kernels.dense_forward_transposed(
                x,
                w,
                bias,
                activation,
                matrix_mut(y, batch, outputs, y_ld)?,
            )?)
        }
    })
}

/// `mnf_dense_input_gradient` of a sparse `delta`, batch x outputs: the same bits. It takes W^T, outputs x inputs
/// (`mnf_transpose` makes it); dX and `active`, which may be NULL, are batch x inputs.
///
/// Errors: `MNF_STATUS_SPARSE`, and `MNF_STATUS_ENUMERATION` where the form of `delta` is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_dense_input_gradient_sparse(
    kernels: *const MnfKernels,
    delta: *const MnfSparse,
    inputs: usize,
    w_transposed: *const f32,
    w_transposed_ld: usize,
    active: *const f32,
    active_ld: usize,
    dx: *mut f32,
    dx_ld: usize,
) -> MnfStatus {
    guarded(|| {
        // SAFETY: as the caller vouches.
        unsafe {
            let (kernels, delta) = (arguments::kernels(kernels)?, sparse(delta)?);
            let (batch, outputs) = delta.shape();
            let w_transposed = matrix(w_transposed, outputs, inputs, w_transposed_ld)?;
            let active = optional_matrix(active, batch, inputs, active_ld)?;
            let dx = matrix_mut(dx, batch, inputs, dx_ld)?;
            Ok(kernels.dense_input_gradient_sparse(delta, w_transposed, active, dx)?)
        }
    })
}

/// `mnf_dense_weight_gradient` of a sparse input, given as X^T, inputs x batch: the same bits. `delta` is batch x outputs, dW
/// inputs x outputs.
///
/// Errors: `MNF_STATUS_SPARSE`, and `MNF_STATUS_ENUMERATION` where the form of X^T is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_dense_weight_gradient_sparse(
    kernels: *const MnfKernels,
    x_transposed: *const MnfSparse,
    outputs: usize,
    delta: *const f32,
    delta_ld: usize,
    dw: *mut f32,
    dw_ld: usize,
) -> MnfStatus {
    guarded(|| {
        // SAFETY: as the caller vouches.
        unsafe {
            let (kernels, x) = (arguments::kernels(kernels)?, sparse(x_transposed)?);
            let (inputs, batch) = x.shape();
            let delta = matrix(delta, batch, outputs, delta_ld)?;
            Ok(kernels.dense_weight_gradient_sparse(x, delta, matrix_mut(dw, inputs, outputs, dw_ld)?)?)
        }
    })
}

/// `mnf_dense_weight_update` of a sparse input, given as X^T, inputs x batch: the same bits. `delta` is batch x outputs, W and
/// each of `states` are inputs x outputs.
///
/// `deferred` is NULL, or has an element for each row of W, 0 at first. With it, RMSPROP with nothing before it, no momentum, and
/// not centred, does not touch rows whose input is zero in the whole batch: the decay that their state owes is counted there,
/// and made good at the row's next update, to the same bits, or by `mnf_rmsprop_settle`; until then the state is not complete.
/// Every other rule leaves `deferred` as it is.
///
/// Errors: `MNF_STATUS_SPARSE`; `MNF_STATUS_ENUMERATION` where the form of X^T or the rule's optimizer is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_dense_weight_update_sparse(
    kernels: *const MnfKernels,
    rule: *const MnfRule,
    x_transposed: *const MnfSparse,
    outputs: usize,
    delta: *const f32,
    delta_ld: usize,
    w: *mut f32,
    w_ld: usize,
    states: *const MnfMatrix,
    deferred: *mut u32,
) -> MnfStatus {
    guarded(|| {
        // SAFETY: as the caller vouches.
        unsafe {
            let (kernels, rule) = (arguments::kernels(kernels)?, self::rule(rule)?);
            let x = sparse(x_transposed)?;
            let (inputs, batch) = x.shape();
            let delta = matrix(delta, batch, outputs, delta_ld)?;
            let w = matrix_mut(w, inputs, outputs, w_ld)?;
            let deferred = if deferred.is_null() { None } else { Some(slice_mut(deferred, inputs)?) };
            with_states(&rule, states, (inputs, outputs), |states| {
                Ok(kernels.dense_weight_update_sparse(&rule, x, delta, w, states, deferred)?)
            })
        }
    })
}

/// Makes good the decay that the rows of V, rows x columns, owe, and sets the `rows` counts of `deferred` to 0.
///
/// Errors: `MNF_STATUS_ENUMERATION` where the rule's optimizer is not RMSPROP.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_rmsprop_settle(
    kernels: *const MnfKernels,
    rule: *const MnfRule,
    rows: usize,
    columns: usize,
    v: *mut f32,
    v_ld: usize,
    deferred: *mut u32,
) -> MnfStatus {
    guarded(|| {
        // SAFETY: as the caller vouches.
        unsafe {
            let (kernels, rule) = (arguments::kernels(kernels)?, self::rule(rule)?);
            let Optimizer::RmsPropMomentum(RmsPropMomentum { rmsprop, .. }) = rule.optimizer else {
                return Err(MnfStatus::Enumeration);
            };
            let (v, deferred) = (matrix_mut(v, rows, columns, v_ld)?, slice_mut(deferred, rows)?);
            Ok(kernels.rmsprop_settle(&rmsprop, v, deferred)?)
        }
    })
}

/// Writes how many elements a row of a sparse matrix has.
///
/// # Safety
/// The pointers as [`arguments`] needs them.
unsafe fn compress<T>(
    kernels: *const MnfKernels,
    (n, x): (usize, *const T),
    (indices, values): (*mut u32, *mut f32),
    count: *mut usize,
    method: impl FnOnce(Kernels, &[T], &mut [u32], &mut [f32]) -> Result<usize, Error>,
) -> MnfStatus {
    guarded(|| {
        check_pointer(count)?;
        // SAFETY: as the caller vouches; `count` is neither null nor misaligned.
        unsafe {
            let (kernels, x) = (arguments::kernels(kernels)?, slice(x, n)?);
            count.write(method(kernels, x, slice_mut(indices, n)?, slice_mut(values, n)?)?);
        }
        Ok(())
    })
}

/// The elements of `x`, which has `n`, that are not zero, to `values`, and where they stand, increasing, to `indices`: one row
/// in CSR. Sets `*count` to how many there are. `indices` and `values` have room for `n`; what is after `*count` may be
/// overwritten. NaN is not zero; -0 is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_compress(
    kernels: *const MnfKernels,
    n: usize,
    x: *const f32,
    indices: *mut u32,
    values: *mut f32,
    count: *mut usize,
) -> MnfStatus {
    // SAFETY: as the caller vouches.
    unsafe { compress(kernels, (n, x), (indices, values), count, Kernels::compress) }
}

/// `mnf_compress` of bytes, whose values become byte / 255, as `mnf_unit_from_u8` gives them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_compress_u8(
    kernels: *const MnfKernels,
    n: usize,
    bytes: *const u8,
    indices: *mut u32,
    values: *mut f32,
    count: *mut usize,
) -> MnfStatus {
    // SAFETY: as the caller vouches.
    unsafe { compress(kernels, (n, bytes), (indices, values), count, Kernels::compress_u8) }
}

/// The transpose of `from`, rows x columns, to `to`, columns x rows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_transpose(
    kernels: *const MnfKernels,
    rows: usize,
    columns: usize,
    from: *const f32,
    from_ld: usize,
    to: *mut f32,
    to_ld: usize,
) -> MnfStatus {
    guarded(|| {
        // SAFETY: as the caller vouches.
        let (kernels, from, to) = unsafe {
            (
                arguments::kernels(kernels)?,
                matrix(from, rows, columns, from_ld)?,
                matrix_mut(to, columns, rows, to_ld)?,
            )
        };
        Ok(kernels.transpose(from, to)?)
    })
}

/// The room that `count` elements need where kernels write 16 at a time: the next multiple of 16, or SIZE_MAX where that
/// cannot be counted.
#[unsafe(no_mangle)]
pub extern "C" fn mnf_room(count: usize) -> usize {
    Kernels::room(count)
}

/// `columns` columns of a matrix of bytes, from `first_column` on, as the rows of another one: `to` has `columns * to_ld` bytes,
/// and `to_ld`, the bytes from the start of a row to that of the next one, is at least `mnf_room` of the number of rows of
/// `from`; what is after them may be overwritten.
///
/// Errors: `MNF_STATUS_SPARSE`; `MNF_STATUS_ENUMERATION` where the form of `from` is not BYTES; `MNF_STATUS_VALUE` where it has
/// no such columns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_transpose_u8(
    kernels: *const MnfKernels,
    from: *const MnfSparse,
    first_column: usize,
    columns: usize,
    to: *mut u8,
    to_ld: usize,
) -> MnfStatus {
    guarded(|| {
        // SAFETY: as the caller vouches.
        let (kernels, from) = unsafe { (arguments::kernels(kernels)?, sparse(from)?) };
        let Sparse::Bytes(from) = from else { return Err(MnfStatus::Enumeration) };
        let (rows, all) = from.shape();
        let end = first_column.checked_add(columns).filter(|end| *end <= all).ok_or(MnfStatus::Value)?;
        if to_ld < Kernels::room(rows) {
            return Err(MnfStatus::Stride);
        }
        let len = columns.checked_mul(to_ld).filter(|len| *len <= most::<u8>()).ok_or(MnfStatus::Size)?;
        // SAFETY: as the caller vouches.
        let to = unsafe { slice_mut(to, len)? };
        Ok(kernels.transpose_u8(from, first_column..end, to, to_ld)?)
    })
}
