//! Random requests of every command, good and bad, on two servers side by side.
//!
//! With `REAL_REDIS` the other server is a redis-server 7.0, and every answer must be the same to
//! the byte, but for what `normal.rs` names. Without it, the other is a server like this one that
//! is asked in RESP3: both must say the same, and neither may panic. The requests follow from the
//! command table, so a new command is drawn from its row. `REQUESTS=n` runs about n requests,
//! `SEED=n` others than those of seed 1.

mod case;
mod normal;
mod pools;
mod request;
mod rows;
mod script;
mod side;

use std::collections::{BTreeMap, BTreeSet};

use case::{Pair, Reading};
use rows::{BOUND_TO_A_PROTOCOL, NOT_DRAWN, Origins, Rows};
use side::Side;

use crate::support::frame::Frame;
use crate::support::seed::Seed;
use crate::support::service::{assert_no_server_panicked, start_on_real_time};
use crate::support::target::RealRedis;

/// Kinds of differences after which there is enough to look at.
const DIFFERENCES_MAX: usize = 20;

/// Requests after which a long run says how far it is.
const PROGRESS: u64 = 50_000;

fn number_from_environment(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(number) => number
            .parse()
            .unwrap_or_else(|_| panic!("{name} is a number")),
        Err(_) => default,
    }
}

/// The settings that a case may change, as they are on a side that nothing has changed yet.
fn settings(side: &mut Side) -> Vec<(String, String)> {
    let text = |frame: &Frame| match frame {
        Frame::Blob(_, bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => panic!("{other} is no text"),
    };
    let value = |name: &&str| match side.call(&["CONFIG", "GET", name]) {
        Frame::Aggregate(_, parts) => parts.get(1).map(|value| ((*name).to_owned(), text(value))),
        other => panic!("CONFIG GET {name} answers {other}"),
    };
    pools::SETTINGS.iter().filter_map(value).collect()
}

/// Runs cases until about `requests` requests have been sent.
///
/// # Panics
/// If the servers differ, after a list of how.
fn compare(pair: &mut Pair, rows: &Rows, names: [&str; 2], connections: usize, requests: u64) {
    let first = number_from_environment("SEED", 1);
    let mut seed = Seed(first);
    let mut sent = 0;
    let mut differences: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let mut told = 0;
    while sent < requests && differences.len() < DIFFERENCES_MAX {
        let steps = case::draw(&mut seed, rows, connections);
        sent += steps.len() as u64;
        if sent >= told + PROGRESS {
            told = sent;
            println!(
                "{sent} requests, {} kinds of differences",
                differences.len()
            );
        }
        if let Some(found) = case::run(pair, &steps) {
            let (steps, found) = case::shrink(pair, steps, found);
            let kind = case::kind_of(&steps, &found);
            let entry = differences.entry(kind);
            entry
                .or_insert_with(|| (0, case::show(&steps, &found, names)))
                .0 += 1;
        }
    }
    println!(
        "{sent} requests of {} commands from seed {first}, {} kinds of differences",
        rows.names().count(),
        differences.len()
    );
    for (kind, (times, shown)) in &differences {
        println!("{times} x {kind}\n{shown}");
    }
    let refused: Vec<&str> = rows
        .names()
        .filter(|name| !pair.answered.contains(*name))
        .collect();
    println!("answered by nothing but errors: {}", refused.join(" "));
    assert_no_server_panicked();
    assert!(differences.is_empty(), "the servers differ");
}

#[test]
fn random_requests_are_answered_as_by_a_real_redis() {
    let Some(redis) = RealRedis::from_environment() else {
        return;
    };
    let ours = start_on_real_time(&[]);
    let protocols = ["2", "3", "2"];
    let mut sides = [ours.address(), redis.address()].map(|at| Side::connect(at, &protocols));
    let settings = settings(&mut sides[1]);
    let mut pair = Pair {
        sides,
        settings,
        reading: Reading::Exact,
        answered: BTreeSet::new(),
    };
    let rows = Rows::all(Origins::Judge, &[]);
    print_what_is_not_drawn();
    let requests = number_from_environment("REQUESTS", 40_000);
    compare(
        &mut pair,
        &rows,
        ["here", "there"],
        protocols.len(),
        requests,
    );
}

#[test]
fn random_requests_say_the_same_in_both_protocols() {
    let servers = [start_on_real_time(&[]), start_on_real_time(&[])];
    let [two, three] = servers.each_ref().map(quintlock::Server::address);
    let mut sides = [
        Side::connect(two, &["2", "2", "2"]),
        Side::connect(three, &["3", "3", "3"]),
    ];
    let settings = settings(&mut sides[0]);
    let mut pair = Pair {
        sides,
        settings,
        reading: Reading::AsResp2,
        answered: BTreeSet::new(),
    };
    let rows = Rows::all(Origins::All, BOUND_TO_A_PROTOCOL);
    let requests = number_from_environment("REQUESTS", 5_000);
    compare(&mut pair, &rows, ["RESP2", "RESP3"], 3, requests);
}

/// Prints what the comparison leaves out, by reason.
fn print_what_is_not_drawn() {
    for (name, reason) in NOT_DRAWN {
        println!("not drawn: {name}: {reason}");
    }
    let reasons: BTreeSet<(&str, &str)> = normal::RULES
        .iter()
        .map(|rule| (rule.reason, rule.command))
        .collect();
    for (reason, command) in reasons {
        println!("not to the byte: {command}: {reason}");
    }
}
