//! Reading a number: from its digits, decimal or hexadecimal, to the nearest one that there is.

use super::big::Big;
use super::{EXPONENT_MAX, EXPONENT_MIN, MANTISSA_BITS, Size};

/// A decimal number from this power of ten on is too large, one below the other is 0.
const DECIMAL_MAGNITUDES: std::ops::Range<i64> = -4960..4940;
/// The same for powers of two.
const BINARY_MAGNITUDES: std::ops::Range<i64> =
    EXPONENT_MIN as i64 - 2..(EXPONENT_MAX + MANTISSA_BITS) as i64 + 4;
/// What an exponent is cut to: no text of 5 KB has the digits to make up for more.
const EXPONENT_TEXT_MAX: i64 = 100_000;
/// Bits of a quotient: those of a mantissa, one to round by, and two since it may be shorter.
const QUOTIENT_BITS: u32 = MANTISSA_BITS as u32 + 3;

/// In what a number is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Notation {
    Decimal,
    Hexadecimal,
}

/// The number that a text without sign is; `None` if it is none, too large, or not 0 and nearer to
/// 0 than to any other.
pub(super) fn size(text: &[u8]) -> Option<Size> {
    let (notation, text) = match text {
        [b'0', b'x' | b'X', rest @ ..] => (Notation::Hexadecimal, rest),
        rest => (Notation::Decimal, rest),
    };
    let is_mark = |byte: &u8| byte.eq_ignore_ascii_case(&notation.exponent_mark());
    let (mantissa, exponent) = match text.iter().position(is_mark) {
        Some(mark) => (&text[..mark], exponent(&text[mark + 1..])?),
        None => (text, 0),
    };
    let point = mantissa.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = match point {
        Some(point) => (&mantissa[..point], &mantissa[point + 1..]),
        None => (mantissa, &[][..]),
    };
    let base = notation.base();
    let digits: Option<Vec<u32>> = whole
        .iter()
        .chain(fraction)
        .map(|byte| char::from(*byte).to_digit(base))
        .collect();
    let digits = digits.filter(|digits| !digits.is_empty())?;
    let exponent = exponent - notation.exponent_of_a_digit() * fraction.len() as i64;
    let leading_zeros = digits.iter().take_while(|digit| **digit == 0).count();
    let significant = &digits[leading_zeros..];
    if significant.is_empty() {
        return Some(Size::Zero);
    }
    let magnitude = exponent + notation.exponent_of_a_digit() * significant.len() as i64;
    if !notation.magnitudes().contains(&magnitude) {
        return None;
    }
    let number = Big::from_digits(base, significant.iter().copied());
    let exponent = i32::try_from(exponent).ok()?;
    let size = match notation {
        Notation::Hexadecimal => quotient(number, Big::from_u64(1), exponent),
        Notation::Decimal => {
            let power = Big::ten_to(exponent.unsigned_abs());
            if exponent < 0 {
                quotient(number, power, 0)
            } else {
                let mut number = number;
                number.multiply_by_ten_to(exponent.unsigned_abs());
                quotient(number, Big::from_u64(1), 0)
            }
        }
    };
    Some(size).filter(|size| matches!(size, Size::Finite { .. }))
}

/// The number behind an exponent's mark.
fn exponent(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] => (1, digits),
        digits => (1, digits),
    };
    if digits.is_empty() {
        return None;
    }
    let size = digits.iter().try_fold(0i64, |size, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        Some((size * 10 + i64::from(digit)).min(EXPONENT_TEXT_MAX))
    })?;
    Some(sign * size)
}

/// `number` divided by `divisor`, times two to the `exponent`. Neither is 0.
fn quotient(mut number: Big, mut divisor: Big, exponent: i32) -> Size {
    let shift = QUOTIENT_BITS as i32 - 1 - (number.bits() as i32 - divisor.bits() as i32);
    match u32::try_from(shift) {
        Ok(shift) => number.shift_left(shift),
        Err(_) => divisor.shift_left(shift.unsigned_abs()),
    }
    let (quotient, is_exact) = number.divide(divisor, QUOTIENT_BITS);
    Size::rounded(quotient, exponent - shift, is_exact)
}

impl Notation {
    fn base(self) -> u32 {
        match self {
            Notation::Decimal => 10,
            Notation::Hexadecimal => 16,
        }
    }

    fn exponent_mark(self) -> u8 {
        match self {
            Notation::Decimal => b'e',
            Notation::Hexadecimal => b'p',
        }
    }

    /// By how much a digit more moves the exponent, which counts tens or twos.
    fn exponent_of_a_digit(self) -> i64 {
        match self {
            Notation::Decimal => 1,
            Notation::Hexadecimal => 4,
        }
    }

    fn magnitudes(self) -> std::ops::Range<i64> {
        match self {
            Notation::Decimal => DECIMAL_MAGNITUDES,
            Notation::Hexadecimal => BINARY_MAGNITUDES,
        }
    }
}
