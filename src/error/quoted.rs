//! What a client sent, as an error shows it.
//!
//! Redis formats its errors with C strings: what follows a zero byte is not shown. The other
//! bytes are shown as they are, which is why `Display` writes one character for each byte.

use std::fmt;

/// How much an error about a command's name shows of it, in bytes.
const SHOWN_BYTES: usize = 128;

/// Bytes of a client inside of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quoted(Box<[u8]>);

impl Quoted {
    /// All of `bytes` before the first zero byte.
    pub fn whole(bytes: &[u8]) -> Quoted {
        Quoted(before_zero(bytes).into())
    }

    /// As [`Quoted::whole`], and at most 128 bytes.
    pub fn cut(bytes: &[u8]) -> Quoted {
        let bytes = before_zero(bytes);
        Quoted(bytes[..bytes.len().min(SHOWN_BYTES)].into())
    }

    /// Each argument in quotes with a blank behind it. No more begin after 128 bytes, and the last
    /// one is cut there, before its closing quote.
    pub fn arguments(arguments: &[&[u8]]) -> Quoted {
        let mut shown = Vec::new();
        for argument in arguments {
            if shown.len() >= SHOWN_BYTES {
                break;
            }
            let argument = before_zero(argument);
            let room = SHOWN_BYTES - shown.len();
            shown.push(b'\'');
            shown.extend_from_slice(&argument[..argument.len().min(room)]);
            shown.extend_from_slice(b"' ");
        }
        Quoted(shown.into())
    }
}

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| fmt::Write::write_char(f, char::from(*byte)))
    }
}

fn before_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::line_of;

    #[test]
    fn every_byte_but_line_ends_comes_back_as_it_came() {
        let all: Vec<u8> = (1..=255).collect();
        let mut expected = all.clone();
        expected[usize::from(b'\r') - 1] = b' ';
        expected[usize::from(b'\n') - 1] = b' ';
        assert_eq!(line_of(&Quoted::whole(&all)), expected);
    }

    #[test]
    fn a_zero_byte_ends_what_is_shown() {
        assert_eq!(Quoted::whole(b"ab\0cd"), Quoted::whole(b"ab"));
        assert_eq!(Quoted::cut(b"\0cd"), Quoted::cut(b""));
        assert_eq!(Quoted::arguments(&[b"a\0b", b"c"]).to_string(), "'a' 'c' ");
    }

    #[test]
    fn names_are_cut_at_128_bytes_and_other_words_are_not() {
        let long = [b'a'; 200];
        assert_eq!(Quoted::cut(&long).to_string(), "a".repeat(128));
        assert_eq!(Quoted::whole(&long).to_string(), "a".repeat(200));
    }

    #[test]
    fn arguments_are_shown_until_128_bytes_are_full() {
        let long = [b'a'; 100];
        let shown = Quoted::arguments(&[&long, &long, b"more"]).to_string();
        let expected = format!("'{}' '{}' ", "a".repeat(100), "a".repeat(25));
        assert_eq!(shown, expected);
    }
}
