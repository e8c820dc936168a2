//! Changes as requests: `SET key value PXAT unix-ms`, `DEL key`, as Redis writes them in its
//! append-only file.

use crate::clock::WallOffset;
use crate::keyspace::{DatabaseChange, KeyChange, KeyState};

/// More than a record has beside its key and its value: heads, lengths and a time.
const AROUND_BYTES: usize = 96;
/// SELECT with a number of any length.
const SELECT_BYTES: usize = 48;
/// What stands between the count and the length of the key.
const SET: &[u8] = b"\r\n$3\r\nSET\r\n$";
/// What stands between the value and the length of the deadline.
const PXAT: &[u8] = b"$4\r\nPXAT\r\n$";
const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

/// At least as many bytes as [`Encoder::change`] writes.
#[inline]
pub(super) fn bound(change: &KeyChange<'_>) -> usize {
    let value = match change.state {
        KeyState::Set(value, _) | KeyState::New(value, _) => value,
        KeyState::Deadline(_) | KeyState::Gone => &[],
    };
    bound_of_set(change.key, value)
}

/// At least as many bytes as [`Encoder::set`] writes, and a SELECT in front of it.
#[inline]
pub(super) fn bound_of_set(key: &[u8], value: &[u8]) -> usize {
    AROUND_BYTES + SELECT_BYTES + key.len() + value.len()
}

/// At least as many bytes as [`Encoder::changes`] writes.
pub(super) fn bound_of_all(databases: &[DatabaseChange], changes: &[KeyChange<'_>]) -> usize {
    let databases = databases.len() * (AROUND_BYTES + SELECT_BYTES);
    MULTI.len() + EXEC.len() + databases + changes.iter().map(bound).sum::<usize>()
}

/// How many bytes [`Encoder::set`] writes for a key and a value of these lengths.
#[inline]
pub(super) fn length_of_set(key: usize, value: usize, deadline_ms: Option<i64>) -> usize {
    let bulk = |length: usize| digits(length as u64) + "\r\n".len() + length + "\r\n".len();
    let deadline = deadline_ms.map_or(0, |ms| {
        PXAT.len() + bulk(usize::from(ms < 0) + digits(ms.unsigned_abs()))
    });
    "*5".len() + SET.len() + bulk(key) + "$".len() + bulk(value) + deadline
}

/// How many decimal digits a number has.
#[inline]
fn digits(number: u64) -> usize {
    match number {
        0..10 => 1,
        10..100 => 2,
        // A time in milliseconds, for some hundred years.
        1_000_000_000_000..10_000_000_000_000 => 13,
        _ => number.ilog10() as usize + 1,
    }
}

/// Bytes enough for a record without a key.
pub(super) const PLAIN_BYTES_MAX: usize = 256;

/// Adds what `encode` writes, at most `bound` bytes, to the end of `records`.
pub(super) fn encode_behind(
    records: &mut Vec<u8>,
    bound: usize,
    encode: impl FnOnce(&mut Encoder<'_>),
) {
    let start = records.len();
    records.resize(start + bound, 0);
    let mut encoder = Encoder::new(&mut records[start..]);
    encode(&mut encoder);
    let length = encoder.finish();
    records.truncate(start + length);
}

/// Writes records into space that is large enough for them.
pub(super) struct Encoder<'a> {
    space: &'a mut [u8],
    length: usize,
}

impl<'a> Encoder<'a> {
    pub(super) fn new(space: &'a mut [u8]) -> Encoder<'a> {
        Encoder { space, length: 0 }
    }

    /// Changes that were made as one; `selected` is the database of the records so far.
    pub(super) fn changes(
        &mut self,
        databases: &[DatabaseChange],
        changes: &[KeyChange<'_>],
        selected: &mut Option<usize>,
        offset: WallOffset,
    ) {
        let mut records = |encoder: &mut Encoder<'a>| {
            for change in databases {
                encoder.database(*change, selected);
            }
            for change in changes {
                encoder.select(change.database, selected);
                encoder.change(change, offset);
            }
        };
        match databases.len() + changes.len() {
            0 | 1 => records(self),
            _ => self.transaction(records),
        }
    }

    /// A change of whole databases.
    fn database(&mut self, change: DatabaseChange, selected: &mut Option<usize>) {
        match change {
            DatabaseChange::Emptied(database) => {
                self.select(database, selected);
                self.put(b"*1\r\n$7\r\nFLUSHDB\r\n");
            }
            DatabaseChange::Swapped(first, second) => {
                self.put(b"*3\r\n$6\r\nSWAPDB\r\n");
                self.number(first as i64);
                self.number(second as i64);
            }
        }
    }

    /// One change, of a key in the database that is selected.
    #[inline]
    pub(super) fn change(&mut self, change: &KeyChange<'_>, offset: WallOffset) {
        let key = change.key;
        match change.state {
            KeyState::Set(value, deadline) | KeyState::New(value, deadline) => {
                self.set(key, value, deadline.map(|at| offset.to_unix(at).0));
            }
            KeyState::Deadline(Some(deadline)) => {
                self.put(b"*3\r\n$9\r\nPEXPIREAT\r\n");
                self.argument(key);
                self.number(offset.to_unix(deadline).0);
            }
            KeyState::Deadline(None) => {
                self.put(b"*2\r\n$7\r\nPERSIST\r\n");
                self.argument(key);
            }
            KeyState::Gone => {
                self.put(b"*2\r\n$3\r\nDEL\r\n");
                self.argument(key);
            }
        }
    }

    /// The value of a key in the database that is selected.
    pub(super) fn set(&mut self, key: &[u8], value: &[u8], deadline_ms: Option<i64>) {
        self.put(if deadline_ms.is_some() { b"*5" } else { b"*3" });
        self.put(SET);
        self.bulk(key);
        self.argument(value);
        if let Some(deadline_ms) = deadline_ms {
            self.put(PXAT);
            self.bulk_number(deadline_ms);
        }
    }

    /// Goes to a database, if `selected` is another one.
    #[inline]
    pub(super) fn select(&mut self, database: usize, selected: &mut Option<usize>) {
        if *selected != Some(database) {
            self.put(b"*2\r\n$6\r\nSELECT\r\n");
            self.number(database as i64);
            *selected = Some(database);
        }
    }

    /// Records that were encoded elsewhere.
    pub(super) fn records(&mut self, records: &[u8]) {
        self.put(records);
    }

    /// Begins and ends what is to be applied as one.
    fn transaction(&mut self, records: impl FnOnce(&mut Encoder<'a>)) {
        self.put(MULTI);
        records(self);
        self.put(EXEC);
    }

    /// How many bytes were written.
    pub(super) fn finish(self) -> usize {
        self.length
    }

    #[inline]
    fn argument(&mut self, bytes: &[u8]) {
        self.put(b"$");
        self.bulk(bytes);
    }

    /// An argument behind its `$`.
    #[inline]
    fn bulk(&mut self, bytes: &[u8]) {
        let mut digits = itoa::Buffer::new();
        self.put(digits.format(bytes.len()).as_bytes());
        self.put(b"\r\n");
        self.put(bytes);
        self.put(b"\r\n");
    }

    #[inline]
    fn number(&mut self, number: i64) {
        self.put(b"$");
        self.bulk_number(number);
    }

    #[inline]
    fn bulk_number(&mut self, number: i64) {
        let mut digits = itoa::Buffer::new();
        self.bulk(digits.format(number).as_bytes());
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        self.space[self.length..end].copy_from_slice(bytes);
        self.length = end;
    }
}
