//! The worst mistakes: what a network got wrong, at the highest loss first.

use crate::predict::Evaluation;

/// A mistake: which example, how sure the network was, how wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mistake {
    /// Among the examples.
    pub index: usize,
    /// What it is.
    pub truth: usize,
    /// What it was taken for.
    pub prediction: usize,
    /// The probability of what it was taken for.
    pub probability: f32,
    /// Its loss.
    pub loss: f32,
}

/// The `count` wrongly classified examples of highest loss, the worst first.
pub fn worst(labels: &[u8], found: &Evaluation, count: usize) -> Vec<Mistake> {
    let all = labels.iter().zip(&found.classes).enumerate();
    let mut mistakes: Vec<Mistake> = all
        .map(|(index, (truth, prediction))| Mistake {
            index,
            truth: usize::from(*truth),
            prediction: *prediction as usize,
            probability: found.probabilities[index],
            loss: found.losses[index],
        })
        .filter(|mistake| mistake.truth != mistake.prediction)
        .collect();
    // A stable sort: of equal losses, the first in the file comes first.
    mistakes.sort_by(|a, b| b.loss.total_cmp(&a.loss));
    mistakes.truncate(count);
    mistakes
}
