//! Fewer cases for slow runs: under an emulator, and where one ISA is forced that a whole run has tested already.
//!
//! `MNIST_FAST_TEST_ONE_IN=N` leaves the small cases as they are, and runs one in N of the random ones and of the large
//! products. A prime N does not keep step with the loops of the grids.

use std::env;

/// N, which is 1 by default; says so where it is not.
pub(crate) fn one_in() -> usize {
    let Ok(text) = env::var("MNIST_FAST_TEST_ONE_IN") else { return 1 };
    let number = text.parse().ok().filter(|number| *number > 0);
    let number = number.expect("MNIST_FAST_TEST_ONE_IN is a number from 1");
    if number > 1 {
        println!("thinned: one in {number} of the random cases or the large products");
    }
    number
}

/// Chooses among the cases of a grid.
pub(crate) struct Thinning {
    one_in: usize,
    large: usize,
}

impl Thinning {
    /// Products of so many terms take a noticeable time under an emulator.
    const LARGE: usize = 50_000;

    pub(crate) fn new() -> Self {
        Thinning { one_in: one_in(), large: 0 }
    }

    /// Whether to run the next case, a product of so many terms.
    pub(crate) fn takes(&mut self, terms: usize) -> bool {
        if terms < Self::LARGE {
            return true;
        }
        self.large += 1;
        self.large % self.one_in == 1 % self.one_in
    }
}
