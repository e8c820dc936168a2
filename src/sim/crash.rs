//! What a crash of the machine leaves on its disk.

use super::disk::{Data, Image, PAGE, apply};
use crate::torture::random::Random;

/// How a crash treats what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    /// Nothing of it came to the disk.
    Nothing,
    /// All of it did.
    Everything,
    /// Some pages did.
    Some,
}

impl Image {
    /// Only what is on the disk is left, and of what is not each page in its old or its new state.
    pub(super) fn crash(&mut self, random: &mut Random) {
        let kept = random.below(self.log.len() as u64 + 1) as usize;
        let kept = random.choice(&[0, kept, self.log.len()]);
        for renaming in self.log.drain(..).take(kept) {
            apply(&mut self.kept_names, &renaming);
        }
        self.names = self.kept_names.clone();
        let names = &self.names;
        self.files
            .retain(|inode, _| names.values().any(|named| named == inode));
        let mood = random.choice(&[Mood::Nothing, Mood::Some, Mood::Some, Mood::Everything]);
        for data in self.files.values_mut() {
            data.crash(mood, random);
        }
    }
}

impl Data {
    fn crash(&mut self, mood: Mood, random: &mut Random) {
        let cut = self.cut_to.take();
        let loses_cut = cut.is_some() && mood != Mood::Everything && random.below(2) == 0;
        if let (Some(bytes), false) = (cut, loses_cut) {
            self.kept.set_bytes(bytes.min(self.kept.bytes));
        }
        if !loses_cut {
            let dirty = std::mem::take(&mut self.dirty);
            for index in dirty {
                let survives = match mood {
                    Mood::Nothing => false,
                    Mood::Everything => true,
                    Mood::Some => random.below(2) == 0,
                };
                if survives {
                    let new = self.cache.page(index);
                    let end = (u64::from(index) + 1) * PAGE as u64;
                    self.kept.set_page(index, new);
                    self.kept.bytes = self.kept.bytes.max(end.min(self.cache.bytes));
                }
            }
            // The length may be there before the pages are.
            if self.kept.bytes < self.cache.bytes && mood == Mood::Some && random.below(3) == 0 {
                self.kept.set_bytes(self.cache.bytes);
            }
        }
        self.dirty.clear();
        self.cache = self.kept.clone();
    }
}
