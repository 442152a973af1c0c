//! What is said while the measurements go on: the header, a line for each result, JSON.

use mnist_fast_benches::contender::{Contender, Role};
use mnist_fast_benches::machine::{cpu_model, locked_version, rustc_version};
use mnist_fast_benches::timing::{Plan, Throughput};
use mnist_fast_kernels::Isa;

use crate::measuring::{Measured, Section};
use crate::ops::{Form, Op};

/// Three digits, so that slow and fast ones line up.
pub(crate) fn gflops(value: f64) -> String {
    if value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

pub(crate) fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_string(), |value| format!("{value:.0}%"))
}

pub(crate) fn header(sections: &[Section], absent: &[String], plan: Plan) -> String {
    let isas: Vec<&str> = Isa::ALL.into_iter().filter(|isa| isa.is_available()).map(Isa::name).collect();
    let rivals: Vec<String> = sections
        .iter()
        .flat_map(|section| &section.contenders)
        .filter(|c| matches!(c.role, Role::Rival | Role::Beside))
        .map(|c| {
            format!("{}: {} {}{}", c.label(), c.name, c.build, if c.capped { ", kept to it" } else { "" })
        })
        .chain(absent.iter().cloned())
        .collect();
    let peaks = sections.first().map_or(&[][..], |section| &section.meter.peaks[..]);
    let peaks: Vec<&str> = peaks.iter().map(|peak| peak.isa).collect();
    format!(
        "ours     mnist-fast-kernels {}\n\
         rivals   {}\n\
         cpu      {}\n\
         isas     {}; FMA peak measured on {}\n\
         rustc    {}\n\
         method   {} rounds in turns of {} ms or one sample, samples of {} us or more, operands warm; \
         median, best and spread of the rounds\n",
        locked_version("mnist-fast-kernels"),
        rivals.join("\n         "),
        cpu_model(),
        isas.join(", "),
        if peaks.is_empty() { "none".to_string() } else { peaks.join(", ") },
        rustc_version(),
        plan.rounds,
        plan.window.as_millis(),
        Plan::SAMPLE.as_micros(),
    )
}

/// A result as it is told while the others still run.
pub(crate) fn result_line(label: &str, throughput: Throughput, percent_of_peak: Option<f64>) -> String {
    let Throughput { median, best, spread } = throughput;
    format!(
        "  {label:<24} {:>5} GFLOP/s {:>5} of peak   best {:>5}   spread {:>3.0}%{}",
        gflops(median),
        percent(percent_of_peak),
        gflops(best),
        100.0 * spread,
        if spread > Throughput::SPREAD_LIMIT { " !" } else { "" },
    )
}

/// A number, or null.
fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "null".to_string(), |value| format!("{value:.2}"))
}

/// The JSON line of a result. No text in it needs an escape: names and shapes are ours.
pub(crate) fn json_line(section: &Section, result: &Measured) -> String {
    let Contender { name, isa, threads, .. } = &section.contenders[result.contender];
    let Throughput { median, best, spread } = result.throughput;
    let times = match section.times_one_thread(result) {
        Some(times) => format!(",\"times_one_thread\":{times:.3}"),
        None => String::new(),
    };
    format!(
        "{{\"bench\":\"mnist-fast\",\"op\":\"gemm\",\"shape\":\"{}\",\"contender\":\"{name}\",\"isa\":\"{isa}\",\
         \"threads\":{threads},\"gflops\":{median:.4},\"percent_of_peak\":{},\"best_gflops\":{best:.4},\
         \"spread_percent\":{:.2}{times}}}\n",
        result.shape,
        number(result.percent_of_peak),
        100.0 * spread,
    )
}

/// The JSON line of another operation's result. No peak: what bounds these is not the multiplications alone.
pub(crate) fn op_json_line(op: &Op, form: &Form, throughput: Throughput) -> String {
    let Throughput { median, best, spread } = throughput;
    format!(
        "{{\"bench\":\"mnist-fast\",\"op\":\"{}\",\"shape\":\"{}\",\"contender\":\"{}\",\"isa\":\"{}\",\
         \"threads\":1,\"gflops\":{median:.4},\"percent_of_peak\":null,\"best_gflops\":{best:.4},\
         \"spread_percent\":{:.2}}}\n",
        op.name,
        op.shape,
        form.name,
        form.isa,
        100.0 * spread,
    )
}
