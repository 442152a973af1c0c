//! Predictions have the bits of training's products, one image at a time or many, on any number of threads, with zeros left out or
//! not; and what cannot be predicted is an error.

use mnist_fast::activation::Activation;
use mnist_fast::network::Network;
use mnist_fast::predict::{Predictor, Settings};
use mnist_fast::team::Team;
use mnist_fast::train::{Examples, Optimizer, Settings as Training, Trainer};
use mnist_fast_kernels::{Isa, Kernels, MatMut, MatRef, Sgd, Workspace};

/// Images whose pixels are 0 but for one of `rare`; the second is black, the third has no zero.
fn images(count: usize, inputs: usize, rare: u64) -> Vec<u8> {
    let mut state = 7u64;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let mut images: Vec<u8> =
        (0..count * inputs).map(|_| if draw() % rare == 0 { (draw() % 255) as u8 + 1 } else { 0 }).collect();
    for (i, value) in [(1, 0), (2, 255)] {
        images.chunks_exact_mut(inputs).skip(i).take(1).for_each(|image| image.fill(value));
    }
    images
}

/// Bits, whatever the sign of a zero.
fn bits(floats: impl IntoIterator<Item = f32>) -> Vec<u32> {
    floats.into_iter().map(|x| (x + 0.0).to_bits()).collect()
}

fn elements(x: MatRef<'_>) -> Vec<f32> {
    (0..x.rows()).flat_map(|row| x.row(row).unwrap().to_vec()).collect()
}

/// A network with biases too.
fn network(sizes: &[usize]) -> Network {
    let mut network = Network::glorot_uniform(sizes, 3).unwrap();
    for layer in network.layers_mut() {
        let weights = elements(layer.weights());
        let biases: Vec<f32> = (0..layer.outputs()).map(|i| (i % 5) as f32 * 0.1 - 0.15).collect();
        layer.set(&weights, &biases).unwrap();
    }
    network
}

/// Logits, probabilities and classes by whole dense products.
fn expected(kernels: Kernels, network: &Network, images: &[u8]) -> (Vec<f32>, Vec<f32>, Vec<u32>) {
    let count = images.len() / network.inputs();
    let mut x = vec![0.0; images.len()];
    kernels.unit_from_u8(images, &mut x).unwrap();
    for layer in network.layers() {
        let mut y = vec![0.0; count * layer.outputs()];
        let from = MatRef::new(&x, count, layer.inputs()).unwrap();
        let to = MatMut::new(&mut y, count, layer.outputs()).unwrap();
        let mut workspace = Workspace::new();
        layer.forward(kernels, from, to, &mut workspace).unwrap();
        x = y;
    }
    let logits = MatRef::new(&x, count, network.classes()).unwrap();
    let (mut probabilities, mut classes) = (x.clone(), vec![0; count]);
    kernels.softmax(logits, MatMut::new(&mut probabilities, count, network.classes()).unwrap()).unwrap();
    kernels.argmax(logits, &mut classes).unwrap();
    (x, probabilities, classes)
}

#[test]
fn every_way_gives_the_bits_of_whole_dense_products() {
    for kernels in Isa::ALL.into_iter().filter(|isa| isa.is_exact()).map(Kernels::new) {
        let Ok(kernels) = kernels else { continue };
        // Layers of 64 outputs and more leave out zeros; there are no hidden layers, narrow ones, and such as end between vectors.
        for (sizes, activations) in [
            (&[7, 3][..], "relu"),
            (&[70, 64, 5], "relu"),
            (&[130, 20, 100, 65, 10], "relu"),
            (&[40, 64, 70, 65, 6], "tanh,relu,leaky-relu"),
        ] {
            let activations = Activation::parse_list(activations).unwrap();
            let network = network(sizes).with_activations(&activations).unwrap();
            // Denser than what is left out by itself, and sparser.
            for (count, rare) in [(0, 5), (1, 5), (63, 1), (64, 5), (65, 5), (130, 5)] {
                let images = images(count, sizes[0], rare);
                let (logits, probabilities, classes) = expected(kernels, &network, &images);
                for (threads, sparse) in
                    [(1, None), (1, Some(true)), (2, Some(false)), (3, Some(true)), (3, None)]
                {
                    let mut predictor =
                        Predictor::new(&network, Settings { kernels, threads, sparse }).unwrap();
                    let case = format!(
                        "{}, {sizes:?}, {count} images, {threads} threads, {sparse:?}",
                        kernels.isa()
                    );
                    // Once more after a call of another size.
                    for round in 0..2 {
                        let found = predictor.all(&images).unwrap();
                        assert_eq!(bits(elements(found.logits)), bits(logits.clone()), "{case}");
                        assert_eq!(bits(found.probabilities.to_vec()), bits(probabilities.clone()), "{case}");
                        assert_eq!(found.classes, classes, "{case}");
                        if round == 0 {
                            predictor.all(&vec![255; 3 * sizes[0]]).unwrap();
                        }
                    }
                    for (image, row) in
                        images.chunks_exact(sizes[0]).zip(probabilities.chunks_exact(sizes[sizes.len() - 1]))
                    {
                        let found = predictor.one(image).unwrap().to_vec();
                        assert_eq!(bits(found), bits(row.to_vec()), "{case}: one");
                    }
                }
            }
        }
    }
}

#[test]
fn evaluation_has_the_bits_of_trainings() {
    let sizes = [100, 64, 64, 10];
    let images = images(333, sizes[0], 4);
    let labels: Vec<u8> = (0..333).map(|i| (i * 7 % 10) as u8).collect();
    let examples = Examples { images: &images, labels: &labels };
    let kernels = Kernels::best();
    let optimizer = Optimizer::Sgd(Sgd::default());
    let settings = Training { batch_size: 64, optimizer, seed: 1, shuffle: true, sparse: true };
    let mut trainer = Trainer::new(kernels, Team::new(2).unwrap(), network(&sizes), settings).unwrap();
    let metrics = trainer.evaluate(examples);
    for (threads, sparse) in [(1, Some(true)), (2, Some(false)), (3, None)] {
        let settings = Settings { kernels, threads, sparse };
        let found = Predictor::new(network(&sizes), settings).unwrap().evaluate(examples).unwrap();
        assert_eq!(found.metrics, metrics, "{threads} threads, {sparse:?}");
        let sum: f64 = found.losses.iter().map(|loss| f64::from(*loss)).sum();
        assert_eq!(sum, metrics.loss_sum);
        let right = found.classes.iter().zip(&labels).filter(|(c, l)| **c == u32::from(**l)).count();
        assert_eq!(right, metrics.correct);
    }
}

/// A network of zeros but for the biases of its last layer.
fn of_biases(biases: &[f32]) -> Network {
    let mut network = Network::zeros(&[4, 3, biases.len()]).unwrap();
    let weights = vec![0.0; 3 * biases.len()];
    network.layers_mut()[1].set(&weights, biases).unwrap();
    network
}

#[test]
fn losses_probabilities_and_counts_agree() {
    let labels: Vec<u8> = (0..150).map(|i| u8::from(i % 3 == 0)).collect();
    let examples = Examples { images: &[0; 4 * 150], labels: &labels };
    let mut predictor = Predictor::new(of_biases(&[0.0, 2.0]), Settings::default()).unwrap();
    let found = predictor.evaluate(examples).unwrap();
    assert_eq!((found.metrics.correct, found.metrics.count, found.losses.len()), (50, 150, 150));
    // ln(1 + e^-2) and 2 more.
    for (loss, label) in found.losses.iter().zip(&labels) {
        let expected = if *label == 1 { 0.126_928 } else { 2.126_928 };
        assert!((loss - expected).abs() < 1e-5, "{loss}");
    }
    assert!(found.probabilities.iter().all(|p| (p - 0.880_797).abs() < 1e-5));
    let mut predictor = Predictor::new(of_biases(&[0.0, 1.0, 1.0]), Settings::default()).unwrap();
    assert_eq!(predictor.all(&[7; 20]).unwrap().classes, [1; 5], "of equal ones the first");
}

#[test]
fn what_is_no_image_is_an_error() {
    let mut predictor = Predictor::new(of_biases(&[0.0, 1.0]), Settings::default()).unwrap();
    for bytes in [0, 3, 5, 8] {
        let error = predictor.one(&vec![0; bytes]).unwrap_err().to_string();
        assert!(error.contains(&format!("{bytes} byte")) && error.contains("4 pixels"), "{error}");
    }
    for bytes in [1, 7, 4 * 70 + 3] {
        let error = predictor.all(&vec![0; bytes]).unwrap_err().to_string();
        assert!(error.contains(&format!("{bytes} byte")) && error.contains("4 pixels"), "{error}");
    }
    for (images, labels, part) in [(12, vec![0, 1], "12 bytes and 2 labels"), (8, vec![1, 2], "label 1 is 2")]
    {
        let examples = Examples { images: &vec![0; images], labels: &labels };
        let error = predictor.evaluate(examples).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn outputs_that_are_no_numbers_are_an_error_that_names_the_first_image() {
    let mut network = of_biases(&[0.0, 0.0]);
    network.layers_mut()[0].set(&[3e38; 12], &[0.0; 3]).unwrap();
    network.layers_mut()[1].set(&[3e38, -3e38, 3e38, 3e38, -3e38, 3e38], &[0.0; 2]).unwrap();
    for threads in [1, 3] {
        let settings = Settings { threads, ..Settings::default() };
        let mut predictor = Predictor::new(&network, settings).unwrap();
        assert!(predictor.one(&[255; 4]).unwrap_err().to_string().contains("not numbers"));
        let mut images = vec![0; 4 * 200];
        images[4 * 150..].fill(255);
        let error = predictor.all(&images).unwrap_err().to_string();
        assert!(error.contains("image 150 are not numbers"), "{error}");
        // The error is over with its images.
        assert_eq!(predictor.all(&images[..4 * 150]).unwrap().classes.len(), 150);
        assert_eq!(predictor.one(&[0; 4]).unwrap(), [0.5, 0.5]);
    }
}
