//! Rows of the commands that give, tell and lift expiries.
//!
//! Facts only: what a command does is written beside its function.

use crate::command::expire;

use super::row::{at_least, exactly, row};
use super::{Arity, Categories, Flags, Keys, Origin, Row, Usage};

/// The rows of the family.
pub(super) const ROWS: &[Row] = &[
    expire_row("expire", at_least(3))
        .flags(&[Flags::WRITE, Flags::FAST])
        .keys(Keys::first(Usage::UPDATE))
        .since(Origin::Redis("1.0.0"))
        .complexity("O(1)")
        .syntax("key seconds [condition:<NX | XX | GT | LT>]")
        .summary("Lets a key expire after some seconds.")
        .run(expire::expire),
    expire_row("pexpire", at_least(3))
        .flags(&[Flags::WRITE, Flags::FAST])
        .keys(Keys::first(Usage::UPDATE))
        .since(Origin::Redis("2.6.0"))
        .complexity("O(1)")
        .syntax("key milliseconds [condition:<NX | XX | GT | LT>]")
        .summary("Lets a key expire after some milliseconds.")
        .run(expire::pexpire),
    expire_row("expireat", at_least(3))
        .flags(&[Flags::WRITE, Flags::FAST])
        .keys(Keys::first(Usage::UPDATE))
        .since(Origin::Redis("1.2.0"))
        .complexity("O(1)")
        .syntax("key unix-time-seconds [condition:<NX | XX | GT | LT>]")
        .summary("Lets a key expire at a Unix time in seconds.")
        .run(expire::expireat),
    expire_row("pexpireat", at_least(3))
        .flags(&[Flags::WRITE, Flags::FAST])
        .keys(Keys::first(Usage::UPDATE))
        .since(Origin::Redis("2.6.0"))
        .complexity("O(1)")
        .syntax("key unix-time-milliseconds [condition:<NX | XX | GT | LT>]")
        .summary("Lets a key expire at a Unix time in milliseconds.")
        .run(expire::pexpireat),
    expire_row("persist", exactly(2))
        .flags(&[Flags::WRITE, Flags::FAST])
        .keys(Keys::first(Usage::UPDATE))
        .since(Origin::Redis("2.2.0"))
        .complexity("O(1)")
        .syntax("key")
        .summary("Lifts the expiry of a key.")
        .run(expire::persist),
    expire_row("ttl", exactly(2))
        .flags(&[Flags::READONLY, Flags::FAST])
        .keys(Keys::first(Usage::READ))
        .since(Origin::Redis("1.0.0"))
        .complexity("O(1)")
        .syntax("key")
        .summary("Returns the seconds that a key has left.")
        .tips(&["nondeterministic_output"])
        .run(expire::ttl),
    expire_row("pttl", exactly(2))
        .flags(&[Flags::READONLY, Flags::FAST])
        .keys(Keys::first(Usage::READ))
        .since(Origin::Redis("2.6.0"))
        .complexity("O(1)")
        .syntax("key")
        .summary("Returns the milliseconds that a key has left.")
        .tips(&["nondeterministic_output"])
        .run(expire::pttl),
    expire_row("expiretime", exactly(2))
        .flags(&[Flags::READONLY, Flags::FAST])
        .keys(Keys::first(Usage::READ))
        .since(Origin::Redis("7.0.0"))
        .complexity("O(1)")
        .syntax("key")
        .summary("Returns the Unix time in seconds at which a key expires.")
        .run(expire::expiretime),
    expire_row("pexpiretime", exactly(2))
        .flags(&[Flags::READONLY, Flags::FAST])
        .keys(Keys::first(Usage::READ))
        .since(Origin::Redis("7.0.0"))
        .complexity("O(1)")
        .syntax("key")
        .summary("Returns the Unix time in milliseconds at which a key expires.")
        .run(expire::pexpiretime),
];

/// Begins a row of this family: every one is `@keyspace`.
const fn expire_row(name: &'static str, arity: Arity) -> Row {
    row(name, arity).categories_too(&[Categories::KEYSPACE])
}
