//! Operands as most rivals take them.

use crate::shapes::{Operands, Shape};

/// A rival's operands as they are passed to it: pointers, and strides of A and B as (row, column).
pub struct Pointers {
    /// Rows of A and C.
    pub m: usize,
    /// Columns of B and C.
    pub n: usize,
    /// Columns of A, rows of B.
    pub k: usize,
    /// m x k.
    pub a: *const f32,
    /// From one row of A to the next, and from one column to the next.
    pub a_strides: (isize, isize),
    /// k x n.
    pub b: *const f32,
    /// As those of A.
    pub b_strides: (isize, isize),
    /// Row-major, rows adjacent.
    pub c: *mut f32,
}

impl Pointers {
    /// What the pointers reach with these strides is exactly the slices' elements; panics where they do not fit.
    pub fn new(x: &Operands, c: &mut [f32]) -> Pointers {
        let Shape { m, n, k, .. } = x.shape;
        assert_eq!((x.a.len(), x.b.len(), c.len()), (m * k, k * n, m * n));
        let signed = |(row, column): (usize, usize)| (row as isize, column as isize);
        Pointers {
            m,
            n,
            k,
            a: x.a.as_ptr(),
            a_strides: signed(x.a_strides),
            b: x.b.as_ptr(),
            b_strides: signed(x.b_strides),
            c: c.as_mut_ptr(),
        }
    }
}
