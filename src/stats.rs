//! Counters of one instance. Each is exact; a batch of requests adds to them once, at its end.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::command::table::{ROW_COUNT, Row};
use crate::histogram::{Bucket, Histogram};
use crate::resp::reply::Reply;

/// A count that any thread adds to.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        if n != 0 {
            self.0.fetch_add(n, Ordering::Relaxed);
        }
    }

    /// The present count.
    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Starts again from 0.
    pub fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// Declares the counters once, so that none is forgotten by a reset.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What INFO's `stats` section tells, from the start or the last CONFIG RESETSTAT.
        #[derive(Debug, Default)]
        pub struct Stats {
            $($(#[$doc])* pub $name: Counter,)*
            /// Each command's own counters.
            pub commands: CommandCounts,
            /// Errors by their code.
            pub errors: ErrorCounts,
            /// How late the expiry thread removed keys.
            pub lateness: Lateness,
        }

        impl Stats {
            /// CONFIG RESETSTAT.
            pub fn reset(&self) {
                $(self.$name.reset();)*
                self.commands.reset();
                self.errors.0.lock().clear();
                self.lateness.reset();
            }
        }
    };
}

counters! {
    /// Connections accepted.
    connections_received,
    /// Connections refused for `maxclients`.
    connections_rejected,
    /// Wrong passwords.
    auth_failures,
    /// Replies that were errors.
    error_replies,
    /// Bytes read from sockets.
    input_bytes,
    /// Bytes written to sockets.
    output_bytes,
    /// Reads that found their key.
    keyspace_hits,
    /// Reads that found none.
    keyspace_misses,
    /// Scripts run natively.
    scripts_native,
    /// Scripts run in Lua.
    scripts_lua,
    /// Locks granted: keys that SET or MSETEX with NX, SETNX or MSETNX made.
    lock_grants,
    /// Locks refused: keys that they found.
    lock_refusals,
    /// Locks released: DEL, UNLINK, GETDEL, DELEX or DELIFEQ removed a key.
    lock_releases,
    /// Releases by a wrong token: DELEX or DELIFEQ with a condition, or the compare-and-delete of
    /// a native script, found another value.
    lock_wrong_tokens,
    /// Releases that came too late: as before, but the key was not there.
    lock_late_releases,
    /// Locks extended: EXPIRE or its kin gave a living key another deadline, or SET with XX, IFEQ
    /// or IFDEQ, or MSETEX with XX, set its key.
    lock_extensions,
}

/// Error codes that are counted one by one; what is beyond goes uncounted, as in Redis.
const ERROR_CODES_MAX: usize = 128;

/// What INFO's `commandstats` section tells of one command.
#[derive(Debug, Default)]
pub struct CommandCount {
    /// Runs that are not in the histogram: of native scripts, and without `latency-tracking`.
    untimed: Counter,
    /// Runs by how long they took, made with the first.
    times: OnceLock<Histogram>,
    /// Nanoseconds that the runs took together.
    pub nanos: Counter,
    /// Requests that were refused before they ran.
    pub rejected: Counter,
    /// Runs that ended in an error.
    pub failed: Counter,
}

impl CommandCount {
    /// Runs.
    pub fn calls(&self) -> u64 {
        self.untimed.read() + self.times().map_or(0, Histogram::total)
    }

    /// Runs by how long they took, those of native scripts aside.
    pub fn times(&self) -> Option<&Histogram> {
        self.times.get()
    }

    /// Adds runs that are not in the histogram.
    pub fn add_untimed(&self, calls: u64) {
        self.untimed.add(calls);
    }

    /// Adds runs of about the same length.
    pub fn add_timed(&self, bucket: Bucket, calls: u64) {
        self.times
            .get_or_init(Histogram::default)
            .add(bucket, calls);
    }

    fn reset(&self) {
        self.untimed.reset();
        if let Some(times) = self.times() {
            times.reset();
        }
        self.nanos.reset();
        self.rejected.reset();
        self.failed.reset();
    }
}

/// The counters of every command, by the index of its row.
#[derive(Debug)]
pub struct CommandCounts(Box<[CommandCount]>);

impl Default for CommandCounts {
    fn default() -> CommandCounts {
        CommandCounts((0..ROW_COUNT).map(|_| CommandCount::default()).collect())
    }
}

impl CommandCounts {
    /// The counters of a command.
    pub fn of(&self, row: &Row) -> &CommandCount {
        &self.0[row.index()]
    }

    /// Commands run, those inside EXEC and scripts among them.
    pub fn calls(&self) -> u64 {
        self.0.iter().map(CommandCount::calls).sum()
    }

    fn reset(&self) {
        self.0.iter().for_each(CommandCount::reset);
    }
}

/// How often each error code was answered.
#[derive(Debug, Default)]
pub struct ErrorCounts(Mutex<BTreeMap<String, u64>>);

impl ErrorCounts {
    /// Adds an error reply; another kind of reply counts for nothing.
    pub fn add(&self, reply: &Reply) {
        let Reply::Error(line) = reply else {
            return;
        };
        let code = line.split(|byte| *byte == b' ').next().unwrap_or_default();
        let code = String::from_utf8_lossy(code);
        let mut codes = self.0.lock();
        if let Some(count) = codes.get_mut(code.as_ref()) {
            *count += 1;
        } else if codes.len() < ERROR_CODES_MAX {
            codes.insert(code.into_owned(), 1);
        }
    }

    /// Each code with its count, in the order of the codes.
    pub fn read(&self) -> Vec<(String, u64)> {
        let codes = self.0.lock();
        codes
            .iter()
            .map(|(code, count)| (code.clone(), *count))
            .collect()
    }
}

/// How long after their deadlines the expiry thread removed keys.
#[derive(Debug, Default)]
pub struct Lateness {
    /// By duration.
    pub times: Histogram,
    worst_us: AtomicU64,
}

impl Lateness {
    /// Adds a key.
    pub fn add(&self, late: Duration) {
        self.times.add(Bucket::of(late), 1);
        let us = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        self.worst_us.fetch_max(us, Ordering::Relaxed);
    }

    /// The worst, in microseconds.
    pub fn worst_us(&self) -> u64 {
        self.worst_us.load(Ordering::Relaxed)
    }

    fn reset(&self) {
        self.times.reset();
        self.worst_us.store(0, Ordering::Relaxed);
    }
}
