//! NEON (aarch64): a vector is four 128-bit registers, a mask four of all-one or all-zero lanes.

use core::arch::aarch64::*;

use crate::generic::simd::{LANES, Simd};

/// Proof that this CPU has NEON.
#[derive(Clone, Copy)]
pub(crate) struct Neon(());

impl Neon {
    /// # Safety
    /// The CPU has every feature of `with_neon_features!`.
    #[inline(always)]
    pub(crate) unsafe fn new_unchecked() -> Self {
        Neon(())
    }
}

/// Runs intrinsics that the token allows.
macro_rules! with_token {
    ($e:expr) => {
        // SAFETY: a `Neon` exists only on a CPU with NEON; memory is touched only by methods whose caller
        // vouches for it.
        unsafe { $e }
    };
}

/// `$f` on each quarter.
macro_rules! quarters {
    ($f:path, $a:expr) => {
        with_token!([$f($a[0]), $f($a[1]), $f($a[2]), $f($a[3])])
    };
    ($f:path, $a:expr, $b:expr) => {
        with_token!([$f($a[0], $b[0]), $f($a[1], $b[1]), $f($a[2], $b[2]), $f($a[3], $b[3])])
    };
    ($f:path, $a:expr, $b:expr, $c:expr) => {
        with_token!([
            $f($a[0], $b[0], $c[0]),
            $f($a[1], $b[1], $c[1]),
            $f($a[2], $b[2], $c[2]),
            $f($a[3], $b[3], $c[3])
        ])
    };
}

/// A window into this, 16 - n lanes after its start, is the mask of the first n lanes.
static FIRST: [u32; 2 * LANES] = {
    let mut lanes = [0; 2 * LANES];
    let mut i = 0;
    while i < LANES {
        lanes[i] = u32::MAX;
        i += 1;
    }
    lanes
};

/// Joins lane i with i+8, i+4, i+2 and i+1.
macro_rules! fold {
    ($join:path, $pair:path, $a:expr) => {
        with_token!({
            let low = $join($a[0], $a[2]);
            let high = $join($a[1], $a[3]);
            let four = $join(low, high);
            let two = $pair(vget_low_f32(four), vget_high_f32(four));
            vget_lane_f32::<0>($pair(two, vrev64_f32(two)))
        })
    };
}

/// `a > b ? a : b` on half a register; NEON's own maximum would pass a NaN in either place.
///
/// # Safety
/// The CPU has NEON.
#[inline(always)]
unsafe fn max_f32(a: float32x2_t, b: float32x2_t) -> float32x2_t {
    // SAFETY: value-only intrinsics, and the caller vouches for NEON.
    unsafe { vbsl_f32(vcgt_f32(a, b), a, b) }
}

/// The same on a register.
///
/// # Safety
/// The CPU has NEON.
#[inline(always)]
unsafe fn maxq_f32(a: float32x4_t, b: float32x4_t) -> float32x4_t {
    // SAFETY: value-only intrinsics, and the caller vouches for NEON.
    unsafe { vbslq_f32(vcgtq_f32(a, b), a, b) }
}

/// `a * b + c`; the instruction takes the addend first.
///
/// # Safety
/// The CPU has NEON.
#[inline(always)]
unsafe fn fmaq_f32(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
    // SAFETY: value-only intrinsics, and the caller vouches for NEON.
    unsafe { vfmaq_f32(c, a, b) }
}

/// 4 by 4, by pairs of rows and then of pairs.
///
/// # Safety
/// The CPU has NEON.
#[inline(always)]
unsafe fn transpose_4x4(r: [float32x4_t; 4]) -> [float32x4_t; 4] {
    // SAFETY: value-only intrinsics, and the caller vouches for NEON.
    unsafe {
        let (a, b) = (vtrn1q_f32(r[0], r[1]), vtrn2q_f32(r[0], r[1]));
        let (c, d) = (vtrn1q_f32(r[2], r[3]), vtrn2q_f32(r[2], r[3]));
        let (a, b) = (vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b));
        let (c, d) = (vreinterpretq_f64_f32(c), vreinterpretq_f64_f32(d));
        [
            vreinterpretq_f32_f64(vtrn1q_f64(a, c)),
            vreinterpretq_f32_f64(vtrn1q_f64(b, d)),
            vreinterpretq_f32_f64(vtrn2q_f64(a, c)),
            vreinterpretq_f32_f64(vtrn2q_f64(b, d)),
        ]
    }
}

impl Simd for Neon {
    type F = [float32x4_t; 4];
    type I = [int32x4_t; 4];
    type M = [uint32x4_t; 4];

    const FUSED: bool = true;
    const SQUARE: usize = 4;
    const REGISTERS: usize = 8;

    #[inline(always)]
    fn splat(self, x: f32) -> Self::F {
        [with_token!(vdupq_n_f32(x)); 4]
    }
    #[inline(always)]
    fn splat_i(self, x: i32) -> Self::I {
        [with_token!(vdupq_n_s32(x)); 4]
    }
    #[inline(always)]
    fn first(self, n: usize) -> Self::M {
        let window = &FIRST[LANES - n.min(LANES)..][..LANES];
        with_token!([
            vld1q_u32(window.as_ptr()),
            vld1q_u32(window.as_ptr().add(4)),
            vld1q_u32(window.as_ptr().add(8)),
            vld1q_u32(window.as_ptr().add(12))
        ])
    }
    #[inline(always)]
    unsafe fn load_ptr(self, p: *const f32) -> Self::F {
        with_token!([vld1q_f32(p), vld1q_f32(p.add(4)), vld1q_f32(p.add(8)), vld1q_f32(p.add(12))])
    }
    /// NEON has no masked load: the selected lanes come one by one, which only edges of matrices pay for.
    #[inline(always)]
    unsafe fn load_mask(self, p: *const f32, m: Self::M) -> Self::F {
        let mut lanes = [0.0; LANES];
        // SAFETY: the caller vouches for the selected lanes; the array has 16.
        unsafe {
            for_each_selected(m, |i| lanes[i] = *p.add(i));
            self.load_ptr(lanes.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn store_ptr(self, p: *mut f32, v: Self::F) {
        with_token!({
            vst1q_f32(p, v[0]);
            vst1q_f32(p.add(4), v[1]);
            vst1q_f32(p.add(8), v[2]);
            vst1q_f32(p.add(12), v[3]);
        })
    }
    #[inline(always)]
    unsafe fn store_mask(self, p: *mut f32, m: Self::M, v: Self::F) {
        let mut lanes = [0.0; LANES];
        // SAFETY: the array has 16 lanes; the caller vouches for the selected ones.
        unsafe {
            self.store_ptr(lanes.as_mut_ptr(), v);
            for_each_selected(m, |i| *p.add(i) = lanes[i]);
        }
    }
    #[inline(always)]
    fn widen_u8(self, bytes: &[u8; LANES]) -> Self::F {
        with_token!({
            let b = vld1q_u8(bytes.as_ptr());
            let (low, high) = (vmovl_u8(vget_low_u8(b)), vmovl_u8(vget_high_u8(b)));
            [
                vcvtq_f32_u32(vmovl_u16(vget_low_u16(low))),
                vcvtq_f32_u32(vmovl_u16(vget_high_u16(low))),
                vcvtq_f32_u32(vmovl_u16(vget_low_u16(high))),
                vcvtq_f32_u32(vmovl_u16(vget_high_u16(high))),
            ]
        })
    }
    #[inline(always)]
    fn add(self, a: Self::F, b: Self::F) -> Self::F {
        quarters!(vaddq_f32, a, b)
    }
    #[inline(always)]
    fn sub(self, a: Self::F, b: Self::F) -> Self::F {
        quarters!(vsubq_f32, a, b)
    }
    #[inline(always)]
    fn mul(self, a: Self::F, b: Self::F) -> Self::F {
        quarters!(vmulq_f32, a, b)
    }
    #[inline(always)]
    fn div(self, a: Self::F, b: Self::F) -> Self::F {
        quarters!(vdivq_f32, a, b)
    }
    #[inline(always)]
    fn sqrt(self, a: Self::F) -> Self::F {
        quarters!(vsqrtq_f32, a)
    }
    #[inline(always)]
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        quarters!(fmaq_f32, a, b, c)
    }
    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        quarters!(maxq_f32, a, b)
    }
    #[inline(always)]
    fn lt(self, a: Self::F, b: Self::F) -> Self::M {
        quarters!(vcltq_f32, a, b)
    }
    #[inline(always)]
    fn gt(self, a: Self::F, b: Self::F) -> Self::M {
        quarters!(vcgtq_f32, a, b)
    }
    #[inline(always)]
    fn select(self, m: Self::M, a: Self::F, b: Self::F) -> Self::F {
        quarters!(vbslq_f32, m, a, b)
    }
    #[inline(always)]
    fn bits(self, a: Self::F) -> Self::I {
        quarters!(vreinterpretq_s32_f32, a)
    }
    #[inline(always)]
    fn float(self, a: Self::I) -> Self::F {
        quarters!(vreinterpretq_f32_s32, a)
    }
    #[inline(always)]
    fn to_float(self, a: Self::I) -> Self::F {
        quarters!(vcvtq_f32_s32, a)
    }
    #[inline(always)]
    fn add_i(self, a: Self::I, b: Self::I) -> Self::I {
        quarters!(vaddq_s32, a, b)
    }
    #[inline(always)]
    fn sub_i(self, a: Self::I, b: Self::I) -> Self::I {
        quarters!(vsubq_s32, a, b)
    }
    #[inline(always)]
    fn and_i(self, a: Self::I, b: Self::I) -> Self::I {
        quarters!(vandq_s32, a, b)
    }
    #[inline(always)]
    fn or_i(self, a: Self::I, b: Self::I) -> Self::I {
        quarters!(vorrq_s32, a, b)
    }
    #[inline(always)]
    fn xor_i(self, a: Self::I, b: Self::I) -> Self::I {
        quarters!(veorq_s32, a, b)
    }
    #[inline(always)]
    fn mul_i(self, a: Self::I, b: Self::I) -> Self::I {
        quarters!(vmulq_s32, a, b)
    }
    #[inline(always)]
    fn min_i(self, a: Self::I, b: Self::I) -> Self::I {
        quarters!(vminq_s32, a, b)
    }
    #[inline(always)]
    fn max_i(self, a: Self::I, b: Self::I) -> Self::I {
        quarters!(vmaxq_s32, a, b)
    }
    #[inline(always)]
    fn narrow_u8(self, a: Self::I) -> [u8; LANES] {
        let mut bytes = [0; LANES];
        with_token!({
            let words = |i: usize| vcombine_s16(vmovn_s32(a[i]), vmovn_s32(a[i + 1]));
            let both = vcombine_s8(vmovn_s16(words(0)), vmovn_s16(words(2)));
            vst1q_u8(bytes.as_mut_ptr(), vreinterpretq_u8_s8(both));
        });
        bytes
    }
    #[inline(always)]
    fn mul_wide(self, a: Self::I, m: u32) -> (Self::I, Self::I) {
        with_token!({
            let (mut high, mut low) = (a, a);
            for i in 0..4 {
                let x = vreinterpretq_u32_s32(a[i]);
                let first = vreinterpretq_u32_u64(vmull_u32(vget_low_u32(x), vdup_n_u32(m)));
                let last = vreinterpretq_u32_u64(vmull_high_u32(x, vdupq_n_u32(m)));
                low[i] = vreinterpretq_s32_u32(vuzp1q_u32(first, last));
                high[i] = vreinterpretq_s32_u32(vuzp2q_u32(first, last));
            }
            (high, low)
        })
    }
    #[inline(always)]
    fn shl<const N: u32>(self, a: Self::I) -> Self::I {
        let count = [with_token!(vdupq_n_s32(N as i32)); 4];
        quarters!(vshlq_s32, a, count)
    }
    /// A shift left by a negative count.
    #[inline(always)]
    fn shr<const N: u32>(self, a: Self::I) -> Self::I {
        let count = [with_token!(vdupq_n_s32(-(N as i32))); 4];
        quarters!(vshlq_s32, a, count)
    }
    #[inline(always)]
    fn fold_max(self, a: Self::F) -> f32 {
        fold!(maxq_f32, max_f32, a)
    }
    #[inline(always)]
    fn fold_add(self, a: Self::F) -> f32 {
        fold!(vaddq_f32, vadd_f32, a)
    }
    #[inline(always)]
    unsafe fn transpose(self, from: *const f32, from_stride: isize, to: *mut f32, to_stride: usize) {
        with_token!({
            let row = |r: isize| vld1q_f32(from.offset(r * from_stride));
            let columns = transpose_4x4([row(0), row(1), row(2), row(3)]);
            for (c, x) in columns.into_iter().enumerate() {
                vst1q_f32(to.add(c * to_stride), x);
            }
        });
    }
}

/// Calls `f` with the number of each lane that the mask selects.
///
/// # Safety
/// The CPU has NEON.
#[inline(always)]
unsafe fn for_each_selected(m: [uint32x4_t; 4], mut f: impl FnMut(usize)) {
    let mut lanes = [0u32; LANES];
    for (i, quarter) in m.into_iter().enumerate() {
        // SAFETY: the array has 16 lanes; the caller vouches for NEON.
        unsafe { vst1q_u32(lanes.as_mut_ptr().add(4 * i), quarter) };
    }
    for (i, lane) in lanes.into_iter().enumerate() {
        if lane != 0 {
            f(i);
        }
    }
}

// 32 registers. Six rows of one vector (four registers) are 24 accumulators, with four of B and one
// broadcast of A. Fewer rows are as many chains in wider tiles.
simd_table! {
    Neon, with_neon_features, crate::Isa::Neon,
    tiles: [
        flat 4: [1],
        flat 2: [1 2],
        strips 1: [1 2 3 4 5 6],
    ],
    rows: [4 2 1],
    outer: [2: 2 1]
}
