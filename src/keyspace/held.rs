//! Several keys, with their shards locked at once.
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
    shards: SmallVec<[Locked<'a>; 4]>,
    pub(super) notes: Notes,
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
        let locked = |place: Place| {
            let slot = place.slot(keyspace);
            let shard = slot.shard.lock();
            Locked { place, slot, shard }
        };
        Held {
            keyspace,
            now,
            shards: places.into_iter().map(locked).collect(),
            notes: Notes::default(),
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
        debug_assert!(at.is_some(), "the key was not named when locking");
        let (slot, shard) = match at.map(|at| &mut self.shards[at]) {
            Some(held) => (held.slot, ShardRef::Lent(&mut held.shard, &mut self.notes)),
            None => {
                let slot = place.slot(self.keyspace);
                (slot, ShardRef::Locked(slot.shard.lock()))
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
