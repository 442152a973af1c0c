//! Scratch memory for packing, owned by the caller so that no call allocates.

use crate::Error;

/// Columns of B in one packed block at most; a multiple of every tile's width.
pub(crate) const PACKED_COLUMNS: usize = 128;
/// Depth (k) of one packed block at most, for A and B alike: deep, because each block of k sends C through memory once more
/// (KERNELS.md has the measurements).
pub(crate) const PACKED_DEPTH: usize = 2048;
/// Rows of A in one packed block at most; a multiple of every tile's height.
pub(crate) const PACKED_ROWS: usize = 48;
/// Rows and columns of the block through which a C without contiguous rows is written.
pub(crate) const STRIDED_SIDE: usize = 64;

/// Scratch memory for one thread. Contents between calls mean nothing: one workspace serves products of any shape, one after
/// the other.
///
/// ```
/// use mnist_fast_kernels::Workspace;
///
/// let mut mine = Workspace::new(); // with the feature `std`
/// let mut memory = vec![0.0; Workspace::LEN]; // or a static, without
/// let lent = Workspace::from_buffer(&mut memory)?;
/// # Ok::<(), mnist_fast_kernels::Error>(())
/// ```
#[derive(Debug)]
pub struct Workspace<'a> {
    buffer: Buffer<'a>,
}

/// Floats that somebody lent, or that are the crate's own.
#[derive(Debug)]
pub(crate) enum Buffer<'a> {
    Borrowed(&'a mut [f32]),
    #[cfg(feature = "std")]
    Owned(std::vec::Vec<f32>),
}

impl Buffer<'_> {
    /// Floats that may be lost, so that what is kept starts on a cache line.
    pub(crate) const ALIGNMENT_SLACK: usize = 16;

    /// All of it from the first cache line on; from its very start where that cannot be told (under interpreters).
    pub(crate) fn aligned_mut(&mut self) -> &mut [f32] {
        let buffer = match self {
            Buffer::Borrowed(buffer) => &mut **buffer,
            #[cfg(feature = "std")]
            Buffer::Owned(buffer) => buffer.as_mut_slice(),
        };
        let start = aligned_start(buffer);
        &mut buffer[start..]
    }

    /// What [`Buffer::aligned_mut`] gives, to read.
    pub(crate) fn aligned(&self) -> &[f32] {
        let buffer = match self {
            Buffer::Borrowed(buffer) => &**buffer,
            #[cfg(feature = "std")]
            Buffer::Owned(buffer) => buffer.as_slice(),
        };
        &buffer[aligned_start(buffer)..]
    }
}

fn aligned_start(buffer: &[f32]) -> usize {
    let start = buffer.as_ptr().align_offset(64);
    if start > Buffer::ALIGNMENT_SLACK { 0 } else { start.min(buffer.len()) }
}

/// The two packed blocks of a GEMM, each aligned to 64 bytes.
pub(crate) struct Blocks<'a> {
    pub(crate) a: &'a mut [f32],
    pub(crate) b: &'a mut [f32],
}

impl Blocks<'_> {
    /// The same blocks for a shorter time.
    pub(crate) fn reborrow(&mut self) -> Blocks<'_> {
        Blocks { a: self.a, b: self.b }
    }
}

impl<'a> Workspace<'a> {
    /// The floats a workspace needs: 1.5 MB.
    pub const LEN: usize =
        PACKED_DEPTH * (PACKED_COLUMNS + PACKED_ROWS) + STRIDED_SIDE * STRIDED_SIDE + Buffer::ALIGNMENT_SLACK;

    /// A workspace in `buffer`, of at least [`Workspace::LEN`] elements.
    ///
    /// # Errors
    /// [`Error::Length`].
    pub fn from_buffer(buffer: &'a mut [f32]) -> Result<Self, Error> {
        if buffer.len() < Workspace::LEN {
            return Err(Error::Length { what: "buffer", expected: Workspace::LEN, found: buffer.len() });
        }
        Ok(Workspace { buffer: Buffer::Borrowed(buffer) })
    }

    pub(crate) fn blocks(&mut self) -> Blocks<'_> {
        self.parts().0
    }

    /// The packed blocks, and a square of side [`STRIDED_SIDE`].
    pub(crate) fn parts(&mut self) -> (Blocks<'_>, &mut [f32]) {
        let (b, rest) = self.buffer.aligned_mut().split_at_mut(PACKED_DEPTH * PACKED_COLUMNS);
        let (a, rest) = rest.split_at_mut(PACKED_DEPTH * PACKED_ROWS);
        (Blocks { a, b }, &mut rest[..STRIDED_SIDE * STRIDED_SIDE])
    }
}

#[cfg(feature = "std")]
impl Workspace<'static> {
    /// A workspace that owns its memory (1.5 MB, touched only where a call packs).
    pub fn new() -> Self {
        Workspace { buffer: Buffer::Owned(std::vec![0.0; Workspace::LEN]) }
    }
}

#[cfg(feature = "std")]
impl Default for Workspace<'static> {
    fn default() -> Self {
        Workspace::new()
    }
}
