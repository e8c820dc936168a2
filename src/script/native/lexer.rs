//! Tokens of Lua 5.1, with the line each one ends on.
//!
//! The lexer accepts a little less than Lua does and never more: what it refuses runs in Lua,
//! which then says what is wrong. Words that no native script needs (`while`, `function`) are
//! refused by the parser, so they are words here.

use super::number;
use super::{Line, NotNative};

/// One token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'s> {
    /// A name or a reserved word.
    Word(&'s str),
    Number(f64),
    Text(Box<[u8]>),
    /// An operator or a bracket.
    Symbol(&'static str),
    End,
}

/// Reads tokens off a script.
pub(super) struct Lexer<'s> {
    source: &'s [u8],
    at: usize,
    line: Line,
}

impl<'s> Lexer<'s> {
    pub(super) fn new(source: &'s [u8]) -> Lexer<'s> {
        Lexer {
            source,
            at: 0,
            line: 1,
        }
    }

    /// The line on which the last token ended.
    pub(super) fn line(&self) -> Line {
        self.line
    }

    pub(super) fn token(&mut self) -> Result<Token<'s>, NotNative> {
        self.skip_blanks_and_comments()?;
        let Some(first) = self.peek(0) else {
            return Ok(Token::End);
        };
        match first {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(),
            b'0'..=b'9' => self.number(),
            b'.' if self.peek(1).is_some_and(|byte| byte.is_ascii_digit()) => self.number(),
            b'"' | b'\'' => self.quoted(first),
            b'[' if matches!(self.peek(1), Some(b'[' | b'=')) => {
                let Some(level) = self.long_bracket_level() else {
                    return Err(self.refuse("a long bracket is not complete"));
                };
                self.long_bracket(level).map(Token::Text)
            }
            _ => self.symbol(),
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.source.get(self.at + ahead).copied()
    }

    fn refuse(&self, reason: impl Into<String>) -> NotNative {
        NotNative {
            line: self.line,
            reason: reason.into(),
        }
    }

    /// Steps over one line end: LF, CR, CR LF or LF CR.
    fn skip_line_end(&mut self) {
        let first = self.peek(0);
        self.at += 1;
        if matches!(self.peek(0), Some(b'\n' | b'\r')) && self.peek(0) != first {
            self.at += 1;
        }
        self.line += 1;
    }

    fn skip_blanks_and_comments(&mut self) -> Result<(), NotNative> {
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b'\n' | b'\r'), _) => self.skip_line_end(),
                (Some(b' ' | b'\t' | 0x0b | 0x0c), _) => self.at += 1,
                (Some(b'-'), Some(b'-')) => {
                    self.at += 2;
                    match self.long_bracket_level() {
                        Some(level) => {
                            self.long_bracket(level)?;
                        }
                        None => {
                            while !matches!(self.peek(0), None | Some(b'\n' | b'\r')) {
                                self.at += 1;
                            }
                        }
                    }
                }
                _ => return Ok(()),
            }
        }
    }

    fn word(&mut self) -> Result<Token<'s>, NotNative> {
        let start = self.at;
        while self
            .peek(0)
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            self.at += 1;
        }
        let word = self.source.get(start..self.at).unwrap_or_default();
        match std::str::from_utf8(word) {
            Ok(word) => Ok(Token::Word(word)),
            Err(_) => Err(self.refuse("a name is not plain ASCII")),
        }
    }

    /// Digits and dots, an exponent with its sign, then anything alphanumeric: what belongs to
    /// the number in Lua's eyes, right or wrong.
    fn number(&mut self) -> Result<Token<'s>, NotNative> {
        let start = self.at;
        while self
            .peek(0)
            .is_some_and(|byte| byte.is_ascii_digit() || byte == b'.')
        {
            self.at += 1;
        }
        if matches!(self.peek(0), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(0), Some(b'+' | b'-')) {
                self.at += 1;
            }
        }
        while self
            .peek(0)
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            self.at += 1;
        }
        let digits = self.source.get(start..self.at).unwrap_or_default();
        number::parse(digits)
            .map(Token::Number)
            .ok_or_else(|| self.refuse("a number is malformed"))
    }

    fn quoted(&mut self, quote: u8) -> Result<Token<'s>, NotNative> {
        let mut text = Vec::new();
        self.at += 1;
        loop {
            match self.peek(0) {
                None | Some(b'\n' | b'\r') => return Err(self.refuse("a string has no end")),
                Some(byte) if byte == quote => {
                    self.at += 1;
                    return Ok(Token::Text(text.into()));
                }
                Some(b'\\') => {
                    self.at += 1;
                    text.push(self.escape()?);
                }
                Some(byte) => {
                    self.at += 1;
                    text.push(byte);
                }
            }
        }
    }

    /// What stands behind a backslash.
    fn escape(&mut self) -> Result<u8, NotNative> {
        let Some(byte) = self.peek(0) else {
            return Err(self.refuse("a string has no end"));
        };
        if matches!(byte, b'\n' | b'\r') {
            self.skip_line_end();
            return Ok(b'\n');
        }
        if byte.is_ascii_digit() {
            let mut code = 0_u32;
            for _ in 0..3 {
                let Some(digit) = self.peek(0).filter(u8::is_ascii_digit) else {
                    break;
                };
                code = code * 10 + u32::from(digit - b'0');
                self.at += 1;
            }
            return u8::try_from(code).map_err(|_| self.refuse("an escape is over 255"));
        }
        self.at += 1;
        Ok(match byte {
            b'a' => 0x07,
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 0x0b,
            other => other,
        })
    }

    /// The number of `=` in a `[==[` that begins here; nothing is consumed.
    fn long_bracket_level(&self) -> Option<usize> {
        if self.peek(0) != Some(b'[') {
            return None;
        }
        let mut level = 0;
        while self.peek(1 + level) == Some(b'=') {
            level += 1;
        }
        (self.peek(1 + level) == Some(b'[')).then_some(level)
    }

    fn long_bracket(&mut self, level: usize) -> Result<Box<[u8]>, NotNative> {
        let mut text = Vec::new();
        self.at += level + 2;
        if matches!(self.peek(0), Some(b'\n' | b'\r')) {
            self.skip_line_end();
        }
        loop {
            match self.peek(0) {
                None => return Err(self.refuse("a long bracket has no end")),
                Some(b']') if self.closes_long_bracket(level) => {
                    self.at += level + 2;
                    return Ok(text.into());
                }
                // Lua 5.1 rejects the nesting that Lua 5.0 had.
                Some(b'[') if level == 0 && self.peek(1) == Some(b'[') => {
                    return Err(self.refuse("[[ inside a long bracket"));
                }
                Some(b'\n' | b'\r') => {
                    self.skip_line_end();
                    text.push(b'\n');
                }
                Some(byte) => {
                    self.at += 1;
                    text.push(byte);
                }
            }
        }
    }

    fn closes_long_bracket(&self, level: usize) -> bool {
        (1..=level).all(|ahead| self.peek(ahead) == Some(b'='))
            && self.peek(level + 1) == Some(b']')
    }

    fn symbol(&mut self) -> Result<Token<'s>, NotNative> {
        let rest = self.source.get(self.at..).unwrap_or_default();
        for symbol in SYMBOLS {
            if rest.starts_with(symbol.as_bytes()) {
                self.at += symbol.len();
                return Ok(Token::Symbol(symbol));
            }
        }
        let byte = rest.first().copied().unwrap_or_default();
        Err(self.refuse(format!(
            "'{}' is not in the native subset",
            byte.escape_ascii()
        )))
    }
}

/// Longer symbols before their prefixes.
const SYMBOLS: [&str; 26] = [
    "...", "..", "==", "~=", "<=", ">=", "<", ">", "=", "+", "-", "*", "/", "%", "^", "#", "(",
    ")", "{", "}", "[", "]", ";", ":", ",", ".",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(source: &str) -> Result<Vec<(Token<'_>, Line)>, NotNative> {
        let mut lexer = Lexer::new(source.as_bytes());
        let mut tokens = Vec::new();
        loop {
            match lexer.token()? {
                Token::End => return Ok(tokens),
                token => tokens.push((token, lexer.line())),
            }
        }
    }

    fn text(source: &str) -> Option<Vec<u8>> {
        match tokens(source).ok()?.as_slice() {
            [(Token::Text(text), _)] => Some(text.to_vec()),
            _ => None,
        }
    }

    #[test]
    fn every_quote_form_gives_the_same_text() {
        for source in [
            "\"get\"",
            "'get'",
            "[[get]]",
            "[==[get]==]",
            "[[\nget]]",
            "'\\103e\\t'",
        ] {
            let expected: &[u8] = if source.contains("\\t") {
                b"ge\t"
            } else {
                b"get"
            };
            assert_eq!(text(source).as_deref(), Some(expected), "{source}");
        }
    }

    #[test]
    fn line_ends_of_every_kind_count_once() {
        let lines: Vec<_> = tokens("a\nb\r\nc\n\rd\re")
            .unwrap()
            .into_iter()
            .map(|(_, line)| line)
            .collect();
        assert_eq!(lines, [1, 2, 3, 4, 5]);
    }

    #[test]
    fn comments_are_skipped() {
        let source = "a -- x\n--[[ b\n]] c --[=x d\n--[==[ ]] ]==] e";
        let words: Vec<_> = tokens(source).unwrap();
        assert_eq!(
            words,
            [
                (Token::Word("a"), 1),
                (Token::Word("c"), 3),
                (Token::Word("e"), 4)
            ]
        );
    }

    #[test]
    fn what_lua_rejects_is_refused() {
        for source in [
            "'a", "'a\nb'", "[[a", "[=x", "3x", "1..2", "'\\256'", "[[ [[ ]]", "\0", "é", "$", "!",
        ] {
            assert!(tokens(source).is_err(), "{source}");
        }
    }

    #[test]
    fn numbers_have_the_forms_of_lua() {
        for (source, value) in [
            ("3", 3.0),
            ("3.", 3.0),
            (".5", 0.5),
            ("0x1F", 31.0),
            ("1e3", 1000.0),
            ("5E-1", 0.5),
        ] {
            assert_eq!(
                tokens(source).unwrap(),
                [(Token::Number(value), 1)],
                "{source}"
            );
        }
    }
}
