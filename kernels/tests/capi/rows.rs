//! What is done to each row: softmax, its cross-entropies, sums and maxima.

use mnist_fast_kernels::capi::*;
use mnist_fast_kernels::{Error, Kernels, LabelSmoothing, MatMut, MatRef};

use crate::common::{Random, all_isas};
use crate::support::{Matrix, check, handle, same};
use crate::{BATCH, OUTPUTS};

#[test]
fn rows_have_the_bits_of_the_safe_methods() {
    type Map = unsafe extern "C" fn(
        *const MnfKernels,
        usize,
        usize,
        *const f32,
        usize,
        *mut f32,
        usize,
    ) -> MnfStatus;
    type Reduce =
        unsafe extern "C" fn(*const MnfKernels, usize, usize, *const f32, usize, *mut f32) -> MnfStatus;
    type SafeMap = fn(Kernels, MatRef<'_>, MatMut<'_>) -> Result<(), Error>;
    type SafeReduce = fn(Kernels, MatRef<'_>, &mut [f32]) -> Result<(), Error>;
    let maps: [(&str, Map, SafeMap); 2] =
        [("softmax", mnf_softmax, Kernels::softmax), ("log_softmax", mnf_log_softmax, Kernels::log_softmax)];
    let reductions: [(&str, Reduce, SafeReduce); 4] = [
        ("row_sum", mnf_row_sum, Kernels::row_sum),
        ("row_max", mnf_row_max, Kernels::row_max),
        ("row_sum_of_squares", mnf_row_sum_of_squares, Kernels::row_sum_of_squares),
        ("row_norm2", mnf_row_norm2, Kernels::row_norm2),
    ];
    let mut random = Random::new(4);
    for kernels in all_isas() {
        let k = handle(kernels);
        let x = Matrix::new(&mut random, BATCH, OUTPUTS, 1);
        for (name, c, safe) in maps {
            let mut expected = Matrix::new(&mut random, BATCH, OUTPUTS, 2);
            let mut found = expected.clone();
            safe(kernels, x.view(), expected.view_mut()).unwrap();
            let (to, to_ld) = (found.w(), found.ld);
            // SAFETY: the matrices are as large as the sizes say.
            check(name, 3, &[], &[], |s| unsafe {
                c(s.r(0, k), BATCH, OUTPUTS, s.r(1, x.r()), x.ld, s.w(2, to), to_ld)
            });
            same(name, &expected.data, &found.data);
        }
        for (name, c, safe) in reductions {
            let (mut expected, mut found) = (vec![0.0; BATCH], vec![1.0; BATCH]);
            safe(kernels, x.view(), &mut expected).unwrap();
            let to = found.as_mut_ptr();
            // SAFETY: the matrices are as large as the sizes say.
            check(name, 3, &[], &[], |s| unsafe {
                c(s.r(0, k), BATCH, OUTPUTS, s.r(1, x.r()), x.ld, s.w(2, to))
            });
            same(name, &expected, &found);
        }
        let (mut expected, mut found) = ([0; BATCH], [1; BATCH]);
        kernels.argmax(x.view(), &mut expected).unwrap();
        let to = found.as_mut_ptr();
        // SAFETY: the matrices are as large as the sizes say.
        check("argmax", 3, &[], &[], |s| unsafe {
            mnf_argmax(s.r(0, k), BATCH, OUTPUTS, s.r(1, x.r()), x.ld, s.w(2, to))
        });
        assert_eq!(expected, found, "argmax");
    }
}

#[test]
fn cross_entropies_have_the_bits_of_the_safe_methods() {
    let mut random = Random::new(5);
    for kernels in all_isas() {
        let k = handle(kernels);
        let logits = Matrix::new(&mut random, BATCH, OUTPUTS, 1);
        let labels: Vec<u32> = (0..BATCH).map(|_| random.below(OUTPUTS) as u32).collect();
        let targets = Matrix::new(&mut random, BATCH, OUTPUTS, 2);
        let smoothing = LabelSmoothing::new(0.3).unwrap();
        for form in ["labels", "smoothed", "soft"] {
            let mut expected = Matrix::new(&mut random, BATCH, OUTPUTS, 3);
            let mut found = expected.clone();
            let (mut losses, mut classes) = ([[0.0; BATCH], [1.0; BATCH]], [[0; BATCH], [1; BATCH]]);
            let view = Some(expected.view_mut());
            let (to, ld, loss, class) =
                (found.w(), found.ld, losses[1].as_mut_ptr(), classes[1].as_mut_ptr());
            let ([losses_to, _], [classes_to, _]) = (&mut losses, &mut classes);
            let (x, hard) = (logits.view(), &labels[..]);
            match form {
                "soft" => {
                    kernels.softmax_cross_entropy_soft(x, targets.view(), 64, view, losses_to, classes_to)
                }
                "smoothed" => {
                    let labels = (hard, smoothing);
                    kernels.softmax_cross_entropy_smoothed(x, labels, 64, view, losses_to, classes_to)
                }
                _ => kernels.softmax_cross_entropy(x, hard, 64, view, losses_to, classes_to),
            }
            .unwrap();
            // SAFETY: the matrices are as large as the sizes say.
            check(form, 6, &[3], &[], |s| unsafe {
                let (kernels, logits, logits_ld) = (s.r(0, k), s.r(1, logits.r()), logits.ld);
                let (to, loss, class) = (s.w(3, to), s.w(4, loss), s.w(5, class));
                let (labels, targets_ld) = (s.r(2, labels.as_ptr()), targets.ld);
                match form {
                    "soft" => {
                        let from = s.r(2, targets.r());
                        mnf_softmax_cross_entropy_soft(
                            kernels, BATCH, OUTPUTS, logits, logits_ld, from, targets_ld, 64, to, ld, loss,
                            class,
                        )
                    }
                    "smoothed" => mnf_softmax_cross_entropy_smoothed(
                        kernels, BATCH, OUTPUTS, logits, logits_ld, labels, 0.3, 64, to, ld, loss, class,
                    ),
                    _ => mnf_softmax_cross_entropy(
                        kernels, BATCH, OUTPUTS, logits, logits_ld, labels, 64, to, ld, loss, class,
                    ),
                }
            });
            same("the gradient", &expected.data, &found.data);
            same("the losses", &losses[0], &losses[1]);
            assert_eq!(classes[0], classes[1], "the predictions");
        }

        let (mut on, mut off) = (0.0, 0.0);
        let (on_to, off_to) = (&raw mut on, &raw mut off);
        // SAFETY: both can be written.
        check("smoothed_targets", 2, &[], &[], |s| unsafe {
            mnf_smoothed_targets(0.3, OUTPUTS, s.w(0, on_to), s.w(1, off_to))
        });
        assert_eq!((on, off), smoothing.targets(OUTPUTS));

        let (n, logits, targets) = (BATCH, &logits.data[..BATCH], &targets.data[..BATCH]);
        let (mut gradients, mut losses) = ([[0.0; BATCH], [1.0; BATCH]], [[0.0; BATCH], [1.0; BATCH]]);
        kernels.binary_cross_entropy(logits, targets, 64, Some(&mut gradients[0]), &mut losses[0]).unwrap();
        let (to, loss) = (gradients[1].as_mut_ptr(), losses[1].as_mut_ptr());
        // SAFETY: n elements each.
        check("binary_cross_entropy", 5, &[3], &[], |s| unsafe {
            let (logits, targets) = (s.r(1, logits.as_ptr()), s.r(2, targets.as_ptr()));
            mnf_binary_cross_entropy(s.r(0, k), n, logits, targets, 64, s.w(3, to), s.w(4, loss))
        });
        same("the gradient", &gradients[0], &gradients[1]);
        same("the losses", &losses[0], &losses[1]);
    }
}
