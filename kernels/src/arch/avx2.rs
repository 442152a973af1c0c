//! AVX2 with FMA: a vector is two ymm registers, a mask two registers of all-one or all-zero lanes.

use core::arch::x86_64::*;

use crate::generic::simd::{LANES, Simd};
use crate::generic::transpose::BLOCK_ROWS;

/// Proof that this CPU has AVX2 and FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// # Safety
    /// The CPU has every feature of `with_avx2_features!`.
    #[inline(always)]
    pub(crate) unsafe fn new_unchecked() -> Self {
        Avx2(())
    }
}

/// [`Simd::transpose_u8`]: the first 16 rows in the low halves, the others in the high ones, four rounds of interleaving the first
/// eight registers with the last eight.
///
/// # Safety
/// As for [`Simd::transpose_u8`], and the CPU has AVX2.
#[inline(always)]
pub(super) unsafe fn transpose_u8_32x16(
    rows: &[*const u8; BLOCK_ROWS],
    at: usize,
    to: *mut u8,
    stride: usize,
) {
    // SAFETY: as the caller vouches.
    unsafe {
        let mut x = [_mm256_setzero_si256(); LANES];
        for (i, x) in x.iter_mut().enumerate() {
            let row = |i: usize| _mm_loadu_si128(rows[i].add(at).cast());
            *x = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(row(i)), row(i + LANES));
        }
        for _ in 0..4 {
            let mut y = x;
            for i in 0..8 {
                y[2 * i] = _mm256_unpacklo_epi8(x[i], x[i + 8]);
                y[2 * i + 1] = _mm256_unpackhi_epi8(x[i], x[i + 8]);
            }
            x = y;
        }
        for (j, x) in x.into_iter().enumerate() {
            _mm256_storeu_si256(to.add(j * stride).cast(), x);
        }
    }
}

/// For each mask of 8 lanes the numbers of its lanes, one after another from the lowest byte on.
static COMPRESS: [u64; 256] = {
    let mut table = [0; 256];
    let mut mask = 0;
    while mask < 256 {
        let (mut lane, mut at) = (0, 0);
        while lane < 8 {
            if mask >> lane & 1 != 0 {
                table[mask] |= lane << (8 * at);
                at += 1;
            }
            lane += 1;
        }
        mask += 1;
    }
    table
};

/// Stores the first lanes, those that the mask has: whole, or 4, 2 and 1 of them. (AMD's CPUs take tens of cycles for a
/// masked store of this width: TN 128x10x64 had 55 GFLOP/s with them and has 73.)
///
/// # Safety
/// The CPU has AVX2; the floats at `p` that the mask selects can be written.
#[inline(always)]
unsafe fn store_first(p: *mut f32, mask: __m256i, v: __m256) {
    // SAFETY: as the caller vouches: each store is inside of the first `n` floats.
    unsafe {
        let n = (_mm256_movemask_ps(_mm256_castsi256_ps(mask)) as u32).trailing_ones();
        if n == 8 {
            return _mm256_storeu_ps(p, v);
        }
        let (mut p, mut half) = (p, _mm256_castps256_ps128(v));
        if n & 4 != 0 {
            _mm_storeu_ps(p, half);
            (p, half) = (p.add(4), _mm256_extractf128_ps::<1>(v));
        }
        if n & 2 != 0 {
            _mm_storel_pd(p.cast(), _mm_castps_pd(half));
            (p, half) = (p.add(2), _mm_movehl_ps(half, half));
        }
        if n & 1 != 0 {
            _mm_store_ss(p, half);
        }
    }
}

/// Runs intrinsics that the token allows.
macro_rules! with_token {
    ($e:expr) => {
        // SAFETY: an `Avx2` exists only on a CPU with AVX2 and FMA; memory is touched only by
        // methods whose caller vouches for it.
        unsafe { $e }
    };
}

/// `$f(a, b)` on both halves.
macro_rules! halves {
    ($f:path, $a:expr) => {
        with_token!([$f($a[0]), $f($a[1])])
    };
    ($f:path, $a:expr, $b:expr) => {
        with_token!([$f($a[0], $b[0]), $f($a[1], $b[1])])
    };
    ($f:path, $a:expr, $b:expr, $c:expr) => {
        with_token!([$f($a[0], $b[0], $c[0]), $f($a[1], $b[1], $c[1])])
    };
}

/// A window into this, 16 - n lanes after its start, is the mask of the first n lanes.
static FIRST: [i32; 2 * LANES] = {
    let mut lanes = [0; 2 * LANES];
    let mut i = 0;
    while i < LANES {
        lanes[i] = -1;
        i += 1;
    }
    lanes
};

/// # Safety
/// The CPU has AVX2.
#[inline(always)]
pub(super) unsafe fn fold_max_256(a: __m256) -> f32 {
    // SAFETY: value-only intrinsics, and the caller vouches for AVX2.
    unsafe {
        let a = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
        let a = _mm_max_ps(a, _mm_movehl_ps(a, a));
        _mm_cvtss_f32(_mm_max_ss(a, _mm_movehdup_ps(a)))
    }
}

/// # Safety
/// The CPU has AVX2.
#[inline(always)]
pub(super) unsafe fn fold_add_256(a: __m256) -> f32 {
    // SAFETY: value-only intrinsics, and the caller vouches for AVX2.
    unsafe {
        let a = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
        let a = _mm_add_ps(a, _mm_movehl_ps(a, a));
        _mm_cvtss_f32(_mm_add_ss(a, _mm_movehdup_ps(a)))
    }
}

/// [`Simd::transpose`] of 8 by 8. Rows r and r + 4 share a register from the start, loaded in halves, which saves the
/// shuffles across 128 bits.
///
/// # Safety
/// As for [`Simd::transpose`], and the CPU has AVX2.
#[inline(always)]
pub(super) unsafe fn transpose_8x8(from: *const f32, from_stride: isize, to: *mut f32, to_stride: usize) {
    // SAFETY: rows 0..8 of both squares, which the caller vouches for, as for AVX2.
    unsafe {
        for half in 0..2 {
            let mut rows = [_mm256_setzero_ps(); 4];
            for (r, x) in rows.iter_mut().enumerate() {
                let low = from.offset(r as isize * from_stride).add(4 * half);
                let high = from.offset((r + 4) as isize * from_stride).add(4 * half);
                *x = _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(_mm_loadu_ps(low)), _mm_loadu_ps(high));
            }
            let (low01, high01) =
                (_mm256_unpacklo_ps(rows[0], rows[1]), _mm256_unpackhi_ps(rows[0], rows[1]));
            let (low23, high23) =
                (_mm256_unpacklo_ps(rows[2], rows[3]), _mm256_unpackhi_ps(rows[2], rows[3]));
            let columns = [
                _mm256_shuffle_ps::<0b01_00_01_00>(low01, low23),
                _mm256_shuffle_ps::<0b11_10_11_10>(low01, low23),
                _mm256_shuffle_ps::<0b01_00_01_00>(high01, high23),
                _mm256_shuffle_ps::<0b11_10_11_10>(high01, high23),
            ];
            for (c, x) in columns.into_iter().enumerate() {
                _mm256_storeu_ps(to.add((4 * half + c) * to_stride), x);
            }
        }
    }
}

impl Simd for Avx2 {
    type F = [__m256; 2];
    type I = [__m256i; 2];
    type M = [__m256i; 2];

    const FUSED: bool = true;
    const SQUARE: usize = 8;
    const REGISTERS: usize = 8;

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F {
        [with_token!(_mm256_set1_ps(x)); 2]
    }
    #[inline(always)]
    fn splat_i(self, x: i32) -> Self::I {
        [with_token!(_mm256_set1_epi32(x)); 2]
    }
    #[inline(always)]
    fn first(self, n: usize) -> Self::M {
        let window = &FIRST[LANES - n.min(LANES)..][..LANES];
        with_token!([
            _mm256_loadu_si256(window.as_ptr().cast()),
            _mm256_loadu_si256(window.as_ptr().add(8).cast())
        ])
    }
    #[inline(always)]
    unsafe fn load_ptr(self, p: *const f32) -> Self::F {
        with_token!([_mm256_loadu_ps(p), _mm256_loadu_ps(p.add(8))])
    }
    #[inline(always)]
    unsafe fn load_mask(self, p: *const f32, m: Self::M) -> Self::F {
        with_token!([_mm256_maskload_ps(p, m[0]), _mm256_maskload_ps(p.wrapping_add(8), m[1])])
    }
    #[inline(always)]
    unsafe fn store_ptr(self, p: *mut f32, v: Self::F) {
        with_token!({
            _mm256_storeu_ps(p, v[0]);
            _mm256_storeu_ps(p.add(8), v[1])
        })
    }
    #[inline(always)]
    unsafe fn store_mask(self, p: *mut f32, m: Self::M, v: Self::F) {
        with_token!({
            store_first(p, m[0], v[0]);
            store_first(p.wrapping_add(8), m[1], v[1])
        })
    }
    #[inline(always)]
    fn widen_u8(self, bytes: &[u8; LANES]) -> Self::F {
        with_token!({
            let b = _mm_loadu_si128(bytes.as_ptr().cast());
            [
                _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(b)),
                _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_unpackhi_epi64(b, b))),
            ]
        })
    }
    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        halves!(_mm256_add_ps, a, b)
    }
    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        halves!(_mm256_sub_ps, a, b)
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        halves!(_mm256_mul_ps, a, b)
    }
    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        halves!(_mm256_div_ps, a, b)
    }
    #[inline(always)]
    fn sqrt(self, a: Self::F) -> Self::F {
        halves!(_mm256_sqrt_ps, a)
    }
    #[inline(always)]
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        halves!(_mm256_fmadd_ps, a, b, c)
    }
    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        halves!(_mm256_max_ps, a, b)
    }
    #[inline(always)]
    fn lt(self, a: Self::F, b: Self::F) -> Self::M {
        self.bits(halves!(_mm256_cmp_ps::<_CMP_LT_OQ>, a, b))
    }
    #[inline(always)]
    fn gt(self, a: Self::F, b: Self::F) -> Self::M {
        self.bits(halves!(_mm256_cmp_ps::<_CMP_GT_OQ>, a, b))
    }
    #[inline(always)]
    fn select(self, m: Self::M, a: Self::F, b: Self::F) -> Self::F {
        halves!(_mm256_blendv_ps, b, a, self.float(m))
    }
    #[inline(always)]
    unsafe fn compress_ptr(self, x: Self::F, index: Self::I, values: *mut f32, indices: *mut u32) -> usize {
        with_token!({
            let mut count = 0;
            for (x, index) in x.into_iter().zip(index) {
                let nonzero = _mm256_cmp_ps::<_CMP_NEQ_UQ>(x, _mm256_setzero_ps());
                let m = _mm256_movemask_ps(nonzero) as usize;
                let order = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(COMPRESS[m] as i64));
                _mm256_storeu_ps(values.add(count), _mm256_permutevar8x32_ps(x, order));
                let index = _mm256_permutevar8x32_epi32(index, order);
                _mm256_storeu_si256(indices.add(count).cast(), index);
                count += m.count_ones() as usize;
            }
            count
        })
    }
    #[inline(always)]
    fn nonzero(self, x: Self::F) -> u16 {
        with_token!({
            let zero = _mm256_setzero_ps();
            let low = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NEQ_UQ>(x[0], zero)) as u16;
            low | (_mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NEQ_UQ>(x[1], zero)) as u16) << 8
        })
    }
    #[inline(always)]
    fn nonzero_u8(self, bytes: &[u8; 64]) -> u64 {
        with_token!({
            let (p, zero) = (bytes.as_ptr().cast::<__m256i>(), _mm256_setzero_si256());
            let low = _mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_loadu_si256(p), zero)) as u32;
            let high = _mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_loadu_si256(p.add(1)), zero)) as u32;
            !(u64::from(low) | u64::from(high) << 32)
        })
    }
    #[inline(always)]
    unsafe fn transpose_u8(self, rows: &[*const u8; BLOCK_ROWS], at: usize, to: *mut u8, stride: usize) {
        with_token!(transpose_u8_32x16(rows, at, to, stride));
    }
    #[inline(always)]
    fn bits(self, a: Self::F) -> Self::I {
        halves!(_mm256_castps_si256, a)
    }
    #[inline(always)]
    fn float(self, a: Self::I) -> Self::F {
        halves!(_mm256_castsi256_ps, a)
    }
    #[inline(always)]
    fn to_float(self, a: Self::I) -> Self::F {
        halves!(_mm256_cvtepi32_ps, a)
    }
    #[inline(always)]
    fn add_i(self, a: Self::I, b: Self::I) -> Self::I {
        halves!(_mm256_add_epi32, a, b)
    }
    #[inline(always)]
    fn sub_i(self, a: Self::I, b: Self::I) -> Self::I {
        halves!(_mm256_sub_epi32, a, b)
    }
    #[inline(always)]
    fn and_i(self, a: Self::I, b: Self::I) -> Self::I {
        halves!(_mm256_and_si256, a, b)
    }
    #[inline(always)]
    fn or_i(self, a: Self::I, b: Self::I) -> Self::I {
        halves!(_mm256_or_si256, a, b)
    }
    #[inline(always)]
    fn xor_i(self, a: Self::I, b: Self::I) -> Self::I {
        halves!(_mm256_xor_si256, a, b)
    }
    #[inline(always)]
    fn mul_i(self, a: Self::I, b: Self::I) -> Self::I {
        halves!(_mm256_mullo_epi32, a, b)
    }
    #[inline(always)]
    fn min_i(self, a: Self::I, b: Self::I) -> Self::I {
        halves!(_mm256_min_epi32, a, b)
    }
    #[inline(always)]
    fn max_i(self, a: Self::I, b: Self::I) -> Self::I {
        halves!(_mm256_max_epi32, a, b)
    }
    #[inline(always)]
    unsafe fn gather_pairs(self, table: *const u16, index: Self::I) -> Self::I {
        with_token!([
            _mm256_i32gather_epi32::<2>(table.cast(), index[0]),
            _mm256_i32gather_epi32::<2>(table.cast(), index[1])
        ])
    }
    #[inline(always)]
    fn narrow_u8(self, a: Self::I) -> [u8; LANES] {
        let mut bytes = [0; LANES];
        with_token!({
            // Packing works on each 128 bits alone, so its quarters are put in order between.
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packus_epi32(a[0], a[1]));
            let (low, high) = (_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
            _mm_storeu_si128(bytes.as_mut_ptr().cast(), _mm_packus_epi16(low, high));
        });
        bytes
    }
    #[inline(always)]
    fn mul_wide(self, a: Self::I, m: u32) -> (Self::I, Self::I) {
        with_token!({
            let (m, mut high, mut low) = (_mm256_set1_epi32(m as i32), a, a);
            for i in 0..2 {
                // The products of the even and of the odd lanes, 64 bits each.
                let even = _mm256_mul_epu32(a[i], m);
                let odd = _mm256_mul_epu32(_mm256_srli_epi64::<32>(a[i]), m);
                high[i] = _mm256_blend_epi32::<0b1010_1010>(_mm256_srli_epi64::<32>(even), odd);
                low[i] = _mm256_blend_epi32::<0b1010_1010>(even, _mm256_slli_epi64::<32>(odd));
            }
            (high, low)
        })
    }
    #[inline(always)]
    fn shl<const N: u32>(self, a: Self::I) -> Self::I {
        let count = with_token!(_mm_cvtsi32_si128(N as i32));
        halves!(_mm256_sll_epi32, a, [count; 2])
    }
    #[inline(always)]
    fn shr<const N: u32>(self, a: Self::I) -> Self::I {
        let count = with_token!(_mm_cvtsi32_si128(N as i32));
        halves!(_mm256_sra_epi32, a, [count; 2])
    }
    #[inline(always)]
    fn fold_max(self, a: Self::F) -> f32 {
        with_token!(fold_max_256(_mm256_max_ps(a[0], a[1])))
    }
    #[inline(always)]
    fn fold_add(self, a: Self::F) -> f32 {
        with_token!(fold_add_256(_mm256_add_ps(a[0], a[1])))
    }
    #[inline(always)]
    unsafe fn transpose(self, from: *const f32, from_stride: isize, to: *mut f32, to_stride: usize) {
        with_token!(transpose_8x8(from, from_stride, to, to_stride));
    }
}

// 16 registers. Six rows of one vector (two registers) are 12 accumulators, with two of B and one
// broadcast of A. Fewer rows are as many chains in wider tiles.
simd_table! {
    Avx2, with_avx2_features, crate::Isa::Avx2,
    tiles: [
        flat 4: [1],
        flat 2: [1 2],
        strips 1: [1 2 3 4 5 6],
    ],
    rows: [4 2 1],
    outer: [2: 2 1]
}
