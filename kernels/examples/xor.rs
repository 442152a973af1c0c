//! Trains a 2-8-2 network on XOR with nothing but the kernels: `cargo run --release --example xor`.

use mnist_fast_kernels::{Activation::*, Error, Kernels, MatMut, MatRef, Sgd, Workspace};

fn main() -> Result<(), Error> {
    let (kernels, mut ws, rule) = (Kernels::best(), Workspace::new(), Sgd { learning_rate: 0.5 });
    let x = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
    let x = MatRef::new(&x, 4, 2)?;
    let labels = [0, 1, 1, 0];
    // Weights are inputs x outputs, row-major; any numbers that differ will do to start from.
    let (mut w1, mut b1): (Vec<f32>, _) =
        ((0..16).map(|i| (i * 7 % 16) as f32 / 8.0 - 0.9).collect(), [0.0; 8]);
    let (mut w2, mut b2): (Vec<f32>, _) =
        ((0..16).map(|i| (i * 5 % 16) as f32 / 8.0 - 0.9).collect(), [0.0; 2]);
    let (mut h, mut z, mut dz, mut dh) = ([0.0; 32], [0.0; 8], [0.0; 8], [0.0; 32]);
    let (mut losses, mut classes, mut db) = ([0.0; 4], [0; 4], [0.0; 8]);
    for step in 0..=500 {
        // Forward: two layers, then loss, classes and the logits' gradient in one pass.
        kernels.dense_forward(x, MatRef::new(&w1, 2, 8)?, &b1, Relu, MatMut::new(&mut h, 4, 8)?, &mut ws)?;
        let h = MatRef::new(&h, 4, 8)?;
        kernels.dense_forward(
            h,
            MatRef::new(&w2, 8, 2)?,
            &b2,
            Linear,
            MatMut::new(&mut z, 4, 2)?,
            &mut ws,
        )?;
        let gradient = Some(MatMut::new(&mut dz, 4, 2)?);
        kernels.softmax_cross_entropy(
            MatRef::new(&z, 4, 2)?,
            &labels,
            4,
            gradient,
            &mut losses,
            &mut classes,
        )?;
        // Backward: through the second layer's weights, masked where its input was not above 0.
        let dz = MatRef::new(&dz, 4, 2)?;
        kernels.dense_input_gradient(
            dz,
            MatRef::new(&w2, 8, 2)?,
            Some(h),
            MatMut::new(&mut dh, 4, 8)?,
            &mut ws,
        )?;
        let dh = MatRef::new(&dh, 4, 8)?;
        // Update: gradient and step in one pass for weights, one after the other for biases.
        kernels.dense_weight_update_sgd(&rule, h, dz, MatMut::new(&mut w2, 8, 2)?, &mut ws)?;
        kernels.dense_weight_update_sgd(&rule, x, dh, MatMut::new(&mut w1, 2, 8)?, &mut ws)?;
        for (delta, bias) in [(dz, &mut b2[..]), (dh, &mut b1[..])] {
            let db = &mut db[..bias.len()];
            kernels.dense_bias_gradient(delta, db)?;
            kernels.sgd(&rule, bias, db)?;
        }
        if step % 100 == 0 {
            println!("step {step}: loss {:.4}, classes {classes:?}", losses.iter().sum::<f32>() / 4.0);
        }
    }
    assert_eq!(classes, labels);
    Ok(())
}
