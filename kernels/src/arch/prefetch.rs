//! A hint to the cache, and no more: it cannot fault and changes no result.

/// Asks for the cache lines of `bytes` to be brought near (into L2), where the CPU has such a hint.
///
/// For data that is needed soon and lies where no hardware prefetcher would guess, such as the images of the next
/// batch of a shuffled dataset.
#[inline]
pub fn prefetch(bytes: &[u8]) {
    const LINE: usize = 64;
    // The last byte may be on a line of its own.
    for line in bytes.chunks(LINE).map(<[u8]>::as_ptr).chain(bytes.last().map(core::ptr::from_ref)) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a prefetch touches no memory that the program can see; SSE is part of x86-64.
        unsafe {
            core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T1 }>(line.cast());
        }
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as above; `prfm` is part of the base architecture and changes neither memory nor flags.
        unsafe {
            core::arch::asm!("prfm pldl2keep, [{0}]", in(reg) line, options(nostack, preserves_flags, readonly));
        }
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let _ = line;
    }
}
