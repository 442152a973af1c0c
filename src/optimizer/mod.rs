//! What moves the weights: an optimizer and what is done to gradients and weights before it, as they are set, and the rule that
//! both come to at one step.

pub(crate) mod norms;
pub(crate) mod states;
pub(crate) mod update;

use mnist_fast_kernels::{Adam, Momentum, RmsProp, RmsPropMomentum, Rule, Sgd};

/// The optimizer of a training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Optimizer {
    /// RMSprop as in Keras 3.
    RmsProp(RmsProp),
    /// The same with momentum, centred, or both.
    RmsPropMomentum(RmsPropMomentum),
    /// Plain gradient descent.
    Sgd(Sgd),
    /// Gradient descent with momentum, Nesterov's or not.
    Momentum(Momentum),
    /// Adam, and with weight decay AdamW.
    Adam(Adam),
}

/// One of the numbers that an optimizer keeps for each weight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    /// Under which it is stored.
    pub(crate) name: &'static str,
    /// Whether it is a mean of squares, and so never negative.
    pub(crate) square: bool,
}

const SQUARE: State = State { name: "rmsprop", square: true };
const MOVEMENT: State = State { name: "rmsprop_momentum", square: false };
const MEAN: State = State { name: "rmsprop_mean", square: false };
const MOMENTUM: State = State { name: "momentum", square: false };
const ADAM_MEAN: State = State { name: "adam_mean", square: false };
const ADAM_SQUARE: State = State { name: "adam_square", square: true };

impl Optimizer {
    fn rate(&mut self) -> &mut f64 {
        match self {
            Optimizer::RmsProp(rule) => &mut rule.learning_rate,
            Optimizer::RmsPropMomentum(rule) => &mut rule.rmsprop.learning_rate,
            Optimizer::Sgd(rule) => &mut rule.learning_rate,
            Optimizer::Momentum(rule) => &mut rule.learning_rate,
            Optimizer::Adam(rule) => &mut rule.learning_rate,
        }
    }

    /// The learning rate.
    pub fn learning_rate(mut self) -> f64 {
        *self.rate()
    }

    /// The same with another learning rate.
    pub fn with_learning_rate(mut self, learning_rate: f64) -> Self {
        *self.rate() = learning_rate;
        self
    }

    /// What it keeps for each weight, in the kernels' order.
    pub(crate) fn states(&self) -> &'static [State] {
        match self {
            Optimizer::Sgd(_) => &[],
            Optimizer::Momentum(_) => &[MOMENTUM],
            Optimizer::RmsProp(_) => &[SQUARE],
            Optimizer::RmsPropMomentum(rule) => match (rule.momentum > 0.0, rule.centered) {
                (false, false) => &[SQUARE],
                (true, false) => &[SQUARE, MOVEMENT],
                (false, true) => &[SQUARE, MEAN],
                (true, true) => &[SQUARE, MOVEMENT, MEAN],
            },
            Optimizer::Adam(_) => &[ADAM_MEAN, ADAM_SQUARE],
        }
    }

    /// The rule of the step that `iteration` steps were taken before.
    pub(crate) fn at(self, iteration: u64) -> Rule {
        use mnist_fast_kernels::Optimizer as Kernel;
        Rule::new(match self {
            Optimizer::RmsProp(rule) => Kernel::RmsProp(rule),
            Optimizer::RmsPropMomentum(rule) => Kernel::RmsPropMomentum(rule),
            Optimizer::Sgd(rule) => Kernel::Sgd(rule),
            Optimizer::Momentum(rule) => Kernel::Momentum(rule),
            Optimizer::Adam(rule) => Kernel::Adam(rule, iteration),
        })
    }
}

/// What is done to gradients and weights before the optimizer, as Keras does it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Regularization {
    /// The factor of the sum of squares of all weights, biases left out, that is added to the loss; 0 for none.
    pub l2: f64,
    /// The part of every parameter, biases included, times the learning rate, that a step takes away first; 0 for none.
    pub weight_decay: f64,
    /// How gradients are kept small.
    pub clip: Clip,
}

/// How gradients are kept small: that of the penalty counts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Clip {
    /// Not at all.
    #[default]
    None,
    /// Each element is brought to this magnitude at most.
    Value(f64),
    /// All of them are scaled by one number, so that their norm is this at most.
    Norm(f64),
}

impl Regularization {
    /// `rule` with all of this but clipping by the norm, which knows all gradients.
    pub(crate) fn before(&self, rule: Rule) -> Rule {
        let clip_value = match self.clip {
            Clip::Value(most) => most,
            Clip::None | Clip::Norm(_) => f64::INFINITY,
        };
        Rule { l2: self.l2, weight_decay: self.weight_decay, clip_value, ..rule }
    }
}
