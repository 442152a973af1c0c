//! Affine maps of images; `reference/warp.rs` defines them.
//!
//! The four pixels around a place are two neighbours in a table that has each pixel beside the one below it, so that one load of 32
//! bits finds them.

use super::simd::{LANES, Simd};
use crate::table::WarpBytes;

/// Elements of the table for an image: a row of zeros above and below, a zero between rows, and room to write whole vectors.
pub(crate) fn room(rows: usize, columns: usize) -> usize {
    (rows + 2) * (columns + 1) + LANES + 1
}

/// Puts each pixel beside the one below it. Row y starts after y + 1 rows of the table and a zero. Returns the first and the last row
/// that may have a pixel that is not zero.
#[inline(always)]
fn pair(from: &[u8], rows: usize, columns: usize, pairs: &mut [u16]) -> [i32; 2] {
    let pitch = columns + 1;
    let mut filled = [rows as i32, -1];
    for row in 0..=rows {
        // Vectors that reach beyond the row are overwritten by the next one.
        let to = &mut pairs[row * pitch..];
        to[0] = 0;
        let mut any = [0; LANES];
        for start in (0..columns).step_by(LANES) {
            let upper = if row == 0 { [0; LANES] } else { bytes(from, (row - 1) * columns + start) };
            let lower = if row == rows { [0; LANES] } else { bytes(from, row * columns + start) };
            // By references: arrays that are iterated by value are not made vectors.
            let vectors = to[1 + start..][..LANES].iter_mut().zip(&mut any).zip(&upper).zip(&lower);
            for (((to, any), upper), lower) in vectors {
                *to = u16::from(*upper) | u16::from(*lower) << 8;
                *any |= *lower;
            }
        }
        if any != [0; LANES] {
            filled = [filled[0].min(row as i32), row as i32];
        }
    }
    pairs[(rows + 1) * pitch..].fill(0);
    filled
}

/// The 16 bytes from `at` on, with zeros after the end.
#[inline(always)]
fn bytes(from: &[u8], at: usize) -> [u8; LANES] {
    if let Some(bytes) = from[at..].first_chunk() {
        return *bytes;
    }
    let mut bytes = [0; LANES];
    bytes[..from.len() - at].copy_from_slice(&from[at..]);
    bytes
}

/// What the lanes of the first vector add to a place.
#[inline(always)]
fn steps<S: Simd>(s: S, step: i32) -> S::I {
    let mut lanes = [0.0; LANES];
    for (i, lane) in lanes.iter_mut().enumerate() {
        *lane = f32::from_bits(step.wrapping_mul(i as i32) as u32);
    }
    s.bits(s.load(&lanes))
}

/// The 256ths of places in 65536ths.
#[inline(always)]
fn parts<S: Simd>(s: S, place: S::I) -> S::I {
    s.and_i(s.shr::<8>(place), s.splat_i(0xff))
}

/// Sums of products with 256 - part and part.
#[inline(always)]
fn between<S: Simd>(s: S, a: S::I, b: S::I, part: S::I) -> S::I {
    s.add_i(s.mul_i(a, s.sub_i(s.splat_i(256), part)), s.mul_i(b, part))
}

/// Each pixel from where the map says.
#[inline(always)]
pub(crate) fn warp_u8<S: Simd>(s: S, call: WarpBytes<'_>) {
    let WarpBytes { map, rows, columns, from, to, room: pairs } = call;
    if to.is_empty() {
        return;
    }
    let pairs = &mut pairs[..room(rows, columns)];
    let filled = pair(from, rows, columns, pairs);
    let (pitch, [x, y]) = (columns as i32 + 1, map);
    let (x_steps, y_steps) = (steps(s, x[0]), steps(s, y[0]));
    // From one pixel outside of the image on, where no part of another is seen, every place sees zeros.
    let least = s.splat_i(-1 << 16);
    let (x_most, y_most) = (s.splat_i((columns as i32) << 16), s.splat_i((rows as i32) << 16));
    for row in 0..rows {
        for column in (0..columns).step_by(LANES) {
            let to = &mut to[row * columns + column..];
            let (row, column) = (row as i32, column as i32);
            let y_first = y[2].wrapping_add(column.wrapping_mul(y[0])).wrapping_add(row.wrapping_mul(y[1]));
            let y_last = y_first.wrapping_add((LANES as i32 - 1).wrapping_mul(y[0]));
            let seen = [y_first.min(y_last) >> 16, (y_first.max(y_last) >> 16) + 1];
            let bytes = if seen[1] < filled[0] || seen[0] > filled[1] {
                [0; LANES]
            } else {
                let x_first =
                    x[2].wrapping_add(column.wrapping_mul(x[0])).wrapping_add(row.wrapping_mul(x[1]));
                let x = s.min_i(s.max_i(s.add_i(s.splat_i(x_first), x_steps), least), x_most);
                let y = s.min_i(s.max_i(s.add_i(s.splat_i(y_first), y_steps), least), y_most);
                let rows = s.mul_i(s.shr::<16>(y), s.splat_i(pitch));
                let index = s.add_i(s.add_i(rows, s.shr::<16>(x)), s.splat_i(pitch + 1));
                // SAFETY: x is -1 to `columns` and y -1 to `rows`, so the index at most (rows + 2) * pitch.
                let quads = unsafe { s.gather_pairs(pairs.as_ptr(), index) };
                s.narrow_u8(blend(s, quads, parts(s, x), parts(s, y)))
            };
            // What a vector writes beyond its row, the next row overwrites.
            match to.first_chunk_mut() {
                Some(to) => *to = bytes,
                None => to.copy_from_slice(&bytes[..to.len()]),
            }
        }
    }
}

/// The value between four pixels, to the nearest integer, half to even.
#[inline(always)]
fn blend<S: Simd>(s: S, quads: S::I, x_parts: S::I, y_parts: S::I) -> S::I {
    // Left and right in halves of 16 bits, where products with up to 256 have room.
    let (halves, low) = (s.splat_i(0x00ff_00ff), s.splat_i(0xffff));
    let (upper, lower) = (s.and_i(quads, halves), s.and_i(s.shr::<8>(quads), halves));
    let sides = between(s, upper, lower, y_parts);
    let (left, right) = (s.and_i(sides, low), s.and_i(s.shr::<16>(sides), low));
    let sum = s.to_float(between(s, left, right, x_parts));
    // Below 2^24, so exact; beside 2^23 a float has no bits below 1, and is rounded half to even.
    let rounded = s.fma(sum, s.splat(1.0 / 65536.0), s.splat(8_388_608.0));
    s.and_i(s.bits(rounded), s.splat_i(0xff))
}
