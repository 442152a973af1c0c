//! Checked views of what C passes: null, misaligned and impossible arguments become statuses here.

use core::ptr::NonNull;
use core::slice;

use super::{MnfKernels, MnfPacked, MnfStatus, MnfWorkspace};
use crate::table::Table;
use crate::{Kernels, MatMut, MatRef, PackedB, Workspace};

/// The most elements that `T`s of one allocation can be: their bytes fit an `isize`.
pub(super) const fn most<T>() -> usize {
    isize::MAX as usize / size_of::<T>()
}

pub(super) fn check_pointer<T>(ptr: *const T) -> Result<(), MnfStatus> {
    if ptr.is_null() {
        Err(MnfStatus::NullPointer)
    } else if !ptr.is_aligned() {
        Err(MnfStatus::Alignment)
    } else {
        Ok(())
    }
}

/// # Safety
/// Null, or a handle that `mnf_kernels_best` or `mnf_kernels_for_isa` gave.
pub(super) unsafe fn kernels(ptr: *const MnfKernels) -> Result<Kernels, MnfStatus> {
    let table = ptr.cast::<Table>();
    check_pointer(table)?;
    // SAFETY: as the caller vouches, a table's address, and tables are static.
    Ok(unsafe { Kernels::from_table(&*table) })
}

/// # Safety
/// Null, or a workspace that nobody else uses for `'a`.
pub(super) unsafe fn workspace<'a>(ptr: *mut MnfWorkspace) -> Result<Workspace<'a>, MnfStatus> {
    // SAFETY: as the caller vouches; a workspace is that many floats.
    let buffer = unsafe { slice_mut(ptr.cast::<f32>(), Workspace::LEN) }?;
    Ok(Workspace::from_buffer(buffer)?)
}

/// The packed matrix behind a handle, which must have this shape.
///
/// # Safety
/// Null, or a handle that `mnf_pack_b` gave and that nobody frees for `'a`.
pub(super) unsafe fn packed<'a>(
    ptr: *const MnfPacked,
    shape: (usize, usize),
) -> Result<&'a PackedB<'static>, MnfStatus> {
    let packed = ptr.cast::<PackedB<'static>>();
    check_pointer(packed)?;
    // SAFETY: as the caller vouches, neither null nor misaligned, a packed matrix that lives for `'a`.
    let packed = unsafe { &*packed };
    if packed.shape() == shape { Ok(packed) } else { Err(MnfStatus::Packed) }
}

/// # Safety
/// `ptr` is null, or leads to `len` elements that are read, and not written, for `'a`.
pub(super) unsafe fn slice<'a, T>(ptr: *const T, len: usize) -> Result<&'a [T], MnfStatus> {
    if len > most::<T>() {
        return Err(MnfStatus::Size);
    }
    if len == 0 {
        return Ok(&[]);
    }
    check_pointer(ptr)?;
    // SAFETY: neither null nor misaligned nor too long; the rest as the caller vouches.
    Ok(unsafe { slice::from_raw_parts(ptr, len) })
}

/// # Safety
/// `ptr` is null, or leads to `len` elements that nobody else uses for `'a`.
pub(super) unsafe fn slice_mut<'a, T>(ptr: *mut T, len: usize) -> Result<&'a mut [T], MnfStatus> {
    if len > most::<T>() {
        return Err(MnfStatus::Size);
    }
    if len == 0 {
        return Ok(&mut []);
    }
    check_pointer(ptr)?;
    // SAFETY: neither null nor misaligned nor too long; the rest as the caller vouches.
    Ok(unsafe { slice::from_raw_parts_mut(ptr, len) })
}

/// A slice to write that the caller may leave out by a null pointer.
///
/// # Safety
/// As [`slice_mut`].
pub(super) unsafe fn optional_slice_mut<'a>(
    ptr: *mut f32,
    len: usize,
) -> Result<Option<&'a mut [f32]>, MnfStatus> {
    if ptr.is_null() {
        return Ok(None);
    }
    // SAFETY: as the caller vouches.
    unsafe { slice_mut(ptr, len) }.map(Some)
}

/// A matrix with any strides. A stride along which there is only one element means nothing, and becomes 1.
#[derive(Clone, Copy)]
pub(super) struct Strided {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_stride: isize,
    pub(super) column_stride: isize,
}

impl Strided {
    pub(super) fn new(
        rows: usize,
        columns: usize,
        row_stride: isize,
        column_stride: isize,
    ) -> Result<Self, MnfStatus> {
        let row_stride = if rows > 1 { row_stride } else { 1 };
        let column_stride = if columns > 1 { column_stride } else { 1 };
        let along = |len: usize, stride: isize| len.saturating_sub(1) as u128 * stride.unsigned_abs() as u128;
        let span = along(rows, row_stride) + along(columns, column_stride) + 1;
        let most = most::<f32>();
        if rows > most || columns > most || rows > 0 && columns > 0 && span > most as u128 {
            return Err(MnfStatus::Size);
        }
        Ok(Strided { rows, columns, row_stride, column_stride })
    }

    fn row_major(rows: usize, columns: usize, leading_dimension: usize) -> Result<Self, MnfStatus> {
        if leading_dimension < columns {
            return Err(MnfStatus::Stride);
        }
        let row_stride = isize::try_from(leading_dimension).map_err(|_| MnfStatus::Size)?;
        Strided::new(rows, columns, row_stride, 1)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0 || self.columns == 0
    }

    /// Whether two elements are at one place: `i row_stride = j column_stride` has a solution inside of the shape.
    pub(super) fn overlaps(&self) -> bool {
        let (down, right) = (self.row_stride.unsigned_abs(), self.column_stride.unsigned_abs());
        match greatest_common_divisor(down, right) {
            0 => self.rows > 1 || self.columns > 1,
            divisor => self.rows > right / divisor && self.columns > down / divisor,
        }
    }

    /// `ptr`, if it may be used for this matrix; any address that is not null for a matrix without elements.
    pub(super) fn check(&self, ptr: *const f32) -> Result<*const f32, MnfStatus> {
        if self.is_empty() {
            return Ok(NonNull::dangling().as_ptr());
        }
        check_pointer(ptr)?;
        Ok(ptr)
    }
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// A matrix to read with any strides.
///
/// # Safety
/// `ptr` is null, or its elements can be read, and are not written, for `'a`.
pub(super) unsafe fn strided<'a>(
    ptr: *const f32,
    (rows, columns): (usize, usize),
    (row_stride, column_stride): (isize, isize),
) -> Result<MatRef<'a>, MnfStatus> {
    let shape = Strided::new(rows, columns, row_stride, column_stride)?;
    let ptr = shape.check(ptr)?;
    // SAFETY: neither null nor misaligned, and every offset fits an isize; the rest as the caller vouches.
    Ok(unsafe { MatRef::from_raw_parts(ptr, rows, columns, shape.row_stride, shape.column_stride) })
}

/// A row-major matrix to read.
///
/// # Safety
/// `ptr` is null, or its elements can be read, and are not written, for `'a`.
pub(super) unsafe fn matrix<'a>(
    ptr: *const f32,
    rows: usize,
    columns: usize,
    leading_dimension: usize,
) -> Result<MatRef<'a>, MnfStatus> {
    let shape = Strided::row_major(rows, columns, leading_dimension)?;
    let ptr = shape.check(ptr)?;
    // SAFETY: neither null nor misaligned, and every offset fits an isize; the rest as the caller vouches.
    Ok(unsafe { MatRef::from_raw_parts(ptr, rows, columns, shape.row_stride, 1) })
}

/// A row-major matrix to read that the caller may leave out by a null pointer.
///
/// # Safety
/// As [`matrix`].
pub(super) unsafe fn optional_matrix<'a>(
    ptr: *const f32,
    rows: usize,
    columns: usize,
    leading_dimension: usize,
) -> Result<Option<MatRef<'a>>, MnfStatus> {
    if ptr.is_null() {
        return Ok(None);
    }
    // SAFETY: as the caller vouches.
    unsafe { matrix(ptr, rows, columns, leading_dimension) }.map(Some)
}

/// A row-major matrix to write.
///
/// # Safety
/// `ptr` is null, or its elements can be read and written, and nobody else uses them, for `'a`.
pub(super) unsafe fn matrix_mut<'a>(
    ptr: *mut f32,
    rows: usize,
    columns: usize,
    leading_dimension: usize,
) -> Result<MatMut<'a>, MnfStatus> {
    let ptr = Strided::row_major(rows, columns, leading_dimension)?.check(ptr)?;
    // SAFETY: neither null nor misaligned, `leading_dimension >= columns`, and every offset fits an isize; the rest as
    // the caller vouches.
    Ok(unsafe { MatMut::from_raw_parts(ptr.cast_mut(), rows, columns, leading_dimension) })
}

/// A row-major matrix to write that the caller may leave out by a null pointer.
///
/// # Safety
/// As [`matrix_mut`].
pub(super) unsafe fn optional_matrix_mut<'a>(
    ptr: *mut f32,
    rows: usize,
    columns: usize,
    leading_dimension: usize,
) -> Result<Option<MatMut<'a>>, MnfStatus> {
    if ptr.is_null() {
        return Ok(None);
    }
    // SAFETY: as the caller vouches.
    unsafe { matrix_mut(ptr, rows, columns, leading_dimension) }.map(Some)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn overlap_is_found_as_by_counting_places() {
        let strides = [-7, -3, -2, -1, 0, 1, 2, 3, 4, 6, isize::MIN + 1];
        for (rows, columns) in (1..6).flat_map(|rows| (1..6).map(move |columns| (rows, columns))) {
            for (down, right) in strides.iter().flat_map(|d| strides.iter().map(move |r| (*d, *r))) {
                let places: HashSet<i128> = (0..rows as i128)
                    .flat_map(|i| (0..columns as i128).map(move |j| i * down as i128 + j * right as i128))
                    .collect();
                let shape = Strided { rows, columns, row_stride: down, column_stride: right };
                assert_eq!(
                    shape.overlaps(),
                    places.len() < rows * columns,
                    "{rows}x{columns}, {down}, {right}"
                );
            }
        }
    }

    #[test]
    fn what_no_memory_holds_is_refused() {
        let most = most::<f32>();
        let size = |rows, columns, down, right| Strided::new(rows, columns, down, right).err();
        assert_eq!(size(1, most, 1, 1), None);
        assert_eq!(size(1, most + 1, 1, 1), Some(MnfStatus::Size));
        assert_eq!(size(2, most, 0, 1), None);
        assert_eq!(size(2, most, -1, 1), Some(MnfStatus::Size));
        assert_eq!(size(usize::MAX, usize::MAX, isize::MIN, isize::MIN), Some(MnfStatus::Size));
        assert_eq!(size(usize::MAX, 0, 1, 1), Some(MnfStatus::Size));
        assert_eq!(size(3, 0, isize::MIN, isize::MAX), None);
        let one = Strided::new(1, 1, isize::MIN, isize::MAX).unwrap();
        assert_eq!((one.row_stride, one.column_stride), (1, 1));
        assert_eq!(Strided::row_major(2, 3, usize::MAX).err(), Some(MnfStatus::Size));
        assert_eq!(Strided::row_major(2, 3, 2).err(), Some(MnfStatus::Stride));
    }
}
