//! How many pixels are not 0, which decides whether leaving out the others pays.

/// Where fewer pixels than this are not 0, leaving the others out is faster; docs/PERFORMANCE.md has the measurements.
const SPARSE_BELOW: f64 = 0.7;

/// Whether leaving out zeros pays for these images, one after the other of `image_len` bytes; by a look at `sample` of them from
/// all over the set, or a few more.
pub(crate) fn is_sparse(images: &[u8], image_len: usize, sample: usize) -> bool {
    let step = (images.len() / image_len.max(1)).div_ceil(sample.max(1)).max(1);
    let (mut pixels, mut nonzero) = (0, 0);
    for image in images.chunks_exact(image_len.max(1)).step_by(step) {
        pixels += image.len();
        nonzero += image.iter().filter(|pixel| **pixel != 0).count();
    }
    (nonzero as f64) < SPARSE_BELOW * pixels.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dense_images_are_told_from_sparse_ones() {
        let images = |lit: usize| [vec![1; lit], vec![0; 10 - lit]].concat().repeat(1000);
        assert!(is_sparse(&images(6), 10, 64));
        assert!(!is_sparse(&images(8), 10, 64));
        assert!(!is_sparse(&images(10), 10, usize::MAX));
        // A sample comes from all over the set: nine tenths of these are dark.
        let mixed = [vec![1; 1000], vec![0; 9000]].concat();
        assert!(is_sparse(&mixed, 10, 64));
        assert!(is_sparse(&[], 10, 64));
    }
}
