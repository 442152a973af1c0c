//! Formulas that need no network give what Keras gives; `fixtures/README.md` says what was recorded.

use mnist_fast::schedule::{Schedule, Shape};
use mnist_fast_kernels::{Isa, Kernels, LabelSmoothing, MatMut, MatRef};
use serde_json::Value;

fn fixture(name: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../fixtures/keras_formulas.json")).unwrap();
    let cases = all[name].as_array().unwrap().clone();
    assert!(cases.len() > 3, "{name}");
    cases
}

fn numbers(case: &Value, name: &str) -> Vec<f64> {
    case[name].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

#[track_caller]
fn close(what: &str, found: &[f32], expected: &[f64], bound: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((f64::from(*found) - expected).abs() <= bound, "{what}, {i}: {found}, Keras {expected}");
    }
}

#[test]
fn losses_of_smoothed_labels() {
    for case in fixture("smoothing") {
        let (classes, rate) = (case["classes"].as_u64().unwrap() as usize, case["rate"].as_f64().unwrap());
        let logits: Vec<f32> = numbers(&case, "logits").iter().map(|x| *x as f32).collect();
        let labels: Vec<u32> = numbers(&case, "labels").iter().map(|y| *y as u32).collect();
        let smoothing = LabelSmoothing::new(rate).unwrap();
        let n = labels.len();
        for kernels in Isa::ALL.into_iter().filter_map(|isa| Kernels::new(isa).ok()) {
            let (mut losses, mut predictions, mut gradient) =
                (vec![0.0; n], vec![0; n], vec![0.0; n * classes]);
            if classes == 1 {
                let (on, off) = smoothing.targets(2);
                let targets: Vec<f32> = labels.iter().map(|y| if *y == 1 { on } else { off }).collect();
                kernels.binary_cross_entropy(&logits, &targets, n, Some(&mut gradient), &mut losses).unwrap();
            } else {
                let to = Some(MatMut::new(&mut gradient, n, classes).unwrap());
                let z = MatRef::new(&logits, n, classes).unwrap();
                let labels = (&labels[..], smoothing);
                kernels
                    .softmax_cross_entropy_smoothed(z, labels, n, to, &mut losses, &mut predictions)
                    .unwrap();
            }
            let what = format!("{classes} classes, rate {rate}, {}", kernels.isa());
            close(&format!("losses of {what}"), &losses, &numbers(&case, "losses"), 2e-6);
            close(&format!("gradients of {what}"), &gradient, &numbers(&case, "gradient"), 1e-7);
        }
    }
}

/// Keras computes in f32; ours in f64, so the bounds are Keras' own rounding.
#[test]
fn learning_rates_by_step() {
    for case in fixture("schedules") {
        let number = |name: &str| case[name].as_f64().unwrap();
        let shape = match case["name"].as_str().unwrap() {
            "cosine" => Shape::Cosine { steps: number("steps") as u64, last: number("final") },
            "step" => Shape::Step { every: number("every") as u64, factor: number("factor") },
            other => panic!("{other}"),
        };
        let schedule = Schedule { shape, warmup: case["warmup"].as_u64().unwrap_or(0) };
        let found: Vec<f32> = (0..).take(40).map(|t| schedule.rate(number("lr"), t) as f32).collect();
        close(&format!("rates of {schedule:?}"), &found, &numbers(&case, "rates"), 1e-9);
    }
}
