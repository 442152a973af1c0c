//! The operations beside SGEMM: what a fused pass gains, and exp, softmax and RMSprop against plain loops.
//!
//! **An operation** is one function that gives an [`Op`], and one line in [`ops`].

use std::convert::Infallible;
use std::hint::black_box;

use mnist_fast_benches::shapes::Random;
use mnist_fast_benches::timing::{Calls, Plan, Throughput, rounds};
use mnist_fast_kernels::{Activation, Error, Isa, Kernels, MatMut, MatRef, RmsProp, Workspace};

/// One operation on one shape, in several forms.
pub(crate) struct Op {
    /// Its name; never begins with "gemm", as SGEMM's rows do.
    pub(crate) name: &'static str,
    pub(crate) shape: String,
    /// What GFLOP/s counts: of dense layers the product alone, else the formula's operations; exp, sqrt and a division
    /// count one each.
    pub(crate) flop: f64,
    pub(crate) forms: Vec<Form>,
    /// Computes the first call's result in f64; `tolerance` is how far a form may be from it.
    truth: Box<dyn Fn() -> Vec<f64>>,
    tolerance: f64,
}

/// Does the operation once, into the slice or on it.
type Run = dyn FnMut(&mut [f32]) -> Result<(), Error>;

/// One way to do an operation.
pub(crate) struct Form {
    /// "ours", "separate" (ours, but a pass for each step), "loop" (as one writes it first), "libm".
    pub(crate) name: &'static str,
    pub(crate) isa: &'static str,
    /// What `run` writes, or updates.
    output: Vec<f32>,
    run: Box<Run>,
}

impl Form {
    pub(crate) fn label(&self) -> String {
        format!("{} {}", self.name, self.isa)
    }
}

/// All of them, for every vector ISA of ours that this CPU has.
pub(crate) fn ops() -> Vec<Op> {
    let kernels: Vec<Kernels> = Isa::ALL
        .into_iter()
        .rev()
        .filter(|isa| isa.is_exact() && *isa != Isa::Scalar)
        .filter_map(|isa| Kernels::new(isa).ok())
        .collect();
    let mut all = Vec::new();
    for (batch, outputs, inputs) in [(64, 128, 784), (64, 128, 128), (1024, 128, 784)] {
        all.push(dense_forward(&kernels, batch, outputs, inputs));
        all.push(weight_update(&kernels, batch, outputs, inputs));
    }
    all.push(rmsprop(&kernels, 784 * 128));
    all.extend([(64, 10), (10_000, 10), (64, 1000)].map(|(rows, columns)| softmax(&kernels, rows, columns)));
    all.push(exp(&kernels, 4096));
    all
}

/// In [-1, 1).
fn random(seed: u64, len: usize) -> Vec<f32> {
    let mut random = Random(seed);
    (0..len).map(|_| random.unit()).collect()
}

/// `rows x columns` of f64: sum over `depth` of `a(i, l) b(l, j)`.
fn product(rows: usize, columns: usize, depth: usize, term: impl Fn(usize, usize, usize) -> f64) -> Vec<f64> {
    let mut c = vec![0.0; rows * columns];
    for (i, row) in c.chunks_exact_mut(columns).enumerate() {
        for l in 0..depth {
            row.iter_mut().enumerate().for_each(|(j, c)| *c += term(i, l, j));
        }
    }
    c
}

/// Y = relu(X W + bias): in one pass, and as SGEMM on rows that hold the bias, then ReLU.
fn dense_forward(kernels: &[Kernels], batch: usize, outputs: usize, inputs: usize) -> Op {
    let operands = move || (random(1, batch * inputs), random(2, inputs * outputs), random(3, outputs));
    let truth = move || {
        let (x, w, bias) = operands();
        let term = |i, l, j| f64::from(x[i * inputs + l]) * f64::from(w[l * outputs + j]);
        let mut y: Vec<f64> = product(batch, outputs, inputs, term);
        for row in y.chunks_exact_mut(outputs) {
            row.iter_mut().zip(&bias).for_each(|(y, &bias)| *y = (*y + f64::from(bias)).max(0.0));
        }
        y
    };
    let form = |kernels: Kernels, fused: bool| {
        let ((x, w, bias), mut workspace) = (operands(), Workspace::new());
        Form {
            name: if fused { "ours" } else { "separate" },
            isa: kernels.isa().name(),
            output: vec![0.0; batch * outputs],
            run: Box::new(move |y| {
                let (x, w) = (MatRef::new(&x, batch, inputs)?, MatRef::new(&w, inputs, outputs)?);
                if fused {
                    let y = MatMut::new(y, batch, outputs)?;
                    return kernels.dense_forward(x, w, &bias, Activation::Relu, y, &mut workspace);
                }
                y.chunks_exact_mut(outputs).for_each(|row| row.copy_from_slice(&bias));
                kernels.gemm(1.0, x, w, 1.0, MatMut::new(y, batch, outputs)?, &mut workspace)?;
                kernels.relu(y);
                Ok(())
            }),
        }
    };
    Op {
        name: "dense_forward_relu",
        shape: format!("{batch}x{outputs}x{inputs}"),
        flop: 2.0 * (batch * outputs * inputs) as f64,
        forms: kernels.iter().flat_map(|&kernels| [form(kernels, true), form(kernels, false)]).collect(),
        truth: Box::new(truth),
        tolerance: inputs as f64 * 1e-7,
    }
}

/// One RMSprop step in f64: `w - lr g / sqrt(rho v + (1 - rho) g^2 + epsilon)`.
fn rmsprop_truth(rule: &RmsProp, w: f32, v: f32, g: f64) -> f64 {
    let v = rule.rho * f64::from(v) + (1.0 - rule.rho) * g * g;
    f64::from(w) - rule.learning_rate * g / (v + rule.epsilon).sqrt()
}

/// The means of squares before the first step.
fn random_squares(len: usize) -> Vec<f32> {
    random(6, len).into_iter().map(|x| x * x).collect()
}

/// The gradient of W and RMSprop on it: in one pass, and through a stored gradient.
fn weight_update(kernels: &[Kernels], batch: usize, outputs: usize, inputs: usize) -> Op {
    let rule = RmsProp::default();
    let operands = move || (random(4, batch * inputs), random(5, batch * outputs));
    let parameters = move || (random(7, inputs * outputs), random_squares(inputs * outputs));
    let truth = move || {
        let ((x, delta), (w, v)) = (operands(), parameters());
        let term = |i, l, j| f64::from(x[l * inputs + i]) * f64::from(delta[l * outputs + j]);
        let gradient = product(inputs, outputs, batch, term);
        (0..w.len()).map(|i| rmsprop_truth(&rule, w[i], v[i], gradient[i])).collect()
    };
    let form = |kernels: Kernels, fused: bool| {
        let ((x, delta), (w, mut v), mut workspace) = (operands(), parameters(), Workspace::new());
        let mut gradient = vec![0.0; if fused { 0 } else { inputs * outputs }];
        Form {
            name: if fused { "ours" } else { "separate" },
            isa: kernels.isa().name(),
            output: w,
            run: Box::new(move |w| {
                let (x, delta) = (MatRef::new(&x, batch, inputs)?, MatRef::new(&delta, batch, outputs)?);
                if fused {
                    let (w, v) = (MatMut::new(w, inputs, outputs)?, MatMut::new(&mut v, inputs, outputs)?);
                    return kernels.dense_weight_update_rmsprop(&rule, x, delta, w, v, &mut workspace);
                }
                let to = MatMut::new(&mut gradient, inputs, outputs)?;
                kernels.dense_weight_gradient(x, delta, to, &mut workspace)?;
                kernels.rmsprop(&rule, w, &mut v, &gradient)
            }),
        }
    };
    Op {
        name: "dense_weight_update_rmsprop",
        shape: format!("{inputs}x{outputs}x{batch}"),
        flop: 2.0 * (batch * outputs * inputs) as f64,
        forms: kernels.iter().flat_map(|&kernels| [form(kernels, true), form(kernels, false)]).collect(),
        truth: Box::new(truth),
        tolerance: 1e-5,
    }
}

/// RMSprop as a pass of its own.
fn rmsprop(kernels: &[Kernels], len: usize) -> Op {
    let rule = RmsProp::default();
    let operands = move || (random(7, len), random_squares(len), random(8, len));
    let truth = move || {
        let (w, v, gradient) = operands();
        (0..len).map(|i| rmsprop_truth(&rule, w[i], v[i], f64::from(gradient[i]))).collect()
    };
    let ours = |&kernels: &Kernels| {
        let (w, mut v, gradient) = operands();
        Form {
            name: "ours",
            isa: kernels.isa().name(),
            output: w,
            run: Box::new(move |w| kernels.rmsprop(&rule, w, &mut v, &gradient)),
        }
    };
    let mut forms: Vec<Form> = kernels.iter().map(ours).collect();
    let (w, mut v, gradient) = operands();
    let (lr, rho) = (rule.learning_rate as f32, rule.rho as f32);
    let (rest, epsilon) = ((1.0 - rule.rho) as f32, rule.epsilon as f32);
    forms.push(Form {
        name: "loop",
        isa: "baseline",
        output: w,
        run: Box::new(move |w| {
            for ((w, v), g) in w.iter_mut().zip(&mut v).zip(&gradient) {
                *v = rho * *v + rest * (g * g);
                *w -= lr * g / (*v + epsilon).sqrt();
            }
            Ok(())
        }),
    });
    Op {
        name: "rmsprop",
        shape: len.to_string(),
        flop: 9.0 * len as f64,
        forms,
        truth: Box::new(truth),
        tolerance: 1e-6,
    }
}

/// e^x by the C library, which decides how well it is done.
#[expect(clippy::disallowed_methods, reason = "the rival: no weight depends on it")]
fn libm_exp(x: f32) -> f32 {
    x.exp()
}

/// The truth of this file's checks.
#[expect(clippy::disallowed_methods, reason = "judged with a tolerance: no weight depends on it")]
fn exact_exp(x: f32) -> f64 {
    f64::from(x).exp()
}

/// Softmax of rows, against a loop that calls libm.
fn softmax(kernels: &[Kernels], rows: usize, columns: usize) -> Op {
    let logits = move || random(9, rows * columns).into_iter().map(|x| 8.0 * x).collect::<Vec<f32>>();
    let truth = move || {
        let mut y: Vec<f64> = logits().into_iter().map(exact_exp).collect();
        for row in y.chunks_exact_mut(columns) {
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|y| *y /= sum);
        }
        y
    };
    let ours = |&kernels: &Kernels| {
        let x = logits();
        Form {
            name: "ours",
            isa: kernels.isa().name(),
            output: vec![0.0; rows * columns],
            run: Box::new(move |y| {
                kernels.softmax(MatRef::new(&x, rows, columns)?, MatMut::new(y, rows, columns)?)
            }),
        }
    };
    let mut forms: Vec<Form> = kernels.iter().map(ours).collect();
    let x = logits();
    forms.push(Form {
        name: "libm",
        isa: "baseline",
        output: vec![0.0; rows * columns],
        run: Box::new(move |y| {
            for (x, y) in x.chunks_exact(columns).zip(y.chunks_exact_mut(columns)) {
                let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                y.iter_mut().zip(x).for_each(|(y, x)| *y = libm_exp(x - max));
                let sum: f32 = y.iter().sum();
                y.iter_mut().for_each(|y| *y /= sum);
            }
            Ok(())
        }),
    });
    let flop = 5.0 * (rows * columns) as f64;
    Op {
        name: "softmax",
        shape: format!("{rows}x{columns}"),
        flop,
        forms,
        truth: Box::new(truth),
        tolerance: 1e-6,
    }
}

/// y = e^x for x in [-8, 8). Ours works in place, so it copies x first.
fn exp(kernels: &[Kernels], len: usize) -> Op {
    let arguments = move || random(10, len).into_iter().map(|x| 8.0 * x).collect::<Vec<f32>>();
    let truth = move || arguments().into_iter().map(exact_exp).collect();
    let ours = |&kernels: &Kernels| {
        let x = arguments();
        Form {
            name: "ours",
            isa: kernels.isa().name(),
            output: vec![0.0; len],
            run: Box::new(move |y| {
                y.copy_from_slice(&x);
                kernels.exp(y);
                Ok(())
            }),
        }
    };
    let mut forms: Vec<Form> = kernels.iter().map(ours).collect();
    let x = arguments();
    forms.push(Form {
        name: "libm",
        isa: "baseline",
        output: vec![0.0; len],
        run: Box::new(move |y| {
            y.iter_mut().zip(&x).for_each(|(y, &x)| *y = libm_exp(x));
            Ok(())
        }),
    });
    Op {
        name: "exp",
        shape: len.to_string(),
        flop: len as f64,
        forms,
        truth: Box::new(truth),
        tolerance: 1e-6,
    }
}

// ---- checking and measuring ----

impl Op {
    /// The first call of every form: near the truth, and ours and "separate" with equal bits.
    pub(crate) fn check(&mut self) -> Result<(), String> {
        let truth = (self.truth)();
        let mut bits: Option<(String, &[f32])> = None;
        for form in &mut self.forms {
            let label = format!("{} {}, {} {}", self.name, self.shape, form.name, form.isa);
            (form.run)(&mut form.output).map_err(|error| format!("{label}: {error}"))?;
            for (i, (&found, truth)) in form.output.iter().zip(&truth).enumerate() {
                let difference = (f64::from(found) - truth).abs();
                // NaN is not near.
                let near = difference <= self.tolerance * truth.abs().max(1.0);
                if !near {
                    return Err(format!("{label}: element {i} is {found}, but f64 gives {truth}"));
                }
            }
            if !matches!(form.name, "ours" | "separate") {
                continue;
            }
            match &bits {
                None => bits = Some((label, &form.output)),
                Some((other, expected)) => {
                    if form
                        .output
                        .iter()
                        .zip(*expected)
                        .any(|(a, b)| (a + 0.0).to_bits() != (b + 0.0).to_bits())
                    {
                        return Err(format!("{label} and {other} differ in bits"));
                    }
                }
            }
        }
        Ok(())
    }

    /// A throughput per form.
    pub(crate) fn measure(&mut self, plan: Plan) -> Vec<Throughput> {
        let (count, forms) = (self.forms.len(), &mut self.forms);
        let mut call = |at: usize| {
            let Form { run, output, .. } = &mut forms[at];
            run(black_box(output)).expect("it has run before");
        };
        let calls: Vec<Calls> = (0..count).map(|at| Calls::count(|| call(at))).collect();
        let turn = |at: usize| Ok::<_, Infallible>(calls[at].turn(plan.window, || call(at)));
        let Ok(seconds) = rounds(plan, count, turn, || ());
        seconds.iter().map(|seconds| Throughput::of(self.flop, seconds)).collect()
    }
}
