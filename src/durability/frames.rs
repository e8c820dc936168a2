//! How records stand in the ring: each behind a head, which has its length and what it is.
//!
//! The value of a key, which most records tell, stands there as it is, and becomes a request when it
//! is taken out: of many a lock nothing is left by then.

use super::record::{Encoder, bound_of_set, encode_behind, length_of_set};

/// Bytes in front of a record.
pub(super) const HEAD_BYTES: usize = 4;
/// Bytes of a value's record that are neither key nor value.
const FIXED_BYTES: usize = 16;
/// A deadline that is none.
const NEVER_MS: i64 = i64::MIN;

/// The last byte of a head. A record is erased by the store of this one byte, so there is no moment
/// at which a kill could find half of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A request as it stands in the file, or several.
    Requests = 0,
    /// What [`Set`] says.
    Set = 1,
    /// It does not count any more.
    Erased = 2,
}

/// The value of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Set<'a> {
    pub(super) database: u32,
    pub(super) key: &'a [u8],
    pub(super) value: &'a [u8],
    pub(super) deadline_ms: Option<i64>,
}

impl<'a> Set<'a> {
    /// How long its record is in the ring.
    #[inline]
    pub(super) fn framed_length(&self) -> usize {
        FIXED_BYTES + self.key.len() + self.value.len()
    }

    /// How long its request is in the file.
    #[inline]
    pub(super) fn request_length(&self) -> usize {
        length_of_set(self.key.len(), self.value.len(), self.deadline_ms)
    }

    /// Writes the record, as long as `framed_length` says. Neither key nor value has 4 GiB.
    #[inline]
    pub(super) fn put(&self, space: &mut [u8]) {
        let (fixed, texts) = space.split_at_mut(FIXED_BYTES);
        let deadline_ms = self.deadline_ms.unwrap_or(NEVER_MS);
        fixed[..8].copy_from_slice(&deadline_ms.to_le_bytes());
        fixed[8..12].copy_from_slice(&self.database.to_le_bytes());
        fixed[12..].copy_from_slice(&(self.key.len() as u32).to_le_bytes());
        let (key, value) = texts.split_at_mut(self.key.len());
        key.copy_from_slice(self.key);
        value.copy_from_slice(self.value);
    }

    /// What a record says that [`Set::put`] has written.
    #[inline]
    pub(super) fn parse(record: &'a [u8]) -> Option<Set<'a>> {
        let (deadline_ms, rest) = record.split_first_chunk()?;
        let (database, rest) = rest.split_first_chunk()?;
        let (key_length, rest) = rest.split_first_chunk()?;
        let (key, value) = rest.split_at_checked(u32::from_le_bytes(*key_length) as usize)?;
        let deadline_ms = i64::from_le_bytes(*deadline_ms);
        Some(Set {
            database: u32::from_le_bytes(*database),
            key,
            value,
            deadline_ms: (deadline_ms != NEVER_MS).then_some(deadline_ms),
        })
    }
}

/// The head of a record. Its length is below 2^24: it fits in the ring.
#[inline]
pub(super) fn head(length: usize, kind: Kind) -> [u8; HEAD_BYTES] {
    debug_assert!(length < 1 << 24);
    (length as u32 | (kind as u32) << 24).to_le_bytes()
}

/// The record at the beginning of `frames`, what it is, and what stands behind it; `None` at the end,
/// and where no whole record is.
#[inline]
pub(super) fn first(frames: &[u8]) -> Option<(&[u8], Kind, &[u8])> {
    let (head, rest) = frames.split_first_chunk::<HEAD_BYTES>()?;
    let [a, b, c, kind] = *head;
    let length = u32::from_le_bytes([a, b, c, 0]) as usize;
    let (record, rest) = rest.split_at_checked(length)?;
    let kind = match kind {
        0 => Kind::Requests,
        1 => Kind::Set,
        _ => Kind::Erased,
    };
    Some((record, kind, rest))
}

/// Adds to `requests` those of all records that count.
pub(super) fn collect(mut frames: &[u8], requests: &mut Vec<u8>) {
    while let Some((record, kind, rest)) = first(frames) {
        match kind {
            Kind::Requests => requests.extend_from_slice(record),
            Kind::Set => {
                if let Some(set) = Set::parse(record) {
                    let bound = bound_of_set(set.key, set.value);
                    encode_behind(requests, bound, |encoder: &mut Encoder<'_>| {
                        encoder.set(set.key, set.value, set.deadline_ms);
                    });
                }
            }
            Kind::Erased => {}
        }
        frames = rest;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(record: &[u8], kind: Kind) -> Vec<u8> {
        [&head(record.len(), kind)[..], record].concat()
    }

    fn requests_of(frames: &[u8]) -> Vec<u8> {
        let mut requests = Vec::new();
        collect(frames, &mut requests);
        requests
    }

    #[test]
    fn erased_records_are_left_out_and_half_of_one_is_none() {
        let mut frames = framed(b"one", Kind::Requests);
        frames.extend(framed(b"", Kind::Requests));
        frames.extend(framed(b"three", Kind::Requests));
        assert_eq!(requests_of(&frames), b"onethree");
        frames[HEAD_BYTES - 1] = Kind::Erased as u8;
        assert_eq!(requests_of(&frames), b"three");
        assert_eq!(requests_of(&frames[..frames.len() - 1]), b"");
    }

    proptest! {
        #[test]
        fn a_value_becomes_a_request_of_the_length_that_was_told(
            key in proptest::collection::vec(any::<u8>(), 0..150),
            value in proptest::collection::vec(any::<u8>(), 0..1500),
            database in 0u32..2000,
            deadline_ms in proptest::option::of(prop_oneof![
                -20_000i64..20_000, 999_999_999_990i64..1_000_000_000_010, 0..i64::MAX
            ]),
        ) {
            let set = Set { database, key: &key, value: &value, deadline_ms };
            let mut record = vec![0; set.framed_length()];
            set.put(&mut record);
            prop_assert_eq!(Set::parse(&record), Some(set));
            let requests = requests_of(&framed(&record, Kind::Set));
            prop_assert_eq!(requests.len(), set.request_length());
            let mut words = vec![b"SET".to_vec(), key.clone(), value.clone()];
            if let Some(deadline_ms) = deadline_ms {
                words.extend([b"PXAT".to_vec(), deadline_ms.to_string().into_bytes()]);
            }
            let mut expected = format!("*{}\r\n", words.len()).into_bytes();
            for word in words {
                expected.extend(format!("${}\r\n", word.len()).into_bytes());
                expected.extend([&word[..], b"\r\n"].concat());
            }
            prop_assert_eq!(requests, expected);
        }
    }
}
