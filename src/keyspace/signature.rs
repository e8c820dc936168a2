//! Who made a key, and when, in 9 bytes: 4 for the number of the maker, 5 for milliseconds since boot.
//!
//! Mostly they fit beside a lock in its cache line, and keeping them costs no memory. All zeros is nobody:
//! numbers begin with 1. A number or a time that does not fit is not kept.

use std::num::NonZeroU32;

use crate::clock::BootTime;

pub(super) const SIGNATURE_BYTES: usize = 9;

/// 35 years of milliseconds.
const MILLIS_MAX: u64 = (1 << 40) - 1;

/// See the module's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Signature {
    maker: NonZeroU32,
    made_ms: u64,
}

impl Signature {
    pub(super) const NONE: [u8; SIGNATURE_BYTES] = [0; SIGNATURE_BYTES];

    /// The signature of the client with this number, if it fits.
    #[inline]
    pub fn new(maker: u64, made: BootTime) -> Option<Signature> {
        let maker = u32::try_from(maker).ok().and_then(NonZeroU32::new)?;
        let made_ms = made.micros() / 1000;
        (made_ms <= MILLIS_MAX).then_some(Signature { maker, made_ms })
    }

    /// The number of the client that made the key.
    pub fn maker(self) -> u64 {
        u64::from(self.maker.get())
    }

    /// When it did.
    pub fn made(self) -> BootTime {
        BootTime::from_micros(self.made_ms * 1000)
    }

    #[inline]
    pub(super) fn bytes(self) -> [u8; SIGNATURE_BYTES] {
        let mut bytes = Signature::NONE;
        bytes[..4].copy_from_slice(&self.maker.get().to_le_bytes());
        bytes[4..].copy_from_slice(&self.made_ms.to_le_bytes()[..5]);
        bytes
    }

    pub(super) fn read(bytes: &[u8; SIGNATURE_BYTES]) -> Option<Signature> {
        let [a, b, c, d, millis @ ..] = *bytes;
        let maker = NonZeroU32::new(u32::from_le_bytes([a, b, c, d]))?;
        let mut wide = [0; 8];
        wide[..5].copy_from_slice(&millis);
        let made_ms = u64::from_le_bytes(wide);
        Some(Signature { maker, made_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_comes_back_to_the_millisecond() {
        for (maker, micros) in [(1, 1), (u64::from(u32::MAX), MILLIS_MAX * 1000 + 999)] {
            let signature = Signature::new(maker, BootTime::from_micros(micros)).unwrap();
            let read = Signature::read(&signature.bytes()).unwrap();
            assert_eq!(read, signature);
            assert_eq!(read.maker(), maker);
            assert_eq!(read.made(), BootTime::from_micros(micros / 1000 * 1000));
        }
        assert_eq!(Signature::read(&Signature::NONE), None);
        let now = BootTime::from_micros(1);
        assert_eq!(Signature::new(0, now), None);
        assert_eq!(Signature::new(1 << 32, now), None);
        assert_eq!(
            Signature::new(1, BootTime::from_micros((MILLIS_MAX + 1) * 1000)),
            None
        );
    }
}
