//! The numbers of INCRBYFLOAT: C's `long double` as it is on x86, 64 bits of mantissa.
//!
//! Redis reads, adds and writes such numbers, and what it answers depends on every bit of them.
//! No type of Rust has that many, so they are made here of integers: reading and adding round
//! once, to the nearest and ties to even, and writing rounds to 17 places behind the point.

mod big;
mod literal;

use big::Big;

/// A number, or an infinity; never NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LongDouble {
    is_negative: bool,
    size: Size,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    Zero,
    /// `mantissa` times two to the `exponent`; the highest bit of the mantissa is set unless the
    /// number is too small for that.
    Finite {
        mantissa: u64,
        exponent: i32,
    },
    Infinite,
}

/// Longer texts are no numbers, in bytes.
const TEXT_BYTES_MAX: usize = 5 * 1024 - 1;
const MANTISSA_BITS: i32 = 64;
/// The exponent of the smallest number, which has a mantissa of 1.
const EXPONENT_MIN: i32 = -16445;
/// The largest exponent of a mantissa.
const EXPONENT_MAX: i32 = 16383 - (MANTISSA_BITS - 1);
/// Digits behind the point that are written.
const PLACES: u32 = 17;

impl LongDouble {
    /// 0.
    pub(super) const ZERO: LongDouble = LongDouble {
        is_negative: false,
        size: Size::Zero,
    };

    /// Reads what C's `strtold` reads: a decimal or hexadecimal number, or an infinity. `None` for
    /// anything else, and for a number that is too large or so small that it would be 0.
    pub(super) fn parse(text: &[u8]) -> Option<LongDouble> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let (is_negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        if text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity") {
            let size = Size::Infinite;
            return Some(LongDouble { is_negative, size });
        }
        let size = literal::size(text)?;
        Some(LongDouble { is_negative, size })
    }

    /// The sum; `None` where it is infinite or none.
    pub(super) fn checked_add(self, other: LongDouble) -> Option<LongDouble> {
        match (self.size, other.size) {
            (Size::Infinite, _) | (_, Size::Infinite) => None,
            (Size::Zero, _) => Some(other),
            (_, Size::Zero) => Some(self),
            _ => Some(self.add_finite(other)).filter(|sum| sum.size != Size::Infinite),
        }
    }

    /// Aligns both to 127 bits and adds or subtracts. What the smaller one loses is only known to
    /// be something, which is enough: then at least 62 bits are left to round off.
    fn add_finite(self, other: LongDouble) -> LongDouble {
        let (mut high, mut low) = (self.aligned(), other.aligned());
        if (high.1, high.0) < (low.1, low.0) {
            std::mem::swap(&mut high, &mut low);
        }
        let is_negative = if high == self.aligned() {
            self.is_negative
        } else {
            other.is_negative
        };
        let distance = high.1.abs_diff(low.1);
        let shifted = low.0.checked_shr(distance).unwrap_or(0);
        let is_exact = shifted.checked_shl(distance) == Some(low.0);
        let sum = if self.is_negative == other.is_negative {
            high.0 + shifted
        } else {
            high.0 - shifted - u128::from(!is_exact)
        };
        LongDouble {
            is_negative: is_negative && sum != 0,
            size: Size::rounded(sum, high.1, is_exact),
        }
    }

    /// The number with its highest bit as bit 126, and its exponent.
    fn aligned(self) -> (u128, i32) {
        match self.size {
            Size::Finite { mantissa, exponent } => {
                let shift = u128::from(mantissa).leading_zeros() - 1;
                (u128::from(mantissa) << shift, exponent - shift as i32)
            }
            Size::Zero | Size::Infinite => (0, i32::MIN / 2),
        }
    }
}

/// As `%.17Lf` writes it, without the zeros at the end and without a minus before 0.
impl std::fmt::Display for LongDouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = match self.size {
            Size::Zero => "0".to_owned(),
            Size::Infinite => "inf".to_owned(),
            Size::Finite { mantissa, exponent } => match u32::try_from(exponent) {
                Ok(exponent) => {
                    let mut whole = Big::from_u64(mantissa);
                    whole.shift_left(exponent);
                    whole.into_decimal()
                }
                Err(_) => with_fraction(mantissa, exponent.unsigned_abs()),
            },
        };
        let sign = if self.is_negative && text != "0" {
            "-"
        } else {
            ""
        };
        write!(f, "{sign}{text}")
    }
}

/// `mantissa` divided by two to the `shift`, rounded to 17 places.
fn with_fraction(mantissa: u64, shift: u32) -> String {
    let scale = 10u128.pow(PLACES);
    // Below 2^121: a shift by all bits leaves less than a half.
    let scaled = u128::from(mantissa) * scale;
    let rounded = if shift < u128::BITS {
        shift_rounding(scaled, shift, true)
    } else {
        0
    };
    let fraction = format!("{:0width$}", rounded % scale, width = PLACES as usize);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{}{point}{fraction}", rounded / scale)
}

/// `number` divided by two to the `shift`, to the nearest, ties to even. Unless `is_exact`, the
/// true number is a little larger.
fn shift_rounding(number: u128, shift: u32, is_exact: bool) -> u128 {
    if shift == 0 {
        return number;
    }
    let half = 1u128 << (shift - 1);
    let rest = number & (half | (half - 1));
    let whole = number.checked_shr(shift).unwrap_or(0);
    let is_up = rest > half || (rest == half && (!is_exact || whole & 1 == 1));
    whole + u128::from(is_up)
}

impl Size {
    /// `number` times two to the `exponent`, as near as the type has it. Unless `is_exact`, the
    /// true number is a little larger, and `number` has bits to round off.
    fn rounded(number: u128, exponent: i32, is_exact: bool) -> Size {
        let bits = (u128::BITS - number.leading_zeros()) as i32;
        let wanted = (exponent + bits - MANTISSA_BITS).max(EXPONENT_MIN);
        let (mut mantissa, mut exponent) = match u32::try_from(wanted - exponent) {
            Ok(shift) if shift <= u128::BITS => (shift_rounding(number, shift, is_exact), wanted),
            Ok(_) => (0, wanted),
            Err(_) => (number << exponent.abs_diff(wanted), wanted),
        };
        if mantissa == 1 << MANTISSA_BITS {
            mantissa >>= 1;
            exponent += 1;
        }
        match u64::try_from(mantissa) {
            Ok(0) => Size::Zero,
            Ok(mantissa) if exponent <= EXPONENT_MAX => Size::Finite { mantissa, exponent },
            _ => Size::Infinite,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(one: &str, other: &str) -> Option<String> {
        let one = LongDouble::parse(one.as_bytes())?;
        let other = LongDouble::parse(other.as_bytes())?;
        one.checked_add(other).map(|sum| sum.to_string())
    }

    /// Recorded from redis-server 7.0.15 by INCRBYFLOAT.
    const RECORDED: &str = include_str!("../../../tests/data/incrbyfloat-7.0.15.txt");

    #[test]
    fn sums_are_those_of_redis_to_the_last_digit() {
        let mut sums = 0;
        for line in RECORDED.lines().filter(|line| !line.starts_with('#')) {
            let [one, other, expected] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line} has three numbers")
            };
            let expected = (expected != "error").then(|| expected.to_owned());
            assert_eq!(sum(one, other), expected, "{one} + {other}");
            sums += 1;
        }
        assert!(sums >= 1000, "only {sums} sums are left");
    }

    #[test]
    fn only_whole_texts_are_numbers() {
        for text in [
            "",
            "-",
            "+",
            ".",
            "e1",
            "1e",
            "1e+",
            "1.2.3",
            "1,5",
            " 1",
            "1 ",
            "--1",
            "0x",
            "0x.",
            "0x1p",
            "0xg",
            "1p1",
            "nan",
            "-nan",
            "nan(1)",
            "infinit",
            "1\0",
            "1e5000",
            "1e-5000",
            "0x1p16384",
            "0x1p-16447",
            "1e99999999999999999999",
        ] {
            assert_eq!(LongDouble::parse(text.as_bytes()), None, "{text:?}");
        }
        let longest = "0".repeat(TEXT_BYTES_MAX);
        assert_eq!(
            LongDouble::parse(longest.as_bytes()),
            Some(LongDouble::ZERO)
        );
        assert_eq!(LongDouble::parse(format!("{longest}0").as_bytes()), None);
    }

    #[test]
    fn the_ends_of_the_range_are_in_it() {
        let largest = "0x1.fffffffffffffffep16383";
        assert_eq!(sum(largest, "0").map(|text| text.len()), Some(4933));
        assert_eq!(sum(largest, largest), None);
        assert_eq!(sum("0x1p-16445", "0").as_deref(), Some("0"));
        assert_eq!(sum("inf", "1"), None);
        assert_eq!(sum("1e-4950", "1").as_deref(), Some("1"));
        assert_eq!(sum("-1e-18", "0").as_deref(), Some("0"));
    }
}
