//! What changes are appended to, in the order of execution: a ring, and behind it a file.
//!
//! Nothing here waits for the disk but a change that is larger than the ring, or that finds it full.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::increment::{Increment, RESERVE_BYTES, Shortage};
use super::record::{Encoder, PLAIN_BYTES_MAX, bound, encode_behind};
use super::ring::{RING_BYTES, Ring};
use crate::clock::{BootTime, Clock, WallOffset};
use crate::keyspace::{KeyChange, KeyState};

/// After so many bytes the keeper's thread is asked to take them out of the ring.
const ATTENTION_BYTES: u64 = RING_BYTES / 2;
/// How often the clocks are noted while there are changes.
const ANNOTATE_US: u64 = 1_000_000;

/// See the module's text.
pub(super) struct Journal {
    ring: Arc<Ring>,
    increment: Increment,
    /// The position at which the increment begins.
    origin: u64,
    head: u64,
    /// Up to here there is room in the ring.
    limit: u64,
    /// From here on the keeper's thread should be asked for attention.
    attention_at: u64,
    /// The database of the records so far.
    selected: Option<usize>,
    boot_id: Arc<str>,
    annotated_us: u64,
    offset: WallOffset,
    /// What is collected to be appended as one.
    group: Option<Group>,
}

#[derive(Default)]
struct Group {
    records: Vec<u8>,
    count: usize,
    has_grant: bool,
}

/// What it would mean to lose changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Keys are gone, and nothing else: they would come back.
    Removal,
    /// Somebody may hold something that nobody knows of.
    Grant,
}

impl Kind {
    #[inline]
    pub(super) fn of(changes: &[KeyChange<'_>]) -> Kind {
        let is_removal = |change: &KeyChange<'_>| matches!(change.state, KeyState::Gone);
        if changes.iter().all(is_removal) {
            Kind::Removal
        } else {
            Kind::Grant
        }
    }
}

impl Journal {
    /// Goes on behind what the increment has.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn start(
        directory: &Path,
        increment: Increment,
        boot_id: Arc<str>,
        clock: &Clock,
    ) -> io::Result<Journal> {
        let head = increment.length;
        let ring = Ring::create(directory, &boot_id, increment.number, head)?;
        let (now, unix_us) = clock.boot_and_unix_micros();
        let mut journal = Journal {
            ring: Arc::new(ring),
            increment,
            origin: 0,
            head,
            limit: head + RING_BYTES,
            attention_at: head + ATTENTION_BYTES,
            selected: None,
            boot_id,
            annotated_us: 0,
            offset: WallOffset::between(now, unix_us),
            group: None,
        };
        journal.annotate(clock)?;
        Ok(journal)
    }

    /// The name of the file in its directory.
    pub(super) fn name(&self) -> &OsStr {
        &self.increment.name
    }

    /// Bytes of records in the present file.
    pub(super) fn length(&self) -> u64 {
        self.head - self.origin
    }

    /// Where the last record ends: bytes of this file and those before it, since the start.
    pub(super) fn head(&self) -> u64 {
        self.head
    }

    /// What the file does not have yet.
    pub(super) fn backlog(&self) -> Backlog {
        Backlog {
            ring: Arc::clone(&self.ring),
            file: Arc::clone(&self.increment.file),
            origin: self.origin,
            head: self.head,
        }
    }

    /// Whether the keeper's thread should look: once for each half of the ring, and while space
    /// is short.
    #[inline]
    pub(super) fn wants_attention(&mut self) -> bool {
        if self.head >= self.attention_at {
            self.attention_at = self.head + ATTENTION_BYTES;
            return true;
        }
        self.is_short()
    }

    /// Whether space should be allocated now.
    #[inline]
    pub(super) fn is_short(&self) -> bool {
        self.length() + RESERVE_BYTES > self.increment.allocated
    }

    /// What is needed to get more space.
    pub(super) fn shortage(&self) -> Shortage {
        self.increment.shortage(self.length())
    }

    /// Notes that the file has been given space up to `allocated`.
    pub(super) fn note_allocated(&mut self, file: &Arc<File>, allocated: u64) {
        self.increment.note_allocated(file, allocated);
    }

    /// Goes on in another file; gives back the old one, which has all before, and its length.
    ///
    /// # Errors
    /// The old file does not take what the ring has.
    pub(super) fn move_to(
        &mut self,
        increment: Increment,
        clock: &Clock,
    ) -> io::Result<(Arc<File>, u64)> {
        self.backlog().drain()?;
        let length = self.length();
        let old = std::mem::replace(&mut self.increment, increment);
        self.origin = self.head;
        self.ring.move_to(self.increment.number, self.origin);
        if self.group.is_none() {
            self.selected = None;
        }
        self.annotate(clock)?;
        Ok((old.file, length))
    }

    /// Appends changes that were made as one.
    ///
    /// # Errors
    /// There is no space for them.
    #[inline]
    pub(super) fn append(
        &mut self,
        changes: &[KeyChange<'_>],
        now: BootTime,
        clock: &Clock,
    ) -> io::Result<()> {
        if now.micros().saturating_sub(self.annotated_us) >= ANNOTATE_US && self.group.is_none() {
            self.annotate(clock)?;
        }
        let offset = self.offset;
        let mut selected = self.selected;
        if let Some(group) = &mut self.group {
            group.has_grant |= Kind::of(changes) == Kind::Grant;
            for change in changes.chunks(1) {
                group.collect(bound(change), |encoder| {
                    encoder.changes(change, &mut selected, offset);
                });
            }
        } else {
            self.write(bound(changes), |encoder| {
                encoder.changes(changes, &mut selected, offset);
            })?;
        }
        self.selected = selected;
        Ok(())
    }

    /// Appends that a database was emptied.
    ///
    /// # Errors
    /// There is no space for it.
    pub(super) fn append_flush(&mut self, database: usize) -> io::Result<()> {
        self.append_plain(|encoder| {
            encoder.select(database);
            encoder.flush();
        })?;
        self.selected = Some(database);
        Ok(())
    }

    /// Appends that two databases were swapped.
    ///
    /// # Errors
    /// There is no space for it.
    pub(super) fn append_swap(&mut self, first: usize, second: usize) -> io::Result<()> {
        if let Some(group) = &mut self.group {
            group.has_grant = true;
        }
        self.append_plain(|encoder| encoder.swap(first, second))
    }

    /// What is appended until [`Journal::end_group`] is one.
    pub(super) fn begin_group(&mut self) {
        // It may be appended to another file than the one that is open now.
        self.selected = None;
        self.group = Some(Group::default());
    }

    /// What it would mean to lose what was collected.
    pub(super) fn group_kind(&self) -> Kind {
        match &self.group {
            Some(group) if group.has_grant => Kind::Grant,
            _ => Kind::Removal,
        }
    }

    /// Appends what was collected.
    ///
    /// # Errors
    /// There is no space for it.
    pub(super) fn end_group(&mut self) -> io::Result<()> {
        let Some(Group { records, count, .. }) = self.group.take() else {
            return Ok(());
        };
        self.write(records.len() + PLAIN_BYTES_MAX, |encoder| match count {
            0 | 1 => encoder.records(&records),
            _ => encoder.transaction(|encoder| encoder.records(&records)),
        })
    }

    /// Says that the server ends in peace, and syncs.
    ///
    /// # Errors
    /// The file cannot be synced.
    pub(super) fn close(&mut self, clock: &Clock) -> io::Result<()> {
        let (now, unix_us) = clock.boot_and_unix_micros();
        let line = format!("#QL:end now={} unix={}\r\n", now.micros(), unix_us.max(0));
        self.write(PLAIN_BYTES_MAX, |encoder| encoder.records(line.as_bytes()))?;
        self.backlog().drain()?;
        self.increment.file.set_len(self.length())?;
        self.increment.file.sync_all()
    }

    /// Notes both clocks: a reader knows by them what the deadlines mean.
    fn annotate(&mut self, clock: &Clock) -> io::Result<()> {
        let (now, unix_us) = clock.boot_and_unix_micros();
        let line = annotation(&self.boot_id, now, unix_us);
        self.write(PLAIN_BYTES_MAX, |encoder| encoder.records(line.as_bytes()))?;
        self.annotated_us = now.micros();
        self.offset = WallOffset::between(now, unix_us);
        Ok(())
    }

    /// Appends a record without a key.
    fn append_plain(&mut self, encode: impl FnOnce(&mut Encoder<'_>)) -> io::Result<()> {
        match &mut self.group {
            Some(group) => {
                group.collect(PLAIN_BYTES_MAX, encode);
                Ok(())
            }
            None => self.write(PLAIN_BYTES_MAX, encode),
        }
    }

    /// Lets `encode` write at most `bound` bytes behind the last record.
    #[inline]
    fn write(&mut self, bound: usize, encode: impl FnOnce(&mut Encoder<'_>)) -> io::Result<()> {
        if self.head + bound as u64 > self.limit && !self.make_room(bound)? {
            return self.write_through(bound, encode);
        }
        let mut encoder = Encoder::new(self.ring.room(self.head, bound));
        encode(&mut encoder);
        self.head += encoder.finish() as u64;
        self.ring.publish(self.head);
        Ok(())
    }

    /// Makes room in the ring; tells whether that much fits in it at all.
    #[cold]
    fn make_room(&mut self, bound: usize) -> io::Result<bool> {
        self.limit = self.ring.tail() + RING_BYTES;
        if self.head + bound as u64 > self.limit {
            self.backlog().drain()?;
            self.limit = self.head + RING_BYTES;
        }
        Ok(bound as u64 <= RING_BYTES)
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
        let file = &self.increment.file;
        if let Err(error) = file.write_all_at(&records, self.length()) {
            // What is half written would stand between the records before and those that come.
            let length = self.length();
            file.set_len(length)?;
            self.increment.allocated = length;
            return Err(error);
        }
        self.head += records.len() as u64;
        self.ring.skip_to(self.head);
        self.limit = self.head + RING_BYTES;
        Ok(())
    }
}

impl Group {
    /// Adds what `encode` writes, at most `bound` bytes.
    fn collect(&mut self, bound: usize, encode: impl FnOnce(&mut Encoder<'_>)) {
        encode_behind(&mut self.records, bound, encode);
        self.count += 1;
    }
}

/// The line that tells a reader what the deadlines behind it mean.
pub(super) fn annotation(boot_id: &str, now: BootTime, unix_us: i64) -> String {
    let (now_us, unix_us) = (now.micros(), unix_us.max(0));
    format!("#QL:boot={boot_id} now={now_us} unix={unix_us}\r\n")
}

/// Records on their way from the ring to the file.
pub(super) struct Backlog {
    ring: Arc<Ring>,
    file: Arc<File>,
    origin: u64,
    pub(super) head: u64,
}

impl Backlog {
    /// Writes to the file what it does not have.
    ///
    /// # Errors
    /// The disk is full.
    pub(super) fn drain(&self) -> io::Result<()> {
        self.ring.drain(self.head, |records, position| {
            self.file.write_all_at(records, position - self.origin)
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
