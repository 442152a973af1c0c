//! What a sparse product takes: a matrix in CSR form, or bytes or floats whose zeros are left out.

use crate::{Csr, Error, MatRef};

/// A matrix of bytes, each of which stands for byte / 255: some rows of a larger one, as a batch is of a dataset, in any order.
///
/// ```
/// use mnist_fast_kernels::ByteRows;
///
/// let pixels = [0, 255, 7, 0, 0, 1]; // three images of two pixels
/// let batch = ByteRows::select(&pixels, 2, &[2, 0])?;
/// assert_eq!((batch.shape(), batch.row(0)), ((2, 2), Some(&[0, 1][..])));
/// # Ok::<(), mnist_fast_kernels::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ByteRows<'a> {
    bytes: &'a [u8],
    stride: usize,
    columns: usize,
    rows: usize,
    selection: Option<&'a [u32]>,
}

impl<'a> ByteRows<'a> {
    /// `rows` rows of `columns` bytes, each starting `stride` bytes after the one before.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`].
    pub fn new(bytes: &'a [u8], rows: usize, columns: usize, stride: usize) -> Result<Self, Error> {
        let last = if rows == 0 || columns == 0 { Some(0) } else { (rows - 1).checked_mul(stride) };
        let end = last.and_then(|last| last.checked_add(if rows == 0 { 0 } else { columns }));
        if end.is_none_or(|end| end > bytes.len()) {
            return Err(Error::OutOfBounds { rows, columns, length: bytes.len() });
        }
        // Rows without bytes are all at the first byte, so that no row's address leaves the slice.
        let stride = if columns == 0 { 0 } else { stride };
        Ok(ByteRows { bytes, stride, columns, rows, selection: None })
    }

    /// The rows `selection` of a matrix whose rows of `columns` bytes lie one after another.
    ///
    /// # Errors
    /// [`Error::Range`] where there is no such row.
    pub fn select(bytes: &'a [u8], columns: usize, selection: &'a [u32]) -> Result<Self, Error> {
        let whole = bytes.len().checked_div(columns).unwrap_or(usize::MAX);
        if let Some(row) = selection.iter().find(|row| **row as usize >= whole) {
            return Err(Error::Range { start: *row as usize, end: *row as usize + 1, len: whole });
        }
        let rows = selection.len();
        Ok(ByteRows { bytes, stride: columns, columns, rows, selection: Some(selection) })
    }

    /// `(rows, columns)`.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// Row `row`; `None` where there is no such row.
    pub fn row(&self, row: usize) -> Option<&'a [u8]> {
        if row >= self.rows {
            return None;
        }
        let row = self.selection.map_or(row, |selection| selection[row] as usize);
        self.bytes.get(row * self.stride..)?.get(..self.columns)
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    pub(crate) fn selection(&self) -> Option<&'a [u32]> {
        self.selection
    }
}

/// A matrix whose zeros a product may leave out. Methods take any of its forms.
#[derive(Clone, Copy, Debug)]
pub enum Sparse<'a> {
    /// Compressed sparse rows.
    Csr(Csr<'a>),
    /// Bytes that stand for byte / 255.
    Bytes(ByteRows<'a>),
    /// Floats with contiguous rows, such as the outputs of a ReLU.
    Floats(MatRef<'a>),
}

impl Sparse<'_> {
    /// `(rows, columns)`.
    pub fn shape(&self) -> (usize, usize) {
        match self {
            Sparse::Csr(x) => x.shape(),
            Sparse::Bytes(x) => x.shape(),
            Sparse::Floats(x) => x.shape(),
        }
    }
}

impl<'a> From<Csr<'a>> for Sparse<'a> {
    fn from(x: Csr<'a>) -> Self {
        Sparse::Csr(x)
    }
}

impl<'a> From<ByteRows<'a>> for Sparse<'a> {
    fn from(x: ByteRows<'a>) -> Self {
        Sparse::Bytes(x)
    }
}

impl<'a> From<MatRef<'a>> for Sparse<'a> {
    fn from(x: MatRef<'a>) -> Self {
        Sparse::Floats(x)
    }
}
