//! Steps on randomly distorted images.

use mnist_fast_kernels::DistortionRange;

use super::step::Owed;
use super::{Examples, Trainer};
use crate::augment::Augmented;
use crate::error::{Error, Result};
use crate::metrics::Metrics;
use crate::phases::Phase;

impl Trainer {
    /// The same on randomly distorted images, of `shape` (rows, columns). They are evaluated as they are.
    ///
    /// # Errors
    /// As for [`crate::augment::distortion`], and where what it needs does not fit into memory or the network is for other images.
    pub fn with_augmentation(mut self, range: DistortionRange, shape: (usize, usize)) -> Result<Self> {
        let inputs = self.network.inputs();
        if shape.0.checked_mul(shape.1) != Some(inputs) {
            return Err(Error::failed(format!(
                "images of {} x {} do not fit a network of {inputs} inputs; give the shape of its images",
                shape.0, shape.1
            )));
        }
        let (seed, batch, threads) = (self.settings.seed, self.settings.batch_size, self.team.threads());
        self.augmented = Some(Augmented::new(range, seed, shape, batch, threads)?);
        Ok(self)
    }

    /// A step on the examples at `images`, or on distorted copies of them; the rest is as for [`Trainer::step`].
    pub(super) fn any_step(
        &mut self,
        owed: Option<Owed>,
        examples: Examples<'_>,
        images: &[u32],
        next: &[u32],
    ) -> Metrics {
        let Some(mut augmented) = self.augmented.take() else {
            return self.step(owed, examples, images, next);
        };
        let Trainer { kernels, team, batch, phases, .. } = self;
        let marks = (|t| phases.begin(t), |t| phases.mark(t, Phase::Gather));
        augmented.fill((*kernels, team), examples, (images, batch.moment[1]), marks);
        phases.mark(0, Phase::Waiting);
        let (distorted, places) = augmented.batch(images.len());
        let metrics = self.step(owed, distorted, places, &[]);
        self.augmented = Some(augmented);
        metrics
    }
}
