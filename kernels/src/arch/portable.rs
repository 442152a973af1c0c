//! `portable`: elementwise kernels on `wide`, GEMM by `matrixmultiply`, for CPUs without FMA.
//!
//! `wide` chooses its instructions when it is built, so these are the build's baseline ones (SSE2 on
//! x86-64); `matrixmultiply` detects the CPU at run time. Products are rounded before they are added:
//! correct to rounding, but not the exact ISAs' bits.

use wide::{f32x16, i32x16};

use crate::Isa;
use crate::gemm::tile::{TileFinish, TileStart, TileUpdate};
use crate::generic::simd::{LANES, Simd};
use crate::generic::{
    self, activation, binary_cross_entropy, compress, convert, dense, math, optimizer, probe, rows,
    soft_labels, softmax,
};
use crate::sparse::outer::Outer;
use crate::sparse::rows::{self as sparse, Rows, UpdateRows};
use crate::sparse::terms::Terms;
use crate::table::{DenseForward, DenseInputGradient, DenseWeightUpdate, Step, Table, UpdateRule};
use crate::view::{MatMut, MatRef};

/// Runs on any CPU, so the token proves nothing.
#[derive(Clone, Copy)]
struct Portable;

impl Simd for Portable {
    type F = f32x16;
    type I = i32x16;
    /// All-one or all-zero lanes.
    type M = f32x16;

    const FUSED: bool = false;
    const SQUARE: usize = 1;
    /// Those of SSE2.
    const REGISTERS: usize = 4;

    #[inline(always)]
    fn splat(self, x: f32) -> f32x16 {
        f32x16::splat(x)
    }
    #[inline(always)]
    fn splat_i(self, x: i32) -> i32x16 {
        i32x16::splat(x)
    }
    #[inline(always)]
    fn first(self, n: usize) -> f32x16 {
        let mut lanes = [0.0; LANES];
        for lane in &mut lanes[..n.min(LANES)] {
            *lane = f32::from_bits(u32::MAX);
        }
        f32x16::new(lanes)
    }
    #[inline(always)]
    unsafe fn load_ptr(self, p: *const f32) -> f32x16 {
        // SAFETY: the caller vouches for 16 floats; an array of f32 has the alignment of f32.
        f32x16::new(unsafe { *p.cast::<[f32; LANES]>() })
    }
    #[inline(always)]
    unsafe fn load_mask(self, p: *const f32, m: f32x16) -> f32x16 {
        let mut lanes = [0.0; LANES];
        for (i, lane) in lanes.iter_mut().enumerate() {
            if m.to_array()[i].to_bits() != 0 {
                // SAFETY: the caller vouches for the selected lanes.
                *lane = unsafe { *p.add(i) };
            }
        }
        f32x16::new(lanes)
    }
    #[inline(always)]
    unsafe fn store_ptr(self, p: *mut f32, v: f32x16) {
        // SAFETY: the caller vouches for 16 floats; an array of f32 has the alignment of f32.
        unsafe { *p.cast::<[f32; LANES]>() = v.to_array() }
    }
    #[inline(always)]
    unsafe fn store_mask(self, p: *mut f32, m: f32x16, v: f32x16) {
        for (i, x) in v.to_array().into_iter().enumerate() {
            if m.to_array()[i].to_bits() != 0 {
                // SAFETY: the caller vouches for the selected lanes.
                unsafe { *p.add(i) = x };
            }
        }
    }
    #[inline(always)]
    fn widen_u8(self, bytes: &[u8; LANES]) -> f32x16 {
        let mut lanes = [0.0; LANES];
        for (lane, byte) in lanes.iter_mut().zip(bytes) {
            *lane = f32::from(*byte);
        }
        f32x16::new(lanes)
    }
    #[inline(always)]
    fn add(self, a: f32x16, b: f32x16) -> f32x16 {
        a + b
    }
    #[inline(always)]
    fn sub(self, a: f32x16, b: f32x16) -> f32x16 {
        a - b
    }
    #[inline(always)]
    fn mul(self, a: f32x16, b: f32x16) -> f32x16 {
        a * b
    }
    #[inline(always)]
    fn div(self, a: f32x16, b: f32x16) -> f32x16 {
        a / b
    }
    #[inline(always)]
    fn sqrt(self, a: f32x16) -> f32x16 {
        a.sqrt()
    }
    #[inline(always)]
    fn fma(self, a: f32x16, b: f32x16, c: f32x16) -> f32x16 {
        a * b + c
    }
    #[inline(always)]
    fn max(self, a: f32x16, b: f32x16) -> f32x16 {
        self.gt(a, b).select(a, b)
    }
    #[inline(always)]
    fn lt(self, a: f32x16, b: f32x16) -> f32x16 {
        a.simd_lt(b)
    }
    #[inline(always)]
    fn gt(self, a: f32x16, b: f32x16) -> f32x16 {
        a.simd_gt(b)
    }
    #[inline(always)]
    fn select(self, m: f32x16, a: f32x16, b: f32x16) -> f32x16 {
        m.select(a, b)
    }
    #[inline(always)]
    fn bits(self, a: f32x16) -> i32x16 {
        i32x16::new(a.to_array().map(|x| x.to_bits() as i32))
    }
    #[inline(always)]
    fn float(self, a: i32x16) -> f32x16 {
        f32x16::new(a.to_array().map(|x| f32::from_bits(x as u32)))
    }
    #[inline(always)]
    fn to_float(self, a: i32x16) -> f32x16 {
        f32x16::from_i32x16(a)
    }
    #[inline(always)]
    fn add_i(self, a: i32x16, b: i32x16) -> i32x16 {
        a + b
    }
    #[inline(always)]
    fn sub_i(self, a: i32x16, b: i32x16) -> i32x16 {
        a - b
    }
    #[inline(always)]
    fn and_i(self, a: i32x16, b: i32x16) -> i32x16 {
        a & b
    }
    #[inline(always)]
    fn or_i(self, a: i32x16, b: i32x16) -> i32x16 {
        a | b
    }
    #[inline(always)]
    fn mul_i(self, a: i32x16, b: i32x16) -> i32x16 {
        a * b
    }
    #[inline(always)]
    fn shl<const N: u32>(self, a: i32x16) -> i32x16 {
        a << N
    }
    #[inline(always)]
    fn shr<const N: u32>(self, a: i32x16) -> i32x16 {
        a >> N
    }
    #[inline(always)]
    fn fold_max(self, a: f32x16) -> f32 {
        a.to_array().into_iter().fold(f32::NEG_INFINITY, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn fold_add(self, a: f32x16) -> f32 {
        a.reduce_add()
    }
    #[inline(always)]
    unsafe fn transpose(self, from: *const f32, _: isize, to: *mut f32, _: usize) {
        // SAFETY: as the caller vouches, of one float.
        unsafe { *to = *from }
    }
}

/// # Safety
/// As for the generic kernel.
unsafe fn sparse_rows<T: Terms, const NV: usize, const MASKED: bool>(
    work: Rows<T>,
    start: TileStart,
    finish: TileFinish,
) {
    // SAFETY: as the caller vouches.
    unsafe { sparse::rows::<Portable, T, NV, MASKED>(Portable, work, start, finish) }
}

/// # Safety
/// As for the generic kernel.
unsafe fn update_rows<T: Terms, const NV: usize, const MASKED: bool>(
    work: UpdateRows<T>,
    update: TileUpdate,
) {
    // SAFETY: as the caller vouches.
    unsafe { sparse::update_rows::<Portable, T, NV, MASKED>(Portable, work, update) }
}

/// # Safety
/// As for the generic kernel.
unsafe fn outer<const P: usize, const NV: usize, const MASKED: bool>(work: Outer) {
    // SAFETY: as the caller vouches.
    unsafe { crate::sparse::outer::outer::<Portable, P, NV, MASKED>(Portable, work) }
}

row_kernels!(ROWS: 4 2 1);
outer_kernels!(OUTER: 2, 2 1);

/// The portable kernels.
pub(crate) static TABLE: Table = Table {
    isa: Isa::Portable,
    gemm: |mut call| multiply(call.alpha, call.a, call.b, call.beta, &mut call.c),
    dense_forward,
    dense_input_gradient,
    dense_weight_gradient: |mut call| multiply(1.0, call.x.transposed(), call.delta, 0.0, &mut call.dw),
    dense_weight_update,
    dense_bias_gradient: |delta, gradient| dense::bias_gradient(Portable, delta, gradient),
    relu: |x| generic::relu::relu(Portable, x),
    leaky_relu: |slope, x| activation::leaky_relu(Portable, slope, x),
    sigmoid: |x| activation::sigmoid_slice(Portable, x),
    tanh: |x| activation::tanh_slice(Portable, x),
    relu_gradient: |h, delta| activation::relu_gradient(Portable, h, delta),
    leaky_relu_gradient: |slope, h, delta| activation::leaky_relu_gradient(Portable, slope, h, delta),
    sigmoid_gradient: |h, delta| activation::sigmoid_gradient(Portable, h, delta),
    tanh_gradient: |h, delta| activation::tanh_gradient(Portable, h, delta),
    dropout: |rule, position, x| generic::dropout::dropout(Portable, rule, position, x),
    softmax: |x, y| softmax::softmax(Portable, x, y),
    softmax_cross_entropy: |call| softmax::softmax_cross_entropy(Portable, call),
    log_softmax: |x, y| softmax::log_softmax(Portable, x, y),
    soft_cross_entropy: |call| soft_labels::soft_cross_entropy(Portable, call),
    smoothed_cross_entropy: |call, smoothed| soft_labels::smoothed_cross_entropy(Portable, call, smoothed),
    binary_cross_entropy: |call| binary_cross_entropy::binary_cross_entropy(Portable, call),
    row_sum: |x, to| rows::sum(Portable, x, to),
    row_max: |x, to| rows::max(Portable, x, to),
    row_norm2: |x, to| rows::norm2(Portable, x, to),
    row_sum_of_squares: |x, to| rows::sum_of_squares(Portable, x, to),
    argmax: |x, to| softmax::argmax(Portable, x, to),
    rmsprop: |rule, step, v| optimizer::rmsprop(Portable, rule, step, v),
    sgd: |rule, step| optimizer::sgd(Portable, rule, step),
    momentum: |rule, step, m| optimizer::momentum(Portable, rule, step, m),
    adam: |rule, step, m, v| optimizer::adam(Portable, rule, step, m, v),
    update: |call| generic::update::update(Portable, call),
    // SAFETY: plain Rust, which any CPU runs; `Kernels` has checked the shapes.
    spmm: |call| unsafe { crate::sparse::run(&ROWS, call) },
    // SAFETY: as above.
    spmm_update: |call| unsafe { crate::sparse::run_update(&ROWS, call) },
    // SAFETY: as above.
    dense_forward_transposed: |call| unsafe { crate::sparse::run_outer(OUTER, call) },
    rmsprop_decay: |rule, times, v| optimizer::rmsprop_decay(Portable, rule, times, v),
    compress: |x, indices, values| compress::compress(Portable, x, indices, values),
    compress_u8: |bytes, indices, values| compress::compress_u8(Portable, bytes, indices, values),
    transpose_u8: |call| generic::transpose::transpose_u8(Portable, call),
    transpose: |from, to| crate::gemm::pack::pack_columns(Portable, from, to),
    unit_from_u8: |bytes, to| convert::unit_from_u8(Portable, bytes, to),
    scale_u8: |bytes, scale, shift, to| convert::scale_u8(Portable, bytes, scale, shift, to),
    warp_u8: |call| generic::warp::warp_u8(Portable, call),
    exp: |x| math::exp_slice(Portable, x),
    ln: |x| math::ln_slice(Portable, x),
    sparse_columns: ROWS.columns(),
    probe_fma: |rounds| probe::fma(Portable, rounds),
    probe_read: |x, rounds| probe::read(Portable, x, rounds),
    probe_update: |a, x, y, rounds| probe::update(Portable, a, x, y, rounds),
    tiles: None,
};

/// Y is first filled with the biases, then `matrixmultiply` adds the product.
fn dense_forward(call: DenseForward<'_>) {
    let mut y = call.y;
    for i in 0..y.rows() {
        if let Some(row) = y.row_mut(i) {
            row.copy_from_slice(call.bias);
        }
    }
    multiply(1.0, call.x, call.w, 1.0, &mut y);
    for i in (0..y.rows()).filter(|_| call.relu) {
        if let Some(row) = y.row_mut(i) {
            generic::relu::relu(Portable, row);
        }
    }
}

fn dense_input_gradient(call: DenseInputGradient<'_>) {
    let mut dx = call.dx;
    multiply(1.0, call.delta, call.w.transposed(), 0.0, &mut dx);
    let Some(active) = call.active else { return };
    for i in 0..dx.rows() {
        if let (Some(row), Some(active)) = (dx.row_mut(i), active.row(i)) {
            for (x, h) in row.iter_mut().zip(active) {
                *x = if *h > 0.0 { *x } else { 0.0 };
            }
        }
    }
}

/// The gradient of some rows at a time, and their step while it is in cache.
fn dense_weight_update(call: DenseWeightUpdate<'_>) {
    const ROWS: usize = 64;
    let DenseWeightUpdate { x, delta, mut rule, mut w, .. } = call;
    let columns = w.columns();
    let mut gradients = std::vec![0.0; ROWS.min(w.rows()) * columns];
    for start in (0..w.rows()).step_by(ROWS) {
        let rows = start..w.rows().min(start + ROWS);
        let gradients = &mut gradients[..rows.len() * columns];
        let dw = MatMut::new(gradients, rows.len(), columns);
        if let (Ok(x), Ok(mut dw)) = (x.column_range(rows.clone()), dw) {
            multiply(1.0, x.transposed(), delta, 0.0, &mut dw);
        }
        for (k, gradient) in rows.zip(gradients.chunks_exact(columns.max(1))) {
            let Some(w) = w.row_mut(k) else { continue };
            let step = Step { w, gradient };
            match &mut rule {
                UpdateRule::Sgd(rule) => optimizer::sgd(Portable, *rule, step),
                UpdateRule::RmsProp(rule, v) => {
                    if let Some(v) = v.row_mut(k) {
                        optimizer::rmsprop(Portable, *rule, step, v);
                    }
                }
                UpdateRule::Momentum(rule, m) => {
                    if let Some(m) = m.row_mut(k) {
                        optimizer::momentum(Portable, *rule, step, m);
                    }
                }
                UpdateRule::Adam(rule, m, v) => {
                    if let (Some(m), Some(v)) = (m.row_mut(k), v.row_mut(k)) {
                        optimizer::adam(Portable, *rule, step, m, v);
                    }
                }
                UpdateRule::Any(any) => {
                    if let (Ok(w), Ok(g)) = (MatMut::new(w, 1, columns), MatRef::new(gradient, 1, columns)) {
                        generic::update::update(Portable, any.call((k, 0), w, g));
                    }
                }
            }
        }
    }
}

fn multiply(alpha: f32, a: MatRef<'_>, b: MatRef<'_>, beta: f32, c: &mut MatMut<'_>) {
    let (m, n) = c.shape();
    let depth = if alpha == 0.0 { 0 } else { a.columns() };
    let ldc = c.leading_dimension() as isize;
    // SAFETY: the views were checked, so that m x k, k x n and m x n elements with these strides are inside
    // their slices; C is borrowed mutably, so it overlaps neither operand.
    unsafe {
        matrixmultiply::sgemm(
            m,
            depth,
            n,
            alpha,
            a.as_ptr(),
            a.row_stride(),
            a.column_stride(),
            b.as_ptr(),
            b.row_stride(),
            b.column_stride(),
            beta,
            c.as_mut_ptr(),
            ldc,
            1,
        );
    }
}
