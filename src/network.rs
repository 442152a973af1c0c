//! The network: dense layers, an activation between them, softmax at the end.

use mnist_fast_kernels::{self as kernels, Kernels, MatMut, MatRef, Workspace};

use crate::activation::Activation;
use crate::error::{Error, Result};
use crate::hash::Sha256Hex;
use crate::little_endian;
use crate::memory;
use crate::random;
use crate::shared::{SharedBuffer, SharedMatrix, stride_of};

/// One dense layer.
#[derive(Clone)]
pub struct Layer {
    activation: Activation,
    /// inputs x outputs
    pub(crate) weights: SharedMatrix,
    pub(crate) biases: SharedBuffer<f32>,
}

impl Layer {
    fn zeros(inputs: usize, outputs: usize, activation: Activation) -> Self {
        Layer { activation, weights: SharedMatrix::new(inputs, outputs), biases: SharedBuffer::new(outputs) }
    }

    /// Columns of its input.
    pub fn inputs(&self) -> usize {
        self.weights.rows()
    }

    /// Columns of its output.
    pub fn outputs(&self) -> usize {
        self.weights.columns()
    }

    /// What it applies to its pre-activations.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// Whether a ReLU makes some of its outputs zero.
    pub fn is_relu(&self) -> bool {
        self.activation == Activation::Relu
    }

    /// Its outputs for some rows of inputs.
    ///
    /// # Errors
    /// Where a shape is not this layer's.
    pub fn forward(
        &self,
        kernels: Kernels,
        x: MatRef<'_>,
        mut y: MatMut<'_>,
        workspace: &mut Workspace<'_>,
    ) -> std::result::Result<(), kernels::Error> {
        let (weights, biases, fused) = (self.weights(), self.biases(), self.activation.fused());
        kernels.dense_forward(x, weights, biases, fused, y.reborrow(), workspace)?;
        self.activation.finish(kernels, y);
        Ok(())
    }

    /// Weights and biases.
    pub fn parameters(&self) -> usize {
        (self.inputs() + 1) * self.outputs()
    }

    /// The weights, inputs x outputs.
    pub fn weights(&self) -> MatRef<'_> {
        self.weights.read(0..self.inputs(), 0..self.outputs())
    }

    /// One bias per output.
    pub fn biases(&self) -> &[f32] {
        self.biases.all()
    }

    /// The weights of one input, one per output.
    pub fn weight_row(&self, input: usize) -> &[f32] {
        self.weights.row(input)
    }

    /// Sets the weights, [inputs, outputs] row-major, and the biases.
    ///
    /// # Errors
    /// Where a length is not this layer's, or a value is not finite.
    pub fn set(&mut self, weights: &[f32], biases: &[f32]) -> Result<()> {
        let (inputs, outputs) = (self.inputs(), self.outputs());
        if weights.len() != inputs * outputs || biases.len() != outputs {
            return Err(Error::failed(format!(
                "a layer of {inputs} x {outputs} needs {} weights and {outputs} biases, but got {} and {}",
                inputs * outputs,
                weights.len(),
                biases.len()
            )));
        }
        if let Some(x) = weights.iter().chain(biases).find(|x| !x.is_finite()) {
            return Err(Error::failed(format!(
                "a parameter is {x}, where every one must be a finite number"
            )));
        }
        for (input, row) in weights.chunks_exact(outputs).enumerate() {
            self.weights.row_mut(input).copy_from_slice(row);
        }
        self.biases.all_mut().copy_from_slice(biases);
        Ok(())
    }
}

/// A multilayer perceptron.
#[derive(Clone)]
pub struct Network {
    layers: Vec<Layer>,
}

impl Network {
    /// A network of zeros for `sizes`: inputs, the hidden layers' outputs, outputs; with ReLU after each hidden layer.
    ///
    /// # Errors
    /// Where a size is 0, there are fewer than two, or the parameters do not fit into memory.
    pub fn zeros(sizes: &[usize]) -> Result<Self> {
        if sizes.len() < 2 || sizes.contains(&0) {
            return Err(Error::failed(format!("no network can have layers of {sizes:?} units")));
        }
        let bytes = sizes.windows(2).try_fold(0usize, |sum, pair| {
            let padded = stride_of(pair[1])?;
            pair[0].checked_add(1)?.checked_mul(padded)?.checked_mul(4)?.checked_add(sum)
        });
        let names: Vec<String> = sizes.iter().map(ToString::to_string).collect();
        memory::require(bytes, &format!("a network of {} units", names.join("-")))?;
        let last = sizes.len() - 2;
        let layers = sizes.windows(2).enumerate().map(|(l, pair)| {
            let activation = if l == last { Activation::Linear } else { Activation::Relu };
            Layer::zeros(pair[0], pair[1], activation)
        });
        Ok(Network { layers: layers.collect() })
    }

    /// A network as Keras starts one: glorot-uniform weights, zero biases.
    ///
    /// # Errors
    /// As for [`Network::zeros`].
    pub fn glorot_uniform(sizes: &[usize], seed: u64) -> Result<Self> {
        let mut network = Network::zeros(sizes)?;
        for (l, layer) in network.layers.iter_mut().enumerate() {
            let mut draw = random::glorot_uniform(seed, l as u64, layer.inputs(), layer.outputs());
            for input in 0..layer.inputs() {
                layer.weights.row_mut(input).fill_with(&mut draw);
            }
        }
        Ok(network)
    }

    /// The same network with other activations after its hidden layers: one for each, or one for all.
    ///
    /// # Errors
    /// Where their number is neither 1 nor that of the hidden layers.
    pub fn with_activations(mut self, activations: &[Activation]) -> Result<Self> {
        let hidden = self.layers.len() - 1;
        if activations.len() != 1 && activations.len() != hidden {
            return Err(Error::failed(format!(
                "there are {} activations but {hidden} hidden layers; give one for all of them or one for each",
                activations.len()
            )));
        }
        for (layer, activation) in self.layers[..hidden].iter_mut().zip(activations.iter().cycle()) {
            layer.activation = *activation;
        }
        Ok(self)
    }

    /// The activations of the hidden layers.
    pub fn activations(&self) -> Vec<Activation> {
        self.layers[..self.layers.len() - 1].iter().map(Layer::activation).collect()
    }

    /// The layers, from the input on.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The layers, to set.
    pub fn layers_mut(&mut self) -> &mut [Layer] {
        &mut self.layers
    }

    /// Columns of the input.
    pub fn inputs(&self) -> usize {
        self.layers[0].inputs()
    }

    /// Columns of the output: one a class, or a single one, logistic, for two classes.
    pub fn outputs(&self) -> usize {
        self.layers[self.layers.len() - 1].outputs()
    }

    /// How many classes it tells apart.
    pub fn classes(&self) -> usize {
        self.outputs().max(2)
    }

    /// The outputs of the hidden layers.
    pub fn hidden(&self) -> Vec<usize> {
        self.layers[..self.layers.len() - 1].iter().map(Layer::outputs).collect()
    }

    /// All weights and biases.
    pub fn parameters(&self) -> usize {
        self.layers.iter().map(Layer::parameters).sum()
    }

    /// SHA-256 of all parameters as little-endian f32, layer by layer: weights [inputs, outputs] row-major, then biases;
    /// each after adding +0.0, so that the sign of a zero does not count.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256Hex::new();
        let mut bytes = Vec::new();
        for layer in &self.layers {
            let rows = (0..layer.inputs()).map(|input| layer.weight_row(input)).chain([layer.biases()]);
            for row in rows {
                bytes.clear();
                little_endian::append(&mut bytes, row.iter(), |x: f32| (x + 0.0).to_le_bytes());
                hash.update(&bytes);
            }
        }
        hash.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tutorials_network_has_118_282_parameters() {
        let network = Network::glorot_uniform(&[784, 128, 128, 10], 42).unwrap();
        assert_eq!(network.parameters(), 118_282);
        assert_eq!(network.hidden(), [128, 128]);
        let limits = [0.0811, 0.1531, 0.2085];
        for (layer, limit) in network.layers().iter().zip(limits) {
            let largest =
                (0..layer.inputs()).flat_map(|i| layer.weight_row(i)).fold(0f32, |a, w| a.max(w.abs()));
            assert!(largest <= limit + 1e-4 && largest > limit * 0.98, "{largest} against {limit}");
            assert!(layer.biases().iter().all(|b| *b == 0.0));
        }
    }

    #[test]
    fn impossible_sizes_are_refused() {
        for sizes in [&[784][..], &[784, 0, 10], &[0, 10], &[usize::MAX, 10], &[1 << 40, 1 << 40, 10]] {
            assert!(Network::zeros(sizes).is_err(), "{sizes:?}");
        }
    }

    #[test]
    fn the_hash_ignores_the_sign_of_zero_and_nothing_else() {
        let hash = |weights: &[f32]| {
            let mut network = Network::zeros(&[2, 1]).unwrap();
            network.layers_mut()[0].set(weights, &[0.0]).unwrap();
            network.sha256()
        };
        assert_eq!(hash(&[0.0, 1.0]), hash(&[-0.0, 1.0]));
        assert_ne!(hash(&[0.0, 1.0]), hash(&[1.0, 0.0]));
        // 12 bytes: 0.0, 1.0 and the bias 0.0.
        let bytes = [0u8, 0, 0, 0, 0, 0, 0x80, 0x3f, 0, 0, 0, 0];
        assert_eq!(hash(&[0.0, 1.0]), crate::hash::sha256_hex(&bytes));
    }

    #[test]
    fn parameters_that_are_not_finite_are_refused() {
        let mut network = Network::zeros(&[1, 1]).unwrap();
        let error = network.layers_mut()[0].set(&[f32::NAN], &[0.0]).unwrap_err().to_string();
        assert!(error.contains("NaN") && error.contains("finite"), "{error}");
    }
}
