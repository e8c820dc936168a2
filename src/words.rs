//! The words of a line, split as Redis splits them: an inline command, a line of a configuration.
//!
//! Words are separated by blanks. `"..."` understands `\n \r \t \b \a`, `\xHH` and `\` before any
//! other byte; `'...'` understands `\'` alone. Quotes may open inside a word (`a"b c"` is one
//! word), but a closing quote ends it: a blank or the end of the line must follow. Everything is
//! bytes. Words are copied, as an escape makes a word shorter than what was typed.

/// The quotes of a line do not pair, or something other than a blank follows a closing quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnbalancedQuotes;

/// The words of `line`; an empty line has none.
///
/// # Errors
/// [`UnbalancedQuotes`].
pub fn all(line: &[u8]) -> Result<Vec<Vec<u8>>, UnbalancedQuotes> {
    let mut words = Vec::new();
    let mut word = Vec::new();
    let mut rest = line;
    while let Some(behind) = take(rest, &mut word)? {
        words.push(std::mem::take(&mut word));
        rest = behind;
    }
    Ok(words)
}

/// Appends the first word of `line` to `word`, and returns what is left; `None` if there is none.
///
/// # Errors
/// [`UnbalancedQuotes`]; a part of the word may have been appended.
pub fn take<'a>(line: &'a [u8], word: &mut Vec<u8>) -> Result<Option<&'a [u8]>, UnbalancedQuotes> {
    let blanks = line.iter().take_while(|&&byte| is_blank(byte)).count();
    let mut rest = line.get(blanks..).unwrap_or_default();
    if rest.is_empty() {
        return Ok(None);
    }
    loop {
        match rest {
            // Redis ends a bare word at four blanks only: a vertical tab or a form feed is skipped
            // before a word, and allowed behind a quote, but inside a word it is a letter.
            [] | [b' ' | b'\t' | b'\r' | b'\n', ..] => return Ok(Some(rest)),
            [b'"', quoted @ ..] => return closed(double_quoted(quoted, word)?).map(Some),
            [b'\'', quoted @ ..] => return closed(single_quoted(quoted, word)?).map(Some),
            [byte, behind @ ..] => {
                word.push(*byte);
                rest = behind;
            }
        }
    }
}

/// Reads up to the closing double quote and returns what stands behind it.
fn double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], UnbalancedQuotes> {
    loop {
        let (byte, behind) = match rest {
            [b'"', behind @ ..] => return Ok(behind),
            [b'\\', b'x', digits @ ..] => hexadecimal(digits).unwrap_or((b'x', digits)),
            [b'\\', escaped, behind @ ..] => (unescaped(*escaped), behind),
            [byte, behind @ ..] => (*byte, behind),
            [] => return Err(UnbalancedQuotes),
        };
        word.push(byte);
        rest = behind;
    }
}

/// Reads up to the closing single quote, in which only that quote can be escaped.
fn single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], UnbalancedQuotes> {
    loop {
        let (byte, behind) = match rest {
            [b'\'', behind @ ..] => return Ok(behind),
            [b'\\', b'\'', behind @ ..] => (b'\'', behind),
            [byte, behind @ ..] => (*byte, behind),
            [] => return Err(UnbalancedQuotes),
        };
        word.push(byte);
        rest = behind;
    }
}

/// Checks that a closing quote ends its word.
fn closed(rest: &[u8]) -> Result<&[u8], UnbalancedQuotes> {
    match rest.first() {
        Some(&byte) if !is_blank(byte) => Err(UnbalancedQuotes),
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
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_split_as_redis_splits_them() {
        let rows: [(&[u8], &[&[u8]]); 11] = [
            (b"", &[]),
            (b" \t ", &[]),
            (b"port 6379", &[b"port", b"6379"]),
            (b"\t DataBases\t\"\\x35\" ", &[b"DataBases", b"5"]),
            (b"save \"\"", &[b"save", b""]),
            (
                br#"a "\n\r\t\b\a\"\\\q\xZ1""#,
                &[b"a", b"\n\r\t\x08\x07\"\\qxZ1"],
            ),
            (br"a 'it\'s \n'", &[b"a", br"it's \n"]),
            (br#"ab"cd" e"#, &[b"abcd", b"e"]),
            (b"a # b", &[b"a", b"#", b"b"]),
            (b"a\x0b \x0b\xff", &[b"a\x0b", b"\xff"]),
            (b"a b\\ c", &[b"a", b"b\\", b"c"]),
        ];
        for (line, expected) in rows {
            assert_eq!(all(line).unwrap(), expected, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn hostile_lines_split_as_recorded() {
        let recorded = include_str!("../tests/data/split-7.0.15.txt");
        let bytes = |text: &str| -> Vec<u8> { text.chars().map(|c| c as u8).collect() };
        let mut lines = 0;
        for exchange in recorded.lines().filter(|line| !line.starts_with("# ")) {
            let (line, expected) = exchange.split_once('\t').unwrap();
            let line: String = serde_json::from_str(line).unwrap();
            let expected: Option<Vec<String>> = serde_json::from_str(expected).unwrap();
            let expected = expected.map(|words| words.iter().map(|word| bytes(word)).collect());
            assert_eq!(all(&bytes(&line)).ok(), expected, "{line:?}");
            lines += 1;
        }
        assert_eq!(lines, 300);
    }

    #[test]
    fn quotes_that_do_not_pair_are_refused() {
        for line in [
            r#"a "b"#,
            "a 'b",
            r#"a "b"c"#,
            "a 'b'c",
            r#"a "b\"#,
            r#"a "b\""#,
        ] {
            assert_eq!(all(line.as_bytes()), Err(UnbalancedQuotes), "{line}");
        }
    }
}
