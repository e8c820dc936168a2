//! `cjson.encode`: a Lua value as JSON text.

use super::super::number::format_general;
use super::super::stack::{Kind, Outcome, Raise, Stack};
use super::{INVALID_AS_NULL, NESTING_MAX, Setting, setting};

/// What a value is counted for, beside its bytes.
const VALUE_UNITS: usize = 64;

/// Bytes of a string between two looks.
const PIECE_BYTES: usize = 1 << 12;

/// The settings as they stand when encoding begins, and the text so far.
struct Encoder<'s, 'h> {
    stack: &'s Stack<'h>,
    text: Vec<u8>,
    depth_max: i32,
    converts_sparse: bool,
    sparse_ratio: i32,
    sparse_safe: i32,
    precision: usize,
    invalid: i32,
}

/// `cjson.encode(value)`
pub(super) fn encode(stack: &Stack) -> Outcome {
    if stack.top() != 1 {
        return Err(Raise::argument(1, "expected 1 argument"));
    }
    let mut encoder = Encoder {
        stack,
        text: Vec::new(),
        depth_max: setting(stack, Setting::EncodeDepth).min(NESTING_MAX),
        converts_sparse: setting(stack, Setting::SparseConvert) == 1,
        sparse_ratio: setting(stack, Setting::SparseRatio),
        sparse_safe: setting(stack, Setting::SparseSafe),
        precision: usize::try_from(setting(stack, Setting::Precision)).unwrap_or(14),
        invalid: setting(stack, Setting::EncodeInvalid),
    };
    encoder.value(1, 0)?;
    stack.push_bytes(&encoder.text);
    Ok(1)
}

/// What the keys of a table make of it.
enum Shape {
    Array(usize),
    Object,
}

impl Encoder<'_, '_> {
    fn value(&mut self, index: i32, depth: i32) -> Result<(), Raise> {
        self.stack.work(VALUE_UNITS)?;
        self.stack.check_room(self.text.len())?;
        match self.stack.kind(index) {
            Kind::String => self.string(self.stack.bytes(index).unwrap_or_default())?,
            Kind::Number => self.number(index)?,
            Kind::Boolean if self.stack.truth(index) => self.text.extend_from_slice(b"true"),
            Kind::Boolean => self.text.extend_from_slice(b"false"),
            Kind::Table if self.stack.push_real(index) => {
                self.table(self.stack.top(), depth + 1)?;
                self.stack.pop(1);
            }
            Kind::Table => self.table(index, depth + 1)?,
            Kind::Nil => self.text.extend_from_slice(b"null"),
            Kind::LightUserdata if self.stack.is_null(index) => {
                self.text.extend_from_slice(b"null")
            }
            _ => return Err(self.refusal(index, "type not supported")),
        }
        Ok(())
    }

    fn refusal(&self, index: i32, reason: &str) -> Raise {
        Raise::message(format!(
            "Cannot serialise {}: {reason}",
            self.stack.type_name(index)
        ))
    }

    fn table(&mut self, index: i32, depth: i32) -> Result<(), Raise> {
        if depth > self.depth_max || !self.stack.try_reserve(4) {
            return Err(Raise::message(format!(
                "Cannot serialise, excessive nesting ({depth})"
            )));
        }
        match self.shape(index)? {
            Shape::Array(length) if length > 0 => self.array(index, length, depth),
            _ => self.object(index, depth),
        }
    }

    fn shape(&self, index: i32) -> Result<Shape, Raise> {
        let (mut longest, mut items) = (0.0_f64, 0_i32);
        self.stack.push_nil();
        while self.stack.next(index) {
            self.stack.work(1)?;
            self.stack.pop(1);
            let key = match self.stack.kind(-1) {
                Kind::Number => self
                    .stack
                    .number(-1)
                    .filter(|key| *key >= 1.0 && key.floor() == *key),
                _ => None,
            };
            let Some(key) = key else {
                self.stack.pop(1);
                return Ok(Shape::Object);
            };
            longest = longest.max(key);
            items += 1;
        }
        let is_sparse = self.sparse_ratio > 0
            && longest > f64::from(items) * f64::from(self.sparse_ratio)
            && longest > f64::from(self.sparse_safe);
        match (is_sparse, self.converts_sparse) {
            (true, true) => Ok(Shape::Object),
            (true, false) => Err(self.refusal(index, "excessively sparse array")),
            (false, _) => Ok(Shape::Array(longest as usize)),
        }
    }

    fn array(&mut self, index: i32, length: usize, depth: i32) -> Result<(), Raise> {
        self.text.push(b'[');
        for item in 1..=length {
            if item > 1 {
                self.text.push(b',');
            }
            self.stack
                .push_item(index, i32::try_from(item).unwrap_or(i32::MAX));
            self.value(self.stack.top(), depth)?;
            self.stack.pop(1);
        }
        self.text.push(b']');
        Ok(())
    }

    fn object(&mut self, index: i32, depth: i32) -> Result<(), Raise> {
        self.text.push(b'{');
        let mut is_first = true;
        self.stack.push_nil();
        while self.stack.next(index) {
            if !is_first {
                self.text.push(b',');
            }
            is_first = false;
            let key = self.stack.top() - 1;
            match self.stack.kind(key) {
                Kind::Number => {
                    self.text.push(b'"');
                    self.number(key)?;
                    self.text.extend_from_slice(b"\":");
                }
                Kind::String => {
                    self.string(self.stack.bytes(key).unwrap_or_default())?;
                    self.text.push(b':');
                }
                _ => return Err(self.refusal(key, "table key must be a number or string")),
            }
            self.value(key + 1, depth)?;
            self.stack.pop(1);
        }
        self.text.push(b'}');
        Ok(())
    }

    fn number(&mut self, index: i32) -> Result<(), Raise> {
        let number = self.stack.number(index).unwrap_or_default();
        if number.is_finite() {
            self.text
                .extend_from_slice(format_general(number, self.precision).as_bytes());
            return Ok(());
        }
        match self.invalid {
            0 => return Err(self.refusal(index, "must not be NaN or Inf")),
            INVALID_AS_NULL => self.text.extend_from_slice(b"null"),
            _ if number.is_nan() => self.text.extend_from_slice(b"nan"),
            _ => self
                .text
                .extend_from_slice(format_general(number, self.precision).as_bytes()),
        }
        Ok(())
    }

    fn string(&mut self, bytes: &[u8]) -> Result<(), Raise> {
        self.text.push(b'"');
        for piece in bytes.chunks(PIECE_BYTES) {
            self.stack.work(4 * piece.len())?;
            self.stack.check_room(self.text.len() + piece.len())?;
            self.escape(piece);
        }
        self.text.push(b'"');
        Ok(())
    }

    fn escape(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'"' | b'\\' | b'/' => self.text.extend_from_slice(&[b'\\', *byte]),
                0x08 => self.text.extend_from_slice(b"\\b"),
                b'\t' => self.text.extend_from_slice(b"\\t"),
                b'\n' => self.text.extend_from_slice(b"\\n"),
                0x0c => self.text.extend_from_slice(b"\\f"),
                b'\r' => self.text.extend_from_slice(b"\\r"),
                0..=0x1f | 0x7f => self
                    .text
                    .extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
                _ => self.text.push(*byte),
            }
        }
    }
}
