//! How far large products are from the truth, on every ISA, as the BLAS test programs measure it: the error over what
//! rounding may cause. f64 is the oracle.

mod common;

use common::{Random, all_isas};
use mnist_fast_kernels::{Isa, Kernels, MatMut, MatRef, Workspace};

/// The unit roundoff of f32, 2^-24.
const U: f64 = (f32::EPSILON / 2.0) as f64;

/// Rows, and columns, of C that are compared.
const SAMPLES: usize = 24;

/// m, n, k: each crosses blocks of the GEMM; long and short sums, wide and narrow outputs.
const SHAPES: [(usize, usize, usize); 4] =
    [(1000, 1000, 1000), (64, 10, 5000), (777, 555, 3333), (64, 128, 50_000)];

/// Some of `0..len`, evenly, the first and the last among them.
fn samples(len: usize) -> impl Iterator<Item = usize> {
    let count = SAMPLES.min(len);
    (0..count).map(move |i| i * (len - 1) / (count - 1).max(1))
}

/// A product, with the exact value and the sum of magnitudes of each sampled element.
struct Problem {
    shape: (usize, usize, usize),
    /// Row-major, or column-major if `transposed`.
    a: Vec<f32>,
    b: Vec<f32>,
    transposed: bool,
    exact: Vec<(usize, usize, f64, f64)>,
}

impl Problem {
    /// Elements of both signs; in the transposed problem of one, so that nothing cancels.
    fn new(shape @ (m, n, k): (usize, usize, usize), transposed: bool) -> Self {
        let mut random = Random::new((m + n + k) as u64);
        let (mut a, mut b) = (random.vec(m * k), random.vec(k * n));
        if transposed {
            a.iter_mut().chain(&mut b).for_each(|x| *x = x.abs());
        }
        let mut problem = Problem { shape, a, b, transposed, exact: vec![] };
        let (a, b) = problem.operands();
        let wide = |view: MatRef<'_>, i: usize, j: usize| f64::from(view.get(i, j).unwrap());
        let mut exact = vec![];
        for i in samples(m) {
            for j in samples(n) {
                let terms = (0..k).map(|p| wide(a, i, p) * wide(b, p, j));
                let (sum, magnitude) = terms.fold((0.0, 0.0), |(s, t), x| (s + x, t + x.abs()));
                exact.push((i, j, sum, magnitude));
            }
        }
        problem.exact = exact;
        problem
    }

    fn operands(&self) -> (MatRef<'_>, MatRef<'_>) {
        let (m, n, k) = self.shape;
        let view = |data, rows, columns| match self.transposed {
            true => MatRef::new(data, columns, rows).unwrap().transposed(),
            false => MatRef::new(data, rows, columns).unwrap(),
        };
        (view(&self.a, m, k), view(&self.b, k, n))
    }

    /// The largest `|c - exact| / |A||B|` of the samples.
    fn error(&self, kernels: Kernels) -> f64 {
        let (m, n, k) = self.shape;
        let (a, b) = self.operands();
        let mut ws = Workspace::new();
        let mut c = vec![f32::NAN; m * n];
        if kernels.isa() == Isa::Scalar {
            // Slow; its elements know nothing of each other, so the sampled rows alone will do.
            for i in samples(m) {
                let c = MatMut::new(&mut c, m, n).unwrap().row_range(i..i + 1).unwrap();
                kernels.gemm(1.0, a.row_range(i..i + 1).unwrap(), b, 0.0, c, &mut ws).unwrap();
            }
        } else {
            kernels.gemm(1.0, a, b, 0.0, MatMut::new(&mut c, m, n).unwrap(), &mut ws).unwrap();
        }
        let mut worst = 0.0f64;
        for &(i, j, exact, magnitude) in &self.exact {
            let error = (f64::from(c[i * n + j]) - exact).abs() / magnitude;
            // `max` would lose a NaN.
            assert!(error.is_finite(), "{} at ({i}, {j}) of {m}x{n}x{k}", c[i * n + j]);
            worst = worst.max(error);
        }
        worst
    }
}

/// Two bounds on the error, u being the unit roundoff.
///
/// A sum of k products, in any order, is within `gamma_k |a||b|` of the exact one, `gamma_k = k u / (1 - k u)`, because no
/// term passes through more than k roundings (Higham, "Accuracy and Stability of Numerical Algorithms", 2nd edition,
/// section 3.1). Nothing correct can be beyond it. A lost term, though, may stay below it where k is above 4000: it costs
/// `|a||b| / k`.
///
/// Roundings are as good as independent, and then their sum grows as sqrt(k): `lambda sqrt(k) u |a||b|` with probability
/// `1 - 2 k exp(-lambda^2 / 2)` (Higham and Mary, "A new approach to probabilistic rounding error analysis", 2019). With
/// lambda = 8 that is one miss in a million of these tests, were the numbers not fixed; and lost terms show up to
/// k = 16,000.
#[test]
fn large_products_are_within_the_error_bound_of_f64() {
    const LAMBDA: f64 = 8.0;
    for shape @ (m, n, k) in SHAPES {
        let terms = k as f64;
        for transposed in [false, true] {
            let problem = Problem::new(shape, transposed);
            for kernels in all_isas() {
                let error = problem.error(kernels);
                let (worst_case, probable) = (error / (terms * U), error / (terms.sqrt() * U));
                let layout = if transposed { "TT, positive" } else { "NN" };
                let text = format!(
                    "{:8} {m}x{n}x{k} {layout}: {worst_case:.2e} k u |A||B|, {probable:.3} sqrt(k) u |A||B|",
                    kernels.isa()
                );
                println!("{text}");
                assert!(worst_case <= 1.0 / (1.0 - terms * U) && probable <= LAMBDA, "{text}");
            }
        }
    }
}
