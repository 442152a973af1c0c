//! The options that say how weights move: the optimizer with its numbers, penalty, weight decay and clipping.

use mnist_fast::train::{Clip, Optimizer, Regularization};
use mnist_fast::{Error, Result};
use mnist_fast_kernels::{Adam, AdamW, Epsilon, Momentum, RmsProp, RmsPropMomentum, Sgd};

use super::numbers::{ABOVE_ZERO, BELOW_ONE, NOT_NEGATIVE, above_zero, below_one, not_negative};
use crate::args::{Args, Opt};
use crate::output::JsonLine;

pub(crate) const OPTIMIZER: Opt =
    Opt { name: "--optimizer", value: "NAME", help: "rmsprop (default), sgd, adam or adamw" };
pub(crate) const LR: Opt =
    Opt { name: "--lr", value: "X", help: "learning rate (default 0.001, but 0.01 for sgd)" };
pub(crate) const MOMENTUM: Opt = Opt {
    name: "--momentum",
    value: "X",
    help: "of sgd and rmsprop: the part of the last movement that goes on, such\nas 0.9 (default 0)",
};
pub(crate) const NESTEROV: Opt =
    Opt { name: "--nesterov", value: "", help: "sgd moves by the next movement already" };
pub(crate) const RHO: Opt = Opt {
    name: "--rho",
    value: "X",
    help: "of rmsprop: the decay of the mean of squares (default 0.9; PyTorch's\nalpha is 0.99)",
};
pub(crate) const CENTERED: Opt =
    Opt { name: "--centered", value: "", help: "rmsprop divides by a deviation, not by a root mean square" };
pub(crate) const EPSILON: Opt = Opt {
    name: "--epsilon",
    value: "X",
    help: "of rmsprop, adam and adamw (default 1e-7; PyTorch's is 1e-8)",
};
pub(crate) const EPSILON_AT: Opt = Opt {
    name: "--epsilon-at",
    value: "PLACE",
    help: "of rmsprop: inside the root as Keras (default), or outside as PyTorch",
};
pub(crate) const BETA_1: Opt =
    Opt { name: "--beta-1", value: "X", help: "of adam and adamw: the decay of the mean (default 0.9)" };
pub(crate) const BETA_2: Opt = Opt {
    name: "--beta-2",
    value: "X",
    help: "of adam and adamw: the decay of the mean of squares (default 0.999)",
};
pub(crate) const L2: Opt = Opt {
    name: "--l2",
    value: "X",
    help: "add X times the sum of squared weights, without biases, to the loss, as\n\
           Keras' regularizers.L2; losses are told with it. PyTorch's weight_decay\n\
           of SGD, RMSprop and Adam is 2 X, on biases too, and not in the loss",
};
pub(crate) const WEIGHT_DECAY: Opt = Opt {
    name: "--weight-decay",
    value: "X",
    help: "each step first takes lr X of every parameter away, biases too, as\n\
           weight_decay in Keras (default 0, but 0.004 for adamw; PyTorch's AdamW\n\
           does the same with 0.01)",
};
pub(crate) const CLIP_VALUE: Opt =
    Opt { name: "--clip-value", value: "X", help: "bring each element of the gradient to -X ... X" };
pub(crate) const CLIP_NORM: Opt = Opt {
    name: "--clip-norm",
    value: "X",
    help: "scale all gradients together so that their norm is X at most, as\n\
           global_clipnorm in Keras and clip_grad_norm_ in PyTorch",
};

/// The switches, which are taken before values.
pub(crate) struct Switches {
    nesterov: bool,
    centered: bool,
}

impl Switches {
    pub(crate) fn parse(args: &mut Args) -> Self {
        Switches { nesterov: args.switch(NESTEROV.name), centered: args.switch(CENTERED.name) }
    }
}

/// The optimizers by their names.
#[derive(Clone, Copy, PartialEq)]
enum Name {
    RmsProp,
    Sgd,
    Adam,
    AdamW,
}

impl Name {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "rmsprop" => Some(Name::RmsProp),
            "sgd" => Some(Name::Sgd),
            "adam" => Some(Name::Adam),
            "adamw" => Some(Name::AdamW),
            _ => None,
        }
    }
}

/// How weights move.
#[derive(Clone, Copy)]
pub(crate) struct Choice {
    pub(crate) optimizer: Optimizer,
    pub(crate) regularization: Regularization,
    decoupled: bool,
}

impl Choice {
    /// Reads the options, and refuses those that the optimizer does not have.
    pub(crate) fn parse(switches: Switches, args: &mut Args) -> Result<Self> {
        let Switches { nesterov, centered } = switches;
        let name = args.parse(OPTIMIZER.name, "rmsprop, sgd, adam or adamw", Name::parse)?;
        let name = name.unwrap_or(Name::RmsProp);
        let momentum = args.parse(MOMENTUM.name, BELOW_ONE, below_one)?;
        let rho = args.parse(RHO.name, BELOW_ONE, below_one)?;
        let epsilon = args.parse(EPSILON.name, ABOVE_ZERO, above_zero)?;
        let epsilon_at = args.parse(EPSILON_AT.name, "inside or outside", |text| match text {
            "inside" => Some(Epsilon::InsideRoot),
            "outside" => Some(Epsilon::OutsideRoot),
            _ => None,
        })?;
        let beta_1 = args.parse(BETA_1.name, BELOW_ONE, below_one)?;
        let beta_2 = args.parse(BETA_2.name, BELOW_ONE, below_one)?;
        for (option, given, whose, has) in [
            (MOMENTUM, momentum.is_some(), "sgd and rmsprop", [Name::Sgd, Name::RmsProp]),
            (NESTEROV, nesterov, "sgd", [Name::Sgd; 2]),
            (RHO, rho.is_some(), "rmsprop", [Name::RmsProp; 2]),
            (CENTERED, centered, "rmsprop", [Name::RmsProp; 2]),
            (EPSILON_AT, epsilon_at.is_some(), "rmsprop", [Name::RmsProp; 2]),
            (BETA_1, beta_1.is_some(), "adam and adamw", [Name::Adam, Name::AdamW]),
            (BETA_2, beta_2.is_some(), "adam and adamw", [Name::Adam, Name::AdamW]),
        ] {
            if given && !has.contains(&name) {
                return Err(Error::usage(format!(
                    "{} is for {whose}; leave it out or choose that with --optimizer",
                    option.name
                )));
            }
        }
        if epsilon.is_some() && name == Name::Sgd {
            return Err(Error::usage("--epsilon is for rmsprop, adam and adamw; sgd divides by nothing"));
        }
        let momentum = momentum.unwrap_or(0.0);
        if nesterov && momentum == 0.0 {
            return Err(Error::usage("--nesterov looks ahead by the momentum; add --momentum 0.9"));
        }
        let optimizer = match name {
            Name::Sgd if momentum > 0.0 => {
                Optimizer::Momentum(Momentum { momentum, nesterov, ..Momentum::default() })
            }
            Name::Sgd => Optimizer::Sgd(Sgd::default()),
            Name::RmsProp => {
                let default = RmsProp::default();
                let rmsprop = RmsProp {
                    rho: rho.unwrap_or(default.rho),
                    epsilon: epsilon.unwrap_or(default.epsilon),
                    epsilon_at: epsilon_at.unwrap_or(default.epsilon_at),
                    ..default
                };
                if momentum > 0.0 || centered {
                    Optimizer::RmsPropMomentum(RmsPropMomentum { rmsprop, momentum, centered })
                } else {
                    Optimizer::RmsProp(rmsprop)
                }
            }
            Name::Adam | Name::AdamW => {
                let default = Adam::default();
                Optimizer::Adam(Adam {
                    beta_1: beta_1.unwrap_or(default.beta_1),
                    beta_2: beta_2.unwrap_or(default.beta_2),
                    epsilon: epsilon.unwrap_or(default.epsilon),
                    ..default
                })
            }
        };
        let lr = args.parse(LR.name, NOT_NEGATIVE, not_negative)?;
        let decoupled = name == Name::AdamW;
        Ok(Choice {
            optimizer: lr.map_or(optimizer, |lr| optimizer.with_learning_rate(lr)),
            regularization: regularization(args, decoupled)?,
            decoupled,
        })
    }

    /// Its settings, for the record.
    pub(crate) fn record(&self, config: JsonLine) -> JsonLine {
        let lr = self.optimizer.learning_rate();
        let rmsprop = |config: JsonLine, rule: &RmsProp| {
            let at = if rule.epsilon_at == Epsilon::InsideRoot { "inside" } else { "outside" };
            let config = config.with("optimizer", "rmsprop").with("lr", lr).with("rho", rule.rho);
            config.with("epsilon", rule.epsilon).with("epsilon_at", at)
        };
        let config = match &self.optimizer {
            Optimizer::Sgd(_) => config.with("optimizer", "sgd").with("lr", lr).with("momentum", 0.0),
            Optimizer::Momentum(rule) => config
                .with("optimizer", "sgd")
                .with("lr", lr)
                .with("momentum", rule.momentum)
                .with("nesterov", rule.nesterov),
            Optimizer::RmsProp(rule) => rmsprop(config, rule).with("momentum", 0.0).with("centered", false),
            Optimizer::RmsPropMomentum(rule) => {
                rmsprop(config, &rule.rmsprop).with("momentum", rule.momentum).with("centered", rule.centered)
            }
            Optimizer::Adam(rule) => config
                .with("optimizer", if self.decoupled { "adamw" } else { "adam" })
                .with("lr", lr)
                .with("beta_1", rule.beta_1)
                .with("beta_2", rule.beta_2)
                .with("epsilon", rule.epsilon),
        };
        let Regularization { l2, weight_decay, clip } = self.regularization;
        let (value, norm) = match clip {
            Clip::None => (None, None),
            Clip::Value(most) => (Some(most), None),
            Clip::Norm(most) => (None, Some(most)),
        };
        let config = config.with("l2", l2).with("weight_decay", weight_decay);
        config.with("clip_value", value).with("clip_norm", norm)
    }
}

const L2_MAX: f64 = 1e18;

fn regularization(args: &mut Args, decoupled: bool) -> Result<Regularization> {
    // A penalty's gradient is 2 X w: beyond this, its square is no number that f32 has, and an optimizer's mean of squares infinite.
    let expected = "a finite number, 0 or more and at most 1e18, and not so small that f32 makes it 0";
    let penalty = |text: &str| not_negative(text).filter(|l2| *l2 <= L2_MAX);
    let l2 = args.parse(L2.name, expected, penalty)?.unwrap_or(0.0);
    let weight_decay = args.parse(WEIGHT_DECAY.name, NOT_NEGATIVE, not_negative)?;
    let default = if decoupled { AdamW::default().weight_decay } else { 0.0 };
    let value = args.parse(CLIP_VALUE.name, ABOVE_ZERO, above_zero)?;
    let norm = args.parse(CLIP_NORM.name, ABOVE_ZERO, above_zero)?;
    let clip = match (value, norm) {
        (Some(_), Some(_)) => {
            return Err(Error::usage(
                "--clip-value and --clip-norm exclude each other, as in Keras; give one of them",
            ));
        }
        (Some(most), None) => Clip::Value(most),
        (None, Some(most)) => Clip::Norm(most),
        (None, None) => Clip::None,
    };
    Ok(Regularization { l2, weight_decay: weight_decay.unwrap_or(default), clip })
}
