//! Writing the journal anew, as short as the keys allow, while it is appended to.
//!
//! First a new file takes the changes to come; then all keys are written to a base file, a few at a
//! time. A key that changes meanwhile is in both: the later file has its last state. Until the
//! manifest names the base, the old files count.

use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use super::annotation::Clocks;
use super::increment::{Ahead, Increment};
use super::keeper::Keeper;
use super::manifest::{BaseFormat, Manifest, file_name};
use super::record::{bound_of_set, encode_behind};
use crate::clock::WallOffset;
use crate::error::JournalError;
use crate::keyspace::{Cursor, Keyspace, Walked};
use crate::sync::Mutex;

/// Keys that are looked at under one hold of a shard's lock.
const KEYS: usize = 256;
/// A base that is not finished has a name that begins so.
pub(super) const TEMPORARY: &str = "temp-rewriteaof-";
/// How often a rewrite begins again because databases were swapped meanwhile.
const TRIES: u32 = 5;

/// When to write anew, and how far that has come.
pub(super) struct Rewriting {
    manifest: Mutex<Manifest>,
    stem: String,
    state: AtomicU8,
    /// Length of the file that is appended to, at which it is time.
    due_bytes: AtomicU64,
    /// Bytes of all other files, and of all files after the last rewrite.
    others_bytes: AtomicU64,
    base_bytes: AtomicU64,
    percentage: AtomicU64,
    min_bytes: AtomicU64,
    is_spoiled: AtomicBool,
    rewrites: AtomicU64,
    failures: AtomicU64,
    started_us: AtomicU64,
    last_s: AtomicU64,
}

const IDLE: u8 = 0;
const ASKED: u8 = 1;
const RUNNING: u8 = 2;

impl Rewriting {
    pub(super) fn new(manifest: Manifest, stem: &str, others_bytes: u64) -> Rewriting {
        Rewriting {
            manifest: Mutex::new(manifest),
            stem: stem.to_owned(),
            state: AtomicU8::new(IDLE),
            due_bytes: AtomicU64::new(u64::MAX),
            others_bytes: AtomicU64::new(others_bytes),
            base_bytes: AtomicU64::new(others_bytes),
            percentage: AtomicU64::new(0),
            min_bytes: AtomicU64::new(0),
            is_spoiled: AtomicBool::new(false),
            rewrites: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            started_us: AtomicU64::new(0),
            last_s: AtomicU64::new(u64::MAX),
        }
    }

    /// `auto-aof-rewrite-percentage` and `auto-aof-rewrite-min-size`.
    pub(super) fn set_limits(&self, percentage: u64, min_bytes: u64) {
        self.percentage.store(percentage, Ordering::Relaxed);
        self.min_bytes.store(min_bytes, Ordering::Relaxed);
        self.plan(0);
    }

    /// Says when the next rewrite is due; not before the file has `least` bytes.
    fn plan(&self, least: u64) {
        let percentage = self.percentage.load(Ordering::Relaxed);
        let base = self.base_bytes.load(Ordering::Relaxed);
        let grown = base.saturating_add(base.saturating_mul(percentage) / 100);
        let total = grown.max(self.min_bytes.load(Ordering::Relaxed));
        let others = self.others_bytes.load(Ordering::Relaxed);
        let due = match percentage {
            0 => u64::MAX,
            _ => total.saturating_sub(others).max(least).max(1),
        };
        self.due_bytes.store(due, Ordering::SeqCst);
    }

    /// Whether it is time, with a file of this length.
    #[inline]
    pub(super) fn is_due(&self, length: u64) -> bool {
        length >= self.due_bytes.load(Ordering::Relaxed)
            || self.state.load(Ordering::Relaxed) == ASKED
    }

    /// Makes it time now; tells whether one runs already, or will at once.
    pub(super) fn ask(&self) -> bool {
        let asked = self
            .state
            .compare_exchange(IDLE, ASKED, Ordering::SeqCst, Ordering::SeqCst);
        asked.is_err()
    }

    /// Takes the turn; tells whether nobody else has it.
    pub(super) fn begin(&self) -> bool {
        // Nothing is due until this one has ended.
        self.due_bytes.store(u64::MAX, Ordering::SeqCst);
        self.state.swap(RUNNING, Ordering::SeqCst) != RUNNING
    }

    /// Lets the turn go; the next one comes when the file, of this length, is twice as long.
    pub(super) fn give_up(&self, length: u64) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.plan(length.saturating_mul(2));
        self.state.store(IDLE, Ordering::SeqCst);
    }

    /// The files that a start reads, the manifest among them.
    pub(super) fn paths(&self, directory: &Path) -> Vec<PathBuf> {
        let manifest = self.manifest.lock();
        let parts = manifest.parts().map(|part| part.path(directory));
        parts
            .chain([directory.join(file_name(&self.stem))])
            .collect()
    }

    /// The snapshot that is being written cannot be used.
    pub(super) fn spoil(&self) {
        self.is_spoiled.store(true, Ordering::SeqCst);
    }

    /// How many rewrites have failed since the last one that did not.
    pub(super) fn failures_in_a_row(&self) -> u32 {
        u32::try_from(self.failures.load(Ordering::Relaxed)).unwrap_or(u32::MAX)
    }
}

/// What INFO tells of it.
#[derive(Clone, Copy, Debug)]
pub struct RewriteState {
    /// Whether one runs.
    pub is_running: bool,
    /// Whether one will.
    pub is_asked: bool,
    /// How many were finished.
    pub rewrites: u64,
    /// How many have failed since the last one that did not.
    pub failures: u64,
    /// For how many seconds the present one has run.
    pub running_s: Option<u64>,
    /// How many seconds the last one took.
    pub last_s: Option<u64>,
    /// Bytes of all files.
    pub bytes: u64,
    /// The same after the last rewrite, or at the start.
    pub base_bytes: u64,
}

impl Keeper {
    /// Writes the journal anew. `still` holds off whoever has the keyspace alone, for as long as
    /// what it returns lives: a snapshot has all of a script or nothing. The rewrite is given up when
    /// it returns nothing.
    pub fn rewrite<G>(&self, keyspace: &Keyspace, still: impl Fn() -> Option<G>) {
        let rewriting = &self.rewriting;
        let started_us = self.clock.now().micros();
        rewriting.started_us.store(started_us, Ordering::Relaxed);
        let written = self.try_rewrite(keyspace, &still);
        let took_us = self.clock.now().micros().saturating_sub(started_us);
        rewriting
            .last_s
            .store(took_us / 1_000_000, Ordering::Relaxed);
        let length = {
            let mut journal = self.journal.lock();
            journal.writer.end_rewrite();
            journal.writer.length()
        };
        match written {
            Ok(doubts) => {
                self.storage.health.mend(doubts);
                self.syncing.lock().clear();
                rewriting.rewrites.fetch_add(1, Ordering::Relaxed);
                rewriting.failures.store(0, Ordering::Relaxed);
                rewriting.plan(0);
                rewriting.state.store(IDLE, Ordering::SeqCst);
                tracing::info!("Background AOF rewrite finished successfully");
            }
            Err(error) => {
                tracing::warn!("cannot write the journal anew: {error}");
                rewriting.give_up(length);
            }
        }
        self.wakeup.notify();
    }

    /// Returns how many doubts about the disk there were before the keys were written.
    fn try_rewrite<G>(
        &self,
        keyspace: &Keyspace,
        still: &impl Fn() -> Option<G>,
    ) -> Result<u64, JournalError> {
        let failed = |what, error: &io::Error| JournalError::system(what, &self.directory, error);
        for _ in 0..TRIES {
            let first_kept = self.begin_increment(still)?;
            let doubts = self.storage.health.doubts();
            let temporary = self
                .directory
                .join(format!("{TEMPORARY}{}.aof", std::process::id()));
            let written = self.write_base(&temporary, keyspace, still);
            if !matches!(written, Ok(Some(_))) {
                // A full disk needs the space.
                self.storage.discard(&temporary);
            }
            let written = written.map_err(|error| failed("write a base file in", &error))?;
            let Some(bytes) = written else {
                continue;
            };
            self.replace_base(&temporary, first_kept)?;
            self.rewriting.others_bytes.store(bytes, Ordering::Relaxed);
            let length = self.journal.lock().writer.length();
            self.rewriting
                .base_bytes
                .store(bytes + length, Ordering::Relaxed);
            return Ok(doubts);
        }
        let error = io::Error::other("databases are swapped all the time");
        Err(failed("take a snapshot for", &error))
    }

    /// Puts the base that was written to `temporary` in the place of all files before the increment
    /// `first_kept`.
    fn replace_base(&self, temporary: &Path, first_kept: u64) -> Result<(), JournalError> {
        let failed =
            |error: &io::Error| JournalError::system("name a base file in", &self.directory, error);
        let stem = &self.rewriting.stem;
        let mut manifest = self.rewriting.manifest.lock();
        let mut next = manifest.clone();
        let base = next.replace_base(stem, BaseFormat::Aof, first_kept);
        self.storage
            .rename(temporary, &base.path(&self.directory))
            .map_err(|error| failed(&error))?;
        if let Err(fault) = next.store(&self.storage, &self.directory, stem) {
            // Either manifest may be there. No other base may take the name that the new one has.
            manifest.add_history(base);
            return Err(fault);
        }
        for part in next.take_history() {
            self.storage.discard(&part.path(&self.directory));
        }
        *manifest = next;
        Ok(())
    }

    /// Lets a new file take the changes from now on; returns its number.
    ///
    /// Whatever fails once the journal has moved is noted and leaves doubt, and the rewrite goes on: it
    /// is what ends the doubt, for nothing of the old file counts once there is a base.
    ///
    /// Not while a transaction is open: databases that it has swapped would be swapped in the snapshot
    /// already, and once more by the new file, which it is appended to when it ends.
    fn begin_increment<G>(&self, still: &impl Fn() -> Option<G>) -> Result<u64, JournalError> {
        let failed =
            |error: &io::Error| JournalError::system("begin a new file in", &self.directory, error);
        let stem = &self.rewriting.stem;
        let mut manifest = self.rewriting.manifest.lock();
        let mut next = manifest.clone();
        let part = next.add_increment(stem);
        let ahead = Ahead::of(self.mode);
        let increment = Increment::open(&self.storage, &self.directory, &part, 0, ahead)
            .map_err(|error| failed(&error))?;
        next.store(&self.storage, &self.directory, stem)?;
        *manifest = next;
        // Whoever syncs asks for the files that are listed.
        drop(manifest);
        let guard = still().ok_or_else(|| failed(&stopped()))?;
        // Whoever waits for a sync of what the old file has will see the new one synced alone.
        let _syncing = self.syncing.lock();
        let moved = {
            let mut journal = self.journal.lock();
            // A swap in the old file is one of before the snapshot; any later one spoils it.
            self.rewriting.is_spoiled.store(false, Ordering::SeqCst);
            journal.move_to(increment, &self.clock)
        };
        drop(guard);
        let (old, length) = moved.map_err(|error| failed(&error))?;
        self.rewriting
            .others_bytes
            .fetch_add(length, Ordering::Relaxed);
        // The space that no record has taken is given back.
        let ended = old.set_len(length).and_then(|()| old.sync_data());
        if let Err(error) = ended {
            tracing::warn!("cannot sync the file that is left behind: {error}");
        }
        Ok(part.number)
    }

    /// Writes all keys to a file; tells its length, and nothing if it is no snapshot because
    /// databases were swapped meanwhile. What is swapped behind the last key does no harm.
    fn write_base<G>(
        &self,
        path: &Path,
        keyspace: &Keyspace,
        still: &impl Fn() -> Option<G>,
    ) -> io::Result<Option<u64>> {
        let mut base = BufWriter::with_capacity(256 * 1024, self.storage.create(path)?);
        let clocks = Clocks::read(&self.clock);
        let offset = clocks.offset();
        let line = clocks.line(&self.boot_id);
        base.write_all(line.as_bytes())?;
        let mut bytes = line.len() as u64;
        let mut records = Vec::new();
        for database in 0..keyspace.databases() {
            let mut selected = None;
            let mut cursor = Cursor::START;
            loop {
                records.clear();
                let now = self.clock.now();
                let guard = still().ok_or_else(stopped)?;
                cursor = keyspace.walk(database, cursor, KEYS, now, |walked| {
                    encode(&walked, database, &mut selected, offset, &mut records);
                });
                let is_spoiled = self.rewriting.is_spoiled.load(Ordering::SeqCst);
                drop(guard);
                if is_spoiled {
                    return Ok(None);
                }
                base.write_all(&records)?;
                bytes += records.len() as u64;
                if cursor == Cursor::START {
                    break;
                }
            }
        }
        base.into_inner()?.sync_all()?;
        Ok(Some(bytes))
    }

    /// BGREWRITEAOF; tells whether one runs already.
    pub fn ask_for_rewrite(&self) -> bool {
        let is_running = self.rewriting.ask();
        self.wakeup.notify();
        is_running
    }

    /// How far rewriting has come.
    pub fn rewrite_state(&self) -> RewriteState {
        let rewriting = &self.rewriting;
        let state = rewriting.state.load(Ordering::Relaxed);
        let length = self.journal.lock().writer.length();
        let now_us = self.clock.now().micros();
        let started_us = rewriting.started_us.load(Ordering::Relaxed);
        RewriteState {
            is_running: state == RUNNING,
            is_asked: state == ASKED,
            rewrites: rewriting.rewrites.load(Ordering::Relaxed),
            failures: rewriting.failures.load(Ordering::Relaxed),
            running_s: (state == RUNNING).then_some(now_us.saturating_sub(started_us) / 1_000_000),
            last_s: Some(rewriting.last_s.load(Ordering::Relaxed)).filter(|s| *s != u64::MAX),
            bytes: rewriting.others_bytes.load(Ordering::Relaxed) + length,
            base_bytes: rewriting.base_bytes.load(Ordering::Relaxed),
        }
    }
}

fn stopped() -> io::Error {
    io::Error::other("the server is stopping")
}

fn encode(
    walked: &Walked<'_>,
    database: usize,
    selected: &mut Option<usize>,
    offset: WallOffset,
    records: &mut Vec<u8>,
) {
    let Walked {
        key,
        value,
        deadline,
    } = *walked;
    encode_behind(records, bound_of_set(key, value), |encoder| {
        encoder.select(database, selected);
        encoder.set(key, value, deadline.map(|at| offset.to_unix(at).0));
    });
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::sync::Arc;

    use super::*;
    use crate::clock::{BootTime, Clock};
    use crate::config::Config;
    use crate::durability::Store;
    use crate::durability::reader::Request;
    use crate::keyspace::{Change, Event, Expiry, Observer};

    struct Deaf;

    impl Observer for Deaf {
        fn changed(&self, _: Change<'_>) {}
    }

    /// What a server has that keeps two databases in `directory`.
    fn start(directory: &Path) -> (Keyspace, Arc<Keeper>) {
        let words = ["--durability", "guard", "--dir"].map(Into::into);
        let words = [&words[..], &[directory.into()]].concat();
        let loaded = Config::load(&words, &mut std::io::empty()).unwrap();
        let keyspace = Keyspace::new(2, Box::new(Deaf));
        let clock = Arc::new(Clock::manual());
        let mut apply = |_: usize, request: &Request<'_>| {
            if request.arguments().next() == Some(b"SWAPDB") {
                keyspace.swap(0, 1, clock.now());
            }
            Ok(())
        };
        let store = Store::open(&loaded.config.settings.durability).unwrap();
        let files = store.load(&keyspace, &clock, &mut apply).unwrap();
        let keeper = files.start(clock).unwrap();
        keyspace.record_to(Box::new(Arc::clone(&keeper)));
        (keyspace, keeper)
    }

    /// The same, with a lock in the first database.
    fn start_with_lock(directory: &Path) -> (Keyspace, Arc<Keeper>) {
        let (keyspace, keeper) = start(directory);
        let mut guard = keyspace.key(0, b"lock", keeper.clock.now());
        guard.set(b"token", Expiry::Never, Event::Set);
        drop(guard);
        (keyspace, keeper)
    }

    /// How many keys the files have in each database.
    fn kept(directory: &Path) -> [usize; 2] {
        let (keyspace, _) = start(directory);
        [0, 1].map(|database| keyspace.size(database).keys)
    }

    #[test]
    fn a_rewrite_begins_behind_a_transaction_that_is_open() {
        let place = tempfile::tempdir().unwrap();
        let (keyspace, keeper) = start_with_lock(place.path());
        let mut script = keyspace.transaction(keeper.clock.now());
        script.swap(0, 1);
        let script = RefCell::new(Some(script));
        assert!(keeper.rewriting.begin());
        keeper.rewrite(&keyspace, || Some(script.take()));
        assert_eq!(keeper.rewrite_state().rewrites, 1);
        drop(script);
        drop(keyspace);
        drop(keeper);
        assert_eq!(kept(place.path()), [0, 1]);
    }

    #[test]
    fn a_rewrite_that_is_given_up_loses_nothing() {
        let place = tempfile::tempdir().unwrap();
        let (keyspace, keeper) = start_with_lock(place.path());
        for asked_before in 0..3 {
            let asked = Cell::new(0);
            assert!(keeper.rewriting.begin());
            keeper.rewrite(&keyspace, || {
                asked.set(asked.get() + 1);
                (asked.get() <= asked_before).then_some(())
            });
            let name = format!("{asked_before}");
            let mut guard = keyspace.key(1, name.as_bytes(), keeper.clock.now());
            guard.set(b"token", Expiry::Never, Event::Set);
        }
        assert_eq!(keeper.rewrite_state().rewrites, 0);
        drop(keyspace);
        drop(keeper);
        assert_eq!(kept(place.path()), [1, 3]);
    }

    #[test]
    fn a_swap_behind_the_last_key_does_not_spoil_a_snapshot() {
        struct Walking<'a>(&'a Keyspace, &'a Cell<usize>);

        impl Drop for Walking<'_> {
            fn drop(&mut self) {
                self.1.set(self.1.get() + 1);
                if self.1.get().is_multiple_of(3) {
                    self.0.swap(0, 1, BootTime::from_micros(0));
                }
            }
        }

        let place = tempfile::tempdir().unwrap();
        let (keyspace, keeper) = start_with_lock(place.path());
        let steps = Cell::new(0);
        assert!(keeper.rewriting.begin());
        keeper.rewrite(&keyspace, || Some(Walking(&keyspace, &steps)));
        assert_eq!(keeper.rewrite_state().rewrites, 1);
        assert_eq!(steps.get(), 3, "one to begin, one for each database");
        drop(keyspace);
        drop(keeper);
        assert_eq!(kept(place.path()), [0, 1]);
    }
}
