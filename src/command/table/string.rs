//! Rows of the commands that read and write strings.
//!
//! Facts only: what a command does is written beside its function.

use crate::command::{edit, generic, lcs, msetex, set, string};

use super::row::{at_least, exactly, row};
use super::{Arity, Categories, Flags, Keys, Origin, Row, Usage};

/// The rows of the family.
pub(super) const ROWS: &[Row] = &[
    string_row("set", at_least(3))
        .flags(&[Flags::WRITE, Flags::DENYOOM])
        .keys(Keys::first(Usage::READ_AND_UPDATE_BY_OPTION))
        .key_notes("RW and ACCESS due to the optional `GET` argument")
        .since(Origin::Redis("1.0.0"))
        .complexity("O(1), or O(N) in the length of the value with IFDEQ and IFDNE.")
        .syntax(
            "key value [condition:<NX | XX | IFEQ ifeq-value | IFNE ifne-value | \
             IFDEQ ifdeq-digest | IFDNE ifdne-digest>] [GET] [expiration:<EX seconds \
             | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds \
             | KEEPTTL>]",
        )
        .summary("Sets a key to a string, under a condition and with an expiry if asked for.")
        .run(set::set),
    string_row("setnx", exactly(3))
        .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
        .keys(Keys::first(Usage::INSERT))
        .since(Origin::Redis("1.0.0"))
        .complexity("O(1)")
        .syntax("key value")
        .summary("Sets a key to a string if the key does not exist.")
        .run(string::setnx),
    string_row("setex", exactly(4))
        .flags(&[Flags::WRITE, Flags::DENYOOM])
        .keys(Keys::first(Usage::OVERWRITE))
        .since(Origin::Redis("2.0.0"))
        .complexity("O(1)")
        .syntax("key seconds value")
        .summary("Sets a key to a string that expires after some seconds.")
        .run(string::setex),
    string_row("psetex", exactly(4))
        .flags(&[Flags::WRITE, Flags::DENYOOM])
        .keys(Keys::first(Usage::OVERWRITE))
        .since(Origin::Redis("2.6.0"))
        .complexity("O(1)")
        .syntax("key milliseconds value")
        .summary("Sets a key to a string that expires after some milliseconds.")
        .run(string::psetex),
    string_row("getset", exactly(3))
        .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
        .keys(Keys::first(Usage::READ_AND_UPDATE))
        .since(Origin::Redis("1.0.0"))
        .complexity("O(1)")
        .syntax("key value")
        .summary("Sets a key to a string and returns what it held.")
        .deprecated("6.2.0", "`SET` with the `GET` argument")
        .run(string::getset),
    string_row("getdel", exactly(2))
        .flags(&[Flags::WRITE, Flags::FAST])
        .keys(Keys::first(Usage::READ_AND_REMOVE))
        .since(Origin::Redis("6.2.0"))
        .complexity("O(1)")
        .syntax("key")
        .summary("Returns the string at a key and removes the key.")
        .run(string::getdel),
    string_row("getex", at_least(2))
        .flags(&[Flags::WRITE, Flags::FAST])
        .keys(Keys::first(Usage::READ_AND_UPDATE))
        .key_notes("RW and UPDATE because it changes the TTL")
        .since(Origin::Redis("6.2.0"))
        .complexity("O(1)")
        .syntax(
            "key [expiration:<EX seconds | PX milliseconds | EXAT unix-time-seconds | \
             PXAT unix-time-milliseconds | PERSIST>]",
        )
        .summary("Returns the string at a key and sets or lifts its expiry.")
        .run(string::getex),
    string_row("get", exactly(2))
        .flags(&[Flags::READONLY, Flags::FAST])
        .keys(Keys::first(Usage::READ))
        .since(Origin::Redis("1.0.0"))
        .complexity("O(1)")
        .syntax("key")
        .summary("Returns the string at a key.")
        .run(string::get),
    string_row("mget", at_least(2))
        .flags(&[Flags::READONLY, Flags::FAST])
        .keys(Keys::every(Usage::READ))
        .since(Origin::Redis("1.0.0"))
        .complexity("O(N) in the number of keys.")
        .syntax("key ...")
        .summary("Returns the strings at several keys.")
        .tips(&["request_policy:multi_shard"])
        .run(string::mget),
    string_row("mset", at_least(3))
        .flags(&[Flags::WRITE, Flags::DENYOOM])
        .keys(Keys::every_second(Usage::OVERWRITE))
        .since(Origin::Redis("1.0.1"))
        .complexity("O(N) in the number of keys.")
        .syntax("data:<key value> ...")
        .summary("Sets several keys at once.")
        .tips(&[
            "request_policy:multi_shard",
            "response_policy:all_succeeded",
        ])
        .run(string::mset),
    string_row("msetnx", at_least(3))
        .flags(&[Flags::WRITE, Flags::DENYOOM])
        .keys(Keys::every_second(Usage::INSERT))
        .since(Origin::Redis("1.0.1"))
        .complexity("O(N) in the number of keys.")
        .syntax("data:<key value> ...")
        .summary("Sets several keys at once if none of them exists.")
        .run(string::msetnx),
    string_row("strlen", exactly(2))
        .flags(&[Flags::READONLY, Flags::FAST])
        .keys(Keys::first(Usage::INSPECT))
        .since(Origin::Redis("2.2.0"))
        .complexity("O(1)")
        .syntax("key")
        .summary("Returns the length in bytes of the string at a key.")
        .run(string::strlen),
    string_row("incr", exactly(2))
        .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
        .keys(Keys::first(Usage::READ_AND_UPDATE))
        .since(Origin::Redis("1.0.0"))
        .complexity("O(1)")
        .syntax("key")
        .summary("Adds one to the integer at a key.")
        .run(string::incr),
    string_row("decr", exactly(2))
        .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
        .keys(Keys::first(Usage::READ_AND_UPDATE))
        .since(Origin::Redis("1.0.0"))
        .complexity("O(1)")
        .syntax("key")
        .summary("Subtracts one from the integer at a key.")
        .run(string::decr),
    string_row("incrby", exactly(3))
        .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
        .keys(Keys::first(Usage::READ_AND_UPDATE))
        .since(Origin::Redis("1.0.0"))
        .complexity("O(1)")
        .syntax("key increment")
        .summary("Adds a number to the integer at a key.")
        .run(string::incrby),
    string_row("decrby", exactly(3))
        .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
        .keys(Keys::first(Usage::READ_AND_UPDATE))
        .since(Origin::Redis("1.0.0"))
        .complexity("O(1)")
        .syntax("key decrement")
        .summary("Subtracts a number from the integer at a key.")
        .run(string::decrby),
    string_row("incrbyfloat", exactly(3))
        .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
        .keys(Keys::first(Usage::READ_AND_UPDATE))
        .since(Origin::Redis("2.6.0"))
        .complexity("O(1)")
        .syntax("key increment.double")
        .summary("Adds a number that may have a fraction to the number at a key.")
        .run(edit::incrbyfloat),
    string_row("append", exactly(3))
        .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::FAST])
        .keys(Keys::first(Usage::APPEND))
        .since(Origin::Redis("2.0.0"))
        .complexity("O(N) in the length of the new value.")
        .syntax("key value")
        .summary("Adds bytes at the end of the string at a key.")
        .run(edit::append),
    string_row("getrange", exactly(4))
        .flags(&[Flags::READONLY])
        .keys(Keys::first(Usage::READ))
        .since(Origin::Redis("2.4.0"))
        .complexity("O(N) in the length of the reply.")
        .syntax("key start end")
        .summary("Returns a part of the string at a key.")
        .run(edit::getrange),
    string_row("setrange", exactly(4))
        .flags(&[Flags::WRITE, Flags::DENYOOM])
        .keys(Keys::first(Usage::UPDATE))
        .since(Origin::Redis("2.2.0"))
        .complexity("O(N) in the length of the new value.")
        .syntax("key offset value")
        .summary("Overwrites a part of the string at a key.")
        .run(edit::setrange),
    string_row("substr", exactly(4))
        .flags(&[Flags::READONLY])
        .keys(Keys::first(Usage::READ))
        .since(Origin::Redis("1.0.0"))
        .complexity("O(N) in the length of the reply.")
        .syntax("key start end")
        .summary("Returns a part of the string at a key.")
        .deprecated("2.0.0", "`GETRANGE`")
        .run(edit::getrange),
    string_row("lcs", at_least(3))
        .flags(&[Flags::READONLY])
        .keys(Keys::first_two(Usage::READ))
        .since(Origin::Redis("7.0.0"))
        .complexity("O(N*M) in the lengths of the two strings.")
        .syntax("key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]")
        .summary("Returns the longest common subsequence of the strings at two keys.")
        .run(lcs::lcs),
    string_row("msetex", at_least(4))
        .flags(&[Flags::WRITE, Flags::DENYOOM, Flags::MOVABLEKEYS])
        .keys(Keys::Counted {
            count: 1,
            step: 2,
            usage: Usage::OVERWRITE,
        })
        .since(Origin::Redis("8.4.0"))
        .complexity("O(N) in the number of keys.")
        .syntax(
            "numkeys data:<key value> ... [condition:<NX | XX>] [expiration:<EX seconds \
             | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds \
             | KEEPTTL>]",
        )
        .summary("Sets several keys at once, under a condition and with one expiry for all.")
        .tips(&["request_policy:multi_shard", "response_policy:agg_min"])
        .run(msetex::msetex),
    string_row("delex", at_least(2))
        .flags(&[Flags::WRITE, Flags::FAST])
        .keys(Keys::first(Usage::REMOVE_BY_OPTION))
        .since(Origin::Redis("8.4.0"))
        .complexity("O(1), or O(N) in the length of the value with IFDEQ and IFDNE.")
        .syntax(
            "key [condition:<IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest | \
             IFDNE ifdne-digest>]",
        )
        .summary("Removes a key if its value meets a condition.")
        .run(generic::delex),
    string_row("delifeq", exactly(3))
        .flags(&[Flags::WRITE, Flags::FAST])
        .keys(Keys::first(Usage::REMOVE))
        .since(Origin::Valkey("9.0.0"))
        .complexity("O(1)")
        .syntax("key value")
        .summary("Removes a key if its value is the given one.")
        .run(generic::delifeq),
    string_row("digest", exactly(2))
        .flags(&[Flags::READONLY, Flags::FAST])
        .keys(Keys::first(Usage::READ))
        .since(Origin::Redis("8.4.0"))
        .complexity("O(N) in the length of the value.")
        .syntax("key")
        .summary("Returns the XXH3 hash of the string at a key, in hexadecimal.")
        .run(string::digest),
];

/// Begins a row of this family: every one is `@string`.
const fn string_row(name: &'static str, arity: Arity) -> Row {
    row(name, arity).categories_too(&[Categories::STRING])
}
