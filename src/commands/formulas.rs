//! The formulas of an optimizer and of what comes before it, for `--explain`.

use mnist_fast::train::{Clip, Optimizer, Regularization};
use mnist_fast_kernels::{Epsilon, RmsProp};

/// Lines, and where they come from.
pub(crate) type Formulas = (Vec<String>, Vec<&'static str>);

/// Those of a whole update.
pub(crate) fn update(optimizer: &Optimizer, regularization: &Regularization) -> Formulas {
    let Regularization { l2, weight_decay, clip } = regularization;
    let (own, own_sources) = step(optimizer, *weight_decay > 0.0, *clip == Clip::None);
    let mut lines = vec![own[0].clone()];
    let mut sources = own_sources;
    if *l2 > 0.0 {
        lines.push(format!(
            "  L has {l2} times the sum of squared weights in it, not of biases: dL/dw has 2 {l2} w"
        ));
        sources.push("L2: Keras' regularizers.L2; PyTorch's weight_decay is twice that, and not in its loss");
    }
    match clip {
        Clip::None => {}
        Clip::Value(most) => {
            lines.push(format!("  g = dL/dw, brought to -{most} ... {most}"));
            sources.push("clipping: Keras' clipvalue, torch.nn.utils.clip_grad_value_");
        }
        Clip::Norm(most) => {
            lines.push(format!(
                "  g = dL/dw min(1, {most} / n), n the root of the sum of all squares of dL/dw and dL/db"
            ));
            sources
                .push("clipping: Pascanu et al. 2013; Keras' global_clipnorm; PyTorch divides by n + 1e-6");
        }
    }
    if *weight_decay > 0.0 {
        let lr = optimizer.learning_rate();
        lines.push(format!("  w = w - {lr} {weight_decay} w, before the step, and b likewise"));
        sources.push("weight decay: Loshchilov and Hutter 2017; weight_decay in Keras, torch.optim.AdamW");
    }
    lines.extend(own.into_iter().skip(1));
    (lines, sources)
}

/// Those of the optimizer alone: its name first.
fn step(optimizer: &Optimizer, decays: bool, unclipped: bool) -> Formulas {
    let lr = optimizer.learning_rate();
    // What is clipped has been named already.
    let g = if unclipped { ", g = dL/dw" } else { "" };
    let square = |rule: &RmsProp| {
        let rho = rule.rho;
        format!("  v = {rho} v + (1 - {rho}) g^2{g}, v = 0 before the first step")
    };
    let root = |rule: &RmsProp, of: &str| match rule.epsilon_at {
        Epsilon::InsideRoot => format!("sqrt({of} + {:e})", rule.epsilon),
        Epsilon::OutsideRoot => format!("(sqrt({of}) + {:e})", rule.epsilon),
    };
    let rmsprop_sources = vec![
        "Tieleman and Hinton 2012, lecture 6e",
        "epsilon inside the root: Keras 3's optimizers.RMSprop; PyTorch adds it to the root",
    ];
    match optimizer {
        Optimizer::Sgd(_) => (
            vec!["Optimizer: sgd".to_owned(), format!("  w = w - {lr} g{g}")],
            vec!["Robbins and Monro 1951; Keras' optimizers.SGD, torch.optim.SGD; both without momentum"],
        ),
        Optimizer::Momentum(rule) => {
            let momentum = rule.momentum;
            let (name, moved, source) = match rule.nesterov {
                false => ("sgd with momentum", "m".to_owned(), "Polyak 1964"),
                true => (
                    "sgd with Nesterov's momentum",
                    format!("{momentum} m - {lr} g"),
                    "Nesterov 1983; Sutskever et al. 2013",
                ),
            };
            (
                vec![
                    format!("Optimizer: {name}"),
                    format!("  m = {momentum} m - {lr} g{g}, m = 0 before the first step"),
                    format!("  w = w + {moved}"),
                ],
                vec![source, "Keras' optimizers.SGD; torch.optim.SGD keeps -m / lr: the same at one rate"],
            )
        }
        Optimizer::RmsProp(rule) => (
            vec![
                "Optimizer: rmsprop".to_owned(),
                square(rule),
                format!("  w = w - {lr} g / {}", root(rule, "v")),
            ],
            rmsprop_sources,
        ),
        Optimizer::RmsPropMomentum(all) => {
            let (rule, momentum) = (&all.rmsprop, all.momentum);
            let mut lines = vec!["Optimizer: rmsprop".to_owned(), square(rule)];
            let mut of = "v";
            if all.centered {
                lines.push(format!("  a = {0} a + (1 - {0}) g, a = 0 before the first step", rule.rho));
                lines.push("  d = v - a^2, an estimate of the gradient's variance".to_owned());
                of = "d";
            }
            let increment = format!("{lr} g / {}", root(rule, of));
            if momentum > 0.0 {
                lines.push(format!("  m = {momentum} m + {increment}, m = 0 before the first step"));
                lines.push("  w = w - m".to_owned());
            } else {
                lines.push(format!("  w = w - {increment}"));
            }
            let mut sources = rmsprop_sources;
            sources
                .push("momentum and centred: Graves 2013; PyTorch multiplies m by the rate when it moves w");
            (lines, sources)
        }
        Optimizer::Adam(rule) => {
            let (b1, b2) = (rule.beta_1, rule.beta_2);
            let name = if decays { "adam with weight decay" } else { "adam" };
            (
                vec![
                    format!("Optimizer: {name}"),
                    format!("  m = {b1} m + (1 - {b1}) g{g}, m = 0 before the first step"),
                    format!("  v = {b2} v + (1 - {b2}) g^2, v = 0 before the first step"),
                    format!(
                        "  w = w - {lr} sqrt(1 - {b2}^t) / (1 - {b1}^t) m / (sqrt(v) + {:e}), t the step from 1",
                        rule.epsilon
                    ),
                ],
                vec![
                    "Kingma and Ba 2014, end of section 2; Keras' Adam; PyTorch adds epsilon to sqrt(v / (1 - b2^t))",
                ],
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use mnist_fast_kernels::{Adam, Momentum, RmsPropMomentum, Sgd};

    use super::*;

    #[track_caller]
    fn assert_lines(optimizer: Optimizer, regularization: Regularization, expected: &[&str]) {
        let (lines, sources) = update(&optimizer, &regularization);
        let found: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
        assert_eq!(found, expected);
        let words = lines.iter().map(String::as_str).chain(sources);
        assert!(words.into_iter().all(|line| line.chars().count() <= 106));
    }

    #[test]
    fn each_optimizer() {
        let none = Regularization::default();
        assert_lines(
            Optimizer::Momentum(Momentum { learning_rate: 0.1, momentum: 0.9, nesterov: true }),
            none,
            &[
                "Optimizer: sgd with Nesterov's momentum",
                "m = 0.9 m - 0.1 g, g = dL/dw, m = 0 before the first step",
                "w = w + 0.9 m - 0.1 g",
            ],
        );
        let rmsprop = RmsProp { epsilon_at: Epsilon::OutsideRoot, ..RmsProp::default() };
        assert_lines(
            Optimizer::RmsPropMomentum(RmsPropMomentum { rmsprop, momentum: 0.5, centered: true }),
            none,
            &[
                "Optimizer: rmsprop",
                "v = 0.9 v + (1 - 0.9) g^2, g = dL/dw, v = 0 before the first step",
                "a = 0.9 a + (1 - 0.9) g, a = 0 before the first step",
                "d = v - a^2, an estimate of the gradient's variance",
                "m = 0.5 m + 0.001 g / (sqrt(d) + 1e-7), m = 0 before the first step",
                "w = w - m",
            ],
        );
        assert_lines(
            Optimizer::Adam(Adam::default()),
            none,
            &[
                "Optimizer: adam",
                "m = 0.9 m + (1 - 0.9) g, g = dL/dw, m = 0 before the first step",
                "v = 0.999 v + (1 - 0.999) g^2, v = 0 before the first step",
                "w = w - 0.001 sqrt(1 - 0.999^t) / (1 - 0.9^t) m / (sqrt(v) + 1e-7), t the step from 1",
            ],
        );
    }

    #[test]
    fn what_comes_before() {
        assert_lines(
            Optimizer::Sgd(Sgd { learning_rate: 0.5 }),
            Regularization { l2: 0.01, weight_decay: 0.1, clip: Clip::Norm(2.0) },
            &[
                "Optimizer: sgd",
                "L has 0.01 times the sum of squared weights in it, not of biases: dL/dw has 2 0.01 w",
                "g = dL/dw min(1, 2 / n), n the root of the sum of all squares of dL/dw and dL/db",
                "w = w - 0.5 0.1 w, before the step, and b likewise",
                "w = w - 0.5 g",
            ],
        );
        assert_lines(
            Optimizer::Sgd(Sgd { learning_rate: 0.5 }),
            Regularization { clip: Clip::Value(0.2), ..Regularization::default() },
            &["Optimizer: sgd", "g = dL/dw, brought to -0.2 ... 0.2", "w = w - 0.5 g"],
        );
    }
}
