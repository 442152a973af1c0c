//! The known datasets: which are here, and whether a dataset's bytes are the published ones.

use mnist_fast::dataset::known::{self, KNOWN, Known, Place};
use mnist_fast::dataset::{CacheDir, Fingerprint, Options, Origin, fingerprints};
use mnist_fast::{Error, Result};
use serde_json::json;

use crate::output::{self, JsonLine};

/// `--list`.
pub(super) fn list(json: bool) -> Result<()> {
    for known in &KNOWN {
        let options = Options::new(known.name);
        let place = known.place(&options);
        if json {
            let (here, folders) = match &place {
                Ok(Place::Program) => (true, vec![]),
                Ok(Place::Folders(folders)) => (true, folders.clone()),
                Ok(Place::Incomplete(folders, _)) => (false, folders.clone()),
                Ok(Place::Nowhere) | Err(_) => (false, vec![]),
            };
            let folders: Vec<_> = folders.iter().map(|folder| folder.to_string_lossy()).collect();
            let line = JsonLine::new().with("dataset", known.name).with("title", known.title);
            let line = line.with("licence", known.licence).with("here", here);
            let line =
                line.with("bundled", matches!(place, Ok(Place::Program))).with("folders", json!(folders));
            let line = line.with("address", known.address).with("debian_package", known.debian_package);
            output::line(line.with("class_names", json!(known.class_names)).finish())?;
        } else {
            output::line(format_args!(
                "{:<16} {}, {}\n{:16} {}",
                known.name,
                known.title,
                known.licence,
                "",
                whereabouts(known, place)
            ))?;
        }
    }
    Ok(())
}

/// Where a dataset is, or what to do about it.
fn whereabouts(known: &Known, place: Result<Place>) -> String {
    let get = match known.debian_package {
        Some(package) => format!("apt install {package}, or see mnist-fast inspect --data {}", known.name),
        None => format!("mnist-fast inspect --data {} says how to get it", known.name),
    };
    let list = |folders: &[std::path::PathBuf]| {
        folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(" and ")
    };
    match place {
        Ok(Place::Program) => "in this program".into(),
        Ok(Place::Folders(folders)) => format!("in {}", list(&folders)),
        Ok(Place::Incomplete(folders, name)) => format!("in {}, but without {name}: {get}", list(&folders)),
        Ok(Place::Nowhere) => format!("not here: {get}"),
        Err(error) => format!("not to be had: {error}"),
    }
}

/// `--verify`.
pub(super) fn verify(options: &Options, json: bool) -> Result<()> {
    let found = fingerprints(options)?;
    found.notices.iter().for_each(output::stderr);
    for file in &found.files {
        let verdict = match file.origin {
            Origin::Published(name) => format!("as published: {name}"),
            Origin::Differs(expected) => format!("differs: published is {expected}"),
            Origin::Unknown => "no published hash to compare with".into(),
        };
        if json {
            let (of, expected) = match file.origin {
                Origin::Published(name) => (Some(name), Some(file.sha256.as_str())),
                Origin::Differs(expected) => (None, Some(expected)),
                Origin::Unknown => (None, None),
            };
            let line = JsonLine::new().with("file", file.role).with("path", file.path.as_str());
            let line = line.with("sha256", file.sha256.as_str()).with("published_sha256", expected);
            output::line(line.with("as_published_in", of).finish())?;
        } else {
            output::line(format_args!("{}\n  sha256 {}\n  {verdict}", file.path, file.sha256))?;
        }
    }
    judge(&options.data, &found.files)
}

/// The error for files that are not what they should be.
fn judge(data: &str, files: &[Fingerprint]) -> Result<()> {
    if let Some(wrong) = files.iter().find(|file| matches!(file.origin, Origin::Differs(_))) {
        // Only a raw file, or an unpacked copy that a stamp wrongly vouches for, gets this far.
        let copies = CacheDir::user().path().map(|cache| cache.join(data));
        let fix = match copies {
            Some(copies) if wrong.path.ends_with(".gz") => {
                format!("delete {}, and the next run unpacks it again", copies.display())
            }
            _ => "delete it and get it again".into(),
        };
        return Err(Error::failed(format!("{} is not as published; {fix}", wrong.path)));
    }
    let names: Vec<&str> = files
        .iter()
        .filter_map(|file| match file.origin {
            Origin::Published(name) => Some(name),
            Origin::Differs(_) | Origin::Unknown => None,
        })
        .collect();
    if names.len() < files.len() {
        return Err(Error::failed(match known::find(data) {
            Some(known) => format!(
                "{data} cannot be verified: this release does not know the SHA-256 of its files unpacked; compare those of the .gz files at {}",
                known.address
            ),
            None => format!(
                "{} of {} files in {data} are no known dataset's; if they should be, get them again",
                files.len() - names.len(),
                files.len()
            ),
        }));
    }
    match names.iter().find(|name| **name != names[0]) {
        Some(other) => Err(Error::failed(format!(
            "{data} mixes files of {} and {other}; put each into a folder of its own",
            names[0]
        ))),
        None => Ok(()),
    }
}
