//! Where the keys of a request stand, and what is done with them.
//!
//! A row says it once; COMMAND INFO shows it as key specifications and COMMAND GETKEYS follows
//! it through a request. Positions are indices into the whole request, the command's name being 0.

/// Where a command's keys stand among its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// None.
    None,
    /// From `first` to `last`, each `step` arguments.
    Range {
        /// Index of the first key.
        first: usize,
        /// Index of the last key, or `None` for the end of the request.
        last: Option<usize>,
        /// Distance between keys: 2 for MSET.
        step: usize,
        /// What is done with the keys.
        usage: Usage,
    },
    /// The first two arguments, each with a use of its own (RENAME).
    Pair {
        /// What is done with the first.
        first: Usage,
        /// What is done with the second.
        second: Usage,
    },
    /// As many as the argument at `count` says, right behind it (EVAL).
    Counted {
        /// Index of the number of keys.
        count: usize,
        /// Distance between keys: 2 for MSETEX.
        step: usize,
        /// What is done with the keys.
        usage: Usage,
    },
}

/// What is done with keys, in COMMAND INFO's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage(&'static [&'static str]);

impl Usage {
    /// The value is read and told.
    pub const READ: Usage = Usage(&["RO", "access"]);
    /// The key is looked at, its value is not told.
    pub const INSPECT: Usage = Usage(&["RO"]);
    /// The value is replaced unseen.
    pub const OVERWRITE: Usage = Usage(&["OW", "update"]);
    /// A value is put where there was none.
    pub const INSERT: Usage = Usage(&["OW", "insert"]);
    /// Something is put to a value that is not told.
    pub const APPEND: Usage = Usage(&["RW", "insert"]);
    /// The key is changed, its value is not told.
    pub const UPDATE: Usage = Usage(&["RW", "update"]);
    /// The value is told and changed.
    pub const READ_AND_UPDATE: Usage = Usage(&["RW", "access", "update"]);
    /// As [`Usage::READ_AND_UPDATE`] with some options, less with others.
    pub const READ_AND_UPDATE_BY_OPTION: Usage =
        Usage(&["RW", "access", "update", "variable_flags"]);
    /// The key is removed unseen.
    pub const REMOVE: Usage = Usage(&["RM", "delete"]);
    /// The key is removed if its value is the given one.
    pub const COMPARE_AND_REMOVE: Usage = Usage(&["RM", "access", "delete"]);
    /// The key is removed unseen or compared before, by the options.
    pub const REMOVE_BY_OPTION: Usage = Usage(&["RW", "delete", "variable_flags"]);
    /// The value is told and the key removed.
    pub const READ_AND_REMOVE: Usage = Usage(&["RW", "access", "delete"]);
    /// No keys: shard channels, which a cluster routes like keys.
    pub const CHANNEL: Usage = Usage(&["not_key"]);

    /// What is done with a key by this very request, where it depends on the options.
    pub fn resolved(self, args: &[&[u8]]) -> Usage {
        let has = |words: &[&str]| {
            let options = args.iter().skip(3);
            options.into_iter().any(|arg| {
                words
                    .iter()
                    .any(|word| arg.eq_ignore_ascii_case(word.as_bytes()))
            })
        };
        match self {
            Usage::READ_AND_UPDATE_BY_OPTION if has(&["GET", "IFEQ", "IFNE", "IFDEQ", "IFDNE"]) => {
                Usage::READ_AND_UPDATE
            }
            Usage::READ_AND_UPDATE_BY_OPTION => Usage::OVERWRITE,
            Usage::REMOVE_BY_OPTION if args.len() > 2 => Usage::COMPARE_AND_REMOVE,
            Usage::REMOVE_BY_OPTION => Usage::REMOVE,
            usage => usage,
        }
    }

    /// The flags of the key specification, in Redis's order.
    pub const fn names(self) -> &'static [&'static str] {
        self.0
    }

    fn is_of_keys(self) -> bool {
        self != Usage::CHANNEL
    }
}

impl Keys {
    /// The first argument is the only key.
    pub const fn first(usage: Usage) -> Keys {
        Keys::Range {
            first: 1,
            last: Some(1),
            step: 1,
            usage,
        }
    }

    /// Every argument is a key.
    pub const fn every(usage: Usage) -> Keys {
        Keys::Range {
            first: 1,
            last: None,
            step: 1,
            usage,
        }
    }

    /// The argument behind a subcommand is the only key.
    pub const fn second(usage: Usage) -> Keys {
        Keys::Range {
            first: 2,
            last: Some(2),
            step: 1,
            usage,
        }
    }

    /// The first two arguments are keys that are used alike.
    pub const fn first_two(usage: Usage) -> Keys {
        Keys::Range {
            first: 1,
            last: Some(2),
            step: 1,
            usage,
        }
    }

    /// Keys and values take turns.
    pub const fn every_second(usage: Usage) -> Keys {
        Keys::Range {
            first: 1,
            last: None,
            step: 2,
            usage,
        }
    }

    /// The second argument is the number of keys that follow it.
    pub const fn counted_by_second(usage: Usage) -> Keys {
        Keys::Counted {
            count: 2,
            step: 1,
            usage,
        }
    }

    /// Whether any argument can be a key; channels are none.
    pub fn are_possible(self) -> bool {
        match self {
            Keys::None => false,
            Keys::Pair { .. } => true,
            Keys::Range { usage, .. } | Keys::Counted { usage, .. } => usage.is_of_keys(),
        }
    }

    /// What `args`, a whole request, does with its key at `position`.
    pub fn usage_at(self, position: usize, args: &[&[u8]]) -> Option<Usage> {
        match self {
            Keys::None => None,
            Keys::Pair { first, .. } if position == 1 => Some(first),
            Keys::Pair { second, .. } => Some(second),
            Keys::Range { usage, .. } | Keys::Counted { usage, .. } => Some(usage.resolved(args)),
        }
    }

    /// The positions of the keys in `args`, a whole request.
    ///
    /// A count of keys that is not positive, or more than there are arguments, names no key.
    #[inline]
    pub fn positions(self, args: &[&[u8]]) -> KeyPositions {
        match self {
            Keys::Range {
                first,
                last,
                step,
                usage,
            } if usage.is_of_keys() => {
                let end = last.map_or(args.len(), |last| (last + 1).min(args.len()));
                KeyPositions {
                    next: first,
                    end,
                    step,
                }
            }
            Keys::Pair { .. } => KeyPositions {
                next: 1,
                end: args.len().min(3),
                step: 1,
            },
            Keys::Counted { count, step, .. } => {
                let first = count + 1;
                let room = args.len().saturating_sub(first);
                let keys = args.get(count).map_or(0, |text| leading_integer(text));
                let width = keys.saturating_mul(step);
                let end = if width <= room { first + width } else { first };
                KeyPositions {
                    next: first,
                    end,
                    step,
                }
            }
            Keys::None | Keys::Range { .. } => KeyPositions {
                next: 0,
                end: 0,
                step: 1,
            },
        }
    }
}

/// The indices of the keys of one request.
#[derive(Clone, Debug)]
pub struct KeyPositions {
    next: usize,
    end: usize,
    step: usize,
}

impl Iterator for KeyPositions {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let position = self.next;
        (position < self.end).then(|| {
            self.next += self.step;
            position
        })
    }
}

/// The number at the head of `text`, 0 where there is none or a negative one. Redis looks for
/// keys with C's `atoi`, so blanks before the number and anything behind it are let pass.
fn leading_integer(text: &[u8]) -> usize {
    let number = text.trim_ascii_start();
    let number = number.strip_prefix(b"+").unwrap_or(number);
    number
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |value: usize, digit| {
            value
                .saturating_mul(10)
                .saturating_add(usize::from(digit - b'0'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(keys: Keys, request: &str) -> Vec<usize> {
        let args: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
        keys.positions(&args).collect()
    }

    #[test]
    fn ranges_end_at_their_last_key_or_with_the_request() {
        assert_eq!(positions(Keys::first(Usage::READ), "get a"), [1]);
        assert_eq!(positions(Keys::first(Usage::READ), "set a b c"), [1]);
        assert_eq!(positions(Keys::every(Usage::READ), "mget a b c"), [1, 2, 3]);
        assert_eq!(
            positions(Keys::every_second(Usage::READ), "mset a 1 b 2"),
            [1, 3]
        );
        assert_eq!(positions(Keys::first(Usage::READ), "get"), [0usize; 0]);
    }

    #[test]
    fn counted_keys_follow_a_count_that_fits() {
        let keys = Keys::counted_by_second(Usage::READ);
        assert_eq!(positions(keys, "eval s 2 a b c"), [3, 4]);
        for request in [
            "eval s 0 a",
            "eval s 3 a b",
            "eval s -1 a",
            "eval s x a",
            "eval s",
        ] {
            assert_eq!(positions(keys, request), [0usize; 0], "{request}");
        }
    }

    #[test]
    fn counted_keys_may_have_their_values_between_them() {
        let keys = Keys::Counted {
            count: 1,
            step: 2,
            usage: Usage::OVERWRITE,
        };
        assert_eq!(positions(keys, "msetex 2 a 1 b 2 NX"), [2, 4]);
        assert_eq!(positions(keys, "msetex 2 a 1 b"), [0usize; 0]);
    }

    #[test]
    fn a_use_that_depends_on_options_is_that_of_the_request() {
        let usage = |keys: Keys, request: &str| {
            let args: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
            keys.usage_at(1, &args).map(Usage::names)
        };
        let set = Keys::first(Usage::READ_AND_UPDATE_BY_OPTION);
        assert_eq!(usage(set, "set get v"), Some(&["OW", "update"][..]));
        assert_eq!(
            usage(set, "set k v get"),
            Some(&["RW", "access", "update"][..])
        );
        let delex = Keys::first(Usage::REMOVE_BY_OPTION);
        assert_eq!(usage(delex, "delex k"), Some(&["RM", "delete"][..]));
        assert_eq!(
            usage(delex, "delex k IFEQ v"),
            Some(&["RM", "access", "delete"][..])
        );
    }

    #[test]
    fn a_count_is_read_as_c_reads_it() {
        assert_eq!(leading_integer(b" 1"), 1);
        assert_eq!(leading_integer(b"+2x"), 2);
        assert_eq!(leading_integer(b"-2"), 0);
        assert_eq!(leading_integer(&[b'9'; 40]), usize::MAX);
    }

    #[test]
    fn channels_are_no_keys() {
        let channels = Keys::every(Usage::CHANNEL);
        assert!(!channels.are_possible());
        assert_eq!(positions(channels, "ssubscribe a b"), [0usize; 0]);
    }
}
