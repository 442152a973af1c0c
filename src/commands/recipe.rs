//! `train --recipe`: named sets of ordinary options, found on validation images alone; docs/ACCURACY.md has what they reach.

use mnist_fast::{Error, Result};

use super::repeat::{LIKE, command_words, replacing};
use super::taken::Taken;
use crate::args::{Args, Given, Opt};

pub(crate) const RECIPE: Opt = Opt {
    name: "--recipe",
    value: "NAME",
    help: "train with a recipe's options, which are printed; others replace them.\nquick: 98 % on MNIST's test images in a blink; best: 99 % in a minute;\nwider: 99.4 % with six times the weights, in a few",
};

/// A recipe: its name, and its options in the order of the help.
type Recipe = (&'static str, &'static [(&'static str, &'static str)]);

const RECIPES: &[Recipe] = &[
    (
        "quick",
        &[
            ("--validation", "0"),
            ("--label-smoothing", "0.05"),
            ("--optimizer", "adam"),
            ("--lr", "0.006"),
            ("--schedule", "one-cycle"),
            ("--batch-size", "128"),
            ("--epochs", "3"),
            ("--beta-1", "0.8"),
            ("--beta-2", "0.99"),
        ],
    ),
    (
        "best",
        &[
            ("--validation", "0"),
            ("--label-smoothing", "0.05"),
            ("--augment", "affine"),
            ("--schedule", "cosine"),
            ("--epochs", "80"),
        ],
    ),
    (
        "wider",
        &[
            ("--validation", "0"),
            ("--hidden", "512,512"),
            ("--label-smoothing", "0.05"),
            ("--augment", "affine"),
            ("--schedule", "cosine"),
            ("--batch-size", "128"),
            ("--epochs", "80"),
        ],
    ),
];

/// A recipe that was asked for.
pub(crate) struct Expanded {
    /// The command line that it stands for.
    pub(crate) line: String,
    /// What the run has from it.
    pub(crate) taken: Taken,
}

/// Takes `--recipe`; the arguments that remain have its options, where none given replaces them.
///
/// # Errors
/// Where there is no such recipe, or a model file says what to train.
pub(crate) fn expand(mut args: Args) -> Result<(Option<Expanded>, Args)> {
    let find = |text: &str| RECIPES.iter().find(|(name, _)| *name == text);
    let Some((name, options)) = args.parse(RECIPE.name, "quick, best or wider", find)? else {
        return Ok((None, args));
    };
    if args.clone().path(LIKE.name)?.is_some() {
        return Err(Error::usage("--recipe and --like exclude each other: each says what to train"));
    }
    let stored: Vec<Given> = options.iter().map(|(option, value)| (*option, Some(value.into()))).collect();
    let (given, all) = replacing(&mut args, &stored)?;
    let line = format!("recipe {name}: mnist-fast train {}", command_words(&all).join(" "));
    let taken = Taken::new(format!("{} {name}", RECIPE.name), &all, &given);
    Ok((Some(Expanded { line, taken }), args.and(&all)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::train::OPTIONS;

    fn expanded(arguments: &[&str]) -> Result<String> {
        let arguments = arguments.iter().map(Into::into).collect();
        let (expanded, _) = expand(Args::new("train", OPTIONS, arguments))?;
        Ok(expanded.map_or(String::new(), |expanded| expanded.line))
    }

    #[test]
    fn recipes_are_of_options_that_train_has_in_their_order() {
        for (name, options) in RECIPES {
            let at =
                |option| OPTIONS.iter().position(|known| known.name == option && !known.value.is_empty());
            let places: Option<Vec<usize>> = options.iter().map(|(option, _)| at(*option)).collect();
            assert!(places.is_some_and(|places| places.is_sorted()), "{name}");
        }
    }

    #[test]
    fn options_that_are_given_replace_those_of_the_recipe() {
        let whole = expanded(&["--recipe", "quick"]).unwrap();
        assert!(whole.starts_with("recipe quick: mnist-fast train --validation 0 "), "{whole}");
        let other = expanded(&["--epochs", "5", "--recipe=quick", "--seed", "7"]).unwrap();
        assert!(other.contains("--epochs 5") && !other.contains("--epochs 3") && other.contains("--seed 7"));
        // Another optimizer has another rate.
        assert!(!expanded(&["--recipe", "quick", "--optimizer", "sgd"]).unwrap().contains("--lr "));
        assert_eq!(expanded(&["--epochs", "5"]).unwrap(), "");
    }

    #[test]
    fn what_is_no_recipe_is_refused() {
        let error = expanded(&["--recipe", "soup"]).unwrap_err().to_string();
        assert!(RECIPES.iter().all(|(name, _)| error.contains(name)), "{error}");
        assert!(expanded(&["--recipe", "quick", "--like", "m.safetensors"]).is_err());
    }
}
