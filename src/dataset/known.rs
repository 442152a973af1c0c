//! The datasets this program knows by name: where they are looked for, and how they are got.

use std::path::{Path, PathBuf};

use super::Options;
use super::file::IdxFile;
use super::folder::{self, FILES, Files};
use super::map;
pub use super::published::{KNOWN, Known, Layout, Sums};
use super::stamp;
use super::store::{Packed, Store};
use crate::error::{Error, Result};
use crate::nearest::nearest;

/// The known dataset of this name.
pub fn find(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name == name)
}

/// Where a known dataset's files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this program.
    Program,
    /// In this folder, or where two of them hold different files, in these.
    Folders(Vec<PathBuf>),
    /// Some of them are in these folders, but not this file.
    Incomplete(Vec<PathBuf>, &'static str),
    /// Nowhere.
    Nowhere,
}

impl Known {
    /// Where the four files are, going by names alone: nothing is opened, unpacked or verified.
    pub fn place(&self, options: &Options) -> Result<Place> {
        if cfg!(feature = "bundled-mnist") && self.name == "mnist" {
            return Ok(Place::Program);
        }
        let (mut folders, mut missing) = (Vec::new(), None);
        for name in self.files {
            let mut found = None;
            for folder in self.folders(options.cache.path(), &options.shared) {
                if folder::find_raw(&folder, name)?.is_some() || folder::find_packed(&folder, name)?.is_some()
                {
                    found = Some(folder);
                    break;
                }
            }
            match found {
                Some(folder) if folders.contains(&folder) => {}
                Some(folder) => folders.push(folder),
                None => missing = missing.or(Some(name)),
            }
        }
        Ok(match (folders.is_empty(), missing) {
            (true, _) => Place::Nowhere,
            (false, None) => Place::Folders(folders),
            (false, Some(name)) => Place::Incomplete(folders, name),
        })
    }

    /// The folders to look in, in this order.
    fn folders(&self, cache: Option<&Path>, shared: &Path) -> Vec<PathBuf> {
        let places = || [Some(self.name), self.archive()].into_iter().flatten();
        cache.into_iter().chain([shared]).flat_map(|root| places().map(|name| root.join(name))).collect()
    }

    /// The folder for what is in one archive with other datasets.
    fn archive(&self) -> Option<&'static str> {
        matches!(self.sums, Sums::Archive(_)).then(|| self.name.split('-').next().unwrap_or(self.name))
    }

    /// Opens the four files: those in this program, else those in the cache, else those in the folder `shared`.
    pub(super) fn open(&self, shared: &Path, store: &mut Store) -> Result<Files> {
        let mut verified = true;
        let mut need = |index| match self.open_file(index, shared, store)? {
            Some((file, known)) => {
                verified &= known;
                Ok(file)
            }
            None => Err(self.absent(index, shared, store)),
        };
        let train = (need(0)?, need(1)?);
        let test = (need(2)?, need(3)?);
        if !verified {
            let but = match self.sums {
                Sums::Sha256(_) => ", and its .gz files are not here as they were published",
                Sums::Md5(_) | Sums::Archive(_) => "",
            };
            store.notice(format!(
                "this release does not know the SHA-256 of unpacked {}{but}: its shape is checked, its pixels are not",
                self.name
            ));
        }
        Ok(Files { train, test: Some(test) })
    }

    /// The file, and whether it is known to be what was published.
    fn open_file(&self, index: usize, shared: &Path, store: &mut Store) -> Result<Option<(IdxFile, bool)>> {
        let name = self.files[index];
        let sha256 = self.sha256.map(|all| all[index]);
        let place = Path::new(self.name).join(name);
        #[cfg(feature = "bundled-mnist")]
        if self.name == "mnist" {
            let packed = Packed::Bundled(name, super::bundled::MNIST[index]);
            return store.unpacked(&packed, &place, sha256).map(|file| Some((file, true)));
        }

        let cache = store.path(Path::new(""));
        let mut damaged = None;
        for folder in self.folders(cache.as_deref(), shared) {
            let raw = folder::find_raw(&folder, name)?;
            if let (Some(raw), Some(sha256)) = (&raw, sha256) {
                let (file, metadata) = map::open_regular(raw)?;
                // The folder may be read-only, or another user's: the stamp is kept in the cache.
                let stamp = store.path(&place).map(|target| stamp::path_for(&target)).unwrap_or_default();
                let failed = |error| map::cannot_read(raw, &error);
                if stamp::verify(&file, &stamp, Some(sha256)).map_err(failed)? {
                    store.files.push(raw.clone());
                    return IdxFile::map(&file, metadata.len(), raw.display().to_string(), store.access)
                        .map(|file| Some((file, true)));
                }
            }
            if let Some(packed) = folder::find_packed(&folder, name)? {
                let published = self.sums.sha256_gz(index).filter(|_| sha256.is_none());
                let known = published.map(|sum| is_published(&packed, &place, sum, store)).transpose()?;
                let file = store.unpacked(&Packed::File(&packed), &place, sha256)?;
                return Ok(Some((file, sha256.is_some() || known == Some(true))));
            }
            match (raw, sha256) {
                (Some(raw), None) => return store.raw(&raw).map(|file| Some((file, false))),
                (Some(raw), Some(_)) => damaged = damaged.or(Some(raw)),
                (None, _) => {}
            }
        }
        match damaged {
            None => Ok(None),
            Some(path) => {
                let damaged = format!(
                    "{} is damaged: its SHA-256 is not that of {}; delete it and get it again:",
                    path.display(),
                    self.name
                );
                Err(Error::failed_with(damaged, &self.download(store)))
            }
        }
    }

    fn absent(&self, index: usize, shared: &Path, store: &Store) -> Error {
        let name = self.files[index];
        let mut places = format!("in {}", shared.join(self.name).display());
        if let Some(cached) = store.path(Path::new(self.name)) {
            places = format!("in {} nor {places}", cached.display());
        }
        let neither = if store.path(Path::new("")).is_some() { "is neither" } else { "is not" };
        let package =
            self.debian_package.map_or(String::new(), |name| format!(" (or Debian's package {name})"));
        let absent = format!(
            "{} is not on this machine: {name} {neither} {places}; get it with these lines{package}:",
            self.name
        );
        Error::failed_with(absent, &self.download(store))
    }

    /// The shell lines that put the dataset where it is looked up, and check it.
    fn download(&self, store: &Store) -> String {
        let place = self.archive().unwrap_or(self.name);
        let (folder, hint) = match store.path(Path::new(place)) {
            Some(folder) => (folder.display().to_string(), String::new()),
            None => {
                let pattern = self.archive().map_or(String::new(), |_| format!("/{}", self.name));
                (format!("./{place}{pattern}"), format!("\ncd - # and then give --data ./{place}{pattern}"))
            }
        };
        let folder = folder.replace('\'', r"'\''");
        let enter = format!("mkdir -p '{folder}' && cd '{folder}'");
        let get = "curl --fail --location --remote-name-all";
        let sums = |all: &[&str; 4]| {
            let lines = self.files.iter().zip(all).map(|(name, sum)| format!("{sum}  {name}.gz\n"));
            lines.collect::<String>()
        };
        let files = format!("'{}/{{{}}}.gz'", self.address, self.files.join(","));
        let lines = match &self.sums {
            Sums::Sha256(all) => format!("{get} {files}\nsha256sum --check <<END\n{}END", sums(all)),
            Sums::Md5(all) => format!("{get} {files}\nmd5sum --check <<END\n{}END", sums(all)),
            Sums::Archive(sum) => {
                let file = self.address.rsplit('/').next().unwrap_or_default();
                format!(
                    "{get} '{}'\nsha256sum --check <<END\n{sum}  {file}\nEND\nunzip -j {file} '*/{}-*-ubyte.gz'",
                    self.address, self.name
                )
            }
        };
        format!("{enter}\n{lines}{hint}")
    }
}

/// Whether this .gz file is the one that was published. Hashed once, and remembered beside what it unpacks to.
fn is_published(packed: &Path, place: &Path, sha256: &str, store: &Store) -> Result<bool> {
    let (file, _) = map::open_regular(packed)?;
    let mut name = place.as_os_str().to_owned();
    name.push(".gz");
    let stamp = store.path(Path::new(&name)).map(|target| stamp::path_for(&target)).unwrap_or_default();
    stamp::verify(&file, &stamp, Some(sha256)).map_err(|error| map::cannot_read(packed, &error))
}

/// The known dataset whose files `folder` holds under names of their own, if it holds none under the usual ones.
pub(super) fn in_folder(folder: &Path) -> Result<Option<&'static Known>> {
    let holds = |name: &str| -> Result<bool> {
        Ok(folder::find_raw(folder, name)?.is_some() || folder::find_packed(folder, name)?.is_some())
    };
    if holds(FILES[0])? {
        return Ok(None);
    }
    let mut found: Option<&'static Known> = None;
    for known in KNOWN.iter().filter(|known| known.files != FILES) {
        if !holds(known.files[0])? {
            continue;
        }
        if let Some(other) = found {
            return Err(Error::failed(format!(
                "{} holds the files of {} and of {}; put those of one into a folder of its own",
                folder.display(),
                other.name,
                known.name
            )));
        }
        found = Some(known);
    }
    Ok(found)
}

/// The error for a `--data` that is neither a known name nor a folder.
pub(super) fn unknown(data: &str) -> Error {
    let names = KNOWN.each_ref().map(|known| known.name);
    let suggestion = nearest(data, names).map_or(String::new(), |name| format!("; did you mean {name}?"));
    Error::failed(format!(
        "--data {data} is neither a known dataset ({}) nor a folder, such as ./{}{suggestion}",
        names.join(", "),
        data.trim_start_matches("./")
    ))
}
