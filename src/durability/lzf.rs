//! Decompression of LZF, which Redis packs strings of a snapshot with.
//!
//! A control byte below 32 announces that many literal bytes and one more. Any other one is a
//! reference into what is unpacked already: three bits of length, thirteen of distance.

/// The compressed bytes do not make what they should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Appends the `length` bytes that `packed` holds to `unpacked`, which is empty. It never grows
/// beyond what `packed` can hold, whatever `length` says.
pub(super) fn unpack(packed: &[u8], length: u64, unpacked: &mut Vec<u8>) -> Result<(), Malformed> {
    let length = usize::try_from(length).map_err(|_| Malformed)?;
    let mut rest = packed;
    while let [control, after @ ..] = rest {
        let control = usize::from(*control);
        rest = if control < 32 {
            let (literal, after) = after.split_at_checked(control + 1).ok_or(Malformed)?;
            unpacked.extend_from_slice(literal);
            after
        } else {
            copy(control, after, unpacked)?
        };
        if unpacked.len() > length {
            return Err(Malformed);
        }
    }
    (unpacked.len() == length).then_some(()).ok_or(Malformed)
}

/// Copies what a reference means, and gives the bytes behind it.
fn copy<'a>(control: usize, rest: &'a [u8], unpacked: &mut Vec<u8>) -> Result<&'a [u8], Malformed> {
    let (count, rest) = match (control >> 5, rest) {
        (7, [more, rest @ ..]) => (9 + usize::from(*more), rest),
        (7, []) => return Err(Malformed),
        (count, rest) => (count + 2, rest),
    };
    let [low, rest @ ..] = rest else {
        return Err(Malformed);
    };
    let distance = ((control & 31) << 8 | usize::from(*low)) + 1;
    let begin = unpacked.len().checked_sub(distance).ok_or(Malformed)?;
    // The reference may reach into what it makes: "aaaa" is an "a" and a copy from one byte back.
    for at in begin..begin + count {
        unpacked.push(unpacked[at]);
    }
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(packed: &[u8], length: u64) -> Result<Vec<u8>, Malformed> {
        let mut bytes = Vec::new();
        unpack(packed, length, &mut bytes).map(|()| bytes)
    }

    #[test]
    fn literals_and_references_are_unpacked() {
        assert_eq!(unpacked(b"", 0), Ok(Vec::new()));
        assert_eq!(unpacked(b"\x02abc", 3), Ok(b"abc".to_vec()));
        assert_eq!(unpacked(b"\x02abc\x20\x02", 6), Ok(b"abcabc".to_vec()));
        // Seven, the byte behind it and two: a run of "a".
        assert_eq!(unpacked(b"\x00a\xe0\x08\x00", 18), Ok(b"a".repeat(18)));
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for (packed, length) in [
            (&b"\x02ab"[..], 2),
            (b"\x02abc", 4),
            (b"\x02abc", 2),
            (b"\x00a\x20\x01", 4),
            (b"\x00a\x20", 4),
            (b"\x00a\xe0", 4),
            (b"\x00a\xe0\xff\x00", u64::MAX),
        ] {
            assert_eq!(unpacked(packed, length), Err(Malformed), "{packed:?}");
        }
    }
}
