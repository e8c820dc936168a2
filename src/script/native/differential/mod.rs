//! Native scripts beside another way to run them.
//!
//! [`Case`] is a keyspace with KEYS and ARGV, drawn at random for a script; [`Memory`] is the
//! small keyspace that scripts of a test reach; [`Observed`] is what is left to compare: the
//! reply and the keyspace. The tests here compare with a real server where `REAL_REDIS` names
//! one, else with what it answered when `tests/scripts/native-cases.txt` was
//! written. The corpus is `tests/scripts/locks`. `CASES=n` sets how many cases a test runs.

mod case;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod grammar;
mod memory;
#[cfg(test)]
mod mutation;
#[cfg(test)]
mod real;
mod show;

pub(crate) use self::case::{Case, Held, KEY_NAMES, Observed, Seed, Timing, reply_text};
#[cfg(test)]
pub(crate) use self::corpus::{Script, cases, native_corpus};
#[cfg(test)]
pub(crate) use self::grammar::made_up_script;
pub(crate) use self::memory::Memory;
#[cfg(test)]
pub(crate) use self::mutation::mutants;
pub(crate) use self::show::quoted;

use super::Program;
use crate::resp::reply::Reply;
use crate::script::Calls;

/// Where the clock of a run without a server stands: some day in 2027, Unix milliseconds.
pub(crate) const NOW_UNIX_MS: i64 = 1_800_000_000_000;

/// How many cases a test runs: what `CASES` says, else `default`.
#[cfg(test)]
pub(crate) fn case_count(default: usize) -> usize {
    match std::env::var("CASES") {
        Ok(count) => count.parse().expect("CASES is a number"),
        Err(_) => default,
    }
}

/// Runs all of `program`.
pub(crate) fn run_with(
    program: &Program,
    sha1_hex: &str,
    keys: &[&[u8]],
    argv: &[&[u8]],
    calls: &mut impl Calls,
) -> Reply {
    match program.select(sha1_hex, keys, argv, calls) {
        Ok(()) => program.run(sha1_hex, keys, argv, calls),
        Err(reply) => reply,
    }
}

/// Runs `program` on `case` at `now_unix_ms`.
pub(crate) fn run_native(
    program: &Program,
    case: &Case,
    body: &[u8],
    now_unix_ms: i64,
) -> Observed {
    let sha1_hex = sha1_smol::Sha1::from(body).digest().to_string();
    let keys: Vec<&[u8]> = case.keys.iter().map(Vec::as_slice).collect();
    let argv: Vec<&[u8]> = case.argv.iter().map(Vec::as_slice).collect();
    let mut memory = Memory::load(case, now_unix_ms);
    let reply = run_with(program, &sha1_hex, &keys, &argv, &mut memory);
    Observed {
        reply,
        keyspace: memory.dump(),
    }
}
