//! Dropout, forward and back.

use super::Kernels;
use crate::table::DropoutF32;

/// Which elements are dropped: each with the probability `rate`, chosen by the key and by where the element stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    rate: f64,
    key: u64,
}

impl Dropout {
    /// A rule for a rate from 0 to below 1; nothing for another one. Rules of different keys drop independently.
    ///
    /// ```
    /// use mnist_fast_kernels::Dropout;
    ///
    /// assert!(Dropout::new(0.5, 42).is_some());
    /// assert!(Dropout::new(1.0, 42).is_none());
    /// ```
    pub fn new(rate: f64, key: u64) -> Option<Self> {
        (0.0..1.0).contains(&rate).then_some(Dropout { rate, key })
    }

    /// The probability of being dropped.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// The rate to the nearest 2^-32, the scale rounded once.
    fn to_f32(self) -> DropoutF32 {
        let words = (self.rate * 4_294_967_296.0 + 0.5) as u64;
        DropoutF32 {
            key: [self.key as u32, (self.key >> 32) as u32],
            threshold: words.min(u32::MAX.into()) as u32,
            scale: (1.0 / (1.0 - self.rate)) as f32,
        }
    }
}

impl Kernels {
    /// Inverted dropout in place, elementwise, as in Keras (Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov,
    /// "Dropout: a simple way to prevent neural networks from overfitting", 2014): an element becomes +0 with the rule's
    /// rate, else `x / (1 - rate)`, as one product with `1 / (1 - rate)` rounded to f32. The gradient is the same call on the
    /// delta, with the same rule and position.
    ///
    /// Which elements are dropped is a function of the rule's key, of `position` (say image, step and epoch) and of the
    /// element's index in `x`: 32 bits of Philox4x32-10 against the rate, whatever was drawn before, the same on every ISA,
    /// `portable` too. So give a row of a matrix at a time, whole. A dropped element is +0 also where it was NaN or infinite;
    /// in one that stays NaN passes, and denormals count.
    ///
    /// ```
    /// use mnist_fast_kernels::{Dropout, Kernels};
    ///
    /// let rule = Dropout::new(0.5, 42).expect("a rate below 1");
    /// let mut x = [3.0; 1000];
    /// Kernels::best().dropout(&rule, [0, 0, 1], &mut x);
    /// assert!(x.iter().all(|x| [0.0, 6.0].contains(x)));
    /// assert!((400..600).contains(&x.iter().filter(|x| **x == 0.0).count()));
    /// ```
    pub fn dropout(self, rule: &Dropout, position: [u32; 3], x: &mut [f32]) {
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.dropout)(rule.to_f32(), position, x) }
    }
}
