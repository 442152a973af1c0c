//! `matrixmultiply` and `gemm` without their AVX-512 features, for `cargo bench` to take turns with: it starts this
//! program and speaks to it over a pipe, as `mnist_fast_benches::worker` describes.

use std::io;

use mnist_fast_benches::contender::{Contender, Role};
use mnist_fast_benches::machine::version_in;
use mnist_fast_benches::pointers::Pointers;
use mnist_fast_benches::worker::serve;

const LOCK: &str = include_str!("../Cargo.lock");

/// What both take of this CPU at most; the parent starts this program only where the CPU has it.
const ISA: &str = "avx2";

fn matrixmultiply() -> Contender {
    Contender::here(
        Role::Rival,
        "matrixmultiply",
        format!("{}, without feature avx512", version_in(LOCK, "matrixmultiply")),
        ISA,
        Box::new(|x, c| {
            let Pointers { m, n, k, a, a_strides, b, b_strides, c } = Pointers::new(x, c);
            let ((rsa, csa), (rsb, csb)) = (a_strides, b_strides);
            // SAFETY: `Pointers` reaches exactly its slices; C was borrowed mutably, so it overlaps neither.
            unsafe {
                matrixmultiply::sgemm(m, k, n, 1.0, a, rsa, csa, b, rsb, csb, 0.0, c, n as isize, 1);
            }
        }),
    )
}

fn gemm() -> Contender {
    Contender::here(
        Role::Rival,
        "gemm",
        format!("{}, without feature x86-v4, Parallelism::None", version_in(LOCK, "gemm")),
        ISA,
        Box::new(|x, c| {
            let Pointers { m, n, k, a, a_strides, b, b_strides, c } = Pointers::new(x, c);
            let ((rsa, csa), (rsb, csb)) = (a_strides, b_strides);
            let (columns, one_thread) = (n as isize, gemm::Parallelism::None);
            // `gemm` takes column strides first, C's factor (not read here) before the product's, and three flags that
            // conjugate.
            // SAFETY: `Pointers` reaches exactly its slices; C was borrowed mutably, so it overlaps neither.
            unsafe {
                gemm::gemm(
                    m, n, k, c, 1, columns, false, a, csa, rsa, b, csb, rsb, 0.0, 1.0, false, false, false,
                    one_thread,
                );
            }
        }),
    )
}

fn main() -> io::Result<()> {
    serve(vec![matrixmultiply(), gemm()], &[], || ())
}
