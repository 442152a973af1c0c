//! [`Kernels`]: the safe methods, a file per group. Each checks its shapes, then calls the chosen ISA's function.

mod activation;
mod convert;
mod dense;
mod dropout;
mod gemm;
mod label_smoothing;
mod math;
mod optimizer;
mod packed;
mod probe;
mod rows;
mod rule;
mod softmax;
mod sparse;
mod split;
mod warp;

use core::fmt;

use crate::table::Table;
use crate::view::MatRef;
use crate::workspace::{PACKED_COLUMNS, PACKED_DEPTH, PACKED_ROWS};
use crate::{Error, Isa, reference};

pub use dense::Activation;
pub use dropout::Dropout;
pub use label_smoothing::LabelSmoothing;
pub use optimizer::{Adam, AdamW, Epsilon, Momentum, RmsProp, Sgd};
pub use packed::PackedB;
pub use rule::{Optimizer, RmsPropMomentum, Rule};
pub use split::split;
pub use warp::{Distortion, DistortionRange, Warp};

/// The kernels of one ISA. Holding one proves that this CPU can run them.
///
/// It is one pointer: choose it once, copy it to every thread. Its methods are the crate's operations, grouped on the
/// [front page](crate).
#[derive(Clone, Copy)]
pub struct Kernels {
    table: &'static Table,
}

/// One shape of the GEMM's register tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GemmTile {
    /// Rows of C.
    pub rows: usize,
    /// Columns of C.
    pub columns: usize,
}

/// Into which parts a GEMM is cut, so that they stay in the caches: one part of `C = A B` at a time is `rows` x `columns`
/// of C and `depth` terms of each sum, or smaller. It changes speed, never bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GemmBlocks {
    /// Rows of A and C.
    pub rows: usize,
    /// Columns of B and C.
    pub columns: usize,
    /// Columns of A and rows of B: k.
    pub depth: usize,
}

fn check_shape(what: &'static str, found: (usize, usize), expected: (usize, usize)) -> Result<(), Error> {
    if found == expected { Ok(()) } else { Err(Error::Shape { what, expected, found }) }
}

fn check_len(what: &'static str, found: usize, expected: usize) -> Result<(), Error> {
    if found == expected { Ok(()) } else { Err(Error::Length { what, expected, found }) }
}

fn check_rows_are_contiguous(what: &'static str, x: MatRef<'_>) -> Result<(), Error> {
    let fine = x.column_stride() == 1 && x.row_stride() >= 0 || x.rows() == 0 || x.columns() == 0;
    if fine { Ok(()) } else { Err(Error::Stride { what }) }
}

impl Kernels {
    /// The kernels of `isa`.
    ///
    /// # Errors
    /// [`Error::UnavailableIsa`] where this CPU or build cannot run them.
    ///
    /// ```
    /// use mnist_fast_kernels::{Isa, Kernels};
    ///
    /// let kernels = Kernels::new("scalar".parse()?)?; // the name from a command line, say
    /// assert_eq!(kernels.isa(), Isa::Scalar);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn new(isa: Isa) -> Result<Self, Error> {
        if !isa.is_available() {
            return Err(Error::UnavailableIsa(isa));
        }
        let table = match isa {
            Isa::Scalar => &reference::TABLE,
            #[cfg(feature = "portable")]
            Isa::Portable => &crate::arch::portable::TABLE,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => &crate::arch::avx2::TABLE,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => &crate::arch::avx512::TABLE,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => &crate::arch::neon::TABLE,
            #[allow(unreachable_patterns)]
            _ => return Err(Error::UnavailableIsa(isa)),
        };
        Ok(Kernels { table })
    }

    /// The fastest kernels of this CPU; see [`Isa::best`]. Where the exact bits matter more than speed, take those of
    /// [`Isa::best_exact`].
    ///
    /// ```
    /// use mnist_fast_kernels::{Isa, Kernels};
    ///
    /// let kernels = Kernels::best();
    /// assert_eq!(kernels.isa(), Isa::best());
    /// let exact = Kernels::new(Isa::best_exact())?;
    /// assert!(exact.isa().is_exact());
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn best() -> Self {
        Kernels::new(Isa::best()).unwrap_or(Kernels { table: &reference::TABLE })
    }

    /// The ISA of these kernels.
    pub fn isa(self) -> Isa {
        self.table.isa
    }

    /// The largest register tile of the GEMM for each width, the widest first; nothing where the ISA has none of ours. For
    /// reports, and to split work at multiples of it ([`split()`]).
    ///
    /// ```
    /// use mnist_fast_kernels::{Isa, Kernels};
    ///
    /// let kernels = Kernels::best();
    /// assert!(kernels.gemm_tiles().all(|tile| tile.rows > 0 && tile.columns % 16 == 0));
    /// assert_eq!(Kernels::new(Isa::Scalar)?.gemm_tiles().count(), 0);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn gemm_tiles(self) -> impl Iterator<Item = GemmTile> {
        self.table.tiles.into_iter().flat_map(|tiles| tiles.widths).map(|width| GemmTile {
            rows: width.full.tiles.len(),
            columns: width.vectors * crate::generic::simd::LANES,
        })
    }

    /// How many columns of a result the sparse products work on at a time: a wider matrix is worth storing in panels of as many,
    /// which then lie in cache side by side.
    ///
    /// ```
    /// assert!(mnist_fast_kernels::Kernels::best().sparse_columns() > 0);
    /// ```
    pub fn sparse_columns(self) -> usize {
        self.table.sparse_columns
    }

    /// The largest cache block of the GEMM; `None` where the ISA has none of ours.
    ///
    /// ```
    /// use mnist_fast_kernels::{Isa, Kernels};
    ///
    /// let kernels = Kernels::best();
    /// if let Some(blocks) = kernels.gemm_blocks() {
    ///     assert!(kernels.gemm_tiles().all(|tile| blocks.columns % tile.columns == 0));
    /// }
    /// assert_eq!(Kernels::new(Isa::Scalar)?.gemm_blocks(), None);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn gemm_blocks(self) -> Option<GemmBlocks> {
        let blocks = GemmBlocks { rows: PACKED_ROWS, columns: PACKED_COLUMNS, depth: PACKED_DEPTH };
        self.table.tiles.map(|_| blocks)
    }
}

/// The C interface holds the table's address for a `Kernels`.
#[cfg(feature = "capi")]
impl Kernels {
    pub(crate) fn table(self) -> &'static Table {
        self.table
    }

    /// # Safety
    /// The table came from [`Kernels::table`].
    pub(crate) unsafe fn from_table(table: &'static Table) -> Self {
        Kernels { table }
    }
}

impl fmt::Debug for Kernels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kernels").field(&self.isa()).finish()
    }
}
