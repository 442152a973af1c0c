//! `summary`: the layer table that the tutorial prints.

use std::path::Path;

use mnist_fast::Result;
use mnist_fast::activation::Activation;
use mnist_fast::loss::Loss;
use mnist_fast::network::Network;
use mnist_fast::schedule::Schedule;
use mnist_fast::train::{Optimizer, Regularization};
use mnist_fast_kernels::{LabelSmoothing, RmsProp};

use super::diagram::{DIAGRAM, diagram};
use super::explain::{EXPLAIN, Explained};
use super::network::{self, Layers};
use crate::args::{Args, Opt, at_least_one};
use crate::output::{self, thousands};

pub(crate) const USAGE: &str = "\
Usage: mnist-fast summary [MODEL] [options]

  mnist-fast summary                       the tutorial's network
  mnist-fast summary --hidden 512,512      another one
  mnist-fast summary model.safetensors     the one in a model file, also of PyTorch or Keras (.npz)
  mnist-fast summary --diagram             drawn as well
  mnist-fast summary --explain             its formulas, and those of train by default";

pub(crate) const OPTIONS: &[Opt] = &[
    network::HIDDEN,
    network::ACTIVATION,
    network::LOSS,
    Opt { name: "--inputs", value: "N", help: "pixels of an image (default 784)" },
    Opt { name: "--num-classes", value: "N", help: "classes (default 10)" },
    DIAGRAM,
    EXPLAIN,
];

pub(crate) fn run(mut args: Args) -> Result<()> {
    let (draw, explain) = (args.switch(DIAGRAM.name), args.switch(EXPLAIN.name));
    let layers = Layers::parse(&mut args)?;
    let inputs = args.parse("--inputs", "a whole number of pixels, 1 or more", at_least_one)?;
    let classes = args.parse("--num-classes", "a whole number of classes, 1 or more", at_least_one)?;
    let model = args.finish(1)?.pop();
    let network = match &model {
        Some(path) => {
            if layers.given() || inputs.is_some() || classes.is_some() {
                return Err(mnist_fast::Error::usage(
                    "a model file has its own layers; leave the other options out",
                ));
            }
            network::load(Path::new(path), None)?.network
        }
        None => {
            let usual = if layers.loss == Some(Loss::Binary) { 2 } else { 10 };
            let fix = "give --num-classes 2 or another loss";
            layers.network(inputs.unwrap_or(784), classes.unwrap_or(usual), fix, Network::zeros)?
        }
    };
    output::line(table(&network))?;
    // The tutorial's table says nothing of activations; of others than its own we do.
    if network.outputs() == 1 {
        output::line("Activation of the output: sigmoid")?;
    }
    let activations = network.activations();
    if activations.iter().any(|activation| *activation != Activation::Relu) {
        output::line(format_args!("Activation of the hidden layers: {}", Activation::list(&activations)))?;
    }
    if draw {
        output::line(format_args!("\n{}", diagram(&network)))?;
    }
    if !explain {
        return Ok(());
    }
    let explained = Explained {
        network: &network,
        loss: layers.loss.unwrap_or(Loss::default_for(network.outputs())),
        smoothing: LabelSmoothing::default(),
        dropout: None,
        augment: None,
        optimizer: &Optimizer::RmsProp(RmsProp::default()),
        schedule: &Schedule::default(),
        regularization: Regularization::default(),
        init: model.as_ref().map(Path::new),
    };
    output::line(format_args!("\n{}", explained.text()))
}

/// As `model.summary()` of the tutorial prints it.
fn table(network: &Network) -> String {
    let rule = |c: &str| c.repeat(65);
    let mut text = format!("Model: \"sequential\"\n{}\n", rule("_"));
    text += &format!("{:<29}{:<26}{}\n{}\n", " Layer (type)", "Output Shape", "Param #", rule("="));
    for (l, layer) in network.layers().iter().enumerate() {
        let name = if l == 0 { " dense (Dense)".to_owned() } else { format!(" dense_{l} (Dense)") };
        let shape = format!("(None, {})", layer.outputs());
        text += &format!("{name:<29}{shape:<26}{}\n", layer.parameters());
    }
    let total = thousands(network.parameters());
    text + &format!(
        "{}\nTotal params: {total}\nTrainable params: {total}\nNon-trainable params: 0\n{}",
        rule("="),
        rule("_")
    )
}
