//! Command flags and ACL categories: two sets of bits with the names that COMMAND INFO gives them.
//!
//! Both are listed in Redis's order, because COMMAND INFO answers them in that order. Most
//! categories follow from the flags ([`Flags::implied_categories`]); a row names only the others.

/// A set of command flags; the names in COMMAND INFO are Redis's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(u32);

/// A set of ACL categories; the names in COMMAND INFO are Redis's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Categories(u32);

/// Defines the constants of a set and their wire names at one place.
macro_rules! names {
    ($set:ident: $($(#[$doc:meta])* $name:ident = $bit:literal, $wire:literal;)*) => {
        impl $set {
            $($(#[$doc])* pub const $name: $set = $set(1 << $bit);)*

            /// Each member with its name in COMMAND INFO, in Redis's order.
            pub const NAMES: &'static [($set, &'static str)] = &[$(($set::$name, $wire)),*];

            /// The empty set.
            pub const NONE: $set = $set(0);

            /// The members of both sets.
            pub const fn and(self, other: $set) -> $set {
                $set(self.0 | other.0)
            }

            /// The members of all `sets`.
            pub const fn of(sets: &[$set]) -> $set {
                let mut union = $set::NONE;
                let mut rest = sets;
                while let [first, others @ ..] = rest {
                    union = union.and(*first);
                    rest = others;
                }
                union
            }

            /// Whether all of `other` are members.
            pub const fn has(self, other: $set) -> bool {
                self.0 & other.0 == other.0
            }

            /// The names of the members, in Redis's order.
            pub fn names(self) -> impl Iterator<Item = &'static str> {
                $set::NAMES
                    .iter()
                    .filter(move |(member, _)| self.has(*member))
                    .map(|(_, name)| *name)
            }
        }
    };
}

names! { Flags:
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
    /// May have key arguments and may have none.
    NO_MANDATORY_KEYS = 13, "no_mandatory_keys";
    /// Not while the data set is replaced.
    NO_ASYNC_LOADING = 17, "no_async_loading";
    /// Not queued in MULTI: refused.
    NO_MULTI = 14, "no_multi";
    /// Key positions depend on the arguments.
    MOVABLEKEYS = 15, "movablekeys";
    /// Answers while a script runs past `busy-reply-threshold`.
    ALLOW_BUSY = 16, "allow_busy";
}

names! { Categories:
    /// Works on keys of any type.
    KEYSPACE = 0, "@keyspace";
    /// Reads values.
    READ = 1, "@read";
    /// Writes values.
    WRITE = 2, "@write";
    /// Works on strings.
    STRING = 3, "@string";
    /// Has to do with pub/sub.
    PUBSUB = 4, "@pubsub";
    /// Looks after the server.
    ADMIN = 5, "@admin";
    /// O(1) or O(log n).
    FAST = 6, "@fast";
    /// Not fast.
    SLOW = 7, "@slow";
    /// May wait for something.
    BLOCKING = 8, "@blocking";
    /// To be given with care.
    DANGEROUS = 9, "@dangerous";
    /// Concerns the client's connection.
    CONNECTION = 10, "@connection";
    /// MULTI, EXEC and their kin.
    TRANSACTION = 11, "@transaction";
    /// Runs or manages scripts.
    SCRIPTING = 12, "@scripting";
}

impl Flags {
    /// The categories that Redis derives from the flags. A script command that is `readonly` is
    /// not `@read`: it reads what its script reads.
    pub const fn implied_categories(self, named: Categories) -> Categories {
        let mut implied = Categories::NONE;
        if self.has(Flags::WRITE) {
            implied = implied.and(Categories::WRITE);
        }
        if self.has(Flags::READONLY) && !named.has(Categories::SCRIPTING) {
            implied = implied.and(Categories::READ);
        }
        if self.has(Flags::ADMIN) {
            implied = implied.and(Categories::ADMIN).and(Categories::DANGEROUS);
        }
        if self.has(Flags::PUBSUB) {
            implied = implied.and(Categories::PUBSUB);
        }
        if self.has(Flags::BLOCKING) {
            implied = implied.and(Categories::BLOCKING);
        }
        implied.and(if self.has(Flags::FAST) {
            Categories::FAST
        } else {
            Categories::SLOW
        })
    }
}
