//! The optimizer's state as plain tensors, to be stored and set again: the same whatever the threads, the kernels, and
//! whether zeros are left out.
//!
//! Between [`Trainer::train_steps`] calls nothing is deferred, so that these tensors are all there is.

use super::{Optimizer, Trainer};
use crate::error::{Error, Result};

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
        match self.settings.optimizer {
            Optimizer::Sgd(_) => vec![],
            Optimizer::RmsProp(_) => {
                self.network.layers().iter().enumerate().flat_map(|(l, _)| self.state_of(l)).collect()
            }
        }
    }

    fn state_of(&self, l: usize) -> [StateTensor; 2] {
        let (layer, state) = (&self.network.layers()[l], &self.state[l]);
        let weights = match l {
            0 => self.first.state(),
            _ => (0..layer.inputs()).flat_map(|input| state.weights.row(input)).copied().collect(),
        };
        let name = |part: &str| format!("rmsprop.{l}.{part}");
        [
            StateTensor {
                name: name("weight"),
                shape: vec![layer.inputs(), layer.outputs()],
                values: weights,
            },
            StateTensor {
                name: name("bias"),
                shape: vec![layer.outputs()],
                values: state.biases.all().to_vec(),
            },
        ]
    }

    /// Sets what [`Trainer::state`] gave for the same network and optimizer after `iteration` steps of all epochs.
    ///
    /// # Errors
    /// Where these are not the tensors of this optimizer and network, or hold what no training can have led to: a mean of
    /// squares is a finite number and not negative.
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
        for StateTensor { name, values, .. } in tensors {
            if let Some(x) = values.iter().find(|x| !x.is_finite() || **x < 0.0) {
                return Err(Error::failed(format!("{name} has {x}, where a mean of squares was expected")));
            }
        }
        for (l, pair) in tensors.chunks_exact(2).enumerate() {
            match l {
                0 => self.first.set_state(&pair[0].values),
                _ => {
                    let (weights, width) = (&mut self.state[l].weights, pair[0].shape[1]);
                    for (input, row) in pair[0].values.chunks_exact(width).enumerate() {
                        weights.row_mut(input).copy_from_slice(row);
                    }
                }
            }
            self.state[l].biases.all_mut().copy_from_slice(&pair[1].values);
        }
        self.iteration = iteration;
        Ok(())
    }
}
