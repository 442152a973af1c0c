//! Numbers as little-endian bytes, many at once.

/// Appends these numbers, each as `bytes` says. Iterating over single bytes would take ten times as long.
pub(crate) fn append<'a, T: Copy + 'a, const N: usize>(
    buffer: &mut Vec<u8>,
    values: impl ExactSizeIterator<Item = &'a T>,
    bytes: impl Fn(T) -> [u8; N],
) {
    let start = buffer.len();
    buffer.resize(start + N * values.len(), 0);
    for (place, value) in buffer[start..].as_chunks_mut().0.iter_mut().zip(values) {
        *place = bytes(*value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_what_was_there() {
        let mut buffer = vec![7];
        append(&mut buffer, [1.0f32, -2.0].iter(), f32::to_le_bytes);
        append(&mut buffer, [0x0102u16].iter(), u16::to_le_bytes);
        append(&mut buffer, [].iter(), f64::to_le_bytes);
        assert_eq!(buffer, [7, 0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0, 2, 1]);
    }
}
