//! What is done to whole databases: counting, emptying, swapping, drawing a key.
//!
//! Shards are locked one after the other, two at a time where databases are swapped: a caller to
//! whom it matters that nobody writes meanwhile arranges that outside.

use std::hash::BuildHasher;
use std::sync::atomic::Ordering;

use crate::clock::BootTime;

use super::change::Event;
use super::databases::DatabaseChange;
use super::shard::Shard;
use super::{Keyspace, Slot};

/// Counts of one database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatabaseSize {
    /// Keys, those past their deadline and not yet removed among them.
    pub keys: usize,
    /// Keys with a deadline.
    pub timed: usize,
    /// Bytes of tables and entries, without what long values have allocated.
    pub bytes: usize,
}

impl Keyspace {
    /// Keys of one database.
    pub fn size(&self, database: usize) -> DatabaseSize {
        let mut size = DatabaseSize::default();
        for slot in self.made_slots(database) {
            let shard = slot.shard.lock();
            size.keys += shard.len();
            size.timed += shard.timed();
            size.bytes += shard.size_bytes();
        }
        size
    }

    /// Bytes that all keys take together: less when one goes, whatever the memory was that they had.
    pub fn used_bytes(&self) -> u64 {
        let slots = (0..self.databases()).flat_map(|database| self.made_slots(database));
        let bytes: usize = slots.map(|slot| slot.shard.lock().used_bytes()).sum();
        bytes as u64
    }

    /// Removes every key of one database.
    pub fn flush(&self, database: usize) {
        if let Some(recorder) = self.recorder.get() {
            recorder.transaction(&[DatabaseChange::Emptied(database)], &[]);
        }
        self.empty(database);
    }

    /// As [`Keyspace::flush`], without telling the recorder.
    pub(super) fn empty(&self, database: usize) {
        for (number, slot) in self.made_slots(database).iter().enumerate() {
            let mut shard = slot.shard.lock();
            if self.watched.is_listening() {
                for (_, entry) in shard.entries_from(0) {
                    self.watched.tell(database, entry.key(), Event::Flushed);
                }
            }
            let emptied = std::mem::replace(&mut *shard, Shard::new(number));
            slot.whereabouts.note(shard.table());
            drop(shard);
            drop(emptied);
        }
    }

    /// Gives each of two databases the keys of the other, and tells of every key that was alive in
    /// one of them in both. Deadlines, and places in a walk, stay as they are.
    pub fn swap(&self, first: usize, second: usize, now: BootTime) {
        if !self.differ(first, second) {
            return;
        }
        if let Some(recorder) = self.recorder.get() {
            recorder.transaction(&[DatabaseChange::Swapped(first, second)], &[]);
        }
        self.exchange(first, second, now);
    }

    /// As [`Keyspace::swap`], without telling the recorder; tells whether there was anything to swap.
    pub(super) fn exchange(&self, first: usize, second: usize, now: BootTime) -> bool {
        if !self.differ(first, second) {
            return false;
        }
        let (low, high) = (first.min(second), first.max(second));
        for (one, other) in self.slots(low).iter().zip(self.slots(high)) {
            let (mut shard, mut other_shard) = (one.shard.lock(), other.shard.lock());
            if self.watched.is_listening() {
                let entries = shard.entries_from(0).chain(other_shard.entries_from(0));
                for (_, entry) in entries.filter(|(_, entry)| !entry.is_expired(now)) {
                    self.watched.tell(low, entry.key(), Event::Swapped);
                    self.watched.tell(high, entry.key(), Event::Swapped);
                }
            }
            std::mem::swap(&mut *shard, &mut *other_shard);
            self.note_moved(one, &shard);
            self.note_moved(other, &other_shard);
        }
        true
    }

    fn differ(&self, first: usize, second: usize) -> bool {
        first != second && !(self.is_unused(first) && self.is_unused(second))
    }

    /// Notes that a slot has another shard than before. It may have been between the places where
    /// the sleeper looked for the next deadline, so the alarm is told again.
    fn note_moved(&self, slot: &Slot, shard: &Shard) {
        slot.whereabouts.note(shard.table());
        let due = shard.next_due();
        let micros = due.map_or(u64::MAX, BootTime::micros);
        slot.due.store(micros, Ordering::SeqCst);
        if let Some(due) = due {
            self.alarm.set(due);
        }
    }

    /// A living key, each one as likely as another as far as shards are evenly filled.
    pub fn random_key(&self, database: usize, now: BootTime) -> Option<Vec<u8>> {
        let slots = self.made_slots(database);
        let lengths: Vec<usize> = slots.iter().map(|slot| slot.shard.lock().len()).collect();
        let keys = u32::try_from(lengths.iter().sum::<usize>()).unwrap_or(u32::MAX);
        if keys == 0 {
            return None;
        }
        let mut chosen = self.random_below(keys) as usize;
        let start = lengths.iter().position(|length| {
            let is_here = chosen < *length;
            chosen = chosen.saturating_sub(*length);
            is_here
        })?;
        // Should all keys of the shard have gone meanwhile, or be past their deadline, any other
        // shard is as good.
        let (before, from) = slots.split_at(start);
        from.iter().chain(before).find_map(|slot| {
            let shard = slot.shard.lock();
            let entry = shard.random(now, |below| self.random_below(below))?;
            Some(entry.key().to_vec())
        })
    }

    /// A number below `end`, which is not 0. It is drawn from a counter by the hash of the keys,
    /// which has a key of its own that nobody knows.
    fn random_below(&self, end: u32) -> u32 {
        let draw = self.draws.fetch_add(1, Ordering::Relaxed);
        let random = self.hasher.hash_one(draw) >> 32;
        ((random * u64::from(end)) >> 32) as u32
    }

    fn is_unused(&self, database: usize) -> bool {
        self.made_slots(database).is_empty()
    }
}
