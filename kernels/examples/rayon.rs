//! One product on rayon's threads: `cargo run --release --example rayon`.
//!
//! The kernels start no threads: a pool of the caller's does, here rayon's. Bands of rows of C are its tasks, and a
//! workspace goes with each run of them; the bits are those of one thread.

use mnist_fast_kernels::{Error, Kernels, MatMut, MatRef, Workspace, split};
use rayon::prelude::*;

fn product(kernels: Kernels, a: MatRef, b: MatRef, mut c: MatMut, bands: usize) -> Result<(), Error> {
    let (m, mut tasks) = (c.rows(), Vec::with_capacity(bands));
    for band in 0..bands {
        let rows = split(m, 1, bands, band);
        let (part, rest) = c.split_at_row(rows.len())?;
        c = rest;
        tasks.push((rows, part));
    }
    tasks.into_par_iter().try_for_each_init(Workspace::new, |workspace, (rows, part)| {
        kernels.gemm(1.0, a.row_range(rows)?, b, 0.0, part, workspace)
    })
}

fn main() -> Result<(), Error> {
    let (m, k, n) = (500, 400, 300);
    let a: Vec<f32> = (0..m * k).map(|i| (i % 251) as f32 / 251.0).collect();
    let b: Vec<f32> = (0..k * n).map(|i| (i % 241) as f32 / 241.0 - 0.5).collect();
    let (a, b) = (MatRef::new(&a, m, k)?, MatRef::new(&b, k, n)?);

    let mut alone = vec![0.0; m * n];
    Kernels::best().gemm(1.0, a, b, 0.0, MatMut::new(&mut alone, m, n)?, &mut Workspace::new())?;

    let threads = rayon::current_num_threads();
    let bands = 4 * threads; // more tasks than threads: a thread that is held up leaves its work to the others
    let mut shared = vec![f32::NAN; m * n];
    product(Kernels::best(), a, b, MatMut::new(&mut shared, m, n)?, bands)?;
    let same = alone.iter().zip(&shared).all(|(x, y)| x.to_bits() == y.to_bits());
    println!("{bands} bands on {threads} threads of rayon's, same bits: {same}");
    Ok(())
}
