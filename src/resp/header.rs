//! Header lines of a request: `*3`, then `$5` before each argument.
//!
//! Two ways to read one. The short way takes a whole, well-formed header of up to three digits,
//! which nearly every header is; the long way takes any line and says what is wrong with it.
//! Where the short way answers, the long way gives the same number.

use crate::error::ProtocolError;

/// The two kinds of header line: `*3` and `$5`.
#[derive(Clone, Copy)]
pub(super) enum Header {
    /// How many arguments the request has.
    Count,
    /// How many bytes the next argument has.
    Length,
}

impl Header {
    /// Reads the line without its end.
    ///
    /// # Errors
    /// The line does not begin with the header's mark, or its number is none.
    pub(super) fn number(self, line: &[u8]) -> Result<i64, ProtocolError> {
        let digits = match (self, line) {
            // The first byte is what made the request one with arguments.
            (Header::Count, [_, digits @ ..]) | (Header::Length, [b'$', digits @ ..]) => digits,
            (_, [other, ..]) => return Err(ProtocolError::ExpectedBulk(*other)),
            // In an empty line the line's own end stands in the place of the mark.
            (_, []) => return Err(ProtocolError::ExpectedBulk(b'\r')),
        };
        strict_integer(digits).ok_or(self.invalid())
    }

    /// What a line is that does not end within the limit.
    pub(super) fn too_long(self) -> ProtocolError {
        match self {
            Header::Count => ProtocolError::MultibulkHeaderTooLong,
            Header::Length => ProtocolError::BulkHeaderTooLong,
        }
    }

    fn invalid(self) -> ProtocolError {
        match self {
            Header::Count => ProtocolError::MultibulkLength,
            Header::Length => ProtocolError::BulkLength,
        }
    }
}

/// Reads a well-formed header of up to three digits, and says how many bytes it has. Nearly every
/// header is one; what is not, or is not all there, is left to the long way.
#[inline]
pub(super) fn short_header(bytes: &[u8], mark: u8) -> Option<(u32, usize)> {
    let digit = |byte: u8| u32::from(byte.wrapping_sub(b'0'));
    match *bytes {
        [first, a, b'\r', _, ..] if first == mark && digit(a) <= 9 => Some((digit(a), 4)),
        [first, a, b, b'\r', _, ..]
            if first == mark && matches!(a, b'1'..=b'9') && digit(b) <= 9 =>
        {
            Some((digit(a) * 10 + digit(b), 5))
        }
        [first, a, b, c, b'\r', _, ..]
            if first == mark && matches!(a, b'1'..=b'9') && digit(b) <= 9 && digit(c) <= 9 =>
        {
            Some((digit(a) * 100 + digit(b) * 10 + digit(c), 6))
        }
        _ => None,
    }
}

/// Reads a whole number the way Redis does for protocol lines: no plus sign, no leading zero, no
/// `-0`, no blank.
fn strict_integer(digits: &[u8]) -> Option<i64> {
    let magnitude = digits.strip_prefix(b"-").unwrap_or(digits);
    match magnitude {
        [b'0'] if digits.len() == 1 => Some(0),
        [b'1'..=b'9', ..] => std::str::from_utf8(digits).ok()?.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_way_reads_a_header_as_the_long_way_does() {
        let alphabet = b"$0123459-+ \r\n\0";
        let mut read = 0;
        for number in 0..alphabet.len().pow(5) {
            let mut header = *b"$.....";
            let mut rest = number;
            for byte in &mut header[1..] {
                *byte = alphabet[rest % alphabet.len()];
                rest /= alphabet.len();
            }
            if let Some((value, length)) = short_header(&header, b'$') {
                let line = &header[..length - 2];
                assert_eq!(header[line.len()], b'\r');
                assert_eq!(Header::Length.number(line), Ok(i64::from(value)));
                read += 1;
            }
        }
        // One, two and three digits without a leading zero, each before CR and any bytes.
        assert_eq!(read, 7 * 14 * 14 * 14 + 6 * 7 * 14 * 14 + 6 * 7 * 7 * 14);
    }

    #[test]
    fn a_number_is_read_strictly() {
        let numbers = [
            ("0", 0),
            ("7", 7),
            ("-1", -1),
            ("100", 100),
            ("9223372036854775807", i64::MAX),
        ];
        for (digits, number) in numbers {
            assert_eq!(strict_integer(digits.as_bytes()), Some(number));
        }
        assert_eq!(strict_integer(b"-9223372036854775808"), Some(i64::MIN));
        for digits in [
            "",
            "-",
            "-0",
            "00",
            "01",
            "+1",
            " 1",
            "1 ",
            "1a",
            "--1",
            "9223372036854775808",
        ] {
            assert_eq!(strict_integer(digits.as_bytes()), None, "{digits}");
        }
        assert_eq!(strict_integer(b"1\xff"), None);
    }
}
