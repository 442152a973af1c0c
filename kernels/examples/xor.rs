//! Trains a 2-8-2 network on XOR with nothing but the kernels: `cargo run --release --example xor`.

use mnist_fast_kernels::{Activation::*, Error, Kernels, MatMut, MatRef, Sgd, Workspace};

fn main() -> Result<(), Error> {
    let (kernels, mut ws, rule) = (Kernels::best(), Workspace::new(), Sgd { learning_rate: 0.5 });
    let (x, labels) = (MatRef::new(&[0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], 4, 2)?, [0, 1, 1, 0]);
    // Weights are inputs x outputs, row-major; any numbers that differ will do to start from.
    let start = |step| std::array::from_fn::<f32, 16, _>(|i| (i * step % 16) as f32 / 8.0 - 0.9);
    let (mut w1, mut b1, mut w2, mut b2) = (start(7), [0.0; 8], start(5), [0.0; 2]);
    let (mut h, mut z, mut dz, mut dh) = ([0.0; 32], [0.0; 8], [0.0; 8], [0.0; 32]);
    let (mut losses, mut classes, mut db) = ([0.0; 4], [0; 4], [0.0; 8]);
    let (mut w1, mut w2) = (MatMut::new(&mut w1, 2, 8)?, MatMut::new(&mut w2, 8, 2)?);
    let (mut h, mut z) = (MatMut::new(&mut h, 4, 8)?, MatMut::new(&mut z, 4, 2)?);
    let (mut dz, mut dh) = (MatMut::new(&mut dz, 4, 2)?, MatMut::new(&mut dh, 4, 8)?);
    for _ in 0..=500 {
        // Forward: two layers, then losses, classes and the logits' gradient in one pass.
        kernels.dense_forward(x, w1.as_ref(), &b1, Relu, h.reborrow(), &mut ws)?;
        kernels.dense_forward(h.as_ref(), w2.as_ref(), &b2, Linear, z.reborrow(), &mut ws)?;
        let to = Some(dz.reborrow());
        kernels.softmax_cross_entropy(z.as_ref(), &labels, 4, to, &mut losses, &mut classes)?;
        // Backward: through the second layer's weights, masked where its input was not above 0.
        let mask = Some(h.as_ref());
        kernels.dense_input_gradient(dz.as_ref(), w2.as_ref(), mask, dh.reborrow(), &mut ws)?;
        // Update: gradient and step in one pass for weights, one after the other for biases.
        kernels.dense_weight_update_sgd(&rule, h.as_ref(), dz.as_ref(), w2.reborrow(), &mut ws)?;
        kernels.dense_weight_update_sgd(&rule, x, dh.as_ref(), w1.reborrow(), &mut ws)?;
        for (delta, bias) in [(&dz, &mut b2[..]), (&dh, &mut b1[..])] {
            kernels.dense_bias_gradient(delta.as_ref(), &mut db[..bias.len()])?;
            kernels.sgd(&rule, bias, &db[..bias.len()])?;
        }
    }
    println!("loss {:.4}, classes {classes:?}", losses.iter().sum::<f32>() / 4.0);
    assert_eq!(classes, labels);
    Ok(())
}
