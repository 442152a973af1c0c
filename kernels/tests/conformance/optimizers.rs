//! Optimizers: every exact ISA gives the reference's bits, weights and state alike; all are close to f64.

use crate::common::thinning::Thinning;
use crate::common::{Differences, Random, all_isas, exact_isas, reference};
use mnist_fast_kernels::{Adam, AdamW, Epsilon, Kernels, MatMut, MatRef, Momentum, RmsProp, Sgd, Workspace};

/// An optimizer as the tests see it: a step on weights and two states, of which it may ignore some.
#[derive(Clone, Copy, Debug)]
enum Rule {
    Sgd(Sgd),
    RmsProp(RmsProp),
    Momentum(Momentum),
    Adam(Adam),
    AdamW(AdamW),
}

const RMSPROP: RmsProp =
    RmsProp { learning_rate: 1e-3, rho: 0.9, epsilon: 1e-7, epsilon_at: Epsilon::InsideRoot };
const ADAM: Adam = Adam { learning_rate: 1e-2, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 };

const RULES: [Rule; 8] = [
    Rule::Sgd(Sgd { learning_rate: 0.1 }),
    Rule::RmsProp(RMSPROP),
    Rule::RmsProp(RmsProp { epsilon_at: Epsilon::OutsideRoot, ..RMSPROP }),
    Rule::Momentum(Momentum { learning_rate: 0.1, momentum: 0.9, nesterov: false }),
    Rule::Momentum(Momentum { learning_rate: 0.1, momentum: 0.9, nesterov: true }),
    Rule::Adam(ADAM),
    Rule::AdamW(AdamW { adam: ADAM, weight_decay: 0.0 }),
    Rule::AdamW(AdamW { adam: ADAM, weight_decay: 0.3 }),
];

/// Weights and the two states.
type Vectors = [Vec<f32>; 3];

fn step(kernels: Kernels, rule: Rule, iteration: u64, [w, m, v]: &mut Vectors, g: &[f32]) {
    match rule {
        Rule::Sgd(rule) => kernels.sgd(&rule, w, g),
        Rule::RmsProp(rule) => kernels.rmsprop(&rule, w, v, g),
        Rule::Momentum(rule) => kernels.momentum(&rule, w, m, g),
        Rule::Adam(rule) => kernels.adam(&rule, iteration, w, m, v, g),
        Rule::AdamW(rule) => kernels.adamw(&rule, iteration, w, m, v, g),
    }
    .unwrap();
}

/// Weights, m and v to start from; v, a mean of squares, is not negative.
fn start(random: &mut Random, n: usize, wild: bool) -> Vectors {
    let mut draw = |n| if wild { random.wild(n) } else { random.vec(n) };
    [draw(n), draw(n), draw(n).into_iter().map(f32::abs).collect()]
}

#[test]
fn steps_have_the_references_bits() {
    let mut differences = Differences::new();
    for rule in RULES {
        for n in 0..100 {
            for (wild, steps) in [(false, 3), (true, 2)] {
                let run = |kernels: Kernels| {
                    let mut random = Random::new(n as u64);
                    let mut vectors = start(&mut random, n, wild);
                    for iteration in 0..steps {
                        let g = if wild { random.wild(n) } else { random.vec(n) };
                        step(kernels, rule, iteration, &mut vectors, &g);
                    }
                    vectors
                };
                let expected = run(reference());
                for kernels in exact_isas() {
                    let what = || format!("{} {rule:?} of {n}, wild: {wild}", kernels.isa());
                    for (expected, found) in expected.iter().zip(run(kernels)) {
                        differences.compare(what, expected, &found);
                    }
                }
            }
        }
    }
    differences.finish();
}

/// The same step at the end of the weight gradient, on two parts of the columns.
fn fused_step(
    kernels: Kernels,
    rule: Rule,
    iteration: u64,
    [w, m, v]: &mut Vectors,
    (x, delta): (MatRef<'_>, MatRef<'_>),
    ws: &mut Workspace<'_>,
) {
    let outputs = delta.columns();
    let at = outputs / 3;
    let parts = |data| MatMut::new(data, x.columns(), outputs).unwrap().split_at_column(at).unwrap();
    let (w, m, v) = (parts(w), parts(m), parts(v));
    for (w, m, v, columns) in [(w.0, m.0, v.0, 0..at), (w.1, m.1, v.1, at..outputs)] {
        let delta = delta.column_range(columns).unwrap();
        match rule {
            Rule::Sgd(rule) => kernels.dense_weight_update_sgd(&rule, x, delta, w, ws),
            Rule::RmsProp(rule) => kernels.dense_weight_update_rmsprop(&rule, x, delta, w, v, ws),
            Rule::Momentum(rule) => kernels.dense_weight_update_momentum(&rule, x, delta, w, m, ws),
            Rule::Adam(rule) => kernels.dense_weight_update_adam(&rule, iteration, x, delta, w, m, v, ws),
            Rule::AdamW(rule) => kernels.dense_weight_update_adamw(&rule, iteration, x, delta, w, m, v, ws),
        }
        .unwrap();
    }
}

/// An optimizer at the end of the gradient's tiles moves weights and state as the gradient and a pass of its own do.
#[test]
fn fused_updates_have_the_bits_of_separate_passes() {
    let (mut ws, mut differences, mut thinning) = (Workspace::new(), Differences::new(), Thinning::new());
    let shapes = [
        (64, 80, 128),
        (64, 128, 10),
        (16, 33, 47),
        (300, 20, 70),
        (20, 97, 512),  // with a delta that is packed
        (2100, 9, 130), // deeper than a block of the GEMM
        (1, 1, 1),
        (0, 5, 5),
        (3, 0, 4),
        (3, 4, 0),
    ];
    for (batch, inputs, outputs) in shapes {
        let mut random = Random::new((batch + 7 * outputs) as u64);
        let (x, delta) = (random.vec(batch * inputs), random.vec(batch * outputs));
        let vectors = start(&mut random, inputs * outputs, false);
        let x = MatRef::new(&x, batch, inputs).unwrap();
        let delta = MatRef::new(&delta, batch, outputs).unwrap();
        for rule in RULES {
            if !thinning.takes(batch * inputs * outputs) {
                continue;
            }
            let plain = |kernels: Kernels, ws: &mut Workspace<'_>| {
                let (mut vectors, mut dw) = (vectors.clone(), vec![f32::NAN; inputs * outputs]);
                let to = MatMut::new(&mut dw, inputs, outputs).unwrap();
                kernels.dense_weight_gradient(x, delta, to, ws).unwrap();
                step(kernels, rule, 2, &mut vectors, &dw);
                vectors
            };
            let expected = plain(reference(), &mut ws);
            for kernels in exact_isas().into_iter().chain([reference()]) {
                let mut fused = vectors.clone();
                fused_step(kernels, rule, 2, &mut fused, (x, delta), &mut ws);
                let what = || format!("{} {rule:?} of {batch}x{inputs}x{outputs}", kernels.isa());
                for found in [plain(kernels, &mut ws), fused] {
                    for (expected, found) in expected.iter().zip(&found) {
                        differences.compare(what, expected, found);
                    }
                }
            }
        }
    }
    differences.finish();
}

/// State that only decays ends at +0, through no denormal, from either side of zero.
#[test]
fn state_decays_to_zero_without_denormals() {
    let tiny = f32::from_bits((127 - 100) << 23); // 2^-100
    let quick = Adam { beta_2: 0.9, ..ADAM };
    for kernels in exact_isas().into_iter().chain([reference()]) {
        for rule in RULES.into_iter().chain([Rule::Adam(quick)]) {
            let m: Vec<f32> = (0..20).map(|i| if i % 2 == 0 { 1e-20 } else { -1e-20 }).collect();
            let mut vectors = [vec![1.0; 20], m, vec![1e-20; 20]];
            for iteration in 0..1000 {
                step(kernels, rule, iteration, &mut vectors, &[0.0; 20]);
                let fine = |x: &f32| x.to_bits() == 0 || x.abs() >= tiny;
                assert!(vectors[1..].iter().flatten().all(fine), "{rule:?} on {}", kernels.isa());
            }
            let [_, m, v] = vectors;
            let zero = |state: &[f32]| state.iter().all(|x| x.to_bits() == 0);
            match rule {
                Rule::Sgd(_) => {}
                Rule::RmsProp(_) => assert!(zero(&v)),
                Rule::Momentum(_) => assert!(zero(&m)),
                Rule::Adam(rule) => assert!(zero(&m) && (zero(&v) || rule.beta_2 > 0.9)),
                Rule::AdamW(_) => assert!(zero(&m)),
            }
        }
    }
}

/// One weight's step as the papers and the frameworks write it, in f64.
fn step_in_f64(rule: Rule, iteration: u64, [w, m, v]: &mut [f64; 3], g: f64) {
    let adam = |rule: Adam, w: &mut f64, m: &mut f64, v: &mut f64| {
        let t = iteration as i32 + 1;
        *m = rule.beta_1 * *m + (1.0 - rule.beta_1) * g;
        *v = rule.beta_2 * *v + (1.0 - rule.beta_2) * g * g;
        let power = |x: f64| (0..t).fold(1.0, |product, _| product * x);
        let alpha = rule.learning_rate * (1.0 - power(rule.beta_2)).sqrt() / (1.0 - power(rule.beta_1));
        *w -= alpha * *m / (v.sqrt() + rule.epsilon);
    };
    match rule {
        Rule::Sgd(rule) => *w -= rule.learning_rate * g,
        Rule::RmsProp(rule) => {
            *v = rule.rho * *v + (1.0 - rule.rho) * g * g;
            *w -= match rule.epsilon_at {
                Epsilon::InsideRoot => rule.learning_rate * g / (*v + rule.epsilon).sqrt(),
                Epsilon::OutsideRoot => rule.learning_rate * g / (v.sqrt() + rule.epsilon),
            };
        }
        Rule::Momentum(rule) => {
            *m = rule.momentum * *m - rule.learning_rate * g;
            *w += if rule.nesterov { rule.momentum * *m - rule.learning_rate * g } else { *m };
        }
        Rule::Adam(rule) => adam(rule, w, m, v),
        Rule::AdamW(rule) => {
            *w -= *w * rule.weight_decay * rule.adam.learning_rate;
            adam(rule.adam, w, m, v);
        }
    }
}

#[test]
fn fifty_steps_are_close_to_f64() {
    const N: usize = 37;
    for kernels in all_isas() {
        for rule in RULES {
            let mut random = Random::new(4);
            let w = random.vec(N);
            let mut exact: Vec<[f64; 3]> = w.iter().map(|w| [f64::from(*w), 0.0, 0.0]).collect();
            let mut vectors = [w, vec![0.0; N], vec![0.0; N]];
            for iteration in 0..50 {
                let g = random.vec(N);
                step(kernels, rule, iteration, &mut vectors, &g);
                for (exact, g) in exact.iter_mut().zip(g) {
                    step_in_f64(rule, iteration, exact, f64::from(g));
                }
            }
            for (i, exact) in exact.iter().enumerate() {
                for (exact, found) in exact.iter().zip(&vectors) {
                    let error = (f64::from(found[i]) - exact).abs();
                    let fine = error <= 3e-6 * exact.abs().max(1.0);
                    assert!(fine, "{rule:?} on {}: {} for {exact}", kernels.isa(), found[i]);
                }
            }
        }
    }
}

/// The two places of epsilon differ, and each gives what its framework gives: v = 0.1 g^2 with rho = 0.9.
#[test]
fn epsilon_inside_and_outside_of_the_root() {
    let rule = RmsProp { learning_rate: 1.0, rho: 0.9, epsilon: 0.5, epsilon_at: Epsilon::InsideRoot };
    for kernels in all_isas() {
        for (epsilon_at, expected) in
            [(Epsilon::InsideRoot, 1.0 / 0.6f64.sqrt()), (Epsilon::OutsideRoot, 1.0 / (0.1f64.sqrt() + 0.5))]
        {
            let (mut w, mut v) = ([0.0f32], [0.0]);
            kernels.rmsprop(&RmsProp { epsilon_at, ..rule }, &mut w, &mut v, &[1.0]).unwrap();
            assert!((f64::from(w[0]) + expected).abs() < 1e-6, "{epsilon_at:?} on {}", kernels.isa());
        }
    }
}

#[test]
fn wrong_lengths_are_refused_and_nothing_is_written() {
    let kernels = reference();
    let (mut w, mut m, mut v) = ([1.0; 3], [0.0; 3], [0.0; 3]);
    assert!(kernels.momentum(&Momentum::default(), &mut w, &mut m[..2], &[1.0; 3]).is_err());
    assert!(kernels.momentum(&Momentum::default(), &mut w, &mut m, &[1.0; 2]).is_err());
    assert!(kernels.adam(&Adam::default(), 0, &mut w, &mut m[..2], &mut v, &[1.0; 3]).is_err());
    assert!(kernels.adam(&Adam::default(), 0, &mut w, &mut m, &mut v[..2], &[1.0; 3]).is_err());
    assert!(kernels.adamw(&AdamW::default(), 0, &mut w, &mut m, &mut v, &[1.0; 4]).is_err());
    assert_eq!((w, m, v), ([1.0; 3], [0.0; 3], [0.0; 3]));
}
