//! Keys of a snapshot (RDB), as far as it holds strings.
//!
//! ```text
//! REDIS0010  AUX...  SELECTDB 0  RESIZEDB  [EXPIRETIME_MS t] 0 KEY VALUE ...  EOF CHECKSUM
//! ```
//!
//! A key of any other type, a function or the data of a module is an error that names it: a file
//! is read as a whole or not at all. Memory grows with what is read, never with what is claimed.

use std::io::{self, Read};

use crc::{CRC_64_REDIS, Crc, Digest, Table};

use super::lzf;
use super::window::Window;
use crate::error::{RDB_VERSION_MAX, SnapshotFault};

static CHECKSUM: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_REDIS);

/// The version of Valkey's files.
const VALKEY_VERSION: u32 = 80;

/// From this version on a file ends in a checksum.
const CHECKSUM_VERSION_MIN: u32 = 5;

const STRING: u8 = 0;
const SLOT_INFO: u8 = 244;
const FUNCTION: u8 = 245;
const FUNCTION_BEFORE_RELEASE: u8 = 246;
const MODULE_AUX: u8 = 247;
const IDLE: u8 = 248;
const FREQ: u8 = 249;
const AUX: u8 = 250;
const RESIZEDB: u8 = 251;
const EXPIRETIME_MS: u8 = 252;
const EXPIRETIME: u8 = 253;
const SELECTDB: u8 = 254;
const EOF: u8 = 255;

/// A snapshot that is being read.
pub struct Snapshot<R> {
    window: Window<R>,
    digest: Option<Digest<'static, u64, Table<16>>>,
    database: u64,
    expire_at_unix_ms: Option<i64>,
    key: Vec<u8>,
    value: Vec<u8>,
    packed: Vec<u8>,
    is_done: bool,
}

/// One key of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// Which database it is in.
    pub database: u64,
    /// Its name.
    pub key: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
    /// When it ends, in Unix time; `None` if it has no end. It may be long past.
    pub expire_at_unix_ms: Option<i64>,
}

/// Why a snapshot cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// What the system says while it reads.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// What is wrong with the file.
    #[error(transparent)]
    Fault(#[from] SnapshotFault),
}

/// What a length says.
enum Length {
    Bytes(u64),
    /// A string in another form than its bytes.
    Encoded(u8),
}

/// Whether a file that begins so is a snapshot, or begins with one. Six bytes are enough.
pub fn is_snapshot(begin: &[u8]) -> bool {
    begin.starts_with(b"REDIS") || begin.starts_with(b"VALKEY")
}

impl<R: Read> Snapshot<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// This is no snapshot, or one of a version that is not known.
    pub fn open(window: Window<R>) -> Result<Snapshot<R>, SnapshotError> {
        let mut snapshot = Snapshot {
            window,
            digest: Some(CHECKSUM.digest()),
            database: 0,
            expire_at_unix_ms: None,
            key: Vec::new(),
            value: Vec::new(),
            packed: Vec::new(),
            is_done: false,
        };
        let version = snapshot.header()?;
        if version < CHECKSUM_VERSION_MIN {
            snapshot.digest = None;
        }
        Ok(snapshot)
    }

    /// The next key; `None` behind the last one, when the checksum was found to be right.
    ///
    /// # Errors
    /// What is wrong with the file, or what the system says. Nothing more can be read then.
    pub fn read(&mut self) -> Result<Option<Key<'_>>, SnapshotError> {
        Ok(if self.next()? { Some(self.key()) } else { None })
    }

    /// Goes to the next key; false behind the last one.
    pub(super) fn next(&mut self) -> Result<bool, SnapshotError> {
        self.expire_at_unix_ms = None;
        while !self.is_done {
            match self.byte()? {
                STRING => {
                    let mut key = std::mem::take(&mut self.key);
                    let mut value = std::mem::take(&mut self.value);
                    self.string(&mut key)?;
                    self.string(&mut value)?;
                    (self.key, self.value) = (key, value);
                    return Ok(true);
                }
                EOF => self.finish()?,
                other => self.part(other)?,
            }
        }
        Ok(false)
    }

    /// The key that the last step went to.
    pub(super) fn key(&self) -> Key<'_> {
        Key {
            database: self.database,
            key: &self.key,
            value: &self.value,
            expire_at_unix_ms: self.expire_at_unix_ms,
        }
    }

    /// What is behind the snapshot.
    pub fn into_window(self) -> Window<R> {
        self.window
    }

    /// Where in the file it is.
    pub fn offset(&self) -> u64 {
        self.window.offset()
    }

    fn header(&mut self) -> Result<u32, SnapshotError> {
        let magic = self.array::<9>().map_err(|error| match error {
            SnapshotError::Fault(_) => SnapshotFault::Magic.into(),
            error => error,
        })?;
        let digits = magic
            .strip_prefix(b"REDIS")
            .or(magic.strip_prefix(b"VALKEY"));
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_digit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let version = digits.and_then(|digits| digits.parse().ok());
        let version: u32 = version.ok_or(SnapshotFault::Magic)?;
        let is_known = match magic[0] {
            b'R' => (1..=RDB_VERSION_MAX).contains(&version),
            _ => version == VALKEY_VERSION,
        };
        is_known
            .then_some(version)
            .ok_or_else(|| SnapshotFault::Version(version).into())
    }

    /// Everything but keys with strings and the end.
    fn part(&mut self, opcode: u8) -> Result<(), SnapshotError> {
        match opcode {
            SELECTDB => self.database = self.length()?,
            RESIZEDB => self.lengths(2)?,
            SLOT_INFO => self.lengths(3)?,
            IDLE => self.lengths(1)?,
            FREQ => {
                self.byte()?;
            }
            EXPIRETIME => {
                let seconds = i32::from_le_bytes(self.array()?);
                self.expire_at_unix_ms = Some(i64::from(seconds) * 1000);
            }
            EXPIRETIME_MS => {
                self.expire_at_unix_ms = Some(i64::from_le_bytes(self.array()?));
            }
            AUX => {
                let mut text = Vec::new();
                self.string(&mut text)?;
                self.string(&mut text)?;
            }
            FUNCTION | FUNCTION_BEFORE_RELEASE => {
                return Err(SnapshotFault::Content("functions").into());
            }
            MODULE_AUX => return Err(SnapshotFault::Content("the data of a module").into()),
            other => match kind_of(other) {
                None => return Err(SnapshotFault::Opcode(other).into()),
                Some(kind) => {
                    let mut key = Vec::new();
                    self.string(&mut key)?;
                    return Err(SnapshotFault::Type {
                        database: self.database,
                        key,
                        kind,
                    }
                    .into());
                }
            },
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), SnapshotError> {
        self.is_done = true;
        let Some(digest) = self.digest.take() else {
            return Ok(());
        };
        let expected = u64::from_le_bytes(self.array()?);
        // Redis writes 0 where checksums are switched off.
        if expected != 0 && expected != digest.finalize() {
            return Err(SnapshotFault::Checksum.into());
        }
        Ok(())
    }

    fn string(&mut self, string: &mut Vec<u8>) -> Result<(), SnapshotError> {
        string.clear();
        match self.length_or_encoding()? {
            Length::Bytes(length) => string.extend_from_slice(self.take(length)?),
            Length::Encoded(0) => push_number(string, i8::from_le_bytes(self.array()?)),
            Length::Encoded(1) => push_number(string, i16::from_le_bytes(self.array()?)),
            Length::Encoded(2) => push_number(string, i32::from_le_bytes(self.array()?)),
            Length::Encoded(3) => {
                let packed_length = self.length()?;
                let length = self.length()?;
                let mut packed = std::mem::take(&mut self.packed);
                packed.clear();
                packed.extend_from_slice(self.take(packed_length)?);
                lzf::unpack(&packed, length, string).map_err(|_| SnapshotFault::Compression)?;
                self.packed = packed;
            }
            Length::Encoded(_) => return Err(SnapshotFault::Length.into()),
        }
        Ok(())
    }

    fn lengths(&mut self, count: usize) -> Result<(), SnapshotError> {
        for _ in 0..count {
            self.length()?;
        }
        Ok(())
    }

    fn length(&mut self) -> Result<u64, SnapshotError> {
        match self.length_or_encoding()? {
            Length::Bytes(length) => Ok(length),
            Length::Encoded(_) => Err(SnapshotFault::Length.into()),
        }
    }

    fn length_or_encoding(&mut self) -> Result<Length, SnapshotError> {
        let first = self.byte()?;
        let low = first & 0x3f;
        Ok(match (first >> 6, low) {
            (0, low) => Length::Bytes(u64::from(low)),
            (1, high) => Length::Bytes(u64::from(high) << 8 | u64::from(self.byte()?)),
            (2, 0) => Length::Bytes(u64::from(u32::from_be_bytes(self.array()?))),
            (2, 1) => Length::Bytes(u64::from_be_bytes(self.array()?)),
            (2, _) => return Err(SnapshotFault::Length.into()),
            (_, encoding) => Length::Encoded(encoding),
        })
    }

    fn byte(&mut self) -> Result<u8, SnapshotError> {
        Ok(self.array::<1>()?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], SnapshotError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N as u64)?);
        Ok(array)
    }

    fn take(&mut self, length: u64) -> Result<&[u8], SnapshotError> {
        let length = usize::try_from(length).map_err(|_| SnapshotFault::Cut)?;
        let bytes = self.window.take(length)?.ok_or(SnapshotFault::Cut)?;
        if let Some(digest) = &mut self.digest {
            digest.update(bytes);
        }
        Ok(bytes)
    }
}

fn push_number(string: &mut Vec<u8>, number: impl Into<i32>) {
    let number: i32 = number.into();
    string.extend_from_slice(number.to_string().as_bytes());
}

/// What a key of type `code` holds, with its article; `None` if the code is no type.
fn kind_of(code: u8) -> Option<String> {
    let kind = match code {
        1 | 10 | 14 | 18 => "a list",
        2 | 11 | 20 => "a set",
        3 | 5 | 12 | 17 => "a sorted set",
        4 | 9 | 13 | 16 | 22..=25 => "a hash",
        6 | 7 => "the data of a module",
        15 | 19 | 21 => "a stream",
        26..=63 => return Some(format!("a value of type {code}")),
        _ => return None,
    };
    Some(kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &[u8] = include_bytes!("../../tests/journal/redis-7/appendonly.aof.2.base.rdb");

    fn read(file: &[u8]) -> Result<usize, SnapshotFault> {
        let read = || {
            let mut snapshot = Snapshot::open(Window::new(file))?;
            let mut keys = 0;
            while snapshot.read()?.is_some() {
                keys += 1;
            }
            Ok(keys)
        };
        read().map_err(|error| match error {
            SnapshotError::Fault(fault) => fault,
            SnapshotError::Read(error) => panic!("{error}"),
        })
    }

    /// A file whose checksum is switched off.
    fn made(parts: &[&[u8]]) -> Vec<u8> {
        [&b"REDIS0010"[..], &parts.concat(), &[EOF], &[0; 8]].concat()
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_noticed() {
        assert_eq!(read(FILE), Ok(8));
        for cut in 0..FILE.len() {
            let expected = if cut < 9 {
                SnapshotFault::Magic
            } else {
                SnapshotFault::Cut
            };
            assert_eq!(read(&FILE[..cut]), Err(expected), "{cut}");
        }
        // But for the checksum itself, whose bytes could all be zero.
        for at in 0..FILE.len() {
            let mut flipped = FILE.to_vec();
            flipped[at] ^= 1;
            assert!(read(&flipped).is_err(), "{at}");
        }
    }

    #[test]
    fn a_checksum_of_zero_is_none() {
        let mut file = FILE.to_vec();
        let end = file.len() - 8;
        file[end..].fill(0);
        assert_eq!(read(&file), Ok(8));
        file[end] = 1;
        assert_eq!(read(&file), Err(SnapshotFault::Checksum));
        assert_eq!(read(b"REDIS0004\xff"), Ok(0));
    }

    #[test]
    fn claims_take_no_memory() {
        for claim in [
            &b"\x00\x81\xff\xff\xff\xff\xff\xff\xff\xffk"[..],
            b"\x00\x80\xff\xff\xff\xffk",
            b"\x00\xc3\x81\xff\xff\xff\xff\xff\xff\xff\xff\x01k",
        ] {
            assert_eq!(read(&made(&[claim])), Err(SnapshotFault::Cut));
        }
        let bomb = b"\x00\xc3\x02\x81\xff\xff\xff\xff\xff\xff\xff\xff\x00k";
        assert_eq!(read(&made(&[bomb])), Err(SnapshotFault::Compression));
    }

    #[test]
    fn what_is_not_a_string_is_named() {
        let hash = read(&made(&[b"\xfe\x05\x10\x01h\x00"])).unwrap_err();
        assert_eq!(
            hash.to_string(),
            "the key h in database 5 holds a hash: Quintlock keeps strings only"
        );
        for (part, fault) in [
            (&b"\xf7"[..], SnapshotFault::Content("the data of a module")),
            (b"\xf5", SnapshotFault::Content("functions")),
            (b"\xc8", SnapshotFault::Opcode(200)),
            (b"\x00\x82", SnapshotFault::Length),
            (b"\x00\xc4", SnapshotFault::Length),
            (b"\xfe\xc0\x01", SnapshotFault::Length),
        ] {
            assert_eq!(read(&made(&[part])), Err(fault));
        }
        for (magic, fault) in [
            (&b"REDIS9999"[..], SnapshotFault::Version(9999)),
            (b"REDIS0000", SnapshotFault::Version(0)),
            (b"VALKEY081", SnapshotFault::Version(81)),
            (b"REDIS+010", SnapshotFault::Magic),
            (b"DISRE0010", SnapshotFault::Magic),
        ] {
            assert_eq!(read(magic), Err(fault));
        }
    }

    #[test]
    fn times_and_hints_go_to_the_next_key_alone() {
        let file = made(&[
            b"\xfe\x41\x02\xfd\x01\x00\x00\x00\xf8\x05\xf9\x07\x00\x01a\x011",
            b"\x00\x01b\xc0\x80\xfc\xff\xff\xff\xff\xff\xff\xff\xff\x00\x01c\xc2\x00\x00\x00\x80",
        ]);
        let mut snapshot = Snapshot::open(Window::new(&file[..])).unwrap();
        for (key, value, expire_at_unix_ms) in [
            ("a", "1", Some(1000)),
            ("b", "-128", None),
            ("c", "-2147483648", Some(-1)),
        ] {
            let expected = Key {
                database: 258,
                key: key.as_bytes(),
                value: value.as_bytes(),
                expire_at_unix_ms,
            };
            assert_eq!(snapshot.read().unwrap(), Some(expected));
        }
        assert_eq!(snapshot.read().unwrap(), None);
        assert_eq!(snapshot.read().unwrap(), None);
        assert_eq!(snapshot.offset(), file.len() as u64);
    }
}
