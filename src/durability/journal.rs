//! What changes are appended to, in the order of execution: requests that tell of them, the clocks by
//! which their deadlines are meant, and the databases they are in.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::frames::Set;
use super::increment::Increment;
use super::record::{Encoder, PLAIN_BYTES_MAX, bound, bound_of_all, encode_behind};
use super::storage::StoredFile;
use super::writer::Writer;
use crate::clock::{BootTime, Clock, WallOffset};
use crate::keyspace::{KeyChange, KeyState};

/// How often the clocks are noted while there are changes.
const ANNOTATE_US: u64 = 1_000_000;

/// See the module's text.
pub(super) struct Journal {
    pub(super) writer: Writer,
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
    has_swap: bool,
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
        let writer = Writer::new(directory, increment, &boot_id)?;
        let (now, unix_us) = clock.boot_and_unix_micros();
        let mut journal = Journal {
            writer,
            selected: None,
            boot_id,
            annotated_us: 0,
            offset: WallOffset::between(now, unix_us),
            group: None,
        };
        journal.annotate(clock)?;
        Ok(journal)
    }

    /// Goes on in another file; gives back the old one, which has all before, and its length.
    ///
    /// # Errors
    /// The old file does not take what the ring has.
    pub(super) fn move_to(
        &mut self,
        increment: Increment,
        clock: &Clock,
    ) -> io::Result<(Arc<StoredFile>, u64)> {
        let old = self.writer.move_to(increment)?;
        if self.group.is_none() {
            self.selected = None;
        }
        // The file is another one whatever comes: should this fail, the next record tries it again.
        self.annotated_us = 0;
        let _ = self.annotate(clock);
        Ok(old)
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
        match changes {
            [change] if self.group.is_none() => self.append_one(change, now, clock),
            _ => self.append_all(changes, now, clock),
        }
    }

    #[inline]
    fn append_one(
        &mut self,
        change: &KeyChange<'_>,
        now: BootTime,
        clock: &Clock,
    ) -> io::Result<()> {
        let new = match change.state {
            KeyState::Gone if self.writer.erase(change.hash, change.database, change.key) => {
                return Ok(());
            }
            KeyState::New(..) => Some(change.hash),
            _ => None,
        };
        self.writer.forget(change.hash);
        self.annotate_if_due(now, clock)?;
        self.select(change.database)?;
        let offset = self.offset;
        match change.state {
            KeyState::Set(value, deadline) | KeyState::New(value, deadline) => {
                let set = Set {
                    database: change.database as u32,
                    key: change.key,
                    value,
                    deadline_ms: deadline.map(|deadline| offset.to_unix(deadline).0),
                };
                self.writer.write_set(&set, new)
            }
            KeyState::Deadline(_) | KeyState::Gone => self
                .writer
                .write(bound(change), |encoder| encoder.change(change, offset)),
        }
    }

    fn append_all(
        &mut self,
        changes: &[KeyChange<'_>],
        now: BootTime,
        clock: &Clock,
    ) -> io::Result<()> {
        for change in changes {
            self.writer.forget(change.hash);
        }
        if self.group.is_none() {
            self.annotate_if_due(now, clock)?;
        }
        let offset = self.offset;
        let mut selected = self.selected;
        if let Some(group) = &mut self.group {
            group.has_grant |= Kind::of(changes) == Kind::Grant;
            for change in changes.chunks(1) {
                group.collect(bound_of_all(change), |encoder| {
                    encoder.changes(change, &mut selected, offset);
                });
            }
        } else {
            self.writer.write(bound_of_all(changes), |encoder| {
                encoder.changes(changes, &mut selected, offset);
            })?;
        }
        self.selected = selected;
        Ok(())
    }

    /// Goes to a database, if the last record was in another one.
    #[inline]
    fn select(&mut self, database: usize) -> io::Result<()> {
        if self.selected != Some(database) {
            let mut selected = None;
            self.writer.write(PLAIN_BYTES_MAX, |encoder| {
                encoder.select(database, &mut selected);
            })?;
            self.selected = selected;
        }
        Ok(())
    }

    /// Appends that a database was emptied.
    ///
    /// # Errors
    /// There is no space for it.
    pub(super) fn append_flush(&mut self, database: usize) -> io::Result<()> {
        self.writer.fix_all();
        self.append_plain(|encoder| {
            encoder.select(database, &mut None);
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
        self.writer.fix_all();
        if let Some(group) = &mut self.group {
            group.has_grant = true;
            group.has_swap = true;
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

    /// Whether databases were swapped in what was collected.
    pub(super) fn group_swaps(&self) -> bool {
        self.group.as_ref().is_some_and(|group| group.has_swap)
    }

    /// Appends what was collected.
    ///
    /// # Errors
    /// There is no space for it.
    pub(super) fn end_group(&mut self) -> io::Result<()> {
        let Some(Group { records, count, .. }) = self.group.take() else {
            return Ok(());
        };
        self.writer
            .write(records.len() + PLAIN_BYTES_MAX, |encoder| match count {
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
        self.writer
            .write(PLAIN_BYTES_MAX, |encoder| encoder.records(line.as_bytes()))?;
        self.writer.close()
    }

    #[inline]
    fn annotate_if_due(&mut self, now: BootTime, clock: &Clock) -> io::Result<()> {
        if now.micros().saturating_sub(self.annotated_us) >= ANNOTATE_US {
            self.annotate(clock)?;
        }
        Ok(())
    }

    /// Notes both clocks: a reader knows by them what the deadlines mean.
    fn annotate(&mut self, clock: &Clock) -> io::Result<()> {
        let (now, unix_us) = clock.boot_and_unix_micros();
        let line = annotation(&self.boot_id, now, unix_us);
        self.writer
            .write(PLAIN_BYTES_MAX, |encoder| encoder.records(line.as_bytes()))?;
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
            None => self.writer.write(PLAIN_BYTES_MAX, encode),
        }
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
