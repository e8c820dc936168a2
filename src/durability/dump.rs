//! The snapshot (`dump.rdb`) of a Redis that had no append-only file.
//!
//! It counts where there is no journal, as in Redis with `appendonly no`. A server that keeps a
//! journal takes a copy of it as the base of that, which counts from then on.

use std::io::{self, BufReader, ErrorKind, Seek as _};
use std::path::{Path, PathBuf};

use super::disk::{self, File};
use super::rdb::{Snapshot, SnapshotError};
use super::reader::Request;
use super::replay::Replay;
use super::window::Window;
use crate::clock::Clock;
use crate::error::RestoreError;
use crate::keyspace::Keyspace;

/// How many keys a snapshot had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DumpCounts {
    /// Those that were loaded.
    pub keys: u64,
    /// Those that were passed over, as they had expired.
    pub expired: u64,
}

/// A snapshot that was read.
pub(super) struct Dump {
    path: PathBuf,
    file: File,
    pub(super) counts: DumpCounts,
}

/// Fills a keyspace that nothing is to outlive. Returns `None` if there is no snapshot.
///
/// # Errors
/// The snapshot cannot be read, or holds what is not kept here.
pub fn load(
    path: &Path,
    keyspace: &Keyspace,
    clock: &Clock,
) -> Result<Option<DumpCounts>, RestoreError> {
    let mut refuse = |_: usize, _: &Request<'_>| Ok(());
    let mut replay = Replay::new(keyspace, clock, "", &mut refuse);
    let dump = Dump::read(path, &mut replay, clock)?;
    replay.end();
    Ok(dump.map(|dump| dump.counts))
}

impl Dump {
    /// Loads the snapshot at `path`, if there is one.
    pub(super) fn read(
        path: &Path,
        replay: &mut Replay<'_>,
        clock: &Clock,
    ) -> Result<Option<Dump>, RestoreError> {
        let failed = |error: io::Error| RestoreError::system("read", path, &error);
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let refused = |what: String| RestoreError::Dump {
            path: path.to_owned(),
            what,
        };
        let failed = |error: SnapshotError| match error {
            SnapshotError::Read(error) => failed(error),
            SnapshotError::Fault(fault) => refused(fault.to_string()),
        };
        let now_ms = clock.unix_micros() / 1000;
        let mut counts = DumpCounts::default();
        let window = Window::new(BufReader::new(&mut file));
        let mut snapshot = Snapshot::open(window).map_err(failed)?;
        while let Some(key) = snapshot.read().map_err(failed)? {
            if key.expire_at_unix_ms.is_some_and(|end_ms| end_ms < now_ms) {
                counts.expired += 1;
                continue;
            }
            replay.key(&key).map_err(refused)?;
            counts.keys += 1;
        }
        Ok(Some(Dump {
            path: path.to_owned(),
            file,
            counts,
        }))
    }

    /// Copies the snapshot to `base`; it is on the disk when this returns.
    pub(super) fn copy_to(&mut self, base: &Path) -> Result<(), RestoreError> {
        let mut copy = || {
            self.file.rewind()?;
            let mut copy = File::create(base)?;
            io::copy(&mut self.file, &mut copy)?;
            copy.sync_all()
        };
        copy().map_err(|error| RestoreError::system("copy", &self.path, &error))
    }
}

/// Says that the snapshot at `path` is passed over, if there is one.
pub(super) fn tell_unread(path: &Path) {
    if disk::is_file(path) {
        tracing::info!(
            "{} is not read: there is an append-only file, which counts",
            path.display()
        );
    }
}
