//! Memory of entries, 2 MiB at a time.
//!
//! All keyspaces of a process take their blocks from here. What a keyspace gives back is used for
//! the next one; regions are never returned to the system. Huge pages are not asked for: while
//! the system makes one, whoever touches it waits for some 10 ms, and as entries are fetched ahead of
//! their requests' turn, 4 KiB pages cost only 2 to 4 % more of the processor's time.

use std::mem::MaybeUninit;

use parking_lot::Mutex;

/// What is asked of the system at a time, in bytes; an interpreter would take minutes over that.
const REGION_BYTES: usize = if cfg!(miri) { 64 << 10 } else { 2 << 20 };

/// Blocks of one type, given out and taken back.
pub(super) struct Arena<B: 'static> {
    stock: Mutex<Stock<B>>,
}

struct Stock<B: 'static> {
    /// Given back.
    used: Vec<&'static mut B>,
    /// Of the newest region, never touched yet.
    fresh: &'static mut [MaybeUninit<B>],
}

impl<B> Arena<B> {
    pub(super) const fn new() -> Arena<B> {
        Arena {
            stock: Mutex::new(Stock {
                used: Vec::new(),
                fresh: &mut [],
            }),
        }
    }

    /// A block; `blank` makes one where none was given back.
    pub(super) fn take(&self, blank: impl FnOnce() -> B) -> &'static mut B {
        let mut stock = self.stock.lock();
        if let Some(block) = stock.used.pop() {
            return block;
        }
        if stock.fresh.is_empty() {
            stock.fresh = region();
        }
        match std::mem::take(&mut stock.fresh).split_first_mut() {
            Some((first, rest)) => {
                stock.fresh = rest;
                first.write(blank())
            }
            None => unreachable!("a region holds blocks"),
        }
    }

    /// Takes blocks back; they are blank.
    pub(super) fn give_back(&self, blocks: impl Iterator<Item = &'static mut B>) {
        self.stock.lock().used.extend(blocks);
    }
}

/// A region from the system, cut into blocks.
fn region<B>() -> &'static mut [MaybeUninit<B>] {
    const { assert!(size_of::<B>() <= REGION_BYTES) };
    Box::leak(Box::new_uninit_slice(REGION_BYTES / size_of::<B>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Block = [u64; 640];

    #[test]
    fn blocks_do_not_overlap_and_come_again() {
        static ARENA: Arena<Block> = Arena::new();
        let count = 2 * REGION_BYTES / size_of::<Block>();
        let mut blocks: Vec<&'static mut Block> = (0..count)
            .map(|number| ARENA.take(|| [number as u64; 640]))
            .collect();
        for (number, block) in blocks.iter().enumerate() {
            assert!(block.iter().all(|&word| word == number as u64));
        }
        ARENA.give_back(blocks.drain(..));
        let again = ARENA.take(|| unreachable!("there are used ones"));
        assert!(again[0] < count as u64);
    }
}
