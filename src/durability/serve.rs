//! The work of the keeper's thread: space, syncs and promises.
//!
//! It sleeps until something is wanted. Only a disk that fails, and `everysec` with something to
//! sync, let it wake by itself, once a second.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Mode;
use super::health::Recovery;
use super::horizon::Promise;
use super::keeper::{AHEAD_US, Keeper};
use super::storage::StoredFile;
use crate::clock::Stopwatch;

/// How often a failing disk is tried, and how long `everysec` waits with a sync.
const SECOND: Duration = Duration::from_secs(1);
/// The longest time between two rewrites that a failing disk is tried with, in seconds. It begins
/// with one and doubles with each rewrite that fails.
const RETRY_S_MAX: u64 = 32;

impl Keeper {
    /// Works until [`Keeper::stop`]. `start_rewrite` lets another thread call
    /// [`Keeper::rewrite`]; it tells whether there is one.
    pub fn serve(&self, mut start_rewrite: impl FnMut() -> bool) {
        let mut since_sync = Stopwatch::start();
        let mut since_rewrite = Stopwatch::start();
        let mut rest = None;
        while self.wakeup.wait(rest) {
            let is_sync_due = self.mode == Mode::Always
                || self.is_sync_wanted()
                || self.mode == Mode::EverySec && since_sync.elapsed() >= SECOND;
            let is_done = self.work(is_sync_due).is_ok();
            if is_done && self.storage.health.recover() == Recovery::NeedsRewrite {
                let failures = self.rewriting.failures_in_a_row();
                let retry_s = 1_u64.checked_shl(failures).unwrap_or(RETRY_S_MAX);
                if failures == 0 || since_rewrite.elapsed().as_secs() >= retry_s.min(RETRY_S_MAX) {
                    self.rewriting.ask();
                }
            }
            self.wake_waiters();
            if is_sync_due {
                since_sync = Stopwatch::start();
            }
            let length = self.journal.lock().writer.length();
            if self.rewriting.is_due(length) && self.rewriting.begin() {
                since_rewrite = Stopwatch::start();
                if !start_rewrite() {
                    self.rewriting.give_up(length);
                }
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
        self.wakeup.stop();
    }

    /// Whether [`Keeper::stop`] was called.
    pub fn is_stopping(&self) -> bool {
        self.wakeup.is_stopping()
    }

    /// One round of work. What has failed is noted, and tried again in the next one.
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
        let is_synced = if is_sync_due && self.storage.health.is_sound() {
            self.sync()
        } else {
            Ok(())
        };
        has_space.and(is_drained).and(is_promised).and(is_synced)
    }

    fn is_unsynced(&self) -> bool {
        let marks = &self.marks;
        self.mode == Mode::EverySec
            && marks.appended.load(Ordering::SeqCst) > marks.synced.load(Ordering::SeqCst)
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
    pub(super) fn promise(&self) -> io::Result<()> {
        let marks = &self.marks;
        let wanted_us = marks.wanted_us.load(Ordering::SeqCst);
        let is_wanted = wanted_us > marks.renew_us.load(Ordering::SeqCst);
        if self.mode == Mode::Always || !is_wanted {
            return Ok(());
        }
        let until_us = wanted_us + AHEAD_US;
        self.write_horizon(until_us, None)?;
        self.note_promise(until_us);
        Ok(())
    }

    /// Writes and syncs the horizon. `ended_bytes` is how long the increment is that has ended in
    /// peace; until then its end counts as lost.
    pub(super) fn write_horizon(&self, until_us: u64, ended_bytes: Option<u64>) -> io::Result<()> {
        let journal = self.journal.lock().writer.name().to_owned();
        let promise = Promise {
            boot_id: self.boot_id.to_string(),
            until_us,
            written_us: self.clock.now().micros(),
            journal: journal.to_string_lossy().into_owned(),
            journal_bytes: ended_bytes,
        };
        self.horizon.lock().write(&promise)?;
        self.marks.horizon_syncs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Syncs what was appended so far.
    ///
    /// # Errors
    /// The disk does not take it, or there is doubt about what it has taken before.
    pub(super) fn sync(&self) -> io::Result<()> {
        let mut old_files = self.syncing.lock();
        let backlog = self.journal.lock().writer.backlog();
        if backlog.head <= self.marks.synced.load(Ordering::SeqCst) {
            return Ok(());
        }
        backlog.drain()?;
        if !self.storage.health.is_sound() {
            let text = "something has failed, and the journal is not rewritten yet";
            return Err(io::Error::other(text));
        }
        old_files.iter().try_for_each(StoredFile::sync_all)?;
        old_files.clear();
        backlog.sync()?;
        self.marks.synced.store(backlog.head, Ordering::SeqCst);
        self.marks.journal_syncs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Syncs all that a start would read, whoever wrote it: the files, the list of them, and the
    /// directory that they are in. No rewrite runs.
    fn sync_everything(&self) -> io::Result<()> {
        for path in self.rewriting.paths(&self.directory) {
            self.storage.sync(&path)?;
        }
        self.storage.sync(&self.directory)
    }

    /// Ends in peace: everything is on the disk, and says so.
    ///
    /// A kill between any two steps leaves a ring that knows all, until the horizon knows it too. A
    /// crash of the machine before that finds a horizon for which the journal's end is lost.
    ///
    /// # Errors
    /// The disk does not take it, or there is doubt about what it has taken before. The files do not
    /// say that they are whole then.
    pub fn close(&self) -> io::Result<()> {
        if !self.storage.health.is_sound() {
            return Err(io::Error::other(self.storage.health.reason()));
        }
        let length = {
            let mut journal = self.journal.lock();
            journal.writer.finish()?;
            self.sync_everything()?;
            journal.close(&self.clock)?;
            journal.writer.length()
        };
        let until_us = self.marks.promised_us.load(Ordering::SeqCst);
        // Who ends while it waits must wait again.
        let is_waiting = self.loading_ms(self.clock.now()).is_some();
        self.write_horizon(until_us, (!is_waiting).then_some(length))?;
        if !is_waiting {
            self.journal.lock().writer.retire();
        }
        Ok(())
    }
}
