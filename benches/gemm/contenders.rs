//! The contenders.
//!
//! **A contender** is one function that gives a [`Contender`], and one line in [`contenders`].

use mnist_fast_kernels::{Isa, Kernels, MatMut, MatRef, Workspace};

use crate::shapes::{Layout, Operands, Shape};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Ours,
    /// Ours too, and its bits are the truth; but it is not there to be fast.
    Reference,
    Rival,
    /// Shows where one starts from; no rival.
    Floor,
}

/// C = A B: all of C is written, its old contents are not read.
pub(crate) type Multiply = Box<dyn FnMut(&Operands, &mut [f32])>;

/// Something that multiplies.
pub(crate) struct Contender {
    pub(crate) role: Role,
    pub(crate) name: &'static str,
    /// What it runs on here, named as `Isa::name` does where it can be.
    pub(crate) isa: &'static str,
    /// Larger products take it too long.
    pub(crate) max_flop: f64,
    pub(crate) multiply: Multiply,
}

impl Contender {
    pub(crate) fn label(&self) -> String {
        format!("{} {}", self.name, self.isa)
    }
}

/// The columns of the table.
pub(crate) fn contenders() -> Vec<Contender> {
    let mut all = Vec::new();
    all.extend(Isa::ALL.into_iter().rev().filter(|isa| isa.is_exact()).filter_map(ours));
    all.push(matrixmultiply());
    all.push(naive());
    all
}

/// Products of about 128 x 128 x 128: what a slow contender is asked for.
const SMALL: f64 = 2.0 * 128.0 * 128.0 * 128.0;

/// `None` where this CPU cannot run the ISA.
fn ours(isa: Isa) -> Option<Contender> {
    let kernels = Kernels::new(isa).ok()?;
    let mut workspace = Workspace::new();
    let (role, max_flop) = match isa {
        Isa::Scalar => (Role::Reference, SMALL),
        _ => (Role::Ours, f64::INFINITY),
    };
    Some(Contender {
        role,
        name: "ours",
        isa: isa.name(),
        max_flop,
        multiply: Box::new(move |x, c| {
            gemm(kernels, x, c, &mut workspace).expect("the shapes agree");
        }),
    })
}

fn gemm(
    kernels: Kernels,
    x: &Operands,
    c: &mut [f32],
    workspace: &mut Workspace<'_>,
) -> Result<(), mnist_fast_kernels::Error> {
    let Shape { layout, m, n, k } = x.shape;
    let (a, b) = match layout {
        Layout::Nn => (MatRef::new(&x.a, m, k)?, MatRef::new(&x.b, k, n)?),
        Layout::Tn => (MatRef::new(&x.a, k, m)?.transposed(), MatRef::new(&x.b, k, n)?),
        Layout::Nt => (MatRef::new(&x.a, m, k)?, MatRef::new(&x.b, n, k)?.transposed()),
    };
    kernels.gemm(1.0, a, b, 0.0, MatMut::new(c, m, n)?, workspace)
}

/// The widest kernel that the crate's own detection takes: it has no switch.
fn matrixmultiply() -> Contender {
    Contender {
        role: Role::Rival,
        name: "matrixmultiply",
        isa: matrixmultiply_isa(),
        max_flop: f64::INFINITY,
        multiply: Box::new(|x, c| {
            let Shape { m, n, k, .. } = x.shape;
            let ((rsa, csa), (rsb, csb)) = (x.a_strides, x.b_strides);
            assert_eq!((x.a.len(), x.b.len(), c.len()), (m * k, k * n, m * n));
            // SAFETY: with these strides the operands are exactly the slices' elements, by the assertion; C is
            // borrowed mutably, so it overlaps neither.
            unsafe {
                matrixmultiply::sgemm(
                    m,
                    k,
                    n,
                    1.0,
                    x.a.as_ptr(),
                    rsa as isize,
                    csa as isize,
                    x.b.as_ptr(),
                    rsb as isize,
                    csb as isize,
                    0.0,
                    c.as_mut_ptr(),
                    n as isize,
                    1,
                );
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

/// Three loops, as one would write them first.
fn naive() -> Contender {
    Contender {
        role: Role::Floor,
        name: "naive",
        isa: "loop",
        max_flop: SMALL,
        multiply: Box::new(|x, c| {
            let Shape { m, n, k, .. } = x.shape;
            for i in 0..m {
                for j in 0..n {
                    c[i * n + j] = (0..k).map(|l| x.a(i, l) * x.b(l, j)).sum();
                }
            }
        }),
    }
}
