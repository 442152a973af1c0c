//! Elementwise kernels on slices of every length up to 70 that start at any of 16 floats: the reference's bits on every
//! exact ISA, and what lies before and after the slice stays as it is.

mod common;

use common::layout::GUARD;
use common::{Random, agree, all_isas, reference};
use mnist_fast_kernels::{
    Adam, AdamW, Dropout, Epsilon, Kernels, MatMut, MatRef, Momentum, Optimizer, RmsProp, RmsPropMomentum,
    Rule, Sgd,
};

/// A kernel on slices of one length: three that it may write, two that it reads, bytes that it reads.
type Elementwise = fn(Kernels, [&mut [f32]; 3], [&[f32]; 2], &[u8]);

const KERNELS: [(&str, Elementwise); 23] = [
    ("relu", |k, [x, ..], _, _| k.relu(x)),
    ("leaky relu", |k, [x, ..], _, _| k.leaky_relu(0.3, x)),
    ("sigmoid", |k, [x, ..], _, _| k.sigmoid(x)),
    ("tanh", |k, [x, ..], _, _| k.tanh(x)),
    ("exp", |k, [x, ..], _, _| k.exp(x)),
    ("ln", |k, [x, ..], _, _| k.ln(x)),
    ("relu gradient", |k, [x, ..], [h, _], _| k.relu_gradient(h, x).unwrap()),
    ("leaky relu gradient", |k, [x, ..], [h, _], _| k.leaky_relu_gradient(0.3, h, x).unwrap()),
    ("sigmoid gradient", |k, [x, ..], [h, _], _| k.sigmoid_gradient(h, x).unwrap()),
    ("tanh gradient", |k, [x, ..], [h, _], _| k.tanh_gradient(h, x).unwrap()),
    ("dropout", |k, [x, ..], _, _| k.dropout(&Dropout::new(0.5, 1).unwrap(), [1, 2, 3], x)),
    ("unit from u8", |k, [x, ..], _, bytes| k.unit_from_u8(bytes, x).unwrap()),
    ("scale u8", |k, [x, ..], _, bytes| k.scale_u8(bytes, 0.013, -0.4, x).unwrap()),
    ("binary cross-entropy", |k, [losses, ..], [z, t], _| {
        k.binary_cross_entropy(z, t, 7, None, losses).unwrap();
    }),
    ("binary cross-entropy with gradient", |k, [losses, gradient, _], [z, t], _| {
        k.binary_cross_entropy(z, t, 7, Some(gradient), losses).unwrap();
    }),
    ("sgd", |k, [w, ..], [g, _], _| k.sgd(&Sgd::default(), w, g).unwrap()),
    ("rmsprop", |k, [w, v, _], [g, _], _| k.rmsprop(&RmsProp::default(), w, v, g).unwrap()),
    ("rmsprop, epsilon outside", |k, [w, v, _], [g, _], _| {
        let rule = RmsProp { epsilon_at: Epsilon::OutsideRoot, ..RmsProp::default() };
        k.rmsprop(&rule, w, v, g).unwrap();
    }),
    ("momentum", |k, [w, m, _], [g, _], _| k.momentum(&Momentum::default(), w, m, g).unwrap()),
    ("nesterov", |k, [w, m, _], [g, _], _| {
        k.momentum(&Momentum { nesterov: true, ..Momentum::default() }, w, m, g).unwrap();
    }),
    ("adam", |k, [w, m, v], [g, _], _| k.adam(&Adam::default(), 2, w, m, v, g).unwrap()),
    ("a rule of two states", |k, [w, v, m], [g, _], _| {
        let moved = RmsPropMomentum { rmsprop: RmsProp::default(), momentum: 0.5, centered: false };
        let rule = Rule { l2: 0.1, clip_value: 0.5, ..Rule::new(Optimizer::RmsPropMomentum(moved)) };
        let [w, v, m] = [w, v, m].map(|x| MatMut::new(x, 1, g.len()).unwrap());
        k.update(&rule, w, &mut [v, m], MatRef::new(g, 1, g.len()).unwrap()).unwrap();
    }),
    ("adamw", |k, [w, m, v], [g, _], _| k.adamw(&AdamW::default(), 2, w, m, v, g).unwrap()),
];

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
