//! Learning rate schedules: the rate of a step as a function of the rate asked for and of the steps taken before, and of
//! nothing else, so that a resumed run goes on with the same bits.
//!
//! All in f64, by one written sequence of operations each; the step's rule rounds the rate once.

use mnist_fast_kernels::scalar::{cos_pi, power};

/// How the learning rate goes over the steps of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Schedule {
    /// The course after warm-up.
    pub shape: Shape,
    /// The steps in which the rate rises from 0 in a straight line: step t, counted from 0, has `t / warmup` of it. With
    /// [`Shape::OneCycle`] 0, because that rises by itself.
    pub warmup: u64,
}

/// A schedule's course, where `lr` is the rate asked for and t the number of steps before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Shape {
    /// `lr` throughout.
    #[default]
    Constant,
    /// `lr factor^floor(t / every)`: Keras' `ExponentialDecay(lr, every, factor, staircase=True)`, PyTorch's `StepLR`.
    /// Warm-up, of which neither has any, multiplies it.
    Step {
        /// Steps with the same rate.
        every: u64,
        /// What it is multiplied with then.
        factor: f64,
    },
    /// `last + (lr - last) (1 + cos(pi (t - warmup) / (steps - warmup))) / 2` after warm-up: Keras' `CosineDecay(0, steps -
    /// warmup, alpha=last / lr, warmup_target=lr, warmup_steps=warmup)`, and without warm-up PyTorch's `CosineAnnealingLR(T_max=steps,
    /// eta_min=last)` stepped once a batch. (Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.)
    Cosine {
        /// Steps of the run; the rate stays at `last` from there on.
        steps: u64,
        /// The rate after the last step.
        last: f64,
    },
    /// Half a cosine from `first` up to `lr` at step `rise - 1`, then another down to `last` at step `steps - 1`: PyTorch's
    /// `OneCycleLR(max_lr=lr, total_steps=steps, pct_start=rise / steps)`, whose momentum, which by default moves against the rate,
    /// stays as it is here. (Smith and Topin, "Super-convergence", 2018.)
    OneCycle {
        /// Steps of the run.
        steps: u64,
        /// Steps in which the rate rises; with a fraction, as PyTorch counts them.
        rise: f64,
        /// The rate of the first step.
        first: f64,
        /// The rate of the last one.
        last: f64,
    },
}

impl Schedule {
    /// The rate of the step that `t` steps were taken before.
    pub fn rate(&self, lr: f64, t: u64) -> f64 {
        let warming = t < self.warmup;
        let warm = |rate: f64| if warming { rate * (t as f64 / self.warmup as f64) } else { rate };
        match self.shape {
            Shape::Constant => warm(lr),
            Shape::Step { every, factor } => warm(lr * power(factor, t / every.max(1))),
            Shape::Cosine { .. } if warming => warm(lr),
            Shape::Cosine { steps, last } => {
                let (done, all) = (t - self.warmup, steps.saturating_sub(self.warmup));
                half_cosine(lr, last, fraction(done as f64, all as f64))
            }
            Shape::OneCycle { steps, rise, first, last } => {
                let (t, top, end) = (t as f64, rise - 1.0, steps.saturating_sub(1) as f64);
                if t <= top {
                    half_cosine(first, lr, fraction(t, top))
                } else {
                    half_cosine(lr, last, fraction(t - top, end - top))
                }
            }
        }
    }
}

/// `done / all`, at most 1; all of nothing is done.
fn fraction(done: f64, all: f64) -> f64 {
    if done < all { done / all } else { 1.0 }
}

/// From `a` at 0 to `b` at 1.
fn half_cosine(a: f64, b: f64, x: f64) -> f64 {
    b + (a - b) * (0.5 * (1.0 + cos_pi(x)))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // the oracle may use libm
mod tests {
    use super::*;

    #[track_caller]
    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-15 * expected.abs().max(1.0), "{found}, not {expected}");
    }

    #[test]
    fn a_constant_rate_is_the_rate_to_the_bit() {
        for t in [0, 1, 1_000_000] {
            assert_eq!(Schedule::default().rate(0.001, t), 0.001);
        }
        let warmed = Schedule { warmup: 8, ..Schedule::default() };
        assert_eq!([0, 1, 4, 7, 8, 9].map(|t| warmed.rate(0.5, t)), [0.0, 0.0625, 0.25, 0.4375, 0.5, 0.5]);
    }

    #[test]
    fn steps_are_stairs() {
        let stairs = Schedule { shape: Shape::Step { every: 3, factor: 0.5 }, warmup: 0 };
        assert_eq!([0, 2, 3, 5, 6, 9].map(|t| stairs.rate(1.0, t)), [1.0, 1.0, 0.5, 0.5, 0.25, 0.125]);
        let warmed = Schedule { warmup: 4, ..stairs };
        assert_eq!([0, 1, 3, 4, 6].map(|t| warmed.rate(1.0, t)), [0.0, 0.25, 0.375, 0.5, 0.25]);
    }

    #[test]
    fn a_cosine_falls_to_the_last_rate_and_stays_there() {
        let cosine = Schedule { shape: Shape::Cosine { steps: 24, last: 0.1 }, warmup: 4 };
        for (t, expected) in [(0, 0.0), (1, 0.25), (4, 1.0), (14, 0.55), (24, 0.1), (25, 0.1), (1000, 0.1)] {
            close(cosine.rate(1.0, t), expected);
        }
        for t in 4..24 {
            let x = (t - 4) as f64 / 20.0;
            close(cosine.rate(1.0, t), 0.9 * 0.5 * (1.0 + (std::f64::consts::PI * x).cos()) + 0.1);
        }
    }

    /// As `torch.optim.lr_scheduler.OneCycleLR` is written: phases that end at `pct_start * total_steps - 1` and
    /// `total_steps - 1`, and `end + (start - end) / 2 * (1 + cos(pi * pct))`.
    fn one_cycle_lr(max_lr: f64, total_steps: u64, pct_start: f64, t: u64) -> f64 {
        let (initial, minimum) = (max_lr / 25.0, max_lr / 25.0 / 1e4);
        let (mut start, total, t) = (0.0, total_steps as f64, t as f64);
        for (end, from, to) in [(pct_start * total - 1.0, initial, max_lr), (total - 1.0, max_lr, minimum)] {
            if t <= end {
                let pct = (t - start) / (end - start);
                return to + (from - to) / 2.0 * (1.0 + (std::f64::consts::PI * pct).cos());
            }
            start = end;
        }
        unreachable!("beyond the last step")
    }

    #[test]
    fn one_cycle_is_pytorchs() {
        for (steps, pct_start) in [(100, 0.3), (37, 0.3), (50, 0.5), (10, 0.25)] {
            let rise = pct_start * steps as f64;
            let (first, last) = (0.04 / 25.0, 0.04 / 25.0 / 1e4);
            let cycle = Schedule { shape: Shape::OneCycle { steps, rise, first, last }, warmup: 0 };
            for t in 0..steps {
                close(cycle.rate(0.04, t), one_cycle_lr(0.04, steps, pct_start, t));
            }
            close(cycle.rate(0.04, 0), first);
            close(cycle.rate(0.04, steps - 1), last);
            close(cycle.rate(0.04, steps + 5), last);
        }
        // Nothing to rise, nothing to fall.
        let top = Shape::OneCycle { steps: 4, rise: 1.0, first: 0.1, last: 0.0 };
        assert_eq!(Schedule { shape: top, warmup: 0 }.rate(1.0, 0), 1.0);
        let only = Shape::OneCycle { steps: 1, rise: 0.3, first: 0.1, last: 0.2 };
        assert_eq!(Schedule { shape: only, warmup: 0 }.rate(1.0, 0), 0.2);
    }

    /// The bits of this release on every platform.
    #[test]
    fn rates_are_pinned() {
        let cosine = Schedule { shape: Shape::Cosine { steps: 16_422, last: 1e-5 }, warmup: 782 };
        let cycle = Shape::OneCycle { steps: 16_422, rise: 0.3 * 16_422.0, first: 4e-5, last: 4e-9 };
        let cycle = Schedule { shape: cycle, warmup: 0 };
        let step = Schedule { shape: Shape::Step { every: 782, factor: 0.9 }, warmup: 100 };
        let bits = |schedule: Schedule| [1, 1_000, 9_999, 16_421].map(|t| schedule.rate(0.001, t).to_bits());
        assert_eq!(
            bits(cosine),
            [0x3eb5_7449_1976_1101, 0x3f50_6050_52ba_2e7c, 0x3f38_1c89_42bf_bb0c, 0x3ee4_f8b6_e83f_5971]
        );
        assert_eq!(
            bits(cycle),
            [0x3f04_f8b8_e3ab_6290, 0x3f21_9c9b_390e_0398, 0x3f43_62e0_cc02_a6b1, 0x3e31_2e0b_e826_d695]
        );
        assert_eq!(
            bits(step),
            [0x3ee4_f8b5_88e3_68f1, 0x3f4d_7dbf_487f_cb93, 0x3f32_8261_9f63_6412, 0x3f1f_dedf_058d_c28d]
        );
    }
}
