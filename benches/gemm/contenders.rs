//! The contenders.
//!
//! **A contender** is one function that gives a [`Contender`], and one line in [`contenders`].

use std::io;

use mnist_fast_benches::machine::locked_version;
use mnist_fast_kernels::{Isa, Kernels, MatMut, MatRef, Workspace};

use crate::libraries;
use crate::rivals;
use crate::shapes::{Layout, Operands, Shape};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Ours,
    /// Ours too, and its bits are the truth; but it is not there to be fast.
    Reference,
    Rival,
    /// Shown, but not compared with: it does less than the others.
    Beside,
    /// Shows where one starts from; no rival.
    Floor,
}

/// C = A B: all of C is written, its old contents are not read.
pub(crate) type Multiply = Box<dyn FnMut(&Operands, &mut [f32])>;

/// Something that multiplies.
pub(crate) struct Contender {
    pub(crate) role: Role,
    pub(crate) name: &'static str,
    /// Version and features, for the header.
    pub(crate) build: String,
    /// What it runs on here, named as `Isa::name` does where it can be.
    pub(crate) isa: &'static str,
    /// Whether it can do a shape, and soon enough.
    pub(crate) takes: Box<dyn Fn(&Shape) -> bool>,
    pub(crate) multiply: Multiply,
}

impl Contender {
    pub(crate) fn label(&self) -> String {
        format!("{} {}", self.name, self.isa)
    }
}

/// The columns of the table, and a line about each one that is absent.
///
/// `environment` says whether the environment is as the libraries need it.
pub(crate) fn contenders(environment: io::Result<()>) -> (Vec<Contender>, Vec<String>) {
    let mut all = Vec::new();
    all.extend(Isa::ALL.into_iter().rev().filter(|isa| isa.is_exact()).filter_map(ours));
    all.extend(rivals::all());
    let (libraries, absent) = match environment {
        Ok(()) => libraries::all(),
        Err(error) => {
            (Vec::new(), vec![format!("libraries: not loaded; no start in a clean environment ({error})")])
        }
    };
    all.extend(libraries);
    all.push(naive());
    (all, absent)
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
        build: format!("mnist-fast-kernels {}", locked_version("mnist-fast-kernels")),
        isa: isa.name(),
        takes: Box::new(move |shape| shape.flop() <= max_flop),
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

/// Three loops, as one would write them first.
fn naive() -> Contender {
    Contender {
        role: Role::Floor,
        name: "naive",
        build: "three loops".to_string(),
        isa: "loop",
        takes: Box::new(|shape| shape.flop() <= SMALL),
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
