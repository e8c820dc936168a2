//! Numbers as the C library reads and writes them, which is what Lua 5.1 and Redis use.
//!
//! [`parse`] is Lua's conversion of a string to a number, [`tostring`] its way back, and
//! [`argument`] the form in which Redis hands a number to a command. None of them allocates for
//! numbers of usual length.

use crate::double;
use crate::resp::reply::Blob;

/// The number that Lua 5.1 sees in `text`: C's `strtod` between blanks. `None` where it sees none.
///
/// As in C the text ends at its first zero byte.
pub(super) fn parse(text: &[u8]) -> Option<f64> {
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    let text = trim_blanks(text);
    let (is_negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let magnitude = match digits {
        [b'0', b'x' | b'X', hex @ ..] => parse_hex(hex)?,
        [b'0'..=b'9' | b'.', ..] => parse_decimal(digits)?,
        _ => parse_special(digits)?,
    };
    Some(if is_negative { -magnitude } else { magnitude })
}

fn trim_blanks(text: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r');
    let start = text
        .iter()
        .position(|byte| !is_blank(byte))
        .unwrap_or(text.len());
    let end = text
        .iter()
        .rposition(|byte| !is_blank(byte))
        .map_or(start, |last| last + 1);
    text.get(start..end).unwrap_or_default()
}

fn parse_decimal(digits: &[u8]) -> Option<f64> {
    // Most numbers in scripts are short integers.
    if digits.len() <= 15 && digits.iter().all(u8::is_ascii_digit) {
        let value = digits
            .iter()
            .fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        return Some(value as f64);
    }
    let is_decimal = digits
        .iter()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    if !is_decimal {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// `inf`, `infinity`, `nan` and `nan(letters)`, in any case.
fn parse_special(word: &[u8]) -> Option<f64> {
    if word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"infinity") {
        return Some(f64::INFINITY);
    }
    let (name, payload) = word.split_at_checked(3)?;
    let is_payload = match payload {
        [] => true,
        [b'(', inner @ .., b')'] => inner
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_'),
        _ => false,
    };
    (name.eq_ignore_ascii_case(b"nan") && is_payload).then_some(f64::NAN.abs())
}

/// Hexadecimal digits with an optional point and binary exponent, without the `0x`.
fn parse_hex(text: &[u8]) -> Option<f64> {
    let exponent_at = text.iter().position(|byte| matches!(byte, b'p' | b'P'));
    let (digits, exponent) = match exponent_at {
        Some(at) => (text.get(..at)?, parse_exponent(text.get(at + 1..)?)?),
        None => (text, 0),
    };
    let (mut mantissa, mut shift, mut digit_count, mut has_point) = (0_u64, 0_i64, 0_usize, false);
    for &byte in digits {
        if byte == b'.' && !has_point {
            has_point = true;
            continue;
        }
        let digit = u64::from(char::from(byte).to_digit(16)?);
        digit_count += 1;
        if mantissa >> 60 == 0 {
            mantissa = mantissa << 4 | digit;
            shift -= if has_point { 4 } else { 0 };
        } else {
            // Digits past 64 bits only decide how the last one is rounded.
            mantissa |= u64::from(digit != 0);
            shift += if has_point { 0 } else { 4 };
        }
    }
    if digit_count == 0 {
        return None;
    }
    Some(scale(mantissa as f64, exponent.saturating_add(shift)))
}

fn parse_exponent(text: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // Any exponent of seven digits is past the range whatever the mantissa of a script is.
    let value = digits.iter().fold(0_i64, |sum, digit| {
        (sum * 10 + i64::from(digit - b'0')).min(1 << 40)
    });
    Some(if is_negative { -value } else { value })
}

/// `value` times two to the power of `exponent`, in steps that cannot overflow on the way.
fn scale(mut value: f64, exponent: i64) -> f64 {
    let mut left = exponent.clamp(-4_000, 4_000);
    while left > 0 {
        let step = left.min(1_000);
        value *= 2_f64.powi(step as i32);
        left -= step;
    }
    while left < 0 {
        let step = left.max(-1_000);
        value *= 2_f64.powi(step as i32);
        left -= step;
    }
    value
}

/// A number as Lua prints it: 14 significant digits.
pub(super) fn tostring(value: f64) -> Blob {
    general(value, 14)
}

/// A number as Redis hands it to a command.
pub(super) fn argument(value: f64) -> Blob {
    Blob::from_slice(&double::argument(value))
}

/// A number as a command replies it.
pub(super) fn reply(value: f64) -> Blob {
    Blob::from_slice(&double::text(value))
}

/// C's `%.*g`.
fn general(value: f64, precision: usize) -> Blob {
    if value == value.trunc() && value.abs() < 1e14 && (value != 0.0 || value.is_sign_positive()) {
        return Blob::from_slice(itoa::Buffer::new().format(value as i64).as_bytes());
    }
    if value.is_nan() {
        let name: &[u8] = if value.is_sign_negative() {
            b"-nan"
        } else {
            b"nan"
        };
        return Blob::from_slice(name);
    }
    if value.is_infinite() {
        return Blob::from_slice(if value < 0.0 { b"-inf" } else { b"inf" });
    }
    let scientific = format!("{value:.*e}", precision - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let mut text = Blob::new();
    if exponent < -4 || exponent >= precision as i32 {
        text.extend_from_slice(without_trailing_zeros(mantissa).as_bytes());
        let sign = if exponent < 0 { '-' } else { '+' };
        text.extend_from_slice(format!("e{sign}{:02}", exponent.abs()).as_bytes());
    } else {
        let decimals = usize::try_from(precision as i32 - 1 - exponent).unwrap_or_default();
        let fixed = format!("{value:.decimals$}");
        text.extend_from_slice(without_trailing_zeros(&fixed).as_bytes());
    }
    text
}

fn without_trailing_zeros(digits: &str) -> &str {
    if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        digits
    }
}

/// A number as a script answers it: cut to an integer, and what no 64-bit integer can hold
/// becomes the smallest one, as the conversion instruction of x86-64 does it.
pub(super) fn truncate(value: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&value) {
        value as i64
    } else {
        i64::MIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_strtod_parses() {
        for (text, value) in [
            ("10", 10.0),
            (" \t\n10 \r\n", 10.0),
            ("-3.5", -3.5),
            ("+.5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("1E+3", 1000.0),
            ("0x10", 16.0),
            ("-0X1p4", -16.0),
            ("0x.8", 0.5),
            ("0x1.8p1", 3.0),
            ("0xffffffffffffffffff", 4_722_366_482_869_645_213_695.0),
            ("1e999", f64::INFINITY),
            ("inf", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("0x1p-1074", 5e-324),
            ("123456789012345678", 123_456_789_012_345_680.0),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(value), "{text}");
        }
        assert!(parse(b"nan").is_some_and(f64::is_nan));
        assert!(parse(b"NAN(a_1)").is_some_and(f64::is_nan));
        assert_eq!(parse(b"10\0abc"), Some(10.0));
    }

    #[test]
    fn refuses_what_strtod_does_not_read_to_the_end() {
        for text in [
            "", " ", "abc", "1x", "1 2", "0x", "0xg", "1e", "1e+", ".", "-", "--1", "+-1", "1.2.3",
            "0x1p", "nanx", "nan(", "infi", "1_0", "e5",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn prints_as_lua_does_and_as_redis_does() {
        for (value, lua, redis) in [
            (0.0, "0", "0"),
            (-0.0, "-0", "0"),
            (30000.0, "30000", "30000"),
            (3.5, "3.5", "3.5"),
            (0.1, "0.1", "0.1"),
            (1e14, "1e+14", "100000000000000"),
            (1e16, "1e+16", "10000000000000000"),
            (1e17, "1e+17", "100000000000000000"),
            (1e100, "1e+100", "1e+100"),
            (
                123_456_789_012_345_680.0,
                "1.2345678901235e+17",
                "123456789012345680",
            ),
            (-1.5e-7, "-1.5e-07", "-1.5e-7"),
            (0.0001, "0.0001", "0.0001"),
            (99_999_999_999_999.9, "1e+14", "99999999999999.9"),
            (f64::INFINITY, "inf", "inf"),
            (f64::NEG_INFINITY, "-inf", "-inf"),
        ] {
            assert_eq!(tostring(value).as_slice(), lua.as_bytes(), "{value:e}");
            assert_eq!(argument(value).as_slice(), redis.as_bytes(), "{value:e}");
        }
    }

    #[test]
    fn truncates_towards_zero_and_marks_what_does_not_fit() {
        assert_eq!(truncate(3.99), 3);
        assert_eq!(truncate(-3.99), -3);
        for value in [
            f64::NAN,
            f64::INFINITY,
            1e100,
            -1e100,
            9_223_372_036_854_775_808.0,
        ] {
            assert_eq!(truncate(value), i64::MIN, "{value}");
        }
    }
}
