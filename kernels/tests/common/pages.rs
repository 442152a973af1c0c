//! Slices between pages of memory that nobody may touch: who reads or writes one element too many dies by SIGSEGV.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};

/// More than a page on any Linux, and a multiple of one.
const FENCE: usize = 1 << 16;

unsafe extern "C" {
    fn mmap(
        at: *mut c_void,
        len: usize,
        protection: c_int,
        flags: c_int,
        file: c_int,
        offset: i64,
    ) -> *mut c_void;
    fn mprotect(at: *mut c_void, len: usize, protection: c_int) -> c_int;
    fn munmap(at: *mut c_void, len: usize) -> c_int;
    fn signal(number: c_int, handler: extern "C" fn(c_int)) -> usize;
    fn write(file: c_int, text: *const u8, len: usize) -> isize;
    fn abort() -> !;
}

/// At which end of the slice the next element is out of bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Side {
    Before,
    After,
}

/// A copy of a slice, with a fence right before or right after it.
pub(crate) struct Fenced<T> {
    region: *mut c_void,
    bytes: usize,
    first: *mut T,
    len: usize,
}

impl<T: Copy> Fenced<T> {
    pub(crate) fn new(from: &[T], side: Side) -> Self {
        let (read_write, private_anonymous) = (1 | 2, 0x02 | 0x20);
        let inside = size_of_val(from).next_multiple_of(FENCE);
        let bytes = inside + 2 * FENCE;
        // SAFETY: new memory, of which the part between the fences is made accessible; the slice is inside of it, at a multiple
        // of its elements' size from either end.
        unsafe {
            let region = mmap(std::ptr::null_mut(), bytes, 0, private_anonymous, -1, 0);
            assert!(region as isize != -1, "no memory");
            let start = region.byte_add(FENCE);
            assert_eq!(mprotect(start, inside, read_write), 0);
            let unused = if side == Side::Before { 0 } else { inside - size_of_val(from) };
            let first = start.byte_add(unused).cast::<T>();
            first.copy_from_nonoverlapping(from.as_ptr(), from.len());
            Fenced { region, bytes, first, len: from.len() }
        }
    }

    pub(crate) fn get(&self) -> &[T] {
        // SAFETY: so many elements, written in `new`.
        unsafe { std::slice::from_raw_parts(self.first, self.len) }
    }

    pub(crate) fn get_mut(&mut self) -> &mut [T] {
        // SAFETY: as above; borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.first, self.len) }
    }
}

impl<T> Drop for Fenced<T> {
    fn drop(&mut self) {
        // SAFETY: mapped in `new`, and no slice of it lives.
        unsafe { munmap(self.region, self.bytes) };
    }
}

static CASE: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

/// Says what died, since a test that does cannot.
extern "C" fn tell(_: c_int) {
    let [text, len] = CASE.each_ref().map(|x| x.load(Ordering::Relaxed));
    // SAFETY: a text that `watch` keeps.
    unsafe {
        write(2, text as *const u8, len);
        abort()
    }
}

/// Names what runs next. One test at a time: the name is the process'.
pub(crate) fn watch(case: &mut String, next: String) {
    *case = format!("\nout of bounds: {next}\n");
    CASE[0].store(case.as_ptr() as usize, Ordering::Relaxed);
    CASE[1].store(case.len(), Ordering::Relaxed);
    let (segmentation_fault, bus_error) = (11, 7);
    // SAFETY: the handler calls only what a handler may.
    unsafe {
        signal(segmentation_fault, tell);
        signal(bus_error, tell);
    }
}
