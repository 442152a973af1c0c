//! SGEMM as three loops.

use super::fma;
use crate::table::Gemm;

/// Each element of C is one chain of fused multiply-adds in increasing k.
pub(super) fn gemm(call: Gemm<'_>) {
    let Gemm { alpha, a, b, beta, mut c, .. } = call;
    let depth = if alpha == 0.0 { 0 } else { a.columns() };
    for i in 0..c.rows() {
        let Some(row) = c.row_mut(i) else { continue };
        for (j, c) in row.iter_mut().enumerate() {
            let mut sum = if beta == 0.0 { 0.0 } else { beta * *c };
            for k in 0..depth {
                sum = fma(alpha * a.at(i, k), b.at(k, j), sum);
            }
            *c = sum;
        }
    }
}
