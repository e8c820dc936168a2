//! What stands behind the last good record of a file: nothing, or records that would be lost.
//!
//! Whoever takes the rest of a file for unused or for the beginning of a record throws it away. So
//! it is searched for records first: their beginning, `*N\r\n$`, is nowhere in space that was not
//! used and in no record but inside of a value.

use std::io::{self, Read};

use super::window::Window;

/// What is behind an offset at which a zero byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// Space that was not used. So many bytes at its beginning were written, but the first one: as
    /// the writer writes it last, what they hold was never declared valid.
    Unused { uncommitted_bytes: u64 },
    /// Records.
    Records,
}

/// Reads the rest of the file.
pub(super) fn examine<R: Read>(window: &mut Window<R>) -> io::Result<Tail> {
    let mut search = Search::new();
    let mut uncommitted_bytes = 0;
    let begin = window.offset();
    loop {
        let bytes = window.bytes();
        if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
            if search.finds_record(&bytes[..=last]) {
                return Ok(Tail::Records);
            }
            uncommitted_bytes = window.offset() - begin + last as u64 + 1;
        }
        window.consume(bytes.len());
        if !window.more()? {
            return Ok(Tail::Unused { uncommitted_bytes });
        }
    }
}

/// Whether a record begins behind the first byte of `bytes`.
pub(super) fn hides_record(bytes: &[u8]) -> bool {
    Search::new().finds_record(bytes.get(1..).unwrap_or_default())
}

/// A search for the beginning of a record, which may go on in the next bytes.
struct Search(State);

#[derive(Clone, Copy)]
enum State {
    Nothing,
    Star,
    Digits,
    Return,
    LineEnd,
}

impl Search {
    fn new() -> Search {
        Search(State::Nothing)
    }

    fn finds_record(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes {
            self.0 = match (self.0, byte) {
                (_, b'*') => State::Star,
                (State::Star | State::Digits, b'0'..=b'9') => State::Digits,
                (State::Digits, b'\r') => State::Return,
                (State::Return, b'\n') => State::LineEnd,
                (State::LineEnd, b'$') => return true,
                _ => State::Nothing,
            };
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(bytes: &[u8]) -> Tail {
        examine(&mut Window::new(bytes)).unwrap()
    }

    #[test]
    fn zeros_to_the_end_are_unused() {
        for length in [0, 1, 4096, 1_000_000] {
            let expected = Tail::Unused {
                uncommitted_bytes: 0,
            };
            assert_eq!(tail(&vec![0; length]), expected);
        }
    }

    #[test]
    fn a_record_without_its_first_byte_was_never_valid() {
        let record = b"\x003\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n";
        let expected = Tail::Unused {
            uncommitted_bytes: record.len() as u64,
        };
        assert_eq!(tail(record), expected);
        assert_eq!(tail(&[&record[..], &[0; 300_000]].concat()), expected);
        // However much of it had been copied, and in whichever order.
        for from in 1..record.len() - 1 {
            let mut torn = record.to_vec();
            torn[1..from].fill(0);
            assert_eq!(tail(&torn), expected);
        }
    }

    #[test]
    fn a_record_behind_zeros_is_found_wherever_it_stands() {
        let record = b"*1\r\n$8\r\nFLUSHALL\r\n";
        for zeros in [1, 262_140, 262_141, 262_142, 262_143, 262_144, 600_000] {
            let bytes = [&vec![0; zeros], &record[..], &[0; 10]].concat();
            assert_eq!(tail(&bytes), Tail::Records, "{zeros}");
        }
    }

    #[test]
    fn only_a_whole_beginning_is_a_record() {
        assert!(hides_record(b"*1\r\n**12\r\n$"));
        for other in [
            "*1\r\n$3\r\n",
            "x*\r\n$",
            "x*1\n$",
            "x*1\r\n#",
            "x1\r\n$",
            "",
        ] {
            assert!(!hides_record(other.as_bytes()), "{other}");
        }
    }
}
