//! The conditions of SET, DELEX and DELIFEQ: what a key must be for a command to act.

use crate::command::args;
use crate::command::string::digest_of;
use crate::error::CommandError;

/// See the module's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition<'a> {
    /// None.
    Always,
    /// NX: the key is not there.
    IfAbsent,
    /// XX: the key is there.
    IfPresent,
    /// IFEQ: the value is this one.
    IfEqual(&'a [u8]),
    /// IFNE: there is no value, or another.
    IfNotEqual(&'a [u8]),
    /// IFDEQ: the value has this digest.
    IfDigest(&'a [u8]),
    /// IFDNE: there is no value, or it has another digest.
    IfNotDigest(&'a [u8]),
}

impl<'a> Condition<'a> {
    /// The condition that compares, by its word.
    pub fn comparing(word: &[u8], operand: &'a [u8]) -> Option<Condition<'a>> {
        [
            ("IFEQ", Condition::IfEqual(operand)),
            ("IFNE", Condition::IfNotEqual(operand)),
            ("IFDEQ", Condition::IfDigest(operand)),
            ("IFDNE", Condition::IfNotDigest(operand)),
        ]
        .into_iter()
        .find_map(|(name, condition)| args::is(word, name).then_some(condition))
    }

    /// Whether the condition holds for a key with this value, or without one.
    ///
    /// # Errors
    /// A digest that is not 16 characters long; looked at only where there is a value.
    pub fn holds(self, value: Option<&[u8]>) -> Result<bool, CommandError> {
        Ok(match (self, value) {
            (Condition::Always, _) => true,
            (Condition::IfAbsent, value) => value.is_none(),
            (Condition::IfPresent, value) => value.is_some(),
            (Condition::IfEqual(operand), value) => value == Some(operand),
            (Condition::IfNotEqual(operand), value) => value != Some(operand),
            (Condition::IfDigest(_), None) => false,
            (Condition::IfNotDigest(_), None) => true,
            (Condition::IfDigest(digest), Some(value)) => has_digest(value, digest)?,
            (Condition::IfNotDigest(digest), Some(value)) => !has_digest(value, digest)?,
        })
    }
}

fn has_digest(value: &[u8], digest: &[u8]) -> Result<bool, CommandError> {
    if digest.len() != 16 {
        return Err(CommandError::DigestLength);
    }
    Ok(digest_of(value).as_bytes().eq_ignore_ascii_case(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_manual() {
        for (value, digest) in [
            ("Hello world", "b6acb9d84a38ff74"),
            ("", "2d06800538d394c2"),
            ("hello", "9555e8555c62dcfd"),
            ("12345", "f34099ede96b5581"),
        ] {
            assert_eq!(digest_of(value.as_bytes()), digest);
        }
    }

    #[test]
    fn a_digest_is_looked_at_only_where_there_is_a_value() {
        assert_eq!(Condition::IfDigest(b"x").holds(None), Ok(false));
        assert_eq!(Condition::IfNotDigest(b"x").holds(None), Ok(true));
        assert!(Condition::IfDigest(b"x").holds(Some(b"v")).is_err());
        let upper = Condition::IfDigest(b"9555E8555C62DCFD");
        assert_eq!(upper.holds(Some(b"hello")), Ok(true));
    }
}
