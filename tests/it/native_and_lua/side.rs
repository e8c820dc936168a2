//! One of the two servers, and all that it shows of a case.

use std::time::Duration;

use quintlock::Server;

use super::case::{Case, KEYS};
use crate::support::client::{Connection, REPLY_WAIT, Received};
use crate::support::frame::Frame;
use crate::support::service::{connect, start};

/// How far the clock moves behind a run, so that what it set to expire at once is gone. The
/// wheel may be late by a tick, so no deadline may be nearer to this than that: they are whole
/// milliseconds.
const SETTLE: Duration = Duration::from_micros(4_500);

/// Brings the clock back to a whole millisecond.
const ALIGN: Duration = Duration::from_micros(500);

/// Begin the lines of INFO that are compared.
const COUNTS: [&str; 5] = [
    "expired_keys:",
    "keyspace_",
    "total_error_replies:",
    "errorstat_",
    "cmdstat_",
];

/// One of the two servers.
pub(super) struct Side {
    pub(super) server: Server,
    connection: Connection,
    /// Hears every event and message.
    subscriber: Connection,
}

impl Side {
    pub(super) fn start(protocol: &str) -> Side {
        let server = start(&[("notify-keyspace-events", "KEAmn")]);
        let (mut connection, mut subscriber) = (connect(&server), connect(&server));
        connection.call(&["HELLO", protocol]);
        subscriber.call(&["PSUBSCRIBE", "*"]);
        Side {
            server,
            connection,
            subscriber,
        }
    }

    pub(super) fn call(&mut self, words: &[&[u8]]) -> Frame {
        self.connection.call(words)
    }

    /// Sends all requests at once; their replies.
    pub(super) fn call_all(&mut self, requests: &[Vec<Vec<u8>>]) -> Vec<Frame> {
        for request in requests {
            self.connection.send(request);
        }
        requests
            .iter()
            .map(|_| receive(&mut self.connection))
            .collect()
    }

    /// What the subscriber has heard since it was last asked.
    fn heard(&mut self) -> Vec<Frame> {
        self.call(&[b"PUBLISH", b"nothing more", b""]);
        let mut heard = Vec::new();
        loop {
            let message = receive(&mut self.subscriber);
            let is_last = matches!(&message, Frame::Aggregate(_, parts)
                if parts.get(2) == Some(&Frame::Blob(b'$', b"nothing more".to_vec())));
            if is_last {
                return heard;
            }
            heard.push(message);
        }
    }

    pub(super) fn unix_micros(&mut self) -> u64 {
        let Frame::Aggregate(_, parts) = self.call(&[b"TIME"]) else {
            panic!("TIME answers two numbers");
        };
        let number = |part: &Frame| text(part).parse::<u64>().expect("a number");
        number(&parts[0]) * 1_000_000 + number(&parts[1])
    }

    /// Makes a script known; its SHA-1 and how it runs.
    pub(super) fn load(&mut self, body: &str) -> (String, String) {
        let sha1 = text(&self.call(&[b"SCRIPT", b"LOAD", body.as_bytes()]));
        let explained = self.call(&[b"SCRIPT", b"EXPLAIN", sha1.as_bytes()]);
        let Frame::Aggregate(_, fields) = explained else {
            panic!("SCRIPT EXPLAIN answers {explained} for {body}");
        };
        (sha1, text(&fields[1]))
    }

    /// Values, deadlines and counts, and a section of INFO.
    fn keyspace(&mut self) -> Vec<Frame> {
        let mut requests = Vec::new();
        for key in KEYS {
            for command in [&b"GET"[..], b"PTTL", b"PEXPIRETIME"] {
                requests.push(vec![command.to_vec(), key.to_vec()]);
            }
        }
        requests.push(vec![b"DBSIZE".to_vec()]);
        requests.push(vec![b"INFO".to_vec(), b"keyspace".to_vec()]);
        self.call_all(&requests)
    }

    /// The lines of INFO that no time and no way of running may change.
    fn counts(&mut self) -> Vec<String> {
        let info = text(&self.call(&[b"INFO", b"stats", b"errorstats", b"commandstats"]));
        let is_meant = |line: &&str| COUNTS.iter().any(|name| line.starts_with(name));
        // Microseconds differ from run to run.
        let timeless = |line: &str| {
            let fields = line.split(',').filter(|field| !field.starts_with("usec"));
            fields.collect::<Vec<_>>().join(",")
        };
        info.lines().filter(is_meant).map(timeless).collect()
    }
}

fn receive(connection: &mut Connection) -> Frame {
    match connection.receive(REPLY_WAIT) {
        Ok(Received::Frame(frame)) => frame,
        other => panic!("no reply but {other:?}"),
    }
}

fn text(frame: &Frame) -> String {
    match frame {
        Frame::Blob(_, bytes) | Frame::Line(_, bytes) => String::from_utf8_lossy(bytes).into(),
        other => panic!("{other} is no text"),
    }
}

/// What a server shows of one case.
#[derive(PartialEq)]
pub(super) struct Shown {
    replies: Vec<Frame>,
    heard: Vec<Frame>,
    keyspace: Vec<Frame>,
    /// In the order of their text: keys that expire together do so in any order.
    expired: Vec<String>,
    keyspace_later: Vec<Frame>,
    pub(super) counts: Vec<String>,
}

impl Shown {
    /// What differs, for people.
    pub(super) fn differences(&self, other: &Shown) -> String {
        let list = |frames: &[Frame]| frames.iter().map(Frame::to_string).collect::<Vec<_>>();
        let parts = |shown: &Shown| {
            [
                ("replies", list(&shown.replies)),
                ("heard", list(&shown.heard)),
                ("keyspace", list(&shown.keyspace)),
                ("expired", shown.expired.clone()),
                ("keyspace later", list(&shown.keyspace_later)),
                ("counts", shown.counts.clone()),
            ]
        };
        let mut text = String::new();
        for ((name, native), (_, lua)) in parts(self).into_iter().zip(parts(other)) {
            if native != lua {
                text += &format!("{name}\n  native {native:#?}\n  lua {lua:#?}\n");
            }
        }
        text
    }
}

/// Runs the script that `sha1` names and looks at everything.
pub(super) fn show(side: &mut Side, sha1: &str, case: &Case) -> Shown {
    side.heard();
    let mut replies = side.call_all(&case.run(sha1));
    replies.iter_mut().for_each(|reply| hide(reply, sha1));
    let (mut expired, heard): (Vec<Frame>, _) = side.heard().into_iter().partition(is_expiry);
    side.server.advance(SETTLE);
    expired.extend(side.heard());
    let keyspace = side.keyspace();
    side.heard();
    side.server.advance(Duration::from_millis(case.advance_ms));
    expired.extend(side.heard());
    let mut expired: Vec<String> = expired.iter().map(Frame::to_string).collect();
    expired.sort();
    let keyspace_later = side.keyspace();
    let counts = side.counts();
    side.server.advance(ALIGN);
    Shown {
        replies,
        heard,
        keyspace,
        expired,
        keyspace_later,
        counts,
    }
}

/// Whether a message tells that a key expired.
fn is_expiry(message: &Frame) -> bool {
    let Frame::Aggregate(_, parts) = message else {
        return false;
    };
    text(&parts[2]).ends_with("__:expired") || text(&parts[3]) == "expired"
}

/// Takes the script's name out of error lines: the two scripts have different ones.
fn hide(reply: &mut Frame, sha1: &str) {
    match reply {
        Frame::Line(b'-', line) => {
            let found = line
                .windows(sha1.len())
                .position(|part| part == sha1.as_bytes());
            if let Some(at) = found {
                line.splice(at..at + sha1.len(), *b"SHA1");
            }
        }
        Frame::Aggregate(_, children) => children.iter_mut().for_each(|child| hide(child, sha1)),
        _ => {}
    }
}
