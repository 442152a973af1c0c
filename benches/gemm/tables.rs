//! The tables at the end, the closing one last: ours against the best rival of each shape.

use mnist_fast_benches::contender::{Contender, Role};
use mnist_fast_benches::shapes::Shape;
use mnist_fast_benches::table::Table;
use mnist_fast_benches::timing::{Throughput, geometric_mean};

use crate::groups::Group;
use crate::measuring::{Measured, Section};
use crate::ops::Op;
use crate::reporting::{gflops, percent};

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

/// The best round of each of `columns` on each shape, the best rival among them, and what the first of ours among them
/// is against that one and against one thread.
pub(crate) fn shapes_table(section: &Section, columns: &[usize]) -> Table {
    let contenders = &section.contenders;
    let with = |role| columns.iter().copied().filter(|&i| contenders[i].role == role).collect::<Vec<_>>();
    let (rivals, ours) = (with(Role::Rival), with(Role::Ours).first().copied());
    let scales = !with(Role::Baseline).is_empty();
    let mut table = Table::default();
    let head = |first: &str, text: fn(&Contender) -> String, last: &[&str]| {
        let columns = columns.iter().map(|&i| text(&contenders[i]));
        let last = last.iter().filter(|text| scales || !text.contains("one")).map(|text| (*text).to_string());
        [first.to_string()].into_iter().chain(columns).chain(last).collect()
    };
    table.row(head("best GFLOP/s,", |c| c.name.clone(), &["best", "ours /", "ours /"]));
    table.row(head("% of ISA's peak", isa_and_threads, &["rival", "rival", "one thr."]));
    for group in &section.groups {
        let measured = |shape: &&Shape| columns.iter().any(|&i| section.find(shape, i).is_some());
        let shapes: Vec<&Shape> = group.shapes.iter().filter(measured).collect();
        if !shapes.is_empty() {
            table.heading(&group.title);
        }
        for shape in shapes {
            let rival = section.best_of(shape, &rivals);
            let mut cells = vec![format!("  {shape}")];
            cells.extend(columns.iter().map(|&i| match section.find(shape, i) {
                None => "-".to_string(),
                Some(result) => {
                    let mark = if rival.is_some_and(|rival| rival.contender == i) { "*" } else { "" };
                    let Throughput { median, best, .. } = result.throughput;
                    let percent = percent(result.percent_of_peak.map(|of_median| of_median * best / median));
                    format!("{mark}{} {percent:>4}", gflops(best))
                }
            }));
            let own = ours.and_then(|ours| section.find(shape, ours));
            cells.push(rival.map_or("-", |rival| &contenders[rival.contender].name).to_string());
            cells.push(factor(own.zip(rival).map(|(own, rival)| ratio(own, rival))));
            if scales {
                cells.push(factor(own.and_then(|own| section.times_one_thread(own))));
            }
            table.row(cells);
        }
    }
    table
}

fn isa_and_threads(contender: &Contender) -> String {
    match contender.threads {
        1 => contender.isa.clone(),
        threads => format!("{}, {threads} thr.", contender.isa),
    }
}

fn factor(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_string(), |value| format!("{value:.2}"))
}

/// Best round by best round.
fn ratio(ours: &Measured, rival: &Measured) -> f64 {
    ours.throughput.best / rival.throughput.best
}

/// The columns of the section's tables: everybody as it chooses itself, then everybody on AVX2, where that is not the
/// same.
pub(crate) fn column_sets(section: &Section) -> Vec<Vec<usize>> {
    let mut sets = vec![section.places(|c| !c.capped)];
    if section.contenders.iter().any(|c| c.capped) {
        sets.push(section.places(|c| c.isa == "avx2"));
    }
    sets.retain(|columns| !columns.is_empty());
    sets
}

/// What the plain product is to reach against the best rival: geometric mean, and worst shape.
const GOAL: &str = "1.00, 0.90";
/// What two threads are to reach against one, on every square.
const GOAL_OF_TWO: &str = "-, 1.90";

/// The closing table: geometric mean and worst of ours against the best rival of each shape.
pub(crate) fn closing_table(sections: &[Section]) -> Table {
    let mut table = Table::default();
    let head = ["best round by best round", "shapes", "mean", "worst", "goal", "worst shape", "there"];
    table.row(head.map(str::to_string).to_vec());
    for section in sections {
        let contenders = &section.contenders;
        let threads = match section.threads {
            1 => "1 thread".to_string(),
            threads => format!("{threads} threads"),
        };
        let ours = section.places(|c| matches!(c.role, Role::Ours | Role::Packed));
        let Some(&first) = ours.iter().find(|&&i| contenders[i].role == Role::Ours) else { continue };
        let widest = section.places(|c| c.role == Role::Rival && !c.capped);
        for &own in &ours {
            let Contender { name, isa, role, .. } = &contenders[own];
            let what = format!("{threads}: {name} {isa}");
            let goal = if *role == Role::Ours && section.threads == 1 { GOAL } else { "" };
            // The first of ours meets everybody as it is, the others meet their own ISA.
            if *isa == contenders[first].isa {
                compare(
                    &mut table,
                    section,
                    |group| group.counts,
                    own,
                    &widest,
                    [&format!("{what} / best rival"), goal],
                );
            } else {
                let rivals = section.places(|c| c.role == Role::Rival && c.isa == *isa);
                let what = format!("{what} / best rival on {isa}");
                compare(&mut table, section, |group| group.counts, own, &rivals, [&what, goal]);
            }
            for beside in section.places(|c| c.role == Role::Beside && c.isa == *isa) {
                let what = format!("{what} / {}", contenders[beside].name);
                compare(&mut table, section, |group| group.counts, own, &[beside], [&what, ""]);
            }
        }
        let one = section.places(|c| c.role == Role::Baseline);
        let what = format!("ours on {threads} / on 1");
        compare(
            &mut table,
            section,
            |group| group.squares,
            first,
            &one,
            [&format!("{what}, squares"), GOAL_OF_TWO],
        );
        compare(
            &mut table,
            section,
            |group| !group.squares,
            first,
            &one,
            [&format!("{what}, other shapes"), ""],
        );
    }
    table
}

/// A row of the closing table: `ours` against the best of `rivals` on each shape of the groups that `counts` names; no row
/// where no shape has both.
fn compare(
    table: &mut Table,
    section: &Section,
    counts: impl Fn(&Group) -> bool,
    ours: usize,
    rivals: &[usize],
    [what, goal]: [&str; 2],
) {
    let mut worst: Option<(f64, &Measured, &Measured)> = None;
    let mut ratios = Vec::new();
    for shape in section.groups.iter().filter(|group| counts(group)).flat_map(|group| &group.shapes) {
        let Some(result) = section.find(shape, ours) else { continue };
        let Some(rival) = section.best_of(shape, rivals) else { continue };
        let ratio = ratio(result, rival);
        ratios.push(ratio);
        if worst.is_none_or(|(lowest, ..)| ratio < lowest) {
            worst = Some((ratio, result, rival));
        }
    }
    let (Some((lowest, result, rival)), Some(mean)) = (worst, geometric_mean(&ratios)) else { return };
    table.row(vec![
        what.to_string(),
        ratios.len().to_string(),
        format!("{mean:.2}"),
        format!("{lowest:.2}"),
        goal.to_string(),
        result.shape.to_string(),
        section.contenders[rival.contender].name.clone(),
    ]);
}
