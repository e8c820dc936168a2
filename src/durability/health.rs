//! Whether the disk does what it should: the one place that is told of every failure and that decides
//! when a failure is over.
//!
//! While the disk *fails*, grants are refused. There are two kinds of failure:
//!
//! * The disk is full, and says so before it takes anything. What it has refused is still in memory
//!   or was not needed yet, so the failure is over as soon as a round of work succeeds.
//! * Anything else leaves *doubt*. After a sync that failed the system may have dropped what was to be
//!   written, and it says so once: the next sync would succeed without it. A change that could not be
//!   appended is in memory alone. Doubt ends only when the journal has been rewritten from the keys
//!   in memory; until then nothing counts as synced. It outlives the process in the ring.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::ring::Ring;
use super::wakeup::Wakeup;
use crate::sync::Mutex;

/// What is known of the disk.
pub(super) struct Health {
    directory: PathBuf,
    wakeup: Arc<Wakeup>,
    /// What failed last. Locked by whoever begins or ends a failure.
    reason: Mutex<String>,
    /// How often a failure has begun and how often one has ended: the disk fails while this is odd.
    turns: AtomicU64,
    /// How often something has left doubt.
    doubts: AtomicU64,
    /// How many of these doubts a rewrite has ended.
    mended: AtomicU64,
    /// Where it is noted that there is doubt, once there is a ring.
    ring: OnceLock<Arc<Ring>>,
}

/// What has become of a failure after a round of work that succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recovery {
    /// The disk does not fail, or does not any more.
    Done,
    /// The journal must be rewritten first.
    NeedsRewrite,
}

impl Health {
    /// A disk of which no failure is known. `wakeup` is notified when one begins.
    pub(super) fn new(directory: &Path, wakeup: Arc<Wakeup>) -> Health {
        Health {
            directory: directory.to_owned(),
            wakeup,
            reason: Mutex::default(),
            turns: AtomicU64::new(0),
            doubts: AtomicU64::new(0),
            mended: AtomicU64::new(0),
            ring: OnceLock::new(),
        }
    }

    /// Notes doubt in this ring from now on. There is one; a second is not used.
    pub(super) fn note_in(&self, ring: Arc<Ring>) {
        let ring = self.ring.get_or_init(|| ring);
        ring.note_doubt(!self.is_sound());
    }

    fn doubt(&self) {
        self.doubts.fetch_add(1, Ordering::SeqCst);
        if let Some(ring) = self.ring.get() {
            ring.note_doubt(true);
        }
    }

    /// Notes that a write has failed, or anything else that a full disk refuses as a whole.
    #[cold]
    pub(super) fn after_write(&self, path: &Path, error: &io::Error) {
        if !says_full(error) {
            self.doubt();
        }
        self.begin(path, error);
    }

    /// Notes that a sync has failed.
    #[cold]
    pub(super) fn after_sync(&self, path: &Path, error: &io::Error) {
        self.doubt();
        self.begin(path, error);
    }

    /// Notes that the files do not have all changes.
    #[cold]
    pub(super) fn after_loss(&self, error: &io::Error) {
        self.after_sync(&self.directory, error);
    }

    fn begin(&self, path: &Path, error: &io::Error) {
        let mut reason = self.reason.lock();
        *reason = error.to_string();
        if self.failing_since().is_none() {
            self.turns.fetch_add(1, Ordering::SeqCst);
            tracing::warn!(
                "cannot write to {}: {error}; locks are refused until it is possible again, \
                 releases and reads go on",
                path.display()
            );
            self.wakeup.notify();
        }
    }

    /// Ends the failure, if there is no doubt. For the keeper's thread after work that succeeded.
    pub(super) fn recover(&self) -> Recovery {
        if self.failing_since().is_none() {
            return Recovery::Done;
        }
        let _reason = self.reason.lock();
        if !self.is_sound() {
            return Recovery::NeedsRewrite;
        }
        self.turns.fetch_add(1, Ordering::SeqCst);
        tracing::warn!(
            "{} can be written to again, locks are granted as before",
            self.directory.display()
        );
        Recovery::Done
    }

    /// How many doubts there were. A rewrite takes it between the begin of its increment and its base:
    /// what was in doubt before is in the base, and nothing else is.
    pub(super) fn doubts(&self) -> u64 {
        self.doubts.load(Ordering::SeqCst)
    }

    /// Notes that a rewrite has succeeded that had counted so many doubts.
    pub(super) fn mend(&self, doubts: u64) {
        self.mended.fetch_max(doubts, Ordering::SeqCst);
        if let Some(ring) = self.ring.get().filter(|_| self.is_sound()) {
            ring.note_doubt(false);
            // A doubt that has come up meanwhile.
            ring.note_doubt(!self.is_sound());
        }
    }

    /// How many doubts a rewrite has ended.
    pub(super) fn mended(&self) -> u64 {
        self.mended.load(Ordering::SeqCst)
    }

    /// Whether a sync that succeeds now says that everything is on the disk.
    pub(super) fn is_sound(&self) -> bool {
        self.doubts() <= self.mended()
    }

    /// Which failure this is, if the disk fails.
    #[inline]
    pub(super) fn failing_since(&self) -> Option<u64> {
        let turn = self.turns.load(Ordering::SeqCst);
        (turn % 2 == 1).then_some(turn)
    }

    /// What failed last, in the system's words.
    pub(super) fn reason(&self) -> String {
        self.reason.lock().clone()
    }
}

/// Whether an error says that there is no space, and so that nothing was taken.
fn says_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health() -> Health {
        Health::new(Path::new("here"), Arc::default())
    }

    const FILE: &str = "a file";

    fn full() -> io::Error {
        ErrorKind::StorageFull.into()
    }

    fn broken() -> io::Error {
        io::Error::other("broken")
    }

    #[test]
    fn a_full_disk_has_failed_until_work_succeeds() {
        let health = health();
        assert_eq!(health.recover(), Recovery::Done);
        health.after_write(FILE.as_ref(), &full());
        assert_eq!(health.failing_since(), Some(1));
        assert!(health.is_sound());
        assert_eq!(health.recover(), Recovery::Done);
        assert_eq!(health.failing_since(), None);
    }

    #[test]
    fn whatever_else_fails_is_in_doubt_until_a_rewrite_that_came_after_it() {
        let faults: [fn(&Health); 4] = [
            |health| health.after_write(FILE.as_ref(), &broken()),
            |health| health.after_sync(FILE.as_ref(), &broken()),
            // What a sync has not written is not in the caller's hands any more.
            |health| health.after_sync(FILE.as_ref(), &full()),
            |health| health.after_loss(&full()),
        ];
        for fault in faults {
            let health = health();
            let before = health.doubts();
            fault(&health);
            assert!(!health.is_sound());
            health.mend(before);
            assert_eq!(health.recover(), Recovery::NeedsRewrite);
            assert_eq!(health.failing_since(), Some(1));
            health.mend(health.doubts());
            assert!(health.is_sound());
            assert_eq!(health.recover(), Recovery::Done);
            assert_eq!(health.failing_since(), None);
        }
    }

    #[test]
    fn the_last_reason_is_told_and_each_failure_has_a_turn_of_its_own() {
        let health = health();
        health.after_write(FILE.as_ref(), &broken());
        health.after_sync(FILE.as_ref(), &io::Error::other("second"));
        assert_eq!(health.reason(), "second");
        assert_eq!(health.failing_since(), Some(1));
        health.mend(health.doubts());
        health.recover();
        health.after_write(FILE.as_ref(), &full());
        assert_eq!(health.failing_since(), Some(3));
    }
}
