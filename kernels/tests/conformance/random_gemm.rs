//! SGEMM on random shapes, strides, scalars and values: the reference's bits on every exact ISA, in one call or cut into
//! parts; nothing outside of C is written, and nothing is read that must not be.
//!
//! What is expected is the reference's product of dense copies, gathered and scattered by index arithmetic of the tests.

use crate::common::cases::{Case, Values, check_cases, sizes, smaller};
use crate::common::layout::{GUARD, Layout, Place};
use crate::common::{Random, agree, all_isas, reference};
use mnist_fast_kernels::{Error, Kernels, MatMut, MatRef, Workspace, split};

/// How C is computed: by the safe method, whole or in parts, or by the pointer interface.
#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Whole,
    Pointers,
    /// In so many parts, cut by `split` at multiples of the second number.
    Rows(usize, usize),
    Columns(usize, usize),
    /// In four parts, cut by `split_at_row` and `split_at_column` at so many 64ths of the rows and columns.
    Quarters(usize, usize),
}

#[derive(Clone, Debug)]
struct Gemm {
    m: usize,
    n: usize,
    k: usize,
    alpha: f32,
    beta: f32,
    a: Layout,
    b: Layout,
    c: Layout,
    /// A and B are read from one buffer.
    shared: bool,
    values: Values,
    how: How,
    seed: u64,
}

fn scalar(random: &mut Random) -> f32 {
    match random.below(16) {
        0..=4 => 1.0,
        5..=8 => 0.0,
        9 => -0.0,
        10 | 11 => -1.0,
        12 => 0.5,
        13 => random.wild(1)[0],
        _ => random.unit() * 3.0,
    }
}

impl Case for Gemm {
    fn draw(random: &mut Random, seed: u64) -> Self {
        let [m, n, k] = sizes(random);
        let multiple = [1, 6, 16][random.below(3)];
        let how = match random.below(6) {
            0 | 1 => How::Whole,
            2 => How::Pointers,
            3 => How::Rows(1 + random.below(5), multiple),
            4 => How::Columns(1 + random.below(5), multiple),
            _ => How::Quarters(random.below(65), random.below(65)),
        };
        Gemm {
            m,
            n,
            k,
            alpha: scalar(random),
            beta: scalar(random),
            a: Layout::any(random),
            b: Layout::any(random),
            c: if how == How::Pointers { Layout::distinct(random) } else { Layout::rows(random) },
            shared: random.below(8) == 0,
            values: Values::draw(random),
            how,
            seed,
        }
    }

    fn terms(&self) -> usize {
        self.m * self.n * self.k
    }

    fn simpler(&self) -> Vec<Self> {
        let case = self.clone();
        let mut found = vec![];
        found.extend(smaller(case.m).map(|m| Gemm { m, ..case.clone() }));
        found.extend(smaller(case.n).map(|n| Gemm { n, ..case.clone() }));
        found.extend(smaller(case.k).map(|k| Gemm { k, ..case.clone() }));
        found.extend(case.a.simpler().into_iter().map(|a| Gemm { a, ..case.clone() }));
        found.extend(case.b.simpler().into_iter().map(|b| Gemm { b, ..case.clone() }));
        found.extend(case.c.simpler().into_iter().map(|c| Gemm { c, ..case.clone() }));
        if case.alpha != 1.0 {
            found.push(Gemm { alpha: 1.0, ..case.clone() });
        }
        if case.beta != 0.0 {
            found.push(Gemm { beta: 0.0, ..case.clone() });
        }
        if case.shared {
            found.push(Gemm { shared: false, ..case.clone() });
        }
        if case.values != Values::Plain {
            found.push(Gemm { values: Values::Plain, ..case.clone() });
        }
        // The other ways need the C of `Layout::rows`.
        if !matches!(case.how, How::Whole | How::Pointers) {
            found.push(Gemm { how: How::Whole, ..case.clone() });
        }
        found
    }
}

/// Runs the case on `c`, which lies at `place`.
fn run(
    case: &Gemm,
    kernels: Kernels,
    a: MatRef<'_>,
    b: MatRef<'_>,
    c: &mut [f32],
    place: Place,
    ws: &mut Workspace<'_>,
) -> Result<(), Error> {
    let Gemm { m, n, k, alpha, beta, how, .. } = *case;
    match how {
        How::Whole => kernels.gemm(alpha, a, b, beta, place.view_mut(c), ws)?,
        How::Pointers => {
            let (a_row, a_column) = (a.row_stride(), a.column_stride());
            let (b_row, b_column) = (b.row_stride(), b.column_stride());
            let c = c.as_mut_ptr().wrapping_add(place.offset);
            // SAFETY: the views are checked, `place` keeps C inside of its buffer without two elements in one place,
            // and that buffer is neither operand's.
            unsafe {
                kernels.sgemm(
                    m,
                    k,
                    n,
                    alpha,
                    a.as_ptr(),
                    a_row,
                    a_column,
                    b.as_ptr(),
                    b_row,
                    b_column,
                    beta,
                    c,
                    place.row_stride,
                    place.column_stride,
                    ws,
                )?;
            }
        }
        How::Rows(parts, multiple) => {
            for rows in (0..parts).map(|part| split(m, multiple, parts, part)) {
                let c = place.view_mut(c).row_range(rows.clone())?;
                kernels.gemm(alpha, a.row_range(rows)?, b, beta, c, ws)?;
            }
        }
        How::Columns(parts, multiple) => {
            for columns in (0..parts).map(|part| split(n, multiple, parts, part)) {
                let c = place.view_mut(c).column_range(columns.clone())?;
                kernels.gemm(alpha, a, b.column_range(columns)?, beta, c, ws)?;
            }
        }
        How::Quarters(row, column) => {
            let (row, column) = (m * row / 64, n * column / 64);
            let (above, below) = place.view_mut(c).split_at_row(row)?;
            for (c, rows) in [(below, row..m), (above, 0..row)] {
                let (left, right) = c.split_at_column(column)?;
                for (c, columns) in [(left, 0..column), (right, column..n)] {
                    kernels.gemm(alpha, a.row_range(rows.clone())?, b.column_range(columns)?, beta, c, ws)?;
                }
            }
        }
    }
    Ok(())
}

/// The reference's `alpha A B + beta C` of dense matrices.
fn product(
    case: &Gemm,
    [alpha, beta]: [f32; 2],
    a: &[f32],
    b: &[f32],
    mut c: Vec<f32>,
    ws: &mut Workspace<'_>,
) -> Vec<f32> {
    let Gemm { m, n, k, .. } = *case;
    let (a, b) = (MatRef::new(a, m, k).unwrap(), MatRef::new(b, k, n).unwrap());
    reference().gemm(alpha, a, b, beta, MatMut::new(&mut c, m, n).unwrap(), ws).unwrap();
    c
}

fn check(case: &Gemm, isas: &[Kernels], ws: &mut Workspace<'_>) -> Result<(), String> {
    let Gemm { m, n, k, alpha, beta, values, .. } = *case;
    let mut random = Random::new(case.seed);
    let (a_place, b_place, c_place) = (case.a.place(m, k), case.b.place(k, n), case.c.place(m, n));
    // What must not be read is NaN: everything between the elements, for alpha = 0 the operands, for beta = 0 C.
    let mut draw = |n, unread| if unread { vec![f32::NAN; n] } else { values.vec(&mut random, n) };
    let (a, b) = if case.shared {
        (draw(a_place.len.max(b_place.len), false), vec![])
    } else {
        let (a, b) = (draw(m * k, alpha == 0.0), draw(k * n, alpha == 0.0));
        (a_place.buffer(&a, f32::NAN), b_place.buffer(&b, f32::NAN))
    };
    let b = if case.shared { &a } else { &b };
    let c = c_place.buffer(&draw(m * n, beta == 0.0), GUARD);

    let (dense_a, dense_b, dense_c) = (a_place.gather(&a), b_place.gather(b), c_place.gather(&c));
    let expected = product(case, [alpha, beta], &dense_a, &dense_b, dense_c.clone(), ws);
    let expected = c_place.buffer(&expected, GUARD);
    // For an ISA without exact bits: two sums of k products err by (2 k + a few) roundings of the sum of magnitudes.
    let inexact = isas.iter().any(|kernels| !kernels.isa().is_exact());
    let bound = if !inexact {
        vec![0.0; expected.len()]
    } else if values == Values::Plain
        && alpha.is_finite()
        && beta.is_finite()
        && alpha.abs().max(beta.abs()) < 9.0
    {
        let absolute = |x: Vec<f32>| x.into_iter().map(f32::abs).collect::<Vec<_>>();
        let (a, b) = (absolute(dense_a), absolute(dense_b));
        let magnitudes = product(case, [alpha.abs(), beta.abs()], &a, &b, absolute(dense_c), ws);
        let roundings = (2 * k + 8) as f32 * f32::EPSILON / 2.0;
        c_place.buffer(&magnitudes.iter().map(|x| x * roundings * 1.01).collect::<Vec<_>>(), 0.0)
    } else {
        c_place.buffer(&vec![f32::INFINITY; m * n], 0.0)
    };
    for &kernels in isas {
        let mut found = c.clone();
        let (a, b) = (a_place.view(&a), b_place.view(b));
        run(case, kernels, a, b, &mut found, c_place, ws)
            .map_err(|error| format!("{}: {error}", kernels.isa()))?;
        agree(kernels, "C", &expected, &found, &bound)?;
    }
    Ok(())
}

fn check_seeds(seeds: std::ops::Range<u64>) {
    let isas = all_isas();
    // Scratch memory begins as NaN, at any alignment.
    let mut scratch = vec![f32::NAN; Workspace::LEN + 3];
    let mut ws = Workspace::from_buffer(&mut scratch[3..]).unwrap();
    check_cases(seeds, |case| check(case, &isas, &mut ws));
}

#[test]
fn two_thousand_products() {
    check_seeds(0..2_000);
}

#[test]
#[ignore = "minutes in release"]
fn two_hundred_thousand_products() {
    check_seeds(2_000..202_000);
}
