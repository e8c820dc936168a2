//! Signatures of entries that leave no room for one in their cache line.

use super::signature::{SIGNATURE_BYTES, Signature};

/// Entries of a shard that may have one: of all 256 shards 131,072, in 1.2 MB at most.
pub(super) const ENTRIES_MAX: u32 = 512;

/// By index; of entries that have room themselves it says nothing.
#[derive(Default)]
pub(super) struct Apart {
    #[expect(
        clippy::box_collection,
        reason = "most shards need none, and with one word more they would not fit three cache lines"
    )]
    list: Option<Box<Vec<[u8; SIGNATURE_BYTES]>>>,
}

impl Apart {
    /// Bytes of memory.
    pub(super) fn size_bytes(&self) -> usize {
        let capacity = self.list.as_ref().map_or(0, |list| list.capacity());
        capacity * SIGNATURE_BYTES
    }

    /// The signature of an entry, or of nobody.
    pub(super) fn get(&self, index: u32) -> Option<&[u8; SIGNATURE_BYTES]> {
        self.list.as_ref()?.get(index as usize)
    }

    /// Signs an entry, one of those below `end`, if it may have a signature.
    pub(super) fn sign(&mut self, index: u32, end: u32, signature: Signature) {
        if index >= ENTRIES_MAX {
            return;
        }
        let list = self.list.get_or_insert_default();
        if list.len() <= index as usize {
            let end = end.min(ENTRIES_MAX) as usize;
            list.reserve_exact(end - list.len());
            list.resize(end, Signature::NONE);
        }
        list[index as usize] = signature.bytes();
    }

    /// The entry is nobody's.
    pub(super) fn forget(&mut self, index: u32) {
        if let Some(list) = &mut self.list
            && let Some(signature) = list.get_mut(index as usize)
        {
            *signature = Signature::NONE;
        }
    }
}
