//! Signatures of entries that leave no room for one in their cache line.

use super::prefetch::prefetch;
use super::signature::{SIGNATURE_BYTES, Signature};

/// Entries of a shard that may have one: of all 256 shards 98,304, in 0.9 MB at most.
pub(super) const ENTRIES_MAX: u32 = 384;

/// By index; of entries that have room themselves it says nothing.
#[derive(Default)]
pub(super) struct Apart {
    list: Box<[[u8; SIGNATURE_BYTES]]>,
}

impl Apart {
    /// Bytes of memory.
    pub(super) fn size_bytes(&self) -> usize {
        size_of_val(&*self.list)
    }

    /// The signature of an entry, or of nobody.
    pub(super) fn get(&self, index: u32) -> Option<&[u8; SIGNATURE_BYTES]> {
        self.list.get(index as usize)
    }

    /// Has the signature of an entry on its way to the processor, if there may be one.
    pub(super) fn prefetch(&self, index: u32) {
        if let Some(signature) = self.get(index) {
            prefetch(signature);
        }
    }

    /// Signs an entry, one of those below `end`, if it may have a signature.
    pub(super) fn sign(&mut self, index: u32, end: u32, signature: Signature) {
        if index >= ENTRIES_MAX {
            return;
        }
        if self.list.len() <= index as usize {
            self.grow(end.min(ENTRIES_MAX) as usize);
        }
        self.list[index as usize] = signature.bytes();
    }

    /// The entry is nobody's.
    pub(super) fn forget(&mut self, index: u32) {
        if let Some(signature) = self.list.get_mut(index as usize) {
            *signature = Signature::NONE;
        }
    }

    #[cold]
    fn grow(&mut self, len: usize) {
        let mut list = std::mem::take(&mut self.list).into_vec();
        list.reserve_exact(len - list.len());
        list.resize(len, Signature::NONE);
        self.list = list.into_boxed_slice();
    }
}
