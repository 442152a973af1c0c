//! The view to write: contiguous rows.

use core::marker::PhantomData;
use core::ops::Range;
use core::slice;

use super::{MatRef, check_range};
use crate::Error;

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
    ///
    /// ```
    /// use mnist_fast_kernels::MatMut;
    ///
    /// let mut data = [0.0; 6];
    /// let mut y = MatMut::new(&mut data, 2, 3)?;
    /// y.row_mut(1).unwrap().fill(7.0);
    /// assert_eq!(y.shape(), (2, 3));
    /// assert_eq!(data, [0.0, 0.0, 0.0, 7.0, 7.0, 7.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
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
    ///
    /// ```
    /// use mnist_fast_kernels::{Error, MatMut};
    ///
    /// let mut data = [0.0; 5];
    /// let mut y = MatMut::with_leading_dimension(&mut data, 2, 2, 3)?;
    /// y.row_mut(1).unwrap().fill(7.0);
    /// assert_eq!(data, [0.0, 0.0, 0.0, 7.0, 7.0]);
    /// let overlapping = MatMut::with_leading_dimension(&mut data, 2, 2, 1);
    /// assert!(matches!(overlapping, Err(Error::Stride { .. })));
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
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
    /// `leading_dimension >= columns`, and it fits an `isize`. For every row and column inside the shape,
    /// `ptr + row * leading_dimension + column` is inside of one allocation, can be read and written, and is used by nobody
    /// else for `'a`.
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
        // SAFETY: elements that this view may use, borrowed for as long as `self` is; the leading dimension fits an
        // `isize`.
        unsafe {
            MatRef::from_raw_parts(self.ptr, self.rows, self.columns, self.leading_dimension as isize, 1)
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
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatMut, MatRef, Workspace};
    ///
    /// let (kernels, mut c) = (Kernels::best(), [0.0; 4]);
    /// let (a, b) = (MatRef::new(&[1.0, 2.0, 3.0, 4.0], 4, 1)?, MatRef::new(&[10.0], 1, 1)?);
    /// let (top, bottom) = MatMut::new(&mut c, 4, 1)?.split_at_row(2)?;
    /// let (a_top, a_bottom) = (a.row_range(0..2)?, a.row_range(2..4)?);
    /// std::thread::scope(|scope| {
    ///     let other = scope.spawn(move || kernels.gemm(1.0, a_top, b, 0.0, top, &mut Workspace::new()));
    ///     kernels.gemm(1.0, a_bottom, b, 0.0, bottom, &mut Workspace::new())?;
    ///     other.join().expect("kernels do not panic")
    /// })?;
    /// assert_eq!(c, [10.0, 20.0, 30.0, 40.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn split_at_row(self, row: usize) -> Result<(Self, Self), Error> {
        let rest = self.alias().row_range(row..self.rows)?;
        Ok((self.row_range(0..row)?, rest))
    }

    /// The columns before `column`, and the rest: two parts that two threads can write at once.
    ///
    /// # Errors
    /// [`Error::Range`].
    ///
    /// ```
    /// use mnist_fast_kernels::MatMut;
    ///
    /// let mut data = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    /// let (mut left, mut right) = MatMut::new(&mut data, 2, 3)?.split_at_column(1)?;
    /// left.row_mut(1).unwrap().fill(0.0);
    /// right.row_mut(0).unwrap().fill(7.0);
    /// assert_eq!(data, [1.0, 7.0, 7.0, 0.0, 5.0, 6.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn split_at_column(self, column: usize) -> Result<(Self, Self), Error> {
        let rest = self.alias().column_range(column..self.columns)?;
        Ok((self.column_range(0..column)?, rest))
    }

    /// The same view twice: for the splits above only, which part the elements at once.
    fn alias(&self) -> MatMut<'a> {
        MatMut { elements: PhantomData, ..*self }
    }
}
