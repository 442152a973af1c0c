//! What is taken for what: the confusion matrix, and precision, recall and F1 of each class from it.

/// How often examples of each class were taken for each class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    /// Truth x prediction.
    counts: Vec<u64>,
}

/// One class' figures. What is a share of nothing is `None`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassFigures {
    /// The share of the examples taken for this class that are of it.
    pub precision: Option<f64>,
    /// The share of the examples of this class that were taken for it.
    pub recall: Option<f64>,
    /// The harmonic mean of both.
    pub f1: Option<f64>,
    /// How many examples are of this class.
    pub examples: u64,
}

impl Confusion {
    /// Of examples in order: what they are and what they were taken for, all below `classes`.
    ///
    /// # Panics
    ///
    /// If the two are not equally long, or a class is not below `classes`.
    pub fn new(classes: usize, truths: &[u8], predictions: &[u32]) -> Self {
        assert_eq!(truths.len(), predictions.len(), "one prediction for each example");
        let mut counts = vec![0; classes * classes];
        for (truth, prediction) in truths.iter().zip(predictions) {
            let (truth, prediction) = (usize::from(*truth), *prediction as usize);
            assert!(truth < classes && prediction < classes, "{truth} and {prediction} of {classes} classes");
            counts[truth * classes + prediction] += 1;
        }
        Confusion { classes, counts }
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How often examples of the class `truth` were taken for each class.
    pub fn row(&self, truth: usize) -> &[u64] {
        &self.counts[truth * self.classes..][..self.classes]
    }

    /// One class' figures.
    pub fn class(&self, class: usize) -> ClassFigures {
        let hits = self.row(class)[class];
        let examples: u64 = self.row(class).iter().sum();
        let taken: u64 = (0..self.classes).map(|truth| self.row(truth)[class]).sum();
        let share = |part: u64, of: u64| (of > 0).then(|| part as f64 / of as f64);
        ClassFigures {
            precision: share(hits, taken),
            recall: share(hits, examples),
            f1: share(2 * hits, examples + taken),
            examples,
        }
    }

    /// The means of the classes' figures, each class counting once; of those that have the figure.
    pub fn mean(&self) -> ClassFigures {
        let mean = |figure: fn(ClassFigures) -> Option<f64>| {
            let all: Vec<f64> = (0..self.classes).filter_map(|class| figure(self.class(class))).collect();
            (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
        };
        ClassFigures {
            precision: mean(|class| class.precision),
            recall: mean(|class| class.recall),
            f1: mean(|class| class.f1),
            examples: self.counts.iter().sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_truth_and_columns_prediction() {
        let confusion = Confusion::new(3, &[0, 0, 0, 1, 1], &[0, 1, 1, 1, 0]);
        assert_eq!(
            [confusion.row(0), confusion.row(1), confusion.row(2)],
            [&[1, 2, 0], &[1, 1, 0], &[0, 0, 0]]
        );
        let first = confusion.class(0);
        assert_eq!((first.precision, first.recall, first.examples), (Some(0.5), Some(1.0 / 3.0), 3));
        assert!((first.f1.unwrap() - 0.4).abs() < 1e-12);
        let second = confusion.class(1);
        assert_eq!((second.precision, second.recall), (Some(1.0 / 3.0), Some(0.5)));
    }

    #[test]
    fn shares_of_nothing_are_none() {
        let confusion = Confusion::new(3, &[0, 1], &[0, 0]);
        assert_eq!(confusion.class(1).precision, None);
        assert_eq!((confusion.class(1).recall, confusion.class(1).f1), (Some(0.0), Some(0.0)));
        let absent = ClassFigures { precision: None, recall: None, f1: None, examples: 0 };
        assert_eq!(confusion.class(2), absent);
        let mean = confusion.mean();
        assert_eq!((mean.precision, mean.recall, mean.examples), (Some(0.5), Some(0.5), 2));
        assert_eq!(Confusion::new(2, &[], &[]).mean(), absent);
    }
}
