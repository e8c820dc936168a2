//! A key with its value, its deadline and its links in the wheel, in 80 bytes.
//!
//! Key and value share a cache line when they take 61 bytes or less, as a lock's name and token
//! do; longer ones share one allocation. Deadlines and links lie apart from them, four to a cache
//! line: unlinking an entry touches its neighbours' links and nothing else of theirs. Entries
//! live in blocks that never move: an index stays right for the life of its entry, growing copies
//! nothing, and SCAN may walk by index. What an entry has left of its cache line takes a
//! [`Signature`]: who made it, and when. Where too little is left, it stands in a list apart, which
//! has room for the first [`apart::ENTRIES_MAX`](super::apart::ENTRIES_MAX) entries of a shard: all of them, unless very many
//! locks are held at a time, and next to nothing for each lock if they are.

use crate::clock::BootTime;

use super::apart::Apart;
use super::arena::Arena;
use super::payload::{Form, INLINE_BYTES, LENGTH_BITS, Payload, SIGNED_BYTES, STEP_BYTES, steps};
use super::prefetch::prefetch;
use super::signature::Signature;
use super::vacancies::Vacancies;
use super::wheel::{Links, Nodes, Tick};

/// A block has as many entries as a word has bits.
pub(super) const BLOCK_BITS: u32 = 6;
const BLOCK: usize = 1 << BLOCK_BITS;

/// When an entry ends, and its place in the wheel.
struct Timer {
    deadline: Option<BootTime>,
    links: Links,
}

/// Bytes of an entry, without what it has allocated.
pub(super) const ENTRY_BYTES: usize = size_of::<Payload>() + size_of::<Timer>();
const _: () = assert!(ENTRY_BYTES == 80);

/// An entry as one sees it.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    payload: &'a Payload,
    timer: &'a Timer,
}

impl<'a> Entry<'a> {
    pub(super) fn is_vacant(self) -> bool {
        matches!(self.payload, Payload::Vacant)
    }

    pub(super) fn key(self) -> &'a [u8] {
        match self.payload {
            Payload::Vacant => &[],
            Payload::Inline { key_len, bytes, .. } => &bytes[..usize::from(*key_len)],
            Payload::Boxed { key_len, bytes, .. } => &bytes[..*key_len],
        }
    }

    pub(super) fn value(self) -> &'a [u8] {
        match self.payload {
            Payload::Vacant => &[],
            Payload::Inline {
                key_len,
                value_len_and_form,
                bytes,
            } => {
                let start = usize::from(*key_len);
                let value_len = value_len_and_form & ((1 << LENGTH_BITS) - 1);
                &bytes[start..start + usize::from(value_len)]
            }
            Payload::Boxed { key_len, bytes, .. } => &bytes[*key_len..],
        }
    }

    pub(super) fn form(self) -> Form {
        match self.payload {
            Payload::Vacant => Form::Given,
            Payload::Inline {
                value_len_and_form, ..
            } => Form::from_bits(value_len_and_form >> LENGTH_BITS),
            Payload::Boxed { form, .. } => *form,
        }
    }

    /// Bytes of the entry and of what it has allocated.
    pub(super) fn size_bytes(self) -> usize {
        match self.payload {
            Payload::Vacant | Payload::Inline { .. } => ENTRY_BYTES,
            Payload::Boxed { bytes, .. } => ENTRY_BYTES + bytes.len(),
        }
    }

    pub(super) fn deadline(self) -> Option<BootTime> {
        self.timer.deadline
    }

    /// Whether the deadline has come: the one rule that decides expiry.
    pub(super) fn is_expired(self, now: BootTime) -> bool {
        self.timer.deadline.is_some_and(|deadline| deadline <= now)
    }
}

/// Entries by index, in blocks of 64.
pub(super) struct Slab {
    blocks: Vec<&'static mut Block>,
    vacancies: Vacancies,
    /// How many steps of [`STEP_BYTES`] entries have allocated.
    steps: u32,
    apart: Apart,
}

static ARENA: Arena<Block> = Arena::new();

struct Block {
    payloads: [Payload; BLOCK],
    timers: [Timer; BLOCK],
}

impl Slab {
    pub(super) fn new() -> Slab {
        Slab {
            blocks: Vec::new(),
            vacancies: Vacancies::default(),
            steps: 0,
            apart: Apart::default(),
        }
    }

    /// One past the highest index ever used.
    pub(super) fn end(&self) -> u32 {
        (self.blocks.len() << BLOCK_BITS) as u32
    }

    /// Bytes that entries have allocated, for each a multiple of [`STEP_BYTES`].
    pub(super) fn allocated(&self) -> usize {
        self.steps as usize * STEP_BYTES
    }

    #[inline]
    fn count_steps(&mut self, added: u32, freed: u32) {
        if added != freed {
            self.steps = self.steps.wrapping_add(added).wrapping_sub(freed);
        }
    }

    /// Bytes of all blocks, and of signatures apart.
    pub(super) fn size_bytes(&self) -> usize {
        self.blocks.len() * size_of::<Block>() + self.apart.size_bytes()
    }

    pub(super) fn insert(&mut self, key: &[u8], value: &[u8], form: Form) -> u32 {
        let index = match self.vacancies.take() {
            Some(index) => index,
            None => self.grow(),
        };
        self.count_steps(steps(key.len() + value.len()), 0);
        let (block, place) = self.block_mut(index);
        block.payloads[place].put(key, value, form);
        self.unsign_apart(index, key.len() + value.len());
        index
    }

    /// Puts `value` in place of the present one.
    pub(super) fn replace_value(&mut self, index: u32, key: &[u8], value: &[u8], form: Form) {
        let (block, place) = self.block_mut(index);
        let freed = block.payloads[place].steps();
        block.payloads[place].put(key, value, form);
        self.count_steps(steps(key.len() + value.len()), freed);
        self.unsign_apart(index, key.len() + value.len());
    }

    /// Notes who made the entry: if there is room, in memory that was written with it.
    pub(super) fn sign(&mut self, index: u32, signature: Signature) {
        let (block, place) = self.block_mut(index);
        match block.payloads[place].signature_mut() {
            Some(room) => *room = signature.bytes(),
            None => {
                let end = self.end();
                self.apart.sign(index, end, signature);
            }
        }
    }

    /// A new value of so many bytes with its key is nobody's yet.
    #[inline]
    fn unsign_apart(&mut self, index: u32, total: usize) {
        if total > SIGNED_BYTES && total <= INLINE_BYTES {
            self.apart.forget(index);
        }
    }

    /// Who made the entry, if somebody signed it.
    pub(super) fn signature(&self, index: u32) -> Option<Signature> {
        let entry = self.at(index);
        let room = match entry.payload.signature() {
            None if !entry.is_vacant() => self.apart.get(index),
            here => here,
        };
        room.and_then(Signature::read)
    }

    /// Frees an entry that has no deadline any more.
    pub(super) fn remove(&mut self, index: u32) {
        let (block, place) = self.block_mut(index);
        debug_assert!(block.timers[place].deadline.is_none(), "still in the wheel");
        let freed = block.payloads[place].steps();
        block.payloads[place] = Payload::Vacant;
        self.vacancies.give_back(index);
        self.count_steps(0, freed);
    }

    pub(super) fn at(&self, index: u32) -> Entry<'_> {
        let block = &self.blocks[(index >> BLOCK_BITS) as usize];
        let place = index as usize % BLOCK;
        Entry {
            payload: &block.payloads[place],
            timer: &block.timers[place],
        }
    }

    pub(super) fn set_deadline(&mut self, index: u32, deadline: Option<BootTime>) {
        let (block, place) = self.block_mut(index);
        block.timers[place].deadline = deadline;
    }

    /// Has the entry on its way to the processor before it is looked at.
    pub(super) fn prefetch(&self, index: u32) {
        let entry = self.at(index);
        prefetch(entry.payload);
        prefetch(entry.timer);
    }

    /// As [`Slab::prefetch`], for the entry that comes to be used next.
    pub(super) fn prefetch_vacant(&self) {
        if let Some(index) = self.vacancies.next() {
            self.prefetch(index);
            self.apart.prefetch(index);
        }
    }

    /// Has the deadline and links of an entry on their way, if there is such an entry.
    pub(super) fn prefetch_timer(&self, index: u32) {
        if let Some(block) = self.blocks.get((index >> BLOCK_BITS) as usize) {
            prefetch(&block.timers[index as usize % BLOCK]);
        }
    }

    fn block_mut(&mut self, index: u32) -> (&mut Block, usize) {
        let block = &mut self.blocks[(index >> BLOCK_BITS) as usize];
        (block, index as usize % BLOCK)
    }

    /// Makes a block; tells the index of its first entry, which is taken.
    #[cold]
    fn grow(&mut self) -> u32 {
        self.blocks.push(ARENA.take(Block::blank));
        self.vacancies.take_first_of_new_block()
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        let blocks = std::mem::take(&mut self.blocks);
        ARENA.give_back(blocks.into_iter().map(|block| {
            *block = Block::blank();
            block
        }));
    }
}

impl Block {
    fn blank() -> Block {
        Block {
            payloads: [const { Payload::Vacant }; BLOCK],
            timers: [const { Timer::NONE }; BLOCK],
        }
    }
}

impl Timer {
    const NONE: Timer = Timer {
        deadline: None,
        links: Links::NONE,
    };
}

impl Nodes for Slab {
    fn links(&mut self, index: u32) -> &mut Links {
        let (block, place) = self.block_mut(index);
        &mut block.timers[place].links
    }

    fn tick(&self, index: u32) -> Tick {
        let deadline = self.at(index).deadline();
        debug_assert!(deadline.is_some(), "only a timed entry is in the wheel");
        Tick::at_or_after(deadline.unwrap_or(BootTime::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::apart::ENTRIES_MAX;
    use crate::keyspace::signature::SIGNATURE_BYTES;

    #[test]
    fn key_and_value_come_back_at_every_length_around_the_inline_limit() {
        let mut slab = Slab::new();
        for key_len in [0, 1, 24, 60, 61, 62, 300] {
            for value_len in [0, 1, 36, 37, 38, 61, 62, 1000] {
                let (key, value) = (vec![b'k'; key_len], vec![b'v'; value_len]);
                for form in [Form::Given, Form::Copied, Form::Written, Form::Edited] {
                    let index = slab.insert(&key, &value, form);
                    assert_eq!(slab.at(index).key(), key);
                    assert_eq!(slab.at(index).value(), value);
                    assert_eq!(slab.at(index).form(), form);
                    slab.replace_value(index, &key, b"other", Form::Given);
                    assert_eq!(slab.at(index).key(), key);
                    assert_eq!(slab.at(index).value(), b"other");
                    assert_eq!(slab.at(index).form(), Form::Given);
                }
            }
        }
    }

    #[test]
    fn what_entries_have_allocated_is_known() {
        let mut slab = Slab::new();
        let long = [b'v'; 200];
        let first = slab.insert(b"first", &long, Form::Given);
        let second = slab.insert(b"second", b"short", Form::Given);
        assert_eq!(slab.allocated(), 256);
        slab.replace_value(second, b"second", &long, Form::Given);
        assert_eq!(slab.allocated(), 512);
        slab.replace_value(first, b"first", b"short", Form::Given);
        assert_eq!(slab.allocated(), 256);
        slab.remove(first);
        slab.remove(second);
        assert_eq!(slab.allocated(), 0);
    }

    #[test]
    fn a_signature_stands_where_there_is_room_and_harms_nothing() {
        let mut slab = Slab::new();
        let signature = Signature::new(7, BootTime::from_micros(5_000_000)).unwrap();
        for total in 0..200 {
            let key = vec![b'k'; total / 2];
            let value = vec![b'v'; total - total / 2];
            let index = slab.insert(&key, &value, Form::Given);
            assert_eq!(slab.signature(index), None);
            slab.sign(index, signature);
            assert_eq!(slab.signature(index), Some(signature));
            assert_eq!(
                (slab.at(index).key(), slab.at(index).value()),
                (&key[..], &value[..])
            );
            slab.replace_value(index, &key, &value, Form::Given);
            assert_eq!(slab.signature(index), None, "a new value is nobody's");
        }
    }

    #[test]
    fn without_room_the_first_entries_are_signed_and_no_memory_is_taken_for_more() {
        let mut slab = Slab::new();
        let (key, value) = ([b'k'; 24], [b'v'; 36]);
        let signature = Signature::new(7, BootTime::from_micros(5_000_000)).unwrap();
        let count = ENTRIES_MAX + 100;
        let indexes: Vec<u32> = (0..count)
            .map(|_| {
                let index = slab.insert(&key, &value, Form::Given);
                slab.sign(index, signature);
                index
            })
            .collect();
        let signed = |slab: &Slab| {
            let signed = indexes
                .iter()
                .filter(|index| slab.signature(**index).is_some());
            signed.count()
        };
        assert_eq!(signed(&slab), ENTRIES_MAX as usize);
        let blocks = slab.blocks.len() * size_of::<Block>();
        assert_eq!(
            slab.size_bytes() - blocks,
            ENTRIES_MAX as usize * SIGNATURE_BYTES
        );
        // Whoever uses an entry next does not inherit a signature, whatever its length.
        for &index in &indexes {
            slab.remove(index);
            assert_eq!(slab.signature(index), None);
        }
        for _ in &indexes {
            slab.insert(&key, &value, Form::Given);
        }
        assert_eq!(signed(&slab), 0);
    }

    #[test]
    fn a_removed_entry_is_used_again() {
        let mut slab = Slab::new();
        let indexes: Vec<u32> = (0..200)
            .map(|_| slab.insert(b"k", b"v", Form::Given))
            .collect();
        let end = slab.end();
        for &index in &indexes {
            slab.remove(index);
            assert!(slab.at(index).is_vacant());
        }
        for _ in 0..200 {
            slab.insert(b"k", b"v", Form::Given);
        }
        assert_eq!(slab.end(), end);
    }
}
