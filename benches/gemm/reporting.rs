//! What is said about the results.

use mnist_fast_benches::machine::{cpu_model, locked_version, rustc_version};
use mnist_fast_benches::peak::Peak;
use mnist_fast_benches::table::Table;
use mnist_fast_benches::timing::{Plan, Throughput, geometric_mean};
use mnist_fast_kernels::Isa;

use crate::contenders::{Contender, Role};
use crate::measuring::Measured;
use crate::shapes::{Group, Shape};

/// Three digits, so that slow and fast ones line up.
pub(crate) fn gflops(value: f64) -> String {
    if value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

pub(crate) fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_string(), |value| format!("{value:.0}%"))
}

pub(crate) fn header(contenders: &[Contender], absent: &[String], peaks: &[Peak], plan: Plan) -> String {
    let isas: Vec<&str> = Isa::ALL.into_iter().filter(|isa| isa.is_available()).map(Isa::name).collect();
    let rivals: Vec<String> = contenders
        .iter()
        .filter(|c| matches!(c.role, Role::Rival | Role::Beside))
        .map(|c| format!("{} {} (here on {})", c.name, c.build, c.isa))
        .chain(absent.iter().cloned())
        .collect();
    let peaks: Vec<&str> = peaks.iter().map(|peak| peak.isa).collect();
    format!(
        "ours     mnist-fast-kernels {}\n\
         rivals   {}\n\
         cpu      {}\n\
         isas     {}; FMA peak measured on {}\n\
         rustc    {}\n\
         threads  1\n\
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

/// The JSON line of a result. No text in it needs an escape: names and shapes are ours.
pub(crate) fn json_line(result: &Measured, contender: &Contender) -> String {
    let Throughput { median, best, spread } = result.throughput;
    let percent = result.percent_of_peak.map_or_else(|| "null".to_string(), |value| format!("{value:.2}"));
    format!(
        "{{\"bench\":\"mnist-fast\",\"op\":\"gemm\",\"shape\":\"{}\",\"contender\":\"{}\",\"isa\":\"{}\",\
         \"threads\":1,\"gflops\":{median:.4},\"percent_of_peak\":{percent},\"best_gflops\":{best:.4},\
         \"spread_percent\":{:.2}}}\n",
        result.shape,
        contender.name,
        contender.isa,
        100.0 * spread,
    )
}

/// The median of `contender` on `shape`.
fn find<'a>(results: &'a [Measured], shape: &Shape, contender: usize) -> Option<&'a Measured> {
    results.iter().find(|result| result.contender == contender && result.shape == *shape)
}

/// The best of `rivals` on `shape`, by its best round.
fn best_rival(results: &[Measured], shape: &Shape, rivals: &[usize]) -> Option<f64> {
    let best = rivals.iter().filter_map(|&rival| Some(find(results, shape, rival)?.throughput.best));
    best.max_by(f64::total_cmp)
}

/// Places in the table of those that fulfil `wanted`.
pub(crate) fn places(contenders: &[Contender], wanted: impl Fn(&Contender) -> bool) -> Vec<usize> {
    (0..contenders.len()).filter(|&i| wanted(&contenders[i])).collect()
}

pub(crate) fn table(results: &[Measured], groups: &[Group], contenders: &[Contender]) -> Table {
    let columns = places(contenders, |_| true)
        .into_iter()
        .filter(|&i| results.iter().any(|result| result.contender == i))
        .collect::<Vec<_>>();
    let rivals = places(contenders, |c| c.role == Role::Rival);
    let ours = columns.iter().copied().find(|&i| contenders[i].role == Role::Ours);
    let mut table = Table::default();
    let mut head = vec!["GFLOP/s (% of the ISA's peak)".to_string()];
    head.extend(columns.iter().map(|&i| contenders[i].label()));
    head.push("ours/rival".to_string());
    table.row(head);
    for group in groups {
        let shapes: Vec<&Shape> =
            group.shapes.iter().filter(|s| columns.iter().any(|&i| find(results, s, i).is_some())).collect();
        if shapes.is_empty() {
            continue;
        }
        table.heading(&group.title);
        for shape in shapes {
            let row: Vec<Option<&Measured>> = columns.iter().map(|&i| find(results, shape, i)).collect();
            let best = row.iter().flatten().map(|r| r.throughput.median).fold(0.0, f64::max);
            let mut cells = vec![format!("  {shape}")];
            cells.extend(row.iter().map(|result| match result {
                None => "-".to_string(),
                Some(r) => {
                    let mark = if r.throughput.median == best { "*" } else { "" };
                    let rest = percent(r.percent_of_peak);
                    format!("{mark}{} {rest:>4}", gflops(r.throughput.median))
                }
            }));
            let ratio = ours
                .and_then(|ours| find(results, shape, ours))
                .zip(best_rival(results, shape, &rivals))
                .map(|(ours, rival)| format!("{:.2}", ours.throughput.median / rival));
            cells.push(ratio.unwrap_or_else(|| "-".to_string()));
            table.row(cells);
        }
    }
    table
}

/// One line per ISA of ours: against the best rival on the same ISA, or, where there is none, of any.
pub(crate) fn summary(results: &[Measured], contenders: &[Contender]) -> Vec<String> {
    let mut lines = Vec::new();
    for ours in places(contenders, |c| c.role == Role::Ours) {
        let isa = contenders[ours].isa;
        let same = places(contenders, |c| c.role == Role::Rival && c.isa == isa);
        let any = places(contenders, |c| c.role == Role::Rival);
        let (rivals, which) = if same.is_empty() { (any, "any ISA") } else { (same, isa) };
        let mut ratios: Vec<(f64, String)> = results
            .iter()
            .filter(|result| result.contender == ours)
            .filter_map(|result| {
                let rival = best_rival(results, &result.shape, &rivals)?;
                Some((result.throughput.median / rival, result.shape.to_string()))
            })
            .collect();
        ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
        let values: Vec<f64> = ratios.iter().map(|(ratio, _)| *ratio).collect();
        let (Some(mean), Some((worst, shape))) = (geometric_mean(&values), ratios.first()) else { continue };
        lines.push(format!(
            "ours {isa} / best rival on {which}: geometric mean {mean:.2} over {} shapes, worst {worst:.2} ({shape})",
            ratios.len(),
        ));
    }
    lines
}
