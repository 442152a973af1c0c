//! What works row by row (softmax and its logarithm, the cross-entropies, argmax, reductions) on random shapes, row
//! strides and values: the reference's bits on every exact ISA; nothing outside of the outputs is written, nothing between
//! rows is read.

use crate::common::cases::{Case, Values, check_cases, size, smaller};
use crate::common::layout::{GUARD, Layout, Place};
use crate::common::{Random, agree, all_isas, reference};
use mnist_fast_kernels::{Error, Kernels, LabelSmoothing};

#[derive(Clone, Debug)]
struct Rows {
    rows: usize,
    columns: usize,
    x: Layout,
    targets: Layout,
    y: Layout,
    gradient: Layout,
    values: Values,
    seed: u64,
}

impl Case for Rows {
    fn draw(random: &mut Random, seed: u64) -> Self {
        let read = |random: &mut Random| Layout { one_line: random.below(20) == 0, ..Layout::rows(random) };
        Rows {
            rows: size(random),
            columns: if random.below(10) == 0 { 91 + random.below(1000) } else { size(random) },
            x: read(random),
            targets: read(random),
            y: Layout::rows(random),
            gradient: Layout::rows(random),
            values: Values::draw(random),
            seed,
        }
    }

    fn terms(&self) -> usize {
        self.rows * self.columns
    }

    fn simpler(&self) -> Vec<Self> {
        let case = self.clone();
        let mut found = vec![];
        found.extend(smaller(case.rows).map(|rows| Rows { rows, ..case.clone() }));
        found.extend(smaller(case.columns).map(|columns| Rows { columns, ..case.clone() }));
        found.extend(case.x.simpler().into_iter().map(|x| Rows { x, ..case.clone() }));
        found.extend(case.targets.simpler().into_iter().map(|targets| Rows { targets, ..case.clone() }));
        found.extend(case.y.simpler().into_iter().map(|y| Rows { y, ..case.clone() }));
        found.extend(case.gradient.simpler().into_iter().map(|gradient| Rows { gradient, ..case.clone() }));
        if case.values != Values::Plain {
            found.push(Rows { values: Values::Plain, ..case });
        }
        found
    }
}

/// Where the matrices are.
#[derive(Clone, Copy)]
struct Places {
    x: Place,
    targets: Place,
    y: Place,
    gradient: Place,
}

/// Guards before and after a value for each row.
const MARGIN: usize = 2;
/// A class that no row has.
const NO_CLASS_YET: u32 = 54321;

/// The buffers of all float outputs, each with its name, and those of the classes.
type Outputs = (Vec<(&'static str, Vec<f32>)>, Vec<Vec<u32>>);

fn run(kernels: Kernels, at: Places, x: &[f32], targets: &[f32], labels: &[u32]) -> Result<Outputs, Error> {
    let (x, targets) = (at.x.view(x), at.targets.view(targets));
    let (rows, columns) = x.shape();
    let inside = MARGIN..MARGIN + rows;
    let y = || at.y.buffer(&vec![f32::NAN; rows * columns], GUARD);
    let gradient = || at.gradient.buffer(&vec![f32::NAN; rows * columns], GUARD);
    let per_row = || vec![GUARD; rows + 2 * MARGIN];
    let mut classes = [(); 4].map(|()| vec![NO_CLASS_YET; rows + 2 * MARGIN]);

    let (mut softmax, mut log_softmax) = (y(), y());
    kernels.softmax(x, at.y.view_mut(&mut softmax))?;
    kernels.log_softmax(x, at.y.view_mut(&mut log_softmax))?;

    let [mut sum, mut max, mut norm] = [(); 3].map(|()| per_row());
    kernels.row_sum(x, &mut sum[inside.clone()])?;
    kernels.row_max(x, &mut max[inside.clone()])?;
    kernels.row_norm2(x, &mut norm[inside.clone()])?;
    kernels.argmax(x, &mut classes[0][inside.clone()])?;

    let [mut hard, mut soft, mut smoothed] = [(); 3].map(|()| gradient());
    let [mut hard_losses, mut soft_losses, mut smoothed_losses] = [(); 3].map(|()| per_row());
    let to = Some(at.gradient.view_mut(&mut soft));
    let (losses, found) = (&mut soft_losses[inside.clone()], &mut classes[1][inside.clone()]);
    kernels.softmax_cross_entropy_soft(x, targets, rows + 1, to, losses, found)?;
    if columns > 0 {
        let to = Some(at.gradient.view_mut(&mut hard));
        let (losses, found) = (&mut hard_losses[inside.clone()], &mut classes[2][inside.clone()]);
        kernels.softmax_cross_entropy(x, labels, rows + 1, to, losses, found)?;
        let to = Some(at.gradient.view_mut(&mut smoothed));
        let (losses, found) = (&mut smoothed_losses[inside.clone()], &mut classes[3][inside]);
        let labels = (labels, LabelSmoothing::new(0.1).expect("a share"));
        kernels.softmax_cross_entropy_smoothed(x, labels, rows + 1, to, losses, found)?;
    }
    let names = [
        "softmax",
        "log-softmax",
        "sum",
        "max",
        "norm",
        "gradient",
        "loss",
        "soft gradient",
        "soft loss",
        "smoothed gradient",
        "smoothed loss",
    ];
    let floats = [
        softmax,
        log_softmax,
        sum,
        max,
        norm,
        hard,
        hard_losses,
        soft,
        soft_losses,
        smoothed,
        smoothed_losses,
    ];
    Ok((names.into_iter().zip(floats).collect(), classes.into()))
}

fn check(case: &Rows, isas: &[Kernels]) -> Result<(), String> {
    let Rows { rows, columns, values, .. } = *case;
    let mut random = Random::new(case.seed);
    let at = Places {
        x: case.x.place(rows, columns),
        targets: case.targets.place(rows, columns),
        y: case.y.place(rows, columns),
        gradient: case.gradient.place(rows, columns),
    };
    let x = at.x.buffer(&values.vec(&mut random, rows * columns), f32::NAN);
    let targets = at.targets.buffer(&values.vec(&mut random, rows * columns), f32::NAN);
    let labels: Vec<u32> = (0..rows).map(|_| random.below(columns) as u32).collect();

    let plain = Layout::PLAIN.place(rows, columns);
    let dense = Places { x: plain, targets: plain, y: plain, gradient: plain };
    let expected = run(reference(), dense, &at.x.gather(&x), &at.targets.gather(&targets), &labels);
    let (expected, classes) = expected.map_err(|error| format!("the reference: {error}"))?;
    for &kernels in isas {
        let found = run(kernels, at, &x, &targets, &labels);
        let (found, found_classes) = found.map_err(|error| format!("{}: {error}", kernels.isa()))?;
        if classes != found_classes {
            return Err(format!("{}: classes {found_classes:?}, expected {classes:?}", kernels.isa()));
        }
        for ((what, expected), (_, found)) in expected.iter().zip(&found) {
            let place = match *what {
                "softmax" | "log-softmax" => Some(at.y),
                "gradient" | "soft gradient" | "smoothed gradient" => Some(at.gradient),
                _ => None,
            };
            // An ISA without exact bits may give anything, but only where it should write.
            let (expected, bound) = match place {
                Some(place) => {
                    (place.buffer(expected, GUARD), place.buffer(&vec![f32::INFINITY; rows * columns], 0.0))
                }
                None => {
                    let mut bound = vec![0.0; rows + 2 * MARGIN];
                    bound[MARGIN..MARGIN + rows].fill(f32::INFINITY);
                    (expected.clone(), bound)
                }
            };
            agree(kernels, what, &expected, found, &bound)?;
        }
    }
    Ok(())
}

fn check_seeds(seeds: std::ops::Range<u64>) {
    let isas = all_isas();
    check_cases(seeds, |case| check(case, &isas));
}

#[test]
fn a_thousand_matrices() {
    check_seeds(0..1_000);
}

#[test]
#[ignore = "minutes in release"]
fn a_hundred_thousand_matrices() {
    check_seeds(1_000..101_000);
}
