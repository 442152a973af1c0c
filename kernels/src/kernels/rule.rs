//! Any optimizer with an L2 penalty, clipping and weight decay, as a value.

use super::sparse::may_defer;
use super::{Adam, Kernels, Momentum, RmsProp, Sgd, check_len, check_rows_are_contiguous, check_shape};
use crate::any_update::AnyUpdate;
use crate::table::{OptimizerF32, RmsPropExtraF32, RuleF32, UpdateCall, UpdateRule};
use crate::view::{MatMut, MatRef};
use crate::workspace::Workspace;
use crate::{Error, Sparse};

/// [`RmsProp`] with momentum, centred, or both (Graves, "Generating sequences with recurrent neural networks", 2013), as
/// Keras 3's `RMSprop(momentum=..., centered=...)`. With neither it is [`RmsProp`].
///
/// PyTorch multiplies its movement by the learning rate when it moves the weights: the same steps as long as the rate stays
/// what it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsPropMomentum {
    /// Everything else.
    pub rmsprop: RmsProp,
    /// The part of the last movement that goes on, 0 or more; Keras' and PyTorch's default is 0.
    pub momentum: f64,
    /// Whether the root is that of an estimate of the gradient's variance; not by default.
    pub centered: bool,
}

/// An optimizer at one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Optimizer {
    /// Gradient descent; no state.
    Sgd(Sgd),
    /// With momentum; the state m.
    Momentum(Momentum),
    /// The state v.
    RmsProp(RmsProp),
    /// The states v, m if `momentum` is above 0, and a if `centered`.
    RmsPropMomentum(RmsPropMomentum),
    /// After as many steps as the number says; the states m and v.
    Adam(Adam, u64),
}

/// What one step does to weights: an optimizer, and what comes before it, in this order:
///
/// 1. `g = g + 2 l2 w`, the gradient of the penalty `l2 w^2`: Keras' `regularizers.L2`. (PyTorch's `weight_decay` of `SGD`,
///    `RMSprop` and `Adam` is `2 l2`.)
/// 2. `g = gradient_scale g`: what clipping by a norm comes to.
/// 3. `g` within `-clip_value..=clip_value`: Keras' `clipvalue`, PyTorch's `clip_grad_value_`.
/// 4. `w = w - lr weight_decay w`: Keras' `weight_decay` of any optimizer, which is AdamW's (Loshchilov and Hutter, "Decoupled
///    weight decay regularization", 2017).
///
/// The numbers `2 l2`, `gradient_scale`, `clip_value` and `lr weight_decay` are rounded to f32 once. 1 and 4 are one fused
/// multiply-add each, 2 one product; each is left out where its number is 0, or 1 for the scale, or infinite for the clip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// What moves the weights.
    pub optimizer: Optimizer,
    /// The factor of the penalty; 0 for none.
    pub l2: f64,
    /// What the gradient is multiplied by; 1 for nothing.
    pub gradient_scale: f64,
    /// The largest magnitude of a gradient's element; infinity for none.
    pub clip_value: f64,
    /// The part of a weight, times the learning rate, that each step takes away; 0 for none.
    pub weight_decay: f64,
}

impl Optimizer {
    /// How many states it has for each weight: 0 to 3.
    pub fn states(&self) -> usize {
        match self {
            Optimizer::Sgd(_) => 0,
            Optimizer::Momentum(_) | Optimizer::RmsProp(_) => 1,
            Optimizer::RmsPropMomentum(rule) => {
                1 + usize::from(rule.momentum > 0.0) + usize::from(rule.centered)
            }
            Optimizer::Adam(..) => 2,
        }
    }

    /// The learning rate.
    pub fn learning_rate(&self) -> f64 {
        match self {
            Optimizer::Sgd(rule) => rule.learning_rate,
            Optimizer::Momentum(rule) => rule.learning_rate,
            Optimizer::RmsProp(rule) => rule.learning_rate,
            Optimizer::RmsPropMomentum(rule) => rule.rmsprop.learning_rate,
            Optimizer::Adam(rule, _) => rule.learning_rate,
        }
    }

    fn to_f32(self, weight_decay: f64) -> OptimizerF32 {
        match self {
            Optimizer::Sgd(rule) => OptimizerF32::Sgd(rule.to_f32()),
            Optimizer::Momentum(rule) => OptimizerF32::Momentum(rule.to_f32()),
            Optimizer::RmsProp(rule) => OptimizerF32::RmsProp(rule.to_f32()),
            Optimizer::RmsPropMomentum(RmsPropMomentum { rmsprop, momentum, centered }) => {
                let momentum = if momentum > 0.0 { momentum as f32 } else { 0.0 };
                let rmsprop = rmsprop.to_f32();
                match (momentum > 0.0, centered) {
                    (false, false) => OptimizerF32::RmsProp(rmsprop),
                    _ => OptimizerF32::RmsPropExtra(RmsPropExtraF32 { rmsprop, momentum, centered }),
                }
            }
            Optimizer::Adam(rule, iteration) => OptimizerF32::Adam(rule.to_f32(iteration, weight_decay)),
        }
    }
}

impl Rule {
    /// The optimizer alone.
    pub fn new(optimizer: Optimizer) -> Self {
        Rule { optimizer, l2: 0.0, gradient_scale: 1.0, clip_value: f64::INFINITY, weight_decay: 0.0 }
    }

    fn to_f32(self) -> RuleF32 {
        let decay = match self.optimizer {
            Optimizer::Adam(..) => 0.0, // in its own numbers
            optimizer => (optimizer.learning_rate() * self.weight_decay) as f32,
        };
        RuleF32 {
            optimizer: self.optimizer.to_f32(self.weight_decay),
            two_l2: (2.0 * self.l2) as f32,
            scale: self.gradient_scale as f32,
            clip: self.clip_value as f32,
            decay,
        }
    }
}

impl Kernels {
    /// One step of a [`Rule`] on W with its gradient. W, the gradient and each of `states`, of which there are
    /// [`Optimizer::states`] in the order named there, have one shape; states start at 0. A slice is a matrix of one row.
    ///
    /// Where nothing comes before the optimizer these are the bits of its own method ([`Kernels::rmsprop`], ...), which says what
    /// NaN, infinities and denormals do; [`Optimizer::Adam`] with weight decay is [`Kernels::adamw`]. With momentum or
    /// centred, RMSprop is, in this order:
    ///
    /// - `v = rho v + (1 - rho) g^2`, and, centred, `a = rho a + (1 - rho) g`, one fused multiply-add each;
    /// - `d = v`, or, centred, `d = v - a^2` by one fused multiply-add, and 0 where roundings made that negative (Keras and
    ///   PyTorch leave it negative, which can end in NaN);
    /// - `i = lr g / sqrt(d + epsilon)`, or `lr g / (sqrt(d) + epsilon)`;
    /// - `w = w - i`, or with momentum `m = momentum m + i` by one fused multiply-add, and `w = w - m`.
    ///
    /// State below 2^-100 in magnitude becomes +0. A NaN gradient is not clipped; an infinite one is.
    ///
    /// # Errors
    /// [`Error::Length`] for the number of states, [`Error::Shape`] for one of them or the gradient; [`Error::Stride`] where the
    /// rows of the gradient are not contiguous.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatMut, MatRef, Momentum, Optimizer, Rule};
    ///
    /// let momentum = Momentum { learning_rate: 0.5, momentum: 0.5, nesterov: false };
    /// let rule = Rule { l2: 0.25, clip_value: 2.0, ..Rule::new(Optimizer::Momentum(momentum)) };
    /// let (mut w, mut m) = ([1.0, 1.0], [0.0; 2]);
    /// let (to, mut states) = (MatMut::new(&mut w, 1, 2)?, [MatMut::new(&mut m, 1, 2)?]);
    /// Kernels::best().update(&rule, to, &mut states, MatRef::new(&[1.0, 30.0], 1, 2)?)?;
    /// assert_eq!(m, [-0.75, -1.0]); // of g = 1 + 2 0.25 1, and of 30.5, clipped to 2
    /// assert_eq!(w, [0.25, 0.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn update(
        self,
        rule: &Rule,
        w: MatMut<'_>,
        states: &mut [MatMut<'_>],
        gradient: MatRef<'_>,
    ) -> Result<(), Error> {
        check_states(rule, states, w.shape())?;
        check_shape("gradient", gradient.shape(), w.shape())?;
        check_rows_are_contiguous("gradient", gradient)?;
        let mut states = states.iter_mut().map(MatMut::reborrow);
        let states = [states.next(), states.next(), states.next()];
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.update)(UpdateCall { rule: &rule.to_f32(), w, states, gradient }) };
        Ok(())
    }

    /// [`Kernels::dense_weight_gradient`] and then [`Kernels::update`] on W, in one pass that stores no gradient: the same bits,
    /// and what they say of accuracy, NaN and denormals. W and the states are inputs x outputs.
    ///
    /// # Errors
    /// [`Error::Length`] for the number of states, [`Error::Shape`] for one of them, `delta` or W.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatMut, MatRef, Optimizer, Rule, Sgd, Workspace};
    ///
    /// let rule = Rule { clip_value: 1.0, ..Rule::new(Optimizer::Sgd(Sgd { learning_rate: 0.5 })) };
    /// let (x, delta) = (MatRef::new(&[0.5, 4.0], 1, 2)?, MatRef::new(&[0.5], 1, 1)?);
    /// let mut w = [1.0; 2];
    /// let to = MatMut::new(&mut w, 2, 1)?;
    /// Kernels::best().dense_weight_update(&rule, x, delta, to, &mut [], &mut Workspace::new())?;
    /// assert_eq!(w, [0.875, 0.5]); // 1 - 0.5 0.25, and 1 - 0.5 min(2, 1)
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn dense_weight_update(
        self,
        rule: &Rule,
        x: MatRef<'_>,
        delta: MatRef<'_>,
        w: MatMut<'_>,
        states: &mut [MatMut<'_>],
        workspace: &mut Workspace<'_>,
    ) -> Result<(), Error> {
        check_states(rule, states, w.shape())?;
        self.with_states(rule, states, |rule| self.dense_update(rule, x, delta, w, workspace))
    }

    /// [`Kernels::dense_weight_update`] for a sparse input, given as X^T: inputs x batch. RMSprop
    /// without momentum and not centred, with nothing but clipping before it, may defer as
    /// [`Kernels::dense_weight_update_rmsprop_sparse`] does; every other rule visits all rows and leaves `deferred` as it is.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Length`]; [`Error::Stride`] where the rows of `delta` are not contiguous.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatMut, MatRef, Optimizer, Rule, Sgd};
    ///
    /// let rule = Rule { clip_value: 1.0, ..Rule::new(Optimizer::Sgd(Sgd { learning_rate: 0.5 })) };
    /// let x_transposed = MatRef::new(&[0.0, 4.0], 2, 1)?; // two inputs, one sample
    /// let (delta, mut w) = (MatRef::new(&[0.5], 1, 1)?, [1.0; 2]);
    /// let to = MatMut::new(&mut w, 2, 1)?;
    /// Kernels::best().dense_weight_update_sparse(&rule, x_transposed, delta, to, &mut [], None)?;
    /// assert_eq!(w, [1.0, 0.5]); // 1 - 0.5 min(2, 1)
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn dense_weight_update_sparse<'a>(
        self,
        rule: &Rule,
        x_transposed: impl Into<Sparse<'a>>,
        delta: MatRef<'_>,
        w: MatMut<'_>,
        states: &mut [MatMut<'_>],
        deferred: Option<&mut [u32]>,
    ) -> Result<(), Error> {
        check_states(rule, states, w.shape())?;
        if let Some(deferred) = &deferred {
            check_len("deferred", deferred.len(), w.rows())?;
        }
        let x = x_transposed.into();
        self.with_states(rule, states, |rule| {
            let deferred = match &rule {
                UpdateRule::RmsProp(rule, _) => deferred.filter(|_| may_defer(*rule)),
                UpdateRule::Any(AnyUpdate { rule, .. }) => deferred.filter(|_| any_may_defer(rule)),
                _ => None,
            };
            self.sparse_update(rule, x, delta, w, deferred)
        })
    }

    /// Runs an update with the form of the rule that the products have for it: an end of its own where there is one.
    fn with_states(
        self,
        rule: &Rule,
        states: &mut [MatMut<'_>],
        run: impl FnOnce(UpdateRule<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let rule = rule.to_f32();
        let alone =
            rule.two_l2 == 0.0 && rule.scale == 1.0 && rule.clip == f32::INFINITY && rule.decay == 0.0;
        let mut states = states.iter_mut().map(MatMut::reborrow);
        let states = [states.next(), states.next(), states.next()];
        match (rule.optimizer, states) {
            (OptimizerF32::Sgd(rule), [..]) if alone => run(UpdateRule::Sgd(rule)),
            (OptimizerF32::Momentum(rule), [Some(m), ..]) if alone => run(UpdateRule::Momentum(rule, m)),
            (OptimizerF32::RmsProp(rule), [Some(v), ..]) if alone => run(UpdateRule::RmsProp(rule, v)),
            (OptimizerF32::Adam(rule), [Some(m), Some(v), _]) if alone => run(UpdateRule::Adam(rule, m, v)),
            (_, states) => {
                let (update, rmsprop_decay) = (self.table.update, self.table.rmsprop_decay);
                run(UpdateRule::Any(AnyUpdate { rule, states, update, rmsprop_decay }))
            }
        }
    }
}

/// Whether a gradient of zero stays +0 up to RMSprop's step and moves no weight before it.
fn any_may_defer(rule: &RuleF32) -> bool {
    let OptimizerF32::RmsProp(rmsprop) = rule.optimizer else { return false };
    let keeps_zero = rule.two_l2 == 0.0 && rule.scale >= 0.0 && rule.scale.is_finite() && rule.clip >= 0.0;
    keeps_zero && rule.decay == 0.0 && may_defer(rmsprop)
}

fn check_states(rule: &Rule, states: &[MatMut<'_>], shape: (usize, usize)) -> Result<(), Error> {
    check_len("states", states.len(), rule.optimizer.states())?;
    states.iter().try_for_each(|state| check_shape("a state", state.shape(), shape))
}
