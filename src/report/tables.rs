//! Tables of epochs, and of names and values.

use super::curves;
use crate::history::Epoch;
use crate::markup::{Markup, Value};
use crate::units::thousands;

/// Of more epochs than this only some stand in the table.
const EPOCHS_MAX: usize = 200;

/// Each epoch's figures, in a box that scrolls.
pub(super) fn epochs(page: &mut Markup, history: &[Epoch]) {
    let best = curves::best(history);
    let is_validated = best.is_some();
    let every = history.len().div_ceil(EPOCHS_MAX);
    page.begin("div", &[]);
    begin_scrolling(page, "tall", "The figures of each epoch");
    page.begin("table", &[("class", "figures epochs".into())]);
    let mut head = vec!["epoch", "loss", "accuracy"];
    head.extend(is_validated.then_some(["val. loss", "val. accuracy"]).into_iter().flatten());
    head.extend(["seconds", "images/s"]);
    header(page, &head);
    page.begin("tbody", &[]);
    for (i, epoch) in history.iter().enumerate() {
        let is_best = best == Some(epoch.epoch);
        if i % every != 0 && !is_best && i + 1 != history.len() {
            continue;
        }
        let class: &[(&str, Value<'_>)] = if is_best { &[("class", "best".into())] } else { &[] };
        page.begin("tr", class).element("th", &[("scope", "row".into())], &epoch.epoch.to_string());
        let figure = |x: f64| format!("{x:.4}");
        let mut cells = vec![figure(epoch.metrics.loss()), figure(epoch.metrics.accuracy())];
        cells.extend(epoch.validation.iter().flat_map(|v| [figure(v.loss()), figure(v.accuracy())]));
        cells.extend([format!("{:.3}", epoch.seconds), thousands(epoch.images_per_second() as usize)]);
        cells.iter().for_each(|cell| _ = page.element("td", &[], cell));
        page.end();
    }
    page.end().end().end();
    let mut note = String::from("Seconds include validation, images per second do not.");
    if is_validated {
        note += " The epoch of lowest validation loss is shaded.";
    }
    if every > 1 {
        note += &format!(" Of {} epochs, one in {every} is listed.", thousands(history.len()));
    }
    page.element("p", &[("class", "note".into())], &note).end();
}

/// Names with their values.
pub(super) fn names_and_values(page: &mut Markup, rows: &[(String, String)], class: &str) {
    page.begin("dl", &[("class", format!("pairs {class}").into())]);
    for (name, value) in rows {
        page.begin("div", &[]).element("dt", &[], name).begin("dd", &[]);
        // A line may end between the options of a command line, not after a hyphen of theirs.
        let mut options = value.split(" --");
        page.text(options.next().unwrap_or_default());
        for option in options {
            page.text(" ").element("span", &[("class", "option".into())], &format!("--{option}"));
        }
        page.end().end();
    }
    page.end();
}

/// A table's head.
pub(super) fn header(page: &mut Markup, names: &[&str]) {
    page.begin("thead", &[]).begin("tr", &[]);
    names.iter().for_each(|name| _ = page.element("th", &[("scope", "col".into())], name));
    page.end().end();
}

/// Opens a box that scrolls by itself, with the keyboard too.
pub(super) fn begin_scrolling(page: &mut Markup, class: &str, label: &str) {
    let attributes = [
        ("class", format!("scroll {class}").into()),
        ("tabindex", "0".into()),
        ("role", "region".into()),
        ("aria-label", label.into()),
    ];
    page.begin("div", &attributes);
}
