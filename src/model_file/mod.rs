//! Model files: a network as safetensors, with the keys and shapes of a PyTorch `nn.Sequential` of its layers.
//!
//! ```text
//! 0.weight [out, in], 0.bias [out]    Linear      F32; our weights are [in, out], so they are transposed
//!                                     ReLU        (1: no parameters), or another activation
//! 2.weight [out, in], 2.bias [out]    Linear
//! __metadata__                        architecture, activation, normalization, class_names and training (JSON),
//!                                     mnist_fast_format, producer; each may be absent, as in a file from PyTorch
//! ```
//!
//! `activation` is as the option of that name: `relu`, `leaky-relu:0.2`, ..., or one for each hidden layer, by commas.
//! The same model gives the same bytes. A file that loads holds finite parameters of one network and nothing else.

pub mod safetensors;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Map, Value};

use crate::activation::Activation;
use crate::atomic::AtomicFile;
use crate::error::{Error, Result};
use crate::network::{Layer, Network};
use crate::target::Target;
use safetensors::{Checked, Reader, Signs, Tensor, short};

const TARGET: Target = Target { what: "a model", example: "model.safetensors" };
const NORMALIZATION: &str = "pixels / 255";
const FORMAT: &str = "1";

/// A network and what its file says about it.
#[derive(Clone)]
pub struct Model {
    /// The network.
    pub network: Network,
    /// What its classes are called, one name per output.
    pub class_names: Option<Vec<String>>,
    /// How it was trained: a JSON object.
    pub training: Option<Value>,
}

/// Writes a model file, which appears whole or not at all.
///
/// # Errors
/// Where the file cannot be written, or could not be loaded again: a parameter is not finite, there is not one name
/// per class, the training configuration is no JSON object.
pub fn save(path: &Path, model: &Model) -> Result<()> {
    let Model { network, class_names, training } = model;
    let refused =
        |what: String| Error::failed(format!("the model was not saved as {}: {what}", path.display()));
    if let Some(names) = class_names.as_ref().filter(|names| names.len() != network.classes()) {
        return Err(refused(format!("it has {} classes but {} names", network.classes(), names.len())));
    }
    if training.as_ref().is_some_and(|training| !training.is_object()) {
        return Err(refused("its training configuration is no JSON object".into()));
    }
    let sizes = [&[network.inputs()], &network.hidden()[..], &[network.outputs()]].concat();
    let mut metadata = BTreeMap::from([
        ("activation", Activation::list(&network.activations())),
        ("architecture", architecture(&sizes)),
        ("mnist_fast_format", FORMAT.into()),
        ("normalization", NORMALIZATION.into()),
        ("producer", concat!("mnist-fast ", env!("CARGO_PKG_VERSION")).into()),
    ]);
    metadata.extend(class_names.clone().map(|names| ("class_names", Value::from(names).to_string())));
    metadata.extend(training.as_ref().map(|training| ("training", training.to_string())));

    let tensors = network.layers().iter().enumerate().flat_map(|(l, layer)| {
        let [weight, bias] = names(l);
        [(weight, "F32", vec![layer.outputs(), layer.inputs()]), (bias, "F32", vec![layer.outputs()])]
    });
    let header = safetensors::header(&metadata, &tensors.collect::<Vec<_>>());
    if header.len() as u64 - 8 > safetensors::HEADER_MAX {
        return Err(refused("its class names and training configuration are too long".into()));
    }
    let finite = |layer: &Layer| {
        let rows = (0..layer.inputs()).map(|input| layer.weight_row(input));
        rows.chain([layer.biases()]).all(|row| row.iter().all(|x| x.is_finite()))
    };
    if let Some(l) = network.layers().iter().position(|layer| !finite(layer)) {
        return Err(refused(format!("layer {} has parameters that are not finite", l + 1)));
    }

    let mut file = TARGET.create(path)?;
    write(&mut file, &header, network)
        .and_then(|()| file.commit())
        .map(drop)
        .map_err(|error| refused(error.to_string()))
}

fn write(file: &mut AtomicFile, header: &[u8], network: &Network) -> io::Result<()> {
    file.write_all(header)?;
    for layer in network.layers() {
        let rows: Vec<&[f32]> = (0..layer.inputs()).map(|input| layer.weight_row(input)).collect();
        let weights = (0..layer.outputs()).flat_map(|output| rows.iter().map(move |row| row[output]));
        // Zeros are stored without their sign.
        let parameters = weights.chain(layer.biases().iter().copied());
        let bytes: Vec<u8> = parameters.flat_map(|x| (x + 0.0).to_le_bytes()).collect();
        file.write_all(&bytes)?;
    }
    Ok(())
}

/// Checks that a model can be saved as `path`, as far as this can be known before there is one. Leaves nothing behind.
///
/// # Errors
/// Where `path` names no file, its folder does not exist or cannot be written to, or something other than a file is
/// already there.
pub fn check_target(path: &Path) -> Result<()> {
    TARGET.check(path)
}

/// Reads a model file: one that [`save`] wrote, or the weights of an `nn.Sequential(Linear, ReLU, Linear, ...)`.
///
/// # Errors
/// Where the file cannot be read, breaks the format, or holds anything other than one network this version runs.
pub fn load(path: &Path) -> Result<Model> {
    let file = Reader::open(path)?;
    let wrong = |what: String| Error::failed(format!("{} {what}", path.display()));
    let sizes = sizes(file.tensors()).map_err(wrong)?;
    let Described { activations, class_names, training } =
        metadata(file.metadata(), &sizes).map_err(wrong)?;

    // All are looked at before memory is filled with them.
    for name in file.tensors().keys() {
        require_finite(&file, name)?;
    }
    let network = Network::zeros(&sizes).map_err(|error| wrong(format!("is too large: {error}")))?;
    let mut network = network.with_activations(&activations)?;
    for (l, layer) in network.layers_mut().iter_mut().enumerate() {
        let (inputs, [weight, bias]) = (layer.inputs(), names(l));
        parameters(&file, &weight, |i, x| layer.weights.row_mut(i % inputs)[i / inputs] = x)?;
        let biases = layer.biases.all_mut();
        parameters(&file, &bias, |i, x| biases[i] = x)?;
    }
    Ok(Model { network, class_names, training })
}

/// The names of layer `l`'s tensors; between layers, ReLU takes a number.
fn names(l: usize) -> [String; 2] {
    [format!("{}.weight", 2 * l), format!("{}.bias", 2 * l)]
}

/// Layer sizes as `784-128-128-10`.
fn architecture(sizes: &[usize]) -> String {
    sizes.iter().map(usize::to_string).collect::<Vec<_>>().join("-")
}

/// The layer sizes of the network that `tensors` make; or why they make none.
fn sizes(tensors: &BTreeMap<String, Tensor>) -> Checked<Vec<usize>> {
    const FIX: &str = "save the weights of an nn.Sequential(Linear, ReLU, Linear, ...)";
    let of_shape = |name: &str, tensor: &Tensor, expected: &str| {
        let shape = short(&tensor.shape);
        Err(format!("has the tensor {name} of shape {shape}, where {expected} was expected; {FIX}"))
    };
    let mut sizes: Vec<usize> = Vec::new();
    let mut known = BTreeSet::new();
    let next = loop {
        let [weight_name, bias_name] = names(known.len() / 2);
        let (weight, bias) = match (tensors.get(&weight_name), tensors.get(&bias_name)) {
            (Some(weight), Some(bias)) => (weight, bias),
            (None, None) => break format!("{weight_name} and {bias_name}"),
            (Some(_), None) => {
                return Err(format!("has the tensor {weight_name} but lacks {bias_name}; {FIX}"));
            }
            (None, Some(_)) => {
                return Err(format!("has the tensor {bias_name} but lacks {weight_name}; {FIX}"));
            }
        };
        for (name, Tensor { dtype, .. }) in [(&weight_name, weight), (&bias_name, bias)] {
            if dtype != "F32" {
                return Err(format!(
                    "has the tensor {name} as {dtype}, where F32 was expected; convert it first, in PyTorch with \
                     model.float()"
                ));
            }
        }
        let [outputs, inputs] = weight.shape[..] else {
            return of_shape(&weight_name, weight, "[outputs, inputs]");
        };
        if inputs == 0 || outputs == 0 {
            return of_shape(&weight_name, weight, "no size of 0");
        }
        if let Some(before) = sizes.last().filter(|before| **before != inputs) {
            return of_shape(
                &weight_name,
                weight,
                &format!("an input for each of {before} outputs before it"),
            );
        }
        if bias.shape != [outputs] {
            return of_shape(
                &bias_name,
                bias,
                &format!("[{outputs}], one for each output of {weight_name},"),
            );
        }
        if sizes.is_empty() {
            sizes.push(inputs);
        }
        sizes.push(outputs);
        known.extend([weight_name, bias_name]);
    };
    if let Some(name) = tensors.keys().find(|name| !known.contains(*name)) {
        return Err(format!("has the tensor {}, where only {next} could come next; {FIX}", short(name)));
    }
    if sizes.is_empty() {
        return Err(format!("has no tensors; {FIX}"));
    }
    Ok(sizes)
}

/// What the metadata says.
struct Described {
    /// One for all hidden layers, or one for each.
    activations: Vec<Activation>,
    class_names: Option<Vec<String>>,
    training: Option<Value>,
}

/// Activations, class names and training configuration, from metadata that does not contradict the tensors; or what is wrong.
fn metadata(metadata: &BTreeMap<String, String>, sizes: &[usize]) -> Checked<Described> {
    let get = |key: &str| metadata.get(key).map(String::as_str);
    let differs = |key: &str, expected: &str| get(key).filter(|found| *found != expected);

    if let Some(found) = differs("mnist_fast_format", FORMAT) {
        return Err(format!(
            "is a model file of format {}, where this version reads format {FORMAT}; use a newer version",
            short(&found)
        ));
    }
    let hidden = sizes.len() - 2;
    let activations = get("activation").map_or(Some(vec![Activation::Relu]), Activation::parse_list);
    let Some(activations) = activations.filter(|list| list.len() == 1 || list.len() == hidden) else {
        return Err(format!(
            "has the activation {}, where this version reads {}, for all {hidden} hidden layers or one for each; train \
             one with those",
            short(&get("activation").unwrap_or_default()),
            Activation::NAMES
        ));
    };
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
    Ok(Described { activations, class_names: class_names.transpose()?, training: training.transpose()? })
}

/// Hands each element of an F32 tensor to `take`, with its number, zeros without their sign.
fn parameters(file: &Reader, name: &str, mut take: impl FnMut(usize, f32)) -> Result<()> {
    let mut first = 0;
    file.pieces(&file.tensors()[name], |piece| {
        let values = piece.as_chunks().0;
        values.iter().enumerate().for_each(|(i, b)| take(first + i, f32::from_le_bytes(*b) + 0.0));
        first += values.len();
    })
}

fn require_finite(file: &Reader, name: &str) -> Result<()> {
    let mut wrong = None;
    parameters(file, name, |i, x| {
        if !x.is_finite() {
            wrong = wrong.or(Some((i, x)));
        }
    })?;
    let Some((i, x)) = wrong else { return Ok(()) };
    let place = match file.tensors()[name].shape[..] {
        [_, columns] => format!("[{}, {}]", i / columns, i % columns),
        _ => format!("[{i}]"),
    };
    Err(Error::failed(format!(
        "{} has {x} at {name}{place}, where every parameter must be a finite number; use a model whose training did \
         not diverge",
        file.path().display()
    )))
}
