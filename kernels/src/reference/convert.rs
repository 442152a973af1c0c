//! Bytes to unit floats.

/// The f32 nearest to byte / 255.
pub(super) fn unit_from_u8(bytes: &[u8], to: &mut [f32]) {
    for (byte, to) in bytes.iter().zip(to) {
        *to = *byte as f32 / 255.0;
    }
}
