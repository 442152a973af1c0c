//! The library on a computer with an operating system: classifies ten images of MNIST's test set.
//! `cargo run --release -p mnist-fast-embedded`

use mnist_fast_embedded::{PIXELS, classify};
use mnist_fast_kernels::{Error, Kernels, Workspace};

/// Images, each after its label.
static DIGITS: &[u8] = include_bytes!("../digits.bin");

fn main() -> Result<(), Error> {
    let mut buffer = vec![0.0; Workspace::LEN];
    let mut workspace = Workspace::from_buffer(&mut buffer)?;
    println!("{} kernels", Kernels::best().isa());
    let mut digest = 0u64;
    let (digits, _) = DIGITS.as_chunks::<{ 1 + PIXELS }>();
    for [label, image @ ..] in digits {
        let (probabilities, class) = classify(image, &mut workspace)?;
        println!("a {label}, taken for a {class} with probability {:.4}", probabilities[class]);
        for p in probabilities {
            digest = (digest ^ u64::from(p.to_bits())).wrapping_mul(0x100_0000_01b3);
        }
    }
    println!("bits {digest:016x}");
    Ok(())
}
