//! SGEMM as three loops.

use super::fma;
use crate::gemm::{Finish, Gemm, Start};

/// Each element of C is one chain of fused multiply-adds in increasing k.
pub(super) fn gemm(mut g: Gemm<'_>) {
    let depth = if g.alpha == 0.0 { 0 } else { g.a.columns() };
    for i in 0..g.c.rows() {
        for j in 0..g.c.columns() {
            let Some(c) = g.c.row_mut(i).and_then(|row| row.get_mut(j)) else { continue };
            let start = match g.start {
                Start::Bias(bias) => bias[j],
                Start::Beta(0.0) => 0.0,
                Start::Beta(beta) => beta * *c,
            };
            let sum = (0..depth).fold(start, |sum, k| fma(g.alpha * g.a.at(i, k), g.b.at(k, j), sum));
            *c = match g.finish {
                Finish::Store => sum,
                Finish::Relu => super::relu::relu_of(sum),
                Finish::WherePositive(h) => {
                    if h.at(i, j) > 0.0 {
                        sum
                    } else {
                        0.0
                    }
                }
            };
        }
    }
}
