//! The hash table of a shard: from a key's hash to the index of its entry.
//!
//! Open addressing with linear probing over 8-byte buckets: an index and 32 bits of the hash, the
//! tag. The tag places a bucket (its home is the same fraction of the table as the tag is of
//! 2^32), so growing the table needs no key, and a cache line of eight buckets is nearly always
//! all that a lookup reads. Removal shifts what follows back: there are no tombstones.
//!
//! Where a key's bucket must be can be told without the shard's lock ([`Whereabouts`]), which is
//! what a prefetch wants.

use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use super::prefetch::prefetch;

/// Buckets of the first allocation, and how many more a table may begin with. Tables that grow by
/// the same factor from different sizes do so at different times: a growing one then finds the
/// memory that another has left.
const FIRST_BUCKETS: usize = 64;
const SPREAD: usize = FIRST_BUCKETS / 6;
/// The table grows by a sixth when five sixths of it are full: what it keeps moves in order, as fast as
/// memory is read.
const FULL: (usize, usize) = (5, 6);

#[derive(Clone, Copy)]
struct Bucket {
    tag: u32,
    index: u32,
}

/// Bytes that an entry takes in its table.
pub(super) const BUCKET_BYTES: usize = size_of::<Bucket>();

/// No entry has this index.
const NO_INDEX: u32 = u32::MAX;

const EMPTY: Bucket = Bucket {
    tag: 0,
    index: NO_INDEX,
};

pub(super) struct Table {
    buckets: Box<[Bucket]>,
    len: u32,
    first_buckets: u32,
}

impl Table {
    /// An empty table, the `number`th of many.
    pub(super) fn new(number: usize) -> Table {
        Table {
            buckets: Box::default(),
            len: 0,
            first_buckets: (FIRST_BUCKETS + number % SPREAD) as u32,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    /// The first index with this hash's tag of which `is_it` holds.
    #[inline]
    pub(super) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let tag = tag(hash);
        let mut place = home(tag, self.buckets.len());
        loop {
            let bucket = self.buckets.get(place)?;
            if bucket.index == NO_INDEX {
                return None;
            }
            if bucket.tag == tag && is_it(bucket.index) {
                return Some(bucket.index);
            }
            place = self.after(place);
        }
    }

    /// Adds an index; the caller knows that its key is not there.
    pub(super) fn insert(&mut self, hash: u64, index: u32) {
        let (full, of) = FULL;
        if (self.len() + 1) * of > self.buckets.len() * full {
            self.grow();
        }
        self.len += 1;
        self.put(Bucket {
            tag: tag(hash),
            index,
        });
    }

    /// Takes an index out.
    pub(super) fn remove(&mut self, hash: u64, index: u32) {
        let mut hole = home(tag(hash), self.buckets.len());
        loop {
            match self.buckets.get(hole) {
                Some(bucket) if bucket.index == index => break,
                Some(bucket) if bucket.index != NO_INDEX => hole = self.after(hole),
                _ => return,
            }
        }
        self.len -= 1;
        self.buckets[hole] = EMPTY;
        // Whatever was pushed past the hole by it moves into it, and leaves the next hole.
        let mut place = self.after(hole);
        while self.buckets[place].index != NO_INDEX {
            let home = home(self.buckets[place].tag, self.buckets.len());
            if self.distance(home, place) >= self.distance(hole, place) {
                self.buckets.swap(hole, place);
                hole = place;
            }
            place = self.after(place);
        }
    }

    /// How many buckets there are; it changes only when the table grows.
    pub(super) fn buckets(&self) -> usize {
        self.buckets.len()
    }

    /// Bytes of all buckets.
    pub(super) fn size_bytes(&self) -> usize {
        self.buckets.len() * BUCKET_BYTES
    }

    fn put(&mut self, bucket: Bucket) {
        let mut place = home(bucket.tag, self.buckets.len());
        while self.buckets[place].index != NO_INDEX {
            place = self.after(place);
        }
        self.buckets[place] = bucket;
    }

    #[cold]
    fn grow(&mut self) {
        let buckets =
            (self.buckets.len() + self.buckets.len() / 6).max(self.first_buckets as usize);
        let old = std::mem::replace(&mut self.buckets, vec![EMPTY; buckets].into_boxed_slice());
        for bucket in old {
            if bucket.index != NO_INDEX {
                self.put(bucket);
            }
        }
    }

    #[inline]
    fn after(&self, place: usize) -> usize {
        let next = place + 1;
        if next == self.buckets.len() { 0 } else { next }
    }

    /// How many steps of [`Table::after`] lead from one place to another.
    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from {
            to - from
        } else {
            to + self.buckets.len() - from
        }
    }
}

/// The part of a hash that a bucket keeps.
fn tag(hash: u64) -> u32 {
    hash as u32
}

/// Where the search for a tag begins.
#[inline]
fn home(tag: u32, buckets: usize) -> usize {
    ((u64::from(tag) * buckets as u64) >> 32) as usize
}

/// Where a table's memory is, readable without its lock. It may be out of date: good for a
/// prefetch and for nothing else.
pub(super) struct Whereabouts {
    first: AtomicPtr<Bucket>,
    buckets: AtomicUsize,
}

impl Whereabouts {
    pub(super) fn new() -> Whereabouts {
        Whereabouts {
            first: AtomicPtr::new(std::ptr::null_mut()),
            buckets: AtomicUsize::new(0),
        }
    }

    /// Follows the table after it may have grown.
    pub(super) fn note(&self, table: &Table) {
        let first = table.buckets.as_ptr().cast_mut();
        self.first.store(first, Ordering::Relaxed);
        self.buckets.store(table.buckets.len(), Ordering::Relaxed);
    }

    /// Has the bucket of a hash on its way to the processor.
    #[inline]
    pub(super) fn prefetch(&self, hash: u64) {
        let home = home(tag(hash), self.buckets.load(Ordering::Relaxed));
        prefetch(self.first.load(Ordering::Relaxed).wrapping_add(home));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A hash whose tag repeats every few numbers, so that buckets crowd.
    fn crowded(number: u32) -> u64 {
        u64::from(number % 37) << 27 | 0xABC << 40
    }

    proptest! {
        #[test]
        fn holds_what_a_set_holds(steps in prop::collection::vec((any::<bool>(), 0..300u32), 1..600)) {
            let mut table = Table::new(0);
            let mut model = std::collections::BTreeSet::new();
            for (adds, number) in steps {
                let hash = crowded(number);
                if adds && model.insert(number) {
                    table.insert(hash, number);
                } else if !adds {
                    model.remove(&number);
                    table.remove(hash, number);
                }
                prop_assert_eq!(table.len(), model.len());
            }
            for number in 0..300 {
                let found = table.find(crowded(number), |index| index == number);
                prop_assert_eq!(found.is_some(), model.contains(&number));
            }
        }
    }

    #[test]
    fn a_lookup_that_misses_ends_at_every_load() {
        let mut table = Table::new(0);
        for number in 0..10_000u32 {
            assert_eq!(table.find(u64::MAX, |_| false), None);
            table.insert(u64::from(number) * 0x9E37_79B9, number);
        }
        for number in 0..10_000u32 {
            let hash = u64::from(number) * 0x9E37_79B9;
            assert_eq!(table.find(hash, |index| index == number), Some(number));
        }
    }
}
