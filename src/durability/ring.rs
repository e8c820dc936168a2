//! The end of the journal that is not in its file yet: a small ring of memory, mapped from a file.
//!
//! A record costs a copy into memory that is warm, and no system call. What was published is in the
//! page cache and outlives the process; the keeper's thread writes it to the journal in large
//! pieces, and the server that comes after a killed one [goes on](Left) with its ring as it is.
//! Positions count all bytes that were ever in the ring. A record can be erased until somebody has
//! begun to write it to the journal, so a piece that is written twice is written the same.
//!
//! The ring is mapped twice, one behind the other, so that nothing in it ever wraps. How it lies in
//! its file is in [`super::layout`].

use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering, compiler_fence};

use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

use super::disk;
use super::frames::{self, HEAD_BYTES, KIND_AT, Kind, Set};
use super::layout::{
    Contents, FILE_BYTES, FIRST_POSITION, HEADER_BYTES, Identity, MAGIC, PLACE_WORDS, Place,
    RING_BYTES, Word, place_of,
};
#[cfg(doc)]
use super::left::Left;
use super::storage::Storage;
use crate::sync::Mutex;

/// The file's name in the append-only directory.
pub(super) const NAME: &str = "quintlock.ring";

/// See the module's text.
pub(super) struct Ring {
    start: NonNull<u8>,
    identity: Identity,
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
    /// Whatever a file of its name has had before is gone, but not the space that it takes.
    ///
    /// # Errors
    /// The disk has no space for it.
    pub(super) fn create(
        storage: &Storage,
        directory: &Path,
        identity: Identity,
        (number, length): (u64, u64),
    ) -> io::Result<Ring> {
        let file = storage.open(&directory.join(NAME))?;
        if file.length()? == FILE_BYTES {
            file.allocate(0, FILE_BYTES)?;
        } else {
            // Written and not only promised: a page that finds the disk full ends the process.
            file.write_all_at(&vec![0; FILE_BYTES as usize], 0)?;
            file.set_len(FILE_BYTES)?;
        }
        let ring = Ring::map(file.mappable()?, identity)?;
        // A half made ring is none.
        ring.retire();
        compiler_fence(Ordering::SeqCst);
        let words = [
            (Word::Boot, identity.boot),
            (Word::Salt, identity.salt),
            (Word::Waits, identity.waits_us),
            (Word::Doubt, 0),
            (Word::Head, FIRST_POSITION),
        ];
        for (word, value) in words {
            ring.word(word).store(value, Ordering::Relaxed);
        }
        ring.go_on_in(number, length);
        compiler_fence(Ordering::SeqCst);
        ring.word(Word::Magic).store(MAGIC, Ordering::Release);
        Ok(ring)
    }

    /// The ring that a killed server has left, with what is in it. The increment that it belongs to was
    /// cut where its records begin.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn adopt(
        storage: &Storage,
        directory: &Path,
        contents: &Contents,
    ) -> io::Result<Ring> {
        let file = storage.open(&directory.join(NAME))?;
        // Whoever has copied it may have left out what was zero.
        file.allocate(0, FILE_BYTES)?;
        let ring = Ring::map(file.mappable()?, contents.identity)?;
        ring.publish(contents.head);
        ring.put_place(Place {
            reach: contents.place.length,
            ..contents.place
        });
        Ok(ring)
    }

    fn map(file: impl AsFd + Copy, identity: Identity) -> io::Result<Ring> {
        Ok(Ring {
            start: map(file)?,
            identity,
            draining: Mutex::default(),
        })
    }

    /// What the heads of records are under.
    pub(super) fn salt(&self) -> u32 {
        self.identity.head_salt()
    }

    /// From here on records go to the increment `number`, which has `length` bytes. The ring is empty,
    /// and the journal locked.
    pub(super) fn go_on_in(&self, number: u64, length: u64) {
        let _draining = self.draining.lock();
        self.put_place(Place {
            number,
            length,
            tail: self.word(Word::Head).load(Ordering::Relaxed),
            reach: length,
        });
    }

    /// A record that is larger than the ring is written to the increment from now on, up to `reach`.
    /// The ring is empty, and the journal locked.
    pub(super) fn write_past(&self, reach: u64) {
        let _draining = self.draining.lock();
        let place = self.place();
        self.put_place(Place {
            reach: reach.max(place.reach),
            ..place
        });
    }

    /// Notes whether the journal must be rewritten: who comes after a kill must know it.
    pub(super) fn note_doubt(&self, is_in_doubt: bool) {
        self.word(Word::Doubt)
            .store(u64::from(is_in_doubt), Ordering::SeqCst);
    }

    /// Nobody goes on with what is in it.
    pub(super) fn retire(&self) {
        self.word(Word::Magic).store(0, Ordering::Release);
    }

    /// Writes the head of the record at `position`, which is there.
    #[inline]
    pub(super) fn end_record(&self, position: u64, head: [u8; HEAD_BYTES]) {
        // Whoever finds a head finds all of its record behind it.
        compiler_fence(Ordering::SeqCst);
        disk::kill_point();
        self.room(position, HEAD_BYTES).copy_from_slice(&head);
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
            let pending = self.pending(place.tail, head);
            frames::collect(pending, place.tail, self.salt(), &mut records)
                .ok_or_else(|| io::Error::other("the ring is damaged"))?;
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
        let mark = self.at(position + KIND_AT);
        disk::kill_point();
        #[expect(unsafe_code, reason = "a byte of raw memory")]
        // SAFETY: the byte is in the ring, and nobody else reads or writes it now.
        unsafe { AtomicU8::from_ptr(mark) }.store(Kind::Erased as u8, Ordering::Release);
    }

    /// The place that is in force. Only this process writes it.
    fn place(&self) -> Place {
        let turn = self.word(Word::Turn).load(Ordering::Acquire);
        let words = self.words_of(turn).map(|word| word.load(Ordering::Acquire));
        let [number, length, tail, reach, _] = words;
        Place {
            number,
            length,
            tail,
            reach,
        }
    }

    /// For who may drain.
    fn put_place(&self, place: Place) {
        let turn = self
            .word(Word::Turn)
            .load(Ordering::Relaxed)
            .wrapping_add(1);
        let values = place.words(&self.identity, turn);
        for (word, value) in self.words_of(turn).iter().zip(values) {
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

    fn words_of(&self, turn: u64) -> [&AtomicU64; PLACE_WORDS] {
        let first = place_of(turn);
        std::array::from_fn(|index| self.word_at(first + index))
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
        let once = FILE_BYTES as usize;
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
