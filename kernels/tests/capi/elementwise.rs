//! What is done to each element by itself.

use mnist_fast_kernels::capi::*;
use mnist_fast_kernels::{Error, Kernels};

use crate::common::{Random, all_isas};
use crate::support::{check, handle, same};

#[test]
fn elementwise_functions_have_the_bits_of_the_safe_methods() {
    type InPlace = unsafe extern "C" fn(*const MnfKernels, usize, *mut f32) -> MnfStatus;
    type Through = unsafe extern "C" fn(*const MnfKernels, usize, *const f32, *mut f32) -> MnfStatus;
    type SafeInPlace = fn(Kernels, &mut [f32]);
    type SafeThrough = fn(Kernels, &[f32], &mut [f32]) -> Result<(), Error>;
    let functions: [(&str, InPlace, SafeInPlace); 5] = [
        ("relu", mnf_relu, Kernels::relu),
        ("sigmoid", mnf_sigmoid, Kernels::sigmoid),
        ("tanh", mnf_tanh, Kernels::tanh),
        ("exp", mnf_exp, Kernels::exp),
        ("ln", mnf_ln, Kernels::ln),
    ];
    let gradients: [(&str, Through, SafeThrough); 3] = [
        ("relu_gradient", mnf_relu_gradient, Kernels::relu_gradient),
        ("sigmoid_gradient", mnf_sigmoid_gradient, Kernels::sigmoid_gradient),
        ("tanh_gradient", mnf_tanh_gradient, Kernels::tanh_gradient),
    ];
    let mut random = Random::new(3);
    let n = 37;
    for kernels in all_isas() {
        let k = handle(kernels);
        let (x, h) = (random.vec(n), random.vec(n));
        let (mut expected, mut found);
        for (name, c, safe) in functions {
            (expected, found) = (x.clone(), x.clone());
            safe(kernels, &mut expected);
            let to = found.as_mut_ptr();
            // SAFETY: n elements.
            check(name, 2, &[], &[], |s| unsafe { c(s.r(0, k), n, s.w(1, to)) });
            same(name, &expected, &found);
        }
        for (name, c, safe) in gradients {
            (expected, found) = (x.clone(), x.clone());
            safe(kernels, &h, &mut expected).unwrap();
            let to = found.as_mut_ptr();
            // SAFETY: n elements each.
            check(name, 3, &[], &[], |s| unsafe { c(s.r(0, k), n, s.r(1, h.as_ptr()), s.w(2, to)) });
            same(name, &expected, &found);
        }
        (expected, found) = (x.clone(), x.clone());
        kernels.leaky_relu(0.3, &mut expected);
        let to = found.as_mut_ptr();
        // SAFETY: n elements.
        check("leaky_relu", 2, &[], &[], |s| unsafe { mnf_leaky_relu(s.r(0, k), 0.3, n, s.w(1, to)) });
        same("leaky_relu", &expected, &found);
        (expected, found) = (x.clone(), x.clone());
        kernels.leaky_relu_gradient(0.3, &h, &mut expected).unwrap();
        let to = found.as_mut_ptr();
        // SAFETY: n elements each.
        check("leaky_relu_gradient", 3, &[], &[], |s| unsafe {
            mnf_leaky_relu_gradient(s.r(0, k), 0.3, n, s.r(1, h.as_ptr()), s.w(2, to))
        });
        same("leaky_relu_gradient", &expected, &found);

        let bytes: Vec<u8> = (0..n).map(|_| random.below(256) as u8).collect();
        (expected, found) = (vec![0.0; n], vec![1.0; n]);
        kernels.unit_from_u8(&bytes, &mut expected).unwrap();
        let to = found.as_mut_ptr();
        // SAFETY: n elements each.
        check("unit_from_u8", 3, &[], &[1], |s| unsafe {
            mnf_unit_from_u8(s.r(0, k), n, s.r(1, bytes.as_ptr()), s.w(2, to))
        });
        same("unit_from_u8", &expected, &found);
        kernels.scale_u8(&bytes, 0.3, -0.7, &mut expected).unwrap();
        let to = found.as_mut_ptr();
        // SAFETY: n elements each.
        check("scale_u8", 3, &[], &[1], |s| unsafe {
            mnf_scale_u8(s.r(0, k), n, s.r(1, bytes.as_ptr()), 0.3, -0.7, s.w(2, to))
        });
        same("scale_u8", &expected, &found);
    }
}
