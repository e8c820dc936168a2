//! What a killed server has left in its ring, and where in the journal it belongs.
//!
//! The ring knows exactly how long the journal is: an increment up to an offset, and the ring's
//! records behind it. Whatever else the increment has there is a piece of something that was being
//! written, and does not count. A ring is believed only if the journal fits it. It does not if it is
//! shorter than the ring says, or goes on with something that its server has not written: then
//! somebody else has had the files since, or has put others in their place.
//!
//! Nobody has the directory meanwhile.

use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{self, File};
use super::health::Health;
use super::layout::{self, Contents, Unusable};
use super::manifest::{Manifest, Part};
use super::ring::{self, Ring};
use super::storage::Storage;

/// The end of a journal that a killed server has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The increment that was appended to.
    pub path: PathBuf,
    /// How much of it counts.
    pub offset: u64,
    /// Requests that follow, in the ring alone.
    pub records: Vec<u8>,
    /// Bytes of the increment behind `offset`, without those at the end that are zero.
    pub written_behind: u64,
    pub(super) contents: Contents,
}

impl Left {
    /// Finds what was left in a directory.
    pub(super) fn find(
        directory: &Path,
        manifest: &Manifest,
        boot_id: &str,
    ) -> Result<Left, Unusable> {
        let mut contents = match disk::read(directory.join(ring::NAME)) {
            Ok(bytes) => layout::read(&bytes, boot_id)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Unusable::Missing);
            }
            Err(error) => {
                tracing::warn!("cannot read the ring in {}: {error}", directory.display());
                return Err(Unusable::Damaged);
            }
        };
        let mut parts = manifest.increments().iter();
        let number = contents.place.number;
        let part = parts.find(|part| part.number == number);
        let part = part.ok_or(Unusable::Journal)?;
        let mut left = Left {
            path: part.path(directory),
            offset: contents.place.length,
            records: std::mem::take(&mut contents.requests),
            written_behind: 0,
            contents,
        };
        // A rewrite names its increment before anything goes there.
        let is_last = parts.all(|part| is_empty(directory, part).unwrap_or(false));
        let Ok(Some(written_behind)) = left.written_behind() else {
            return Err(Unusable::Journal);
        };
        left.written_behind = written_behind;
        is_last.then_some(left).ok_or(Unusable::Journal)
    }

    /// Finds what was left; `None` if there is nothing that a start would use.
    pub fn read(directory: &Path, manifest: &Manifest, boot_id: &str) -> Option<Left> {
        Left::find(directory, manifest, boot_id).ok()
    }

    /// How long the journal's file is once it has all records.
    pub fn end(&self) -> u64 {
        self.offset + self.records.len() as u64
    }

    /// The bytes that the file will have.
    ///
    /// # Errors
    /// What the system says.
    pub fn over_file(&self) -> io::Result<impl Read> {
        let before = File::open(&self.path)?.take(self.offset);
        Ok(before.chain(self.records.as_slice()))
    }

    /// How many bytes the increment has behind `offset`; `None` if the server has not written them.
    fn written_behind(&self) -> io::Result<Option<u64>> {
        let mut file = File::open(&self.path)?;
        if file.metadata()?.len() < self.offset {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let reach = self.contents.place.reach.saturating_sub(self.offset);
        let (mut at, mut written) = (0_u64, 0);
        let mut bytes = vec![0; 64 * 1024];
        loop {
            let length = file.read(&mut bytes)?;
            if length == 0 {
                return Ok(Some(written));
            }
            for byte in &bytes[..length] {
                let record = usize::try_from(at).ok().and_then(|at| self.records.get(at));
                if *byte != 0 && at >= reach && record != Some(byte) {
                    return Ok(None);
                }
                at += 1;
                if *byte != 0 {
                    written = at;
                }
            }
        }
    }

    /// Writes the records to their file, and cuts what else is there. The ring is empty then.
    ///
    /// # Errors
    /// What the system says. What was not done can be done again.
    pub fn settle(&self) -> io::Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        // A tool has nothing to refuse: it ends with the error.
        let storage = Storage::new(Arc::new(Health::new(directory, Arc::default())));
        let file = storage.open(&self.path)?;
        file.set_len(self.offset)?;
        let ring = Ring::adopt(&storage, directory, &self.contents)?;
        ring.drain(self.contents.head, |records, offset| {
            file.write_all_at(records, offset)
        })
    }
}

/// Whether nothing was written to an increment yet. Space that was set aside is zero.
fn is_empty(directory: &Path, part: &Part) -> io::Result<bool> {
    let mut first = Vec::new();
    let file = File::open(part.path(directory))?;
    file.take(1).read_to_end(&mut first)?;
    Ok(first.iter().all(|byte| *byte == 0))
}
