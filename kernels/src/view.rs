//! Checked views of matrices: [`MatRef`] to read, [`MatMut`] to write.
//!
//! A view is checked once, when it is made: afterwards every `(row, column)` inside its shape is an
//! element that it may use. It owns those elements and not the gaps between its rows, so the parts of one matrix, also
//! ranges of its columns, can be written by several threads at once. All lengths and strides count elements, not bytes.

use core::marker::PhantomData;
use core::ops::Range;
use core::slice;

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
        // Indices are linear in row and column, so the extreme ones are at the corners.
        let last_row = (rows as i128 - 1).checked_mul(row_stride as i128);
        let last_column = (columns as i128 - 1).checked_mul(column_stride as i128);
        let inside = match (last_row, last_column) {
            (Some(last_row), Some(last_column)) => {
                let offset = offset as i128;
                let lowest =
                    offset.checked_add(last_row.min(0)).and_then(|x| x.checked_add(last_column.min(0)));
                let highest =
                    offset.checked_add(last_row.max(0)).and_then(|x| x.checked_add(last_column.max(0)));
                lowest.is_some_and(|x| x >= 0) && highest.is_some_and(|x| x < data.len() as i128)
            }
            _ => false,
        };
        if !inside {
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
    pub fn row_range(self, range: Range<usize>) -> Result<Self, Error> {
        check_range(&range, self.rows)?;
        Ok(MatRef { ptr: self.element(range.start, 0), rows: range.len(), ..self })
    }

    /// The columns in `range`.
    ///
    /// # Errors
    /// [`Error::Range`].
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

/// A row-major matrix that is written: contiguous rows, `leading_dimension` elements apart.
///
/// Invariant: for every row and column inside the shape, `ptr + row * leading_dimension + column` is a float that
/// nobody else uses for `'a`.
#[derive(Debug)]
pub struct MatMut<'a> {
    ptr: *mut f32,
    rows: usize,
    columns: usize,
    leading_dimension: usize,
    elements: PhantomData<&'a mut [f32]>,
}

// SAFETY: a view is a unique borrow of floats, which may move to another thread.
unsafe impl Send for MatMut<'_> {}
// SAFETY: through a shared reference elements can only be read.
unsafe impl Sync for MatMut<'_> {}

impl<'a> MatMut<'a> {
    /// A matrix without gaps: `data` holds exactly `rows * columns` elements.
    ///
    /// # Errors
    /// [`Error::Length`].
    pub fn new(data: &'a mut [f32], rows: usize, columns: usize) -> Result<Self, Error> {
        match rows.checked_mul(columns) {
            Some(n) if n == data.len() => MatMut::with_leading_dimension(data, rows, columns, columns),
            n => Err(Error::Length { what: "data", expected: n.unwrap_or(usize::MAX), found: data.len() }),
        }
    }

    /// Rows start `leading_dimension >= columns` elements apart; the gaps are never touched.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`]; [`Error::Stride`] where rows would overlap.
    pub fn with_leading_dimension(
        data: &'a mut [f32],
        rows: usize,
        columns: usize,
        leading_dimension: usize,
    ) -> Result<Self, Error> {
        if leading_dimension < columns || isize::try_from(leading_dimension).is_err() {
            return Err(Error::Stride { what: "a matrix to write" });
        }
        let needed = if rows == 0 || columns == 0 {
            Some(0)
        } else {
            (rows - 1).checked_mul(leading_dimension).and_then(|n| n.checked_add(columns))
        };
        match needed {
            Some(n) if n <= data.len() => {
                let elements = PhantomData;
                Ok(MatMut { ptr: data.as_mut_ptr(), rows, columns, leading_dimension, elements })
            }
            _ => Err(Error::OutOfBounds { rows, columns, length: data.len() }),
        }
    }

    /// A matrix at `ptr`, for memory that no slice can describe.
    ///
    /// # Safety
    /// `leading_dimension >= columns`, and it fits an `isize`. For every row and column inside the shape, `ptr + row * leading_dimension + column` is
    /// inside of one allocation, can be read and written, and is used by nobody else for `'a`.
    pub unsafe fn from_raw_parts(
        ptr: *mut f32,
        rows: usize,
        columns: usize,
        leading_dimension: usize,
    ) -> Self {
        MatMut { ptr, rows, columns, leading_dimension, elements: PhantomData }
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
    pub fn leading_dimension(&self) -> usize {
        self.leading_dimension
    }

    /// The address of element `(0, 0)`; dangling where the matrix has no elements.
    pub fn as_mut_ptr(&mut self) -> *mut f32 {
        self.ptr
    }

    /// Row `row`, or `None` where there is no such row.
    pub fn row_mut(&mut self, row: usize) -> Option<&mut [f32]> {
        if row >= self.rows {
            return None;
        }
        if self.columns == 0 {
            return Some(&mut []);
        }
        // SAFETY: the elements of the row, which are contiguous; `self` is borrowed for as long as the slice lives.
        Some(unsafe { slice::from_raw_parts_mut(self.ptr.add(row * self.leading_dimension), self.columns) })
    }

    /// This matrix, to read.
    pub fn as_ref(&self) -> MatRef<'_> {
        MatRef {
            ptr: self.ptr,
            rows: self.rows,
            columns: self.columns,
            row_stride: self.leading_dimension as isize,
            column_stride: 1,
            elements: PhantomData,
        }
    }

    /// This matrix for a shorter time.
    pub fn reborrow(&mut self) -> MatMut<'_> {
        MatMut { elements: PhantomData, ..*self }
    }

    /// The rows in `range`.
    ///
    /// # Errors
    /// [`Error::Range`].
    pub fn row_range(self, range: Range<usize>) -> Result<Self, Error> {
        check_range(&range, self.rows)?;
        let ptr = self.ptr.wrapping_add(range.start.wrapping_mul(self.leading_dimension));
        Ok(MatMut { ptr, rows: range.len(), ..self })
    }

    /// The columns in `range`.
    ///
    /// # Errors
    /// [`Error::Range`].
    pub fn column_range(self, range: Range<usize>) -> Result<Self, Error> {
        check_range(&range, self.columns)?;
        Ok(MatMut { ptr: self.ptr.wrapping_add(range.start), columns: range.len(), ..self })
    }

    /// The rows before `row`, and the rest: two parts that two threads can write at once.
    ///
    /// # Errors
    /// [`Error::Range`].
    pub fn split_at_row(self, row: usize) -> Result<(Self, Self), Error> {
        let rest = self.alias().row_range(row..self.rows)?;
        Ok((self.row_range(0..row)?, rest))
    }

    /// The columns before `column`, and the rest: two parts that two threads can write at once.
    ///
    /// # Errors
    /// [`Error::Range`].
    pub fn split_at_column(self, column: usize) -> Result<(Self, Self), Error> {
        let rest = self.alias().column_range(column..self.columns)?;
        Ok((self.column_range(0..column)?, rest))
    }

    /// The same view twice: for the splits above only, which part the elements at once.
    fn alias(&self) -> MatMut<'a> {
        MatMut { elements: PhantomData, ..*self }
    }
}

fn check_range(range: &Range<usize>, len: usize) -> Result<(), Error> {
    if range.start <= range.end && range.end <= len {
        Ok(())
    } else {
        Err(Error::Range { start: range.start, end: range.end, len })
    }
}
