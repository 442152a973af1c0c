//! The products that are timed, and their operands.

use std::fmt;

/// Which operand is stored transposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// C = A B.
    Nn,
    /// C = A^T B.
    Tn,
    /// C = A B^T.
    Nt,
}

/// One product: A is m x k, B is k x n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) layout: Layout,
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) k: usize,
}

impl Shape {
    pub(crate) fn flop(&self) -> f64 {
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

/// Shapes that show one thing.
pub(crate) struct Group {
    pub(crate) title: String,
    pub(crate) shapes: Vec<Shape>,
}

pub(crate) fn groups() -> Vec<Group> {
    let nn = |m, n, k| Shape { layout: Layout::Nn, m, n, k };
    let tn = |m, n, k| Shape { layout: Layout::Tn, m, n, k };
    let nt = |m, n, k| Shape { layout: Layout::Nt, m, n, k };
    let mut groups = Vec::new();
    for batch in [64, 256, 1024] {
        groups.push(Group {
            title: format!("a training step of 784-128-128-10, batch {batch}: forward, weights, inputs"),
            shapes: vec![
                nn(batch, 128, 784),
                nn(batch, 128, 128),
                nn(batch, 10, 128),
                tn(784, 128, batch),
                tn(128, 128, batch),
                tn(128, 10, batch),
                nt(batch, 128, 128),
                nt(batch, 128, 10),
            ],
        });
    }
    for (images, what) in [(10_000, "the test set in one product"), (1, "one image, a row times a matrix")] {
        groups.push(Group {
            title: format!("inference: {what}"),
            shapes: vec![nn(images, 128, 784), nn(images, 128, 128), nn(images, 10, 128)],
        });
    }
    groups.push(Group {
        title: "squares, which libraries are tuned on".to_string(),
        shapes: [64, 128, 256, 512, 1024, 2048].map(|n| nn(n, n, n)).to_vec(),
    });
    groups
}

/// The operands of a shape, as contenders get them.
pub(crate) struct Operands {
    pub(crate) shape: Shape,
    /// m x k, or k x m for TN; row-major.
    pub(crate) a: Vec<f32>,
    /// k x n, or n x k for NT; row-major.
    pub(crate) b: Vec<f32>,
    /// Row and column stride of A.
    pub(crate) a_strides: (usize, usize),
    /// Row and column stride of B.
    pub(crate) b_strides: (usize, usize),
}

impl Operands {
    pub(crate) fn new(shape: Shape) -> Operands {
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

    pub(crate) fn a(&self, i: usize, l: usize) -> f32 {
        self.a[i * self.a_strides.0 + l * self.a_strides.1]
    }

    pub(crate) fn b(&self, l: usize, j: usize) -> f32 {
        self.b[l * self.b_strides.0 + j * self.b_strides.1]
    }
}

/// A linear congruential generator (Knuth's MMIX): enough for operands.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// In [-1, 1).
    pub(crate) fn unit(&mut self) -> f32 {
        (self.bits() as f64 / f64::from(1 << 30) - 1.0) as f32
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.bits() as usize % limit
    }
}
