//! Inline commands: a line of words as a person types it, with quotes and escapes.
//!
//! The rules are those of Redis, whose splitter works on C strings: the line handed in here has
//! no line end, and no NUL either, because the parser never sees a line end behind one. Words are
//! copied, as an escape makes a word shorter than what was typed.

use super::request::Span;
use crate::error::ProtocolError;

/// Splits `line` into words: their bytes are appended to `bytes`, where each lies to `spans`.
///
/// Quotes may open inside a word (`a"b c"` is one word), but nothing may follow a closing quote.
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
        let blanks = rest.iter().take_while(|&&byte| is_space(byte)).count();
        rest = rest.get(blanks..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(());
        }
        let start = bytes.len();
        rest = word(rest, bytes)?;
        let span = Span::new(start, bytes.len()).ok_or(ProtocolError::InlineTooLong)?;
        spans.push(span);
    }
}

/// Takes one word off the front of `rest` and returns what is left.
fn word<'a>(mut rest: &'a [u8], bytes: &mut Vec<u8>) -> Result<&'a [u8], ProtocolError> {
    loop {
        match rest {
            // Redis ends a bare word at four blanks only: a vertical tab or a form feed is skipped
            // before a word, and allowed behind a quote, but inside a word it is a letter.
            [] | [b' ' | b'\t' | b'\r' | b'\n', ..] => return Ok(rest),
            [b'"', quoted @ ..] => return closed(double_quoted(quoted, bytes)?),
            [b'\'', quoted @ ..] => return closed(single_quoted(quoted, bytes)?),
            [byte, behind @ ..] => {
                bytes.push(*byte);
                rest = behind;
            }
        }
    }
}

/// Reads up to the closing double quote and returns what stands behind it.
fn double_quoted<'a>(mut rest: &'a [u8], bytes: &mut Vec<u8>) -> Result<&'a [u8], ProtocolError> {
    loop {
        let (byte, behind) = match rest {
            [b'"', behind @ ..] => return Ok(behind),
            [b'\\', b'x', digits @ ..] => hexadecimal(digits).unwrap_or((b'x', digits)),
            [b'\\', escaped, behind @ ..] => (unescaped(*escaped), behind),
            [byte, behind @ ..] => (*byte, behind),
            [] => return Err(ProtocolError::UnbalancedQuotes),
        };
        bytes.push(byte);
        rest = behind;
    }
}

/// Reads up to the closing single quote, in which only that quote can be escaped.
fn single_quoted<'a>(mut rest: &'a [u8], bytes: &mut Vec<u8>) -> Result<&'a [u8], ProtocolError> {
    loop {
        let (byte, behind) = match rest {
            [b'\'', behind @ ..] => return Ok(behind),
            [b'\\', b'\'', behind @ ..] => (b'\'', behind),
            [byte, behind @ ..] => (*byte, behind),
            [] => return Err(ProtocolError::UnbalancedQuotes),
        };
        bytes.push(byte);
        rest = behind;
    }
}

/// Checks that a closing quote ends its word.
fn closed(rest: &[u8]) -> Result<&[u8], ProtocolError> {
    match rest.first() {
        Some(&byte) if !is_space(byte) => Err(ProtocolError::UnbalancedQuotes),
        _ => Ok(rest),
    }
}

/// The byte that two hexadecimal digits at the front of `rest` name, and what follows them.
fn hexadecimal(rest: &[u8]) -> Option<(u8, &[u8])> {
    let [high, low, behind @ ..] = rest else {
        return None;
    };
    let high = char::from(*high).to_digit(16)?;
    let low = char::from(*low).to_digit(16)?;
    Some((u8::try_from(high * 16 + low).ok()?, behind))
}

/// What a letter behind a backslash stands for; most stand for themselves.
fn unescaped(letter: u8) -> u8 {
    match letter {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

/// The six blanks of C's `isspace`; Rust's own test leaves out the vertical tab.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
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
