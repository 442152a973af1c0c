//! The rounds of one shape.

use std::hint::black_box;
use std::time::Duration;

use mnist_fast_benches::peak::Peak;
use mnist_fast_benches::timing::{Plan, Throughput, rounds};

use crate::contenders::Contender;
use crate::shapes::{Operands, Shape};

/// One contender on one shape.
pub(crate) struct Measured {
    pub(crate) shape: Shape,
    pub(crate) contender: usize,
    pub(crate) throughput: Throughput,
    /// Of the peak of the contender's ISA, else of the widest; `None` on a CPU without FMA.
    pub(crate) percent_of_peak: Option<f64>,
}

/// The rounds of one shape; `chosen` are the contenders' places in the table.
pub(crate) fn measure(
    x: &Operands,
    chosen: &[usize],
    contenders: &mut [Contender],
    peaks: &[Peak],
    highest: &mut [f64],
    plan: Plan,
) -> Vec<Measured> {
    let mut c = vec![0.0; x.shape.m * x.shape.n];
    let mut beside = vec![0.0_f64; peaks.len()];
    let seconds = rounds(
        plan,
        chosen.len(),
        |at| (contenders[chosen[at]].multiply)(black_box(x), black_box(&mut c)),
        || {
            for (peak, best) in peaks.iter().zip(&mut beside) {
                *best = best.max(peak.measure(Duration::from_millis(1)));
            }
        },
    );
    for (highest, beside) in highest.iter_mut().zip(&beside) {
        *highest = highest.max(*beside);
    }
    let of_peak = |contender: &Contender, gflops: f64| {
        let own = peaks.iter().position(|peak| peak.isa == contender.isa).unwrap_or(0);
        beside.get(own).map(|peak| 100.0 * gflops / peak)
    };
    chosen
        .iter()
        .zip(seconds)
        .map(|(&contender, seconds)| {
            let throughput = Throughput::of(x.shape.flop(), &seconds);
            let percent_of_peak = of_peak(&contenders[contender], throughput.median);
            Measured { shape: x.shape, contender, throughput, percent_of_peak }
        })
        .collect()
}
