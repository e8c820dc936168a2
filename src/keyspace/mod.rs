//! Keys, values and deadlines: no protocol, no runtime, no Lua.
//!
//! A database is cut into shards, each a hash table with its own timer wheel behind one lock, so
//! a key and its timer can never disagree. One key locks one shard; several keys lock theirs in
//! index order ([`Held`]). Whoever must see the whole keyspace stand still arranges that
//! outside, before locking.
//!
//! Expiry is decided by one comparison at every lookup: a dead key is absent even if nothing
//! else ever runs. The wheel only frees memory and tells of the expiry on time.

mod alarm;
mod apart;
mod arena;
mod change;
mod databases;
mod entry;
mod expiry;
mod foreseen;
mod held;
mod key;
mod notes;
mod payload;
pub mod prefetch;
mod record;
mod scan;
mod shard;
mod signature;
mod table;
mod vacancies;
mod wheel;
mod whole;

use std::hash::BuildHasher;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[cfg(not(test))]
use foldhash::quality::RandomState;

use crate::clock::BootTime;
#[cfg(test)]
use crate::sim::hash::Hasher as RandomState;
use crate::sync::Mutex;

pub use alarm::{Alarm, Wake};
pub use change::{Change, Class, Event, Observer};
pub use databases::DatabaseChange;
pub use expiry::Sweep;
pub use foreseen::{Foreseen, Hashed};
pub use held::Held;
pub use key::{Content, Expiry, KeyGuard};
pub use payload::Form;
pub use record::{KeyChange, KeyState, Recorder};
pub use scan::{Cursor, Walked};
pub use signature::Signature;
pub use whole::DatabaseSize;

use change::Watched;
use record::RecorderSlot;
use shard::Shard;
use table::Whereabouts;

/// Shards of a database. A power of two.
const SHARDS: usize = 256;

/// All databases of one instance.
pub struct Keyspace {
    databases: Box<[Database]>,
    hasher: RandomState,
    alarm: Alarm,
    watched: Watched,
    recorder: RecorderSlot,
    expired: AtomicU64,
    /// How many random numbers were drawn.
    draws: AtomicU64,
    /// Until when no expired key is removed, in boot microseconds; they are not found all the same.
    kept_until_us: AtomicU64,
    /// Whether keys are removed when they are due, and not only when they are looked up.
    is_sweeping: AtomicBool,
    /// Whether files are being read: no key expires meanwhile.
    is_loading: AtomicBool,
}

/// The shards of a database, made when it is first used.
#[derive(Default)]
struct Database {
    shards: OnceLock<Box<[Slot]>>,
}

/// What a lookup reads first stands in its first cache line, which no other slot shares.
#[repr(C, align(64))]
struct Slot {
    whereabouts: Whereabouts,
    /// When the wheel next has something to do, in boot microseconds: at the latest. It may be
    /// early, since a removed timer does not set it back.
    due: AtomicU64,
    shard: Mutex<Shard>,
}

/// Bytes of a cache line.
const CACHE_LINE: usize = 64;

const _: () = assert!(size_of::<Slot>() == 4 * CACHE_LINE);

impl Keyspace {
    /// An empty keyspace of so many databases that tells `observer` of its changes.
    pub fn new(databases: usize, observer: Box<dyn Observer>) -> Keyspace {
        Keyspace {
            databases: (0..databases).map(|_| Database::default()).collect(),
            hasher: RandomState::default(),
            alarm: Alarm::new(),
            watched: Watched::new(observer),
            recorder: RecorderSlot::new(),
            expired: AtomicU64::new(0),
            draws: AtomicU64::new(0),
            kept_until_us: AtomicU64::new(0),
            is_sweeping: AtomicBool::new(true),
            is_loading: AtomicBool::new(false),
        }
    }

    /// How many databases there are.
    pub fn databases(&self) -> usize {
        self.databases.len()
    }

    /// One more reason to tell the observer of changes.
    pub fn start_listening(&self) {
        self.watched.start_listening();
    }

    /// One reason less; each goes with one [`Keyspace::start_listening`].
    pub fn stop_listening(&self) {
        self.watched.stop_listening();
    }

    /// Locks the shard of `key` and looks the key up. `database` is below [`Keyspace::databases`].
    #[inline]
    pub fn key<'a>(&'a self, database: usize, key: &'a [u8], now: BootTime) -> KeyGuard<'a> {
        self.key_hashed(database, self.hashed(key), now)
    }

    /// As [`Keyspace::key`], for a key whose hash is known.
    #[inline]
    pub fn key_hashed<'a>(
        &'a self,
        database: usize,
        Hashed { key, hash }: Hashed<'a>,
        now: BootTime,
    ) -> KeyGuard<'a> {
        let slot = &self.slots(database)[shard_index(hash)];
        KeyGuard::lock(self, database, slot, hash, key, now)
    }

    /// The key with its hash.
    #[inline]
    pub fn hashed<'k>(&self, key: &'k [u8]) -> Hashed<'k> {
        let hash = self.hasher.hash_one(key);
        Hashed { key, hash }
    }

    /// Begins to fetch the memory of keys that will be asked for soon: first where their entries
    /// are named, and once all are on their way the entries.
    fn prefetch(&self, database: usize, keys: &[Hashed<'_>]) {
        let slots = self.slots(database);
        for Hashed { hash, .. } in keys {
            let slot = &slots[shard_index(*hash)];
            slot.whereabouts.prefetch(*hash);
            slot.prefetch();
        }
        for Hashed { hash, .. } in keys {
            if let Some(shard) = slots[shard_index(*hash)].shard.try_lock() {
                shard.prefetch(*hash);
            }
        }
    }

    /// Locks the shards of all `keys`, in index order.
    pub fn hold<'k>(
        &self,
        database: usize,
        keys: impl Iterator<Item = Hashed<'k>>,
        now: BootTime,
    ) -> Held<'_> {
        Held::lock(self, database, keys, now)
    }

    /// Locks the shards of keys that are in databases of their own.
    pub fn hold_each(&self, keys: &[(usize, &[u8])], now: BootTime) -> Held<'_> {
        Held::lock_each(self, keys, now)
    }

    /// Any keys, for who has the keyspace alone. What is changed is told as one when this is dropped:
    /// each key as it is then.
    pub fn transaction(&self, now: BootTime) -> Held<'_> {
        Held::everything(self, now)
    }

    fn slots(&self, database: usize) -> &[Slot] {
        self.databases[database].shards.get_or_init(|| {
            (0..SHARDS)
                .map(|number| Slot {
                    shard: Mutex::new(Shard::new(number)),
                    due: AtomicU64::new(u64::MAX),
                    whereabouts: Whereabouts::new(),
                })
                .collect()
        })
    }

    /// The shards of a database that has been used, else none.
    fn made_slots(&self, database: usize) -> &[Slot] {
        self.databases[database]
            .shards
            .get()
            .map_or(&[], |slots| slots)
    }
}

impl Slot {
    /// Has the two lines behind its first one on their way to the processor. What stands behind
    /// those is seldom looked at.
    #[inline]
    fn prefetch(&self) {
        let start = std::ptr::from_ref(self).cast::<u8>();
        for line in (CACHE_LINE..3 * CACHE_LINE).step_by(CACHE_LINE) {
            prefetch::prefetch(start.wrapping_add(line));
        }
    }

    /// Notes that the wheel has something to do at `due`, and wakes the sleeper if it must.
    fn note_due(&self, due: BootTime, alarm: &Alarm) {
        if due.micros() < self.due.load(Ordering::Relaxed) {
            self.due.store(due.micros(), Ordering::SeqCst);
            alarm.set(due);
        }
    }
}

/// The table uses the lower half of a hash; the shard is chosen by other bits.
fn shard_index(hash: u64) -> usize {
    (hash >> 40) as usize % SHARDS
}

#[cfg(test)]
mod tests;
