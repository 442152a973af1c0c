//! The products that are timed, and their operands.

use std::fmt;
use std::str::FromStr;

/// Which operand is stored transposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// C = A B.
    Nn,
    /// C = A^T B.
    Tn,
    /// C = A B^T.
    Nt,
}

/// One product: A is m x k, B is k x n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Which operand is stored transposed.
    pub layout: Layout,
    /// Rows of A and C.
    pub m: usize,
    /// Columns of B and C.
    pub n: usize,
    /// Columns of A, rows of B: the length of each sum.
    pub k: usize,
}

impl Shape {
    /// Multiplications and additions.
    pub fn flop(&self) -> f64 {
        2.0 * self.m as f64 * self.n as f64 * self.k as f64
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layout = match self.layout {
            Layout::Nn => "NN",
            Layout::Tn => "TN",
            Layout::Nt => "NT",
        };
        write!(f, "{layout} {}x{}x{}", self.m, self.n, self.k)
    }
}

impl FromStr for Shape {
    type Err = String;

    /// What `Display` writes: `NN 64x128x784`.
    fn from_str(text: &str) -> Result<Shape, String> {
        let wrong = || format!("'{text}' is no shape");
        let (layout, sizes) = text.split_once(' ').ok_or_else(wrong)?;
        let layout = match layout {
            "NN" => Layout::Nn,
            "TN" => Layout::Tn,
            "NT" => Layout::Nt,
            _ => return Err(wrong()),
        };
        let sizes: Vec<usize> =
            sizes.split('x').map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
        let [m, n, k] = sizes[..] else { return Err(wrong()) };
        Ok(Shape { layout, m, n, k })
    }
}

/// The operands of a shape, as contenders get them.
pub struct Operands {
    /// Whose they are.
    pub shape: Shape,
    /// m x k, or k x m for TN; row-major.
    pub a: Vec<f32>,
    /// k x n, or n x k for NT; row-major.
    pub b: Vec<f32>,
    /// Row and column stride of A.
    pub a_strides: (usize, usize),
    /// Row and column stride of B.
    pub b_strides: (usize, usize),
}

impl Operands {
    /// The same numbers for the same shape, in every process.
    pub fn new(shape: Shape) -> Operands {
        let Shape { layout, m, n, k } = shape;
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        Operands {
            shape,
            a: (0..m * k).map(|_| random.unit()).collect(),
            b: (0..k * n).map(|_| random.unit()).collect(),
            a_strides: if layout == Layout::Tn { (1, m) } else { (k, 1) },
            b_strides: if layout == Layout::Nt { (1, k) } else { (n, 1) },
        }
    }

    /// Element (i, l) of A.
    pub fn a(&self, i: usize, l: usize) -> f32 {
        self.a[i * self.a_strides.0 + l * self.a_strides.1]
    }

    /// Element (l, j) of B.
    pub fn b(&self, l: usize, j: usize) -> f32 {
        self.b[l * self.b_strides.0 + j * self.b_strides.1]
    }
}

/// A linear congruential generator (Knuth's MMIX): enough for operands.
pub struct Random(pub u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// In [-1, 1).
    pub fn unit(&mut self) -> f32 {
        (self.bits() as f64 / f64::from(1 << 30) - 1.0) as f32
    }

    /// Below `limit`, nearly uniform.
    pub fn below(&mut self, limit: usize) -> usize {
        self.bits() as usize % limit
    }
}
