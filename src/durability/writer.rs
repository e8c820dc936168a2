//! Where records are written: behind the last one in the ring, and through it to the file.
//!
//! A key that was new and goes while its record is still in the ring takes that record with it.
//! Nothing here waits for the disk but a record that is larger than the ring, or that finds it full.

use std::ffi::OsStr;
use std::io;
use std::sync::Arc;

use super::frames::{self, HEAD_BYTES, Set};
use super::increment::{Increment, RESERVE_BYTES, Shortage};
use super::layout::RING_BYTES;
use super::recent::Recent;
use super::record::{Encoder, bound_of_set, encode_behind};
use super::ring::Ring;
use super::storage::StoredFile;

/// After so many bytes the keeper's thread is asked to take out of the ring what is older than these.
const ATTENTION_BYTES: u64 = RING_BYTES / 4;

/// See the module's text.
pub(super) struct Writer {
    ring: Arc<Ring>,
    increment: Increment,
    /// Bytes of requests in the increment, those in the ring included.
    length: u64,
    /// The position in the ring behind the last record.
    head: u64,
    /// What the heads of records are under.
    salt: u32,
    /// Up to here there is room in the ring.
    limit: u64,
    /// Records before this position cannot be erased any more.
    fixed: u64,
    recent: Arc<Recent>,
    /// From here on the keeper's thread should be asked for attention.
    attention_at: u64,
    /// Where it was the last two times, the last one first: a record begins at each.
    asked_at: [u64; 2],
}

impl Writer {
    /// Goes on in a ring with records up to `head`, behind `length` bytes of which the increment has
    /// all that are not in the ring.
    pub(super) fn new(ring: Ring, head: u64, increment: Increment, length: u64) -> Writer {
        Writer {
            salt: ring.salt(),
            limit: ring.tail() + RING_BYTES,
            ring: Arc::new(ring),
            increment,
            length,
            head,
            fixed: head,
            recent: Arc::new(Recent::new()),
            attention_at: head + ATTENTION_BYTES,
            asked_at: [head; 2],
        }
    }

    /// The name of the file in its directory.
    pub(super) fn name(&self) -> &OsStr {
        &self.increment.name
    }

    /// Bytes of records in the present file, with those that are in the ring.
    #[inline]
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Where the last record ends. It grows with each one and never shrinks.
    #[inline]
    pub(super) fn head(&self) -> u64 {
        self.head
    }

    /// What the file does not have yet. It is not erased any more.
    pub(super) fn backlog(&mut self) -> Backlog {
        self.backlog_to(self.head)
    }

    /// The same without what is so young that it may well be erased.
    pub(super) fn old_backlog(&mut self) -> Backlog {
        self.backlog_to(self.asked_at[1])
    }

    fn backlog_to(&mut self, head: u64) -> Backlog {
        self.fix(head);
        Backlog {
            ring: Arc::clone(&self.ring),
            file: Arc::clone(&self.increment.file),
            head,
        }
    }

    /// Nobody goes on with what is in the ring.
    pub(super) fn retire(&self) {
        self.ring.retire();
    }

    /// No record that is there now is erased.
    pub(super) fn fix_all(&mut self) {
        self.fix(self.head);
    }

    fn fix(&mut self, position: u64) {
        self.fixed = self.fixed.max(position);
    }

    /// Whether the keeper's thread should look: once for each quarter of the ring, and while space
    /// is short.
    #[inline]
    pub(super) fn wants_attention(&mut self) -> bool {
        if self.head >= self.attention_at {
            self.attention_at = self.head + ATTENTION_BYTES;
            self.asked_at = [self.head, self.asked_at[0]];
            return true;
        }
        self.is_short()
    }

    /// Where the records of keys stand that were new.
    pub(super) fn recent(&self) -> (Arc<Recent>, Arc<Ring>) {
        (Arc::clone(&self.recent), Arc::clone(&self.ring))
    }

    /// Whether space should be allocated now.
    #[inline]
    pub(super) fn is_short(&self) -> bool {
        self.length + RESERVE_BYTES > self.increment.allocated
    }

    /// What is needed to get more space.
    pub(super) fn shortage(&self) -> Shortage {
        self.increment.shortage(self.length)
    }

    /// Notes that the file has been given space up to `allocated`.
    pub(super) fn note_allocated(&mut self, file: &Arc<StoredFile>, allocated: u64) {
        self.increment.note_allocated(file, allocated);
    }

    /// Goes on in another file, which is empty; gives back the old one, which has all before, and its length. A base
    /// is about to be written that may have any key, so until [`Writer::end_rewrite`] none that goes
    /// does so without a record.
    ///
    /// # Errors
    /// The old file does not take what the ring has.
    pub(super) fn move_to(&mut self, increment: Increment) -> io::Result<(Arc<StoredFile>, u64)> {
        self.backlog().drain()?;
        let length = std::mem::replace(&mut self.length, 0);
        let old = std::mem::replace(&mut self.increment, increment);
        self.fixed = u64::MAX;
        self.ring.go_on_in(self.increment.number, 0);
        Ok((old.file, length))
    }

    /// No base is being written any more.
    pub(super) fn end_rewrite(&mut self) {
        self.fixed = self.head;
    }

    /// Has the file end with the last record.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.backlog().drain()?;
        self.increment.file.set_len(self.length)
    }

    /// The same, and syncs the file.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn close(&mut self) -> io::Result<()> {
        self.finish()?;
        self.increment.file.sync_all()
    }

    /// Lets `encode` write requests of at most `bound` bytes behind the last record.
    #[inline]
    pub(super) fn write(
        &mut self,
        bound: usize,
        encode: impl FnOnce(&mut Encoder<'_>),
    ) -> io::Result<()> {
        let Some(room) = self.room(bound)? else {
            return self.write_through(bound, encode);
        };
        let mut encoder = Encoder::new(room);
        encode(&mut encoder);
        let length = encoder.finish();
        self.end_record(length, frames::Kind::Requests);
        self.length += length as u64;
        Ok(())
    }

    /// Writes the value of a key behind the last record; `new` is the key's hash if it was not there.
    #[inline]
    pub(super) fn write_set(&mut self, set: &Set<'_>, new: Option<u64>) -> io::Result<()> {
        let at = self.head;
        let length = set.framed_length();
        let Some(room) = self.room(length)? else {
            let bound = bound_of_set(set.key, set.value);
            return self.write_through(bound, |encoder| {
                encoder.set(set.key, set.value, set.deadline_ms);
            });
        };
        set.put(room);
        self.end_record(length, frames::Kind::Set);
        self.length += set.request_length() as u64;
        if let Some(hash) = new {
            self.recent.note(hash, at);
        }
        Ok(())
    }

    /// The last record of a key is not the one that was written when it was new, or will not be.
    #[inline]
    pub(super) fn forget(&mut self, hash: u64) {
        self.recent.take(hash);
    }

    /// Erases the last record of a key, if the key was new with it and nobody has begun to take it
    /// out; tells whether it did.
    #[inline]
    pub(super) fn erase(&mut self, hash: u64, database: usize, key: &[u8]) -> bool {
        let Some(position) = self.recent.take(hash) else {
            return false;
        };
        if position < self.fixed {
            return false;
        }
        match self.ring.set_at(position) {
            Some(set) if set.key == key && set.database as usize == database => {
                self.length -= set.request_length() as u64;
                self.ring.erase(position);
                true
            }
            _ => false,
        }
    }

    /// Room for a record of at most `bound` bytes; `None` if the ring is too small for it, and then
    /// it is empty.
    #[inline]
    fn room(&mut self, bound: usize) -> io::Result<Option<&mut [u8]>> {
        let framed = HEAD_BYTES + bound;
        if self.head + framed as u64 > self.limit && !self.make_room(framed)? {
            return Ok(None);
        }
        let room = self.ring.room(self.head, framed);
        Ok(Some(&mut room[HEAD_BYTES..]))
    }

    /// What was written into the room has this length and kind.
    #[inline]
    fn end_record(&mut self, length: usize, kind: frames::Kind) {
        let head = frames::head(length, kind, self.head, self.salt);
        self.ring.end_record(self.head, head);
        self.head += (HEAD_BYTES + length) as u64;
        self.ring.publish(self.head);
    }

    /// Makes room in the ring; tells whether that much fits in it at all.
    #[cold]
    fn make_room(&mut self, framed: usize) -> io::Result<bool> {
        self.limit = self.ring.tail() + RING_BYTES;
        if self.head + framed as u64 > self.limit {
            self.backlog().drain()?;
            self.limit = self.head + RING_BYTES;
        }
        Ok(framed as u64 <= RING_BYTES)
    }

    /// Writes to the file what is larger than the ring, which is empty.
    #[cold]
    fn write_through(
        &mut self,
        bound: usize,
        encode: impl FnOnce(&mut Encoder<'_>),
    ) -> io::Result<()> {
        let mut records = Vec::new();
        encode_behind(&mut records, bound, encode);
        let (file, number) = (&self.increment.file, self.increment.number);
        // A start must know that what stands behind the increment's length is a piece of it.
        let end = self.length + records.len() as u64;
        self.ring.write_past(end);
        if let Err(error) = file.write_all_at(&records, self.length) {
            // What is half written would stand between the records before and those that come.
            file.set_len(self.length)?;
            self.ring.go_on_in(number, self.length);
            self.increment.allocated = self.length;
            return Err(error);
        }
        self.length = end;
        self.ring.go_on_in(number, end);
        // Whoever waits for a sync sees that there is something new.
        self.limit = self.head + RING_BYTES;
        self.end_record(0, frames::Kind::Requests);
        Ok(())
    }
}

/// Records on their way from the ring to the file.
pub(super) struct Backlog {
    ring: Arc<Ring>,
    file: Arc<StoredFile>,
    pub(super) head: u64,
}

impl Backlog {
    /// Writes to the file what it does not have.
    ///
    /// # Errors
    /// The disk is full.
    pub(super) fn drain(&self) -> io::Result<()> {
        self.ring.drain(self.head, |records, offset| {
            self.file.write_all_at(records, offset)
        })
    }

    /// Syncs the file, which was drained to.
    ///
    /// # Errors
    /// The disk does not take it.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}
