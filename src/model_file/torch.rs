//! A network as a PyTorch `nn.Sequential`, in safetensors.
//!
//! ```text
//! 0.weight [out, in], 0.bias [out]    Linear      F32; our weights are [in, out], so they are transposed
//!                                     ReLU        (1: no parameters), or another activation
//! 2.weight [out, in], 2.bias [out]    Linear
//! ```
//!
//! Written so, and read with any numbers that leave room for an activation between two layers, as where a `Flatten` comes
//! first (1, 3, 5) or a `Dropout` after an activation (0, 3, 6), and behind one name, as in a module that has its
//! `Sequential` as a field (`layers.0.weight`).

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use super::described;
use super::safetensors::{self, Checked, Reader, Tensor, short};
use super::stored::{Place, Stored, network, sizes};
use super::{Loaded, Model};
use crate::error::{Error, Result};
use crate::little_endian;
use crate::network::Network;

const FIX: &str = "save the weights of an nn.Sequential(Linear, ReLU, Linear, ...)";

/// The header for a model, or why it has none.
pub(super) fn header(model: &Model) -> Checked<Vec<u8>> {
    let tensors = model.network.layers().iter().enumerate().flat_map(|(l, layer)| {
        let [weight, bias] = ["weight", "bias"].map(|kind| format!("{}.{kind}", 2 * l));
        [(weight, "F32", vec![layer.outputs(), layer.inputs()]), (bias, "F32", vec![layer.outputs()])]
    });
    let header = safetensors::header(&described::texts(model), &tensors.collect::<Vec<_>>());
    match header.len() as u64 - 8 <= safetensors::HEADER_MAX {
        true => Ok(header),
        false => Err("its class names and training configuration are too long".into()),
    }
}

/// Writes the file of this header.
pub(super) fn write(file: &mut impl Write, header: &[u8], network: &Network) -> io::Result<()> {
    file.write_all(header)?;
    for layer in network.layers() {
        let rows: Vec<&[f32]> = (0..layer.inputs()).map(|input| layer.weight_row(input)).collect();
        // Zeros are stored without their sign.
        let bytes_of = |x: f32| (x + 0.0).to_le_bytes();
        let mut bytes = vec![];
        for output in 0..layer.outputs() {
            little_endian::append(&mut bytes, rows.iter().map(|row| &row[output]), bytes_of);
        }
        little_endian::append(&mut bytes, layer.biases().iter(), bytes_of);
        file.write_all(&bytes)?;
    }
    Ok(())
}

/// Reads such a file.
pub(super) fn load(path: &Path) -> Result<Loaded> {
    let file = Reader::open(path)?;
    let wrong = |what: String| Error::failed(format!("{} {what}", path.display()));
    let places = places(file.tensors()).map_err(wrong)?;
    let described = described::parse(file.metadata(), &sizes(&places)).map_err(wrong)?;
    let network = network(&file, &places)?;
    Loaded::new(path, network, described)
}

impl Stored for Reader {
    fn path(&self) -> &Path {
        Reader::path(self)
    }

    fn elements(&self, name: &str, mut take: impl FnMut(f32)) -> Result<()> {
        self.pieces(&self.tensors()[name], |piece| {
            piece.as_chunks().0.iter().for_each(|bytes| take(f32::from_le_bytes(*bytes)));
        })
    }
}

/// The tensors of one layer, as far as they are there.
#[derive(Default)]
struct Pair<'a> {
    weight: Option<&'a Tensor>,
    bias: Option<&'a Tensor>,
}

/// Where the layers of the network are that `tensors` make; or why they make none.
fn places(tensors: &BTreeMap<String, Tensor>) -> Checked<Vec<Place>> {
    let (prefix, pairs) = pairs(tensors)?;
    let mut places: Vec<Place> = Vec::with_capacity(pairs.len());
    let mut before = None;
    for (number, pair) in pairs {
        let name = |kind: &str| shown(&format!("{prefix}{number}.{kind}"));
        let (weight_name, bias_name) = (name("weight"), name("bias"));
        let (weight, bias) = match (pair.weight, pair.bias) {
            (Some(weight), Some(bias)) => (weight, bias),
            (Some(_), None) => {
                return Err(format!("has the tensor {weight_name} but lacks {bias_name}; {FIX}"));
            }
            (None, _) => {
                return Err(format!("has the tensor {bias_name} but lacks {weight_name}; {FIX}"));
            }
        };
        if let Some(before) = before.filter(|before| number - before < 2) {
            return Err(format!(
                "has the layers {before} and {number} with no activation between them, where one was expected; {FIX}"
            ));
        }
        before = Some(number);
        for (name, Tensor { dtype, .. }) in [(&weight_name, weight), (&bias_name, bias)] {
            if dtype != "F32" {
                return Err(format!(
                    "has the tensor {name} as {dtype}, where F32 was expected; convert it first, in PyTorch with \
                     model.float()"
                ));
            }
        }
        let of_shape = |name: &str, tensor: &Tensor, expected: &str| {
            let shape = short(&tensor.shape);
            Err(format!("has the tensor {name} of shape {shape}, where {expected} was expected; {FIX}"))
        };
        let [outputs, inputs] = weight.shape[..] else {
            return of_shape(&weight_name, weight, "[outputs, inputs]");
        };
        if inputs == 0 || outputs == 0 {
            return of_shape(&weight_name, weight, "no size of 0");
        }
        if let Some(before) = places.last().map(|place| place.outputs).filter(|before| *before != inputs) {
            let expected = format!("an input for each of {before} outputs before it");
            return of_shape(&weight_name, weight, &expected);
        }
        if bias.shape != [outputs] {
            let expected = format!("[{outputs}], one for each output of {weight_name},");
            return of_shape(&bias_name, bias, &expected);
        }
        places.push(Place {
            weight: format!("{prefix}{number}.weight"),
            bias: format!("{prefix}{number}.bias"),
            inputs,
            outputs,
            outputs_first: true,
            fortran_order: false,
        });
    }
    match places.is_empty() {
        true => Err(format!("has no tensors; {FIX}")),
        false => Ok(places),
    }
}

/// What stands before the numbers in all names, and the tensors by their numbers; or which name is none of a layer.
fn pairs(tensors: &BTreeMap<String, Tensor>) -> Checked<(&str, BTreeMap<usize, Pair<'_>>)> {
    let mut first: Option<(&str, &String)> = None;
    let mut pairs = BTreeMap::<usize, Pair<'_>>::new();
    for (name, tensor) in tensors {
        let Some((prefix, number, is_weight)) = parse(name) else {
            return Err(format!(
                "has the tensor {}, where the weights and biases of numbered layers were expected, such as 0.weight and \
                 0.bias; {FIX}",
                short(name)
            ));
        };
        match first {
            Some((other, first)) if other != prefix => {
                return Err(format!(
                    "has the tensors {} and {}, which are of two networks; {FIX} alone",
                    short(first),
                    short(name)
                ));
            }
            Some(_) => {}
            None => first = Some((prefix, name)),
        }
        let pair = pairs.entry(number).or_default();
        *(if is_weight { &mut pair.weight } else { &mut pair.bias }) = Some(tensor);
    }
    Ok((first.map_or("", |(prefix, _)| prefix), pairs))
}

/// `layers.4.bias`: what stands before the number, the number, and whether it is the weight.
fn parse(name: &str) -> Option<(&str, usize, bool)> {
    let (rest, kind) = name.rsplit_once('.')?;
    let is_weight = match kind {
        "weight" => true,
        "bias" => false,
        _ => return None,
    };
    let digits = rest.len() - rest.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (prefix, number) = rest.split_at(rest.len() - digits);
    // One spelling a number, so that no two names mean the same tensor.
    let canonical = number == "0" || !number.starts_with('0');
    let number = number.parse().ok().filter(|_| canonical)?;
    (prefix.is_empty() || prefix.ends_with('.')).then_some((prefix, number, is_weight))
}

/// A name for an error: as it is, unless it is long or odd.
fn shown(name: &str) -> String {
    let plain = name.len() <= 60 && name.bytes().all(|b| b.is_ascii_graphic());
    if plain { name.to_owned() } else { short(&name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (name, parsed) in [
            ("0.weight", Some(("", 0, true))),
            ("12.bias", Some(("", 12, false))),
            ("layers.3.bias", Some(("layers.", 3, false))),
            ("a.2.b.10.weight", Some(("a.2.b.", 10, true))),
            ("00.weight", None),
            ("01.weight", None),
            ("-1.weight", None),
            ("+1.weight", None),
            ("fc1.weight", None),
            ("weight", None),
            (".weight", None),
            ("0.weight.0", None),
            ("0.running_mean", None),
            ("99999999999999999999.bias", None),
            ("", None),
        ] {
            assert_eq!(parse(name), parsed, "{name}");
        }
    }
}
