//! How a matrix lies in memory, drawn at random, and its elements by plain index arithmetic that shares nothing with the
//! crate's views.

use mnist_fast_kernels::{MatMut, MatRef};

use super::Random;

/// Written before, between and after what a kernel may write.
pub(crate) const GUARD: f32 = 12345.5;

/// A rule for strides that fits a matrix of any shape. Lines are its rows, or its columns if `by_columns`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Layout {
    pub(crate) by_columns: bool,
    /// The stride inside of a line; 0 makes its elements one.
    pub(crate) step: usize,
    /// Unused elements between lines.
    pub(crate) gap: usize,
    /// All lines are one.
    pub(crate) one_line: bool,
    /// Whether rows go down in memory, and columns.
    pub(crate) down: [bool; 2],
    /// Elements before the first and after the last one used.
    pub(crate) margins: [usize; 2],
}

impl Layout {
    /// Contiguous rows without gaps.
    pub(crate) const PLAIN: Layout =
        Layout { by_columns: false, step: 1, gap: 0, one_line: false, down: [false; 2], margins: [0; 2] };

    /// Contiguous rows with gaps: what is written, and what is read row by row.
    pub(crate) fn rows(random: &mut Random) -> Self {
        let gap = match random.below(20) {
            0..8 => 0,
            8..17 => 1 + random.below(20),
            _ => 500 + random.below(100),
        };
        let after = [0, 0, 1, 17][random.below(4)];
        Layout { gap, margins: [random.below(17), after], ..Layout::PLAIN }
    }

    /// Any strides, without two elements in one place.
    pub(crate) fn distinct(random: &mut Random) -> Self {
        let step = if random.below(5) > 0 { 1 } else { 2 + random.below(3) };
        let down = [0; 2].map(|_| random.below(5) == 0);
        Layout { by_columns: random.below(2) == 0, step, down, ..Layout::rows(random) }
    }

    /// Any strides at all.
    pub(crate) fn any(random: &mut Random) -> Self {
        let layout = Layout::distinct(random);
        let step = if random.below(20) == 0 { 0 } else { layout.step };
        Layout { step, one_line: random.below(20) == 0, ..layout }
    }

    /// Simpler ones to try in its place.
    pub(crate) fn simpler(self) -> Vec<Self> {
        let mut found = vec![
            Layout::PLAIN,
            Layout { by_columns: false, ..self },
            Layout { step: 1, ..self },
            Layout { gap: 0, ..self },
            Layout { gap: self.gap.min(1), ..self },
            Layout { one_line: false, ..self },
            Layout { down: [false; 2], ..self },
            Layout { margins: [0; 2], ..self },
        ];
        // What equals `self` would make the search for simpler cases endless.
        found.retain(|x| *x != self);
        found
    }

    /// Where the elements of a `rows x columns` matrix are.
    pub(crate) fn place(self, rows: usize, columns: usize) -> Place {
        let line = if self.by_columns { rows } else { columns };
        let between = if self.one_line { 0 } else { (line.max(1) - 1) * self.step + 1 + self.gap };
        let (row, column) = if self.by_columns { (self.step, between) } else { (between, self.step) };
        let (row_reach, column_reach) = (row * (rows.max(1) - 1), column * (columns.max(1) - 1));
        let used = if rows * columns == 0 { 0 } else { row_reach + column_reach + 1 };
        let [rows_down, columns_down] = self.down.map(|down| down && used > 0);
        let sign = |stride: usize, down: bool| if down { -(stride as isize) } else { stride as isize };
        Place {
            rows,
            columns,
            offset: self.margins[0]
                + if rows_down { row_reach } else { 0 }
                + if columns_down { column_reach } else { 0 },
            row_stride: sign(row, rows_down),
            column_stride: sign(column, columns_down),
            len: self.margins[0] + used + self.margins[1],
        }
    }
}

/// A matrix in a buffer of `len` elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) offset: usize,
    pub(crate) row_stride: isize,
    pub(crate) column_stride: isize,
    pub(crate) len: usize,
}

impl Place {
    /// The positions of the elements, row after row.
    fn positions(self) -> impl Iterator<Item = usize> {
        let at = move |i: usize, j: usize| {
            (self.offset as isize + i as isize * self.row_stride + j as isize * self.column_stride) as usize
        };
        (0..self.rows).flat_map(move |i| (0..self.columns).map(move |j| at(i, j)))
    }

    /// The elements, row after row.
    pub(crate) fn gather(self, buffer: &[f32]) -> Vec<f32> {
        self.positions().map(|at| buffer[at]).collect()
    }

    /// A buffer with these elements, and `rest` wherever there is none.
    pub(crate) fn buffer(self, elements: &[f32], rest: f32) -> Vec<f32> {
        assert_eq!(elements.len(), self.rows * self.columns);
        let mut buffer = vec![rest; self.len];
        self.positions().zip(elements).for_each(|(at, x)| buffer[at] = *x);
        buffer
    }

    pub(crate) fn view(self, buffer: &[f32]) -> MatRef<'_> {
        let Place { rows, columns, offset, row_stride, column_stride, .. } = self;
        MatRef::with_strides(buffer, offset, rows, columns, row_stride, column_stride)
            .expect("a place inside of its buffer")
    }

    /// Only for [`Layout::rows`].
    pub(crate) fn view_mut(self, buffer: &mut [f32]) -> MatMut<'_> {
        assert!(self.column_stride == 1 && self.row_stride >= 0);
        let ld = self.row_stride.unsigned_abs();
        MatMut::with_leading_dimension(&mut buffer[self.offset..], self.rows, self.columns, ld)
            .expect("a place inside of its buffer")
    }
}
