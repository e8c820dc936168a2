//! What a batch of requests adds to the counters of its instance.
//!
//! The counters are shared by all threads, so a batch adds to each of them once, at its end, and
//! not with every command.

use std::time::Duration;

use smallvec::SmallVec;

use crate::command::table::Row;
use crate::stats::Stats;

/// See the module's text.
#[derive(Default)]
pub(super) struct Tally {
    /// The commands that were run. A batch has few different ones.
    calls: SmallVec<[Calls; 4]>,
    /// Replies that were errors.
    pub(super) errors: u64,
    /// Reads that found their key.
    pub(super) hits: u64,
    /// Reads that found none.
    pub(super) misses: u64,
    /// Scripts run natively.
    pub(super) native_scripts: u64,
}

struct Calls {
    row: &'static Row,
    count: u64,
    failed: u64,
    took: Duration,
}

impl Tally {
    /// Adds a run of a command.
    #[inline]
    pub(super) fn add_call(&mut self, row: &'static Row, took: Duration, failed: u64) {
        let known = self
            .calls
            .iter_mut()
            .find(|calls| std::ptr::eq(calls.row, row));
        match known {
            Some(calls) => {
                calls.count += 1;
                calls.failed += failed;
                calls.took += took;
            }
            None => self.calls.push(Calls {
                row,
                count: 1,
                failed,
                took,
            }),
        }
    }

    /// Adds all of it to the counters.
    pub(super) fn flush(&self, stats: &Stats) {
        let mut commands = 0;
        for calls in &self.calls {
            commands += calls.count;
            let Calls {
                row,
                count,
                failed,
                took,
            } = calls;
            stats.commands.add_calls(row, *count, *took, *failed);
        }
        stats.commands_processed.add(commands);
        stats.error_replies.add(self.errors);
        stats.keyspace_hits.add(self.hits);
        stats.keyspace_misses.add(self.misses);
        stats.scripts_native.add(self.native_scripts);
    }
}
