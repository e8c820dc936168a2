//! The lease horizon: no lock that was granted so far ends later than it says.
//!
//! It is a small file of two slots, written in turn, each with a count and a checksum: one that is
//! half written when the machine stops leaves the other. What is written is synced before a grant
//! that needs it is answered.

use std::io::{self, ErrorKind};
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use super::disk;
use super::storage::{Storage, StoredFile};

/// The file's name in the append-only directory.
pub(super) const NAME: &str = "quintlock.horizon";
/// A slot fits the smallest sector, which a disk writes as one.
const SLOT_BYTES: usize = 512;
const MAGIC: &str = "quintlock-horizon-1";
/// The length of a journal whose end may be lost.
const LOST: &str = "lost";

/// What a horizon says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Promise {
    /// The start of the machine that the two times belong to.
    pub(super) boot_id: String,
    /// No lock that was granted so far ends later, in boot microseconds.
    pub(super) until_us: u64,
    /// When it was written, in boot microseconds.
    pub(super) written_us: u64,
    /// The file of the journal, and how long it was when its server ended in peace: a shorter one has
    /// lost its end. `None` while a server runs. Earlier versions gave a length all the time; they
    /// take the end for lost if they find a journal that this one was killed on.
    pub(super) journal: String,
    pub(super) journal_bytes: Option<u64>,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    Promise(Promise),
    /// There is a file, and nothing in it can be trusted.
    Damaged,
}

/// The open file.
pub(super) struct Horizon {
    file: StoredFile,
    count: u64,
}

impl Horizon {
    /// Opens the file in `directory`, which is made if it is not there, and tells what it says.
    pub(super) fn open(storage: &Storage, directory: &Path) -> io::Result<(Horizon, Found)> {
        let path = directory.join(NAME);
        let bytes = match disk::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let file = storage.open(&path)?;
        let slots = bytes.chunks(SLOT_BYTES).filter_map(parse);
        let newest = slots.max_by_key(|(count, _)| *count);
        Ok(match newest {
            Some((count, promise)) => (Horizon { file, count }, Found::Promise(promise)),
            None if bytes.is_empty() => (Horizon { file, count: 0 }, Found::Nothing),
            None => (Horizon { file, count: 0 }, Found::Damaged),
        })
    }

    /// Writes a promise and syncs it.
    ///
    /// # Errors
    /// The disk does not take it; the promise before it stands.
    pub(super) fn write(&mut self, promise: &Promise) -> io::Result<()> {
        let count = self.count + 1;
        let slot = (count % 2) * SLOT_BYTES as u64;
        self.file.write_all_at(&format(count, promise), slot)?;
        if count <= 2 {
            // The file has grown, and may be new in its directory.
            self.file.sync_all()?;
        } else {
            self.file.sync_data()?;
        }
        self.count = count;
        Ok(())
    }
}

pub(super) fn format(count: u64, promise: &Promise) -> [u8; SLOT_BYTES] {
    let Promise {
        boot_id,
        until_us,
        written_us,
        journal,
        journal_bytes,
    } = promise;
    let length = journal_bytes.map_or(LOST.to_owned(), |bytes| bytes.to_string());
    let text = format!(
        "{MAGIC} count={count} boot={boot_id} until={until_us} written={written_us} \
         length={length} journal={journal}"
    );
    let line = format!("{:016x} {text}\n", xxh3_64(text.as_bytes()));
    let mut slot = [b'\n'; SLOT_BYTES];
    // Names of files and boots are far from that long.
    let length = line.len().min(SLOT_BYTES);
    slot[..length].copy_from_slice(&line.as_bytes()[..length]);
    slot
}

pub(super) fn parse(slot: &[u8]) -> Option<(u64, Promise)> {
    let line = slot.split(|byte| *byte == b'\n').next()?;
    let (sum, text) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    if u64::from_str_radix(sum, 16).ok()? != xxh3_64(text.as_bytes()) {
        return None;
    }
    let mut words = text.splitn(7, ' ');
    if words.next()? != MAGIC {
        return None;
    }
    let mut field = |name: &str| words.next()?.strip_prefix(name)?.strip_prefix('=');
    let count = field("count")?.parse().ok()?;
    let promise = Promise {
        boot_id: field("boot")?.to_owned(),
        until_us: field("until")?.parse().ok()?,
        written_us: field("written")?.parse().ok()?,
        journal_bytes: match field("length")? {
            LOST => None,
            length => Some(length.parse().ok()?),
        },
        journal: field("journal")?.to_owned(),
    };
    Some((count, promise))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::durability::health::Health;

    fn promise(until_us: u64) -> Promise {
        Promise {
            boot_id: "5a3f".to_owned(),
            until_us,
            written_us: 7,
            journal: "appendonly.aof.1.incr.aof".to_owned(),
            journal_bytes: (until_us != 2).then_some(99),
        }
    }

    #[test]
    fn the_newest_promise_comes_back_and_a_half_written_one_leaves_the_one_before() {
        let directory = tempfile::tempdir().unwrap();
        let health = Health::new(directory.path(), Arc::default());
        let storage = Storage::new(Arc::new(health));
        let (mut horizon, found) = Horizon::open(&storage, directory.path()).unwrap();
        assert_eq!(found, Found::Nothing);
        for until_us in [1, 2, 3] {
            horizon.write(&promise(until_us)).unwrap();
        }
        let (_, found) = Horizon::open(&storage, directory.path()).unwrap();
        assert_eq!(found, Found::Promise(promise(3)));
        horizon
            .file
            .write_all_at(b"?", SLOT_BYTES as u64 + 30)
            .unwrap();
        let (mut horizon, found) = Horizon::open(&storage, directory.path()).unwrap();
        assert_eq!(found, Found::Promise(promise(2)));
        horizon.write(&promise(4)).unwrap();
        let (horizon, found) = Horizon::open(&storage, directory.path()).unwrap();
        assert_eq!(found, Found::Promise(promise(4)));
        horizon.file.write_all_at(&[0; 1024], 0).unwrap();
        let (_, found) = Horizon::open(&storage, directory.path()).unwrap();
        assert_eq!(found, Found::Damaged);
    }
}
