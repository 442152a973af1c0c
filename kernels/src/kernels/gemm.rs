//! General matrix multiplication.

use super::{Kernels, check_shape};
use crate::Error;
use crate::table::Gemm;
use crate::view::{MatMut, MatRef};
use crate::workspace::Workspace;

impl Kernels {
    /// `C = alpha A B + beta C`: A is m x k, B is k x n, C is m x n.
    ///
    /// Each element starts at `beta * c` and takes `(alpha a) b` in increasing k, by fused multiply-adds;
    /// `alpha a` is rounded once. With `beta = 0` C is not read; with `alpha = 0` or `k = 0`
    /// A and B are not.
    ///
    /// # Errors
    /// [`Error::Shape`].
    pub fn gemm(
        self,
        alpha: f32,
        a: MatRef<'_>,
        b: MatRef<'_>,
        beta: f32,
        c: MatMut<'_>,
        workspace: &mut Workspace<'_>,
    ) -> Result<(), Error> {
        check_shape("B", b.shape(), (a.columns(), b.columns()))?;
        check_shape("C", c.shape(), (a.rows(), b.columns()))?;
        let call = Gemm { alpha, a, b, beta, c, scratch: workspace.blocks() };
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.gemm)(call) };
        Ok(())
    }
}
