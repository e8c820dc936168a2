//! The keys of a load: which connection owns which, and in what order it visits them.
//!
//! A key is `lock:orders:` and twelve digits. Every connection has a range of numbers for itself, so
//! that what it takes is free and what it releases is its own. It visits its range by strides of
//! about 0.618 of the range, prime to it: a permutation that spreads any few neighbours evenly,
//! so that a server's caches are met as by locks of many orders.

/// What every key begins with.
pub(super) const PREFIX: &[u8] = b"lock:orders:";

/// The digits behind the prefix.
pub(super) const DIGITS: usize = 12;

/// A number as it stands in a key.
pub(super) type Digits = [u8; DIGITS];

/// Consecutive key numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyRange {
    pub(super) first: u64,
    pub(super) count: u64,
}

impl KeyRange {
    /// The range of each of `owners` when `keys` are shared out evenly; what is left over is not
    /// used.
    pub(super) fn shares(keys: u64, owners: usize) -> impl Iterator<Item = KeyRange> {
        let owners = owners as u64;
        let count = keys / owners;
        (0..owners).map(move |owner| KeyRange {
            first: owner * count,
            count,
        })
    }

    pub(super) fn numbers(self) -> impl Iterator<Item = u64> {
        self.first..self.first + self.count
    }
}

/// An endless walk over a range: each number once, then again in the same order.
#[derive(Clone, Debug)]
pub(super) struct KeyWalk {
    range: KeyRange,
    stride: u64,
    at: u64,
}

impl KeyWalk {
    /// A walk over a range with at least one number.
    pub(super) fn new(range: KeyRange) -> KeyWalk {
        debug_assert!(range.count > 0, "a walk needs somewhere to go");
        let golden = (range.count as f64 * 0.618_033_988_75) as u64;
        let is_prime_to_range = |stride: &u64| greatest_common_divisor(*stride, range.count) == 1;
        // The range's own length plus one is prime to it, so the search ends.
        let stride = (golden.max(1)..).find(is_prime_to_range).unwrap_or(1);
        KeyWalk {
            range,
            stride: stride % range.count,
            at: 0,
        }
    }

    /// The next number.
    #[inline]
    pub(super) fn step(&mut self) -> u64 {
        let number = self.range.first + self.at;
        self.at += self.stride;
        if self.at >= self.range.count {
            self.at -= self.range.count;
        }
        number
    }

    /// Begins the walk again.
    pub(super) fn restart(&mut self) {
        self.at = 0;
    }
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The last twelve digits of a number.
#[inline]
pub(super) fn digits(mut number: u64) -> Digits {
    let mut digits = [b'0'; DIGITS];
    for pair in digits.rchunks_exact_mut(2) {
        let rest = (number % 100) as u8;
        number /= 100;
        pair.copy_from_slice(&[b'0' + rest / 10, b'0' + rest % 10]);
    }
    digits
}

/// The whole key of a number.
pub(super) fn key(number: u64) -> Vec<u8> {
    [PREFIX, &digits(number)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_walk_meets_every_key_of_its_range_once_before_it_begins_again() {
        for count in (1..200).chain([1000, 2000, 9973, 65_536]) {
            let range = KeyRange { first: 7000, count };
            let mut walk = KeyWalk::new(range);
            let met: Vec<u64> = (0..count).map(|_| walk.step()).collect();
            let distinct: BTreeSet<u64> = met.iter().copied().collect();
            assert_eq!(distinct, range.numbers().collect(), "{count} keys");
            assert_eq!(walk.step(), met[0], "{count} keys");
        }
    }

    #[test]
    fn neighbours_of_a_walk_lie_far_apart() {
        let count = 10_000;
        let mut walk = KeyWalk::new(KeyRange { first: 0, count });
        let sixteen: BTreeSet<u64> = (0..16).map(|_| walk.step()).collect();
        let gaps = sixteen.iter().zip(sixteen.iter().skip(1));
        let nearest = gaps.map(|(a, b)| b - a).min();
        assert!(nearest > Some(count / 64), "{sixteen:?}");
    }

    #[test]
    fn shares_do_not_overlap() {
        let shares: Vec<KeyRange> = KeyRange::shares(103, 10).collect();
        let numbers: BTreeSet<u64> = shares.iter().flat_map(|share| share.numbers()).collect();
        assert_eq!(numbers, (0..100).collect());
    }

    #[test]
    fn a_key_has_24_bytes_and_ends_with_its_number() {
        assert_eq!(key(42), b"lock:orders:000000000042");
        assert_eq!(key(42).len(), 24);
        assert_eq!(digits(999_999_999_999), *b"999999999999");
        assert_eq!(digits(1_020_304_050_607), *b"020304050607");
    }
}
