//! What a start does about grants that the files may not know of: how long nothing is granted.
//!
//! A journal that ends in peace knows them all, and so does one of this start of the machine, for
//! what was appended outlives a kill. Everything else has lost its end, and the horizon says how
//! long somebody may hold what stood there.

use std::path::Path;

use super::Mode;
use super::horizon::{Found, Promise};
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
    /// Good bytes of the increment that is appended to.
    pub(super) length: u64,
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
    pub(super) boot_id: &'a str,
    pub(super) now: BootTime,
    /// `guard-max`.
    pub(super) longest_ms: u64,
    pub(super) directory: &'a Path,
}

impl Case<'_> {
    /// How long nothing may be granted.
    pub(super) fn wait(&self) -> Wait {
        match self.found {
            Found::Promise(promise) => self.wait_for(promise),
            Found::Nothing if !self.ended.is_ours => Wait::No,
            Found::Nothing | Found::Damaged if self.ended.is_of_this_boot => Wait::No,
            Found::Nothing | Found::Damaged if self.ended.is_clean => Wait::No,
            Found::Nothing | Found::Damaged => {
                let fault = match self.found {
                    Found::Nothing => "missing",
                    _ => "damaged",
                };
                tracing::warn!(
                    "the horizon in {} is {fault}: nothing is granted for guard-max",
                    self.directory.display(),
                );
                Wait::Until(self.now.after_millis(self.longest_ms))
            }
        }
    }

    fn wait_for(&self, promise: &Promise) -> Wait {
        let now_us = self.now.micros();
        let is_whole = !self.has_lost_end(promise);
        let until_us = match promise.boot_id == self.boot_id {
            _ if is_whole && self.ended.is_clean || self.is_anothers(promise) => 0,
            true if is_whole && self.ended.is_of_this_boot => 0,
            true => promise.until_us,
            false => now_us + promise.until_us.saturating_sub(promise.written_us),
        };
        if until_us > now_us {
            Wait::Until(BootTime::from_micros(until_us))
        } else {
            Wait::No
        }
    }

    /// Whether the journal was longer when the promise was made.
    fn has_lost_end(&self, promise: &Promise) -> bool {
        let (Some(last), Some(bytes)) = (self.manifest.increments().last(), promise.journal_bytes)
        else {
            return true;
        };
        if last.name.to_string_lossy() == promise.journal {
            self.ended.length < bytes
        } else {
            number_of(&promise.journal).is_none_or(|number| number > last.number)
        }
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

/// How far the horizon that stands reaches, in boot microseconds; `None` if it must be written anew
/// before anything is granted. One of before a peaceful end would take the journal for whole when a
/// crash cuts it back to that end.
pub(super) fn standing_us(found: &Found, ended: Ended, boot_id: &str) -> Option<u64> {
    match found {
        Found::Promise(promise) if promise.boot_id == boot_id && !ended.is_clean => {
            Some(promise.until_us)
        }
        _ => None,
    }
}

/// How far a horizon must reach that is written anew at a start that does not wait.
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
