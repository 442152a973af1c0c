//! Checked views of matrices in slices: [`MatRef`] to read, [`MatMut`] to write.
//!
//! A view is checked once, when it is made: afterwards every `(row, column)` inside its shape is an
//! element of its slice. All lengths and strides count elements, not bytes.

use core::ops::Range;

use crate::Error;

/// A matrix that is read: any row and column stride, also zero and negative ones.
#[derive(Clone, Copy, Debug)]
pub struct MatRef<'a> {
    data: &'a [f32],
    offset: usize,
    rows: usize,
    columns: usize,
    row_stride: isize,
    column_stride: isize,
}

impl<'a> MatRef<'a> {
    /// A row-major matrix without gaps: `data` holds exactly `rows * columns` elements.
    pub fn new(data: &'a [f32], rows: usize, columns: usize) -> Result<Self, Error> {
        match rows.checked_mul(columns) {
            Some(n) if n == data.len() => MatRef::with_strides(data, 0, rows, columns, columns as isize, 1),
            n => Err(Error::Length { what: "data", expected: n.unwrap_or(usize::MAX), found: data.len() }),
        }
    }

    /// A row-major matrix whose rows start `leading_dimension` elements apart.
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
    pub fn with_strides(
        data: &'a [f32],
        offset: usize,
        rows: usize,
        columns: usize,
        row_stride: isize,
        column_stride: isize,
    ) -> Result<Self, Error> {
        let view = MatRef { data, offset, rows, columns, row_stride, column_stride };
        if rows == 0 || columns == 0 || view.corners_are_inside() {
            Ok(view)
        } else {
            Err(Error::OutOfBounds { rows, columns, length: data.len() })
        }
    }

    /// Indices are linear in row and column, so the extreme ones are at the corners.
    fn corners_are_inside(&self) -> bool {
        let last_row = (self.rows as i128 - 1) * self.row_stride as i128;
        let last_column = (self.columns as i128 - 1) * self.column_stride as i128;
        let lowest = self.offset as i128 + last_row.min(0) + last_column.min(0);
        let highest = self.offset as i128 + last_row.max(0) + last_column.max(0);
        lowest >= 0 && highest < self.data.len() as i128
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
        (row < self.rows && column < self.columns).then(|| self.at(row, column))
    }

    /// The element at `(row, column)`, which must be inside the shape.
    pub(crate) fn at(&self, row: usize, column: usize) -> f32 {
        let index =
            self.offset as isize + row as isize * self.row_stride + column as isize * self.column_stride;
        self.data[index as usize]
    }

    /// The address of element `(0, 0)`; dangling where the matrix has no elements.
    pub(crate) fn as_ptr(&self) -> *const f32 {
        self.data.as_ptr().wrapping_add(self.offset)
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
    pub fn row_range(self, range: Range<usize>) -> Result<Self, Error> {
        check_range(&range, self.rows)?;
        let offset = self.offset as isize + range.start as isize * self.row_stride;
        Ok(MatRef { offset: self.clamp(offset, range.len()), rows: range.len(), ..self })
    }

    /// The columns in `range`.
    pub fn column_range(self, range: Range<usize>) -> Result<Self, Error> {
        check_range(&range, self.columns)?;
        let offset = self.offset as isize + range.start as isize * self.column_stride;
        Ok(MatRef { offset: self.clamp(offset, range.len()), columns: range.len(), ..self })
    }

    /// An empty range at the end may start outside of the slice; its offset is never used.
    fn clamp(&self, offset: isize, len: usize) -> usize {
        if len == 0 || self.rows == 0 || self.columns == 0 { 0 } else { offset as usize }
    }

    /// Row `row` as a slice; `None` where its elements are not contiguous or there is no such row.
    pub fn row(&self, row: usize) -> Option<&'a [f32]> {
        if row >= self.rows || (self.column_stride != 1 && self.columns > 1) {
            return None;
        }
        if self.columns == 0 {
            return Some(&[]);
        }
        let start = (self.offset as isize + row as isize * self.row_stride) as usize;
        self.data.get(start..start + self.columns)
    }
}

/// A row-major matrix that is written: contiguous rows, `leading_dimension` elements apart.
#[derive(Debug)]
pub struct MatMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    columns: usize,
    leading_dimension: usize,
}

impl<'a> MatMut<'a> {
    /// A matrix without gaps: `data` holds exactly `rows * columns` elements.
    pub fn new(data: &'a mut [f32], rows: usize, columns: usize) -> Result<Self, Error> {
        match rows.checked_mul(columns) {
            Some(n) if n == data.len() => MatMut::with_leading_dimension(data, rows, columns, columns),
            n => Err(Error::Length { what: "data", expected: n.unwrap_or(usize::MAX), found: data.len() }),
        }
    }

    /// Rows start `leading_dimension >= columns` elements apart; the gaps are never touched.
    pub fn with_leading_dimension(
        data: &'a mut [f32],
        rows: usize,
        columns: usize,
        leading_dimension: usize,
    ) -> Result<Self, Error> {
        if leading_dimension < columns {
            return Err(Error::Stride { what: "a matrix to write" });
        }
        let needed = if rows == 0 || columns == 0 {
            Some(0)
        } else {
            (rows - 1).checked_mul(leading_dimension).and_then(|n| n.checked_add(columns))
        };
        match needed {
            Some(n) if n <= data.len() => Ok(MatMut { data, rows, columns, leading_dimension }),
            _ => Err(Error::OutOfBounds { rows, columns, length: data.len() }),
        }
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

    pub(crate) fn as_mut_ptr(&mut self) -> *mut f32 {
        self.data.as_mut_ptr()
    }

    /// Row `row`, or `None` where there is no such row.
    pub fn row_mut(&mut self, row: usize) -> Option<&mut [f32]> {
        if row >= self.rows {
            return None;
        }
        if self.columns == 0 {
            return Some(&mut []);
        }
        let start = row * self.leading_dimension;
        self.data.get_mut(start..start + self.columns)
    }

    /// This matrix, to read.
    pub fn as_ref(&self) -> MatRef<'_> {
        MatRef {
            data: self.data,
            offset: 0,
            rows: self.rows,
            columns: self.columns,
            row_stride: self.leading_dimension as isize,
            column_stride: 1,
        }
    }

    /// This matrix for a shorter time.
    pub fn reborrow(&mut self) -> MatMut<'_> {
        MatMut {
            data: self.data,
            rows: self.rows,
            columns: self.columns,
            leading_dimension: self.leading_dimension,
        }
    }

    /// The rows in `range`.
    pub fn row_range(self, range: Range<usize>) -> Result<Self, Error> {
        check_range(&range, self.rows)?;
        let start = (range.start * self.leading_dimension).min(self.data.len());
        Ok(MatMut { data: &mut self.data[start..], rows: range.len(), ..self })
    }

    /// The rows before `row`, and the rest: two parts that two threads can write at once.
    pub fn split_at_row(self, row: usize) -> Result<(Self, Self), Error> {
        check_range(&(row..self.rows), self.rows)?;
        let at = (row * self.leading_dimension).min(self.data.len());
        let (columns, leading_dimension) = (self.columns, self.leading_dimension);
        let (first, rest) = self.data.split_at_mut(at);
        Ok((
            MatMut { data: first, rows: row, columns, leading_dimension },
            MatMut { data: rest, rows: self.rows - row, columns, leading_dimension },
        ))
    }

    /// The columns in `range`.
    pub fn column_range(self, range: Range<usize>) -> Result<Self, Error> {
        check_range(&range, self.columns)?;
        let start = range.start.min(self.data.len());
        Ok(MatMut { data: &mut self.data[start..], columns: range.len(), ..self })
    }
}

fn check_range(range: &Range<usize>, len: usize) -> Result<(), Error> {
    if range.start <= range.end && range.end <= len {
        Ok(())
    } else {
        Err(Error::Range { start: range.start, end: range.end, len })
    }
}
