//! What every call returns, and the border that no panic crosses.

use core::ffi::{CStr, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::Error;

/// What a call returns. Unless it is `MNF_STATUS_OK` or `MNF_STATUS_INTERNAL`, nothing was written.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MnfStatus {
    /// Done.
    Ok = 0,
    /// A pointer is null, and not one that may be.
    NullPointer = 1,
    /// A pointer is not aligned as its type asks.
    Alignment = 2,
    /// A size is so large that no memory holds it: its bytes exceed what a pointer difference can count.
    Size = 3,
    /// A leading dimension is below the number of columns, or elements of C would overlap (a stride of 0, say).
    Stride = 4,
    /// The batch size is 0.
    Batch = 5,
    /// A label is not below the number of classes.
    Label = 6,
    /// A number that is none of its enumeration.
    Enumeration = 7,
    /// This CPU, or this build, cannot run the instruction set.
    UnavailableIsa = 8,
    /// A defect of the library: please report it. What was to be written is undefined.
    Internal = 9,
    /// A packed matrix has another shape than the sizes say, or is packed for another instruction set.
    Packed = 10,
    /// There is no memory for what the call makes.
    Memory = 11,
    /// A row of a sparse matrix is not inside of its elements, or its columns do not increase or are outside of the shape.
    Sparse = 12,
    /// A number is out of the bounds that stand with the function.
    Value = 13,
}

impl MnfStatus {
    const ALL: [MnfStatus; 14] = [
        MnfStatus::Ok,
        MnfStatus::NullPointer,
        MnfStatus::Alignment,
        MnfStatus::Size,
        MnfStatus::Stride,
        MnfStatus::Batch,
        MnfStatus::Label,
        MnfStatus::Enumeration,
        MnfStatus::UnavailableIsa,
        MnfStatus::Internal,
        MnfStatus::Packed,
        MnfStatus::Memory,
        MnfStatus::Sparse,
        MnfStatus::Value,
    ];

    const fn message(self) -> &'static CStr {
        match self {
            MnfStatus::Ok => c"done",
            MnfStatus::NullPointer => c"a pointer is null",
            MnfStatus::Alignment => c"a pointer is not aligned as its type asks",
            MnfStatus::Size => c"a size is larger than any memory",
            MnfStatus::Stride => c"a leading dimension is below the columns, or elements of C overlap",
            MnfStatus::Batch => c"the batch size is 0",
            MnfStatus::Label => c"a label is not below the number of classes",
            MnfStatus::Enumeration => c"a number is none of its enumeration",
            MnfStatus::UnavailableIsa => c"this CPU or build cannot run the instruction set",
            MnfStatus::Internal => c"a defect of the library: please report it",
            MnfStatus::Packed => c"a matrix is packed for other sizes or another instruction set",
            MnfStatus::Memory => c"there is no memory",
            MnfStatus::Sparse => c"a row of a sparse matrix is outside of its elements or of its shape",
            MnfStatus::Value => c"a number is out of its bounds",
        }
    }
}

impl From<Error> for MnfStatus {
    fn from(error: Error) -> Self {
        match error {
            // The only length that C does not share out among all arguments.
            Error::Length { what: "batch", .. } => MnfStatus::Batch,
            Error::Stride { .. } => MnfStatus::Stride,
            Error::Label { .. } => MnfStatus::Label,
            Error::UnknownIsa => MnfStatus::Enumeration,
            Error::UnavailableIsa(_) => MnfStatus::UnavailableIsa,
            Error::PackedFor(_) => MnfStatus::Packed,
            Error::Csr { .. } => MnfStatus::Sparse,
            // Views are made with the shapes that the call needs.
            Error::Shape { .. } | Error::Length { .. } | Error::OutOfBounds { .. } | Error::Range { .. } => {
                MnfStatus::Internal
            }
        }
    }
}

/// Runs the body of a function of the interface; a panic, which must not reach C, becomes a status.
pub(super) fn guarded(body: impl FnOnce() -> Result<(), MnfStatus>) -> MnfStatus {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => MnfStatus::Ok,
        Ok(Err(status)) => status,
        Err(payload) => {
            // Whatever was thrown: dropping it could panic again.
            core::mem::forget(payload);
            MnfStatus::Internal
        }
    }
}

/// A sentence in English for a status; "unknown status" for any other number. It lives as long as the library.
#[unsafe(no_mangle)]
pub extern "C" fn mnf_status_message(status: i32) -> *const c_char {
    let known = MnfStatus::ALL.into_iter().find(|known| *known as i32 == status);
    known.map_or(c"unknown status", MnfStatus::message).as_ptr()
}

/// The version of the library, such as "0.1.0". It lives as long as the library.
#[unsafe(no_mangle)]
pub extern "C" fn mnf_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_status() {
        assert_eq!(guarded(|| panic!("not past this border")), MnfStatus::Internal);
        assert_eq!(guarded(|| Err(MnfStatus::Size)), MnfStatus::Size);
        assert_eq!(guarded(|| Ok(())), MnfStatus::Ok);
    }
}
