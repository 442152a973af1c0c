//! The contenders: who they are on one thread, and on two.
//!
//! **A contender** is one function that gives a [`Contender`], and one line in [`one_thread`] or [`two_threads`].

use std::cell::RefCell;
use std::rc::Rc;

use mnist_fast_benches::contender::{Contender, Role};
use mnist_fast_benches::machine::locked_version;
use mnist_fast_benches::pair::Pair;
use mnist_fast_benches::shapes::{Layout, Operands, Shape};
use mnist_fast_kernels::{Error, Isa, Kernels, MatMut, MatRef, PackedB, Workspace, split};

use crate::libraries;
use crate::rivals;

/// Everybody in this process, on one thread; and a line about each library that is absent.
///
/// `environment` says whether the environment is as the libraries need it.
pub(crate) fn one_thread(environment: &Result<(), String>) -> (Vec<Contender>, Vec<String>) {
    let mut all = Vec::new();
    let exact = || Isa::ALL.into_iter().rev().filter(|isa| isa.is_exact());
    all.extend(exact().filter_map(ours));
    all.extend(exact().filter_map(ours_packed));
    all.extend(rivals::all());
    let (libraries, absent) = match environment {
        Ok(()) => libraries::load_all(|_| true),
        Err(why) => (Vec::new(), vec![format!("libraries: not loaded ({why})")]),
    };
    all.extend(libraries);
    all.push(naive());
    (all, absent)
}

/// Ours on one thread and on two, on the best ISA. The rivals on two threads are in another process.
pub(crate) fn two_threads(pair: &Rc<RefCell<Pair>>) -> Vec<Contender> {
    let Some(isa) = Isa::ALL.into_iter().rev().find(|isa| is_vector(*isa) && isa.is_available()) else {
        return Vec::new();
    };
    let mut one = ours(isa);
    one.iter_mut().for_each(|one| one.role = Role::Baseline);
    one.into_iter().chain(ours_on_two(isa, Rc::clone(pair))).collect()
}

/// Products of about 128 x 128 x 128: what the reference is asked for, which emulates fused multiply-adds.
const SMALL: f64 = 2.0 * 128.0 * 128.0 * 128.0;

/// The first layer's product for 256 images: what the naive loop is asked for.
const MEDIUM: f64 = 2.0 * 256.0 * 128.0 * 784.0;

fn is_vector(isa: Isa) -> bool {
    isa.is_exact() && isa != Isa::Scalar
}

fn build() -> String {
    format!("mnist-fast-kernels {}", locked_version("mnist-fast-kernels"))
}

/// `None` where this CPU cannot run the ISA.
fn ours(isa: Isa) -> Option<Contender> {
    let kernels = Kernels::new(isa).ok()?;
    let mut workspace = Workspace::new();
    let role = if isa == Isa::Scalar { Role::Reference } else { Role::Ours };
    let multiply = move |x: &Operands, c: &mut [f32]| {
        let Part { a, b, c } = Part::whole(x, c).expect("the operands are the shape's");
        kernels.gemm(1.0, a, b, 0.0, c, &mut workspace).expect("the shapes agree");
    };
    let contender = Contender::here(role, "ours", build(), isa.name(), Box::new(multiply));
    Some(if isa == Isa::Scalar { contender.only_for(|shape| shape.flop() <= SMALL) } else { contender })
}

/// With B packed before the first call: for weights that serve many products.
fn ours_packed(isa: Isa) -> Option<Contender> {
    let kernels = Kernels::new(isa).ok().filter(|_| is_vector(isa))?;
    let mut workspace = Workspace::new();
    // Operands are the same numbers whenever a shape is the same.
    let mut packed: Option<(Shape, PackedB<'static>)> = None;
    let multiply = move |x: &Operands, c: &mut [f32]| {
        let Part { a, b, c } = Part::whole(x, c).expect("the operands are the shape's");
        if packed.as_ref().is_none_or(|(shape, _)| *shape != x.shape) {
            packed = Some((x.shape, kernels.pack_b_owned(b).expect("B fits memory")));
        }
        let (_, b) = packed.as_ref().expect("just packed");
        kernels.gemm_packed(1.0, a, b, 0.0, c, &mut workspace).expect("the shapes agree");
    };
    Some(Contender::here(Role::Packed, "ours packed", build(), isa.name(), Box::new(multiply)))
}

fn ours_on_two(isa: Isa, pair: Rc<RefCell<Pair>>) -> Option<Contender> {
    let kernels = Kernels::new(isa).ok()?;
    let (mut workspace, mut other) = (Workspace::new(), Workspace::new());
    let multiply = move |x: &Operands, c: &mut [f32]| {
        let whole = Part::whole(x, c).expect("the operands are the shape's");
        let (own, others) = whole.halves(kernels).expect("it is cut inside");
        let mut here = Ok(());
        let there = pair.borrow_mut().join(
            || here = kernels.gemm(1.0, own.a, own.b, 0.0, own.c, &mut workspace),
            || kernels.gemm(1.0, others.a, others.b, 0.0, others.c, &mut other),
        );
        here.and(there).expect("the shapes agree");
    };
    let mut contender = Contender::here(Role::Ours, "ours", build(), isa.name(), Box::new(multiply));
    contender.threads = 2;
    Some(contender)
}

/// What one thread multiplies.
struct Part<'a> {
    a: MatRef<'a>,
    b: MatRef<'a>,
    c: MatMut<'a>,
}

impl<'a> Part<'a> {
    fn whole(x: &'a Operands, c: &'a mut [f32]) -> Result<Part<'a>, Error> {
        let Shape { layout, m, n, k } = x.shape;
        let a = match layout {
            Layout::Nn | Layout::Nt => MatRef::new(&x.a, m, k)?,
            Layout::Tn => MatRef::new(&x.a, k, m)?.transposed(),
        };
        let b = match layout {
            Layout::Nn | Layout::Tn => MatRef::new(&x.b, k, n)?,
            Layout::Nt => MatRef::new(&x.b, n, k)?.transposed(),
        };
        Ok(Part { a, b, c: MatMut::new(c, m, n)? })
    }

    /// Cut by rows, since then neither thread reads all of A; by columns where whole tiles of rows cannot be halved well.
    fn halves(self, kernels: Kernels) -> Result<(Part<'a>, Part<'a>), Error> {
        let Part { a, b, c } = self;
        let (m, n) = c.shape();
        let (rows, columns) = kernels.gemm_tiles().next().map_or((1, 1), |tile| (tile.rows, tile.columns));
        let (i, j) = (split(m, rows, 2, 0).end, split(n, columns, 2, 0).end);
        // The larger part of the whole: a half is best, and a hundredth more counts less than reading A twice.
        if i as f64 / m as f64 <= j as f64 / n as f64 + 0.01 {
            let (upper, lower) = c.split_at_row(i)?;
            let (a, other) = (a.row_range(0..i)?, a.row_range(i..m)?);
            Ok((Part { a, b, c: upper }, Part { a: other, b, c: lower }))
        } else {
            let (left, right) = c.split_at_column(j)?;
            let (b, other) = (b.column_range(0..j)?, b.column_range(j..n)?);
            Ok((Part { a, b, c: left }, Part { a, b: other, c: right }))
        }
    }
}

/// Three loops, as one would write them first.
fn naive() -> Contender {
    let multiply = |x: &Operands, c: &mut [f32]| {
        let Shape { m, n, k, .. } = x.shape;
        for i in 0..m {
            for j in 0..n {
                c[i * n + j] = (0..k).map(|l| x.a(i, l) * x.b(l, j)).sum();
            }
        }
    };
    Contender::here(Role::Floor, "naive", "three loops".to_string(), "loop", Box::new(multiply))
        .only_for(|shape| shape.flop() <= MEDIUM)
}
