//! The datasets this program knows by name: where they are published and what their bytes hash to.

use std::path::{Path, PathBuf};

use super::Options;
use super::file::IdxFile;
use super::folder::{self, FILES, Files};
use super::map;
use super::stamp;
use super::store::{Packed, Store};
use crate::error::{Error, Result};
use crate::nearest::nearest;

/// A dataset known by name.
#[derive(Debug)]
pub struct Known {
    /// What `--data` calls it.
    pub name: &'static str,
    /// What it shows, in a few words.
    pub title: &'static str,
    /// The terms its authors publish it under.
    pub licence: &'static str,
    /// The address its four .gz files are published at, without the last slash.
    pub address: &'static str,
    /// The Debian package that holds it.
    pub debian_package: Option<&'static str>,
    /// What its classes are called; `None` where the labels are digits and mean themselves.
    pub class_names: Option<[&'static str; 10]>,
    /// SHA-256 of the unpacked train images, train labels, test images and test labels; it does not depend on who
    /// gzipped them. `None` where this release does not know it: then length and gzip's CRC are all that is checked.
    pub sha256: Option<[&'static str; 4]>,
    /// SHA-256 of the .gz files as published at the address, in the same order.
    pub sha256_gz: [&'static str; 4],
}

/// Every known dataset.
pub const KNOWN: [Known; 3] = [
    Known {
        name: "mnist",
        title: "handwritten digits",
        licence: "CC BY-SA 3.0",
        address: "https://storage.googleapis.com/cvdf-datasets/mnist",
        debian_package: None,
        class_names: None,
        sha256: Some([
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ]),
        sha256_gz: [
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ],
    },
    Known {
        name: "fashion-mnist",
        title: "clothes",
        licence: "MIT",
        address: "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        debian_package: Some("dataset-fashion-mnist"),
        class_names: Some([
            "T-shirt/top",
            "Trouser",
            "Pullover",
            "Dress",
            "Coat",
            "Sandal",
            "Shirt",
            "Sneaker",
            "Bag",
            "Ankle boot",
        ]),
        sha256: Some([
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ]),
        sha256_gz: [
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ],
    },
    Known {
        name: "kmnist",
        title: "cursive Japanese characters",
        licence: "CC BY-SA 4.0",
        address: "http://codh.rois.ac.jp/kmnist/dataset/kmnist",
        debian_package: None,
        class_names: Some(["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]),
        sha256: None,
        sha256_gz: [
            "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
            "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
            "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
            "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
        ],
    },
];

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
        for name in FILES {
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
        cache.into_iter().chain([shared]).map(|folder| folder.join(self.name)).collect()
    }

    /// Opens the four files: those in this program, else those in the cache, else those in the folder `shared`.
    pub(super) fn open(&self, shared: &Path, store: &mut Store) -> Result<Files> {
        let mut need = |index| match self.open_file(index, shared, store)? {
            Some(file) => Ok(file),
            None => Err(self.absent(index, shared, store)),
        };
        let train = (need(0)?, need(1)?);
        let test = (need(2)?, need(3)?);
        if self.sha256.is_none() {
            store.notice(format!(
                "this release does not know the SHA-256 of unpacked {}: its shape is checked, its pixels are not",
                self.name
            ));
        }
        Ok(Files { train, test: Some(test) })
    }

    fn open_file(&self, index: usize, shared: &Path, store: &mut Store) -> Result<Option<IdxFile>> {
        let name = FILES[index];
        let sha256 = self.sha256.map(|all| all[index]);
        let place = Path::new(self.name).join(name);
        #[cfg(feature = "bundled-mnist")]
        if self.name == "mnist" {
            let packed = Packed::Bundled(name, super::bundled::MNIST[index]);
            return store.unpacked(&packed, &place, sha256).map(Some);
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
                    return IdxFile::map(&file, metadata.len(), raw.display().to_string(), store.access)
                        .map(Some);
                }
            }
            if let Some(packed) = folder::find_packed(&folder, name)? {
                return store.unpacked(&Packed::File(&packed), &place, sha256).map(Some);
            }
            match (raw, sha256) {
                (Some(raw), None) => return IdxFile::open(&raw, store.access).map(Some),
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
        let name = FILES[index];
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
        use std::fmt::Write as _;
        let (folder, hint) = match store.path(Path::new(self.name)) {
            Some(folder) => (folder.display().to_string(), String::new()),
            None => (format!("./{}", self.name), format!("\ncd .. # and then give --data ./{}", self.name)),
        };
        let folder = folder.replace('\'', r"'\''");
        let mut lines = format!(
            "mkdir -p '{folder}' && cd '{folder}'\n\
             curl --fail --location --remote-name-all '{}/{{{}}}.gz'\n\
             sha256sum --check <<END",
            self.address,
            FILES.join(",")
        );
        for (name, sha256) in FILES.iter().zip(self.sha256_gz) {
            // Writing to a String cannot fail.
            let _ = write!(lines, "\n{sha256}  {name}.gz");
        }
        lines + "\nEND" + &hint
    }
}

/// The error for a `--data` that is neither a known name nor a folder.
pub(super) fn unknown(data: &str) -> Error {
    let names = KNOWN.map(|known| known.name);
    let suggestion = nearest(data, names).map_or(String::new(), |name| format!("; did you mean {name}?"));
    Error::failed(format!(
        "--data {data} is neither a known dataset ({}) nor a folder, such as ./{}{suggestion}",
        names.join(", "),
        data.trim_start_matches("./")
    ))
}
