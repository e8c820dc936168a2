//! One of the two servers: its connections, and what each request of a batch is answered with.
//!
//! Behind every request a PING with a word of its own is sent: what comes before its answer
//! belongs to the request, however many replies that is, so two servers that differ stay in step.

use std::net::SocketAddr;
use std::time::Duration;

use crate::support::client::{Connection, Received};
use crate::support::frame::Frame;

use super::request::Words;

/// Longer than any request takes; who says nothing for so long has lost a reply.
const WAIT: Duration = Duration::from_secs(20);

/// What came for one request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Answer {
    pub(super) replies: Vec<Frame>,
    /// Whether the PING behind it was queued for EXEC.
    pub(super) is_in_multi: bool,
    /// How the connection ended, if it did.
    pub(super) end: Option<String>,
}

/// A server's address and its open connections.
pub(super) struct Side {
    address: SocketAddr,
    protocols: Vec<&'static str>,
    connections: Vec<Connection>,
    /// What each connection was told by publishers.
    messages: Vec<Vec<Frame>>,
    /// PINGs that each connection has sent and got the answer of, since the last reset.
    fences: Vec<[usize; 2]>,
}

impl Side {
    /// Connects once for each protocol version.
    pub(super) fn connect(address: SocketAddr, protocols: &[&'static str]) -> Side {
        let mut side = Side {
            address,
            protocols: protocols.to_vec(),
            connections: Vec::new(),
            messages: vec![Vec::new(); protocols.len()],
            fences: vec![[0, 0]; protocols.len()],
        };
        side.connections = (0..protocols.len()).map(|at| side.open(at)).collect();
        side
    }

    fn open(&self, at: usize) -> Connection {
        let mut connection = Connection::open(self.address)
            .unwrap_or_else(|error| panic!("cannot connect to {}: {error}", self.address));
        connection.call(&["HELLO", self.protocols[at]]);
        connection
    }

    /// A request outside of any comparison, on the first connection.
    pub(super) fn call(&mut self, words: &[&str]) -> Frame {
        self.connections[0].call(words)
    }

    /// Asks for what brings all connections and the server back to where they began. `settings`
    /// are names and values.
    pub(super) fn send_reset(&mut self, settings: &[(String, String)]) {
        for (connection, protocol) in self.connections.iter_mut().zip(&self.protocols) {
            connection.send(&["RESET"]);
            connection.send(&["HELLO", protocol]);
        }
        for words in preparation(settings) {
            self.connections[0].send(&words);
        }
    }

    /// Awaits what [`Side::send_reset`] asked for.
    pub(super) fn finish_reset(&mut self, settings: &[(String, String)]) {
        for at in 0..self.connections.len() {
            self.messages[at].clear();
            self.fences[at] = [0, 0];
            let preparation = match at {
                0 => preparation(settings),
                _ => Vec::new(),
            };
            if self.is_reset(at) {
                for _ in 0..1 + preparation.len() {
                    let received = self.connections[at].receive(WAIT);
                    assert!(matches!(received, Ok(Received::Frame(_))), "{received:?}");
                }
            } else {
                self.connections[at] = self.open(at);
                for words in preparation {
                    self.connections[at].call(&words);
                }
            }
        }
    }

    /// Whether the answer to RESET comes, and not the connection's end.
    fn is_reset(&mut self, at: usize) -> bool {
        loop {
            match self.connections[at].receive(WAIT) {
                Ok(Received::Frame(Frame::Line(b'+', line))) if line == b"RESET" => return true,
                Ok(Received::Frame(_)) => {}
                _ => return false,
            }
        }
    }

    /// Sends the requests of a batch at once.
    pub(super) fn send(&mut self, at: usize, batch: &[&Words]) {
        let mut wire = Vec::new();
        for words in batch {
            wire.extend_from_slice(&encode(words.iter().map(Vec::as_slice)));
            let fence = fence(self.fences[at][0]);
            wire.extend_from_slice(&encode([&b"PING"[..], fence.as_bytes()]));
            self.fences[at][0] += 1;
        }
        self.connections[at].send_raw(&wire);
    }

    /// What a batch of `count` requests is answered with.
    pub(super) fn receive(&mut self, at: usize, count: usize) -> Vec<Answer> {
        let mut answers: Vec<Answer> = Vec::new();
        let mut end = None;
        for _ in 0..count {
            let number = self.fences[at][1];
            self.fences[at][1] += 1;
            let mut answer = Answer::default();
            while end.is_none() {
                match self.connections[at].receive(WAIT) {
                    Ok(Received::Frame(frame)) if is_fence(&frame, number, &answer) => {
                        answer.is_in_multi = matches!(frame, Frame::Line(..));
                        break;
                    }
                    Ok(Received::Frame(frame)) if is_message(&frame) => {
                        self.messages[at].push(frame);
                    }
                    Ok(Received::Frame(frame)) => {
                        if let Frame::Aggregate(_, parts) = &frame {
                            // Redis 7.0 puts a message to oneself into the reply of EXEC.
                            let inside = parts.iter().filter(|part| is_message(part));
                            self.messages[at].extend(inside.cloned());
                        }
                        answer.replies.push(frame);
                    }
                    Ok(Received::Eof) => end = Some("closed".to_owned()),
                    Ok(Received::Silence) => end = Some("silence".to_owned()),
                    Err(problem) => end = Some(problem),
                }
            }
            answer.end = end.clone();
            answers.push(answer);
        }
        if end.is_some() {
            self.connections[at] = self.open(at);
        }
        answers
    }

    /// All that publishers told each connection since the last reset.
    pub(super) fn messages(&mut self) -> Vec<Vec<Frame>> {
        let ping = vec![b"PING".to_vec()];
        for at in 0..self.connections.len() {
            self.send(at, &[&ping]);
        }
        for at in 0..self.connections.len() {
            self.receive(at, 1);
        }
        self.messages.clone()
    }
}

/// Requests that empty the server and set what a case may have changed.
fn preparation(settings: &[(String, String)]) -> Vec<Vec<&str>> {
    let mut requests = vec![vec!["FLUSHALL"], vec!["SCRIPT", "FLUSH"]];
    requests.extend(
        settings
            .iter()
            .map(|(name, value)| vec!["CONFIG", "SET", name, value]),
    );
    requests
}

fn encode<'a>(words: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let bulks = words
        .into_iter()
        .map(|word| Frame::Blob(b'$', word.to_vec()));
    Frame::Aggregate(b'*', bulks.collect()).encode()
}

/// What the PING of this number says.
fn fence(number: usize) -> String {
    format!("fence-{number}")
}

/// Whether this is the answer to the PING: its word, that in the form for a subscriber, or, in a
/// transaction, the second QUEUED or the one behind the answer to MULTI.
fn is_fence(frame: &Frame, number: usize, answer: &Answer) -> bool {
    let fence = fence(number).into_bytes();
    let is_word = |frame: &Frame| matches!(frame, Frame::Blob(_, bytes) if *bytes == fence);
    match frame {
        Frame::Line(b'+', line) => line == b"QUEUED" && !answer.replies.is_empty(),
        Frame::Aggregate(_, parts) => match &parts[..] {
            [Frame::Blob(_, pong), word] => pong == b"pong" && is_word(word),
            _ => false,
        },
        other => is_word(other),
    }
}

/// Whether a publisher sent this.
pub(super) fn is_message(frame: &Frame) -> bool {
    let Frame::Aggregate(_, parts) = frame else {
        return false;
    };
    let is_kind = |kind: &[u8]| [&b"message"[..], b"pmessage", b"smessage"].contains(&kind);
    matches!(&parts[..], [Frame::Blob(_, kind), _, _, ..] if is_kind(kind))
}
