//! SGEMM: `C = start + alpha A B`, with a fused end. The loops here know no ISA.
//!
//! ```text
//! loop 1  blocks of n     PACKED_COLUMNS
//! loop 2  blocks of k     PACKED_DEPTH        B is packed here if at all; partial sums stay in C between blocks:
//!                                             the same chain
//! loop 3  blocks of m     PACKED_ROWS         A is packed here if at all
//! loop 4  panels of n     the tile's width    a panel of B stays in L1 or L2
//! loop 5  tiles of m      the tile's height   the microkernel, `tile.rs`
//! ```
//!
//! Where B is read in place, loops 2 and 3 change places, so that rows of A and C are brought near once.
//!
//! Where all panels of B are in L1, loops 4 and 5 change places too, and loop 4 is in the microkernel: a strip of rows of C is
//! written from left to right, each cache line once, and a tile of few steps has no call of its own.
//!
//! (Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008; loop names as in BLIS.)
//! Where C is weights that an optimizer moves, there is one block of k, because C has no room for partial sums: the
//! caller splits deeper products.
//! An operand whose layout already suits the tile is read in place: at a batch of 64 images, packing
//! 784 x 128 weights would cost a tenth of the product.

pub(crate) mod pack;
pub(crate) mod tile;

use core::ops::Range;

use crate::generic::simd::LANES;
use crate::table::Gemm;
use crate::view::{MatMut, MatRef};
use crate::workspace::{Blocks, PACKED_COLUMNS, PACKED_DEPTH, PACKED_ROWS};
use tile::{StripFn, Tile, TileFinish, TileFn, TileStart, TileUpdate, UpdateFn};

/// One product with checked shapes: A is m x k, B is k x n, C is m x n.
pub(crate) struct Product<'a> {
    /// Multiplies the elements of A, each rounded once.
    pub(crate) alpha: f32,
    pub(crate) a: MatRef<'a>,
    pub(crate) b: Right<'a>,
    pub(crate) start: Start<'a>,
    pub(crate) finish: Finish<'a>,
    /// What is written; with [`Finish::Update`] the weights.
    pub(crate) c: MatMut<'a>,
    pub(crate) scratch: Blocks<'a>,
}

/// B, the right operand.
#[derive(Clone, Copy)]
pub(crate) enum Right<'a> {
    View(MatRef<'a>),
    /// All of B as [`pack_panels`] leaves it, with the tiles that run.
    Packed(&'a [f32]),
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
    /// The sum is a gradient, and C the weights that it moves, so that C has no room for partial sums.
    Update(TileUpdate),
}

impl<'a> From<Gemm<'a>> for Product<'a> {
    fn from(g: Gemm<'a>) -> Self {
        let (start, finish) = (Start::Beta(g.beta), Finish::Store);
        Product { alpha: g.alpha, a: g.a, b: Right::View(g.b), start, finish, c: g.c, scratch: g.scratch }
    }
}

/// The tiles of one ISA, the widest first, among them those for a few rows only.
pub(crate) struct TileSet {
    pub(crate) widths: &'static [TileWidth],
    /// Copies a matrix with contiguous columns to one with contiguous rows.
    pub(crate) pack_columns: unsafe fn(MatRef<'_>, MatMut<'_>),
    /// Copies contiguous rows to where they start at multiples of this number.
    pub(crate) pack_rows: unsafe fn(MatRef<'_>, usize, &mut [f32]),
}

/// Tiles of one width.
pub(crate) struct TileWidth {
    /// Vectors of 16 columns.
    pub(crate) vectors: usize,
    /// Only for a C of so few rows that one tile takes them all: width makes up for the chains that height lacks.
    pub(crate) flat: bool,
    pub(crate) full: TileHeights,
    /// With a masked last vector.
    pub(crate) masked: TileHeights,
    /// Several of `full` in one call, for as many rows; none where that does not pay.
    pub(crate) strips: &'static [StripFn],
}

/// Element r - 1 has r rows.
pub(crate) struct TileHeights {
    pub(crate) tiles: &'static [TileFn],
    pub(crate) updates: &'static [UpdateFn],
}

impl TileSet {
    /// The widest tile for `rows` rows that is not wider than `columns`, and how many of its columns are used.
    fn width_for(&self, rows: usize, columns: usize) -> (&'static TileWidth, usize) {
        let fits =
            |w: &&TileWidth| (w.vectors - 1) * LANES < columns && (!w.flat || rows <= w.full.tiles.len());
        let width = self.widths.iter().find(fits).unwrap_or(&self.widths[self.widths.len() - 1]);
        (width, columns.min(width.vectors * LANES))
    }

    /// Whether tiles for many rows have one vector only (a vector takes several registers), so that packed panels have too.
    fn panels_are_vectors(&self) -> bool {
        self.widths.iter().all(|w| w.flat || w.vectors == 1)
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
    if is_narrow(&g) {
        let b = match g.b {
            Right::View(b) => b,
            // One panel.
            Right::Packed(b) => MatRef::with_leading_dimension(b, g.a.columns(), n, LANES)
                .expect("a panel of just that length"),
        };
        // SAFETY: as the caller vouches.
        return unsafe { run_narrow(tiles, g, b) };
    }
    let depth = if g.alpha == 0.0 { 0 } else { g.a.columns() };
    debug_assert!(
        depth <= PACKED_DEPTH || !matches!(g.finish, Finish::Update(_)),
        "partial sums in the weights"
    );
    let pack = match g.b {
        Right::View(b) => packs_b(tiles, b, m),
        Right::Packed(_) => false,
    };
    // Packed panels are as wide as tiles of many rows; a flat tile can take several if each of its vectors is one.
    let packed = pack || matches!(g.b, Right::Packed(_));
    let rows = if packed && !tiles.panels_are_vectors() { usize::MAX } else { m };
    let copy_a = copies_a(tiles, &g, depth.min(PACKED_DEPTH));
    let row_blocks = || row_blocks(m, if copy_a { PACKED_DEPTH } else { depth.min(PACKED_DEPTH) });
    // Where A is near anyway, but packed panels would leave L1, each is packed when its turn comes.
    let one_by_one = pack
        && tiles.panels_are_vectors()
        && g.alpha == 1.0
        && m > LANES
        && n.saturating_mul(depth) > PANELS_IN_L1
        && m.saturating_mul(depth) <= PACKED_ROWS * PACKED_DEPTH;
    let step = if one_by_one { LANES } else { PACKED_COLUMNS };
    for j in (0..n).step_by(step).map(|start| start..n.min(start + step)) {
        match g.b {
            Right::View(b) if !pack => {
                // Rows of A and C are brought near once.
                for i in row_blocks() {
                    for k in blocks(depth, PACKED_DEPTH) {
                        // SAFETY: as the caller vouches.
                        let a = unsafe { operand_a(tiles, &mut g, copy_a, i.clone(), k.clone()) };
                        let b = Panels::in_place(sub(b, k.clone(), j.clone()));
                        let block = Block { i: i.clone(), j: j.clone(), k, a, b, rows };
                        // SAFETY: the block is inside of C, and `a` and `b` hold its rows and columns at this depth.
                        unsafe { multiply_block(tiles, &mut g, block) };
                    }
                }
            }
            _ => {
                // A packed block of B serves all of m.
                for k in blocks(depth, PACKED_DEPTH) {
                    let b = match g.b {
                        Right::View(b) => {
                            let block = sub(b, k.clone(), j.clone());
                            // SAFETY: as the caller vouches.
                            unsafe { pack_panels(tiles, block, g.scratch.b) };
                            Panels::packed(tiles, g.scratch.b, 0, 0..k.len(), k.len())
                        }
                        Right::Packed(all) => Panels::packed(tiles, all, j.start, k.clone(), depth),
                    };
                    for i in row_blocks() {
                        // SAFETY: as the caller vouches.
                        let a = unsafe { operand_a(tiles, &mut g, copy_a, i.clone(), k.clone()) };
                        let block = Block { i, j: j.clone(), k: k.clone(), a, b, rows };
                        // SAFETY: as above.
                        unsafe { multiply_block(tiles, &mut g, block) };
                    }
                }
            }
        }
    }
}

/// Floats of B in packed panels that stay in L1.
const PANELS_IN_L1: usize = 4096;

/// Columns of C^T that are computed at a time.
const TURNED_COLUMNS: usize = 512;

/// Whether C has too few columns for a vector, while A's contiguous columns fill vectors along m. (Turning a row-major A
/// costs more than the idle lanes: 64x10x128 at 43 GFLOP/s for 64 on AVX2, at 55 for 71 on AVX-512.)
fn is_narrow(g: &Product<'_>) -> bool {
    const ENOUGH_ROWS: usize = 32;
    g.c.columns() < LANES
        && g.c.rows() >= ENOUGH_ROWS
        && g.a.row_stride() == 1
        && g.alpha == 1.0
        && matches!((g.start, g.finish), (Start::Beta(0.0) | Start::Bias(_), Finish::Store))
}

/// `C^T = B^T A^T`, some columns at a time, each block turned over into C: the same chains, in lanes along m.
///
/// # Safety
/// As for [`run`].
unsafe fn run_narrow(tiles: &TileSet, g: Product<'_>, b: MatRef<'_>) {
    let Product { a, mut c, scratch, start, .. } = g;
    let (m, n) = c.shape();
    let depth = a.columns();
    for i in (0..m).step_by(TURNED_COLUMNS).map(|start| start..m.min(start + TURNED_COLUMNS)) {
        let a = sub(a, i.clone(), 0..depth).transposed();
        let block = &mut scratch.a[..n * i.len()];
        let beta = match start {
            Start::Beta(beta) => beta,
            // The bias of a column of C is that of a whole row here.
            Start::Bias(bias) => {
                block.chunks_exact_mut(i.len()).zip(bias).for_each(|(row, bias)| row.fill(*bias));
                1.0
            }
        };
        let turned = Product {
            alpha: 1.0,
            a: b.transposed(),
            b: Right::View(a),
            start: Start::Beta(beta),
            finish: Finish::Store,
            c: MatMut::new(block, n, i.len()).expect("a block of just that length"),
            // So few rows of C^T that neither operand is packed.
            scratch: Blocks { a: &mut [], b: &mut [] },
        };
        // SAFETY: as the caller vouches.
        unsafe { run(tiles, turned) };
        let turned = MatRef::new(block, n, i.len()).expect("a block of just that length").transposed();
        let part = c.reborrow().row_range(i).expect("blocks are inside of their matrix");
        // SAFETY: as the caller vouches.
        unsafe { (tiles.pack_columns)(turned, part) };
    }
}

/// `0..len` in parts of equal length, `limit` at most, so that the last one is not a short rest; at least one part,
/// because a sum without terms still has a start and an end.
fn blocks(len: usize, limit: usize) -> impl Iterator<Item = Range<usize>> {
    let count = len.div_ceil(limit.max(1)).max(1);
    let edge = move |block: usize| block * (len / count) + block.min(len % count);
    (0..count).map(move |block| edge(block)..edge(block + 1))
}

/// The rows `0..m` in blocks of about equal height, cut where the tiles of every ISA end: [`PACKED_ROWS`] at most, or more
/// where blocks of `depth` make that no larger a part of A.
fn row_blocks(m: usize, depth: usize) -> impl Iterator<Item = Range<usize>> {
    const TILES_END: usize = 12;
    const { assert!(PACKED_ROWS.is_multiple_of(TILES_END)) };
    let limit = PACKED_ROWS * PACKED_DEPTH / depth.max(1) / TILES_END * TILES_END;
    let count = m.div_ceil(limit.max(PACKED_ROWS));
    let edge = move |block: usize| (block * m).div_ceil(count).next_multiple_of(TILES_END).min(m);
    (0..count).map(move |block| edge(block)..edge(block + 1))
}

/// Whether to copy B to where its rows are contiguous and near each other. It has to be where its columns are the
/// contiguous ones. It pays where there are enough tiles of m to read the copy and rows are far apart (each on another page of
/// memory); or, where panels are one vector, merely apart, so that they share few sets of the cache. There a last vector that
/// would be masked in the loop over k pays for the copy sooner. So do registers as long as a cache line, where rows of B start
/// inside of one: each load would touch two (0.85 of the speed on Sapphire Rapids, and at 64 rows the copy costs about half of that).
fn packs_b(tiles: &TileSet, b: MatRef<'_>, rows: usize) -> bool {
    let (far, enough_rows) = match (tiles.panels_are_vectors(), b.columns().is_multiple_of(LANES)) {
        (true, false) => (1, 24),
        (true, true) => (LANES + 1, 96),
        (false, _) if !starts_lines(b) => (1, ENOUGH_TO_ALIGN),
        // Deep panels come from L2 for every tile, which fetches whole lines in order best.
        (false, _) if b.rows() >= 512 => (65, 192),
        (false, _) => (512, 96),
    };
    b.column_stride() != 1 || b.row_stride().unsigned_abs() >= far && rows >= enough_rows && b.rows() > 1
}

/// Rows of C from which on a copy of B is worth it for its alignment alone.
const ENOUGH_TO_ALIGN: usize = 64;

/// Whether every row starts a cache line.
fn starts_lines(b: MatRef<'_>) -> bool {
    b.as_ptr().addr().is_multiple_of(64) && b.row_stride().unsigned_abs().is_multiple_of(LANES)
}

/// Whether to copy A, block by block: where there are several panels to read the copy, and A's columns are the contiguous ones and
/// on more pages of memory than a CPU has at hand. (AVX-512 on Sapphire Rapids, TN 784x128x1024: 1.05 of the speed, with B copied
/// too 1.08; 784x1024x1024: 1.11. Strips of a tile's rows instead of 48, in one pass or in many: 0.8 and 0.95.)
fn copies_a(tiles: &TileSet, g: &Product<'_>, depth: usize) -> bool {
    const ENOUGH_COLUMNS: usize = 64;
    const ENOUGH_ROWS: usize = 32;
    const FAR: usize = 1 << 18;
    let enough_columns = if tiles.panels_are_vectors() { ENOUGH_COLUMNS } else { 2 * ENOUGH_COLUMNS };
    g.c.columns() >= enough_columns
        && g.c.rows() >= ENOUGH_ROWS
        && g.alpha == 1.0
        && g.a.row_stride() == 1
        && depth.saturating_mul(g.a.column_stride().unsigned_abs()) >= FAR
}

/// A pointer and strides: either into an operand or into its packed copy.
#[derive(Clone, Copy)]
struct Operand {
    ptr: *const f32,
    row_stride: isize,
    column_stride: isize,
}

/// A block of B.
#[derive(Clone, Copy)]
enum Panels {
    /// B itself: a pointer and the distance between its rows, which are contiguous.
    InPlace(*const f32, isize),
    /// Panel after panel, each `depth` rows of as many vectors as its tile is wide, or of one; `row` is the block's first
    /// row.
    Packed { ptr: *const f32, row: usize, depth: usize, vectors: bool },
}

impl Panels {
    fn in_place(b: MatRef<'_>) -> Self {
        Panels::InPlace(b.as_ptr(), b.row_stride())
    }

    /// Rows `k` of panels `depth` deep, from the one that starts at `column`.
    fn packed(tiles: &TileSet, panels: &[f32], column: usize, k: Range<usize>, depth: usize) -> Self {
        let vectors = tiles.panels_are_vectors();
        Panels::Packed { ptr: panels[column * depth..].as_ptr(), row: k.start, depth, vectors }
    }

    /// Where `columns` columns begin, `column` columns into the block, and the strides of rows and of vectors.
    fn panel(&self, column: usize, columns: usize) -> (*const f32, isize, usize) {
        match *self {
            Panels::InPlace(ptr, row_stride) => (ptr.wrapping_add(column), row_stride, LANES),
            Panels::Packed { ptr, row, depth, vectors } => {
                let width = if vectors { LANES } else { columns.next_multiple_of(LANES) };
                let vector_stride = if vectors { depth * LANES } else { LANES };
                (ptr.wrapping_add(column * depth + row * width), width as isize, vector_stride)
            }
        }
    }

    /// From one panel of `columns` columns to the next.
    fn panel_stride(&self, columns: usize) -> usize {
        match *self {
            Panels::InPlace(..) => columns,
            Panels::Packed { depth, .. } => columns * depth,
        }
    }
}

/// A part of the product: rows, columns and depth, and where its operands are.
struct Block {
    i: Range<usize>,
    j: Range<usize>,
    k: Range<usize>,
    a: Operand,
    b: Panels,
    /// The rows of C that the choice of tiles counts on.
    rows: usize,
}

impl Operand {
    fn of(view: MatRef<'_>) -> Self {
        Operand { ptr: view.as_ptr(), row_stride: view.row_stride(), column_stride: view.column_stride() }
    }
}

/// The sub-matrix of a view; ranges come from the loops above and are inside its shape.
fn sub<'a>(view: MatRef<'a>, rows: Range<usize>, columns: Range<usize>) -> MatRef<'a> {
    view.row_range(rows).and_then(|v| v.column_range(columns)).expect("blocks are inside of their matrix")
}

/// Copies B, or a block of it that starts at a multiple of [`PACKED_COLUMNS`], panel after panel as tiles read them, each filled
/// up with zeros to whole vectors.
///
/// # Safety
/// The CPU has the ISA's features.
pub(crate) unsafe fn pack_panels(tiles: &TileSet, b: MatRef<'_>, mut to: &mut [f32]) {
    let (depth, n) = b.shape();
    let mut start = 0;
    while start < n {
        // The tiles of a block do not look past its end.
        let end = n.min((start / PACKED_COLUMNS + 1) * PACKED_COLUMNS);
        let (_, columns) = tiles.width_for(usize::MAX, end - start);
        let panel = sub(b, 0..depth, start..start + columns);
        let width = columns.next_multiple_of(LANES);
        let (here, rest) = to.split_at_mut(width * depth);
        // SAFETY: as the caller vouches.
        unsafe {
            if panel.column_stride() == 1 {
                (tiles.pack_rows)(panel, width, here);
            } else if panel.row_stride() == 1 {
                let here = MatMut::new(here, depth, width).expect("a part of just that length");
                (tiles.pack_columns)(panel, here);
            } else {
                pack::pack_strided(panel, width, here);
            }
        }
        (to, start) = (rest, start + columns);
    }
}

/// A block of A: in place, or in scratch memory: copied as it is, or multiplied by alpha. (A copy for the sake of far rows
/// did not pay: 0.99 of the speed at 1024^3, 0.97 at 2048^3.)
///
/// # Safety
/// The CPU has the ISA's features.
unsafe fn operand_a(
    tiles: &TileSet,
    g: &mut Product<'_>,
    copy: bool,
    i: Range<usize>,
    k: Range<usize>,
) -> Operand {
    let a = sub(g.a, i, k);
    if copy {
        let stride = a.rows().next_multiple_of(LANES);
        // SAFETY: as the caller vouches.
        unsafe { (tiles.pack_rows)(a.transposed(), stride, g.scratch.a) };
        return Operand { ptr: g.scratch.a.as_ptr(), row_stride: 1, column_stride: stride as isize };
    }
    // Without columns there is nothing to multiply, and alpha = 0 reads nothing.
    if g.alpha == 1.0 || g.alpha == 0.0 || a.columns() == 0 {
        return Operand::of(a);
    }
    pack::pack_scaled(g.alpha, a, g.scratch.a);
    Operand { ptr: g.scratch.a.as_ptr(), row_stride: a.columns() as isize, column_stride: 1 }
}

/// Loops 4 and 5 over one block of C.
///
/// # Safety
/// The block's ranges are inside of C, its operands cover them, and the CPU has the tiles' ISA.
unsafe fn multiply_block(tiles: &TileSet, g: &mut Product<'_>, block: Block) {
    let (first, last) = (block.k.start == 0, block.k.end == g.a.columns() || g.alpha == 0.0);
    let c_row_stride = g.c.leading_dimension();
    let c = g.c.as_mut_ptr();
    let near = block.j.len() * block.k.len() <= PANELS_IN_L1 && !matches!(g.finish, Finish::Update(_));
    let mut j = block.j.start;
    while j < block.j.end {
        let (width, columns) = tiles.width_for(block.rows, block.j.end - j);
        let tail = columns - (width.vectors - 1) * LANES;
        let heights = if tail == LANES { &width.full } else { &width.masked };
        let (b, b_row_stride, b_vector_stride) = block.b.panel(j - block.j.start, columns);
        // Whole panels like this one, all in L1.
        let panels =
            if near && tail == LANES && !width.strips.is_empty() { (block.j.end - j) / columns } else { 1 };
        let b_panel_stride = block.b.panel_stride(columns);
        let start = match g.start {
            _ if !first => TileStart::Resume,
            Start::Bias(bias) => TileStart::Bias(bias[j..j + columns * panels].as_ptr()),
            Start::Beta(0.0) => TileStart::Zero,
            Start::Beta(1.0) => TileStart::Resume,
            Start::Beta(beta) => TileStart::Scaled(beta),
        };
        // Heights differ by one at most: no short last tile that leaves the FMA units waiting.
        for rows in blocks(block.i.len(), heights.tiles.len()) {
            let (r0, i, height) = (rows.start, block.i.start + rows.start, rows.len() - 1);
            let tile = Tile {
                depth: block.k.len(),
                // Without depth there need not be memory where rows would start.
                a: block.a.ptr.wrapping_offset((r0 as isize).wrapping_mul(block.a.row_stride)),
                a_row_stride: block.a.row_stride,
                a_column_stride: block.a.column_stride,
                b,
                b_row_stride,
                b_vector_stride,
                b_whole: matches!(block.b, Panels::Packed { .. }),
                c: c.wrapping_add(i * c_row_stride + j),
                c_row_stride,
                tail,
            };
            // SAFETY: `rows`, and `columns` columns from j for each of the panels, are inside of the block, which is inside
            // of C (and of the mask or the state, which have C's shape); the operands cover it, and the caller
            // vouches for the ISA.
            let run = |finish| unsafe {
                if panels == 1 {
                    heights.tiles[height](&tile, start, finish);
                } else {
                    width.strips[height](&tile, panels, b_panel_stride, start, finish);
                }
            };
            match g.finish {
                Finish::WherePositive(h) if last => {
                    let at = h.as_ptr().wrapping_offset(i as isize * h.row_stride()).wrapping_add(j);
                    run(TileFinish::WherePositive(at, h.row_stride() as usize));
                }
                Finish::Relu if last => run(TileFinish::Relu),
                Finish::Store | Finish::Relu | Finish::WherePositive(_) => run(TileFinish::Store),
                // SAFETY: as above.
                Finish::Update(update) => unsafe { heights.updates[height](&tile, update.from(i, j)) },
            }
        }
        j += columns * panels;
    }
}
