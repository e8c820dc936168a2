//! What becomes of keys whose deadline has come: when they are removed, and whether they are found.

use std::hash::BuildHasher;
use std::sync::atomic::Ordering;

use smallvec::SmallVec;

use super::{Alarm, Keyspace, Slot, Wake};
use crate::clock::{BootTime, Clock};

/// How many due keys are removed under one hold of a shard's lock.
const EXPIRE_BATCH: usize = 64;

/// What becomes of a key that is looked up after its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExpiredKey {
    /// It is removed, and not found.
    Removed,
    /// It stays, and is not found.
    Hidden,
    /// It is found like any other.
    Found,
}

/// Whether keys are removed when they are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// They are.
    On,
    /// Only when they are looked up.
    Off,
}

impl Keyspace {
    /// Removes the keys whose deadline has come by `now`, and tells of each.
    pub fn expire_due(&self, now: BootTime) -> usize {
        self.expire_due_and_tell(now, |_| {})
    }

    /// As [`Keyspace::expire_due`]; `removed` is given the deadlines of keys, some at a time, once
    /// the lock of their shard is free.
    pub fn expire_due_and_tell(
        &self,
        now: BootTime,
        mut removed: impl FnMut(&[BootTime]),
    ) -> usize {
        if self.keeps_expired(now) || !self.is_sweeping.load(Ordering::SeqCst) {
            return 0;
        }
        let mut expired = 0;
        let mut deadlines = SmallVec::new();
        for database in 0..self.databases.len() {
            for slot in self.made_slots(database) {
                while slot.due.load(Ordering::SeqCst) <= now.micros() {
                    self.expire_batch(database, slot, now, &mut deadlines);
                    expired += deadlines.len();
                    removed(&deadlines);
                }
            }
        }
        expired
    }

    /// Sleeps until a deadline comes by `clock`: what the expiry thread does between two calls of
    /// [`Keyspace::expire_due`].
    pub fn sleep_until_due(&self, clock: &Clock) -> Wake {
        self.alarm.sleep(clock, || self.next_due())
    }

    /// The bell of the expiry thread.
    pub fn alarm(&self) -> &Alarm {
        &self.alarm
    }

    /// Keeps keys from being removed when they expire, until `end`; a time that has passed lets them
    /// go on. No key is found after its deadline either way.
    pub fn keep_expired_until(&self, end: BootTime) {
        self.kept_until_us.store(end.micros(), Ordering::SeqCst);
        self.alarm.ring();
    }

    /// Removes keys when they are due, or only when somebody looks for them.
    pub fn sweep(&self, sweep: Sweep) {
        self.is_sweeping.store(sweep == Sweep::On, Ordering::SeqCst);
        self.alarm.ring();
    }

    /// Lets no key expire until [`Keyspace::end_loading`]: commands of a file meet the keys that
    /// were there when they first ran, however long ago that was.
    pub fn begin_loading(&self) {
        self.is_loading.store(true, Ordering::SeqCst);
    }

    /// Whether files are being read.
    pub fn is_loading(&self) -> bool {
        self.is_loading.load(Ordering::SeqCst)
    }

    /// Lets keys expire again, and removes those whose deadline has come by `now`.
    pub fn end_loading(&self, now: BootTime) {
        self.is_loading.store(false, Ordering::SeqCst);
        self.expire_due(now);
    }

    fn keeps_expired(&self, now: BootTime) -> bool {
        self.kept_until_us.load(Ordering::SeqCst) > now.micros()
    }

    #[cold]
    pub(super) fn fate_of_expired(&self, now: BootTime) -> ExpiredKey {
        if self.is_loading() {
            ExpiredKey::Found
        } else if self.keeps_expired(now) {
            ExpiredKey::Hidden
        } else {
            ExpiredKey::Removed
        }
    }

    fn expire_batch(
        &self,
        database: usize,
        slot: &Slot,
        now: BootTime,
        deadlines: &mut SmallVec<[BootTime; EXPIRE_BATCH]>,
    ) {
        let mut shard = slot.shard.lock();
        deadlines.clear();
        let mut due: SmallVec<[u32; EXPIRE_BATCH]> = SmallVec::new();
        while due.len() < EXPIRE_BATCH {
            let Some((index, deadline)) = shard.pop_due(now) else {
                break;
            };
            due.push(index);
            deadlines.push(deadline);
        }
        // The memory of all is on its way before the first is looked at.
        let hashes: SmallVec<[u64; EXPIRE_BATCH]> = due
            .iter()
            .map(|index| self.hasher.hash_one(shard.at(*index).key()))
            .collect();
        for hash in &hashes {
            slot.whereabouts.prefetch(*hash);
        }
        let keys: SmallVec<[&[u8]; EXPIRE_BATCH]> =
            due.iter().map(|index| shard.at(*index).key()).collect();
        self.tell_expired(database, &keys);
        drop(keys);
        for (index, hash) in due.iter().zip(&hashes) {
            shard.remove(*hash, *index);
        }
        let due = shard.next_due().map_or(u64::MAX, BootTime::micros);
        slot.due.store(due, Ordering::SeqCst);
    }

    /// How many keys were removed because their deadline had come, since the start or the last
    /// [`Keyspace::reset_expired`].
    pub fn expired(&self) -> u64 {
        self.expired.load(Ordering::Relaxed)
    }

    /// Counts expired keys from 0 again.
    pub fn reset_expired(&self) {
        self.expired.store(0, Ordering::Relaxed);
    }

    pub(super) fn tell_expired(&self, database: usize, keys: &[&[u8]]) {
        self.expired.fetch_add(keys.len() as u64, Ordering::Relaxed);
        self.watched.tell_expired(database, keys);
    }

    fn next_due(&self) -> Option<BootTime> {
        if !self.is_sweeping.load(Ordering::SeqCst) {
            return None;
        }
        let due = (0..self.databases.len())
            .flat_map(|database| self.made_slots(database))
            .map(|slot| slot.due.load(Ordering::SeqCst))
            .min()
            .unwrap_or(u64::MAX);
        let due = due.max(self.kept_until_us.load(Ordering::SeqCst));
        (due != u64::MAX).then(|| BootTime::from_micros(due))
    }
}
