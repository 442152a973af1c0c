//! No result is timed before it is checked.

use crate::shapes::{Operands, Random, Shape};

/// Checks `c` at its corners and at 60 other places against f64, and that all of it was written.
pub fn check(x: &Operands, c: &[f32]) -> Result<(), String> {
    let Shape { m, n, k, .. } = x.shape;
    if let Some(index) = c.iter().position(|value| !value.is_finite()) {
        return Err(format!("C[{}, {}] was not written, or C was read", index / n, index % n));
    }
    let mut random = Random(7);
    let corners = [(0, 0), (0, n - 1), (m - 1, 0), (m - 1, n - 1)];
    let others = (0..60).map(|_| (random.below(m), random.below(n)));
    for (i, j) in corners.into_iter().chain(others) {
        let (mut exact, mut magnitude) = (0.0, 0.0);
        for l in 0..k {
            let term = f64::from(x.a(i, l)) * f64::from(x.b(l, j));
            exact += term;
            magnitude += term.abs();
        }
        let found = c[i * n + j];
        // Higham's bound for a sum of k rounded products in any order, doubled.
        let bound = k as f64 * f64::from(f32::EPSILON) * magnitude;
        if (f64::from(found) - exact).abs() > bound {
            return Err(format!("C[{i}, {j}] = {found}, but f64 gives {exact}"));
        }
    }
    Ok(())
}
