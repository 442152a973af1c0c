//! Products of matrices with any strides.

use mnist_fast_kernels::Workspace;
use mnist_fast_kernels::capi::*;

use crate::common::{Random, all_isas};
use crate::support::{Scratch, check, handle, same};
use crate::{BATCH, INPUTS, OUTPUTS};

#[test]
fn products_have_the_bits_of_the_safe_methods() {
    let mut random = Random::new(1);
    let (ws, mut workspace) = (Scratch::new(), Workspace::new());
    for kernels in all_isas() {
        let (k, isa) = (handle(kernels), kernels.isa());
        // Row-major, column-major, backwards, and with A broadcast.
        let (m, d, n) = (BATCH as isize, INPUTS as isize, OUTPUTS as isize);
        let strides = [
            ((d, 1), (n, 1), (n + 3, 1)),
            ((1, m + 1), (1, d + 2), (1, m + 3)),
            ((-d, -1), (n, -1), (-(n + 1), -1)),
            ((0, 1), (n, 0), (2 * n, 2)),
        ];
        for ((a_row, a_column), (b_row, b_column), (c_row, c_column)) in strides {
            let (a, b, c) = (random.vec(2048), random.vec(2048), random.vec(2048));
            // Element (0, 0) in the middle, so that strides can be negative.
            let (a, b) = (a[1024..].as_ptr(), b[1024..].as_ptr());
            let (mut expected, mut found) = (c.clone(), c);
            // SAFETY: the matrices reach less than 1024 elements either way.
            unsafe {
                let to = expected.as_mut_ptr().add(1024);
                let (m, d, n) = (BATCH, INPUTS, OUTPUTS);
                kernels
                    .sgemm(
                        m,
                        d,
                        n,
                        0.5,
                        a,
                        a_row,
                        a_column,
                        b,
                        b_row,
                        b_column,
                        -2.0,
                        to,
                        c_row,
                        c_column,
                        &mut workspace,
                    )
                    .unwrap();
                let to = found.as_mut_ptr().add(1024);
                check("sgemm", 5, &[], &[], |s| {
                    mnf_sgemm(
                        s.r(0, k),
                        m,
                        d,
                        n,
                        0.5,
                        s.r(1, a),
                        a_row,
                        a_column,
                        s.r(2, b),
                        b_row,
                        b_column,
                        -2.0,
                        s.w(3, to),
                        c_row,
                        c_column,
                        s.w(4, ws.0),
                    )
                });
            }
            same(&format!("{isa}, C strides {c_row}, {c_column}"), &expected, &found);
        }
    }
}
