//! SGEMM: `C = start + alpha A B`, with a fused end. The loops here know no ISA.
//!
//! ```text
//! loop 1  blocks of k     PACKED_DEPTH        partial sums stay in C between blocks: the same chain
//! loop 2  blocks of n     PACKED_COLUMNS      B is packed here where its rows are not contiguous
//! loop 3  blocks of m     PACKED_ROWS         A is packed here where alpha != 1
//! loop 4  panels of n     the tile's width    a panel of B stays in L1
//! loop 5  tiles of m      the tile's height   the microkernel, `tile.rs`
//! ```
//!
//! (Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008; loop names as in BLIS.)
//! Where C is weights that an optimizer moves, there is one block of k, because C has no room for partial sums.
//! An operand whose layout already suits the tile is read in place: at a batch of 64 images, packing
//! 784 x 128 weights would cost a tenth of the product.

pub(crate) mod pack;
pub(crate) mod tile;

use crate::generic::simd::LANES;
use crate::table::{Gemm, RmsPropF32, SgdF32};
use crate::view::{MatMut, MatRef};
use crate::workspace::{Blocks, PACKED_COLUMNS, PACKED_DEPTH, PACKED_ROWS};
use tile::{Tile, TileFinish, TileFn, TileStart, TileUpdate, UpdateFn};

/// One product with checked shapes: A is m x k, B is k x n, C is m x n.
pub(crate) struct Product<'a> {
    /// Multiplies the elements of A, each rounded once.
    pub(crate) alpha: f32,
    pub(crate) a: MatRef<'a>,
    pub(crate) b: MatRef<'a>,
    pub(crate) start: Start<'a>,
    pub(crate) finish: Finish<'a>,
    /// What is written; with [`Finish::Sgd`] or [`Finish::RmsProp`] the weights.
    pub(crate) c: MatMut<'a>,
    pub(crate) scratch: Blocks<'a>,
}

/// What the chain of each element starts from.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a> {
    /// `beta * c`; for beta = 0 it is +0 and C is not read.
    Beta(f32),
    /// One bias per column; C is not read.
    Bias(&'a [f32]),
}

/// What happens to an element after its last term.
#[derive(Clone, Copy)]
pub(crate) enum Finish<'a> {
    /// Nothing.
    Store,
    /// ReLU.
    Relu,
    /// Kept where this matrix, of C's shape and with contiguous rows, is above 0, else +0.
    WherePositive(MatRef<'a>),
    /// The sum is a gradient, and C the weights that it moves.
    Sgd(SgdF32),
    /// The same; with the pointer and the row stride of a state of C's shape, which nobody else uses.
    RmsProp(RmsPropF32, *mut f32, usize),
}

impl Finish<'_> {
    /// Whether C is the weights, so that partial sums cannot be kept there.
    fn is_update(&self) -> bool {
        matches!(self, Finish::Sgd(_) | Finish::RmsProp(..))
    }
}

impl<'a> From<Gemm<'a>> for Product<'a> {
    fn from(g: Gemm<'a>) -> Self {
        let (start, finish) = (Start::Beta(g.beta), Finish::Store);
        Product { alpha: g.alpha, a: g.a, b: g.b, start, finish, c: g.c, scratch: g.scratch }
    }
}

/// The tiles of one ISA, the widest first.
pub(crate) struct TileSet {
    pub(crate) widths: &'static [TileWidth],
    /// Packs a B with contiguous columns.
    pub(crate) pack_columns: unsafe fn(MatRef<'_>, &mut [f32]),
}

/// Tiles of one width.
pub(crate) struct TileWidth {
    /// Vectors of 16 columns.
    pub(crate) vectors: usize,
    pub(crate) full: TileHeights,
    /// With a masked last vector.
    pub(crate) masked: TileHeights,
}

/// Element r - 1 has r rows.
pub(crate) struct TileHeights {
    pub(crate) tiles: &'static [TileFn],
    pub(crate) updates: &'static [UpdateFn],
}

impl TileSet {
    /// The widest tile that is not wider than `columns`, and how many of its columns are used.
    fn width_for(&self, columns: usize) -> (&'static TileWidth, usize) {
        let narrowest = &self.widths[self.widths.len() - 1];
        let width = self.widths.iter().find(|w| (w.vectors - 1) * LANES < columns).unwrap_or(narrowest);
        (width, columns.min(width.vectors * LANES))
    }
}

/// Runs a product with the tiles of an ISA.
///
/// # Safety
/// The CPU has the ISA's features.
pub(crate) unsafe fn run(tiles: &TileSet, mut g: Product<'_>) {
    let (m, n) = g.c.shape();
    if m == 0 || n == 0 {
        return;
    }
    let depth = if g.alpha == 0.0 { 0 } else { g.a.columns() };
    let blocks = if g.finish.is_update() { 1 } else { depth.div_ceil(PACKED_DEPTH).max(1) };
    for block in 0..blocks {
        // Blocks of equal depth, so that the last one is not a short rest.
        let (first, last) = (block == 0, block == blocks - 1);
        let edge = |block: usize| block * (depth / blocks) + block.min(depth % blocks);
        let (k0, k1) = (edge(block), edge(block + 1));
        for j0 in (0..n).step_by(PACKED_COLUMNS) {
            let j1 = n.min(j0 + PACKED_COLUMNS);
            let b = operand_b(tiles, &mut g, k0..k1, j0..j1);
            for i0 in (0..m).step_by(PACKED_ROWS) {
                let i1 = m.min(i0 + PACKED_ROWS);
                let a = operand_a(&mut g, i0..i1, k0..k1);
                let block = Block { rows: i0..i1, columns: j0..j1, depth: k1 - k0, a, b };
                // SAFETY: the block is inside of C, and `a` and `b` hold its rows and columns at this depth.
                unsafe { multiply_block(tiles, &mut g, &block, first, last) };
            }
        }
    }
}

/// A pointer and strides: either into an operand or into its packed copy.
#[derive(Clone, Copy)]
struct Operand {
    ptr: *const f32,
    row_stride: isize,
    column_stride: isize,
}

struct Block {
    rows: core::ops::Range<usize>,
    columns: core::ops::Range<usize>,
    depth: usize,
    a: Operand,
    b: Operand,
}

impl Operand {
    fn of(view: MatRef<'_>) -> Self {
        Operand { ptr: view.as_ptr(), row_stride: view.row_stride(), column_stride: view.column_stride() }
    }
}

/// The sub-matrix of a view; ranges come from the loops above and are inside its shape.
fn sub<'a>(view: MatRef<'a>, rows: core::ops::Range<usize>, columns: core::ops::Range<usize>) -> MatRef<'a> {
    view.row_range(rows).and_then(|v| v.column_range(columns)).expect("blocks are inside of their matrix")
}

fn operand_b(
    tiles: &TileSet,
    g: &mut Product<'_>,
    k: core::ops::Range<usize>,
    j: core::ops::Range<usize>,
) -> Operand {
    let b = sub(g.b, k, j);
    if b.column_stride() == 1 {
        return Operand::of(b);
    }
    if b.row_stride() == 1 {
        // SAFETY: `run`'s caller vouches for the ISA.
        unsafe { (tiles.pack_columns)(b, g.scratch.b) };
    } else {
        pack::pack_rows(b, g.scratch.b);
    }
    Operand { ptr: g.scratch.b.as_ptr(), row_stride: b.columns() as isize, column_stride: 1 }
}

fn operand_a(g: &mut Product<'_>, i: core::ops::Range<usize>, k: core::ops::Range<usize>) -> Operand {
    let a = sub(g.a, i, k);
    // Without columns there is nothing to multiply, and alpha = 0 reads nothing.
    if g.alpha == 1.0 || g.alpha == 0.0 || a.columns() == 0 {
        return Operand::of(a);
    }
    pack::pack_scaled(g.alpha, a, g.scratch.a);
    Operand { ptr: g.scratch.a.as_ptr(), row_stride: a.columns() as isize, column_stride: 1 }
}

/// Loops 4 and 5 over one block of C. `first` and `last` say where in k the block is.
///
/// # Safety
/// The block's ranges are inside of C, its operands cover them, and the CPU has the tiles' ISA.
unsafe fn multiply_block(tiles: &TileSet, g: &mut Product<'_>, block: &Block, first: bool, last: bool) {
    let c_row_stride = g.c.leading_dimension();
    let c = g.c.as_mut_ptr();
    let mut j = block.columns.start;
    while j < block.columns.end {
        let (width, columns) = tiles.width_for(block.columns.end - j);
        let tail = columns - (width.vectors - 1) * LANES;
        let heights = if tail == LANES { &width.full } else { &width.masked };
        let start = match g.start {
            _ if !first => TileStart::Resume,
            Start::Bias(bias) => TileStart::Bias(bias[j..j + columns].as_ptr()),
            Start::Beta(0.0) => TileStart::Zero,
            Start::Beta(1.0) => TileStart::Resume,
            Start::Beta(beta) => TileStart::Scaled(beta),
        };
        let b_offset = (j - block.columns.start) as isize * block.b.column_stride;
        let rows = block.rows.len();
        let count = rows.div_ceil(heights.tiles.len());
        for t in 0..count {
            // Heights differ by one at most: no short last tile that leaves the FMA units waiting.
            let (r0, r1) = (t * rows / count, (t + 1) * rows / count);
            let (i, height) = (block.rows.start + r0, r1 - r0 - 1);
            let tile = Tile {
                depth: block.depth,
                a: block.a.ptr.wrapping_offset(r0 as isize * block.a.row_stride),
                a_row_stride: block.a.row_stride,
                a_column_stride: block.a.column_stride,
                b: block.b.ptr.wrapping_offset(b_offset),
                b_row_stride: block.b.row_stride,
                c: c.wrapping_add(i * c_row_stride + j),
                c_row_stride,
                tail,
            };
            // SAFETY: rows r0..r1 and `columns` columns from j are inside of the block, which is inside of
            // C (and of the mask or the state, which have C's shape); the operands cover it, and the caller
            // vouches for the ISA.
            unsafe {
                match g.finish {
                    Finish::WherePositive(h) if last => {
                        let at = h.as_ptr().wrapping_offset(i as isize * h.row_stride()).wrapping_add(j);
                        let finish = TileFinish::WherePositive(at, h.row_stride() as usize);
                        heights.tiles[height](&tile, start, finish);
                    }
                    Finish::Relu if last => heights.tiles[height](&tile, start, TileFinish::Relu),
                    Finish::Store | Finish::Relu | Finish::WherePositive(_) => {
                        heights.tiles[height](&tile, start, TileFinish::Store);
                    }
                    Finish::Sgd(rule) => heights.updates[height](&tile, TileUpdate::Sgd(rule)),
                    Finish::RmsProp(rule, v, row_stride) => {
                        let at = v.wrapping_add(i * row_stride + j);
                        heights.updates[height](&tile, TileUpdate::RmsProp(rule, at, row_stride));
                    }
                }
            }
        }
        j += columns;
    }
}
