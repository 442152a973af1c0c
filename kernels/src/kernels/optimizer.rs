//! Optimizers: one step on parameters, their gradient and their state.

use super::{Kernels, check_len};
use crate::table::{AdamF32, MomentumF32, RmsPropF32, SgdF32, Step};
use crate::{Error, scalar};

/// Where RMSprop adds its epsilon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Epsilon {
    /// `g / sqrt(v + epsilon)`, as Keras 3 does.
    #[default]
    InsideRoot,
    /// `g / (sqrt(v) + epsilon)`, as PyTorch does.
    OutsideRoot,
}

/// RMSprop (Tieleman and Hinton, "Neural networks for machine learning", lecture 6e, 2012), without momentum and not centred;
/// by default as Keras 3 defines it, with epsilon inside the root.
///
/// PyTorch's defaults are a learning rate of 1e-2, a rho (there: alpha) of 0.99 and an epsilon of 1e-8,
/// [`Epsilon::OutsideRoot`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsProp {
    /// The learning rate; Keras' default is 1e-3.
    pub learning_rate: f64,
    /// The decay of the running mean of squares; Keras' default is 0.9.
    pub rho: f64,
    /// Added to the mean of squares, or to its root; Keras' default is 1e-7.
    pub epsilon: f64,
    /// Where epsilon is added; Keras' place is inside the root.
    pub epsilon_at: Epsilon,
}

impl Default for RmsProp {
    fn default() -> Self {
        RmsProp { learning_rate: 1e-3, rho: 0.9, epsilon: 1e-7, epsilon_at: Epsilon::InsideRoot }
    }
}

impl RmsProp {
    /// Each number rounded once.
    pub(super) fn to_f32(self) -> RmsPropF32 {
        let epsilon = self.epsilon as f32;
        let (epsilon_inside, epsilon_outside) = match self.epsilon_at {
            Epsilon::InsideRoot => (epsilon, 0.0),
            Epsilon::OutsideRoot => (0.0, epsilon),
        };
        RmsPropF32 {
            learning_rate: self.learning_rate as f32,
            rho: self.rho as f32,
            one_minus_rho: (1.0 - self.rho) as f32,
            epsilon_inside,
            epsilon_outside,
        }
    }
}

/// Stochastic gradient descent without momentum (Robbins and Monro, "A stochastic approximation method", 1951), as Keras'
/// and PyTorch's `SGD` without options.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// The learning rate; Keras' default is 1e-2.
    pub learning_rate: f64,
}

impl Default for Sgd {
    fn default() -> Self {
        Sgd { learning_rate: 1e-2 }
    }
}

impl Sgd {
    pub(super) fn to_f32(self) -> SgdF32 {
        SgdF32 { learning_rate: self.learning_rate as f32 }
    }
}

/// Stochastic gradient descent with momentum (Polyak, "Some methods of speeding up the convergence of iteration methods",
/// 1964), or with Nesterov's (1983), in the form of Sutskever, Martens, Dahl and Hinton, "On the importance of
/// initialization and momentum in deep learning", 2013: Keras 3's `SGD(momentum=..., nesterov=...)`.
///
/// PyTorch keeps `-m / lr` instead of `m`: the same steps as long as the learning rate stays what it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Momentum {
    /// The learning rate; Keras' default is 1e-2.
    pub learning_rate: f64,
    /// The part of the last movement that goes on; 0.9 by default.
    pub momentum: f64,
    /// Whether the weights move by the next movement already (Nesterov); false by default.
    pub nesterov: bool,
}

impl Default for Momentum {
    fn default() -> Self {
        Momentum { learning_rate: 1e-2, momentum: 0.9, nesterov: false }
    }
}

impl Momentum {
    pub(super) fn to_f32(self) -> MomentumF32 {
        MomentumF32 {
            learning_rate: self.learning_rate as f32,
            momentum: self.momentum as f32,
            nesterov: self.nesterov,
        }
    }
}

/// Adam (Kingma and Ba, "Adam: a method for stochastic optimization", 2014) as Keras 3 and the paper's efficient variant
/// (end of section 2) have it: epsilon is added after the correction of the means.
///
/// PyTorch adds its epsilon, 1e-8 by default, to the corrected root: at step t an epsilon of `sqrt(1 - beta_2^t)` times
/// that, here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// The learning rate; Keras' default is 1e-3.
    pub learning_rate: f64,
    /// The decay of the running mean of gradients, below 1; Keras' default is 0.9.
    pub beta_1: f64,
    /// The decay of the running mean of squares, below 1; Keras' default is 0.999.
    pub beta_2: f64,
    /// Added to the root of the mean of squares; Keras' default is 1e-7.
    pub epsilon: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Adam { learning_rate: 1e-3, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
    }
}

impl Adam {
    /// The numbers of step `iteration + 1`, each computed in f64 and rounded once.
    pub(super) fn to_f32(self, iteration: u64, weight_decay: f64) -> AdamF32 {
        let t = iteration.saturating_add(1);
        let root = scalar::sqrt(1.0 - scalar::power(self.beta_2, t));
        let step_size = self.learning_rate * root / (1.0 - scalar::power(self.beta_1, t));
        AdamF32 {
            step_size: step_size as f32,
            beta_1: self.beta_1 as f32,
            one_minus_beta_1: (1.0 - self.beta_1) as f32,
            beta_2: self.beta_2 as f32,
            one_minus_beta_2: (1.0 - self.beta_2) as f32,
            epsilon: self.epsilon as f32,
            decay: (self.learning_rate * weight_decay) as f32,
        }
    }
}

/// [`Adam`] with decoupled weight decay (Loshchilov and Hutter, "Decoupled weight decay regularization", 2017), as
/// Keras 3's and PyTorch's `AdamW`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// Everything but the decay.
    pub adam: Adam,
    /// The part of a weight, times the learning rate, that each step takes away; Keras' default is 4e-3, PyTorch's 1e-2.
    pub weight_decay: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        AdamW { adam: Adam::default(), weight_decay: 4e-3 }
    }
}

impl Kernels {
    /// One step of [`RmsProp`]: `v = rho v + (1 - rho) g^2`, then `w = w - lr g / sqrt(v + epsilon)` (as in Keras 3), or
    /// `w = w - lr g / (sqrt(v) + epsilon)` with [`Epsilon::OutsideRoot`] (as in PyTorch).
    ///
    /// `w`, `v` and `gradient` have one length; `v` starts at 0. The rule's numbers, and `1 - rho`, are rounded to f32 once;
    /// `rho v + ...` is one fused multiply-add, every other operation is rounded by itself. A `v` below
    /// 2^-100 becomes +0, so that decay makes no denormals. A step with `g = 0` leaves the weights alone, if epsilon is not 0.
    ///
    /// A NaN or infinite gradient makes its weight NaN; one whose square
    /// overflows (above 1.8e19) makes `v` infinite, and its weight stays where it is, from then on.
    ///
    /// # Errors
    /// [`Error::Length`].
    ///
    /// ```
    /// use mnist_fast_kernels::{Epsilon, Kernels, RmsProp};
    ///
    /// let as_pytorch = RmsProp { epsilon_at: Epsilon::OutsideRoot, ..RmsProp::default() };
    /// let (mut w, mut v) = ([1.0f32, 1.0], [0.0; 2]);
    /// Kernels::best().rmsprop(&as_pytorch, &mut w, &mut v, &[0.5, -50.0])?;
    /// // The first step moves by lr / sqrt(1 - rho), however large the gradient.
    /// let step = 1e-3 / 0.1f32.sqrt();
    /// assert!((w[0] - (1.0 - step)).abs() < 1e-6 && (w[1] - (1.0 + step)).abs() < 1e-6);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn rmsprop(
        self,
        rule: &RmsProp,
        w: &mut [f32],
        v: &mut [f32],
        gradient: &[f32],
    ) -> Result<(), Error> {
        check_len("v", v.len(), w.len())?;
        check_len("gradient", gradient.len(), w.len())?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.rmsprop)(rule.to_f32(), Step { w, gradient }, v) };
        Ok(())
    }

    /// One step of gradient descent, [`Sgd`]: `w = w - lr g`, one fused multiply-add. `w` and `gradient` have one length. NaN
    /// and infinities in the gradient pass to `w`; denormals count. A step with `g = 0` leaves the weights alone.
    ///
    /// # Errors
    /// [`Error::Length`].
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, Sgd};
    ///
    /// let mut w = [1.0, 1.0];
    /// Kernels::best().sgd(&Sgd { learning_rate: 0.5 }, &mut w, &[2.0, -1.0])?;
    /// assert_eq!(w, [0.0, 1.5]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn sgd(self, rule: &Sgd, w: &mut [f32], gradient: &[f32]) -> Result<(), Error> {
        check_len("gradient", gradient.len(), w.len())?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.sgd)(rule.to_f32(), Step { w, gradient }) };
        Ok(())
    }

    /// One step of gradient descent with [`Momentum`]: `m = momentum m - lr g`, then `w = w + m`; with `nesterov`
    /// `w = w + (momentum m - lr g)` of the new `m` (as Keras 3's `SGD`).
    ///
    /// `w`, `m` and `gradient` have one length; `m` starts at 0. `-lr g` is rounded, `momentum m + ...` is one fused
    /// multiply-add; an `m` below 2^-100 in magnitude becomes +0, so that decay makes no denormals. NaN and infinities
    /// in the gradient pass to `m` and `w`, and stay there. A step with `g = 0` moves the weights.
    ///
    /// # Errors
    /// [`Error::Length`].
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, Momentum};
    ///
    /// let rule = Momentum { learning_rate: 0.5, momentum: 0.5, nesterov: false };
    /// let (mut w, mut m) = ([1.0], [0.0]);
    /// Kernels::best().momentum(&rule, &mut w, &mut m, &[1.0])?;
    /// assert_eq!((w, m), ([0.5], [-0.5]));
    /// Kernels::best().momentum(&rule, &mut w, &mut m, &[0.0])?;
    /// assert_eq!((w, m), ([0.25], [-0.25]));
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn momentum(
        self,
        rule: &Momentum,
        w: &mut [f32],
        m: &mut [f32],
        gradient: &[f32],
    ) -> Result<(), Error> {
        check_len("m", m.len(), w.len())?;
        check_len("gradient", gradient.len(), w.len())?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.momentum)(rule.to_f32(), Step { w, gradient }, m) };
        Ok(())
    }

    /// One step of [`Adam`]: `m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g^2`, `w = w - alpha m / (sqrt(v) +
    /// epsilon)` with `alpha = lr sqrt(1 - b2^t) / (1 - b1^t)` and `t = iteration + 1`. `iteration` is the number of
    /// steps taken before this one: 0 at first.
    ///
    /// `w`, `m`, `v` and `gradient` have one length; `m` and `v` start at 0. `alpha` is computed in f64 and rounded
    /// once; the two means are one fused multiply-add each; state below 2^-100 in magnitude becomes +0, so that decay
    /// makes no denormals. A NaN or infinite gradient makes its weight NaN; one whose square
    /// overflows (above 1.8e19) makes `v` infinite, and its weight stays where it is, from then on. A step with `g = 0` moves
    /// the weights.
    ///
    /// # Errors
    /// [`Error::Length`].
    ///
    /// ```
    /// use mnist_fast_kernels::{Adam, Kernels};
    ///
    /// let (mut w, mut m, mut v) = ([1.0f32, 1.0], [0.0; 2], [0.0; 2]);
    /// Kernels::best().adam(&Adam::default(), 0, &mut w, &mut m, &mut v, &[30.0, -0.1])?;
    /// // The first step moves by the learning rate, however large the gradient.
    /// assert!((w[0] - 0.999).abs() < 1e-6 && (w[1] - 1.001).abs() < 1e-6);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn adam(
        self,
        rule: &Adam,
        iteration: u64,
        w: &mut [f32],
        m: &mut [f32],
        v: &mut [f32],
        gradient: &[f32],
    ) -> Result<(), Error> {
        self.adam_step(rule.to_f32(iteration, 0.0), w, m, v, gradient)
    }

    /// One step of [`AdamW`]: `w = w - lr weight_decay w`, one fused multiply-add, and then [`Kernels::adam`], whose
    /// text holds here too. `lr weight_decay` is computed in f64 and rounded once; where it is 0 the bits are Adam's.
    /// Biases usually do not decay: give them to [`Kernels::adam`].
    ///
    /// # Errors
    /// [`Error::Length`].
    ///
    /// ```
    /// use mnist_fast_kernels::{AdamW, Kernels};
    ///
    /// let (mut w, mut m, mut v) = ([1.0f32], [0.0], [0.0]);
    /// Kernels::best().adamw(&AdamW::default(), 0, &mut w, &mut m, &mut v, &[0.0])?;
    /// assert!((w[0] - (1.0 - 1e-3 * 4e-3)).abs() < 1e-7);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn adamw(
        self,
        rule: &AdamW,
        iteration: u64,
        w: &mut [f32],
        m: &mut [f32],
        v: &mut [f32],
        gradient: &[f32],
    ) -> Result<(), Error> {
        self.adam_step(rule.adam.to_f32(iteration, rule.weight_decay), w, m, v, gradient)
    }

    fn adam_step(
        self,
        rule: AdamF32,
        w: &mut [f32],
        m: &mut [f32],
        v: &mut [f32],
        gradient: &[f32],
    ) -> Result<(), Error> {
        check_len("m", m.len(), w.len())?;
        check_len("v", v.len(), w.len())?;
        check_len("gradient", gradient.len(), w.len())?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.adam)(rule, Step { w, gradient }, m, v) };
        Ok(())
    }
}
