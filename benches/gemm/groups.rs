//! The products that are timed.

use mnist_fast_benches::shapes::{Layout, Shape};

/// Shapes that show one thing.
pub(crate) struct Group {
    pub(crate) title: String,
    pub(crate) shapes: Vec<Shape>,
    /// Whether the closing table's means are over these shapes too.
    pub(crate) counts: bool,
    /// Whether they are squares.
    pub(crate) squares: bool,
}

fn nn(m: usize, n: usize, k: usize) -> Shape {
    Shape { layout: Layout::Nn, m, n, k }
}

fn tn(m: usize, n: usize, k: usize) -> Shape {
    Shape { layout: Layout::Tn, m, n, k }
}

fn nt(m: usize, n: usize, k: usize) -> Shape {
    Shape { layout: Layout::Nt, m, n, k }
}

fn group(title: &str, shapes: &[Shape]) -> Group {
    let squares = shapes.iter().all(|shape| shape.m == shape.n && shape.n == shape.k);
    Group { title: title.to_string(), shapes: shapes.to_vec(), counts: true, squares }
}

/// On one thread.
pub(crate) fn groups() -> Vec<Group> {
    let mut groups = Vec::new();
    for batch in [64, 256, 1024] {
        groups.push(group(
            &format!("a training step of 784-128-128-10, batch {batch}: forward, weights, inputs"),
            &[
                nn(batch, 128, 784),
                nn(batch, 128, 128),
                nn(batch, 10, 128),
                tn(784, 128, batch),
                tn(128, 128, batch),
                tn(128, 10, batch),
                nt(batch, 128, 128),
                nt(batch, 128, 10),
            ],
        ));
    }
    groups.push(group(
        "squares, which libraries are tuned on",
        &[64, 128, 256, 512, 1024, 2048].map(|n| nn(n, n, n)),
    ));
    groups.push(group(
        "inference: the test set in one product; one image, a row times a matrix",
        &[nn(10_000, 128, 784), nn(1, 128, 784)],
    ));
    groups.push(Group {
        counts: false,
        ..group(
            "inference in the later layers (shown, not in the means)",
            &[nn(10_000, 128, 128), nn(10_000, 10, 128), nn(1, 128, 128), nn(1, 10, 128)],
        )
    });
    groups
}

/// On two threads: those that keep two busy for longer than it takes to hand them over.
pub(crate) fn groups_for_two() -> Vec<Group> {
    vec![
        group("squares", &[512, 1024, 2048].map(|n| nn(n, n, n))),
        group("inference: the test set in one product", &[nn(10_000, 128, 784)]),
        group(
            "training steps, batch 64, 256 and 1024",
            &[
                nn(64, 128, 784),
                tn(784, 128, 64),
                nn(256, 128, 784),
                tn(784, 128, 256),
                nn(1024, 128, 784),
                nn(1024, 128, 128),
                tn(784, 128, 1024),
                tn(128, 128, 1024),
                nt(1024, 128, 128),
                nt(1024, 128, 10),
            ],
        ),
    ]
}
