//! One key under its shard's lock, and several keys under theirs.

use std::hash::BuildHasher;
use std::ops::{Deref, DerefMut};

use parking_lot::MutexGuard;
use smallvec::SmallVec;

use crate::clock::BootTime;

use super::change::Event;
use super::shard::Shard;
use super::{Keyspace, Slot, shard_index};

/// What becomes of a key's deadline when its value is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// The key has none any more.
    Never,
    /// It stays as it is.
    Keep,
    /// It is this one.
    At(BootTime),
}

/// One key, looked up, with its shard locked: nobody else changes it meanwhile.
///
/// Invariant: a key past its deadline was removed by the lookup, so what is found here lives.
pub struct KeyGuard<'a> {
    keyspace: &'a Keyspace,
    slot: &'a Slot,
    shard: ShardRef<'a>,
    database: usize,
    hash: u64,
    key: &'a [u8],
    now: BootTime,
    found: Option<u32>,
}

/// A shard locked for one key, or lent by a [`Held`].
enum ShardRef<'a> {
    Locked(MutexGuard<'a, Shard>),
    Lent(&'a mut Shard),
}

impl Deref for ShardRef<'_> {
    type Target = Shard;

    fn deref(&self) -> &Shard {
        match self {
            ShardRef::Locked(guard) => guard,
            ShardRef::Lent(shard) => shard,
        }
    }
}

impl DerefMut for ShardRef<'_> {
    fn deref_mut(&mut self) -> &mut Shard {
        match self {
            ShardRef::Locked(guard) => guard,
            ShardRef::Lent(shard) => shard,
        }
    }
}

impl<'a> KeyGuard<'a> {
    pub(super) fn lock(
        keyspace: &'a Keyspace,
        database: usize,
        slot: &'a Slot,
        hash: u64,
        key: &'a [u8],
        now: BootTime,
    ) -> KeyGuard<'a> {
        let shard = ShardRef::Locked(slot.shard.lock());
        KeyGuard::look_up(keyspace, database, slot, shard, hash, key, now)
    }

    fn look_up(
        keyspace: &'a Keyspace,
        database: usize,
        slot: &'a Slot,
        shard: ShardRef<'a>,
        hash: u64,
        key: &'a [u8],
        now: BootTime,
    ) -> KeyGuard<'a> {
        let found = shard.find(hash, key);
        let mut guard = KeyGuard {
            keyspace,
            slot,
            shard,
            database,
            hash,
            key,
            now,
            found,
        };
        if let Some(index) = found
            && guard.shard.at(index).is_expired(now)
        {
            guard.shard.remove(hash, index);
            guard.found = None;
            keyspace.tell_expired(database, key);
        }
        guard
    }

    /// Whether the key is there.
    pub fn exists(&self) -> bool {
        self.found.is_some()
    }

    /// The key's value, if it is there.
    pub fn value(&self) -> Option<&[u8]> {
        self.found.map(|index| self.shard.at(index).value())
    }

    /// The key's deadline: `None` without a key and for a key that lives for ever.
    pub fn deadline(&self) -> Option<BootTime> {
        self.found.and_then(|index| self.shard.at(index).deadline())
    }

    /// Sets the value, made or replaced, and tells `event`; then its expiry.
    pub fn set(&mut self, value: &[u8], expiry: Expiry, event: Event) {
        let index = match self.found {
            Some(index) => {
                self.shard.replace_value(index, self.key, value);
                index
            }
            None => {
                let buckets = self.shard.table().buckets();
                let index = self.shard.insert(self.hash, self.key, value);
                if self.shard.table().buckets() != buckets {
                    self.slot.whereabouts.note(self.shard.table());
                }
                self.tell(Event::New);
                index
            }
        };
        self.found = Some(index);
        self.tell(event);
        match expiry {
            Expiry::Keep => {}
            Expiry::Never => self.shard.set_deadline(index, None, self.now),
            Expiry::At(deadline) => self.expire_at(deadline),
        }
    }

    /// Gives the key, if it is there, a deadline.
    pub fn expire_at(&mut self, deadline: BootTime) {
        if let Some(index) = self.found {
            self.shard.set_deadline(index, Some(deadline), self.now);
            if let Some(due) = self.shard.next_due() {
                self.slot.note_due(due, &self.keyspace.alarm);
            }
            self.tell(Event::Expire);
        }
    }

    /// Takes the deadline away; tells whether there was one.
    pub fn persist(&mut self) -> bool {
        match self.found {
            Some(index) if self.shard.at(index).deadline().is_some() => {
                self.shard.set_deadline(index, None, self.now);
                self.tell(Event::Persist);
                true
            }
            _ => false,
        }
    }

    /// Removes the key and tells `event`; tells whether it was there.
    pub fn remove(&mut self, event: Event) -> bool {
        match self.found.take() {
            Some(index) => {
                self.shard.remove(self.hash, index);
                self.tell(event);
                true
            }
            None => false,
        }
    }

    /// Tells of an event on this key.
    #[inline]
    pub fn tell(&self, event: Event) {
        self.keyspace.watched.tell(self.database, self.key, event);
    }
}

/// The shards of several keys, locked until this is dropped.
pub struct Held<'a> {
    keyspace: &'a Keyspace,
    database: usize,
    now: BootTime,
    shards: SmallVec<[(usize, MutexGuard<'a, Shard>); 4]>,
}

impl<'a> Held<'a> {
    pub(super) fn lock(
        keyspace: &'a Keyspace,
        database: usize,
        keys: &[&[u8]],
        now: BootTime,
    ) -> Held<'a> {
        let slots = keyspace.slots(database);
        if let [key] = keys {
            let index = shard_index(keyspace.hasher.hash_one(key));
            let mut shards = SmallVec::new();
            shards.push((index, slots[index].shard.lock()));
            return Held {
                keyspace,
                database,
                now,
                shards,
            };
        }
        let mut indexes: SmallVec<[usize; 4]> = keys
            .iter()
            .map(|key| shard_index(keyspace.hasher.hash_one(key)))
            .collect();
        // Everybody locks in index order, so nobody waits in a circle.
        indexes.sort_unstable();
        indexes.dedup();
        Held {
            keyspace,
            database,
            now,
            shards: indexes
                .into_iter()
                .map(|index| (index, slots[index].shard.lock()))
                .collect(),
        }
    }

    /// One of the keys that were given. Another key is locked by itself, which is right only for a
    /// caller that holds nothing anybody waits for.
    pub fn key<'b>(&'b mut self, key: &'b [u8]) -> KeyGuard<'b> {
        let hash = self.keyspace.hasher.hash_one(key);
        let index = shard_index(hash);
        let slot = &self.keyspace.slots(self.database)[index];
        let held = self.shards.iter().position(|(held, _)| *held == index);
        debug_assert!(held.is_some(), "the key was not named when locking");
        let shard = match held {
            Some(position) => ShardRef::Lent(&mut self.shards[position].1),
            None => ShardRef::Locked(slot.shard.lock()),
        };
        KeyGuard::look_up(
            self.keyspace,
            self.database,
            slot,
            shard,
            hash,
            key,
            self.now,
        )
    }
}
