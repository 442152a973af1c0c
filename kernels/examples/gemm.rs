//! A matrix product, and how its bits compare among the ISAs of this machine: `cargo run --release --example gemm`.

use mnist_fast_kernels::{Error, Isa, Kernels, MatMut, MatRef, Workspace};

fn main() -> Result<(), Error> {
    let (m, k, n) = (64, 784, 128);
    let a: Vec<f32> = (0..m * k).map(|i| (i % 251) as f32 / 251.0).collect();
    let b: Vec<f32> = (0..k * n).map(|i| (i % 241) as f32 / 241.0 - 0.5).collect();
    let mut ws = Workspace::new();
    for isa in Isa::ALL {
        let Ok(kernels) = Kernels::new(isa) else {
            println!("{isa:<9} not on this machine");
            continue;
        };
        let mut c = vec![0.0; m * n];
        let (a, b) = (MatRef::new(&a, m, k)?, MatRef::new(&b, k, n)?);
        let start = std::time::Instant::now();
        kernels.gemm(1.0, a, b, 0.0, MatMut::new(&mut c, m, n)?, &mut ws)?;
        let seconds = start.elapsed().as_secs_f64();
        let digest = c.iter().fold(0u64, |h, x| (h ^ u64::from(x.to_bits())).wrapping_mul(0x100_0000_01b3));
        let note = if isa.is_exact() { "" } else { " (not an exact ISA)" };
        println!("{isa:<9} {:8.1} us, bits {digest:016x}{note}", seconds * 1e6);
    }
    Ok(())
}
