//! The rivals that are crates. None can be told to use less than the CPU has.

use mnist_fast_benches::machine::locked_version;

use crate::contenders::{Contender, Role};
use crate::shapes::{Operands, Shape};

/// Every rival of this file, on one thread.
pub(crate) fn all() -> Vec<Contender> {
    vec![matrixmultiply(), gemm(), faer()]
}

/// A rival's operands as they are passed to it: pointers, and strides of A and B as (row, column).
struct Raw {
    m: usize,
    n: usize,
    k: usize,
    a: *const f32,
    a_strides: (isize, isize),
    b: *const f32,
    b_strides: (isize, isize),
    /// Row-major, rows adjacent.
    c: *mut f32,
}

impl Raw {
    /// What the pointers reach with these strides is exactly the slices' elements.
    fn new(x: &Operands, c: &mut [f32]) -> Raw {
        let Shape { m, n, k, .. } = x.shape;
        assert_eq!((x.a.len(), x.b.len(), c.len()), (m * k, k * n, m * n));
        let signed = |(row, column): (usize, usize)| (row as isize, column as isize);
        Raw {
            m,
            n,
            k,
            a: x.a.as_ptr(),
            a_strides: signed(x.a_strides),
            b: x.b.as_ptr(),
            b_strides: signed(x.b_strides),
            c: c.as_mut_ptr(),
        }
    }
}

/// The widest kernel that the crate's own detection takes.
fn matrixmultiply() -> Contender {
    Contender {
        role: Role::Rival,
        name: "matrixmultiply",
        build: format!("{}, feature avx512", locked_version("matrixmultiply")),
        isa: matrixmultiply_isa(),
        takes: Box::new(|_| true),
        multiply: Box::new(|x, c| {
            let Raw { m, n, k, a, a_strides, b, b_strides, c } = Raw::new(x, c);
            let ((rsa, csa), (rsb, csb)) = (a_strides, b_strides);
            // SAFETY: `Raw` reaches exactly its slices; C was borrowed mutably, so it overlaps neither.
            unsafe {
                matrixmultiply::sgemm(m, k, n, 1.0, a, rsa, csa, b, rsb, csb, 0.0, c, n as isize, 1);
            }
        }),
    }
}

/// What matrixmultiply 0.3.11 asks the CPU for, in its order.
fn matrixmultiply_isa() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected;
        if is_x86_feature_detected!("avx512f") {
            return "avx512";
        }
        if is_x86_feature_detected!("fma") && is_x86_feature_detected!("avx2") {
            return "avx2";
        }
        if is_x86_feature_detected!("avx") {
            return "avx";
        }
    }
    if cfg!(target_arch = "aarch64") { "neon" } else { "baseline" }
}

/// `gemm` with its AVX-512 kernels.
fn gemm() -> Contender {
    Contender {
        role: Role::Rival,
        name: "gemm",
        build: format!("{}, feature x86-v4, Parallelism::None", locked_version("gemm")),
        isa: widest_isa(),
        takes: Box::new(|_| true),
        multiply: Box::new(|x, c| {
            let Raw { m, n, k, a, a_strides, b, b_strides, c } = Raw::new(x, c);
            let ((rsa, csa), (rsb, csb)) = (a_strides, b_strides);
            let (columns, one_thread) = (n as isize, gemm::Parallelism::None);
            // `gemm` takes column strides first, C's factor (not read here) before the product's, and three flags that
            // conjugate.
            // SAFETY: `Raw` reaches exactly its slices; C was borrowed mutably, so it overlaps neither.
            unsafe {
                gemm::gemm(
                    m, n, k, c, 1, columns, false, a, csa, rsa, b, csb, rsb, 0.0, 1.0, false, false, false,
                    one_thread,
                );
            }
        }),
    }
}

/// `faer`'s matrix product. Its kernels for x86-64 are assembly, so no feature turns AVX-512 on.
fn faer() -> Contender {
    Contender {
        role: Role::Rival,
        name: "faer",
        build: format!("{}, feature std, Par::Seq", locked_version("faer")),
        isa: widest_isa(),
        takes: Box::new(|_| true),
        multiply: Box::new(|x, c| {
            let Raw { m, n, k, a, a_strides, b, b_strides, c } = Raw::new(x, c);
            // SAFETY: `Raw` reaches exactly its slices, which outlive these views.
            let (a, b) = unsafe {
                (
                    faer::MatRef::from_raw_parts(a, m, k, a_strides.0, a_strides.1),
                    faer::MatRef::from_raw_parts(b, k, n, b_strides.0, b_strides.1),
                )
            };
            // SAFETY: as above; C was borrowed mutably, so this is its only view.
            let c = unsafe { faer::MatMut::from_raw_parts_mut(c, m, n, n as isize, 1) };
            faer::linalg::matmul::matmul(c, faer::Accum::Replace, a, b, 1.0, faer::Par::Seq);
        }),
    }
}

/// What gemm 0.19 and private-gemm-x86 0.1 (faer's kernels) ask the CPU for; "?" below AVX2.
fn widest_isa() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected;
        if is_x86_feature_detected!("avx512f") {
            return "avx512";
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return "avx2";
        }
    }
    if cfg!(target_arch = "aarch64") { "neon" } else { "?" }
}
