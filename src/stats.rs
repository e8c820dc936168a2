//! Counters of one instance. Each is exact; a batch of requests adds to them once, at its end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::command::table::{ROW_COUNT, Row};
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
        }

        impl Stats {
            /// CONFIG RESETSTAT.
            pub fn reset(&self) {
                $(self.$name.reset();)*
                self.commands.reset();
                self.errors.0.lock().clear();
            }
        }
    };
}

counters! {
    /// Connections accepted.
    connections_received,
    /// Connections refused for `maxclients`.
    connections_rejected,
    /// Commands run, those inside EXEC and scripts among them.
    commands_processed,
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
}

/// Error codes that are counted one by one; what is beyond goes uncounted, as in Redis.
const ERROR_CODES_MAX: usize = 128;

/// What INFO's `commandstats` section tells of one command.
#[derive(Debug, Default)]
pub struct CommandCount {
    /// Runs.
    pub calls: Counter,
    /// Nanoseconds that the runs took together.
    pub nanos: Counter,
    /// Requests that were refused before they ran.
    pub rejected: Counter,
    /// Runs that ended in an error.
    pub failed: Counter,
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

    /// Adds runs that took so long together.
    pub fn add_calls(&self, row: &Row, calls: u64, took: Duration, failed: u64) {
        let count = self.of(row);
        count.calls.add(calls);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        count.nanos.add(nanos);
        count.failed.add(failed);
    }

    fn reset(&self) {
        for count in &self.0 {
            count.calls.reset();
            count.nanos.reset();
            count.rejected.reset();
            count.failed.reset();
        }
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
