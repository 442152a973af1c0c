//! A right operand that is packed once and multiplied often.

use super::{Activation, Kernels, check_len, check_shape};
use crate::gemm::{self, Finish, Product, Right, Start};
use crate::generic::simd::LANES;
use crate::view::{MatMut, MatRef};
use crate::workspace::{Buffer, Workspace};
use crate::{Error, Isa};

/// B of a product, or the weights of a dense layer, copied to the order in which the tiles of one ISA read it.
///
/// For an operand that serves many products, such as the weights of a network that no longer trains. Products give the
/// bits that they give with the matrix itself. A left operand needs no packing: tiles read A as it lies.
///
/// ```
/// use mnist_fast_kernels::{Kernels, MatMut, MatRef, PackedB, Workspace};
///
/// let kernels = Kernels::best();
/// let b = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]; // 2 x 3
/// let mut buffer = vec![0.0; PackedB::len(2, 3).unwrap()];
/// let packed = kernels.pack_b(MatRef::new(&b, 2, 3)?, &mut buffer)?;
/// let (a, mut c) = ([1.0, 10.0], [0.0; 3]); // 1 x 2 and 1 x 3
/// let (a, to) = (MatRef::new(&a, 1, 2)?, MatMut::new(&mut c, 1, 3)?);
/// kernels.gemm_packed(1.0, a, &packed, 0.0, to, &mut Workspace::new())?;
/// assert_eq!(c, [41.0, 52.0, 63.0]);
/// # Ok::<(), mnist_fast_kernels::Error>(())
/// ```
#[derive(Debug)]
pub struct PackedB<'a> {
    isa: Isa,
    rows: usize,
    columns: usize,
    buffer: Buffer<'a>,
}

impl PackedB<'_> {
    /// The floats that a packed matrix of `rows x columns` needs, for any ISA; `None` where they cannot be counted.
    pub const fn len(rows: usize, columns: usize) -> Option<usize> {
        match rows.checked_mul(columns) {
            Some(n) => n.checked_add(Buffer::ALIGNMENT_SLACK),
            None => None,
        }
    }

    /// `(rows, columns)`: k and n of a product.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// The ISA whose tiles it is packed for.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    fn elements(&self) -> &[f32] {
        &self.buffer.aligned()[..self.rows * self.columns]
    }

    /// The matrix as it lies, where that is row-major: in one panel, or without tiles.
    fn as_view(&self) -> Result<MatRef<'_>, Error> {
        MatRef::new(self.elements(), self.rows, self.columns)
    }

    fn as_right(&self) -> Result<Right<'_>, Error> {
        Ok(if self.columns <= LANES { Right::View(self.as_view()?) } else { Right::Packed(self.elements()) })
    }
}

impl Kernels {
    /// Packs B, k x n, into `buffer`, of at least [`PackedB::len`] floats.
    ///
    /// # Errors
    /// [`Error::Length`].
    pub fn pack_b<'a>(self, b: MatRef<'_>, buffer: &'a mut [f32]) -> Result<PackedB<'a>, Error> {
        let expected = PackedB::len(b.rows(), b.columns()).unwrap_or(usize::MAX);
        if buffer.len() < expected {
            return Err(Error::Length { what: "buffer", expected, found: buffer.len() });
        }
        self.pack_into(b, Buffer::Borrowed(buffer))
    }

    /// Packs B, k x n, into memory of its own.
    ///
    /// # Errors
    /// [`Error::Length`] where k n floats cannot be counted (B may repeat its elements by zero strides).
    #[cfg(feature = "std")]
    pub fn pack_b_owned(self, b: MatRef<'_>) -> Result<PackedB<'static>, Error> {
        let len = PackedB::len(b.rows(), b.columns()).filter(|n| *n <= isize::MAX as usize / 4);
        let len =
            len.ok_or(Error::Length { what: "B", expected: isize::MAX as usize / 4, found: usize::MAX })?;
        self.pack_into(b, Buffer::Owned(std::vec![0.0; len]))
    }

    fn pack_into<'a>(self, b: MatRef<'_>, mut buffer: Buffer<'a>) -> Result<PackedB<'a>, Error> {
        let (rows, columns) = b.shape();
        let to = &mut buffer.aligned_mut()[..rows * columns];
        match self.table.tiles {
            // SAFETY: a table is only held where its ISA is available (`new`).
            Some(tiles) => unsafe { gemm::pack_panels(tiles, b, to) },
            None => gemm::pack::pack_rows(b, to),
        }
        Ok(PackedB { isa: self.isa(), rows, columns, buffer })
    }

    /// [`Kernels::gemm`] with a packed B. Threads share out the rows of A and C.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::PackedFor`] where B is packed for another ISA.
    pub fn gemm_packed(
        self,
        alpha: f32,
        a: MatRef<'_>,
        b: &PackedB<'_>,
        beta: f32,
        c: MatMut<'_>,
        workspace: &mut Workspace<'_>,
    ) -> Result<(), Error> {
        self.check_packed(a, b, &c)?;
        let Some(tiles) = self.table.tiles else {
            return self.gemm(alpha, a, b.as_view()?, beta, c, workspace);
        };
        let (start, finish, scratch) = (Start::Beta(beta), Finish::Store, workspace.blocks());
        let b = b.as_right()?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { gemm::run(tiles, Product { alpha, a, b, start, finish, c, scratch }) };
        Ok(())
    }

    /// [`Kernels::dense_forward`] with packed weights. Threads share out the rows of X and Y.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Length`]; [`Error::PackedFor`] where W is packed for another ISA.
    pub fn dense_forward_packed(
        self,
        x: MatRef<'_>,
        w: &PackedB<'_>,
        bias: &[f32],
        activation: Activation,
        y: MatMut<'_>,
        workspace: &mut Workspace<'_>,
    ) -> Result<(), Error> {
        self.check_packed(x, w, &y)?;
        check_len("bias", bias.len(), w.columns)?;
        let Some(tiles) = self.table.tiles else {
            return self.dense_forward(x, w.as_view()?, bias, activation, y, workspace);
        };
        let finish = match activation {
            Activation::Linear => Finish::Store,
            Activation::Relu => Finish::Relu,
        };
        let (start, b, scratch) = (Start::Bias(bias), w.as_right()?, workspace.blocks());
        // SAFETY: as above.
        unsafe { gemm::run(tiles, Product { alpha: 1.0, a: x, b, start, finish, c: y, scratch }) };
        Ok(())
    }

    fn check_packed(self, a: MatRef<'_>, b: &PackedB<'_>, c: &MatMut<'_>) -> Result<(), Error> {
        if b.isa != self.isa() {
            return Err(Error::PackedFor(b.isa));
        }
        check_shape("B", b.shape(), (a.columns(), b.columns))?;
        check_shape("C", c.shape(), (a.rows(), b.columns))
    }
}
