//! Shared by the tests of the C interface: spoilt pointers, matrices with gaps, handles.

use std::ffi::{CStr, c_char};
use std::ptr::null;

use mnist_fast_kernels::capi::*;
use mnist_fast_kernels::{Kernels, MatMut, MatRef};

use crate::common::Random;

/// Spoils one pointer of a call, by its number.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Spoil {
    Nothing,
    Null(usize),
    Misaligned(usize),
}

impl Spoil {
    /// A pointer to read.
    pub(crate) fn r<T>(self, number: usize, ptr: *const T) -> *const T {
        match self {
            Spoil::Null(i) if i == number => null(),
            Spoil::Misaligned(i) if i == number => ptr.wrapping_byte_add(1),
            _ => ptr,
        }
    }

    /// A pointer to write.
    pub(crate) fn w<T>(self, number: usize, ptr: *mut T) -> *mut T {
        self.r(number, ptr).cast_mut()
    }
}

/// Makes the spoilt calls, which must be refused, and then the right one. `optional` pointers may be null, pointers to
/// `bytes` may be anywhere.
pub(crate) fn check(
    what: &str,
    pointers: usize,
    optional: &[usize],
    bytes: &[usize],
    call: impl Fn(Spoil) -> MnfStatus,
) {
    for i in 0..pointers {
        let expected = if optional.contains(&i) { MnfStatus::Ok } else { MnfStatus::NullPointer };
        assert_eq!(call(Spoil::Null(i)), expected, "{what}, pointer {i} null");
        if !bytes.contains(&i) {
            assert_eq!(call(Spoil::Misaligned(i)), MnfStatus::Alignment, "{what}, pointer {i} misaligned");
        }
    }
    assert_eq!(call(Spoil::Nothing), MnfStatus::Ok, "{what}");
}

/// A row-major matrix with gaps, in a buffer that ends with its last element.
#[derive(Clone)]
pub(crate) struct Matrix {
    pub(crate) data: Vec<f32>,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) ld: usize,
}

impl Matrix {
    pub(crate) fn new(random: &mut Random, rows: usize, columns: usize, gap: usize) -> Self {
        let ld = columns + gap;
        Matrix { data: random.vec((rows - 1) * ld + columns), rows, columns, ld }
    }

    pub(crate) fn view(&self) -> MatRef<'_> {
        MatRef::with_leading_dimension(&self.data, self.rows, self.columns, self.ld).unwrap()
    }

    pub(crate) fn view_mut(&mut self) -> MatMut<'_> {
        MatMut::with_leading_dimension(&mut self.data, self.rows, self.columns, self.ld).unwrap()
    }

    pub(crate) fn r(&self) -> *const f32 {
        self.data.as_ptr()
    }

    /// To write through, although calls are made through a shared reference: nothing else looks meanwhile.
    pub(crate) fn w(&mut self) -> *mut f32 {
        self.data.as_mut_ptr()
    }
}

#[track_caller]
pub(crate) fn same(what: &str, expected: &[f32], found: &[f32]) {
    assert_eq!(expected.len(), found.len(), "{what}");
    let differs = |(e, f): (&f32, &f32)| e.to_bits() != f.to_bits();
    if let Some(i) = expected.iter().zip(found).position(differs) {
        panic!("{what}: element {i} is {:e}, expected {:e}", found[i], expected[i]);
    }
}

pub(crate) fn handle(kernels: Kernels) -> *const MnfKernels {
    let mut handle = null();
    // SAFETY: `handle` can be written.
    let status = unsafe { mnf_kernels_for_isa(MnfIsa::from(kernels.isa()) as i32, &mut handle) };
    assert_eq!(status, MnfStatus::Ok);
    // SAFETY: a handle.
    assert_eq!(unsafe { mnf_kernels_isa(handle) }, MnfIsa::from(kernels.isa()) as i32);
    handle
}

/// A workspace of C's, freed at the end.
pub(crate) struct Scratch(pub(crate) *mut MnfWorkspace);

impl Scratch {
    pub(crate) fn new() -> Self {
        let workspace = mnf_workspace_new();
        assert!(!workspace.is_null() && (workspace as usize).is_multiple_of(64));
        Scratch(workspace)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // SAFETY: made above, freed once.
        unsafe { mnf_workspace_free(self.0) }
    }
}

pub(crate) fn text(ptr: *const c_char) -> &'static str {
    // SAFETY: the library's strings end with 0 and live as long as it does.
    unsafe { CStr::from_ptr(ptr) }.to_str().unwrap()
}
