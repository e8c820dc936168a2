//! The work of the keeper's thread: space, syncs and promises.
//!
//! It sleeps until something is wanted. Only a disk that fails, and `everysec` with something to
//! sync, let it wake by itself, once a second.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Mode;
use super::disk::{self, File};
use super::horizon::Promise;
use super::keeper::{AHEAD_US, Keeper};
use crate::clock::Stopwatch;

/// How often a failing disk is tried, and how long `everysec` waits with a sync.
const SECOND: Duration = Duration::from_secs(1);

impl Keeper {
    /// Works until [`Keeper::stop`]. `start_rewrite` lets another thread call
    /// [`Keeper::rewrite`]; it tells whether there is one.
    pub fn serve(&self, mut start_rewrite: impl FnMut() -> bool) {
        let mut since_sync = Stopwatch::start();
        let mut rest = None;
        while self.bell.wait(rest) {
            let is_sync_due = self.mode == Mode::Always
                || self.is_sync_wanted()
                || self.mode == Mode::EverySec && since_sync.elapsed() >= SECOND;
            match self.work(is_sync_due) {
                Ok(()) => self.recover(),
                Err(error) => self.fail(&error),
            }
            self.wake_waiters();
            if is_sync_due {
                since_sync = Stopwatch::start();
            }
            let length = self.journal.lock().writer.length();
            if self.rewriting.is_due(length) && self.rewriting.begin() && !start_rewrite() {
                self.rewriting.give_up(length);
            }
            rest = if self.is_failing() {
                Some(SECOND)
            } else {
                self.is_unsynced()
                    .then(|| SECOND.saturating_sub(since_sync.elapsed()))
            };
        }
    }

    /// Lets [`Keeper::serve`] return.
    pub fn stop(&self) {
        self.bell.stop();
    }

    fn work(&self, is_sync_due: bool) -> io::Result<()> {
        // A disk without space for more still takes what is to be synced and promised: releases
        // and reads wait for that.
        let has_space = self.get_space();
        let backlog = {
            let mut journal = self.journal.lock();
            // Whether a disk takes anything is seen by all that there is.
            match self.is_failing() {
                true => journal.writer.backlog(),
                false => journal.writer.old_backlog(),
            }
        };
        let is_drained = backlog.drain();
        let is_promised = self.promise();
        let is_synced = if is_sync_due { self.sync() } else { Ok(()) };
        has_space.and(is_drained).and(is_promised).and(is_synced)
    }

    fn is_unsynced(&self) -> bool {
        let marks = &self.marks;
        self.mode == Mode::EverySec
            && marks.appended.load(Ordering::SeqCst) > marks.synced.load(Ordering::SeqCst)
    }

    /// The disk does what it should again. What could not be appended is written with all else.
    fn recover(&self) {
        if self.is_failing() {
            if self.marks.lost.load(Ordering::SeqCst) > self.rewriting.lost_before() {
                self.rewriting.ask();
                return;
            }
            let _failure = self.failure.lock();
            self.marks.failure_turns.fetch_add(1, Ordering::SeqCst);
            tracing::warn!(
                "{} can be written to again, locks are granted as before",
                self.directory.display()
            );
        }
    }

    fn get_space(&self) -> io::Result<()> {
        let shortage = {
            let journal = self.journal.lock();
            if !journal.writer.is_short() {
                return Ok(());
            }
            journal.writer.shortage()
        };
        let allocated = shortage.relieve()?;
        self.journal
            .lock()
            .writer
            .note_allocated(&shortage.file, allocated);
        Ok(())
    }

    /// Writes a horizon if one is wanted.
    fn promise(&self) -> io::Result<()> {
        let marks = &self.marks;
        let wanted_us = marks.wanted_us.load(Ordering::SeqCst);
        let is_wanted = wanted_us > marks.renew_us.load(Ordering::SeqCst);
        if self.mode == Mode::Always || !is_wanted {
            return Ok(());
        }
        let until_us = wanted_us + AHEAD_US;
        self.write_horizon(until_us)?;
        self.note_promise(until_us);
        Ok(())
    }

    /// Writes and syncs the horizon.
    pub(super) fn write_horizon(&self, until_us: u64) -> io::Result<()> {
        let (journal, journal_bytes) = {
            let mut journal = self.journal.lock();
            (
                journal.writer.name().to_string_lossy().into_owned(),
                journal.writer.fixed_length(),
            )
        };
        let now = self.clock.now();
        let promise = Promise {
            boot_id: self.boot_id.to_string(),
            until_us,
            written_us: now.micros(),
            journal,
            // Who ends while it waits must wait again.
            journal_bytes: self.loading_ms(now).is_none().then_some(journal_bytes),
        };
        self.horizon.lock().write(&promise)?;
        self.marks.horizon_syncs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Syncs what was appended so far. After a sync that failed none counts until the journal is
    /// written anew.
    pub(super) fn sync(&self) -> io::Result<()> {
        let _syncing = self.syncing.lock();
        let backlog = self.journal.lock().writer.backlog();
        if backlog.head <= self.marks.synced.load(Ordering::SeqCst) {
            return Ok(());
        }
        backlog.drain()?;
        if self.marks.failed_syncs.load(Ordering::SeqCst) > self.rewriting.mended_syncs() {
            self.rewriting.ask();
            let text = "a sync has failed, and the journal is not written anew yet";
            return Err(io::Error::other(text));
        }
        if let Err(error) = backlog.sync() {
            self.marks.failed_syncs.fetch_add(1, Ordering::SeqCst);
            self.rewriting.ask();
            return Err(error);
        }
        self.marks.synced.store(backlog.head, Ordering::SeqCst);
        self.marks.journal_syncs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Syncs the files as they are, whoever wrote them.
    pub(super) fn sync_everything(&self) -> io::Result<()> {
        for path in self.rewriting.paths(&self.directory) {
            File::open(path)?.sync_all()?;
        }
        Ok(())
    }

    /// Ends in peace: everything is on the disk, and says so.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn close(&self) -> io::Result<()> {
        self.journal.lock().close(&self.clock)?;
        if self.marks.loading_until_us.load(Ordering::SeqCst) > 0 {
            // The horizon may still say that the journal has lost its end.
            let until_us = self.marks.promised_us.load(Ordering::SeqCst);
            self.write_horizon(until_us)?;
        }
        // It is empty.
        disk::remove_file(self.directory.join(super::ring::NAME))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Clock;
    use crate::config::Config;
    use crate::durability::Store;
    use crate::durability::reader::Request;
    use crate::keyspace::{Change, Event, Expiry, Keyspace, Observer};

    struct Deaf;

    impl Observer for Deaf {
        fn changed(&self, _: Change<'_>) {}
    }

    #[test]
    fn after_a_failed_sync_none_counts_until_all_is_written_anew() {
        let place = tempfile::tempdir().unwrap();
        let words = ["--durability", "always", "--dir"].map(Into::into);
        let words = [&words[..], &[place.path().into()]].concat();
        let loaded = Config::load(&words, &mut std::io::empty()).unwrap();
        let keyspace = Keyspace::new(1, Box::new(Deaf));
        let clock = Arc::new(Clock::manual());
        let mut apply = |_: usize, _: &Request<'_>| Ok(());
        let store = Store::open(&loaded.config.settings.durability).unwrap();
        let files = store.load(&keyspace, &clock, &mut apply).unwrap();
        let keeper = files.start(Arc::clone(&clock)).unwrap();
        keyspace.record_to(Box::new(Arc::clone(&keeper)));
        let set = |key: &[u8]| {
            let mut guard = keyspace.key(0, key, clock.now());
            guard.set(b"token", Expiry::Never, Event::Set);
        };
        set(b"synced");
        keeper.sync().unwrap();
        set(b"dropped");
        let ticket = keeper.ticket().unwrap();
        keeper.marks.failed_syncs.fetch_add(1, Ordering::SeqCst);
        assert!(keeper.sync().is_err() && keeper.sync().is_err());
        assert!(!keeper.is_reached(ticket));
        assert!(keeper.rewriting.is_due(0), "a rewrite was asked for");
        assert!(keeper.rewriting.begin());
        keeper.rewrite(&keyspace, || ());
        keeper.sync().unwrap();
        assert!(keeper.is_reached(ticket));
    }
}
