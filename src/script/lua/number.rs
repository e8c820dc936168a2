//! Numbers as C prints, reads and casts them, which is what Lua scripts see of Redis.

/// Formats like C's `%.{precision}g`.
pub(super) fn format_general(number: f64, precision: usize) -> String {
    if number.is_nan() {
        return if number.is_sign_negative() {
            "-nan".into()
        } else {
            "nan".into()
        };
    }
    if number.is_infinite() {
        return if number < 0.0 {
            "-inf".into()
        } else {
            "inf".into()
        };
    }
    let precision = precision.max(1);
    let scientific = format!("{:.*e}", precision - 1, number);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |digits: &str| match digits.contains('.') {
        true => digits
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned(),
        false => digits.to_owned(),
    };
    if exponent < -4 || exponent >= i32::try_from(precision).unwrap_or(i32::MAX) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trimmed(mantissa), exponent.unsigned_abs());
    }
    let decimals =
        usize::try_from(i32::try_from(precision).unwrap_or(17) - 1 - exponent).unwrap_or(0);
    trimmed(&format!("{number:.decimals$}"))
}

/// C's cast to a 64-bit integer on x86-64: what does not fit becomes the smallest integer.
pub(super) fn to_integer(number: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&number) {
        number as i64
    } else {
        i64::MIN
    }
}

/// C's cast to a 32-bit integer by way of 64 bits, as `luaL_checkint` does it.
pub(super) fn to_int(number: f64) -> i32 {
    to_integer(number) as i32
}

/// Reads a number like C's `strtod` and tells how many bytes it took; `None` if there is none.
#[expect(
    unsafe_code,
    reason = "strtod also reads hexadecimal floats and spelled-out infinities"
)]
pub(super) fn parse_prefix(text: &[u8]) -> Option<(f64, usize)> {
    let end = text
        .iter()
        .position(|byte| !(byte.is_ascii_alphanumeric() || b"+-._()".contains(byte)))
        .unwrap_or(text.len());
    let candidate = std::ffi::CString::new(&text[..end]).ok()?;
    let mut stop = std::ptr::null_mut();
    // SAFETY: the string is terminated, and `stop` is set to a place inside it.
    let (number, taken) = unsafe {
        let number = libc::strtod(candidate.as_ptr(), &raw mut stop);
        (number, stop.cast_const().offset_from(candidate.as_ptr()))
    };
    match usize::try_from(taken) {
        Ok(taken) if taken > 0 => Some((number, taken)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn general_format_matches_c() {
        let cases: [(f64, usize, &str); 12] = [
            (0.1, 17, "0.10000000000000001"),
            (0.1, 14, "0.1"),
            (1e15, 17, "1000000000000000"),
            (1e17, 17, "1e+17"),
            (1e15, 14, "1e+15"),
            (-0.0, 17, "-0"),
            (1e-5, 14, "1e-05"),
            (0.0001, 14, "0.0001"),
            (123_456.0, 3, "1.23e+05"),
            (1e300, 14, "1e+300"),
            (99_999.9, 5, "1e+05"),
            (0.0, 14, "0"),
        ];
        for (number, precision, expected) in cases {
            assert_eq!(format_general(number, precision), expected);
        }
    }

    #[test]
    fn casts_out_of_range_become_the_smallest_integer() {
        assert_eq!(to_integer(f64::NAN), i64::MIN);
        assert_eq!(to_integer(1e300), i64::MIN);
        assert_eq!(to_integer(-3.99), -3);
        assert_eq!(to_int(1_099_511_627_781.0), 5);
    }

    #[test]
    fn prefix_is_read_as_strtod_reads_it() {
        assert_eq!(parse_prefix(b"0x10,"), Some((16.0, 4)));
        assert_eq!(parse_prefix(b"1.5e3]"), Some((1500.0, 5)));
        assert_eq!(parse_prefix(b"5.x"), Some((5.0, 2)));
        assert_eq!(parse_prefix(b"x"), None);
    }
}
