//! Bytes to floats: unit floats, or any scale and shift.

use super::fma;

/// The f32 nearest to byte / 255.
pub(super) fn unit_from_u8(bytes: &[u8], to: &mut [f32]) {
    for (byte, to) in bytes.iter().zip(to) {
        *to = *byte as f32 / 255.0;
    }
}

/// `byte scale + shift`, one fused multiply-add.
pub(super) fn scale_u8(bytes: &[u8], scale: f32, shift: f32, to: &mut [f32]) {
    for (byte, to) in bytes.iter().zip(to) {
        *to = fma(f32::from(*byte), scale, shift);
    }
}
