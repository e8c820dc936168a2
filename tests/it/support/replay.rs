//! Replays a transcript on a target and notes every reply that is not as expected.
//!
//! Each section starts on fresh connections and an emptied server, once for each protocol. At its
//! end every connection is reset and closed, so a reply that nobody expected is found there at the
//! latest. A wrong reply ends nothing: what else has come is collected and the section goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use super::client::{Connection, REPLY_WAIT, Received};
use super::frame::Frame;
use super::target::Target;
use super::transcript::{Exception, Exchange, Expected, Protocol, Request, Section, Step};

/// What a replay found.
#[derive(Default)]
pub(crate) struct Report {
    /// Requests that were answered as expected or not, each protocol counted.
    pub(crate) replayed: usize,
    /// Requests that the target is not asked, by reason.
    pub(crate) skipped: BTreeMap<String, usize>,
    /// What was not as expected.
    pub(crate) mismatches: Vec<Mismatch>,
    /// All that came to each exchange, by its line: for an update.
    pub(crate) observed: BTreeMap<(usize, u8), Vec<String>>,
}

/// A request and its unexpected reply.
pub(crate) struct Mismatch {
    pub(crate) line: usize,
    pub(crate) protocol: Protocol,
    pub(crate) expected: Vec<String>,
    pub(crate) got: Vec<String>,
}

/// After a wrong reply, how long the connection must say nothing to be in step again.
const QUIET: Duration = Duration::from_millis(40);

/// How often a request is repeated for the expected reply, a millisecond or more apart.
const REPEATS_MAX: usize = 10_000;

/// Replays one section in one protocol.
pub(crate) fn replay(
    section: &Section,
    protocol: Protocol,
    target: &mut dyn Target,
    report: &mut Report,
) {
    if let Some(Exception::Absent(reason)) = &section.exception
        && is_judge(target)
    {
        let requests = section
            .steps
            .iter()
            .filter(|step| step.is_request())
            .count();
        *report.skipped.entry(reason.clone()).or_default() += requests;
        return;
    }
    empty(target);
    let mut stage = Stage {
        protocol,
        connections: BTreeMap::new(),
        report,
    };
    for step in &section.steps {
        match step {
            Step::Advance(ms) => target.advance(*ms),
            Step::Exchange(exchange) => stage.exchange(exchange, target),
        }
    }
    stage.close(section);
}

fn is_judge(target: &dyn Target) -> bool {
    target.dialect() != super::target::Dialect::Quintlock
}

/// Brings the server to where every section starts.
fn empty(target: &dyn Target) {
    let mut connection = target.connect();
    let requests: [&[&str]; 4] = [
        &["FLUSHALL"],
        &["SCRIPT", "FLUSH"],
        &["CONFIG", "SET", "notify-keyspace-events", ""],
        &["CONFIG", "RESETSTAT"],
    ];
    for request in requests {
        let reply = connection.call(request);
        assert_eq!(reply.to_string(), "+OK", "to {request:?}");
    }
    connection.send(&["QUIT"]);
    while let Ok(Received::Frame(_)) = connection.receive(REPLY_WAIT) {}
}

/// A section under way.
struct Stage<'a> {
    protocol: Protocol,
    connections: BTreeMap<String, Connection>,
    report: &'a mut Report,
}

impl Stage<'_> {
    fn exchange(&mut self, exchange: &Exchange, target: &dyn Target) {
        if let Some(Exception::Absent(reason)) = &exchange.exception
            && is_judge(target)
        {
            *self.report.skipped.entry(reason.clone()).or_default() += 1;
            return;
        }
        let protocol = self.protocol;
        let connection = self
            .connections
            .entry(exchange.connection.clone())
            .and_modify(|open| {
                if open.is_closed() {
                    *open = connect(target, protocol);
                }
            })
            .or_insert_with(|| connect(target, protocol));
        let replies = exchange.replies_for(target.dialect(), protocol);
        let expected: Vec<&Expected> = replies.iter().map(|reply| &reply.expected).collect();
        let (got, is_expected) = match &exchange.request {
            Request::None if expected == [&Expected::Nothing] => silence(connection),
            Request::None => collect(connection, &expected),
            Request::Command(args) => {
                connection.send(args);
                collect(connection, &expected)
            }
            Request::Raw(bytes) => {
                connection.send_raw(bytes);
                collect(connection, &expected)
            }
            Request::Repeat(args) => repeat(connection, args, &expected),
        };
        self.report.replayed += usize::from(exchange.request != Request::None);
        if !is_expected {
            self.report.mismatches.push(Mismatch {
                line: exchange.line,
                protocol,
                expected: expected.iter().map(|each| each.to_string()).collect(),
                got: got.clone(),
            });
        }
        let version = if protocol == Protocol::Resp2 { 2 } else { 3 };
        self.report.observed.insert((exchange.line, version), got);
    }

    /// Ends every connection and takes what it says before the end for unexpected.
    fn close(self, section: &Section) {
        for (name, mut connection) in self.connections {
            if connection.is_closed() {
                continue;
            }
            connection.send(&["RESET"]);
            connection.send(&["QUIT"]);
            let (got, is_clean) = collect_lines(&mut connection, &["+RESET", "+OK", "<eof>"]);
            if !is_clean {
                self.report.mismatches.push(Mismatch {
                    line: section.line,
                    protocol: self.protocol,
                    expected: vec![format!("nothing more on connection {name:?}")],
                    got,
                });
            }
        }
    }
}

fn connect(target: &dyn Target, protocol: Protocol) -> Connection {
    let mut connection = target.connect();
    if protocol == Protocol::Resp3 {
        let hello = connection.call(&["HELLO", "3"]);
        assert!(
            matches!(hello, Frame::Aggregate(b'%', _)),
            "HELLO 3 was answered by {hello}"
        );
    }
    connection
}

/// Receives the expected replies; what came, and whether it was that and no more is known.
fn collect(connection: &mut Connection, expected: &[&Expected]) -> (Vec<String>, bool) {
    let mut got = Vec::new();
    let mut is_expected = !expected.is_empty();
    for each in expected {
        if matches!(each, Expected::Nothing | Expected::Later) {
            continue;
        }
        is_expected &= match (each, receive(connection, REPLY_WAIT, &mut got)) {
            (Expected::Frame(pattern, _), Ok(Received::Frame(frame))) => pattern.fits(&frame),
            (Expected::Eof, Ok(Received::Eof)) => true,
            _ => false,
        };
        if !is_expected {
            break;
        }
    }
    if !is_expected {
        drain(connection, &mut got);
    }
    (got, is_expected)
}

fn collect_lines(connection: &mut Connection, expected: &[&str]) -> (Vec<String>, bool) {
    let mut got = Vec::new();
    for line in expected {
        let _ = receive(connection, REPLY_WAIT, &mut got);
        if got.last().map(String::as_str) != Some(line) {
            drain(connection, &mut got);
            return (got, false);
        }
    }
    (got, true)
}

/// Whether the connection answers a PING with nothing before it.
fn silence(connection: &mut Connection) -> (Vec<String>, bool) {
    connection.send(&["PING", "nothing before this"]);
    let mut got = Vec::new();
    let _ = receive(connection, REPLY_WAIT, &mut got);
    let is_silent = got
        .last()
        .is_some_and(|line| line == "+QUEUED" || line.ends_with(r#"$"nothing before this""#));
    if !is_silent {
        drain(connection, &mut got);
    }
    (got, is_silent)
}

fn repeat(
    connection: &mut Connection,
    args: &[Vec<u8>],
    expected: &[&Expected],
) -> (Vec<String>, bool) {
    let mut got = Vec::new();
    for _ in 0..REPEATS_MAX {
        got.clear();
        connection.send(args);
        let received = receive(connection, REPLY_WAIT, &mut got);
        if let ([Expected::Frame(pattern, _)], Ok(Received::Frame(frame))) = (expected, &received)
            && pattern.fits(frame)
        {
            return (got, true);
        }
        let more = receive(connection, Duration::from_millis(1), &mut got);
        if connection.is_closed() || more != Ok(Received::Silence) {
            break;
        }
    }
    (got, false)
}

/// Receives once and notes what came in the notation.
fn receive(
    connection: &mut Connection,
    wait: Duration,
    got: &mut Vec<String>,
) -> Result<Received, String> {
    let received = connection.receive(wait);
    match &received {
        Ok(Received::Frame(frame)) => got.push(frame.to_string()),
        Ok(Received::Eof) => got.push("<eof>".to_owned()),
        Ok(Received::Silence) => {}
        Err(problem) => got.push(format!("(malformed: {problem})")),
    }
    received
}

fn drain(connection: &mut Connection, got: &mut Vec<String>) {
    while !connection.is_closed() {
        match receive(connection, QUIET, got) {
            Ok(Received::Frame(_)) => {}
            Ok(Received::Eof | Received::Silence) | Err(_) => break,
        }
    }
}
