//! Memory of entries, 2 MiB at a time.
//!
//! All keyspaces of a process take their blocks from here. A region is as large and lies as
//! the processor's huge pages do: a lock is somewhere in gigabytes, and with pages of 4 KiB
//! finding the page takes longer than reading it. The system is asked for a huge page only once a
//! region is full, and brings it about in the background: a huge page that is made when a lock
//! first touches it keeps that lock waiting for several milliseconds. What a keyspace gives back
//! is used for the next one; regions are never returned to the system.

use std::mem::MaybeUninit;

use parking_lot::Mutex;

/// A region in bytes, and what its address is a multiple of.
const REGION_BYTES: usize = 2 << 20;

/// Blocks of one type, given out and taken back.
pub(super) struct Arena<B: 'static> {
    stock: Mutex<Stock<B>>,
}

struct Stock<B: 'static> {
    /// Given back.
    used: Vec<&'static mut B>,
    /// Of the newest region, never touched yet.
    fresh: &'static mut [MaybeUninit<B>],
    /// Where the newest region begins.
    newest: Option<usize>,
}

/// Memory as a huge page lies.
#[repr(C, align(0x20_0000))]
struct Region([MaybeUninit<u8>; REGION_BYTES]);

impl<B> Arena<B> {
    pub(super) const fn new() -> Arena<B> {
        Arena {
            stock: Mutex::new(Stock {
                used: Vec::new(),
                fresh: &mut [],
                newest: None,
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
            if let Some(full) = stock.newest {
                advise_huge_page(full);
            }
            stock.fresh = region();
            stock.newest = Some(stock.fresh.as_ptr().expose_provenance());
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
#[expect(
    unsafe_code,
    reason = "memory that is not initialised has no safe face"
)]
fn region<B>() -> &'static mut [MaybeUninit<B>] {
    const { assert!(size_of::<B>() <= REGION_BYTES && align_of::<B>() <= REGION_BYTES) };
    let region: &'static mut MaybeUninit<Region> = Box::leak(Box::new_uninit());
    let start = region.as_mut_ptr();
    // SAFETY: the region is leaked and its only reference ends here; it is aligned for a block and
    // holds so many of them, and a block that may be uninitialised is right whatever its bytes.
    unsafe { std::slice::from_raw_parts_mut(start.cast(), REGION_BYTES / size_of::<B>()) }
}

/// Lets the system put a huge page under the region that begins at `start`.
#[cfg_attr(
    target_os = "linux",
    expect(unsafe_code, reason = "a hint to the system")
)]
fn advise_huge_page(start: usize) {
    #[cfg(target_os = "linux")]
    // SAFETY: the range is a region, which is never freed. The advice changes how it is backed and
    // nothing that can be observed; a system that refuses it backs it as ever.
    let _ = unsafe {
        let start = std::ptr::with_exposed_provenance_mut(start);
        rustix::mm::madvise(start, REGION_BYTES, rustix::mm::Advice::LinuxHugepage)
    };
    #[cfg(not(target_os = "linux"))]
    let _ = start;
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
