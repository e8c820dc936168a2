//! Who keeps what an instance grants: the journal, the horizon, and the replies that wait for them.
//!
//! Commands tell it of changes under the locks of their shards; one thread of its own
//! ([`Keeper::serve`]) gets space, syncs and promises. What the replies to a change depend on is
//! noted on the [`receipt`] of the thread that makes it. A reply whose grant outruns the promise, or
//! that must be on the disk first, waits for a [`Ticket`]; with `always` who waits syncs itself.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use super::Mode;
use super::horizon::Horizon;
use super::journal::{Journal, Kind};
use super::lock::DirectoryLock;
use super::recent::Recent;
use super::rewrite::Rewriting;
use super::ring::Ring;
use super::storage::{Storage, StoredFile};
use super::wakeup::Wakeup;
use crate::clock::{BootTime, Clock};
use crate::keyspace::prefetch::prefetch;
use crate::keyspace::{DatabaseChange, Hashed, KeyChange, KeyState, Recorder};
use crate::receipt;
use crate::sync::Mutex;

/// A promise reaches so far beyond the grant that asked for it. The next one is written when less
/// than [`MARGIN_US`] of it is left: with locks of one length, every 6 s.
pub(super) const AHEAD_US: u64 = 10_000_000;
const MARGIN_US: u64 = 4_000_000;

/// See the module's text.
pub struct Keeper {
    pub(super) mode: Mode,
    pub(super) clock: Arc<Clock>,
    pub(super) boot_id: Arc<str>,
    pub(super) directory: PathBuf,
    pub(super) journal: Mutex<Journal>,
    /// Where in the ring the journal has written of keys that were new.
    pub(super) recent: (Arc<Recent>, Arc<Ring>),
    pub(super) horizon: Mutex<Horizon>,
    pub(super) rewriting: Rewriting,
    pub(super) marks: Marks,
    pub(super) storage: Storage,
    pub(super) wakeup: Arc<Wakeup>,
    /// Held by whoever syncs, so that a rewrite does not take the file away meanwhile. It has the files
    /// of before this start, until a sync has covered them or nothing of them counts any more.
    pub(super) syncing: Mutex<Vec<StoredFile>>,
    pub(super) waiters: Mutex<Vec<Waker>>,
    /// Locked for as long as this server runs.
    pub(super) _lock: DirectoryLock,
}

/// What has come to pass, read without a lock.
#[derive(Default)]
pub(super) struct Marks {
    /// Bytes that were ever appended.
    pub(super) appended: AtomicU64,
    /// How many of them are on the disk.
    pub(super) synced: AtomicU64,
    /// How many of them somebody waits for to be on the disk.
    pub(super) sync_wanted: AtomicU64,
    /// The latest deadline that was granted beyond `renew_us`, in boot microseconds.
    pub(super) wanted_us: AtomicU64,
    /// The horizon that is on the disk.
    pub(super) promised_us: AtomicU64,
    /// A later deadline calls for another promise.
    pub(super) renew_us: AtomicU64,
    /// Until when nothing is granted after a crash; 0 for now.
    pub(super) loading_until_us: AtomicU64,
    /// The longest lock that a promise is made for, in microseconds.
    pub(super) guard_max_us: AtomicU64,
    /// Changes that could not be appended.
    pub(super) lost: AtomicU64,
    /// Grants that no promise covers.
    pub(super) unguarded: AtomicU64,
    pub(super) journal_syncs: AtomicU64,
    pub(super) horizon_syncs: AtomicU64,
}

/// What a reply waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ticket {
    /// A horizon that reaches this far.
    Promised(u64),
    /// So many bytes on the disk.
    Synced(u64),
    /// The same, and the end of all doubts about what the disk has taken.
    Whole {
        /// Bytes.
        bytes: u64,
        /// How many doubts there were.
        doubts: u64,
    },
}

impl Keeper {
    /// No promise comes to the disk while what this returns lives.
    #[cfg(test)]
    pub(crate) fn hold_horizon(&self) -> impl Drop + '_ {
        self.horizon.lock()
    }

    /// Whether a change counts only when it is synced.
    #[inline]
    pub fn syncs_each_change(&self) -> bool {
        self.mode == Mode::Always
    }

    /// Notes on the thread's receipt that it has read what the journal says so far. With `always`
    /// nobody hears of what a crash of the machine would undo.
    pub fn note_read(&self) {
        receipt::note_settled(self.marks.appended.load(Ordering::SeqCst));
    }

    /// Whether what a ticket stands for has come to pass.
    pub fn is_reached(&self, ticket: Ticket) -> bool {
        match ticket {
            Ticket::Promised(until_us) => self.marks.promised_us.load(Ordering::SeqCst) >= until_us,
            Ticket::Synced(bytes) => self.marks.synced.load(Ordering::SeqCst) >= bytes,
            Ticket::Whole { bytes, doubts } => {
                self.is_reached(Ticket::Synced(bytes)) && self.storage.health.mended() >= doubts
            }
        }
    }

    /// Tells whether `ticket` is reached; if not, `waker` is woken when it may be.
    pub fn poll(&self, ticket: Ticket, waker: &Waker) -> bool {
        if self.is_reached(ticket) {
            return true;
        }
        self.waiters.lock().push(waker.clone());
        // What was reached before the waker stood there has woken nobody.
        self.is_reached(ticket)
    }

    /// Syncs for a ticket on the thread that waits for it: with `always` that is quicker than to wake
    /// another thread, and one sync is enough for all that have run before. Tells whether the ticket is
    /// reached; if not, the disk fails, and `waker` is woken when it does not any more.
    pub fn sync_for(&self, ticket: Ticket, waker: &Waker) -> bool {
        // What has failed is noted; whoever waits goes on when the disk does.
        let _ = self.sync();
        self.poll(ticket, waker)
    }

    pub(super) fn wake_waiters(&self) {
        let waiters = std::mem::take(&mut *self.waiters.lock());
        for waker in waiters {
            waker.wake();
        }
    }

    /// For how many milliseconds nothing is granted yet; `None` for as soon as asked.
    #[inline]
    pub fn loading_ms(&self, now: BootTime) -> Option<u64> {
        match self.marks.loading_until_us.load(Ordering::Relaxed) {
            0 => None,
            until_us => {
                let rest_ms = now.millis_until(BootTime::from_micros(until_us));
                (rest_ms > 0).then_some(rest_ms)
            }
        }
    }

    /// Whether the disk does not do what it should.
    #[inline]
    pub fn is_failing(&self) -> bool {
        self.storage.health.failing_since().is_some()
    }

    /// What it does instead.
    pub fn failure(&self) -> String {
        self.storage.health.reason()
    }

    /// `auto-aof-rewrite-percentage` and `auto-aof-rewrite-min-size`.
    pub fn set_rewrite_limits(&self, (percentage, min_bytes): (u64, u64)) {
        self.rewriting.set_limits(percentage, min_bytes);
    }

    /// Notes what has become of a change, while the journal is locked.
    #[inline]
    fn appended(&self, journal: &mut Journal, kind: Kind, result: io::Result<()>) {
        if let Err(error) = result {
            self.lose(kind, &error);
        }
        // Nobody else writes it: the journal is locked.
        let before = self.marks.appended.load(Ordering::Relaxed);
        self.marks
            .appended
            .store(journal.writer.head(), Ordering::Release);
        let is_first = match self.mode {
            Mode::EverySec => before == self.marks.synced.load(Ordering::SeqCst),
            Mode::Always => {
                let head = journal.writer.head();
                match kind {
                    Kind::Grant => receipt::note_grant(head),
                    Kind::Removal => receipt::note_settled(head),
                }
                false
            }
            Mode::Guard | Mode::None => false,
        };
        if is_first
            || journal.writer.wants_attention()
            || self.rewriting.is_due(journal.writer.length())
        {
            self.wakeup.notify();
        }
    }

    #[cold]
    fn lose(&self, kind: Kind, error: &io::Error) {
        self.marks.lost.fetch_add(1, Ordering::SeqCst);
        // A lock of which the release is forgotten lives longer, so removals are none.
        if kind == Kind::Grant {
            receipt::note_loss();
        }
        self.storage.health.after_loss(error);
    }

    /// A key has this deadline now: is it promised to be kept?
    #[inline]
    fn guard(&self, deadline: Option<BootTime>, now: BootTime) {
        let is_guarded = deadline.is_some_and(|deadline| {
            deadline.micros() <= self.marks.renew_us.load(Ordering::SeqCst)
        });
        if !is_guarded && self.mode != Mode::Always {
            self.want(deadline, now);
        }
    }

    #[inline]
    fn guard_all(&self, changes: &[KeyChange<'_>], now: BootTime) {
        for change in changes {
            match change.state {
                KeyState::Set(_, deadline)
                | KeyState::New(_, deadline)
                | KeyState::Deadline(deadline) => self.guard(deadline, now),
                KeyState::Gone => {}
            }
        }
    }

    #[cold]
    fn want(&self, deadline: Option<BootTime>, now: BootTime) {
        let guard_max_us = self.marks.guard_max_us.load(Ordering::SeqCst);
        let limit_us = now.micros() + guard_max_us;
        let wanted_us = match deadline.map(BootTime::micros) {
            // It has expired: nobody holds anything.
            Some(deadline_us) if deadline_us <= now.micros() => return,
            Some(deadline_us) if deadline_us <= limit_us => deadline_us,
            beyond => {
                if self.marks.unguarded.fetch_add(1, Ordering::Relaxed) == 0 {
                    tracing::warn!(
                        "a key lives longer than guard-max ({} s) or for ever: durability {} may \
                         forget it when the machine crashes, only `always` does not (said once)",
                        guard_max_us / 1_000_000,
                        self.mode.name(),
                    );
                }
                if beyond.is_none() {
                    return;
                }
                limit_us
            }
        };
        if wanted_us > self.marks.renew_us.load(Ordering::SeqCst) {
            self.marks.wanted_us.fetch_max(wanted_us, Ordering::SeqCst);
            self.wakeup.notify();
        }
        if wanted_us > self.marks.promised_us.load(Ordering::SeqCst) {
            receipt::note_promise(wanted_us);
        }
    }

    /// Whether a lock was granted whose promise is not on the disk yet.
    #[inline]
    pub fn is_promise_behind(&self) -> bool {
        let wanted_us = self.marks.wanted_us.load(Ordering::SeqCst);
        wanted_us > self.marks.promised_us.load(Ordering::SeqCst)
    }

    /// Notes on the thread's receipt that somebody hears of a key with this deadline. If its promise
    /// is not on the disk yet, the reply waits for that.
    pub fn note_seen(&self, deadline: BootTime) {
        let promised_us = self.marks.promised_us.load(Ordering::SeqCst);
        let wanted_us = self.marks.wanted_us.load(Ordering::SeqCst);
        let seen_us = wanted_us.min(deadline.micros());
        if seen_us > promised_us {
            receipt::note_promise(seen_us);
        }
    }

    /// Notes what the horizon on the disk says.
    pub(super) fn note_promise(&self, until_us: u64) {
        self.marks.promised_us.store(until_us, Ordering::SeqCst);
        let renew_us = until_us.saturating_sub(MARGIN_US);
        self.marks.renew_us.store(renew_us, Ordering::SeqCst);
    }
}

impl Recorder for Arc<Keeper> {
    fn changed(&self, changes: &[KeyChange<'_>], now: BootTime) {
        let mut journal = self.journal.lock();
        let result = journal.append(changes, now, &self.clock);
        self.appended(&mut journal, Kind::of(changes), result);
        drop(journal);
        self.guard_all(changes, now);
    }

    fn transaction(&self, databases: &[DatabaseChange], changes: &[KeyChange<'_>]) {
        let now = self.clock.now();
        let is_swap = |change: &DatabaseChange| matches!(change, DatabaseChange::Swapped(..));
        let mut journal = self.journal.lock();
        if databases.iter().any(is_swap) {
            // A snapshot with some databases from before and some from after is none.
            self.rewriting.spoil();
        }
        let result = journal.append_transaction(databases, changes, now, &self.clock);
        let kind = Kind::of_transaction(databases, changes);
        self.appended(&mut journal, kind, result);
        drop(journal);
        self.guard_all(changes, now);
    }

    #[inline]
    fn foresee(&self, keys: &[Hashed<'_>]) {
        let (recent, ring) = &self.recent;
        for key in keys {
            prefetch(recent.place(key.hash()));
        }
        for key in keys {
            if let Some(position) = recent.position(key.hash()) {
                prefetch(ring.at(position));
            }
        }
    }
}
