//! The flags of `notify-keyspace-events`: which changes are published, and on which channels.
//!
//! The numbers are private to the process; only the letters are an interface. Reading and printing
//! follow Redis: whatever the order of the letters, they come back in Redis's order.

use std::ops::BitOr;

/// A set of event classes and channel kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotifyFlags(u32);

impl NotifyFlags {
    /// No event at all: the default.
    pub const NONE: NotifyFlags = NotifyFlags(0);
    /// `K`: published on `__keyspace@<db>__:<key>`.
    pub const KEYSPACE: NotifyFlags = NotifyFlags(1);
    /// `E`: published on `__keyevent@<db>__:<event>`.
    pub const KEYEVENT: NotifyFlags = NotifyFlags(1 << 1);
    /// `g`: commands of every type, such as DEL and EXPIRE.
    pub const GENERIC: NotifyFlags = NotifyFlags(1 << 2);
    /// `$`: string commands.
    pub const STRING: NotifyFlags = NotifyFlags(1 << 3);
    /// `l`: list commands.
    pub const LIST: NotifyFlags = NotifyFlags(1 << 4);
    /// `s`: set commands.
    pub const SET: NotifyFlags = NotifyFlags(1 << 5);
    /// `h`: hash commands.
    pub const HASH: NotifyFlags = NotifyFlags(1 << 6);
    /// `z`: sorted-set commands.
    pub const SORTED_SET: NotifyFlags = NotifyFlags(1 << 7);
    /// `x`: a key expired.
    pub const EXPIRED: NotifyFlags = NotifyFlags(1 << 8);
    /// `e`: a key was evicted.
    pub const EVICTED: NotifyFlags = NotifyFlags(1 << 9);
    /// `t`: stream commands.
    pub const STREAM: NotifyFlags = NotifyFlags(1 << 10);
    /// `d`: module types.
    pub const MODULE: NotifyFlags = NotifyFlags(1 << 11);
    /// `m`: a key that is not there was asked for; not part of `A`.
    pub const KEY_MISS: NotifyFlags = NotifyFlags(1 << 12);
    /// `n`: a key came to be; not part of `A`.
    pub const NEW: NotifyFlags = NotifyFlags(1 << 13);
    /// `A`: every class but `m` and `n`.
    pub const ALL: NotifyFlags = NotifyFlags(0b1111_1111_1100);

    /// Reads the letters; `None` if one of them is unknown.
    pub fn parse(letters: &[u8]) -> Option<NotifyFlags> {
        let mut flags = NotifyFlags::NONE;
        for &letter in letters {
            flags = flags | NotifyFlags::of_letter(letter)?;
        }
        Some(flags)
    }

    fn of_letter(letter: u8) -> Option<NotifyFlags> {
        if letter == b'A' {
            return Some(NotifyFlags::ALL);
        }
        let mut known = CLASSES.iter().chain(&CHANNELS);
        known
            .find(|(known, _)| *known == letter)
            .map(|&(_, flag)| flag)
    }

    /// The letters in Redis's order.
    ///
    /// Beside `A` Redis leaves out `n`, though the flag is set; so does this.
    pub fn letters(self) -> String {
        let mut letters = String::new();
        if self.contains(NotifyFlags::ALL) {
            letters.push('A');
        } else {
            self.push_letters(&CLASSES, &mut letters);
        }
        self.push_letters(&CHANNELS, &mut letters);
        letters
    }

    fn push_letters(self, table: &[(u8, NotifyFlags)], letters: &mut String) {
        let set = table.iter().filter(|(_, flag)| self.contains(*flag));
        letters.extend(set.map(|&(letter, _)| char::from(letter)));
    }

    /// Whether every flag of `wanted` is set.
    pub const fn contains(self, wanted: NotifyFlags) -> bool {
        self.0 & wanted.0 == wanted.0
    }

    /// Whether an event of `class` is published on any channel.
    pub const fn publishes(self, class: NotifyFlags) -> bool {
        let channels = NotifyFlags::KEYSPACE.0 | NotifyFlags::KEYEVENT.0;
        self.0 & class.0 != 0 && self.0 & channels != 0
    }

    /// The flags as a number, for an atomic.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The flags of a number that [`bits`](NotifyFlags::bits) gave.
    pub const fn from_bits(bits: u32) -> NotifyFlags {
        NotifyFlags(bits)
    }
}

impl BitOr for NotifyFlags {
    type Output = NotifyFlags;

    fn bitor(self, other: NotifyFlags) -> NotifyFlags {
        NotifyFlags(self.0 | other.0)
    }
}

/// The event classes that are printed when `A` is not.
const CLASSES: [(u8, NotifyFlags); 11] = [
    (b'g', NotifyFlags::GENERIC),
    (b'$', NotifyFlags::STRING),
    (b'l', NotifyFlags::LIST),
    (b's', NotifyFlags::SET),
    (b'h', NotifyFlags::HASH),
    (b'z', NotifyFlags::SORTED_SET),
    (b'x', NotifyFlags::EXPIRED),
    (b'e', NotifyFlags::EVICTED),
    (b't', NotifyFlags::STREAM),
    (b'd', NotifyFlags::MODULE),
    (b'n', NotifyFlags::NEW),
];

/// What is printed after the classes, with or without `A`.
const CHANNELS: [(u8, NotifyFlags); 3] = [
    (b'K', NotifyFlags::KEYSPACE),
    (b'E', NotifyFlags::KEYEVENT),
    (b'm', NotifyFlags::KEY_MISS),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_come_back_as_redis_prints_them() {
        for (written, printed) in [
            ("", ""),
            ("A", "A"),
            ("KEA", "AKE"),
            ("Kg$", "g$K"),
            ("g$lshzxetdmn", "Am"),
            ("KEg$lshzxetdmn", "AKEm"),
            ("m", "m"),
            ("n", "n"),
            ("An", "A"),
            ("AmnKE", "AKEm"),
            ("$lshzxetdgK", "AK"),
            ("Kx", "xK"),
            ("KK", "K"),
        ] {
            assert_eq!(
                NotifyFlags::parse(written.as_bytes()).unwrap().letters(),
                printed
            );
        }
    }

    #[test]
    fn an_unknown_letter_is_refused() {
        assert_eq!(NotifyFlags::parse(b"KQ"), None);
        assert_eq!(NotifyFlags::parse(b"z z"), None);
    }

    #[test]
    fn a_class_without_a_channel_publishes_nothing() {
        assert!(!NotifyFlags::ALL.publishes(NotifyFlags::EXPIRED));
        let flags = NotifyFlags::parse(b"Ex").unwrap();
        assert!(flags.publishes(NotifyFlags::EXPIRED));
        assert!(!flags.publishes(NotifyFlags::GENERIC));
        assert_eq!(NotifyFlags::from_bits(flags.bits()), flags);
    }
}
