//! Sums over all parameters: of the squares of weights, for the penalty, and of those of gradients, for their norm.
//!
//! Threads sum the squares of rows, 16 lanes each, and one thread adds the rows in order in f64, so that the sum is the same
//! whatever the threads. A gradient whose norm is asked for is stored, and moves the weights only then: a pass of its own.

use std::ops::Range;

use mnist_fast_kernels::{Kernels, MatRef, Rule, split};

use crate::network::{Layer, Network};
use crate::shared::{SharedBuffer, SharedMatrix};

/// Rows that are put together at a time.
const BLOCK: usize = 16;

/// The sums of squares of each layer's rows, and of its biases after them.
pub(crate) struct Sums(Vec<SharedBuffer<f32>>);

impl Sums {
    pub(crate) fn new(network: &Network) -> Self {
        Sums(network.layers().iter().map(|layer| SharedBuffer::new(layer.inputs() + 1)).collect())
    }

    pub(crate) fn total(&self) -> f64 {
        self.0.iter().flat_map(|layer| layer.all()).fold(0.0, |sum, row| sum + f64::from(*row))
    }

    /// Those of some rows of a layer.
    ///
    /// # Safety
    /// No other reference to these sums lives.
    pub(crate) unsafe fn rows(&self, kernels: Kernels, l: usize, rows: Range<usize>, of: MatRef<'_>) {
        // SAFETY: as the caller vouches.
        let to = unsafe { self.0[l].write(rows) };
        kernels.row_sum_of_squares(of, to).expect("a sum for each row");
    }

    /// Those of all weights, outside of a step.
    pub(crate) fn of_network(&mut self, kernels: Kernels, network: &Network) -> f64 {
        for (l, layer) in network.layers().iter().enumerate() {
            // SAFETY: the exclusive borrow proves that nobody else is there.
            unsafe { self.rows(kernels, l, 0..layer.inputs(), layer.weights()) };
        }
        self.total()
    }

    /// Those of some rows of the first layer, which `copy` copies one at a time, in `room` for some of them.
    ///
    /// # Safety
    /// As for [`Sums::rows`].
    pub(crate) unsafe fn copied_rows(
        &self,
        kernels: Kernels,
        rows: Range<usize>,
        columns: usize,
        room: &mut [f32],
        copy: impl Fn(usize, &mut [f32]),
    ) {
        for start in rows.clone().step_by(BLOCK) {
            let block = start..rows.end.min(start + BLOCK);
            let room = &mut room[..block.len() * columns];
            for (row, to) in block.clone().zip(room.chunks_exact_mut(columns)) {
                copy(row, to);
            }
            let of = MatRef::new(room, block.len(), columns).expect("whole rows");
            // SAFETY: as the caller vouches.
            unsafe { self.rows(kernels, 0, block, of) };
        }
    }
}

/// Room for [`Sums::copied_rows`].
pub(crate) fn room(widest: usize) -> Vec<f32> {
    vec![0.0; BLOCK * widest]
}

/// All gradients of a step, and the largest norm they may have.
pub(crate) struct Gradients {
    most: f64,
    layers: Vec<LayerGradient>,
    sums: Sums,
}

struct LayerGradient {
    weights: SharedMatrix,
    /// A row.
    biases: SharedMatrix,
}

impl Gradients {
    pub(crate) fn new(network: &Network, most: f64) -> Self {
        let layer = |layer: &Layer| LayerGradient {
            weights: SharedMatrix::new(layer.inputs(), layer.outputs()),
            biases: SharedMatrix::new(1, layer.outputs()),
        };
        Gradients { most, layers: network.layers().iter().map(layer).collect(), sums: Sums::new(network) }
    }

    /// Room for those of a layer's weights.
    pub(crate) fn weights(&self, l: usize) -> &SharedMatrix {
        &self.layers[l].weights
    }

    /// Those of a layer's biases.
    pub(crate) fn biases(&self, l: usize) -> &[f32] {
        self.layers[l].biases.row(0)
    }

    /// Stores those of some of a layer's biases.
    ///
    /// # Safety
    /// No other reference to them lives.
    pub(crate) unsafe fn set_biases(&self, l: usize, columns: Range<usize>, gradient: &[f32]) {
        // SAFETY: as the caller vouches.
        let mut to = unsafe { self.layers[l].biases.write(0..1, columns) };
        to.row_mut(0).expect("a row").copy_from_slice(gradient);
    }

    /// The sums of the rows whose turn it is with thread `t` of `threads`.
    ///
    /// # Safety
    /// No other thread has the same `t`, and nobody writes the gradients.
    pub(crate) unsafe fn sum(&self, kernels: Kernels, (t, threads): (usize, usize)) {
        for (l, LayerGradient { weights, biases }) in self.layers.iter().enumerate() {
            let (inputs, columns) = (weights.rows(), weights.columns());
            let rows = split(inputs, 1, threads, t);
            // SAFETY: as the caller vouches; the biases' sum is that of one thread.
            unsafe {
                self.sums.rows(kernels, l, rows.clone(), weights.read(rows, 0..columns));
                if l % threads == t {
                    self.sums.rows(kernels, l, inputs..inputs + 1, biases.read(0..1, 0..columns));
                }
            }
        }
    }

    /// The rule that takes the gradients as they are stored: scaled, if their norm is too large. A norm that is no finite number
    /// makes every weight NaN, as in Keras, and so ends the training.
    pub(crate) fn rule(&self, rule: &Rule) -> Rule {
        let norm = self.sums.total().sqrt();
        let gradient_scale = match norm {
            norm if norm <= self.most => 1.0,
            norm if norm.is_finite() => self.most / norm,
            _ => f64::NAN,
        };
        Rule { l2: 0.0, gradient_scale, ..*rule }
    }
}
