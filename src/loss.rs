//! What training makes small, and how many outputs it wants.

use std::fmt;
use std::str::FromStr;

/// The loss; all in nats, and means over the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Cross-entropy of a softmax, one output a class, by integer labels.
    SparseCategorical,
    /// The same by one-hot vectors made from the labels, as the tutorial's `to_categorical` makes them: the same bits.
    Categorical,
    /// Cross-entropy of one logistic output, the probability of the second of two classes.
    Binary,
}

impl Loss {
    /// What users may write.
    pub const NAMES: &str = "sparse-categorical, categorical or binary";

    /// The outputs of a network for `classes`; binary wants 2 of those.
    pub fn outputs(self, classes: usize) -> usize {
        match self {
            Loss::SparseCategorical | Loss::Categorical => classes,
            Loss::Binary => 1,
        }
    }

    /// Whether a network of this many outputs can be trained with it: one output is logistic, several are a softmax.
    pub fn fits(self, outputs: usize) -> bool {
        (self == Loss::Binary) == (outputs == 1)
    }

    /// What a network of this many outputs is trained with unless something else is said.
    pub fn default_for(outputs: usize) -> Self {
        if outputs == 1 { Loss::Binary } else { Loss::SparseCategorical }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Loss::SparseCategorical => "sparse-categorical",
            Loss::Categorical => "categorical",
            Loss::Binary => "binary",
        })
    }
}

impl FromStr for Loss {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Loss::SparseCategorical, Loss::Categorical, Loss::Binary]
            .into_iter()
            .find(|loss| loss.to_string() == text)
            .ok_or(())
    }
}
