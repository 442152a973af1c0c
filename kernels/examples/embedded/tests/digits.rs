//! The embedded network against plain loops in f64 over the model file's own layout.
#![allow(clippy::disallowed_methods)] // the oracle may use libm

use mnist_fast_embedded::{CLASSES, PIXELS, classify};
use mnist_fast_kernels::Workspace;

static DIGITS: &[u8] = include_bytes!("../digits.bin");
static MODEL: &[u8] = include_bytes!("../model.safetensors");
const HIDDEN: usize = 16;

/// `W x + b` for W as PyTorch has it, [outputs, inputs].
fn layer(weights: &[f32], biases: &[f32], x: &[f64]) -> Vec<f64> {
    let rows = weights.chunks(x.len()).zip(biases);
    rows.map(|(w, b)| f64::from(*b) + w.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum::<f64>()).collect()
}

fn logits_in_f64(image: &[u8]) -> Vec<f64> {
    // The tensors are the file's end, one after the other.
    let floats = HIDDEN * PIXELS + HIDDEN + CLASSES * HIDDEN + CLASSES;
    let (chunks, _) = MODEL[MODEL.len() - 4 * floats..].as_chunks();
    let floats: Vec<f32> = chunks.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let (w1, rest) = floats.split_at(HIDDEN * PIXELS);
    let (b1, rest) = rest.split_at(HIDDEN);
    let (w2, b2) = rest.split_at(CLASSES * HIDDEN);
    let x: Vec<f64> = image.iter().map(|byte| f64::from(*byte) / 255.0).collect();
    let h: Vec<f64> = layer(w1, b1, &x).into_iter().map(|x| x.max(0.0)).collect();
    layer(w2, b2, &h)
}

#[test]
fn probabilities_are_those_of_plain_loops() {
    let mut buffer = vec![0.0; Workspace::LEN];
    let mut workspace = Workspace::from_buffer(&mut buffer).unwrap();
    let (digits, rest) = DIGITS.as_chunks::<{ 1 + PIXELS }>();
    assert_eq!((digits.len(), rest.len()), (10, 0));
    let mut right = 0;
    for [label, image @ ..] in digits {
        let (found, class) = classify(image, &mut workspace).unwrap();
        let logits = logits_in_f64(image);
        // The softmax by its definition: the logits must differ as the probabilities' logarithms do.
        for (logit, p) in logits.iter().zip(found) {
            let exact = f64::from(found[class]) * (logit - logits[class]).exp();
            assert!((f64::from(p) - exact).abs() < 1e-6, "{p} for {exact}");
        }
        assert!((found.iter().map(|p| f64::from(*p)).sum::<f64>() - 1.0).abs() < 1e-6);
        assert!(found.iter().all(|p| *p <= found[class]));
        right += usize::from(class == usize::from(*label));
    }
    // The last but one, a 5, is hard for larger networks, too.
    assert!(right >= 8, "{right} of 10 digits are right");
}
