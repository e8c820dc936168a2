//! The `struct` library: binary records by format letters.
//!
//! `b h l T i<n>` integers (upper case: unsigned), `f d` floats, `s` a zero-ended string, `c<n>`
//! a string of fixed size, `x` one byte of padding; `< > ! <blank>` set byte order and alignment.

use super::number::to_integer;
use super::stack::{Body, Kind, Outcome, Raise, Stack};

/// The functions, by name.
pub(super) const FUNCTIONS: &[(&str, Body)] = &[("pack", pack), ("size", size), ("unpack", unpack)];

/// What a letter of a format is counted for, beside the bytes that belong to it.
const FIELD_UNITS: usize = 16;

/// The widest integer, in bytes.
const INTEGER_BYTES_MAX: usize = 32;
/// What `!` aligns to when it names no number, in bytes.
const ALIGNMENT_DEFAULT: usize = 8;

/// A walk through a format, with the settings made on the way.
struct Format<'f> {
    rest: &'f [u8],
    is_big_endian: bool,
    alignment: usize,
}

/// One letter and the size that belongs to it.
struct Field {
    letter: u8,
    bytes: usize,
}

impl<'f> Format<'f> {
    fn new(text: &'f [u8]) -> Format<'f> {
        let end = text
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(text.len());
        Format {
            rest: &text[..end],
            is_big_endian: false,
            alignment: 1,
        }
    }

    fn next(&mut self) -> Result<Option<Field>, Raise> {
        let Some((letter, rest)) = self.rest.split_first() else {
            return Ok(None);
        };
        self.rest = rest;
        let bytes = match letter {
            b'b' | b'B' | b'x' => 1,
            b'h' | b'H' => 2,
            b'f' => 4,
            b'l' | b'L' | b'T' | b'd' => 8,
            b'c' => self.count(1)?,
            b'i' | b'I' => {
                let bytes = self.count(4)?;
                if bytes > INTEGER_BYTES_MAX {
                    return Err(Raise::message(format!(
                        "integral size {bytes} is larger than limit of {INTEGER_BYTES_MAX}"
                    )));
                }
                bytes
            }
            _ => 0,
        };
        Ok(Some(Field {
            letter: *letter,
            bytes,
        }))
    }

    fn count(&mut self, default: usize) -> Result<usize, Raise> {
        let digits = self
            .rest
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if digits == 0 {
            return Ok(default);
        }
        let mut count: i32 = 0;
        for digit in &self.rest[..digits] {
            count = count
                .checked_mul(10)
                .and_then(|count| count.checked_add(i32::from(digit - b'0')))
                .ok_or_else(|| Raise::message("integral size overflow"))?;
        }
        self.rest = &self.rest[digits..];
        Ok(usize::try_from(count).unwrap_or(default))
    }

    fn padding(&self, at: usize, field: &Field) -> usize {
        if field.bytes == 0 || field.letter == b'c' {
            return 0;
        }
        let size = field.bytes.min(self.alignment);
        size.wrapping_sub(at & (size - 1)) & (size - 1)
    }

    fn control(&mut self, letter: u8) -> Result<(), Raise> {
        match letter {
            b' ' => {}
            b'>' => self.is_big_endian = true,
            b'<' => self.is_big_endian = false,
            b'!' => {
                let alignment = self.count(ALIGNMENT_DEFAULT)?;
                if !alignment.is_power_of_two() {
                    return Err(Raise::message(format!(
                        "alignment {alignment} is not a power of 2"
                    )));
                }
                self.alignment = alignment;
            }
            _ => {
                let text = format!("invalid format option '{}'", char::from(letter));
                return Err(Raise::argument(1, text));
            }
        }
        Ok(())
    }

    fn order(&self, bytes: &mut [u8]) {
        if self.is_big_endian {
            bytes.reverse();
        }
    }
}

fn pack(stack: &Stack) -> Outcome {
    let mut format = Format::new(stack.check_bytes(1)?);
    let mut packed = Vec::new();
    let mut index = 2;
    while let Some(field) = format.next()? {
        stack.work(FIELD_UNITS)?;
        packed.resize(packed.len() + format.padding(packed.len(), &field), 0);
        match field.letter {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                let number = number(stack, index)?;
                let value = if number < 0.0 {
                    to_integer(number) as u64
                } else {
                    to_unsigned(number)
                };
                let mut bytes = [0; INTEGER_BYTES_MAX];
                bytes[..8].copy_from_slice(&value.to_le_bytes());
                format.order(&mut bytes[..field.bytes]);
                packed.extend_from_slice(&bytes[..field.bytes]);
                index += 1;
            }
            b'x' => packed.push(0),
            b'f' => {
                let mut bytes = (number(stack, index)? as f32).to_le_bytes();
                format.order(&mut bytes);
                packed.extend_from_slice(&bytes);
                index += 1;
            }
            b'd' => {
                let mut bytes = number(stack, index)?.to_le_bytes();
                format.order(&mut bytes);
                packed.extend_from_slice(&bytes);
                index += 1;
            }
            b'c' | b's' => {
                let text = stack
                    .bytes(index)
                    .ok_or_else(|| wrong_type(stack, index, "string"))?;
                index += 1;
                let bytes = if field.bytes == 0 {
                    text.len()
                } else {
                    field.bytes
                };
                let text = text
                    .get(..bytes)
                    .ok_or_else(|| Raise::argument(index, "string too short"))?;
                stack.check_room(packed.len() + text.len())?;
                stack.work(text.len())?;
                packed.extend_from_slice(text);
                if field.letter == b's' {
                    packed.push(0);
                }
            }
            other => format.control(other)?,
        }
    }
    stack.push_bytes(&packed);
    Ok(1)
}

fn number(stack: &Stack, index: i32) -> Result<f64, Raise> {
    stack
        .number(index)
        .ok_or_else(|| wrong_type(stack, index, "number"))
}

/// A missing value is called nil here, not "no value".
fn wrong_type(stack: &Stack, index: i32, expected: &str) -> Raise {
    let name = if stack.is_none(index) {
        "nil"
    } else {
        stack.type_name(index)
    };
    Raise::Argument(index, format!("{expected} expected, got {name}"))
}

/// C's cast to an unsigned 64-bit integer as compilers for x86-64 do it.
fn to_unsigned(number: f64) -> u64 {
    const HALF: f64 = 9_223_372_036_854_775_808.0;
    if number >= HALF {
        (to_integer(number - HALF) as u64) ^ (1 << 63)
    } else {
        to_integer(number) as u64
    }
}

fn unpack(stack: &Stack) -> Outcome {
    let mut format = Format::new(stack.check_bytes(1)?);
    let data = stack.check_bytes(2)?;
    let start = if stack.is_none(3) || stack.kind(3) == Kind::Nil {
        1
    } else {
        to_integer(stack.check_number(3)?)
    };
    if start == 0 {
        return Err(Raise::argument(3, "offset must be 1 or greater"));
    }
    let mut at = (start as usize).wrapping_sub(1);
    let mut results = 0;
    let slice = |at: usize, bytes: usize| {
        at.checked_add(bytes)
            .and_then(|end| data.get(at..end))
            .ok_or_else(|| Raise::argument(2, "data string too short"))
    };
    while let Some(mut field) = format.next()? {
        stack.work(FIELD_UNITS + field.bytes)?;
        at = at.wrapping_add(format.padding(at, &field));
        let mut bytes = slice(at, field.bytes)?.to_vec();
        if !stack.try_reserve(2) {
            return Err(Raise::message("stack overflow (too many results)"));
        }
        match field.letter {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                format.order(&mut bytes);
                stack.push_number(integer(&bytes, field.letter.is_ascii_lowercase()));
                results += 1;
            }
            b'x' => {}
            b'f' | b'd' => {
                format.order(&mut bytes);
                stack.push_number(float(&bytes));
                results += 1;
            }
            b'c' => {
                if field.bytes == 0 {
                    let size = if results > 0 { stack.number(-1) } else { None };
                    let size =
                        size.ok_or_else(|| Raise::message("format 'c0' needs a previous size"))?;
                    stack.pop(1);
                    results -= 1;
                    field.bytes = to_unsigned(size) as usize;
                }
                stack.push_bytes(slice(at, field.bytes)?);
                results += 1;
            }
            b's' => {
                let length = data[at..].iter().position(|byte| *byte == 0);
                let length = length.ok_or_else(|| Raise::message("unfinished string in data"))?;
                stack.work(length)?;
                stack.push_bytes(&data[at..at + length]);
                field.bytes = length + 1;
                results += 1;
            }
            other => format.control(other)?,
        }
        at += field.bytes;
    }
    stack.push_number(at as f64 + 1.0);
    Ok(results + 1)
}

/// The low 64 bits of a little-endian integer; a signed one takes its sign from its own width.
fn integer(bytes: &[u8], is_signed: bool) -> f64 {
    let mut low = [0; 8];
    let kept = bytes.len().min(8);
    low[..kept].copy_from_slice(&bytes[..kept]);
    let mut value = u64::from_le_bytes(low);
    if !is_signed {
        return value as f64;
    }
    let bits = (bytes.len() as u32 * 8).wrapping_sub(1);
    let mask = u64::MAX.wrapping_shl(bits);
    if value & mask != 0 {
        value |= mask;
    }
    value as i64 as f64
}

fn float(bytes: &[u8]) -> f64 {
    match *bytes {
        [a, b, c, d] => f64::from(f32::from_le_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => f64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => 0.0,
    }
}

fn size(stack: &Stack) -> Outcome {
    let mut format = Format::new(stack.check_bytes(1)?);
    let mut total = 0usize;
    while let Some(field) = format.next()? {
        stack.work(FIELD_UNITS)?;
        total += format.padding(total, &field);
        match field.letter {
            b's' => return Err(Raise::argument(1, "option 's' has no fixed size")),
            b'c' if field.bytes == 0 => {
                return Err(Raise::argument(1, "option 'c0' has no fixed size"));
            }
            letter if !letter.is_ascii_alphanumeric() => format.control(letter)?,
            _ => {}
        }
        total += field.bytes;
    }
    stack.push_number(total as f64);
    Ok(1)
}
