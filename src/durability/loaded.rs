//! The files once they are read: what is known of them, and the way on to a keeper that appends.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Mode;
use super::dump::DumpCounts;
use super::increment::{Ahead, Increment};
use super::journal::Journal;
use super::keeper::{Keeper, Marks};
use super::manifest::Part;
use super::restore::Store;
use super::rewrite::Rewriting;
use super::wait::{self, Ended, Wait};
use crate::clock::{BootTime, Clock};
use crate::config::Durability;
use crate::error::RestoreError;
use crate::sync::Mutex;

/// The files, once they are read.
pub struct Loaded<'a> {
    pub(super) store: Store<'a>,
    pub(super) boot_id: Arc<str>,
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
    /// # Errors
    /// The disk is full, or denies it.
    pub fn start(self, clock: Arc<Clock>) -> Result<Arc<Keeper>, RestoreError> {
        let Durability {
            mode,
            ref directory,
            ref stem,
            guard_max_s,
            ..
        } = *self.store.settings;
        let denied = |what: &'static str| {
            move |error: io::Error| RestoreError::system(what, directory, &error)
        };
        let boot_id = Arc::clone(&self.boot_id);
        let (storage, length) = (self.store.storage, self.ended.length);
        let journal = Increment::open(&storage, directory, &self.last, length, Ahead::of(mode))
            .and_then(|increment| Journal::start(directory, increment, boot_id, &clock))
            .map_err(denied("take space for the journal in"))?;
        let keeper = Keeper {
            mode,
            clock,
            recent: journal.writer.recent(),
            journal: Mutex::new(journal),
            horizon: Mutex::new(self.store.horizon),
            rewriting: Rewriting::new(self.store.manifest, stem, self.ended.others_bytes),
            marks: Marks::default(),
            storage,
            wakeup: self.store.wakeup,
            syncing: Mutex::default(),
            waiters: Mutex::default(),
            _lock: self.store.lock,
            boot_id: self.boot_id,
            directory: directory.clone(),
        };
        let guard_max_us = guard_max_s.saturating_mul(1_000_000);
        keeper
            .marks
            .guard_max_us
            .store(guard_max_us, Ordering::SeqCst);
        let found = &self.store.found;
        let (until_us, is_standing) = match self.wait {
            // Should the machine crash again meanwhile, the rest must be waited for.
            Wait::Until(until) => (until.micros(), false),
            Wait::No => match wait::standing_us(found, self.ended, &keeper.boot_id) {
                Some(until_us) if mode != Mode::Always || until_us == 0 => (until_us, true),
                _ => (wait::renewed_us(found, &keeper.boot_id, mode), false),
            },
        };
        if let Wait::Until(until) = self.wait {
            let loading_until = &keeper.marks.loading_until_us;
            loading_until.store(until.micros(), Ordering::SeqCst);
        }
        if !is_standing {
            if mode == Mode::Always {
                keeper.sync_everything().map_err(denied("sync"))?;
            }
            let written = keeper.write_horizon(until_us);
            written.map_err(denied("write the horizon in"))?;
        }
        keeper.note_promise(until_us);
        Ok(Arc::new(keeper))
    }

    /// How long nothing is granted, in seconds rounded up; 0 for not at all.
    pub fn wait_s(&self, now: BootTime) -> u64 {
        match self.wait {
            Wait::No => 0,
            Wait::Until(until) => now.millis_until(until).div_ceil(1000),
        }
    }
}
