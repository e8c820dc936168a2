//! Which commands are drawn, and why some are not.
//!
//! All rows of the command table are, but for those of a version that the judge is not of and
//! those that [`NOT_DRAWN`] names. Invariant: a name there is in the table, and has a reason.

use quintlock::command::table::{self, Origin, Row};

use crate::support::seed::Seed;

/// Commands that no random sequence may have: a name of the table, and the reason.
pub(super) const NOT_DRAWN: &[(&str, &str)] = &[
    ("shutdown", "ends the server"),
    ("script|debug", "has a debugger there, and none here"),
    (
        "client|getname",
        "tells the name that a refused HELLO has given there, and not since 7.2",
    ),
    (
        "object|idletime",
        "is refused here: when a key was used is not noted",
    ),
    (
        "monitor",
        "tells a client of all that happens, times included",
    ),
    ("replicaof", "would make the judge a replica of nobody"),
    ("slaveof", "would make the judge a replica of nobody"),
    ("save", "writes a file there, and nothing here"),
    ("bgsave", "writes a file there, and nothing here"),
    ("bgrewriteaof", "writes a file there, and nothing here"),
    (
        "cluster",
        "is refused; which subcommands there are is known here when it runs, not before",
    ),
    ("wait", "may wait without end"),
    ("client|kill", "ends the connections that are compared"),
    ("client|pause", "lets all requests wait"),
    ("client|reply", "leaves no replies to compare"),
    ("client|tracking", TRACKING),
    ("client|trackinginfo", TRACKING),
    ("client|caching", TRACKING),
    (
        "memory|malloc-stats",
        "tells what the allocator does that Redis was built with",
    ),
];

const TRACKING: &str = "there is no tracking of keys here";

/// Options that the judge's version does not have: the command and the token before them.
pub(super) const LATER_TOKENS: &[(&str, &str)] = &[
    ("set", "IFEQ"),
    ("set", "IFNE"),
    ("set", "IFDEQ"),
    ("set", "IFDNE"),
];

/// Commands that the two protocols answer or allow differently, beside those of `NOT_DRAWN`: for
/// the comparison of a server with itself.
pub(super) const BOUND_TO_A_PROTOCOL: &[(&str, &str)] = &[
    ("hello", "chooses the protocol"),
    ("reset", "goes back to the first protocol"),
    ("subscribe", SUBSCRIBED),
    ("psubscribe", SUBSCRIBED),
    ("ssubscribe", SUBSCRIBED),
];

const SUBSCRIBED: &str = "a subscriber may send everything in RESP3, and next to nothing in RESP2";

/// What the first three numbers of a version are compared with.
const JUDGE: [u32; 3] = [7, 0, 15];

/// The rows to draw from, each as often as its weight.
pub(super) struct Rows {
    rows: Vec<&'static Row>,
    /// Indexes into `rows`, each as often as its weight.
    weighted: Vec<usize>,
}

impl Rows {
    /// Every row that is neither in `NOT_DRAWN` nor in `without`, nor later than the judge if
    /// there is one.
    pub(super) fn all(origins: Origins, without: &[(&str, &str)]) -> Rows {
        let is_drawn = |row: &&Row| {
            let is_named = |list: &[(&str, &str)]| list.iter().any(|(name, _)| *name == row.name);
            !is_named(NOT_DRAWN)
                && !is_named(without)
                && (origins == Origins::All || is_the_judges(row))
        };
        let rows: Vec<&Row> = table::all().filter(is_drawn).collect();
        let weighted = (0..rows.len()).flat_map(|at| std::iter::repeat_n(at, weight(rows[at])));
        let weighted = weighted.collect();
        Rows { rows, weighted }
    }

    pub(super) fn draw(&self, seed: &mut Seed) -> &'static Row {
        self.rows[seed.one_of(&self.weighted)]
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.rows.iter().map(|row| row.name)
    }
}

/// Commands of which servers are drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origins {
    /// Those that the judge has.
    Judge,
    /// All there are.
    All,
}

fn is_the_judges(row: &Row) -> bool {
    let Origin::Redis(version) = row.docs.since else {
        return false;
    };
    // A container has no version of its own.
    let numbers: Vec<u32> = version
        .split('.')
        .filter_map(|part| part.parse().ok())
        .collect();
    numbers.as_slice() <= &JUDGE[..]
}

/// How often a row is drawn: what works on keys often, what empties the server seldom, or there
/// would be nothing to work on.
fn weight(row: &Row) -> usize {
    match row.name {
        "set" => 40,
        "mset" | "append" | "eval" | "multi" => 16,
        "flushall" | "flushdb" | "script|flush" | "swapdb" | "quit" | "reset" => 1,
        "subscribe" | "psubscribe" | "ssubscribe" => 1,
        _ if row.name.ends_with("|help") || row.docs.group == "server" => 1,
        _ if matches!(row.docs.group, "string" | "generic") => 8,
        _ => 3,
    }
}

#[test]
fn what_is_not_drawn_is_in_the_table() {
    for (name, reason) in NOT_DRAWN.iter().chain(BOUND_TO_A_PROTOCOL) {
        let path = name.replace('|', " ");
        let is_there = table::all().any(|row| row.name == *name);
        assert!(is_there, "there is no {path}: {reason}");
    }
}
