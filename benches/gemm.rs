//! SGEMM throughput on one thread: ours on every exact ISA, against `matrixmultiply` and a naive loop.
//!
//! `cargo bench` runs it from the workspace's root; `cargo bench -- --help` lists its options. Every result is
//! checked against f64 before it is timed, and the ISAs against each other, bit for bit. Contenders take turns,
//! round after round, so that a busy moment of the machine meets all of them.
//!
//! **A contender** is one function that gives a [`Contender`], and one line in [`contenders`].

use std::fmt;
use std::fs;
use std::hint::black_box;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use mnist_fast_benches::machine::{cpu_model, locked_version, rustc_version};
use mnist_fast_benches::options::Options;
use mnist_fast_benches::peak::{Peak, peaks};
use mnist_fast_benches::table::Table;
use mnist_fast_benches::timing::{Plan, Throughput, calls_per_sample, geometric_mean, turn};
use mnist_fast_kernels::{Isa, Kernels, MatMut, MatRef, Workspace};

const HELP: &str = "\
SGEMM throughput on one thread: GFLOP/s, and percent of the FMA peak measured beside it.

usage: cargo bench -- [options] [filter]...

  --quick      the same shapes in fewer and shorter samples
  --json FILE  also write one JSON line per result; FILE is relative to the workspace
  --help       this text

A filter is a text in the shape or in the contender; of several, all must match:
  cargo bench -- 'TN 784' 'ours avx2'
Shapes are m x n x k; C is m x n. NN = A B, TN = A^T B, NT = A B^T, all row-major.
Without cargo's --bench (so under `cargo test --benches`) results are checked and not timed.
";

// ---- shapes ----

/// Which operand is stored transposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// C = A B.
    Nn,
    /// C = A^T B.
    Tn,
    /// C = A B^T.
    Nt,
}

/// One product: A is m x k, B is k x n.
#[derive(Clone, Copy, Debug)]
struct Shape {
    layout: Layout,
    m: usize,
    n: usize,
    k: usize,
}

impl Shape {
    fn flop(&self) -> f64 {
        2.0 * self.m as f64 * self.n as f64 * self.k as f64
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layout = match self.layout {
            Layout::Nn => "NN",
            Layout::Tn => "TN",
            Layout::Nt => "NT",
        };
        write!(f, "{layout} {}x{}x{}", self.m, self.n, self.k)
    }
}

/// Shapes that show one thing.
struct Group {
    title: String,
    shapes: Vec<Shape>,
}

fn groups() -> Vec<Group> {
    let nn = |m, n, k| Shape { layout: Layout::Nn, m, n, k };
    let tn = |m, n, k| Shape { layout: Layout::Tn, m, n, k };
    let nt = |m, n, k| Shape { layout: Layout::Nt, m, n, k };
    let mut groups = Vec::new();
    for batch in [64, 256, 1024] {
        groups.push(Group {
            title: format!("a training step of 784-128-128-10, batch {batch}: forward, weights, inputs"),
            shapes: vec![
                nn(batch, 128, 784),
                nn(batch, 128, 128),
                nn(batch, 10, 128),
                tn(784, 128, batch),
                tn(128, 128, batch),
                tn(128, 10, batch),
                nt(batch, 128, 128),
                nt(batch, 128, 10),
            ],
        });
    }
    for (images, what) in [(10_000, "the test set in one product"), (1, "one image, a row times a matrix")] {
        groups.push(Group {
            title: format!("inference: {what}"),
            shapes: vec![nn(images, 128, 784), nn(images, 128, 128), nn(images, 10, 128)],
        });
    }
    groups.push(Group {
        title: "squares, which libraries are tuned on".to_string(),
        shapes: [64, 128, 256, 512, 1024].map(|n| nn(n, n, n)).to_vec(),
    });
    groups
}

/// The operands of a shape, as contenders get them.
struct Operands {
    shape: Shape,
    /// m x k, or k x m for TN; row-major.
    a: Vec<f32>,
    /// k x n, or n x k for NT; row-major.
    b: Vec<f32>,
    /// Row and column stride of A.
    a_strides: (usize, usize),
    /// Row and column stride of B.
    b_strides: (usize, usize),
}

impl Operands {
    fn new(shape: Shape) -> Operands {
        let Shape { layout, m, n, k } = shape;
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        Operands {
            shape,
            a: (0..m * k).map(|_| random.unit()).collect(),
            b: (0..k * n).map(|_| random.unit()).collect(),
            a_strides: if layout == Layout::Tn { (1, m) } else { (k, 1) },
            b_strides: if layout == Layout::Nt { (1, k) } else { (n, 1) },
        }
    }

    fn a(&self, i: usize, l: usize) -> f32 {
        self.a[i * self.a_strides.0 + l * self.a_strides.1]
    }

    fn b(&self, l: usize, j: usize) -> f32 {
        self.b[l * self.b_strides.0 + j * self.b_strides.1]
    }
}

/// A linear congruential generator (Knuth's MMIX): enough for operands.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// In [-1, 1).
    fn unit(&mut self) -> f32 {
        (self.bits() as f64 / f64::from(1 << 30) - 1.0) as f32
    }

    fn below(&mut self, limit: usize) -> usize {
        self.bits() as usize % limit
    }
}

// ---- contenders ----

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Ours,
    /// Ours too, and its bits are the truth; but it is not there to be fast.
    Reference,
    Rival,
    /// Shows where one starts from; no rival.
    Floor,
}

/// C = A B: all of C is written, its old contents are not read.
type Multiply = Box<dyn FnMut(&Operands, &mut [f32])>;

/// Something that multiplies.
struct Contender {
    role: Role,
    name: &'static str,
    /// What it runs on here, named as `Isa::name` does where it can be.
    isa: &'static str,
    /// Larger products take it too long.
    max_flop: f64,
    multiply: Multiply,
}

impl Contender {
    fn label(&self) -> String {
        format!("{} {}", self.name, self.isa)
    }
}

/// The columns of the table.
fn contenders() -> Vec<Contender> {
    let mut all = Vec::new();
    all.extend(Isa::ALL.into_iter().rev().filter(|isa| isa.is_exact()).filter_map(ours));
    all.push(matrixmultiply());
    all.push(naive());
    all
}

/// Products of about 128 x 128 x 128: what a slow contender is asked for.
const SMALL: f64 = 2.0 * 128.0 * 128.0 * 128.0;

/// `None` where this CPU cannot run the ISA.
fn ours(isa: Isa) -> Option<Contender> {
    let kernels = Kernels::new(isa).ok()?;
    let mut workspace = Workspace::new();
    let (role, max_flop) = match isa {
        Isa::Scalar => (Role::Reference, SMALL),
        _ => (Role::Ours, f64::INFINITY),
    };
    Some(Contender {
        role,
        name: "ours",
        isa: isa.name(),
        max_flop,
        multiply: Box::new(move |x, c| {
            gemm(kernels, x, c, &mut workspace).expect("the shapes agree");
        }),
    })
}

fn gemm(
    kernels: Kernels,
    x: &Operands,
    c: &mut [f32],
    workspace: &mut Workspace<'_>,
) -> Result<(), mnist_fast_kernels::Error> {
    let Shape { layout, m, n, k } = x.shape;
    let (a, b) = match layout {
        Layout::Nn => (MatRef::new(&x.a, m, k)?, MatRef::new(&x.b, k, n)?),
        Layout::Tn => (MatRef::new(&x.a, k, m)?.transposed(), MatRef::new(&x.b, k, n)?),
        Layout::Nt => (MatRef::new(&x.a, m, k)?, MatRef::new(&x.b, n, k)?.transposed()),
    };
    kernels.gemm(1.0, a, b, 0.0, MatMut::new(c, m, n)?, workspace)
}

/// The widest kernel that the crate's own detection takes: it has no switch.
fn matrixmultiply() -> Contender {
    Contender {
        role: Role::Rival,
        name: "matrixmultiply",
        isa: matrixmultiply_isa(),
        max_flop: f64::INFINITY,
        multiply: Box::new(|x, c| {
            let Shape { m, n, k, .. } = x.shape;
            let ((rsa, csa), (rsb, csb)) = (x.a_strides, x.b_strides);
            assert_eq!((x.a.len(), x.b.len(), c.len()), (m * k, k * n, m * n));
            // SAFETY: with these strides the operands are exactly the slices' elements, by the assertion; C is
            // borrowed mutably, so it overlaps neither.
            unsafe {
                matrixmultiply::sgemm(
                    m,
                    k,
                    n,
                    1.0,
                    x.a.as_ptr(),
                    rsa as isize,
                    csa as isize,
                    x.b.as_ptr(),
                    rsb as isize,
                    csb as isize,
                    0.0,
                    c.as_mut_ptr(),
                    n as isize,
                    1,
                );
            }
        }),
    }
}

/// What matrixmultiply 0.3.11 asks the CPU for, in its order.
fn matrixmultiply_isa() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected;
        if is_x86_feature_detected!("avx512f") {
            return "avx512";
        }
        if is_x86_feature_detected!("fma") && is_x86_feature_detected!("avx2") {
            return "avx2";
        }
        if is_x86_feature_detected!("avx") {
            return "avx";
        }
    }
    if cfg!(target_arch = "aarch64") { "neon" } else { "baseline" }
}

/// Three loops, as one would write them first.
fn naive() -> Contender {
    Contender {
        role: Role::Floor,
        name: "naive",
        isa: "loop",
        max_flop: SMALL,
        multiply: Box::new(|x, c| {
            let Shape { m, n, k, .. } = x.shape;
            for i in 0..m {
                for j in 0..n {
                    c[i * n + j] = (0..k).map(|l| x.a(i, l) * x.b(l, j)).sum();
                }
            }
        }),
    }
}

// ---- correctness ----

/// Checks `c` at its corners and at 60 other places against f64, and that all of it was written.
fn check(x: &Operands, c: &[f32]) -> Result<(), String> {
    let Shape { m, n, k, .. } = x.shape;
    if let Some(index) = c.iter().position(|value| !value.is_finite()) {
        return Err(format!("C[{}, {}] was not written, or C was read", index / n, index % n));
    }
    let mut random = Random(7);
    let corners = [(0, 0), (0, n - 1), (m - 1, 0), (m - 1, n - 1)];
    let others = (0..60).map(|_| (random.below(m), random.below(n)));
    for (i, j) in corners.into_iter().chain(others) {
        let (mut exact, mut magnitude) = (0.0, 0.0);
        for l in 0..k {
            let term = f64::from(x.a(i, l)) * f64::from(x.b(l, j));
            exact += term;
            magnitude += term.abs();
        }
        let found = c[i * n + j];
        // Higham's bound for a sum of k rounded products in any order, doubled.
        let bound = k as f64 * f64::from(f32::EPSILON) * magnitude;
        if (f64::from(found) - exact).abs() > bound {
            return Err(format!("C[{i}, {j}] = {found}, but f64 gives {exact}"));
        }
    }
    Ok(())
}

/// Runs every contender once and checks its result; ours must have equal bits on every ISA.
fn check_all(x: &Operands, contenders: &mut [&mut Contender]) -> Result<(), String> {
    let mut first_of_ours: Option<(String, Vec<f32>)> = None;
    for contender in contenders {
        let label = contender.label();
        let mut c = vec![f32::NAN; x.shape.m * x.shape.n];
        (contender.multiply)(x, &mut c);
        check(x, &c).map_err(|what| format!("{}, {label}: {what}", x.shape))?;
        if !matches!(contender.role, Role::Ours | Role::Reference) {
            continue;
        }
        match &first_of_ours {
            None => first_of_ours = Some((label, c)),
            Some((other, expected)) => {
                // + 0.0: the sign of a zero is not part of the contract.
                if c.iter().zip(expected).any(|(a, b)| (a + 0.0).to_bits() != (b + 0.0).to_bits()) {
                    return Err(format!("{}: {label} and {other} differ in bits", x.shape));
                }
            }
        }
    }
    Ok(())
}

// ---- measuring ----

/// One contender on one shape.
struct Measured {
    shape: Shape,
    contender: usize,
    throughput: Throughput,
    /// Of the peak of the contender's ISA, else of the widest; `None` on a CPU without FMA.
    percent_of_peak: Option<f64>,
}

/// The rounds of one shape; `chosen` are the contenders' places in the table.
fn measure(
    x: &Operands,
    chosen: &[usize],
    contenders: &mut [Contender],
    peaks: &[Peak],
    highest: &mut [f64],
    plan: Plan,
) -> Vec<Measured> {
    let mut c = vec![0.0; x.shape.m * x.shape.n];
    let mut run = |contenders: &mut [Contender], i: usize, calls: Option<u32>| {
        let call = || {
            (contenders[i].multiply)(black_box(x), black_box(&mut c));
        };
        match calls {
            None => f64::from(calls_per_sample(call)),
            Some(calls) => turn(call, calls, plan.window),
        }
    };
    let calls: Vec<u32> = chosen.iter().map(|&i| run(contenders, i, None) as u32).collect();
    let mut rounds = vec![Vec::new(); chosen.len()];
    let mut beside = vec![0.0_f64; peaks.len()];
    for round in 0..plan.rounds {
        for (peak, best) in peaks.iter().zip(&mut beside) {
            *best = best.max(peak.measure(Duration::from_millis(1)));
        }
        // Each round begins with another contender.
        for step in 0..chosen.len() {
            let at = (round + step) % chosen.len();
            let seconds = run(contenders, chosen[at], Some(calls[at]));
            rounds[at].push(x.shape.flop() / seconds / 1e9);
        }
    }
    for (highest, beside) in highest.iter_mut().zip(&beside) {
        *highest = highest.max(*beside);
    }
    let of_peak = |contender: &Contender, gflops: f64| {
        let own = peaks.iter().position(|peak| peak.isa == contender.isa).unwrap_or(0);
        beside.get(own).map(|peak| 100.0 * gflops / peak)
    };
    chosen
        .iter()
        .zip(rounds)
        .map(|(&contender, rounds)| {
            let throughput = Throughput::of(rounds);
            let percent_of_peak = of_peak(&contenders[contender], throughput.median);
            Measured { shape: x.shape, contender, throughput, percent_of_peak }
        })
        .collect()
}

// ---- reporting ----

/// Three digits, so that slow and fast ones line up.
fn gflops(value: f64) -> String {
    if value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_string(), |value| format!("{value:.0}%"))
}

fn header(contenders: &[Contender], peaks: &[Peak], plan: Plan) -> String {
    let isas: Vec<&str> = Isa::ALL.into_iter().filter(|isa| isa.is_available()).map(Isa::name).collect();
    let isa = contenders.iter().find(|c| c.role == Role::Rival).map_or("", |c| c.isa);
    let peaks: Vec<&str> = peaks.iter().map(|peak| peak.isa).collect();
    format!(
        "mnist-fast-kernels {} against matrixmultiply {} (its avx512 feature is on; here it runs {isa})\n\
         cpu      {}\n\
         isas     {}; FMA peak measured on {}\n\
         rustc    {}\n\
         threads  1\n\
         method   {} rounds in turns of {} ms or one sample, samples of {} us or more, operands warm; \
         median, best and spread of the rounds\n",
        locked_version("mnist-fast-kernels"),
        locked_version("matrixmultiply"),
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
fn json_line(result: &Measured, contender: &Contender) -> String {
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

/// A file that appears whole or not at all.
struct JsonFile {
    target: PathBuf,
    temporary: PathBuf,
    file: fs::File,
}

impl JsonFile {
    /// Before the first measurement, so that a wrong name costs no minute.
    fn create(target: &Path) -> io::Result<JsonFile> {
        if target.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let mut temporary = target.as_os_str().to_owned();
        temporary.push(".tmp");
        let temporary = PathBuf::from(temporary);
        let file = fs::File::create(&temporary)?;
        Ok(JsonFile { target: target.to_path_buf(), temporary, file })
    }

    fn finish(mut self, lines: &str) -> io::Result<()> {
        self.file.write_all(lines.as_bytes())?;
        self.file.sync_all()?;
        fs::rename(&self.temporary, &self.target)
    }
}

/// The median of `contender` on `shape`.
fn find<'a>(results: &'a [Measured], shape: &Shape, contender: usize) -> Option<&'a Measured> {
    let shape = shape.to_string();
    results.iter().find(|result| result.contender == contender && result.shape.to_string() == shape)
}

/// The best of `rivals` on `shape`, by its best round.
fn best_rival(results: &[Measured], shape: &Shape, rivals: &[usize]) -> Option<f64> {
    let best = rivals.iter().filter_map(|&rival| Some(find(results, shape, rival)?.throughput.best));
    best.max_by(f64::total_cmp)
}

/// Places in the table of those that fulfil `wanted`.
fn places(contenders: &[Contender], wanted: impl Fn(&Contender) -> bool) -> Vec<usize> {
    (0..contenders.len()).filter(|&i| wanted(&contenders[i])).collect()
}

fn table(results: &[Measured], groups: &[Group], contenders: &[Contender]) -> Table {
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
fn summary(results: &[Measured], contenders: &[Contender]) -> Vec<String> {
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

// ---- main ----

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
    let (groups, mut contenders) = (groups(), contenders());
    let labels: Vec<String> = contenders.iter().map(Contender::label).collect();
    let chosen_for = |shape: &Shape| -> Vec<usize> {
        places(&contenders, |c| shape.flop() <= c.max_flop && options.selects(&shape.to_string(), &c.label()))
    };
    let work: Vec<(Shape, Vec<usize>)> = groups
        .iter()
        .flat_map(|group| &group.shapes)
        .map(|shape| (*shape, chosen_for(shape)))
        .filter(|(_, chosen)| !chosen.is_empty())
        .collect();
    if work.is_empty() {
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
        writeln!(out, "{}", header(&contenders, &peaks, plan)).map_err(broken)?;
    }

    let mut results = Vec::new();
    let mut lines = String::new();
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
            let Throughput { median, best, spread } = result.throughput;
            writeln!(
                out,
                "  {:<22} {:>5} GFLOP/s {:>5} of peak   best {:>5}   spread {:>3.0}%{}",
                labels[result.contender],
                gflops(median),
                percent(result.percent_of_peak),
                gflops(best),
                100.0 * spread,
                if spread > Throughput::SPREAD_LIMIT { " !" } else { "" },
            )
            .map_err(broken)?;
            lines += &json_line(&result, &contenders[result.contender]);
            results.push(result);
        }
    }
    if !options.measure {
        let count: usize = work.iter().map(|(_, chosen)| chosen.len()).sum();
        return writeln!(out, "{count} results on {} shapes agree with f64", work.len()).map_err(broken);
    }

    if let Some(json) = json {
        let target = json.target.clone();
        json.finish(&lines)
            .map_err(|error| Failure(format!("cannot write {}: {error}", target.display()), 1))?;
        writeln!(out, "\nwritten: {}", target.display()).map_err(broken)?;
    }
    let mut end = format!("\n{}\n", table(&results, &groups, &contenders));
    for (peak, gflops) in peaks.iter().zip(&highest) {
        end += &format!("FMA peak {}: {gflops:.0} GFLOP/s at best in this run\n", peak.isa);
    }
    let void = results.iter().filter(|r| r.throughput.spread > Throughput::SPREAD_LIMIT).count();
    if void > 0 {
        end += &format!(
            "{void} of {} results (marked ! above) spread by more than 25 %: the machine was not idle, \
             and they are void\n",
            results.len()
        );
    }
    end += "Cells are medians of the rounds, * the best of the row. Ratios: our median / the rival's best round.\n";
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
