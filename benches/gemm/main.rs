//! SGEMM throughput on one thread: ours on every exact ISA, against other crates, libraries that are installed, and a
//! naive loop. After it, other operations against separate passes and plain loops.
//!
//! `cargo bench` runs it from the workspace's root; `cargo bench -- --help` lists its options. Every result is
//! checked against f64 before it is timed, and the ISAs against each other, bit for bit. Contenders take turns,
//! round after round, so that a busy moment of the machine meets all of them.

mod contenders;
mod correctness;
mod libraries;
mod measuring;
mod ops;
mod reporting;
mod rivals;
mod shapes;

use std::io::{self, Write};
use std::process::ExitCode;

use mnist_fast_benches::environment;
use mnist_fast_benches::json::JsonFile;
use mnist_fast_benches::options::Options;
use mnist_fast_benches::peak::peaks;
use mnist_fast_benches::timing::{Plan, Throughput};

use crate::contenders::{Contender, contenders};
use crate::correctness::check_all;
use crate::measuring::measure;
use crate::ops::ops;
use crate::reporting::{header, json_line, op_json_line, ops_table, places, result_line, summary, table};
use crate::shapes::{Operands, Shape, groups};

const HELP: &str = "\
SGEMM throughput on one thread: GFLOP/s, and percent of the FMA peak measured beside it. Then dense layers in one pass
against several, and RMSprop, softmax and exp against plain loops.

usage: cargo bench -- [options] [filter]...

  --quick      the same shapes in fewer and shorter samples
  --json FILE  also write one JSON line per result; FILE is relative to the workspace
  --help       this text

A filter is a text in the shape, in an operation's name or in the contender; of several, all must match:
  cargo bench -- 'TN 784' 'ours avx2'
OpenBLAS, oneDNN, BLIS and libxsmm take part where they are installed, each on one thread, with the kernels it chooses
itself: OPENBLAS_CORETYPE, OPENBLAS_L2_SIZE and DNNL_MAX_CPU_ISA are taken out of the environment. BLIS_ARCH_TYPE is not.
Shapes are m x n x k; C is m x n. NN = A B, TN = A^T B, NT = A B^T, all row-major.
Without cargo's --bench (so under `cargo test --benches`) results are checked and not timed.
";

/// What went wrong, and the exit code.
struct Failure(String, u8);

fn run() -> Result<(), Failure> {
    let options = Options::parse(std::env::args().skip(1)).map_err(|what| Failure(what, 2))?;
    let broken = |error: io::Error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure(String::new(), 0),
        _ => Failure(format!("cannot write the report: {error}"), 1),
    };
    let mut out = io::stdout();
    if options.help {
        return out.write_all(HELP.as_bytes()).map_err(broken);
    }
    let environment = environment::settle(libraries::ENVIRONMENT, |what| {
        let _ = writeln!(io::stdout(), "{what}"); // the report will meet the same error
    });
    let (groups, (mut contenders, absent)) = (groups(), contenders(environment));
    let labels: Vec<String> = contenders.iter().map(Contender::label).collect();
    let chosen_for = |shape: &Shape| -> Vec<usize> {
        places(&contenders, |c| (c.takes)(shape) && options.selects(&shape.to_string(), &c.label()))
    };
    let work: Vec<(Shape, Vec<usize>)> = groups
        .iter()
        .flat_map(|group| &group.shapes)
        .map(|shape| (*shape, chosen_for(shape)))
        .filter(|(_, chosen)| !chosen.is_empty())
        .collect();
    let mut ops = ops();
    for op in &mut ops {
        let case = format!("{} {}", op.name, op.shape);
        op.forms.retain(|form| options.selects(&case, &form.label()));
    }
    ops.retain(|op| !op.forms.is_empty());
    if work.is_empty() && ops.is_empty() {
        let filters = options.filters.join("' '");
        return Err(Failure(
            format!(
                "no shape and contender match '{filters}'; shapes look like 'TN 784x128x64', contenders are {}",
                labels.join(", ")
            ),
            2,
        ));
    }
    let json = match &options.json {
        Some(_) if !options.measure => return Err(Failure("--json needs `cargo bench`".to_string(), 2)),
        Some(path) => Some(
            JsonFile::create(path)
                .map_err(|error| Failure(format!("cannot write {}: {error}", path.display()), 1))?,
        ),
        None => None,
    };
    let plan = if options.quick { Plan::QUICK } else { Plan::FULL };
    let peaks = peaks();
    let mut highest = vec![0.0; peaks.len()];
    if options.measure {
        writeln!(out, "{}", header(&contenders, &absent, &peaks, plan)).map_err(broken)?;
    }

    let mut results = Vec::new();
    let mut lines = String::new();
    let checks = work.iter().map(|(_, chosen)| chosen.len()).sum::<usize>()
        + ops.iter().map(|op| op.forms.len()).sum::<usize>();
    for (shape, chosen) in &work {
        let x = Operands::new(*shape);
        let mut checked: Vec<&mut Contender> =
            contenders.iter_mut().enumerate().filter(|(i, _)| chosen.contains(i)).map(|(_, c)| c).collect();
        check_all(&x, &mut checked).map_err(|what| Failure(what, 1))?;
        if !options.measure {
            continue;
        }
        writeln!(out, "{shape}").map_err(broken)?;
        for result in measure(&x, chosen, &mut contenders, &peaks, &mut highest, plan) {
            let line = result_line(&labels[result.contender], result.throughput, result.percent_of_peak);
            writeln!(out, "{line}").map_err(broken)?;
            lines += &json_line(&result, &contenders[result.contender]);
            results.push(result);
        }
    }
    let mut op_results = Vec::new();
    for mut op in ops {
        op.check().map_err(|what| Failure(what, 1))?;
        if !options.measure {
            continue;
        }
        writeln!(out, "{} {}", op.name, op.shape).map_err(broken)?;
        let throughputs = op.measure(plan);
        for (form, &throughput) in op.forms.iter().zip(&throughputs) {
            writeln!(out, "{}", result_line(&form.label(), throughput, None)).map_err(broken)?;
            lines += &op_json_line(&op, form, throughput);
        }
        op_results.push((op, throughputs));
    }
    if !options.measure {
        return writeln!(out, "{checks} results agree with f64").map_err(broken);
    }

    if let Some(json) = json {
        let target = json.target.clone();
        json.finish(&lines)
            .map_err(|error| Failure(format!("cannot write {}: {error}", target.display()), 1))?;
        writeln!(out, "\nwritten: {}", target.display()).map_err(broken)?;
    }
    let mut end = String::new();
    if !op_results.is_empty() {
        end += &format!(
            "\n{}separate: ours, a pass for each step; loop and libm: as one writes it first\n",
            ops_table(&op_results)
        );
    }
    if !results.is_empty() {
        end += &format!("\n{}\n", table(&results, &groups, &contenders));
        for (peak, gflops) in peaks.iter().zip(&highest) {
            end += &format!("FMA peak {}: {gflops:.0} GFLOP/s at best in this run\n", peak.isa);
        }
        end += "Cells and ratios: each one's best round; * the best rival of the row.\n";
    }
    let of_ops = op_results.iter().flat_map(|(_, throughputs)| throughputs);
    let spreads = results.iter().map(|result| &result.throughput).chain(of_ops).map(|t| t.spread);
    let void = spreads.filter(|&spread| spread > Throughput::SPREAD_LIMIT).count();
    if void > 0 {
        end += &format!(
            "{void} of {checks} results (marked ! above) spread by more than 25 %: the machine was not idle, \
             and they are void\n",
        );
    }
    for line in summary(&results, &contenders) {
        end += &line;
        end += "\n";
    }
    out.write_all(end.as_bytes()).map_err(broken)
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(what, code)) => {
            if !what.is_empty() {
                eprintln!("error: {what}");
            }
            ExitCode::from(code)
        }
    }
}
