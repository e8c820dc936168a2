//! What may differ between two servers that answer alike, and why.
//!
//! A rule is for the requests that name its command anywhere: also in the words or the text of a
//! script, and in a transaction for the reply that the command got there. Without a rule replies
//! are compared to the byte; errors always are.

use crate::support::frame::Frame;

use super::request::Words;

/// How two replies are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// By their kind alone: a string, an integer, an array.
    Kind,
    /// By what they hold, in any order.
    AnyOrder,
    /// To the byte, but for integers, which may be so far apart.
    Near(i64),
    /// In a transaction by what all replies hold, whichever array they stand in.
    Spread,
    /// To the byte, but where both are errors.
    AnyError,
    /// Not at all.
    Anything,
}

/// What may differ in the replies to a command.
pub(super) struct Rule {
    /// As in the command table.
    pub(super) command: &'static str,
    pub(super) view: View,
    pub(super) reason: &'static str,
}

const fn rule(command: &'static str, view: View, reason: &'static str) -> Rule {
    Rule {
        command,
        view,
        reason,
    }
}

/// Milliseconds that the two servers may be apart in answering.
const LATE_MS: i64 = 5_000;

/// Every rule.
pub(super) const RULES: &[Rule] = &[
    rule("ttl", View::Near(LATE_MS / 1_000), MOMENT),
    rule("pttl", View::Near(LATE_MS), MOMENT),
    rule("expiretime", View::Near(LATE_MS / 1_000), MOMENT),
    rule("pexpiretime", View::Near(LATE_MS), MOMENT),
    rule("time", View::Kind, MOMENT),
    rule("keys", View::AnyOrder, ORDER),
    rule("config|get", View::AnyOrder, ORDER),
    rule("pubsub|channels", View::AnyOrder, ORDER),
    rule("pubsub|shardchannels", View::AnyOrder, ORDER),
    rule("unsubscribe", View::AnyOrder, ORDER),
    rule("punsubscribe", View::AnyOrder, ORDER),
    rule("sunsubscribe", View::AnyOrder, ORDER),
    rule("subscribe", View::Spread, SPREAD),
    rule("psubscribe", View::Spread, SPREAD),
    rule("unsubscribe", View::Spread, SPREAD),
    rule("punsubscribe", View::Spread, SPREAD),
    rule("sunsubscribe", View::Spread, SPREAD),
    rule(
        "object|refcount",
        View::Near(1),
        "a transaction there still refers to the values that it has set",
    ),
    rule(
        "scan",
        View::Kind,
        "the cursor and the order follow from the hash table",
    ),
    rule("randomkey", View::Kind, "the key is drawn at random"),
    rule("lock|list", View::Kind, LOCKS),
    rule("lock|info", View::Kind, LOCKS),
    rule("lock|top", View::Kind, LOCKS),
    rule("hello", View::Kind, IDENTITY),
    rule(
        "hello",
        View::AnyError,
        "since 7.2 all options are read before a password is looked at",
    ),
    rule(
        "help",
        View::Kind,
        "each server explains itself in its own words",
    ),
    rule("sync", View::AnyError, TABLE),
    rule("info", View::Kind, IDENTITY),
    rule("lolwut", View::Kind, IDENTITY),
    rule("lastsave", View::Kind, MOMENT),
    rule("slowlog|get", View::Kind, TIMING),
    rule("slowlog|len", View::Kind, TIMING),
    rule("latency|histogram", View::Kind, TIMING),
    rule("latency|latest", View::Kind, TIMING),
    rule("latency|doctor", View::Kind, TIMING),
    rule("client|id", View::Kind, IDENTITY),
    rule("client|info", View::Kind, IDENTITY),
    rule("client|list", View::Kind, IDENTITY),
    rule("command", View::Kind, TABLE),
    rule("command|count", View::Kind, TABLE),
    rule("command|docs", View::Kind, TABLE),
    rule("command|info", View::Kind, TABLE),
    rule("command|list", View::Kind, TABLE),
    rule("command|getkeys", View::AnyError, TABLE),
    rule("command|getkeysandflags", View::AnyError, TABLE),
    rule("memory|usage", View::Kind, MEMORY),
    rule("memory|stats", View::Kind, MEMORY),
    rule("memory|doctor", View::Kind, MEMORY),
];

const MOMENT: &str = "the two answer at different moments";
const TIMING: &str = "how long commands took is never the same";
const SPREAD: &str = "EXEC counts one element there for a request that confirms several channels, and sends them all";
const ORDER: &str = "the order follows from a hash table";
const LOCKS: &str = "the order follows from the hash table, and it tells times and addresses";
const IDENTITY: &str = "who the server and its clients are, and what they have done";
const TABLE: &str =
    "the judge has commands that are not here, and says other sentences of the rest";
const MEMORY: &str = "how much memory a server takes is its own business";

/// The views under which replies to `words` are compared.
pub(super) fn views(words: &Words) -> Vec<View> {
    let names = named(words);
    let is_meant = |rule: &&Rule| match rule.command.split_once('|') {
        None => names.iter().any(|name| name == rule.command),
        Some((container, subcommand)) => names
            .windows(2)
            .any(|pair| pair[0] == container && pair[1] == subcommand),
    };
    let rules = RULES.iter().filter(is_meant);
    rules.map(|rule| rule.view).collect()
}

/// The words in lower case, those of a script's strings among them.
pub(super) fn named(words: &Words) -> Vec<String> {
    let lower = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_ascii_lowercase();
    let mut names = Vec::new();
    for word in words {
        let text = lower(word);
        if text.contains("redis.") {
            let strings = text.split(['\'', '"']).skip(1).step_by(2);
            names.extend(strings.map(str::to_owned));
        }
        names.push(text);
    }
    names
}

/// Whether two replies are the same under one of `views`.
pub(super) fn are_same(views: &[View], one: &Frame, other: &Frame) -> bool {
    one == other || views.iter().any(|view| view.are_same(one, other))
}

impl View {
    fn are_same(self, one: &Frame, other: &Frame) -> bool {
        match self {
            View::Kind => are_of_one_kind(one, other),
            View::AnyOrder => sorted(one) == sorted(other),
            View::Near(apart_max) => are_near(one, other, apart_max),
            View::AnyError => is_error(one) && is_error(other),
            View::Spread => false,
            View::Anything => true,
        }
    }
}

fn is_error(frame: &Frame) -> bool {
    matches!(frame, Frame::Line(b'-', _))
}

fn are_of_one_kind(one: &Frame, other: &Frame) -> bool {
    match (one, other) {
        (Frame::Line(a, _), Frame::Line(b, _)) => a == b && *a != b'-',
        (Frame::Blob(a, _), Frame::Blob(b, _)) => a == b,
        (Frame::Aggregate(a, _), Frame::Aggregate(b, _)) => a == b,
        _ => false,
    }
}

/// The frame with the elements of every aggregate in the order of their bytes.
fn sorted(frame: &Frame) -> Frame {
    let Frame::Aggregate(kind, parts) = frame else {
        return frame.clone();
    };
    let mut parts: Vec<Frame> = parts.iter().map(sorted).collect();
    parts.sort_by_key(Frame::encode);
    Frame::Aggregate(*kind, parts)
}

fn are_near(one: &Frame, other: &Frame, apart_max: i64) -> bool {
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<i64>().ok();
    match (one, other) {
        (Frame::Line(b':', a), Frame::Line(b':', b)) => match (number(a), number(b)) {
            (Some(a), Some(b)) => a > 0 && b > 0 && a.abs_diff(b) <= apart_max.unsigned_abs(),
            _ => false,
        },
        (Frame::Aggregate(a, parts), Frame::Aggregate(b, others)) => {
            let mut pairs = parts.iter().zip(others);
            a == b
                && parts.len() == others.len()
                && pairs.all(|(part, other)| are_near(part, other, apart_max))
        }
        _ => one == other,
    }
}

/// The frame as RESP2 has it: what may be compared of a server's answers in both protocols.
pub(super) fn in_resp2(frame: &Frame) -> Frame {
    match frame {
        Frame::Line(b'_', _) | Frame::Null(_) => Frame::Null(b'$'),
        Frame::Line(b'#', value) => match &value[..] {
            b"t" => Frame::Line(b':', b"1".to_vec()),
            _ => Frame::Null(b'$'),
        },
        Frame::Line(b',' | b'(', number) => Frame::Blob(b'$', number.clone()),
        Frame::Blob(b'=', text) => Frame::Blob(b'$', text.get(4..).unwrap_or_default().to_vec()),
        Frame::Aggregate(_, parts) => Frame::Aggregate(b'*', parts.iter().map(in_resp2).collect()),
        other => other.clone(),
    }
}
