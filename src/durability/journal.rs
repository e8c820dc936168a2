//! The file that changes are appended to, in the order of execution.
//!
//! A piece of it is mapped into memory, so a record costs a copy and no system call, and is in the
//! page cache before its reply leaves. Space is allocated ahead: where the disk is full, that is
//! known while there is still room for the releases of locks.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use super::Mode;
use super::mapping::{Mapping, PAGE_BYTES};
use super::record::{Encoder, PLAIN_BYTES_MAX, bound};
use crate::clock::{BootTime, Clock, WallOffset};
use crate::keyspace::KeyChange;

/// Bytes that are mapped at a time.
pub(super) const MAPPED_BYTES: usize = 2 << 20;
/// Bytes that are allocated at a time.
const ALLOCATED_BYTES: u64 = 16 << 20;
/// Space that is zeroed ahead takes longer to get, and is got in smaller pieces.
const ZEROED_BYTES: u64 = 8 << 20;
/// With less space than this behind the last record, more is allocated. A batch of requests of
/// ordinary size fits in what is left when there is none to be had.
pub(super) const RESERVE_BYTES: u64 = 4 << 20;
/// How often the clocks are noted while there are changes.
const ANNOTATE_US: u64 = 1_000_000;

/// How space is taken for records that come later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ahead {
    /// The file system promises it.
    Promised,
    /// It is filled with zeros, so that a later sync has nothing to write but the records.
    Zeroed,
}

impl Ahead {
    /// What serves a mode best.
    pub(super) fn of(mode: Mode) -> Ahead {
        match mode {
            Mode::Always => Ahead::Zeroed,
            Mode::Guard | Mode::EverySec | Mode::None => Ahead::Promised,
        }
    }
}

/// See the module's text.
pub(super) struct Journal {
    file: Arc<File>,
    name: OsString,
    ahead: Ahead,
    mapping: Mapping,
    /// Where the next record goes, in the mapping.
    at: usize,
    /// The next piece of the file, ready to be written to. It begins before this one ends, so that
    /// a record which does not fit here fits there.
    next: Option<Mapping>,
    /// Pieces that are done with.
    done: Vec<Mapping>,
    allocated: u64,
    /// Bytes of records in the files before this one, since the start.
    before: u64,
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
    /// Where each of them ends.
    ends: Vec<usize>,
}

impl Journal {
    /// Goes on behind the first `length` bytes of the file, which is made if it is not there;
    /// whatever stands behind them is cut off.
    pub(super) fn open(
        directory: &Path,
        name: &OsStr,
        length: u64,
        ahead: Ahead,
        boot_id: Arc<str>,
        clock: &Clock,
    ) -> io::Result<Journal> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(directory.join(name))?;
        file.set_len(length)?;
        let allocated = allocate(&file, length, length + RESERVE_BYTES, ahead)?;
        let mapping = Mapping::around(&file, length, MAPPED_BYTES)?;
        let (now, unix_us) = clock.boot_and_unix_micros();
        let mut journal = Journal {
            file: Arc::new(file),
            name: name.to_owned(),
            ahead,
            at: (length - mapping.offset()) as usize,
            mapping,
            next: None,
            done: Vec::new(),
            allocated,
            selected: None,
            boot_id,
            before: 0,
            annotated_us: 0,
            offset: WallOffset::between(now, unix_us),
            group: None,
        };
        journal.annotate(clock)?;
        Ok(journal)
    }

    /// The file's name in its directory.
    pub(super) fn name(&self) -> &OsStr {
        &self.name
    }

    /// The file, to be synced.
    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Bytes of records.
    pub(super) fn length(&self) -> u64 {
        self.mapping.offset() + self.at as u64
    }

    /// Bytes of records in this file and those before it, since the start.
    pub(super) fn total(&self) -> u64 {
        self.before + self.length()
    }

    /// Goes on where `old` ends, in the middle of a group if need be.
    pub(super) fn take_over(&mut self, old: &mut Journal) {
        self.before = old.total();
        self.group = old.group.take();
        if self.group.is_some() {
            self.selected = old.selected;
        }
    }

    /// Whether the keeper's thread has something to prepare.
    #[inline]
    pub(super) fn wants_attention(&self) -> bool {
        self.is_short() || self.wants_next()
    }

    /// Whether space should be allocated now.
    #[inline]
    pub(super) fn is_short(&self) -> bool {
        self.length() + RESERVE_BYTES > self.allocated
    }

    #[inline]
    fn wants_next(&self) -> bool {
        self.at > MAPPED_BYTES / 2 && self.next.is_none()
    }

    /// Where the next piece begins, if it should be prepared and there is space for it; and the
    /// pieces that are done with, for somebody who has time to let them go.
    pub(super) fn ask_for_next(&mut self) -> (Option<(Arc<File>, u64)>, Vec<Mapping>) {
        let start = self.mapping.end() - PAGE_BYTES;
        let fits = start + MAPPED_BYTES as u64 <= self.allocated;
        let wanted = (self.wants_next() && fits).then(|| (Arc::clone(&self.file), start));
        (wanted, std::mem::take(&mut self.done))
    }

    /// Takes the next piece, if it still is that.
    pub(super) fn give_next(&mut self, file: &Arc<File>, next: Mapping) {
        let is_next = next.offset() + PAGE_BYTES == self.mapping.end();
        if Arc::ptr_eq(&self.file, file) && is_next {
            self.next = Some(next);
        }
    }

    /// What [`allocate_ahead`] needs to get more space.
    pub(super) fn shortage(&self) -> Shortage {
        Shortage {
            file: Arc::clone(&self.file),
            from: self.allocated,
            to: self.length() + RESERVE_BYTES,
            ahead: self.ahead,
        }
    }

    /// Notes that the file has been given space up to `allocated`.
    pub(super) fn note_allocated(&mut self, file: &Arc<File>, allocated: u64) {
        if Arc::ptr_eq(&self.file, file) {
            self.allocated = self.allocated.max(allocated);
        }
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
            for change in changes.chunks(1) {
                let [KeyChange { database, .. }] = *change else {
                    continue;
                };
                if selected != Some(database) {
                    group.collect(PLAIN_BYTES_MAX, |encoder| encoder.select(database));
                    selected = Some(database);
                }
                group.collect(bound(change), |encoder| {
                    encoder.changes(change, &mut selected, offset);
                });
            }
        } else {
            let length = bound(changes);
            self.write(length, |encoder| {
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
        self.append_plain(|encoder| encoder.select(database))?;
        self.append_plain(|encoder| encoder.flush())?;
        self.selected = Some(database);
        Ok(())
    }

    /// Appends that two databases were swapped.
    ///
    /// # Errors
    /// There is no space for it.
    pub(super) fn append_swap(&mut self, first: usize, second: usize) -> io::Result<()> {
        self.append_plain(|encoder| encoder.swap(first, second))
    }

    /// What is appended until [`Journal::end_group`] is one.
    pub(super) fn begin_group(&mut self) {
        // It may be appended to another file than the one that is open now.
        self.selected = None;
        self.group = Some(Group::default());
    }

    /// Appends what was collected.
    ///
    /// # Errors
    /// There is no space for it.
    pub(super) fn end_group(&mut self) -> io::Result<()> {
        match self.group.take() {
            Some(Group { records, ends }) => {
                let length = records.len() + PLAIN_BYTES_MAX;
                self.write(length, |encoder| match ends.len() {
                    0 | 1 => encoder.records(&records, &ends),
                    _ => encoder.transaction(|encoder| encoder.records(&records, &ends)),
                })
            }
            None => Ok(()),
        }
    }

    /// Says that the server ends in peace, and syncs.
    ///
    /// # Errors
    /// The file cannot be synced.
    pub(super) fn close(&mut self, clock: &Clock) -> io::Result<()> {
        let (now, unix_us) = clock.boot_and_unix_micros();
        let line = format!("#QL:end now={} unix={}\r\n", now.micros(), unix_us.max(0));
        self.write(PLAIN_BYTES_MAX, |encoder| encoder.record(line.as_bytes()))?;
        self.cut()?;
        self.file.sync_all()
    }

    /// Gives back the space that no record has taken. Nothing may be appended any more.
    ///
    /// # Errors
    /// The file cannot be cut.
    pub(super) fn cut(&self) -> io::Result<()> {
        self.file.set_len(self.length())
    }

    /// Notes both clocks: a reader knows by them what the deadlines mean.
    fn annotate(&mut self, clock: &Clock) -> io::Result<()> {
        let (now, unix_us) = clock.boot_and_unix_micros();
        let line = annotation(&self.boot_id, now, unix_us);
        self.write(PLAIN_BYTES_MAX, |encoder| encoder.record(line.as_bytes()))?;
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
        let space = match self.mapping.bytes_mut().get_mut(self.at..) {
            Some(space) if space.len() >= bound => space,
            _ => self.move_on(bound)?,
        };
        let mut encoder = Encoder::new(space);
        encode(&mut encoder);
        self.at += encoder.finish();
        Ok(())
    }

    /// Maps the next piece of the file.
    #[cold]
    fn move_on(&mut self, bound: usize) -> io::Result<&mut [u8]> {
        let from = self.length();
        if let Some(next) = self.next.take()
            && bound as u64 <= PAGE_BYTES
            && from >= next.offset()
        {
            self.at = (from - next.offset()) as usize;
            self.done.push(std::mem::replace(&mut self.mapping, next));
            return Ok(&mut self.mapping.bytes_mut()[self.at..]);
        }
        let wanted = bound.max(MAPPED_BYTES);
        let end = from + wanted as u64;
        if end > self.allocated {
            self.allocated = allocate(&self.file, self.allocated, end, self.ahead)?;
        }
        self.mapping = Mapping::around(&self.file, from, wanted)?;
        self.at = (from - self.mapping.offset()) as usize;
        Ok(&mut self.mapping.bytes_mut()[self.at..])
    }
}

impl Group {
    /// Adds what `encode` writes, at most `bound` bytes, as one record.
    fn collect(&mut self, bound: usize, encode: impl FnOnce(&mut Encoder<'_>)) {
        let start = self.records.len();
        self.records.resize(start + bound, 0);
        let mut encoder = Encoder::new(&mut self.records[start..]);
        encode(&mut encoder);
        let length = encoder.finish();
        self.records.truncate(start + length);
        self.ends.push(self.records.len());
    }
}

/// The line that tells a reader what the deadlines behind it mean.
pub(super) fn annotation(boot_id: &str, now: BootTime, unix_us: i64) -> String {
    let (now_us, unix_us) = (now.micros(), unix_us.max(0));
    format!("#QL:boot={boot_id} now={now_us} unix={unix_us}\r\n")
}

/// Space that a journal wants, got without keeping it from being appended to.
pub(super) struct Shortage {
    pub(super) file: Arc<File>,
    from: u64,
    to: u64,
    ahead: Ahead,
}

impl Shortage {
    /// Gets it; tells up to where there is space now.
    ///
    /// # Errors
    /// The disk is full.
    pub(super) fn relieve(&self) -> io::Result<u64> {
        allocate(&self.file, self.from, self.to, self.ahead)
    }
}

/// Gives a file space from `from` up to at least `to`; tells up to where.
fn allocate(file: &File, from: u64, to: u64, ahead: Ahead) -> io::Result<u64> {
    let step = match ahead {
        Ahead::Promised => ALLOCATED_BYTES,
        Ahead::Zeroed => ZEROED_BYTES,
    };
    let to = to.next_multiple_of(step);
    if ahead == Ahead::Promised {
        match fallocate(file, FallocateFlags::empty(), from, to - from) {
            Ok(()) => return Ok(to),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
            Err(error) => return Err(error.into()),
        }
    }
    zero(file, from, to)?;
    Ok(to)
}

fn zero(file: &File, from: u64, to: u64) -> io::Result<()> {
    let zeros = [0; 64 * 1024];
    let mut at = from;
    while at < to {
        let length = usize::try_from(to - at).unwrap_or(usize::MAX);
        at += file.write_at(&zeros[..length.min(zeros.len())], at)? as u64;
    }
    Ok(())
}
