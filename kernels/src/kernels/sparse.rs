//! Sparse products: layers whose input is mostly zero, and the compression that makes it so.

use core::ops::Range;

use super::{
    Activation, Adam, AdamW, Kernels, Momentum, RmsProp, Sgd, check_len, check_rows_are_contiguous,
    check_shape,
};
use crate::gemm::{Finish, Start};
use crate::table::{RmsPropF32, Spmm, SpmmUpdate, TransposeBytes, TransposedForward, UpdateRule};
use crate::view::{MatMut, MatRef};
use crate::{ByteRows, Error, Sparse};

impl Kernels {
    /// `C = S B + beta C` for a sparse S: S is m x k, B is k x n with contiguous rows, C is m x n (SpMM).
    ///
    /// Each element starts at `beta * c` and takes `s b` in increasing k, by fused multiply-adds: the bits of
    /// [`Kernels::gemm`] on the same matrix with its zeros, except for the sign of a zero, and for NaN and infinities in rows of B
    /// that a zero would have met. With `beta = 0` C is not read.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Stride`] where the rows of B are not contiguous.
    ///
    /// ```
    /// use mnist_fast_kernels::{Csr, Kernels, MatMut, MatRef};
    ///
    /// let s = Csr::new(3, &[0, 1, 1], &[2], &[10.0])?; // 2 x 3: one element, at (0, 2)
    /// let (b, mut c) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [7.0; 4]);
    /// Kernels::best().spmm(s, MatRef::new(&b, 3, 2)?, 0.0, MatMut::new(&mut c, 2, 2)?)?;
    /// assert_eq!(c, [50.0, 60.0, 0.0, 0.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn spmm<'a>(
        self,
        s: impl Into<Sparse<'a>>,
        b: MatRef<'_>,
        beta: f32,
        c: MatMut<'_>,
    ) -> Result<(), Error> {
        self.sparse_product(s.into(), (b, "B"), Start::Beta(beta), Finish::Store, (c, "C"))
    }

    /// [`Kernels::dense_forward`] for a sparse X, batch x inputs; W has contiguous rows.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Length`]; [`Error::Stride`] where the rows of W are not contiguous.
    ///
    /// ```
    /// use mnist_fast_kernels::{Activation, Csr, Kernels, MatMut, MatRef};
    ///
    /// let kernels = Kernels::best();
    /// let (mut indices, mut values) = ([0; 3], [0.0; 3]);
    /// let count = kernels.compress_u8(&[0, 255, 0], &mut indices, &mut values)?; // one image of three pixels
    /// let row_starts = [0, count as u32];
    /// let x = Csr::new(3, &row_starts, &indices, &values)?;
    /// let (w, mut y) = ([1.0, 2.0, 3.0], [0.0]);
    /// let (w, y_view) = (MatRef::new(&w, 3, 1)?, MatMut::new(&mut y, 1, 1)?);
    /// kernels.dense_forward_sparse(x, w, &[0.5], Activation::Relu, y_view)?;
    /// assert_eq!(y, [2.5]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn dense_forward_sparse<'a>(
        self,
        x: impl Into<Sparse<'a>>,
        w: MatRef<'_>,
        bias: &[f32],
        activation: Activation,
        y: MatMut<'_>,
    ) -> Result<(), Error> {
        check_len("bias", bias.len(), w.columns())?;
        let finish = match activation {
            Activation::Linear => Finish::Store,
            Activation::Relu => Finish::Relu,
        };
        self.sparse_product(x.into(), (w, "W"), Start::Bias(bias), finish, (y, "Y"))
    }

    /// [`Kernels::dense_forward_sparse`] for bytes that come as X^T, inputs x batch, as [`Kernels::transpose_u8`] turns them
    /// over: the same bits, and faster where inputs side by side are zero in much the same rows of the batch, as pixels are.
    /// (Where W is not finite, a zero may meet it, as in a dense product.)
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Length`]; [`Error::Stride`] where the rows of W are not contiguous.
    ///
    /// ```
    /// use mnist_fast_kernels::{Activation, ByteRows, Kernels, MatMut, MatRef};
    ///
    /// let x_transposed = ByteRows::new(&[255, 0, 51, 102], 2, 2, 2)?; // two pixels of two images
    /// let (w, mut y) = ([1.0, 10.0], [0.0; 2]);
    /// let (w, to) = (MatRef::new(&w, 2, 1)?, MatMut::new(&mut y, 2, 1)?);
    /// Kernels::best().dense_forward_transposed(x_transposed, w, &[0.5], Activation::Relu, to)?;
    /// assert_eq!(y, [3.5, 4.5]); // 0.5 + 1 + 0.2 * 10, 0.5 + 0.4 * 10
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn dense_forward_transposed(
        self,
        x_transposed: ByteRows<'_>,
        w: MatRef<'_>,
        bias: &[f32],
        activation: Activation,
        y: MatMut<'_>,
    ) -> Result<(), Error> {
        let (inputs, batch) = x_transposed.shape();
        check_len("bias", bias.len(), w.columns())?;
        check_shape("W", w.shape(), (inputs, w.columns()))?;
        check_shape("Y", y.shape(), (batch, w.columns()))?;
        check_rows_are_contiguous("W", w)?;
        // As in `sparse_product`.
        if batch == 0 || w.columns() == 0 {
            return Ok(());
        }
        let relu = activation == Activation::Relu;
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe {
            (self.table.dense_forward_transposed)(TransposedForward { x_transposed, w, bias, relu, y })
        };
        Ok(())
    }

    /// [`Kernels::dense_input_gradient`] for a sparse delta, batch x outputs, and W^T, outputs x inputs, with contiguous
    /// rows ([`Kernels::transpose`] makes it).
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Stride`] where the rows of W^T or `active` are not contiguous.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatMut, MatRef};
    ///
    /// let delta = MatRef::new(&[0.0, 2.0], 1, 2)?; // two outputs; the first costs nothing
    /// let w_transposed = MatRef::new(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3)?;
    /// let active = MatRef::new(&[1.0, 0.0, 1.0], 1, 3)?;
    /// let mut dx = [0.0; 3];
    /// let to = MatMut::new(&mut dx, 1, 3)?;
    /// Kernels::best().dense_input_gradient_sparse(delta, w_transposed, Some(active), to)?;
    /// assert_eq!(dx, [8.0, 0.0, 12.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn dense_input_gradient_sparse<'a>(
        self,
        delta: impl Into<Sparse<'a>>,
        w_transposed: MatRef<'_>,
        active: Option<MatRef<'_>>,
        dx: MatMut<'_>,
    ) -> Result<(), Error> {
        if let Some(active) = active {
            check_shape("active", active.shape(), dx.shape())?;
            check_rows_are_contiguous("active", active)?;
        }
        let finish = active.map_or(Finish::Store, Finish::WherePositive);
        self.sparse_product(delta.into(), (w_transposed, "W^T"), Start::Beta(0.0), finish, (dx, "dX"))
    }

    /// [`Kernels::dense_weight_gradient`] for a sparse input, given as X^T: inputs x batch.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Stride`] where the rows of `delta` are not contiguous.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatMut, MatRef};
    ///
    /// let x_transposed = MatRef::new(&[0.0, 2.0, 0.0, 0.0], 2, 2)?; // two inputs in a batch of two
    /// let delta = MatRef::new(&[1.0, 10.0], 2, 1)?;
    /// let mut dw = [7.0; 2];
    /// Kernels::best().dense_weight_gradient_sparse(x_transposed, delta, MatMut::new(&mut dw, 2, 1)?)?;
    /// assert_eq!(dw, [20.0, 0.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn dense_weight_gradient_sparse<'a>(
        self,
        x_transposed: impl Into<Sparse<'a>>,
        delta: MatRef<'_>,
        dw: MatMut<'_>,
    ) -> Result<(), Error> {
        let delta = (delta, "delta");
        self.sparse_product(x_transposed.into(), delta, Start::Beta(0.0), Finish::Store, (dw, "dW"))
    }

    /// [`Kernels::dense_weight_update_sgd`] for a sparse input, given as X^T: inputs x batch. Rows of W whose input is zero in
    /// the whole batch are not touched.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Stride`] where the rows of `delta` are not contiguous.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatMut, MatRef, Sgd};
    ///
    /// let x_transposed = MatRef::new(&[0.0, 2.0], 2, 1)?; // two inputs, one sample
    /// let delta = MatRef::new(&[1.0], 1, 1)?;
    /// let mut w = [1.0; 2];
    /// let to = MatMut::new(&mut w, 2, 1)?;
    /// Kernels::best().dense_weight_update_sgd_sparse(&Sgd { learning_rate: 0.25 }, x_transposed, delta, to)?;
    /// assert_eq!(w, [1.0, 0.5]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn dense_weight_update_sgd_sparse<'a>(
        self,
        rule: &Sgd,
        x_transposed: impl Into<Sparse<'a>>,
        delta: MatRef<'_>,
        w: MatMut<'_>,
    ) -> Result<(), Error> {
        self.sparse_update(UpdateRule::Sgd(rule.to_f32()), x_transposed.into(), delta, w, None)
    }

    /// [`Kernels::dense_weight_update_rmsprop`] for a sparse input, given as X^T: inputs x batch.
    ///
    /// A gradient of zero moves no weight; it only lets V decay. With `deferred`, one number per row of V, rows whose input is zero
    /// in the whole batch are not touched: the decay that they owe is counted there, and made good at the row's next update, to the
    /// same bits. [`Kernels::rmsprop_settle`] makes all of it good; until then V is not complete. All zeros is the count to start
    /// from. (With an epsilon or a rho that is not above 0, or numbers that are not finite, NaN could arise: nothing is deferred
    /// then.)
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::Length`]; [`Error::Stride`] where the rows of `delta` are not contiguous.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatMut, MatRef, RmsProp};
    ///
    /// let (kernels, rule) = (Kernels::best(), RmsProp { rho: 0.5, ..RmsProp::default() });
    /// let x_transposed = MatRef::new(&[0.0, 2.0], 2, 1)?; // two inputs, one sample
    /// let delta = MatRef::new(&[1.0], 1, 1)?;
    /// let (mut w, mut v, mut owed) = ([1.0; 2], [4.0; 2], [0; 2]);
    /// let (to, state) = (MatMut::new(&mut w, 2, 1)?, MatMut::new(&mut v, 2, 1)?);
    /// kernels.dense_weight_update_rmsprop_sparse(&rule, x_transposed, delta, to, state, Some(&mut owed))?;
    /// assert_eq!((v, owed), ([4.0, 4.0], [1, 0])); // the first decays later; 4 / 2 + 2^2 / 2
    /// kernels.rmsprop_settle(&rule, MatMut::new(&mut v, 2, 1)?, &mut owed)?;
    /// assert_eq!((v, owed), ([2.0, 4.0], [0, 0]));
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn dense_weight_update_rmsprop_sparse<'a>(
        self,
        rule: &RmsProp,
        x_transposed: impl Into<Sparse<'a>>,
        delta: MatRef<'_>,
        w: MatMut<'_>,
        v: MatMut<'_>,
        deferred: Option<&mut [u32]>,
    ) -> Result<(), Error> {
        check_shape("V", v.shape(), w.shape())?;
        if let Some(deferred) = &deferred {
            check_len("deferred", deferred.len(), w.rows())?;
        }
        let rule = rule.to_f32();
        let deferred = deferred.filter(|_| may_defer(rule));
        self.sparse_update(UpdateRule::RmsProp(rule, v), x_transposed.into(), delta, w, deferred)
    }

    /// Makes good the decay that the rows of V owe, and sets the counts to zero.
    ///
    /// # Errors
    /// [`Error::Length`] where there is not one count per row.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatMut, RmsProp};
    ///
    /// let (mut v, mut owed) = ([8.0, 8.0], [0, 3]);
    /// let rule = RmsProp { rho: 0.5, ..RmsProp::default() };
    /// Kernels::best().rmsprop_settle(&rule, MatMut::new(&mut v, 2, 1)?, &mut owed)?;
    /// assert_eq!((v, owed), ([8.0, 1.0], [0, 0]));
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn rmsprop_settle(
        self,
        rule: &RmsProp,
        mut v: MatMut<'_>,
        deferred: &mut [u32],
    ) -> Result<(), Error> {
        check_len("deferred", deferred.len(), v.rows())?;
        for (i, owed) in deferred.iter_mut().enumerate().filter(|(_, owed)| **owed > 0) {
            let row = v.row_mut(i).expect("one count per row");
            // SAFETY: a table is only held where its ISA is available (`new`).
            unsafe { (self.table.rmsprop_decay)(rule.to_f32(), *owed, row) };
            *owed = 0;
        }
        Ok(())
    }

    /// [`Kernels::dense_weight_update_momentum`] for a sparse input, given as X^T: inputs x batch.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Stride`] where the rows of `delta` are not contiguous.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatMut, MatRef, Momentum};
    ///
    /// let rule = Momentum { learning_rate: 0.25, momentum: 0.5, nesterov: false };
    /// let x_transposed = MatRef::new(&[0.0, 2.0], 2, 1)?; // two inputs, one sample
    /// let delta = MatRef::new(&[1.0], 1, 1)?;
    /// let (mut w, mut m) = ([1.0; 2], [0.5; 2]);
    /// let (to, state) = (MatMut::new(&mut w, 2, 1)?, MatMut::new(&mut m, 2, 1)?);
    /// Kernels::best().dense_weight_update_momentum_sparse(&rule, x_transposed, delta, to, state)?;
    /// assert_eq!((w, m), ([1.25, 0.75], [0.25, -0.25])); // what has no gradient moves on
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn dense_weight_update_momentum_sparse<'a>(
        self,
        rule: &Momentum,
        x_transposed: impl Into<Sparse<'a>>,
        delta: MatRef<'_>,
        w: MatMut<'_>,
        m: MatMut<'_>,
    ) -> Result<(), Error> {
        check_shape("M", m.shape(), w.shape())?;
        self.sparse_update(UpdateRule::Momentum(rule.to_f32(), m), x_transposed.into(), delta, w, None)
    }

    /// [`Kernels::dense_weight_update_adam`] for a sparse input, given as X^T: inputs x batch.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Stride`] where the rows of `delta` are not contiguous.
    ///
    /// ```
    /// use mnist_fast_kernels::{Adam, Kernels, MatMut, MatRef};
    ///
    /// let x_transposed = MatRef::new(&[0.0, 2.0], 2, 1)?; // two inputs, one sample
    /// let delta = MatRef::new(&[1.0], 1, 1)?;
    /// let (mut w, mut m, mut v) = ([1.0f32; 2], [0.0; 2], [0.0; 2]);
    /// let [to, mean, square] = [&mut w, &mut m, &mut v].map(|x| MatMut::new(x, 2, 1));
    /// let (to, mean, square) = (to?, mean?, square?);
    /// let rule = Adam::default();
    /// Kernels::best().dense_weight_update_adam_sparse(&rule, 0, x_transposed, delta, to, mean, square)?;
    /// // The first step moves by the learning rate, however large the gradient.
    /// assert!(w[0] == 1.0 && (w[1] - 0.999).abs() < 1e-6);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    #[allow(clippy::too_many_arguments)] // each is another matrix
    pub fn dense_weight_update_adam_sparse<'a>(
        self,
        rule: &Adam,
        iteration: u64,
        x_transposed: impl Into<Sparse<'a>>,
        delta: MatRef<'_>,
        w: MatMut<'_>,
        m: MatMut<'_>,
        v: MatMut<'_>,
    ) -> Result<(), Error> {
        check_shape("M", m.shape(), w.shape())?;
        check_shape("V", v.shape(), w.shape())?;
        self.sparse_update(
            UpdateRule::Adam(rule.to_f32(iteration, 0.0), m, v),
            x_transposed.into(),
            delta,
            w,
            None,
        )
    }

    /// [`Kernels::dense_weight_update_adamw`] for a sparse input, given as X^T: inputs x batch.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Stride`] where the rows of `delta` are not contiguous.
    ///
    /// ```
    /// use mnist_fast_kernels::{AdamW, Kernels, MatMut, MatRef};
    ///
    /// let x_transposed = MatRef::new(&[0.0, 2.0], 2, 1)?; // two inputs, one sample
    /// let delta = MatRef::new(&[1.0], 1, 1)?;
    /// let (mut w, mut m, mut v) = ([1.0f32; 2], [0.0; 2], [0.0; 2]);
    /// let [to, mean, square] = [&mut w, &mut m, &mut v].map(|x| MatMut::new(x, 2, 1));
    /// let (to, mean, square) = (to?, mean?, square?);
    /// let rule = AdamW::default();
    /// Kernels::best().dense_weight_update_adamw_sparse(&rule, 0, x_transposed, delta, to, mean, square)?;
    /// // Every weight decays, and the first step moves by the learning rate.
    /// assert!(w[0] < 1.0 && (w[1] - (w[0] - 1e-3)).abs() < 1e-6);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    #[allow(clippy::too_many_arguments)] // each is another matrix
    pub fn dense_weight_update_adamw_sparse<'a>(
        self,
        rule: &AdamW,
        iteration: u64,
        x_transposed: impl Into<Sparse<'a>>,
        delta: MatRef<'_>,
        w: MatMut<'_>,
        m: MatMut<'_>,
        v: MatMut<'_>,
    ) -> Result<(), Error> {
        check_shape("M", m.shape(), w.shape())?;
        check_shape("V", v.shape(), w.shape())?;
        let update = UpdateRule::Adam(rule.adam.to_f32(iteration, rule.weight_decay), m, v);
        self.sparse_update(update, x_transposed.into(), delta, w, None)
    }

    /// The elements of `x` that are not zero and where they stand, increasing: one row of a [`Csr`](crate::Csr). Returns how many. What is after
    /// them in `indices` and `values`, which are at least as long as `x`, may be overwritten. NaN is not zero; -0 is.
    ///
    /// # Errors
    /// [`Error::Length`].
    ///
    /// ```
    /// use mnist_fast_kernels::Kernels;
    ///
    /// let (mut indices, mut values) = ([0; 4], [0.0; 4]);
    /// let count = Kernels::best().compress(&[0.0, 2.0, 0.0, 3.0], &mut indices, &mut values)?;
    /// assert_eq!((count, &indices[..2], &values[..2]), (2, &[1, 3][..], &[2.0, 3.0][..]));
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn compress(self, x: &[f32], indices: &mut [u32], values: &mut [f32]) -> Result<usize, Error> {
        check_room(x.len(), indices, values)?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        Ok(unsafe { (self.table.compress)(x, indices, values) })
    }

    /// [`Kernels::compress`] for bytes, whose values become byte / 255, as [`Kernels::unit_from_u8`] gives them.
    ///
    /// # Errors
    /// [`Error::Length`].
    ///
    /// ```
    /// use mnist_fast_kernels::Kernels;
    ///
    /// let (mut indices, mut values) = ([0; 3], [0.0; 3]);
    /// let count = Kernels::best().compress_u8(&[0, 255, 51], &mut indices, &mut values)?;
    /// assert_eq!((count, &indices[..2], &values[..2]), (2, &[1, 2][..], &[1.0, 0.2][..]));
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn compress_u8(self, bytes: &[u8], indices: &mut [u32], values: &mut [f32]) -> Result<usize, Error> {
        check_room(bytes.len(), indices, values)?;
        // SAFETY: a table is only held where its ISA is available (`new`).
        Ok(unsafe { (self.table.compress_u8)(bytes, indices, values) })
    }

    /// Some columns of a matrix of bytes as rows of another: `to` has `columns.len()` rows, which start `stride` bytes apart and
    /// have room for [`Kernels::room`] of the number of rows of `from` (what is after them may be overwritten).
    ///
    /// # Errors
    /// [`Error::Range`], [`Error::Length`].
    ///
    /// ```
    /// use mnist_fast_kernels::{ByteRows, Kernels};
    ///
    /// let from = ByteRows::new(&[1, 2, 3, 4, 5, 6], 2, 3, 3)?;
    /// let stride = Kernels::room(2);
    /// let mut to = vec![0; 2 * stride];
    /// Kernels::best().transpose_u8(from, 1..3, &mut to, stride)?; // its last two columns
    /// assert_eq!((&to[..2], &to[stride..stride + 2]), (&[2, 5][..], &[3, 6][..]));
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn transpose_u8(
        self,
        from: ByteRows<'_>,
        columns: Range<usize>,
        to: &mut [u8],
        stride: usize,
    ) -> Result<(), Error> {
        let (rows, all) = from.shape();
        crate::view::check_range(&columns, all)?;
        if stride < Kernels::room(rows) {
            return Err(Error::Length { what: "stride", expected: Kernels::room(rows), found: stride });
        }
        let needed = stride.saturating_mul(columns.len());
        if to.len() < needed {
            return Err(Error::Length { what: "to", expected: needed, found: to.len() });
        }
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.transpose_u8)(TransposeBytes { from, columns, to, stride }) };
        Ok(())
    }

    /// The room that `count` elements need where kernels write 16 at a time: the next multiple of 16, or `usize::MAX` where
    /// that cannot be counted.
    ///
    /// ```
    /// assert_eq!([0, 1, 16, 17].map(mnist_fast_kernels::Kernels::room), [0, 16, 16, 32]);
    /// ```
    pub const fn room(count: usize) -> usize {
        match count.checked_next_multiple_of(16) {
            Some(room) => room,
            None => usize::MAX,
        }
    }

    /// `to = from^T`.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::Stride`] where the rows of `from` are not contiguous.
    ///
    /// ```
    /// use mnist_fast_kernels::{Kernels, MatMut, MatRef};
    ///
    /// let mut to = [0.0; 3];
    /// Kernels::best().transpose(MatRef::new(&[1.0, 2.0, 3.0], 1, 3)?, MatMut::new(&mut to, 3, 1)?)?;
    /// assert_eq!(to, [1.0, 2.0, 3.0]);
    /// # Ok::<(), mnist_fast_kernels::Error>(())
    /// ```
    pub fn transpose(self, from: MatRef<'_>, to: MatMut<'_>) -> Result<(), Error> {
        check_shape("to", to.shape(), (from.columns(), from.rows()))?;
        check_rows_are_contiguous("from", from)?;
        if from.rows() == 0 || from.columns() == 0 {
            return Ok(());
        }
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.transpose)(from.transposed(), to) };
        Ok(())
    }

    fn sparse_product(
        self,
        s: Sparse<'_>,
        (d, d_name): (MatRef<'_>, &'static str),
        start: Start<'_>,
        finish: Finish<'_>,
        (c, c_name): (MatMut<'_>, &'static str),
    ) -> Result<(), Error> {
        let (rows, columns) = s.shape();
        check_shape(d_name, d.shape(), (columns, d.columns()))?;
        check_shape(c_name, c.shape(), (rows, d.columns()))?;
        check_form(s)?;
        check_rows_are_contiguous(d_name, d)?;
        // Of a matrix without elements the other side may be of any length, which no loop should walk.
        if rows == 0 || d.columns() == 0 {
            return Ok(());
        }
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.spmm)(Spmm { s, d, start, finish, c }) };
        Ok(())
    }

    pub(super) fn sparse_update(
        self,
        rule: UpdateRule<'_>,
        s: Sparse<'_>,
        d: MatRef<'_>,
        w: MatMut<'_>,
        deferred: Option<&mut [u32]>,
    ) -> Result<(), Error> {
        let (rows, columns) = s.shape();
        check_shape("delta", d.shape(), (columns, d.columns()))?;
        check_shape("W", w.shape(), (rows, d.columns()))?;
        check_form(s)?;
        check_rows_are_contiguous("delta", d)?;
        // As above.
        if rows == 0 || d.columns() == 0 {
            return Ok(());
        }
        // SAFETY: a table is only held where its ISA is available (`new`).
        unsafe { (self.table.spmm_update)(SpmmUpdate { s, d, rule, deferred, w }) };
        Ok(())
    }
}

/// Whether a gradient of zero moves no weight: +0 times the rate, by a root that is neither zero nor NaN, as that of an
/// infinite state becomes with a rho of 0.
pub(super) fn may_defer(rule: RmsPropF32) -> bool {
    let rate_keeps_zero = rule.learning_rate.is_finite() && rule.learning_rate.is_sign_positive();
    let decays = rule.rho.is_finite() && rule.rho > 0.0;
    rate_keeps_zero && decays && (rule.epsilon_inside > 0.0 || rule.epsilon_outside > 0.0)
}

/// The rows of floats are contiguous.
fn check_form(s: Sparse<'_>) -> Result<(), Error> {
    match s {
        Sparse::Floats(x) => check_rows_are_contiguous("the sparse matrix", x),
        _ => Ok(()),
    }
}

fn check_room(needed: usize, indices: &[u32], values: &[f32]) -> Result<(), Error> {
    for (what, found) in [("indices", indices.len()), ("values", values.len())] {
        if found < needed {
            return Err(Error::Length { what, expected: needed, found });
        }
    }
    Ok(())
}
