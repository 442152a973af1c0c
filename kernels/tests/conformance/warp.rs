//! Affine maps of images: every ISA gives the reference's bytes, those are what exact arithmetic gives, and random maps are within
//! their range.

use crate::common::{Random, all_isas, reference};
use mnist_fast_kernels::{Distortion, DistortionRange, Error, Kernels, Warp};

type Axis = [f64; 3];

fn warped(kernels: Kernels, map: &Warp, (rows, columns): (usize, usize), from: &[u8]) -> Vec<u8> {
    // What is in the room must not matter, and the result is written whole.
    let (mut to, mut room) = (vec![77; rows * columns], vec![0xabcd; Kernels::warp_room(rows, columns)]);
    kernels.warp_u8(map, (rows, columns), from, &mut to, &mut room).unwrap();
    to
}

/// Bytes of which many are 0 or 255.
fn image(random: &mut Random, pixels: usize) -> Vec<u8> {
    let pixel = |random: &mut Random| match random.below(4) {
        0 => 0,
        1 => 255,
        _ => random.below(256) as u8,
    };
    (0..pixels).map(|_| pixel(random)).collect()
}

/// A map whose numbers are whole parts, of 65536 of them at most, so that it is what it says.
fn map(random: &mut Random, parts: f64, wild: bool, (rows, columns): (usize, usize)) -> (Axis, Axis) {
    let mut number = |most: f64| (f64::from(random.unit()) * most * parts).round() / parts;
    if wild {
        return std::array::from_fn::<_, 2, _>(|_| [number(8.0), number(8.0), number(8192.0)]).into();
    }
    let x = [1.0 + number(0.3), number(0.5), number(columns as f64 / 2.0)];
    (x, [number(0.5), 1.0 + number(0.3), number(rows as f64 / 2.0)])
}

#[test]
fn warped_images_have_the_references_bytes() {
    let mut random = Random::new(1);
    let sizes = (1..=36).flat_map(|columns| [(1, columns), (2, columns), (7, columns), (columns, 3)]);
    for shape in sizes.chain([(28, 28), (5, 63), (5, 64), (5, 65), (40, 100), (0, 5), (5, 0)]) {
        for case in 0..6 {
            let from = image(&mut random, shape.0 * shape.1);
            let (x, y) = map(&mut random, 65536.0, case == 5, shape);
            let map = Warp::new(x, y).unwrap();
            let expected = warped(reference(), &map, shape, &from);
            for kernels in all_isas() {
                let found = warped(kernels, &map, shape, &from);
                assert_eq!(found, expected, "{} {shape:?} {x:?} {y:?}", kernels.isa());
            }
        }
    }
}

/// In f64, which holds every number here exactly.
#[test]
fn the_reference_is_what_exact_arithmetic_gives() {
    let mut random = Random::new(2);
    let mut ties = 0;
    for shape in [(28, 28), (9, 5), (1, 1), (1024, 2), (2, 1024)] {
        let (rows, columns) = shape;
        for case in 0..20 {
            let from = image(&mut random, rows * columns);
            let (x, y) = map(&mut random, if case < 10 { 2.0 } else { 65536.0 }, case == 19, shape);
            let found = warped(reference(), &Warp::new(x, y).unwrap(), shape, &from);
            for (i, found) in found.into_iter().enumerate() {
                let (c, r) = ((i % columns) as f64, (i / columns) as f64);
                let place = |axis: &Axis| ((axis[0] * c + axis[1] * r + axis[2]) * 256.0).floor() / 256.0;
                let (px, py) = (place(&x), place(&y));
                let pixel = |dx: f64, dy: f64| {
                    let (c, r) = (px.floor() + dx, py.floor() + dy);
                    let inside = c >= 0.0 && r >= 0.0 && c < columns as f64 && r < rows as f64;
                    let pixel = if inside { from[r as usize * columns + c as usize] } else { 0 };
                    f64::from(pixel) * (1.0 - (px - c).abs()) * (1.0 - (py - r).abs())
                };
                let exact = pixel(0.0, 0.0) + pixel(1.0, 0.0) + pixel(0.0, 1.0) + pixel(1.0, 1.0);
                ties += usize::from(exact.fract() == 0.5);
                assert_eq!(f64::from(found), exact.round_ties_even(), "{shape:?} {x:?} {y:?} pixel {i}");
            }
        }
    }
    assert!(ties > 10, "{ties} ties");
}

#[test]
fn simple_maps() {
    let from: Vec<u8> = (1..=9).collect();
    let shape = (3, 3);
    for kernels in all_isas() {
        let warped = |x, y| warped(kernels, &Warp::new(x, y).unwrap(), shape, &from);
        assert_eq!(warped([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]), from);
        assert_eq!(
            warped([1.0, 0.0, 1.0], [0.0, 1.0, 0.0]),
            [2, 3, 0, 5, 6, 0, 8, 9, 0],
            "a column to the left"
        );
        assert_eq!(warped([1.0, 0.0, 0.0], [0.0, 1.0, -1.0]), [0, 0, 0, 1, 2, 3, 4, 5, 6], "a row down");
        assert_eq!(warped([0.0, 1.0, 0.0], [-1.0, 0.0, 2.0]), [7, 4, 1, 8, 5, 2, 9, 6, 3], "turned");
        assert_eq!(warped([-1.0, 0.0, 2.0], [0.0, 1.0, 0.0]), [3, 2, 1, 6, 5, 4, 9, 8, 7], "mirrored");
        assert_eq!(warped([1.0, 0.0, 0.5], [0.0, 1.0, 0.0]), [2, 2, 2, 4, 6, 3, 8, 8, 4], "half a column");
        assert_eq!(warped([0.0, 0.0, 1.0], [0.0, 0.0, 1.0]), [5; 9], "one pixel");
        assert_eq!(warped([1.0, 0.0, 5000.0], [0.0, 1.0, 0.0]), [0; 9], "out of sight");
        assert_eq!(warped([1.0, 0.0, 0.0], [0.0, 1.0, -5000.0]), [0; 9], "out of sight");
    }
}

#[test]
fn wrong_lengths_and_sizes_are_refused() {
    let (mut to, mut room) = ([7; 6], vec![0; Kernels::warp_room(2, 3)]);
    for kernels in all_isas() {
        let call = |shape, from: &[u8], to: &mut [u8], room: &mut [u16]| {
            kernels.warp_u8(&Warp::IDENTITY, shape, from, to, room).unwrap_err()
        };
        assert_eq!(
            call((2, 3), &[0; 5], &mut to, &mut room),
            Error::Length { what: "from", expected: 6, found: 5 }
        );
        assert!(matches!(call((2, 3), &[0; 6], &mut [0; 7], &mut room), Error::Length { what: "to", .. }));
        assert!(matches!(call((2, 3), &[0; 6], &mut to, &mut room[1..]), Error::Length { what: "room", .. }));
        let long = Error::Range { start: 0, end: 1025, len: 1024 };
        assert_eq!(call((1, 1025), &[0; 1025], &mut [0; 1025], &mut room), long);
        assert_eq!(
            call((usize::MAX, 1025), &[], &mut [], &mut room),
            Error::Range { start: 0, end: usize::MAX, len: 1024 }
        );
        assert_eq!(to, [7; 6]);
    }
}

#[test]
fn maps_that_are_no_maps_are_refused() {
    let fine = [1.0, 0.0, 0.0];
    for bad in [
        [f64::NAN, 0.0, 0.0],
        [8.1, 0.0, 0.0],
        [0.0, -8.1, 0.0],
        [0.0, 0.0, f64::INFINITY],
        [0.0, 0.0, 8193.0],
    ] {
        assert_eq!((Warp::new(bad, fine), Warp::new(fine, bad)), (None, None), "{bad:?}");
    }
    let good = DistortionRange { rotation: 180.0, scale: 0.5, shear: 1.0, shift: 1024.0 };
    assert_eq!(Distortion::new(good, 1).unwrap().range(), good);
    for bad in [f64::NAN, f64::INFINITY, -1e-9, 1024.5] {
        for range in [
            DistortionRange { rotation: bad, ..good },
            DistortionRange { scale: bad, ..good },
            DistortionRange { shear: bad, ..good },
            DistortionRange { shift: bad, ..good },
        ] {
            assert_eq!(Distortion::new(range, 1), None, "{range:?}");
        }
    }
}

/// Maps are part of what a seed gives, and never change.
#[test]
fn the_first_maps_never_change() {
    let range = DistortionRange { rotation: 12.0, scale: 0.1, shear: 0.15, shift: 2.0 };
    let distortion = Distortion::new(range, 42).unwrap();
    let maps = [[0, 1], [1, 1], [0, 2]].map(|position| distortion.warp(position, (28, 28)));
    assert_eq!(format!("{maps:?}"), PINNED);
}

/// Computed in Python.
const PINNED: &str = "[Warp([[68510, 6557, -45342], [-6238, 67040, 140971]]), \
    Warp([[70717, 2371, -19151], [-357, 59588, 66132]]), Warp([[64598, -5188, 44710], [-4004, 62935, 107410]])]";

/// By what they do to the middle and to the directions: Philox's words are uniform, so each extreme is nearly reached.
#[test]
fn random_maps_fill_their_range() {
    let alone = |range, what: fn(&[[f64; 3]; 2]) -> f64| {
        let distortion = Distortion::new(range, 7).unwrap();
        let found: Vec<f64> = (0..4000).map(|i| what(&distortion.warp([i, 3], (28, 20)).axes())).collect();
        let mean = found.iter().sum::<f64>() / 4000.0;
        let ends = found.iter().fold([f64::MAX, f64::MIN], |[a, b], x| [a.min(*x), b.max(*x)]);
        (ends, mean)
    };
    let still = DistortionRange::default();
    let fills = |(found, mean): ([f64; 2], f64), least: f64, most: f64| {
        let width = most - least;
        assert!(found[0] >= least - 1e-4 && found[0] < least + 0.01 * width, "{found:?}: {least} to {most}");
        assert!(found[1] <= most + 1e-4 && found[1] > most - 0.01 * width, "{found:?}: {least} to {most}");
        assert!((mean - 0.5 * (least + most)).abs() < 0.03 * width, "{mean}: {least} to {most}");
    };
    let turned = DistortionRange { rotation: 30.0, ..still };
    fills(alone(turned, |[x, _]| x[1]), -0.5, 0.5);
    fills(alone(turned, |[_, y]| -y[0]), -0.5, 0.5);
    let (ends, _) = alone(turned, |[x, y]| x[0] * y[1] - x[1] * y[0]);
    assert!(ends.iter().all(|area| (area - 1.0).abs() < 1e-4), "{ends:?}");
    fills(alone(DistortionRange { shear: 0.4, ..still }, |[x, _]| x[1]), -0.4, 0.4);
    fills(alone(DistortionRange { scale: 0.1, ..still }, |[x, _]| 1.0 / x[0]), 0.9, 1.1);
    fills(alone(DistortionRange { scale: 0.1, ..still }, |[_, y]| 1.0 / y[1]), 0.9, 1.1);
    fills(alone(DistortionRange { shift: 3.0, ..still }, |[x, _]| x[2]), -3.0, 3.0);
    fills(alone(DistortionRange { shift: 3.0, ..still }, |[_, y]| y[2]), -3.0, 3.0);
    // The middle of the image stays where it is, whatever else is done to it.
    let about = DistortionRange { rotation: 180.0, scale: 0.5, shear: 1.0, shift: 0.0 };
    let (ends, _) = alone(about, |[x, _]| 9.5 * x[0] + 13.5 * x[1] + x[2]);
    assert!(ends.iter().all(|middle| (middle - 9.5).abs() < 1e-3), "{ends:?}");
}

#[test]
fn every_part_of_the_position_and_the_key_count() {
    let range = DistortionRange { rotation: 12.0, scale: 0.1, shear: 0.15, shift: 2.0 };
    let mut seen = vec![];
    for (key, position) in [(0, [0, 0]), (1, [0, 0]), (1 << 32, [0, 0]), (0, [1, 0]), (0, [0, 1])] {
        let map = Distortion::new(range, key).unwrap().warp(position, (28, 28));
        assert!(!seen.contains(&map), "{key} {position:?}");
        seen.push(map);
    }
}
