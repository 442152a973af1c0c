//! One file per instruction set: its vector type, and its table of kernels stamped from the generic bodies.
//! Nothing outside this folder names an intrinsic.

/// Makes the `TABLE` of an ISA from its token, its features, and its GEMM tiles
/// (`vectors: [heights]`, the widest first; `flat` ones for a few rows only, `tall` ones for any number, `strips` likewise and
/// also several side by side in one call), the widths of its sparse row kernels, and those for S by columns (`outer:
/// [columns at a time: widths]`).
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! simd_table {
    ($token:ident, $features:ident, $isa:expr, tiles: $tiles:tt, rows: $rows:tt, outer: $outer:tt) => {
        crate::isa::$features! { stamp_table $token, $isa, $tiles, $rows, $outer }
    };
}

/// The second half of [`simd_table!`], with the features' names in hand.
///
/// Each function enables the features and calls one generic body, which inlines into it.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! stamp_table {
    (
        [$($feature:tt),*] $token:ident, $isa:expr,
        [$($kind:ident $vectors:literal: [$($rows:literal)*],)*], [$($row_vectors:literal)*],
        [$outer_depth:literal: $($outer_vectors:literal)*]
    ) => {
        stamp_entries! {
            [$($feature),*] $token,
            relu(x: &mut [f32]) = relu::relu;
            leaky_relu(slope: f32, x: &mut [f32]) = activation::leaky_relu;
            sigmoid(x: &mut [f32]) = activation::sigmoid_slice;
            tanh(x: &mut [f32]) = activation::tanh_slice;
            relu_gradient(h: &[f32], delta: &mut [f32]) = activation::relu_gradient;
            leaky_relu_gradient(slope: f32, h: &[f32], delta: &mut [f32]) = activation::leaky_relu_gradient;
            sigmoid_gradient(h: &[f32], delta: &mut [f32]) = activation::sigmoid_gradient;
            tanh_gradient(h: &[f32], delta: &mut [f32]) = activation::tanh_gradient;
            dropout(rule: DropoutF32, position: [u32; 3], x: &mut [f32]) = dropout::dropout;
            softmax(x: MatRef<'_>, y: MatMut<'_>) = softmax::softmax;
            softmax_cross_entropy(call: CrossEntropy<'_>) = softmax::softmax_cross_entropy;
            log_softmax(x: MatRef<'_>, y: MatMut<'_>) = softmax::log_softmax;
            soft_cross_entropy(call: SoftCrossEntropy<'_>) = soft_labels::soft_cross_entropy;
            smoothed_cross_entropy(call: CrossEntropy<'_>, smoothed: SmoothedF32) = soft_labels::smoothed_cross_entropy;
            binary_cross_entropy(call: BinaryCrossEntropy<'_>) = binary::binary_cross_entropy;
            row_sum(x: MatRef<'_>, to: &mut [f32]) = rows::sum;
            row_max(x: MatRef<'_>, to: &mut [f32]) = rows::max;
            row_norm2(x: MatRef<'_>, to: &mut [f32]) = rows::norm2;
            row_sum_of_squares(x: MatRef<'_>, to: &mut [f32]) = rows::sum_of_squares;
            argmax(x: MatRef<'_>, to: &mut [u32]) = softmax::argmax;
            dense_bias_gradient(delta: MatRef<'_>, gradient: &mut [f32]) = dense::bias_gradient;
            rmsprop(rule: RmsPropF32, step: Step<'_>, v: &mut [f32]) = optimizer::rmsprop;
            rmsprop_decay(rule: RmsPropF32, times: u32, v: &mut [f32]) = optimizer::rmsprop_decay;
            sgd(rule: SgdF32, step: Step<'_>) = optimizer::sgd;
            momentum(rule: MomentumF32, step: Step<'_>, m: &mut [f32]) = optimizer::momentum;
            adam(rule: AdamF32, step: Step<'_>, m: &mut [f32], v: &mut [f32]) = optimizer::adam;
            update(call: UpdateCall<'_>) = update_any;
            compress(x: &[f32], indices: &mut [u32], values: &mut [f32]) -> usize = compress::compress;
            compress_u8(bytes: &[u8], indices: &mut [u32], values: &mut [f32]) -> usize = compress::compress_u8;
            transpose_u8(call: TransposeBytes<'_>) = transpose_bytes;
            unit_from_u8(bytes: &[u8], to: &mut [f32]) = convert::unit_from_u8;
            scale_u8(bytes: &[u8], scale: f32, shift: f32, to: &mut [f32]) = convert::scale_u8;
            warp_u8(call: WarpBytes<'_>) = warp::warp_u8;
            exp(x: &mut [f32]) = math::exp_slice;
            ln(x: &mut [f32]) = math::ln_slice;
            probe_fma(rounds: u32) -> (u64, f32) = probe::fma;
            probe_read(x: &[f32], rounds: u32) -> u32 = probe::read;
            probe_update(a: f32, x: &[f32], y: &mut [f32], rounds: u32) = probe::update;
            pack_columns(from: MatRef<'_>, to: MatMut<'_>) = pack::pack_columns;
            pack_rows(from: MatRef<'_>, stride: usize, to: &mut [f32]) = pack::pack_rows;
        }

        use $crate::gemm::pack;
        use $crate::generic::transpose::transpose_u8 as transpose_bytes;
        use $crate::generic::update::update as update_any;
        use $crate::generic::binary_cross_entropy as binary;
        use $crate::generic::{activation, compress, convert, dense, dropout, math, optimizer, probe, relu, rows};
        use $crate::generic::{soft_labels, softmax, warp};
        use $crate::table::{AdamF32, DropoutF32, MomentumF32, RmsPropF32, SgdF32, Step, WarpBytes};
        use $crate::table::{BinaryCrossEntropy, CrossEntropy, SmoothedF32, SoftCrossEntropy, TransposeBytes};
        use $crate::table::UpdateCall;
        use $crate::view::{MatMut, MatRef};

        /// # Safety
        /// As for the generic tile, and the CPU has the features.
        #[target_feature($(enable = $feature),*)]
        unsafe fn tile<const MR: usize, const NV: usize, const MASKED: bool>(
            t: &$crate::gemm::tile::Tile,
            start: $crate::gemm::tile::TileStart,
            finish: $crate::gemm::tile::TileFinish,
        ) {
            // SAFETY: the features are this function's; the caller vouches for the tile.
            unsafe {
                $crate::gemm::tile::tile::<$token, MR, NV, MASKED>($token::new_unchecked(), t, start, finish)
            }
        }

        /// # Safety
        /// As for the generic strip, and the CPU has the features.
        #[target_feature($(enable = $feature),*)]
        #[allow(dead_code)] // where no width has strips
        unsafe fn strip<const MR: usize, const NV: usize>(
            t: &$crate::gemm::tile::Tile,
            panels: usize,
            b_panel_stride: usize,
            start: $crate::gemm::tile::TileStart,
            finish: $crate::gemm::tile::TileFinish,
        ) {
            // SAFETY: the features are this function's; the caller vouches for the tiles.
            unsafe {
                let token = $token::new_unchecked();
                $crate::gemm::tile::strip::<$token, MR, NV>(token, t, panels, b_panel_stride, start, finish)
            }
        }

        /// # Safety
        /// As for the generic tile, and the CPU has the features.
        #[target_feature($(enable = $feature),*)]
        unsafe fn update_tile<const MR: usize, const NV: usize, const MASKED: bool>(
            t: &$crate::gemm::tile::Tile,
            update: $crate::gemm::tile::TileUpdate,
        ) {
            // SAFETY: the features are this function's; the caller vouches for the tile.
            unsafe {
                $crate::gemm::tile::update_tile::<$token, MR, NV, MASKED>($token::new_unchecked(), t, update)
            }
        }

        /// # Safety
        /// As for the generic kernel, and the CPU has the features.
        #[target_feature($(enable = $feature),*)]
        unsafe fn sparse_rows<T: $crate::sparse::terms::Terms, const NV: usize, const MASKED: bool>(
            work: $crate::sparse::rows::Rows<T>,
            start: $crate::gemm::tile::TileStart,
            finish: $crate::gemm::tile::TileFinish,
        ) {
            // SAFETY: the features are this function's; the caller vouches for the rows.
            unsafe {
                let token = $token::new_unchecked();
                $crate::sparse::rows::rows::<$token, T, NV, MASKED>(token, work, start, finish)
            }
        }

        /// # Safety
        /// As for the generic kernel, and the CPU has the features.
        #[target_feature($(enable = $feature),*)]
        unsafe fn update_rows<T: $crate::sparse::terms::Terms, const NV: usize, const MASKED: bool>(
            work: $crate::sparse::rows::UpdateRows<T>,
            update: $crate::gemm::tile::TileUpdate,
        ) {
            // SAFETY: the features are this function's; the caller vouches for the rows.
            unsafe {
                let token = $token::new_unchecked();
                $crate::sparse::rows::update_rows::<$token, T, NV, MASKED>(token, work, update)
            }
        }

        /// # Safety
        /// As for the generic kernel, and the CPU has the features.
        #[target_feature($(enable = $feature),*)]
        unsafe fn outer<const P: usize, const NV: usize, const MASKED: bool>(work: $crate::sparse::outer::Outer) {
            // SAFETY: the features are this function's; the caller vouches for the rows.
            unsafe { $crate::sparse::outer::outer::<$token, P, NV, MASKED>($token::new_unchecked(), work) }
        }

        row_kernels!(ROWS: $($row_vectors)*);
        outer_kernels!(OUTER: $outer_depth, $($outer_vectors)*);

        static TILES: $crate::gemm::TileSet = $crate::gemm::TileSet {
            widths: &[$($crate::gemm::TileWidth {
                vectors: $vectors,
                flat: tile_kind!($kind),
                full: $crate::gemm::TileHeights {
                    tiles: &[$(tile::<$rows, $vectors, false>),*],
                    updates: &[$(update_tile::<$rows, $vectors, false>),*],
                },
                masked: $crate::gemm::TileHeights {
                    tiles: &[$(tile::<$rows, $vectors, true>),*],
                    updates: &[$(update_tile::<$rows, $vectors, true>),*],
                },
                strips: tile_strips!($kind: $(strip::<$rows, $vectors>)*),
            }),*],
            pack_columns,
            pack_rows,
        };

        /// # Safety
        /// The CPU has the features.
        unsafe fn gemm(call: $crate::table::Gemm<'_>) {
            // SAFETY: as the caller vouches.
            unsafe { $crate::gemm::run(&TILES, call.into()) }
        }

        /// # Safety
        /// The CPU has the features.
        unsafe fn dense_forward(call: $crate::table::DenseForward<'_>) {
            // SAFETY: as the caller vouches.
            unsafe { $crate::gemm::run(&TILES, dense::forward(call)) }
        }

        /// # Safety
        /// The CPU has the features.
        unsafe fn dense_input_gradient(call: $crate::table::DenseInputGradient<'_>) {
            // SAFETY: as the caller vouches.
            unsafe { $crate::gemm::run(&TILES, dense::input_gradient(call)) }
        }

        /// # Safety
        /// The CPU has the features.
        unsafe fn dense_weight_gradient(call: $crate::table::DenseWeightGradient<'_>) {
            // SAFETY: as the caller vouches.
            unsafe { $crate::gemm::run(&TILES, dense::weight_gradient(call)) }
        }

        /// # Safety
        /// The CPU has the features.
        unsafe fn dense_weight_update(call: $crate::table::DenseWeightUpdate<'_>) {
            let $crate::table::DenseWeightUpdate { x, delta, mut rule, w, scratch } = call;
            let update = dense::tile_update(&mut rule);
            // SAFETY: as the caller vouches.
            unsafe { $crate::gemm::run(&TILES, dense::weight_update((x, delta), w, scratch, update)) }
        }

        /// # Safety
        /// The CPU has the features.
        unsafe fn spmm(call: $crate::table::Spmm<'_>) {
            // SAFETY: as the caller vouches.
            unsafe { $crate::sparse::run(&ROWS, call) }
        }

        /// # Safety
        /// The CPU has the features.
        unsafe fn spmm_update(call: $crate::table::SpmmUpdate<'_>) {
            // SAFETY: as the caller vouches.
            unsafe { $crate::sparse::run_update(&ROWS, call) }
        }

        /// # Safety
        /// The CPU has the features.
        unsafe fn dense_forward_transposed(call: $crate::table::TransposedForward<'_>) {
            // SAFETY: as the caller vouches.
            unsafe { $crate::sparse::run_outer(OUTER, call) }
        }

        /// # Safety
        /// The CPU has the features.
        unsafe fn transpose(from: MatRef<'_>, to: MatMut<'_>) {
            // SAFETY: as the caller vouches.
            unsafe { pack_columns(from, to) }
        }

        /// The kernels of this ISA; only for a CPU that has it.
        pub(crate) static TABLE: $crate::table::Table = $crate::table::Table {
            isa: $isa,
            gemm,
            dense_forward,
            dense_input_gradient,
            dense_weight_gradient,
            dense_weight_update,
            dense_bias_gradient,
            relu,
            leaky_relu,
            sigmoid,
            tanh,
            relu_gradient,
            leaky_relu_gradient,
            sigmoid_gradient,
            tanh_gradient,
            dropout,
            softmax,
            softmax_cross_entropy,
            log_softmax,
            soft_cross_entropy,
            smoothed_cross_entropy,
            binary_cross_entropy,
            row_sum,
            row_max,
            row_norm2,
            row_sum_of_squares,
            argmax,
            rmsprop,
            sgd,
            momentum,
            adam,
            update,
            spmm,
            spmm_update,
            dense_forward_transposed,
            rmsprop_decay,
            compress,
            compress_u8,
            transpose_u8,
            transpose,
            unit_from_u8,
            scale_u8,
            warp_u8,
            exp,
            ln,
            sparse_columns: ROWS.columns(),
            probe_fma,
            probe_read,
            probe_update,
            tiles: Some(&TILES),
        };
    };
}

/// The sparse row kernels of a module, from its `sparse_rows` and `update_rows`.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", feature = "portable"))]
macro_rules! row_kernels {
    ($name:ident: $($vectors:literal)*) => {
        static $name: $crate::sparse::RowKernels = $crate::sparse::RowKernels {
            listed: row_widths!($crate::sparse::terms::Listed: $($vectors)*),
            bytes: row_widths!($crate::sparse::terms::Bytes: $($vectors)*),
            floats: row_widths!($crate::sparse::terms::Floats: $($vectors)*),
        };
    };
}

/// The kernels for S by columns of a module, from its `outer`: so many columns at a time.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", feature = "portable"))]
macro_rules! outer_kernels {
    ($name:ident: $depth:literal, $($vectors:literal)*) => {
        static $name: &[$crate::sparse::OuterWidth] = &[$($crate::sparse::Width {
            vectors: $vectors,
            full: outer::<$depth, $vectors, false>,
            masked: outer::<$depth, $vectors, true>,
        }),*];
    };
}

/// The row kernels for one form of S.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", feature = "portable"))]
macro_rules! row_widths {
    ($form:ty: $($vectors:literal)*) => {
        &[$($crate::sparse::Width {
            vectors: $vectors,
            full: $crate::sparse::RowPair {
                rows: sparse_rows::<$form, $vectors, false>,
                updates: update_rows::<$form, $vectors, false>,
            },
            masked: $crate::sparse::RowPair {
                rows: sparse_rows::<$form, $vectors, true>,
                updates: update_rows::<$form, $vectors, true>,
            },
        }),*]
    };
}

/// Whether tiles of a width are for a few rows only.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! tile_kind {
    (flat) => {
        true
    };
    (tall) => {
        false
    };
    (strips) => {
        false
    };
}

/// The strips of a width: only where it is said to have them.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! tile_strips {
    (strips: $($strip:expr)*) => {
        &[$($strip),*]
    };
    ($other:ident: $($strip:expr)*) => {
        &[]
    };
}

/// Functions that enable features and call a generic body with the token.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! stamp_entries {
    ($features:tt $token:ident, $($name:ident($($arg:ident: $ty:ty),*) $(-> $out:ty)? = $body:path;)*) => {
        $(stamp_entry! { $features $token, $name($($arg: $ty),*) $(-> $out)? = $body })*
    };
}

/// One function of [`stamp_entries!`].
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! stamp_entry {
    ([$($feature:tt),*] $token:ident, $name:ident($($arg:ident: $ty:ty),*) $(-> $out:ty)? = $body:path) => {
        #[target_feature($(enable = $feature),*)]
        fn $name($($arg: $ty),*) $(-> $out)? {
            // SAFETY: the token's features are this function's.
            $body(unsafe { $token::new_unchecked() }, $($arg),*)
        }
    };
}
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
#[cfg(feature = "portable")]
pub(crate) mod portable;
pub(crate) mod prefetch;
