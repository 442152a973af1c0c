//! Rules: an optimizer with what comes before it. Every exact ISA gives the reference's bits, weights and states alike, in a pass
//! of its own and at the end of dense and sparse products; the reference is close to f64.

use crate::common::thinning::Thinning;
use crate::common::{Differences, Random, all_isas, exact_isas, reference};
use mnist_fast_kernels::{
    Adam, AdamW, Epsilon, Error, Kernels, MatMut, MatRef, Momentum, Optimizer, RmsProp, RmsPropMomentum,
    Rule, Sgd, Sparse, Workspace,
};

const RMSPROP: RmsProp =
    RmsProp { learning_rate: 1e-3, rho: 0.9, epsilon: 1e-7, epsilon_at: Epsilon::InsideRoot };
const OUTSIDE: RmsProp = RmsProp { epsilon_at: Epsilon::OutsideRoot, ..RMSPROP };

fn optimizers(iteration: u64) -> [Optimizer; 10] {
    let extra = |rmsprop, momentum, centered| {
        Optimizer::RmsPropMomentum(RmsPropMomentum { rmsprop, momentum, centered })
    };
    [
        Optimizer::Sgd(Sgd { learning_rate: 0.1 }),
        Optimizer::Momentum(Momentum { learning_rate: 0.1, momentum: 0.9, nesterov: false }),
        Optimizer::Momentum(Momentum { learning_rate: 0.1, momentum: 0.9, nesterov: true }),
        Optimizer::RmsProp(OUTSIDE),
        extra(RMSPROP, 0.0, false),
        extra(RMSPROP, 0.7, false),
        extra(OUTSIDE, 0.0, true),
        extra(RMSPROP, 0.7, true),
        extra(OUTSIDE, 0.7, true),
        Optimizer::Adam(Adam { learning_rate: 1e-2, ..Adam::default() }, iteration),
    ]
}

/// Each optimizer alone, with one thing before it, and with all of them.
fn rules(iteration: u64) -> Vec<Rule> {
    let with = |optimizer| {
        let alone = Rule::new(optimizer);
        [
            alone,
            Rule { l2: 0.01, ..alone },
            Rule { clip_value: 0.3, ..alone },
            Rule { weight_decay: 0.1, ..alone },
            Rule { l2: 0.01, gradient_scale: 0.4, clip_value: 0.3, weight_decay: 0.1, ..alone },
        ]
    };
    optimizers(iteration).into_iter().flat_map(with).collect()
}

/// Weights and three states, of which a rule takes the first ones.
type Vectors = [Vec<f32>; 4];

/// Weights and states to start from. A first state that is a mean of squares is not negative.
fn start(random: &mut Random, rule: &Rule, n: usize, wild: bool) -> Vectors {
    let mut draw = |_| if wild { random.wild(n) } else { random.vec(n) };
    let mut vectors = [0, 1, 2, 3].map(&mut draw);
    let square = match rule.optimizer {
        Optimizer::RmsProp(_) | Optimizer::RmsPropMomentum(_) => 1,
        Optimizer::Adam(..) => 2,
        _ => return vectors,
    };
    vectors[square].iter_mut().for_each(|x| *x = x.abs());
    vectors
}

/// `f` with the weights and the rule's states as `rows` x `columns`.
fn with_views<T>(
    rule: &Rule,
    [w, x, y, z]: &mut Vectors,
    (rows, columns): (usize, usize),
    f: impl FnOnce(MatMut<'_>, &mut [MatMut<'_>]) -> T,
) -> T {
    let [w, x, y, z] = [w, x, y, z].map(|data| MatMut::new(data, rows, columns).unwrap());
    f(w, &mut [x, y, z][..rule.optimizer.states()])
}

fn step(kernels: Kernels, rule: &Rule, vectors: &mut Vectors, g: &[f32], shape: (usize, usize)) {
    let g = MatRef::new(g, shape.0, shape.1).unwrap();
    with_views(rule, vectors, shape, |w, states| kernels.update(rule, w, states, g)).unwrap();
}

#[test]
fn updates_have_the_references_bits() {
    let (mut differences, mut thinning) = (Differences::new(), Thinning::new());
    for columns in (0..40).chain([64, 100]) {
        for (rows, wild) in [(1, false), (3, false), (2, true)] {
            for r in 0..rules(0).len() {
                if !thinning.takes_small() {
                    continue;
                }
                let run = |kernels: Kernels| {
                    let n = rows * columns;
                    let mut random = Random::new(n as u64);
                    let mut vectors = start(&mut random, &rules(0)[r], n, wild);
                    for iteration in 0..3 {
                        let g = if wild { random.wild(n) } else { random.vec(n) };
                        step(kernels, &rules(iteration)[r], &mut vectors, &g, (rows, columns));
                    }
                    vectors
                };
                let expected = run(reference());
                for kernels in exact_isas() {
                    let what = || format!("{} {:?} of {rows}x{columns}", kernels.isa(), rules(0)[r]);
                    for (expected, found) in expected.iter().zip(run(kernels)) {
                        differences.compare(what, expected, &found);
                    }
                }
            }
        }
    }
    differences.finish();
}

/// What a rule comes to alone is what its optimizer's own method does.
#[test]
fn an_optimizer_alone_has_the_bits_of_its_own_method() {
    const N: usize = 37;
    let adam = Adam::default();
    let decayed = AdamW { adam, weight_decay: 0.3 };
    for kernels in exact_isas() {
        let mut differences = Differences::new();
        let mut check = |rule: Rule, own: &dyn Fn(&mut Vectors, &[f32])| {
            let mut random = Random::new(5);
            let mut expected = start(&mut random, &rule, N, false);
            let mut found = expected.clone();
            let g = random.vec(N);
            own(&mut expected, &g);
            step(kernels, &rule, &mut found, &g, (1, N));
            for (expected, found) in expected.iter().zip(&found) {
                differences.compare(|| format!("{} {rule:?}", kernels.isa()), expected, found);
            }
        };
        let sgd = Sgd { learning_rate: 0.1 };
        check(Rule::new(Optimizer::Sgd(sgd)), &|[w, ..], g| kernels.sgd(&sgd, w, g).unwrap());
        for nesterov in [false, true] {
            let rule = Momentum { nesterov, ..Momentum::default() };
            check(Rule::new(Optimizer::Momentum(rule)), &|[w, m, ..], g| {
                kernels.momentum(&rule, w, m, g).unwrap();
            });
        }
        for rule in [RMSPROP, OUTSIDE] {
            let own = |[w, v, ..]: &mut Vectors, g: &[f32]| kernels.rmsprop(&rule, w, v, g).unwrap();
            check(Rule::new(Optimizer::RmsProp(rule)), &own);
            let neither = RmsPropMomentum { rmsprop: rule, momentum: 0.0, centered: false };
            check(Rule::new(Optimizer::RmsPropMomentum(neither)), &own);
        }
        check(Rule::new(Optimizer::Adam(adam, 3)), &|[w, m, v, _], g| {
            kernels.adam(&adam, 3, w, m, v, g).unwrap();
        });
        check(Rule { weight_decay: 0.3, ..Rule::new(Optimizer::Adam(adam, 3)) }, &|[w, m, v, _], g| {
            kernels.adamw(&decayed, 3, w, m, v, g).unwrap();
        });
        differences.finish();
    }
}

/// A rule at the end of the gradient's product, dense or sparse, moves weights and states as the gradient and a pass of its own do.
#[test]
fn fused_updates_have_the_bits_of_separate_passes() {
    let (mut ws, mut differences, mut thinning) = (Workspace::new(), Differences::new(), Thinning::new());
    let shapes = [
        (64, 40, 128),
        (64, 33, 10),
        (16, 33, 47),
        (20, 17, 300),
        (2100, 9, 130), // deeper than a block of the GEMM
        (1, 1, 1),
        (0, 5, 5),
        (3, 0, 4),
        (3, 4, 0),
    ];
    for (batch, inputs, outputs) in shapes {
        let shape = (inputs, outputs);
        let mut random = Random::new((batch + 7 * outputs) as u64);
        // Every third input is zero in the whole batch, and others here and there.
        let mut x = random.vec(batch * inputs);
        for (at, x) in x.iter_mut().enumerate() {
            *x = if at % inputs % 3 == 1 || random.below(2) == 0 { 0.0 } else { *x };
        }
        let transposed: Vec<f32> = (0..inputs)
            .flat_map(|i| (0..batch).map(move |b| (i, b)))
            .map(|(i, b)| x[b * inputs + i])
            .collect();
        let delta = random.vec(batch * outputs);
        let x = MatRef::new(&x, batch, inputs).unwrap();
        let delta = MatRef::new(&delta, batch, outputs).unwrap();
        let sparse = Sparse::from(MatRef::new(&transposed, inputs, batch).unwrap());
        for rule in rules(2) {
            if !thinning.takes(batch * inputs * outputs) {
                continue;
            }
            let vectors = start(&mut random, &rule, inputs * outputs, false);
            let plain = |kernels: Kernels, ws: &mut Workspace<'_>| {
                let (mut vectors, mut dw) = (vectors.clone(), vec![f32::NAN; inputs * outputs]);
                let to = MatMut::new(&mut dw, inputs, outputs).unwrap();
                kernels.dense_weight_gradient(x, delta, to, ws).unwrap();
                step(kernels, &rule, &mut vectors, &dw, shape);
                vectors
            };
            let expected = plain(reference(), &mut ws);
            // The reference against itself only natively: under an emulator it is what takes the time.
            let itself = thinning.is_off().then(reference);
            for kernels in exact_isas().into_iter().chain(itself) {
                let (mut dense, mut skipped) = (vectors.clone(), vectors.clone());
                with_views(&rule, &mut dense, shape, |w, states| {
                    kernels.dense_weight_update(&rule, x, delta, w, states, &mut ws).unwrap();
                });
                let mut deferred = vec![0; inputs];
                with_views(&rule, &mut skipped, shape, |w, states| {
                    let owed = Some(&mut deferred[..]);
                    kernels.dense_weight_update_sparse(&rule, sparse, delta, w, states, owed).unwrap();
                    if let Optimizer::RmsProp(rmsprop)
                    | Optimizer::RmsPropMomentum(RmsPropMomentum { rmsprop, .. }) = rule.optimizer
                    {
                        kernels.rmsprop_settle(&rmsprop, states[0].reborrow(), &mut deferred).unwrap();
                    }
                });
                assert!(deferred.iter().all(|owed| *owed == 0));
                let what = || format!("{} {rule:?} of {batch}x{inputs}x{outputs}", kernels.isa());
                for found in [plain(kernels, &mut ws), dense, skipped] {
                    for (expected, found) in expected.iter().zip(&found) {
                        differences.compare(what, expected, found);
                    }
                }
            }
        }
    }
    differences.finish();
}

/// RMSprop with clipping leaves out rows whose input is zero, and makes their decay good, to the bits of visiting all of them; what
/// moves a weight without a gradient visits all.
#[test]
fn clipped_rmsprop_defers_decay_to_the_same_bits() {
    const STEPS: usize = 6;
    let (inputs, batch) = (9, 3);
    let (mut ws, mut differences) = (Workspace::new(), Differences::new());
    let plain = Rule::new(Optimizer::RmsProp(RMSPROP));
    let extra = |momentum, centered| {
        Optimizer::RmsPropMomentum(RmsPropMomentum { rmsprop: RMSPROP, momentum, centered })
    };
    for (rule, defers) in [
        (Rule { clip_value: 0.3, ..plain }, true),
        (Rule { clip_value: 0.0, ..plain }, true),
        (Rule { clip_value: 0.3, gradient_scale: 0.5, ..Rule::new(Optimizer::RmsProp(OUTSIDE)) }, true),
        (Rule { clip_value: 0.3, ..Rule::new(extra(0.0, false)) }, true),
        (Rule { clip_value: 0.3, ..Rule::new(extra(0.5, false)) }, false),
        (Rule { clip_value: 0.3, ..Rule::new(extra(0.0, true)) }, false),
        (Rule { clip_value: 0.3, l2: 0.1, ..plain }, false),
        (Rule { clip_value: 0.3, weight_decay: 0.1, ..plain }, false),
        (Rule { gradient_scale: f64::NAN, ..plain }, false),
        (Rule { clip_value: 0.3, ..Rule::new(Optimizer::Adam(Adam::default(), 3)) }, false),
    ] {
        for outputs in [10, 47, 130] {
            let shape = (inputs, outputs);
            let mut random = Random::new(outputs as u64);
            let start = start(&mut random, &rule, inputs * outputs, false);
            // Row i of X^T, an input, is zero in all steps but every (i + 1)th.
            let steps: Vec<(Vec<f32>, Vec<f32>)> = (0..STEPS)
                .map(|step| {
                    let mut x = random.vec(inputs * batch);
                    for (i, row) in x.chunks_exact_mut(batch).enumerate().filter(|(i, _)| step % (i + 1) > 0)
                    {
                        row.fill(if i % 2 == 0 { 0.0 } else { -0.0 });
                    }
                    (x, random.vec(batch * outputs))
                })
                .collect();
            let mut expected = start.clone();
            for (x, delta) in &steps {
                let (x, delta) =
                    (MatRef::new(x, inputs, batch).unwrap(), MatRef::new(delta, batch, outputs).unwrap());
                let mut dw = vec![0.0; inputs * outputs];
                let to = MatMut::new(&mut dw, inputs, outputs).unwrap();
                reference().dense_weight_gradient(x.transposed(), delta, to, &mut ws).unwrap();
                step(reference(), &rule, &mut expected, &dw, shape);
            }
            for kernels in exact_isas().into_iter().chain([reference()]) {
                let (mut found, mut deferred) = (start.clone(), vec![0; inputs]);
                with_views(&rule, &mut found, shape, |mut w, states| {
                    for (x, delta) in &steps {
                        let (x, delta) = (
                            MatRef::new(x, inputs, batch).unwrap(),
                            MatRef::new(delta, batch, outputs).unwrap(),
                        );
                        let owed = Some(&mut deferred[..]);
                        kernels
                            .dense_weight_update_sparse(&rule, x, delta, w.reborrow(), states, owed)
                            .unwrap();
                    }
                    let owed = |i: usize| if defers { ((STEPS - 1) % (i + 1)) as u32 } else { 0 };
                    assert_eq!(deferred, (0..inputs).map(owed).collect::<Vec<_>>(), "{rule:?}");
                    kernels.rmsprop_settle(&settled_by(&rule), states[0].reborrow(), &mut deferred).unwrap();
                });
                for (expected, found) in expected.iter().zip(&found) {
                    differences.compare(|| format!("{} {rule:?}, {outputs}", kernels.isa()), expected, found);
                }
            }
        }
    }
    differences.finish();
}

/// The RMSprop of a rule; of another optimizer, one that is owed nothing.
fn settled_by(rule: &Rule) -> RmsProp {
    match rule.optimizer {
        Optimizer::RmsProp(rmsprop) | Optimizer::RmsPropMomentum(RmsPropMomentum { rmsprop, .. }) => rmsprop,
        _ => RMSPROP,
    }
}

/// One weight's step as Keras writes it, in f64.
fn step_in_f64(rule: &Rule, [w, x, y, z]: &mut [f64; 4], mut g: f64) {
    g += 2.0 * rule.l2 * *w;
    g = (g * rule.gradient_scale).clamp(-rule.clip_value, rule.clip_value);
    *w -= *w * rule.weight_decay * rule.optimizer.learning_rate();
    match rule.optimizer {
        Optimizer::Sgd(rule) => *w -= rule.learning_rate * g,
        Optimizer::Momentum(rule) => {
            *x = rule.momentum * *x - rule.learning_rate * g;
            *w += if rule.nesterov { rule.momentum * *x - rule.learning_rate * g } else { *x };
        }
        Optimizer::RmsProp(_) => unreachable!("held against f64 by its own test"),
        Optimizer::RmsPropMomentum(RmsPropMomentum { rmsprop: rule, momentum, centered }) => {
            let (m, mean) = if momentum > 0.0 { (Some(y), z) } else { (None, y) };
            *x = rule.rho * *x + (1.0 - rule.rho) * g * g;
            let mut d = *x;
            if centered {
                *mean = rule.rho * *mean + (1.0 - rule.rho) * g;
                d -= *mean * *mean;
            }
            let root = match rule.epsilon_at {
                Epsilon::InsideRoot => (d + rule.epsilon).sqrt(),
                Epsilon::OutsideRoot => d.max(0.0).sqrt() + rule.epsilon,
            };
            let increment = rule.learning_rate * g / root;
            *w -= m.map_or(increment, |m| {
                *m = momentum * *m + increment;
                *m
            });
        }
        Optimizer::Adam(rule, iteration) => {
            let power = |x: f64| (0..=iteration).fold(1.0, |product, _| product * x);
            *x = rule.beta_1 * *x + (1.0 - rule.beta_1) * g;
            *y = rule.beta_2 * *y + (1.0 - rule.beta_2) * g * g;
            let alpha = rule.learning_rate * (1.0 - power(rule.beta_2)).sqrt() / (1.0 - power(rule.beta_1));
            *w -= alpha * *x / (y.sqrt() + rule.epsilon);
        }
    }
}

/// From rest the first centred step has a variance of `rho (1 - rho) g^2`, and later ones all their digits.
#[test]
fn thirty_steps_are_close_to_f64() {
    const N: usize = 37;
    for kernels in all_isas() {
        for r in 0..rules(0).len() {
            if matches!(rules(0)[r].optimizer, Optimizer::RmsProp(_)) {
                continue;
            }
            let mut random = Random::new(4);
            let w = random.vec(N);
            let mut exact: Vec<[f64; 4]> = w.iter().map(|w| [f64::from(*w), 0.0, 0.0, 0.0]).collect();
            let mut vectors = [w, vec![0.0; N], vec![0.0; N], vec![0.0; N]];
            for iteration in 0..30 {
                let (rule, g) = (&rules(iteration)[r], random.vec(N));
                step(kernels, rule, &mut vectors, &g, (1, N));
                for (exact, g) in exact.iter_mut().zip(g) {
                    step_in_f64(rule, exact, f64::from(g));
                }
            }
            for (i, exact) in exact.iter().enumerate() {
                for (exact, found) in exact.iter().zip(&vectors) {
                    let error = (f64::from(found[i]) - exact).abs();
                    let fine = error <= 3e-6 * exact.abs().max(1.0);
                    assert!(fine, "{:?} on {}: {} for {exact}", rules(0)[r], kernels.isa(), found[i]);
                }
            }
        }
    }
}

/// States that only decay end at +0, through no denormal, from either side of zero.
#[test]
fn states_decay_to_zero_without_denormals() {
    let tiny = f32::from_bits((127 - 100) << 23); // 2^-100
    for kernels in exact_isas().into_iter().chain([reference()]) {
        for optimizer in
            optimizers(1_000_000).into_iter().filter(|o| matches!(o, Optimizer::RmsPropMomentum(_)))
        {
            let rule = Rule { clip_value: 1.0, ..Rule::new(optimizer) };
            let signed: Vec<f32> = (0..20).map(|i| if i % 2 == 0 { 1e-20 } else { -1e-20 }).collect();
            let mut vectors = [vec![1.0; 20], vec![1e-20; 20], signed.clone(), signed];
            for _ in 0..1000 {
                step(kernels, &rule, &mut vectors, &[0.0; 20], (4, 5));
                let fine = |x: &f32| x.to_bits() == 0 || x.abs() >= tiny;
                assert!(vectors[1..].iter().flatten().all(fine), "{rule:?} on {}", kernels.isa());
            }
            for state in &vectors[1..=optimizer.states()] {
                assert!(state.iter().all(|x| x.to_bits() == 0), "{rule:?} on {}", kernels.isa());
            }
        }
    }
}

#[test]
fn wrong_states_and_shapes_are_refused_and_nothing_is_written() {
    let (kernels, mut ws) = (reference(), Workspace::new());
    let ones = [1.0; 6];
    let g = MatRef::new(&ones, 2, 3).unwrap();
    for rule in rules(0) {
        let states = rule.optimizer.states();
        let (mut w, mut data) = ([2.0; 6], [0.0; 24]);
        let mut parts = data.chunks_exact_mut(6).map(|part| MatMut::new(part, 2, 3).unwrap());
        let [x, y, z, more] = [(); 4].map(|()| parts.next().unwrap());
        let mut all = [x, y, z, more];
        for count in (0..=4).filter(|count| *count != states) {
            let error = Error::Length { what: "states", expected: states, found: count };
            let view = MatMut::new(&mut w, 2, 3).unwrap();
            assert_eq!(kernels.update(&rule, view, &mut all[..count], g), Err(error));
            let view = MatMut::new(&mut w, 2, 3).unwrap();
            let found = kernels.dense_weight_update(&rule, g, g, view, &mut all[..count], &mut ws);
            assert_eq!(found, Err(error));
            let view = MatMut::new(&mut w, 2, 3).unwrap();
            let found = kernels.dense_weight_update_sparse(&rule, g, g, view, &mut all[..count], None);
            assert_eq!(found, Err(error));
        }
        let view = MatMut::new(&mut w, 3, 2).unwrap();
        let found = kernels.update(&rule, view, &mut all[..states], g).unwrap_err();
        let what = if states == 0 { "gradient" } else { "a state" };
        assert_eq!(found, Error::Shape { what, expected: (3, 2), found: (2, 3) });
        let view = MatMut::new(&mut w, 2, 3).unwrap();
        let columns = MatRef::with_strides(&ones, 0, 2, 3, 1, 2).unwrap();
        let found = kernels.update(&rule, view, &mut all[..states], columns).unwrap_err();
        assert_eq!(found, Error::Stride { what: "gradient" });
        let view = MatMut::new(&mut w, 2, 3).unwrap();
        let deferred = Some(&mut [0; 3][..]);
        let found = kernels.dense_weight_update_sparse(&rule, g, g, view, &mut all[..states], deferred);
        assert_eq!(found.unwrap_err(), Error::Length { what: "deferred", expected: 2, found: 3 });
        assert_eq!((w, data), ([2.0; 6], [0.0; 24]));
    }
}
