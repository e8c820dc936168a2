//! What changes are appended to, in the order of execution: requests that tell of them, the clocks by
//! which their deadlines are meant, and the databases they are in.

use std::io;
use std::sync::Arc;

use super::annotation::Clocks;
use super::frames::Set;
use super::increment::Increment;
use super::record::{PLAIN_BYTES_MAX, bound, bound_of_all};
use super::storage::StoredFile;
use super::writer::Writer;
use crate::clock::{BootTime, Clock, WallOffset};
use crate::keyspace::{DatabaseChange, KeyChange, KeyState};

/// How often the clocks are noted while there are changes.
const ANNOTATE_US: u64 = 1_000_000;

/// See the module's text.
pub(super) struct Journal {
    pub(super) writer: Writer,
    /// The database of the records so far.
    selected: Option<usize>,
    boot_id: Arc<str>,
    /// The clocks are noted before a record of this time or later.
    annotate_at_us: u64,
    /// Invariant: it is that of the last annotation in the file, so whoever reads the file finds the
    /// deadlines that were meant, however the wall clock has gone since.
    offset: WallOffset,
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

    pub(super) fn of_transaction(databases: &[DatabaseChange], changes: &[KeyChange<'_>]) -> Kind {
        let is_swap = |change: &DatabaseChange| matches!(change, DatabaseChange::Swapped(..));
        if databases.iter().any(is_swap) {
            Kind::Grant
        } else {
            Kind::of(changes)
        }
    }
}

impl Journal {
    /// Goes on behind what `writer` has.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn start(writer: Writer, boot_id: Arc<str>, clock: &Clock) -> io::Result<Journal> {
        let (now, unix_us) = clock.boot_and_unix_micros();
        let mut journal = Journal {
            writer,
            selected: None,
            boot_id,
            annotate_at_us: 0,
            offset: WallOffset::between(now, unix_us),
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
        self.selected = None;
        // The file is another one whatever comes: should this fail, the next record tries it again.
        self.annotate_at_us = 0;
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
            [change] => self.append_one(change, now, clock),
            _ => self.append_all(&[], changes, now, clock),
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

    /// Appends what a transaction has done.
    ///
    /// # Errors
    /// There is no space for it.
    pub(super) fn append_transaction(
        &mut self,
        databases: &[DatabaseChange],
        changes: &[KeyChange<'_>],
        now: BootTime,
        clock: &Clock,
    ) -> io::Result<()> {
        match (databases, changes) {
            ([], []) => Ok(()),
            ([], [change]) => self.append_one(change, now, clock),
            _ => self.append_all(databases, changes, now, clock),
        }
    }

    fn append_all(
        &mut self,
        databases: &[DatabaseChange],
        changes: &[KeyChange<'_>],
        now: BootTime,
        clock: &Clock,
    ) -> io::Result<()> {
        if !databases.is_empty() {
            self.writer.fix_all();
        }
        for change in changes {
            self.writer.forget(change.hash);
        }
        self.annotate_if_due(now, clock)?;
        let offset = self.offset;
        let mut selected = self.selected;
        self.writer
            .write(bound_of_all(databases, changes), |encoder| {
                encoder.changes(databases, changes, &mut selected, offset);
            })?;
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
        if now.micros() >= self.annotate_at_us {
            self.annotate(clock)?;
        }
        Ok(())
    }

    /// Notes both clocks: a reader knows by them what the deadlines mean.
    fn annotate(&mut self, clock: &Clock) -> io::Result<()> {
        let noted = Clocks::read(clock);
        let line = noted.line(&self.boot_id);
        self.writer
            .write(PLAIN_BYTES_MAX, |encoder| encoder.records(line.as_bytes()))?;
        self.annotate_at_us = noted.now.micros() + ANNOTATE_US;
        self.offset = noted.offset();
        Ok(())
    }
}
