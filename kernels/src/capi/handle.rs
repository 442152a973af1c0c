//! Instruction sets, the kernels of one of them, and scratch memory.

use core::ffi::{CStr, c_char};
use std::alloc::{Layout, alloc_zeroed, dealloc};

use super::arguments::{self, check_pointer};
use super::{MnfStatus, guarded};
use crate::{Isa, Kernels, Workspace};

/// An instruction set with its own kernels. All but `MNF_ISA_PORTABLE` give the same bits for the same input.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MnfIsa {
    /// Plain code: the reference. Runs anywhere, slowly.
    Scalar = 0,
    /// Fast on any CPU, correct to rounding, but not the same bits.
    Portable = 1,
    /// x86-64 with AVX2 and FMA.
    Avx2 = 2,
    /// x86-64 with AVX-512 F, VL, BW and DQ.
    Avx512 = 3,
    /// aarch64 with NEON, which every such CPU has.
    Neon = 4,
}

/// The kernels of one instruction set. It lives as long as the library: there is nothing to free. Any number of
/// threads may use it at once.
pub struct MnfKernels {
    _opaque: [u8; 0],
}

/// Scratch memory for products. One call at a time may use it: threads need one each.
pub struct MnfWorkspace {
    _opaque: [u8; 0],
}

/// A cache line: what packing aligns its blocks to.
const WORKSPACE: Layout = match Layout::array::<f32>(Workspace::LEN) {
    Ok(floats) => match floats.align_to(64) {
        Ok(layout) => layout,
        Err(_) => panic!("64 is a power of two"),
    },
    Err(_) => panic!("a workspace fits into memory"),
};

impl From<Isa> for MnfIsa {
    fn from(isa: Isa) -> Self {
        match isa {
            Isa::Scalar => MnfIsa::Scalar,
            Isa::Portable => MnfIsa::Portable,
            Isa::Avx2 => MnfIsa::Avx2,
            Isa::Avx512 => MnfIsa::Avx512,
            Isa::Neon => MnfIsa::Neon,
        }
    }
}

fn isa_of(number: i32) -> Option<Isa> {
    Isa::ALL.into_iter().find(|isa| MnfIsa::from(*isa) as i32 == number)
}

fn handle_of(kernels: Kernels) -> *const MnfKernels {
    core::ptr::from_ref(kernels.table()).cast()
}

/// The name of a `mnf_isa`, such as "avx2"; NULL for any other number. It lives as long as the library.
#[unsafe(no_mangle)]
pub extern "C" fn mnf_isa_name(isa: i32) -> *const c_char {
    let name: Option<&CStr> = isa_of(isa).map(|isa| match isa {
        Isa::Scalar => c"scalar",
        Isa::Portable => c"portable",
        Isa::Avx2 => c"avx2",
        Isa::Avx512 => c"avx512",
        Isa::Neon => c"neon",
    });
    name.map_or(core::ptr::null(), CStr::as_ptr)
}

/// Whether this build has kernels for a `mnf_isa` and this CPU can run them; false for any other number.
#[unsafe(no_mangle)]
pub extern "C" fn mnf_isa_is_available(isa: i32) -> bool {
    isa_of(isa).is_some_and(Isa::is_available)
}

/// Whether a `mnf_isa` gives the exact bits, equal on every such one; false for any other number.
#[unsafe(no_mangle)]
pub extern "C" fn mnf_isa_is_exact(isa: i32) -> bool {
    isa_of(isa).is_some_and(Isa::is_exact)
}

/// The fastest kernels that this CPU runs; never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn mnf_kernels_best() -> *const MnfKernels {
    handle_of(Kernels::best())
}

/// The fastest kernels of this CPU that give the exact bits; never NULL. Others are faster only where the CPU lacks fused
/// multiply-add.
#[unsafe(no_mangle)]
pub extern "C" fn mnf_kernels_best_exact() -> *const MnfKernels {
    handle_of(Kernels::new(Isa::best_exact()).unwrap_or(Kernels::best()))
}

/// Sets `*kernels` to the kernels of a `mnf_isa`.
///
/// Errors: `MNF_STATUS_ENUMERATION` where `isa` is none, `MNF_STATUS_UNAVAILABLE_ISA`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_kernels_for_isa(isa: i32, kernels: *mut *const MnfKernels) -> MnfStatus {
    guarded(|| {
        check_pointer(kernels)?;
        let found = handle_of(Kernels::new(isa_of(isa).ok_or(MnfStatus::Enumeration)?)?);
        // SAFETY: neither null nor misaligned; the rest as the caller vouches.
        unsafe { kernels.write(found) };
        Ok(())
    })
}

/// Which `mnf_isa` the kernels are; -1 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_kernels_isa(kernels: *const MnfKernels) -> i32 {
    // SAFETY: as the caller vouches.
    unsafe { arguments::kernels(kernels) }.map_or(-1, |kernels| MnfIsa::from(kernels.isa()) as i32)
}

/// A new workspace (1.5 MB, touched only where a call packs), or NULL where there is no memory. Free it with
/// `mnf_workspace_free`.
#[unsafe(no_mangle)]
pub extern "C" fn mnf_workspace_new() -> *mut MnfWorkspace {
    // SAFETY: the layout has a size.
    unsafe { alloc_zeroed(WORKSPACE) }.cast()
}

/// Frees what `mnf_workspace_new` gave, once; does nothing for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_workspace_free(workspace: *mut MnfWorkspace) {
    if !workspace.is_null() {
        // SAFETY: as the caller vouches, allocated with this layout.
        unsafe { dealloc(workspace.cast(), WORKSPACE) }
    }
}
