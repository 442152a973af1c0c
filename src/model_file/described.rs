//! What a model file says beside its weights: texts by key, the same in each format.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Model;
use super::safetensors::{Checked, Signs, short};
use crate::activation::Activation;
use crate::network::Network;

const NORMALIZATION: &str = "pixels / 255";
const FORMAT: &str = "1";

/// Names the SHA-256 of the weights, as `train` prints it.
const WEIGHTS_SHA256: &str = "weights_sha256";

/// Activations, class names and training configuration, as they were read.
pub(super) struct Described {
    /// One for all hidden layers, or one for each; `None` where the file does not say.
    pub(super) activations: Option<Vec<Activation>>,
    pub(super) class_names: Option<Vec<String>>,
    pub(super) training: Option<Value>,
    /// What the weights hash to, where the file says so.
    weights_sha256: Option<String>,
}

impl Described {
    /// Holds the weights against the hash that was stored with them; or says that they are others.
    pub(super) fn check_weights(&self, network: &Network) -> Checked<()> {
        let Some(stored) = &self.weights_sha256 else { return Ok(()) };
        match network.sha256() {
            found if *stored != found => Err(format!(
                "has other weights than those that it was saved with: their SHA-256 is {found}, and not what {WEIGHTS_SHA256} \
                 says; copy or save it again, or, if they were changed on purpose, leave {WEIGHTS_SHA256} out of its metadata"
            )),
            _ => Ok(()),
        }
    }
}

/// The texts for a model.
pub(super) fn texts(model: &Model) -> BTreeMap<&'static str, String> {
    let Model { network, class_names, training } = model;
    let sizes = [&[network.inputs()], &network.hidden()[..], &[network.outputs()]].concat();
    let mut texts = BTreeMap::from([
        ("activation", Activation::list(&network.activations())),
        ("architecture", architecture(&sizes)),
        ("mnist_fast_format", FORMAT.into()),
        ("normalization", NORMALIZATION.into()),
        ("producer", concat!("mnist-fast ", env!("CARGO_PKG_VERSION")).into()),
        (WEIGHTS_SHA256, network.sha256()),
    ]);
    texts.extend(class_names.clone().map(|names| ("class_names", Value::from(names).to_string())));
    texts.extend(training.as_ref().map(|training| ("training", training.to_string())));
    texts
}

/// Layer sizes as `784-128-128-10`.
fn architecture(sizes: &[usize]) -> String {
    sizes.iter().map(usize::to_string).collect::<Vec<_>>().join("-")
}

/// What the texts say of a network of these layer sizes, which they must not contradict; or what is wrong with them.
pub(super) fn parse(texts: &BTreeMap<String, String>, sizes: &[usize]) -> Checked<Described> {
    let get = |key: &str| texts.get(key).map(String::as_str);
    let differs = |key: &str, expected: &str| get(key).filter(|found| *found != expected);

    if let Some(found) = differs("mnist_fast_format", FORMAT) {
        return Err(format!(
            "is a model file of format {}, where this version reads format {FORMAT}; use a newer version",
            short(&found)
        ));
    }
    let hidden = sizes.len() - 2;
    let activations = get("activation").map(|text| {
        let list = Activation::parse_list(text);
        list.filter(|list| list.len() == 1 || list.len() == hidden).ok_or_else(|| {
            format!(
                "has the activation {}, where this version reads {}, for all {hidden} hidden layers or one for each; \
                 train one with those",
                short(&text),
                Activation::NAMES
            )
        })
    });
    let activations = activations.transpose()?;
    if let Some(found) = differs("normalization", NORMALIZATION) {
        return Err(format!(
            "expects pixels normalized by {}, where this version uses \"{NORMALIZATION}\"; train one on those",
            short(&found)
        ));
    }
    let architecture = architecture(sizes);
    if let Some(found) = differs("architecture", &architecture) {
        return Err(format!(
            "says that its architecture is {}, but its tensors are those of {architecture}; save it again",
            short(&found)
        ));
    }
    let class_names = get("class_names").map(|text| {
        // A single output is for two classes.
        let classes = sizes[sizes.len() - 1].max(2);
        serde_json::from_str::<Vec<String>>(text).ok().filter(|names| names.len() == classes).ok_or_else(|| {
            format!(
                "has the class names {}, where a JSON list of {classes} strings was expected; save it again",
                short(&text)
            )
        })
    });
    let training = get("training").map(|text| {
        let parsed = Some(text).filter(|text| Signs::of(text).are_few());
        let parsed = parsed.and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
        parsed.map(Value::Object).ok_or_else(|| {
            format!(
                "has the training configuration {}, where a JSON object was expected; save it again",
                short(&text)
            )
        })
    });
    Ok(Described {
        activations,
        class_names: class_names.transpose()?,
        training: training.transpose()?,
        weights_sha256: get(WEIGHTS_SHA256).map(str::to_owned),
    })
}
