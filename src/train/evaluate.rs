//! Evaluation: the network as it is, on examples in order.

use mnist_fast_kernels::{ByteRows, Kernels, split};

use super::activations::{Input, gather, rows_of};
use super::{Examples, Trainer, Worker};
use crate::metrics::Metrics;
use crate::phases::Phase;
use crate::shared::SharedBuffer;

/// Images that a thread takes through the network at a time: their activations stay in its L2.
pub(super) const BLOCK: usize = 64;

/// Bytes from one pixel of a block's images to the next, where they are turned over.
pub(super) const TURNED_ROW: usize = Kernels::room(BLOCK);

/// One loss and one class per example.
pub(super) struct Results {
    losses: SharedBuffer<f32>,
    predictions: SharedBuffer<u32>,
}

impl Results {
    pub(super) fn new(examples: usize) -> Self {
        Results { losses: SharedBuffer::new(examples), predictions: SharedBuffer::new(examples) }
    }

    /// Makes room for `examples`.
    pub(super) fn reserve(&mut self, examples: usize) {
        if self.losses.all().len() < examples {
            *self = Results::new(examples);
        }
    }
}

impl Trainer {
    /// Loss and accuracy on `examples`, each image by the same chains as in training: the bits do not depend on
    /// blocks or threads.
    pub fn evaluate(&mut self, examples: Examples<'_>) -> Metrics {
        self.phases.start();
        self.evaluated.reserve(examples.len());
        let Trainer { kernels, team, settings, regularization, penalty, network, workers, evaluated, .. } =
            self;
        let Results { losses, predictions } = evaluated;
        let (kernels, network, threads, sparse) = (*kernels, &*network, team.threads(), settings.sparse);
        team.run(|t| {
            let mut worker = workers[t].lock().expect("a worker's panic ends the run");
            let own = split(examples.len(), 1, threads, t);
            for start in own.clone().step_by(BLOCK) {
                let images = start..own.end.min(start + BLOCK);
                let rows = 0..images.len();
                let Worker { workspace, x, turned, evaluation: block, .. } = &mut *worker;
                let labels = examples.labels[images.clone()].iter().map(|label| u32::from(*label));
                block.labels.all_mut().iter_mut().zip(labels).for_each(|(to, label)| *to = label);
                // SAFETY: the block is this thread's, and so is this range of losses and predictions.
                unsafe {
                    let x = if sparse {
                        let (part, len) = (examples.range(images.clone()), network.inputs());
                        let x = ByteRows::new(part.images, rows.len(), len, len).expect("whole images");
                        kernels.transpose_u8(x, 0..len, turned, TURNED_ROW).expect("room for a block");
                        let turned = ByteRows::new(turned, len, rows.len(), TURNED_ROW);
                        Input::Turned(turned.expect("as many as there are"))
                    } else {
                        gather(kernels, x, examples, images.clone());
                        Input::Dense(rows_of(x, &rows))
                    };
                    block.forward_layer(kernels, network, 0, x, &rows, workspace);
                    block.forward(kernels, network, &rows, sparse, workspace);
                    block.loss(kernels, &rows, None);
                    losses.write(images.clone()).copy_from_slice(block.losses.part(rows.clone()));
                    predictions.write(images).copy_from_slice(block.predictions.part(rows));
                }
            }
        });
        let labels = examples.labels.iter().map(|label| u32::from(*label));
        let mut metrics =
            Metrics::of(losses.part(0..examples.len()), predictions.part(0..examples.len()), labels);
        if let Some(sums) = penalty {
            metrics.loss_sum += regularization.l2 * sums.of_network(kernels, network) * examples.len() as f64;
        }
        self.phases.mark_all(Phase::Validation);
        metrics
    }
}
