//! Records in the ring, each behind a head that says how long it is, whether it counts and where it
//! stands.
//!
//! The value of a key, which most records tell, stands there as it is, and becomes a request when it
//! is taken out: of many a lock nothing is left by then.
//!
//! A head has a check of its length and its position, under a number that is drawn for each ring. So
//! a wrong length is noticed, and nothing that a client has written, or that was in the ring before, is
//! taken for a head.

use super::record::{Encoder, bound_of_set, encode_behind, length_of_set};

/// Bytes in front of a record: three for its length, one for its kind, four for their check.
pub(super) const HEAD_BYTES: usize = 8;
/// Where the kind stands in a head.
pub(super) const KIND_AT: u64 = 3;
/// Bytes of a value's record that are neither key nor value.
const FIXED_BYTES: usize = 16;
/// A deadline that is none.
const NEVER_MS: i64 = i64::MIN;

/// What a record is. One is erased by the store of this byte, so there is no moment at which a kill
/// could find half of it; and it takes four flipped bits to make one kind of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A request as it stands in the file, or several.
    Requests = 0x0f,
    /// What [`Set`] says.
    Set = 0x33,
    /// It does not count any more.
    Erased = 0x55,
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

/// The head of a record at `position` of a ring with this salt. Its length is below 2^24: it fits in
/// the ring.
#[inline]
pub(super) fn head(length: usize, kind: Kind, position: u64, salt: u32) -> [u8; HEAD_BYTES] {
    debug_assert!(length < 1 << 24);
    let check = check(length, position, salt);
    (length as u64 | (kind as u64) << 24 | u64::from(check) << 32).to_le_bytes()
}

#[inline]
fn check(length: usize, position: u64, salt: u32) -> u32 {
    (length as u32) << 8 ^ position as u32 ^ salt
}

/// The record at the beginning of `frames`, what it is, and what stands behind it; `None` where no
/// whole record is. Its check is not looked at.
#[inline]
pub(super) fn first(frames: &[u8]) -> Option<(&[u8], Kind, &[u8])> {
    let (head, rest) = frames.split_first_chunk::<HEAD_BYTES>()?;
    let [a, b, c, kind, ..] = *head;
    let length = u32::from_le_bytes([a, b, c, 0]) as usize;
    let (record, rest) = rest.split_at_checked(length)?;
    const REQUESTS: u8 = Kind::Requests as u8;
    const SET: u8 = Kind::Set as u8;
    const ERASED: u8 = Kind::Erased as u8;
    let kind = match kind {
        REQUESTS => Kind::Requests,
        SET => Kind::Set,
        ERASED => Kind::Erased,
        _ => return None,
    };
    Some((record, kind, rest))
}

/// The same for frames that begin at `position`, with the check looked at.
pub(super) fn first_at(frames: &[u8], position: u64, salt: u32) -> Option<(&[u8], Kind, &[u8])> {
    let found = frames.get(HEAD_BYTES - 4..HEAD_BYTES)?;
    first(frames).filter(|(record, ..)| found == check(record.len(), position, salt).to_le_bytes())
}

/// Makes the checks right of all heads that lengths lead to from the first one.
#[cfg(any(test, fuzzing))]
pub(super) fn check_all(frames: &mut [u8], position: u64, salt: u32) {
    let mut at = 0;
    while let Some([a, b, c, _, found @ ..]) = frames.get_mut(at..at + HEAD_BYTES) {
        let length = u32::from_le_bytes([*a, *b, *c, 0]) as usize;
        found.copy_from_slice(&check(length, position + at as u64, salt).to_le_bytes());
        at += HEAD_BYTES + length;
    }
}

/// Adds to `requests` those of all records that count in `frames`, which begin at `position`;
/// `None` if one of them is not what was written.
pub(super) fn collect(
    mut frames: &[u8],
    mut position: u64,
    salt: u32,
    requests: &mut Vec<u8>,
) -> Option<()> {
    while !frames.is_empty() {
        let (record, kind, rest) = first_at(frames, position, salt)?;
        match kind {
            Kind::Requests => requests.extend_from_slice(record),
            Kind::Set => {
                let set = Set::parse(record)?;
                let bound = bound_of_set(set.key, set.value);
                encode_behind(requests, bound, |encoder: &mut Encoder<'_>| {
                    encoder.set(set.key, set.value, set.deadline_ms);
                });
            }
            Kind::Erased => {}
        }
        position += (frames.len() - rest.len()) as u64;
        frames = rest;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Where the frames of the tests begin, in a ring with this salt.
    const POSITION: u64 = 0x1_ffff_fff0;
    const SALT: u32 = 0x9e37_79b9;

    /// Records one behind the other.
    fn framed(records: &[(&[u8], Kind)]) -> Vec<u8> {
        let mut frames = Vec::new();
        for (record, kind) in records {
            let position = POSITION + frames.len() as u64;
            frames.extend(head(record.len(), *kind, position, SALT));
            frames.extend(*record);
        }
        frames
    }

    fn requests_of(frames: &[u8]) -> Option<Vec<u8>> {
        let mut requests = Vec::new();
        collect(frames, POSITION, SALT, &mut requests)?;
        Some(requests)
    }

    #[test]
    fn erased_records_are_left_out_and_half_of_one_is_none() {
        let records: [&[u8]; 3] = [b"one", b"", b"three"];
        let mut frames = framed(&records.map(|record| (record, Kind::Requests)));
        assert_eq!(requests_of(&frames).unwrap(), b"onethree");
        frames[KIND_AT as usize] = Kind::Erased as u8;
        assert_eq!(requests_of(&frames).unwrap(), b"three");
        assert_eq!(requests_of(&frames[..frames.len() - 1]), None);
    }

    #[test]
    fn no_flipped_bit_of_a_head_is_passed_over() {
        let set = Set {
            database: 0,
            key: b"key",
            value: b"value",
            deadline_ms: None,
        };
        let mut record = vec![0; set.framed_length()];
        set.put(&mut record);
        let records = [
            (&record[..], Kind::Set),
            (b"requests", Kind::Requests),
            (&record, Kind::Erased),
            (b"", Kind::Requests),
        ];
        let frames = framed(&records);
        assert!(requests_of(&frames).is_some());
        let mut at = 0;
        for (record, _) in records {
            for bit in 0..HEAD_BYTES * 8 {
                let mut flipped = frames.clone();
                flipped[at + bit / 8] ^= 1 << (bit % 8);
                assert_eq!(requests_of(&flipped), None, "bit {bit} at {at}");
            }
            at += HEAD_BYTES + record.len();
        }
        // A record of another lap, and of another ring.
        let mut requests = Vec::new();
        assert_eq!(
            collect(&frames, POSITION + (512 << 10), SALT, &mut requests),
            None
        );
        assert_eq!(collect(&frames, POSITION, !SALT, &mut requests), None);
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
            let requests = requests_of(&framed(&[(&record, Kind::Set)])).unwrap();
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
