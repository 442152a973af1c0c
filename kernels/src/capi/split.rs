//! How threads share out rows or columns.

use super::arguments::{self, check_pointer};
use super::{MnfKernels, MnfStatus, guarded};

/// Sets `*start` and `*end` to the part of `0..len` that is number `part` of `parts`, cut at multiples of `multiple`: for threads
/// that share out the rows or columns of a product. The parts are contiguous, cover everything, and differ by one `multiple` at
/// most; some are empty where there are more parts than multiples. Any cut gives the same bits; one at multiples of 16 columns,
/// or of a tile's rows (`mnf_gemm_tile`), keeps the tiles whole.
///
/// Errors: `MNF_STATUS_VALUE` where `multiple` is 0, or `part` is not below `parts`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_split(
    len: usize,
    multiple: usize,
    parts: usize,
    part: usize,
    start: *mut usize,
    end: *mut usize,
) -> MnfStatus {
    guarded(|| {
        check_pointer(start)?;
        check_pointer(end)?;
        if multiple == 0 || part >= parts {
            return Err(MnfStatus::Value);
        }
        let range = crate::split(len, multiple, parts, part);
        // SAFETY: neither null nor misaligned; the rest as the caller vouches.
        unsafe {
            start.write(range.start);
            end.write(range.end);
        }
        Ok(())
    })
}

/// Sets `*rows` and `*columns` to the largest register tile of these kernels' products; to 1 where they have none of their own.
/// Work is best split at multiples of it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_gemm_tile(
    kernels: *const MnfKernels,
    rows: *mut usize,
    columns: *mut usize,
) -> MnfStatus {
    guarded(|| {
        check_pointer(rows)?;
        check_pointer(columns)?;
        // SAFETY: as the caller vouches.
        let kernels = unsafe { arguments::kernels(kernels)? };
        let tile = kernels.gemm_tiles().next().map_or((1, 1), |tile| (tile.rows, tile.columns));
        // SAFETY: neither null nor misaligned; the rest as the caller vouches.
        unsafe {
            rows.write(tile.0);
            columns.write(tile.1);
        }
        Ok(())
    })
}
