//! What a setting may hold, and how CONFIG GET prints it.
//!
//! Reading is in [`parse`](super::parse). A value has lost how it was written: `1kb` and `1024` are
//! the same, and both are printed as 1024.

use super::notify::NotifyFlags;

/// What a setting may hold, and how it is written.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `yes` or `no`, in any case.
    Switch,
    /// A whole number.
    Integer {
        /// The least allowed.
        min: i64,
        /// The greatest allowed.
        max: i64,
    },
    /// File permissions as an octal number up to 777.
    Permissions,
    /// A number of bytes, written with or without a unit: `1k` is 1000, `1kb` is 1024.
    Memory {
        /// The least allowed, in bytes.
        min: u64,
        /// The greatest allowed, in bytes.
        max: u64,
    },
    /// A number of bytes, or a share of the machine's memory up to `100%`.
    MemoryOrPercent,
    /// One of these words, in any case.
    Choice(&'static [&'static str]),
    /// Some of these words; the first stands for none of the others.
    Choices(&'static [&'static str]),
    /// Any bytes.
    Text,
    /// A name without a directory: the setting, and what the refusal of a path calls it.
    FileName(&'static str, &'static str),
    /// The same, where no name stands for no file.
    FileNameOrNone(&'static str, &'static str),
    /// Words: addresses, at most `max` of them.
    Words {
        /// How many there may be.
        max: usize,
    },
    /// `host port`, or `no one`.
    Primary,
    /// The letters of [`NotifyFlags`].
    Notify,
    /// Pairs of seconds (from 1) and changes (from 0).
    SavePoints,
    /// `class hard soft seconds` for one or more classes; the others stay.
    OutputLimits,
    /// Shares between 0 and 100.
    Percentiles,
    /// Three numbers between -2000 and 2000.
    OomScores,
}

/// A count that fits Redis's `int`.
pub(super) const COUNT: Kind = Kind::Integer {
    min: 0,
    max: i32::MAX as i64,
};

/// A count that fits 63 bits.
pub(super) const LONG_COUNT: Kind = Kind::Integer {
    min: 0,
    max: i64::MAX,
};

/// An amount of memory that a signed number holds.
pub(super) const MEMORY: Kind = Kind::Memory {
    min: 0,
    max: i64::MAX as u64,
};

/// An amount of memory of any size.
pub(super) const MEMORY_ANY: Kind = Kind::Memory {
    min: 0,
    max: u64::MAX,
};

/// A TCP port.
pub(super) const PORT: Kind = Kind::Integer {
    min: 0,
    max: 65_535,
};

/// A buffer of a connection: from 1 MiB.
pub(super) const BUFFER: Kind = Kind::Memory {
    min: 1 << 20,
    max: i64::MAX as u64,
};

/// Who may use a guarded command.
pub(super) const ACCESS: Kind = Kind::Choice(&["no", "yes", "local"]);

/// The value of a setting.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of [`Kind::Switch`].
    Switch(bool),
    /// Of [`Kind::Integer`].
    Integer(i64),
    /// Of [`Kind::Permissions`]: the mode bits.
    Permissions(u32),
    /// Of [`Kind::Memory`] and [`Kind::MemoryOrPercent`]: bytes.
    Memory(u64),
    /// Of [`Kind::MemoryOrPercent`]: 1 to 100.
    Percent(u64),
    /// Of [`Kind::Choice`] (one word) and [`Kind::Choices`], in the order of the table.
    Choices(Vec<&'static str>),
    /// Of [`Kind::Text`] and [`Kind::FileName`].
    Text(Vec<u8>),
    /// Of [`Kind::Words`] and [`Kind::Primary`].
    Words(Vec<Vec<u8>>),
    /// Of [`Kind::Notify`].
    Notify(NotifyFlags),
    /// Of [`Kind::SavePoints`] and [`Kind::OomScores`]: the numbers as they stand in a line.
    Numbers(Vec<i64>),
    /// Of [`Kind::Percentiles`].
    Percentiles(Vec<f64>),
    /// Of [`Kind::OutputLimits`]: normal, replica, pubsub.
    OutputLimits([OutputLimit; 3]),
}

/// How much unsent output a client may have before it is disconnected; 0 is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    /// Disconnected at once above this many bytes.
    pub hard_bytes: u64,
    /// Disconnected when it stays above this many bytes for `soft_seconds`.
    pub soft_bytes: u64,
    /// How long the soft limit may be exceeded.
    pub soft_seconds: u64,
}

/// The client classes as CONFIG GET prints them.
pub(super) const CLIENT_CLASSES: [&str; 3] = ["normal", "slave", "pubsub"];

impl Value {
    /// Moves a number to the nearest one between `min` and `max`.
    pub(super) fn move_into(&mut self, min: i64, max: i64) {
        match self {
            Value::Integer(number) => *number = (*number).clamp(min, max),
            Value::Memory(bytes) => {
                let limit = |number: i64| u64::try_from(number).unwrap_or(0);
                *bytes = (*bytes).clamp(limit(min), limit(max));
            }
            _ => {}
        }
    }

    /// The value as CONFIG GET prints it.
    pub(super) fn print(&self) -> Vec<u8> {
        let text = match self {
            Value::Switch(true) => "yes".to_owned(),
            Value::Switch(false) => "no".to_owned(),
            Value::Integer(number) => number.to_string(),
            Value::Permissions(mode) => format!("{mode:o}"),
            Value::Memory(bytes) => bytes.to_string(),
            Value::Percent(share) => format!("{share}%"),
            Value::Choices(words) => words.join(" "),
            Value::Text(text) => return text.clone(),
            Value::Words(words) => return words.join(&b' '),
            Value::Notify(flags) => flags.letters(),
            Value::Numbers(numbers) => joined(numbers),
            Value::Percentiles(shares) => joined(shares),
            Value::OutputLimits(limits) => {
                let classes = CLIENT_CLASSES.iter().zip(limits).map(|(class, limit)| {
                    let OutputLimit {
                        hard_bytes,
                        soft_bytes,
                        soft_seconds,
                    } = limit;
                    format!("{class} {hard_bytes} {soft_bytes} {soft_seconds}")
                });
                classes.collect::<Vec<_>>().join(" ")
            }
        };
        text.into_bytes()
    }
}

fn joined(items: &[impl ToString]) -> String {
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" ")
}
