//! What a row of S has to add, for each form that a sparse matrix comes in.
//!
//! A form says which rows are empty, and adds the terms of one row in one block of k to a panel's accumulators, in
//! increasing k. Bytes and floats are looked through 64 at a time: a bitmap of the nonzeros, then its bits. Bitmaps are made
//! before they are needed: behind the exit of a loop over bits, which is never foreseen, a load would be waited for.

use crate::gemm::tile::load;
use crate::generic::simd::{LANES, Simd};

/// Elements whose bitmap is one word.
pub(crate) const WORD: usize = 64;

/// byte / 255, to the nearest float.
static UNIT: [f32; 256] = {
    let mut unit = [0.0; 256];
    let mut byte = 0;
    while byte < 256 {
        unit[byte] = byte as f32 / 255.0;
        byte += 1;
    }
    unit
};

/// A panel of D: its first row and the distance between rows.
#[derive(Clone, Copy)]
pub(crate) struct Dense {
    pub(crate) ptr: *const f32,
    pub(crate) row_stride: isize,
}

/// Columns of S that a look covers.
pub(crate) const SIGHT: usize = 2 * WORD;

/// Work that is done between the terms of a row.
pub(crate) trait Aside<S: Simd> {
    /// After how many terms there is some of it; 0: never.
    const EVERY: usize;

    /// Does some.
    ///
    /// # Safety
    /// Each implementation's own.
    unsafe fn some(&mut self, s: S);
}

/// Nothing.
impl<S: Simd> Aside<S> for () {
    const EVERY: usize = 0;

    #[inline(always)]
    unsafe fn some(&mut self, _: S) {}
}

/// One form of S.
pub(crate) trait Terms: Copy {
    /// What is known of a part of a row before its terms are added.
    type Look: Copy + Default;

    /// Whether rows side by side have nonzeros in much the same columns.
    const ALIKE: bool;

    /// A look at the first columns in `from..to` of row `i`, [`SIGHT`] of them at most.
    ///
    /// # Safety
    /// S has the row and columns.
    unsafe fn look<S: Simd>(self, s: S, i: usize, block: (usize, usize)) -> Self::Look;

    /// Whether row `i` has no terms before column `to`, after a look at its first ones.
    ///
    /// # Safety
    /// As for [`Terms::look`].
    unsafe fn is_empty<S: Simd>(self, s: S, i: usize, to: usize, look: Self::Look) -> bool;

    /// `acc` and the terms of row `i` with columns in `from..to`; `from` is a multiple of 64, and so is `to`, unless it is the
    /// number of columns. `look` is [`Terms::look`]'s. Between the terms goes `aside`.
    ///
    /// # Safety
    /// S has the row and columns, D the rows `from..to` of `NV` vectors, the last one by `mask` if `MASKED`; and as for
    /// [`Aside::some`].
    #[allow(clippy::too_many_arguments)] // a row, a part of it, and what it meets
    unsafe fn add<S: Simd, A: Aside<S>, const NV: usize, const MASKED: bool>(
        self,
        s: S,
        i: usize,
        block: (usize, usize),
        look: Self::Look,
        d: Dense,
        mask: S::M,
        acc: [S::F; NV],
        aside: &mut A,
    ) -> [S::F; NV];

    /// The products of the rows `i` and `i + 1`, all columns up to `to`, from +0; `looks` are at their first ones.
    ///
    /// # Safety
    /// As for [`Terms::add`].
    #[allow(clippy::too_many_arguments)] // as above
    #[inline(always)]
    unsafe fn add_two<S: Simd, A: Aside<S>, const NV: usize, const MASKED: bool>(
        self,
        s: S,
        i: usize,
        to: usize,
        looks: [Self::Look; 2],
        d: Dense,
        mask: S::M,
        aside: &mut A,
    ) -> [[S::F; NV]; 2] {
        let zero = [s.splat(0.0); NV];
        // SAFETY: as the caller vouches.
        unsafe {
            [
                self.add::<S, A, NV, MASKED>(s, i, (0, to), looks[0], d, mask, zero, aside),
                self.add::<S, A, NV, MASKED>(s, i + 1, (0, to), looks[1], d, mask, zero, aside),
            ]
        }
    }
}

/// `acc + x d[k]`.
///
/// # Safety
/// As for [`Terms::add`].
#[inline(always)]
unsafe fn term<S: Simd, const NV: usize, const MASKED: bool>(
    s: S,
    x: f32,
    k: usize,
    d: Dense,
    mask: S::M,
    mut acc: [S::F; NV],
) -> [S::F; NV] {
    // SAFETY: as the caller vouches.
    unsafe {
        let (x, row) = (s.splat(x), d.ptr.offset(k as isize * d.row_stride));
        for (v, y) in acc.iter_mut().enumerate() {
            *y = s.fma(x, load::<S, NV, MASKED>(s, row, v, mask), *y);
        }
    }
    acc
}

/// `acc[r] + x[r] d[k]`.
///
/// # Safety
/// As for [`Terms::add`].
#[inline(always)]
unsafe fn two_terms<S: Simd, const NV: usize, const MASKED: bool>(
    s: S,
    x: [f32; 2],
    k: usize,
    d: Dense,
    mask: S::M,
    mut acc: [[S::F; NV]; 2],
) -> [[S::F; NV]; 2] {
    // SAFETY: as the caller vouches.
    unsafe {
        let (x, row) = ([s.splat(x[0]), s.splat(x[1])], d.ptr.offset(k as isize * d.row_stride));
        let [first, second] = &mut acc;
        for (v, (y, z)) in first.iter_mut().zip(second).enumerate() {
            let d = load::<S, NV, MASKED>(s, row, v, mask);
            (*y, *z) = (s.fma(x[0], d, *y), s.fma(x[1], d, *z));
        }
    }
    acc
}

/// Compressed sparse rows. `cursors` are where the rows go on in the next block.
#[derive(Clone, Copy)]
pub(crate) struct Listed {
    pub(crate) starts: *const u32,
    pub(crate) ends: *const u32,
    pub(crate) indices: *const u32,
    pub(crate) values: *const f32,
    /// Room for one position per row, where there is more than one block.
    pub(crate) cursors: *mut u32,
}

impl Terms for Listed {
    type Look = ();

    const ALIKE: bool = false;

    #[inline(always)]
    unsafe fn look<S: Simd>(self, _: S, _: usize, _: (usize, usize)) {}

    #[inline(always)]
    unsafe fn is_empty<S: Simd>(self, _: S, i: usize, _: usize, (): ()) -> bool {
        // SAFETY: as the caller vouches.
        unsafe { *self.starts.add(i) >= *self.ends.add(i) }
    }

    #[inline(always)]
    unsafe fn add<S: Simd, A: Aside<S>, const NV: usize, const MASKED: bool>(
        self,
        s: S,
        i: usize,
        (from, to): (usize, usize),
        (): (),
        d: Dense,
        mask: S::M,
        mut acc: [S::F; NV],
        aside: &mut A,
    ) -> [S::F; NV] {
        // SAFETY: as the caller vouches; positions between a row's start and end are inside of the lists.
        unsafe {
            let end = *self.ends.add(i) as usize;
            let first = if from == 0 { *self.starts.add(i) } else { *self.cursors.add(i) } as usize;
            let mut at = first;
            while at < end {
                let k = *self.indices.add(at) as usize;
                if k >= to {
                    break;
                }
                acc = term::<S, NV, MASKED>(s, *self.values.add(at), k, d, mask, acc);
                at += 1;
                if A::EVERY != 0 && (at - first).is_multiple_of(A::EVERY) {
                    aside.some(s);
                }
            }
            if !self.cursors.is_null() {
                *self.cursors.add(i) = at as u32;
            }
        }
        acc
    }
}

/// Rows of bytes, which stand for byte / 255. Row `i` is row `rows[i]` of memory, or row `i` where there is no such list.
#[derive(Clone, Copy)]
pub(crate) struct Bytes {
    pub(crate) ptr: *const u8,
    /// Where the memory ends that may be read: what is between rows, and rows that are not this matrix's, may.
    pub(crate) end: *const u8,
    pub(crate) stride: usize,
    pub(crate) columns: usize,
    pub(crate) rows: *const u32,
}

impl Searched for Bytes {
    type Element = u8;

    const ALIKE: bool = true;

    #[inline(always)]
    unsafe fn row(self, i: usize) -> *const u8 {
        // SAFETY: as the caller vouches.
        unsafe {
            let row = if self.rows.is_null() { i } else { *self.rows.add(i) as usize };
            self.ptr.add(row * self.stride)
        }
    }

    #[inline(always)]
    unsafe fn value(element: *const u8) -> f32 {
        // SAFETY: as the caller vouches; there is a float for every byte.
        unsafe { *UNIT.as_ptr().add(*element as usize) }
    }

    #[inline(always)]
    unsafe fn bitmap<S: Simd>(self, s: S, row: *const u8, k: usize) -> u64 {
        let left = self.columns - k;
        // SAFETY: as the caller vouches: 64 bytes from k, in the row or before the memory's end, or the row's last 64, or all of a
        // shorter row.
        unsafe {
            if left >= WORD {
                s.nonzero_u8(&*row.add(k).cast())
            } else if self.end.addr() - row.addr() >= k + WORD {
                s.nonzero_u8(&*row.add(k).cast()) & ((1 << left) - 1)
            } else if self.columns >= WORD {
                s.nonzero_u8(&*row.add(self.columns - WORD).cast()) >> (WORD - left)
            } else {
                let mut bytes = [0; WORD];
                core::ptr::copy_nonoverlapping(row.add(k), bytes.as_mut_ptr(), left);
                s.nonzero_u8(&bytes)
            }
        }
    }
}

/// Rows of floats.
#[derive(Clone, Copy)]
pub(crate) struct Floats {
    pub(crate) ptr: *const f32,
    pub(crate) stride: isize,
    pub(crate) columns: usize,
}

impl Searched for Floats {
    type Element = f32;

    const ALIKE: bool = false;

    #[inline(always)]
    unsafe fn row(self, i: usize) -> *const f32 {
        // SAFETY: as the caller vouches.
        unsafe { self.ptr.offset(i as isize * self.stride) }
    }

    #[inline(always)]
    unsafe fn value(element: *const f32) -> f32 {
        // SAFETY: as the caller vouches.
        unsafe { *element }
    }

    #[inline(always)]
    unsafe fn bitmap<S: Simd>(self, s: S, row: *const f32, k: usize) -> u64 {
        let mut bits = 0;
        for v in 0..WORD / LANES {
            let from = k + v * LANES;
            if from >= self.columns {
                break;
            }
            let left = self.columns - from;
            // SAFETY: as the caller vouches, by a mask at the row's end.
            let x = unsafe {
                let p = row.add(from);
                if left >= LANES { s.load_ptr(p) } else { s.load_mask(p, s.first(left)) }
            };
            bits |= u64::from(s.nonzero(x)) << (v * LANES);
        }
        bits
    }
}

/// A form whose elements, zeros among them, are looked through where they lie.
pub(crate) trait Searched: Copy {
    type Element;

    /// As [`Terms::ALIKE`].
    const ALIKE: bool;

    /// Row `i`.
    ///
    /// # Safety
    /// S has the row.
    unsafe fn row(self, i: usize) -> *const Self::Element;

    /// What an element stands for.
    ///
    /// # Safety
    /// It can be read.
    unsafe fn value(element: *const Self::Element) -> f32;

    /// The bitmap of the nonzeros among up to 64 elements of a row from `k` on.
    ///
    /// # Safety
    /// The row has the element `k`.
    unsafe fn bitmap<S: Simd>(self, s: S, row: *const Self::Element, k: usize) -> u64;
}

impl<T: Searched> Terms for T {
    type Look = [u64; 2];

    const ALIKE: bool = <T as Searched>::ALIKE;

    #[inline(always)]
    unsafe fn look<S: Simd>(self, s: S, i: usize, (from, to): (usize, usize)) -> [u64; 2] {
        let mut words = [0; 2];
        for (w, bits) in words.iter_mut().enumerate() {
            if from + w * WORD < to {
                // SAFETY: as the caller vouches.
                *bits = unsafe { self.bitmap(s, self.row(i), from + w * WORD) };
            }
        }
        words
    }

    #[inline(always)]
    unsafe fn is_empty<S: Simd>(self, s: S, i: usize, to: usize, mut look: [u64; 2]) -> bool {
        let mut from = 0;
        loop {
            if look != [0; 2] {
                return false;
            }
            from += SIGHT;
            if from >= to {
                return true;
            }
            // SAFETY: as the caller vouches.
            look = unsafe { self.look(s, i, (from, to)) };
        }
    }

    #[inline(always)]
    unsafe fn add<S: Simd, A: Aside<S>, const NV: usize, const MASKED: bool>(
        self,
        s: S,
        i: usize,
        (mut from, to): (usize, usize),
        mut look: [u64; 2],
        d: Dense,
        mask: S::M,
        mut acc: [S::F; NV],
        aside: &mut A,
    ) -> [S::F; NV] {
        // SAFETY: as the caller vouches; a set bit stands for an element of the row.
        unsafe {
            let row = self.row(i);
            loop {
                for (w, bits) in look.into_iter().enumerate() {
                    let (mut bits, from) = (bits, from + w * WORD);
                    let groups = (bits.count_ones() as usize).checked_div(A::EVERY); // none of 0
                    for _ in 0..groups.unwrap_or(0) {
                        for _ in 0..A::EVERY {
                            let k = from + take_first(&mut bits);
                            acc = term::<S, NV, MASKED>(s, Self::value(row.add(k)), k, d, mask, acc);
                        }
                        aside.some(s);
                    }
                    while bits != 0 {
                        let k = from + take_first(&mut bits);
                        acc = term::<S, NV, MASKED>(s, Self::value(row.add(k)), k, d, mask, acc);
                    }
                }
                from += SIGHT;
                if from >= to {
                    return acc;
                }
                look = self.look(s, i, (from, to));
            }
        }
    }

    /// The terms of both rows wherever either has one: D's row is loaded once.
    #[inline(always)]
    unsafe fn add_two<S: Simd, A: Aside<S>, const NV: usize, const MASKED: bool>(
        self,
        s: S,
        i: usize,
        to: usize,
        mut looks: [[u64; 2]; 2],
        d: Dense,
        mask: S::M,
        aside: &mut A,
    ) -> [[S::F; NV]; 2] {
        let mut acc = [[s.splat(0.0); NV]; 2];
        // SAFETY: as the caller vouches; a set bit stands for an element of each row.
        unsafe {
            let rows = [self.row(i), self.row(i + 1)];
            let mut from = 0;
            loop {
                for (w, (one, other)) in looks[0].into_iter().zip(looks[1]).enumerate() {
                    let (mut bits, from) = (one | other, from + w * WORD);
                    let groups = (bits.count_ones() as usize).checked_div(A::EVERY); // none of 0
                    for _ in 0..groups.unwrap_or(0) {
                        for _ in 0..A::EVERY {
                            let k = from + take_first(&mut bits);
                            acc = two_terms::<S, NV, MASKED>(
                                s,
                                rows.map(|row| Self::value(row.add(k))),
                                k,
                                d,
                                mask,
                                acc,
                            );
                        }
                        aside.some(s);
                    }
                    while bits != 0 {
                        let k = from + take_first(&mut bits);
                        acc = two_terms::<S, NV, MASKED>(
                            s,
                            rows.map(|row| Self::value(row.add(k))),
                            k,
                            d,
                            mask,
                            acc,
                        );
                    }
                }
                from += SIGHT;
                if from >= to {
                    return acc;
                }
                looks = [self.look(s, i, (from, to)), self.look(s, i + 1, (from, to))];
            }
        }
    }
}

/// Where the first of some bits is, which is set to 0.
#[inline(always)]
pub(crate) fn take_first(bits: &mut u64) -> usize {
    let at = bits.trailing_zeros() as usize;
    *bits &= *bits - 1;
    at
}
