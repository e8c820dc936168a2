//! The disk as a server uses it: every write and every sync, with a note to [`Health`] of each that
//! fails.
//!
//! Callers need not tell anybody of an error: they only decide how to go on. What is not here is
//! reading, and what a start does before it has anything to write.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{self, File, FileExt, OpenOptions};
use super::health::Health;
#[cfg(test)]
use crate::sync::Mutex;

/// Files and directories of which no failure is forgotten.
#[derive(Clone)]
pub(super) struct Storage {
    pub(super) health: Arc<Health>,
    /// What fails in a test.
    #[cfg(test)]
    pub(super) faults: Arc<Mutex<Option<Faults>>>,
}

/// An open file of which no failure is forgotten.
pub(super) struct StoredFile {
    file: File,
    path: PathBuf,
    storage: Storage,
}

/// What can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Open,
    Write,
    Cut,
    Allocate,
    Rename,
    Sync,
}

/// Decides in a test whether a step on a file fails.
#[cfg(test)]
pub(super) type Faults = Box<dyn FnMut(Step, &Path) -> io::Result<()> + Send>;

impl Storage {
    pub(super) fn new(health: Arc<Health>) -> Storage {
        Storage {
            health,
            #[cfg(test)]
            faults: Arc::default(),
        }
    }

    /// Does something to a file, and notes it if it fails.
    fn attempt<T>(
        &self,
        step: Step,
        path: &Path,
        work: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let result = self.admit(step, path).and_then(|()| work());
        match &result {
            // Nothing has failed: whoever writes tries again.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if step == Step::Sync => self.health.after_sync(path, error),
            Err(error) => self.health.after_write(path, error),
            Ok(_) => {}
        }
        result
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "tests have faults here")]
    fn admit(&self, _: Step, _: &Path) -> io::Result<()> {
        Ok(())
    }

    #[cfg(test)]
    fn admit(&self, step: Step, path: &Path) -> io::Result<()> {
        match &mut *self.faults.lock() {
            Some(faults) => faults(step, path),
            None => Ok(()),
        }
    }

    /// Opens a file to be read and written; it is made if it is not there.
    pub(super) fn open(&self, path: &Path) -> io::Result<StoredFile> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        self.open_with(path, &options)
    }

    /// Opens a file or a directory that is there, to sync it.
    pub(super) fn open_to_sync(&self, path: &Path) -> io::Result<StoredFile> {
        self.open_with(path, OpenOptions::new().read(true))
    }

    /// Makes a file; one of this name is emptied.
    pub(super) fn create(&self, path: &Path) -> io::Result<StoredFile> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        self.open_with(path, &options)
    }

    fn open_with(&self, path: &Path, options: &OpenOptions) -> io::Result<StoredFile> {
        let file = self.attempt(Step::Open, path, || options.open(path))?;
        Ok(StoredFile {
            file,
            path: path.to_owned(),
            storage: self.clone(),
        })
    }

    /// Gives a file a name, and takes this name from any other.
    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.attempt(Step::Rename, to, || disk::rename(from, to))
    }

    /// Removes a file that nothing names any more. If it stays, it takes space until the next start
    /// removes it.
    pub(super) fn discard(&self, path: &Path) {
        let _ = disk::remove_file(path);
    }

    /// Syncs a file or a directory as it is, whoever wrote it.
    pub(super) fn sync(&self, path: &Path) -> io::Result<()> {
        self.attempt(Step::Sync, path, || File::open(path)?.sync_all())
    }
}

impl StoredFile {
    fn attempt<T>(&self, step: Step, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.storage.attempt(step, &self.path, work)
    }

    pub(super) fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.attempt(Step::Write, || self.file.write_all_at(bytes, offset))
    }

    /// How long the file is.
    pub(super) fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// What is mapped to have the file in memory, see [`disk::mappable`].
    pub(super) fn mappable(&self) -> io::Result<impl AsFd + Copy> {
        disk::mappable(&self.file)
    }

    /// Cuts the file, or lets it grow by zeros.
    pub(super) fn set_len(&self, length: u64) -> io::Result<()> {
        self.attempt(Step::Cut, || self.file.set_len(length))
    }

    /// Takes space, see [`disk::allocate`].
    pub(super) fn allocate(&self, from: u64, to: u64) -> io::Result<()> {
        self.attempt(Step::Allocate, || disk::allocate(&self.file, from, to))
    }

    /// Syncs the content and all of its metadata.
    pub(super) fn sync_all(&self) -> io::Result<()> {
        self.attempt(Step::Sync, || self.file.sync_all())
    }

    /// Syncs the content, and of its metadata the length.
    pub(super) fn sync_data(&self) -> io::Result<()> {
        self.attempt(Step::Sync, || self.file.sync_data())
    }
}

impl io::Write for StoredFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut file = &self.file;
        self.attempt(Step::Write, || file.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut file = &self.file;
        self.attempt(Step::Write, || file.flush())
    }
}
