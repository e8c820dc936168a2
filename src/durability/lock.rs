//! One process for one append-only directory.
//!
//! Who writes a journal holds a lock (`flock`) on the file `lock` beside it. The system gives it
//! back when the process ends, however it ends, so no start is ever refused for a dead server.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::disk::{self, File, OpenOptions};
use crate::error::JournalError;

/// The file's name in the append-only directory.
pub const LOCK_FILE: &str = "lock";

/// The right to change an append-only directory, until it is dropped.
#[derive(Debug)]
pub struct DirectoryLock {
    file: File,
}

impl DirectoryLock {
    /// Takes the lock of `directory`, whose lock file is made if it is not there.
    ///
    /// # Errors
    /// Another process has it, or what the system says.
    pub fn take(directory: &Path) -> Result<DirectoryLock, JournalError> {
        let path = directory.join(LOCK_FILE);
        // Whoever holds the file must not lose what others wrote into it.
        let opened = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let file = opened.map_err(|error| JournalError::system("open", &path, &error))?;
        lock(file, path)
    }

    /// Takes the lock of `directory` if it has a lock file: none is made where no server of this
    /// kind ever was.
    ///
    /// # Errors
    /// Another process has it, or what the system says.
    pub fn take_if_present(directory: &Path) -> Result<Option<DirectoryLock>, JournalError> {
        let path = directory.join(LOCK_FILE);
        match File::open(&path) {
            Ok(file) => lock(file, path).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(JournalError::system("open", &path, &error)),
        }
    }
}

impl Drop for DirectoryLock {
    /// Closing the file is not enough: a process that was forked meanwhile has it too, until it is
    /// another program.
    fn drop(&mut self) {
        let unlocked = disk::unlock(&self.file);
        debug_assert!(unlocked.is_ok(), "what was locked can be unlocked");
    }
}

fn lock(file: File, path: PathBuf) -> Result<DirectoryLock, JournalError> {
    match disk::lock(&file) {
        Ok(()) => Ok(DirectoryLock { file }),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err(JournalError::Locked {
            path: path.display().to_string(),
        }),
        Err(error) => Err(JournalError::system("lock", &path, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_was_let_go_is_free_even_if_a_forked_process_has_the_file() {
        let place = tempfile::tempdir().unwrap();
        let first = DirectoryLock::take(place.path()).unwrap();
        assert!(DirectoryLock::take(place.path()).is_err());
        let in_the_fork = first.file.try_clone().unwrap();
        drop(first);
        assert!(DirectoryLock::take(place.path()).is_ok());
        drop(in_the_fork);
    }
}
