//! Random cases: each is drawn from a seed and checked; a failing one is made simpler until nothing simpler fails.

use std::fmt::Debug;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Random;
use super::thinning::{Thinning, one_in};

/// The parameters of one check.
pub(crate) trait Case: Clone + Debug {
    fn draw(random: &mut Random, seed: u64) -> Self;

    /// How many terms its sums have, all in all.
    fn terms(&self) -> usize;

    /// Cases to try in place of one that fails, the much simpler ones first.
    fn simpler(&self) -> Vec<Self>;
}

/// Checks the case of every seed; panics with the simplest failing relative of the first that fails. Where runs are thinned, it
/// checks one in [`one_in`], and of the large ones among these again one in so many.
pub(crate) fn check_cases<C: Case>(seeds: Range<u64>, mut check: impl FnMut(&C) -> Result<(), String>) {
    let mut outcome = |case: &C| {
        catch_unwind(AssertUnwindSafe(|| check(case))).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            Err(format!("panic: {}", text.or(panic.downcast_ref().copied()).unwrap_or("without a message")))
        })
    };
    let mut thinning = Thinning::new();
    for seed in seeds.step_by(one_in()) {
        let mut case = C::draw(&mut Random::new(seed), seed);
        if case.terms() >= Thinning::LARGE && !thinning.takes(case.terms()) {
            continue;
        }
        let Err(mut error) = outcome(&case) else { continue };
        println!("seed {seed} fails: {error}\n{case:?}");
        while let Some((simpler, its_error)) =
            case.simpler().into_iter().find_map(|case| outcome(&case).err().map(|error| (case, error)))
        {
            (case, error) = (simpler, its_error);
        }
        panic!("seed {seed}; the simplest case that fails: {error}\n{case:#?}");
    }
}

/// Values below `size`, to try in its place.
pub(crate) fn smaller(size: usize) -> impl Iterator<Item = usize> {
    let candidates = [0, 1, size / 2, size - size / 4, size.saturating_sub(16), size.saturating_sub(1)];
    candidates
        .into_iter()
        .enumerate()
        .filter(move |(i, x)| *x < size && !candidates[..*i].contains(x))
        .map(|(_, x)| x)
}

/// A size: mostly beside a tile or two, up to 90.
pub(crate) fn size(random: &mut Random) -> usize {
    if random.below(5) < 3 { random.below(34) } else { random.below(91) }
}

/// A size beyond one block of the GEMM, or not far from it: 192 rows, 256 columns, 512 deep.
fn large_size(random: &mut Random) -> usize {
    if random.below(2) == 0 { 91 + random.below(210) } else { 500 + random.below(200) }
}

/// Three sizes; in a tenth of the cases one of them is large, in one of 75 two, in one of 300 all three.
pub(crate) fn sizes(random: &mut Random) -> [usize; 3] {
    let mut sizes = [0; 3].map(|_| size(random));
    let first = random.below(3);
    let large = match random.below(300) {
        0 => 3,
        1..=4 => 2,
        5..=34 => 1,
        _ => 0,
    };
    (0..large).for_each(|i| sizes[(first + i) % 3] = large_size(random));
    sizes
}

/// What the elements of the operands are like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Values {
    /// Uniform in [-1, 1).
    Plain,
    /// Infinities, NaN, zeros of both signs, denormals and huge numbers among others.
    Wild,
    /// Denormal, or so small that products are.
    Tiny,
    /// Mostly zeros, of both signs.
    Sparse,
}

impl Values {
    pub(crate) fn draw(random: &mut Random) -> Self {
        match random.below(10) {
            0 | 1 => Values::Wild,
            2 => Values::Tiny,
            3 => Values::Sparse,
            _ => Values::Plain,
        }
    }

    pub(crate) fn vec(self, random: &mut Random, n: usize) -> Vec<f32> {
        match self {
            Values::Plain => random.vec(n),
            Values::Wild => random.wild(n),
            Values::Tiny => {
                let scales = [1e-40, 1e-20, 1e-19, 1e-38];
                (0..n).map(|_| random.unit() * scales[random.below(4)]).collect()
            }
            Values::Sparse => {
                let zeros = [0.0, -0.0, 0.0, -0.0, 1.0];
                (0..n).map(|_| random.unit() * zeros[random.below(5)]).collect()
            }
        }
    }
}
