//! `roofline`: what this machine can do at most, and how near to it each phase of training comes.

use mnist_fast::Result;
use mnist_fast::network::Network;
use mnist_fast::roofline::peaks::Peaks;
use mnist_fast::roofline::{self, Measured, Plan, Roofline};
use mnist_fast::train::{Examples, Optimizer, Phase, Settings};
use mnist_fast_kernels::{Isa, RmsProp};

use super::data::{self, Source};
use super::engine::{self, Engine, threads_for};
use super::info;
use super::network::{HIDDEN, parse_hidden};
use crate::args::{Args, Opt, at_least_one, heading};
use crate::output::{self, JsonLine};

pub(crate) const USAGE: &str = "\
Usage: mnist-fast roofline [options]

  mnist-fast roofline                               the tutorial's training and this machine's peaks
  mnist-fast roofline --sparse never --threads 1    dense matrices, one thread
  mnist-fast roofline --isa avx2 --hidden 512,512   other kernels, another network

Useful GFLOP/s count multiply-adds whose pixel or activation is not 0, effective ones all those of
dense matrices. A phase's limit is the longest of: its multiply-adds at the FMA peak; what its loops
over nonzeros load from L1; its operands once, from the smallest cache that has room for them.
Square roots, divisions and exponentials are not counted.";

pub(crate) const OPTIONS: &[Opt] = &[
    heading("Data"),
    data::DATA,
    data::NUM_CLASSES,
    data::VALIDATION,
    data::VALIDATION_SPLIT,
    data::NO_MMAP,
    heading("Network and training"),
    HIDDEN,
    Opt { name: "--batch-size", value: "N", help: "images per step (default 64)" },
    Opt { name: "--epochs", value: "N", help: "epochs to time, after one that is not (default 2)" },
    heading("This machine"),
    Opt { name: "--threads", value: "N", help: "(default: as train: one per core, at most batch size / 16)" },
    engine::ISA,
    engine::SPARSE,
    heading("Output"),
    Opt { name: "--json", value: "", help: "JSON lines on standard output, and nothing else there" },
];

pub(crate) fn run(mut args: Args) -> Result<()> {
    let json = args.switch("--json");
    let source = Source::parse(&mut args)?;
    let hidden = args.parse("--hidden", "widths such as 128,128, or none", parse_hidden)?;
    let batch_size = args.parse("--batch-size", "a whole number, 1 or more", at_least_one)?.unwrap_or(64);
    let epochs = args.parse("--epochs", "a whole number, 1 or more", at_least_one)?.unwrap_or(2);
    let Engine { kernels, threads, sparse } = Engine::parse(&mut args)?;
    args.finish(0)?;

    let data = source.open()?;
    let parts = source.split(data.train.len())?;
    let all = Examples { images: data.train.images(), labels: data.train.labels() };
    let train = all.range(parts.train);
    let validation = (!parts.validation.is_empty()).then(|| all.range(parts.validation));
    let hidden = hidden.unwrap_or(vec![128, 128]);
    let sizes: Vec<usize> = [data.rows * data.cols].into_iter().chain(hidden).chain([data.classes]).collect();
    let settings = Settings {
        batch_size: batch_size.min(train.len()),
        optimizer: Optimizer::RmsProp(RmsProp::default()),
        seed: 42,
        shuffle: true,
        sparse: sparse.unwrap_or_else(|| train.are_sparse()),
    };
    let threads = threads.unwrap_or_else(|| threads_for(batch_size)).min(batch_size).min(train.len());
    if cfg!(debug_assertions) {
        output::warning("this is a debug build; cargo run --release is what to measure");
    }
    let network = Network::glorot_uniform(&sizes, settings.seed)?;
    let setup =
        Setup { isa: kernels.isa(), threads, sparse: settings.sparse, data: data.name.clone(), sizes };
    let found = roofline::run(Plan { kernels, threads, network, settings, train, validation, epochs })?;
    let lines = if json { json_lines(&setup, &found, epochs) } else { text(&setup, &found, epochs) };
    lines.into_iter().try_for_each(output::line)
}

/// What was run.
struct Setup {
    isa: Isa,
    threads: usize,
    sparse: bool,
    data: String,
    sizes: Vec<usize>,
}

impl Setup {
    fn network(&self) -> String {
        self.sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join("-")
    }
}

/// For people.
fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Gather => "gather: pixels to floats",
        Phase::FirstForward => "layer 1 forward",
        Phase::OthersForward => "other layers forward",
        Phase::Loss => "softmax and loss",
        Phase::Deltas => "deltas backward",
        Phase::TurnPixels => "transposing pixels",
        Phase::FirstUpdate => "update of layer 1",
        Phase::OthersUpdate => "update of other layers",
        Phase::Waiting => "waiting for threads",
        Phase::Between => "shuffle and bookkeeping",
        Phase::Validation => "validation",
    }
}

/// For programs.
fn key(phase: Phase) -> &'static str {
    match phase {
        Phase::Gather => "gather",
        Phase::FirstForward => "layer_1_forward",
        Phase::OthersForward => "others_forward",
        Phase::Loss => "loss",
        Phase::Deltas => "deltas",
        Phase::TurnPixels => "transpose_pixels",
        Phase::FirstUpdate => "layer_1_update",
        Phase::OthersUpdate => "others_update",
        Phase::Waiting => "waiting",
        Phase::Between => "between",
        Phase::Validation => "validation",
    }
}

fn plural(n: usize) -> String {
    format!("{n} thread{}", if n == 1 { "" } else { "s" })
}

fn text(setup: &Setup, found: &Roofline, epochs: usize) -> Vec<String> {
    let counts = &found.counts;
    let percent = |part: f64, whole: usize| format!("{:.1} %", 100.0 * part / whole as f64);
    let mut lines = vec![format!(
        "mnist-fast {}, {}, {} kernels, {}, {}",
        env!("CARGO_PKG_VERSION"),
        info::profile(),
        setup.isa,
        plural(setup.threads),
        if setup.sparse { "sparse: zeros are left out" } else { "dense" }
    )];
    let hidden: Vec<String> =
        counts.active.iter().zip(&setup.sizes[1..]).map(|(active, of)| percent(*active, *of)).collect();
    let hidden = if hidden.is_empty() {
        String::new()
    } else {
        format!(", and of ReLU outputs {}", hidden.join(", "))
    };
    lines.push(format!(
        "{}: network {}; not zero are {} of the pixels{hidden}",
        setup.data,
        setup.network(),
        percent(counts.pixels[0], setup.sizes[0])
    ));
    lines.push(String::new());
    lines.extend(peaks_table(setup, found));
    lines.push(String::new());
    lines.push(format!(
        "an epoch of {:.4} s, the mean of {epochs} after the first: {} steps{}",
        found.seconds,
        output::thousands(counts.steps),
        if counts.validation > 0 { ", then validation" } else { "" }
    ));
    lines.push(String::new());
    lines.extend(phases_table(setup, found));
    lines.push(String::new());
    lines.push(verdict(found));
    lines
}

fn peaks_table(setup: &Setup, found: &Roofline) -> Vec<String> {
    let several = setup.threads > 1;
    let row = |what: &str, one: String, all: String| {
        let all = if several { format!("  {all:>15}") } else { String::new() };
        format!("{what:<26}  {one:>15}{all}")
    };
    let mut lines = vec![row("the most that is possible", plural(1), plural(setup.threads))];
    let number = |x: f64| format!("{x:.1}");
    for (isa, one, all) in &found.fma {
        lines.push(row(&format!("{isa} FMA, GFLOP/s"), number(*one), number(*all)));
    }
    let rates = |peaks: &Peaks, name: &str| {
        let found = peaks.bandwidths.iter().find(|bandwidth| bandwidth.level.name == name);
        found.map_or("-".into(), |found| format!("{:.1} / {:.1}", found.read, found.update))
    };
    let assumed = if found.caches_known { "" } else { "?" };
    for bandwidth in &found.one.bandwidths {
        let name = &bandwidth.level.name;
        let what = format!("{name}{assumed} read/update, GB/s");
        lines.push(row(&what, rates(&found.one, name), rates(&found.all, name)));
    }
    lines
}

fn phases_table(setup: &Setup, found: &Roofline) -> Vec<String> {
    let several = setup.threads > 1;
    let row = |cells: [String; 10]| {
        let [phase, us, first, longest, share, useful, effective, bytes, limit, of] = cells;
        let threads = if several { format!("{first:>9}{longest:>9}") } else { String::new() };
        format!(
            "{phase:<25}{us:>8}{threads}{share:>8}{useful:>8}{effective:>11}{bytes:>9}{limit:>14}{of:>10}"
        )
    };
    let head = [
        "us a step",
        "mean",
        "thread 0",
        "longest",
        "share",
        "useful",
        "effective",
        "KB",
        "limit",
        "reached",
    ];
    let mut lines = vec![row(head.map(ToOwned::to_owned))];
    let us = |seconds: f64| format!("{:.1}", 1e6 * seconds);
    let none = || "-".to_owned();
    for m in &found.phases {
        let (useful, effective) = m.gflops().map_or((none(), none()), |(useful, effective)| {
            (format!("{useful:.1}"), format!("{effective:.1}"))
        });
        lines.push(row([
            name(m.phase).into(),
            us(m.seconds),
            us(m.first),
            us(m.longest),
            format!("{:.1} %", 100.0 * m.share),
            useful,
            effective,
            m.work.map_or_else(none, |work| format!("{:.0}", work.moved * setup.threads as f64 / 1024.0)),
            m.limit.as_ref().map_or_else(none, |limit| format!("{} {}", us(limit.seconds), limit.by)),
            of_limit(m).map_or_else(none, |of| format!("{:.0} %", 100.0 * of)),
        ]));
    }
    lines
}

/// What a phase reaches of its limit.
fn of_limit(m: &Measured) -> Option<f64> {
    m.limit.as_ref().map(|limit| limit.seconds / m.seconds)
}

/// In words: what limits the run next.
fn verdict(found: &Roofline) -> String {
    let Some(m) = found.next() else { return "nothing took any time".into() };
    let head = format!(
        "what limits the run next: {}, {:.1} us a step and {:.1} % of the epoch",
        name(m.phase),
        1e6 * m.seconds,
        100.0 * m.share
    );
    match (&m.limit, m.phase) {
        (Some(limit), _) => {
            let by = if limit.by == "FMA" { "multiply-adds" } else { &limit.by };
            format!("{head}, of which {:.1} us are above its limit by {by}", 1e6 * m.excess())
        }
        (None, Phase::Waiting) => format!("{head}; --threads 1 has none of it"),
        (None, _) => format!("{head}, for which no limit is modelled"),
    }
}

fn json_lines(setup: &Setup, found: &Roofline, epochs: usize) -> Vec<String> {
    let counts = &found.counts;
    let event = |event: &str| JsonLine::new().with("event", event);
    let inputs = setup.sizes[0] as f64;
    let active: Vec<f64> =
        counts.active.iter().zip(&setup.sizes[1..]).map(|(active, of)| active / *of as f64).collect();
    let mut lines = vec![
        event("start")
            .with("version", env!("CARGO_PKG_VERSION"))
            .with("profile", info::profile())
            .with("isa", setup.isa.name())
            .with("threads", setup.threads)
            .with("sparse", setup.sparse)
            .with("dataset", setup.data.as_str())
            .with("network", setup.sizes.clone())
            .with("train_images", counts.images)
            .with("validation_images", counts.validation)
            .with("steps", counts.steps)
            .with("epochs", epochs)
            .with("pixels_not_zero", counts.pixels[0] / inputs)
            .with("relu_outputs_not_zero", active)
            .with("caches_known", found.caches_known),
    ];
    let mut fma = |isa: Isa, threads: usize, rate: f64| {
        let peak = event("peak").with("what", "fma").with("isa", isa.name());
        lines.push(peak.with("threads", threads).with("gflops", rate));
    };
    for (isa, one, all) in &found.fma {
        fma(*isa, 1, *one);
        if setup.threads > 1 {
            fma(*isa, setup.threads, *all);
        }
    }
    let both = [&found.one, &found.all];
    let both = if setup.threads > 1 { &both[..] } else { &both[1..] };
    for peaks in both {
        for bandwidth in &peaks.bandwidths {
            lines.push(
                event("peak")
                    .with("what", "memory")
                    .with("level", bandwidth.level.name.as_str())
                    .with("threads", peaks.threads)
                    .with("bytes_a_thread", bandwidth.level.probe)
                    .with("read_gb_per_second", bandwidth.read)
                    .with("update_gb_per_second", bandwidth.update),
            );
        }
    }
    for m in &found.phases {
        let gflops = m.gflops();
        lines.push(
            event("phase")
                .with("phase", key(m.phase))
                .with("microseconds", 1e6 * m.seconds)
                .with("microseconds_thread_0", 1e6 * m.first)
                .with("microseconds_longest", 1e6 * m.longest)
                .with("share", m.share)
                .with("useful_gflops", gflops.map(|g| g.0))
                .with("effective_gflops", gflops.map(|g| g.1))
                .with("bytes", m.work.map(|work| work.moved * setup.threads as f64))
                .with("limit_microseconds", m.limit.as_ref().map(|limit| 1e6 * limit.seconds))
                .with("limit", m.limit.as_ref().map(|limit| limit.by.clone()))
                .with("of_limit", of_limit(m)),
        );
    }
    lines.push(
        event("end")
            .with("epoch_seconds", found.seconds)
            .with("next", found.next().map(|m| key(m.phase)))
            .with("verdict", verdict(found))
            .with("weights_sha256", found.weights_sha256.as_str()),
    );
    lines.into_iter().map(JsonLine::finish).collect()
}
