//! Reading arguments: numbers as Redis reads them, options in any order and case.

use crate::clock::{BootTime, UnixMillis};
use crate::command::Context;
use crate::error::CommandError;
use crate::keyspace::Keyspace;

/// A decimal 64-bit integer in its only spelling: no sign `+`, no leading zero, no blank.
///
/// # Errors
/// [`CommandError::NotAnInteger`].
pub fn integer(text: &[u8]) -> Result<i64, CommandError> {
    match parse_integer(text) {
        Some(number) => Ok(number),
        None => Err(CommandError::NotAnInteger),
    }
}

/// A database of `keyspace` by its number.
///
/// # Errors
/// [`CommandError::NotAnInteger`], [`CommandError::DatabaseTooFar`] if it does not fit 32 bits,
/// and [`CommandError::DatabaseOutOfRange`].
pub fn database(text: &[u8], keyspace: &Keyspace) -> Result<usize, CommandError> {
    let number = i32::try_from(integer(text)?).map_err(|_| CommandError::DatabaseTooFar)?;
    existing_database(number, keyspace)
}

/// A database of `keyspace` by a number that has been read.
///
/// # Errors
/// [`CommandError::DatabaseOutOfRange`].
pub fn existing_database(number: i32, keyspace: &Keyspace) -> Result<usize, CommandError> {
    usize::try_from(number)
        .ok()
        .filter(|database| *database < keyspace.databases())
        .ok_or(CommandError::DatabaseOutOfRange)
}

/// As [`integer`], without an error to build.
pub fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] => return (!negative).then_some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    let mut magnitude: u64 = 0;
    if digits.len() <= 18 {
        // So many digits fit, whichever they are.
        for digit in digits {
            let value = digit.wrapping_sub(b'0');
            if value > 9 {
                return None;
            }
            magnitude = magnitude * 10 + u64::from(value);
        }
        let magnitude = i64::try_from(magnitude).ok()?;
        return Some(if negative { -magnitude } else { magnitude });
    }
    for digit in digits {
        let value = digit.wrapping_sub(b'0');
        if value > 9 {
            return None;
        }
        magnitude = magnitude.checked_mul(10)?.checked_add(u64::from(value))?;
    }
    if negative {
        0i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// When a time to wait in milliseconds is over that begins at `now`.
///
/// # Errors
/// It is no number, or below 0.
pub fn timeout_end(text: &[u8], now: BootTime) -> Result<BootTime, CommandError> {
    let millis = parse_integer(text).ok_or(CommandError::TimeoutNotAnInteger)?;
    let millis = u64::try_from(millis).map_err(|_| CommandError::TimeoutNegative)?;
    Ok(now.after_millis(millis))
}

/// Whether an argument is this option word, in any case.
pub fn is(argument: &[u8], word: &str) -> bool {
    argument.eq_ignore_ascii_case(word.as_bytes())
}

/// In what an expiry is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// EX, EXAT, EXPIRE, SETEX
    Seconds,
    /// PX, PXAT, PEXPIRE, PSETEX
    Millis,
}

/// From when an expiry counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// From now.
    Now,
    /// From 1970.
    Epoch,
}

/// An expiry as it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span<'a> {
    /// The number, not yet read.
    pub text: &'a [u8],
    /// Its unit.
    pub unit: Unit,
    /// Its base.
    pub base: Base,
}

/// The expiry options that SET and GETEX share, by their word.
#[inline]
pub fn expiry_option(word: &[u8]) -> Option<(Unit, Base)> {
    let (first, base) = match word {
        [first, b'X' | b'x'] => (first, Base::Now),
        [first, rest @ ..] if is(rest, "XAT") => (first, Base::Epoch),
        _ => return None,
    };
    match first {
        b'P' | b'p' => Some((Unit::Millis, base)),
        b'E' | b'e' => Some((Unit::Seconds, base)),
        _ => None,
    }
}

impl Span<'_> {
    /// The deadline of a command that takes only a positive expiry.
    ///
    /// # Errors
    /// No integer; or not positive, or past the 64-bit range in milliseconds since 1970.
    pub fn deadline(
        self,
        command: &'static str,
        ctx: &mut Context<'_>,
    ) -> Result<BootTime, CommandError> {
        let number = integer(self.text)?;
        match self.after(number, ctx) {
            Some(deadline) => Ok(deadline),
            None => Err(CommandError::InvalidExpire { command }),
        }
    }

    #[inline]
    fn after(self, number: i64, ctx: &mut Context<'_>) -> Option<BootTime> {
        if number <= 0 {
            return None;
        }
        let millis = match self.unit {
            Unit::Millis => number,
            Unit::Seconds => number.checked_mul(1000)?,
        };
        match self.base {
            Base::Epoch => Some(ctx.clocks().from_unix(UnixMillis(millis))),
            // Only a TTL of over 100 million years can reach the end of the wall clock.
            Base::Now if millis > i64::MAX / 2 && overflows_unix(millis, ctx) => None,
            Base::Now => Some(ctx.now.after_millis(millis.unsigned_abs())),
        }
    }
}

/// Whether `millis` from now is past the last millisecond that Redis can count.
pub fn overflows_unix(millis: i64, ctx: &mut Context<'_>) -> bool {
    let unix_ms = ctx.clocks().unix_micros() / 1000;
    millis.checked_add(unix_ms).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_has_one_spelling() {
        for (text, value) in [
            ("0", 0),
            ("-1", -1),
            ("10", 10),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(parse_integer(text.as_bytes()), Some(value), "{text}");
        }
        for text in [
            "",
            "-",
            "+10",
            "010",
            "-0",
            "-01",
            " 10",
            "10 ",
            "1.5",
            "abc",
            "1a",
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551616",
            "99999999999999999999",
        ] {
            assert_eq!(parse_integer(text.as_bytes()), None, "{text:?}");
        }
    }
}
