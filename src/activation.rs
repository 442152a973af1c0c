//! What a layer applies to its pre-activations, forward and back, and how it is written in options and files.

use std::fmt;
use std::str::FromStr;

use mnist_fast_kernels::{Activation as Fused, Kernels, MatMut, MatRef};

/// The function of a layer's units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// None: the outputs are the pre-activations, as in the last layer, whose softmax or logistic function is part of the loss.
    Linear,
    /// `if x < 0 { 0 } else { x }`.
    Relu,
    /// `if x < 0 { slope x } else { x }`, for a slope of 0 or more.
    LeakyRelu(f32),
    /// The logistic function.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
}

impl Activation {
    /// What users may write.
    pub const NAMES: &str = "relu, leaky-relu, leaky-relu:SLOPE, sigmoid or tanh";

    /// The slope of `leaky-relu` alone: that of Keras' `activation="leaky_relu"`. (Keras' layer `LeakyReLU` has 0.3, PyTorch 0.01.)
    pub const LEAKY_SLOPE: f32 = 0.2;

    /// The part that the kernels apply in the same pass as the product.
    pub(crate) fn fused(self) -> Fused {
        match self {
            Activation::Relu => Fused::Relu,
            Activation::Linear | Activation::LeakyRelu(_) | Activation::Sigmoid | Activation::Tanh => {
                Fused::Linear
            }
        }
    }

    /// The rest, to `y` after the product.
    pub(crate) fn finish(self, kernels: Kernels, mut y: MatMut<'_>) {
        let mut each_row = |apply: &dyn Fn(&mut [f32])| {
            (0..y.rows()).for_each(|i| apply(y.row_mut(i).expect("a row of the matrix")));
        };
        match self {
            Activation::Linear | Activation::Relu => {}
            Activation::LeakyRelu(slope) => each_row(&|row| kernels.leaky_relu(slope, row)),
            Activation::Sigmoid => each_row(&|row| kernels.sigmoid(row)),
            Activation::Tanh => each_row(&|row| kernels.tanh(row)),
        }
    }

    /// Whether the gradient looks at the sign of an output only.
    pub(crate) fn gradient_is_by_sign(self) -> bool {
        match self {
            Activation::Linear | Activation::Relu | Activation::LeakyRelu(_) => true,
            Activation::Sigmoid | Activation::Tanh => false,
        }
    }

    /// Takes `delta` back from the outputs `h` to the pre-activations, but for a ReLU, whose mask is part of the product
    /// that gave `delta`.
    pub(crate) fn gradient(self, kernels: Kernels, h: MatRef<'_>, mut delta: MatMut<'_>) {
        type Result = std::result::Result<(), mnist_fast_kernels::Error>;
        let mut each_row = |apply: &dyn Fn(&[f32], &mut [f32]) -> Result| {
            for i in 0..delta.rows() {
                let (h, delta) = (h.row(i).expect("a row each"), delta.row_mut(i).expect("a row each"));
                apply(h, delta).expect("rows of one length");
            }
        };
        match self {
            Activation::Linear | Activation::Relu => {}
            Activation::LeakyRelu(slope) => {
                each_row(&|h, delta| kernels.leaky_relu_gradient(slope, h, delta));
            }
            Activation::Sigmoid => each_row(&|h, delta| kernels.sigmoid_gradient(h, delta)),
            Activation::Tanh => each_row(&|h, delta| kernels.tanh_gradient(h, delta)),
        }
    }

    /// One for all hidden layers, or one for each: `relu`, or `relu,tanh`.
    pub fn parse_list(text: &str) -> Option<Vec<Self>> {
        text.split(',').map(|name| name.trim().parse().ok()).collect()
    }

    /// The shortest text that [`Activation::parse_list`] reads as these; `relu` for none.
    pub fn list(activations: &[Self]) -> String {
        match activations {
            [] => Activation::Relu.to_string(),
            [first, rest @ ..] if rest.iter().all(|other| other == first) => first.to_string(),
            _ => activations.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        }
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Activation::Linear => f.write_str("linear"),
            Activation::Relu => f.write_str("relu"),
            Activation::LeakyRelu(slope) => write!(f, "leaky-relu:{slope}"),
            Activation::Sigmoid => f.write_str("sigmoid"),
            Activation::Tanh => f.write_str("tanh"),
        }
    }
}

impl FromStr for Activation {
    type Err = ();

    /// A hidden layer's activation: one of [`Activation::NAMES`].
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "relu" => Ok(Activation::Relu),
            "sigmoid" => Ok(Activation::Sigmoid),
            "tanh" => Ok(Activation::Tanh),
            "leaky-relu" => Ok(Activation::LeakyRelu(Activation::LEAKY_SLOPE)),
            _ => {
                let slope: f32 = text.strip_prefix("leaky-relu:").ok_or(())?.parse().map_err(drop)?;
                // The gradient tells the sign of the input by that of the output.
                let fine = slope.is_finite() && slope >= 0.0;
                fine.then_some(Activation::LeakyRelu(slope)).ok_or(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        for text in ["relu", "sigmoid,tanh", "leaky-relu:0.2", "leaky-relu:0.01,relu,relu", "leaky-relu:1e-9"]
        {
            let activations = Activation::parse_list(text).unwrap();
            assert_eq!(Activation::parse_list(&Activation::list(&activations)), Some(activations), "{text}");
        }
        assert_eq!(Activation::parse_list("leaky-relu"), Some(vec![Activation::LeakyRelu(0.2)]));
        assert_eq!(Activation::list(&[Activation::Tanh; 3]), "tanh");
        for text in
            ["", "linear", "relu,", "ReLU", "leaky-relu:", "leaky-relu:-1", "leaky-relu:nan", "tanh:2"]
        {
            assert_eq!(Activation::parse_list(text), None, "{text}");
        }
    }
}
