//! Pixels to floats.

use super::{Kernels, check_len};
use crate::Error;

impl Kernels {
    /// Bytes to unit floats: the f32 nearest to `byte / 255`, as true division gives it.
    ///
    /// # Errors
    /// [`Error::Length`].
    pub fn unit_from_u8(self, bytes: &[u8], to: &mut [f32]) -> Result<(), Error> {
        check_len("to", to.len(), bytes.len())?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.unit_from_u8)(bytes, to) };
        Ok(())
    }
}
