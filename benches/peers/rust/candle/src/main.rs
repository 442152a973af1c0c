//! candle on the CPU. candle-nn has no RMSprop: it is written here with candle's tensors, as Keras writes it.

use candle_core::backprop::GradStore;
use candle_core::{D, DType, Device, Result, Tensor, Var};
use candle_nn::{Linear, Module, loss};
use std::time::Instant;
use workload::{BATCH, EPSILON, Options, Order, PIXELS, RATE, RHO, VALIDATION};

#[cfg(feature = "avx512")]
use gemm as _; // built with AVX-512 because it is named in Cargo.toml

struct Network {
    parameters: Vec<Var>,
    layers: [Linear; 3],
}

impl Network {
    fn new(order: &mut Order) -> Result<Self> {
        let mut parameters = Vec::new();
        let mut layer = |inputs: usize, outputs: usize| -> Result<Linear> {
            let weights = order.glorot(inputs, outputs);
            let weights = Var::from_tensor(&Tensor::from_vec(weights, (outputs, inputs), &Device::Cpu)?)?;
            let bias = Var::from_tensor(&Tensor::zeros(outputs, DType::F32, &Device::Cpu)?)?;
            let layer = Linear::new(weights.as_tensor().clone(), Some(bias.as_tensor().clone()));
            parameters.extend([weights, bias]);
            Ok(layer)
        };
        let layers = [layer(PIXELS, 128)?, layer(128, 128)?, layer(128, 10)?];
        Ok(Self { parameters, layers })
    }

    fn logits(&self, images: &Tensor) -> Result<Tensor> {
        let first = self.layers[0].forward(images)?.relu()?;
        let second = self.layers[1].forward(&first)?.relu()?;
        self.layers[2].forward(&second)
    }
}

/// RMSprop with epsilon inside the root.
struct RmsProp {
    mean_squares: Vec<Tensor>,
}

impl RmsProp {
    fn step(&mut self, parameters: &[Var], gradients: &GradStore) -> Result<()> {
        for (parameter, mean_square) in parameters.iter().zip(&mut self.mean_squares) {
            let gradient = gradients.get(parameter).expect("every parameter has a gradient");
            *mean_square = ((&*mean_square * RHO)? + (gradient.sqr()? * (1.0 - RHO))?)?;
            let change = (gradient * RATE)?.div(&(&*mean_square + EPSILON)?.sqrt()?)?;
            parameter.set(&parameter.sub(&change)?)?;
        }
        Ok(())
    }
}

fn correct(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    logits.argmax(D::Minus1)?.eq(labels)?.to_dtype(DType::F32)?.sum_all()
}

fn main() -> Result<()> {
    let options = Options::parse();
    let (images, labels) = options.read();
    let labels: Vec<u32> = labels.into_iter().map(u32::from).collect();
    let images = Tensor::from_vec(images, (60_000, PIXELS), &Device::Cpu)?;
    let labels = Tensor::from_vec(labels, 60_000, &Device::Cpu)?;
    let val_images = images.narrow(0, 0, VALIDATION)?;
    let val_labels = labels.narrow(0, 0, VALIDATION)?;

    let mut order = Order::new(options.seed);
    let network = Network::new(&mut order)?;
    let mean_squares = network.parameters.iter().map(|p| p.zeros_like()).collect::<Result<_>>()?;
    let mut optimizer = RmsProp { mean_squares };
    workload::print_start(option_env!("PEER_VERSION"), cfg!(feature = "avx512"));

    for epoch in 1..=options.epochs {
        let start = Instant::now();
        let (mut total, mut hits) = (0.0, 0.0);
        for batch in order.shuffled().chunks(BATCH) {
            let batch: Vec<u32> = batch.iter().map(|&image| image as u32).collect();
            let size = batch.len() as f32;
            let batch = Tensor::new(batch, &Device::Cpu)?;
            let (x, y) = (images.index_select(&batch, 0)?, labels.index_select(&batch, 0)?);
            let logits = network.logits(&x)?;
            let loss = loss::cross_entropy(&logits, &y)?;
            optimizer.step(&network.parameters, &loss.backward()?)?;
            total += loss.to_scalar::<f32>()? * size;
            hits += correct(&logits.detach(), &y)?.to_scalar::<f32>()?;
        }
        let logits = network.logits(&val_images)?.detach();
        let val_loss = loss::cross_entropy(&logits, &val_labels)?.to_scalar::<f32>()?;
        let val_hits = correct(&logits, &val_labels)?.to_scalar::<f32>()?;
        let seconds = start.elapsed().as_secs_f64();
        workload::print_epoch(epoch, seconds, [total / 5e4, hits / 5e4], [val_loss, val_hits / 1e4]);
    }
    Ok(())
}
