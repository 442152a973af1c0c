//! ReLU.

/// `if x < 0 { +0 } else { x }`, in place: NaN passes.
pub(super) fn relu(x: &mut [f32]) {
    for x in x {
        *x = relu_of(*x);
    }
}

/// One element.
pub(super) fn relu_of(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}
