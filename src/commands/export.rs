//! `export`: a model in another format, for PyTorch or for Keras.

use std::path::Path;

use mnist_fast::activation::Activation;
use mnist_fast::model_file::{self, Format};
use mnist_fast::network::{Layer, Network};
use mnist_fast::{Error, Result};

use super::model;
use super::network::{self, check_activations, parse_activations};
use crate::args::{Args, Opt};
use crate::output;

pub(crate) const USAGE: &str = "\
Usage: mnist-fast export MODEL FILE [options]

  mnist-fast export model.safetensors weights.npz    for Keras: model.set_weights
  mnist-fast export weights.npz model.safetensors    for PyTorch: model.load_state_dict

Both formats are read by every command that takes a model. MODEL may be a file of ours, the weights
of a PyTorch nn.Sequential(Linear, ReLU, Linear, ...) as safetensors, or those of a Keras Sequential
of Dense layers: np.savez(\"weights.npz\", *model.get_weights()).";

pub(crate) const OPTIONS: &[Opt] = &[Opt {
    name: "--activation",
    value: "NAME",
    help: "of the hidden layers, where MODEL does not say them (default relu); or\none for each, by commas",
}];

pub(crate) fn run(mut args: Args) -> Result<()> {
    let activations = parse_activations(&mut args)?;
    let files = args.finish(2)?;
    let (from, to) = match &files[..] {
        [] => return Err(model::missing("export")),
        [_] => {
            return Err(Error::usage(
                "export needs the file to write as well: mnist-fast export model.safetensors weights.npz",
            ));
        }
        [from, to, ..] => (Path::new(from), Path::new(to)),
    };
    let Some(format) = Format::of(to) else {
        return Err(Error::usage(format!(
            "{} does not end in .safetensors (for PyTorch) or .npz (for Keras); name the file to write so",
            to.display()
        )));
    };
    model::refuse_picture(from, "export")?;
    let model = network::load(from, activations.as_deref())?;
    if let Some(activations) = &activations {
        check_activations(&model.network, activations, from)?;
    }
    model_file::save(to, &model)?;
    output::line(format_args!("wrote {}; {}", to.display(), use_of(format, to, &model.network)))?;
    output::line(format_args!("weights sha256 {}", model.network.sha256()))
}

/// The line of Python that takes the file.
fn use_of(format: Format, path: &Path, network: &Network) -> String {
    match format {
        Format::Npz => format!("in Keras: model.set_weights(list(np.load({path:?}).values()))"),
        Format::Safetensors => {
            let layers: Vec<String> = network.layers().iter().map(sequential).collect();
            format!(
                "in PyTorch: nn.Sequential({}).load_state_dict(safetensors.torch.load_file({path:?}))",
                layers.join(", ")
            )
        }
    }
}

/// A layer as PyTorch's modules.
fn sequential(layer: &Layer) -> String {
    let linear = format!("nn.Linear({}, {})", layer.inputs(), layer.outputs());
    match layer.activation() {
        Activation::Linear => linear,
        Activation::Relu => linear + ", nn.ReLU()",
        Activation::LeakyRelu(slope) => format!("{linear}, nn.LeakyReLU({slope:?})"),
        Activation::Sigmoid => linear + ", nn.Sigmoid()",
        Activation::Tanh => linear + ", nn.Tanh()",
    }
}
