//! What a keeper tells of itself: figures for INFO, and syncs on demand for WAITAOF.

use std::sync::atomic::Ordering;

use super::keeper::{Keeper, Ticket};
use crate::clock::BootTime;

/// Figures of one moment.
#[derive(Clone, Copy, Debug)]
pub struct Status {
    /// For how many milliseconds more the promise on the disk reaches.
    pub horizon_ms: u64,
    /// How often a horizon was written and synced.
    pub horizon_syncs: u64,
    /// How often the journal was synced while it was appended to.
    pub journal_syncs: u64,
    /// Keys without an end or with one beyond `guard-max`, which no promise covers.
    pub unguarded: u64,
    /// Changes that could not be appended.
    pub lost: u64,
    /// Whether something is appended and not on the disk.
    pub is_unsynced: bool,
}

impl Keeper {
    /// The figures now.
    pub fn status(&self, now: BootTime) -> Status {
        let marks = &self.marks;
        let promised_us = marks.promised_us.load(Ordering::SeqCst);
        Status {
            horizon_ms: now.millis_until(BootTime::from_micros(promised_us)),
            horizon_syncs: marks.horizon_syncs.load(Ordering::Relaxed),
            journal_syncs: marks.journal_syncs.load(Ordering::Relaxed),
            unguarded: marks.unguarded.load(Ordering::Relaxed),
            lost: marks.lost.load(Ordering::Relaxed),
            is_unsynced: marks.appended.load(Ordering::SeqCst)
                > marks.synced.load(Ordering::SeqCst),
        }
    }

    /// Has everything that was changed so far synced, whatever the mode; `None` if it is. A change
    /// that could not be appended is synced by a rewrite.
    pub fn ask_for_sync(&self) -> Option<Ticket> {
        let doubts = self.storage.health.doubts();
        let appended = self.marks.appended.load(Ordering::SeqCst);
        let ticket = Ticket::Whole {
            bytes: appended,
            doubts,
        };
        if self.is_reached(ticket) {
            return None;
        }
        self.marks.sync_wanted.fetch_max(appended, Ordering::SeqCst);
        self.wakeup.notify();
        Some(ticket)
    }

    /// Whether somebody waits for a sync.
    pub(super) fn is_sync_wanted(&self) -> bool {
        let marks = &self.marks;
        marks.sync_wanted.load(Ordering::SeqCst) > marks.synced.load(Ordering::SeqCst)
    }
}
