//! burn with Flex, its backend for CPUs. Its own RMSprop puts epsilon outside of the root, which costs the same.

use burn::module::{Initializer, Module};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{Linear, LinearConfig, Relu};
use burn::optim::{GradientsParams, RmsPropConfig};
use burn::tensor::{Device, Int, Tensor, TensorData};
use std::time::Instant;
use workload::{BATCH, EPSILON, Options, Order, PIXELS, RATE, RHO, VALIDATION};

#[derive(Module, Debug)]
struct Network {
    first: Linear,
    second: Linear,
    last: Linear,
    relu: Relu,
}

impl Network {
    fn new(device: &Device) -> Self {
        let layer = |inputs, outputs| {
            let glorot = Initializer::XavierUniform { gain: 1.0 };
            let mut layer = LinearConfig::new(inputs, outputs).with_initializer(glorot).init(device);
            layer.bias = layer.bias.map(|bias| bias.map(|tensor| tensor.zeros_like().require_grad()));
            layer
        };
        Self { first: layer(PIXELS, 128), second: layer(128, 128), last: layer(128, 10), relu: Relu::new() }
    }

    fn logits(&self, images: Tensor<2>) -> Tensor<2> {
        let first = self.relu.forward(self.first.forward(images));
        let second = self.relu.forward(self.second.forward(first));
        self.last.forward(second)
    }
}

fn image_tensor(pixels: Vec<f32>, device: &Device) -> Tensor<2> {
    let images = pixels.len() / PIXELS;
    Tensor::from_data(TensorData::new(pixels, [images, PIXELS]), device)
}

fn label_tensor(labels: Vec<i32>, device: &Device) -> Tensor<1, Int> {
    let images = labels.len();
    Tensor::from_data(TensorData::new(labels, [images]), device)
}

fn correct(logits: Tensor<2>, labels: Tensor<1, Int>) -> f32 {
    logits.argmax(1).squeeze_dim::<1>(1).equal(labels).int().sum().into_scalar::<i64>() as f32
}

fn main() {
    let options = Options::parse();
    let (images, labels) = options.read();
    let labels: Vec<i32> = labels.into_iter().map(i32::from).collect();
    let plain = Device::flex();
    plain.seed(options.seed);
    let device = plain.clone().autodiff();
    let val_images = image_tensor(images[..VALIDATION * PIXELS].to_vec(), &plain);
    let val_labels = label_tensor(labels[..VALIDATION].to_vec(), &plain);

    let mut order = Order::new(options.seed);
    let mut network = Network::new(&device);
    let optimizer =
        RmsPropConfig::new().with_alpha(RHO as f32).with_momentum(0.0).with_epsilon(EPSILON as f32);
    let mut optimizer = optimizer.init();
    let cross_entropy = CrossEntropyLossConfig::new().init(&device);
    let val_cross_entropy = CrossEntropyLossConfig::new().init(&plain);
    workload::print_start(option_env!("PEER_VERSION"), cfg!(feature = "avx512"));

    for epoch in 1..=options.epochs {
        let start = Instant::now();
        let (mut total, mut hits) = (0.0, 0.0);
        for batch in order.shuffled().chunks(BATCH) {
            let mut pixels = Vec::with_capacity(batch.len() * PIXELS);
            for &image in batch {
                pixels.extend_from_slice(&images[image * PIXELS..][..PIXELS]);
            }
            let x = image_tensor(pixels, &device);
            let y = label_tensor(batch.iter().map(|&image| labels[image]).collect(), &device);
            let logits = network.logits(x);
            let loss = cross_entropy.forward(logits.clone(), y.clone());
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            network = optimizer.step(RATE, network, gradients);
            total += loss.into_scalar::<f32>() * batch.len() as f32;
            hits += correct(logits.inner(), y.inner());
        }
        let logits = network.valid().logits(val_images.clone());
        let val_loss = val_cross_entropy.forward(logits.clone(), val_labels.clone()).into_scalar::<f32>();
        let val_hits = correct(logits, val_labels.clone());
        let seconds = start.elapsed().as_secs_f64();
        workload::print_epoch(epoch, seconds, [total / 5e4, hits / 5e4], [val_loss, val_hits / 1e4]);
    }
}
