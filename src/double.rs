//! Doubles in the digits that Redis writes since 7.2: few, and enough to be read back.
//!
//! The digits are those of Grisu2 (F. Loitsch, "Printing Floating-Point Numbers Quickly and
//! Accurately with Integers", PLDI 2010), which are the fewest for all but about one number in a
//! hundred. Redis uses it, so a printer that always finds the fewest would answer other bytes.

use std::ops::Deref;

/// The longest text: a sign, 17 digits, a point, and an exponent or the zeros beside it.
const TEXT_MAX: usize = 32;
/// The most digits that a double needs.
const DIGITS_MAX: usize = 17;
/// Integers up to this size are written with all their digits.
const INTEGER_MAX: f64 = (1_u64 << 62) as f64;
/// At most so many zeros stand behind the digits of an integer, and so many minus one digits
/// behind a point; what needs more is written with an exponent.
const ZEROS_MAX: i32 = 7;
/// A number below one thousandth may have so many digits behind its point in any case.
const SMALL_EXPONENT: i32 = 4;

/// A number as text.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    bytes: [u8; TEXT_MAX],
    length: usize,
}

impl Text {
    fn new() -> Text {
        Text {
            bytes: [0; TEXT_MAX],
            length: 0,
        }
    }

    fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    fn extend(&mut self, bytes: &[u8]) {
        self.bytes[self.length..][..bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    fn push_zeros(&mut self, count: i32) {
        (0..count).for_each(|_| self.push(b'0'));
    }
}

impl Deref for Text {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// The number as Redis replies it: `3`, `-0`, `0.1`, `1e+20`, `-inf`, `nan`.
pub fn text(value: f64) -> Text {
    let mut text = Text::new();
    let is_integer = value.abs() <= INTEGER_MAX && value == value.trunc();
    if is_integer && (value != 0.0 || value.is_sign_positive()) {
        text.extend(itoa::Buffer::new().format(value as i64).as_bytes());
        return text;
    }
    if value.is_nan() {
        text.extend(b"nan");
        return text;
    }
    if value.is_sign_negative() {
        text.push(b'-');
    }
    match value.abs() {
        size if size.is_infinite() => text.extend(b"inf"),
        0.0 => text.push(b'0'),
        size => lay_out(&Digits::of(size), &mut text),
    }
    text
}

/// The number as a script hands it to a command: as [`text`], but that there is no negative zero,
/// and a negative `-nan`.
pub fn argument(value: f64) -> Text {
    if value.is_nan() && value.is_sign_negative() {
        let mut text = Text::new();
        text.extend(b"-nan");
        return text;
    }
    text(if value == 0.0 { 0.0 } else { value })
}

fn lay_out(digits: &Digits, text: &mut Text) {
    let shown = digits.shown();
    let count = i32::try_from(shown.len()).unwrap_or_default();
    let exponent = digits.power + count - 1;
    if (0..=ZEROS_MAX).contains(&digits.power) {
        text.extend(shown);
        text.push_zeros(digits.power);
        return;
    }
    if digits.power < 0 && (digits.power > -ZEROS_MAX || exponent.abs() < SMALL_EXPONENT) {
        let before_point = count + digits.power;
        match usize::try_from(before_point) {
            Ok(before_point @ 1..) => {
                text.extend(&shown[..before_point]);
                text.push(b'.');
                text.extend(&shown[before_point..]);
            }
            _ => {
                text.extend(b"0.");
                text.push_zeros(-before_point);
                text.extend(shown);
            }
        }
        return;
    }
    text.push(shown[0]);
    if count > 1 {
        text.push(b'.');
        text.extend(&shown[1..]);
    }
    text.extend(if exponent < 0 { b"e-" } else { b"e+" });
    text.extend(itoa::Buffer::new().format(exponent.abs()).as_bytes());
}

/// Decimal digits of a number, which is these as an integer times ten to the `power`.
struct Digits {
    digits: [u8; DIGITS_MAX + 1],
    length: usize,
    power: i32,
}

impl Digits {
    fn shown(&self) -> &[u8] {
        &self.digits[..self.length]
    }

    fn push(&mut self, digit: u64) {
        if digit != 0 || self.length != 0 {
            self.digits[self.length] = b'0' + digit as u8;
            self.length += 1;
        }
    }

    /// The digits of a number above 0 that is finite.
    fn of(value: f64) -> Digits {
        let exact = Binary::of(value);
        let (lower, upper) = exact.boundaries();
        let (power_of_ten, power) = cached_power(upper.exponent);
        // What lies this side of both bounds is read back as the number, whatever was rounded.
        let scaled = exact.normalized().times(power_of_ten);
        let upper = upper.times(power_of_ten);
        let high = upper.significand - 1;
        let low = lower.times(power_of_ten).significand + 1;
        generate(scaled.significand, low, high, upper.exponent, -power)
    }
}

/// A binary floating-point number: `significand` times two to the `exponent`.
#[derive(Clone, Copy)]
struct Binary {
    significand: u64,
    exponent: i32,
}

const FRACTION_BITS: i32 = 52;
const HIDDEN_BIT: u64 = 1 << FRACTION_BITS;
const EXPONENT_BIAS: i32 = 1023 + FRACTION_BITS;

impl Binary {
    fn of(value: f64) -> Binary {
        let bits = value.to_bits();
        let fraction = bits & (HIDDEN_BIT - 1);
        match (bits >> FRACTION_BITS) as i32 & 0x7ff {
            0 => Binary {
                significand: fraction,
                exponent: 1 - EXPONENT_BIAS,
            },
            biased => Binary {
                significand: fraction | HIDDEN_BIT,
                exponent: biased - EXPONENT_BIAS,
            },
        }
    }

    /// The same number with all 64 bits of its significand in use.
    fn normalized(self) -> Binary {
        let shift = self.significand.leading_zeros();
        Binary {
            significand: self.significand << shift,
            exponent: self.exponent - shift as i32,
        }
    }

    /// Half-way to the neighbours below and above, with the exponent of the upper one.
    fn boundaries(self) -> (Binary, Binary) {
        let upper = Binary {
            significand: (self.significand << 1) + 1,
            exponent: self.exponent - 1,
        };
        let upper = upper.normalized();
        // Below a power of two the neighbour is twice as near.
        let shift = if self.significand == HIDDEN_BIT { 2 } else { 1 };
        let significand = (self.significand << shift) - 1;
        let lower = Binary {
            significand: significand << (self.exponent - shift - upper.exponent),
            exponent: upper.exponent,
        };
        (lower, upper)
    }

    /// The product, rounded to 64 bits.
    fn times(self, other: Binary) -> Binary {
        let product = u128::from(self.significand) * u128::from(other.significand);
        Binary {
            significand: ((product + (1 << 63)) >> 64) as u64,
            exponent: self.exponent + other.exponent + 64,
        }
    }
}

/// Digits of a number between `low` and `high`, as near to `scaled` as their count allows. All three
/// are multiples of two to the `exponent`.
fn generate(scaled: u64, low: u64, high: u64, exponent: i32, power: i32) -> Digits {
    let mut digits = Digits {
        digits: [0; DIGITS_MAX + 1],
        length: 0,
        power,
    };
    let distance = high - scaled;
    let mut width = high - low;
    let one = 1_u64 << -exponent;
    let (mut whole, mut fraction) = (high >> -exponent, high & (one - 1));
    let mut place = 10_u64.pow(9);
    for after in (0..10).rev() {
        digits.push(whole / place);
        whole %= place;
        let rest = (whole << -exponent) + fraction;
        if rest <= width {
            digits.power += after;
            approach(&mut digits, width, rest, place << -exponent, distance);
            return digits;
        }
        place /= 10;
    }
    let mut unit = 1;
    for before in 1.. {
        fraction *= 10;
        width *= 10;
        unit *= 10;
        digits.push(fraction >> -exponent);
        fraction &= one - 1;
        if fraction < width {
            digits.power -= before;
            approach(
                &mut digits,
                width,
                fraction,
                one,
                distance.wrapping_mul(unit),
            );
            break;
        }
    }
    digits
}

/// Counts the last digit down as long as that brings the number nearer to the exact one, and it
/// stays in between: `rest` is how far below the upper bound it is, `distance` how far the exact one.
fn approach(digits: &mut Digits, width: u64, mut rest: u64, step: u64, distance: u64) {
    while rest < distance
        && width - rest >= step
        && (rest + step < distance || distance - rest > rest + step - distance)
    {
        digits.digits[digits.length - 1] -= 1;
        rest += step;
    }
}

/// A power of ten whose product with a number of this binary exponent has one from -60 to -32, and
/// which it is.
fn cached_power(exponent: i32) -> (Binary, i32) {
    const LOG10_OF_2: f64 = 0.301_029_995_663_981_14;
    let count = POWERS.len() as i32;
    let near = (f64::from(-(exponent + count)) * LOG10_OF_2) as i32;
    let mut index = ((near - FIRST_POWER) / POWER_STEP) as usize;
    loop {
        let (significand, power_exponent) = POWERS[index];
        match exponent + power_exponent + 64 {
            ..-60 => index += 1,
            -31.. => index -= 1,
            _ => {
                let power = Binary {
                    significand,
                    exponent: power_exponent,
                };
                return (power, FIRST_POWER + index as i32 * POWER_STEP);
            }
        }
    }
}

const FIRST_POWER: i32 = -348;
const POWER_STEP: i32 = 8;

/// Ten to the power of -348, -340 and so on to 340: a significand of 64 bits, rounded, and an
/// exponent of two.
const POWERS: [(u64, i32); 87] = [
    (0xfa8fd5a0081c0288, -1220),
    (0xbaaee17fa23ebf76, -1193),
    (0x8b16fb203055ac76, -1166),
    (0xcf42894a5dce35ea, -1140),
    (0x9a6bb0aa55653b2d, -1113),
    (0xe61acf033d1a45df, -1087),
    (0xab70fe17c79ac6ca, -1060),
    (0xff77b1fcbebcdc4f, -1034),
    (0xbe5691ef416bd60c, -1007),
    (0x8dd01fad907ffc3c, -980),
    (0xd3515c2831559a83, -954),
    (0x9d71ac8fada6c9b5, -927),
    (0xea9c227723ee8bcb, -901),
    (0xaecc49914078536d, -874),
    (0x823c12795db6ce57, -847),
    (0xc21094364dfb5637, -821),
    (0x9096ea6f3848984f, -794),
    (0xd77485cb25823ac7, -768),
    (0xa086cfcd97bf97f4, -741),
    (0xef340a98172aace5, -715),
    (0xb23867fb2a35b28e, -688),
    (0x84c8d4dfd2c63f3b, -661),
    (0xc5dd44271ad3cdba, -635),
    (0x936b9fcebb25c996, -608),
    (0xdbac6c247d62a584, -582),
    (0xa3ab66580d5fdaf6, -555),
    (0xf3e2f893dec3f126, -529),
    (0xb5b5ada8aaff80b8, -502),
    (0x87625f056c7c4a8b, -475),
    (0xc9bcff6034c13053, -449),
    (0x964e858c91ba2655, -422),
    (0xdff9772470297ebd, -396),
    (0xa6dfbd9fb8e5b88f, -369),
    (0xf8a95fcf88747d94, -343),
    (0xb94470938fa89bcf, -316),
    (0x8a08f0f8bf0f156b, -289),
    (0xcdb02555653131b6, -263),
    (0x993fe2c6d07b7fac, -236),
    (0xe45c10c42a2b3b06, -210),
    (0xaa242499697392d3, -183),
    (0xfd87b5f28300ca0e, -157),
    (0xbce5086492111aeb, -130),
    (0x8cbccc096f5088cc, -103),
    (0xd1b71758e219652c, -77),
    (0x9c40000000000000, -50),
    (0xe8d4a51000000000, -24),
    (0xad78ebc5ac620000, 3),
    (0x813f3978f8940984, 30),
    (0xc097ce7bc90715b3, 56),
    (0x8f7e32ce7bea5c70, 83),
    (0xd5d238a4abe98068, 109),
    (0x9f4f2726179a2245, 136),
    (0xed63a231d4c4fb27, 162),
    (0xb0de65388cc8ada8, 189),
    (0x83c7088e1aab65db, 216),
    (0xc45d1df942711d9a, 242),
    (0x924d692ca61be758, 269),
    (0xda01ee641a708dea, 295),
    (0xa26da3999aef774a, 322),
    (0xf209787bb47d6b85, 348),
    (0xb454e4a179dd1877, 375),
    (0x865b86925b9bc5c2, 402),
    (0xc83553c5c8965d3d, 428),
    (0x952ab45cfa97a0b3, 455),
    (0xde469fbd99a05fe3, 481),
    (0xa59bc234db398c25, 508),
    (0xf6c69a72a3989f5c, 534),
    (0xb7dcbf5354e9bece, 561),
    (0x88fcf317f22241e2, 588),
    (0xcc20ce9bd35c78a5, 614),
    (0x98165af37b2153df, 641),
    (0xe2a0b5dc971f303a, 667),
    (0xa8d9d1535ce3b396, 694),
    (0xfb9b7cd9a4a7443c, 720),
    (0xbb764c4ca7a44410, 747),
    (0x8bab8eefb6409c1a, 774),
    (0xd01fef10a657842c, 800),
    (0x9b10a4e5e9913129, 827),
    (0xe7109bfba19c0c9d, 853),
    (0xac2820d9623bf429, 880),
    (0x80444b5e7aa7cf85, 907),
    (0xbf21e44003acdd2d, 933),
    (0x8e679c2f5e44ff8f, 960),
    (0xd433179d9c8cb841, 986),
    (0x9e19db92b4e31ba9, 1013),
    (0xeb96bf6ebadf77d9, 1039),
    (0xaf87023b9bf0ee6b, 1066),
];

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDED: &str = include_str!("../tests/data/doubles-8.2.3.txt");

    fn shown(text: Text) -> String {
        String::from_utf8_lossy(&text).into_owned()
    }

    #[test]
    fn numbers_have_the_digits_of_redis() {
        for line in RECORDED.lines().filter(|line| !line.starts_with('#')) {
            let (bits, expected) = line.split_once(' ').expect("two words");
            let bits = u64::from_str_radix(bits, 16).expect("bits in hexadecimal");
            let value = f64::from_bits(bits);
            assert_eq!(shown(argument(value)), expected, "{value:e}");
        }
    }

    #[test]
    fn a_reply_keeps_the_sign_of_zero_and_an_argument_that_of_nan() {
        for (value, reply, given) in [
            (-0.0, "-0", "0"),
            (0.0, "0", "0"),
            (-f64::NAN.abs(), "nan", "-nan"),
            (f64::NAN.abs(), "nan", "nan"),
            (f64::INFINITY, "inf", "inf"),
            (f64::NEG_INFINITY, "-inf", "-inf"),
        ] {
            assert_eq!(shown(text(value)), reply);
            assert_eq!(shown(argument(value)), given);
        }
    }

    /// The corners of the layout and of the binary format, each read back as itself.
    #[test]
    fn every_number_is_read_back_as_itself() {
        let powers = (-1074..=1023).map(|exponent| 2_f64.powi(exponent));
        let tens = (-307..=308).map(|exponent| format!("1e{exponent}").parse().unwrap_or(0.0));
        for value in powers.chain(tens) {
            for value in [
                value,
                value.next_up(),
                value.next_down(),
                -value,
                value * 1.1,
            ] {
                let text = shown(argument(value));
                assert_eq!(
                    text.parse::<f64>().map(f64::to_bits),
                    Ok((value + 0.0).to_bits())
                );
                assert!(text.len() <= 25, "{text}");
            }
        }
    }
}
