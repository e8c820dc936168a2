//! The functions of `string` that go over a whole text, and `table.concat`: they look around on the
//! way, and refuse a result that the script may not hold before they make it.

use super::number::to_int;
use super::stack::{Body, Kind, Outcome, Raise, Stack};

/// The functions of `string`, by name.
pub(super) const STRING: &[(&str, Body)] = &[
    ("lower", |stack| {
        map(stack, |byte| byte.to_ascii_lowercase())
    }),
    ("rep", rep),
    ("reverse", reverse),
    ("upper", |stack| {
        map(stack, |byte| byte.to_ascii_uppercase())
    }),
];

/// The functions of `table`, by name.
pub(super) const TABLE: &[(&str, Body)] = &[("concat", concat)];

/// Bytes between two looks.
const PIECE_BYTES: usize = 1 << 14;

fn map(stack: &Stack, of: fn(&u8) -> u8) -> Outcome {
    let text = stack.check_bytes(1)?;
    stack.check_room(text.len())?;
    let mut mapped = Vec::with_capacity(text.len());
    for piece in text.chunks(PIECE_BYTES) {
        stack.work(piece.len())?;
        mapped.extend(piece.iter().map(of));
    }
    stack.push_bytes(&mapped);
    Ok(1)
}

fn reverse(stack: &Stack) -> Outcome {
    let text = stack.check_bytes(1)?;
    stack.check_room(text.len())?;
    let mut reversed = Vec::with_capacity(text.len());
    for piece in text.rchunks(PIECE_BYTES) {
        stack.work(piece.len())?;
        reversed.extend(piece.iter().rev());
    }
    stack.push_bytes(&reversed);
    Ok(1)
}

/// `string.rep(text, count)`
fn rep(stack: &Stack) -> Outcome {
    let text = stack.check_bytes(1)?;
    let count = usize::try_from(to_int(stack.check_number(2)?)).unwrap_or(0);
    let bytes = text.len().saturating_mul(count);
    stack.check_room(bytes)?;
    let mut repeated = Vec::with_capacity(bytes);
    // The text once and again until a piece is full, and the piece from there on.
    let in_piece = (PIECE_BYTES / text.len().max(1)).clamp(1, count.max(1));
    let piece = match bytes {
        0 => Vec::new(),
        _ => text.repeat(in_piece),
    };
    while repeated.len() < bytes {
        let part = piece.len().min(bytes - repeated.len());
        stack.work(part)?;
        repeated.extend_from_slice(&piece[..part]);
    }
    stack.push_bytes(&repeated);
    Ok(1)
}

/// `table.concat(list [, separator [, first [, last]]])`
fn concat(stack: &Stack) -> Outcome {
    let separator = match stack.is_none(2) || stack.kind(2) == Kind::Nil {
        true => &b""[..],
        false => stack.check_bytes(2)?,
    };
    if stack.kind(1) != Kind::Table {
        return Err(stack.wrong_type(1, "table"));
    }
    let first = optional(stack, 3)?.unwrap_or(1);
    let last = match optional(stack, 4)? {
        Some(last) => last,
        None => i32::try_from(stack.length(1)).unwrap_or(i32::MAX),
    };
    let mut joined = Vec::new();
    for item in first..=last {
        stack.push_item(1, item);
        if !matches!(stack.kind(-1), Kind::String | Kind::Number) {
            let name = stack.type_name(-1);
            return Err(Raise::message(format!(
                "invalid value ({name}) at index {item} in table for 'concat'"
            )));
        }
        let text = stack.bytes(-1).unwrap_or_default();
        stack.check_room(joined.len() + text.len() + separator.len())?;
        stack.work(ITEM_UNITS + text.len() + separator.len())?;
        joined.extend_from_slice(text);
        if item < last {
            joined.extend_from_slice(separator);
        }
        stack.pop(1);
    }
    stack.push_bytes(&joined);
    Ok(1)
}

/// What an item of a list is counted for beside its bytes.
const ITEM_UNITS: usize = 16;

fn optional(stack: &Stack, index: i32) -> Result<Option<i32>, Raise> {
    match stack.is_none(index) || stack.kind(index) == Kind::Nil {
        true => Ok(None),
        false => Ok(Some(to_int(stack.check_number(index)?))),
    }
}
