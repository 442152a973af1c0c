//! Buffers and matrices that the workers of a team write in disjoint parts.
//!
//! A training step alternates phases; in each, every worker writes its own rows or columns of some matrices and reads
//! others whole. Rust cannot see that the parts are disjoint, so [`SharedBuffer::write`] and [`SharedMatrix::write`] are
//! `unsafe`, and `train/` and `predict/`, which alone call them, say who writes what.

use std::cell::UnsafeCell;
use std::ops::Range;

use mnist_fast_kernels::{MatMut, MatRef};

/// Elements of one cache line, to which buffers are aligned.
const LINE: usize = 16;

/// Plain numbers, for which all-zero memory is a value.
pub trait Number: Copy + Default {}
impl Number for f32 {}
impl Number for u32 {}
impl Number for u8 {}

#[repr(align(64))]
struct Line<T>([UnsafeCell<T>; LINE]);

/// A zeroed, 64-byte-aligned buffer of numbers.
pub struct SharedBuffer<T> {
    lines: Vec<Line<T>>,
    len: usize,
}

// SAFETY: threads that share a buffer only read it, but for `write`, whose caller vouches that nobody else uses the
// elements it gives.
unsafe impl<T: Number + Send + Sync> Sync for SharedBuffer<T> {}

impl<T: Number> SharedBuffer<T> {
    /// `len` zeros.
    pub fn new(len: usize) -> Self {
        let line = || Line(std::array::from_fn(|_| UnsafeCell::new(T::default())));
        SharedBuffer { lines: (0..len.div_ceil(LINE)).map(|_| line()).collect(), len }
    }

    /// All elements, to read.
    pub fn all(&self) -> &[T] {
        self.part(0..self.len)
    }

    /// All elements, to write: the borrow proves that nobody else is there.
    pub fn all_mut(&mut self) -> &mut [T] {
        // SAFETY: nobody else can hold any element.
        unsafe { self.write(0..self.len) }
    }

    /// Some elements, to read.
    pub fn part(&self, range: Range<usize>) -> &[T] {
        // SAFETY: the range is inside (`start` checks); whoever calls `write` vouches that nobody reads.
        unsafe { std::slice::from_raw_parts(self.start(&range), range.len()) }
    }

    /// Some elements, to write.
    ///
    /// # Safety
    /// No other reference to any of them lives as long as the result does.
    #[allow(clippy::mut_from_ref)] // that is what the buffer is for
    pub unsafe fn write(&self, range: Range<usize>) -> &mut [T] {
        // SAFETY: the range is inside (`start` checks), the elements are in `UnsafeCell`s, and the caller vouches
        // that nobody else is there.
        unsafe { std::slice::from_raw_parts_mut(self.start(&range), range.len()) }
    }

    fn start(&self, range: &Range<usize>) -> *mut T {
        assert!(range.start <= range.end && range.end <= self.len, "a part outside of its buffer");
        // A pointer to the first line may reach every line of the slice; an UnsafeCell<T> has T's layout.
        self.lines.as_ptr().cast::<T>().cast_mut().wrapping_add(range.start)
    }
}

impl<T: Number> Clone for SharedBuffer<T> {
    fn clone(&self) -> Self {
        let mut copy = SharedBuffer::new(self.len);
        copy.all_mut().copy_from_slice(self.all());
        copy
    }
}

/// A zeroed row-major matrix, every row on a cache line of its own; what lies between rows stays 0.
#[derive(Clone)]
pub struct SharedMatrix {
    buffer: SharedBuffer<f32>,
    rows: usize,
    columns: usize,
    stride: usize,
}

/// Floats from one row of so many columns to the next: whole cache lines, and one more where rows would be some power of two
/// apart and share few sets of the caches; `None` where they cannot be counted.
pub(crate) fn stride_of(columns: usize) -> Option<usize> {
    /// 1 KB: 1024 rows of such a matrix would share four sets of an L1, or 64 of an L2.
    const CROWDED: usize = 256;
    let stride = columns.checked_next_multiple_of(LINE)?;
    if stride > 0 && stride.is_multiple_of(CROWDED) { stride.checked_add(LINE) } else { Some(stride) }
}

impl SharedMatrix {
    /// `rows` x `columns` zeros.
    pub fn new(rows: usize, columns: usize) -> Self {
        let stride = stride_of(columns).expect("a matrix that was found to fit into memory");
        SharedMatrix { buffer: SharedBuffer::new(rows * stride), rows, columns, stride }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    fn stride(&self) -> usize {
        self.stride
    }

    /// One row, to read.
    pub fn row(&self, row: usize) -> &[f32] {
        let start = row * self.stride();
        self.buffer.part(start..start + self.columns)
    }

    /// All rows, one after the other.
    pub fn to_vec(&self) -> Vec<f32> {
        let mut all = Vec::with_capacity(self.rows * self.columns);
        (0..self.rows).for_each(|row| all.extend_from_slice(self.row(row)));
        all
    }

    /// One row, to write: the borrow proves that nobody else is there.
    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        let (start, columns) = (row * self.stride(), self.columns);
        &mut self.buffer.all_mut()[start..start + columns]
    }

    /// Some rows and columns, to read.
    pub fn read(&self, rows: Range<usize>, columns: Range<usize>) -> MatRef<'_> {
        let start = self.start(&rows, &columns);
        // SAFETY: the part is inside (`start` checks); whoever calls `write` vouches that nobody reads it.
        unsafe { MatRef::from_raw_parts(start, rows.len(), columns.len(), self.stride() as isize, 1) }
    }

    /// Some rows and columns, to write.
    ///
    /// # Safety
    /// No other reference to any of these elements lives as long as the result does.
    pub unsafe fn write(&self, rows: Range<usize>, columns: Range<usize>) -> MatMut<'_> {
        let start = self.start(&rows, &columns);
        // SAFETY: the part is inside (`start` checks), its elements are in `UnsafeCell`s, and the caller vouches that
        // nobody else is there; a MatMut never touches what lies between its rows.
        unsafe { MatMut::from_raw_parts(start, rows.len(), columns.len(), self.stride()) }
    }

    fn start(&self, rows: &Range<usize>, columns: &Range<usize>) -> *mut f32 {
        assert!(rows.start <= rows.end && rows.end <= self.rows, "rows outside of their matrix");
        assert!(
            columns.start <= columns.end && columns.end <= self.columns,
            "columns outside of their matrix"
        );
        self.buffer.start(&(0..self.buffer.len)).wrapping_add(rows.start * self.stride() + columns.start)
    }
}
