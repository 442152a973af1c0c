//! Nothing is read or written past any end: every operand, in turn, lies right before and right after memory that nobody may
//! touch. (Not for emulators: the QEMU of Debian 12 reads all of a vector that AVX2 loads by a mask.)
#![cfg(target_os = "linux")]

mod common;

use common::elementwise::KERNELS;
use common::pages::{Fenced, Side, watch};
use common::{Random, all_isas};
use mnist_fast_kernels::{
    Activation, ByteRows, Csr, Distortion, DistortionRange, Kernels, LabelSmoothing, MatMut, MatRef,
    Momentum, Optimizer, PackedB, RmsProp, Rule, Sgd, Sparse, Workspace,
};

const SIDES: [Side; 2] = [Side::Before, Side::After];

/// A matrix without gaps whose memory is fenced.
struct Matrix {
    data: Fenced<f32>,
    rows: usize,
    columns: usize,
}

impl Matrix {
    fn new(random: &mut Random, rows: usize, columns: usize, side: Side) -> Self {
        Matrix { data: Fenced::new(&random.vec(rows * columns), side), rows, columns }
    }

    /// Most of it zeros.
    fn sparse(random: &mut Random, rows: usize, columns: usize, side: Side) -> Self {
        let data: Vec<f32> =
            (0..rows * columns).map(|_| if random.below(4) == 0 { random.unit() } else { 0.0 }).collect();
        Matrix { data: Fenced::new(&data, side), rows, columns }
    }

    fn view(&self) -> MatRef<'_> {
        MatRef::new(self.data.get(), self.rows, self.columns).unwrap()
    }

    fn view_mut(&mut self) -> MatMut<'_> {
        MatMut::new(self.data.get_mut(), self.rows, self.columns).unwrap()
    }
}

/// Sizes beside the edges of tiles, and beside 64 rows, from which on a B that starts no cache line is copied.
const ROWS: [usize; 9] = [1, 2, 5, 7, 12, 13, 33, 64, 65];
const COLUMNS: [usize; 10] = [1, 3, 10, 15, 16, 17, 33, 48, 70, 129];
const DEPTHS: [usize; 3] = [1, 7, 40];

/// One test, since the process has one case at a time.
#[test]
fn no_operation_leaves_its_operands() {
    let (mut ws, mut case) = (Workspace::new(), String::new());
    for kernels in all_isas() {
        for side in SIDES {
            for (m, n, k) in ROWS
                .iter()
                .flat_map(|m| COLUMNS.iter().flat_map(move |n| DEPTHS.iter().map(move |k| (*m, *n, *k))))
            {
                watch(&mut case, format!("products of {m}x{n}x{k} on {}, {side:?}", kernels.isa()));
                products(kernels, (m, n, k), side, &mut ws);
            }
            for (m, n, k) in [(13, 17, 33), (5, 70, 20), (20, 10, 64), (33, 129, 7), (1, 1, 1)] {
                watch(&mut case, format!("sparse products of {m}x{n}x{k} on {}, {side:?}", kernels.isa()));
                sparse_products(kernels, (m, n, k), side);
            }
            for columns in 1..40 {
                watch(&mut case, format!("rows of {columns} on {}, {side:?}", kernels.isa()));
                rows(kernels, columns, side);
                watch(&mut case, format!("images of {columns} columns on {}, {side:?}", kernels.isa()));
                images(kernels, columns, side);
            }
            let random = &mut Random::new(1);
            for n in 0..=70 {
                for (name, kernel) in KERNELS {
                    watch(&mut case, format!("{name} of {n} on {}, {side:?}", kernels.isa()));
                    let mut written = [0; 3].map(|_| Fenced::new(&random.vec(n), side));
                    let read = [0; 2].map(|_| Fenced::new(&random.vec(n), side));
                    let bytes: Vec<u8> = (0..n).map(|i| i as u8).collect();
                    let bytes = Fenced::new(&bytes, side);
                    kernel(
                        kernels,
                        written.each_mut().map(Fenced::get_mut),
                        read.each_ref().map(Fenced::get),
                        bytes.get(),
                    );
                }
            }
        }
    }
}

/// The plain product in every layout, and the dense layer's.
fn products(kernels: Kernels, (m, n, k): (usize, usize, usize), side: Side, ws: &mut Workspace<'_>) {
    let random = &mut Random::new((m * n * k) as u64);
    let [a, a_turned] = [(m, k), (k, m)].map(|(rows, columns)| Matrix::new(random, rows, columns, side));
    let [b, b_turned] = [(k, n), (n, k)].map(|(rows, columns)| Matrix::new(random, rows, columns, side));
    let mut c = Matrix::new(random, m, n, side);
    for (i, a) in [a.view(), a_turned.view().transposed()].into_iter().enumerate() {
        for (j, b) in [b.view(), b_turned.view().transposed()].into_iter().enumerate() {
            let (alpha, beta) = [(1.0, 0.0), (0.5, 1.0), (1.0, 0.3), (1.0, 0.0)][2 * i + j];
            kernels.gemm(alpha, a, b, beta, c.view_mut(), ws).unwrap();
        }
    }
    let mut panels = Fenced::new(&vec![0.0; PackedB::len(k, n).unwrap()], side);
    let packed = kernels.pack_b(b_turned.view().transposed(), panels.get_mut()).unwrap();
    kernels.gemm_packed(1.0, a.view(), &packed, 0.0, c.view_mut(), ws).unwrap();

    // X is m x k, W k x n.
    let bias = Fenced::new(&random.vec(n), side);
    kernels.dense_forward(a.view(), b.view(), bias.get(), Activation::Relu, c.view_mut(), ws).unwrap();
    kernels.dense_forward_packed(a.view(), &packed, bias.get(), Activation::Relu, c.view_mut(), ws).unwrap();
    let (delta, mut dx) = (Matrix::new(random, m, n, side), Matrix::new(random, m, k, side));
    kernels.dense_input_gradient(delta.view(), b.view(), Some(a.view()), dx.view_mut(), ws).unwrap();
    let (mut w, mut state) = (Matrix::new(random, k, n, side), Matrix::new(random, k, n, side));
    kernels.dense_weight_gradient(a.view(), delta.view(), w.view_mut(), ws).unwrap();
    let momentum = Rule::new(Optimizer::Momentum(Momentum::default()));
    for rule in [momentum, Rule { l2: 0.1, ..momentum }] {
        let states = &mut [state.view_mut()];
        kernels.dense_weight_update(&rule, a.view(), delta.view(), w.view_mut(), states, ws).unwrap();
    }
    let mut gradient = Fenced::new(&vec![0.0; n], side);
    kernels.dense_bias_gradient(delta.view(), gradient.get_mut()).unwrap();
}

/// S, m x k in every form, by D, k x n.
fn sparse_products(kernels: Kernels, (m, n, k): (usize, usize, usize), side: Side) {
    let random = &mut Random::new((m * n * k) as u64);
    let floats = Matrix::sparse(random, m, k, side);
    let bytes: Vec<u8> = floats.data.get().iter().map(|x| (x.abs() * 255.0) as u8).collect();
    let (mut starts, mut indices, mut values) = (vec![0], vec![], vec![]);
    for row in floats.data.get().chunks(k) {
        let nonzero = row.iter().enumerate().filter(|(_, x)| **x != 0.0);
        indices.extend(nonzero.clone().map(|(j, _)| j as u32));
        values.extend(nonzero.map(|(_, x)| *x));
        starts.push(indices.len() as u32);
    }
    let chosen: Vec<u32> = (0..m).rev().map(|row| row as u32).collect();
    let (bytes, values) = (Fenced::new(&bytes, side), Fenced::new(&values, side));
    let [starts, indices, chosen] = [starts, indices, chosen].map(|x| Fenced::new(&x, side));
    let d = Matrix::new(random, k, n, side);
    let (bias, active) = (Fenced::new(&random.vec(n), side), Matrix::new(random, m, n, side));
    let [mut c, mut v] = [0; 2].map(|_| Matrix::new(random, m, n, side));
    for s in [
        Sparse::from(Csr::new(k, starts.get(), indices.get(), values.get()).unwrap()),
        ByteRows::new(bytes.get(), m, k, k).unwrap().into(),
        ByteRows::select(bytes.get(), k, chosen.get()).unwrap().into(),
        floats.view().into(),
    ] {
        kernels.spmm(s, d.view(), 0.5, c.view_mut()).unwrap();
        kernels.dense_forward_sparse(s, d.view(), bias.get(), Activation::Relu, c.view_mut()).unwrap();
        kernels.dense_input_gradient_sparse(s, d.view(), Some(active.view()), c.view_mut()).unwrap();
        kernels.dense_weight_update_sgd_sparse(&Sgd::default(), s, d.view(), c.view_mut()).unwrap();
        let mut deferred = Fenced::new(&vec![0; m], side);
        let owed = Some(deferred.get_mut());
        let (rule, state) = (RmsProp::default(), v.view_mut());
        kernels.dense_weight_update_rmsprop_sparse(&rule, s, d.view(), c.view_mut(), state, owed).unwrap();
        kernels.rmsprop_settle(&rule, v.view_mut(), deferred.get_mut()).unwrap();
        let rule = Rule { l2: 0.1, ..Rule::new(Optimizer::RmsProp(rule)) };
        let states = &mut [v.view_mut()];
        kernels.dense_weight_update_sparse(&rule, s, d.view(), c.view_mut(), states, None).unwrap();
    }
    let x_transposed = ByteRows::new(bytes.get(), k, m, m).unwrap();
    let relu = Activation::Relu;
    kernels.dense_forward_transposed(x_transposed, d.view(), bias.get(), relu, c.view_mut()).unwrap();
    let (mut to, mut at) = (Fenced::new(&vec![0.0; k], side), Fenced::new(&vec![0; k], side));
    kernels.compress_u8(&bytes.get()[..k], at.get_mut(), to.get_mut()).unwrap();
    kernels.compress(&floats.data.get()[..k], at.get_mut(), to.get_mut()).unwrap();
    let mut turned = Matrix::new(random, k, m, side);
    kernels.transpose(floats.view(), turned.view_mut()).unwrap();
    let stride = Kernels::room(m);
    let mut turned = Fenced::new(&vec![0; k * stride], side);
    let from = ByteRows::new(bytes.get(), m, k, k).unwrap();
    kernels.transpose_u8(from, 0..k, turned.get_mut(), stride).unwrap();
}

/// Softmax, losses and reductions.
fn rows(kernels: Kernels, columns: usize, side: Side) {
    let random = &mut Random::new(columns as u64);
    for count in [1, 17] {
        let (x, mut y) =
            (Matrix::new(random, count, columns, side), Matrix::new(random, count, columns, side));
        let mut sums = Fenced::new(&vec![0.0; count], side);
        let mut classes = Fenced::new(&vec![0; count], side);
        let labels = Fenced::new(&vec![columns as u32 - 1; count], side);
        kernels.softmax(x.view(), y.view_mut()).unwrap();
        kernels.log_softmax(x.view(), y.view_mut()).unwrap();
        let (sums, classes) = (sums.get_mut(), classes.get_mut());
        let (labels, smoothing) = (labels.get(), LabelSmoothing::new(0.1).unwrap());
        kernels.softmax_cross_entropy(x.view(), labels, 2, Some(y.view_mut()), sums, classes).unwrap();
        let smoothed = (labels, smoothing);
        kernels
            .softmax_cross_entropy_smoothed(x.view(), smoothed, 2, Some(y.view_mut()), sums, classes)
            .unwrap();
        kernels.softmax_cross_entropy_soft(x.view(), x.view(), 2, Some(y.view_mut()), sums, classes).unwrap();
        kernels.row_sum(x.view(), sums).unwrap();
        kernels.row_max(x.view(), sums).unwrap();
        kernels.row_norm2(x.view(), sums).unwrap();
        kernels.row_sum_of_squares(x.view(), sums).unwrap();
        kernels.argmax(x.view(), classes).unwrap();
    }
}

fn images(kernels: Kernels, columns: usize, side: Side) {
    let rows = 9;
    let from: Vec<u8> = (0..rows * columns).map(|i| i as u8).collect();
    let from = Fenced::new(&from, side);
    let mut to = Fenced::new(&vec![0u8; rows * columns], side);
    let mut room = Fenced::new(&vec![0u16; Kernels::warp_room(rows, columns)], side);
    let range = DistortionRange { rotation: 40.0, scale: 0.3, shear: 0.3, shift: 5.0 };
    for image in 0..4 {
        let warp = Distortion::new(range, 1).unwrap().warp([image, 0], (rows, columns));
        kernels.warp_u8(&warp, (rows, columns), from.get(), to.get_mut(), room.get_mut()).unwrap();
    }
}
