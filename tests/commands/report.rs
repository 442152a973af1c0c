//! What `train` and `eval` write beside a model: the report, the curves, the log.

use std::fs;
use std::path::Path;

use crate::mnist;
use crate::program::{fails, folder, json, program, run, small_mnist, succeeds, text};
use crate::scratch::{self, Scratch, files_under, labels};
use serde_json::Value;

const HTML: &str = "http://www.w3.org/1999/xhtml";
const SVG: &str = "http://www.w3.org/2000/svg";

/// Checks that a document is well-formed XML as far as elements, attributes and references go, and returns its text
/// without tags, each element's on a line of its own.
#[track_caller]
fn well_formed(document: &str) -> String {
    let (mut open, mut words) = (vec![], String::new());
    let mut rest = document.strip_prefix("<!DOCTYPE html>").unwrap_or(document).trim_end();
    while let Some(start) = rest.find('<') {
        let (before, tag) = rest.split_at(start);
        assert!(open.is_empty() == before.trim().is_empty() || !open.is_empty(), "text outside: {before}");
        words.push_str(&unescaped(before));
        words.push('\n');
        let end = tag.find('>').expect("a tag that ends");
        let inside = &tag[1..end];
        rest = &tag[end + 1..];
        if let Some(name) = inside.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "closed by </{name}>");
            continue;
        }
        let inside = inside.strip_suffix('/').map_or((inside, false), |inside| (inside, true));
        let (name, attributes) = inside.0.split_once(' ').unwrap_or((inside.0, ""));
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "<{name}");
        let parts: Vec<&str> = attributes.split('"').collect();
        assert!(attributes.is_empty() || parts.len() % 2 == 1, "{attributes}");
        let mut names: Vec<&str> = parts.chunks_exact(2).map(|pair| pair[0].trim()).collect();
        assert!(names.iter().all(|name| name.ends_with('=') && !name.contains(' ')), "{attributes}");
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "an attribute twice: {attributes}");
        parts.chunks_exact(2).for_each(|pair| _ = unescaped(pair[1]));
        if !inside.1 {
            open.push(name);
        } else if !open.contains(&"svg") {
            assert!(["meta", "link", "img", "br"].contains(&name), "HTML does not close <{name}/>");
        }
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest}");
    words
}

#[track_caller]
fn unescaped(text: &str) -> String {
    for (i, _) in text.match_indices('&') {
        let known = ["&amp;", "&lt;", "&gt;", "&quot;"].iter().any(|known| text[i..].starts_with(known));
        assert!(known, "{text}");
    }
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

/// Reads a page, which must be well-formed, small, and fetch nothing; returns it and its words.
#[track_caller]
fn page(path: &Path) -> (String, String) {
    let html = fs::read_to_string(path).unwrap();
    let words = well_formed(&html);
    assert!(html.len() < 1_500_000, "{} bytes", html.len());
    assert!(html.starts_with("<!DOCTYPE html>\n<html lang=\"en\""), "{}", &html[..200]);
    let own = html.replace(HTML, "").replace(SVG, "");
    for foreign in ["http:", "https:", "//", "<script", "javascript", "@import", "url(", "NaN", "\"inf"] {
        let base64 = |i: usize| {
            own[..i].rfind("data:image/png;base64,").is_some_and(|from| !own[from..i].contains('"'))
        };
        assert!(own.match_indices(foreign).all(|(i, _)| foreign == "//" && base64(i)), "{foreign}");
    }
    assert!(html.contains("default-src 'none'"));
    let images = html.matches("<img ").count();
    assert_eq!(html.matches("src=\"data:image/png;base64,").count(), images);
    assert_eq!(html.matches("alt=\"").count(), images);
    (html, words)
}

fn line(words: &str, line: &str) -> bool {
    words.lines().any(|found| found == line)
}

struct Files {
    scratch: Scratch,
    data: String,
}

impl Files {
    fn new(train: usize, test: usize) -> Self {
        let scratch = small_mnist(train, test);
        Files { data: folder(&scratch), scratch }
    }

    fn path(&self, name: &str) -> String {
        self.scratch.path(name).display().to_string()
    }

    /// Arguments of a short training.
    fn train<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        [&["train", "--data", &self.data, "--hidden", "16", "--epochs", "2"], more].concat()
    }
}

#[test]
fn a_page_a_plot_and_logs_tell_what_json_tells() {
    let files = Files::new(600, 100);
    files
        .scratch
        .put("classes.txt", "<b>&\"\none\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n".as_bytes());
    let [report, plot, csv, model] =
        ["r.html", "p.svg", "l.csv", "m.safetensors"].map(|name| files.path(name));
    let options = ["--json", "--report", &report, "--plot", &plot, "--log", &csv, "--save", &model];
    let out = succeeds(&files.train(&options));
    let events = json(&out);
    let (epochs, end) = (&events[1..3], &events[3]);

    // The log has every digit.
    let log = fs::read_to_string(&csv).unwrap();
    let mut lines = log.lines();
    let names = "epoch,loss,accuracy,val_loss,val_accuracy,seconds,train_seconds,images_per_second";
    assert_eq!(lines.next(), Some(names));
    for line in out.lines().skip(1).take(2) {
        // Of the text: reading a number here may cost its last digit.
        let value = |name: &str| {
            let rest = line.split(&format!("\"{name}\":")).nth(1).unwrap();
            rest[..rest.find([',', '}']).unwrap()].to_owned()
        };
        let values: Vec<String> = names.split(',').map(value).collect();
        assert_eq!(lines.next(), Some(values.join(",").as_str()));
    }
    assert_eq!(lines.next(), None);

    // The page has the rounded values.
    let (html, words) = page(Path::new(&report));
    let accuracy = end["test_accuracy"].as_f64().unwrap();
    assert!(line(&words, &format!("{:.2} %", 100.0 * accuracy)), "{words}");
    assert!(line(&words, &format!("{:.4}", end["test_loss"].as_f64().unwrap())));
    let interval = |i: usize| 100.0 * end["test_accuracy_ci95"][i].as_f64().unwrap();
    assert!(line(&words, &format!("95 % interval {:.2}\u{2013}{:.2}", interval(0), interval(1))));
    for epoch in epochs {
        let figure = |name: &str| format!("{:.4}", epoch[name].as_f64().unwrap());
        let row: String = ["loss", "accuracy", "val_loss", "val_accuracy"]
            .map(|name| format!("<td>{}</td>", figure(name)))
            .concat();
        assert!(html.contains(&format!("<th scope=\"row\">{}</th>{row}", epoch["epoch"])), "{row}");
        for (name, series) in [("loss", "training"), ("val_accuracy", "validation")] {
            let hint = format!("{series}, epoch {}: {}", epoch["epoch"], figure(name));
            assert!(line(&words, &hint), "{hint}");
        }
    }
    assert!(line(&words, end["weights_sha256"].as_str().unwrap()));
    let published = mnist_fast::dataset::known::KNOWN[0].sha256.unwrap();
    assert!(!published.iter().any(|hash| words.contains(hash)), "600 images are not all of MNIST");
    let bytes = fs::read(files.scratch.path("data").join("t10k-images-idx3-ubyte")).unwrap();
    assert!(line(&words, &mnist_fast::hash::sha256_hex(&bytes)));
    assert!(line(&words, &files.data) && line(&words, "rmsprop") && line(&words, "0.001"), "{words}");

    // Names are text, whatever is in them.
    assert!(!html.contains("<b>&\"") && html.contains("0 &lt;b&gt;&amp;&quot;"), "{html}");
    assert!(line(&words, "0 <b>&\""));

    // `eval` has the same matrix, classes and mistakes.
    let evaluated = json(&succeeds(&["eval", &model, "--json", "--mistakes", "25"])).remove(0);
    let matrix_of = |html: &str| {
        html[html.find("<table class=\"matrix").unwrap()..].split("</table>").next().unwrap().to_owned()
    };
    let cells: Vec<u64> = matrix_of(&html)
        .split("<td")
        .skip(2) // the corner
        .map(|cell| cell[cell.find('>').unwrap() + 1..cell.find('<').unwrap()].parse().unwrap_or(0))
        .collect();
    let rows = evaluated["confusion"].as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap());
    assert_eq!(cells, rows.map(|count| count.as_u64().unwrap()).collect::<Vec<_>>());
    let mistakes = evaluated["mistakes"].as_array().unwrap();
    assert_eq!(html.matches("<img ").count(), mistakes.len());
    let alt = format!("alt=\"Image {}: ", mistakes[0]["index"]);
    assert!(html.find(&alt).unwrap() < html.find("alt=\"Image ").unwrap() + 1, "the worst comes first");
    for class in evaluated["classes"].as_array().unwrap() {
        let figure = |name: &str| class[name].as_f64().map_or("\u{2013}".into(), |x| format!("{x:.4}"));
        let row = ["precision", "recall", "f1"].map(|name| format!("<td>{}</td>", figure(name))).concat();
        assert!(html.contains(&format!("</th>{row}<td>{}</td>", class["images"])), "{row}");
    }

    // Its own report has all of that but the curves.
    let other = files.path("e.html");
    let out = succeeds(&["eval", &model, "--report", &other]);
    assert!(out.ends_with(&format!("wrote {other}\n")), "{out}");
    let (of_eval, words) = page(Path::new(&other));
    assert_eq!(matrix_of(&of_eval), matrix_of(&html));
    assert!(!words.contains("Curves") && line(&words, end["weights_sha256"].as_str().unwrap()));
    assert!(line(&words, &model) && line(&words, "rmsprop"), "{words}");

    let svg = fs::read_to_string(&plot).unwrap();
    assert!(svg.starts_with(&format!("<svg xmlns=\"{SVG}\"")) && svg.matches("http").count() == 1);
    let words = well_formed(&svg);
    assert!(line(&words, "Loss") && line(&words, "Accuracy"), "{words}");
    let left: Vec<String> = files_under(&files.scratch.path(""));
    assert!(left.iter().all(|name| !name.ends_with(".tmp")), "{left:?}");
}

#[test]
fn the_verdict_is_the_terminals_and_jsonl_is_jsons() {
    let files = Files::new(300, 0);
    let [report, log] = ["r.htm", "l.JSONL"].map(|name| files.path(name));
    fs::write(&log, "{\"event\":\"of an earlier run\"}\n".repeat(100)).unwrap();
    let more = ["--validation", "50", "--report", &report, "--log", &log];
    let out = succeeds(&files.train(&more));
    let verdict = out
        .lines()
        .find(|line| line.starts_with("validation loss") || line.starts_with("the network"))
        .unwrap();
    let (_, words) = page(Path::new(&report));
    let sentence = format!("{}{}.", verdict[..1].to_uppercase(), &verdict[1..]);
    assert!(line(&words, &sentence), "{sentence}: {words}");
    // Without test images the validation images are looked at.
    assert!(line(&words, "Accuracy, validation") && line(&words, "Worst mistakes, validation"), "{words}");
    let wrote: Vec<&str> = out.lines().filter(|line| line.starts_with("wrote ")).collect();
    assert_eq!(wrote, [format!("wrote {report}"), format!("wrote {log}")]);
    let last = out.lines().last().unwrap();
    assert!(last.starts_with("weights sha256 ") && line(&words, &last[15..]), "{last}");

    let lines = fs::read_to_string(&log).unwrap();
    let events: Vec<Value> = json(&lines);
    assert_eq!(events.len(), 2);
    for (i, event) in events.iter().enumerate() {
        assert_eq!((&event["event"], &event["epoch"]), (&"epoch".into(), &(i + 1).into()));
        assert!(event["val_loss"].is_f64() && event["images_per_second"].is_f64(), "{event}");
    }
    // The same training as JSON has the same lines, but for its seconds.
    let again = json(&succeeds(&files.train(&["--validation", "50", "--json"])));
    for (one, other) in events.iter().zip(&again[1..]) {
        let members = |event: &Value| event.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(members(one), members(other));
        for name in ["loss", "accuracy", "val_loss", "val_accuracy"] {
            assert_eq!(one[name], other[name]);
        }
    }
}

#[test]
fn one_epoch_without_validation_or_test_images() {
    let files = Files::new(300, 0);
    let [report, plot, log] = ["r.html", "p.svg", "l.csv"].map(|name| files.path(name));
    let more = ["--validation", "0", "--lr", "0.01", "--report", &report, "--plot", &plot, "--log", &log];
    let mut arguments = files.train(&more);
    arguments[6] = "1";
    succeeds(&arguments);
    let (html, words) = page(Path::new(&report));
    assert!(
        words.contains("No images were held out") && words.contains("neither test nor validation images")
    );
    assert!(
        !html.contains("<img ") && !html.contains("class=\"matrix") && !html.contains("point validation")
    );
    // One point in each chart, and one in the legends of loss and accuracy.
    assert_eq!(html.matches("<circle").count(), 3 + 2);
    assert_eq!(fs::read_to_string(&plot).unwrap().matches("<circle").count(), 2 + 2);
    let log = fs::read_to_string(&log).unwrap();
    let cells: Vec<&str> = log.lines().nth(1).unwrap().split(',').collect();
    assert_eq!((cells.len(), cells[0], cells[3], cells[4]), (8, "1", "", ""));
}

/// Labels and image numbers are the dataset's, with names or without; one logit has two classes.
#[test]
fn chosen_classes_go_by_their_labels() {
    let files = Files::new(300, 100);
    let [report, again, model] = ["r.html", "e.html", "m.safetensors"].map(|name| files.path(name));
    let data = mnist::mnist();
    let test = mnist::test(&data).range(0..100);
    for (loss, named) in [("binary", false), ("categorical", true)] {
        if named {
            files.scratch.put("classes.txt", b"a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
        }
        // Without learning there are mistakes.
        let options =
            ["--classes", "8,3", "--loss", loss, "--lr", "0", "--report", &report, "--save", &model];
        succeeds(&files.train(&options));
        let found = json(&succeeds(&["eval", &model, "--json", "--report", &again])).remove(0);
        for path in [&report, &again] {
            let (html, words) = page(Path::new(path));
            let heads = if named { ["8 i", "3 d"] } else { ["8", "3"] };
            for (i, head) in heads.iter().enumerate() {
                assert!(html.contains(&format!("<th scope=\"row\">{head}</th>")), "{words}");
                assert!(html.contains(&format!("<th scope=\"col\" title=\"{head}\">{}</th>", [8, 3][i])));
            }
            assert_eq!(html.matches("<th scope=\"col\" title").count(), 2);
            assert!(words.contains(", 2 of 10 classes, 784-16-") && line(&words, "8, 3"), "{words}");
            let numbers = words.lines().filter_map(|line| line.strip_prefix("image ")?.parse().ok());
            let numbers: Vec<usize> = numbers.collect();
            assert!(
                !numbers.is_empty() && numbers.iter().all(|i| [3, 8].contains(&test.labels[*i])),
                "{numbers:?}"
            );
            let told = found["mistakes"].as_array().unwrap().iter();
            let told: Vec<_> = told.map(|mistake| mistake["index"].as_u64().unwrap() as usize).collect();
            assert!(numbers.starts_with(&told) && !told.is_empty(), "{numbers:?} {told:?}");
        }
    }
}

#[test]
fn many_classes_large_images_and_many_epochs_fit() {
    let scratch = Scratch::new();
    // Noise, which no PNG makes smaller.
    let mut state = 1u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let (count, rows, cols) = (256u32, 70, 90);
    let pixels: Vec<u8> = (0..count * rows * cols).map(|_| noise()).collect();
    let truths: Vec<u8> = (0..count).map(|i| i as u8).collect();
    for part in ["train", "t10k"] {
        scratch.put(&format!("{part}-images-idx3-ubyte"), &scratch::idx(8, &[count, rows, cols], &pixels));
        scratch.put(&format!("{part}-labels-idx1-ubyte"), &labels(&truths));
    }
    let name = |i: u32| format!("<{i}>&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&&\n");
    scratch.put("classes.txt", (0..count).map(name).collect::<String>().as_bytes());
    let (data, report) = (folder(&scratch), scratch.path("r.html").display().to_string());
    let train = ["train", "--data", &data, "--hidden", "1", "--lr", "0", "--batch-size", "256"];
    succeeds(
        &[&train[..], &["--validation", "4", "--epochs", "450", "--report", &report, "--quiet"]].concat(),
    );
    let (html, words) = page(Path::new(&report));
    assert!(
        words.contains("Of 450 epochs, one in 3 is listed.") && html.contains("256 classes as a picture")
    );
    assert_eq!(html.matches("<img ").count(), 25);
    assert!(html.contains("<th scope=\"row\">450</th>") && html.contains("<th scope=\"row\">1</th>"));
}

#[test]
fn targets_are_checked_before_training() {
    let files = Files::new(100, 20);
    let there = |name: &str| files.path(name);
    let [report, plot, log, model] = ["r.html", "p.svg", "l.csv", "m.html"].map(there);
    let (folder_of_html, missing) = (there("data"), there("no-such-folder/r.html"));
    fs::create_dir(files.scratch.path("d.csv")).unwrap();
    let directory = there("d.csv");
    let dotted = format!("{}/../m.html", folder_of_html);
    let keep = fs::write(&log, "epoch,kept").is_ok();
    for (code, more, part) in [
        (2, &["--log", "l.txt"][..], "--log l.txt: expected a name that ends in .csv or .jsonl"),
        (2, &["--log", "csv"], ".csv or .jsonl"),
        (2, &["--report", "r.svg"], "--report r.svg: expected a name that ends in .html"),
        (2, &["--plot", "p.png"], "--plot p.png: expected a name that ends in .svg"),
        (2, &["--report"], "--report needs a value"),
        (2, &["--repot", "x"], "did you mean --report?"),
        (2, &["--save", &model, "--report", &dotted], "are the same file; give each its own"),
        (2, &["--init", &log, "--log", &log], "--log"),
        (1, &["--report", &missing], "does not exist; create it first"),
        (1, &["--log", &directory], "a log cannot be saved as"),
        (1, &["--log", "/no-such-folder/l.csv"], "does not exist; create it first"),
        (1, &["--plot", "no-such-folder/p.svg", "--log", &log], "no-such-folder"),
    ] {
        let error = fails(code, &files.train(more));
        assert!(error.contains(part), "{more:?}: {error}");
    }
    // A link to what is not there yet.
    #[cfg(unix)]
    {
        let link = there("link.csv");
        std::os::unix::fs::symlink("r.html", &link).unwrap();
        let error = fails(2, &files.train(&["--report", &report, "--log", &link]));
        assert!(error.contains("are the same file"), "{error}");
    }
    // What was there is still there, also where the data turns out to be wrong.
    let error =
        fails(1, &["train", "--data", "./no-such-data", "--log", &log, "--report", &report, "--plot", &plot]);
    assert!(error.contains("no-such-data") && keep, "{error}");
    assert_eq!(fs::read(&log).unwrap(), b"epoch,kept");
    assert!(!Path::new(&report).exists() && !Path::new(&plot).exists());
    let error = fails(2, &["eval", &model, "--report", &model]);
    assert!(error.contains("are the same file"), "{error}");
    assert!(fails(1, &["eval", &model, "--report", &missing]).contains("does not exist; create it first"));
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_told_before_training() {
    use std::os::unix::fs::PermissionsExt;

    let files = Files::new(100, 20);
    let locked = files.scratch.path("locked");
    fs::create_dir(&locked).unwrap();
    let log = files.path("locked/l.csv");
    fs::write(&log, "kept\n").unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).unwrap();
    // Root may write anywhere.
    if fs::write(locked.join("probe"), "").is_ok() {
        println!("skipped: this user may write to a read-only folder");
    } else {
        for (option, name) in
            [("--report", "locked/r.html"), ("--plot", "locked/p.svg"), ("--log", "locked/n.csv")]
        {
            let error = fails(1, &files.train(&[option, &files.path(name)]));
            assert!(error.contains("you may not write to the folder"), "{error}");
        }
        // A log that is there already needs no new name.
        succeeds(&files.train(&["--log", &log]));
        assert_eq!(fs::read_to_string(&log).unwrap().lines().count(), 3);
    }
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o755)).unwrap();
}

/// What stood there before is there until the new file is whole.
#[test]
fn a_diverging_run_leaves_its_log_and_an_old_report() {
    let files = Files::new(200, 20);
    let [report, log] = ["r.html", "l.csv"].map(|name| files.path(name));
    fs::write(&report, "<p>an older report").unwrap();
    let more = ["--optimizer", "sgd", "--lr", "1e30", "--report", &report, "--log", &log];
    let output = run(&files.train(&more));
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert_eq!(fs::read(&report).unwrap(), b"<p>an older report");
    assert!(fs::read_to_string(&log).unwrap().starts_with("epoch,loss,"));
    let left = files_under(&files.scratch.path(""));
    assert!(left.iter().all(|name| !name.ends_with(".tmp")), "{left:?}");
}

#[test]
fn whoever_closes_the_pipe_gets_the_files_all_the_same() {
    let files = Files::new(200, 20);
    let report = files.path("r.html");
    let mut child = program(&files.train(&["--report", &report]))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
    page(Path::new(&report));
}
