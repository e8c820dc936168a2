//! Values by the name of their setting, as the type that the table promises.
//!
//! A name that the table does not have, or a value of another kind, is a fault of the caller and ends
//! the process; [`Settings`](super::Settings) asks for every name when it is made, so no test and no
//! start can miss one.

use super::notify::NotifyFlags;
use super::setting;
use super::value::{OutputLimit, Value};

/// One value for each row of the table.
pub(super) struct Table<'a>(pub(super) &'a [Value]);

impl<'a> Table<'a> {
    fn value(&self, name: &str) -> &'a Value {
        match setting::find(name.as_bytes()) {
            Some((slot, ..)) => &self.0[slot.0],
            None => unreachable!("{name} is no setting"),
        }
    }

    pub(super) fn switch(&self, name: &str) -> bool {
        match self.value(name) {
            Value::Switch(is_on) => *is_on,
            other => unreachable!("{name} holds {other:?}"),
        }
    }

    pub(super) fn integer(&self, name: &str) -> i64 {
        match self.value(name) {
            Value::Integer(number) => *number,
            other => unreachable!("{name} holds {other:?}"),
        }
    }

    pub(super) fn percentiles(&self, name: &str) -> &'a [f64] {
        match self.value(name) {
            Value::Percentiles(shares) => shares,
            other => unreachable!("{name} holds {other:?}"),
        }
    }

    pub(super) fn long_count(&self, name: &str) -> u64 {
        match self.value(name) {
            Value::Integer(number) => u64::try_from(*number).unwrap_or(0),
            other => unreachable!("{name} holds {other:?}"),
        }
    }

    pub(super) fn count(&self, name: &str) -> u32 {
        u32::try_from(self.long_count(name)).unwrap_or(u32::MAX)
    }

    pub(super) fn bytes(&self, name: &str) -> u64 {
        match self.value(name) {
            Value::Memory(bytes) => *bytes,
            other => unreachable!("{name} holds {other:?}"),
        }
    }

    pub(super) fn permissions(&self, name: &str) -> u32 {
        match self.value(name) {
            Value::Permissions(mode) => *mode,
            other => unreachable!("{name} holds {other:?}"),
        }
    }

    pub(super) fn choice(&self, name: &str) -> &'static str {
        match self.value(name) {
            Value::Choices(words) => words.first().copied().unwrap_or_default(),
            other => unreachable!("{name} holds {other:?}"),
        }
    }

    pub(super) fn text(&self, name: &str) -> &'a [u8] {
        match self.value(name) {
            Value::Text(text) => text,
            other => unreachable!("{name} holds {other:?}"),
        }
    }

    pub(super) fn words(&self, name: &str) -> &'a [Vec<u8>] {
        match self.value(name) {
            Value::Words(words) => words,
            other => unreachable!("{name} holds {other:?}"),
        }
    }

    pub(super) fn flags(&self, name: &str) -> NotifyFlags {
        match self.value(name) {
            Value::Notify(flags) => *flags,
            other => unreachable!("{name} holds {other:?}"),
        }
    }

    pub(super) fn limits(&self, name: &str) -> [OutputLimit; 3] {
        match self.value(name) {
            Value::OutputLimits(limits) => *limits,
            other => unreachable!("{name} holds {other:?}"),
        }
    }
}
