//! A key with its value, its deadline and its links in the wheel, in 80 bytes.
//!
//! Key and value share the entry when they take 61 bytes or less, as a lock's name and token do;
//! longer ones share one allocation. Entries live in chunks that never move: an index stays
//! right for the life of its entry, growing copies nothing, and SCAN may walk by index.

use crate::clock::BootTime;

use super::wheel::{Links, NIL, Nodes, Tick};

/// Bytes of key and value together that an entry holds without an allocation.
const INLINE_BYTES: usize = 61;
const CHUNK_BITS: u32 = 6;
const CHUNK: usize = 1 << CHUNK_BITS;

pub(super) struct Entry {
    pub(super) deadline: Option<BootTime>,
    links: Links,
    payload: Payload,
}

enum Payload {
    /// Free; the next free entry is in the links.
    Vacant,
    Inline {
        key_len: u8,
        value_len: u8,
        bytes: [u8; INLINE_BYTES],
    },
    Boxed {
        key_len: usize,
        bytes: Box<[u8]>,
    },
}

const _: () = assert!(size_of::<Entry>() == 80);

impl Payload {
    fn new(key: &[u8], value: &[u8]) -> Payload {
        let total = key.len() + value.len();
        if total > INLINE_BYTES {
            return Payload::Boxed {
                key_len: key.len(),
                bytes: [key, value].concat().into_boxed_slice(),
            };
        }
        let mut bytes = [0; INLINE_BYTES];
        bytes[..key.len()].copy_from_slice(key);
        bytes[key.len()..total].copy_from_slice(value);
        Payload::Inline {
            key_len: key.len() as u8,
            value_len: value.len() as u8,
            bytes,
        }
    }
}

impl Entry {
    pub(super) fn is_vacant(&self) -> bool {
        matches!(self.payload, Payload::Vacant)
    }

    pub(super) fn key(&self) -> &[u8] {
        match &self.payload {
            Payload::Vacant => &[],
            Payload::Inline { key_len, bytes, .. } => &bytes[..usize::from(*key_len)],
            Payload::Boxed { key_len, bytes } => &bytes[..*key_len],
        }
    }

    pub(super) fn value(&self) -> &[u8] {
        match &self.payload {
            Payload::Vacant => &[],
            Payload::Inline {
                key_len,
                value_len,
                bytes,
            } => {
                let start = usize::from(*key_len);
                &bytes[start..start + usize::from(*value_len)]
            }
            Payload::Boxed { key_len, bytes } => &bytes[*key_len..],
        }
    }

    /// Puts `value` in place of the present one.
    pub(super) fn replace_value(&mut self, key: &[u8], value: &[u8]) {
        self.payload = Payload::new(key, value);
    }

    /// Whether the deadline has come: the one rule that decides expiry.
    pub(super) fn is_expired(&self, now: BootTime) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }
}

/// Entries by index, in chunks of 64.
pub(super) struct Slab {
    chunks: Vec<Box<[Entry; CHUNK]>>,
    first_vacant: u32,
}

impl Slab {
    pub(super) fn new() -> Slab {
        Slab {
            chunks: Vec::new(),
            first_vacant: NIL,
        }
    }

    /// One past the highest index ever used.
    pub(super) fn end(&self) -> u32 {
        (self.chunks.len() << CHUNK_BITS) as u32
    }

    pub(super) fn insert(&mut self, key: &[u8], value: &[u8]) -> u32 {
        if self.first_vacant == NIL {
            self.grow();
        }
        let index = self.first_vacant;
        let entry = self.at_mut(index);
        let next_vacant = entry.links.next;
        *entry = Entry {
            deadline: None,
            links: Links::NONE,
            payload: Payload::new(key, value),
        };
        self.first_vacant = next_vacant;
        index
    }

    pub(super) fn remove(&mut self, index: u32) {
        let next = self.first_vacant;
        *self.at_mut(index) = vacant(next);
        self.first_vacant = index;
    }

    pub(super) fn at(&self, index: u32) -> &Entry {
        &self.chunks[(index >> CHUNK_BITS) as usize][index as usize % CHUNK]
    }

    pub(super) fn at_mut(&mut self, index: u32) -> &mut Entry {
        &mut self.chunks[(index >> CHUNK_BITS) as usize][index as usize % CHUNK]
    }

    fn grow(&mut self) {
        let base = self.end();
        let last = base + CHUNK as u32 - 1;
        let chunk: Vec<Entry> = (base..=last)
            .map(|index| vacant(if index == last { NIL } else { index + 1 }))
            .collect();
        if let Ok(chunk) = chunk.into_boxed_slice().try_into() {
            self.chunks.push(chunk);
            self.first_vacant = base;
        }
    }
}

fn vacant(next: u32) -> Entry {
    Entry {
        deadline: None,
        links: Links { next, prev: NIL },
        payload: Payload::Vacant,
    }
}

impl Nodes for Slab {
    fn links(&mut self, index: u32) -> &mut Links {
        &mut self.at_mut(index).links
    }

    fn tick(&self, index: u32) -> Tick {
        let deadline = self.at(index).deadline;
        debug_assert!(deadline.is_some(), "only a timed entry is in the wheel");
        Tick::at_or_after(deadline.unwrap_or(BootTime::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_and_value_come_back_at_every_length_around_the_inline_limit() {
        let mut slab = Slab::new();
        for key_len in [0, 1, 24, 60, 61, 62, 300] {
            for value_len in [0, 1, 36, 37, 38, 61, 62, 1000] {
                let (key, value) = (vec![b'k'; key_len], vec![b'v'; value_len]);
                let index = slab.insert(&key, &value);
                assert_eq!(slab.at(index).key(), key);
                assert_eq!(slab.at(index).value(), value);
                slab.at_mut(index).replace_value(&key, b"other");
                assert_eq!(slab.at(index).key(), key);
                assert_eq!(slab.at(index).value(), b"other");
            }
        }
    }

    #[test]
    fn a_removed_entry_is_used_again() {
        let mut slab = Slab::new();
        let indexes: Vec<u32> = (0..200).map(|_| slab.insert(b"k", b"v")).collect();
        let end = slab.end();
        for &index in &indexes {
            slab.remove(index);
            assert!(slab.at(index).is_vacant());
        }
        for _ in 0..200 {
            slab.insert(b"k", b"v");
        }
        assert_eq!(slab.end(), end);
    }
}
