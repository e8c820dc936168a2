//! Where in the ring the records of keys that were new stand.
//!
//! Whoever takes such a key away again can erase its record instead of appending another: a lock that
//! is held for a moment never comes to the file.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many are remembered. Where two keys have one place, the older is forgotten.
const PLACES: usize = 8192;
/// Bits of a hash that are kept beside a position: enough that another key seldom looks the same.
const TAG_BITS: u32 = 16;

/// Invariant: what is remembered of a key is its last record, and in front of it the journal knows of
/// no such key, or of one that has expired. It is changed by who has the journal's lock.
pub(super) struct Recent {
    /// A position and, in the lowest bits, a tag; 0 for nothing. Nothing new is at position 0.
    places: Box<[AtomicU64]>,
}

impl Recent {
    pub(super) fn new() -> Recent {
        let places = (0..PLACES).map(|_| AtomicU64::new(0));
        Recent {
            places: places.collect(),
        }
    }

    /// A key that was not there has its record at `position`.
    #[inline]
    pub(super) fn note(&self, hash: u64, position: u64) {
        let word = position << TAG_BITS | tag(hash);
        self.place(hash).store(word, Ordering::Relaxed);
    }

    /// Forgets a key; tells where its record may be: another key can look the same.
    #[inline]
    pub(super) fn take(&self, hash: u64) -> Option<u64> {
        let place = self.place(hash);
        let word = place.load(Ordering::Relaxed);
        if word == 0 || word & ((1 << TAG_BITS) - 1) != tag(hash) {
            return None;
        }
        place.store(0, Ordering::Relaxed);
        Some(word >> TAG_BITS)
    }

    /// Where the record may be of whatever key has the place of this one.
    #[inline]
    pub(super) fn position(&self, hash: u64) -> Option<u64> {
        let word = self.place(hash).load(Ordering::Relaxed);
        (word != 0).then_some(word >> TAG_BITS)
    }

    #[inline]
    pub(super) fn place(&self, hash: u64) -> &AtomicU64 {
        &self.places[hash as usize % PLACES]
    }
}

#[inline]
fn tag(hash: u64) -> u64 {
    hash >> (u64::BITS - TAG_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_remembered_until_it_is_taken_or_its_place_is() {
        let recent = Recent::new();
        let (key, other) = (7 << 48 | 9, 8 << 48 | 9);
        recent.note(key, 77);
        assert_eq!(recent.position(other), Some(77));
        assert_eq!(recent.take(other), None);
        assert_eq!(recent.take(key), Some(77));
        assert_eq!(recent.take(key), None);
        recent.note(key, 78);
        recent.note(other, 79);
        assert_eq!(recent.take(key), None);
        assert_eq!(recent.take(other), Some(79));
    }
}
