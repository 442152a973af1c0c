//! Datasets: found by name or in a folder, unpacked once, checked, mapped.
//!
//! ```text
//! known name -> bundled, cache or system folder \
//!                                                 -> gz -> store -> file (mapped, IDX header checked) -> split
//! folder     -> raw, or .gz through the cache   /
//! ```
//!
//! A dataset that opens is consistent: images and labels of equal count, one image size, every label a class.

#[cfg(feature = "bundled-mnist")]
mod bundled;
mod cache;
mod chosen;
pub mod classes;
#[cfg(unix)]
mod fault;
mod file;
mod folder;
pub mod gz;
pub mod known;
pub(crate) mod map;
mod published;
mod split;
pub mod stamp;
mod store;
mod verify;

use std::fs;
use std::path::{Path, PathBuf};

pub use cache::CacheDir;
pub use chosen::{Chosen, Selection};
pub use map::Access;
pub use split::Split;
pub use verify::{Fingerprint, Fingerprints, Origin, fingerprints, identity};

use crate::error::{Error, Result};
use classes::{Classes, Named, Source};
use folder::{FILES, Files};
use known::Layout;
use store::Store;

/// What to open, and which folders to look in.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name of a known dataset, or a folder; a known name wins, and a folder of that name is written `./mnist`.
    pub data: String,
    /// How many classes a folder's labels have, where that is neither 10 nor told by a file of class names.
    pub num_classes: Option<usize>,
    /// Where unpacked files are kept.
    pub cache: CacheDir,
    /// Where packages of the system put datasets.
    pub shared: PathBuf,
    /// Whether files are mapped or read.
    pub access: Access,
}

impl Options {
    /// Options for `data` with the user's cache and the system's folder.
    pub fn new(data: impl Into<String>) -> Self {
        Options {
            data: data.into(),
            num_classes: None,
            cache: CacheDir::user(),
            shared: PathBuf::from("/usr/share/datasets"),
            access: Access::Map,
        }
    }
}

/// A dataset, checked and ready to train on.
///
/// Images are mapped from their file, not copied, unless [`Access::Read`] was asked for. Another process that overwrites
/// the file changes pixels, and one that truncates it ends this process, with a sentence and exit code 1, where the lost
/// part is touched; labels are copies and stay as they were checked. So replace a dataset in use by renaming new files
/// over it, never by writing into it.
#[derive(Debug)]
pub struct Dataset {
    /// The name or folder it was opened by.
    pub name: String,
    /// What to train on.
    pub train: Split,
    /// What to test on; a folder need not have it.
    pub test: Option<Split>,
    /// How many classes there are; every label is smaller.
    pub classes: usize,
    /// What the classes are called, one name per class.
    pub class_names: Option<Vec<String>>,
    /// Rows per image, in both splits.
    pub rows: usize,
    /// Columns per image, in both splits.
    pub cols: usize,
    /// Whether its files were mapped or read.
    pub access: Access,
    /// The files that it is from: what was opened, and for .gz files what they were unpacked to as well.
    pub files: Vec<PathBuf>,
    /// Sentences for standard error: what was unpacked where, or why it could not be kept.
    pub notices: Vec<String>,
}

/// Opens the dataset `data`, a known name or a folder, with the user's cache and the system's folder.
pub fn open(data: &str, num_classes: Option<usize>) -> Result<Dataset> {
    open_with(&Options { num_classes, ..Options::new(data) })
}

/// Opens a dataset.
pub fn open_with(options: &Options) -> Result<Dataset> {
    let mut store = Store::new(&options.cache, options.access);
    let known = known::find(&options.data);
    let folder = Path::new(&options.data);
    let (kind, own_names) = match known {
        Some(known) => (Some(known), None),
        None => {
            require_folder(folder, &options.data)?;
            (known::in_folder(folder)?, classes::read(folder)?)
        }
    };
    let names = kind.and_then(|kind| kind.class_names);
    let names = names.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    let named = own_names.or(names.map(|names| Named { names, source: Source::Known }));
    let layout = kind.map_or(Layout::AS_IS, |kind| kind.layout);
    let classes = Classes::new(named, options.num_classes, layout.first_label, known)?;
    if let Source::File(names) = &classes.source {
        store.files.push(names.clone());
    }
    let files = open_files(options, &mut store)?.upright(layout)?;
    assemble(options, files, classes, store)
}

/// Opens the files of the known dataset or of the folder.
fn open_files(options: &Options, store: &mut Store) -> Result<Files> {
    let folder = Path::new(&options.data);
    match known::find(&options.data) {
        Some(known) => known.open(&options.shared, store),
        None => folder::open(folder, known::in_folder(folder)?.map_or(FILES, |kind| kind.files), store),
    }
}

fn require_folder(folder: &Path, data: &str) -> Result<()> {
    match fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(metadata) => Err(Error::failed(format!(
            "--data {data} is {}, where a folder with the IDX files was expected; give the folder",
            map::kind_of(&metadata)
        ))),
        // What has a separator in it was meant as a path.
        Err(error) if folder.components().count() > 1 || folder.is_absolute() || data.starts_with('.') => {
            Err(map::cannot_read(folder, &error))
        }
        Err(_) => Err(known::unknown(data)),
    }
}

fn assemble(options: &Options, files: Files, classes: Classes, store: Store<'_>) -> Result<Dataset> {
    let mut notices = store.notices();
    let train = Split::new(files.train.0, files.train.1, &classes)?;
    let used = train.labels().iter().max().map_or(0, |label| usize::from(*label) + 1);
    if used < classes.count {
        notices.push(format!(
            "note: {} classes, but no training label is above {}; --num-classes {used} would make the network smaller",
            classes.count,
            used - 1
        ));
    }
    let test = files.test.map(|(images, labels)| Split::new(images, labels, &classes)).transpose()?;
    let (rows, cols) = (train.rows(), train.cols());
    if let Some(test) = test.as_ref().filter(|test| (test.rows(), test.cols()) != (rows, cols)) {
        return Err(Error::failed(format!(
            "{} holds images of {rows} x {cols} but {} of {} x {}; the two files do not belong together",
            train.images_name(),
            test.images_name(),
            test.rows(),
            test.cols()
        )));
    }
    Ok(Dataset {
        name: options.data.clone(),
        train,
        test,
        classes: classes.count,
        class_names: classes.names,
        rows,
        cols,
        access: options.access,
        files: store.files,
        notices,
    })
}
