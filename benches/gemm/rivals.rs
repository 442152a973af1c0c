//! The rivals that are crates, as they are built here: with all that the CPU has. [`faer_avx2`] alone can be told to
//! use less; for the others see [`crate::elsewhere`].

use mnist_fast_benches::contender::{Contender, Role};
use mnist_fast_benches::machine::locked_version;
use mnist_fast_benches::pointers::Pointers;

/// Every rival of this file, on one thread.
pub(crate) fn all() -> Vec<Contender> {
    [matrixmultiply(), gemm(1), faer()].into_iter().chain(faer_avx2()).collect()
}

/// The widest kernel that the crate's own detection takes.
fn matrixmultiply() -> Contender {
    Contender::here(
        Role::Rival,
        "matrixmultiply",
        format!("{}, feature avx512", locked_version("matrixmultiply")),
        matrixmultiply_isa(),
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
pub(crate) fn gemm(threads: usize) -> Contender {
    let parallelism = match threads {
        1 => gemm::Parallelism::None,
        threads => gemm::Parallelism::Rayon(threads),
    };
    let mut contender = Contender::here(
        Role::Rival,
        "gemm",
        format!("{}, feature x86-v4, Parallelism::{parallelism:?}", locked_version("gemm")),
        widest_isa(),
        Box::new(move |x, c| {
            let Pointers { m, n, k, a, a_strides, b, b_strides, c } = Pointers::new(x, c);
            let ((rsa, csa), (rsb, csb)) = (a_strides, b_strides);
            let columns = n as isize;
            // `gemm` takes column strides first, C's factor (not read here) before the product's, and three flags that
            // conjugate.
            // SAFETY: `Pointers` reaches exactly its slices; C was borrowed mutably, so it overlaps neither.
            unsafe {
                gemm::gemm(
                    m,
                    n,
                    k,
                    c,
                    1,
                    columns,
                    false,
                    a,
                    csa,
                    rsa,
                    b,
                    csb,
                    rsb,
                    0.0,
                    1.0,
                    false,
                    false,
                    false,
                    parallelism,
                );
            }
        }),
    );
    contender.threads = threads;
    contender
}

/// `faer`'s matrix product. Its kernels for x86-64 are assembly, so no feature turns AVX-512 on.
fn faer() -> Contender {
    Contender::here(
        Role::Rival,
        "faer",
        format!("{}, feature std, Par::Seq", locked_version("faer")),
        widest_isa(),
        Box::new(|x, c| {
            let Pointers { m, n, k, a, a_strides, b, b_strides, c } = Pointers::new(x, c);
            // SAFETY: `Pointers` reaches exactly its slices, which outlive these views.
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
    )
}

/// faer's kernels, told to use AVX2: called as `faer` 0.24 calls them, but for the ISA. Only where faer would use
/// another by itself, and only for the shapes that it gives them: not one row or column, nor 4096 products or fewer.
fn faer_avx2() -> Option<Contender> {
    #[cfg(target_arch = "x86_64")]
    if widest_isa() == "avx512" && crate::elsewhere::has_avx2() {
        use private_gemm_x86::{Accum, DType, DstKind, IType, InstrSet};
        use std::ptr::null;
        let mut contender = Contender::here(
            Role::Rival,
            "faer",
            format!("{}: private-gemm-x86 {}", locked_version("faer"), locked_version("private-gemm-x86")),
            "avx2",
            Box::new(|x, c| {
                let Pointers { m, n, k, a, a_strides, b, b_strides, c } = Pointers::new(x, c);
                let ((rsa, csa), (rsb, csb)) = (a_strides, b_strides);
                let (alpha, columns) = (1.0_f32, n as isize);
                // SAFETY: `Pointers` reaches exactly its slices; C was borrowed mutably, so it overlaps neither. Without
                // indices and a diagonal (null) nothing else is read. The CPU has AVX2 and FMA.
                unsafe {
                    private_gemm_x86::gemm(
                        DType::F32,
                        IType::U64,
                        InstrSet::Avx256,
                        m,
                        n,
                        k,
                        c.cast(),
                        columns,
                        1,
                        null(),
                        null(),
                        DstKind::Full,
                        Accum::Replace,
                        a.cast(),
                        rsa,
                        csa,
                        false,
                        null(),
                        0,
                        b.cast(),
                        rsb,
                        csb,
                        false,
                        (&raw const alpha).cast(),
                        1,
                    );
                }
            }),
        );
        contender.capped = true;
        return Some(contender.only_for(|shape| shape.m > 1 && shape.n > 1 && shape.flop() > 2.0 * 4096.0));
    }
    None
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
