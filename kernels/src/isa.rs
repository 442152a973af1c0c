//! The instruction sets this crate has kernels for, and which of them this CPU can run.

use core::fmt;
use core::str::FromStr;

use crate::Error;

/// An instruction set with its own kernels.
///
/// Every ISA except [`Isa::Portable`] gives the same bits for the same input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isa {
    /// Plain Rust with its own fused multiply-add: the reference. Runs anywhere, slowly.
    Scalar,
    /// `wide` and `matrixmultiply`: fast on any CPU, correct to rounding, but not the same bits.
    Portable,
    /// x86-64 with AVX2 and FMA (and BMI1 and POPCNT, which every such CPU has).
    Avx2,
    /// x86-64 with AVX-512 F, VL, BW and DQ.
    Avx512,
    /// aarch64 with NEON, which every such CPU has.
    Neon,
}

/// AVX2 as this crate means it. The same list detects the ISA and enables it in `arch/avx2.rs`.
#[cfg(target_arch = "x86_64")]
macro_rules! with_avx2_features {
    ($then:ident $($rest:tt)*) => { $then! { ["avx2", "fma", "bmi1", "popcnt"] $($rest)* } };
}
/// AVX-512 as this crate means it: `avx512f` alone is not enough for the kernels.
#[cfg(target_arch = "x86_64")]
macro_rules! with_avx512_features {
    ($then:ident $($rest:tt)*) => {
        $then! { ["avx512f", "avx512vl", "avx512bw", "avx512dq", "avx2", "fma", "bmi1", "popcnt"] $($rest)* }
    };
}
/// NEON as this crate means it.
#[cfg(target_arch = "aarch64")]
macro_rules! with_neon_features {
    ($then:ident $($rest:tt)*) => { $then! { ["neon"] $($rest)* } };
}
#[cfg(target_arch = "aarch64")]
pub(crate) use with_neon_features;
#[cfg(target_arch = "x86_64")]
pub(crate) use {with_avx2_features, with_avx512_features};

#[cfg(all(feature = "std", target_arch = "x86_64"))]
macro_rules! detected {
    ([$($feature:tt),*]) => { true $(&& std::arch::is_x86_feature_detected!($feature))* };
}
#[cfg(all(feature = "std", target_arch = "aarch64"))]
macro_rules! detected {
    ([$($feature:tt),*]) => { true $(&& std::arch::is_aarch64_feature_detected!($feature))* };
}
#[cfg(all(not(feature = "std"), any(target_arch = "x86_64", target_arch = "aarch64")))]
macro_rules! detected {
    ([$($feature:tt),*]) => { true $(&& cfg!(target_feature = $feature))* };
}

impl Isa {
    /// Every ISA, the slowest first.
    pub const ALL: [Isa; 5] = [Isa::Scalar, Isa::Portable, Isa::Avx2, Isa::Avx512, Isa::Neon];

    /// The name that [`Isa::from_str`] reads back: `scalar`, `portable`, `avx2`, `avx512`, `neon`.
    pub const fn name(self) -> &'static str {
        match self {
            Isa::Scalar => "scalar",
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
            Isa::Neon => "neon",
        }
    }

    /// Whether this ISA gives the crate's exact bits, equal on every exact ISA.
    pub const fn is_exact(self) -> bool {
        !matches!(self, Isa::Portable)
    }

    /// Whether this build has kernels for the ISA and this CPU can run them.
    ///
    /// With the `std` feature the CPU is asked at run time; without it, the build's target features
    /// decide.
    pub fn is_available(self) -> bool {
        match self {
            Isa::Scalar => true,
            Isa::Portable => cfg!(feature = "portable"),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => with_avx2_features!(detected),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => with_avx512_features!(detected),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => with_neon_features!(detected),
            #[cfg(not(target_arch = "x86_64"))]
            Isa::Avx2 | Isa::Avx512 => false,
            #[cfg(not(target_arch = "aarch64"))]
            Isa::Neon => false,
        }
    }

    /// The fastest available ISA that gives the exact bits: [`Isa::best`] without `portable`.
    pub fn best_exact() -> Isa {
        [Isa::Avx512, Isa::Avx2, Isa::Neon].into_iter().find(|isa| isa.is_available()).unwrap_or(Isa::Scalar)
    }

    /// The fastest available ISA: `avx512`, `avx2`, `neon`, `portable`, `scalar`, the first that there is.
    pub fn best() -> Isa {
        [Isa::Avx512, Isa::Avx2, Isa::Neon, Isa::Portable]
            .into_iter()
            .find(|isa| isa.is_available())
            .unwrap_or(Isa::Scalar)
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Isa {
    type Err = Error;

    fn from_str(name: &str) -> Result<Isa, Error> {
        Isa::ALL.into_iter().find(|isa| isa.name() == name).ok_or(Error::UnknownIsa)
    }
}
