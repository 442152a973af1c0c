//! The view to write with any strides.

use core::marker::PhantomData;

use super::{MatMut, is_inside};
use crate::Error;

/// A matrix that is written, with any strides that keep its elements apart: column-major, every other column, the last
/// row first. Products take it where [`MatMut`]'s contiguous rows do not fit ([`crate::Kernels::gemm_strided`]).
///
/// Invariant: for every row and column inside the shape, `ptr + row * row_stride + column * column_stride` is a
/// float that nobody else uses for `'a`, and no two are the same.
#[derive(Debug)]
pub struct StridedMut<'a> {
    ptr: *mut f32,
    rows: usize,
    columns: usize,
    row_stride: isize,
    column_stride: isize,
    elements: PhantomData<&'a mut [f32]>,
}

// SAFETY: a view is a unique borrow of floats, which may move to another thread.
unsafe impl Send for StridedMut<'_> {}
// SAFETY: through a shared reference no element can be used.
unsafe impl Sync for StridedMut<'_> {}

impl<'a> StridedMut<'a> {
    /// Element `(i, j)` is `data[offset + i * row_stride + j * column_stride]`.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`]; [`Error::Stride`] unless, in magnitude, one stride is at least 1 and the other steps over
    /// all that the first reaches (0 is fine along a single row or column).
    ///
    /// ```
    /// use mnist_fast_kernels::{Error, StridedMut};
    ///
    /// let mut data = [0.0; 6];
    /// StridedMut::new(&mut data, 0, 2, 3, 1, 2)?; // 2 x 3, column by column
    /// StridedMut::new(&mut data, 5, 2, 3, -3, -1)?; // row by row, from the end
    /// StridedMut::new(&mut data, 1, 3, 1, 2, 1)?; // the second column of 3 x 2
    /// let twice = StridedMut::new(&mut data, 0, 2, 3, 0, 1).map(|_| ());
    /// assert!(matches!(twice, Err(Error::Stride { .. })));
    /// let outside = StridedMut::new(&mut data, 1, 2, 3, 1, 2).map(|_| ());
    /// assert!(matches!(outside, Err(Error::OutOfBounds { .. })));
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn new(
        data: &'a mut [f32],
        offset: usize,
        rows: usize,
        columns: usize,
        row_stride: isize,
        column_stride: isize,
    ) -> Result<Self, Error> {
        let elements = PhantomData;
        let ptr = data.as_mut_ptr();
        if rows == 0 || columns == 0 {
            return Ok(StridedMut { ptr, rows, columns, row_stride, column_stride, elements });
        }
        if !keeps_apart((rows, columns), (row_stride, column_stride)) {
            return Err(Error::Stride { what: "a matrix to write" });
        }
        if !is_inside(data.len(), offset, (rows, columns), (row_stride, column_stride)) {
            return Err(Error::OutOfBounds { rows, columns, length: data.len() });
        }
        // SAFETY: element (0, 0) is inside of the slice.
        let ptr = unsafe { ptr.add(offset) };
        Ok(StridedMut { ptr, rows, columns, row_stride, column_stride, elements })
    }

    /// A matrix at `ptr`, for memory that no slice can describe.
    ///
    /// # Safety
    /// For every row and column inside the shape, `ptr + row * row_stride + column * column_stride` is inside of one
    /// allocation, can be read and written, is used by nobody else for `'a`, and is no other element of the matrix.
    pub unsafe fn from_raw_parts(
        ptr: *mut f32,
        rows: usize,
        columns: usize,
        row_stride: isize,
        column_stride: isize,
    ) -> Self {
        StridedMut { ptr, rows, columns, row_stride, column_stride, elements: PhantomData }
    }

    /// `(rows, columns)`.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// The distance from one row to the next, in elements.
    pub fn row_stride(&self) -> isize {
        self.row_stride
    }

    /// The distance from one column to the next, in elements.
    pub fn column_stride(&self) -> isize {
        self.column_stride
    }

    /// This matrix for a shorter time.
    pub fn reborrow(&mut self) -> StridedMut<'_> {
        StridedMut { elements: PhantomData, ..*self }
    }

    /// The same elements with rows and columns exchanged.
    pub fn transposed(self) -> Self {
        StridedMut {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// The same elements, the last row first.
    pub(crate) fn with_rows_reversed(self) -> Self {
        let ptr = self.element(self.rows.saturating_sub(1), 0);
        StridedMut { ptr, row_stride: self.row_stride.wrapping_neg(), ..self }
    }

    /// The same elements, the last column first.
    pub(crate) fn with_columns_reversed(self) -> Self {
        self.transposed().with_rows_reversed().transposed()
    }

    /// This matrix as one with contiguous rows, if that is what it is.
    pub(crate) fn into_row_major(self) -> Option<MatMut<'a>> {
        let (rows, columns) = self.shape();
        let contiguous = self.column_stride == 1 || columns <= 1;
        let apart = usize::try_from(self.row_stride).is_ok_and(|stride| stride >= columns);
        if !contiguous || !apart && rows > 1 {
            return None;
        }
        let leading_dimension = if rows > 1 { self.row_stride as usize } else { columns };
        // SAFETY: the same elements, by this view's invariant.
        Some(unsafe { MatMut::from_raw_parts(self.ptr, rows, columns, leading_dimension) })
    }

    /// Calls `f` with each element of a row-major `block` and the element of this matrix that it stands for: its first
    /// one stands for `(row, column)`.
    ///
    /// # Panics
    /// Where the block reaches outside of the shape.
    pub(crate) fn each_of_row_major(
        &mut self,
        block: &mut [f32],
        (row, column): (usize, usize),
        columns: usize,
        mut f: impl FnMut(&mut f32, &mut f32),
    ) {
        let rows = block.len() / columns;
        assert!(row + rows <= self.rows && column + columns <= self.columns, "a block inside of its matrix");
        for (i, block) in block.chunks_exact_mut(columns).enumerate() {
            for (j, x) in block.iter_mut().enumerate() {
                // SAFETY: inside of the shape, and nobody else's.
                f(x, unsafe { &mut *self.element(row + i, column + j) });
            }
        }
    }

    /// The address of an element; only inside of the shape does it mean anything.
    fn element(&self, row: usize, column: usize) -> *mut f32 {
        let offset = (row as isize)
            .wrapping_mul(self.row_stride)
            .wrapping_add((column as isize).wrapping_mul(self.column_stride));
        self.ptr.wrapping_offset(offset)
    }
}

impl<'a> From<MatMut<'a>> for StridedMut<'a> {
    fn from(mut matrix: MatMut<'a>) -> Self {
        let (rows, columns) = matrix.shape();
        let row_stride = matrix.leading_dimension() as isize;
        let (ptr, elements) = (matrix.as_mut_ptr(), PhantomData);
        StridedMut { ptr, rows, columns, row_stride, column_stride: 1, elements }
    }
}

/// Whether no two elements can be at the same place: sufficient, and necessary for all but odd interleavings.
fn keeps_apart((rows, columns): (usize, usize), (row_stride, column_stride): (isize, isize)) -> bool {
    let (row_step, column_step) = (row_stride.unsigned_abs(), column_stride.unsigned_abs());
    let apart = |count: usize, step: usize, inner: usize, inner_step: usize| {
        let reach = (inner - 1).checked_mul(inner_step);
        (inner == 1 || inner_step > 0) && (count == 1 || reach.is_some_and(|reach| step > reach))
    };
    apart(rows, row_step, columns, column_step) || apart(columns, column_step, rows, row_step)
}
