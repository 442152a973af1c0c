//! `--explain`: the formulas of a network and its training with their numbers, and where each comes from.

use std::path::Path;

use mnist_fast::activation::Activation;
use mnist_fast::loss::Loss;
use mnist_fast::network::Network;
use mnist_fast::schedule::Schedule;
use mnist_fast::train::{Optimizer, Regularization};
use mnist_fast_kernels::{DistortionRange, LabelSmoothing};

use super::{augment, formulas, schedule};
use crate::args::Opt;

pub(crate) const EXPLAIN: Opt = Opt {
    name: "--explain",
    value: "",
    help: "print the formulas in use with their numbers, and where they come from;\nnothing is trained",
};

/// What is explained.
pub(crate) struct Explained<'a> {
    pub(crate) network: &'a Network,
    pub(crate) loss: Loss,
    pub(crate) smoothing: LabelSmoothing,
    /// A rate for each hidden layer, where there is dropout.
    pub(crate) dropout: Option<&'a [f64]>,
    /// How far training images are distorted, where they are.
    pub(crate) augment: Option<&'a DistortionRange>,
    pub(crate) optimizer: &'a Optimizer,
    pub(crate) schedule: &'a Schedule,
    pub(crate) regularization: Regularization,
    /// Where the initial weights come from, if from a file.
    pub(crate) init: Option<&'a Path>,
}

impl Explained<'_> {
    /// For the terminal.
    pub(crate) fn text(&self) -> String {
        let schedule = schedule::explained(self.schedule, self.optimizer.learning_rate());
        let augment = self.augment.map(augment::explain);
        let parts = [
            Some(self.forward()),
            Some(self.loss()),
            Some(self.optimizer()),
            schedule,
            Some(self.weights()),
            augment,
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n")
    }

    fn forward(&self) -> String {
        let network = self.network;
        let mut lines = vec![
            "Network".to_owned(),
            format!("  h0 = pixels / 255, a row of {} for each image", network.inputs()),
        ];
        let mut sources = vec!["dense: Keras' layers.Dense, y = x W + b"];
        for (l, layer) in network.layers().iter().enumerate() {
            let (inputs, outputs, n) = (layer.inputs(), layer.outputs(), l + 1);
            lines.push(format!("  z{n} = h{l} W{n} + b{n}, W{n} of {inputs} x {outputs}"));
            if n == network.layers().len() {
                break;
            }
            let (formula, source) = activation(layer.activation(), n);
            lines.push(format!("  h{n} = {formula}"));
            if !sources.contains(&source) {
                sources.push(source);
            }
            if let Some(rate) = self.dropout.map(|rates| rates[l]).filter(|rate| *rate > 0.0) {
                lines.push(format!(
                    "  in training each element of h{n} is 0 with probability {rate}, else divided by 1 - {rate}"
                ));
                let source = "dropout: Srivastava et al. 2014, inverted as in Keras' layers.Dropout";
                if !sources.contains(&source) {
                    sources.push(source);
                }
            }
        }
        let last = network.layers().len();
        if self.loss == Loss::Binary {
            lines.push(format!("  p  = 1 / (1 + exp(-z{last})), the probability of the second class"));
            sources.push("sigmoid: Keras' activations.sigmoid");
        } else {
            lines.push(format!(
                "  p_k = exp(z{last}_k - m) / sum over j of exp(z{last}_j - m), m = max z{last}"
            ));
            sources.push(
                "softmax: Bridle 1990; Keras' activations.softmax; without m its exponentials overflow",
            );
        }
        with_sources(lines, &sources)
    }

    fn loss(&self) -> String {
        let last = self.network.layers().len();
        let smoothed = self.smoothing.rate() > 0.0;
        let mut lines = vec![format!("Loss: {}", self.loss)];
        lines.extend(match (self.loss, smoothed) {
            (Loss::Binary, _) => vec![
                format!("  L = max(z{last}, 0) - z{last} t + log(1 + exp(-|z{last}|)), {}", self.target()),
                "  dL/dz = p - t".to_owned(),
            ],
            (_, false) => vec![
                format!("  L = log(sum over j of exp(z{last}_j - m)) + m - z{last}_y, y the label"),
                "  dL/dz_k = p_k - (1 if k = y, else 0)".to_owned(),
            ],
            (_, true) => vec![
                format!("  L = sum over k of t_k (log(sum over j of exp(z{last}_j - m)) + m - z{last}_k)"),
                format!("  {}, y the label", self.target()),
                "  dL/dz_k = p_k - t_k".to_owned(),
            ],
        });
        lines.push("  a step's loss and gradient are means over the batch".to_owned());
        let mut sources = vec![
            match self.loss {
                Loss::Categorical => {
                    "Keras' losses.CategoricalCrossentropy, by one-hot vectors: the same numbers as by labels"
                }
                Loss::SparseCategorical if smoothed => {
                    "Keras' losses.CategoricalCrossentropy of one-hot vectors, which are never made"
                }
                Loss::SparseCategorical => "Keras' losses.SparseCategoricalCrossentropy",
                Loss::Binary => {
                    "Keras' losses.BinaryCrossentropy, in the form of TensorFlow's sigmoid_cross_entropy_with_logits"
                }
            },
            "from logits: Keras takes them as well where the last layer is a softmax or sigmoid; nothing is clipped",
        ];
        if smoothed {
            sources.push(
                "label smoothing: Szegedy et al. 2016; Keras' label_smoothing, PyTorch's for several classes",
            );
            sources.push(
                "validation and test loss are of smoothed labels too, as in Keras, and so is that of eval",
            );
        }
        with_sources(lines, &sources)
    }

    /// What the loss wants, by the label.
    fn target(&self) -> String {
        let s = self.smoothing.rate();
        match (self.loss, s > 0.0) {
            (Loss::Binary, false) => "t = 1 for the second class, else 0".to_owned(),
            (Loss::Binary, true) => {
                let (on, off) = self.smoothing.targets(2);
                format!("t = {on} = 1 - {s} + {s} / 2 for the second class, else {off}")
            }
            _ => {
                let n = self.network.outputs();
                let (on, off) = self.smoothing.targets(n);
                format!("t_k = {on} = 1 - {s} + {s} / {n} if k = y, else {off} = {s} / {n}")
            }
        }
    }

    fn optimizer(&self) -> String {
        let (lines, sources) = formulas::update(self.optimizer, &self.regularization);
        with_sources(lines, &sources)
    }

    fn weights(&self) -> String {
        let mut lines = vec!["Initial weights".to_owned()];
        if let Some(path) = self.init {
            lines.push(format!("  read from {}", path.display()));
            return lines.join("\n");
        }
        for (l, layer) in self.network.layers().iter().enumerate() {
            let (inputs, outputs, n) = (layer.inputs(), layer.outputs(), l + 1);
            let limit = (6.0 / (inputs + outputs) as f64).sqrt();
            lines.push(format!(
                "  W{n} uniform from -{limit:.4} to {limit:.4} = sqrt(6 / ({inputs} + {outputs})), b{n} = 0"
            ));
        }
        let sources =
            ["Glorot and Bengio 2010; Keras' initializers.GlorotUniform, the default of layers.Dense"];
        with_sources(lines, &sources)
    }
}

/// The formula of a hidden layer's activation, and its source.
fn activation(activation: Activation, n: usize) -> (String, &'static str) {
    match activation {
        Activation::Linear => (format!("z{n}"), "linear: Keras' activations.linear"),
        Activation::Relu => (format!("max(z{n}, 0)"), "relu: Nair and Hinton 2010; Keras' activations.relu"),
        Activation::LeakyRelu(slope) => (
            format!("z{n} if z{n} >= 0, else {slope} z{n}"),
            "leaky-relu: Maas, Hannun and Ng 2013; Keras' activations.leaky_relu, whose slope is 0.2",
        ),
        Activation::Sigmoid => (format!("1 / (1 + exp(-z{n}))"), "sigmoid: Keras' activations.sigmoid"),
        Activation::Tanh => (format!("tanh(z{n})"), "tanh: Keras' activations.tanh"),
    }
}

pub(super) fn with_sources(lines: Vec<String>, sources: &[&str]) -> String {
    let sources = sources.iter().map(|source| format!("  [{source}]"));
    lines.into_iter().chain(sources).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use mnist_fast_kernels::{RmsProp, Sgd};

    use super::*;

    fn explain(
        sizes: &[usize],
        activations: &str,
        (loss, smoothing): (Loss, f64),
        dropout: &[f64],
        optimizer: Optimizer,
    ) -> String {
        let network = Network::zeros(sizes).unwrap();
        let activations = Activation::parse_list(activations).unwrap();
        let network = network.with_activations(&activations).unwrap();
        let dropout = Some(dropout).filter(|rates| !rates.is_empty());
        let smoothing = LabelSmoothing::new(smoothing).unwrap();
        Explained {
            network: &network,
            loss,
            smoothing,
            dropout,
            augment: None,
            optimizer: &optimizer,
            schedule: &Schedule::default(),
            regularization: Regularization::default(),
            init: None,
        }
        .text()
    }

    #[track_caller]
    fn assert_lines(text: &str, lines: &[&str]) {
        for line in lines {
            assert!(text.lines().any(|found| found.trim() == *line), "{line:?} is not in:\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 110), "{text}");
    }

    #[test]
    fn the_tutorials_run() {
        let rule = Optimizer::RmsProp(RmsProp { learning_rate: 0.002, ..RmsProp::default() });
        let text = explain(&[784, 128, 128, 10], "relu", (Loss::SparseCategorical, 0.0), &[], rule);
        assert_lines(
            &text,
            &[
                "z1 = h0 W1 + b1, W1 of 784 x 128",
                "h2 = max(z2, 0)",
                "p_k = exp(z3_k - m) / sum over j of exp(z3_j - m), m = max z3",
                "v = 0.9 v + (1 - 0.9) g^2, g = dL/dw, v = 0 before the first step",
                "w = w - 0.002 g / sqrt(v + 1e-7)",
                "W1 uniform from -0.0811 to 0.0811 = sqrt(6 / (784 + 128)), b1 = 0",
                "W3 uniform from -0.2085 to 0.2085 = sqrt(6 / (128 + 10)), b3 = 0",
            ],
        );
        assert!(
            !text.contains("h3") && !text.contains("dropout") && text.matches("relu:").count() == 1,
            "{text}"
        );
    }

    #[test]
    fn other_choices() {
        let sgd = Optimizer::Sgd(Sgd { learning_rate: 0.05 });
        let text = explain(
            &[4, 3, 2, 5, 1],
            "leaky-relu:0.01,sigmoid,tanh",
            (Loss::Binary, 0.0),
            &[0.2, 0.0, 0.5],
            sgd,
        );
        assert_lines(
            &text,
            &[
                "h1 = z1 if z1 >= 0, else 0.01 z1",
                "h2 = 1 / (1 + exp(-z2))",
                "h3 = tanh(z3)",
                "in training each element of h1 is 0 with probability 0.2, else divided by 1 - 0.2",
                "in training each element of h3 is 0 with probability 0.5, else divided by 1 - 0.5",
                "p  = 1 / (1 + exp(-z4)), the probability of the second class",
                "Loss: binary",
                "w = w - 0.05 g, g = dL/dw",
            ],
        );
        assert!(!text.contains("element of h2") && text.matches("[dropout").count() == 1, "{text}");
        assert!(!text.contains("softmax:") && !text.contains("rmsprop"), "{text}");
    }

    #[test]
    fn smoothed_labels() {
        let rule = Optimizer::RmsProp(RmsProp::default());
        let text = explain(&[4, 10], "relu", (Loss::SparseCategorical, 0.1), &[], rule);
        assert_lines(
            &text,
            &[
                "L = sum over k of t_k (log(sum over j of exp(z1_j - m)) + m - z1_k)",
                "t_k = 0.91 = 1 - 0.1 + 0.1 / 10 if k = y, else 0.01 = 0.1 / 10, y the label",
                "dL/dz_k = p_k - t_k",
            ],
        );
        let text = explain(&[4, 1], "relu", (Loss::Binary, 0.1), &[], rule);
        assert_lines(
            &text,
            &[
                "L = max(z1, 0) - z1 t + log(1 + exp(-|z1|)), t = 0.95 = 1 - 0.1 + 0.1 / 2 for the second class, else 0.05",
            ],
        );
    }
}
