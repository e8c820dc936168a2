//! The end of the journal that is not in its file yet: a small ring of memory, mapped from a file.
//!
//! A record costs a copy into memory that is warm, and no system call. What was published is in the
//! page cache and outlives the process; the keeper's thread writes it to the journal in large
//! pieces, and a start does so with what a killed server has [left](Left). Positions count all
//! bytes that were ever in the ring. A record can be erased until somebody has begun to write it to the
//! journal, so a piece that is written twice is written the same.
//!
//! The ring is mapped twice, one behind the other, so that nothing in it ever wraps.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering, compiler_fence};

use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};
use xxhash_rust::xxh3::xxh3_64;

use super::disk::{self, FileExt, OpenOptions};
use super::frames::{self, Kind, Set};
#[cfg(doc)]
use super::left::Left;
use crate::sync::Mutex;

/// The file's name in the append-only directory.
pub(super) const NAME: &str = "quintlock.ring";
/// Bytes of records: few enough to stay in a core's cache.
pub(super) const RING_BYTES: u64 = 512 * 1024;
/// A page of any size that is in use.
pub(super) const HEADER_BYTES: u64 = 64 * 1024;
pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"QLRING02");

/// The words of the header.
#[derive(Clone, Copy)]
pub(super) enum Word {
    Magic = 0,
    Boot = 1,
    /// Which of the two places is in force: the lowest bit tells.
    Turn = 2,
    /// Each in a cache line of its own: they are written by different threads.
    Head = 8,
    /// Two places, each as [`Place`] has it.
    FirstPlace = 16,
    SecondPlace = 19,
}

/// Up to where records are in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// The number of the increment.
    number: u64,
    /// How long it is.
    length: u64,
    /// Where the first frame stands that is not in it.
    tail: u64,
}

/// See the module's text.
pub(super) struct Ring {
    start: NonNull<u8>,
    /// Held by whoever takes records out.
    draining: Mutex<Vec<u8>>,
}

// SAFETY: the header is atomic; the bytes between tail and head are read by whoever drains, those
// behind are written by whoever has the journal's lock, and nobody else touches either.
#[expect(unsafe_code, reason = "a raw pointer is neither by itself")]
unsafe impl Send for Ring {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "a raw pointer is neither by itself")]
unsafe impl Sync for Ring {}

impl Ring {
    /// A new and empty ring. Its records go to the increment `number`, which has `length` bytes.
    ///
    /// # Errors
    /// The disk has no space for it.
    pub(super) fn create(
        directory: &Path,
        boot_id: &str,
        number: u64,
        length: u64,
    ) -> io::Result<Ring> {
        let path = directory.join(NAME);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?;
        // Written and not only promised: a page that finds the disk full ends the process.
        let zeros = vec![0; (HEADER_BYTES + RING_BYTES) as usize];
        file.write_all_at(&zeros, 0)?;
        let ring = Ring {
            start: map(disk::mappable(&file)?)?,
            draining: Mutex::default(),
        };
        ring.word(Word::Boot)
            .store(xxh3_64(boot_id.as_bytes()), Ordering::Relaxed);
        ring.go_on_in(number, length, 0);
        // A half made ring has no name yet.
        ring.word(Word::Magic).store(MAGIC, Ordering::Release);
        Ok(ring)
    }

    /// From here on records stand from `head` on and go to the increment `number`, which has `length`
    /// bytes. The ring is empty, and the journal locked.
    pub(super) fn go_on_in(&self, number: u64, length: u64, head: u64) {
        let _draining = self.draining.lock();
        // In this order: what is left by a process that is killed in between is no ring.
        self.put_place(Place {
            number,
            length,
            tail: head,
        });
        self.publish(head);
    }

    /// Makes what was written up to `head` part of the journal.
    #[inline]
    pub(super) fn publish(&self, head: u64) {
        compiler_fence(Ordering::SeqCst);
        disk::kill_point();
        self.word(Word::Head).store(head, Ordering::Release);
    }

    /// Up to where records were taken out.
    pub(super) fn tail(&self) -> u64 {
        self.place().tail
    }

    /// Gives `write` the records up to `head` that were not taken out before and were not erased, and
    /// their place in the file; lets go of them if it succeeds.
    ///
    /// # Errors
    /// Those of `write`.
    pub(super) fn drain(
        &self,
        head: u64,
        write: impl FnOnce(&[u8], u64) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut records = self.draining.lock();
        let mut place = self.place();
        if place.tail < head {
            records.clear();
            frames::collect(self.pending(place.tail, head), &mut records);
            if !records.is_empty() {
                write(&records, place.length)?;
            }
            place.length += records.len() as u64;
            place.tail = head;
            self.put_place(place);
        }
        Ok(())
    }

    /// What the record at `position` says, if it is that of a value; for who has the journal's lock
    /// and knows that a record begins there.
    #[inline]
    pub(super) fn set_at(&self, position: u64) -> Option<Set<'_>> {
        let head = self.word(Word::Head).load(Ordering::Relaxed);
        match frames::first(self.pending(position, head))? {
            (record, Kind::Set, _) => Set::parse(record),
            _ => None,
        }
    }

    /// Lets the record at `position` count no more; for who has the journal's lock and knows that
    /// nobody takes it out.
    #[inline]
    pub(super) fn erase(&self, position: u64) {
        let mark = self.at(position + frames::HEAD_BYTES as u64 - 1);
        disk::kill_point();
        #[expect(unsafe_code, reason = "a byte of raw memory")]
        // SAFETY: the byte is in the ring, and nobody else reads or writes it now.
        unsafe { AtomicU8::from_ptr(mark) }.store(Kind::Erased as u8, Ordering::Release);
    }

    fn place(&self) -> Place {
        let turn = self.word(Word::Turn).load(Ordering::Acquire);
        let [number, length, tail] = self.words_of(turn).map(|word| word.load(Ordering::Acquire));
        Place {
            number,
            length,
            tail,
        }
    }

    /// For who may drain.
    fn put_place(&self, place: Place) {
        let turn = self.word(Word::Turn).load(Ordering::Relaxed) + 1;
        let words = self.words_of(turn);
        for (word, value) in words.iter().zip([place.number, place.length, place.tail]) {
            disk::kill_point();
            word.store(value, Ordering::Relaxed);
        }
        disk::kill_point();
        // The process may be killed between any two instructions; what was stored before is there.
        compiler_fence(Ordering::SeqCst);
        self.word(Word::Turn).store(turn, Ordering::Release);
    }

    /// Room for `length` bytes at `position`, which must be the head; for who has the journal's
    /// lock and has seen that they do not reach round to the tail.
    #[inline]
    #[expect(
        clippy::mut_from_ref,
        reason = "the journal's lock is held by the caller"
    )]
    pub(super) fn room(&self, position: u64, length: usize) -> &mut [u8] {
        debug_assert!(position + length as u64 <= self.tail() + RING_BYTES);
        #[expect(
            unsafe_code,
            reason = "the memory is the system's, not the allocator's"
        )]
        // SAFETY: the offset is below RING_BYTES and `length` at most that, and the ring is mapped
        // twice. Nobody reads behind the head, and the journal's lock keeps other writers away.
        unsafe {
            std::slice::from_raw_parts_mut(self.at(position), length)
        }
    }

    /// The bytes from the tail to `head`, for who may drain.
    fn pending(&self, tail: u64, head: u64) -> &[u8] {
        let length = (head - tail).min(RING_BYTES) as usize;
        #[expect(
            unsafe_code,
            reason = "the memory is the system's, not the allocator's"
        )]
        // SAFETY: as above; nobody writes between tail and head until the tail is moved, but whoever
        // erases a record, who has the journal's lock and knows that nobody drains it.
        unsafe {
            std::slice::from_raw_parts(self.at(tail), length)
        }
    }

    /// Where in memory a position is, whatever stands there.
    #[inline]
    pub(super) fn at(&self, position: u64) -> *mut u8 {
        let offset = HEADER_BYTES + position % RING_BYTES;
        #[expect(unsafe_code, reason = "a place in raw memory")]
        // SAFETY: the mapping has the header and twice the ring.
        unsafe {
            self.start.as_ptr().add(offset as usize)
        }
    }

    fn word(&self, word: Word) -> &AtomicU64 {
        self.word_at(word as usize)
    }

    fn words_of(&self, turn: u64) -> [&AtomicU64; 3] {
        let first = place_of(turn);
        [first, first + 1, first + 2].map(|index| self.word_at(index))
    }

    fn word_at(&self, index: usize) -> &AtomicU64 {
        #[expect(unsafe_code, reason = "a word of raw memory")]
        // SAFETY: the header is mapped for as long as this lives, the word is aligned as the page
        // is, and it is only ever used as an atomic.
        unsafe {
            AtomicU64::from_ptr(self.start.as_ptr().cast::<u64>().add(index))
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        let length = (HEADER_BYTES + 2 * RING_BYTES) as usize;
        #[expect(unsafe_code, reason = "what was mapped must be unmapped")]
        // SAFETY: it was mapped with this length, and nobody borrows it any more.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), length) };
        debug_assert!(unmapped.is_ok());
    }
}

/// The first word of the place that is in force.
pub(super) fn place_of(turn: u64) -> usize {
    match turn % 2 {
        0 => Word::FirstPlace as usize,
        _ => Word::SecondPlace as usize,
    }
}

/// Maps the header and, one behind the other, the ring and the ring again.
fn map(file: impl AsFd + Copy) -> io::Result<NonNull<u8>> {
    let length = (HEADER_BYTES + 2 * RING_BYTES) as usize;
    let access = ProtFlags::READ | ProtFlags::WRITE;
    #[expect(unsafe_code, reason = "mapping a file is what this function is for")]
    // SAFETY: the system chooses where `length` bytes are free; the two pieces of the file take the
    // place of that very memory, which nobody has seen yet.
    unsafe {
        let none = std::ptr::null_mut();
        let start = mmap_anonymous(none, length, ProtFlags::empty(), MapFlags::PRIVATE)?;
        let flags = MapFlags::SHARED | MapFlags::FIXED;
        let once = (HEADER_BYTES + RING_BYTES) as usize;
        mmap(start, once, access, flags, file, 0)?;
        let again = start.cast::<u8>().add(once).cast();
        mmap(
            again,
            RING_BYTES as usize,
            access,
            flags,
            file,
            HEADER_BYTES,
        )?;
        NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory.into())
    }
}

/// What is in the bytes of a ring's file, in the words of a [`Place`].
pub(super) struct Pending {
    /// The number of the increment.
    pub(super) number: u64,
    /// How long it is without the records.
    pub(super) length: u64,
    pub(super) records: Vec<u8>,
}

/// What was not taken out of a ring, if this start of the machine has made it.
pub(super) fn pending(ring: &[u8], boot_id: &str) -> Option<Pending> {
    let word = |index: usize| {
        let bytes = ring.get(index * 8..index * 8 + 8)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    };
    let is_known = word(Word::Magic as usize)? == MAGIC
        && word(Word::Boot as usize)? == xxh3_64(boot_id.as_bytes());
    let place = place_of(word(Word::Turn as usize)?);
    let [number, length, tail] = [word(place)?, word(place + 1)?, word(place + 2)?];
    let head = word(Word::Head as usize)?;
    if !is_known || head < tail || head - tail > RING_BYTES {
        return None;
    }
    let bytes = ring.get(HEADER_BYTES as usize..)?;
    let bytes = bytes.get(..RING_BYTES as usize)?;
    let frames = (tail..head).map(|position| bytes[(position % RING_BYTES) as usize]);
    let mut records = Vec::new();
    frames::collect(&frames.collect::<Vec<u8>>(), &mut records);
    Some(Pending {
        number,
        length,
        records,
    })
}
