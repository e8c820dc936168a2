//! Inline commands: a line of words as a person types it, with quotes and escapes.
//!
//! The splitter of Redis works on C strings: the line handed in here has no line end, and no NUL
//! either, because the parser never sees a line end behind one.

use super::request::Span;
use crate::error::ProtocolError;
use crate::words::{self, UnbalancedQuotes};

/// Splits `line` into words: their bytes are appended to `bytes`, where each lies to `spans`.
///
/// # Errors
/// [`ProtocolError::UnbalancedQuotes`] if a quote stays open or a word goes on behind one, and
/// [`ProtocolError::InlineTooLong`] if the words do not fit into 4 GiB.
pub(super) fn split(
    line: &[u8],
    bytes: &mut Vec<u8>,
    spans: &mut Vec<Span>,
) -> Result<(), ProtocolError> {
    let mut rest = line;
    loop {
        let start = bytes.len();
        match words::take(rest, bytes) {
            Ok(Some(behind)) => rest = behind,
            Ok(None) => return Ok(()),
            Err(UnbalancedQuotes) => return Err(ProtocolError::UnbalancedQuotes),
        }
        let span = Span::new(start, bytes.len()).ok_or(ProtocolError::InlineTooLong)?;
        spans.push(span);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &[u8]) -> Result<Vec<Vec<u8>>, ProtocolError> {
        let (mut bytes, mut spans) = (Vec::new(), Vec::new());
        split(line, &mut bytes, &mut spans)?;
        Ok(spans.iter().map(|span| span.of(&bytes).to_vec()).collect())
    }

    #[test]
    fn words_are_split_at_blanks_only() {
        assert_eq!(words(b""), Ok(vec![]));
        assert_eq!(words(b" \t\x0b\x0c\r "), Ok(vec![]));
        assert_eq!(
            words(b"  SET  k\tv "),
            Ok(vec![b"SET".to_vec(), b"k".to_vec(), b"v".to_vec()])
        );
        assert_eq!(words(b"a\x0bb\x0c"), Ok(vec![b"a\x0bb\x0c".to_vec()]));
        assert_eq!(words(b"\xff\xa0"), Ok(vec![b"\xff\xa0".to_vec()]));
    }

    #[test]
    fn every_escape_of_double_quotes_is_known() {
        assert_eq!(
            words(br#""\n\r\t\b\a\x41\xFf\q\\\"'""#),
            Ok(vec![b"\n\r\t\x08\x07A\xffq\\\"'".to_vec()])
        );
        assert_eq!(
            words(br#""\x4" "\x4g" "\xzz""#),
            Ok(vec![b"x4".to_vec(), b"x4g".to_vec(), b"xzz".to_vec()])
        );
        assert_eq!(words(br"a\nb"), Ok(vec![br"a\nb".to_vec()]));
    }

    #[test]
    fn single_quotes_escape_nothing_but_themselves() {
        assert_eq!(words(br#"'\'a\n"'"#), Ok(vec![br#"'a\n""#.to_vec()]));
    }

    #[test]
    fn a_quote_may_open_inside_a_word_and_be_empty() {
        assert_eq!(
            words(br#"a"b c" '' "" x'y z'"#),
            Ok(vec![b"ab c".to_vec(), vec![], vec![], b"xy z".to_vec()])
        );
        assert_eq!(
            words(b"\"a\"\x0b'b'"),
            Ok(vec![b"a".to_vec(), b"b".to_vec()])
        );
    }

    #[test]
    fn an_open_quote_or_a_letter_behind_one_is_unbalanced() {
        let lines: [&[u8]; 9] = [
            b"\"",
            b"'",
            b"\"a",
            b"'a",
            b"\"a\\\"",
            b"'a\\'",
            b"\"a\"b",
            b"'a'b",
            b"a \"b\"'c'",
        ];
        for line in lines {
            assert_eq!(
                words(line),
                Err(ProtocolError::UnbalancedQuotes),
                "{}",
                line.escape_ascii()
            );
        }
        assert_eq!(words(b"\"a\\"), Err(ProtocolError::UnbalancedQuotes));
    }
}
