//! Unpacks each .gz file once into the cache folder and maps it from there ever after.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::cache::CacheDir;
use super::file::IdxFile;
use super::gz::{self, Failure};
use super::map::{self, Access};
use super::stamp;
use crate::atomic::{self, AtomicFile};
use crate::error::{Error, Result};
use crate::hash::sha256_hex;

/// A gzipped IDX file.
pub(super) enum Packed<'a> {
    /// In a file.
    File(&'a Path),
    /// In this program, under this name.
    #[cfg_attr(not(feature = "bundled-mnist"), allow(dead_code))]
    Bundled(&'static str, &'static [u8]),
}

impl Packed<'_> {
    fn name(&self) -> String {
        match self {
            Packed::File(path) => path.display().to_string(),
            Packed::Bundled(name, _) => format!("the bundled {name}.gz"),
        }
    }

    /// Its bytes, and how many.
    fn open(&self) -> Result<(Box<dyn BufRead>, u64)> {
        Ok(match self {
            Packed::File(path) => {
                let (file, metadata) = map::open_regular(path)?;
                (Box::new(BufReader::with_capacity(64 * 1024, file)), metadata.len())
            }
            Packed::Bundled(_, bytes) => (Box::new(*bytes), bytes.len() as u64),
        })
    }

    fn unpack(&self, out: &mut dyn Write) -> std::result::Result<String, Failure> {
        let (mut source, len) = self.open().map_err(Failure::Packed)?;
        gz::unpack(&mut source, len, &self.name(), out)
    }
}

/// The cache folder at work, and what there is to say about it.
pub(super) struct Store<'a> {
    cache: &'a CacheDir,
    pub(super) access: Access,
    /// The files that were opened, and those that they were unpacked to.
    pub(super) files: Vec<PathBuf>,
    /// Where files were unpacked to.
    unpacked_to: Option<PathBuf>,
    /// Why files were unpacked in memory.
    in_memory: Option<String>,
    /// How many files are from the cache or in it by now.
    cached: usize,
    /// Other sentences for the user, each at most once.
    notices: Vec<String>,
}

impl<'a> Store<'a> {
    pub(super) fn new(cache: &'a CacheDir, access: Access) -> Self {
        Store { cache, access, files: vec![], unpacked_to: None, in_memory: None, cached: 0, notices: vec![] }
    }

    /// The path of `name` in the cache, if there is a cache.
    pub(super) fn path(&self, name: &Path) -> Option<PathBuf> {
        self.cache.path().map(|root| root.join(name))
    }

    /// The unpacked form of `packed`, from the cache or put there under the relative path `place`.
    ///
    /// What comes out must have the hash `sha256`, where one is known. Without a cache folder that can be written
    /// it stays in memory, and a notice says so.
    pub(super) fn unpacked(
        &mut self,
        packed: &Packed,
        place: &Path,
        sha256: Option<&str>,
    ) -> Result<IdxFile> {
        if let Packed::File(path) = packed {
            self.files.push(path.to_path_buf());
        }
        let Some(target) = self.path(place) else {
            return self.in_memory(packed, sha256, "there is no cache folder (set XDG_CACHE_HOME or HOME)");
        };
        if let Some(file) = reuse(&target, packed, sha256, self.access) {
            self.cached += 1;
            self.files.push(target);
            return Ok(file);
        }
        match unpack_to(&target, packed, sha256, self.access) {
            Ok(file) => {
                self.cached += 1;
                self.unpacked_to = Some(target.parent().unwrap_or(&target).to_owned());
                self.files.push(target);
                Ok(file)
            }
            Err(Failure::Packed(error)) => Err(error),
            Err(Failure::Write(error)) => {
                let root = self.cache.path().unwrap_or(&target).display();
                let why = format!("the cache folder {root} cannot be written ({error})");
                self.in_memory(packed, sha256, &why)
            }
        }
    }

    fn in_memory(&mut self, packed: &Packed, sha256: Option<&str>, why: &str) -> Result<IdxFile> {
        let refused = |failure| match failure {
            Failure::Packed(error) => error,
            Failure::Write(error) => Error::failed(format!(
                "{} cannot be unpacked in memory ({error}), and {why}; free some space",
                packed.name()
            )),
        };
        // A damaged file is found out before it fills memory.
        if let Packed::File(_) = packed {
            packed.unpack(&mut io::sink()).map_err(refused)?;
        }
        let mut memory = Memory(Vec::new());
        let found = packed.unpack(&mut memory).map_err(refused)?;
        require_hash(packed, &found, sha256)?;
        self.in_memory.get_or_insert_with(|| why.to_owned());
        IdxFile::from_memory(memory.0, packed.name())
    }

    /// Opens the raw file at `path`.
    pub(super) fn raw(&mut self, path: &Path) -> Result<IdxFile> {
        self.files.push(path.to_owned());
        IdxFile::open(path, self.access)
    }

    /// What there is to say: what was unpacked where, in one sentence that is true of all files, then the rest.
    pub(super) fn notices(&self) -> Vec<String> {
        let place = match (&self.in_memory, &self.unpacked_to) {
            (Some(why), _) if self.cached > 0 => Some(format!(
                "{why}: what the cache does not hold of the dataset is unpacked in memory, for this run only"
            )),
            (Some(why), _) => Some(format!("{why}: the dataset is unpacked in memory, for this run only")),
            (None, Some(folder)) => {
                Some(format!("unpacked the dataset into {}, from where later runs take it", folder.display()))
            }
            (None, None) => None,
        };
        place.into_iter().chain(self.notices.iter().cloned()).collect()
    }

    /// Adds a sentence for the user unless it is there already.
    pub(super) fn notice(&mut self, sentence: String) {
        if !self.notices.contains(&sentence) {
            self.notices.push(sentence);
        }
    }
}

/// The name in the cache for the unpacked form of a user's file: another one whenever the file is another.
///
/// Path, length and time of modification stand for the content, which would take too long to hash at every start.
pub(super) fn place_for(packed: &Path, name: &str) -> Result<PathBuf> {
    let failed = |error| map::cannot_read(packed, &error);
    let (_, metadata) = map::open_regular(packed)?;
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let mut key = fs::canonicalize(packed).map_err(failed)?.into_os_string().into_encoded_bytes();
    key.extend(metadata.len().to_le_bytes());
    key.extend(modified.map_or(0, |time| time.as_nanos()).to_le_bytes());
    Ok(Path::new("unpacked").join(format!("{}-{name}", &sha256_hex(&key)[..16])))
}

/// The cached file, if it is there and whole. Whatever is wrong with it, unpacking again is the cure.
fn reuse(target: &Path, packed: &Packed, sha256: Option<&str>, access: Access) -> Option<IdxFile> {
    let (file, metadata) = map::open_regular(target).ok()?;
    let verified = stamp::verify(&file, &stamp::path_for(target), sha256).ok()?;
    if verified { IdxFile::map(&file, metadata.len(), packed.name(), access).ok() } else { None }
}

/// Unpacks to a temporary file, verifies it, and only then gives it its name.
///
/// Processes that start at once each write a file of their own; the last rename wins, and both contents are the same.
fn unpack_to(
    target: &Path,
    packed: &Packed,
    sha256: Option<&str>,
    access: Access,
) -> std::result::Result<IdxFile, Failure> {
    packed.open().map_err(Failure::Packed)?;
    let folder = target.parent().unwrap_or(target);
    fs::create_dir_all(folder).map_err(Failure::Write)?;
    atomic::remove_abandoned(folder);

    let mut file = AtomicFile::create(target).map_err(Failure::Write)?;
    let found = packed.unpack(&mut file)?;
    require_hash(packed, &found, sha256).map_err(Failure::Packed)?;
    match file.commit() {
        Ok(file) => {
            let metadata = file.metadata().map_err(Failure::Write)?;
            stamp::write(&stamp::path_for(target), &metadata, &found);
            IdxFile::map(&file, metadata.len(), packed.name(), access).map_err(Failure::Packed)
        }
        // Windows does not rename over a file that another process has mapped; then that file will do.
        Err(error) => reuse(target, packed, Some(&found), access).ok_or(Failure::Write(error)),
    }
}

fn require_hash(packed: &Packed, found: &str, expected: Option<&str>) -> Result<()> {
    match expected {
        Some(expected) if expected != found => Err(Error::failed(format!(
            "{} unpacks to data with SHA-256 {found}, where the published data has {expected}; get the file again",
            packed.name()
        ))),
        _ => Ok(()),
    }
}

/// A vector that reports the lack of memory as an error.
struct Memory(Vec<u8>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_reserve(bytes.len()).map_err(|_| io::ErrorKind::OutOfMemory)?;
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
