//! A whole number of any size: just what reading and writing decimals exactly takes.
//!
//! Invariant: the highest limb is not 0, so the number of limbs tells the size.

use std::cmp::Ordering;

/// Little-endian, in base 2^32.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Big(Vec<u32>);

const LIMB_BITS: u32 = 32;
/// The highest power of ten that fits a limb, and its exponent.
const TEN_POWER: (u32, u32) = (1_000_000_000, 9);

impl Big {
    pub(super) const ZERO: Big = Big(Vec::new());

    pub(super) fn from_u64(number: u64) -> Big {
        let mut big = Big(vec![number as u32, (number >> LIMB_BITS) as u32]);
        big.trim();
        big
    }

    /// The number that digits of this base write, each a value below it.
    pub(super) fn from_digits(base: u32, digits: impl Iterator<Item = u32>) -> Big {
        let mut big = Big::ZERO;
        let (mut chunk, mut power) = (0, 1);
        for digit in digits {
            chunk = chunk * base + digit;
            power *= base;
            if power > u32::MAX / base / base {
                big.multiply_add(power, chunk);
                (chunk, power) = (0, 1);
            }
        }
        big.multiply_add(power, chunk);
        big
    }

    pub(super) fn ten_to(exponent: u32) -> Big {
        let mut big = Big::from_u64(1);
        big.multiply_by_ten_to(exponent);
        big
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// How many bits it takes: 0 for 0.
    pub(super) fn bits(&self) -> u32 {
        let limbs = self.0.len() as u32;
        self.0
            .last()
            .map_or(0, |highest| limbs * LIMB_BITS - highest.leading_zeros())
    }

    pub(super) fn multiply_by_ten_to(&mut self, exponent: u32) {
        let (power, digits) = TEN_POWER;
        for _ in 0..exponent / digits {
            self.multiply_add(power, 0);
        }
        self.multiply_add(10u32.pow(exponent % digits), 0);
    }

    fn multiply_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for limb in &mut self.0 {
            let product = u64::from(*limb) * u64::from(factor) + carry;
            *limb = product as u32;
            carry = product >> LIMB_BITS;
        }
        if carry != 0 {
            self.0.push(carry as u32);
        }
    }

    pub(super) fn shift_left(&mut self, bits: u32) {
        if self.is_zero() {
            return;
        }
        let (limbs, bits) = ((bits / LIMB_BITS) as usize, bits % LIMB_BITS);
        let mut carry = 0;
        if bits != 0 {
            for limb in &mut self.0 {
                let shifted = *limb << bits | carry;
                carry = *limb >> (LIMB_BITS - bits);
                *limb = shifted;
            }
        }
        if carry != 0 {
            self.0.push(carry);
        }
        self.0.splice(0..0, std::iter::repeat_n(0, limbs));
    }

    fn subtract(&mut self, other: &Big) {
        debug_assert!(self.compare(other) != Ordering::Less, "no negative numbers");
        let mut borrow = 0;
        for (place, limb) in self.0.iter_mut().enumerate() {
            let taken = i64::from(other.0.get(place).copied().unwrap_or(0)) + borrow;
            let rest = i64::from(*limb) - taken;
            borrow = i64::from(rest < 0);
            *limb = rest as u32;
        }
        self.trim();
    }

    fn compare(&self, other: &Big) -> Ordering {
        let by_size = self.0.len().cmp(&other.0.len());
        by_size.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }

    /// The quotient by `divisor`, which is not 0, and whether nothing is left over. The quotient
    /// is below 2^`quotient_bits`, at most 2^128.
    pub(super) fn divide(mut self, mut divisor: Big, quotient_bits: u32) -> (u128, bool) {
        divisor.shift_left(quotient_bits - 1);
        let mut quotient = 0;
        for step in 0..quotient_bits {
            if step > 0 {
                self.shift_left(1);
            }
            quotient <<= 1;
            if self.compare(&divisor) != Ordering::Less {
                self.subtract(&divisor);
                quotient |= 1;
            }
        }
        (quotient, self.is_zero())
    }

    /// The decimal digits.
    pub(super) fn into_decimal(mut self) -> String {
        let (power, digits) = TEN_POWER;
        let mut chunks = Vec::new();
        while !self.is_zero() {
            let mut rest = 0;
            for limb in self.0.iter_mut().rev() {
                let number = rest << LIMB_BITS | u64::from(*limb);
                *limb = (number / u64::from(power)) as u32;
                rest = number % u64::from(power);
            }
            self.trim();
            chunks.push(rest);
        }
        let highest = chunks.pop().unwrap_or(0).to_string();
        let others = chunks.iter().rev();
        others.fold(highest, |text, chunk| {
            text + &format!("{chunk:0width$}", width = digits as usize)
        })
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_come_back_at_every_length() {
        for length in 1..60 {
            let digits: Vec<u32> = (0..length).map(|place| (place * 7 + 3) % 10).collect();
            let text: String = digits.iter().map(u32::to_string).collect();
            assert_eq!(
                Big::from_digits(10, digits.into_iter()).into_decimal(),
                text
            );
        }
        assert_eq!(Big::ZERO.into_decimal(), "0");
        assert_eq!(Big::ten_to(20).into_decimal(), format!("1{:020}", 0));
    }

    #[test]
    fn arithmetic_is_that_of_128_bits() {
        let big = |number: u128| {
            let digits = number.to_string();
            Big::from_digits(10, digits.bytes().map(|digit| u32::from(digit - b'0')))
        };
        let mut number: u128 = 1;
        for step in 1..80u32 {
            number = number
                .wrapping_mul(0x1234_5678_9ABC_DEF1)
                .wrapping_add(u128::from(step));
            let small = number >> (step % 64 + 64);
            let wide = small << (step % 60);
            let mut shifted = big(small);
            shifted.shift_left(step % 60);
            assert_eq!(shifted, big(wide));
            assert_eq!(shifted.bits(), 128 - wide.leading_zeros());
            let divisor = small / 3 + 1;
            let expected = (wide / divisor, wide.is_multiple_of(divisor));
            assert_eq!(shifted.divide(big(divisor), 127), expected);
        }
    }
}
