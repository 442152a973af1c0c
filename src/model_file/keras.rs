//! A network as the arrays of Keras' `get_weights` and `set_weights`, in npz.
//!
//! ```text
//! arr_0 [in, out], arr_1 [out]    the first Dense layer: kernel, bias
//! arr_2 [in, out], arr_3 [out]    the next one
//! ```
//!
//! These are the names of `np.savez("weights.npz", *model.get_weights())`. Nothing else is in the file, so that
//! `model.set_weights(list(np.load("weights.npz").values()))` takes it as it is; what a safetensors file says in its
//! `__metadata__` stands in the zip archive's comment, as the same JSON object of texts.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Map, Value};

use super::described;
use super::safetensors::{Checked, Signs, short};
use super::stored::{Place, Stored, network, sizes};
use super::{Loaded, Model};
use crate::error::{Error, Result};
use crate::network::Network;
use crate::npz::zip::COMMENT_MAX;
use crate::npz::{Array, Reader, Writer};

const FIX: &str = "save the weights of a Sequential of Dense layers with \
                   np.savez(\"weights.npz\", *model.get_weights())";

/// The comment for a model, or why it has none.
pub(super) fn comment(model: &Model) -> Checked<Vec<u8>> {
    let texts = described::texts(model).into_iter().map(|(key, text)| (key.to_owned(), text.into()));
    let comment = Value::Object(texts.collect::<Map<_, _>>()).to_string().into_bytes();
    match comment.len() <= COMMENT_MAX {
        true => Ok(comment),
        false => Err("its class names and training configuration are too long for an npz file; save it as \
                      safetensors"
            .into()),
    }
}

/// Writes the file of this comment.
pub(super) fn write(file: &mut impl Write, comment: &[u8], network: &Network) -> io::Result<()> {
    let mut npz = Writer::new(file);
    for (l, layer) in network.layers().iter().enumerate() {
        let [weight, bias] = names(l);
        let weights = (0..layer.inputs()).flat_map(|input| layer.weight_row(input));
        // Zeros are stored without their sign.
        npz.add(&weight, &[layer.inputs(), layer.outputs()], weights.map(|x| x + 0.0))?;
        npz.add(&bias, &[layer.outputs()], layer.biases().iter().map(|x| x + 0.0))?;
    }
    npz.finish(comment).map(drop)
}

/// Reads such a file.
pub(super) fn load(path: &Path) -> Result<Loaded> {
    let file = Reader::open(path)?;
    let wrong = |what: String| Error::failed(format!("{} {what}", path.display()));
    let places = places(file.arrays()).map_err(wrong)?;
    let texts = texts(file.comment()).map_err(wrong)?;
    let described = described::parse(&texts, &sizes(&places)).map_err(wrong)?;
    let network = network(&file, &places)?;
    Loaded::new(path, network, described)
}

impl Stored for Reader {
    fn path(&self) -> &Path {
        Reader::path(self)
    }

    fn elements(&self, name: &str, take: impl FnMut(f32)) -> Result<()> {
        Reader::elements(self, &self.arrays()[name], take)
    }
}

/// The names of layer `l`'s arrays.
fn names(l: usize) -> [String; 2] {
    [2 * l, 2 * l + 1].map(|n| format!("arr_{n}"))
}

/// What an archive's comment says: nothing, unless it is ours.
fn texts(comment: &[u8]) -> Checked<BTreeMap<String, String>> {
    if !comment.starts_with(b"{") {
        return Ok(BTreeMap::new());
    }
    let text = str::from_utf8(comment).ok().filter(|text| Signs::of(text).are_few());
    text.and_then(|text| serde_json::from_str(text).ok()).ok_or_else(|| {
        "has a comment that begins with { but is no JSON object of texts; save or copy it again".into()
    })
}

/// Where the layers of the network are that `arrays` make; or why they make none.
fn places(arrays: &BTreeMap<String, Array>) -> Checked<Vec<Place>> {
    let mut places: Vec<Place> = Vec::with_capacity(arrays.len() / 2);
    while 2 * places.len() < arrays.len() {
        let [weight_name, bias_name] = names(places.len());
        let absent = |name: &str| {
            let known = |name: &str| (0..=places.len()).any(|l| names(l).iter().any(|known| known == name));
            match arrays.keys().find(|name| !known(name)) {
                Some(other) => {
                    format!("has the array {}, where {name} comes next; {FIX}", short(other))
                }
                None => format!("has {weight_name} but lacks {bias_name}, its biases; {FIX}"),
            }
        };
        let weight = arrays.get(&weight_name).ok_or_else(|| absent(&weight_name))?;
        let bias = arrays.get(&bias_name).ok_or_else(|| absent(&bias_name))?;
        let of_shape = |name: &str, array: &Array, expected: &str| {
            let shape = short(&array.header.shape);
            Err(format!("has the array {name} of shape {shape}, where {expected} was expected; {FIX}"))
        };
        let [inputs, outputs] = weight.header.shape[..] else {
            return of_shape(&weight_name, weight, "[inputs, outputs]");
        };
        if inputs == 0 || outputs == 0 {
            return of_shape(&weight_name, weight, "no size of 0");
        }
        if let Some(before) = places.last().map(|place| place.outputs).filter(|before| *before != inputs) {
            let expected = format!("an input for each of {before} outputs before it");
            return of_shape(&weight_name, weight, &expected);
        }
        if bias.header.shape != [outputs] {
            let expected = format!("[{outputs}], one for each output of {weight_name},");
            return of_shape(&bias_name, bias, &expected);
        }
        let fortran_order = weight.header.fortran_order;
        let (weight, bias) = (weight_name, bias_name);
        places.push(Place { weight, bias, inputs, outputs, outputs_first: false, fortran_order });
    }
    match places.is_empty() {
        true => Err(format!("has no arrays; {FIX}")),
        false => Ok(places),
    }
}
