//! Dropout: every ISA drops what the reference drops, at the rate that was asked for.

use crate::common::{Differences, Random, all_isas, canonical, exact_isas, reference};
use mnist_fast_kernels::{Dropout, Kernels};

const POSITIONS: [[u32; 3]; 4] = [[0, 0, 0], [63, 781, 21], [u32::MAX; 3], [1, 0, 0]];

fn dropped(kernels: Kernels, rate: f64, key: u64, position: [u32; 3], x: &[f32]) -> Vec<f32> {
    let mut x = x.to_vec();
    kernels.dropout(&Dropout::new(rate, key).unwrap(), position, &mut x);
    x
}

#[test]
fn dropout_has_the_references_bits() {
    let mut differences = Differences::new();
    for n in (0..140).chain([1000]) {
        let x = Random::new(n as u64).wild(n);
        for (position, key) in POSITIONS.into_iter().zip([0, 42, u64::MAX, 1 << 32]) {
            for rate in [0.0, 0.2, 0.5, 0.999, 1.0 - f64::EPSILON] {
                let expected = dropped(reference(), rate, key, position, &x);
                for kernels in exact_isas() {
                    let what = || format!("{} {n} at {rate}, {position:?}, {key}", kernels.isa());
                    differences.compare(what, &expected, &dropped(kernels, rate, key, position, &x));
                }
            }
        }
    }
    differences.finish();
}

/// The masks are part of what a seed gives, and never change: of 128 elements at a rate of one half (computed in Python).
#[test]
fn the_first_mask_never_changes() {
    for kernels in all_isas() {
        let x = dropped(kernels, 0.5, 42, [0, 0, 1], &[1.0; 128]);
        let bits = x.iter().enumerate().fold(0u128, |bits, (i, x)| bits | u128::from(*x == 2.0) << i);
        assert!(x.iter().all(|x| [0.0, 2.0].contains(x)));
        assert_eq!(bits, PINNED, "{}: {bits:#x}", kernels.isa());
    }
}

const PINNED: u128 = 0x22f8_c516_0551_4400_bacb_cb50_278d_f9c8;

#[test]
fn the_share_and_the_mean_are_as_asked_for() {
    let n = 100_000;
    for kernels in all_isas() {
        for rate in [0.0, 0.1, 0.2, 0.5, 0.9] {
            let x = dropped(kernels, rate, 7, [3, 2, 1], &vec![1.5; n]);
            let zeros = x.iter().filter(|x| **x == 0.0).count() as f64;
            let deviation = (n as f64 * rate * (1.0 - rate)).sqrt();
            assert!((zeros - n as f64 * rate).abs() <= 4.0 * deviation, "{zeros} of {n} at {rate}");
            let scaled = 1.5 * (1.0 / (1.0 - rate)) as f32;
            assert!(x.iter().all(|x| *x == 0.0 || *x == scaled), "at {rate}");
        }
    }
}

#[test]
fn every_part_of_the_position_counts() {
    let x = [1.0; 256];
    let mut seen = vec![];
    for (key, position) in
        [(0, [0, 0, 0]), (1, [0, 0, 0]), (1 << 32, [0, 0, 0]), (0, [1, 0, 0]), (0, [0, 1, 0]), (0, [0, 0, 1])]
    {
        let found = dropped(reference(), 0.5, key, position, &x);
        // Independent masks agree on half of the elements; so do the two halves of one.
        let (a, b) = found.split_at(128);
        let equal = a.iter().zip(b).filter(|(a, b)| a == b).count();
        assert!((40..88).contains(&equal), "{equal} of 128");
        for other in &seen {
            let equal = found.iter().zip(other).filter(|(a, b)| a == b).count();
            assert!((90..166).contains(&equal), "{equal} of 256");
        }
        seen.push(found);
    }
}

#[test]
fn special_values_and_rates() {
    for kernels in all_isas() {
        let wild = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e-40].repeat(16);
        let found = dropped(kernels, 0.5, 1, [0; 3], &wild);
        let mask = dropped(kernels, 0.5, 1, [0; 3], &[1.0; 64]);
        for ((x, found), mask) in wild.iter().zip(&found).zip(mask) {
            let expected = if mask == 0.0 { 0.0 } else { 2.0 * x };
            assert_eq!(canonical(*found), canonical(expected), "{x} on {}", kernels.isa());
        }
    }
    for rate in [-0.1, 1.0, f64::NAN, f64::INFINITY] {
        assert!(Dropout::new(rate, 0).is_none(), "{rate}");
    }
    assert_eq!(Dropout::new(0.25, 0).unwrap().rate(), 0.25);
}
