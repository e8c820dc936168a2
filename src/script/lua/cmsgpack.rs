//! The `cmsgpack` library: MessagePack for scripts, in the dialect of the module Redis ships:
//! no binary and extension types, floats in 32 bits where nothing is lost, and null for what is
//! nested deeper than 16 levels.

use super::number::{to_int, to_integer};
use super::stack::{Body, Kind, Outcome, Raise, Stack, push_function};

/// Tables nested deeper than this are packed as null.
const PACK_NESTING_MAX: usize = 16;

/// What a value is counted for, beside its bytes.
const VALUE_UNITS: usize = 64;

/// Containers nested deeper than this are refused when unpacking: it bounds native recursion.
const UNPACK_NESTING_MAX: usize = 500;

const FUNCTIONS: &[(&str, Body)] = &[
    ("pack", pack),
    ("unpack", unpack),
    ("unpack_limit", unpack_limit),
    ("unpack_one", unpack_one),
];

const TEXTS: [(&str, &str); 4] = [
    ("_NAME", "cmsgpack"),
    ("_VERSION", "lua-cmsgpack 0.4.0"),
    ("_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo"),
    ("_DESCRIPTION", "MessagePack C implementation for Lua"),
];

/// Pushes the module table.
pub(super) fn push_module(stack: &Stack) {
    stack.push_table(0, FUNCTIONS.len() + TEXTS.len());
    for (name, body) in FUNCTIONS {
        push_function(stack, *body, 0);
        stack.set_field(-2, name);
    }
    for (name, text) in TEXTS {
        stack.push_bytes(text.as_bytes());
        stack.set_field(-2, name);
    }
}

/// `cmsgpack.pack(value, ...)`
fn pack(stack: &Stack) -> Outcome {
    let count = stack.top();
    if count == 0 {
        return Err(Raise::argument(0, "MessagePack pack needs input."));
    }
    let mut packed = Vec::new();
    for index in 1..=count {
        pack_value(stack, index, 0, &mut packed)?;
    }
    stack.push_bytes(&packed);
    Ok(1)
}

fn pack_value(stack: &Stack, index: i32, depth: usize, packed: &mut Vec<u8>) -> Result<(), Raise> {
    stack.work(VALUE_UNITS)?;
    stack.check_room(packed.len())?;
    match stack.kind(index) {
        Kind::String => {
            let bytes = stack.bytes(index).unwrap_or_default();
            match bytes.len() {
                length @ 0..=31 => packed.push(0xa0 | length as u8),
                length @ 32..=0xff => packed.extend_from_slice(&[0xd9, length as u8]),
                length => pack_length(length, 0xda, 0xdb, packed),
            }
            stack.check_room(packed.len() + bytes.len())?;
            stack.work(bytes.len())?;
            packed.extend_from_slice(bytes);
        }
        Kind::Boolean => packed.push(if stack.truth(index) { 0xc3 } else { 0xc2 }),
        Kind::Number => pack_number(stack.number(index).unwrap_or_default(), packed),
        Kind::Table if depth < PACK_NESTING_MAX && stack.push_real(index) => {
            pack_table(stack, stack.top(), depth, packed)?;
            stack.pop(1);
        }
        Kind::Table if depth < PACK_NESTING_MAX => pack_table(stack, index, depth, packed)?,
        _ => packed.push(0xc0),
    }
    Ok(())
}

fn pack_length(length: usize, mark16: u8, mark32: u8, packed: &mut Vec<u8>) {
    if let Ok(length) = u16::try_from(length) {
        packed.push(mark16);
        packed.extend_from_slice(&length.to_be_bytes());
    } else {
        packed.push(mark32);
        packed.extend_from_slice(&(length as u32).to_be_bytes());
    }
}

fn pack_number(number: f64, packed: &mut Vec<u8>) {
    let integer = to_integer(number);
    if number.is_finite() && integer as f64 == number {
        return pack_integer(integer, packed);
    }
    let narrow = number as f32;
    if f64::from(narrow) == number {
        packed.push(0xca);
        packed.extend_from_slice(&narrow.to_be_bytes());
    } else {
        packed.push(0xcb);
        packed.extend_from_slice(&number.to_be_bytes());
    }
}

fn pack_integer(value: i64, packed: &mut Vec<u8>) {
    let bytes = value.to_be_bytes();
    let (mark, width) = match value {
        -32..=0x7f => return packed.push(bytes[7]),
        0x80..=0xff => (0xcc, 1),
        0x100..=0xffff => (0xcd, 2),
        0x1_0000..=0xffff_ffff => (0xce, 4),
        0x1_0000_0000.. => (0xcf, 8),
        -0x80..=-33 => (0xd0, 1),
        -0x8000..=-0x81 => (0xd1, 2),
        -0x8000_0000..=-0x8001 => (0xd2, 4),
        _ => (0xd3, 8),
    };
    packed.push(mark);
    packed.extend_from_slice(&bytes[8 - width..]);
}

fn pack_table(stack: &Stack, index: i32, depth: usize, packed: &mut Vec<u8>) -> Result<(), Raise> {
    stack.reserve(4);
    let (mut longest, mut count, mut is_array) = (0.0_f64, 0_usize, true);
    stack.push_nil();
    while stack.next(index) {
        stack.work(1)?;
        stack.pop(1);
        count += 1;
        match (stack.kind(-1), stack.number(-1)) {
            (Kind::Number, Some(key)) if key > 0.0 && key.floor() == key => {
                longest = longest.max(key)
            }
            _ => is_array = false,
        }
    }
    if is_array && longest == count as f64 {
        match count {
            0..=15 => packed.push(0x90 | count as u8),
            _ => pack_length(count, 0xdc, 0xdd, packed),
        }
        for item in 1..=count {
            stack.push_item(index, i32::try_from(item).unwrap_or(i32::MAX));
            pack_value(stack, stack.top(), depth + 1, packed)?;
            stack.pop(1);
        }
        return Ok(());
    }
    match count {
        0..=15 => packed.push(0x80 | count as u8),
        _ => pack_length(count, 0xde, 0xdf, packed),
    }
    stack.push_nil();
    while stack.next(index) {
        let value = stack.top();
        // The key is copied: turning a number key into text would upset the traversal.
        stack.push_copy(value - 1);
        pack_value(stack, value + 1, depth + 1, packed)?;
        stack.pop(1);
        pack_value(stack, value, depth + 1, packed)?;
        stack.pop(1);
    }
    Ok(())
}

/// `cmsgpack.unpack(bytes)`: every value.
fn unpack(stack: &Stack) -> Outcome {
    unpack_part(stack, 0, 0)
}

/// `cmsgpack.unpack_one(bytes [, offset])`: the next offset or -1, and one value.
fn unpack_one(stack: &Stack) -> Outcome {
    let offset = optional_int(stack, 2)?;
    unpack_part(stack, 1, offset)
}

/// `cmsgpack.unpack_limit(bytes, limit [, offset])`: the next offset or -1, and the values.
fn unpack_limit(stack: &Stack) -> Outcome {
    let limit = to_int(stack.check_number(2)?);
    let offset = optional_int(stack, 3)?;
    unpack_part(stack, limit, offset)
}

fn optional_int(stack: &Stack, index: i32) -> Result<i32, Raise> {
    if stack.is_none(index) || stack.kind(index) == Kind::Nil {
        return Ok(0);
    }
    Ok(to_int(stack.check_number(index)?))
}

/// A limit and an offset of 0 mean everything, without an offset among the results.
fn unpack_part(stack: &Stack, limit: i32, offset: i32) -> Outcome {
    let bytes = stack.check_bytes(1)?;
    let length = bytes.len();
    let is_whole = limit == 0 && offset == 0;
    let (Ok(wanted), Ok(start)) = (usize::try_from(limit), usize::try_from(offset)) else {
        let text =
            format!("Invalid request to unpack with offset of {offset} and limit of {length}.");
        return Err(Raise::message(text));
    };
    let Some(rest) = bytes.get(start..) else {
        let text = format!("Start offset {offset} greater than input length {length}.");
        return Err(Raise::message(text));
    };
    let wanted = if is_whole { usize::MAX } else { wanted };
    let mut input = Input { rest };
    let base = stack.top();
    if !is_whole {
        stack.push_nil();
    }
    let mut values = 0;
    while values < wanted && !input.rest.is_empty() {
        if !stack.try_reserve(4) {
            return Err(Raise::message("Too many values to unpack."));
        }
        unpack_value(stack, &mut input, 0)?;
        values += 1;
    }
    if !is_whole {
        let next = if input.rest.is_empty() {
            -1.0
        } else {
            (length - input.rest.len()) as f64
        };
        stack.push_number(next);
        stack.replace(base + 1);
    }
    Ok(stack.top() - base)
}

/// The bytes not yet read.
struct Input<'b> {
    rest: &'b [u8],
}

impl<'b> Input<'b> {
    fn take(&mut self, count: usize) -> Result<&'b [u8], Raise> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            return Err(Raise::message("Missing bytes in input."));
        };
        self.rest = rest;
        Ok(taken)
    }

    /// A big-endian integer of up to 8 bytes.
    fn unsigned(&mut self, width: usize) -> Result<u64, Raise> {
        Ok(self
            .take(width)?
            .iter()
            .fold(0, |value, byte| (value << 8) | u64::from(*byte)))
    }

    fn length(&mut self, width: usize) -> Result<usize, Raise> {
        Ok(self.unsigned(width)? as usize)
    }
}

fn unpack_value(stack: &Stack, input: &mut Input<'_>, depth: usize) -> Result<(), Raise> {
    let mark = input.take(1)?[0];
    stack.work(VALUE_UNITS)?;
    match mark {
        0x00..=0x7f => stack.push_number(f64::from(mark)),
        0xe0..=0xff => stack.push_number(f64::from(mark as i8)),
        0x80..=0x8f => return unpack_map(stack, input, usize::from(mark & 0x0f), depth),
        0x90..=0x9f => return unpack_array(stack, input, usize::from(mark & 0x0f), depth),
        0xa0..=0xbf => stack.push_bytes(input.take(usize::from(mark & 0x1f))?),
        0xc0 => stack.push_nil(),
        0xc2 => stack.push_boolean(false),
        0xc3 => stack.push_boolean(true),
        0xca => stack.push_number(f64::from(f32::from_bits(input.unsigned(4)? as u32))),
        0xcb => stack.push_number(f64::from_bits(input.unsigned(8)?)),
        // Lua's integers are signed in the module Redis ships, so 2^63 and above are negative.
        0xcc..=0xcf => stack.push_number(input.unsigned(1 << (mark - 0xcc))? as i64 as f64),
        0xd0..=0xd3 => {
            let width = 1 << (mark - 0xd0);
            let unused_bits = 64 - 8 * width;
            let value = (input.unsigned(width)? << unused_bits) as i64 >> unused_bits;
            stack.push_number(value as f64);
        }
        0xd9..=0xdb => {
            let length = input.length(1 << (mark - 0xd9))?;
            stack.work(length)?;
            stack.push_bytes(input.take(length)?);
        }
        0xdc | 0xdd => {
            let count = input.length(2 << (mark - 0xdc))?;
            return unpack_array(stack, input, count, depth);
        }
        0xde | 0xdf => {
            let count = input.length(2 << (mark - 0xde))?;
            return unpack_map(stack, input, count, depth);
        }
        _ => return Err(Raise::message("Bad data format in input.")),
    }
    Ok(())
}

fn descend(stack: &Stack, depth: usize) -> Result<usize, Raise> {
    if depth >= UNPACK_NESTING_MAX || !stack.try_reserve(4) {
        return Err(Raise::message("Input is nested too deeply."));
    }
    Ok(depth + 1)
}

fn unpack_array(
    stack: &Stack,
    input: &mut Input<'_>,
    count: usize,
    depth: usize,
) -> Result<(), Raise> {
    let depth = descend(stack, depth)?;
    stack.push_table(0, 0);
    for item in 1..=count {
        unpack_value(stack, input, depth)?;
        stack.set_item(-2, i32::try_from(item).unwrap_or(i32::MAX));
    }
    Ok(())
}

fn unpack_map(
    stack: &Stack,
    input: &mut Input<'_>,
    count: usize,
    depth: usize,
) -> Result<(), Raise> {
    let depth = descend(stack, depth)?;
    stack.push_table(0, 0);
    for _ in 0..count {
        unpack_value(stack, input, depth)?;
        unpack_value(stack, input, depth)?;
        stack.set_pair(-3)?;
    }
    Ok(())
}
