//! A trained network in a library without `std`: no allocator, no files, no operating system.
//!
//! The weights are constants that the compiler reads out of `model.safetensors`, as `mnist-fast train --save` wrote it.
//! The scratch memory is the caller's: a `static` on a device, a `Vec` where there is a heap.
#![no_std]

mod safetensors;

use mnist_fast_kernels::{Activation, Error, Kernels, MatMut, MatRef, Workspace};
use safetensors::floats;

/// The pixels of an image: 28 rows of 28.
pub const PIXELS: usize = 28 * 28;
/// The digits.
pub const CLASSES: usize = 10;
const HIDDEN: usize = 16;

const MODEL: &[u8] = include_bytes!("../model.safetensors");
static WEIGHTS_1: [f32; HIDDEN * PIXELS] = floats(MODEL, r#""0.weight":{"dtype":"F32","shape":[16,784]"#);
static BIASES_1: [f32; HIDDEN] = floats(MODEL, r#""0.bias":{"dtype":"F32","shape":[16]"#);
static WEIGHTS_2: [f32; CLASSES * HIDDEN] = floats(MODEL, r#""2.weight":{"dtype":"F32","shape":[10,16]"#);
static BIASES_2: [f32; CLASSES] = floats(MODEL, r#""2.bias":{"dtype":"F32","shape":[10]"#);

/// The probability of each digit, and the most probable one. `image` is row-major, 0 for the background.
///
/// # Errors
/// None that an image could cause: shapes are fixed here.
pub fn classify(
    image: &[u8; PIXELS],
    workspace: &mut Workspace<'_>,
) -> Result<([f32; CLASSES], usize), Error> {
    let kernels = Kernels::best();
    let (mut x, mut h) = ([0.0; PIXELS], [0.0; HIDDEN]);
    let (mut logits, mut probabilities, mut class) = ([0.0; CLASSES], [0.0; CLASSES], [0]);
    kernels.unit_from_u8(image, &mut x)?;

    let x = MatRef::new(&x, 1, PIXELS)?;
    let w = inputs_by_outputs(&WEIGHTS_1, PIXELS, HIDDEN)?;
    kernels.dense_forward(x, w, &BIASES_1, Activation::Relu, MatMut::new(&mut h, 1, HIDDEN)?, workspace)?;

    let h = MatRef::new(&h, 1, HIDDEN)?;
    let w = inputs_by_outputs(&WEIGHTS_2, HIDDEN, CLASSES)?;
    let to = MatMut::new(&mut logits, 1, CLASSES)?;
    kernels.dense_forward(h, w, &BIASES_2, Activation::Linear, to, workspace)?;

    let logits = MatRef::new(&logits, 1, CLASSES)?;
    kernels.softmax(logits, MatMut::new(&mut probabilities, 1, CLASSES)?)?;
    kernels.argmax(logits, &mut class)?;
    Ok((probabilities, class[0] as usize))
}

/// Model files have PyTorch's layout, [outputs, inputs]; the kernels want inputs x outputs. Strides turn it: the next
/// input is the next float, the next output a row of inputs further.
fn inputs_by_outputs(weights: &[f32], inputs: usize, outputs: usize) -> Result<MatRef<'_>, Error> {
    MatRef::with_strides(weights, 0, inputs, outputs, 1, inputs as isize)
}
