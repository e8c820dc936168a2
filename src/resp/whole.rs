//! The short way to read a request: one that is all there, in the form that every client sends.
//!
//! Where the short way answers, [`Parser`](super::request::Parser) finds the same arguments; where
//! it does not, the parser is asked, which knows everything that a request can be.

use super::request::{Arguments, Limits};

/// The most arguments that the short way reads.
const ARGUMENTS: usize = 8;
/// The longest argument that it reads, in bytes: three digits.
const BULK_BYTES: u64 = 999;
/// The longest header with three digits and what ends it, and the shortest argument with its header
/// and end are as long.
const WINDOW: usize = 8;

/// Whether these limits leave the short way nothing to check.
pub fn is_enough(limits: &Limits) -> bool {
    limits.authenticated && limits.bulk_bytes >= BULK_BYTES && limits.arguments >= ARGUMENTS as u64
}

/// The request at the start of `buffer` and its length in bytes, if it is short, well-formed and all
/// there. Right only where the limits are [enough](is_enough).
#[inline]
pub fn whole(buffer: &[u8]) -> Option<(Arguments<'_>, usize)> {
    let [b'*', count @ b'1'..=b'8', b'\r', _, ..] = buffer else {
        return None;
    };
    let count = usize::from(count - b'0');
    let mut arguments: [&[u8]; ARGUMENTS] = [&[]; ARGUMENTS];
    let mut position = 4;
    for argument in &mut arguments[..count] {
        let (start, end) = bulk(buffer, position)?;
        *argument = buffer.get(start..end)?;
        position = end + 2;
    }
    (position <= buffer.len()).then(|| (Arguments::from_buf_and_len(arguments, count), position))
}

/// Where the argument lies whose header begins at `position`.
#[inline]
fn bulk(buffer: &[u8], position: usize) -> Option<(usize, usize)> {
    let window: &[u8; WINDOW] = buffer.get(position..)?.first_chunk()?;
    let digit = |byte: u8| usize::from(byte.wrapping_sub(b'0'));
    let (header, length) = match *window {
        [b'$', a, b'\r', ..] if digit(a) <= 9 => (4, digit(a)),
        [b'$', a @ b'1'..=b'9', b, b'\r', ..] if digit(b) <= 9 => (5, digit(a) * 10 + digit(b)),
        [b'$', a @ b'1'..=b'9', b, c, b'\r', ..] if digit(b) <= 9 && digit(c) <= 9 => {
            (6, digit(a) * 100 + digit(b) * 10 + digit(c))
        }
        _ => return None,
    };
    let start = position + header;
    Some((start, start + length))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::hostile::request_bytes;
    use super::super::request::{Parser, Progress};
    use super::*;

    /// What the parser makes of the same bytes.
    fn parsed(buffer: &[u8]) -> Option<(Vec<Vec<u8>>, usize)> {
        let mut parser = Parser::default();
        match parser.parse(buffer, &Limits::default()) {
            Ok(Progress::Request { consumed }) => {
                let arguments = parser.arguments(buffer);
                Some((arguments.iter().map(|a| a.to_vec()).collect(), consumed))
            }
            _ => None,
        }
    }

    fn agrees(buffer: &[u8]) -> bool {
        whole(buffer).is_none_or(|(arguments, consumed)| {
            let arguments = arguments.iter().map(|a| a.to_vec()).collect();
            parsed(buffer) == Some((arguments, consumed))
        })
    }

    proptest! {
        #[test]
        fn finds_what_the_parser_finds(
            arguments in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..1100), 1..10),
            behind in prop::collection::vec(any::<u8>(), 0..20),
            cut in any::<prop::sample::Index>(),
            place in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut bytes = request_bytes(&arguments);
            bytes.extend(behind);
            prop_assert!(agrees(&bytes));
            prop_assert!(agrees(&bytes[..cut.index(bytes.len())]));
            let place = place.index(bytes.len());
            bytes[place] = byte;
            prop_assert!(agrees(&bytes));
        }

        #[test]
        fn agrees_with_the_parser_on_bytes_that_look_like_a_request(
            bytes in prop::collection::vec(prop::sample::select(b"*$0123458\r\n-ab".to_vec()), 0..40),
        ) {
            let mut bytes = bytes;
            prop_assert!(agrees(&bytes));
            bytes.splice(0..0, *b"*2\r\n$");
            prop_assert!(agrees(&bytes));
        }
    }

    #[test]
    fn a_lock_request_is_read_the_short_way() {
        let bytes = request_bytes(&[
            b"SET".to_vec(),
            b"lock:order:000000000042".to_vec(),
            vec![b't'; 36],
            b"NX".to_vec(),
            b"PX".to_vec(),
            b"30000".to_vec(),
        ]);
        let (arguments, consumed) = whole(&bytes).expect("a short request");
        assert_eq!((arguments.len(), consumed), (6, bytes.len()));
        assert_eq!(arguments[5], b"30000");
        for length in 0..bytes.len() {
            assert!(whole(&bytes[..length]).is_none());
        }
    }
}
