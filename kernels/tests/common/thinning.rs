//! Fewer cases for slow runs: under an emulator, and where one ISA is forced that a whole run has tested already.
//!
//! `MNIST_FAST_TEST_ONE_IN=N` runs one in N of the random ones, of the large products (a prime N does not keep step with the
//! loops of the grids) and of the numbers in sweeps, and one in a few of the small cases of grids, drawn from a fixed seed so that
//! they keep step with no loop: half of N, at most 5. Large ones among the random ones are thinned twice.

use std::env;

use super::Random;

/// N, which is 1 by default; says so where it is not.
pub(crate) fn one_in() -> usize {
    let Ok(text) = env::var("MNIST_FAST_TEST_ONE_IN") else { return 1 };
    let number = text.parse().ok().filter(|number| *number > 0);
    let number = number.expect("MNIST_FAST_TEST_ONE_IN is a number from 1");
    if number > 1 {
        println!(
            "thinned: one in {number} of the random cases or the large products, one in {} of small ones",
            few(number)
        );
    }
    number
}

fn few(one_in: usize) -> usize {
    one_in.div_ceil(2).min(5)
}

/// Chooses among the cases of a grid.
pub(crate) struct Thinning {
    one_in: usize,
    large: usize,
    small: Random,
}

impl Thinning {
    /// Products of so many terms take a noticeable time under an emulator.
    pub(crate) const LARGE: usize = 50_000;

    pub(crate) fn new() -> Self {
        Thinning { one_in: one_in(), large: 0, small: Random::new(1) }
    }

    /// Whether every case runs.
    pub(crate) fn is_off(&self) -> bool {
        self.one_in == 1
    }

    /// Whether to run the next case, a product of so many terms.
    pub(crate) fn takes(&mut self, terms: usize) -> bool {
        if terms < Self::LARGE {
            return self.takes_small();
        }
        self.large += 1;
        self.large % self.one_in == 1 % self.one_in
    }

    /// Whether to run the next case, a small one.
    pub(crate) fn takes_small(&mut self) -> bool {
        self.small.below(few(self.one_in)) == 0
    }
}
