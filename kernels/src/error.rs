//! What can be wrong with a call.

use core::fmt;

use crate::Isa;

/// Why a call was refused. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A matrix does not have the shape the call needs; shapes are `(rows, columns)`.
    Shape {
        /// Which argument.
        what: &'static str,
        /// What the other arguments ask for.
        expected: (usize, usize),
        /// What was given.
        found: (usize, usize),
    },
    /// A slice does not have the length the call needs.
    Length {
        /// Which argument.
        what: &'static str,
        /// What the other arguments ask for.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// Rows, columns and strides reach outside of the slice (or overflow).
    OutOfBounds {
        /// The rows asked for.
        rows: usize,
        /// The columns asked for.
        columns: usize,
        /// The length of the slice.
        length: usize,
    },
    /// A range of rows or columns is not inside the matrix.
    Range {
        /// Where the range starts.
        start: usize,
        /// Where it ends, exclusive.
        end: usize,
        /// How many rows or columns there are.
        len: usize,
    },
    /// Elements of a matrix that is written would overlap, or its rows are not contiguous.
    Stride {
        /// Which argument.
        what: &'static str,
    },
    /// A row of a sparse matrix is not inside of its indices and values, or its columns do not increase or are outside of
    /// the shape.
    Csr {
        /// Which row.
        row: usize,
    },
    /// A label is not a class.
    Label {
        /// The position of the label.
        index: usize,
        /// The label.
        label: u32,
        /// How many classes there are.
        classes: usize,
    },
    /// No ISA has this name.
    UnknownIsa,
    /// This CPU, or this build, cannot run the ISA.
    UnavailableIsa(Isa),
    /// A matrix is packed for this ISA, which is not that of the kernels.
    PackedFor(Isa),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Error::Shape { what, expected, found } => write!(
                f,
                "{what} is {}x{}, but the other arguments need {}x{}",
                found.0, found.1, expected.0, expected.1
            ),
            Error::Length { what, expected, found } => {
                write!(f, "{what} has {found} elements, but the other arguments need {expected}")
            }
            Error::OutOfBounds { rows, columns, length } => {
                write!(f, "{rows}x{columns} with these strides does not fit into {length} elements")
            }
            Error::Range { start, end, len } => {
                write!(f, "the range {start}..{end} is not inside 0..{len}")
            }
            Error::Stride { what } => {
                write!(f, "the elements of {what} overlap, or its rows are not contiguous")
            }
            Error::Label { index, label, classes } => {
                write!(f, "label {label} at position {index} is not below the {classes} classes")
            }
            Error::UnknownIsa => {
                write!(f, "no such ISA; there are")?;
                for (i, isa) in Isa::ALL.into_iter().enumerate() {
                    write!(f, "{} {isa}", if i == 0 { "" } else { "," })?;
                }
                Ok(())
            }
            Error::UnavailableIsa(isa) => write!(f, "this CPU or build cannot run {isa} kernels"),
            Error::Csr { row } => {
                write!(f, "row {row} of the sparse matrix is outside of its memory or shape, or not in order")
            }
            Error::PackedFor(isa) => write!(f, "the matrix is packed for {isa} kernels: pack it for these"),
        }
    }
}

impl core::error::Error for Error {}
