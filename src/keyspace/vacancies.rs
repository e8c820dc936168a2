//! Which entries of a shard are vacant.
//!
//! One block is open: its entries are taken, the first before the others, until there is none left,
//! and then another block is opened. So entries that are taken one after the other lie beside each
//! other, timers four to a cache line, in whatever order they were given back; and one that is given
//! back to the open block is soon taken again, while its memory is at hand.

use super::entry::BLOCK_BITS;
use super::wheel::NIL;

/// See the module's text.
pub(super) struct Vacancies {
    /// The block that is open.
    open: u32,
    /// The first of the closed blocks with vacant entries.
    closed: u32,
    /// A bit for each vacant entry of the open block.
    vacant: u64,
    blocks: Vec<Closed>,
}

/// A block that is not open; of the one that is open it says nothing. Twelve bytes, not sixteen: every
/// lock pays for a 64th.
#[derive(Clone, Copy)]
#[repr(Rust, packed(4))]
struct Closed {
    /// A bit for each vacant entry.
    vacant: u64,
    /// The next closed block with vacant entries, if this one has some.
    next: u32,
}

const _: () = assert!(1 << BLOCK_BITS == u64::BITS);

impl Vacancies {
    /// The entry that is taken next, unless that is another block's.
    pub(super) fn next(&self) -> Option<u32> {
        (self.vacant != 0).then(|| index(self.open, self.vacant.trailing_zeros()))
    }

    /// Takes a vacant entry.
    #[inline]
    pub(super) fn take(&mut self) -> Option<u32> {
        if self.vacant == 0 {
            self.open_next()?;
        }
        let place = self.vacant.trailing_zeros();
        self.vacant &= self.vacant - 1;
        Some(index(self.open, place))
    }

    /// Takes the first entry of a block that is new, behind the others, when no other is vacant.
    pub(super) fn take_first_of_new_block(&mut self) -> u32 {
        debug_assert!(self.next().is_none() && self.closed == NIL, "none is left");
        self.open = self.blocks.len() as u32;
        self.blocks.push(Closed {
            vacant: 0,
            next: NIL,
        });
        self.vacant = u64::MAX - 1;
        index(self.open, 0)
    }

    /// An entry that was taken is vacant again.
    #[inline]
    pub(super) fn give_back(&mut self, index: u32) {
        let block = index >> BLOCK_BITS;
        let bit = 1 << (index % u64::BITS);
        if block == self.open {
            self.vacant |= bit;
            return;
        }
        let closed = &mut self.blocks[block as usize];
        if closed.vacant == 0 {
            closed.next = std::mem::replace(&mut self.closed, block);
        }
        closed.vacant |= bit;
    }

    /// Opens another block.
    #[cold]
    fn open_next(&mut self) -> Option<()> {
        let closed = self.blocks.get_mut(self.closed as usize)?;
        self.open = std::mem::replace(&mut self.closed, closed.next);
        self.vacant = closed.vacant;
        closed.vacant = 0;
        Some(())
    }
}

impl Default for Vacancies {
    fn default() -> Vacancies {
        Vacancies {
            open: NIL,
            closed: NIL,
            vacant: 0,
            blocks: Vec::new(),
        }
    }
}

/// The index of an entry.
fn index(block: u32, place: u32) -> u32 {
    block << BLOCK_BITS | place
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_vacant_entry_is_taken_once_before_a_block_is_made(
            steps in prop::collection::vec((0..3u8, any::<prop::sample::Index>()), 1..2000),
        ) {
            let mut vacancies = Vacancies::default();
            let (mut taken, mut vacant) = (Vec::new(), BTreeSet::new());
            let mut blocks = 0;
            for (step, which) in steps {
                if step == 0 && !taken.is_empty() {
                    let index = taken.swap_remove(which.index(taken.len()));
                    vacancies.give_back(index);
                    vacant.insert(index);
                    continue;
                }
                let next = vacancies.next();
                let index = match vacancies.take() {
                    Some(index) => index,
                    None => {
                        prop_assert!(vacant.is_empty());
                        vacant.extend(blocks * 64..(blocks + 1) * 64);
                        blocks += 1;
                        vacancies.take_first_of_new_block()
                    }
                };
                prop_assert!(next.is_none_or(|next| next == index));
                prop_assert!(vacant.remove(&index));
                taken.push(index);
            }
        }
    }

    #[test]
    fn entries_are_taken_in_their_order_however_they_were_given_back() {
        let mut vacancies = Vacancies::default();
        vacancies.take_first_of_new_block();
        for _ in 1..64 {
            vacancies.take();
        }
        for index in [40, 3, 17, 63, 0] {
            vacancies.give_back(index);
        }
        let taken: Vec<u32> = std::iter::from_fn(|| vacancies.take()).collect();
        assert_eq!(taken, [0, 3, 17, 40, 63]);
    }
}
