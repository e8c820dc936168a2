//! What a batch of requests adds to the counters of its instance.
//!
//! The counters are shared by all threads, so a batch adds to each of them once, at its end, and
//! not with every command.

use smallvec::SmallVec;

use crate::command::table::{self, Flags, Row};
use crate::histogram::Bucket;
use crate::stats::Stats;

/// See the module's text.
#[derive(Default)]
pub(super) struct Tally {
    /// The commands that were run. A batch has few different ones.
    calls: SmallVec<[Calls; 4]>,
    /// Which of them was counted last: mostly it is the next one's too.
    latest: usize,
    /// Runs of commands as steps of native scripts, beside those among the calls.
    steps: [u64; STEPS.len()],
    /// Replies that were errors.
    pub(super) errors: u64,
    /// Reads that found their key.
    pub(super) hits: u64,
    /// Reads that found none.
    pub(super) misses: u64,
    /// Scripts run natively.
    pub(super) native_scripts: u64,
    /// What became of locks.
    pub(super) locks: Locks,
}

/// What became of locks; [`Stats`] says what counts as what.
#[derive(Default)]
pub struct Locks {
    /// Given to who asked.
    pub grants: u64,
    /// Held by somebody else.
    pub refusals: u64,
    /// Given back.
    pub releases: u64,
    /// Not given back, as they were somebody else's.
    pub wrong_tokens: u64,
    /// Not given back, as there was none.
    pub late_releases: u64,
    /// Given a longer life.
    pub extensions: u64,
}

/// A command that runs as a step of native scripts.
#[derive(Clone, Copy)]
pub enum StepCommand {
    Del,
    Exists,
    Get,
    Set,
    Unlink,
}

/// The names of [`StepCommand`]s, in their order.
const STEPS: [&str; 5] = ["del", "exists", "get", "set", "unlink"];

struct Calls {
    row: &'static Row,
    /// Runs that no bucket has.
    untimed: u64,
    /// Runs by how long they took. Those of a batch are of few different lengths.
    timed: SmallVec<[(Bucket, u32); 8]>,
    failed: u64,
    took_ns: u64,
}

impl Tally {
    /// Adds a run of a command; `bucket` is where it stands in the histogram, if it does.
    #[inline]
    pub(super) fn add_call(
        &mut self,
        row: &'static Row,
        took_ns: u64,
        bucket: Option<Bucket>,
        failed: u64,
    ) {
        let calls = self.calls_of(row);
        calls.failed += failed;
        calls.took_ns += took_ns;
        match bucket {
            None => calls.untimed += 1,
            Some(bucket) => match calls.timed.iter_mut().find(|(known, _)| *known == bucket) {
                Some((_, count)) => *count += 1,
                None => calls.timed.push((bucket, 1)),
            },
        }
    }

    /// Adds a run of a command as a step.
    #[inline]
    pub(super) fn add_step(&mut self, command: StepCommand) {
        self.steps[command as usize] += 1;
    }

    #[inline]
    fn calls_of(&mut self, row: &'static Row) -> &mut Calls {
        let is_row = |calls: &Calls| std::ptr::eq(calls.row, row);
        if !self.calls.get(self.latest).is_some_and(is_row) {
            self.latest = self.place_of(row);
        }
        &mut self.calls[self.latest]
    }

    #[cold]
    fn place_of(&mut self, row: &'static Row) -> usize {
        let is_row = |calls: &Calls| std::ptr::eq(calls.row, row);
        let known = self.calls.iter().position(is_row);
        known.unwrap_or_else(|| {
            self.calls.push(Calls {
                row,
                untimed: 0,
                timed: SmallVec::new(),
                failed: 0,
                took_ns: 0,
            });
            self.calls.len() - 1
        })
    }

    /// Whether one of the commands reads keys, or would have changed one.
    pub(super) fn has_read_keys(&self) -> bool {
        let of_row = |row: &Row| row.flags.has(Flags::READONLY) || row.flags.has(Flags::WRITE);
        self.calls.iter().any(|calls| of_row(calls.row)) || self.steps.iter().any(|runs| *runs > 0)
    }

    /// Adds all of it to the counters.
    pub(super) fn flush(&self, stats: &Stats) {
        for calls in &self.calls {
            let count = stats.commands.of(calls.row);
            count.add_untimed(calls.untimed);
            for (bucket, timed) in &calls.timed {
                count.add_timed(*bucket, u64::from(*timed));
            }
            count.nanos.add(calls.took_ns);
            count.failed.add(calls.failed);
        }
        for (name, runs) in STEPS.into_iter().zip(self.steps) {
            if runs != 0
                && let Some(row) = table::find(name.as_bytes())
            {
                stats.commands.of(row).add_untimed(runs);
            }
        }
        stats.error_replies.add(self.errors);
        stats.keyspace_hits.add(self.hits);
        stats.keyspace_misses.add(self.misses);
        stats.scripts_native.add(self.native_scripts);
        let locks = &self.locks;
        stats.lock_grants.add(locks.grants);
        stats.lock_refusals.add(locks.refusals);
        stats.lock_releases.add(locks.releases);
        stats.lock_wrong_tokens.add(locks.wrong_tokens);
        stats.lock_late_releases.add(locks.late_releases);
        stats.lock_extensions.add(locks.extensions);
    }
}
