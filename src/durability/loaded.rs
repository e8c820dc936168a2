//! The files once they are read: what is known of them, and the way on to a keeper that appends.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::Mode;
use super::dump::DumpCounts;
use super::increment::{Ahead, Increment};
use super::journal::Journal;
use super::keeper::{Keeper, Marks};
use super::layout::{FIRST_POSITION, Identity};
use super::left::Left;
use super::manifest::{Part, file_name};
use super::restore::Store;
use super::rewrite::Rewriting;
use super::ring::Ring;
use super::storage::StoredFile;
use super::wait::{self, Ended, Wait};
use super::writer::Writer;
use crate::clock::{BootTime, Clock};
use crate::config::Durability;
use crate::error::RestoreError;
use crate::sync::Mutex;

/// The files, once they are read.
pub struct Loaded<'a> {
    pub(super) store: Store<'a>,
    pub(super) boot_id: Arc<str>,
    /// What a killed server has left.
    pub(super) left: Option<Left>,
    /// The increment that is appended to.
    pub(super) last: Part,
    pub(super) ended: Ended,
    pub(super) wait: Wait,
    /// How many keys there were.
    pub keys: u64,
    /// What the snapshot of a Redis had, if the keys are from there.
    pub dump: Option<DumpCounts>,
}

impl Loaded<'_> {
    /// Opens the journal for what is to come.
    ///
    /// A kill between any two steps loses nothing. Where a killed server has left its ring, this is
    /// used as it is and nothing is moved: whoever starts next finds the same. Where not, the ring
    /// is made before the horizon says that a server runs, and before either nothing is granted.
    ///
    /// # Errors
    /// The disk is full, or denies it.
    pub fn start(self, clock: Arc<Clock>) -> Result<Arc<Keeper>, RestoreError> {
        let settings = self.store.settings;
        let denied = |what: &'static str| {
            let directory = &settings.directory;
            move |error: io::Error| RestoreError::system(what, directory, &error)
        };
        let writer = self.writer();
        let writer = writer.map_err(denied("take space for the journal in"))?;
        let read = writer.head();
        let journal = Journal::start(writer, Arc::clone(&self.boot_id), &clock);
        let journal = journal.map_err(denied("take space for the journal in"))?;
        let (recent, ring) = journal.writer.recent();
        let health = Arc::clone(&self.store.storage.health);
        if self
            .left
            .as_ref()
            .is_some_and(|left| left.contents.is_in_doubt)
        {
            let text = "a write or sync has failed, and the server was killed before it had \
                        rewritten the journal";
            health.after_loss(&io::Error::other(text));
        }
        health.note_in(Arc::clone(&ring));
        let marks = self.marks(read, journal.writer.head());
        let (until_us, is_standing) = self.first_promise();
        let old_files = self.unsynced_files();
        let keeper = Keeper {
            mode: settings.mode,
            clock,
            recent: (recent, ring),
            journal: Mutex::new(journal),
            horizon: Mutex::new(self.store.horizon),
            rewriting: Rewriting::new(self.store.manifest, &settings.stem, self.ended.others_bytes),
            marks,
            storage: self.store.storage,
            wakeup: self.store.wakeup,
            syncing: Mutex::new(old_files),
            waiters: Mutex::default(),
            _lock: self.store.lock,
            boot_id: self.boot_id,
            directory: settings.directory.clone(),
        };
        if settings.mode == Mode::Always && health.is_sound() {
            keeper.sync().map_err(denied("sync"))?;
        }
        if !is_standing {
            let written = keeper.write_horizon(until_us, None);
            written.map_err(denied("write the horizon in"))?;
        }
        keeper.note_promise(until_us);
        // `everysec` may have something to sync.
        keeper.wakeup.notify();
        Ok(Arc::new(keeper))
    }

    fn writer(&self) -> io::Result<Writer> {
        let Durability {
            mode,
            ref directory,
            ..
        } = *self.store.settings;
        let storage = &self.store.storage;
        let Ended {
            length, in_ring, ..
        } = self.ended;
        let in_file = length - in_ring;
        let increment = Increment::open(storage, directory, &self.last, in_file, Ahead::of(mode))?;
        if let Some(Left { contents, .. }) = &self.left {
            let ring = Ring::adopt(storage, directory, contents)?;
            return Ok(Writer::new(ring, contents.head, increment, length));
        }
        let waits_us = match self.wait {
            Wait::Until(until) => until.micros(),
            Wait::No => 0,
        };
        let salt = RandomState::new().build_hasher().finish();
        let identity = Identity::new(&self.boot_id, salt, waits_us);
        let ring = Ring::create(storage, directory, identity, (increment.number, length))?;
        Ok(Writer::new(ring, FIRST_POSITION, increment, length))
    }

    /// What has come to pass once all up to the position `read` was read and all up to `appended` is
    /// in the ring.
    fn marks(&self, read: u64, appended: u64) -> Marks {
        let is_synced = self.ended.is_clean;
        let guard_max_us = self.store.settings.guard_max_s.saturating_mul(1_000_000);
        let loading_until_us = match self.wait {
            Wait::Until(until) => until.micros(),
            Wait::No => 0,
        };
        Marks {
            appended: AtomicU64::new(appended),
            synced: AtomicU64::new(if is_synced { read } else { 0 }),
            guard_max_us: AtomicU64::new(guard_max_us),
            loading_until_us: AtomicU64::new(loading_until_us),
            ..Marks::default()
        }
    }

    /// What the server before has left without syncing it. A file that cannot be opened any more is
    /// noted as any failure.
    fn unsynced_files(&self) -> Vec<StoredFile> {
        if self.ended.is_clean {
            return Vec::new();
        }
        let Store {
            settings,
            storage,
            manifest,
            ..
        } = &self.store;
        let directory = &settings.directory;
        let parts = manifest.parts().map(|part| part.path(directory));
        let list = directory.join(file_name(&settings.stem));
        let paths = parts.chain([list, directory.clone()]);
        paths
            .filter_map(|path| storage.open_to_sync(&path).ok())
            .collect()
    }

    /// How far the first horizon reaches, and whether it stands already.
    fn first_promise(&self) -> (u64, bool) {
        let (mode, found) = (self.store.settings.mode, &self.store.found);
        match self.wait {
            // Should the machine crash again meanwhile, the rest must be waited for.
            Wait::Until(until) => (until.micros(), false),
            Wait::No => match wait::standing_us(found, &self.boot_id) {
                Some(until_us) if mode != Mode::Always || until_us == 0 => (until_us, true),
                _ => (wait::renewed_us(found, &self.boot_id, mode), false),
            },
        }
    }

    /// How long nothing is granted, in seconds rounded up; 0 for not at all.
    pub fn wait_s(&self, now: BootTime) -> u64 {
        match self.wait {
            Wait::No => 0,
            Wait::Until(until) => now.millis_until(until).div_ceil(1000),
        }
    }
}
