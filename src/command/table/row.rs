//! One row of the table, and how it is written.
//!
//! A row begins with [`row`] or [`container`] and names each further fact by a method, so that a
//! family's file can be read without a legend. Everything is `const`: the table is data.

use super::{Categories, Flags, KeyPositions, Keys};
use crate::command::{CommandResult, Context};

/// The function behind a command: the whole request (the command's name first) and its context.
pub type Handler = fn(&mut Context<'_>, &[&[u8]]) -> CommandResult;

/// A command, or a subcommand of a container such as `config|get`.
#[derive(Clone, Copy)]
pub struct Row {
    /// Lower case; a subcommand carries its container: `config|get`.
    pub name: &'static str,
    /// How many arguments a request has, the name (and the subcommand's) included.
    pub arity: Arity,
    /// What the command may do and where it is allowed.
    pub flags: Flags,
    /// Which arguments are keys.
    pub keys: Keys,
    /// A remark on the key specification, for COMMAND INFO.
    pub key_notes: Option<&'static str>,
    /// Whether the command must run while nothing else does.
    pub scope: Scope,
    /// What runs it. A container has none of its own.
    pub run: Option<Handler>,
    /// The rows of a container, empty for a plain command.
    pub subcommands: &'static [Row],
    /// What COMMAND DOCS tells.
    pub docs: Docs,
    /// The categories that do not follow from the flags.
    named_categories: Categories,
    index: u16,
}

/// Argument counts as Redis gives them, the command's name included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// Just so many.
    Exactly(usize),
    /// So many or more.
    AtLeast(usize),
}

impl Arity {
    /// The fewest arguments that are accepted.
    pub const fn least(self) -> usize {
        match self {
            Arity::Exactly(count) | Arity::AtLeast(count) => count,
        }
    }
}

/// What must stand still while a command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Nothing, or the shards of its own keys.
    Keys,
    /// The whole keyspace: FLUSHALL, EXEC.
    Whole,
}

/// Which server brought a command, and in which version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Redis.
    Redis(&'static str),
    /// Valkey.
    Valkey(&'static str),
    /// This server.
    Quintlock(&'static str),
}

impl Origin {
    /// The version, three numbers.
    pub const fn version(self) -> &'static str {
        match self {
            Origin::Redis(version) | Origin::Valkey(version) | Origin::Quintlock(version) => {
                version
            }
        }
    }

    /// The server's name.
    pub const fn server(self) -> &'static str {
        match self {
            Origin::Redis(_) => "Redis",
            Origin::Valkey(_) => "Valkey",
            Origin::Quintlock(_) => "Quintlock",
        }
    }
}

/// What COMMAND DOCS tells of a command.
#[derive(Clone, Copy, Debug)]
pub struct Docs {
    /// One sentence.
    pub summary: &'static str,
    /// Who brought it.
    pub since: Origin,
    /// `string`, `generic`, `connection`, `server`, `scripting`, `pubsub`, `transactions`.
    pub group: &'static str,
    /// `O(1)` and the like, with a remark where it needs one.
    pub complexity: &'static str,
    /// The arguments in the notation of [`crate::command::syntax`].
    pub syntax: &'static str,
    /// `nondeterministic_output`, `request_policy:all_shards` and the like.
    pub tips: &'static [&'static str],
    /// What to use instead of a deprecated command.
    pub deprecated: Option<Replacement>,
}

/// What became of a deprecated command.
#[derive(Clone, Copy, Debug)]
pub struct Replacement {
    /// The Redis version that deprecated it.
    pub since: &'static str,
    /// What to use instead.
    pub by: &'static str,
}

impl Row {
    /// Whether a request of `argument_count` arguments, the name included, fits.
    pub const fn accepts(&self, argument_count: usize) -> bool {
        match self.arity {
            Arity::Exactly(count) => argument_count == count,
            Arity::AtLeast(count) => argument_count >= count,
        }
    }

    /// The positions of the keys in `args`, a whole request.
    #[inline]
    pub fn keys_of(&self, args: &[&[u8]]) -> KeyPositions {
        self.keys.positions(args)
    }

    /// The container's row for `name` (without the container's own), in any case.
    pub fn find_subcommand(&self, name: &[u8]) -> Option<&'static Row> {
        self.subcommands
            .iter()
            .find(|row| row.short_name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// Whether it can only be called with a subcommand, unlike COMMAND.
    pub const fn is_mere_container(&self) -> bool {
        !self.subcommands.is_empty() && !self.accepts(1)
    }

    /// The name without its container: `get` of `config|get`.
    pub fn short_name(&self) -> &'static str {
        self.name
            .split_once('|')
            .map_or(self.name, |(_, subcommand)| subcommand)
    }

    /// A number of its own below [`super::ROW_COUNT`], the same as long as the program runs: the
    /// place of the command's counters.
    pub const fn index(&self) -> usize {
        self.index as usize
    }

    /// The ACL categories, those that follow from the flags included.
    pub const fn categories(&self) -> Categories {
        self.named_categories
            .and(self.flags.implied_categories(self.named_categories))
    }
}

/// Begins the row of a command that has one function.
pub(super) const fn row(name: &'static str, arity: Arity) -> Row {
    Row {
        name,
        arity,
        flags: Flags::NONE,
        keys: Keys::None,
        key_notes: None,
        scope: Scope::Keys,
        run: None,
        subcommands: &[],
        docs: Docs {
            summary: "",
            since: Origin::Redis(""),
            group: "",
            complexity: "",
            syntax: "",
            tips: &[],
            deprecated: None,
        },
        named_categories: Categories::NONE,
        index: 0,
    }
}

/// Begins the row of a command that is told by its first argument.
pub(super) const fn container(name: &'static str, subcommands: &'static [Row]) -> Row {
    let container = row(name, at_least(2)).complexity("Depends on the subcommand.");
    Row {
        subcommands,
        ..container
    }
}

/// An arity: just `count` arguments, the name included.
pub(super) const fn exactly(count: usize) -> Arity {
    Arity::Exactly(count)
}

/// An arity: `count` arguments or more, the name included.
pub(super) const fn at_least(count: usize) -> Arity {
    Arity::AtLeast(count)
}

/// How a row is written, one fact a method.
impl Row {
    pub(super) const fn arity(self, arity: Arity) -> Row {
        Row { arity, ..self }
    }

    pub(super) const fn flags(self, flags: &[Flags]) -> Row {
        Row {
            flags: Flags::of(flags),
            ..self
        }
    }

    pub(super) const fn categories_too(self, categories: &[Categories]) -> Row {
        Row {
            named_categories: self.named_categories.and(Categories::of(categories)),
            ..self
        }
    }

    pub(super) const fn keys(self, keys: Keys) -> Row {
        Row { keys, ..self }
    }

    pub(super) const fn key_notes(self, notes: &'static str) -> Row {
        Row {
            key_notes: Some(notes),
            ..self
        }
    }

    pub(super) const fn scope(self, scope: Scope) -> Row {
        Row { scope, ..self }
    }

    pub(super) const fn run(self, handler: Handler) -> Row {
        Row {
            run: Some(handler),
            ..self
        }
    }

    pub(super) const fn since(self, since: Origin) -> Row {
        Row {
            docs: Docs { since, ..self.docs },
            ..self
        }
    }

    pub(super) const fn complexity(self, complexity: &'static str) -> Row {
        Row {
            docs: Docs {
                complexity,
                ..self.docs
            },
            ..self
        }
    }

    pub(super) const fn syntax(self, syntax: &'static str) -> Row {
        Row {
            docs: Docs {
                syntax,
                ..self.docs
            },
            ..self
        }
    }

    pub(super) const fn summary(self, summary: &'static str) -> Row {
        Row {
            docs: Docs {
                summary,
                ..self.docs
            },
            ..self
        }
    }

    pub(super) const fn tips(self, tips: &'static [&'static str]) -> Row {
        Row {
            docs: Docs { tips, ..self.docs },
            ..self
        }
    }

    pub(super) const fn deprecated(self, since: &'static str, by: &'static str) -> Row {
        Row {
            docs: Docs {
                deprecated: Some(Replacement { since, by }),
                ..self.docs
            },
            ..self
        }
    }

    /// The row in its place in the table.
    pub(super) const fn placed(self, group: &'static str, index: usize) -> Row {
        assert!(index <= u16::MAX as usize, "an index fits 16 bits");
        Row {
            docs: Docs { group, ..self.docs },
            index: index as u16,
            ..self
        }
    }

    pub(super) const fn with_subcommands(self, subcommands: &'static [Row]) -> Row {
        Row {
            subcommands,
            ..self
        }
    }
}
