//! The most that a core can do: fused multiply-adds on registers only, nothing loaded, nothing stored.

use std::time::{Duration, Instant};

/// The peak of one vector width.
pub struct Peak {
    /// The ISA it belongs to, named as `Isa::name` does.
    pub isa: &'static str,
    /// Floating-point operations of one iteration.
    flop: u64,
    /// Runs iterations. Only in a list that [`peaks`] made, so that the CPU has the ISA.
    run: fn(u64),
}

impl Peak {
    /// GFLOP/s of the best sample of at least 100 us within `window`.
    pub fn measure(&self, window: Duration) -> f64 {
        let mut iterations = 50_000;
        let mut best = 0.0_f64;
        let start = Instant::now();
        loop {
            let sample = Instant::now();
            (self.run)(iterations);
            let seconds = sample.elapsed().as_secs_f64();
            if seconds < 100e-6 {
                iterations *= 2;
                continue;
            }
            best = best.max((iterations * self.flop) as f64 / seconds / 1e9);
            if start.elapsed() >= window {
                return best;
            }
        }
    }
}

/// The peaks that this CPU has, the widest first; none where it has no vectors known here.
pub fn peaks() -> Vec<Peak> {
    #[allow(unused_mut)]
    let mut peaks = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected;
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the CPU has avx512f, as was just asked.
            let run = |n| unsafe { x86::avx512(n) };
            peaks.push(Peak { isa: "avx512", flop: x86::CHAINS as u64 * 16 * 2, run });
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the CPU has avx2 and fma, as was just asked.
            let run = |n| unsafe { x86::avx2(n) };
            peaks.push(Peak { isa: "avx2", flop: x86::CHAINS as u64 * 8 * 2, run });
        }
    }
    peaks
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;
    use std::hint::black_box;

    /// Independent chains: two units with a latency of 4 or 5 cycles need 10, and 16 registers hold 12 and the two
    /// factors.
    pub(super) const CHAINS: usize = 12;

    /// x = 0.5 x + 1 tends to 2: no overflow, no denormal.
    #[target_feature(enable = "avx2,fma")]
    pub(super) fn avx2(iterations: u64) {
        let (half, one) = (_mm256_set1_ps(black_box(0.5)), _mm256_set1_ps(black_box(1.0)));
        let mut chains = [one; CHAINS];
        // Different starts, or the compiler would compute one chain only.
        for (i, chain) in chains.iter_mut().enumerate() {
            *chain = _mm256_set1_ps(black_box(i as f32));
        }
        for _ in 0..iterations {
            for chain in &mut chains {
                *chain = _mm256_fmadd_ps(*chain, half, one);
            }
        }
        for chain in chains {
            black_box(_mm256_cvtss_f32(chain));
        }
    }

    /// As [`avx2`].
    #[target_feature(enable = "avx512f")]
    pub(super) fn avx512(iterations: u64) {
        let (half, one) = (_mm512_set1_ps(black_box(0.5)), _mm512_set1_ps(black_box(1.0)));
        let mut chains = [one; CHAINS];
        for (i, chain) in chains.iter_mut().enumerate() {
            *chain = _mm512_set1_ps(black_box(i as f32));
        }
        for _ in 0..iterations {
            for chain in &mut chains {
                *chain = _mm512_fmadd_ps(*chain, half, one);
            }
        }
        for chain in chains {
            black_box(_mm512_cvtss_f32(chain));
        }
    }
}
