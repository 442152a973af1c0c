//! The vector trait that every SIMD kernel is written over.
//!
//! A vector always has **16 lanes of f32**, whatever the hardware's width: one AVX-512 register, two
//! AVX2 registers, an array for `portable`. So reductions along a row have the same lanes on
//! every ISA, and a generic body is written once.
//!
//! A value of an implementing type is a token: it can only be made where the CPU has the features, so
//! methods that touch no memory are safe. Methods are `#[inline(always)]`, because an intrinsic
//! is only inlined into a function that enables its features: that function is the outermost one, in
//! `arch/`. For the same reason generic bodies hold no closures around vector operations.

use super::transpose::BLOCK_ROWS;

/// Lanes of every vector.
pub(crate) const LANES: usize = 16;

/// Vector operations of one ISA. See the module's text.
pub(crate) trait Simd: Copy {
    /// 16 lanes of f32.
    type F: Copy;
    /// 16 lanes of i32.
    type I: Copy;
    /// 16 lanes of true or false.
    type M: Copy;

    /// Whether [`Simd::fma`] rounds once. False only for `portable`.
    const FUSED: bool;
    /// The side of the squares that [`Simd::transpose`] takes.
    const SQUARE: usize;
    /// How many vectors the registers hold.
    const REGISTERS: usize;

    fn splat(self, x: f32) -> Self::F;
    fn splat_i(self, x: i32) -> Self::I;
    /// The mask whose first `n.min(16)` lanes are true.
    fn first(self, n: usize) -> Self::M;

    /// # Safety
    /// 16 floats can be read at `p`.
    unsafe fn load_ptr(self, p: *const f32) -> Self::F;
    /// Lanes that `m` leaves out are +0.
    /// # Safety
    /// The floats at `p` that `m` selects can be read; the others are not touched.
    unsafe fn load_mask(self, p: *const f32, m: Self::M) -> Self::F;
    /// # Safety
    /// 16 floats can be written at `p`.
    unsafe fn store_ptr(self, p: *mut f32, v: Self::F);
    /// # Safety
    /// The floats at `p` that `m` selects can be written; the others are not touched.
    unsafe fn store_mask(self, p: *mut f32, m: Self::M, v: Self::F);
    /// 16 bytes as 16 floats.
    fn widen_u8(self, bytes: &[u8; LANES]) -> Self::F;

    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    fn sqrt(self, a: Self::F) -> Self::F;
    /// `a * b + c`, rounded once where [`Simd::FUSED`].
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// `a > b ? a : b`: the second where either is NaN.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;

    /// `a < b`, false for NaN.
    fn lt(self, a: Self::F, b: Self::F) -> Self::M;
    /// `a > b`, false for NaN.
    fn gt(self, a: Self::F, b: Self::F) -> Self::M;
    /// Stores the lanes of `x` that are not zero (NaN is not), one after another, and those of `index` beside them; returns
    /// how many. What is after them, up to 16, may be overwritten.
    ///
    /// # Safety
    /// 16 floats can be written at `values`, and 16 integers at `indices`.
    #[inline(always)]
    unsafe fn compress_ptr(self, x: Self::F, index: Self::I, values: *mut f32, indices: *mut u32) -> usize {
        let (mut xs, mut bits) = ([0.0; LANES], [0.0; LANES]);
        self.store(&mut xs, x);
        self.store(&mut bits, self.float(index));
        let mut count = 0;
        for (x, bits) in xs.into_iter().zip(bits) {
            // SAFETY: `count` is below 16.
            unsafe {
                values.add(count).write(x);
                indices.add(count).write(bits.to_bits());
            }
            count += usize::from(x != 0.0);
        }
        count
    }

    /// A bit for each lane that is not zero (NaN is not).
    #[inline(always)]
    fn nonzero(self, x: Self::F) -> u16 {
        let mut lanes = [0.0; LANES];
        self.store(&mut lanes, x);
        lanes.iter().enumerate().fold(0, |bits, (i, x)| bits | u16::from(*x != 0.0) << i)
    }

    /// A bit for each byte that is not zero.
    #[inline(always)]
    fn nonzero_u8(self, bytes: &[u8; 64]) -> u64 {
        let mut bits = 0;
        for (i, eight) in bytes.as_chunks::<8>().0.iter().enumerate() {
            let x = u64::from_le_bytes(*eight);
            // The highest bit of each byte that is not zero, then those eight bits side by side.
            let high = (((x & 0x7f7f_7f7f_7f7f_7f7f) + 0x7f7f_7f7f_7f7f_7f7f) | x) & 0x8080_8080_8080_8080;
            bits |= ((high >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * i);
        }
        bits
    }

    /// The 16 bytes from `at` on of each of 32 rows become 16 rows of 32 bytes, `stride` bytes apart.
    ///
    /// # Safety
    /// Those bytes of the rows can be read, and those at `to` written.
    #[inline(always)]
    unsafe fn transpose_u8(self, rows: &[*const u8; BLOCK_ROWS], at: usize, to: *mut u8, stride: usize) {
        for j in 0..LANES {
            for (i, row) in rows.iter().enumerate() {
                // SAFETY: as the caller vouches.
                unsafe { *to.add(j * stride + i) = *row.add(at + j) };
            }
        }
    }

    /// `m ? a : b`, lane by lane.
    fn select(self, m: Self::M, a: Self::F, b: Self::F) -> Self::F;

    fn bits(self, a: Self::F) -> Self::I;
    fn float(self, a: Self::I) -> Self::F;
    /// The nearest f32.
    fn to_float(self, a: Self::I) -> Self::F;
    fn add_i(self, a: Self::I, b: Self::I) -> Self::I;
    fn sub_i(self, a: Self::I, b: Self::I) -> Self::I;
    fn and_i(self, a: Self::I, b: Self::I) -> Self::I;
    fn or_i(self, a: Self::I, b: Self::I) -> Self::I;
    #[inline(always)]
    fn xor_i(self, a: Self::I, b: Self::I) -> Self::I {
        self.sub_i(self.or_i(a, b), self.and_i(a, b))
    }
    /// The low halves of the products.
    fn mul_i(self, a: Self::I, b: Self::I) -> Self::I;
    /// The lesser, where the two are less than 2^31 apart.
    #[inline(always)]
    fn min_i(self, a: Self::I, b: Self::I) -> Self::I {
        let difference = self.sub_i(a, b);
        self.add_i(b, self.and_i(difference, self.shr::<31>(difference)))
    }
    /// The greater, where the two are less than 2^31 apart.
    #[inline(always)]
    fn max_i(self, a: Self::I, b: Self::I) -> Self::I {
        let difference = self.sub_i(a, b);
        self.sub_i(a, self.and_i(difference, self.shr::<31>(difference)))
    }
    /// For each lane the element at its index, and the one after that in the high half.
    ///
    /// # Safety
    /// Those elements of `table` can be read.
    #[inline(always)]
    unsafe fn gather_pairs(self, table: *const u16, index: Self::I) -> Self::I {
        let mut lanes = [0.0; LANES];
        self.store(&mut lanes, self.float(index));
        for lane in &mut lanes {
            // SAFETY: as the caller vouches.
            let (low, high) = unsafe {
                let at = table.add(lane.to_bits() as usize);
                (at.read(), at.add(1).read())
            };
            *lane = f32::from_bits(u32::from(low) | u32::from(high) << 16);
        }
        self.bits(self.load(&lanes))
    }
    /// The lanes as bytes; each is 0 to 255.
    #[inline(always)]
    fn narrow_u8(self, a: Self::I) -> [u8; LANES] {
        let mut lanes = [0.0; LANES];
        self.store(&mut lanes, self.float(a));
        lanes.map(|lane| lane.to_bits() as u8)
    }
    /// The high and the low halves of each unsigned product with `m`.
    #[inline(always)]
    fn mul_wide(self, a: Self::I, m: u32) -> (Self::I, Self::I) {
        let mut high = [0.0; LANES];
        self.store(&mut high, self.float(a));
        let mut low = high;
        for (high, low) in high.iter_mut().zip(&mut low) {
            let product = u64::from(low.to_bits()) * u64::from(m);
            (*high, *low) = (f32::from_bits((product >> 32) as u32), f32::from_bits(product as u32));
        }
        (self.bits(self.load(&high)), self.bits(self.load(&low)))
    }
    fn shl<const N: u32>(self, a: Self::I) -> Self::I;
    /// Arithmetic shift right.
    fn shr<const N: u32>(self, a: Self::I) -> Self::I;

    /// `max` over the lanes: lane i with i+8, then i+4, i+2, i+1.
    fn fold_max(self, a: Self::F) -> f32;
    /// The sum over the lanes, in the same order.
    fn fold_add(self, a: Self::F) -> f32;
    /// Copies a square so that its rows become columns. Rows are as far apart as the strides say.
    /// # Safety
    /// `SQUARE` rows of as many floats can be read at `from`, and written at `to`.
    unsafe fn transpose(self, from: *const f32, from_stride: isize, to: *mut f32, to_stride: usize);

    /// The first 16 elements of `x`; +0 in the lanes after its end.
    #[inline(always)]
    fn load(self, x: &[f32]) -> Self::F {
        // SAFETY: 16 floats of the slice, or by the mask only those that it has.
        unsafe {
            if x.len() >= LANES {
                self.load_ptr(x.as_ptr())
            } else {
                self.load_mask(x.as_ptr(), self.first(x.len()))
            }
        }
    }

    /// Stores to the first 16 elements of `x`, or to all where there are fewer.
    #[inline(always)]
    fn store(self, x: &mut [f32], v: Self::F) {
        // SAFETY: 16 floats of the slice, or by the mask only those that it has.
        unsafe {
            if x.len() >= LANES {
                self.store_ptr(x.as_mut_ptr(), v)
            } else {
                self.store_mask(x.as_mut_ptr(), self.first(x.len()), v)
            }
        }
    }
}
