//! One product on several threads of the caller's: `cargo run --release --example threads`.
//!
//! The kernels start no threads. The caller splits the *outputs*, here the rows of C, and gives each thread a part and a
//! workspace of its own; the bits do not depend on how many there are.

use mnist_fast_kernels::{Error, Kernels, MatMut, MatRef, Workspace, split};

fn product(kernels: Kernels, a: MatRef, b: MatRef, mut c: MatMut, threads: usize) -> Result<(), Error> {
    let m = c.rows();
    std::thread::scope(|scope| {
        let mut workers = vec![];
        for thread in 0..threads {
            let rows = split(m, 1, threads, thread);
            let (part, rest) = c.split_at_row(rows.len())?;
            c = rest;
            workers.push(
                scope.spawn(move || {
                    kernels.gemm(1.0, a.row_range(rows)?, b, 0.0, part, &mut Workspace::new())
                }),
            );
        }
        workers.into_iter().try_for_each(|worker| worker.join().expect("kernels do not panic"))
    })
}

fn main() -> Result<(), Error> {
    let (m, k, n) = (500, 400, 300);
    let a: Vec<f32> = (0..m * k).map(|i| (i % 251) as f32 / 251.0).collect();
    let b: Vec<f32> = (0..k * n).map(|i| (i % 241) as f32 / 241.0 - 0.5).collect();
    let mut first: Option<Vec<f32>> = None;
    for threads in [1, 2, 3, 5] {
        let mut c = vec![0.0; m * n];
        let to = MatMut::new(&mut c, m, n)?;
        product(Kernels::best(), MatRef::new(&a, m, k)?, MatRef::new(&b, k, n)?, to, threads)?;
        println!(
            "threads {threads}: c[0][0] = {}, same bits: {}",
            c[0],
            first.get_or_insert(c.clone()) == &c
        );
    }
    Ok(())
}
