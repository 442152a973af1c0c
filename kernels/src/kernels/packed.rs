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
    ///
    /// ```
    /// use mnist_fast_kernels::PackedB;
    ///
    /// assert!(PackedB::len(128, 10) >= Some(1280)); // and what aligns it to a cache line
    /// assert_eq!(PackedB::len(usize::MAX, 2), None);
    /// ```
    pub const fn len(rows: usize, columns: usize) -> Option<usize> {
        let Some(width) = columns.checked_next_multiple_of(LANES) else { return None };
        match rows.checked_mul(width) {
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

    /// The matrix as it lies without tiles: row-major.
    fn as_view(&self) -> Result<MatRef<'_>, Error> {
        MatRef::new(&self.buffer.aligned()[..self.rows * self.columns], self.rows, self.columns)
    }

    fn as_right(&self) -> Right<'_> {
        Right::Packed(&self.buffer.aligned()[..self.rows * self.columns.next_multiple_of(LANES)])
    }
}

impl Kernels {
    /// Packs B, k x n of any strides, into `buffer`, of at least [`PackedB::len`] floats, for these kernels. It only
    /// moves floats: NaN, infinities and denormals stay what they are.
    ///
    /// # Errors
    /// [`Error::Length`] where `buffer` is too short.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatRef, PackedB};
    ///
    /// const LEN: usize = PackedB::len(2, 3).unwrap(); // known at compile time: no allocation
    /// let mut buffer = [0.0; LEN];
    /// let columns = [1.0, 4.0, 2.0, 5.0, 3.0, 6.0];
    /// let b = MatRef::new(&columns, 3, 2)?.transposed();
    /// let packed = Kernels::best().pack_b(b, &mut buffer)?;
    /// assert_eq!(packed.shape(), (2, 3));
    /// assert!(Kernels::best().pack_b(b, &mut [0.0; LEN - 1]).is_err());
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn pack_b<'a>(self, b: MatRef<'_>, buffer: &'a mut [f32]) -> Result<PackedB<'a>, Error> {
        let expected = PackedB::len(b.rows(), b.columns()).unwrap_or(usize::MAX);
        if buffer.len() < expected {
            return Err(Error::Length { what: "buffer", expected, found: buffer.len() });
        }
        self.pack_into(b, Buffer::Borrowed(buffer))
    }

    /// [`Kernels::pack_b`] into memory of its own.
    ///
    /// # Errors
    /// [`Error::Length`] where k n floats cannot be counted (B may repeat its elements by zero strides).
    ///
    /// ```
    /// use mnist_fast_kernels::{Activation, Kernels, MatMut, MatRef, PackedB, Workspace};
    ///
    /// struct Layer {
    ///     weights: PackedB<'static>, // which nothing borrows: it can be kept, and shared among threads
    ///     bias: Vec<f32>,
    /// }
    /// let (kernels, mut workspace) = (Kernels::best(), Workspace::new());
    /// let w = [1.0, -1.0, 2.0, -2.0]; // 2 inputs x 2 outputs
    /// let layer = Layer { weights: kernels.pack_b_owned(MatRef::new(&w, 2, 2)?)?, bias: vec![0.5, 0.5] };
    /// for (x, expected) in [([1.0, 1.0], [3.5, 0.0]), ([-1.0, 0.0], [0.0, 1.5])] {
    ///     let (x, mut y) = (MatRef::new(&x, 1, 2)?, [0.0; 2]);
    ///     let to = MatMut::new(&mut y, 1, 2)?;
    ///     let (w, bias) = (&layer.weights, &layer.bias);
    ///     kernels.dense_forward_packed(x, w, bias, Activation::Relu, to, &mut workspace)?;
    ///     assert_eq!(y, expected);
    /// }
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    #[cfg(feature = "std")]
    pub fn pack_b_owned(self, b: MatRef<'_>) -> Result<PackedB<'static>, Error> {
        let len = PackedB::len(b.rows(), b.columns()).filter(|n| *n <= isize::MAX as usize / 4);
        let len =
            len.ok_or(Error::Length { what: "B", expected: isize::MAX as usize / 4, found: usize::MAX })?;
        self.pack_into(b, Buffer::Owned(std::vec![0.0; len]))
    }

    /// [`Kernels::pack_b_owned`] in memory that the caller allocated: [`PackedB::len`] floats.
    ///
    /// # Errors
    /// [`Error::Length`].
    #[cfg(feature = "capi")]
    pub(crate) fn pack_b_in(
        self,
        b: MatRef<'_>,
        buffer: std::vec::Vec<f32>,
    ) -> Result<PackedB<'static>, Error> {
        check_len("buffer", buffer.len(), PackedB::len(b.rows(), b.columns()).unwrap_or(usize::MAX))?;
        self.pack_into(b, Buffer::Owned(buffer))
    }

    fn pack_into<'a>(self, b: MatRef<'_>, mut buffer: Buffer<'a>) -> Result<PackedB<'a>, Error> {
        let (rows, columns) = b.shape();
        let to = &mut buffer.aligned_mut()[..rows * columns.next_multiple_of(LANES)];
        match self.table.tiles {
            // Without elements there may be any number of columns, which no loop should walk.
            _ if to.is_empty() => {}
            // SAFETY: a table is only held where its ISA is available (`new`).
            Some(tiles) => unsafe { gemm::pack_panels(tiles, b, to) },
            None => gemm::pack::pack_strided(b, columns, to),
        }
        Ok(PackedB { isa: self.isa(), rows, columns, buffer })
    }

    /// [`Kernels::gemm`] with a packed B: `C = alpha A B + beta C`, the same bits, and what it says of accuracy, NaN and
    /// denormals. A is m x k of any strides, C is m x n. Threads share out the rows of A and C, and one B.
    ///
    /// # Errors
    /// [`Error::Shape`] for B or C; [`Error::PackedFor`] where B is packed for another ISA.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatMut, MatRef, Workspace};
    ///
    /// let (kernels, mut workspace) = (Kernels::best(), Workspace::new());
    /// let packed = kernels.pack_b_owned(MatRef::new(&[1.0, 2.0, 3.0, 4.0], 2, 2)?)?;
    /// let (rows, mut c) = ([1.0, 0.0, 0.0, 1.0, 1.0, 1.0], [100.0; 6]);
    /// for (a, c) in rows.chunks(2).zip(c.chunks_mut(2)) {
    ///     let (a, to) = (MatRef::new(a, 1, 2)?, MatMut::new(c, 1, 2)?);
    ///     kernels.gemm_packed(1.0, a, &packed, 1.0, to, &mut workspace)?;
    /// }
    /// assert_eq!(c, [101.0, 102.0, 103.0, 104.0, 104.0, 106.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn gemm_packed(
        self,
        alpha: f32,
        a: MatRef<'_>,
        b: &PackedB<'_>,
        beta: f32,
        c: MatMut<'_>,
        workspace: &mut Workspace<'_>,
    ) -> Result<(), Error> {
        self.check_packed(a, ("B", b), ("C", &c))?;
        let Some(tiles) = self.table.tiles else {
            return self.gemm(alpha, a, b.as_view()?, beta, c, workspace);
        };
        let (start, finish, scratch) = (Start::Beta(beta), Finish::Store, workspace.blocks());
        let b = b.as_right();
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { gemm::run(tiles, Product { alpha, a, b, start, finish, c, scratch }) };
        Ok(())
    }

    /// [`Kernels::dense_forward`] with packed weights: `Y = activation(X W + bias)`, the same bits, and what it says of
    /// accuracy, NaN and denormals. X is batch x inputs of any strides, `bias` has `outputs` elements, Y is batch x outputs.
    /// Threads share out the rows of X and Y, and one W.
    ///
    /// # Errors
    /// [`Error::Shape`] for W or Y, [`Error::Length`] for `bias`; [`Error::PackedFor`] where W is packed for another ISA.
    ///
    /// ```
    /// use mnist_fast_kernels::{Activation, Kernels, MatMut, MatRef, Workspace};
    ///
    /// let (kernels, mut workspace) = (Kernels::best(), Workspace::new());
    /// let w = kernels.pack_b_owned(MatRef::new(&[1.0, 3.0, 1.0, -2.0], 2, 2)?)?;
    /// let (x, mut y) = ([1.0, 2.0], [0.0; 2]); // 1 sample
    /// let (x, to) = (MatRef::new(&x, 1, 2)?, MatMut::new(&mut y, 1, 2)?);
    /// kernels.dense_forward_packed(x, &w, &[0.5, 0.5], Activation::Relu, to, &mut workspace)?;
    /// assert_eq!(y, [3.5, 0.0]); // relu of 1 + 2 + 0.5 and 3 - 4 + 0.5
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn dense_forward_packed(
        self,
        x: MatRef<'_>,
        w: &PackedB<'_>,
        bias: &[f32],
        activation: Activation,
        y: MatMut<'_>,
        workspace: &mut Workspace<'_>,
    ) -> Result<(), Error> {
        self.check_packed(x, ("W", w), ("Y", &y))?;
        check_len("bias", bias.len(), w.columns)?;
        let Some(tiles) = self.table.tiles else {
            return self.dense_forward(x, w.as_view()?, bias, activation, y, workspace);
        };
        let finish = match activation {
            Activation::Linear => Finish::Store,
            Activation::Relu => Finish::Relu,
        };
        let (start, b, scratch) = (Start::Bias(bias), w.as_right(), workspace.blocks());
        // SAFETY: as above.
        unsafe { gemm::run(tiles, Product { alpha: 1.0, a: x, b, start, finish, c: y, scratch }) };
        Ok(())
    }

    fn check_packed(
        self,
        a: MatRef<'_>,
        (b_name, b): (&'static str, &PackedB<'_>),
        (c_name, c): (&'static str, &MatMut<'_>),
    ) -> Result<(), Error> {
        if b.isa != self.isa() {
            return Err(Error::PackedFor(b.isa));
        }
        check_shape(b_name, b.shape(), (a.columns(), b.columns))?;
        check_shape(c_name, c.shape(), (a.rows(), b.columns))
    }
}
