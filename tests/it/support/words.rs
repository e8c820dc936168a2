//! Words of a transcript's line: plain ones, quoted ones with escapes, and repeated ones.
//!
//! The quoting is that of an inline command: in `"..."` the escapes `\n \r \t \a \b \" \\ \xHH`,
//! in `'...'` only `\'`. A quoted word may be repeated (`"x"*65600`) and joined to the next with
//! nothing between them.

use std::fmt::Write as _;

/// Reads words off the front of a line.
pub(crate) struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    pub(crate) fn new(line: &'a str) -> Words<'a> {
        Words { rest: line }
    }

    /// All words of `line`, each as its bytes.
    ///
    /// # Errors
    /// A sentence about the quote or escape that is wrong.
    pub(crate) fn all(line: &str) -> Result<Vec<Vec<u8>>, String> {
        let mut words = Words::new(line);
        let mut all = Vec::new();
        while !words.is_empty() {
            all.push(words.word()?);
        }
        Ok(all)
    }

    /// Whether nothing but blanks is left.
    pub(crate) fn is_empty(&mut self) -> bool {
        self.rest = self.rest.trim_start();
        self.rest.is_empty()
    }

    /// Takes `prefix` if the rest begins with it.
    pub(crate) fn take(&mut self, prefix: &str) -> bool {
        let found = self.rest.strip_prefix(prefix);
        self.rest = found.unwrap_or(self.rest);
        found.is_some()
    }

    /// What is left, as it stands.
    pub(crate) fn rest(&self) -> &'a str {
        self.rest
    }

    /// Takes everything up to `end`, and `end`.
    pub(crate) fn until(&mut self, end: char) -> Result<&'a str, String> {
        let (found, rest) = self
            .rest
            .split_once(end)
            .ok_or_else(|| format!("no '{end}' in {}", self.rest))?;
        self.rest = rest;
        Ok(found)
    }

    /// The next word: plain up to a blank, or quoted parts.
    pub(crate) fn word(&mut self) -> Result<Vec<u8>, String> {
        self.rest = self.rest.trim_start();
        let mut bytes = Vec::new();
        while let Some(first) = self.rest.chars().next() {
            match first {
                ' ' => break,
                '"' | '\'' => {
                    self.rest = &self.rest[1..];
                    let part = self.quoted_part(first)?;
                    let times = self.repetition()?;
                    bytes.extend_from_slice(&part.repeat(times));
                }
                plain => {
                    self.rest = &self.rest[plain.len_utf8()..];
                    bytes.extend_from_slice(plain.encode_utf8(&mut [0; 4]).as_bytes());
                }
            }
        }
        Ok(bytes)
    }

    /// The next word, which must be one quoted part; what follows is left.
    pub(crate) fn word_in_quotes(&mut self) -> Result<Vec<u8>, String> {
        if self.take("\"") {
            self.quoted_part('"')
        } else {
            Err(format!("no quoted text in {}", self.rest))
        }
    }

    fn quoted_part(&mut self, quote: char) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        loop {
            let mut chars = self.rest.chars();
            let character = chars.next().ok_or("a quote that is not closed")?;
            self.rest = chars.as_str();
            match character {
                end if end == quote => return Ok(bytes),
                '\\' if quote == '\'' => {
                    bytes.push(if self.take("'") { b'\'' } else { b'\\' });
                }
                '\\' => bytes.push(self.escape()?),
                other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
    }

    fn escape(&mut self) -> Result<u8, String> {
        let mut chars = self.rest.chars();
        let escaped = chars.next().ok_or("a backslash at the end")?;
        self.rest = chars.as_str();
        Ok(match escaped {
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'a' => 7,
            'b' => 8,
            '"' | '\\' => escaped as u8,
            'x' => {
                let digits = self.rest.get(..2).ok_or("\\x without two digits")?;
                self.rest = &self.rest[2..];
                u8::from_str_radix(digits, 16).map_err(|_| format!("\\x{digits} is no byte"))?
            }
            other => return Err(format!("\\{other} is no escape")),
        })
    }

    fn repetition(&mut self) -> Result<usize, String> {
        if !self.take("*") {
            return Ok(1);
        }
        let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (count, rest) = self.rest.split_at(digits);
        self.rest = rest;
        count.parse().map_err(|_| format!("{count:?} is no count"))
    }
}

/// Whether `bytes` can stand as a word without quotes.
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    let inner = |byte: &u8| byte.is_ascii_graphic() && !b"\"\\".contains(byte);
    !bytes.is_empty() && bytes.iter().all(inner) && bytes[0] != b'<'
}

/// `bytes` in double quotes, with escapes for whatever a line of ASCII text cannot hold.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for byte in bytes {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(*byte));
            }
            b' '..=b'~' => out.push(char::from(*byte)),
            other => {
                let _ = write!(out, "\\x{other:02x}");
            }
        }
    }
    out.push('"');
    out
}

#[test]
fn words_are_split_as_an_inline_command_is() {
    let line = r#"SET 'it\'s' "a b\x00\"\r\n" plain "x"*3"yz" '' "#;
    let expected: [&[u8]; 6] = [b"SET", b"it's", b"a b\0\"\r\n", b"plain", b"xxxyz", b""];
    assert_eq!(Words::all(line).unwrap(), expected);
    assert!(Words::all("\"open").is_err());
    assert!(Words::all(r#""\q""#).is_err());
}

#[test]
fn quoted_bytes_are_read_back_as_they_were() {
    let bytes: Vec<u8> = (0..=255).collect();
    assert_eq!(Words::all(&quoted(&bytes)).unwrap(), [bytes]);
}
