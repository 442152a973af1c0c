//! How threads share out rows or columns.

/// The part of `0..len` that is number `part` of `parts`, cut at multiples of `multiple`: for threads that share out the rows
/// or columns of a product.
///
/// The parts are contiguous, cover everything, and differ by one `multiple` at most; some are empty where there are more
/// parts than multiples. Any cut gives the same bits; one at multiples of 16 columns, or of a tile's rows, keeps the tiles
/// whole.
///
/// ```
/// use mnist_fast_kernels::split;
/// assert_eq!([0, 1, 2].map(|part| split(100, 16, 3, part)), [0..48, 48..80, 80..100]);
/// ```
///
/// # Panics
/// Where `multiple` is 0, or `part` is not below `parts`.
pub fn split(len: usize, multiple: usize, parts: usize, part: usize) -> core::ops::Range<usize> {
    assert!(multiple > 0 && part < parts, "part {part} of {parts}, in multiples of {multiple}");
    let units = len.div_ceil(multiple);
    let edge = |part: usize| {
        let unit = part * (units / parts) + part.min(units % parts);
        unit.saturating_mul(multiple).min(len)
    };
    edge(part)..edge(part + 1)
}
