//! Several keys, with their shards locked at once; or any keys, for who has the keyspace alone.
//!
//! What is changed under one hold is told as one, when it ends.
//!
//! Invariant: shards are locked in the order of their place, which is first the database and then
//! the index in it. Everybody keeps that order, so nobody waits in a circle.

use smallvec::SmallVec;

use crate::clock::BootTime;
use crate::sync::MutexGuard;

use super::key::{KeyGuard, ShardRef};
use super::notes::Notes;
use super::shard::Shard;
use super::{Hashed, Keyspace, SHARDS, Slot, shard_index};

/// The shards of several keys, locked until this is dropped.
pub struct Held<'a> {
    pub(super) keyspace: &'a Keyspace,
    pub(super) now: BootTime,
    scope: Scope,
    shards: SmallVec<[Locked<'a>; 4]>,
    pub(super) notes: Notes,
}

/// Which keys may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Those in the shards that are locked.
    Locked,
    /// All: nobody else changes any. Shards are locked one at a time.
    Everything,
}

struct Locked<'a> {
    place: Place,
    slot: &'a Slot,
    shard: MutexGuard<'a, Shard>,
}

/// Where a shard is among those of all databases.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place(usize);

impl Place {
    fn of(database: usize, hash: u64) -> Place {
        Place(database * SHARDS + shard_index(hash))
    }

    fn slot(self, keyspace: &Keyspace) -> &Slot {
        &keyspace.slots(self.0 / SHARDS)[self.0 % SHARDS]
    }

    fn lock(self, keyspace: &Keyspace) -> Locked<'_> {
        let slot = self.slot(keyspace);
        Locked {
            place: self,
            slot,
            shard: slot.shard.lock(),
        }
    }
}

impl<'a> Held<'a> {
    pub(super) fn lock<'k>(
        keyspace: &'a Keyspace,
        database: usize,
        keys: impl Iterator<Item = Hashed<'k>>,
        now: BootTime,
    ) -> Held<'a> {
        let places = keys.map(|key| Place::of(database, key.hash)).collect();
        Held::lock_places(keyspace, places, now)
    }

    pub(super) fn lock_each(
        keyspace: &'a Keyspace,
        keys: &[(usize, &[u8])],
        now: BootTime,
    ) -> Held<'a> {
        let place =
            |(database, key): &(usize, &[u8])| Place::of(*database, keyspace.hashed(key).hash);
        Held::lock_places(keyspace, keys.iter().map(place).collect(), now)
    }

    fn lock_places(
        keyspace: &'a Keyspace,
        mut places: SmallVec<[Place; 4]>,
        now: BootTime,
    ) -> Held<'a> {
        // Most scripts have one key, and nothing to put in order.
        if places.len() > 1 {
            places.sort_unstable();
            places.dedup();
        }
        Held {
            keyspace,
            now,
            scope: Scope::Locked,
            shards: places
                .into_iter()
                .map(|place| place.lock(keyspace))
                .collect(),
            notes: Notes::default(),
        }
    }

    pub(super) fn everything(keyspace: &'a Keyspace, now: BootTime) -> Held<'a> {
        Held {
            keyspace,
            now,
            scope: Scope::Everything,
            shards: SmallVec::new(),
            notes: Notes::default(),
        }
    }

    /// Whether this is a transaction.
    pub(super) fn is_transaction(&self) -> bool {
        self.scope == Scope::Everything
    }

    /// Locks the shards of all keys that were noted.
    pub(super) fn lock_noted(&mut self) {
        let places = self.notes.iter();
        let mut places: Vec<Place> = places
            .map(|(database, note)| Place::of(database, note.hash))
            .collect();
        places.sort_unstable();
        places.dedup();
        let keyspace = self.keyspace;
        self.shards = places
            .into_iter()
            .map(|place| place.lock(keyspace))
            .collect();
    }

    /// Tells nobody of what has changed so far: the process ends, and half of it is no state.
    pub fn forget(&mut self) {
        self.notes = Notes::default();
    }

    /// Removes every key of a database, in a transaction.
    pub fn flush(&mut self, database: usize) {
        debug_assert!(self.is_transaction(), "shards are locked");
        self.keyspace.empty(database);
        self.notes.empty(self.keyspace.databases(), database);
    }

    /// Gives each of two databases the keys of the other, in a transaction.
    pub fn swap(&mut self, first: usize, second: usize) {
        debug_assert!(self.is_transaction(), "shards are locked");
        if self.keyspace.exchange(first, second, self.now) {
            self.notes.swap(self.keyspace.databases(), first, second);
        }
    }

    /// One of the keys that were given, in its database. Another key is locked by itself, which is
    /// right only for a caller that holds nothing anybody waits for.
    pub fn key<'b>(
        &'b mut self,
        database: usize,
        Hashed { key, hash }: Hashed<'b>,
    ) -> KeyGuard<'b> {
        let place = Place::of(database, hash);
        let at = self.position(place);
        debug_assert!(
            at.is_some() || self.is_transaction(),
            "the key was not named when locking"
        );
        let (slot, shard) = match at.map(|at| &mut self.shards[at]) {
            Some(held) => (held.slot, ShardRef::Lent(&mut held.shard, &mut self.notes)),
            None => {
                let slot = place.slot(self.keyspace);
                let shard = slot.shard.lock();
                match self.scope {
                    Scope::Everything => (slot, ShardRef::Noted(shard, &mut self.notes)),
                    Scope::Locked => (slot, ShardRef::Locked(shard)),
                }
            }
        };
        KeyGuard::look_up(self.keyspace, database, slot, shard, hash, key, self.now)
    }

    /// The shard of a key, if it is among those that are held.
    pub(super) fn shard_of(&self, database: usize, hash: u64) -> Option<&Shard> {
        let at = self.position(Place::of(database, hash))?;
        Some(&self.shards[at].shard)
    }

    /// Which of the shards is the one at `place`. Where all of a database are held, that is told by
    /// how far it is from the first.
    fn position(&self, place: Place) -> Option<usize> {
        let first = self.shards.first()?.place;
        let direct = place.0.wrapping_sub(first.0);
        match self.shards.get(direct) {
            Some(held) if held.place == place => Some(direct),
            _ => self
                .shards
                .binary_search_by_key(&place, |held| held.place)
                .ok(),
        }
    }
}

impl Drop for Held<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.notes.is_empty() {
            self.record();
        }
    }
}
