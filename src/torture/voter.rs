//! One client's connections to all instances: a question to all of them at once, and what each said.
//!
//! An instance that does not answer in time loses its connection, so that a late answer is never
//! taken for that to another question; the next question makes a new one.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::bench::reply::{Answer, first_answer};
use crate::clock::Stopwatch;
use crate::error::TortureError;

/// What came of a question to one instance.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    /// It answered.
    Answer(Answer),
    /// Nothing came in time.
    Silent,
    /// There is no connection, or it ended.
    Unreachable,
}

/// What an instance said, and when that was known.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Heard {
    pub(super) said: Said,
    pub(super) at_ns: u64,
}

/// A client's connections.
pub(super) struct Voter {
    poll: Poll,
    events: Events,
    seats: Vec<Seat>,
    clock: Stopwatch,
}

struct Seat {
    target: SocketAddr,
    stream: Option<TcpStream>,
    unsent: Vec<u8>,
    unread: Vec<u8>,
    /// What was heard of the present question.
    heard: Option<Heard>,
}

impl Voter {
    /// Connects later, when something is asked.
    pub(super) fn new(targets: &[SocketAddr], clock: Stopwatch) -> Result<Voter, TortureError> {
        let fail = |error: io::Error| TortureError::system("wait for replies", &error);
        let seats = targets.iter().map(|target| Seat {
            target: *target,
            stream: None,
            unsent: Vec::new(),
            unread: Vec::new(),
            heard: None,
        });
        Ok(Voter {
            poll: Poll::new().map_err(fail)?,
            events: Events::with_capacity(targets.len() * 2),
            seats: seats.collect(),
            clock,
        })
    }

    /// Asks all instances, and waits until each has answered or `wait_ms` are over. What was heard
    /// comes in their order.
    pub(super) fn ask(&mut self, request: &[u8], wait_ms: u64) -> Vec<Heard> {
        let deadline_ns = self.clock.elapsed_ns() + wait_ms * 1_000_000;
        for (number, seat) in self.seats.iter_mut().enumerate() {
            seat.begin(&self.poll, number, request, self.clock);
        }
        while self.seats.iter().any(|seat| seat.heard.is_none()) {
            let left_ns = deadline_ns.saturating_sub(self.clock.elapsed_ns());
            if left_ns == 0 {
                break;
            }
            let wait = Some(Duration::from_nanos(left_ns));
            match self.poll.poll(&mut self.events, wait) {
                Err(error) if error.kind() != ErrorKind::Interrupted => break,
                Ok(()) | Err(_) => {}
            }
            for event in &self.events {
                if let Some(seat) = self.seats.get_mut(event.token().0) {
                    seat.go_on(self.clock);
                }
            }
        }
        let at_ns = self.clock.elapsed_ns();
        let heard = self.seats.iter_mut().map(|seat| seat.end(at_ns));
        heard.collect()
    }
}

impl Seat {
    fn begin(&mut self, poll: &Poll, number: usize, request: &[u8], clock: Stopwatch) {
        self.heard = None;
        self.unread.clear();
        self.unsent = request.to_vec();
        // A connection that ended, or said something that nobody had asked, since the last question.
        if let Some(stream) = &mut self.stream {
            match stream.read(&mut [0; 1]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(_) | Err(_) => self.stream = None,
            }
        }
        if self.stream.is_none() {
            self.stream = connect(self.target, poll, number).ok();
        }
        self.go_on(clock);
    }

    /// Writes and reads as far as the connection lets it.
    fn go_on(&mut self, clock: Stopwatch) {
        if self.heard.is_some() {
            return;
        }
        let said = match self.exchange() {
            Ok(None) => return,
            Ok(Some(answer)) => Said::Answer(answer),
            Err(_) => {
                self.stream = None;
                Said::Unreachable
            }
        };
        let at_ns = clock.elapsed_ns();
        self.heard = Some(Heard { said, at_ns });
    }

    fn exchange(&mut self) -> io::Result<Option<Answer>> {
        let stream = self.stream.as_mut().ok_or(ErrorKind::NotConnected)?;
        while !self.unsent.is_empty() {
            match stream.write(&self.unsent) {
                Ok(length) => {
                    self.unsent.drain(..length);
                }
                Err(error) if is_later(&error) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        let mut buffer = [0; 4096];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(length) => self.unread.extend_from_slice(&buffer[..length]),
                Err(error) if is_later(&error) => break,
                Err(error) => return Err(error),
            }
        }
        let answer = first_answer(&self.unread).map_err(io::Error::other)?;
        Ok(answer.map(|(answer, _)| answer))
    }

    fn end(&mut self, at_ns: u64) -> Heard {
        self.heard.take().unwrap_or_else(|| {
            self.stream = None;
            Heard {
                said: Said::Silent,
                at_ns,
            }
        })
    }
}

/// Whether the connection is not made yet, or has nothing now.
fn is_later(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::NotConnected | ErrorKind::Interrupted
    )
}

fn connect(target: SocketAddr, poll: &Poll, number: usize) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(target)?;
    let both = Interest::READABLE | Interest::WRITABLE;
    poll.registry().register(&mut stream, Token(number), both)?;
    // Without it replies may wait for acknowledgements, but come nevertheless.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}
