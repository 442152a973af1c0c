//! From arrays in a file to a network: what loads is finite, and is looked at before memory is filled with it.

use std::path::Path;

use crate::error::{Error, Result};
use crate::network::Network;

/// A file of f32 arrays.
pub(super) trait Stored {
    fn path(&self) -> &Path;

    /// Hands the elements of the array `name`, which is there, to `take` in the order in which they are stored.
    fn elements(&self, name: &str, take: impl FnMut(f32)) -> Result<()>;
}

/// Where a file keeps a layer, and in what order.
pub(super) struct Place {
    pub(super) weight: String,
    pub(super) bias: String,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// Whether the weights are [outputs, inputs] and not the other way round.
    pub(super) outputs_first: bool,
    /// Whether the first of the two indices varies fastest.
    pub(super) fortran_order: bool,
}

impl Place {
    /// The indices of the `i`-th stored weight, in the file's shape.
    fn indices(&self, i: usize) -> [usize; 2] {
        let [rows, columns] = match self.outputs_first {
            true => [self.outputs, self.inputs],
            false => [self.inputs, self.outputs],
        };
        if self.fortran_order { [i % rows, i / rows] } else { [i / columns, i % columns] }
    }

    /// Whether stored weights go through all inputs before the next output.
    fn inputs_fastest(&self) -> bool {
        self.outputs_first != self.fortran_order
    }
}

/// The layer sizes of a network: inputs, then each layer's outputs.
pub(super) fn sizes(places: &[Place]) -> Vec<usize> {
    let inputs = places.first().map(|place| place.inputs);
    inputs.into_iter().chain(places.iter().map(|place| place.outputs)).collect()
}

/// The network whose layers are at these places of the file.
pub(super) fn network(file: &impl Stored, places: &[Place]) -> Result<Network> {
    for place in places {
        require_finite(file, &place.weight, |i| format!("{:?}", place.indices(i)))?;
        require_finite(file, &place.bias, |i| format!("[{i}]"))?;
    }
    let too_large = |error| Error::failed(format!("{} is too large: {error}", file.path().display()));
    let mut network = Network::zeros(&sizes(places)).map_err(too_large)?;
    for (layer, place) in network.layers_mut().iter_mut().zip(places) {
        let (inputs, outputs) = (place.inputs, place.outputs);
        let weights = &mut layer.weights;
        match place.inputs_fastest() {
            true => each(file, &place.weight, |i, x| weights.row_mut(i % inputs)[i / inputs] = x)?,
            false => each(file, &place.weight, |i, x| weights.row_mut(i / outputs)[i % outputs] = x)?,
        }
        let biases = layer.biases.all_mut();
        each(file, &place.bias, |i, x| biases[i] = x)?;
    }
    Ok(network)
}

/// Hands each element to `take`, with its number, zeros without their sign.
fn each(file: &impl Stored, name: &str, mut take: impl FnMut(usize, f32)) -> Result<()> {
    let mut i = 0;
    file.elements(name, |x| {
        take(i, x + 0.0);
        i += 1;
    })
}

fn require_finite(file: &impl Stored, name: &str, place: impl Fn(usize) -> String) -> Result<()> {
    let mut wrong = None;
    each(file, name, |i, x| {
        if !x.is_finite() {
            wrong = wrong.or(Some((i, x)));
        }
    })?;
    let Some((i, x)) = wrong else { return Ok(()) };
    Err(Error::failed(format!(
        "{} has {x} at {name}{}, where every parameter must be a finite number; use a model whose training did not \
         diverge",
        file.path().display(),
        place(i)
    )))
}
