//! What is refused whatever the function: impossible sizes and strides, null pointers, labels and numbers out of range.

use std::ptr::{null, null_mut};

use mnist_fast_kernels::capi::*;

use crate::support::{Scratch, same};

#[test]
fn impossible_sizes_and_strides_are_refused() {
    let (k, ws) = (mnf_kernels_best(), Scratch::new());
    let (x, mut to) = ([1.0f32; 64], [7.0f32; 64]);
    let (x, y, most) = (x.as_ptr(), to.as_mut_ptr(), isize::MAX as usize / 4);
    // SAFETY: a refused call touches nothing.
    unsafe {
        let gemm = |m, d, n, a: (isize, isize), c: (isize, isize)| {
            mnf_sgemm(k, m, d, n, 1.0, x, a.0, a.1, x, 1, 1, 0.0, y, c.0, c.1, ws.0)
        };
        for (m, d, n) in [(usize::MAX, 2, 2), (2, usize::MAX, 2), (2, 2, usize::MAX), (most + 1, 2, 2)] {
            assert_eq!(gemm(m, d, n, (1, 1), (2, 1)), MnfStatus::Size, "{m}, {d}, {n}");
        }
        assert_eq!(gemm(2, 2, 2, (isize::MIN, 1), (2, 1)), MnfStatus::Size);
        assert_eq!(gemm(2, 2, 2, (1, isize::MAX), (2, 1)), MnfStatus::Size);
        assert_eq!(gemm(2, 2, 2, (2, 1), (isize::MAX, 1)), MnfStatus::Size);
        for c in [(0, 1), (1, 0), (0, 0), (1, 1), (-1, 1), (2, 2)] {
            assert_eq!(gemm(3, 2, 3, (2, 1), c), MnfStatus::Stride, "strides {c:?} of C");
        }
        let ld = |x_ld, y_ld| mnf_softmax(k, 2, 3, x, x_ld, y, y_ld);
        assert_eq!((ld(2, 3), ld(3, 2)), (MnfStatus::Stride, MnfStatus::Stride));
        assert_eq!((ld(usize::MAX, 3), ld(3, usize::MAX)), (MnfStatus::Size, MnfStatus::Size));
        assert_eq!(mnf_softmax(k, usize::MAX, 3, x, 3, y, 3), MnfStatus::Size);
        assert_eq!(mnf_relu(k, most + 1, y), MnfStatus::Size);
        assert_eq!(mnf_unit_from_u8(k, most + 1, x.cast(), y), MnfStatus::Size);
        assert_eq!(mnf_unit_from_u8(k, usize::MAX, x.cast(), y), MnfStatus::Size);
        assert_eq!(mnf_sgd(k, 0.1, usize::MAX, y, x), MnfStatus::Size);
        assert_eq!(mnf_row_sum(k, usize::MAX, 0, x, 0, y), MnfStatus::Size);
        assert_eq!(mnf_dense_bias_gradient(k, usize::MAX, usize::MAX, x, usize::MAX, y), MnfStatus::Size);
    }
    same("what no call may write", &[7.0; 64], &to);
}

#[test]
fn a_stride_along_one_element_means_nothing() {
    let (k, ws) = (mnf_kernels_best(), Scratch::new());
    for stride in [0, 1, -5, isize::MIN, isize::MAX] {
        let (a, b, mut c) = ([2.0f32], [3.0f32], [0.0f32]);
        let (a, b, to) = (a.as_ptr(), b.as_ptr(), c.as_mut_ptr());
        // SAFETY: one element each.
        let status = unsafe {
            mnf_sgemm(k, 1, 1, 1, 1.0, a, stride, stride, b, stride, stride, 0.0, to, stride, stride, ws.0)
        };
        assert_eq!((status, c), (MnfStatus::Ok, [6.0]), "stride {stride}");
    }
}

#[test]
fn nothing_may_be_at_a_null_pointer() {
    let (k, ws) = (mnf_kernels_best(), Scratch::new());
    let (r, w) = (null::<f32>(), null_mut::<f32>());
    let mut c = [1.0f32, 2.0];
    // SAFETY: no element is touched but those of `c`.
    unsafe {
        assert_eq!(
            mnf_sgemm(k, 0, 3, 2, 1.0, r, 3, 1, [0.0; 6].as_ptr(), 2, 1, 0.0, w, 2, 1, ws.0),
            MnfStatus::Ok
        );
        // k = 0: C = beta C.
        let to = c.as_mut_ptr();
        assert_eq!(mnf_sgemm(k, 1, 0, 2, 1.0, r, 0, 1, r, 2, 1, 3.0, to, 2, 1, ws.0), MnfStatus::Ok);
        assert_eq!(mnf_relu(k, 0, w), MnfStatus::Ok);
        assert_eq!(mnf_softmax(k, 0, 3, r, 3, w, 3), MnfStatus::Ok);
        assert_eq!(mnf_adam(k, 0.1, 0.9, 0.9, 0.1, 0, 0, w, w, w, r), MnfStatus::Ok);
        assert_eq!(mnf_unit_from_u8(k, 0, null(), w), MnfStatus::Ok);
        // But not the kernels.
        assert_eq!(mnf_relu(null(), 0, w), MnfStatus::NullPointer);
        mnf_workspace_free(null_mut());
    }
    assert_eq!(c, [3.0, 6.0]);
}

#[test]
fn wrong_labels_batches_and_numbers_are_refused() {
    let (k, ws) = (mnf_kernels_best(), Scratch::new());
    let (x, mut loss, mut class, mut y) = ([0.0f32; 4], [7.0f32; 2], [7; 2], [7.0f32; 4]);
    let (x, loss_to, class_to, to) = (x.as_ptr(), loss.as_mut_ptr(), class.as_mut_ptr(), y.as_mut_ptr());
    // SAFETY: the matrices are as large as the sizes say.
    unsafe {
        let hard = |labels: [u32; 2], batch| {
            mnf_softmax_cross_entropy(k, 2, 2, x, 2, labels.as_ptr(), batch, to, 2, loss_to, class_to)
        };
        assert_eq!((hard([1, 2], 2), hard([0, 1], 0)), (MnfStatus::Label, MnfStatus::Batch));
        let soft = mnf_softmax_cross_entropy_soft(k, 2, 2, x, 2, x, 2, 0, to, 2, loss_to, class_to);
        assert_eq!(soft, MnfStatus::Batch);
        let smoothed = |labels: [u32; 2], rate, batch| {
            let labels = labels.as_ptr();
            mnf_softmax_cross_entropy_smoothed(k, 2, 2, x, 2, labels, rate, batch, to, 2, loss_to, class_to)
        };
        assert_eq!(
            (smoothed([0, 2], 0.1, 2), smoothed([0, 1], 0.1, 0)),
            (MnfStatus::Label, MnfStatus::Batch)
        );
        for rate in [-0.1, 1.1, f64::NAN] {
            assert_eq!(smoothed([0, 1], rate, 2), MnfStatus::Value);
            assert_eq!(mnf_smoothed_targets(rate, 2, to, to), MnfStatus::Value);
        }
        assert_eq!(mnf_smoothed_targets(0.1, 0, to, to), MnfStatus::Value);
        assert_eq!(mnf_binary_cross_entropy(k, 2, x, x, 0, to, loss_to), MnfStatus::Batch);
        for activation in [-1, 2, i32::MAX] {
            let status = mnf_dense_forward(k, 2, 2, 2, x, 2, x, 2, x, activation, to, 2, ws.0);
            assert_eq!(status, MnfStatus::Enumeration);
        }
        let mut handle = null();
        for isa in [-1, 5, i32::MIN] {
            assert_eq!(mnf_kernels_for_isa(isa, &mut handle), MnfStatus::Enumeration);
            assert!(mnf_isa_name(isa).is_null() && !mnf_isa_is_available(isa) && !mnf_isa_is_exact(isa));
        }
        let neither = if cfg!(target_arch = "x86_64") { MnfIsa::Neon } else { MnfIsa::Avx2 };
        assert_eq!(mnf_kernels_for_isa(neither as i32, &mut handle), MnfStatus::UnavailableIsa);
        assert!(handle.is_null());
        assert_eq!(mnf_kernels_for_isa(0, null_mut()), MnfStatus::NullPointer);
        assert_eq!(mnf_kernels_isa(null()), -1);
    }
    assert_eq!((loss, class, y), ([7.0; 2], [7; 2], [7.0; 4]));
}
