//! `summary`: the layer table that the tutorial prints.

use std::path::Path;

use mnist_fast::network::Network;
use mnist_fast::{Result, model_file};

use super::train::{at_least_one, parse_hidden};
use crate::args::{Args, Opt};
use crate::output::{self, thousands};

pub(crate) const USAGE: &str = "\
Usage: mnist-fast summary [MODEL] [options]

  mnist-fast summary                       the tutorial's network
  mnist-fast summary --hidden 512,512      another one
  mnist-fast summary model.safetensors     the one in a model file";

pub(crate) const OPTIONS: &[Opt] = &[
    Opt { name: "--hidden", value: "LIST", help: "outputs of the hidden layers, or none (default 128,128)" },
    Opt { name: "--inputs", value: "N", help: "pixels of an image (default 784)" },
    Opt { name: "--num-classes", value: "N", help: "classes (default 10)" },
];

pub(crate) fn run(mut args: Args) -> Result<()> {
    let hidden = args.parse("--hidden", "widths such as 128,128, or none", parse_hidden)?;
    let inputs = args.parse("--inputs", "a whole number of pixels, 1 or more", at_least_one)?;
    let classes = args.parse("--num-classes", "a whole number of classes, 1 or more", at_least_one)?;
    let model = args.finish(1)?.pop();
    let network = match model {
        Some(path) => {
            if hidden.is_some() || inputs.is_some() || classes.is_some() {
                return Err(mnist_fast::Error::usage(
                    "a model file has its own layers; leave the other options out",
                ));
            }
            model_file::load(Path::new(&path))?.network
        }
        None => {
            let hidden = hidden.unwrap_or(vec![128, 128]);
            let sizes: Vec<usize> =
                [inputs.unwrap_or(784)].into_iter().chain(hidden).chain([classes.unwrap_or(10)]).collect();
            Network::zeros(&sizes)?
        }
    };
    output::line(table(&network))
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
