//! Affine maps of images, given or random. A map is six numbers: the pixel in column c and row r comes from the column `map[0]
//! c + map[1] r + map[2]` and the row `map[3] c + map[4] r + map[5]`.

use super::arguments::{self, check_pointer, slice, slice_mut};
use super::{MnfKernels, MnfStatus, guarded};
use crate::{Distortion, DistortionRange, Kernels, Warp};

/// The elements of `room` that `mnf_warp_u8` needs for an image of rows x columns.
#[unsafe(no_mangle)]
pub extern "C" fn mnf_warp_room(rows: usize, columns: usize) -> usize {
    Kernels::warp_room(rows, columns)
}

/// An image of rows x columns bytes, without gaps, read at other places: the pixel of `to` in column c and row r is that of
/// `from` in the column `map[0] c + map[1] r + map[2]` and the row `map[3] c + map[4] r + map[5]`, with zeros around the image,
/// between the four pixels about that place (bilinear: the place in 256ths of a pixel, the sum exact, then rounded to the
/// nearest byte, half to even). Each number of the map is taken to the nearest 2^-16. `room` has `mnf_warp_room` elements, of any
/// content.
///
/// Errors: `MNF_STATUS_VALUE` where a side is longer than 1024; where one of the numbers 0, 1, 3 and 4 of the map is beyond 8 in
/// magnitude, or 2 or 5 beyond 8192; or where one is NaN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_warp_u8(
    kernels: *const MnfKernels,
    map: *const f64,
    rows: usize,
    columns: usize,
    from: *const u8,
    to: *mut u8,
    room: *mut u16,
) -> MnfStatus {
    guarded(|| {
        if rows.max(columns) > Kernels::LONGEST_WARPED {
            return Err(MnfStatus::Value);
        }
        // SAFETY: as the caller vouches.
        unsafe {
            let (kernels, map) = (arguments::kernels(kernels)?, slice(map, 6)?);
            let map =
                Warp::new([map[0], map[1], map[2]], [map[3], map[4], map[5]]).ok_or(MnfStatus::Value)?;
            let (from, to) = (slice(from, rows * columns)?, slice_mut(to, rows * columns)?);
            let room = slice_mut(room, Kernels::warp_room(rows, columns))?;
            Ok(kernels.warp_u8(&map, (rows, columns), from, to, room)?)
        }
    })
}

/// Sets the six numbers of `map` to a random distortion of images of rows x columns: about their middle they are scaled, sheared,
/// turned, and then moved, each by a uniform amount within its range: `rotation` degrees (0 to 180) and `shift` pixels (0 to
/// 1024) to each side, factors of 1 - `scale` to 1 + `scale` (0 to 0.5) for width and height, `shear` columns a row (0 to 1).
///
/// Which one is a function of `key` and of the two numbers of `position`, say image and epoch, whatever was drawn before. Ranges
/// of 0 give the identity.
///
/// Errors: `MNF_STATUS_VALUE` where a range is out of its bounds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mnf_distortion(
    rotation: f64,
    scale: f64,
    shear: f64,
    shift: f64,
    key: u64,
    position: *const u32,
    rows: usize,
    columns: usize,
    map: *mut f64,
) -> MnfStatus {
    guarded(|| {
        let range = DistortionRange { rotation, scale, shear, shift };
        let distortion = Distortion::new(range, key).ok_or(MnfStatus::Value)?;
        check_pointer(map)?;
        // SAFETY: as the caller vouches.
        let position = unsafe { slice(position, 2)? };
        let [x, y] = distortion.warp([position[0], position[1]], (rows, columns)).axes();
        // SAFETY: neither null nor misaligned; the rest as the caller vouches.
        unsafe { map.cast::<[f64; 6]>().write([x[0], x[1], x[2], y[0], y[1], y[2]]) };
        Ok(())
    })
}
