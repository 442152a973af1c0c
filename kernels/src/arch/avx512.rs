//! AVX-512: a vector is one zmm register, a mask a k register.

use core::arch::x86_64::*;

use super::avx2::{fold_add_256, fold_max_256, transpose_8x8, transpose_u8_32x16};
use crate::generic::simd::{LANES, Simd};
use crate::generic::transpose::BLOCK_ROWS;

/// Proof that this CPU has AVX-512 F, VL, BW and DQ.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// # Safety
    /// The CPU has every feature of `with_avx512_features!`.
    #[inline(always)]
    pub(crate) unsafe fn new_unchecked() -> Self {
        Avx512(())
    }
}

/// Runs intrinsics that the token allows.
macro_rules! with_token {
    ($e:expr) => {
        // SAFETY: an `Avx512` exists only on a CPU with these features; memory is touched only by
        // methods whose caller vouches for it.
        unsafe { $e }
    };
}

impl Simd for Avx512 {
    type F = __m512;
    type I = __m512i;
    type M = __mmask16;

    const FUSED: bool = true;
    const SQUARE: usize = 8;
    const REGISTERS: usize = 32;

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        with_token!(_mm512_set1_ps(x))
    }
    #[inline(always)]
    fn splat_i(self, x: i32) -> __m512i {
        with_token!(_mm512_set1_epi32(x))
    }
    #[inline(always)]
    fn first(self, n: usize) -> __mmask16 {
        ((1u32 << n.min(LANES)) - 1) as __mmask16
    }
    #[inline(always)]
    unsafe fn load_ptr(self, p: *const f32) -> __m512 {
        with_token!(_mm512_loadu_ps(p))
    }
    #[inline(always)]
    unsafe fn load_mask(self, p: *const f32, m: __mmask16) -> __m512 {
        with_token!(_mm512_maskz_loadu_ps(m, p))
    }
    #[inline(always)]
    unsafe fn store_ptr(self, p: *mut f32, v: __m512) {
        with_token!(_mm512_storeu_ps(p, v))
    }
    #[inline(always)]
    unsafe fn store_mask(self, p: *mut f32, m: __mmask16, v: __m512) {
        with_token!(_mm512_mask_storeu_ps(p, m, v))
    }
    #[inline(always)]
    fn widen_u8(self, bytes: &[u8; LANES]) -> __m512 {
        with_token!(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(bytes.as_ptr().cast()))))
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        with_token!(_mm512_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        with_token!(_mm512_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        with_token!(_mm512_mul_ps(a, b))
    }
    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        with_token!(_mm512_div_ps(a, b))
    }
    #[inline(always)]
    fn sqrt(self, a: __m512) -> __m512 {
        with_token!(_mm512_sqrt_ps(a))
    }
    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        with_token!(_mm512_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        with_token!(_mm512_max_ps(a, b))
    }
    #[inline(always)]
    fn lt(self, a: __m512, b: __m512) -> __mmask16 {
        with_token!(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b))
    }
    #[inline(always)]
    fn gt(self, a: __m512, b: __m512) -> __mmask16 {
        with_token!(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b))
    }
    #[inline(always)]
    fn select(self, m: __mmask16, a: __m512, b: __m512) -> __m512 {
        with_token!(_mm512_mask_blend_ps(m, b, a))
    }
    /// By register: the form that compresses to memory is microcoded on Zen 4.
    #[inline(always)]
    unsafe fn compress_ptr(self, x: __m512, index: __m512i, values: *mut f32, indices: *mut u32) -> usize {
        with_token!({
            let m = _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(x, _mm512_setzero_ps());
            _mm512_storeu_ps(values, _mm512_maskz_compress_ps(m, x));
            _mm512_storeu_si512(indices.cast(), _mm512_maskz_compress_epi32(m, index));
            m.count_ones() as usize
        })
    }
    #[inline(always)]
    fn nonzero(self, x: __m512) -> u16 {
        with_token!(_mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(x, _mm512_setzero_ps()))
    }
    #[inline(always)]
    fn nonzero_u8(self, bytes: &[u8; 64]) -> u64 {
        with_token!({
            let x = _mm512_loadu_si512(bytes.as_ptr().cast());
            _mm512_test_epi8_mask(x, x)
        })
    }
    #[inline(always)]
    unsafe fn transpose_u8(self, rows: &[*const u8; BLOCK_ROWS], at: usize, to: *mut u8, stride: usize) {
        with_token!(transpose_u8_32x16(rows, at, to, stride));
    }
    #[inline(always)]
    fn bits(self, a: __m512) -> __m512i {
        with_token!(_mm512_castps_si512(a))
    }
    #[inline(always)]
    fn float(self, a: __m512i) -> __m512 {
        with_token!(_mm512_castsi512_ps(a))
    }
    #[inline(always)]
    fn to_float(self, a: __m512i) -> __m512 {
        with_token!(_mm512_cvtepi32_ps(a))
    }
    #[inline(always)]
    fn add_i(self, a: __m512i, b: __m512i) -> __m512i {
        with_token!(_mm512_add_epi32(a, b))
    }
    #[inline(always)]
    fn sub_i(self, a: __m512i, b: __m512i) -> __m512i {
        with_token!(_mm512_sub_epi32(a, b))
    }
    #[inline(always)]
    fn and_i(self, a: __m512i, b: __m512i) -> __m512i {
        with_token!(_mm512_and_si512(a, b))
    }
    #[inline(always)]
    fn or_i(self, a: __m512i, b: __m512i) -> __m512i {
        with_token!(_mm512_or_si512(a, b))
    }
    #[inline(always)]
    fn xor_i(self, a: __m512i, b: __m512i) -> __m512i {
        with_token!(_mm512_xor_si512(a, b))
    }
    #[inline(always)]
    fn mul_i(self, a: __m512i, b: __m512i) -> __m512i {
        with_token!(_mm512_mullo_epi32(a, b))
    }
    #[inline(always)]
    fn min_i(self, a: __m512i, b: __m512i) -> __m512i {
        with_token!(_mm512_min_epi32(a, b))
    }
    #[inline(always)]
    fn max_i(self, a: __m512i, b: __m512i) -> __m512i {
        with_token!(_mm512_max_epi32(a, b))
    }
    #[inline(always)]
    unsafe fn gather_pairs(self, table: *const u16, index: __m512i) -> __m512i {
        with_token!(_mm512_i32gather_epi32::<2>(index, table.cast()))
    }
    #[inline(always)]
    fn narrow_u8(self, a: __m512i) -> [u8; LANES] {
        let mut bytes = [0; LANES];
        with_token!(_mm_storeu_si128(bytes.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(a)));
        bytes
    }
    #[inline(always)]
    fn mul_wide(self, a: __m512i, m: u32) -> (__m512i, __m512i) {
        with_token!({
            // The products of the even and of the odd lanes, 64 bits each.
            let m = _mm512_set1_epi32(m as i32);
            let even = _mm512_mul_epu32(a, m);
            let odd = _mm512_mul_epu32(_mm512_srli_epi64::<32>(a), m);
            let high = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64::<32>(even), odd);
            (high, _mm512_mask_blend_epi32(0xaaaa, even, _mm512_slli_epi64::<32>(odd)))
        })
    }
    #[inline(always)]
    fn shl<const N: u32>(self, a: __m512i) -> __m512i {
        with_token!(_mm512_slli_epi32::<N>(a))
    }
    #[inline(always)]
    fn shr<const N: u32>(self, a: __m512i) -> __m512i {
        with_token!(_mm512_srai_epi32::<N>(a))
    }
    #[inline(always)]
    fn fold_max(self, a: __m512) -> f32 {
        with_token!(fold_max_256(_mm256_max_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps::<1>(a))))
    }
    #[inline(always)]
    fn fold_add(self, a: __m512) -> f32 {
        with_token!(fold_add_256(_mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps::<1>(a))))
    }
    #[inline(always)]
    unsafe fn transpose(self, from: *const f32, from_stride: isize, to: *mut f32, to_stride: usize) {
        with_token!(transpose_8x8(from, from_stride, to, to_stride));
    }
}

// 32 registers. Six rows of four vectors are 24 accumulators, with four of B and one broadcast of A;
// narrower panels get taller tiles, because hiding the FMA latency takes at least 8 chains; so do one or two rows get
// wider ones.
simd_table! {
    Avx512, with_avx512_features, crate::Isa::Avx512,
    tiles: [
        flat 8: [1 2],
        tall 4: [1 2 3 4 5 6],
        tall 2: [1 2 3 4 5 6 7 8 9 10 11 12],
        tall 1: [1 2 3 4 5 6 7 8 9 10 11 12],
    ],
    rows: [8 4 2 1],
    outer: [4: 4 2 1]
}
