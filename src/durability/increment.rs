//! A file of the journal, and the space that is taken for it ahead: where the disk is full, that is
//! known while there is still room for the releases of locks.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::Mode;
use super::manifest::Part;
use super::storage::{Storage, StoredFile};

/// Bytes that are allocated at a time.
const ALLOCATED_BYTES: u64 = 16 << 20;
/// Space that is zeroed ahead takes longer to get, and is got in smaller pieces.
const ZEROED_BYTES: u64 = 8 << 20;
/// With less space than this behind the last record, more is allocated. A batch of requests of
/// ordinary size fits in what is left when there is none to be had.
pub(super) const RESERVE_BYTES: u64 = 4 << 20;

/// How space is taken for records that come later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ahead {
    /// The file system promises it.
    Promised,
    /// It is filled with zeros, so that a later sync has nothing to write but the records.
    Zeroed,
}

impl Ahead {
    /// What serves a mode best.
    pub(super) fn of(mode: Mode) -> Ahead {
        match mode {
            Mode::Always => Ahead::Zeroed,
            Mode::Guard | Mode::EverySec | Mode::None => Ahead::Promised,
        }
    }
}

/// A file that the journal goes to.
pub(super) struct Increment {
    pub(super) file: Arc<StoredFile>,
    pub(super) name: OsString,
    pub(super) number: u64,
    pub(super) allocated: u64,
    ahead: Ahead,
}

impl Increment {
    /// Opens the file of `part`, which is made if it is not there; whatever stands behind its first
    /// `length` bytes is cut off.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn open(
        storage: &Storage,
        directory: &Path,
        part: &Part,
        length: u64,
        ahead: Ahead,
    ) -> io::Result<Increment> {
        let file = storage.open(&part.path(directory))?;
        file.set_len(length)?;
        Ok(Increment {
            allocated: allocate(&file, length, length + RESERVE_BYTES, ahead)?,
            file: Arc::new(file),
            name: part.name.clone(),
            number: part.number,
            ahead,
        })
    }

    /// What is needed to get more space behind `length` bytes of records.
    pub(super) fn shortage(&self, length: u64) -> Shortage {
        Shortage {
            file: Arc::clone(&self.file),
            from: self.allocated,
            to: length + RESERVE_BYTES,
            ahead: self.ahead,
        }
    }

    /// Notes that `file`, if it is this one, has been given space up to `allocated`.
    pub(super) fn note_allocated(&mut self, file: &Arc<StoredFile>, allocated: u64) {
        if Arc::ptr_eq(&self.file, file) {
            self.allocated = self.allocated.max(allocated);
        }
    }
}

/// Space that a journal wants, got without keeping it from being appended to.
pub(super) struct Shortage {
    pub(super) file: Arc<StoredFile>,
    from: u64,
    to: u64,
    ahead: Ahead,
}

impl Shortage {
    /// Gets it; tells up to where there is space now.
    ///
    /// # Errors
    /// The disk is full.
    pub(super) fn relieve(&self) -> io::Result<u64> {
        allocate(&self.file, self.from, self.to, self.ahead)
    }
}

/// Gets a file space from `from` up to at least `to`; tells up to where.
fn allocate(file: &StoredFile, from: u64, to: u64, ahead: Ahead) -> io::Result<u64> {
    match ahead {
        Ahead::Promised => {
            let to = to.next_multiple_of(ALLOCATED_BYTES);
            file.allocate(from, to)?;
            Ok(to)
        }
        Ahead::Zeroed => {
            let to = to.next_multiple_of(ZEROED_BYTES);
            zero(file, from, to)?;
            Ok(to)
        }
    }
}

fn zero(file: &StoredFile, from: u64, to: u64) -> io::Result<()> {
    let zeros = [0; 64 * 1024];
    let mut at = from;
    while at < to {
        let length = (to - at).min(zeros.len() as u64);
        file.write_all_at(&zeros[..length as usize], at)?;
        at += length;
    }
    Ok(())
}
