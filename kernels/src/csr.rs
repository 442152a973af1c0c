//! Sparse matrices, compressed by rows.

use core::ops::Range;

use crate::Error;

/// A sparse matrix in compressed sparse row form (CSR): for each row the columns of its nonzeros, increasing, and their values.
///
/// Row `i` is the part `starts[i]..ends[i]` of the indices and values; rows may have room after them, so that several threads
/// can fill a matrix at once (the four-array form of Intel MKL's sparse BLAS). [`Csr::new`] takes the three-array form.
///
/// Invariant: every row's part is inside of both slices, and its columns increase and are inside of the shape.
///
/// ```
/// use mnist_fast_kernels::Csr;
///
/// // 1 0 2
/// // 0 0 0
/// // 0 3 0
/// let x = Csr::new(3, &[0, 2, 2, 3], &[0, 2, 1], &[1.0, 2.0, 3.0])?;
/// assert_eq!((x.shape(), x.nonzeros()), ((3, 3), 3));
/// assert_eq!(x.row(0), Some((&[0, 2][..], &[1.0, 2.0][..])));
/// # Ok::<(), mnist_fast_kernels::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Csr<'a> {
    columns: usize,
    starts: &'a [u32],
    ends: &'a [u32],
    indices: &'a [u32],
    values: &'a [f32],
}

impl<'a> Csr<'a> {
    /// A matrix of `row_starts.len() - 1` rows: row `i` has the nonzeros `row_starts[i]..row_starts[i + 1]`.
    ///
    /// # Errors
    /// [`Error::Csr`] where a row is outside of the indices or values, or its columns do not increase or are outside of the shape.
    pub fn new(
        columns: usize,
        row_starts: &'a [u32],
        indices: &'a [u32],
        values: &'a [f32],
    ) -> Result<Self, Error> {
        match row_starts {
            [] => Err(Error::Csr { row: 0 }),
            [starts @ .., _] => Csr::with_row_ends(columns, starts, &row_starts[1..], indices, values),
        }
    }

    /// A matrix of `starts.len()` rows: row `i` has the nonzeros `starts[i]..ends[i]`.
    ///
    /// # Errors
    /// [`Error::Length`] where there are not as many ends as starts; [`Error::Csr`] as for [`Csr::new`].
    pub fn with_row_ends(
        columns: usize,
        starts: &'a [u32],
        ends: &'a [u32],
        indices: &'a [u32],
        values: &'a [f32],
    ) -> Result<Self, Error> {
        if starts.len() != ends.len() {
            return Err(Error::Length { what: "ends", expected: starts.len(), found: ends.len() });
        }
        for (row, (start, end)) in starts.iter().zip(ends).enumerate() {
            let range = *start as usize..*end as usize;
            let fits = range.end <= values.len();
            let fine = indices.get(range).is_some_and(|indices| {
                indices.is_sorted_by(|a, b| a < b)
                    && indices.last().is_none_or(|last| (*last as usize) < columns)
            });
            if !fits || !fine {
                return Err(Error::Csr { row });
            }
        }
        Ok(Csr { columns, starts, ends, indices, values })
    }

    /// The same without a look at the parts, for matrices that the compressing kernels made.
    ///
    /// # Safety
    /// There are as many ends as starts; every part `starts[i]..ends[i]` is inside of `indices` and `values`; its indices
    /// increase and are below `columns`.
    pub unsafe fn new_unchecked(
        columns: usize,
        starts: &'a [u32],
        ends: &'a [u32],
        indices: &'a [u32],
        values: &'a [f32],
    ) -> Self {
        Csr { columns, starts, ends, indices, values }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.starts.len()
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// `(rows, columns)`.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows(), self.columns)
    }

    /// How many elements are stored.
    pub fn nonzeros(&self) -> usize {
        self.starts.iter().zip(self.ends).map(|(start, end)| end.saturating_sub(*start) as usize).sum()
    }

    /// The columns and the values of row `row`; `None` where there is no such row.
    pub fn row(&self, row: usize) -> Option<(&'a [u32], &'a [f32])> {
        let range = *self.starts.get(row)? as usize..*self.ends.get(row)? as usize;
        Some((self.indices.get(range.clone())?, self.values.get(range)?))
    }

    /// The rows in `range`.
    ///
    /// # Errors
    /// [`Error::Range`].
    pub fn row_range(self, range: Range<usize>) -> Result<Self, Error> {
        crate::view::check_range(&range, self.rows())?;
        Ok(Csr { starts: &self.starts[range.clone()], ends: &self.ends[range], ..self })
    }

    pub(crate) fn starts(&self) -> &'a [u32] {
        self.starts
    }

    pub(crate) fn ends(&self) -> &'a [u32] {
        self.ends
    }

    pub(crate) fn indices(&self) -> &'a [u32] {
        self.indices
    }

    pub(crate) fn values(&self) -> &'a [f32] {
        self.values
    }
}
