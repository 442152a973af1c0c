//! The view to read.

use core::marker::PhantomData;
use core::ops::Range;
use core::slice;

use super::{check_range, is_inside};
use crate::Error;

/// A matrix that is read: any row and column stride, also zero and negative ones.
///
/// Invariant: for every row and column inside the shape, `ptr + row * row_stride + column * column_stride` is a
/// float that can be read for `'a`.
#[derive(Clone, Copy, Debug)]
pub struct MatRef<'a> {
    ptr: *const f32,
    rows: usize,
    columns: usize,
    row_stride: isize,
    column_stride: isize,
    elements: PhantomData<&'a [f32]>,
}

// SAFETY: a view is a shared borrow of floats, which may be read on any thread.
unsafe impl Send for MatRef<'_> {}
// SAFETY: as above.
unsafe impl Sync for MatRef<'_> {}

impl<'a> MatRef<'a> {
    /// A row-major matrix without gaps: `data` holds exactly `rows * columns` elements.
    ///
    /// # Errors
    /// [`Error::Length`].
    ///
    /// ```
    /// use mnist_fast_kernels::MatRef;
    ///
    /// let x = MatRef::new(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3)?;
    /// assert_eq!((x.get(1, 0), x.row(1)), (Some(4.0), Some(&[4.0, 5.0, 6.0][..])));
    /// assert_eq!(x.transposed().shape(), (3, 2)); // no element moves
    /// assert!(MatRef::new(&[1.0, 2.0], 2, 3).is_err());
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn new(data: &'a [f32], rows: usize, columns: usize) -> Result<Self, Error> {
        match rows.checked_mul(columns) {
            Some(n) if n == data.len() => MatRef::with_leading_dimension(data, rows, columns, columns),
            n => Err(Error::Length { what: "data", expected: n.unwrap_or(usize::MAX), found: data.len() }),
        }
    }

    /// A row-major matrix whose rows start `leading_dimension` elements apart.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`].
    ///
    /// ```
    /// use mnist_fast_kernels::MatRef;
    ///
    /// let data = [1.0, 2.0, f32::NAN, 3.0, 4.0]; // a gap after each row but the last
    /// let x = MatRef::with_leading_dimension(&data, 2, 2, 3)?;
    /// assert_eq!(x.row(1), Some(&[3.0, 4.0][..]));
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn with_leading_dimension(
        data: &'a [f32],
        rows: usize,
        columns: usize,
        leading_dimension: usize,
    ) -> Result<Self, Error> {
        let row_stride = isize::try_from(leading_dimension).map_err(|_| Error::OutOfBounds {
            rows,
            columns,
            length: data.len(),
        })?;
        MatRef::with_strides(data, 0, rows, columns, row_stride, 1)
    }

    /// Any strides: element `(i, j)` is `data[offset + i * row_stride + j * column_stride]`.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`].
    ///
    /// ```
    /// use mnist_fast_kernels::MatRef;
    ///
    /// let data = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    /// let row = |x: MatRef, i| [x.get(i, 0), x.get(i, 1)].map(Option::unwrap);
    /// let column_major = MatRef::with_strides(&data, 0, 3, 2, 1, 3)?;
    /// assert_eq!(row(column_major, 1), [2.0, 5.0]);
    /// let last_row_first = MatRef::with_strides(&data, 4, 3, 2, -2, 1)?;
    /// assert_eq!(row(last_row_first, 0), [5.0, 6.0]);
    /// let one_row_for_all = MatRef::with_strides(&data, 0, 1000, 2, 0, 1)?;
    /// assert_eq!(row(one_row_for_all, 999), [1.0, 2.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn with_strides(
        data: &'a [f32],
        offset: usize,
        rows: usize,
        columns: usize,
        row_stride: isize,
        column_stride: isize,
    ) -> Result<Self, Error> {
        let elements = PhantomData;
        if rows == 0 || columns == 0 {
            return Ok(MatRef { ptr: data.as_ptr(), rows, columns, row_stride, column_stride, elements });
        }
        if !is_inside(data.len(), offset, (rows, columns), (row_stride, column_stride)) {
            return Err(Error::OutOfBounds { rows, columns, length: data.len() });
        }
        // SAFETY: element (0, 0) is inside of the slice.
        let ptr = unsafe { data.as_ptr().add(offset) };
        Ok(MatRef { ptr, rows, columns, row_stride, column_stride, elements })
    }

    /// A matrix at `ptr`, for memory that no slice can describe.
    ///
    /// # Safety
    /// For every row and column inside the shape, `ptr + row * row_stride + column * column_stride` is inside of one
    /// allocation and can be read, and is not written, for `'a`.
    pub unsafe fn from_raw_parts(
        ptr: *const f32,
        rows: usize,
        columns: usize,
        row_stride: isize,
        column_stride: isize,
    ) -> Self {
        MatRef { ptr, rows, columns, row_stride, column_stride, elements: PhantomData }
    }

    /// The same elements, the last row first.
    pub(crate) fn with_rows_reversed(self) -> Self {
        let ptr = self.element(self.rows.saturating_sub(1), 0);
        MatRef { ptr, row_stride: self.row_stride.wrapping_neg(), ..self }
    }

    /// The same elements, the last column first.
    pub(crate) fn with_columns_reversed(self) -> Self {
        self.transposed().with_rows_reversed().transposed()
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
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

    /// The element at `(row, column)`, or `None` outside of the shape.
    pub fn get(&self, row: usize, column: usize) -> Option<f32> {
        // SAFETY: inside of the shape.
        (row < self.rows && column < self.columns).then(|| unsafe { *self.element(row, column) })
    }

    /// The element at `(row, column)`, which must be inside the shape.
    #[track_caller]
    pub(crate) fn at(&self, row: usize, column: usize) -> f32 {
        self.get(row, column).expect("an element inside of the shape")
    }

    /// The address of an element; only inside of the shape does it mean anything.
    fn element(&self, row: usize, column: usize) -> *const f32 {
        let offset = (row as isize)
            .wrapping_mul(self.row_stride)
            .wrapping_add((column as isize).wrapping_mul(self.column_stride));
        self.ptr.wrapping_offset(offset)
    }

    /// The address of element `(0, 0)`; dangling where the matrix has no elements.
    pub fn as_ptr(&self) -> *const f32 {
        self.ptr
    }

    /// The same elements with rows and columns exchanged.
    pub fn transposed(self) -> Self {
        MatRef {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }

    /// The rows in `range`.
    ///
    /// # Errors
    /// [`Error::Range`].
    ///
    /// ```
    /// use mnist_fast_kernels::MatRef;
    ///
    /// let x = MatRef::new(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3, 2)?;
    /// assert_eq!(x.row_range(1..3)?.row(0), Some(&[3.0, 4.0][..]));
    /// assert!(x.row_range(1..4).is_err());
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn row_range(self, range: Range<usize>) -> Result<Self, Error> {
        check_range(&range, self.rows)?;
        Ok(MatRef { ptr: self.element(range.start, 0), rows: range.len(), ..self })
    }

    /// The columns in `range`.
    ///
    /// # Errors
    /// [`Error::Range`].
    ///
    /// ```
    /// use mnist_fast_kernels::MatRef;
    ///
    /// let x = MatRef::new(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3)?;
    /// assert_eq!(x.column_range(1..3)?.row(1), Some(&[5.0, 6.0][..]));
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn column_range(self, range: Range<usize>) -> Result<Self, Error> {
        check_range(&range, self.columns)?;
        Ok(MatRef { ptr: self.element(0, range.start), columns: range.len(), ..self })
    }

    /// Row `row` as a slice; `None` where its elements are not contiguous or there is no such row.
    pub fn row(&self, row: usize) -> Option<&'a [f32]> {
        if row >= self.rows || (self.column_stride != 1 && self.columns > 1) {
            return None;
        }
        if self.columns == 0 {
            return Some(&[]);
        }
        // SAFETY: the elements of the row, which are contiguous.
        Some(unsafe { slice::from_raw_parts(self.element(row, 0), self.columns) })
    }
}
