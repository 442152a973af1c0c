//! SGEMM throughput: ours on every exact ISA and on two threads, against other crates, libraries that are installed, and a
//! naive loop. After it, other operations against separate passes and plain loops.
//!
//! `cargo bench` runs it from the workspace's root; `cargo bench -- --help` lists its options. Every result is
//! checked against f64 before it is timed, and the ISAs against each other, bit for bit. Contenders take turns,
//! round after round, so that a busy moment of the machine meets all of them.

mod archive;
mod contenders;
mod elsewhere;
mod groups;
mod libraries;
mod measuring;
mod ops;
mod reporting;
mod rivals;
mod tables;

use std::cell::RefCell;
use std::io::{self, Write};
use std::process::ExitCode;
use std::rc::Rc;

use mnist_fast_benches::affinity::{self, Bound};
use mnist_fast_benches::contender::Role;
use mnist_fast_benches::environment;
use mnist_fast_benches::json::JsonFile;
use mnist_fast_benches::options::Options;
use mnist_fast_benches::pair::Pair;
use mnist_fast_benches::peak::peaks;
use mnist_fast_benches::shapes::Operands;
use mnist_fast_benches::timing::{Plan, Throughput};

use crate::groups::{Group, groups, groups_for_two};
use crate::measuring::{Meter, Section};
use crate::ops::{Op, ops};
use crate::reporting::{header, json_line, op_json_line, result_line};
use crate::tables::{closing_table, column_sets, ops_table, shapes_table};

const HELP: &str = "\
SGEMM throughput on one thread and on two: GFLOP/s, and percent of the FMA peak measured beside it. Then dense layers in
one pass against several, and RMSprop, softmax and exp against plain loops.

usage: cargo bench -- [options] [filter]...

  --quick      the same shapes in shorter samples
  --json FILE  also write one JSON line per result; FILE is relative to the workspace
  --help       this text

A filter is a text in the shape, in an operation's name or in the contender; of several, all must match:
  cargo bench -- 'TN 784' 'ours avx2'
  cargo bench -- '2 threads'
OpenBLAS, oneDNN, BLIS and libxsmm take part where they are installed (of libxsmm an archive will do, which a C compiler
links into target/tmp), with the kernels they choose themselves:
OPENBLAS_CORETYPE, OPENBLAS_L2_SIZE and DNNL_MAX_CPU_ISA are taken out of the environment. BLIS_ARCH_TYPE is not.
On a CPU with AVX-512 everybody runs on AVX2 as well, where need be in a process of its own: the libraries with their
limits in the environment, matrixmultiply and gemm built again (once, into target/tmp).
Of two threads each is bound to a CPU, also the rivals', but for BLIS, which starts threads in each call.
Shapes are m x n x k; C is m x n. NN = A B, TN = A^T B, NT = A B^T, all row-major.
Without cargo's --bench (so under `cargo test --benches`) results are checked and not timed.
";

/// What went wrong, and the exit code.
struct Failure(String, u8);

/// Everything but broken output and wrong usage.
fn failed(what: String) -> Failure {
    Failure(what, 1)
}

/// The sections, and a line about each contender that is absent.
fn sections(
    options: &Options,
    environment: &Result<(), String>,
) -> Result<(Vec<Section>, Vec<String>), String> {
    let wanted = |groups: &[Group], label: &str| {
        groups.iter().flat_map(|group| &group.shapes).any(|shape| options.selects(&shape.to_string(), label))
    };
    let one = groups();
    let (mut contenders, mut absent) = contenders::one_thread(environment);
    let (mut capped, without) = elsewhere::avx2(|label| wanted(&one, label), &absent);
    // Who chooses AVX2 itself need not be kept to it.
    capped.retain(|new| contenders.iter().all(|contender| contender.label() != new.label()));
    contenders.extend(capped);
    absent.extend(without);
    let selects = |shape: &_, label: &str| options.selects(&format!("{shape}"), label);
    let mut all = vec![Section::new(1, one, contenders, Meter::new(peaks(), None), selects)?];

    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        absent.push("on two threads: nobody, there is one CPU".to_string());
        return Ok((all, absent));
    }
    let two = groups_for_two();
    // Tries it: some sandboxes forbid it.
    let cpus = affinity::two_cpus().and_then(|cpus| Bound::to(cpus[0]).map(|_| cpus));
    if let Err(error) = &cpus {
        absent.push(format!("on two threads: they are not bound to CPUs ({error})"));
    }
    let [cpu, second] = cpus.map_or([None; 2], |cpus| cpus.map(Some));
    let pair = Pair::new(second).map_err(|error| format!("the second thread cannot be started ({error})"))?;
    let pair = Rc::new(RefCell::new(pair));
    let mut contenders = contenders::two_threads(&pair);
    let (rivals, without) = elsewhere::two_threads(|label| wanted(&two, label), &absent);
    contenders.extend(rivals);
    absent.extend(without);
    let section = Section::new(2, two, contenders, Meter::new(peaks(), Some(pair)), selects)?;
    all.push(Section { cpu, ..section });
    Ok((all, absent))
}

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
    if let Some(role) = &options.serve {
        return elsewhere::serve_as(role).map_err(failed);
    }
    let environment = environment::settle(libraries::ENVIRONMENT, |what| {
        let _ = writeln!(io::stdout(), "{what}"); // the report will meet the same error
    })
    .map_err(|error| format!("no start in a clean environment: {error}"));
    let (mut sections, absent) = sections(&options, &environment).map_err(failed)?;
    let mut ops = ops();
    for op in &mut ops {
        let case = format!("{} {}", op.name, op.shape);
        op.forms.retain(|form| options.selects(&case, &form.label()));
    }
    ops.retain(|op| !op.forms.is_empty());
    let checks =
        sections.iter().map(Section::len).sum::<usize>() + ops.iter().map(|op| op.forms.len()).sum::<usize>();
    if checks == 0 {
        let contenders = sections.iter().flat_map(|section| &section.contenders);
        let labels: Vec<String> =
            contenders.filter(|c| c.role != Role::Baseline).map(|contender| contender.label()).collect();
        return Err(Failure(
            format!(
                "no shape and contender match '{}'; shapes look like 'TN 784x128x64', contenders are {}",
                options.filters.join("' '"),
                labels.join(", ")
            ),
            2,
        ));
    }
    let json = match &options.json {
        Some(_) if !options.measure => return Err(Failure("--json needs `cargo bench`".to_string(), 2)),
        Some(path) => Some(
            JsonFile::create(path)
                .map_err(|error| failed(format!("cannot write {}: {error}", path.display())))?,
        ),
        None => None,
    };
    let plan = if options.quick { Plan::QUICK } else { Plan::FULL };
    if options.measure {
        writeln!(out, "{}", header(&sections, &absent, plan)).map_err(broken)?;
    }

    let mut lines = String::new();
    for section in &mut sections {
        let _bound = section
            .cpu
            .map(Bound::to)
            .transpose()
            .map_err(|error| failed(format!("this thread cannot be bound to a CPU: {error}")))?;
        for (shape, chosen) in section.work.clone() {
            let x = Operands::new(shape);
            section.check(&x, &chosen).map_err(failed)?;
            if !options.measure {
                continue;
            }
            match section.threads {
                1 => writeln!(out, "{shape}"),
                threads => writeln!(out, "{shape}, {threads} threads"),
            }
            .map_err(broken)?;
            let first = section.results.len();
            section.measure(&x, &chosen, plan).map_err(failed)?;
            for result in &section.results[first..] {
                let contender = &section.contenders[result.contender];
                let line = result_line(&contender.label(), result.throughput, result.percent_of_peak);
                writeln!(out, "{line}").map_err(broken)?;
                // Its row is in the section of one thread.
                if contender.role != Role::Baseline {
                    lines += &json_line(section, result);
                }
            }
        }
    }
    let mut op_results = Vec::new();
    for mut op in ops {
        op.check().map_err(failed)?;
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
        json.finish(&lines).map_err(|error| failed(format!("cannot write {}: {error}", target.display())))?;
        writeln!(out, "\nwritten: {}", target.display()).map_err(broken)?;
    }
    out.write_all(ending(&sections, &op_results).as_bytes()).map_err(broken)
}

/// The tables.
fn ending(sections: &[Section], op_results: &[(Op, Vec<Throughput>)]) -> String {
    let mut end = String::new();
    if !op_results.is_empty() {
        end += &format!(
            "\n{}separate: ours, a pass for each step; loop and libm: as one writes it first\n",
            ops_table(op_results)
        );
    }
    for section in sections {
        for columns in column_sets(section) {
            end += &format!("\n{}", shapes_table(section, &columns));
        }
    }
    if sections.iter().any(|section| !section.results.is_empty()) {
        end += "Cells and ratios: each one's best round; * the best rival of the row. ours packed: B packed before.\n\n";
    }
    for section in sections.iter().filter(|section| !section.results.is_empty()) {
        for (peak, gflops) in section.meter.peaks.iter().zip(&section.meter.highest) {
            let threads = section.threads;
            end += &format!(
                "FMA peak {}, threads {threads}: {gflops:.0} GFLOP/s at best in this run\n",
                peak.isa
            );
        }
    }
    let of_ops = op_results.iter().flat_map(|(_, throughputs)| throughputs);
    let of_sections = sections.iter().flat_map(|section| &section.results).map(|result| &result.throughput);
    let spreads: Vec<f64> = of_sections.chain(of_ops).map(|throughput| throughput.spread).collect();
    let void = spreads.iter().filter(|&&spread| spread > Throughput::SPREAD_LIMIT).count();
    if void > 0 {
        end += &format!(
            "{void} of {} results (marked ! above) spread by more than 25 %: the machine was not idle, \
             and they are void\n",
            spreads.len()
        );
    }
    end + &format!("\n{}", closing_table(sections))
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
