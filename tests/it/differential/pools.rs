//! The words of random requests: small pools, so that requests meet each other's keys.
//!
//! An argument's name in the command table chooses its pool ([`word_for`]); a name that no pool
//! is for gets any value, so a new command needs nothing here. Numbers stay where a reply cannot
//! hang on the moment: a time to live is either over at once or days away, and drawn from so many
//! that two of them are never a millisecond apart by accident.

use quintlock::command::syntax::{Argument, Kind};

use crate::support::seed::Seed;

/// All keys there are.
const KEYS: [&[u8]; 6] = [b"k1", b"k2", b"k3", b"{tag}lock", b"", b"bin\0\r\n\xff"];

const VALUES: [&[u8]; 27] = [
    b"",
    b"a",
    b"held",
    b"hello world",
    b"two  words and 'quotes' \"both\"",
    b"bin\0\r\n\xfe",
    b"0",
    b"1",
    b"-1",
    b"10",
    b"007",
    b" 5",
    b"+3",
    b"3.5",
    b"-2.50",
    b"1e10",
    b"0x10",
    b"inf",
    b"nan",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"18446744073709551616",
    b"abcabcabc",
    b"44 bytes are what Redis embeds in an object.",
    b"45 bytes are one more than it embeds, and raw",
    b"sixty-two bytes do not fit beside their key in one cache line.",
];

/// None is between 2,000 and what a string may hold, where SETRANGE would make a long string.
const INTEGERS: [&[u8]; 20] = [
    b"0",
    b"1",
    b"-1",
    b"2",
    b"3",
    b"5",
    b"-3",
    b"10",
    b"100",
    b"-100",
    b"2000",
    b"4294967296",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"99999999999999999999",
    b"1.5",
    b"x",
    b"",
    b" 1",
];

const FLOATS: [&[u8]; 22] = [
    b"0",
    b"1",
    b"-1",
    b"0.1",
    b"-2.5",
    b".5",
    b"5.",
    b"1e3",
    b"1E-17",
    b"3.0e2",
    b"1e17",
    b"1e400",
    b"1e4931",
    b"0x1p3",
    b"-0",
    b"inf",
    b"-infinity",
    b"nan",
    b"100000000000000000.5",
    b" 1",
    b"1 ",
    b"",
];

const DATABASES: [&[u8]; 10] = [
    b"0",
    b"0",
    b"1",
    b"1",
    b"2",
    b"15",
    b"16",
    b"-1",
    b"4294967296",
    b"x",
];

const PATTERNS: [&[u8]; 9] = [
    b"*",
    b"k?",
    b"k[1-2]",
    b"[^k]*",
    b"\\k1",
    b"news*",
    b"__key*__:*",
    b"",
    b"[",
];

const CHANNELS: [&[u8]; 5] = [b"news", b"news.uk", b"k1", b"", b"__keyspace@0__:k1"];

/// Settings that may take any value without harm to a server; the last is none.
pub(super) const SETTINGS: [&str; 4] = [
    "notify-keyspace-events",
    "slowlog-max-len",
    "maxmemory-samples",
    "nosuch",
];

const SETTING_VALUES: [&[u8]; 8] = [b"", b"KEA", b"Kg$", b"5", b"128", b"-1", b"x", b"1 2"];

const SECTIONS: [&[u8]; 6] = [
    b"server",
    b"CLIENTS",
    b"everything",
    b"nosuch",
    b"keyspace",
    b"",
];

/// Option words of any command, some of them no one's.
const OPTIONS: [&str; 21] = [
    "NX", "XX", "GT", "LT", "GET", "EX", "PX", "EXAT", "PXAT", "KEEPTTL", "PERSIST", "REPLACE",
    "DB", "COUNT", "MATCH", "TYPE", "LEN", "IDX", "ASYNC", "ID", "NOSUCH",
];

/// A key.
pub(super) fn key(seed: &mut Seed) -> Vec<u8> {
    seed.one_of(&KEYS).to_vec()
}

/// Any value; now and then a long one.
pub(super) fn value(seed: &mut Seed) -> Vec<u8> {
    match seed.below(30) {
        0 => b"long".repeat(300),
        1 => seed.one_of(&FLOATS).to_vec(),
        _ => seed.one_of(&VALUES).to_vec(),
    }
}

/// A word of any pool but those of times, which do not go everywhere.
pub(super) fn any_word(seed: &mut Seed) -> Vec<u8> {
    match seed.below(6) {
        0 => key(seed),
        1 => value(seed),
        2 => seed.one_of(&INTEGERS).to_vec(),
        3 => seed.one_of(&DATABASES).to_vec(),
        4 => seed.one_of(&CHANNELS).to_vec(),
        _ => {
            let option = seed.one_of(&OPTIONS);
            spelled(seed, option)
        }
    }
}

/// A word in one of the cases that commands and options may have.
pub(super) fn spelled(seed: &mut Seed, word: &str) -> Vec<u8> {
    match seed.below(4) {
        0 => word.to_ascii_lowercase(),
        1 => {
            let flip = |(at, letter): (usize, char)| match at % 2 {
                0 => letter.to_ascii_uppercase(),
                _ => letter.to_ascii_lowercase(),
            };
            word.chars().enumerate().map(flip).collect()
        }
        _ => word.to_ascii_uppercase(),
    }
    .into_bytes()
}

/// A word for an argument that is neither a token nor made of others.
pub(super) fn word_for(seed: &mut Seed, argument: &Argument) -> Vec<u8> {
    match (&*argument.name, &argument.kind) {
        (_, Kind::Key) => key(seed),
        (_, Kind::Pattern) => seed.one_of(&PATTERNS).to_vec(),
        (_, Kind::Double) => seed.one_of(&FLOATS).to_vec(),
        ("seconds", _) => time(seed, 1, 0),
        ("milliseconds", _) => time(seed, 1_000, 0),
        ("unix-time-seconds", _) => time(seed, 1, 2_000_000_000),
        ("unix-time-milliseconds", _) => time(seed, 1_000, 2_000_000_000_000),
        ("db" | "destination-db" | "index" | "index1" | "index2", _) => {
            seed.one_of(&DATABASES).to_vec()
        }
        ("protover", _) => seed.one_of(&[&b"2"[..], b"3", b"3", b"4", b"x"]).to_vec(),
        ("cursor", _) => seed.one_of(&[&b"0"[..], b"0", b"0", b"x", b"-1"]).to_vec(),
        (_, Kind::Integer) => seed.one_of(&INTEGERS).to_vec(),
        ("channel" | "shardchannel", _) => seed.one_of(&CHANNELS).to_vec(),
        ("parameter", _) => seed.one_of(&SETTINGS).as_bytes().to_vec(),
        ("section", _) => seed.one_of(&SECTIONS).to_vec(),
        ("type", _) => spelled(seed, "string"),
        _ => value(seed),
    }
}

/// What CONFIG SET is given.
pub(super) fn setting_value(seed: &mut Seed) -> Vec<u8> {
    seed.one_of(&SETTING_VALUES).to_vec()
}

/// A span or a Unix time, `per_second` to a second: over, wrong, or days behind `from`.
fn time(seed: &mut Seed, per_second: u64, from: u64) -> Vec<u8> {
    match seed.below(8) {
        0 => seed
            .one_of(&[&b"0"[..], b"-1", b"1.5", b"x", b"", b" 7"])
            .to_vec(),
        1 => seed
            .one_of(&[
                &b"9223372036854775807"[..],
                b"-9223372036854775808",
                b"9223372036854775808",
                b"9223372036854775",
                b"9223372036854776",
            ])
            .to_vec(),
        2 if from > 0 => b"1".to_vec(),
        _ => {
            let behind = (100_000 + seed.number() % 900_000_000) * per_second;
            let within = seed.number() % per_second;
            (from + behind + within).to_string().into_bytes()
        }
    }
}
