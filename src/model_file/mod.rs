//! Model files: a network for PyTorch (safetensors), or for Keras (npz).
//!
//! `torch.rs` and `keras.rs` say how the layers lie in each. Beside the weights stand texts by key, in the `__metadata__` of
//! safetensors or the comment of the npz archive: architecture, activation, normalization, class_names and training
//! (JSON), mnist_fast_format, producer, weights_sha256; each may be absent, as in a file from PyTorch or Keras. `activation` is
//! as the option of that name: `relu`, `leaky-relu:0.2`, ..., or one for each hidden layer, by commas. `weights_sha256` is what
//! `train` prints, and what the weights of a file that has it must hash to: a changed bit is noticed.
//!
//! The same model gives the same bytes. A file that loads holds finite parameters of one network and nothing else.

mod described;
mod keras;
pub mod safetensors;
mod stored;
mod torch;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use crate::activation::Activation;
use crate::dataset::map;
use crate::error::{Error, Result};
use crate::network::{Layer, Network};
use crate::npz::zip;
use crate::target::Target;
use described::Described;

const TARGET: Target = Target { what: "a model", example: "model.safetensors" };

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

/// A model as it was read.
pub struct Loaded {
    /// The model.
    pub model: Model,
    /// Whether the file says which activations its hidden layers have. If not, ReLU is assumed.
    pub says_activations: bool,
}

impl Loaded {
    fn new(path: &Path, network: Network, described: Described) -> Result<Self> {
        described
            .check_weights(&network)
            .map_err(|what| Error::failed(format!("{} {what}", path.display())))?;
        let Described { activations, class_names, training, .. } = described;
        let says_activations = activations.is_some();
        let network = network.with_activations(&activations.unwrap_or(vec![Activation::Relu]))?;
        Ok(Loaded { model: Model { network, class_names, training }, says_activations })
    }
}

/// What a model file can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// As PyTorch's `load_state_dict` takes it.
    Safetensors,
    /// As Keras' `set_weights` takes it.
    Npz,
}

impl Format {
    /// The format that a file's name asks for, if its extension is of one.
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?;
        match () {
            () if extension.eq_ignore_ascii_case("npz") => Some(Format::Npz),
            () if extension.eq_ignore_ascii_case("safetensors") => Some(Format::Safetensors),
            () => None,
        }
    }
}

/// Writes a model file, which appears whole or not at all: npz where its name ends so, else safetensors.
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
    let npz = Format::of(path) == Some(Format::Npz);
    let texts = if npz { keras::comment(model) } else { torch::header(model) }.map_err(refused)?;
    let finite = |layer: &Layer| {
        let rows = (0..layer.inputs()).map(|input| layer.weight_row(input));
        rows.chain([layer.biases()]).all(|row| row.iter().all(|x| x.is_finite()))
    };
    if let Some(l) = network.layers().iter().position(|layer| !finite(layer)) {
        return Err(refused(format!("layer {} has parameters that are not finite", l + 1)));
    }

    let mut file = TARGET.create(path)?;
    let write = if npz { keras::write } else { torch::write };
    write(&mut file, &texts, network)
        .and_then(|()| file.commit())
        .map(drop)
        .map_err(|error| refused(error.to_string()))
}

/// Checks that a model can be saved as `path`, as far as this can be known before there is one. Leaves nothing behind.
///
/// # Errors
/// Where `path` names no file, its folder does not exist or cannot be written to, or something other than a file is
/// already there, or a file that is no model.
pub fn check_target(path: &Path) -> Result<()> {
    // After the length of its header begins a JSON object; an npz file is a zip archive.
    TARGET.check_over(path, |head| head.get(8) == Some(&b'{') || head.starts_with(b"PK"))
}

/// Reads a model file: one that [`save`] wrote, the weights of a PyTorch `nn.Sequential(Linear, ReLU, Linear, ...)` as
/// safetensors, or those of a Keras `Sequential` of `Dense` layers as npz. Its first bytes tell which.
///
/// # Errors
/// Where the file cannot be read, breaks its format, or holds anything other than one network this version runs.
pub fn load(path: &Path) -> Result<Model> {
    open(path).map(|loaded| loaded.model)
}

/// The same, and whether the file says all that [`save`] writes of the network.
///
/// # Errors
/// As [`load`].
pub fn open(path: &Path) -> Result<Loaded> {
    let (file, _) = map::open_regular(path)?;
    let mut start = Vec::with_capacity(9);
    File::take(file, 9).read_to_end(&mut start).map_err(|error| map::cannot_read(path, &error))?;
    if start.starts_with(&zip::LOCAL) || start.starts_with(&zip::END) {
        return keras::load(path);
    }
    if start.starts_with(b"\x89HDF\r\n\x1a\n") {
        return Err(Error::failed(format!(
            "{} is an HDF5 file, as Keras writes them, where npz or safetensors was expected; save the weights with \
             np.savez(\"weights.npz\", *model.get_weights())",
            path.display()
        )));
    }
    // The name decides of what format a file is a damaged one.
    if Format::of(path) == Some(Format::Npz) && start.get(8) != Some(&b'{') {
        return Err(Error::failed(format!(
            "{} does not begin as the zip archive that an npz file is; save or copy it again, or give it the name that its \
             format has",
            path.display()
        )));
    }
    torch::load(path)
}
