//! One line of a configuration file, split into words as Redis splits it.
//!
//! Words are separated by blanks. `"..."` understands `\n \r \t \b \a`, `\xHH` and `\` before any
//! other byte; `'...'` understands `\'` alone. A closing quote ends its word: a blank or the end of
//! the line must follow. Everything is bytes.

/// The quotes of a line do not pair, or something other than a blank follows a closing quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnbalancedQuotes;

/// Splits `line` into words; an empty line has none.
pub(crate) fn words(line: &[u8]) -> Result<Vec<Vec<u8>>, UnbalancedQuotes> {
    let mut rest = line;
    let mut words = Vec::new();
    loop {
        while let [blank, after @ ..] = rest
            && is_blank(*blank)
        {
            rest = after;
        }
        if rest.is_empty() {
            return Ok(words);
        }
        let mut word = Vec::new();
        rest = take_word(rest, &mut word)?;
        words.push(word);
    }
}

/// Moves one word into `word` and returns what follows it.
fn take_word<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], UnbalancedQuotes> {
    loop {
        match rest {
            [] => return Ok(rest),
            [byte, ..] if ends_word(*byte) => return Ok(rest),
            [b'"', quoted @ ..] => return end_of_quote(take_double_quoted(quoted, word)?),
            [b'\'', quoted @ ..] => return end_of_quote(take_single_quoted(quoted, word)?),
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
        }
    }
}

fn take_double_quoted<'a>(
    mut rest: &'a [u8],
    word: &mut Vec<u8>,
) -> Result<&'a [u8], UnbalancedQuotes> {
    loop {
        let (byte, after) = match rest {
            [] => return Err(UnbalancedQuotes),
            [b'"', after @ ..] => return Ok(after),
            [b'\\', b'x', high, low, after @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                (hex(*high) << 4 | hex(*low), after)
            }
            [b'\\', escaped, after @ ..] => (unescape(*escaped), after),
            [byte, after @ ..] => (*byte, after),
        };
        word.push(byte);
        rest = after;
    }
}

fn take_single_quoted<'a>(
    mut rest: &'a [u8],
    word: &mut Vec<u8>,
) -> Result<&'a [u8], UnbalancedQuotes> {
    loop {
        let (byte, after) = match rest {
            [] => return Err(UnbalancedQuotes),
            [b'\'', after @ ..] => return Ok(after),
            [b'\\', b'\'', after @ ..] => (b'\'', after),
            [byte, after @ ..] => (*byte, after),
        };
        word.push(byte);
        rest = after;
    }
}

fn end_of_quote(rest: &[u8]) -> Result<&[u8], UnbalancedQuotes> {
    match rest {
        [byte, ..] if !is_blank(*byte) => Err(UnbalancedQuotes),
        _ => Ok(rest),
    }
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

/// The value of an ASCII hexadecimal digit.
fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// What ends a bare word: Redis takes a form feed and a vertical tab inside a word for letters.
fn ends_word(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// What C calls white space: a vertical tab too.
fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
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
            assert_eq!(words(line).unwrap(), expected, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn hostile_lines_split_as_recorded() {
        let recorded = include_str!("../../tests/data/split-7.0.15.txt");
        let bytes = |text: &str| -> Vec<u8> { text.chars().map(|c| c as u8).collect() };
        let mut lines = 0;
        for exchange in recorded.lines().filter(|line| !line.starts_with("# ")) {
            let (line, expected) = exchange.split_once('\t').unwrap();
            let line: String = serde_json::from_str(line).unwrap();
            let expected: Option<Vec<String>> = serde_json::from_str(expected).unwrap();
            let expected = expected.map(|words| words.iter().map(|word| bytes(word)).collect());
            assert_eq!(words(&bytes(&line)).ok(), expected, "{line:?}");
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
            assert_eq!(words(line.as_bytes()), Err(UnbalancedQuotes), "{line}");
        }
    }
}
