//! Changes as requests: `SET key value PXAT unix-ms`, `DEL key`, as Redis writes them in its
//! append-only file.

use crate::clock::WallOffset;
use crate::keyspace::{KeyChange, KeyState};

/// More than a record has beside its key and its value: heads, lengths and a time.
const AROUND_BYTES: usize = 96;
/// SELECT with a number of any length.
const SELECT_BYTES: usize = 48;
const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

/// At least as many bytes as [`Encoder::changes`] writes.
pub(super) fn bound(changes: &[KeyChange<'_>]) -> usize {
    let of = |change: &KeyChange<'_>| {
        let value = match change.state {
            KeyState::Set(value, _) => value.len(),
            KeyState::Deadline(_) | KeyState::Gone => 0,
        };
        AROUND_BYTES + SELECT_BYTES + change.key.len() + value
    };
    MULTI.len() + EXEC.len() + changes.iter().map(of).sum::<usize>()
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
    #[inline]
    pub(super) fn changes(
        &mut self,
        changes: &[KeyChange<'_>],
        selected: &mut Option<usize>,
        offset: WallOffset,
    ) {
        if let [change] = changes {
            self.change(change, selected, offset);
            return;
        }
        self.transaction(|encoder| {
            for change in changes {
                encoder.change(change, selected, offset);
            }
        });
    }

    #[inline]
    fn change(&mut self, change: &KeyChange<'_>, selected: &mut Option<usize>, offset: WallOffset) {
        if *selected != Some(change.database) {
            self.select(change.database);
            *selected = Some(change.database);
        }
        let key = change.key;
        match change.state {
            KeyState::Set(value, None) => {
                self.put(b"*3\r\n$3\r\nSET\r\n");
                self.argument(key);
                self.argument(value);
            }
            KeyState::Set(value, Some(deadline)) => {
                self.put(b"*5\r\n$3\r\nSET\r\n");
                self.argument(key);
                self.argument(value);
                self.put(b"$4\r\nPXAT\r\n");
                self.number(offset.to_unix(deadline).0);
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

    pub(super) fn select(&mut self, database: usize) {
        self.put(b"*2\r\n$6\r\nSELECT\r\n");
        self.number(database as i64);
    }

    pub(super) fn flush(&mut self) {
        self.put(b"*1\r\n$7\r\nFLUSHDB\r\n");
    }

    pub(super) fn swap(&mut self, first: usize, second: usize) {
        self.put(b"*3\r\n$6\r\nSWAPDB\r\n");
        self.number(first as i64);
        self.number(second as i64);
    }

    /// Records that were encoded elsewhere.
    pub(super) fn records(&mut self, records: &[u8]) {
        self.put(records);
    }

    /// Begins and ends what is to be applied as one.
    pub(super) fn transaction(&mut self, records: impl FnOnce(&mut Encoder<'a>)) {
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
        let mut digits = itoa::Buffer::new();
        self.put(b"$");
        self.put(digits.format(bytes.len()).as_bytes());
        self.put(b"\r\n");
        self.put(bytes);
        self.put(b"\r\n");
    }

    #[inline]
    fn number(&mut self, number: i64) {
        let mut digits = itoa::Buffer::new();
        self.argument(digits.format(number).as_bytes());
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        self.space[self.length..end].copy_from_slice(bytes);
        self.length = end;
    }
}
