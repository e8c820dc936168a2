//! What a killed server has left in its ring, and where in the journal it belongs.
//!
//! Nobody has the directory meanwhile. A ring that was left by another start of the machine is not
//! used: its pages may be of different times.

use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::disk::{self, File, FileExt, OpenOptions};
use super::manifest::Manifest;
use super::ring;

/// Records of a ring that are not in their file, or not all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The file that they belong to.
    pub path: PathBuf,
    /// How long it is without them.
    pub offset: u64,
    /// The records.
    pub records: Vec<u8>,
}

impl Left {
    /// Reads the ring of a directory; `None` if there is none, or nothing in it that can be used.
    ///
    /// # Errors
    /// What the system says.
    pub fn read(directory: &Path, manifest: &Manifest, boot_id: &str) -> io::Result<Option<Left>> {
        let bytes = match disk::read(directory.join(ring::NAME)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(pending) = ring::pending(&bytes, boot_id) else {
            return Ok(None);
        };
        let parts = manifest.increments().iter();
        let Some(part) = parts.into_iter().find(|part| part.number == pending.number) else {
            return Ok(None);
        };
        let left = Left {
            path: part.path(directory),
            offset: pending.length,
            records: pending.records,
        };
        // A file that ends before the ring begins has lost something in between.
        let is_usable =
            !left.records.is_empty() && left.offset <= disk::metadata(&left.path)?.len();
        Ok(is_usable.then_some(left))
    }

    /// The file as it is with them, and its length: space that was set aside behind its end is a part
    /// of it.
    ///
    /// # Errors
    /// What the system says.
    pub fn over_file(&self) -> io::Result<(impl Read, u64)> {
        let end = self.offset + self.records.len() as u64;
        let before = File::open(&self.path)?.take(self.offset);
        let mut behind = File::open(&self.path)?;
        let bytes = behind.metadata()?.len().max(end);
        behind.seek(SeekFrom::Start(end))?;
        Ok((before.chain(self.records.as_slice()).chain(behind), bytes))
    }

    /// Writes them to their file, and removes the ring.
    ///
    /// # Errors
    /// What the system says. What was not done can be done again.
    pub fn settle(&self) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(&self.path)?;
        file.write_all_at(&self.records, self.offset)?;
        remove_ring(self.path.parent().unwrap_or(Path::new(".")))
    }
}

/// Writes to the journal what was left in a ring, and removes the ring, whatever is in it.
///
/// # Errors
/// What the system says.
pub(super) fn settle(directory: &Path, manifest: &Manifest, boot_id: &str) -> io::Result<()> {
    match Left::read(directory, manifest, boot_id)? {
        Some(left) => left.settle(),
        None => remove_ring(directory),
    }
}

fn remove_ring(directory: &Path) -> io::Result<()> {
    match disk::remove_file(directory.join(ring::NAME)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
