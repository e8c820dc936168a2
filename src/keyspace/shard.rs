//! A shard: one lock's worth of the keyspace, a hash table and its timer wheel as one.
//!
//! The table holds indexes into the slab. Nothing here is aware of other shards or of events.

use crate::clock::BootTime;

use super::entry::{ENTRY_BYTES, Entry, Slab};
use super::payload::Form;
use super::signature::Signature;
use super::table::{BUCKET_BYTES, Table};
use super::wheel::{Tick, Wheel};

/// How often an index is drawn in the search of a random entry before all are gone through: with
/// one entry in 32 alive, one search in 20 needs that.
const RANDOM_TRIES: u32 = 96;

/// The table stands first: a lookup begins there.
#[repr(C)]
pub(super) struct Shard {
    table: Table,
    slab: Slab,
    wheel: Wheel,
    timed: usize,
}

impl Shard {
    /// An empty shard, the `number`th of a database.
    pub(super) fn new(number: usize) -> Shard {
        Shard {
            table: Table::new(number),
            slab: Slab::new(),
            wheel: Wheel::new(phase(number)),
            timed: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// How many keys have a deadline.
    pub(super) fn timed(&self) -> usize {
        self.timed
    }

    pub(super) fn find(&self, hash: u64, key: &[u8]) -> Option<u32> {
        self.table
            .find(hash, |index| self.slab.at(index).key() == key)
    }

    /// Has what may be the entry of a hash on its way to the processor, or the entry that its key
    /// would get.
    pub(super) fn prefetch(&self, hash: u64) {
        match self.table.find(hash, |_| true) {
            Some(index) => self.slab.prefetch(index),
            None => {
                self.slab.prefetch_vacant();
                self.slab.prefetch_timer(self.wheel.latest());
            }
        }
    }

    /// The table, for whoever notes where it is.
    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    pub(super) fn at(&self, index: u32) -> Entry<'_> {
        self.slab.at(index)
    }

    /// Adds a key that is not there.
    pub(super) fn insert(&mut self, hash: u64, key: &[u8], value: &[u8], form: Form) -> u32 {
        let index = self.slab.insert(key, value, form);
        self.table.insert(hash, index);
        index
    }

    pub(super) fn replace_value(&mut self, index: u32, key: &[u8], value: &[u8], form: Form) {
        self.slab.replace_value(index, key, value, form);
    }

    pub(super) fn sign(&mut self, index: u32, signature: Signature) {
        self.slab.sign(index, signature);
    }

    /// Who made the entry, if somebody signed it.
    pub(super) fn signature(&self, index: u32) -> Option<Signature> {
        self.slab.signature(index)
    }

    /// Gives the entry another deadline; tells when [`Shard::pop_due`] has something to do for it.
    pub(super) fn expire_at(&mut self, index: u32, deadline: BootTime, now: BootTime) -> BootTime {
        self.persist(index);
        if self.timed == 0 {
            self.wheel.catch_up(Tick::at_or_before(now));
        }
        self.slab.set_deadline(index, Some(deadline));
        self.timed += 1;
        self.wheel.insert(&mut self.slab, index)
    }

    /// Takes the entry's deadline away, if it has one.
    pub(super) fn persist(&mut self, index: u32) {
        if self.slab.at(index).deadline().is_some() {
            self.wheel.remove(&mut self.slab, index);
            self.slab.set_deadline(index, None);
            self.timed -= 1;
        }
    }

    pub(super) fn remove(&mut self, hash: u64, index: u32) {
        self.persist(index);
        self.table.remove(hash, index);
        self.slab.remove(index);
    }

    /// The next entry whose deadline has come by `now`, and that deadline; its memory is on its way
    /// to the processor. The caller removes the entry or gives it another deadline.
    pub(super) fn pop_due(&mut self, now: BootTime) -> Option<(u32, BootTime)> {
        let index = self
            .wheel
            .pop_due(&mut self.slab, Tick::at_or_before(now))?;
        let deadline = self.slab.at(index).deadline().unwrap_or(now);
        self.slab.set_deadline(index, None);
        self.slab.prefetch(index);
        self.timed -= 1;
        Some((index, deadline))
    }

    /// When [`Shard::pop_due`] next has something to do.
    pub(super) fn next_due(&self) -> Option<BootTime> {
        self.wheel.next_due()
    }

    /// The entries whose index is in `range`, and one past the last index.
    pub(super) fn entries_from(&self, start: u32) -> impl Iterator<Item = (u32, Entry<'_>)> {
        (start..self.slab.end())
            .map(|index| (index, self.slab.at(index)))
            .filter(|(_, entry)| !entry.is_vacant())
    }

    /// Bytes of the table and of the entries, without what entries have allocated.
    pub(super) fn size_bytes(&self) -> usize {
        self.table.size_bytes() + self.slab.size_bytes()
    }

    /// Bytes that the keys take with their buckets.
    pub(super) fn used_bytes(&self) -> usize {
        self.len() * (ENTRY_BYTES + BUCKET_BYTES) + self.slab.allocated()
    }

    /// A living entry, each one as likely as another, or `None` if there is none. `random` gives a
    /// number below the one it is given.
    pub(super) fn random(&self, now: BootTime, random: impl Fn(u32) -> u32) -> Option<Entry<'_>> {
        let end = self.slab.end();
        if end == 0 {
            return None;
        }
        let living = |index: u32| {
            let entry = self.slab.at(index);
            (!entry.is_vacant() && !entry.is_expired(now)).then_some(entry)
        };
        (0..RANDOM_TRIES)
            .find_map(|_| living(random(end)))
            .or_else(|| {
                let start = random(end);
                (start..end).chain(0..start).find_map(living)
            })
    }
}

/// By how many ticks the wheel of a shard runs ahead. Shards then move the entries of a slot one
/// after the other: 256 ms apart on the level of a minute, evenly spread on those below.
fn phase(number: usize) -> u32 {
    number as u32 * 1027
}
