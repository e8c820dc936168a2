//! What a start does about grants that the files may not know of: how long nothing is granted.
//!
//! Three things know the journal's end, and none of them can be written by a client:
//!
//! * The ring that a killed server has left says exactly how long the journal is, and what of it is in
//!   the ring alone. It is believed only in the boot of the machine that has made it: what was
//!   appended outlives a kill, not a crash.
//! * A server that ends in peace syncs everything, writes its mark, and then says in the horizon how
//!   long the journal is with it.
//! * While a server runs, the horizon says that the journal's end is lost.
//!
//! Where neither a ring nor an end in peace stands, somebody may hold a lock that the files have lost,
//! and the horizon says for how long. With `always` it reaches no further than the start: what was
//! acknowledged is in the files.

use std::path::Path;

use super::Mode;
use super::annotation;
use super::horizon::{Found, Promise};
use super::layout::Unusable;
use super::manifest::Manifest;
use crate::clock::BootTime;

/// Until when nothing is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    No,
    Until(BootTime),
}

/// How the reading of all files ended.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ended {
    /// Good bytes of the increment that is appended to, with those that are in the ring.
    pub(super) length: u64,
    /// Those of them that are in the ring alone.
    pub(super) in_ring: u64,
    /// Bytes of all other files.
    pub(super) others_bytes: u64,
    /// The last thing in the increment is the mark of a peaceful end.
    pub(super) is_clean: bool,
    /// This server has written something of it.
    pub(super) is_ours: bool,
    /// What was written last was so since this start of the machine.
    pub(super) is_of_this_boot: bool,
}

/// What the decision hangs on.
pub(super) struct Case<'a> {
    pub(super) found: &'a Found,
    pub(super) manifest: &'a Manifest,
    pub(super) ended: Ended,
    /// Until when a server waited that has left its ring, in boot microseconds.
    pub(super) ring: Result<u64, Unusable>,
    pub(super) boot_id: &'a str,
    pub(super) now: BootTime,
    /// `guard-max`.
    pub(super) longest_ms: u64,
    pub(super) directory: &'a Path,
}

impl Case<'_> {
    /// How long nothing may be granted.
    pub(super) fn wait(&self) -> Wait {
        let until_us = match (self.ring, self.found) {
            (Ok(waits_us), _) => waits_us,
            (Err(_), Found::Promise(promise)) => self.wait_for(promise),
            (Err(_), Found::Nothing | Found::Damaged) => self.wait_for_longest(),
        };
        if until_us <= self.now.micros() {
            return Wait::No;
        }
        if let Err(unusable) = self.ring
            && self.ended.is_of_this_boot
        {
            tracing::warn!(
                "the ring in {} {}: the end of the journal is lost",
                self.directory.display(),
                match unusable {
                    Unusable::Missing => "is missing",
                    Unusable::Retired => "was given up",
                    Unusable::Version => "is of another version",
                    Unusable::Boot => "is of another boot",
                    Unusable::Damaged => "is damaged",
                    Unusable::Journal => "does not fit the journal",
                }
            );
        }
        Wait::Until(BootTime::from_micros(until_us))
    }

    fn wait_for_longest(&self) -> u64 {
        // A horizon is written before anything is granted.
        let has_granted = self.ended.is_ours || *self.found == Found::Damaged;
        if !has_granted || self.ended.is_clean {
            return 0;
        }
        let fault = match self.found {
            Found::Nothing => "missing",
            _ => "damaged or of another version",
        };
        tracing::warn!(
            "the horizon in {} is {fault}: nothing is granted for guard-max",
            self.directory.display(),
        );
        self.now.after_millis(self.longest_ms).micros()
    }

    fn wait_for(&self, promise: &Promise) -> u64 {
        if self.is_whole(promise) || self.is_anothers(promise) {
            0
        } else if promise.boot_id == self.boot_id {
            promise.until_us
        } else {
            let rest_us = promise.until_us.saturating_sub(promise.written_us);
            self.now.micros() + rest_us
        }
    }

    /// Whether the journal has all that it had when its server ended in peace.
    fn is_whole(&self, promise: &Promise) -> bool {
        let Some(bytes) = promise.journal_bytes else {
            return false;
        };
        let Some(last) = self.manifest.increments().last() else {
            return false;
        };
        if last.name.to_string_lossy() != promise.journal {
            let is_later = |number| number <= last.number;
            return self.ended.is_clean && number_of(&promise.journal).is_some_and(is_later);
        }
        let path = last.path(self.directory);
        // A Redis may have written on behind the mark since.
        self.ended.length >= bytes
            && (self.ended.is_clean
                || self.ended.is_of_this_boot && annotation::is_end_mark_before(&path, bytes))
    }

    /// Whether a Redis has taken all that was promised and has written it anew: the file of the
    /// promise is not listed any more. While it is, a rewrite of ours may have begun behind it, and
    /// a crash may have left nothing of what says that the files are ours.
    fn is_anothers(&self, promise: &Promise) -> bool {
        let first = self.manifest.increments().first();
        !self.ended.is_ours
            && first.is_some_and(|first| {
                number_of(&promise.journal).is_some_and(|number| number < first.number)
            })
    }
}

/// How far the horizon that stands reaches, in boot microseconds; `None` if it must be written before
/// anything is granted. One of a peaceful end would take the journal for whole when a crash cuts it
/// back to that end.
pub(super) fn standing_us(found: &Found, boot_id: &str) -> Option<u64> {
    match found {
        Found::Promise(promise) if promise.boot_id == boot_id => {
            let is_lost = promise.journal_bytes.is_none();
            is_lost.then_some(promise.until_us)
        }
        _ => None,
    }
}

/// How far a horizon must reach that is written at a start that does not wait.
pub(super) fn renewed_us(found: &Found, boot_id: &str, mode: Mode) -> u64 {
    match found {
        // Locks of then may live, and their releases be lost.
        Found::Promise(promise) if promise.boot_id == boot_id && mode != Mode::Always => {
            promise.until_us
        }
        _ => 0,
    }
}

/// The number in `appendonly.aof.7.incr.aof`.
fn number_of(name: &str) -> Option<u64> {
    let number = name.strip_suffix(".incr.aof")?.rsplit('.').next()?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durability::manifest::BaseFormat;

    const NOW_US: u64 = 5_000_000;
    const LEFT_US: u64 = 30_000_000;

    /// What a start decides that finds a promise of another start of the machine, made for the first
    /// increment, and nothing in the files that says whose they are.
    fn wait(manifest: &Manifest) -> Wait {
        let promise = Promise {
            boot_id: "before".to_owned(),
            until_us: 77_000_000 + LEFT_US,
            written_us: 77_000_000,
            journal: "a.1.incr.aof".to_owned(),
            journal_bytes: Some(99),
        };
        let case = Case {
            found: &Found::Promise(promise),
            manifest,
            ended: Ended::default(),
            ring: Err(Unusable::Boot),
            boot_id: "now",
            now: BootTime::from_micros(NOW_US),
            longest_ms: 3_600_000,
            directory: Path::new("."),
        };
        case.wait()
    }

    #[test]
    fn a_rewrite_of_which_a_crash_has_left_nothing_is_not_taken_for_one_of_redis() {
        let mut manifest = Manifest::default();
        manifest.add_increment("a");
        let until = Wait::Until(BootTime::from_micros(NOW_US + LEFT_US));
        assert_eq!(wait(&manifest), until);
        // The rewrite has begun, and its base is not named yet.
        let second = manifest.add_increment("a");
        assert_eq!(wait(&manifest), until);
        manifest.replace_base("a", BaseFormat::Rdb, second.number);
        assert_eq!(wait(&manifest), Wait::No);
    }
}
