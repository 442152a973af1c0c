//! The first layer's weights while they are trained: most of the network, in panels of columns.
//!
//! ```text
//!            panel 0          panel 1                 group 0: threads 0, 1     group 1: threads 2, 3
//!  pixel 0   W V (64 columns) W V                     panel 0 by pixel rows     panel 1 by pixel rows
//!  pixel 1   W V              W V
//! ```
//!
//! Whoever computes with a panel also updates it, so that its weights stay in that core's cache: with a row-major matrix whose rows
//! are shared out, half of it would come from the other core in every step. Each panel is memory of its own, too: pieces of rows
//! between another core's pieces would drag those along with them, and rows that are a power of two apart meet few of the L1's sets.
//!
//! Threads form groups of equal size that have panels of their own; members of a group share them by rows.

use std::ops::Range;

use mnist_fast_kernels::{Kernels, MatRef, RmsPropMomentum, split};

use super::Optimizer;
use crate::network::Layer;
use crate::optimizer::states::States;
use crate::shared::{SharedBuffer, SharedMatrix};

/// A group of threads has at least so many columns where zeros are left out: with fewer, finding the nonzeros would be most of the work.
const GROUP_COLUMNS: usize = 64;
/// Columns are cut at whole vectors of the kernels, which are cache lines too.
const VECTOR: usize = 16;

/// Some columns of the first layer.
pub(super) struct Panel {
    pub(super) columns: Range<usize>,
    pub(super) weights: SharedMatrix,
    /// The optimizer's.
    pub(super) states: States,
    /// For each row of the state, the decay that is owed to it.
    pub(super) deferred: SharedBuffer<u32>,
}

impl Panel {
    /// The weights, inputs x the panel's columns.
    pub(super) fn weights(&self) -> MatRef<'_> {
        self.weights.read(0..self.weights.rows(), 0..self.weights.columns())
    }
}

/// The first layer in training.
pub(crate) struct FirstLayer {
    panels: Vec<Panel>,
    groups: usize,
    threads: usize,
}

/// Groups and panels for `threads` and a layer of `outputs`; where zeros are left out, `width` is how many columns the kernels work on.
fn layout(outputs: usize, threads: usize, width: Option<usize>) -> (usize, usize) {
    let Some(width) = width else { return (threads, threads) };
    let most = threads.min(outputs.div_ceil(GROUP_COLUMNS));
    let groups = (1..=most).rev().find(|groups| threads.is_multiple_of(*groups)).unwrap_or(1);
    (groups, outputs.div_ceil(width).next_multiple_of(groups))
}

impl FirstLayer {
    /// Room for a layer of `layer`'s shape.
    pub(super) fn new(
        kernels: Kernels,
        layer: &Layer,
        optimizer: &Optimizer,
        threads: usize,
        sparse: bool,
    ) -> Self {
        let (groups, panels) = layout(layer.outputs(), threads, sparse.then(|| kernels.sparse_columns()));
        let panel = |i| {
            let columns = split(layer.outputs(), VECTOR, panels, i);
            Panel {
                weights: SharedMatrix::new(layer.inputs(), columns.len()),
                states: States::new(optimizer, layer.inputs(), columns.len()),
                deferred: SharedBuffer::new(if sparse { layer.inputs() } else { 0 }),
                columns,
            }
        };
        FirstLayer { panels: (0..panels).map(panel).collect(), groups, threads }
    }

    /// The panels of thread `t`, and which of how many shares of their rows is its own.
    pub(super) fn place(&self, t: usize) -> (&[Panel], usize, usize) {
        let members = self.threads / self.groups;
        let own = split(self.panels.len(), 1, self.groups, self.group(t));
        (&self.panels[own], members, t % members)
    }

    /// Whether every thread has panels of its own, which nobody else computes with.
    pub(super) fn is_private(&self) -> bool {
        self.groups == self.threads
    }

    /// The columns of thread `t`'s panels.
    fn columns(&self, t: usize) -> Range<usize> {
        let panels = self.place(t).0;
        let end = |panel: &Panel| panel.columns.end;
        panels.first().map_or(0, |panel| panel.columns.start)..panels.last().map_or(0, end)
    }

    /// The rows of layer `l`'s weights (not the first's) that thread `t` updates. Where panels are private, it is the second's
    /// rows whose inputs are the thread's own columns of the first: others may be running the first layer forward by then.
    pub(super) fn rows(&self, l: usize, t: usize, inputs: usize) -> Range<usize> {
        if l == 1 && self.is_private() { self.columns(t) } else { split(inputs, 1, self.threads, t) }
    }

    /// The biases of layer `l` that thread `t` updates: of the first its own, where panels are private, else all of a layer.
    pub(super) fn biases(&self, l: usize, t: usize, outputs: usize) -> Range<usize> {
        match l == 0 && self.is_private() {
            true => self.columns(t),
            false if l % self.threads == t => 0..outputs,
            false => 0..0,
        }
    }

    /// How many groups there are.
    pub(super) fn groups(&self) -> usize {
        self.groups
    }

    /// The group of thread `t`.
    pub(super) fn group(&self, t: usize) -> usize {
        t / (self.threads / self.groups)
    }

    /// Takes the weights over from the layer.
    pub(super) fn load(&mut self, layer: &Layer) {
        for Panel { columns, weights, .. } in &mut self.panels {
            for input in 0..layer.inputs() {
                weights.row_mut(input).copy_from_slice(&layer.weight_row(input)[columns.clone()]);
            }
        }
    }

    /// Gives the weights back to the layer.
    pub(super) fn store(&self, layer: &mut Layer) {
        for Panel { columns, weights, .. } in &self.panels {
            for input in 0..layer.inputs() {
                layer.weights.row_mut(input)[columns.clone()].copy_from_slice(weights.row(input));
            }
        }
    }

    /// Copies one row of the weights, whole.
    pub(super) fn copy_row(&self, input: usize, to: &mut [f32]) {
        for Panel { columns, weights, .. } in &self.panels {
            to[columns.clone()].copy_from_slice(weights.row(input));
        }
    }

    /// The optimizer's state `k`, inputs x outputs, row-major.
    pub(crate) fn state(&self, k: usize) -> Vec<f32> {
        let inputs = self.panels.iter().map(|panel| panel.weights.rows()).max().unwrap_or(0);
        let outputs: usize = self.panels.iter().map(|panel| panel.columns.len()).sum();
        let mut all = Vec::with_capacity(inputs * outputs);
        for input in 0..inputs {
            self.panels.iter().for_each(|panel| all.extend_from_slice(panel.states.get(k).row(input)));
        }
        all
    }

    /// Sets what [`FirstLayer::state`] gave.
    pub(crate) fn set_state(&mut self, k: usize, values: &[f32]) {
        let mut rest = values;
        let inputs = self.panels.iter().map(|panel| panel.weights.rows()).max().unwrap_or(0);
        for input in 0..inputs {
            for Panel { states, .. } in &mut self.panels {
                let state = states.get_mut(k);
                let (row, after) = rest.split_at(state.columns());
                state.row_mut(input).copy_from_slice(row);
                rest = after;
            }
        }
    }

    /// Makes good the decay that some rows of the state owe.
    pub(super) fn settle(&mut self, kernels: Kernels, optimizer: &Optimizer) {
        let (Optimizer::RmsProp(rule) | Optimizer::RmsPropMomentum(RmsPropMomentum { rmsprop: rule, .. })) =
            optimizer
        else {
            return;
        };
        for Panel { states, deferred, .. } in &mut self.panels {
            if !deferred.all().is_empty() {
                let state = states.get_mut(0);
                let (rows, columns) = (state.rows(), state.columns());
                // SAFETY: the exclusive borrow proves that nobody else is there.
                let v = unsafe { state.write(0..rows, 0..columns) };
                kernels.rmsprop_settle(rule, v, deferred.all_mut()).expect("one count per row");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_divide_the_threads_and_the_panels() {
        for outputs in [1, 10, 64, 65, 100, 128, 1024] {
            for threads in 1..=9 {
                for width in [None, Some(16), Some(64), Some(128)] {
                    let (groups, panels) = layout(outputs, threads, width);
                    assert_eq!((threads % groups, panels % groups), (0, 0), "{outputs} {threads} {width:?}");
                }
            }
        }
        assert_eq!(layout(128, 1, Some(128)), (1, 1));
        assert_eq!(layout(128, 1, Some(64)), (1, 2));
        assert_eq!(layout(128, 2, Some(128)), (2, 2));
        assert_eq!(layout(128, 3, Some(128)), (1, 1));
        assert_eq!(layout(128, 4, Some(128)), (2, 2));
        assert_eq!(layout(10, 2, Some(128)), (1, 1));
        assert_eq!(layout(1024, 3, Some(128)), (3, 9));
    }
}
