//! Names of instruction sets, and messages of statuses.

use std::mem::align_of;

use mnist_fast_kernels::Isa;
use mnist_fast_kernels::capi::*;

use crate::support::text;

#[test]
fn names_and_messages() {
    for isa in Isa::ALL {
        let number = MnfIsa::from(isa) as i32;
        assert_eq!(text(mnf_isa_name(number)), isa.name());
        assert_eq!(mnf_isa_is_available(number), isa.is_available());
        assert_eq!(mnf_isa_is_exact(number), isa.is_exact());
    }
    assert_eq!(text(mnf_version()), env!("CARGO_PKG_VERSION"));
    // SAFETY: a handle.
    assert_eq!(unsafe { mnf_kernels_isa(mnf_kernels_best()) }, MnfIsa::from(Isa::best()) as i32);
    // SAFETY: a handle.
    let exact = unsafe { mnf_kernels_isa(mnf_kernels_best_exact()) };
    assert_eq!(exact, MnfIsa::from(Isa::best_exact()) as i32);
    let messages: Vec<_> = (0..=13).map(|status| text(mnf_status_message(status))).collect();
    for (i, message) in messages.iter().enumerate() {
        assert!(!messages[..i].contains(message) && *message != "unknown status", "status {i}: {message}");
    }
    assert_eq!(messages[MnfStatus::NullPointer as usize], "a pointer is null");
    assert_eq!(
        (text(mnf_status_message(-1)), text(mnf_status_message(14))),
        ("unknown status", "unknown status")
    );
    // A C caller holds statuses in an int32_t.
    assert_eq!((size_of::<MnfStatus>(), align_of::<MnfStatus>()), (4, 4));
}
