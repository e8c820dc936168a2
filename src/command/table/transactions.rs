//! Rows of the commands that run several commands as one.
//!
//! Facts only: what a command does is written beside its function.

use crate::command::transaction;

use super::row::{at_least, exactly, row};
use super::{Arity, Categories, Flags, Keys, Origin, Row, Scope, Usage};

/// The rows of the family.
pub(super) const ROWS: &[Row] = &[
    transactions_row("multi", exactly(1))
        .flags(&[
            Flags::NOSCRIPT,
            Flags::LOADING,
            Flags::STALE,
            Flags::FAST,
            Flags::ALLOW_BUSY,
        ])
        .since(Origin::Redis("1.2.0"))
        .complexity("O(1)")
        .summary("Begins a transaction: what follows is queued.")
        .run(transaction::multi),
    transactions_row("exec", exactly(1))
        .flags(&[
            Flags::NOSCRIPT,
            Flags::LOADING,
            Flags::STALE,
            Flags::SKIP_SLOWLOG,
        ])
        .scope(Scope::Whole)
        .since(Origin::Redis("1.2.0"))
        .complexity("Depends on the queued commands.")
        .summary("Runs the queued commands as one.")
        .run(transaction::exec),
    transactions_row("discard", exactly(1))
        .flags(&[
            Flags::NOSCRIPT,
            Flags::LOADING,
            Flags::STALE,
            Flags::FAST,
            Flags::ALLOW_BUSY,
        ])
        .since(Origin::Redis("2.0.0"))
        .complexity("O(N) in the number of queued commands.")
        .summary("Drops the queued commands and ends the transaction.")
        .run(transaction::discard),
    transactions_row("watch", at_least(2))
        .flags(&[
            Flags::NOSCRIPT,
            Flags::LOADING,
            Flags::STALE,
            Flags::FAST,
            Flags::ALLOW_BUSY,
        ])
        .keys(Keys::every(Usage::INSPECT))
        .since(Origin::Redis("2.2.0"))
        .complexity("O(N) in the number of keys.")
        .syntax("key ...")
        .summary("Lets the next EXEC fail if one of the keys changes before.")
        .run(transaction::watch),
    transactions_row("unwatch", exactly(1))
        .flags(&[
            Flags::NOSCRIPT,
            Flags::LOADING,
            Flags::STALE,
            Flags::FAST,
            Flags::ALLOW_BUSY,
        ])
        .since(Origin::Redis("2.2.0"))
        .complexity("O(1)")
        .summary("Forgets the watched keys.")
        .run(transaction::unwatch),
];

/// Begins a row of this family: every one is `@transaction`.
const fn transactions_row(name: &'static str, arity: Arity) -> Row {
    row(name, arity).categories_too(&[Categories::TRANSACTION])
}
