//! Who may name whom.
//!
//! A program is read downwards: `main -> program -> cluster -> server -> command -> keyspace ->
//! clock`. A row has a module and what it names; a target such as `command::table` allows that part
//! only. A row that is not used is a fault too, so the table is what the sources are.

use std::fmt;

use super::source::Source;

/// Module, and the modules (or parts) that it may name.
pub(super) const ARROWS: &[(&str, &[&str])] = &[
    // The program.
    (
        "program",
        &[
            "bench",
            "cli",
            "clock",
            "cluster",
            "config",
            "descriptors",
            "durability",
            "error",
            "fault",
            "script::native",
            "server",
            "torture",
        ],
    ),
    (
        "cli",
        &["bench", "clock", "config", "error", "fault", "torture"],
    ),
    // A load for any server: it uses nothing of this one.
    ("bench", &["clock", "error"]),
    // The same, with faults; what speaks RESP is the load's.
    (
        "torture",
        &["bench::reply", "bench::request", "clock", "error"],
    ),
    ("lib", &[]),
    ("main", &[]),
    // Servers.
    ("cluster", &["clock", "config", "error", "server"]),
    (
        "server",
        &[
            "client",
            "clock",
            "command",
            "config",
            "durability",
            "error",
            "fault",
            "fiber",
            "gate",
            "instance",
            "keyspace",
            "receipt",
            "resp",
            "session",
            "sync",
        ],
    ),
    // Commands, and what a server shows of itself.
    (
        "command",
        &[
            "QUINTLOCK_VERSION",
            "REDIS_VERSION",
            "client",
            "clock",
            "config::ClientClass",
            "config::GuardedAccess",
            "contention",
            "durability::Keeper",
            "durability::Ticket",
            "error",
            "fault",
            "fiber",
            "gate",
            "glob",
            "histogram",
            "info",
            "instance",
            "keyspace",
            "latency",
            "monitor",
            "pause",
            "pubsub",
            "resp",
            "script",
            "session",
            "slowlog",
            "stats",
        ],
    ),
    (
        "info",
        &[
            "QUINTLOCK_VERSION",
            "REDIS_VERSION",
            "client",
            "clock",
            "command::table",
            "durability::Keeper",
            "instance",
            "pubsub",
        ],
    ),
    // What one server owns.
    (
        "instance",
        &[
            "auth",
            "client",
            "clock",
            "config",
            "contention",
            "descriptors",
            "durability",
            "error",
            "fault",
            "gate",
            "keyspace",
            "latency",
            "memory_limit",
            "monitor",
            "pause",
            "pubsub",
            "rates",
            "script::cache",
            "slowlog",
            "stats",
            "sync",
            "watch",
        ],
    ),
    (
        "session",
        &["client", "pubsub", "resp", "script::cache", "watch"],
    ),
    (
        "client",
        &[
            "clock",
            "command::table",
            "config",
            "error",
            "receipt",
            "resp",
        ],
    ),
    ("stats", &["command::table", "histogram", "resp::reply"]),
    ("rates", &["clock", "stats"]),
    ("monitor", &["client", "config"]),
    ("pubsub", &["client", "config", "glob", "resp"]),
    // Scripts reach commands through a trait of their own.
    ("script", &["double", "error", "resp::reply"]),
    // What outlives the process.
    (
        "durability",
        &[
            "clock", "config", "error", "keyspace", "receipt", "sim", "sync", "words",
        ],
    ),
    // The ground floor.
    ("keyspace", &["clock", "sim", "sync"]),
    ("config", &["error", "glob", "words"]),
    ("error", &["resp::reply"]),
    ("resp", &["double", "error", "words"]),
    // The simulation takes the place of the system, in tests alone.
    ("clock", &["sim"]),
    ("descriptors", &[]),
    ("double", &[]),
    ("fault", &["clock"]),
    ("gate", &["sync"]),
    ("glob", &[]),
    ("histogram", &[]),
    ("latency", &[]),
    ("memory_limit", &["clock", "keyspace"]),
    ("pause", &["clock"]),
    ("receipt", &[]),
    ("auth", &["clock"]),
    ("slowlog", &[]),
    ("sync", &["sim"]),
    ("contention", &["client", "clock"]),
    ("watch", &["client"]),
    ("words", &[]),
];

/// Words that stand for a crate or a part of one, and the places that may name it.
pub(super) const CRATES: &[(&str, &[&str])] = &[
    ("mlua::", &["src/script/lua/"]),
    ("corosensei::", &["src/fiber.rs"]),
    ("indicatif::", &["src/program/"]),
    ("mio::", &["src/bench/", "src/torture/"]),
    ("redis_protocol::", &["src/resp/", "src/bench/reply.rs"]),
    (
        "tokio::",
        &[
            "src/server/",
            "src/gate.rs",
            "src/instance.rs",
            "src/program/",
            "src/sync.rs",
        ],
    ),
    ("Instant", &["src/clock.rs"]),
    ("SystemTime", &["src/clock.rs"]),
];

/// Names by which `durability/` would reach a disk past its `disk.rs`, and wait past `sync.rs`.
pub(super) const PAST_SEAMS: [&str; 7] = [
    "parking_lot::",
    "std::thread",
    "std::fs",
    "std::os::unix::fs",
    "rustix::fs",
    "is_file()",
    "exists()",
];

/// One module that names another.
#[derive(Debug)]
pub(super) struct Arrow {
    path: String,
    line: usize,
    from: String,
    /// `keyspace::shard`: the part that is named.
    to: String,
}

impl fmt::Display for Arrow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Arrow {
            path,
            line,
            from,
            to,
        } = self;
        write!(f, "{path}:{line}: {from} must not name {to}")
    }
}

/// The row and the target that allow an arrow.
pub(super) fn allowance(arrow: &Arrow) -> Option<(&'static str, &'static str)> {
    let (from, targets) = ARROWS.iter().find(|(from, _)| *from == arrow.from)?;
    let is_part =
        |target: &&&str| arrow.to == **target || arrow.to.starts_with(&format!("{target}::"));
    targets.iter().find(is_part).map(|to| (*from, *to))
}

/// Every `crate::...` of a file that leads out of its module.
pub(super) fn arrows_of(source: &Source) -> Vec<Arrow> {
    let inner = source.path.trim_start_matches("src/");
    let from = inner.split(['/', '.']).next().unwrap_or_default();
    let mut arrows = Vec::new();
    for (number, line) in source.code() {
        for (at, _) in line.match_indices("crate::") {
            for to in paths(&line[at + "crate::".len()..]) {
                if to.split("::").next() != Some(from) {
                    arrows.push(Arrow {
                        path: source.path.clone(),
                        line: number,
                        from: from.to_owned(),
                        to,
                    });
                }
            }
        }
    }
    arrows
}

/// `a::b::c` is `a::b`, `{a, b::c}` is `a` and `b::c`, `a::{b, c::d}` is `a::b` and `a::c`.
fn paths(text: &str) -> Vec<String> {
    if let Some(list) = text.strip_prefix('{') {
        return names(list);
    }
    let first = word(text);
    match text[first.len()..].strip_prefix("::") {
        Some(rest) => match rest.strip_prefix('{') {
            Some(list) => names(list)
                .iter()
                .map(|name| format!("{first}::{}", word(name)))
                .collect(),
            None => vec![format!("{first}::{}", word(rest))],
        },
        None => vec![first.to_owned()],
    }
}

/// The names of a list up to its brace.
fn names(list: &str) -> Vec<String> {
    let list = list.split('}').next().unwrap_or_default();
    let names = list
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    names
        .map(|name| name.split(" as ").next().unwrap_or(name).to_owned())
        .collect()
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

#[test]
fn every_form_of_a_path_is_read() {
    for (text, expected) in [
        ("clock::Clock;", vec!["clock::Clock"]),
        ("{REDIS_VERSION, client};", vec!["REDIS_VERSION", "client"]),
        (
            "command::{args, table::Row};",
            vec!["command::args", "command::table"],
        ),
        ("error::Quoted as Q;", vec!["error::Quoted"]),
        ("info)", vec!["info"]),
    ] {
        assert_eq!(paths(text), expected, "{text}");
    }
}
