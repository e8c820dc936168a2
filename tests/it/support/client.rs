//! The test client: one blocking connection that checks every reply twice.
//!
//! Its own strict reader finds the frame and keeps the exact bytes; redis-protocol decodes the
//! same bytes as an oracle that they are a well-formed reply. Every read has a time limit, so a
//! server that says nothing fails a test instead of hanging it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use redis_protocol::{resp2, resp3};

use super::frame::Frame;
use super::words::quoted;

/// How long a reply that must come may take.
pub(crate) const REPLY_WAIT: Duration = Duration::from_secs(60);

/// A connection to a server under test.
pub(crate) struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
    is_closed: bool,
}

/// What a connection had to give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// One reply.
    Frame(Frame),
    /// The server closed the connection.
    Eof,
    /// Nothing within the time.
    Silence,
}

impl Connection {
    /// Connects, with Nagle's delay off.
    pub(crate) fn open(address: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Connection::over(stream)
    }

    /// Speaks to the server behind `stream`.
    pub(crate) fn over(stream: TcpStream) -> io::Result<Connection> {
        stream.set_write_timeout(Some(REPLY_WAIT))?;
        Ok(Connection {
            stream,
            unread: Vec::new(),
            is_closed: false,
        })
    }

    /// Sends one request as an array of bulk strings.
    pub(crate) fn send<A: AsRef<[u8]>>(&mut self, args: &[A]) {
        let bulks = args
            .iter()
            .map(|arg| Frame::Blob(b'$', arg.as_ref().to_vec()));
        self.send_raw(&Frame::Aggregate(b'*', bulks.collect()).encode());
    }

    /// Sends bytes as they are. That the server has closed shows at the next [`receive`].
    ///
    /// [`receive`]: Connection::receive
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        if self.stream.write_all(bytes).is_err() {
            self.is_closed = true;
        }
    }

    /// The next reply, or why there is none within `wait`.
    ///
    /// # Errors
    /// A sentence about bytes that are no reply, in the eyes of either reader.
    pub(crate) fn receive(&mut self, wait: Duration) -> Result<Received, String> {
        let wait = wait.max(Duration::from_millis(1));
        self.stream
            .set_read_timeout(Some(wait))
            .map_err(|error| error.to_string())?;
        loop {
            if let Some((frame, length)) = Frame::read(&self.unread)? {
                let wire: Vec<u8> = self.unread.drain(..length).collect();
                if frame.encode() != wire {
                    return Err(format!("{} is not canonical", quoted(&wire)));
                }
                consult_oracle(&frame, &wire)?;
                return Ok(Received::Frame(frame));
            }
            let mut chunk = [0; 16 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) => return self.end_of_stream(),
                Ok(count) => self.unread.extend_from_slice(&chunk[..count]),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => return Ok(Received::Silence),
                    ErrorKind::Interrupted => {}
                    _ => return self.end_of_stream(),
                },
            }
        }
    }

    /// Sends a request and returns its reply.
    ///
    /// # Panics
    /// If no well-formed reply comes in time.
    pub(crate) fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Frame {
        self.send(args);
        match self.receive(REPLY_WAIT) {
            Ok(Received::Frame(frame)) => frame,
            other => panic!("{} was answered by {other:?}", quoted(args[0].as_ref())),
        }
    }

    /// Sends nothing more; the server sees the end of the stream.
    pub(crate) fn cut(&self) {
        // A server that has closed already has nothing more to see.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Whether the server has closed, as far as this side knows.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    fn end_of_stream(&mut self) -> Result<Received, String> {
        self.is_closed = true;
        if self.unread.is_empty() {
            Ok(Received::Eof)
        } else {
            Err(format!(
                "closed within a reply, after {}",
                quoted(&self.unread)
            ))
        }
    }
}

/// Asks redis-protocol whether `wire` is exactly one reply of the version it looks like.
///
/// Its RESP3 sets are hash sets, which cannot hold the maps that COMMAND INFO puts in one: such a
/// reply is put to it with arrays in the place of sets.
fn consult_oracle(frame: &Frame, wire: &[u8]) -> Result<(), String> {
    let decoded = if !frame.is_resp3() {
        resp2::decode::decode(wire).map(|found| found.map(|(_, length)| length))
    } else if frame.has_aggregate_in_set() {
        let arrays = frame.with_arrays_for_sets().encode();
        resp3::decode::complete::decode(&arrays).map(|found| found.map(|(_, length)| length))
    } else {
        resp3::decode::complete::decode(wire).map(|found| found.map(|(_, length)| length))
    };
    match decoded {
        Ok(Some(length)) if length == wire.len() => Ok(()),
        Ok(other) => Err(format!(
            "the oracle reads {other:?} bytes of {}",
            quoted(wire)
        )),
        Err(error) => Err(format!("the oracle refuses {}: {error}", quoted(wire))),
    }
}

#[test]
fn the_oracle_refuses_what_is_no_reply() {
    let oracle = |wire: &[u8], frame: &Frame| consult_oracle(frame, wire);
    let ok = Frame::Line(b'+', b"OK".to_vec());
    assert_eq!(oracle(b"+OK\r\n", &ok), Ok(()));
    assert!(oracle(b"+OK", &ok).is_err());
    assert!(oracle(b":x\r\n", &ok).is_err());
}
