//! One append-only file from its first byte to its last, whatever it is made of.
//!
//! A file may be a snapshot, may begin with one (as Redis before version 7 wrote it), or may be
//! requests alone; its first bytes tell, not its name.

use std::io::{self, Read};

use super::annotation::Annotation;
use super::rdb::{self, Key, Snapshot, SnapshotError};
use super::reader::{Ending, Item, Reader, Request};
use super::transactions::Transactions;
use super::window::Window;
use crate::error::Damage;

/// Bytes that tell a snapshot.
const MAGIC_BYTES: usize = 6;

/// Reads one file of an append-only directory.
pub struct AppendOnlyFile<R> {
    stage: Stage<R>,
}

enum Stage<R> {
    Snapshot(Box<Snapshot<R>>),
    Requests(Box<Transactions<R>>),
    Damaged(Ending),
    /// Only while one stage becomes the next.
    Changing,
}

impl<R: Read> Stage<R> {
    fn requests(window: Window<R>) -> Stage<R> {
        let reader = Reader::continuing(window);
        Stage::Requests(Box::new(Transactions::new(reader)))
    }
}

/// What [`AppendOnlyFile::read`] gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry<'a> {
    /// A key of the snapshot at the beginning.
    Key(Key<'a>),
    /// A request to apply; those of a transaction come when its EXEC was seen.
    Request(Request<'a>),
    /// An annotation.
    Annotation {
        /// Where it begins in the file.
        offset: u64,
        /// What it says.
        annotation: Annotation<'a>,
    },
    /// There is nothing behind. It is given again if more is asked for.
    End(Ending),
}

impl<R: Read> AppendOnlyFile<R> {
    /// Reads `source` from its beginning.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(source: R) -> io::Result<AppendOnlyFile<R>> {
        let mut window = Window::new(source);
        window.fill(MAGIC_BYTES)?;
        let stage = if rdb::is_snapshot(window.bytes()) {
            match Snapshot::open(window) {
                Ok(snapshot) => Stage::Snapshot(Box::new(snapshot)),
                Err(error) => Stage::Damaged(damaged_at(0, error)?),
            }
        } else {
            Stage::requests(window)
        };
        Ok(AppendOnlyFile { stage })
    }

    /// The next entry.
    ///
    /// # Errors
    /// What the system says while it reads. Damage is no error but an [`Ending`]; keys that were
    /// given before a damaged snapshot ended may be wrong, for its checksum stands at its end.
    pub fn read(&mut self) -> io::Result<Entry<'_>> {
        if let Stage::Snapshot(snapshot) = &mut self.stage {
            match snapshot.next() {
                Ok(true) => {}
                Ok(false) => self.leave_snapshot(),
                Err(error) => {
                    // No part of a snapshot can be used, so it is cut where it begins.
                    self.stage = Stage::Damaged(damaged_at(0, error)?);
                }
            }
        }
        match &mut self.stage {
            Stage::Snapshot(snapshot) => Ok(Entry::Key(snapshot.key())),
            Stage::Requests(requests) => Ok(match requests.read()? {
                Item::Request(request) => Entry::Request(request),
                Item::Annotation { offset, annotation } => Entry::Annotation { offset, annotation },
                Item::End(ending) => Entry::End(ending),
            }),
            Stage::Damaged(ending) => Ok(Entry::End(ending.clone())),
            Stage::Changing => Ok(Entry::End(Ending::Clean)),
        }
    }

    fn leave_snapshot(&mut self) {
        let stage = std::mem::replace(&mut self.stage, Stage::Changing);
        if let Stage::Snapshot(snapshot) = stage {
            self.stage = Stage::requests(snapshot.into_window());
        }
    }
}

fn damaged_at(offset: u64, error: SnapshotError) -> io::Result<Ending> {
    match error {
        SnapshotError::Read(error) => Err(error),
        SnapshotError::Fault(fault) => Ok(Ending::Damaged {
            offset,
            what: Damage::Snapshot(fault),
        }),
    }
}
