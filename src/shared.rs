//! Buffers that the workers of a team write in disjoint parts.
//!
//! A training step alternates phases; in each, every worker writes its own rows of some buffers and reads others
//! whole. Rust cannot see that the rows are disjoint, so these few methods are `unsafe`, and
//! `train/step.rs`, the one place that calls them, says per phase who writes what.

use std::cell::UnsafeCell;
use std::ops::Range;

/// Elements of one cache line, to which buffers are aligned.
const LINE: usize = 16;

/// Plain numbers, for which all-zero memory is a value.
pub trait Number: Copy + Default {}
impl Number for f32 {}
impl Number for u32 {}

#[repr(align(64))]
struct Line<T>([UnsafeCell<T>; LINE]);

/// A zeroed, 64-byte-aligned buffer of numbers.
pub struct SharedBuffer<T> {
    lines: Vec<Line<T>>,
    len: usize,
}

// SAFETY: shared access to the elements goes through `read` and `write` only, whose callers vouch that no element is
// written while another worker uses it.
unsafe impl<T: Send> Sync for SharedBuffer<T> {}

impl<T: Number> SharedBuffer<T> {
    /// `len` zeros.
    pub fn new(len: usize) -> Self {
        let line = || Line(std::array::from_fn(|_| UnsafeCell::new(T::default())));
        SharedBuffer { lines: (0..len.div_ceil(LINE)).map(|_| line()).collect(), len }
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All elements, to write: the borrow proves that nobody else is there.
    pub fn as_mut(&mut self) -> &mut [T] {
        let len = self.len;
        // SAFETY: nobody else can hold any element.
        unsafe { self.write(0..len) }
    }

    /// All elements, to read.
    pub fn get(&mut self) -> &[T] {
        self.as_mut()
    }

    fn start(&self, range: &Range<usize>) -> *mut T {
        assert!(range.start <= range.end && range.end <= self.len, "a part outside of its buffer");
        // A pointer to the first line may reach every line of the slice; an UnsafeCell<T> has T's layout.
        self.lines.as_ptr().cast::<T>().cast_mut().wrapping_add(range.start)
    }

    /// Elements to read.
    ///
    /// # Safety
    /// Nobody writes any of them as long as the result lives.
    pub unsafe fn read(&self, range: Range<usize>) -> &[T] {
        // SAFETY: the range is inside (`start` checks), and the caller vouches that nobody writes it.
        unsafe { std::slice::from_raw_parts(self.start(&range), range.len()) }
    }

    /// Elements to write.
    ///
    /// # Safety
    /// Nobody else reads or writes any of them as long as the result lives.
    #[allow(clippy::mut_from_ref)] // that is what the buffer is for
    pub unsafe fn write(&self, range: Range<usize>) -> &mut [T] {
        // SAFETY: the range is inside (`start` checks), the elements are in `UnsafeCell`s, and the caller vouches
        // that nobody else is there.
        unsafe { std::slice::from_raw_parts_mut(self.start(&range), range.len()) }
    }
}

impl<T: Number> Clone for SharedBuffer<T> {
    fn clone(&self) -> Self {
        let mut copy = SharedBuffer::new(self.len);
        // SAFETY: cloning happens between phases: it needs the owner's `&`, and workers hold the owner
        // only while the team runs.
        copy.as_mut().copy_from_slice(unsafe { self.read(0..self.len) });
        copy
    }
}
