//! The `bit` library: operations on 32-bit integers, with the rounding and the wrap-around of
//! the library that Redis ships.

use super::stack::{Outcome, Stack};

/// The functions, by name.
pub(super) const FUNCTIONS: &[(&str, super::stack::Body)] = &[
    ("tobit", |stack| result(stack, argument(stack, 1)?)),
    ("bnot", |stack| result(stack, !argument(stack, 1)?)),
    ("band", |stack| fold(stack, |left, right| left & right)),
    ("bor", |stack| fold(stack, |left, right| left | right)),
    ("bxor", |stack| fold(stack, |left, right| left ^ right)),
    ("lshift", |stack| shift(stack, u32::wrapping_shl)),
    ("rshift", |stack| shift(stack, u32::wrapping_shr)),
    ("arshift", |stack| {
        shift(stack, |value, count| {
            (value as i32).wrapping_shr(count) as u32
        })
    }),
    ("rol", |stack| {
        shift(stack, |value, count| value.rotate_left(count & 31))
    }),
    ("ror", |stack| {
        shift(stack, |value, count| value.rotate_right(count & 31))
    }),
    ("bswap", |stack| {
        result(stack, argument(stack, 1)?.swap_bytes())
    }),
    ("tohex", tohex),
];

/// Adding 2^52 + 2^51 leaves the rounded integer in the low bits of the sum.
const ROUNDING: f64 = 6_755_399_441_055_744.0;

fn argument(stack: &Stack, index: i32) -> Result<u32, super::stack::Raise> {
    Ok((stack.check_number(index)? + ROUNDING).to_bits() as u32)
}

fn result(stack: &Stack, value: u32) -> Outcome {
    stack.push_number(f64::from(value as i32));
    Ok(1)
}

fn fold(stack: &Stack, join: fn(u32, u32) -> u32) -> Outcome {
    let mut value = argument(stack, 1)?;
    for index in 2..=stack.top() {
        value = join(value, argument(stack, index)?);
    }
    result(stack, value)
}

fn shift(stack: &Stack, by: fn(u32, u32) -> u32) -> Outcome {
    let value = argument(stack, 1)?;
    let count = argument(stack, 2)?;
    result(stack, by(value, count))
}

fn tohex(stack: &Stack) -> Outcome {
    let value = argument(stack, 1)?;
    let digits = if stack.is_none(2) {
        8
    } else {
        argument(stack, 2)? as i32
    };
    let shown = digits.unsigned_abs().min(8) as usize;
    let text = if digits < 0 {
        format!("{value:08X}")
    } else {
        format!("{value:08x}")
    };
    stack.push_bytes(&text.as_bytes()[8 - shown..]);
    Ok(1)
}
