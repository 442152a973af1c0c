//! What the documentation of the methods says of NaN, infinities, zeros, denormals and GEMM blocks, on every ISA.

mod common;

use common::{all_isas, canonical};
use mnist_fast_kernels::*;

const NAN: f32 = f32::NAN;
const INF: f32 = f32::INFINITY;
const TINY: f32 = 1e-40; // denormal

fn same(found: &[f32], expected: &[f32], what: &str) {
    let bits = |x: &[f32]| x.iter().copied().map(canonical).collect::<Vec<_>>();
    assert_eq!(bits(found), bits(expected), "{what}: {found:?}, expected {expected:?}");
}

fn in_place(f: impl Fn(&mut [f32]), cases: &[(f32, f32)], what: &str) {
    let mut x: Vec<f32> = cases.iter().map(|(x, _)| *x).collect();
    f(&mut x);
    same(&x, &cases.iter().map(|(_, y)| *y).collect::<Vec<_>>(), what);
}

#[test]
fn elementwise() {
    for k in all_isas() {
        let exp = [(NAN, NAN), (INF, INF), (88.73, INF), (-INF, 0.0), (-87.34, 0.0), (TINY, 1.0), (0.0, 1.0)];
        in_place(|x| k.exp(x), &exp, "exp");
        let ln = [(NAN, NAN), (INF, INF), (0.0, -INF), (-0.0, -INF), (-1.0, NAN), (-INF, NAN), (1.0, 0.0)];
        in_place(|x| k.ln(x), &ln, "ln");
        in_place(|x| k.ln(x), &[(-TINY, NAN)], "ln of a negative denormal");
        in_place(|x| k.relu(x), &[(NAN, NAN), (INF, INF), (-INF, 0.0), (TINY, TINY), (-TINY, 0.0)], "relu");
        let leaky = [(NAN, NAN), (INF, INF), (-INF, -INF), (-TINY, 0.5 * -TINY), (TINY, TINY)];
        in_place(|x| k.leaky_relu(0.5, x), &leaky, "leaky_relu");
        let sigmoid = [(NAN, NAN), (-INF, 0.0), (INF, 1.0), (-87.34, 0.0), (TINY, 0.5), (-TINY, 0.5)];
        in_place(|x| k.sigmoid(x), &sigmoid, "sigmoid");
        in_place(|x| k.tanh(x), &[(NAN, NAN), (-INF, -1.0), (INF, 1.0), (-TINY, -TINY)], "tanh");
    }
}

#[test]
fn gradients_through_activations() {
    for k in all_isas() {
        // The outputs h, the deltas that come in, and those that go out.
        let (h, delta) = ([NAN, 0.0, 1.0, 1.0, 0.5], [1.0, 1.0, NAN, TINY, TINY]);
        let expected = [
            [0.0, 0.0, NAN, TINY, TINY],
            [0.5, 0.5, NAN, TINY, TINY],
            [NAN, 0.0, NAN, 0.0, TINY * 0.25],
            [NAN, 1.0, NAN, 0.0, TINY * 0.75],
        ];
        let mut found = [delta; 4];
        k.relu_gradient(&h, &mut found[0]).unwrap();
        k.leaky_relu_gradient(0.5, &h, &mut found[1]).unwrap();
        k.sigmoid_gradient(&h, &mut found[2]).unwrap();
        k.tanh_gradient(&h, &mut found[3]).unwrap();
        for (found, expected) in found.iter().zip(&expected) {
            same(found, expected, k.isa().name());
        }
    }
}

fn forward(k: Kernels, x: [f32; 4], w: [f32; 4], activation: Activation) -> [f32; 4] {
    let (mut y, mut ws) = ([7.0; 4], Workspace::new());
    let (x, w) = (MatRef::new(&x, 2, 2).unwrap(), MatRef::new(&w, 2, 2).unwrap());
    k.dense_forward(x, w, &[0.0; 2], activation, MatMut::new(&mut y, 2, 2).unwrap(), &mut ws).unwrap();
    y
}

#[test]
fn dense_layers() {
    for k in all_isas() {
        let mut ws = Workspace::new();
        for activation in [Activation::Linear, Activation::Relu] {
            let ones = [1.0; 4];
            same(&forward(k, [NAN, 0.0, 1.0, 1.0], ones, activation), &[NAN, NAN, 2.0, 2.0], "a NaN in X");
            same(&forward(k, ones, [NAN, 1.0, 0.0, 1.0], activation), &[NAN, 2.0, NAN, 2.0], "a NaN in W");
            same(&forward(k, [0.0; 4], [INF, 1.0, 0.0, 1.0], activation), &[NAN, 0.0, NAN, 0.0], "0 inf");
            same(&forward(k, ones, [TINY, 0.0, 0.0, 0.0], activation), &[TINY, 0.0, TINY, 0.0], "denormal");
        }
        let none = |rows, columns| MatRef::new(&[], rows, columns).unwrap();
        let mut y = [7.0; 2];
        let to = MatMut::new(&mut y, 1, 2).unwrap();
        k.dense_forward(none(1, 0), none(0, 2), &[-1.0, 2.0], Activation::Relu, to, &mut ws).unwrap();
        same(&y, &[0.0, 2.0], "no inputs");
        let mut dw = [7.0; 2];
        let to = MatMut::new(&mut dw, 2, 1).unwrap();
        k.dense_weight_gradient(none(0, 2), none(0, 1), to, &mut ws).unwrap();
        same(&dw, &[0.0; 2], "an empty batch");
        let mut db = [7.0; 2];
        k.dense_bias_gradient(none(0, 2), &mut db).unwrap();
        same(&db, &[0.0; 2], "an empty batch");
        k.dense_bias_gradient(MatRef::new(&[INF, TINY, -INF, 0.0], 2, 2).unwrap(), &mut db).unwrap();
        same(&db, &[NAN, TINY], "biases");

        let mut dx = [7.0; 3];
        let (delta, w) = (MatRef::new(&[NAN], 1, 1).unwrap(), MatRef::new(&[1.0; 3], 3, 1).unwrap());
        let active = MatRef::new(&[NAN, 0.0, 1.0], 1, 3).unwrap();
        let to = MatMut::new(&mut dx, 1, 3).unwrap();
        k.dense_input_gradient(delta, w, Some(active), to, &mut ws).unwrap();
        same(&dx, &[0.0, 0.0, NAN], "where active is not above 0");
    }
}

/// 2 x 2 products as each method makes them.
fn products(k: Kernels, alpha: f32, a: [f32; 4], b: [f32; 4], beta: f32, c: [f32; 4]) -> [[f32; 4]; 3] {
    let mut ws = Workspace::new();
    let (a, b) = (MatRef::new(&a, 2, 2).unwrap(), MatRef::new(&b, 2, 2).unwrap());
    let mut found = [c; 3];
    k.gemm(alpha, a, b, beta, MatMut::new(&mut found[0], 2, 2).unwrap(), &mut ws).unwrap();
    let packed = k.pack_b_owned(b).unwrap();
    k.gemm_packed(alpha, a, &packed, beta, MatMut::new(&mut found[1], 2, 2).unwrap(), &mut ws).unwrap();
    // Neither rows nor columns are contiguous: through a block.
    let mut spread = [NAN; 8];
    let at = |i: usize| 4 * (i / 2) + 2 * (i % 2);
    (0..4).for_each(|i| spread[at(i)] = c[i]);
    let to = StridedMut::new(&mut spread, 0, 2, 2, 4, 2).unwrap();
    k.gemm_strided(alpha, a, b, beta, to, &mut ws).unwrap();
    found[2] = [0, 1, 2, 3].map(|i| spread[at(i)]);
    assert!((0..4).all(|i| spread[at(i) + 1].is_nan()), "a gap was written");
    found
}

#[test]
fn matrix_products() {
    let (ones, nan) = ([1.0; 4], [NAN; 4]);
    for k in all_isas() {
        let check = |what: &str, found: [[f32; 4]; 3], expected: [f32; 4]| {
            found.iter().for_each(|found| same(found, &expected, &format!("{what} on {}", k.isa())));
        };
        check("a NaN in A", products(k, 1.0, [NAN, 0.0, 1.0, 1.0], ones, 0.0, nan), [NAN, NAN, 2.0, 2.0]);
        check("a NaN in B", products(k, 1.0, [0.0; 4], [NAN, 1.0, 0.0, 1.0], 0.0, nan), [NAN, 0.0, NAN, 0.0]);
        check("a NaN in C", products(k, 1.0, ones, ones, 1.0, [NAN, 0.0, 0.0, 1.0]), [NAN, 2.0, 2.0, 3.0]);
        check("0 inf", products(k, 1.0, [0.0; 4], [INF, 1.0, 0.0, 1.0], 0.0, nan), [NAN, 0.0, NAN, 0.0]);
        check("denormals", products(k, 1.0, ones, [TINY, 0.0, 0.0, 0.0], 0.0, nan), [TINY, 0.0, TINY, 0.0]);
        check("alpha = 0", products(k, 0.0, nan, nan, 2.0, ones), [2.0; 4]);
        check("alpha = beta = 0", products(k, 0.0, nan, nan, 0.0, nan), [0.0; 4]);
    }
}

/// The names in errors are those of the method's own formula.
#[test]
fn shapes_of_packed_operands() {
    let (x, mut y, mut ws) = ([1.0; 12], [7.0; 12], Workspace::new());
    for k in all_isas() {
        let packed = k.pack_b_owned(MatRef::new(&x, 3, 4).unwrap()).unwrap();
        let mut refused = |inputs, outputs, bias, name| {
            let view = MatRef::new(&x[..inputs], 1, inputs).unwrap();
            let to = MatMut::new(&mut y[..outputs], 1, outputs).unwrap();
            let found = k
                .dense_forward_packed(view, &packed, &x[..bias], Activation::Linear, to, &mut ws)
                .unwrap_err();
            match found {
                Error::Shape { what, .. } | Error::Length { what, .. } => assert_eq!(what, name),
                other => panic!("{other}, not the shape of {name}"),
            }
        };
        refused(2, 4, 4, "W");
        refused(3, 5, 4, "Y");
        refused(3, 4, 3, "bias");
    }
    assert_eq!(y, [7.0; 12]);
}

fn cross_entropy(k: Kernels, row: &[f32], label: u32) -> (f32, Vec<f32>, u32) {
    let n = row.len();
    let (mut loss, mut class, mut gradient) = ([7.0], [7], vec![7.0; n]);
    let to = Some(MatMut::new(&mut gradient, 1, n).unwrap());
    k.softmax_cross_entropy(MatRef::new(row, 1, n).unwrap(), &[label], 1, to, &mut loss, &mut class).unwrap();
    (loss[0], gradient, class[0])
}

#[test]
fn softmax_and_losses() {
    let rows: [(&[f32], &[f32], u32); 6] = [
        (&[1.0, NAN], &[NAN, NAN], NO_CLASS),
        (&[1.0, INF], &[NAN, NAN], 1),
        (&[-INF, -INF], &[NAN, NAN], 0),
        (&[-INF, 3.0], &[0.0, 1.0], 1),
        (&[0.0, 87.4], &[0.0, 1.0], 1),
        (&[-0.0, 0.0], &[0.5, 0.5], 0),
    ];
    for k in all_isas() {
        for (row, softmax, class) in rows {
            let (x, mut y, mut found) = (MatRef::new(row, 1, 2).unwrap(), [7.0; 2], [7]);
            k.softmax(x, MatMut::new(&mut y, 1, 2).unwrap()).unwrap();
            same(&y, softmax, &format!("softmax of {row:?} on {}", k.isa()));
            k.argmax(x, &mut found).unwrap();
            assert_eq!(found, [class], "argmax of {row:?} on {}", k.isa());
            let (loss, gradient, predicted) = cross_entropy(k, row, 1);
            assert_eq!(predicted, class, "prediction for {row:?} on {}", k.isa());
            same(&gradient, &[softmax[0], softmax[1] - 1.0], "gradient");
            assert_eq!(loss.is_nan(), softmax[0].is_nan(), "loss of {row:?} on {}: {loss}", k.isa());
        }
        let (loss, gradient, _) = cross_entropy(k, &[-INF, 3.0], 0);
        same(&gradient, &[-1.0, 1.0], "gradient");
        assert_eq!(loss, INF);
        let (loss, ..) = cross_entropy(k, &[-1e38, 1e38], 0);
        assert_eq!(loss, 2e38);

        let (x, mut y) = (MatRef::new(&[-INF, 3.0, NAN, 1.0], 2, 2).unwrap(), [7.0; 4]);
        k.log_softmax(x, MatMut::new(&mut y, 2, 2).unwrap()).unwrap();
        same(&y, &[-INF, 0.0, NAN, NAN], "log_softmax");

        let targets = MatRef::new(&[0.0, 1.0, NAN, 1.0], 2, 2).unwrap();
        let x = MatRef::new(&[-INF, 3.0, 1.0, 1.0], 2, 2).unwrap();
        let (mut losses, mut classes, mut gradient) = ([7.0; 2], [7; 2], [7.0; 4]);
        let to = Some(MatMut::new(&mut gradient, 2, 2).unwrap());
        k.softmax_cross_entropy_soft(x, targets, 1, to, &mut losses, &mut classes).unwrap();
        same(&losses, &[0.0, NAN], "soft losses");
        same(&gradient, &[0.0, 0.0, NAN, -0.5], "soft gradient");

        let labels = (&[1, 1][..], LabelSmoothing::new(0.5).unwrap());
        let to = Some(MatMut::new(&mut gradient, 2, 2).unwrap());
        k.softmax_cross_entropy_smoothed(x, labels, 1, to, &mut losses, &mut classes).unwrap();
        assert_eq!(losses[0], INF, "smoothed loss");
        same(&gradient, &[-0.25, 0.25, 0.25, -0.25], "smoothed gradient");

        let (mut losses, mut gradient) = ([7.0; 3], [7.0; 3]);
        k.binary_cross_entropy(&[NAN, INF, -INF], &[0.0, 0.0, 0.5], 1, Some(&mut gradient), &mut losses)
            .unwrap();
        assert!(losses[0].is_nan() && losses[1..].iter().all(|x| x.is_nan() || *x == INF), "{losses:?}");
        same(&gradient, &[NAN, 1.0, -0.5], "binary gradient");
    }
}

#[test]
fn optimizers() {
    for k in all_isas() {
        let (plain, at_once) = (RmsProp::default(), RmsProp { epsilon: 0.0, ..RmsProp::default() });
        for (rule, g, w, v) in [(plain, INF, NAN, INF), (plain, 1e20, 1.0, INF), (plain, 0.0, 1.0, 0.0)] {
            let (mut found_w, mut found_v) = ([1.0], [0.0]);
            k.rmsprop(&rule, &mut found_w, &mut found_v, &[g]).unwrap();
            same(&[found_w[0], found_v[0]], &[w, v], &format!("rmsprop of {g} on {}", k.isa()));
        }
        let (mut w, mut v) = ([1.0], [0.0]);
        k.rmsprop(&at_once, &mut w, &mut v, &[0.0]).unwrap();
        same(&w, &[NAN], "rmsprop without epsilon");
        // Infinite state stays, and so does the weight.
        let (mut w, mut m, mut v) = ([1.0], [0.0], [INF]);
        k.rmsprop(&plain, &mut w, &mut v, &[1.0]).unwrap();
        k.adam(&Adam::default(), 9, &mut w, &mut m, &mut v, &[1.0]).unwrap();
        same(&[w[0], v[0]], &[1.0, INF], "infinite state");
        for g in [NAN, INF] {
            let (mut w, mut m, mut v) = ([1.0], [0.0], [0.0]);
            k.adam(&Adam::default(), 0, &mut w, &mut m, &mut v, &[g]).unwrap();
            same(&w, &[NAN], "adam");
            let (mut w, mut m) = ([1.0], [0.0]);
            k.momentum(&Momentum::default(), &mut w, &mut m, &[g]).unwrap();
            same(&[w[0], m[0]], &[-g, -g], "momentum");
            k.momentum(&Momentum::default(), &mut w, &mut m, &[0.0]).unwrap();
            same(&[w[0], m[0]], &[-g, -g], "momentum afterwards");
            let mut w = [1.0];
            k.sgd(&Sgd::default(), &mut w, &[g]).unwrap();
            same(&w, &[-g], "sgd");
        }
        let mut w = [TINY, 1.0];
        k.sgd(&Sgd { learning_rate: 1.0 }, &mut w, &[-TINY, 0.0]).unwrap();
        same(&w, &[2.0 * TINY, 1.0], "sgd of denormals");
    }
}

#[test]
fn rules() {
    let step = |k: Kernels, rule: &Rule, vectors: &mut [[f32; 1]], g: f32| {
        let (w, states) = vectors.split_first_mut().unwrap();
        let states = states.iter_mut().map(|x| MatMut::new(x, 1, 1).unwrap());
        let mut states: Vec<_> = states.collect();
        k.update(rule, MatMut::new(w, 1, 1).unwrap(), &mut states, MatRef::new(&[g], 1, 1).unwrap()).unwrap();
    };
    for k in all_isas() {
        let clipped = Rule { clip_value: 2.0, ..Rule::new(Optimizer::Sgd(Sgd { learning_rate: 1.0 })) };
        for (g, expected) in [(NAN, NAN), (INF, -1.0), (-INF, 3.0), (0.5, 0.5), (-5.0, 3.0)] {
            let mut w = [[1.0]];
            step(k, &clipped, &mut w, g);
            same(&w[0], &[expected], &format!("clipped {g} on {}", k.isa()));
        }
        // The L2 term and the scale come before clipping, the decay before the step.
        let all = Rule { l2: 1.0, gradient_scale: 0.5, weight_decay: 0.25, ..clipped };
        let mut w = [[4.0]];
        step(k, &all, &mut w, -6.0);
        same(&w[0], &[4.0 - 1.0 - 1.0], "-6 + 2 4, halved");
        // A mean that rounds above its mean of squares gives a variance of 0, not a NaN.
        let centered = RmsPropMomentum { rmsprop: RmsProp::default(), momentum: 0.0, centered: true };
        let centered = Rule::new(Optimizer::RmsPropMomentum(centered));
        let mut vectors = [[1.0], [1.0], [1.0 + 1e-3]];
        step(k, &centered, &mut vectors, 1.0);
        same(&vectors[0], &[1.0 - 1e-3 / 1e-7f32.sqrt()], "a variance of 0");
        for g in [NAN, INF] {
            let mut vectors = [[1.0], [0.0], [0.0]];
            step(k, &centered, &mut vectors, g);
            same(&vectors[0], &[NAN], "centred");
        }
    }
}

/// A block of C is a whole number of tiles high and wide, at any height and width of tile.
#[test]
fn blocks_hold_whole_tiles() {
    for k in all_isas() {
        let Some(blocks) = k.gemm_blocks() else {
            assert_eq!(k.gemm_tiles().count(), 0, "{} has tiles, but no blocks", k.isa());
            continue;
        };
        assert!(k.gemm_tiles().count() > 0, "{} has blocks, but no tiles", k.isa());
        for tile in k.gemm_tiles() {
            assert_eq!((blocks.rows % tile.rows, blocks.columns % tile.columns), (0, 0), "{}", k.isa());
        }
        assert!((blocks.rows + blocks.columns) * blocks.depth <= Workspace::LEN);
    }
}

/// Pixels: the nearest float, which a product with the rounded reciprocal misses for some bytes.
#[test]
fn bytes() {
    let bytes: Vec<u8> = (0..=255).collect();
    let divided: Vec<f32> = bytes.iter().map(|b| f32::from(*b) / 255.0).collect();
    let multiplied = bytes.iter().map(|b| f32::from(*b) * (1.0 / 255.0));
    assert!(multiplied.zip(&divided).any(|(a, b)| a != *b));
    for k in all_isas() {
        let mut found = vec![7.0; 256];
        k.unit_from_u8(&bytes, &mut found).unwrap();
        same(&found, &divided, k.isa().name());
        assert_eq!((found[0], found[255]), (0.0, 1.0));
    }
}

/// The measuring aids do what they are measured at: every round, every element, nothing beside them.
#[test]
fn probes() {
    for k in all_isas() {
        let what = k.isa().name();
        assert_eq!(k.probe_fma(0).0, 0, "{what}");
        let (flop, start) = k.probe_fma(1);
        let vectors = flop / 32;
        assert!(vectors >= 1 && flop == vectors * 32, "{what}: {flop}");
        for rounds in [1, 2, 3, 10, 1000] {
            let (flop, sum) = k.probe_fma(rounds);
            assert_eq!(flop, vectors * 32 * u64::from(rounds), "{what}");
            // Each round halves the distance to 2 of each lane; 2 is a lane's limit.
            let limit = 2.0 * 16.0 * vectors as f64;
            let expected = limit + (1..rounds).fold(f64::from(start) - limit, |distance, _| distance / 2.0);
            assert!((f64::from(sum) - expected).abs() <= 1e-5 * limit, "{what}: {sum}, expected {expected}");
        }
        for n in [0, 1, 15, 16, 17, 63, 64, 65, 200] {
            let mut x = vec![0.0; n];
            assert_eq!(k.probe_read(&x, 2), 0, "{what} {n}");
            for i in 0..n {
                x[i] = f32::from_bits(1 << (i % 32));
                assert_eq!(k.probe_read(&x, 2), 1 << (i % 32), "{what}: {i} of {n}");
                x[i] = 0.0;
            }
            let (x, mut y) = (vec![3.0; n], vec![1.0; n + 1]);
            for rounds in [0, 1, 3] {
                y.fill(1.0);
                k.probe_update(0.5, &x, &mut y[..n], rounds).unwrap();
                let (inside, outside) = y.split_at(n);
                assert!(inside.iter().all(|y| *y == 1.0 + 1.5 * rounds as f32), "{what} {n}: {y:?}");
                assert_eq!(outside, [1.0], "{what} {n}");
            }
        }
        assert!(k.probe_update(0.5, &[1.0], &mut [], 1).is_err(), "{what}");
    }
}

/// Of every method of [`Kernels`]: its text has an example, which the doctests run, and says what its errors are.
#[test]
fn every_method_has_an_example() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kernels");
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let (mut inside, mut text) = (false, String::new());
        let mut lines = source.lines();
        while let Some(line) = lines.next() {
            match line {
                "impl Kernels {" => inside = true,
                "}" => inside = false,
                _ => {}
            }
            let line = line.trim_start();
            let method =
                ["pub fn ", "pub const fn ", "pub unsafe fn "].iter().any(|start| line.starts_with(start));
            if line.starts_with("///") {
                text += line;
            } else if inside && method {
                let mut signature = line.to_string();
                while !signature.ends_with('{') {
                    signature += lines.next().unwrap();
                }
                let errors = !signature.contains("Result<") || text.contains("# Errors");
                assert!(errors, "the errors of {signature}");
                assert!(text.contains("```") || line.starts_with("pub fn isa("), "an example of {signature}");
                (seen, text) = (seen + 1, String::new());
            } else if !line.starts_with("#[") {
                text.clear();
            }
        }
    }
    assert!(seen > 70, "{seen} methods");
}
