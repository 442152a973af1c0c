//! What the optimizer keeps for a matrix of parameters: up to three numbers for each.

use std::ops::Range;

use mnist_fast_kernels::MatMut;

use super::Optimizer;
use crate::shared::SharedMatrix;

/// A matrix of each of the optimizer's states.
pub(crate) struct States(Vec<SharedMatrix>);

/// Some rows and columns of each, to write.
pub(crate) struct View<'a>([MatMut<'a>; 3], usize);

/// The optimizer's states of one layer's parameters.
pub(crate) struct LayerState {
    /// Not the first layer's.
    pub(crate) weights: States,
    /// Rows.
    pub(crate) biases: States,
}

impl States {
    /// Zeros.
    pub(crate) fn new(optimizer: &Optimizer, rows: usize, columns: usize) -> Self {
        States(optimizer.states().iter().map(|_| SharedMatrix::new(rows, columns)).collect())
    }

    /// One of them.
    pub(crate) fn get(&self, k: usize) -> &SharedMatrix {
        &self.0[k]
    }

    /// One of them, to write.
    pub(crate) fn get_mut(&mut self, k: usize) -> &mut SharedMatrix {
        &mut self.0[k]
    }

    /// Some rows and columns, to write.
    ///
    /// # Safety
    /// No other reference to any of these elements lives as long as the result does.
    pub(crate) unsafe fn write(&self, rows: &Range<usize>, columns: &Range<usize>) -> View<'_> {
        let part = |k: usize| match self.0.get(k) {
            // SAFETY: as the caller vouches.
            Some(state) => unsafe { state.write(rows.clone(), columns.clone()) },
            None => MatMut::new(&mut [], 0, 0).expect("an empty matrix"),
        };
        View([part(0), part(1), part(2)], self.0.len())
    }
}

impl<'a> View<'a> {
    /// As the kernels take them.
    pub(crate) fn all(&mut self) -> &mut [MatMut<'a>] {
        &mut self.0[..self.1]
    }
}
