//! What a command is given beside its arguments.

mod clocks;
mod locks;

use std::sync::Arc;

use crate::clock::{BootTime, Laps, Reading};
use crate::command::table::Row;
use crate::command::tally::{StepCommand, Tally};
use crate::durability::Keeper;
use crate::histogram::Bucket;
use crate::instance::Instance;
use crate::keyspace::{Event, Foreseen, Hashed, Held, KeyGuard, Keyspace};
use crate::pause::Paused;
use crate::resp::reply::Reply;
use crate::session::Session;

/// The surroundings of one command.
pub struct Context<'a> {
    /// The server it runs on.
    pub instance: &'a Arc<Instance>,
    /// The connection it came from.
    pub session: &'a mut Session,
    /// The present time for every lookup: one reading for a batch of requests, and for a script.
    pub now: BootTime,
    /// Whether others run beside it.
    pub access: Access,
    /// Who calls it.
    pub caller: Caller,
    /// The present lap began when the last command ended: one reading of the clock a command is
    /// enough to know how long each took.
    pub laps: Laps,
    /// What CLIENT PAUSE lets wait.
    pub paused: Option<Paused>,
    /// Whether CLIENT PAUSE, a fault or `maxmemory` may stand in the way of a command.
    pub is_disturbed: bool,
    /// Whether MONITOR must hear of the commands.
    pub monitoring: Monitoring,
    /// For how many milliseconds nothing is granted yet.
    pub loading_ms: Option<u64>,
    /// Whether the keys take more memory than they may.
    pub is_memory_full: bool,
    /// Whether a script was cut between two of its changes, since the server stops.
    pub is_half_done: bool,
    /// Whether the disk does not take what is granted.
    pub is_disk_failing: bool,
    /// A run of a command that takes so many nanoseconds is looked at: for SLOWLOG, LATENCY and
    /// MONITOR.
    pub notable_ns: u64,
    /// The keys of requests that have arrived together.
    pub foreseen: Foreseen<'a>,
    is_latency_tracked: bool,
    /// Who keeps what is granted, if anybody.
    keeper: Option<&'a Keeper>,
    /// Whether there may be a lock whose promise is not on the disk yet.
    sees_unpromised: bool,
    /// What the clocks show to a script or a transaction, once it has looked.
    frozen: Option<Reading>,
    /// Shards that the caller has locked already: a native script's.
    held: Option<Held<'a>>,
    /// Whether a refusal of this batch has been told to LOCK.
    has_told_refusal: bool,
    tally: Tally,
}

/// Whether other commands run at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// They do, each under the locks of its keys.
    Beside,
    /// None does.
    Whole,
    /// A script has run past `busy-reply-threshold`: only what is flagged for it may run.
    Busy,
}

/// What MONITOR must hear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Monitoring {
    /// Nobody listens.
    Off,
    /// The command that ran, once it has.
    On,
    /// Nothing of the script that runs, which was told before; its commands as ever.
    Told,
}

/// What becomes of a read that finds no key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Miss {
    Counted,
    Told,
}

/// Who calls a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A client's request.
    Client,
    /// EXEC, for a queued request.
    Transaction,
    /// A script.
    Script,
}

impl<'a> Context<'a> {
    /// The surroundings of a client's requests. What is counted in it reaches the statistics when
    /// it is dropped.
    pub fn new(
        instance: &'a Arc<Instance>,
        session: &'a mut Session,
        access: Access,
    ) -> Context<'a> {
        let (now, laps) = instance.clock.now_and_laps();
        let observation = &instance.config.settings.observation;
        let monitoring = if instance.monitors.is_any() {
            Monitoring::On
        } else {
            Monitoring::Off
        };
        let keeper = instance.keeper.get().map(Arc::as_ref);
        let paused = instance.pause.at(now);
        let is_memory_full = instance.memory_limit.is_passed(&instance.keyspace);
        Context {
            loading_ms: keeper.and_then(|keeper| keeper.loading_ms(now)),
            is_disk_failing: keeper.is_some_and(|keeper| keeper.is_failing()),
            paused,
            is_disturbed: paused.is_some() || instance.faults.is_any() || is_memory_full,
            is_memory_full,
            is_half_done: false,
            monitoring,
            notable_ns: notable_ns(instance, monitoring),
            sees_unpromised: keeper.is_some_and(Keeper::is_promise_behind),
            keeper,
            is_latency_tracked: observation.is_latency_tracked(),
            instance,
            session,
            now,
            access,
            caller: Caller::Client,
            laps,
            foreseen: Foreseen::default(),
            frozen: None,
            held: None,
            has_told_refusal: false,
            tally: Tally::default(),
        }
    }

    /// Looks again at which commands are noted: CONFIG SET is the first to be told by what it sets.
    pub fn renew_notable(&mut self) {
        self.notable_ns = notable_ns(self.instance, self.monitoring);
    }

    /// Looks again at what keys take, for the same reason.
    pub fn renew_memory(&mut self) {
        let instance = self.instance;
        self.is_memory_full = instance.memory_limit.is_passed(&instance.keyspace);
        self.is_disturbed |= self.is_memory_full;
    }

    /// The key in the selected database, for a change.
    #[inline]
    pub fn key<'k>(&'k mut self, key: &'k [u8]) -> KeyGuard<'k> {
        self.key_in(self.session.database, key)
    }

    /// The key in the selected database, for a read: counted as a hit or a miss, and a miss is told.
    #[inline(always)]
    pub fn read<'k>(&'k mut self, key: &'k [u8]) -> KeyGuard<'k> {
        self.look_at(key, Miss::Told)
    }

    /// As [`Context::read`], but a miss is only counted.
    #[inline(always)]
    pub fn inspect<'k>(&'k mut self, key: &'k [u8]) -> KeyGuard<'k> {
        self.look_at(key, Miss::Counted)
    }

    /// A guard is large to hand on: the caller has it where this makes it.
    #[inline(always)]
    fn look_at<'k>(&'k mut self, key: &'k [u8], miss: Miss) -> KeyGuard<'k> {
        let keyspace = &self.instance.keyspace;
        let (database, key) = (self.session.database, self.foreseen.hashed(keyspace, key));
        let guard = locked(keyspace, &mut self.held, database, key, self.now);
        note_look(&mut self.tally, &guard, miss);
        if self.sees_unpromised {
            note_seen(self.keeper, &guard);
        }
        guard
    }

    /// Reads the key by `act`, as [`Context::read`] would, without handing its guard on.
    #[inline(always)]
    pub fn reading<R>(&mut self, key: &[u8], act: impl FnOnce(&mut KeyGuard<'_>) -> R) -> R {
        let keyspace = &self.instance.keyspace;
        let (database, key) = (self.session.database, self.foreseen.hashed(keyspace, key));
        let mut guard = locked(keyspace, &mut self.held, database, key, self.now);
        note_look(&mut self.tally, &guard, Miss::Told);
        let result = act(&mut guard);
        // Who has removed it tells nobody that it is held.
        if self.sees_unpromised {
            note_seen(self.keeper, &guard);
        }
        result
    }

    /// The key in another database than the selected one, for a change.
    #[inline]
    pub fn key_in<'k>(&'k mut self, database: usize, key: &'k [u8]) -> KeyGuard<'k> {
        let keyspace = &self.instance.keyspace;
        let key = self.foreseen.hashed(keyspace, key);
        locked(keyspace, &mut self.held, database, key, self.now)
    }

    /// Lets everything that is changed from now on be one transaction, which ends with this context;
    /// nothing else runs meanwhile.
    pub fn begin_transaction(&mut self) {
        debug_assert!(self.access == Access::Whole, "others run beside it");
        let keyspace = &self.instance.keyspace;
        self.held = Some(keyspace.transaction(self.now));
    }

    /// Lets the transaction that is going on leave nothing that outlives the process.
    pub fn forget_transaction(&mut self) {
        if let Some(held) = &mut self.held {
            held.forget();
        }
    }

    /// Removes every key of a database.
    pub fn flush(&mut self, database: usize) {
        match &mut self.held {
            Some(held) => held.flush(database),
            None => self.instance.keyspace.flush(database),
        }
    }

    /// Gives each of two databases the keys of the other.
    pub fn swap(&mut self, first: usize, second: usize) {
        match &mut self.held {
            Some(held) => held.swap(first, second),
            None => self.instance.keyspace.swap(first, second, self.now),
        }
    }

    /// Calls `act` while the shards of all `keys`, each in its database, are locked at once.
    pub fn holding_each<R>(
        &mut self,
        keys: &[(usize, &[u8])],
        act: impl FnOnce(&mut Context<'a>) -> R,
    ) -> R {
        if self.held.is_some() || self.access == Access::Whole {
            return act(self);
        }
        let instance = self.instance;
        self.held = Some(instance.keyspace.hold_each(keys, self.now));
        let result = act(self);
        self.held = None;
        result
    }

    /// Calls `act` while the shards of all `keys` are locked at once.
    pub fn holding<R>(&mut self, keys: &[&[u8]], act: impl FnOnce(&mut Context<'a>) -> R) -> R {
        if self.held.is_some() || self.access == Access::Whole {
            return act(self);
        }
        let keyspace = &self.instance.keyspace;
        let hashed = keys.iter().map(|key| self.foreseen.hashed(keyspace, key));
        let held = keyspace.hold(self.session.database, hashed, self.now);
        self.held = Some(held);
        let result = act(self);
        self.held = None;
        result
    }

    /// Counts a run of a command, and whether it failed.
    #[inline]
    pub fn count_call(&mut self, row: &'static Row, took_ns: u64, failed: bool) {
        let bucket = self.is_latency_tracked.then(|| Bucket::of_ns(took_ns));
        self.tally.add_call(row, took_ns, bucket, u64::from(failed));
    }

    /// Counts a run of a command that nobody has timed.
    #[inline]
    pub fn count_untimed_call(&mut self, row: &'static Row, failed: bool) {
        self.tally.add_call(row, 0, None, u64::from(failed));
    }

    /// Counts a run of a command as a step of a native script.
    #[inline]
    pub fn count_step(&mut self, command: StepCommand) {
        self.tally.add_step(command);
    }

    /// Counts a script that runs natively.
    pub fn count_native_script(&mut self) {
        self.tally.native_scripts += 1;
    }

    /// Adds what was counted so far to the statistics, before they are shown or set back.
    pub fn settle_counts(&mut self) {
        self.note_reads();
        std::mem::take(&mut self.tally).flush(&self.instance.stats);
    }

    /// What was read may not be on the disk yet.
    #[inline]
    fn note_reads(&self) {
        let Some(keeper) = self.keeper else {
            return;
        };
        if keeper.syncs_each_change() {
            if self.tally.has_read_keys() {
                keeper.note_read();
            }
        } else if !self.sees_unpromised && keeper.is_promise_behind() && self.tally.hits > 0 {
            // It is behind only now, and nobody has looked which locks were read meanwhile.
            keeper.note_seen(BootTime::MAX);
        }
    }

    /// Counts an error that is answered.
    pub fn count_error(&mut self, reply: &Reply) {
        self.tally.errors += 1;
        self.instance.stats.errors.add(reply);
    }
}

/// Counts a hit or a miss.
#[inline(always)]
fn note_look(tally: &mut Tally, guard: &KeyGuard<'_>, miss: Miss) {
    if guard.exists() {
        tally.hits += 1;
    } else {
        tally.misses += 1;
        if miss == Miss::Told {
            guard.tell(Event::KeyMiss);
        }
    }
}

/// Lets the reply wait for the promise of a lock that it shows: whoever was not answered when taking it
/// may look whether it has it.
#[cold]
fn note_seen(keeper: Option<&Keeper>, guard: &KeyGuard<'_>) {
    if let (Some(keeper), Some(deadline)) = (keeper, guard.deadline()) {
        keeper.note_seen(deadline);
    }
}

/// The key, with its shard locked now or before.
#[inline]
fn locked<'k>(
    keyspace: &'k Keyspace,
    held: &'k mut Option<Held<'_>>,
    database: usize,
    key: Hashed<'k>,
    now: BootTime,
) -> KeyGuard<'k> {
    match held {
        None => keyspace.key_hashed(database, key, now),
        Some(held) => held.key(database, key),
    }
}

/// How long a command must run to be looked at once it has run.
#[inline]
fn notable_ns(instance: &Instance, monitoring: Monitoring) -> u64 {
    let observation = &instance.config.settings.observation;
    match monitoring {
        Monitoring::Off => observation
            .notable()
            .and_then(|least| u64::try_from(least.as_nanos()).ok())
            .unwrap_or(u64::MAX),
        Monitoring::On | Monitoring::Told => 0,
    }
}

impl Drop for Context<'_> {
    fn drop(&mut self) {
        self.note_reads();
        self.tally.flush(&self.instance.stats);
    }
}
