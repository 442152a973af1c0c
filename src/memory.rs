//! Asking for memory before relying on it: what does not fit is one sentence instead of an abort.

use crate::error::{Error, Result};

/// Refuses what the system would not give at once. `None` stands for a size beyond all addresses.
///
/// # Errors
/// Names `what` and its size.
pub(crate) fn require(bytes: Option<usize>, what: &str) -> Result<()> {
    require_or(bytes, what, "use smaller layers or a smaller batch")
}

/// The same where something else is to be done about it.
pub(crate) fn require_or(bytes: Option<usize>, what: &str, fix: &str) -> Result<()> {
    // Reserving touches no page, so that asking costs nothing.
    if bytes.is_some_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok()) {
        return Ok(());
    }
    let size = bytes.map_or("more memory than can be addressed".into(), |bytes| {
        format!("{:.1} GB of memory, which this machine does not give", bytes as f64 / 1e9)
    });
    Err(Error::failed(format!("{what} needs {size}; {fix}")))
}
