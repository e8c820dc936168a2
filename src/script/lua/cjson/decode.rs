//! `cjson.decode`: JSON text as a Lua value.
//!
//! The lexer takes more than JSON where the settings allow it (`nan`, `inf`, hexadecimal), and
//! every refusal names what was found and the character at which it stands, counted from 1.

use super::super::number::parse_prefix;
use super::super::stack::{Outcome, Raise, Stack};
use super::{NESTING_MAX, Setting, setting};

/// What a token is counted for, beside its bytes.
const TOKEN_UNITS: usize = 32;

/// Bytes of a string between two looks.
const PIECE_BYTES: usize = 1 << 12;

/// What the lexer finds.
#[derive(Debug)]
enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    String(Vec<u8>),
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    /// No token, and why.
    Error(&'static str),
}

impl Token {
    fn name(&self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::String(_) => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Error(reason) => reason,
        }
    }
}

struct Parser<'s, 'h> {
    stack: &'s Stack<'h>,
    text: &'h [u8],
    at: usize,
    /// Where the last token began.
    token_at: usize,
    takes_invalid_numbers: bool,
    depth: i32,
    depth_max: i32,
}

/// `cjson.decode(text)`
pub(super) fn decode(stack: &Stack) -> Outcome {
    if stack.top() != 1 {
        return Err(Raise::argument(1, "expected 1 argument"));
    }
    let text = stack.check_bytes(1)?;
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) {
        return Err(Raise::message(
            "JSON parser does not support UTF-16 or UTF-32",
        ));
    }
    let mut parser = Parser {
        stack,
        text,
        at: 0,
        token_at: 0,
        takes_invalid_numbers: setting(stack, Setting::DecodeInvalid) == 1,
        depth: 0,
        depth_max: setting(stack, Setting::DecodeDepth).min(NESTING_MAX),
    };
    let token = parser.next()?;
    parser.value(token)?;
    match parser.next()? {
        Token::End => Ok(1),
        other => Err(parser.refusal("the end", &other)),
    }
}

impl Parser<'_, '_> {
    fn refusal(&self, expected: &str, found: &Token) -> Raise {
        let character = self.token_at + 1;
        Raise::message(format!(
            "Expected {expected} but found {} at character {character}",
            found.name()
        ))
    }

    /// Pushes the value that begins with `token`.
    fn value(&mut self, token: Token) -> Result<(), Raise> {
        match token {
            Token::String(bytes) => self.stack.push_bytes(&bytes),
            Token::Number(number) => self.stack.push_number(number),
            Token::Boolean(value) => self.stack.push_boolean(value),
            Token::ObjectBegin => self.object()?,
            Token::ArrayBegin => self.array()?,
            Token::Null => self.stack.push_null(),
            other => return Err(self.refusal("value", &other)),
        }
        Ok(())
    }

    fn descend(&mut self) -> Result<(), Raise> {
        self.depth += 1;
        if self.depth <= self.depth_max && self.stack.try_reserve(4) {
            return Ok(());
        }
        let (depth, at) = (self.depth, self.at);
        Err(Raise::message(format!(
            "Found too many nested data structures ({depth}) at character {at}"
        )))
    }

    fn object(&mut self) -> Result<(), Raise> {
        self.descend()?;
        self.stack.push_table(0, 0);
        let mut token = self.next()?;
        if matches!(token, Token::ObjectEnd) {
            self.depth -= 1;
            return Ok(());
        }
        loop {
            let Token::String(key) = token else {
                return Err(self.refusal("object key string", &token));
            };
            self.stack.push_bytes(&key);
            token = self.next()?;
            if !matches!(token, Token::Colon) {
                return Err(self.refusal("colon", &token));
            }
            token = self.next()?;
            self.value(token)?;
            self.stack.set_pair(-3)?;
            match self.next()? {
                Token::ObjectEnd => break,
                Token::Comma => token = self.next()?,
                other => return Err(self.refusal("comma or object end", &other)),
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn array(&mut self) -> Result<(), Raise> {
        self.descend()?;
        self.stack.push_table(0, 0);
        let mut token = self.next()?;
        if matches!(token, Token::ArrayEnd) {
            self.depth -= 1;
            return Ok(());
        }
        for item in 1.. {
            self.value(token)?;
            self.stack.set_item(-2, item);
            match self.next()? {
                Token::ArrayEnd => break,
                Token::Comma => token = self.next()?,
                other => return Err(self.refusal("comma or array end", &other)),
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// The byte `ahead` of the cursor; past the end stands a NUL, as in a C string.
    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn next(&mut self) -> Result<Token, Raise> {
        let before = self.at;
        while matches!(self.peek(0), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        self.stack.work(TOKEN_UNITS + self.at - before)?;
        self.token_at = self.at;
        let single = match self.peek(0) {
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b',' => Token::Comma,
            b':' => Token::Colon,
            0 => return Ok(Token::End),
            _ => return self.long_token(),
        };
        self.at += 1;
        Ok(single)
    }

    fn long_token(&mut self) -> Result<Token, Raise> {
        match self.peek(0) {
            b'"' => self.string(),
            _ => Ok(self.word()),
        }
    }

    fn word(&mut self) -> Token {
        let rest = &self.text[self.at..];
        let first = self.peek(0);
        if first == b'-' || first.is_ascii_digit() {
            return match !self.takes_invalid_numbers && self.is_invalid_number() {
                true => Token::Error("invalid number"),
                false => self.number(),
            };
        }
        for (word, token) in [
            ("true", Token::Boolean(true)),
            ("false", Token::Boolean(false)),
            ("null", Token::Null),
        ] {
            if rest.starts_with(word.as_bytes()) {
                self.at += word.len();
                return token;
            }
        }
        let begins_number = matches!(first, b'i' | b'I' | b'n' | b'N' | b'+');
        if begins_number && self.takes_invalid_numbers && self.is_invalid_number() {
            return self.number();
        }
        Token::Error("invalid token")
    }

    /// Whether what begins here is a number to C but not to JSON.
    fn is_invalid_number(&self) -> bool {
        let mut at = 0;
        match self.peek(0) {
            b'+' => return true,
            b'-' => at = 1,
            _ => {}
        }
        if self.peek(at) == b'0' {
            let second = self.peek(at + 1);
            return second | 0x20 == b'x' || second.is_ascii_digit();
        }
        if self.peek(at) <= b'9' {
            return false;
        }
        let word: Vec<u8> = (0..3)
            .map(|ahead| self.peek(at + ahead).to_ascii_lowercase())
            .collect();
        word == b"inf" || word == b"nan"
    }

    fn number(&mut self) -> Token {
        match parse_prefix(&self.text[self.at..]) {
            Some((number, bytes)) => {
                self.at += bytes;
                Token::Number(number)
            }
            None => Token::Error("invalid number"),
        }
    }

    fn string(&mut self) -> Result<Token, Raise> {
        let mut bytes = Vec::new();
        self.at += 1;
        loop {
            if bytes.len() % PIECE_BYTES == PIECE_BYTES - 1 {
                self.stack.work(4 * PIECE_BYTES)?;
                self.stack.check_room(bytes.len())?;
            }
            match self.peek(0) {
                b'"' => break,
                0 => return Ok(self.error("unexpected end of string")),
                b'\\' => {
                    let plain = match self.peek(1) {
                        byte @ (b'"' | b'\\' | b'/') => byte,
                        b'b' => 0x08,
                        b't' => b'\t',
                        b'n' => b'\n',
                        b'f' => 0x0c,
                        b'r' => b'\r',
                        b'u' => {
                            if !self.unicode_escape(&mut bytes) {
                                return Ok(self.error("invalid unicode escape code"));
                            }
                            continue;
                        }
                        _ => return Ok(self.error("invalid escape code")),
                    };
                    bytes.push(plain);
                    self.at += 2;
                }
                byte => {
                    bytes.push(byte);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        Ok(Token::String(bytes))
    }

    fn error(&mut self, reason: &'static str) -> Token {
        self.token_at = self.at;
        Token::Error(reason)
    }

    /// Reads `\uXXXX`, or two that make a surrogate pair, as UTF-8.
    fn unicode_escape(&mut self, bytes: &mut Vec<u8>) -> bool {
        let Some(first) = self.four_digits(2) else {
            return false;
        };
        let (code, taken) = match first {
            0xdc00..=0xdfff => return false,
            0xd800..=0xdbff => {
                if self.peek(6) != b'\\' || self.peek(7) != b'u' {
                    return false;
                }
                let Some(second @ 0xdc00..=0xdfff) = self.four_digits(8) else {
                    return false;
                };
                (0x1_0000 + ((first & 0x3ff) << 10) + (second & 0x3ff), 12)
            }
            _ => (first, 6),
        };
        let Some(character) = char::from_u32(code) else {
            return false;
        };
        bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        self.at += taken;
        true
    }

    fn four_digits(&self, ahead: usize) -> Option<u32> {
        (0..4).try_fold(0, |code, digit| {
            char::from(self.peek(ahead + digit))
                .to_digit(16)
                .map(|value| code * 16 + value)
        })
    }
}
