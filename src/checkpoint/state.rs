//! The optimizer's state as plain tensors, to be stored and set again: the same whatever the threads, the kernels, and
//! whether zeros are left out.
//!
//! Between [`Trainer::train_steps`] calls nothing is deferred, so that these tensors are all there is.

use crate::error::{Error, Result};
use crate::train::Trainer;

/// A part of an optimizer's state.
#[derive(Clone, Debug, PartialEq)]
pub struct StateTensor {
    /// Which part: `rmsprop.0.weight`.
    pub name: String,
    /// That of the parameters that it belongs to: weights are [inputs, outputs].
    pub shape: Vec<usize>,
    /// Row-major.
    pub values: Vec<f32>,
}

impl Trainer {
    /// The optimizer's state; no tensor where it has none.
    pub fn state(&self) -> Vec<StateTensor> {
        let states = 0..self.settings.optimizer.states().len();
        let all = (0..self.state.len()).flat_map(|l| states.clone().map(move |k| (l, k)));
        all.flat_map(|(l, k)| self.state_of(l, k)).collect()
    }

    /// State `k` of layer `l`.
    fn state_of(&self, l: usize, k: usize) -> [StateTensor; 2] {
        let (layer, state) = (&self.network.layers()[l], &self.state[l]);
        let weights = match l {
            0 => self.first.state(k),
            _ => state.weights.get(k).to_vec(),
        };
        let kind = self.settings.optimizer.states()[k].name;
        let name = |part: &str| format!("{kind}.{l}.{part}");
        [
            StateTensor {
                name: name("weight"),
                shape: vec![layer.inputs(), layer.outputs()],
                values: weights,
            },
            StateTensor {
                name: name("bias"),
                shape: vec![layer.outputs()],
                values: state.biases.get(k).row(0).to_vec(),
            },
        ]
    }

    /// Sets what [`Trainer::state`] gave for the same network and optimizer after `iteration` steps of all epochs.
    ///
    /// # Errors
    /// Where these are not the tensors of this optimizer and network, or hold what no training can have led to: states
    /// are finite numbers, and means of squares are not negative.
    pub fn set_state(&mut self, tensors: &[StateTensor], iteration: u64) -> Result<()> {
        let own = self.state();
        let fits = |(own, new): (&StateTensor, &StateTensor)| {
            own.name == new.name && own.shape == new.shape && own.values.len() == new.values.len()
        };
        if own.len() != tensors.len() || !own.iter().zip(tensors).all(fits) {
            let names = |tensors: &[StateTensor]| match tensors {
                [] => "none".to_owned(),
                [first, ..] => {
                    format!("{} of shape {:?} and {} more", first.name, first.shape, tensors.len() - 1)
                }
            };
            return Err(Error::failed(format!(
                "the optimizer's state has the tensors {}, where {} were expected",
                names(tensors),
                names(&own)
            )));
        }
        let states = self.settings.optimizer.states();
        for (pair, state) in tensors.chunks_exact(2).zip(states.iter().cycle()) {
            for StateTensor { name, values, .. } in pair {
                if let Some(x) = values.iter().find(|x| !x.is_finite() || state.square && **x < 0.0) {
                    let expected = if state.square { "a mean of squares" } else { "a finite number" };
                    return Err(Error::failed(format!("{name} has {x}, where {expected} was expected")));
                }
            }
        }
        for (at, pair) in tensors.chunks_exact(2).enumerate() {
            let (l, k) = (at / states.len(), at % states.len());
            match l {
                0 => self.first.set_state(k, &pair[0].values),
                _ => {
                    let (weights, width) = (self.state[l].weights.get_mut(k), pair[0].shape[1]);
                    for (input, row) in pair[0].values.chunks_exact(width).enumerate() {
                        weights.row_mut(input).copy_from_slice(row);
                    }
                }
            }
            self.state[l].biases.get_mut(k).row_mut(0).copy_from_slice(&pair[1].values);
        }
        self.iteration = iteration;
        Ok(())
    }
}
