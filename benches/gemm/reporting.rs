//! What is said about the results.

use mnist_fast_benches::machine::{cpu_model, locked_version, rustc_version};
use mnist_fast_benches::peak::Peak;
use mnist_fast_benches::table::Table;
use mnist_fast_benches::timing::{Plan, Throughput, geometric_mean};
use mnist_fast_kernels::Isa;

use crate::contenders::{Contender, Role};
use crate::measuring::Measured;
use crate::ops::{Form, Op};
use crate::shapes::{Group, Shape};

/// Three digits, so that slow and fast ones line up.
fn gflops(value: f64) -> String {
    if value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

fn percent(value: Option<f64>) -> String {
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

/// A result as it is told while the others still run.
pub(crate) fn result_line(label: &str, throughput: Throughput, percent_of_peak: Option<f64>) -> String {
    let Throughput { median, best, spread } = throughput;
    format!(
        "  {label:<22} {:>5} GFLOP/s {:>5} of peak   best {:>5}   spread {:>3.0}%{}",
        gflops(median),
        percent(percent_of_peak),
        gflops(best),
        100.0 * spread,
        if spread > Throughput::SPREAD_LIMIT { " !" } else { "" },
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

/// The best round of each form of each operation, as microseconds a call.
pub(crate) fn ops_table(results: &[(Op, Vec<Throughput>)]) -> Table {
    let mut columns: Vec<(&str, &str)> = Vec::new();
    for form in results.iter().flat_map(|(op, _)| &op.forms) {
        if !columns.contains(&(form.name, form.isa)) {
            columns.push((form.name, form.isa));
        }
    }
    let mut table = Table::default();
    let head = |first: &str, text: fn(&(&'static str, &'static str)) -> &'static str| {
        [first].into_iter().chain(columns.iter().map(text)).map(str::to_string).collect()
    };
    table.row(head("best us a call", |column| column.0));
    table.row(head("", |column| column.1));
    for (op, throughputs) in results {
        let cell = |&column: &(&str, &str)| {
            let at = op.forms.iter().position(|form| (form.name, form.isa) == column);
            at.map_or_else(|| "-".to_string(), |at| format!("{:.2}", op.flop / throughputs[at].best / 1e3))
        };
        let name = format!("  {} {}", op.name, op.shape);
        table.row([name].into_iter().chain(columns.iter().map(cell)).collect());
    }
    table
}

/// What `contender` reached on `shape`.
fn find<'a>(results: &'a [Measured], shape: &Shape, contender: usize) -> Option<&'a Measured> {
    results.iter().find(|result| result.contender == contender && result.shape == *shape)
}

/// The best of `some` on `shape`, by its best round.
fn best_of<'a>(results: &'a [Measured], shape: &Shape, some: &[usize]) -> Option<&'a Measured> {
    let found = some.iter().filter_map(|&contender| find(results, shape, contender));
    found.max_by(|a, b| a.throughput.best.total_cmp(&b.throughput.best))
}

/// Places in the table of those that fulfil `wanted`.
pub(crate) fn places(contenders: &[Contender], wanted: impl Fn(&Contender) -> bool) -> Vec<usize> {
    (0..contenders.len()).filter(|&i| wanted(&contenders[i])).collect()
}

/// The best round of each contender on each shape. The first of ours is compared with the best rival.
pub(crate) fn table(results: &[Measured], groups: &[Group], contenders: &[Contender]) -> Table {
    let columns = places(contenders, |_| true)
        .into_iter()
        .filter(|&i| results.iter().any(|result| result.contender == i))
        .collect::<Vec<_>>();
    let rivals = places(contenders, |c| c.role == Role::Rival);
    let ours = columns.iter().copied().find(|&i| contenders[i].role == Role::Ours);
    let mut table = Table::default();
    let head = |first: &str, text: fn(&Contender) -> &str, last: [&str; 2]| {
        let columns = columns.iter().map(|&i| text(&contenders[i]));
        [first].into_iter().chain(columns).chain(last).map(str::to_string).collect()
    };
    table.row(head("best GFLOP/s,", |c| c.name, ["best", "ours /"]));
    table.row(head("% of ISA's peak", |c| c.isa, ["rival", "rival"]));
    for group in groups {
        let shapes: Vec<&Shape> =
            group.shapes.iter().filter(|s| columns.iter().any(|&i| find(results, s, i).is_some())).collect();
        if shapes.is_empty() {
            continue;
        }
        table.heading(&group.title);
        for shape in shapes {
            let rival = best_of(results, shape, &rivals);
            let mut cells = vec![format!("  {shape}")];
            cells.extend(columns.iter().map(|&i| match find(results, shape, i) {
                None => "-".to_string(),
                Some(result) => {
                    let mark = if rival.is_some_and(|rival| rival.contender == i) { "*" } else { "" };
                    let Throughput { median, best, .. } = result.throughput;
                    let percent = percent(result.percent_of_peak.map(|of_median| of_median * best / median));
                    format!("{mark}{} {percent:>4}", gflops(best))
                }
            }));
            let ratio = ours.and_then(|ours| Some(ratio(find(results, shape, ours)?, rival?)));
            cells.push(rival.map_or("-", |rival| contenders[rival.contender].name).to_string());
            cells.push(ratio.map_or_else(|| "-".to_string(), |ratio| format!("{ratio:.2}")));
            table.row(cells);
        }
    }
    table
}

/// Best round by best round.
fn ratio(ours: &Measured, rival: &Measured) -> f64 {
    ours.throughput.best / rival.throughput.best
}

/// The first of ours against every rival, the others against the rivals on their ISA, and the first against what stands
/// beside the rivals.
pub(crate) fn summary(results: &[Measured], contenders: &[Contender]) -> Vec<String> {
    let all_of_ours = places(contenders, |c| c.role == Role::Ours);
    let Some(&first) = all_of_ours.first() else { return Vec::new() };
    let mut lines = vec![compare(
        results,
        contenders,
        first,
        &places(contenders, |c| c.role == Role::Rival),
        "best rival of each shape",
    )];
    for &ours in &all_of_ours[1..] {
        let isa = contenders[ours].isa;
        let rivals = places(contenders, |c| c.role == Role::Rival && c.isa == isa);
        lines.push(compare(results, contenders, ours, &rivals, &format!("best rival on {isa}")));
    }
    for beside in places(contenders, |c| c.role == Role::Beside) {
        lines.push(compare(results, contenders, first, &[beside], contenders[beside].name));
    }
    lines.into_iter().flatten().collect()
}

/// `None` where no shape has both.
fn compare(
    results: &[Measured],
    contenders: &[Contender],
    ours: usize,
    rivals: &[usize],
    what: &str,
) -> Option<String> {
    let mut worst: Option<(f64, &Measured, &Measured)> = None;
    let mut ratios = Vec::new();
    for result in results.iter().filter(|result| result.contender == ours) {
        let Some(rival) = best_of(results, &result.shape, rivals) else { continue };
        let ratio = ratio(result, rival);
        ratios.push(ratio);
        if worst.is_none_or(|(lowest, ..)| ratio < lowest) {
            worst = Some((ratio, result, rival));
        }
    }
    let (lowest, result, rival) = worst?;
    Some(format!(
        "ours {} / {what}: geometric mean {:.2} over {} shapes, worst {lowest:.2} ({}, {})",
        contenders[ours].isa,
        geometric_mean(&ratios)?,
        ratios.len(),
        result.shape,
        contenders[rival.contender].name,
    ))
}
