//! The dense layer's products on random shapes, strides and values: the reference's bits on every exact ISA, in one call
//! or cut into parts; nothing outside of the outputs is written.

use crate::common::cases::{Case, Values, check_cases, sizes, smaller};
use crate::common::layout::{GUARD, Layout, Place};
use crate::common::{Random, agree, all_isas, reference};
use mnist_fast_kernels::{Activation, Epsilon, Error, Kernels, RmsProp, Sgd, Workspace, split};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    Sgd,
    RmsProp(Epsilon),
}

#[derive(Clone, Debug)]
struct Dense {
    batch: usize,
    inputs: usize,
    outputs: usize,
    /// X, W and delta where they are only factors of a product.
    x: Layout,
    w: Layout,
    delta: Layout,
    /// The mask, and delta for the biases, whose rows are contiguous.
    active: Layout,
    delta_rows: Layout,
    /// Y, dX, dW; W and V where they are updated.
    y: Layout,
    dx: Layout,
    dw: Layout,
    v: Layout,
    relu: bool,
    masked: bool,
    rule: Rule,
    /// In how many parts the outputs are cut.
    parts: usize,
    values: Values,
    seed: u64,
}

impl Case for Dense {
    fn draw(random: &mut Random, seed: u64) -> Self {
        let [batch, inputs, outputs] = sizes(random);
        Dense {
            batch,
            inputs,
            outputs,
            x: Layout::any(random),
            w: Layout::any(random),
            delta: Layout::any(random),
            active: Layout::rows(random),
            delta_rows: Layout { one_line: random.below(20) == 0, ..Layout::rows(random) },
            y: Layout::rows(random),
            dx: Layout::rows(random),
            dw: Layout::rows(random),
            v: Layout::rows(random),
            relu: random.below(2) == 0,
            masked: random.below(2) == 0,
            rule: [Rule::Sgd, Rule::RmsProp(Epsilon::InsideRoot), Rule::RmsProp(Epsilon::OutsideRoot)]
                [random.below(3)],
            parts: 1 + random.below(4),
            values: Values::draw(random),
            seed,
        }
    }

    fn terms(&self) -> usize {
        self.batch * self.inputs * self.outputs
    }

    fn simpler(&self) -> Vec<Self> {
        let case = self.clone();
        let mut found = vec![];
        found.extend(smaller(case.batch).map(|batch| Dense { batch, ..case.clone() }));
        found.extend(smaller(case.inputs).map(|inputs| Dense { inputs, ..case.clone() }));
        found.extend(smaller(case.outputs).map(|outputs| Dense { outputs, ..case.clone() }));
        found.extend(case.x.simpler().into_iter().map(|x| Dense { x, ..case.clone() }));
        found.extend(case.w.simpler().into_iter().map(|w| Dense { w, ..case.clone() }));
        found.extend(case.delta.simpler().into_iter().map(|delta| Dense { delta, ..case.clone() }));
        found.extend(case.active.simpler().into_iter().map(|active| Dense { active, ..case.clone() }));
        found.extend(
            case.delta_rows.simpler().into_iter().map(|delta_rows| Dense { delta_rows, ..case.clone() }),
        );
        found.extend(case.y.simpler().into_iter().map(|y| Dense { y, ..case.clone() }));
        found.extend(case.dx.simpler().into_iter().map(|dx| Dense { dx, ..case.clone() }));
        found.extend(case.dw.simpler().into_iter().map(|dw| Dense { dw, ..case.clone() }));
        found.extend(case.v.simpler().into_iter().map(|v| Dense { v, ..case.clone() }));
        if case.values != Values::Plain {
            found.push(Dense { values: Values::Plain, ..case.clone() });
        }
        if case.parts > 1 {
            found.push(Dense { parts: 1, ..case });
        }
        found
    }
}

/// A matrix in its buffer.
struct Matrix {
    place: Place,
    buffer: Vec<f32>,
}

impl Matrix {
    fn new(layout: Layout, rows: usize, columns: usize, elements: &[f32], rest: f32) -> Self {
        let place = layout.place(rows, columns);
        Matrix { place, buffer: place.buffer(elements, rest) }
    }

    fn dense(&self) -> Matrix {
        let Place { rows, columns, .. } = self.place;
        Matrix::new(Layout::PLAIN, rows, columns, &self.place.gather(&self.buffer), 0.0)
    }

    fn view(&self) -> mnist_fast_kernels::MatRef<'_> {
        self.place.view(&self.buffer)
    }
}

/// What is read, and what the outputs hold before.
struct Operands {
    x: Matrix,
    w: Matrix,
    delta: Matrix,
    active: Matrix,
    delta_rows: Matrix,
    bias: Vec<f32>,
    y: Matrix,
    dx: Matrix,
    dw: Matrix,
    weights: Matrix,
    v: Matrix,
}

const OUTPUTS: [&str; 6] = ["Y", "dX", "dW", "db", "W", "V"];

/// The buffers of [`OUTPUTS`]; each output is computed in `parts`, the last part first.
fn run(
    case: &Dense,
    operands: &Operands,
    kernels: Kernels,
    parts: usize,
    ws: &mut Workspace<'_>,
) -> Result<[Vec<f32>; 6], Error> {
    let Dense { batch, inputs, outputs, .. } = *case;
    let (x, w, delta) = (operands.x.view(), operands.w.view(), operands.delta.view());
    let cut = |len| (0..parts).rev().map(move |part| split(len, 1, parts, part));

    let mut y = operands.y.buffer.clone();
    let activation = if case.relu { Activation::Relu } else { Activation::Linear };
    for rows in cut(batch) {
        let to = operands.y.place.view_mut(&mut y).row_range(rows.clone())?;
        kernels.dense_forward(x.row_range(rows)?, w, &operands.bias, activation, to, ws)?;
    }

    let mut dx = operands.dx.buffer.clone();
    for rows in cut(batch) {
        let to = operands.dx.place.view_mut(&mut dx).row_range(rows.clone())?;
        let active = operands.active.view().row_range(rows.clone())?;
        kernels.dense_input_gradient(delta.row_range(rows)?, w, case.masked.then_some(active), to, ws)?;
    }

    let mut dw = operands.dw.buffer.clone();
    for rows in cut(inputs) {
        let to = operands.dw.place.view_mut(&mut dw).row_range(rows.clone())?;
        kernels.dense_weight_gradient(x.column_range(rows)?, delta, to, ws)?;
    }

    let mut db = vec![GUARD; outputs + 4];
    kernels.dense_bias_gradient(operands.delta_rows.view(), &mut db[2..outputs + 2])?;

    let (mut weights, mut v) = (operands.weights.buffer.clone(), operands.v.buffer.clone());
    for columns in cut(outputs) {
        for rows in cut(inputs) {
            let w = operands.weights.place.view_mut(&mut weights);
            let w = w.row_range(rows.clone())?.column_range(columns.clone())?;
            let v =
                operands.v.place.view_mut(&mut v).row_range(rows.clone())?.column_range(columns.clone())?;
            let (x, delta) = (x.column_range(rows)?, delta.column_range(columns.clone())?);
            match case.rule {
                Rule::Sgd => kernels.dense_weight_update_sgd(&Sgd { learning_rate: 0.1 }, x, delta, w, ws)?,
                Rule::RmsProp(epsilon_at) => {
                    let rule = RmsProp { epsilon_at, ..RmsProp::default() };
                    kernels.dense_weight_update_rmsprop(&rule, x, delta, w, v, ws)?;
                }
            }
        }
    }
    Ok([y, dx, dw, db, weights, v])
}

fn check(case: &Dense, isas: &[Kernels], ws: &mut Workspace<'_>) -> Result<(), String> {
    let Dense { batch, inputs, outputs, values, .. } = *case;
    let mut random = Random::new(case.seed);
    let mut draw = |n| values.vec(&mut random, n);
    let nan = f32::NAN;
    let v: Vec<f32> = draw(inputs * outputs).into_iter().map(f32::abs).collect();
    // What is not read is NaN, what is not written a guard.
    let operands = Operands {
        x: Matrix::new(case.x, batch, inputs, &draw(batch * inputs), nan),
        w: Matrix::new(case.w, inputs, outputs, &draw(inputs * outputs), nan),
        delta: Matrix::new(case.delta, batch, outputs, &draw(batch * outputs), nan),
        active: Matrix::new(case.active, batch, inputs, &draw(batch * inputs), nan),
        delta_rows: Matrix::new(case.delta_rows, batch, outputs, &draw(batch * outputs), nan),
        bias: draw(outputs),
        y: Matrix::new(case.y, batch, outputs, &vec![nan; batch * outputs], GUARD),
        dx: Matrix::new(case.dx, batch, inputs, &vec![nan; batch * inputs], GUARD),
        dw: Matrix::new(case.dw, inputs, outputs, &vec![nan; inputs * outputs], GUARD),
        weights: Matrix::new(case.dw, inputs, outputs, &draw(inputs * outputs), GUARD),
        v: Matrix::new(case.v, inputs, outputs, &v, GUARD),
    };
    let dense = Operands {
        x: operands.x.dense(),
        w: operands.w.dense(),
        delta: operands.delta.dense(),
        active: operands.active.dense(),
        delta_rows: operands.delta_rows.dense(),
        bias: operands.bias.clone(),
        y: operands.y.dense(),
        dx: operands.dx.dense(),
        dw: operands.dw.dense(),
        weights: operands.weights.dense(),
        v: operands.v.dense(),
    };
    let expected =
        run(case, &dense, reference(), 1, ws).map_err(|error| format!("the reference: {error}"))?;
    let [y, dx, dw, db, w, v] = &expected;
    let laid = |like: &Matrix, elements: &[f32]| like.place.buffer(elements, GUARD);
    let expected = [
        laid(&operands.y, y),
        laid(&operands.dx, dx),
        laid(&operands.dw, dw),
        db.clone(),
        laid(&operands.weights, w),
        laid(&operands.v, v),
    ];
    let bounds = bounds(case, &operands);
    for &kernels in isas {
        let found = run(case, &operands, kernels, case.parts, ws);
        let found = found.map_err(|error| format!("{}: {error}", kernels.isa()))?;
        for (((what, e), f), bound) in OUTPUTS.iter().zip(&expected).zip(&found).zip(&bounds) {
            agree(kernels, what, e, f, bound)?;
        }
    }
    Ok(())
}

/// How far an ISA without exact bits may be off: where the values are plain, chains of k products of numbers up to 1 by
/// `2 k + 8` roundings of at most `k + 1`; optimizers anything.
fn bounds(case: &Dense, operands: &Operands) -> [Vec<f32>; 6] {
    let bound = |k: usize| match case.values {
        Values::Plain => (2 * k + 8) as f32 * (k + 1) as f32 * f32::EPSILON / 2.0,
        _ => f32::INFINITY,
    };
    let laid = |like: &Matrix, bound: f32| {
        like.place.buffer(&vec![bound; like.place.rows * like.place.columns], 0.0)
    };
    let mut db = vec![bound(case.batch); case.outputs + 4];
    [0, 1, case.outputs + 2, case.outputs + 3].into_iter().for_each(|guard| db[guard] = 0.0);
    [
        laid(&operands.y, bound(case.inputs)),
        laid(&operands.dx, bound(case.outputs)),
        laid(&operands.dw, bound(case.batch)),
        db,
        laid(&operands.weights, f32::INFINITY),
        laid(&operands.v, f32::INFINITY),
    ]
}

fn check_seeds(seeds: std::ops::Range<u64>) {
    let isas = all_isas();
    // Scratch memory begins as NaN, at any alignment.
    let mut scratch = vec![f32::NAN; Workspace::LEN + 3];
    let mut ws = Workspace::from_buffer(&mut scratch[3..]).unwrap();
    check_cases(seeds, |case| check(case, &isas, &mut ws));
}

#[test]
fn five_hundred_layers() {
    check_seeds(0..500);
}

#[test]
#[ignore = "minutes in release"]
fn fifty_thousand_layers() {
    check_seeds(500..50_500);
}
