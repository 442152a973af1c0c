//! The images of a run: those it trains on, those held out for validation, and those it is tested on.

use mnist_fast::dataset::{Chosen, Dataset};
use mnist_fast::report::Names;
use mnist_fast::train::Examples;
use mnist_fast::{Error, Result};

use super::super::data::Picked;
use super::plan::Plan;

/// All of them, or those of the chosen classes.
pub(super) struct Images<'a> {
    /// The chosen classes, where not all are trained on, and what they are called.
    pub(super) chosen: Option<Chosen>,
    pub(super) chosen_names: Option<Vec<String>>,
    train: Picked<'a>,
    validation: Picked<'a>,
    test: Option<Picked<'a>>,
    /// How many training images are held out, of all classes, and from which end.
    pub(super) held_out: (usize, &'static str),
}

impl<'a> Images<'a> {
    /// Those that the plan asks for; what there is to say of the split goes to standard error.
    pub(super) fn new(plan: &Plan, data: &'a Dataset) -> Result<Self> {
        let parts = plan.source.split(data.train.len())?;
        let all = Examples { images: data.train.images(), labels: data.train.labels() };
        let held_out = (parts.validation.len(), if parts.validation_first { "first" } else { "last" });
        let chosen = plan.classes.as_ref().map(|text| Chosen::parse(text, data)).transpose()?;
        let pick = |examples| Picked::new(chosen.as_ref(), examples);
        let (train, validation) = (pick(all.range(parts.train))?, pick(all.range(parts.validation))?);
        let test = data.test.as_ref().map(|test| Examples { images: test.images(), labels: test.labels() });
        let test = test.map(pick).transpose()?;
        let chosen_names = chosen.as_ref().map(|chosen| chosen.names(data.class_names.as_ref()));
        let images = Images { chosen, chosen_names, train, validation, test, held_out };
        if plan.early_stop.is_some() && images.validation().is_none() {
            return Err(Error::usage(
                "--early-stop goes by validation loss; hold images out with --validation N",
            ));
        }
        if let Some(names) = &images.chosen_names {
            require_every_class(names, images.train())?;
        }
        Ok(images)
    }

    pub(super) fn train(&self) -> Examples<'_> {
        self.train.examples()
    }

    pub(super) fn validation(&self) -> Option<Examples<'_>> {
        Some(self.validation.examples()).filter(|part| !part.is_empty())
    }

    pub(super) fn test(&self) -> Option<Examples<'_>> {
        self.test.as_ref().map(Picked::examples).filter(|part| !part.is_empty())
    }

    /// Those that a report judges the network by, and what they are called: the test images, where there are any.
    pub(super) fn judged(&self) -> Option<(&'static str, &Picked<'a>)> {
        let test = self.test.as_ref().filter(|_| self.test().is_some()).map(|test| ("test", test));
        test.or(self.validation().map(|_| ("validation", &self.validation)))
    }

    /// How many classes the network tells apart.
    pub(super) fn classes(&self, data: &Dataset) -> usize {
        self.chosen.as_ref().map_or(data.classes, Chosen::len)
    }

    /// What these are called, where they have names.
    pub(super) fn class_names<'b>(&'b self, data: &'b Dataset) -> Option<&'b [String]> {
        self.chosen_names.as_deref().or(data.class_names.as_deref())
    }

    /// The same for a report, which shows numbers and names.
    pub(super) fn names<'b>(&'b self, data: &'b Dataset) -> Names<'b> {
        Names {
            labels: self.chosen.as_ref().map(Chosen::labels),
            names: data.class_names.as_ref().and_then(|_| self.class_names(data)),
        }
    }
}

/// Refuses chosen classes that no training image is of: nothing could be learned of them.
fn require_every_class(names: &[String], train: Examples<'_>) -> Result<()> {
    let absent =
        (0..names.len()).find(|class| !train.labels.iter().any(|label| usize::from(*label) == *class));
    match absent {
        None => Ok(()),
        Some(class) => Err(Error::failed(format!(
            "no training image is of class {}; leave it out of --classes",
            names[class]
        ))),
    }
}
