//! The folder of a run's checkpoints, locked as long as the run lives.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{Checkpoint, file};
use crate::atomic;
use crate::dataset::map;
use crate::error::{Error, Result};
use crate::model_file::{self, Model};

const BEST: &str = "best.safetensors";
const LOCK: &str = "lock";
const PREFIX: &str = "checkpoint-";
const SUFFIX: &str = ".safetensors";

/// A folder for checkpoints, which no other run uses.
///
/// What is kept in it is written at once, or by a thread of its own; one thing after the other, so that a file is whole and
/// durable before another one is begun.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// The system lets go of it when this process ends, however it ends.
    _lock: File,
    shelf: Arc<Mutex<Shelf>>,
    /// What was begun and not asked for yet.
    begun: Option<Begun>,
}

#[derive(Debug)]
enum Begun {
    Beside(JoinHandle<Written>),
    /// Where there was no thread for it.
    Done(Box<Written>),
}

/// The files of a folder.
#[derive(Debug)]
struct Shelf {
    path: PathBuf,
    /// The last two checkpoints that are known to be whole, the newer one last.
    whole: Vec<u64>,
}

/// What is to be kept.
pub struct Parcel {
    /// As the best model.
    pub best: Option<Model>,
    /// After so many steps.
    pub checkpoint: Option<(u64, Checkpoint)>,
}

/// What became of each part of a [`Parcel`].
#[derive(Debug)]
pub struct Written {
    /// Of the best model.
    pub best: Option<Result<()>>,
    /// Of the checkpoint.
    pub checkpoint: Option<Result<()>>,
}

/// What a folder has to go on from.
pub struct Found {
    /// The newest checkpoint that is whole.
    pub checkpoint: Box<Checkpoint>,
    /// Its file.
    pub path: PathBuf,
    /// What is wrong with the newer ones.
    pub damaged: Vec<Error>,
}

/// How long to wait for a lock before the folder counts as taken.
const PATIENCE: Duration = Duration::from_millis(500);

impl Folder {
    /// Checks, before anything is done, that a new run can keep its checkpoints in `path`. Leaves nothing behind.
    ///
    /// # Errors
    /// Where there is a run in it, it is no folder, or there is no folder to make it in.
    pub fn check_new(path: &Path) -> Result<()> {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => require_unused(path),
            Ok(metadata) => Err(no_folder(path, &metadata)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                match fs::metadata(parent.unwrap_or(Path::new("."))) {
                    Ok(metadata) if metadata.is_dir() => Ok(()),
                    _ => Err(refused(path, "the folder above it does not exist; create that first")),
                }
            }
            Err(error) => Err(refused(path, error)),
        }
    }

    /// The folder of a new run, made if need be.
    ///
    /// # Errors
    /// As [`Folder::check_new`], and where another run uses the folder, or it cannot be written to.
    pub fn create(path: &Path) -> Result<Self> {
        Self::check_new(path)?;
        match fs::create_dir(path) {
            Ok(()) => atomic::sync_folder(path).map_err(|error| refused(path, error))?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(refused(path, error)),
        }
        let folder = Self::lock(path)?;
        // Another run may have been faster.
        require_unused(path)?;
        Ok(folder)
    }

    /// The folder of a run that is to go on.
    ///
    /// # Errors
    /// Where there is no such folder, it holds other files and none of a run, or another run uses it.
    pub fn open(path: &Path) -> Result<Self> {
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                require_of_a_run(path)?;
                Self::lock(path)
            }
            Ok(metadata) => Err(no_folder(path, &metadata)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::failed(format!(
                "--resume {}: there is no such folder; check the path, or begin a run with --checkpoint",
                path.display()
            ))),
            Err(error) => Err(refused(path, error)),
        }
    }

    fn lock(path: &Path) -> Result<Self> {
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(path.join(LOCK));
        let lock = lock.map_err(|error| refused(path, error))?;
        // A process that was just started holds its parent's locks until it becomes another program.
        let start = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => {
                    thread::sleep(PATIENCE / 50);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::failed(format!(
                        "another run is using the folder {}; wait until it ends, or give each its own",
                        path.display()
                    )));
                }
                Err(TryLockError::Error(error)) => {
                    return Err(refused(
                        path,
                        format_args!("it cannot be locked ({error}); use another file system"),
                    ));
                }
            }
        }
        remove_unfinished(path);
        let shelf = Shelf { path: path.to_owned(), whole: vec![] };
        let shelf = Arc::new(Mutex::new(shelf));
        Ok(Folder { path: path.to_owned(), _lock: lock, shelf, begun: None })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the best model is kept.
    pub fn best(&self) -> PathBuf {
        self.path.join(BEST)
    }

    /// Whether the file `path` would be one of those that are kept in `folder`.
    pub fn owns(folder: &Path, path: &Path) -> bool {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let ours = path.file_name().is_some_and(|name| is_of_a_run(&name.to_string_lossy()));
        let same = |parent: PathBuf| fs::canonicalize(folder).is_ok_and(|folder| folder == parent);
        ours && fs::canonicalize(parent).is_ok_and(same)
    }

    /// The newest whole checkpoint, if there is any yet. What a run that was killed before it removed its oldest one has left
    /// is removed.
    ///
    /// # Errors
    /// Where there are checkpoints and none of them is whole, or a best model without any.
    pub fn newest(&mut self) -> Result<Option<Found>> {
        let mut damaged = vec![];
        let numbers = numbers(&self.path).map_err(|error| refused(&self.path, error))?;
        for (at, &number) in numbers.iter().enumerate() {
            let path = file_of(&self.path, number);
            match file::load(&path) {
                Ok(checkpoint) => {
                    lock(&self.shelf).found(number, &numbers[at + 1..]);
                    return Ok(Some(Found { checkpoint: Box::new(checkpoint), path, damaged }));
                }
                Err(error) => damaged.push(error),
            }
        }
        match damaged.first() {
            // A run keeps a checkpoint before its first step.
            None if self.path.join(BEST).exists() => Err(Error::failed(format!(
                "the checkpoints that stood beside {} are gone, and a run from step 0 would overwrite it; put one back, or begin anew \
                 in another folder with --checkpoint",
                self.path.join(BEST).display()
            ))),
            None => Ok(None),
            Some(error) => Err(Error::failed(format!(
                "no checkpoint in {} is whole ({error}); put a copy of one there, or begin anew in another folder with \
                 --checkpoint",
                self.path.display()
            ))),
        }
    }

    /// Keeps a checkpoint of after `number` steps, and the last one before it.
    ///
    /// # Errors
    /// Where it cannot be written; then the one before is still there.
    pub fn keep(&mut self, number: u64, checkpoint: &Checkpoint) -> Result<()> {
        lock(&self.shelf).keep(number, checkpoint)
    }

    /// Begins to keep a parcel, in a thread of its own. First waits for the one that was begun before: [`Self::settle`], asked
    /// in time, says what became of that.
    pub fn keep_beside(&mut self, parcel: Parcel) {
        self.settle();
        let (shelf, parcel) = (Arc::clone(&self.shelf), Arc::new(parcel));
        let job = {
            let parcel = Arc::clone(&parcel);
            move || lock(&shelf).put(&parcel)
        };
        self.begun = Some(match thread::Builder::new().name("checkpoint".into()).spawn(job) {
            Ok(thread) => Begun::Beside(thread),
            Err(_) => Begun::Done(Box::new(lock(&self.shelf).put(&parcel))),
        });
    }

    /// Waits for the parcel that was begun, if there is one, and says what became of it.
    pub fn settle(&mut self) -> Option<Written> {
        Some(match self.begun.take()? {
            Begun::Beside(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Begun::Done(written) => *written,
        })
    }
}

impl Drop for Folder {
    /// Whoever wants to know what became of the last parcel asks before; the lock is held until it is written.
    fn drop(&mut self) {
        if let Some(Begun::Beside(thread)) = self.begun.take() {
            let _ = thread.join();
        }
    }
}

/// A lock whose holder panicked still holds plain data.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shelf {
    /// The best model first: a checkpoint says which one it is.
    fn put(&mut self, parcel: &Parcel) -> Written {
        let best = parcel.best.as_ref().map(|model| model_file::save(&self.path.join(BEST), model));
        let checkpoint = parcel.checkpoint.as_ref();
        Written { best, checkpoint: checkpoint.map(|(number, checkpoint)| self.keep(*number, checkpoint)) }
    }

    fn keep(&mut self, number: u64, checkpoint: &Checkpoint) -> Result<()> {
        let path = file_of(&self.path, number);
        file::save(&path, checkpoint).map_err(|error| {
            Error::failed(format!("the checkpoint {} cannot be written: {error}", path.display()))
        })?;
        self.whole.retain(|whole| *whole != number);
        self.whole.push(number);
        if self.whole.len() > 2 {
            self.whole.remove(0);
        }
        // Older ones, and those found damaged, are of no use.
        self.remove_others(&numbers(&self.path).unwrap_or_default());
        Ok(())
    }

    /// Takes up the newest whole checkpoint and, where there are several before it, the newest whole one of those.
    fn found(&mut self, newest: u64, older: &[u64]) {
        self.whole = vec![newest];
        if older.len() > 1 {
            // Most runs leave one: that need not be read.
            let before = older.iter().find(|number| file::load(&file_of(&self.path, **number)).is_ok());
            self.whole.splice(0..0, before.copied());
            self.remove_others(older);
        }
    }

    /// Removes those of the checkpoints that are not to be kept. One that stays does no harm: it is tried again next time.
    fn remove_others(&self, checkpoints: &[u64]) {
        for other in checkpoints.iter().filter(|other| !self.whole.contains(other)) {
            let _ = fs::remove_file(file_of(&self.path, *other));
        }
    }
}

fn file_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{PREFIX}{number:010}{SUFFIX}"))
}

/// The checkpoints in a folder, by their steps, the newest first.
fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers: Vec<u64> = vec![];
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX));
        // Names that we would write otherwise are not ours.
        let number = digits.and_then(|digits| Some((digits, digits.parse::<u64>().ok()?)));
        numbers.extend(number.filter(|(digits, n)| format!("{n:010}") == *digits).map(|(_, n)| n));
    }
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    Ok(numbers)
}

/// Whether a file of this name is one that runs keep.
fn is_of_a_run(name: &str) -> bool {
    name == BEST || name == LOCK || name.starts_with(PREFIX)
}

/// Refuses a folder of other things: an empty one, or one with a lock, may be that of a run that was killed early.
fn require_of_a_run(path: &Path) -> Result<()> {
    let mut other = None;
    for entry in fs::read_dir(path).map_err(|error| refused(path, error))? {
        let name = entry.map_err(|error| refused(path, error))?.file_name();
        let name = name.to_string_lossy();
        if is_of_a_run(&name) {
            return Ok(());
        }
        other = other.or(Some(name.into_owned()));
    }
    let Some(other) = other else { return Ok(()) };
    Err(Error::failed(format!(
        "--resume {0}: no run is kept in that folder, but other files, such as {1}; check the path, or begin a run there with \
         --checkpoint {0}",
        path.display(),
        other
    )))
}

fn require_unused(path: &Path) -> Result<()> {
    let used = !numbers(path).map_err(|error| refused(path, error))?.is_empty() || path.join(BEST).exists();
    if !used {
        return Ok(());
    }
    Err(Error::failed(format!(
        "--checkpoint {0}: that folder already holds a run; go on with it by --resume {0}, or give another folder",
        path.display()
    )))
}

/// Removes what runs that were killed while writing left. Nobody else writes here now.
fn remove_unfinished(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let ours = name.starts_with(&format!(".{PREFIX}")) || name.starts_with(&format!(".{BEST}."));
        if ours && name.ends_with(".tmp") {
            // One that stays does no harm.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn refused(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::failed(format!("checkpoints cannot be kept in {}: {why}", path.display()))
}

fn no_folder(path: &Path, metadata: &fs::Metadata) -> Error {
    refused(path, format_args!("it is {}, not a folder; give another path", map::kind_of(metadata)))
}
