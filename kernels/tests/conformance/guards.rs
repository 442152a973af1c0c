//! Elementwise kernels on slices of every length up to 70 that start at any of 16 floats: the reference's bits on every
//! exact ISA, and what lies before and after the slice stays as it is.

use crate::common::elementwise::KERNELS;
use crate::common::layout::GUARD;
use crate::common::{Random, agree, all_isas, reference};
use mnist_fast_kernels::Kernels;

#[test]
fn elementwise_kernels_stay_inside_of_their_slices() {
    const LONGEST: usize = 70;
    let isas = all_isas();
    let mut random = Random::new(1);
    let written = [random.wild(LONGEST), random.wild(LONGEST), random.wild(LONGEST)];
    // Beside what is read are NaN, beside what is written guards.
    let read = [random.wild(LONGEST), random.wild(LONGEST)];
    let bytes: Vec<u8> = (0..LONGEST + 48).map(|_| random.bits() as u8).collect();
    for n in 0..=LONGEST {
        for start in 0..16 {
            // Each slice at its own place beside a vector's edge; nothing or something after it.
            let starts = [start, (start + 5) % 16, (start * 3) % 16];
            let after = start % 3;
            let inside = |i: usize| starts[i]..starts[i] + n;
            let around = |x: &[f32], rest: f32, i: usize| {
                let mut buffer = vec![rest; starts[i] + n + after];
                buffer[inside(i)].copy_from_slice(&x[..n]);
                buffer
            };
            let [a, b] = [0, 1].map(|i| around(&read[i], f32::NAN, 2 - i));
            let slices = [&a[inside(2)], &b[inside(1)]];
            let bytes = &bytes[start..start + n];
            for (name, f) in KERNELS {
                let run = |kernels: Kernels| {
                    let mut buffers = [0, 1, 2].map(|i| around(&written[i], GUARD, i));
                    let [x, y, z] = &mut buffers;
                    f(kernels, [&mut x[inside(0)], &mut y[inside(1)], &mut z[inside(2)]], slices, bytes);
                    buffers
                };
                // The reference cannot write outside of a slice: it has no unsafe code.
                let expected = run(reference());
                for &kernels in &isas {
                    for (i, (expected, found)) in expected.iter().zip(run(kernels)).enumerate() {
                        let mut bound = vec![0.0; found.len()];
                        bound[inside(i)].fill(f32::INFINITY);
                        let what = format!("{name}, slice {i} of {n} from {starts:?}");
                        agree(kernels, &what, expected, &found, &bound).unwrap();
                    }
                }
            }
        }
    }
}
