//! Shared by the test files: which ISAs to test, reproducible numbers, and comparison of bits.
#![allow(dead_code)]

pub(crate) mod cases;
pub(crate) mod elementwise;
pub(crate) mod layout;
#[cfg(target_os = "linux")]
pub(crate) mod pages;
pub(crate) mod thinning;

use mnist_fast_kernels::{Isa, Kernels};

/// The exact SIMD ISAs to hold against the reference. `MNIST_FAST_TEST_ISA=NAME` asks for one, and fails where
/// the CPU lacks it; otherwise an absent ISA is skipped in print.
pub(crate) fn exact_isas() -> Vec<Kernels> {
    if let Some(isa) = forced() {
        if !isa.is_exact() {
            println!("skipped: {isa} promises no bits to compare");
            return vec![];
        }
        return vec![Kernels::new(isa).expect("MNIST_FAST_TEST_ISA names an ISA that this CPU lacks")];
    }
    let mut found = vec![];
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_exact() && *isa != Isa::Scalar) {
        match Kernels::new(isa) {
            Ok(kernels) => found.push(kernels),
            Err(error) => println!("skipped: {error}"),
        }
    }
    found
}

/// Every ISA, exact or not, or the forced one.
pub(crate) fn all_isas() -> Vec<Kernels> {
    if let Some(isa) = forced() {
        return vec![Kernels::new(isa).expect("MNIST_FAST_TEST_ISA names an ISA that this CPU lacks")];
    }
    Isa::ALL.into_iter().filter_map(|isa| Kernels::new(isa).ok()).collect()
}

fn forced() -> Option<Isa> {
    let name = std::env::var("MNIST_FAST_TEST_ISA").ok()?;
    Some(name.parse().expect("MNIST_FAST_TEST_ISA names no ISA"))
}

pub(crate) fn reference() -> Kernels {
    Kernels::new(Isa::Scalar).expect("the reference runs anywhere")
}

/// xorshift64*: enough for test data.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((self.bits() >> 32) as usize * n) >> 32
    }

    /// Uniform in [-1, 1).
    pub(crate) fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }

    pub(crate) fn vec(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.unit()).collect()
    }

    /// Like [`Random::vec`], with zeros of both signs, infinities, NaN, denormals and huge numbers among them.
    pub(crate) fn wild(&mut self, n: usize) -> Vec<f32> {
        const WILD: [f32; 8] = [0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e-40, -3e38, 3e38];
        (0..n)
            .map(|_| if self.below(6) == 0 { WILD[self.below(WILD.len())] } else { self.unit() * 30.0 })
            .collect()
    }
}

/// Bits after what the contract leaves open: the sign of zero, and which NaN.
pub(crate) fn canonical(x: f32) -> u32 {
    if x.is_nan() { f32::NAN.to_bits() } else { (x + 0.0).to_bits() }
}

/// Whether `found` has the bits that it should have; on an ISA without exact bits, whether it is within `bound` of them
/// (0 for what must not be touched, infinite for what can be anything).
pub(crate) fn agree(
    kernels: Kernels,
    what: &str,
    expected: &[f32],
    found: &[f32],
    bound: &[f32],
) -> Result<(), String> {
    assert_eq!((expected.len(), bound.len()), (found.len(), found.len()));
    for (i, ((e, f), bound)) in expected.iter().zip(found).zip(bound).enumerate() {
        let close = !kernels.isa().is_exact() && (*bound == f32::INFINITY || (e - f).abs() <= *bound);
        if canonical(*e) != canonical(*f) && !close {
            let bits = (f.to_bits(), e.to_bits());
            let isa = kernels.isa();
            return Err(format!(
                "{isa} {what}: element {i} is {f:e} ({:08x}), expected {e:e} ({:08x})",
                bits.0, bits.1
            ));
        }
    }
    Ok(())
}

/// Collects differences and panics with the first three at the end.
pub(crate) struct Differences {
    count: usize,
    shown: Vec<String>,
}

impl Differences {
    pub(crate) fn new() -> Self {
        Differences { count: 0, shown: vec![] }
    }

    pub(crate) fn compare(&mut self, what: impl Fn() -> String, expected: &[f32], found: &[f32]) {
        assert_eq!(expected.len(), found.len());
        let pairs = expected.iter().zip(found).enumerate();
        if let Some((i, (e, f))) = pairs.into_iter().find(|(_, (e, f))| canonical(**e) != canonical(**f)) {
            self.count += 1;
            if self.shown.len() < 3 {
                self.shown.push(format!(
                    "{}: element {i} is {f:e} ({:08x}), expected {e:e} ({:08x})",
                    what(),
                    f.to_bits(),
                    e.to_bits()
                ));
            }
        }
    }

    pub(crate) fn finish(self) {
        assert!(self.count == 0, "{} cases differ, the first:\n{}", self.count, self.shown.join("\n"));
    }
}
