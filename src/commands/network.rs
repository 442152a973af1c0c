//! The options that say what network there is: the same for `train` and `summary`.

use std::path::Path;

use mnist_fast::activation::Activation;
use mnist_fast::loss::Loss;
use mnist_fast::model_file::{self, Loaded, Model};
use mnist_fast::network::Network;
use mnist_fast::{Error, Result};
use mnist_fast_kernels::LabelSmoothing;
use serde_json::Value;

use super::numbers::{BELOW_ONE, below_one};
use crate::args::{Args, Opt};
use crate::output;

pub(crate) const HIDDEN: Opt =
    Opt { name: "--hidden", value: "LIST", help: "outputs of the hidden layers (default 128,128), or none" };
pub(crate) const ACTIVATION: Opt = Opt {
    name: "--activation",
    value: "NAME",
    help: "of the hidden layers: relu (default), leaky-relu, sigmoid or tanh; or one\n\
           for each, by commas. leaky-relu has slope 0.2 as in Keras; PyTorch's is\n\
           leaky-relu:0.01",
};

pub(crate) const LOSS: Opt = Opt {
    name: "--loss",
    value: "NAME",
    help: "sparse-categorical (default), categorical (by one-hot vectors: the same\n\
           bits), or binary: one sigmoid output for two classes",
};

pub(crate) const DROPOUT: Opt = Opt {
    name: "--dropout",
    value: "RATE",
    help: "drop this share of each hidden layer's outputs in training, such as 0.2;\n\
           or one for each layer, such as 0.2,0.5",
};

pub(crate) const LABEL_SMOOTHING: Opt = Opt {
    name: "--label-smoothing",
    value: "RATE",
    help: "take this share of each label, such as 0.1, and give it to all classes\n\
           alike; the losses that are told then include it, as in Keras",
};

/// Reads `--label-smoothing`.
pub(crate) fn parse_label_smoothing(args: &mut Args) -> Result<LabelSmoothing> {
    let rate = |text: &str| below_one(text).and_then(LabelSmoothing::new);
    let rate = args.parse(LABEL_SMOOTHING.name, BELOW_ONE, rate)?;
    Ok(rate.unwrap_or_default())
}

/// Reads `--dropout`: a rate for all hidden layers or one for each.
pub(crate) fn parse_dropout(args: &mut Args) -> Result<Option<Vec<f64>>> {
    let expected = format!("{BELOW_ONE}; or one for each hidden layer, by commas");
    args.parse("--dropout", &expected, |text| text.split(',').map(|rate| below_one(rate.trim())).collect())
}

/// A rate for each of `hidden` layers.
pub(crate) fn dropout_rates(given: &[f64], hidden: usize) -> Result<Vec<f64>> {
    check_count("--dropout", given.len(), hidden)?;
    Ok(given.iter().copied().cycle().take(hidden).collect())
}

/// What these options ask for.
pub(crate) struct Layers {
    hidden: Option<Vec<usize>>,
    activations: Option<Vec<Activation>>,
    pub(crate) loss: Option<Loss>,
}

impl Layers {
    pub(crate) fn parse(args: &mut Args) -> Result<Self> {
        let hidden = args.parse("--hidden", "widths such as 128,128, or none", parse_hidden)?;
        let activations = parse_activations(args)?;
        let loss = args.value("--loss", Loss::NAMES)?;
        Ok(Layers { hidden, activations, loss })
    }

    /// Whether any was given.
    pub(crate) fn given(&self) -> bool {
        self.hidden.is_some() || self.activations.is_some() || self.loss.is_some()
    }

    /// What was given of a run's settings, by their names in its record.
    pub(crate) fn asked_for(&self) -> impl Iterator<Item = (String, Value)> {
        let hidden = self.hidden.as_ref().map(|hidden| ("hidden".into(), hidden.clone().into()));
        let list = |given: &Vec<Activation>| ("activation".into(), Activation::list(given).into());
        let activations = self.activations.as_ref().map(list);
        hidden.into_iter().chain(activations)
    }

    /// A network for `inputs` and `classes`, whose weights `make` gives; `fix` is what to do about another number of classes.
    pub(crate) fn network(
        &self,
        inputs: usize,
        classes: usize,
        fix: &str,
        make: impl FnOnce(&[usize]) -> Result<Network>,
    ) -> Result<Network> {
        let hidden = self.hidden.clone().unwrap_or(vec![128, 128]);
        if let Some(activations) = &self.activations {
            check_count("--activation", activations.len(), hidden.len())?;
        }
        let loss = self.loss.unwrap_or(Loss::SparseCategorical);
        if loss == Loss::Binary && classes != 2 {
            return Err(Error::usage(format!(
                "--loss binary is for two classes, but there are {classes}; {fix}"
            )));
        }
        let network = make(&[&[inputs], &hidden[..], &[loss.outputs(classes)]].concat())?;
        match &self.activations {
            Some(activations) => network.with_activations(activations),
            None => Ok(network),
        }
    }

    /// The network in the model file at `path`. One that does not say its activations gets those asked for.
    pub(crate) fn load(&self, path: &Path) -> Result<Network> {
        load(path, self.activations.as_deref()).map(|model| model.network)
    }

    /// Refuses a network from the file `path` that is another than these options ask for.
    pub(crate) fn check(&self, network: &Network, path: &Path) -> Result<()> {
        if let Some(hidden) = self.hidden.as_ref().filter(|hidden| **hidden != network.hidden()) {
            return Err(Error::failed(format!(
                "{} has hidden layers of {:?}, but --hidden asks for {hidden:?}; leave --hidden out",
                path.display(),
                network.hidden()
            )));
        }
        let outputs = network.outputs();
        if let Some(loss) = self.loss.filter(|loss| !loss.fits(outputs)) {
            return Err(Error::failed(format!(
                "{} has {outputs} output{}, which --loss {loss} does not fit; leave --loss out",
                path.display(),
                if outputs == 1 { "" } else { "s" }
            )));
        }
        self.activations.as_deref().map_or(Ok(()), |asked| check_activations(network, asked, path))
    }
}

/// Reads `--activation`: one for all hidden layers, or one for each.
pub(crate) fn parse_activations(args: &mut Args) -> Result<Option<Vec<Activation>>> {
    let expected = format!("{}, or one for each hidden layer, by commas", Activation::NAMES);
    args.parse("--activation", &expected, Activation::parse_list)
}

/// Refuses a network from the file `path` whose activations are others than these.
pub(crate) fn check_activations(network: &Network, asked: &[Activation], path: &Path) -> Result<()> {
    check_count("--activation", asked.len(), network.hidden().len())?;
    let found = network.activations();
    if found.iter().zip(asked.iter().cycle()).any(|(found, asked)| found != asked) {
        return Err(Error::failed(format!(
            "{} has the activation {}, but --activation asks for {}; leave --activation out",
            path.display(),
            Activation::list(&found),
            Activation::list(asked)
        )));
    }
    Ok(())
}

/// The model in the file at `path`. One from elsewhere does not say its activations: then it gets those asked for, or
/// ReLU, which standard error tells.
pub(crate) fn load(path: &Path, asked: Option<&[Activation]>) -> Result<Model> {
    let Loaded { mut model, says_activations } = model_file::open(path)?;
    if says_activations || model.network.hidden().is_empty() {
        return Ok(model);
    }
    match asked {
        Some(asked) => {
            check_count("--activation", asked.len(), model.network.hidden().len())?;
            model.network = model.network.with_activations(asked)?;
        }
        None => output::stderr(format_args!(
            "note: {} does not say its activations, so they are taken for ReLU; others are set with: \
             mnist-fast export {0} model.safetensors --activation tanh",
            path.display()
        )),
    }
    Ok(model)
}

/// One for all hidden layers, or one for each; for none of them nothing was meant.
fn check_count(option: &str, count: usize, hidden: usize) -> Result<()> {
    match (count, hidden) {
        (_, 0) => {
            Err(Error::usage(format!("{option} is for hidden layers, of which there are none; leave it out")))
        }
        (1, _) => Ok(()),
        _ if count == hidden => Ok(()),
        _ => Err(Error::usage(format!(
            "{option} has {count} values for {hidden} hidden layers; give one for all of them or one for each"
        ))),
    }
}

/// Reads `128,128` or `none`.
pub(crate) fn parse_hidden(text: &str) -> Option<Vec<usize>> {
    if text == "none" {
        return Some(vec![]);
    }
    text.split(',').map(|width| width.trim().parse().ok().filter(|width| *width > 0)).collect()
}
