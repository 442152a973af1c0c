//! Any rule as the end of a product: the way for those that have no end of their own in the microkernels.
//!
//! A tile or a row of gradients goes through memory, where its accumulators are at that moment anyway, to a kernel of the same
//! ISA that is reached by a pointer. So a rule costs its code once an ISA, not once for each shape of tile, and the ends that the
//! common optimizers have stay as they are.

use core::ops::Range;

use crate::table::{OptimizerF32, RmsPropF32, RuleF32, UpdateCall};
use crate::view::{MatMut, MatRef};

/// States that a rule has at most.
pub(crate) const MOST_STATES: usize = 3;

/// A rule, and its states for all of the weights.
pub(crate) struct AnyUpdate<'a> {
    pub(crate) rule: RuleF32,
    /// Those that the rule has, of the weights' shape.
    pub(crate) states: [Option<MatMut<'a>>; MOST_STATES],
    /// The table's.
    pub(crate) update: unsafe fn(UpdateCall<'_>),
    /// The table's.
    pub(crate) rmsprop_decay: unsafe fn(RmsPropF32, u32, &mut [f32]),
}

impl AnyUpdate<'_> {
    /// The step on a block of the weights whose first element is `(i, j)` of them all; `gradient` has its shape.
    pub(crate) fn call<'a>(
        &'a mut self,
        (i, j): (usize, usize),
        w: MatMut<'a>,
        gradient: MatRef<'a>,
    ) -> UpdateCall<'a> {
        let (rows, columns) = (i..i + w.rows(), j..j + w.columns());
        let states = self.states.each_mut().map(|state| {
            let rows = state.as_mut()?.reborrow().row_range(rows.clone()).ok()?;
            rows.column_range(columns.clone()).ok()
        });
        UpdateCall { rule: &self.rule, w, states, gradient }
    }

    /// Takes that step.
    ///
    /// # Safety
    /// The CPU has the ISA of `update`.
    pub(crate) unsafe fn block(&mut self, at: (usize, usize), w: MatMut<'_>, gradient: MatRef<'_>) {
        let update = self.update;
        // SAFETY: as the caller vouches.
        unsafe { update(self.call(at, w, gradient)) };
    }

    /// Steps of RMSprop without momentum whose gradients are zero, on a part of a row of its state: of another optimizer, nothing.
    ///
    /// # Safety
    /// The CPU has the ISA of `rmsprop_decay`.
    pub(crate) unsafe fn decay(&mut self, times: u32, row: usize, columns: Range<usize>) {
        let (OptimizerF32::RmsProp(rule), [Some(v), ..]) = (self.rule.optimizer, &mut self.states) else {
            return;
        };
        if let Some(v) = v.row_mut(row).and_then(|row| row.get_mut(columns)) {
            let decay = self.rmsprop_decay;
            // SAFETY: as the caller vouches.
            unsafe { decay(rule, times, v) };
        }
    }
}
