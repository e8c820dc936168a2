//! The one table that names every command.
//!
//! A [`Row`] holds what the server knows of a command. Dispatch, COMMAND, COMMAND DOCS, script
//! permission, MULTI queueing, INFO and the README's list all read the rows; adding a command is
//! one function and one row in the file of its family.

use super::{CommandResult, Context};

/// The function behind a command: the whole request (the command's name first) and its context.
pub type Handler = fn(&mut Context<'_>, &[&[u8]]) -> CommandResult;

/// A command, or a subcommand of a container such as `config|get`.
pub struct Row {
    /// Lower case; a subcommand carries its container: `config|get`.
    pub name: &'static str,
    /// How many arguments a request has, the name included.
    pub arity: Arity,
    /// What the command may do and where it is allowed.
    pub flags: Flags,
    /// Which arguments are keys.
    pub keys: Keys,
    /// Whether the command must run while nothing else does.
    pub scope: Scope,
    /// What runs it. A container has none of its own.
    pub run: Option<Handler>,
    /// The rows of a container, empty for a plain command.
    pub subcommands: &'static [Row],
    /// What COMMAND DOCS tells.
    pub docs: Docs,
}

/// Argument counts as Redis gives them, the command's name included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// Just so many.
    Exactly(usize),
    /// So many or more.
    AtLeast(usize),
}

/// A set of command flags; the names in COMMAND INFO are Redis's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(pub u32);

/// Where a command's keys stand among its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// None.
    None,
    /// From `first` to `last` (negative: counted from the end), each `step` arguments.
    Range {
        /// Index of the first key.
        first: usize,
        /// Index of the last key, or -1 for the last argument.
        last: i32,
        /// Distance between keys: 2 for MSET.
        step: usize,
        /// What is done with the keys, in COMMAND INFO's words: `RW`, `RO`, `OW`, `RM` and
        /// `access`, `update`, `insert`, `delete`, `variable_flags`.
        usage: &'static [&'static str],
    },
    /// As many as the argument at `count` says, right behind it (EVAL).
    Counted {
        /// Index of the number of keys.
        count: usize,
        /// As in `Range`.
        usage: &'static [&'static str],
    },
}

/// What must stand still while a command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Nothing, or the shards of its own keys.
    Keys,
    /// The whole keyspace: FLUSHALL, EXEC.
    Whole,
}

/// What COMMAND DOCS tells of a command.
pub struct Docs {
    /// One sentence.
    pub summary: &'static str,
    /// The Redis version that brought it.
    pub since: &'static str,
    /// `string`, `generic`, `connection`, `server`, `scripting`, `pubsub`, `transactions`.
    pub group: &'static str,
    /// `O(1)` and the like, with a remark where it needs one.
    pub complexity: &'static str,
    /// The arguments in the manual's notation: `key value [NX | XX] [EX seconds | PX milliseconds]`.
    pub syntax: &'static str,
    /// `nondeterministic_output`, `request_policy:all_shards` and the like.
    pub tips: &'static [&'static str],
}

/// Defines the flag constants and their wire names at one place.
macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $wire:literal;)*) => {
        impl Flags {
            $($(#[$doc])* pub const $name: Flags = Flags(1 << $bit);)*

            /// Each flag with its name in COMMAND INFO, in Redis's order.
            pub const NAMES: &'static [(Flags, &'static str)] = &[$((Flags::$name, $wire)),*];
        }
    };
}

flags! {
    /// May change the keyspace.
    WRITE = 0, "write";
    /// Reads the keyspace and changes nothing.
    READONLY = 1, "readonly";
    /// May need more memory, so it is refused past `maxmemory`.
    DENYOOM = 2, "denyoom";
    /// Looks after the server.
    ADMIN = 3, "admin";
    /// Has to do with pub/sub.
    PUBSUB = 4, "pubsub";
    /// Not in a script.
    NOSCRIPT = 5, "noscript";
    /// May wait for something.
    BLOCKING = 6, "blocking";
    /// Answers while the data set is not ready.
    LOADING = 7, "loading";
    /// Answers on a replica with stale data.
    STALE = 8, "stale";
    /// Not shown to MONITOR.
    SKIP_MONITOR = 9, "skip_monitor";
    /// Not logged by SLOWLOG.
    SKIP_SLOWLOG = 10, "skip_slowlog";
    /// O(1) or O(log n).
    FAST = 11, "fast";
    /// Allowed before AUTH.
    NO_AUTH = 12, "no_auth";
    /// May replicate.
    MAY_REPLICATE = 13, "may_replicate";
    /// Answers while a script runs past `busy-reply-threshold`.
    ALLOW_BUSY = 14, "allow_busy";
    /// Key positions depend on the options.
    MOVABLEKEYS = 15, "movablekeys";
    /// Not queued in MULTI: refused or run at once.
    NO_MULTI = 16, "no_multi";
    /// A sentinel's command too.
    NO_ASYNC_LOADING = 17, "no_async_loading";
    /// Does not check declared keys.
    NO_MANDATORY_KEYS = 18, "no_mandatory_keys";
}

impl Flags {
    /// No flag.
    pub const NONE: Flags = Flags(0);

    /// These flags and those of `other`.
    pub const fn and(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// Whether all of `other` are set.
    pub const fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }
}
