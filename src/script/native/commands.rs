//! The commands a native script may run, and where their keys stand.
//!
//! A command is listed only if its keys stand at fixed places whatever its options are, so that
//! the keys a script touches can be proved when it is loaded.

use super::ast::{Command, Expr};

/// Which arguments of a command are keys, the command's name not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPositions {
    /// None of them.
    None,
    /// The first.
    First,
    /// All.
    All,
    /// The first, third, fifth and so on.
    EveryOther,
}

impl KeyPositions {
    /// Whether the argument at `index` (the first is 0) is a key.
    pub fn contains(self, index: usize) -> bool {
        match self {
            KeyPositions::None => false,
            KeyPositions::First => index == 0,
            KeyPositions::All => true,
            KeyPositions::EveryOther => index.is_multiple_of(2),
        }
    }
}

/// Where the keys of the command `name` (any case) stand; `None` if a native script may not
/// run it.
pub fn native_keys(name: &[u8]) -> Option<KeyPositions> {
    COMMANDS
        .iter()
        .find(|(_, names)| {
            names
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
        })
        .map(|(keys, _)| *keys)
}

/// What of the keyspace a command copies, into its answer or into a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Copies {
    /// Nothing that grows with a value.
    Nothing,
    /// At most the value of its key.
    Value,
    /// The value of each of its keys.
    ValueOfEach,
}

/// What `command` copies, whatever its options are.
pub(super) fn copies(command: &Command) -> Copies {
    let is = |known: &&str| command.name.eq_ignore_ascii_case(known.as_bytes());
    if is(&"mget") {
        return Copies::ValueOfEach;
    }
    if COPYING.iter().any(is) || (is(&"set") && may_answer_value(command)) {
        return Copies::Value;
    }
    Copies::Nothing
}

/// Whether a SET may have the option GET.
fn may_answer_value(set: &Command) -> bool {
    let may_be_get = |option: &Expr| match option {
        Expr::Text(option) => option.eq_ignore_ascii_case(b"get"),
        _ => true,
    };
    let mut options = set.args.iter().skip(2);
    let mut last: &[u8] = b"";
    set.unpacked.is_some()
        || options.any(|option| {
            let has_value = ["ex", "px", "exat", "pxat", "ifeq", "ifne", "ifdeq", "ifdne"]
                .iter()
                .any(|known| last.eq_ignore_ascii_case(known.as_bytes()));
            last = match option {
                Expr::Text(option) => option,
                _ => b"",
            };
            !has_value && may_be_get(option)
        })
}

/// The command that [`Selection`](super::selection::Selection) alone may be.
pub(super) const SELECT: &str = "select";

/// Commands that copy the value of their key.
const COPYING: [&str; 6] = ["get", "getset", "getdel", "getex", "getrange", "append"];

const COMMANDS: [(KeyPositions, &[&str]); 4] = [
    (KeyPositions::None, &["publish", SELECT]),
    (
        KeyPositions::First,
        &[
            "get",
            "set",
            "setnx",
            "setex",
            "psetex",
            "getset",
            "getdel",
            "getex",
            "strlen",
            "append",
            "getrange",
            "type",
            "expire",
            "pexpire",
            "expireat",
            "pexpireat",
            "persist",
            "ttl",
            "pttl",
            "expiretime",
            "pexpiretime",
            "incr",
            "incrby",
            "decr",
            "decrby",
            "delex",
            "delifeq",
        ],
    ),
    (KeyPositions::All, &["del", "unlink", "exists", "mget"]),
    (KeyPositions::EveryOther, &["mset", "msetnx"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case() {
        assert_eq!(native_keys(b"GeT"), Some(KeyPositions::First));
        assert_eq!(native_keys(b"gets"), None);
        assert_eq!(native_keys(b"SWAPDB"), None);
    }

    #[test]
    fn mset_has_a_key_at_every_other_place() {
        let keys = native_keys(b"mset").unwrap();
        assert!(keys.contains(0) && !keys.contains(1) && keys.contains(2));
    }
}
