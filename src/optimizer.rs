//! What moves the weights: an optimizer as it is set, and the rule that it comes to at one step.

use mnist_fast_kernels::{RmsProp, Sgd};

/// The optimizer of a training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Optimizer {
    /// RMSprop as in Keras 3.
    RmsProp(RmsProp),
    /// Plain gradient descent.
    Sgd(Sgd),
}

impl Optimizer {
    /// The learning rate.
    pub fn learning_rate(&self) -> f64 {
        match self {
            Optimizer::RmsProp(rule) => rule.learning_rate,
            Optimizer::Sgd(rule) => rule.learning_rate,
        }
    }

    /// The same with another learning rate.
    pub fn with_learning_rate(mut self, learning_rate: f64) -> Self {
        match &mut self {
            Optimizer::RmsProp(rule) => rule.learning_rate = learning_rate,
            Optimizer::Sgd(rule) => rule.learning_rate = learning_rate,
        }
        self
    }

    /// The rule of the step that `iteration` steps were taken before.
    pub(crate) fn at(self, _iteration: u64) -> Rule {
        match self {
            Optimizer::RmsProp(rule) => Rule::RmsProp(rule),
            Optimizer::Sgd(rule) => Rule::Sgd(rule),
        }
    }
}

/// What one step does to the weights. It is computed once a step and is the same for every thread.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    RmsProp(RmsProp),
    Sgd(Sgd),
}
