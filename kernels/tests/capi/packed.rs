//! Matrices that are packed before: kept by C behind a pointer, and freed by it.

use std::ptr::{null, null_mut};

use mnist_fast_kernels::capi::*;
use mnist_fast_kernels::{Activation, MatRef, Workspace};

use crate::common::{Random, all_isas};
use crate::support::{Matrix, Scratch, check, handle, same};
use crate::{BATCH, INPUTS, OUTPUTS};

/// A packed matrix of C's, freed at the end.
struct Packed(*mut MnfPacked);

impl Packed {
    fn new(
        k: *const MnfKernels,
        (rows, columns): (usize, usize),
        b: &[f32],
        strides: (isize, isize),
    ) -> Self {
        let mut packed = null_mut();
        // SAFETY: callers give as many elements as shape and strides say.
        let status = unsafe { mnf_pack_b(k, rows, columns, b.as_ptr(), strides.0, strides.1, &mut packed) };
        assert_eq!(status, MnfStatus::Ok);
        Packed(packed)
    }
}

impl Drop for Packed {
    fn drop(&mut self) {
        // SAFETY: made above, freed once.
        unsafe { mnf_packed_free(self.0) }
    }
}

#[test]
fn packed_matrices_have_the_bits_of_the_safe_methods() {
    let mut random = Random::new(8);
    let (ws, mut workspace) = (Scratch::new(), Workspace::new());
    let (m, d, n) = (BATCH, INPUTS, OUTPUTS);
    for kernels in all_isas() {
        let k = handle(kernels);
        let a = Matrix::new(&mut random, m, d, 1);
        let (bias, data) = (random.vec(n), random.vec(d * n));
        // Row-major, column-major, and backwards from the last element.
        for (first, rs, cs) in [(0, n as isize, 1), (0, 1, d as isize), (d * n - 1, -(n as isize), -1)] {
            let b = MatRef::with_strides(&data, first, d, n, rs, cs).unwrap();
            let safe = kernels.pack_b_owned(b).unwrap();
            let (mut made, from) = (null_mut(), b.as_ptr());
            let at = &raw mut made;
            // SAFETY: d n elements; `made` can be written, and nothing else uses it meanwhile.
            check("pack_b", 3, &[], &[], |s| unsafe {
                let status = mnf_pack_b(s.r(0, k), d, n, s.r(1, from), rs, cs, s.w(2, at));
                assert_eq!(status == MnfStatus::Ok, !(*at).is_null(), "a refused call has written");
                status
            });
            let to = Packed(made);
            let b = to.0;

            let mut expected = Matrix::new(&mut random, m, n, 2);
            let mut found = expected.clone();
            kernels.gemm_packed(0.5, a.view(), &safe, 0.0, expected.view_mut(), &mut workspace).unwrap();
            let (c, c_ld, lda) = (found.w(), found.ld, a.ld as isize);
            // SAFETY: the matrices are as large as the sizes say.
            check("sgemm_packed", 5, &[], &[], |s| unsafe {
                let (k, a, b, c, ws) = (s.r(0, k), s.r(1, a.r()), s.r(2, b), s.w(3, c), s.w(4, ws.0));
                mnf_sgemm_packed(k, m, d, n, 0.5, a, lda, 1, b, 0.0, c, c_ld, ws)
            });
            same("sgemm_packed", &expected.data, &found.data);

            // A column by column, and a C that is read.
            let view = MatRef::with_strides(&a.data, 0, m, d, 1, m as isize).unwrap();
            kernels.gemm_packed(-0.7, view, &safe, 3.0, expected.view_mut(), &mut workspace).unwrap();
            let c = found.w();
            // SAFETY: the matrices are as large as the sizes say.
            let status =
                unsafe { mnf_sgemm_packed(k, m, d, n, -0.7, a.r(), 1, m as isize, b, 3.0, c, c_ld, ws.0) };
            assert_eq!(status, MnfStatus::Ok);
            same("sgemm_packed of a transposed A", &expected.data, &found.data);

            for (number, activation) in
                [(MnfActivation::Linear, Activation::Linear), (MnfActivation::Relu, Activation::Relu)]
            {
                let mut expected = Matrix::new(&mut random, m, n, 4);
                let mut found = expected.clone();
                let to = expected.view_mut();
                kernels.dense_forward_packed(a.view(), &safe, &bias, activation, to, &mut workspace).unwrap();
                let (y, y_ld, bias) = (found.w(), found.ld, bias.as_ptr());
                // SAFETY: the matrices are as large as the sizes say.
                check("dense_forward_packed", 6, &[], &[], |s| unsafe {
                    let (k, x, w, bias) = (s.r(0, k), s.r(1, a.r()), s.r(2, b), s.r(3, bias));
                    let (y, ws, number) = (s.w(4, y), s.w(5, ws.0), number as i32);
                    mnf_dense_forward_packed(k, m, d, n, x, a.ld, w, bias, number, y, y_ld, ws)
                });
                same("dense_forward_packed", &expected.data, &found.data);
            }
        }
    }
}

#[test]
fn packed_matrices_of_other_shapes_or_kernels_are_refused() {
    let ws = Scratch::new();
    let (x, mut to) = ([1.0f32; 64], [7.0f32; 64]);
    let (a, c) = (x.as_ptr(), to.as_mut_ptr());
    for kernels in all_isas() {
        let k = handle(kernels);
        let packed = Packed::new(k, (3, 4), &x, (4, 1));
        // SAFETY: the matrices are at least as large as the sizes say; a refused call touches nothing.
        unsafe {
            let product =
                |k, d, n, c_ld| mnf_sgemm_packed(k, 2, d, n, 1.0, a, 3, 1, packed.0, 1.0, c, c_ld, ws.0);
            let dense = |k, d, n, activation| {
                mnf_dense_forward_packed(k, 2, d, n, a, 4, packed.0, a, activation, c, 5, ws.0)
            };
            for (d, n) in [(4, 4), (2, 4), (3, 3), (3, 5), (4, 3)] {
                assert_eq!(product(k, d, n, 5), MnfStatus::Packed, "{d} x {n}");
                assert_eq!(dense(k, d, n, 0), MnfStatus::Packed, "{d} x {n}");
            }
            for other in all_isas().into_iter().filter(|other| other.isa() != kernels.isa()) {
                assert_eq!(product(handle(other), 3, 4, 4), MnfStatus::Packed);
                assert_eq!(dense(handle(other), 3, 4, 0), MnfStatus::Packed);
            }
            assert_eq!((product(k, 3, 4, 3), dense(k, 3, 4, 2)), (MnfStatus::Stride, MnfStatus::Enumeration));
        }
    }
    same("what no call may write", &[7.0; 64], &to);
}

#[test]
fn packing_what_no_memory_holds_is_refused() {
    let (k, x, mut packed) = (mnf_kernels_best(), [1.0f32; 4], null_mut());
    let (b, most, square) = (x.as_ptr(), isize::MAX as usize / 4, 1 << (usize::BITS / 2));
    // SAFETY: all elements of a matrix with strides of 0 are at one place.
    let mut pack = |rows, columns, rs, cs| unsafe { mnf_pack_b(k, rows, columns, b, rs, cs, &mut packed) };
    for (rows, columns) in [(usize::MAX, 1), (1, most + 1), (most, 2), (square, square), (1, most)] {
        assert_eq!(pack(rows, columns, 0, 0), MnfStatus::Size, "{rows} x {columns}");
    }
    assert_eq!(pack(2, 2, isize::MAX, 1), MnfStatus::Size);
    // It can be counted, but there is no such memory; more than any address space where pointers have 64 bits.
    // (A column is packed as 16.)
    assert_eq!(pack(most / 32, 1, 0, 0), MnfStatus::Memory);
    assert!(packed.is_null());
    // SAFETY: a matrix without elements; null may be freed.
    unsafe {
        assert_eq!(mnf_pack_b(k, 0, 3, null(), 3, 1, &mut packed), MnfStatus::Ok);
        mnf_packed_free(packed);
        mnf_packed_free(null_mut());
    }
}
