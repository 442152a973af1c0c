//! `summary --diagram`: the network drawn as the tutorial draws it, its layers below each other for any width of terminal.

use mnist_fast::activation::Activation;
use mnist_fast::network::Network;

use crate::args::Opt;

pub(crate) const DIAGRAM: Opt =
    Opt { name: "--diagram", value: "", help: "draw the layers and what connects them as well" };

/// So many units are drawn; of more, these and dots between them.
const UNITS: usize = 4;

/// The columns of a row of units.
const WIDTH: usize = 5 + 3 * UNITS;

/// The units of each layer, and between them the weights that connect each with each.
pub(crate) fn diagram(network: &Network) -> String {
    let mut lines =
        vec![row(&units(network.inputs()), &format!("{} inputs: pixels / 255; no layer", network.inputs()))];
    let last = network.layers().len() - 1;
    for (l, layer) in network.layers().iter().enumerate() {
        let (inputs, outputs, n) = (layer.inputs(), layer.outputs(), l + 1);
        let name = if l == 0 { "dense".to_owned() } else { format!("dense_{l}") };
        lines.push(row(
            &links(inputs, outputs),
            &format!("{name}: each with each, W{n} {inputs} x {outputs} + b{n} {outputs}"),
        ));
        let what = match (l == last, outputs) {
            (false, _) => Activation::list(&[layer.activation()]),
            (true, 1) => "sigmoid, the probability of the second class".into(),
            (true, _) => "softmax, a probability for each class".into(),
        };
        let units_of = if outputs == 1 { "unit" } else { "units" };
        lines.push(row(&units(outputs), &format!("{outputs} {units_of}: {what}")));
    }
    lines.join("\n")
}

fn row(drawn: &str, words: &str) -> String {
    format!("  {drawn:<WIDTH$}  {words}")
}

/// `o  o  o ... o`.
fn units(count: usize) -> String {
    match count {
        ..=UNITS => vec!["o"; count].join("  "),
        _ => format!("{} ... o", ["o"; UNITS - 1].join("  ")),
    }
}

/// `|\/|\/| ... |`, as wide as the wider of both sides.
fn links(above: usize, below: usize) -> String {
    match above.max(below) {
        count @ ..=UNITS => vec!["|"; count].join("\\/"),
        _ => format!("{} ... |", ["|"; UNITS - 1].join("\\/")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_layers_are_drawn_whole_and_large_ones_in_part() {
        let network = Network::zeros(&[784, 128, 2, 1]).unwrap();
        let network = network.with_activations(&[Activation::Relu, Activation::Tanh]).unwrap();
        let expected = [
            "  o  o  o ... o      784 inputs: pixels / 255; no layer",
            "  |\\/|\\/| ... |      dense: each with each, W1 784 x 128 + b1 128",
            "  o  o  o ... o      128 units: relu",
            "  |\\/|\\/| ... |      dense_1: each with each, W2 128 x 2 + b2 2",
            "  o  o               2 units: tanh",
            "  |\\/|               dense_2: each with each, W3 2 x 1 + b3 1",
            "  o                  1 unit: sigmoid, the probability of the second class",
        ];
        assert_eq!(diagram(&network).lines().collect::<Vec<_>>(), expected);
    }
}
