//! Dropout, distorted images and shares of work from C.

use std::ptr::null;

use mnist_fast_kernels::capi::*;
use mnist_fast_kernels::{Distortion, DistortionRange, Dropout, Kernels, Warp, split};

use crate::common::{Random, all_isas};
use crate::support::{check, handle, same};

#[test]
fn dropout_has_the_bits_of_the_safe_method() {
    let mut random = Random::new(16);
    let (n, position) = (100, [3, 1, 4]);
    for kernels in all_isas() {
        let k = handle(kernels);
        let x = random.vec(n);
        let (mut expected, mut found) = (x.clone(), x.clone());
        kernels.dropout(&Dropout::new(0.3, 1 << 40 | 7).unwrap(), position, &mut expected);
        let to = found.as_mut_ptr();
        // SAFETY: n elements, and three numbers.
        unsafe {
            check("dropout", 3, &[], &[], |s| {
                mnf_dropout(s.r(0, k), 0.3, 1 << 40 | 7, s.r(1, position.as_ptr()), n, s.w(2, to))
            });
            same("dropout", &expected, &found);
            assert!(found.contains(&0.0) && found != x);
            for rate in [-0.1, 1.0, f64::NAN] {
                assert_eq!(mnf_dropout(k, rate, 7, position.as_ptr(), n, to), MnfStatus::Value);
            }
        }
        same("what no call may write", &expected, &found);
    }
}

#[test]
fn warps_have_the_bytes_of_the_safe_method() {
    let mut random = Random::new(17);
    let (rows, columns) = (9, 21);
    let from: Vec<u8> = (0..rows * columns).map(|_| random.below(256) as u8).collect();
    let range = DistortionRange { rotation: 20.0, scale: 0.1, shear: 0.2, shift: 2.0 };
    for kernels in all_isas() {
        let k = handle(kernels);
        let warp = Distortion::new(range, 42).unwrap().warp([5, 1], (rows, columns));
        let (mut map, position) = ([0.0f64; 6], [5u32, 1]);
        let at = map.as_mut_ptr();
        // SAFETY: two numbers, and room for six.
        check("distortion", 2, &[], &[], |s| unsafe {
            let position = s.r(0, position.as_ptr());
            mnf_distortion(20.0, 0.1, 0.2, 2.0, 42, position, rows, columns, s.w(1, at))
        });
        assert_eq!(map.as_slice(), warp.axes().concat());
        assert_ne!(warp, Warp::IDENTITY);

        let room = Kernels::warp_room(rows, columns);
        assert_eq!(mnf_warp_room(rows, columns), room);
        let (mut expected, mut found) = (vec![0; from.len()], vec![1; from.len()]);
        let mut room = vec![0; room];
        kernels.warp_u8(&warp, (rows, columns), &from, &mut expected, &mut room).unwrap();
        let (to, room) = (found.as_mut_ptr(), room.as_mut_ptr());
        // SAFETY: as many elements as the sizes say.
        unsafe {
            check("warp_u8", 5, &[], &[2, 3], |s| {
                let (map, from, to) = (s.r(1, map.as_ptr()), s.r(2, from.as_ptr()), s.w(3, to));
                mnf_warp_u8(s.r(0, k), map, rows, columns, from, to, s.w(4, room))
            });
            assert_eq!(expected, found);
            let run = |map: [f64; 6], rows, columns| {
                mnf_warp_u8(k, map.as_ptr(), rows, columns, from.as_ptr(), to, room)
            };
            for map in [[8.1, 0.0, 0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0, 1.0, -8193.0], [f64::NAN; 6]] {
                assert_eq!(run(map, rows, columns), MnfStatus::Value, "{map:?}");
            }
            assert_eq!(run(map, 1, 1025), MnfStatus::Value);
            assert_eq!(run(map, usize::MAX, usize::MAX), MnfStatus::Value);
        }
        assert_eq!(expected, found);
    }
}

#[test]
fn distortions_out_of_bounds_are_refused() {
    let (mut map, position) = ([7.0f64; 6], [0u32; 2]);
    for [rotation, scale, shear, shift] in [
        [181.0, 0.0, 0.0, 0.0],
        [0.0, 0.6, 0.0, 0.0],
        [0.0, 0.0, -0.1, 0.0],
        [0.0, 0.0, 0.0, 1025.0],
        [f64::NAN, 0.0, 0.0, 0.0],
    ] {
        let (position, map) = (position.as_ptr(), map.as_mut_ptr());
        // SAFETY: a refused call touches nothing.
        let status = unsafe { mnf_distortion(rotation, scale, shear, shift, 1, position, 28, 28, map) };
        assert_eq!(status, MnfStatus::Value);
    }
    assert_eq!(map, [7.0; 6]);
}

#[test]
fn shares_and_tiles_are_those_of_the_safe_functions() {
    let (mut start, mut end) = (7, 7);
    let (start_at, end_at) = (&raw mut start, &raw mut end);
    // SAFETY: both can be written.
    unsafe {
        assert_eq!(mnf_split(100, 0, 3, 1, start_at, end_at), MnfStatus::Value);
        assert_eq!(mnf_split(100, 16, 3, 3, start_at, end_at), MnfStatus::Value);
        assert_eq!((*start_at, *end_at), (7, 7));
        check("split", 2, &[], &[], |s| mnf_split(100, 16, 3, 1, s.w(0, start_at), s.w(1, end_at)));
        assert_eq!(*start_at..*end_at, split(100, 16, 3, 1));
        for kernels in all_isas() {
            let k = handle(kernels);
            check("gemm_tile", 3, &[], &[], |s| mnf_gemm_tile(s.r(0, k), s.w(1, start_at), s.w(2, end_at)));
            let tile = kernels.gemm_tiles().next().map_or((1, 1), |tile| (tile.rows, tile.columns));
            assert_eq!((*start_at, *end_at), tile);
        }
        assert_eq!(mnf_gemm_tile(null(), start_at, end_at), MnfStatus::NullPointer);
    }
}
